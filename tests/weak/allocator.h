/* SPDX-License-Identifier: MIT */
/* allocator.h - the memory of an execution as Tote's allocator */
#ifndef TOTE_TESTS_WEAK_ALLOCATOR_H
#define TOTE_TESTS_WEAK_ALLOCATOR_H

#include "tote/allocator.h"

static inline void *weak_allocator_allocate(void *self, size_t size) {
    (void)self;
    return weak_allocate(size);
}

static inline void *weak_allocator_reallocate(void *self, void *block, size_t old_size,
                                              size_t size) {
    void *moved = weak_allocate(size);

    (void)self;
    if (block) {
        memcpy(moved, block, old_size < size ? old_size : size);
        weak_free(block, old_size);
    }
    return moved;
}

static inline void weak_allocator_release(void *self, void *block, size_t size) {
    (void)self;
    weak_free(block, size);
}

static const tote_allocator weak_allocator = {sizeof weak_allocator, weak_allocator_allocate,
                                              weak_allocator_reallocate, weak_allocator_release,
                                              NULL};

#endif
