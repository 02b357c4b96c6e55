/* SPDX-License-Identifier: MIT */
/*
 * disk_queue_entry.c - known batches of the disk queue, and their file names
 *
 * Tests: tests/unit/test_otlp_disk_queue.c
 */
#include "tote/internal/disk_queue_entry.h"

#include <stdio.h>
#include <string.h>

#include "tote/internal/memory.h"

enum { FIRST_CAPACITY = 64, MOST_ENTRIES = 1 << 20 };

static const char file_suffix[] = ".otlp";

void tote__disk_queue_entry_name(const struct tote__disk_queue_entry *entry,
                                 char name[TOTE__DISK_QUEUE_NAME_BYTES]) {
    snprintf(name, TOTE__DISK_QUEUE_NAME_BYTES, "%016llx-%08x-%08x-%x%s",
             (unsigned long long)entry->time, entry->tag, entry->sequence, entry->span_count,
             file_suffix);
}

bool tote__disk_queue_entry_read(const char *name, const char *suffix,
                                 struct tote__disk_queue_entry *entry) {
    unsigned long long time = 0;
    char again[TOTE__DISK_QUEUE_NAME_BYTES];

    *entry = (struct tote__disk_queue_entry){.size = 0};
    if (sscanf(name, "%16llx-%8x-%8x-%8x", &time, &entry->tag, &entry->sequence,
               &entry->span_count) != 4) {
        return false;
    }
    entry->time = time;
    tote__disk_queue_entry_name(entry, again);
    size_t length = strlen(again);
    return strncmp(name, again, length) == 0 && strcmp(name + length, suffix) == 0;
}

bool tote__disk_queue_entry_is_older(const struct tote__disk_queue_entry *a,
                                     const struct tote__disk_queue_entry *b) {
    if (a->time != b->time) {
        return a->time < b->time;
    }
    return a->tag != b->tag ? a->tag < b->tag : a->sequence < b->sequence;
}

static bool grow(struct tote__disk_queue_index *index) {
    size_t capacity = index->capacity ? 2 * index->capacity : FIRST_CAPACITY;
    struct tote__disk_queue_entry *entries = NULL;

    if (capacity <= MOST_ENTRIES) {
        entries = tote__reallocate(index->entries, index->capacity * sizeof *entries,
                                   capacity * sizeof *entries);
    }
    if (!entries) {
        return false;
    }
    index->entries = entries;
    index->capacity = capacity;
    return true;
}

bool tote__disk_queue_index_add(struct tote__disk_queue_index *index,
                                const struct tote__disk_queue_entry *entry) {
    if (index->count == index->capacity && !grow(index)) {
        return false;
    }
    size_t at = index->count++;
    for (size_t parent = (at - 1) / 2; at; at = parent, parent = (at - 1) / 2) {
        if (!tote__disk_queue_entry_is_older(entry, &index->entries[parent])) {
            break;
        }
        index->entries[at] = index->entries[parent];
    }
    index->entries[at] = *entry;
    index->bytes += entry->size;
    return true;
}

struct tote__disk_queue_entry tote__disk_queue_index_pop(struct tote__disk_queue_index *index) {
    const struct tote__disk_queue_entry first = index->entries[0];
    const struct tote__disk_queue_entry last = index->entries[--index->count];
    size_t at = 0;

    for (size_t child = 1; child < index->count; child = 2 * at + 1) {
        child +=
            child + 1 < index->count &&
            tote__disk_queue_entry_is_older(&index->entries[child + 1], &index->entries[child]);
        if (!tote__disk_queue_entry_is_older(&index->entries[child], &last)) {
            break;
        }
        index->entries[at] = index->entries[child];
        at = child;
    }
    index->entries[at] = last;
    index->bytes -= first.size;
    return first;
}

void tote__disk_queue_index_clear(struct tote__disk_queue_index *index) {
    tote__release(index->entries, index->capacity * sizeof *index->entries);
    *index = (struct tote__disk_queue_index){.entries = NULL};
}
