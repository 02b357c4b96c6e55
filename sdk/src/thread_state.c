/* SPDX-License-Identifier: MIT */
/*
 * thread_state.c - a state for each thread, adopted when its thread has ended
 */
#include "thread_state.h"

#include "tote/internal/lock.h"
#include "tote/internal/memory.h"

/* The states of one process, in a line of forks. */
struct process_states {
    struct process_states *parent; /* kept in sight, so that no tool takes it for a leak */
    uint32_t generation;
    _Atomic(struct thread_state *) first;
};

static _Atomic(struct process_states *) current;
static struct tote__lock lock; /* for making a new list; a state is pushed without it */

/* This process's list; made when it is the first call, or the first in a child. */
static struct process_states *own_states(bool may_make) {
    struct process_states *states = atomic_load_explicit(&current, memory_order_acquire);

    if ((states && states->generation == tote__generation()) || !may_make) {
        return states && states->generation == tote__generation() ? states : NULL;
    }
    tote__lock_take(&lock);
    states = atomic_load_explicit(&current, memory_order_acquire);
    if (!states || states->generation != tote__generation()) {
        struct process_states *made = tote__allocate_zeroed(sizeof *made);
        if (made) {
            made->parent = states;
            made->generation = tote__generation();
            atomic_store_explicit(&current, made, memory_order_release);
        }
        states = made;
    }
    tote__lock_drop(&lock);
    return states;
}

static struct thread_state *adopt(struct process_states *states) {
    struct thread_state *state = atomic_load_explicit(&states->first, memory_order_acquire);

    for (; state; state = state->next) {
        bool is_owned = false;
        if (!atomic_load_explicit(&state->is_owned, memory_order_relaxed) &&
            atomic_compare_exchange_strong_explicit(&state->is_owned, &is_owned, true,
                                                    memory_order_acquire, memory_order_relaxed)) {
            return state;
        }
    }
    return NULL;
}

static void release_state(void *sdk) {
    struct thread_state *state = sdk;

    atomic_store_explicit(&state->inside, 0, memory_order_release); /* it may end in a callback */
    atomic_store_explicit(&state->is_owned, false, memory_order_release);
}

static struct thread_state *make(struct process_states *states) {
    struct thread_state *state = tote__allocate_zeroed(sizeof *state);

    if (!state) {
        return NULL;
    }
    state->generation = states->generation;
    atomic_store_explicit(&state->is_owned, true, memory_order_relaxed);
    state->next = atomic_load_explicit(&states->first, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&states->first, &state->next, state,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    return state;
}

struct thread_state *tote__thread_state_find(void) {
    struct process_states *states = own_states(true);
    struct thread_state *state = states ? adopt(states) : NULL;

    if (states && !state) {
        state = make(states);
    }
    tote__thread.sdk = state;
    tote__thread.release_sdk = release_state;
    if (state) {
        tote__thread_watch_end();
    }
    return state;
}

struct thread_state *tote__thread_states(void) {
    struct process_states *states = own_states(false);

    return states ? atomic_load_explicit(&states->first, memory_order_acquire) : NULL;
}
