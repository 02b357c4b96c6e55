/* SPDX-License-Identifier: MIT */
/*
 * span_ring.h - spans on their way from one thread to another
 *
 * One producer, one consumer. `tail` is written by the producer alone and `head` by the consumer
 * alone, a cache line apart; both only grow, and say how many spans ever went in and out.
 */
#ifndef TOTE_SDK_SPAN_RING_H
#define TOTE_SDK_SPAN_RING_H

#include <stdatomic.h>

#include "tote/internal/shared.h"

struct span;

struct span_ring {
    struct span **slots;
    uint64_t mask;          /* capacity - 1 */
    uint64_t head_seen;     /* the producer's: what `head` was when it looked last */
    _Atomic(uint64_t) tail; /* the producer's */
    char apart[64];
    _Atomic(uint64_t) head; /* the consumer's */
};

/* Room for `capacity` spans, rounded up to a power of two. Returns: false if out of memory. */
bool tote__span_ring_init(struct span_ring *ring, uint32_t capacity);
void tote__span_ring_clear(struct span_ring *ring);

/* The producer's. Returns: false when the ring is full. */
static inline bool tote__span_ring_push(struct span_ring *ring, struct span *span) {
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

    if (tote__unlikely(tail - ring->head_seen > ring->mask)) {
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
        if (tail - ring->head_seen > ring->mask) {
            return false;
        }
    }
    ring->slots[tail & ring->mask] = span;
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return true;
}

/*
 * The producer's: what was pushed is seen by whoever goes to sleep after this, if it looks at the
 * tail in sequentially consistent order once it has said so.
 */
static inline void tote__span_ring_announce(struct span_ring *ring) {
    atomic_store(&ring->tail, atomic_load_explicit(&ring->tail, memory_order_relaxed));
}

/* The consumer's: the oldest span but `index`, which must be less than tail - head. */
static inline struct span *tote__span_ring_peek(const struct span_ring *ring, uint64_t index) {
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    return ring->slots[(head + index) & ring->mask];
}

/* The consumer's: the oldest `count` spans are out. */
static inline void tote__span_ring_drop(struct span_ring *ring, uint64_t count) {
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

    atomic_store_explicit(&ring->head, head + count, memory_order_release);
}

#endif
