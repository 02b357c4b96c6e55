/* SPDX-License-Identifier: MIT */
/*
 * attribute_index.h - finding one of very many attributes of a span
 *
 * Up to SEARCHED attributes are searched one after the other. With more, a hash table finds an
 * attribute by its key, and one that is replaced by a larger or smaller one is marked as removed,
 * while the new one is put at the end. So setting n attributes takes time in proportion to n. What
 * was removed never takes more than half of the region; it is taken out before anybody else reads
 * the attributes. If out of memory, the attributes are searched.
 */
#ifndef TOTE_SDK_ATTRIBUTE_INDEX_H
#define TOTE_SDK_ATTRIBUTE_INDEX_H

#include "span.h"

/* Where an attribute stands in its region. */
struct tote__place {
    uint32_t offset;
    uint32_t size;
};

/* Find the attribute of this key. Returns: false if there is none. */
bool tote__find_attribute(struct span *span, const char *key, size_t key_length,
                          struct tote__place *place);

/* Whether attributes are removed by tote__remove_indexed(): later ones stay where they are. */
static inline bool tote__has_index(const struct span *span) {
    return span->index != NULL;
}

/* Mark the attribute as removed. The next of its key takes its place in the index. */
void tote__remove_indexed(struct span *span, struct tote__place place);

/* Later attributes have moved: forget where they were. */
void tote__reset_index(struct span *span);

/* Take out what was removed. */
void tote__compact_attributes(struct span *span);

/* The same, and no index any more. */
void tote__clear_index(struct span *span);

#endif
