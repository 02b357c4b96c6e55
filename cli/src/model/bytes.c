/* SPDX-License-Identifier: MIT */
/*
 * bytes.c - buffers for received bytes, with limits
 *
 * Tests: tests/unit/test_view_requests.c
 */
#include "bytes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 4096 };

/* The sum of the capacities of all buffers. */
static atomic_size_t in_use;

/* Change the capacity of one buffer in the sum. Returns false if that would exceed a limit. */
static bool account(size_t before, size_t after) {
    size_t sum = atomic_load(&in_use);

    do {
        size_t others = sum - before;
        if (others > BYTES_MOST_IN_ALL || after > (BYTES_MOST_IN_ALL - others) / 2) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&in_use, &sum, sum - before + after));
    return true;
}

enum outcome bytes_reserve(struct bytes *bytes, size_t more) {
    size_t capacity = bytes->capacity ? bytes->capacity : FIRST_BYTES;

    if (more > BYTES_MOST - bytes->size) {
        return TOO_LARGE;
    }
    while (capacity - bytes->size < more) {
        capacity *= 2;
    }
    if (capacity == bytes->capacity) {
        return TAKEN;
    }
    if (!account(bytes->capacity, capacity)) {
        return BUSY;
    }
    uint8_t *larger = realloc(bytes->at, capacity);
    if (!larger) {
        atomic_fetch_sub(&in_use, capacity - bytes->capacity);
        return BUSY;
    }
    bytes->at = larger;
    bytes->capacity = capacity;
    return TAKEN;
}

enum outcome bytes_append(struct bytes *bytes, const void *more, size_t size) {
    enum outcome outcome = bytes_reserve(bytes, size);

    if (outcome == TAKEN && size) {
        memcpy(bytes->at + bytes->size, more, size);
        bytes->size += size;
    }
    return outcome;
}

void bytes_clear(struct bytes *bytes) {
    atomic_fetch_sub(&in_use, bytes->capacity);
    free(bytes->at);
    *bytes = (struct bytes){NULL, 0, 0};
}
