/* SPDX-License-Identifier: MIT */
/*
 * disk_queue_lock.h - the lock of a disk queue's directory: one sender at a time
 *
 * It is a record lock on the file `tote.lock`, which the kernel releases when the process ends,
 * even by SIGKILL. A forked child holds none of its parent's locks.
 *
 * Threads: thread-safe for different locks.
 */
#ifndef TOTE_DELIVERY_DISK_QUEUE_LOCK_H
#define TOTE_DELIVERY_DISK_QUEUE_LOCK_H

#include "tote/internal/claim.h"
#include "tote/internal/folder.h"

/* The directory may contain files of other programs, so the name is specific to Tote. */
#define TOTE__DISK_QUEUE_LOCK_NAME "tote.lock"

/* The file of the background sender of the program `tote`. */
#define TOTE__DISK_QUEUE_SENDER_NAME "tote.sender"

/* The limits that the background sender applies: a tote__disk_queue_limits. */
#define TOTE__DISK_QUEUE_SENDER_LIMITS                                                             \
    { 256 << 20, 4096, 86400 }

struct tote__disk_queue_lock {
    struct tote__claim claim; /* claim on the directory */
    int descriptor;           /* -1: not held */
    dev_t device;             /* of the file */
    ino_t inode;
};

#define TOTE__DISK_QUEUE_LOCK_INIT                                                                 \
    { .descriptor = -1 }

/*
 * Take the lock of a directory without waiting. Returns 0, also if it is already held; a lock whose
 * descriptor the host has closed is taken again. Returns EAGAIN if another process, or another
 * queue of this process, holds it; or another errno if the file cannot be opened. The struct must
 * stay in place until the lock is dropped.
 */
int tote__disk_queue_lock_take(struct tote__disk_queue_lock *lock,
                               const struct tote__folder *folder);

/* Release the lock, if it is held. */
void tote__disk_queue_lock_drop(struct tote__disk_queue_lock *lock);

#endif
