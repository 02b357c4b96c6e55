/* SPDX-License-Identifier: MIT */
/*
 * claim.h - which files and directories this process has in use
 *
 * The kernel's record locks do not tell two users in one process from each other, and closing any
 * descriptor of a file drops the process's lock on it. A forked child has none of its parent's
 * claims. The structure must stay where it is until the claim is dropped.
 *
 * Threads: any, for different claims.
 */
#ifndef TOTE_DELIVERY_CLAIM_H
#define TOTE_DELIVERY_CLAIM_H

#include <sys/types.h>

#include "tote/internal/lock.h"

/* All zero at first. */
struct tote__claim {
    struct tote__claim *next;
    uint32_t generation; /* of the process that made it; 0: none */
    dev_t device;
    ino_t inode;
};

/* Those of one kind. All zero at first. */
struct tote__claims {
    struct tote__lock lock;
    struct tote__claim *first;
};

/*
 * Claim a file, and let go of another one. Returns false, and nothing has changed, if a claim of
 * this process has it already.
 */
bool tote__claim_take(struct tote__claims *claims, struct tote__claim *claim, dev_t device,
                      ino_t inode);

/* The same, whoever has it. */
void tote__claim_share(struct tote__claims *claims, struct tote__claim *claim, dev_t device,
                       ino_t inode);

void tote__claim_drop(struct tote__claims *claims, struct tote__claim *claim);

/* Return whether a claim of this process has the file. */
bool tote__is_claimed(struct tote__claims *claims, dev_t device, ino_t inode);

#endif
