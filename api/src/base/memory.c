/* SPDX-License-Identifier: MIT */
/*
 * memory.c - the host's allocator, and arenas
 *
 * The allocator may be replaced until the first allocation.
 */
#include "tote/internal/memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tote/allocator.h"
#include "tote/diagnostics.h"

static void *system_allocate(void *self, size_t size) {
    (void)self;
    return malloc(size);
}

static void *system_reallocate(void *self, void *memory, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    return realloc(memory, size);
}

static void system_release(void *self, void *memory, size_t size) {
    (void)self, (void)size;
    free(memory);
}

static tote_allocator allocator = {sizeof(tote_allocator), system_allocate, system_reallocate,
                                   system_release, NULL};
static atomic_bool is_in_use;

bool tote_allocator_set(const tote_allocator *replacement) {
    if (!replacement || replacement->struct_size < sizeof allocator || !replacement->allocate ||
        !replacement->reallocate || !replacement->release) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "memory", "allocator is not complete, not used");
        return false;
    }
    if (atomic_load(&is_in_use)) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "memory",
            "allocator set too late: memory is in use already; set it first in main");
        return false;
    }
    allocator = *replacement;
    return true;
}

/* Return the size to allocate and free: 1 byte if a caller requests 0. */
static size_t at_least_one(size_t size) {
    return size ? size : 1;
}

void *tote__allocate(size_t size) {
    if (!atomic_load_explicit(&is_in_use, memory_order_relaxed)) {
        atomic_store_explicit(&is_in_use, true, memory_order_relaxed);
    }
    int error = errno; /* malloc() sets it, which the caller must not see */
    void *memory = allocator.allocate(allocator.self, at_least_one(size));

    errno = error;
    return memory;
}

void *tote__allocate_zeroed(size_t size) {
    void *memory = tote__allocate(size);

    return memory ? memset(memory, 0, size) : NULL;
}

void *tote__reallocate(void *memory, size_t old_size, size_t size) {
    if (!memory) {
        return tote__allocate(size);
    }
    int error = errno;
    void *moved =
        allocator.reallocate(allocator.self, memory, at_least_one(old_size), at_least_one(size));

    errno = error;
    return moved;
}

void tote__release(void *memory, size_t size) {
    if (memory) {
        allocator.release(allocator.self, memory, at_least_one(size));
    }
}

char *tote__copy_text(const char *text, size_t length) {
    char *copy = tote__allocate(length + 1);

    if (copy) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

struct tote__arena_chunk {
    struct tote__arena_chunk *next;
    size_t size; /* including this header */
    max_align_t memory[];
};

enum { ARENA_CHUNK_BYTES = 4096 };

void *tote__arena_allocate(struct tote__arena *arena, size_t size) {
    size_t padding = (size_t)(-(uintptr_t)arena->at & (_Alignof(max_align_t) - 1));

    if (arena->at && padding <= arena->left && size <= arena->left - padding) {
        unsigned char *memory = arena->at + padding;
        arena->at = memory + size;
        arena->left -= padding + size;
        return memory;
    }
    size_t chunk_size = size + sizeof(struct tote__arena_chunk);
    if (chunk_size < size) {
        return NULL;
    }
    if (chunk_size < ARENA_CHUNK_BYTES) {
        chunk_size = ARENA_CHUNK_BYTES;
    }
    struct tote__arena_chunk *chunk = tote__allocate(chunk_size);
    if (!chunk) {
        return NULL;
    }
    *chunk = (struct tote__arena_chunk){.next = arena->chunks, .size = chunk_size};
    arena->chunks = chunk;
    arena->at = (unsigned char *)chunk->memory + size;
    arena->left = chunk_size - sizeof *chunk - size;
    return chunk->memory;
}

char *tote__arena_text(struct tote__arena *arena, const char *text, size_t length) {
    char *copy = length < SIZE_MAX ? tote__arena_allocate(arena, length + 1) : NULL;

    if (copy) {
        if (length) {
            memcpy(copy, text, length);
        }
        copy[length] = '\0';
    }
    return copy;
}

void tote__arena_clear(struct tote__arena *arena) {
    struct tote__arena_chunk *chunk = arena->chunks;

    while (chunk) {
        struct tote__arena_chunk *next = chunk->next;
        tote__release(chunk, chunk->size);
        chunk = next;
    }
    *arena = (struct tote__arena){NULL, NULL, 0};
}
