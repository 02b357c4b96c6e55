/* SPDX-License-Identifier: MIT */
/*
 * map_index.h - which fields of a map count: of a key, the last one
 *
 * Small maps are searched. Larger ones get an index, sorted by the hashes of their keys, so that
 * work on a map of n fields takes n log n steps whatever the keys are. If out of memory, there is
 * no index, and a linear search gives the same results.
 */
#ifndef TOTE_INTERNAL_MAP_INDEX_H
#define TOTE_INTERNAL_MAP_INDEX_H

#include "tote/internal/shared.h"
#include "tote/value.h"

struct tote__map_index; /* of one map, borrows its fields */

/* Returns NULL for a small map and if out of memory; all functions here accept NULL. Free it. */
TOTE_SHARED struct tote__map_index *tote__map_index_new(tote_value map);
TOTE_SHARED void tote__map_index_free(struct tote__map_index *index);

/* The field of this key that counts, NULL if there is none. An empty or NULL key finds none. */
TOTE_SHARED const tote_attribute *
tote__map_find(tote_value map, const struct tote__map_index *index, const char *key);

/* Return whether the field at `at` counts: it has a key, and none after it has the same one. */
static inline bool tote__map_is_kept(tote_value map, const struct tote__map_index *index,
                                     size_t at) {
    return tote__map_find(map, index, map.as.fields[at].key) == &map.as.fields[at];
}

/* How many fields count. */
TOTE_SHARED size_t tote__map_count(tote_value map, const struct tote__map_index *index);

#endif
