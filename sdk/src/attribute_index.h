/* SPDX-License-Identifier: MIT */
/*
 * attribute_index.h - hash table for the attributes of a span with very many
 *
 * Up to SEARCHED attributes are searched linearly. With more, a hash table finds an attribute by
 * its key. An attribute that is replaced by one of another size is marked as removed, and the new
 * one is appended, so setting n attributes takes time proportional to n. Removed attributes take at
 * most half of the region, and are compacted before the attributes are read. If out of memory, the
 * attributes are searched linearly.
 */
#ifndef TOTE_SDK_ATTRIBUTE_INDEX_H
#define TOTE_SDK_ATTRIBUTE_INDEX_H

#include "span.h"

/* Place of an attribute in its region. */
struct tote__place {
    uint32_t offset;
    uint32_t size;
};

/* Find the attribute of this key. Returns false if there is none. */
bool tote__find_attribute(struct span *span, const char *key, size_t key_length,
                          struct tote__place *place);

/*
 * Return whether attributes are removed by tote__remove_indexed(), which moves no other attribute.
 */
static inline bool tote__has_index(const struct span *span) {
    return span->index != NULL;
}

/* Mark the attribute as removed. The next one with its key replaces it in the index. */
void tote__remove_indexed(struct span *span, struct tote__place place);

/* Forget the offsets: attributes have moved. */
void tote__reset_index(struct span *span);

/* Compact the region: delete removed attributes. */
void tote__compact_attributes(struct span *span);

/* Compact the region and delete the index. */
void tote__clear_index(struct span *span);

#endif
