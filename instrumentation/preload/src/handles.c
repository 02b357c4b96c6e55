/* SPDX-License-Identifier: MIT */
/*
 * handles.c - a table of the handles whose creation was intercepted
 *
 * Structs are added at the head of a list and never removed. `handle` is NULL in a free one, and
 * `claimed` while a thread takes it. There is no lock, so that a forked child can use the table.
 *
 * Tests: tests/examples/test_preload_curl.sh
 */
#include <stdlib.h>
#include <string.h>

#include "tote/internal/preload.h"

static const char claimed;

static _Atomic(struct tote__preload_handle *) *bucket_of(struct tote__preload_table *table,
                                                         const void *handle) {
    return &table->buckets[((uint64_t)(uintptr_t)handle * UINT64_C(0x9E3779B97F4A7C15)) >> 56];
}

struct tote__preload_handle *tote__preload_handle_find(struct tote__preload_table *table,
                                                       const void *handle) {
    struct tote__preload_handle *at =
        handle ? atomic_load_explicit(bucket_of(table, handle), memory_order_acquire) : NULL;

    while (at && atomic_load_explicit(&at->handle, memory_order_acquire) != handle) {
        at = at->next;
    }
    return at;
}

/* Take a free struct of the bucket, or add one. */
static struct tote__preload_handle *claim(const struct tote__preload_table *table,
                                          _Atomic(struct tote__preload_handle *) *bucket) {
    struct tote__preload_handle *first = atomic_load(bucket);
    struct tote__preload_handle *at = first;

    for (; at; at = at->next) {
        const void *none = NULL;
        if (atomic_compare_exchange_strong(&at->handle, &none, &claimed)) {
            memset((char *)at + sizeof *at, 0, table->size - sizeof *at);
            return at;
        }
    }
    if ((at = calloc(1, table->size))) {
        atomic_init(&at->handle, &claimed);
        do {
            at->next = first;
        } while (!atomic_compare_exchange_weak(bucket, &first, at));
    }
    return at;
}

struct tote__preload_handle *tote__preload_handle_add(struct tote__preload_table *table,
                                                      const void *handle) {
    if (!handle) {
        return NULL;
    }
    tote__preload_handle_remove(table, handle);
    struct tote__preload_handle *added = claim(table, bucket_of(table, handle));
    if (added) {
        atomic_store(&added->handle, handle);
    }
    return added;
}

void tote__preload_handle_remove(struct tote__preload_table *table, const void *handle) {
    struct tote__preload_handle *removed = tote__preload_handle_find(table, handle);

    if (removed) {
        atomic_store_explicit(&removed->handle, NULL, memory_order_release);
    }
}
