/* SPDX-License-Identifier: MIT */
/*
 * table.h - a hash table that grows
 *
 * Entries are members of the caller's structs. The caller compares keys: entries of equal hashes
 * are returned one after the other. Adding, finding and removing take constant time on average.
 *
 * Threads: not thread-safe.
 */
#ifndef TOTE_CLI_TABLE_H
#define TOTE_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TABLE_FIRST_BUCKETS = 64 };

struct table_entry {
    struct table_entry *next;
    uint64_t hash;
};

/* Begins as all zero. */
struct table {
    struct table_entry **buckets;
    size_t bucket_count; /* a power of two, or 0 */
    size_t count;
};

/* Return the first entry with this hash, or the next one after an entry; NULL: there is none. */
struct table_entry *table_find(const struct table *table, uint64_t hash);
struct table_entry *table_next(const struct table_entry *entry);

/* Add an entry. Returns false if out of memory: nothing is added. */
bool table_add(struct table *table, struct table_entry *entry, uint64_t hash);

/* Return the memory that so many calls of table_add() take for buckets. */
static inline size_t table_growth(const struct table *table, size_t entries) {
    return table->count + entries > table->bucket_count
               ? (table->bucket_count + TABLE_FIRST_BUCKETS) * sizeof(struct table_entry *)
               : 0;
}

void table_remove(struct table *table, struct table_entry *entry);

/* Free the buckets; the entries belong to the caller. */
void table_clear(struct table *table);

/* Return the struct that contains an entry as this member; NULL for NULL. */
#define TABLE_OF(entry_pointer, type, member)                                                      \
    ((entry_pointer) ? (type *)((char *)(entry_pointer)-offsetof(type, member)) : NULL)

#endif
