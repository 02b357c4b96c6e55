/* SPDX-License-Identifier: MIT */
/*
 * thread_state.h - per-thread state of the SDK
 *
 * Spans write only cache lines of their own thread. When a thread ends, another thread takes over
 * its state with its content.
 */
#ifndef TOTE_SDK_THREAD_STATE_H
#define TOTE_SDK_THREAD_STATE_H

#include <stdatomic.h>

#include "tote/internal/context.h"
#include "tote/internal/owned.h"
#include "tote/internal/random.h"

enum {
    TOTE__SDK_SLOTS = 8,       /* largest number of SDKs at a time */
    TOTE__PROCESSOR_SLOTS = 16 /* largest number of batch processors at a time */
};

/* Where the parent of a span is, and the sampling decision: both select a counter. */
enum { PARENT_NONE, PARENT_LOCAL, PARENT_REMOTE, PARENT_ORIGINS };
enum { SAMPLING_DECISIONS = 3 }; /* by tote_sampling_decision */

/*
 * Counts of one run of an SDK; written by the owner of the state, read by any thread. Those of
 * ended spans are by whether the span is sampled.
 */
struct span_counters {
    _Atomic(uint32_t) run; /* the run that the counts belong to */
    _Atomic(uint64_t) started[PARENT_ORIGINS][SAMPLING_DECISIONS];
    _Atomic(uint64_t) finished[2];    /* recording spans that were ended */
    _Atomic(uint64_t) never_ended[2]; /* released while open */
    _Atomic(uint64_t) late;           /* started after the shutdown, not recorded */
    _Atomic(uint64_t) lost_to_memory; /* sampled, but not created */
};

/* Whether other threads access the spans of this thread; see span_lock.h. */
enum span_sharing { SPANS_OWN, SPANS_BEING_SHARED, SPANS_SHARED };

struct thread_state {
    struct tote__owned owned;
    _Atomic(uint32_t) sharing; /* an enum span_sharing */
    _Atomic(uint32_t) inside;  /* depth of calls to the SDK; see sdk.c */
    struct tote__random random;
    struct span_counters counters[TOTE__SDK_SLOTS];
    _Atomic(void *) thread_queues[TOTE__PROCESSOR_SLOTS]; /* per-thread queues, by the slots of
                                                             batch processors */
};

/* membarrier(2) is not available: threads use fences. */
extern _Atomic(bool) tote__core_needs_fence;

/* Slow path: the first call of this thread or in this process. */
struct thread_state *tote__thread_state_find(void);

/* Return the state of the calling thread. Returns NULL if out of memory. */
static inline struct thread_state *tote__thread_state(void) {
    struct thread_state *state = (struct thread_state *)tote__thread.sdk;

    if (tote__unlikely(!state || state->owned.generation != tote__generation())) {
        return tote__thread_state_find();
    }
    return state;
}

/* Return the next state in the list, or NULL. */
static inline struct thread_state *tote__thread_state_next(const struct thread_state *state) {
    return (struct thread_state *)state->owned.next;
}

/* Return the first state of this process, or NULL. States of ended threads are included. */
struct thread_state *tote__thread_states(void);

#endif
