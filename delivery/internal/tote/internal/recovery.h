/* SPDX-License-Identifier: MIT */
/*
 * recovery.h - recovers crash-safe files of dead processes into the disk queue
 *
 * Threads: not thread-safe. errno is not preserved.
 */
#ifndef TOTE_DELIVERY_RECOVERY_H
#define TOTE_DELIVERY_RECOVERY_H

#include "tote/internal/disk_queue.h"

struct tote__recovery;

/*
 * Recover crash-safe files from `directory`, which is borrowed; NULL: from the disk queue's
 * directory, whose files refer to shared memory. Limit batches to `most_bytes`, except single
 * spans. Returns NULL if out of memory.
 */
struct tote__recovery *tote__recovery_new(const char *directory, size_t most_bytes);
void tote__recovery_free(struct tote__recovery *recovery);

/*
 * Put one batch into the disk queue, or continue the scan. Returns false if there is nothing to do
 * for now. Only for the process that holds the lock of the disk queue.
 */
bool tote__recovery_step(struct tote__recovery *recovery, struct tote__disk_queue *disk_queue);

/* Return how many spans the dead processes counted as not saved, or were unreadable. */
uint64_t tote__recovery_lost(const struct tote__recovery *recovery);

/* Return the number of crash-safe files that were damaged. */
uint64_t tote__recovery_damaged(const struct tote__recovery *recovery);

/*
 * Return the number of crash-safe files whose shared memory no longer exists, for example after a
 * restart.
 */
uint64_t tote__recovery_missing(const struct tote__recovery *recovery);

/*
 * Return the number of crash-safe files whose shared memory cannot be attached from here, for
 * example that of another container, from the last scan. They are kept.
 */
uint64_t tote__recovery_unattached(const struct tote__recovery *recovery);

/* Return whether a file of this name is a crash-safe file. */
bool tote__recovery_is_crash_file(const char *name);

#endif
