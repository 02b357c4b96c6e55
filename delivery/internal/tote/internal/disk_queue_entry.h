/* SPDX-License-Identifier: MIT */
/*
 * disk_queue_entry.h - known batches of the disk queue, and their file names
 *
 * A file name is "TIME-TAG-SEQUENCE-SPANS.otlp" in hex: its time, the process that wrote it, and
 * its number of spans. So names sort by age, and spans are counted without opening files.
 */
#ifndef TOTE_DELIVERY_DISK_QUEUE_ENTRY_H
#define TOTE_DELIVERY_DISK_QUEUE_ENTRY_H

#include "tote/common.h"

enum { TOTE__DISK_QUEUE_NAME_BYTES = 80 };

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

/* Parse a name with a suffix: "" for a batch. Returns false if it is not such a name. */
bool tote__disk_queue_entry_read(const char *name, const char *suffix,
                                 struct tote__disk_queue_entry *entry);

/* Return whether `a` is older than `b`. No two batches are equal. */
bool tote__disk_queue_entry_is_older(const struct tote__disk_queue_entry *a,
                                     const struct tote__disk_queue_entry *b);

/* Returns false if out of memory. */
bool tote__disk_queue_index_add(struct tote__disk_queue_index *index,
                                const struct tote__disk_queue_entry *entry);

/* Remove and return the oldest entry of a non-empty index. */
struct tote__disk_queue_entry tote__disk_queue_index_pop(struct tote__disk_queue_index *index);

void tote__disk_queue_index_clear(struct tote__disk_queue_index *index);

#endif
