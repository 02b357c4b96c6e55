/* SPDX-License-Identifier: MIT */
/*
 * spool_claim.h - one exporter of a process for a disk queue's directory
 *
 * Whatever is in the directory is sent by whoever holds its lock. Two exporters with different
 * receivers would send each other's spans to the wrong one.
 *
 * Threads: take and drop may run at the same time for different claims.
 */
#ifndef TOTE_DELIVERY_SPOOL_CLAIM_H
#define TOTE_DELIVERY_SPOOL_CLAIM_H

#include <sys/stat.h>

#include "tote/common.h"

/* All zero at first. */
struct tote__spool_claim {
    struct tote__spool_claim *next;
    uint32_t generation; /* of the process that took it; 0: not taken */
    dev_t device;
    ino_t inode;
};

/*
 * Take the directory, and let go of another one. Returns false, and nothing has changed, if a claim
 * of this process has it already. A forked child takes its own claims.
 */
bool tote__spool_claim_take(struct tote__spool_claim *claim, int directory);

void tote__spool_claim_drop(struct tote__spool_claim *claim);

#endif
