/* SPDX-License-Identifier: MIT */
/*
 * levels.h - the levels of a nested value on a walk that is no recursion
 *
 * The first few are on the caller's stack, which may be small; a value that is deeper gets memory.
 */
#ifndef TOTE_INTERNAL_LEVELS_H
#define TOTE_INTERNAL_LEVELS_H

#include "tote/internal/memory.h"
#include "tote/internal/wire.h"

enum { TOTE__FEW_LEVELS = 8 };

struct tote__levels {
    void *few; /* TOTE__FEW_LEVELS of them */
    void *all; /* TOTE__DEEPEST_VALUE of them, instead; NULL: not needed */
    size_t size;
    size_t depth;
};

/* The level on top of the others. */
static inline void *tote__levels_top(const struct tote__levels *levels) {
    unsigned char *first = (unsigned char *)(levels->all ? levels->all : levels->few);

    return first + (levels->depth - 1) * levels->size;
}

/*
 * Add one, to be filled; pointers to others are not valid any more. NULL if too deep or out of
 * memory.
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

/* Give the memory back. */
static inline void tote__levels_clear(struct tote__levels *levels) {
    tote__release(levels->all, TOTE__DEEPEST_VALUE * levels->size);
}

#endif
