/* SPDX-License-Identifier: MIT */
/*
 * map_index.c - index of the fields of a map that count
 *
 * A heapsort orders entries by hash, then key, then position. Its worst case is n log n, without
 * memory or recursion. An untrusted client cannot slow it down with keys of equal hashes. Only the
 * last entry of a run of equal keys is kept.
 *
 * Tests: tests/unit/test_large_values.c
 */
#include "tote/internal/map_index.h"

#include <string.h>

#include "tote/internal/memory.h"
#include "tote/internal/text.h"

enum { SEARCHED = 16 }; /* up to this many fields, a search is faster than an index */

struct entry {
    uint64_t hash;
    uint32_t place;
};

struct tote__map_index {
    uint32_t count;
    uint32_t capacity;
    struct entry entries[];
};

static size_t index_bytes(uint32_t capacity) {
    return sizeof(struct tote__map_index) + capacity * sizeof(struct entry);
}

static bool field_has_key(const tote_attribute *field) {
    return field->key && *field->key;
}

/* Compare by hash, then by key. */
static int compare_keys(tote_value map, const struct entry *entry, uint64_t hash, const char *key) {
    if (entry->hash != hash) {
        return entry->hash < hash ? -1 : 1;
    }
    return strcmp(map.as.fields[entry->place].key, key);
}

static bool is_before(tote_value map, const struct entry *a, const struct entry *b) {
    int order = compare_keys(map, a, b->hash, map.as.fields[b->place].key);

    return order ? order < 0 : a->place < b->place;
}

/* Sift the entry at `at` down. The first entry of the heap is the greatest. */
static void sink(tote_value map, struct entry *entries, uint32_t at, uint32_t count) {
    struct entry sinking = entries[at];

    while (2 * (uint64_t)at + 1 < count) {
        uint32_t child = 2 * at + 1;
        child += child + 1 < count && is_before(map, &entries[child], &entries[child + 1]);
        if (!is_before(map, &sinking, &entries[child])) {
            break;
        }
        entries[at] = entries[child];
        at = child;
    }
    entries[at] = sinking;
}

static void sort(tote_value map, struct entry *entries, uint32_t count) {
    for (uint32_t at = count / 2; at-- > 0;) {
        sink(map, entries, at, count);
    }
    for (uint32_t last = count; last-- > 1;) {
        struct entry greatest = entries[0];
        entries[0] = entries[last];
        entries[last] = greatest;
        sink(map, entries, 0, last);
    }
}

static bool is_same_key(tote_value map, const struct entry *a, const struct entry *b) {
    return compare_keys(map, a, b->hash, map.as.fields[b->place].key) == 0;
}

struct tote__map_index *tote__map_index_new(tote_value map) {
    if (map.size <= SEARCHED || !map.as.fields) {
        return NULL;
    }
    struct tote__map_index *index = tote__allocate(index_bytes(map.size));
    uint32_t sorted = 0;

    if (!index) {
        return NULL;
    }
    index->capacity = map.size;
    for (uint32_t i = 0; i < map.size; i++) {
        if (field_has_key(&map.as.fields[i])) {
            const char *key = map.as.fields[i].key;
            index->entries[sorted++] = (struct entry){tote__hash(key, strlen(key)), i};
        }
    }
    sort(map, index->entries, sorted);
    index->count = 0;
    for (uint32_t i = 0; i < sorted; i++) {
        bool is_last =
            i + 1 == sorted || !is_same_key(map, &index->entries[i], &index->entries[i + 1]);
        if (is_last) {
            index->entries[index->count++] = index->entries[i];
        }
    }
    return index;
}

void tote__map_index_free(struct tote__map_index *index) {
    if (index) {
        tote__release(index, index_bytes(index->capacity));
    }
}

static const tote_attribute *search(tote_value map, const char *key) {
    for (size_t i = map.size; i-- > 0;) {
        const char *other = map.as.fields[i].key;
        if (other && strcmp(other, key) == 0) {
            return &map.as.fields[i];
        }
    }
    return NULL;
}

const tote_attribute *tote__map_find(tote_value map, const struct tote__map_index *index,
                                     const char *key) {
    if (!key || !*key || !map.as.fields) {
        return NULL;
    }
    if (!index) {
        return search(map, key);
    }
    uint64_t hash = tote__hash(key, strlen(key));
    uint32_t low = 0;
    uint32_t high = index->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = compare_keys(map, &index->entries[middle], hash, key);
        if (order == 0) {
            return &map.as.fields[index->entries[middle].place];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

size_t tote__map_count(tote_value map, const struct tote__map_index *index) {
    size_t count = 0;

    if (index) {
        return index->count;
    }
    for (size_t i = 0; map.as.fields && i < map.size; i++) {
        count += tote__map_is_kept(map, NULL, i);
    }
    return count;
}
