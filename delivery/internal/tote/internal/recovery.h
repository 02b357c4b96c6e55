/* SPDX-License-Identifier: MIT */
/*
 * recovery.h - the crash-safe files of processes that died, into the disk queue
 *
 * Threads: one at a time. errno is the caller's to keep.
 */
#ifndef TOTE_DELIVERY_RECOVERY_H
#define TOTE_DELIVERY_RECOVERY_H

#include "tote/internal/disk_queue.h"

struct tote__recovery;

/*
 * Recover crash-safe files from that directory; NULL: from the disk queue's, where their files
 * refer to shared memory; the text is borrowed. A batch is at most that large unless it is of one
 * span. Returns: NULL if out of memory.
 */
struct tote__recovery *tote__recovery_new(const char *directory, size_t most_bytes);
void tote__recovery_free(struct tote__recovery *recovery);

/*
 * Put one batch into the disk queue, or look for more. Returns: whether to go on; false when
 * nothing is there for now. For who may take batches out of the disk queue, and nobody else.
 */
bool tote__recovery_step(struct tote__recovery *recovery, struct tote__disk_queue *disk_queue);

/* How many spans those processes did not write down, and said so, or which could not be read. */
uint64_t tote__recovery_lost(const struct tote__recovery *recovery);

/* The number of crash-safe files that were damaged, and set aside or removed. */
uint64_t tote__recovery_damaged(const struct tote__recovery *recovery);

/* The number of crash-safe files in shared memory that no longer exists, for example after a
 * restart. */
uint64_t tote__recovery_gone(const struct tote__recovery *recovery);

/*
 * The number of crash-safe files in shared memory that cannot be attached from here, for example
 * because it is another container's, as of the last look. They stay.
 */
uint64_t tote__recovery_unattached(const struct tote__recovery *recovery);

/* Return whether a file of this name is a crash-safe file. */
bool tote__recovery_is_crash_file(const char *name);

#endif
