/* SPDX-License-Identifier: MIT */
/*
 * ring.c - encoded spans on their way from the backends to the background worker
 *
 * Tests: tests/unit/test_postgresql_ring.c
 */
#include "ring.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 8 };

struct ring {
    size_t size;
    _Atomic(uint64_t) head; /* where the next entry begins; it only grows */
    _Atomic(uint64_t) tail;
    _Atomic(uint64_t) written;
    _Atomic(uint64_t) dropped;
    _Atomic(uint64_t) read;
    uint8_t bytes[];
};

struct entry {
    uint32_t size; /* of the request */
    uint32_t unused;
};

static struct ring *ring;

bool ring_create(size_t size) {
    void *memory = mmap(NULL, sizeof(struct ring) + size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        return false;
    }
    ring = memory;
    ring->size = size & ~(size_t)(ALIGNMENT - 1);
    return true;
}

static size_t place_of(size_t size) {
    return sizeof(struct entry) + ((size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1));
}

/* Copy between the ring and memory; the ring continues at its begin. */
static void copy_in(uint64_t position, const void *from, size_t size) {
    size_t at = (size_t)(position % ring->size);
    size_t first = size < ring->size - at ? size : ring->size - at;

    memcpy(ring->bytes + at, from, first);
    memcpy(ring->bytes, (const uint8_t *)from + first, size - first);
}

static void copy_out(uint64_t position, void *to, size_t size) {
    size_t at = (size_t)(position % ring->size);
    size_t first = size < ring->size - at ? size : ring->size - at;

    memcpy(to, ring->bytes + at, first);
    memcpy((uint8_t *)to + first, ring->bytes, size - first);
}

bool ring_write(const uint8_t *request, size_t size, bool *is_half_full) {
    const struct entry entry = {(uint32_t)size, 0};
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t used = (size_t)(head - atomic_load_explicit(&ring->tail, memory_order_acquire));
    size_t place = place_of(size);

    *is_half_full = false;
    if (size > RING_MOST_ENTRY_BYTES || place > ring->size - used) {
        atomic_fetch_add_explicit(&ring->dropped, 1, memory_order_relaxed);
        return false;
    }
    copy_in(head, &entry, sizeof entry);
    copy_in(head + sizeof entry, request, size);
    atomic_store_explicit(&ring->head, head + place, memory_order_release);
    atomic_fetch_add_explicit(&ring->written, 1, memory_order_relaxed);
    *is_half_full = used <= ring->size / 2 && used + place > ring->size / 2;
    return true;
}

size_t ring_read(uint8_t *buffer, size_t size, uint32_t *span_count, uint64_t *end) {
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    size_t filled = 0;

    *span_count = 0;
    *end = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    while (*end < head) {
        struct entry entry;
        copy_out(*end, &entry, sizeof entry);
        if (entry.size > size - filled) {
            break;
        }
        copy_out(*end + sizeof entry, buffer + filled, entry.size);
        filled += entry.size;
        *end += place_of(entry.size);
        ++*span_count;
    }
    return filled;
}

void ring_remove(uint32_t span_count, uint64_t end) {
    atomic_store_explicit(&ring->tail, end, memory_order_release);
    atomic_fetch_add_explicit(&ring->read, span_count, memory_order_relaxed);
}

struct ring_counts ring_get_counts(void) {
    uint64_t tail = atomic_load(&ring->tail);

    return (struct ring_counts){
        .written = atomic_load(&ring->written),
        .dropped = atomic_load(&ring->dropped),
        .read = atomic_load(&ring->read),
        .size = ring->size,
        .used = atomic_load(&ring->head) - tail,
    };
}
