/* SPDX-License-Identifier: MIT */
/*
 * core.h - a running SDK as its tracers and spans find it
 *
 * Cores are static and used again and again: a tracer or a span may keep the number of
 * one for ever. What a core runs with, its `config`, comes and goes; whoever uses it
 * enters first and leaves afterwards, which costs two stores to the thread's own state.
 */
#ifndef TOTE_SDK_CORE_H
#define TOTE_SDK_CORE_H

#include <stdatomic.h>

#include "span.h"
#include "thread_state.h"
#include "tote/internal/lock.h"
#include "tote/internal/name_list.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

/* The host's loop's way to the processors that it drives. */
struct core_loop {
    struct tote__lock lock;       /* guards making the next two */
    _Atomic(uint32_t) generation; /* of the process that the descriptor is of; 0: of none */
    int epoll;
};

/*
 * What one run of an SDK was set to. Does not change except `is_shut_down`, `loop`, counts and the
 * resource.
 */
struct core_config {
    struct core_config *next; /* of those that were left behind */
    struct span_origin origin;
    _Atomic(uint32_t) resource_generation; /* of the process that the origin's resource describes */
    struct tote__lock resource_lock;       /* guards changing that */
    bool is_disabled;
    bool is_global;
    bool has_on_start;
    bool has_on_ending;
    _Atomic(bool) is_shut_down;
    uint64_t early; /* spans started before it, while no SDK was running */
    _Atomic(uint64_t) unrecorded_at_shutdown; /* tote__unrecorded_count() at the shutdown;
                                             UINT64_MAX before, and if not global */
    tote_sampler *sampler;
    tote_id_generator *id_generator; /* NULL: the thread's own random numbers */
    tote_store *root_store;          /* the process root store; borrowed */
    tote_store_export store_export;
    struct tote__name_list store_export_keys;
    tote_span_processor **processors;
    size_t processor_count;
    uint64_t (*now_unix_nano)(void *clock);
    void *clock;
    struct core_loop loop;
};

struct tote_sdk {
    tote_tracer_provider provider; /* first; ops NULL: never used */
    uint32_t slot;
    _Atomic(bool) is_in_use;
    _Atomic(uint32_t) references;
    _Atomic(uint32_t)
        starts; /* those that tote_sdk_start() gave and tote_sdk_close() did not take */
    _Atomic(uint32_t) provider_references; /* keep the slot from being used again, no more */
    _Atomic(struct core_config *) config;
};

extern struct tote_sdk tote__cores[TOTE__SDK_SLOTS];

/* What runs in the core, until tote__core_leave(); NULL, also to be left, when nothing does. */
static inline struct core_config *tote__core_enter(struct tote_sdk *core,
                                                   struct thread_state *state) {
    uint32_t depth = atomic_load_explicit(&state->inside, memory_order_relaxed);

    atomic_store_explicit(&state->inside, depth + 1, memory_order_relaxed);
    if (tote__unlikely(atomic_load_explicit(&tote__core_needs_fence, memory_order_relaxed))) {
        atomic_store(&state->inside, depth + 1); /* sequentially consistent */
    } else {
        atomic_signal_fence(memory_order_seq_cst);
    }
    return atomic_load_explicit(&core->config, memory_order_acquire);
}

static inline void tote__core_leave(struct thread_state *state) {
    uint32_t depth = atomic_load_explicit(&state->inside, memory_order_relaxed);

    atomic_store_explicit(&state->inside, depth - 1, memory_order_release);
}

/* Whether it makes spans for this tracer, which may be of an earlier run; `config` may be NULL. */
static inline bool tote__core_serves(const struct core_config *config, const tote_tracer *tracer) {
    return config && !atomic_load_explicit(&config->is_shut_down, memory_order_relaxed) &&
           (!tracer->provider || tracer->run == config->origin.run);
}

/* Have the counters start anew for this run. */
void tote__core_reset_counters(struct span_counters *counters, uint32_t run);

/*
 * The thread's counters for this run, which is the one that goes on: those of the last are
 * forgotten.
 */
static inline struct span_counters *tote__core_counters(struct thread_state *state, uint32_t slot,
                                                        uint32_t run) {
    struct span_counters *counters = &state->counters[slot];

    if (tote__unlikely(atomic_load_explicit(&counters->run, memory_order_relaxed) != run)) {
        tote__core_reset_counters(counters, run);
    }
    return counters;
}

/* Add one; only the owner of the state writes. */
static inline void tote__count(_Atomic(uint64_t) *counter) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* Whether the options let an entry of a store leave the process. */
bool tote__core_exports(const struct core_config *config, const struct tote__entry *entry);

/* The first span of a forked child starts: have the resource describe this process. */
void tote__core_renew_resource(struct core_config *config);

/* loop.c: as the last with it. */
void tote__core_loop_close(const struct core_config *config);

/* The provider's start. Returns: NULL if the span is not recorded for want of an SDK or memory. */
tote_span *tote__core_start_span(tote_tracer_provider *provider, tote_tracer *tracer,
                                 const char *name, const tote_span_options *options,
                                 const tote_context *parent, tote_store *store);

#endif
