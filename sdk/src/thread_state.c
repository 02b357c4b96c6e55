/* SPDX-License-Identifier: MIT */
/*
 * thread_state.c - per-thread state, reused when its thread has ended
 *
 * Tests: tests/unit/test_batch_threads.c
 */
#include "thread_state.h"

static struct tote__owned_list all_states;

static void release_state(void *sdk) {
    struct thread_state *state = sdk;

    atomic_store_explicit(&state->inside, 0,
                          memory_order_release); /* the thread may end in a callback */
    tote__owned_leave(&state->owned);
}

struct thread_state *tote__thread_state_find(void) {
    struct thread_state *state = tote__owned_claim(&all_states, sizeof *state);

    tote__thread.sdk = state;
    tote__thread.release_sdk = release_state;
    if (state) {
        tote__thread_watch_end();
    }
    return state;
}

struct thread_state *tote__thread_states(void) {
    return (struct thread_state *)tote__owned_first(&all_states);
}
