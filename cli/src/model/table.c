/* SPDX-License-Identifier: MIT */
/*
 * table.c - a hash table that grows
 *
 * Tests: tests/unit/test_model.c
 */
#include "table.h"

#include "tote/internal/memory.h"

static struct table_entry **bucket_of(const struct table *table, uint64_t hash) {
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static struct table_entry *first_of(struct table_entry *entry, uint64_t hash) {
    while (entry && entry->hash != hash) {
        entry = entry->next;
    }
    return entry;
}

struct table_entry *table_find(const struct table *table, uint64_t hash) {
    return table->bucket_count ? first_of(*bucket_of(table, hash), hash) : NULL;
}

struct table_entry *table_next(const struct table_entry *entry) {
    return first_of(entry->next, entry->hash);
}

/* Double the buckets. If that fails, the table works on, but its chains get longer. */
static bool grow(struct table *table) {
    struct table larger = {.bucket_count =
                               table->bucket_count ? 2 * table->bucket_count : TABLE_FIRST_BUCKETS};

    larger.buckets = tote__allocate_zeroed(larger.bucket_count * sizeof(struct table_entry *));
    if (!larger.buckets) {
        return table->bucket_count > 0;
    }
    for (size_t i = 0; i < table->bucket_count; i++) {
        struct table_entry *entry = table->buckets[i];
        while (entry) {
            struct table_entry *next = entry->next;
            struct table_entry **bucket = bucket_of(&larger, entry->hash);
            entry->next = *bucket;
            *bucket = entry;
            entry = next;
        }
    }
    larger.count = table->count;
    table_clear(table);
    *table = larger;
    return true;
}

bool table_add(struct table *table, struct table_entry *entry, uint64_t hash) {
    if (table->count == table->bucket_count && !grow(table)) {
        return false;
    }
    struct table_entry **bucket = bucket_of(table, hash);
    entry->hash = hash;
    entry->next = *bucket;
    *bucket = entry;
    table->count++;
    return true;
}

void table_remove(struct table *table, struct table_entry *entry) {
    struct table_entry **link = bucket_of(table, entry->hash);

    while (*link != entry) {
        link = &(*link)->next;
    }
    *link = entry->next;
    table->count--;
}

void table_clear(struct table *table) {
    tote__release(table->buckets, table->bucket_count * sizeof(struct table_entry *));
    *table = (struct table){NULL, 0, 0};
}
