/* SPDX-License-Identifier: MIT */
/*
 * span_ring.c - the memory of a ring
 */
#include "span_ring.h"

#include "tote/internal/memory.h"

bool tote__span_ring_init(struct span_ring *ring, uint32_t capacity) {
    uint64_t size = 1;

    while (size < capacity) {
        size *= 2;
    }
    ring->slots = size <= SIZE_MAX / sizeof(struct span *)
                      ? tote__allocate((size_t)size * sizeof(struct span *))
                      : NULL;
    ring->mask = size - 1;
    ring->head_seen = 0;
    atomic_init(&ring->tail, 0);
    atomic_init(&ring->head, 0);
    return ring->slots != NULL;
}

void tote__span_ring_clear(struct span_ring *ring) {
    if (ring->slots) {
        tote__release(ring->slots, (size_t)(ring->mask + 1) * sizeof(struct span *));
    }
    ring->slots = NULL;
}
