/* SPDX-License-Identifier: MIT */
/* failing_allocator.h - for tests: an allocator of which one allocation fails, without threads */
#ifndef TOTE_TESTS_FAILING_ALLOCATOR_H
#define TOTE_TESTS_FAILING_ALLOCATOR_H

#include <errno.h>
#include <stdlib.h>

#include "tote/allocator.h"

static struct {
    long countdown; /* allocations until the one that fails; -1: none fails */
    long failures;
    long live; /* blocks in use */
} memory = {-1, 0, 0};

static bool is_to_fail(void) {
    bool fails = memory.countdown == 0;

    memory.countdown -= memory.countdown >= 0;
    memory.failures += fails;
    errno = fails ? ENOMEM : errno;
    return fails;
}

static void *allocate(void *self, size_t size) {
    void *block = is_to_fail() ? NULL : malloc(size);

    (void)self;
    memory.live += block != NULL;
    return block;
}

static void *reallocate(void *self, void *block, size_t old_size, size_t size) {
    void *moved = is_to_fail() ? NULL : realloc(block, size);

    (void)self, (void)old_size;
    memory.live += moved && !block;
    return moved;
}

static void release(void *self, void *block, size_t size) {
    (void)self, (void)size;
    memory.live--;
    free(block);
}

static const tote_allocator failing_allocator = {sizeof failing_allocator, allocate, reallocate,
                                                 release, NULL};

#endif
