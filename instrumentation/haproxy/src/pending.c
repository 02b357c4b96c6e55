/* SPDX-License-Identifier: MIT */
/*
 * pending.c - a hash table whose entries are also in a list, oldest first
 *
 * Entries are numbers in one array; NONE ends a list. Unused entries are in a list by `next`.
 *
 * Tests: tests/unit/test_haproxy_pending.c
 */
#include "pending.h"

#include <stdlib.h>

#include "tote/internal/text.h"

static const uint32_t NONE = UINT32_MAX;

struct entry {
    struct pending_key key;
    struct pending_spans spans;
    uint64_t since;
    uint32_t next; /* in its bucket, or unused */
    uint32_t older;
    uint32_t newer;
};

struct pending {
    struct entry *entries;
    uint32_t *buckets; /* as many as entries */
    size_t capacity;
    size_t count;
    uint32_t unused;
    uint32_t oldest;
    uint32_t newest;
};

struct pending *pending_new(size_t capacity) {
    struct pending *table = calloc(1, sizeof *table);

    if (!table) {
        return NULL;
    }
    *table = (struct pending){.entries = calloc(capacity, sizeof *table->entries),
                              .buckets = calloc(capacity, sizeof *table->buckets),
                              .capacity = capacity,
                              .unused = NONE,
                              .oldest = NONE,
                              .newest = NONE};
    if (!table->entries || !table->buckets) {
        pending_free(table);
        return NULL;
    }
    for (size_t i = capacity; i-- > 0;) {
        table->buckets[i] = NONE;
        table->entries[i].next = table->unused;
        table->unused = (uint32_t)i;
    }
    return table;
}

void pending_free(struct pending *table) {
    if (table) {
        free(table->entries);
        free(table->buckets);
        free(table);
    }
}

size_t pending_count(const struct pending *table) {
    return table->count;
}

static uint32_t *bucket_of(const struct pending *table, struct pending_key key) {
    uint64_t mixed = tote__mix_last(tote__mix_last(0, key.stream), key.port);

    return &table->buckets[mixed % table->capacity];
}

void pending_add(struct pending *table, struct pending_key key, struct pending_spans spans,
                 uint64_t since) {
    uint32_t *bucket = bucket_of(table, key);
    uint32_t index = table->unused;
    struct entry *entry = &table->entries[index];

    table->unused = entry->next;
    *entry = (struct entry){key, spans, since, *bucket, table->newest, NONE};
    *bucket = index;
    *(table->newest == NONE ? &table->oldest : &table->entries[table->newest].newer) = index;
    table->newest = index;
    table->count++;
}

bool pending_take(struct pending *table, struct pending_key key, struct pending_spans *spans) {
    uint32_t *link = bucket_of(table, key);

    for (; *link != NONE; link = &table->entries[*link].next) {
        uint32_t index = *link;
        struct entry *entry = &table->entries[index];
        if (entry->key.stream != key.stream || entry->key.port != key.port) {
            continue;
        }
        *spans = entry->spans;
        *link = entry->next;
        *(entry->older == NONE ? &table->oldest : &table->entries[entry->older].newer) =
            entry->newer;
        *(entry->newer == NONE ? &table->newest : &table->entries[entry->newer].older) =
            entry->older;
        entry->next = table->unused;
        table->unused = index;
        table->count--;
        return true;
    }
    return false;
}

bool pending_oldest(const struct pending *table, struct pending_key *key, uint64_t *since) {
    if (table->oldest == NONE) {
        return false;
    }
    *key = table->entries[table->oldest].key;
    *since = table->entries[table->oldest].since;
    return true;
}
