/* SPDX-License-Identifier: MIT */
/*
 * map_index.h - the fields of a map that count: the last field of each key
 *
 * Small maps are searched linearly. Larger ones get an index sorted by the hashes of their keys.
 * Work on a map of n fields therefore takes O(n log n) steps for any keys. If out of memory, there
 * is no index, and a linear search returns the same results.
 */
#ifndef TOTE_INTERNAL_MAP_INDEX_H
#define TOTE_INTERNAL_MAP_INDEX_H

#include "tote/internal/shared.h"
#include "tote/value.h"

struct tote__map_index; /* of one map, borrows its fields */

/*
 * Create an index; the caller frees it. Returns NULL for a small map and if out of memory. All
 * functions here accept NULL.
 */
TOTE_SHARED struct tote__map_index *tote__map_index_new(tote_value map);
TOTE_SHARED void tote__map_index_free(struct tote__map_index *index);

/* Return the field of this key that counts; NULL if there is none. `key` may be empty or NULL. */
TOTE_SHARED const tote_attribute *
tote__map_find(tote_value map, const struct tote__map_index *index, const char *key);

/* Return whether the field at `at` counts: it has a key, and no later field has the same key. */
static inline bool tote__map_is_kept(tote_value map, const struct tote__map_index *index,
                                     size_t at) {
    return tote__map_find(map, index, map.as.fields[at].key) == &map.as.fields[at];
}

/* Return the number of fields that count. */
TOTE_SHARED size_t tote__map_count(tote_value map, const struct tote__map_index *index);

#endif
