/* SPDX-License-Identifier: MIT */
/*
 * live.c - a table of requests by handle
 *
 * Invariant: one store under the lock changes a bucket. A forked child treats a lock that was held
 * as free, so the list must be valid after every store.
 *
 * Tests: tests/unit/test_curl_handles.c
 */
#include <stdint.h>

#include "curl_parts.h"
#include "tote/internal/lock.h"

enum { BUCKETS = 64 };

static struct bucket {
    struct tote__lock lock;
    struct tote__live *first;
} buckets[BUCKETS];

static struct bucket *bucket_of(const char *address) {
    return &buckets[((uint64_t)(uintptr_t)address * UINT64_C(0x9E3779B97F4A7C15)) >> 58];
}

void tote__live_add(struct tote__live *live) {
    struct bucket *bucket = bucket_of(live->address);

    tote__lock_take(&bucket->lock);
    live->next = bucket->first;
    bucket->first = live;
    tote__lock_drop(&bucket->lock);
}

void tote__live_remove(struct tote__live *live) {
    struct bucket *bucket = bucket_of(live->address);

    tote__lock_take(&bucket->lock);
    struct tote__live **at = &bucket->first;
    while (*at && *at != live) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = live->next;
    }
    tote__lock_drop(&bucket->lock);
}

struct tote__live *tote__live_find(const char *address) {
    struct bucket *bucket = bucket_of(address);

    tote__lock_take(&bucket->lock);
    struct tote__live *live = bucket->first;
    while (live && live->address != address) {
        live = live->next;
    }
    tote__lock_drop(&bucket->lock);
    return live;
}
