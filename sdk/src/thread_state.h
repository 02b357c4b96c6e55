/* SPDX-License-Identifier: MIT */
/*
 * thread_state.h - what the SDK keeps for each thread
 *
 * So that no cache line is written by two threads for a span. When a thread ends another one
 * adopts its state with all that is in it.
 */
#ifndef TOTE_SDK_THREAD_STATE_H
#define TOTE_SDK_THREAD_STATE_H

#include <stdatomic.h>

#include "tote/internal/context.h"
#include "tote/internal/owned.h"
#include "tote/internal/random.h"

enum {
    TOTE__SDK_SLOTS = 8,       /* SDKs that run at once */
    TOTE__PROCESSOR_SLOTS = 16 /* batch processors that run at once */
};

/* Counts of one SDK's run; written by the owner of the state, read by any thread. */
struct span_counters {
    _Atomic(uint32_t) run; /* which run of the SDK in this slot they belong to */
    _Atomic(uint64_t) started;
    _Atomic(uint64_t) finished;       /* recording ones, by tote_span_end() */
    _Atomic(uint64_t) never_ended;    /* released while open */
    _Atomic(uint64_t) late;           /* started after the shutdown, not recorded */
    _Atomic(uint64_t) lost_to_memory; /* sampled, and never made */
};

/* Whether other threads come to the spans that a thread starts; see span_lock.h. */
enum span_sharing { SPANS_OWN, SPANS_BEING_SHARED, SPANS_SHARED };

struct thread_state {
    struct tote__owned owned;
    _Atomic(uint32_t) sharing; /* of enum span_sharing */
    _Atomic(uint32_t) inside;  /* how many calls of the SDK the owner is in; see sdk.c */
    struct tote__random random;
    struct span_counters counters[TOTE__SDK_SLOTS];
    _Atomic(void *)
        thread_queues[TOTE__PROCESSOR_SLOTS]; /* the batch processors' own, by their slots */
};

/* No membarrier(2) here: threads fence for themselves. */
extern _Atomic(bool) tote__core_needs_fence;

/* The slow way: the first call on this thread, or in this child. */
struct thread_state *tote__thread_state_find(void);

/* The calling thread's. NULL if out of memory. */
static inline struct thread_state *tote__thread_state(void) {
    struct thread_state *state = (struct thread_state *)tote__thread.sdk;

    if (tote__unlikely(!state || state->owned.generation != tote__generation())) {
        return tote__thread_state_find();
    }
    return state;
}

/* The one that follows in the list; NULL: none. */
static inline struct thread_state *tote__thread_state_next(const struct thread_state *state) {
    return (struct thread_state *)state->owned.next;
}

/*
 * The first of all in this process, also of those whose threads have ended; NULL when there is
 * none.
 */
struct thread_state *tote__thread_states(void);

#endif
