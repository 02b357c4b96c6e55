/* SPDX-License-Identifier: MIT */
/*
 * disk_queue_file.h - one file of the disk queue: a head and the bytes of a request
 */
#ifndef TOTE_DELIVERY_DISK_QUEUE_FILE_H
#define TOTE_DELIVERY_DISK_QUEUE_FILE_H

#include "disk_queue_clock.h"
#include "tote/internal/disk_queue.h"
#include "tote/internal/folder.h"

enum { TOTE__DISK_QUEUE_HEAD_BYTES = 40, TOTE__DISK_QUEUE_MOST_FILE_BYTES = 256 << 20 };

#define TOTE__DISK_QUEUE_ASIDE_SUFFIX ".tmp" /* a file that is being written */

/* What a file begins with. */
enum tote__disk_queue_head {
    TOTE__HEAD_OURS,
    TOTE__HEAD_BLANK,   /* it is empty or zero: the system lost power before it was on the disk */
    TOTE__HEAD_FOREIGN, /* or damaged */
    TOTE__HEAD_UNKNOWN  /* it cannot be opened: see errno */
};

/*
 * Write a file under another name, and rename it, so that a reader sees all of it or nothing. With
 * `does_sync` it is on the disk afterwards, also under its name. Returns false, with errno set and
 * no file left, on failure.
 */
bool tote__disk_queue_write_file(const struct tote__folder *folder, const char *name,
                                 const struct tote__batch *batch, struct tote__boot_time now,
                                 bool does_sync);

/*
 * Read a file; the buffer is reused. Returns 0 or an errno: EPERM if it is not a file of this
 * queue, ENOMEM, ...
 */
int tote__disk_queue_read_file(const struct tote__folder *folder, const char *name,
                               struct tote__buffer *buffer);

/* Read when the file was written, if its head is whole. */
enum tote__disk_queue_head tote__disk_queue_read_head(const struct tote__folder *folder,
                                                      const char *name,
                                                      struct tote__boot_time *written);

/* Remove a file that its writer did not finish, unless the writer is still at it. */
void tote__disk_queue_remove_unfinished(const struct tote__folder *folder, const char *name);

#endif
