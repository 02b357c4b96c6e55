/* SPDX-License-Identifier: MIT */
/**
 * @file tote/allocator.h
 * The allocator that Tote takes its memory from.
 */
#ifndef TOTE_ALLOCATOR_H
#define TOTE_ALLOCATOR_H

#include "tote/common.h"

TOTE_BEGIN_DECLS

/**
 * An allocator. Sizes are in bytes. Memory must be aligned for any type.
 *
 * Threads: the functions run on any thread, concurrently, and in a forked child.
 * Errors:  `allocate` and `reallocate` return NULL if out of memory; then `memory` stays valid.
 * Calls:   the functions must not call Tote.
 */
typedef struct tote_allocator {
    size_t struct_size;
    void *(*allocate)(void *self, size_t size);
    void *(*reallocate)(void *self, void *memory, size_t old_size, size_t size);
    void (*release)(void *self, void *memory, size_t size); /**< `memory` is never NULL */
    void *self;
} tote_allocator;

/**
 * Set the allocator of the process. The default is malloc(). The struct is copied; `self` must
 * live until the process ends. Call it before any other function of Tote. Libraries that Tote
 * uses, for example libcurl, keep their own allocators.
 * Returns false, and changes nothing, if Tote has allocated memory already or a function is NULL.
 * Threads: setup.
 */
TOTE_API bool tote_allocator_set(const tote_allocator *allocator);

TOTE_END_DECLS

#define TOTE__OFF_ALLOCATOR
#include "tote/disabled.h"

#endif
