/* SPDX-License-Identifier: MIT */
/*
 * memory.h - memory from the host's allocator, and arenas
 *
 * Tote allocates all memory here, so that an allocator set by tote_allocator_set() gets every
 * request. Every allocation may fail. The caller passes the size again when it frees memory.
 */
#ifndef TOTE_INTERNAL_MEMORY_H
#define TOTE_INTERNAL_MEMORY_H

#include "tote/internal/shared.h"

TOTE_SHARED void *tote__allocate(size_t size);
TOTE_SHARED void *tote__allocate_zeroed(size_t size);
TOTE_SHARED void *tote__reallocate(void *memory, size_t old_size, size_t size);
TOTE_SHARED void tote__release(void *memory, size_t size);

/* Return a copy of `length` bytes that ends with NUL. Its size is length + 1 bytes. */
TOTE_SHARED char *tote__copy_text(const char *text, size_t length);

/*
 * An arena: memory that is freed together. It starts as all zero, or with a buffer of the caller
 * that is used before any memory is allocated.
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

/* Return memory aligned for any type; NULL if out of memory. */
TOTE_SHARED void *tote__arena_allocate(struct tote__arena *arena, size_t size);

/* Return a copy of the text that ends with NUL; NULL if out of memory. */
TOTE_SHARED char *tote__arena_text(struct tote__arena *arena, const char *text, size_t length);

TOTE_SHARED void tote__arena_clear(struct tote__arena *arena);

#endif
