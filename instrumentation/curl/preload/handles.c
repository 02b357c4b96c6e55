/* SPDX-License-Identifier: MIT */
/*
 * handles.c - a table of the handles whose creation was intercepted
 *
 * Tests: tests/examples/test_preload_curl.sh
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "preload.h"

enum { BUCKETS = 256 };

/* Structs are added at the head of the list, under the lock, and never removed. */
static struct bucket {
    pthread_mutex_t lock;
    _Atomic(struct preload_handle *) first;
} buckets[BUCKETS];

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Hold all locks during a fork, so that the child can use them. */
static void lock_all(void) {
    for (size_t i = 0; i < BUCKETS; i++) {
        pthread_mutex_lock(&buckets[i].lock);
    }
}

static void unlock_all(void) {
    for (size_t i = 0; i < BUCKETS; i++) {
        pthread_mutex_unlock(&buckets[i].lock);
    }
}

static void set_up(void) {
    for (size_t i = 0; i < BUCKETS; i++) {
        pthread_mutex_init(&buckets[i].lock, NULL);
    }
    pthread_atfork(lock_all, unlock_all, unlock_all);
}

static struct bucket *bucket_of(const void *handle) {
    return &buckets[((uint64_t)(uintptr_t)handle * UINT64_C(0x9E3779B97F4A7C15)) >> 56];
}

static struct preload_handle *find(struct bucket *bucket, const void *handle) {
    struct preload_handle *at = atomic_load_explicit(&bucket->first, memory_order_acquire);

    while (at && atomic_load_explicit(&at->handle, memory_order_acquire) != handle) {
        at = at->next;
    }
    return at;
}

struct preload_handle *preload_handle_find(const void *handle) {
    return handle ? find(bucket_of(handle), handle) : NULL;
}

struct preload_handle *preload_handle_add(const void *handle, struct preload_library *library) {
    if (!handle) {
        return NULL;
    }
    pthread_once(&once, set_up);
    preload_handle_remove(handle);
    struct bucket *bucket = bucket_of(handle);
    pthread_mutex_lock(&bucket->lock);
    struct preload_handle *added = find(bucket, NULL);
    bool is_new = !added;
    if (is_new) {
        added = calloc(1, sizeof *added);
    }
    if (added) {
        added->library = library;
        preload_handle_reset(added);
        atomic_store_explicit(&added->handle, handle, memory_order_release);
    }
    if (added && is_new) {
        added->next = atomic_load_explicit(&bucket->first, memory_order_relaxed);
        atomic_store_explicit(&bucket->first, added, memory_order_release);
    }
    pthread_mutex_unlock(&bucket->lock);
    return added;
}

void preload_handle_reset(struct preload_handle *known) {
    known->headers = NULL;
    known->prereq = NULL;
    known->prereq_data = NULL;
    known->url = NULL;
    known->default_scheme = TOTE__SCHEME_UNKNOWN;
    known->has_api_request = false;
}

void preload_handle_remove(const void *handle) {
    struct preload_handle *removed = preload_handle_find(handle);

    if (removed) {
        atomic_store_explicit(&removed->handle, NULL, memory_order_release);
    }
}
