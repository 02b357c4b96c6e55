/* SPDX-License-Identifier: MIT */
/*
 * owned.c - per-thread objects, in one list per process
 *
 * Tests: tests/unit/test_pool.c, tests/schedule/test_schedule_memory.c
 */
#include "tote/internal/owned.h"

#include "tote/internal/memory.h"

/* The objects of one process. */
struct tote__owned_process {
    struct tote__owned_process *parent; /* keeps the parent's objects reachable for leak checkers */
    uint32_t generation;
    _Atomic(struct tote__owned *) first;
};

/* Return the entry of this process; NULL if there is none yet. */
static struct tote__owned_process *current(struct tote__owned_list *list) {
    struct tote__owned_process *process =
        atomic_load_explicit(&list->current, memory_order_acquire);

    return process && process->generation == tote__generation() ? process : NULL;
}

/* Return the entry of this process. The first call of a process creates it. */
static struct tote__owned_process *make_current(struct tote__owned_list *list) {
    struct tote__owned_process *process = current(list);

    if (process) {
        return process;
    }
    tote__lock_take(&list->lock);
    process = current(list);
    if (!process) {
        process = tote__allocate_zeroed(sizeof *process);
        if (process) {
            process->parent = atomic_load_explicit(&list->current, memory_order_relaxed);
            process->generation = tote__generation();
            atomic_store_explicit(&list->current, process, memory_order_release);
        }
    }
    tote__lock_drop(&list->lock);
    return process;
}

enum { CACHE_LINE = 64 };

static void *make_owned(struct tote__owned_process *process, size_t size) {
    /* Padding: the memory after it may belong to another thread. */
    struct tote__owned *owned = tote__allocate_zeroed(size + CACHE_LINE);

    if (!owned) {
        return NULL;
    }
    owned->generation = process->generation;
    atomic_store_explicit(&owned->is_owned, true, memory_order_relaxed);
    owned->next = atomic_load_explicit(&process->first, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&process->first, &owned->next, owned,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    return owned;
}

void *tote__owned_claim(struct tote__owned_list *list, size_t size) {
    struct tote__owned_process *process = make_current(list);
    struct tote__owned *owned = tote__owned_first(list);

    while (owned && !tote__owned_try(owned)) {
        owned = owned->next;
    }
    return owned || !process ? owned : make_owned(process, size);
}

void tote__owned_leave(struct tote__owned *owned) {
    if (owned) {
        atomic_store_explicit(&owned->is_owned, false, memory_order_release);
    }
}

struct tote__owned *tote__owned_first(struct tote__owned_list *list) {
    struct tote__owned_process *process = current(list);

    return process ? atomic_load_explicit(&process->first, memory_order_acquire) : NULL;
}
