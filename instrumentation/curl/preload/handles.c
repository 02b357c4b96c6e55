/* SPDX-License-Identifier: MIT */
/*
 * handles.c - the handles whose creation was seen
 */
#include <pthread.h>
#include <stdlib.h>

#include "preload.h"

enum { BUCKETS = 64 };

static struct bucket {
    pthread_mutex_t lock;
    struct preload_handle *first;
} buckets[BUCKETS];

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A fork finds no lock held, so that the child can go on. */
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
    return &buckets[((uint64_t)(uintptr_t)handle * UINT64_C(0x9E3779B97F4A7C15)) >> 58];
}

static struct preload_handle **find(struct bucket *bucket, const void *handle) {
    struct preload_handle **at = &bucket->first;

    while (*at && (*at)->handle != handle) {
        at = &(*at)->next;
    }
    return at;
}

struct preload_handle *preload_handle_find(const void *handle) {
    struct bucket *bucket = bucket_of(handle);

    if (!handle) {
        return NULL;
    }
    pthread_mutex_lock(&bucket->lock);
    struct preload_handle *found = *find(bucket, handle);
    pthread_mutex_unlock(&bucket->lock);
    return found;
}

struct preload_handle *preload_handle_add(const void *handle, struct preload_library *library) {
    struct preload_handle *added = handle ? calloc(1, sizeof *added) : NULL;

    if (!added) {
        return NULL;
    }
    pthread_once(&once, set_up);
    preload_handle_remove(handle);
    added->handle = handle;
    added->library = library;
    struct bucket *bucket = bucket_of(handle);
    pthread_mutex_lock(&bucket->lock);
    added->next = bucket->first;
    bucket->first = added;
    pthread_mutex_unlock(&bucket->lock);
    return added;
}

void preload_handle_remove(const void *handle) {
    struct bucket *bucket = bucket_of(handle);

    pthread_mutex_lock(&bucket->lock);
    struct preload_handle **at = find(bucket, handle);
    struct preload_handle *removed = *at;
    if (removed) {
        *at = removed->next;
    }
    pthread_mutex_unlock(&bucket->lock);
    free(removed);
}
