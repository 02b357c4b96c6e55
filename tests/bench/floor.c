/* SPDX-License-Identifier: MIT */
/*
 * floor.c - the cheapest code for each part of the work
 *
 * Each function is work that cannot be avoided: clocks, random numbers, bytes that are copied once,
 * a block from a pool, a slot in a ring. A row's floor is the sum of those it needs, measured in
 * the same run.
 */
#include "bench.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

volatile uint64_t bench_sink;

uint64_t floor_clock(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static _Thread_local uint64_t state[4] = {1, 2, 3, 4};

static uint64_t rotate(uint64_t x, int by) {
    return x << by | x >> (64 - by);
}

/* xoshiro256** */
uint64_t floor_draw(void) {
    uint64_t result = rotate(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;

    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotate(state[3], 45);
    return result;
}

void floor_copy(size_t size) {
    static char from[1024];
    static char to[1024];

    memcpy(to, from, size);
    __asm__ volatile("" : : "r"(to) : "memory");
}

struct block {
    struct block *next;
    char memory[1016];
};

/* Taken from the thread's own list and returned. */
void floor_block(void) {
    static struct block one;
    static struct block *list = &one;
    struct block *block = list;

    list = block->next;
    __asm__ volatile("" : : "r"(block) : "memory");
    block->next = list;
    list = block;
}

void floor_push(void) {
    static _Atomic(uint64_t) tail;
    static void *ring[2048];
    uint64_t at = atomic_load_explicit(&tail, memory_order_relaxed);

    ring[at & 2047] = ring;
    atomic_store_explicit(&tail, at + 1, memory_order_release);
}

static void nothing(void) {}

void floor_call(void) {
    static void (*volatile call)(void) = nothing;

    call();
}
