/* SPDX-License-Identifier: MIT */
/*
 * disk_queue_file.h - one file of the disk queue: a head and an encoded request
 */
#ifndef TOTE_DELIVERY_DISK_QUEUE_FILE_H
#define TOTE_DELIVERY_DISK_QUEUE_FILE_H

#include "disk_queue_clock.h"
#include "tote/internal/disk_queue.h"
#include "tote/internal/folder.h"

enum { TOTE__DISK_QUEUE_HEAD_BYTES = 40, TOTE__DISK_QUEUE_MOST_FILE_BYTES = 256 << 20 };

#define TOTE__DISK_QUEUE_ASIDE_SUFFIX ".tmp" /* suffix of an unfinished file */

/* The head of a file. */
enum tote__disk_queue_head {
    TOTE__HEAD_OURS,
    TOTE__HEAD_BLANK,   /* empty or zero: the power failed before it was on the disk */
    TOTE__HEAD_FOREIGN, /* or damaged */
    TOTE__HEAD_UNKNOWN  /* it cannot be opened: errno */
};

/*
 * Write a file under a temporary name, and rename it, so that readers see a complete file. With
 * `does_sync` the file and its name are on the disk afterwards. Returns false, with errno set and
 * no file left, on failure.
 */
bool tote__disk_queue_write_file(const struct tote__folder *folder, const char *name,
                                 const struct tote__batch *batch, struct tote__boot_time now,
                                 bool does_sync);

/* Write the head of a batch: TOTE__DISK_QUEUE_HEAD_BYTES bytes. */
void tote__disk_queue_put_head(uint8_t *head, const struct tote__batch *batch,
                               struct tote__boot_time now);

/*
 * Parse the first of several batches that follow each other, and remove it from `rest`. Returns
 * false, without changes, if it is incomplete or damaged.
 */
bool tote__disk_queue_parse_next(struct tote__slice *rest, struct tote__batch *batch);

/* Read a file into the buffer. Returns 0 or an errno: EPERM if it is not a file of this queue. */
int tote__disk_queue_read_file(const struct tote__folder *folder, const char *name,
                               struct tote__buffer *buffer);

/* Read when the file was written, if its head is valid. */
enum tote__disk_queue_head tote__disk_queue_read_head(const struct tote__folder *folder,
                                                      const char *name,
                                                      struct tote__boot_time *written);

/* Remove an unfinished file, unless its writer still runs. */
void tote__disk_queue_remove_unfinished(const struct tote__folder *folder, const char *name);

#endif
