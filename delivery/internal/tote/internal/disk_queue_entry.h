/* SPDX-License-Identifier: MIT */
/*
 * disk_queue_entry.h - the batches of the disk queue as this process knows them, and their names
 *
 * A file's name is "TIME-TAG-SEQUENCE-SPANS.otlp" in hex: its time, the process that put it there,
 * and its number of spans. So the first name is the oldest batch, and no file has to be opened to
 * be counted.
 */
#ifndef TOTE_DELIVERY_DISK_QUEUE_ENTRY_H
#define TOTE_DELIVERY_DISK_QUEUE_ENTRY_H

#include "tote/common.h"

enum { TOTE__DISK_QUEUE_NAME_BYTES = 64 };

struct tote__disk_queue_entry {
    uint64_t time; /* in nanoseconds since the epoch */
    uint32_t tag;
    uint32_t sequence;
    uint32_t span_count;
    uint32_t size; /* of the file */
};

/* A heap: the oldest entry is the first. */
struct tote__disk_queue_index {
    struct tote__disk_queue_entry *entries;
    size_t count;
    size_t capacity;
    uint64_t bytes; /* of all files */
};

void tote__disk_queue_entry_name(const struct tote__disk_queue_entry *entry,
                                 char name[TOTE__DISK_QUEUE_NAME_BYTES]);

/*
 * Read a name, and the suffix behind it: "" for a batch. Returns false if it is no name of a batch
 * with that suffix.
 */
bool tote__disk_queue_entry_read(const char *name, const char *suffix,
                                 struct tote__disk_queue_entry *entry);

/* Return whether `a` is older than `b`. No two batches are equal. */
bool tote__disk_queue_entry_is_older(const struct tote__disk_queue_entry *a,
                                     const struct tote__disk_queue_entry *b);

/* Returns false if out of memory. */
bool tote__disk_queue_index_add(struct tote__disk_queue_index *index,
                                const struct tote__disk_queue_entry *entry);

/* Take the oldest entry out of an index that is not empty. */
struct tote__disk_queue_entry tote__disk_queue_index_pop(struct tote__disk_queue_index *index);

void tote__disk_queue_index_clear(struct tote__disk_queue_index *index);

#endif
