/* SPDX-License-Identifier: MIT */
/*
 * memory.h - memory from the host's allocator, and arenas of it
 *
 * All of Tote's memory comes from here, so that tote_allocator_set() sees all of
 * it. Every call may fail; a size has to be given back with the memory.
 */
#ifndef TOTE_INTERNAL_MEMORY_H
#define TOTE_INTERNAL_MEMORY_H

#include "tote/internal/shared.h"

TOTE_SHARED void *tote__allocate(size_t size);
TOTE_SHARED void *tote__allocate_zeroed(size_t size);
TOTE_SHARED void *tote__reallocate(void *memory, size_t old_size, size_t size);
TOTE_SHARED void tote__release(void *memory, size_t size);

/* A copy of `length` bytes that ends with NUL; it is length + 1 bytes large. */
TOTE_SHARED char *tote__copy_text(const char *text, size_t length);

/*
 * An arena: memory that dies together. Starts out all zero, or over a buffer of
 * the caller's, which is used before any memory is asked for.
 */
struct tote__arena {
    struct tote__arena_chunk *chunks;
    unsigned char *at;
    size_t left;
};

static inline struct tote__arena tote__arena_over(void *buffer, size_t size) {
    struct tote__arena arena = {NULL, (unsigned char *)buffer, size};
    return arena;
}

/* Aligned for anything; NULL if out of memory. */
TOTE_SHARED void *tote__arena_allocate(struct tote__arena *arena, size_t size);

/* A copy of the text that ends with NUL. */
TOTE_SHARED char *tote__arena_text(struct tote__arena *arena, const char *text, size_t length);

TOTE_SHARED void tote__arena_clear(struct tote__arena *arena);

#endif
