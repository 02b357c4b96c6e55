/* SPDX-License-Identifier: MIT */
/*
 * core.h - a running SDK as seen by its tracers and spans
 *
 * Cores are static and reused: tracers and spans keep the index of a core forever. A core's
 * `config` belongs to one run of an SDK. A thread enters the core before it uses the config and
 * leaves it afterwards; this costs two stores to the thread's own state.
 */
#ifndef TOTE_SDK_CORE_H
#define TOTE_SDK_CORE_H

#include <stdatomic.h>

#include "span.h"
#include "thread_state.h"
#include "tote/internal/clock.h"
#include "tote/internal/lock.h"
#include "tote/internal/name_list.h"
#include "tote/internal/os.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

/* For host-driven export. */
struct core_loop {
    struct tote__lock lock;       /* protects the following fields */
    _Atomic(uint32_t) generation; /* the process that opened the group; 0: none */
    struct tote__os_event group;  /* its descriptor is the host's */
};

/*
 * Settings of one run of an SDK. Constant except `is_shut_down`, `loop`, counts, the resource and
 * the rules of tracers.
 */
struct core_config {
    struct core_config *next; /* in the list of configs to be freed */
    struct span_origin origin;
    _Atomic(uint32_t) resource_generation; /* the process that the origin's resource describes */
    struct tote__lock resource_lock;       /* protects changes of the resource */
    bool is_disabled;
    _Atomic(struct tracer_rules *) tracer_rules; /* NULL: all tracers are enabled */
    struct tracer_rules *replaced_rules;         /* to be freed */
    struct tote__lock rules_lock;                /* protects `replaced_rules` */
    bool has_on_start;
    bool has_on_ending;
    _Atomic(bool) is_shut_down;
    _Atomic(uint64_t) counts_since; /* real time from which the counts of this process are */
    uint64_t early;                 /* spans that were started before, while no SDK was running */
    _Atomic(uint64_t) unrecorded_at_shutdown; /* tote__unrecorded_count() at the shutdown;
                                             UINT64_MAX before, and if private */
    tote_sampler *sampler;
    tote_id_generator *id_generator; /* NULL: the thread's random numbers */
    tote_store *root_store;          /* the root store of the process; borrowed */
    tote_store_export store_export;
    struct tote__name_list store_export_keys;
    tote_span_processor **processors;
    size_t processor_count;
    uint64_t (*now_unix_nano)(void *clock);
    void *clock;
    struct core_loop loop;
};

struct tote_sdk {
    tote_tracer_provider provider; /* first member; ops NULL: never used */
    uint32_t slot;
    _Atomic(bool) is_in_use;
    _Atomic(uint32_t) references;
    _Atomic(uint32_t) starts;              /* references of tote_sdk_start() not yet closed */
    _Atomic(uint32_t) provider_references; /* keep only the slot, so that it is not reused */
    _Atomic(struct core_config *) config;
};

extern struct tote_sdk tote__cores[TOTE__SDK_SLOTS];

/*
 * Enter the core and return its config, or NULL if no SDK runs in it. Call tote__core_leave() in
 * both cases.
 */
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

/*
 * Return whether the SDK creates spans for this tracer, which may be from an earlier run. `config`
 * may be NULL.
 */
static inline bool tote__core_serves(const struct core_config *config, const tote_tracer *tracer) {
    return config && !atomic_load_explicit(&config->is_shut_down, memory_order_relaxed) &&
           (!tracer->provider || tracer->run == config->origin.run);
}

/*
 * tracer_rules.c: apply the tracer configurator. Returns whether the tracer is enabled; always
 * false in a disabled SDK.
 */
bool tote__core_apply_rules(const struct core_config *config, tote_tracer *tracer);

static inline bool tote__core_enables(const struct core_config *config, tote_tracer *tracer) {
    return !tote__unlikely(atomic_load_explicit(&config->tracer_rules, memory_order_relaxed)) ||
           tote__core_apply_rules(config, tracer);
}

/* Copy the configurator, after `is_disabled` was set. Returns false if out of memory. */
bool tote__tracer_rules_begin(struct core_config *config,
                              const tote_tracer_configurator *configurator);
void tote__tracer_rules_end(struct core_config *config);

/* Wait until no other thread is in a call. Returns false if one does not leave in time. */
bool tote__core_wait_for_others(uint32_t wait_ms);

/* Reset the counters for this run. */
void tote__core_reset_counters(struct span_counters *counters, uint32_t run);

/* Return the thread's counters for the current run; reset those of an earlier run. */
static inline struct span_counters *tote__core_counters(struct thread_state *state, uint32_t slot,
                                                        uint32_t run) {
    struct span_counters *counters = &state->counters[slot];

    if (tote__unlikely(atomic_load_explicit(&counters->run, memory_order_relaxed) != run)) {
        tote__core_reset_counters(counters, run);
    }
    return counters;
}

/* Return the time of the program's clock, which there is; the real time if that is 0. */
static inline uint64_t tote__core_now(const struct core_config *config) {
    uint64_t now = config->now_unix_nano(config->clock);

    return now ? now : tote__clock_realtime();
}

/* Return the time of the program's clock, or of the system's. */
static inline uint64_t tote__core_clock(const struct core_config *config) {
    return config->now_unix_nano ? tote__core_now(config) : tote__clock_realtime();
}

/* Increment a counter. Only the owner of the state writes it. */
static inline void tote__count(_Atomic(uint64_t) *counter) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* Sums of span_counters over all threads. */
struct counter_sums {
    uint64_t started[PARENT_ORIGINS][SAMPLING_DECISIONS];
    uint64_t finished[2];
    uint64_t never_ended[2];
    uint64_t late;
    uint64_t lost_to_memory;
};

/* metrics.c: add up the counts of a run. A span may end on another thread than it started on. */
void tote__core_sum_counters(uint32_t slot, uint32_t run, struct counter_sums *sums);

/* Return whether the options allow an entry of a store to be exported. */
bool tote__core_exports(const struct core_config *config, const struct tote__entry *entry);

/* Renew the resource for this process, when the first span of a forked child starts. */
void tote__core_renew_resource(struct core_config *config);

/* loop.c: close the descriptor. Nothing else of the loop is called afterwards. */
void tote__core_loop_close(struct core_config *config);

/* Start a span. Returns NULL if it is not recorded because no SDK runs or out of memory. */
tote_span *tote__core_start_span(tote_tracer_provider *provider, tote_tracer *tracer,
                                 const char *name, const tote_span_options *options,
                                 const tote_context *parent, tote_store *store);

#endif
