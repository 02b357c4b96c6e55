/* SPDX-License-Identifier: MIT */
/*
 * claim.h - files and directories that this process uses
 *
 * Record locks do not distinguish two users in one process, and closing any descriptor of a file
 * releases the process's lock on it. A forked child has no claims of its parent. A claim must stay
 * in place until it is dropped.
 *
 * Threads: thread-safe for different claims.
 */
#ifndef TOTE_DELIVERY_CLAIM_H
#define TOTE_DELIVERY_CLAIM_H

#include <sys/types.h>

#include "tote/internal/lock.h"

/* Initially zero. */
struct tote__claim {
    struct tote__claim *next;
    uint32_t generation; /* the process that made it; 0: none */
    dev_t device;
    ino_t inode;
};

/* The claims of one kind. Initially zero. */
struct tote__claims {
    struct tote__lock lock;
    struct tote__claim *first;
};

/*
 * Claim a file instead of the current one. Returns false, without changes, if another claim of this
 * process has it.
 */
bool tote__claim_take(struct tote__claims *claims, struct tote__claim *claim, dev_t device,
                      ino_t inode);

/* Claim a file even if another claim has it. */
void tote__claim_share(struct tote__claims *claims, struct tote__claim *claim, dev_t device,
                       ino_t inode);

void tote__claim_drop(struct tote__claims *claims, struct tote__claim *claim);

/* Return whether a claim of this process has the file. */
bool tote__is_claimed(struct tote__claims *claims, dev_t device, ino_t inode);

#endif
