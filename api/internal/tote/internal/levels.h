/* SPDX-License-Identifier: MIT */
/*
 * levels.h - the level stack of a non-recursive walk through a nested value
 *
 * The first few levels are on the caller's stack, which may be small. More levels are allocated.
 */
#ifndef TOTE_INTERNAL_LEVELS_H
#define TOTE_INTERNAL_LEVELS_H

#include "tote/internal/memory.h"
#include "tote/internal/wire.h"

enum { TOTE__FEW_LEVELS = 8 };

struct tote__levels {
    void *few; /* array of TOTE__FEW_LEVELS levels */
    void *all; /* replaces `few`: array of TOTE__DEEPEST_VALUE levels; NULL: not needed yet */
    size_t size;
    size_t depth;
};

/* Return the top level. */
static inline void *tote__levels_top(const struct tote__levels *levels) {
    unsigned char *first = (unsigned char *)(levels->all ? levels->all : levels->few);

    return first + (levels->depth - 1) * levels->size;
}

/*
 * Add a level, which the caller fills. Invalidates pointers to other levels. Returns NULL if too
 * deep or out of memory.
 */
static inline void *tote__levels_push(struct tote__levels *levels) {
    if (levels->depth == TOTE__DEEPEST_VALUE) {
        return NULL;
    }
    if (levels->depth == TOTE__FEW_LEVELS && !levels->all) {
        levels->all = tote__allocate(TOTE__DEEPEST_VALUE * levels->size);
        if (!levels->all) {
            return NULL;
        }
        memcpy(levels->all, levels->few, TOTE__FEW_LEVELS * levels->size);
    }
    levels->depth++;
    return tote__levels_top(levels);
}

/* Free the memory. */
static inline void tote__levels_clear(struct tote__levels *levels) {
    tote__release(levels->all, TOTE__DEEPEST_VALUE * levels->size);
}

#endif
