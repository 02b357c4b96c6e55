/* SPDX-License-Identifier: MIT */
/*
 * start_span.c - starts a span
 *
 * In the specification's order: trace id, sampler, span id, span. Spec:
 * trace/sdk.md#sdk-span-creation
 *
 * Tests: tests/unit/test_sdk.c
 */
#include <string.h>

#include "core.h"
#include "span_attributes.h"
#include "span_buffer.h"
#include "tote/internal/clock.h"
#include "tote/internal/context.h"
#include "tote/internal/env.h"
#include "tote/internal/fork.h"
#include "tote/internal/sampling.h"
#include "tote/internal/unrecorded.h"

/* State of one start. */
struct start {
    const struct core_config *config;
    struct thread_state *thread;
    const tote_tracer *tracer;
    const char *name;
    const tote_span_options *options;
    tote_store *store;
    const tote_span *parent_span;            /* NULL: no parent */
    const tote_span_context *parent_context; /* NULL: a root */
    tote_trace_id trace_id;
    bool has_remote_trace_id; /* a root span with the trace id of a message */
    tote_sampling_decision decision;
    const tote_sampling_result *result; /* NULL: the decision was known without the sampler */
};

enum { ID_ATTEMPTS = 8 };

/* Use the program's generator, unless it returns only zeros. */
static void new_trace_id(const struct start *start, tote_trace_id *id) {
    const tote_id_generator *generator = start->config->id_generator;

    for (int i = 0; generator && i < ID_ATTEMPTS; i++) {
        memset(id, 0, sizeof *id);
        generator->ops.new_trace_id(generator->self, id);
        if (tote__trace_id_is_valid(id)) {
            return;
        }
    }
    tote__random_trace_id(&start->thread->random, id);
}

/* Returns false if the generator returns only zeros. */
tote__apart static bool ask_for_span_id(const tote_id_generator *generator, tote_span_id *id) {
    uint64_t bits = 0;

    for (int i = 0; !bits && i < ID_ATTEMPTS; i++) {
        memset(id, 0, sizeof *id);
        generator->ops.new_span_id(generator->self, id);
        memcpy(&bits, id->bytes, sizeof bits);
    }
    return bits != 0;
}

tote__always_inline void new_span_id(const struct start *start, tote_span_id *id) {
    const tote_id_generator *generator = start->config->id_generator;

    if (tote__unlikely(generator) && ask_for_span_id(generator, id)) {
        return;
    }
    tote__random_span_id(&start->thread->random, id);
}

/* Return whether the trace id is new, from a generator whose ids are not random. */
tote__always_inline bool has_nonrandom_trace_id(const struct start *start) {
    const tote_id_generator *generator = start->config->id_generator;

    return generator && !generator->ops.is_random && !start->parent_context &&
           !start->has_remote_trace_id;
}

/*
 * A child has its parent's random flag; a root span that of its generator. Spec: w3c/trace-context
 */
tote__always_inline uint8_t random_flag(const struct start *start) {
    if (start->parent_context) {
        return start->parent_context->trace_flags & TOTE_TRACE_FLAG_RANDOM;
    }
    if (start->has_remote_trace_id) {
        return 0;
    }
    return has_nonrandom_trace_id(start) ? 0 : TOTE_TRACE_FLAG_RANDOM;
}

/* Return a reference to the trace state of the new span, with a `th` only if the sampler set it. */
tote__apart static tote_trace_state *settle(const struct start *start,
                                            const tote_trace_state *state) {
    bool is_sampled = start->decision == TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE;
    bool has_threshold = start->result
                             ? start->result->has_threshold
                             : start->config->sampler->follows_parent &&
                                   (start->parent_context->trace_flags & TOTE_TRACE_FLAG_SAMPLED);

    return tote__sampling_settle(state, &start->trace_id, is_sampled && has_threshold);
}

tote__always_inline tote_trace_state *trace_state_of(const struct start *start) {
    const tote_trace_state *state = NULL;

    if (start->result) {
        state = start->result->trace_state;
    } else if (start->parent_context) {
        state = start->parent_context->trace_state;
    }
    return state ? settle(start, state) : NULL;
}

tote__always_inline void set_up_context(const struct start *start,
                                        struct tote_span_context *context) {
    context->trace_id = start->trace_id;
    new_span_id(start, &context->span_id);
    context->is_valid = 1;
    context->attributes_size = 0;
    atomic_init(&context->references, 0);
    context->trace_flags = random_flag(start);
    if (start->decision == TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE) {
        context->trace_flags |= TOTE_TRACE_FLAG_SAMPLED;
    }
    context->hints = start->parent_span ? start->parent_span->context.hints & TOTE__DEBUG : 0;
    context->is_remote = false;
    context->trace_state = trace_state_of(start);
}

/* Another SDK may have another clock; spans of the system's clocks have an anchor. */
static bool has_same_clock(const struct core_config *config, const struct span *parent) {
    return config->now_unix_nano ? parent->origin.slot == config->origin.slot &&
                                       parent->origin.run == config->origin.run
                                 : parent->anchor_monotonic != 0;
}

/*
 * Do not start a child before its parent if they use different readings of one clock. `parent` may
 * be NULL.
 */
static uint64_t not_before_parent(const struct core_config *config, const struct span *parent,
                                  uint64_t now) {
    bool is_early = parent && !parent->has_given_start &&
                    now < parent->facts.start_time_unix_nano && has_same_clock(config, parent);

    return is_early ? parent->facts.start_time_unix_nano : now;
}

/*
 * The anchor of a local root is used for this long. A child of an older one reads both clocks
 * again: the real-time clock may have been set, or the machine suspended.
 */
static const uint64_t longest_anchor_ns = 10 * 1000000000ULL;

static bool can_share_anchor(const struct start *start, const struct span *parent, uint64_t now) {
    return parent->anchor_monotonic && now - parent->anchor_monotonic <= longest_anchor_ns &&
           parent->generation == start->thread->owned.generation;
}

/*
 * A local root reads both clocks. Its local children add the monotonic time since then, so that
 * times within a trace are consistent.
 */
tote__always_inline void set_up_time(const struct start *start, struct span *span) {
    const struct core_config *config = start->config;
    const struct span *parent = NULL;
    uint64_t given = start->options->start_time_unix_nano;

    if (start->parent_context && start->parent_span &&
        start->parent_span->ops == &tote__recording_ops) {
        parent = (const struct span *)start->parent_span;
    }
    span->has_given_start = given != 0;
    if (tote__unlikely(config->now_unix_nano)) {
        span->anchor_realtime = span->anchor_monotonic = 0;
        span->facts.start_time_unix_nano =
            given ? given : not_before_parent(config, parent, tote__core_now(config));
        return;
    }
    uint64_t monotonic = tote__clock_monotonic();
    if (parent && can_share_anchor(start, parent, monotonic)) {
        span->anchor_realtime = parent->anchor_realtime;
        span->anchor_monotonic = parent->anchor_monotonic;
    } else {
        span->anchor_realtime = not_before_parent(config, parent, tote__clock_realtime());
        span->anchor_monotonic = monotonic;
    }
    span->facts.start_time_unix_nano =
        given ? given : span->anchor_realtime + (monotonic - span->anchor_monotonic);
}

tote__always_inline tote_span_kind kind_of(const struct start *start) {
    uint32_t kind = start->options->kind;

    if (tote__unlikely(kind > TOTE_SPAN_KIND_CONSUMER)) {
        kind = tote__known_value("tote_span_options.kind", kind, TOTE_SPAN_KIND_CONSUMER);
    }
    return (tote_span_kind)kind;
}

tote__always_inline void set_up_rest(const struct start *start, struct span *span) {
    span->origin = start->config->origin;
    span->scope = start->tracer->index;
    span->facts.kind = (uint8_t)kind_of(start);
    memset(&span->facts.end_time_unix_nano, 0,
           offsetof(struct span, inline_bytes) - offsetof(struct span, facts.end_time_unix_nano));
    span->ender = NULL;
}

/* Add the sampler's attributes. */
static void put_result(struct span *span, const tote_sampling_result *result) {
    tote__span_put_attributes(span, result->attributes.items, result->attributes.count);
    if (result->dropped_attribute_count) {
        span->facts.dropped_attribute_count += (uint32_t)result->dropped_attribute_count;
        span->loss_causes |=
            LOST_TO_KEY; /* or out of memory: the result does not distinguish them */
    }
}

/* Add name, attributes and links. No lock: the span is not published yet. */
tote__always_inline void set_up_content(const struct start *start, struct span *span) {
    const tote_span_options *options = start->options;

    tote__span_begin_buffer(span, start->name);
    if (options->attributes) {
        tote__span_put_attributes(span, options->attributes, options->attribute_count);
    }
    if (start->result) {
        put_result(span, start->result);
    }
    for (size_t i = 0; options->links && i < options->link_count; i++) {
        tote__span_put_link(span, options->links[i].context, options->links[i].attributes,
                            options->links[i].attribute_count);
    }
}

static void call_on_start(const struct core_config *config, tote_span *span,
                          const tote_context *parent) {
    for (size_t i = 0; config->has_on_start && i < config->processor_count; i++) {
        tote_span_processor_on_start(config->processors[i], span, parent);
    }
}

tote__always_inline void *take_block(void) {
    struct span *span = tote__pool_take(&tote__span_pool);

    if (span && tote__unlikely(span->listed_in != tote__generation())) {
        tote__span_list_block(span);
    }
    return span;
}

/* Initialize the common part of a span, which is NULL if out of memory. Returns the span. */
tote__always_inline void *begin_span(const struct start *start, tote_span *span,
                                     const struct tote__span_ops *ops) {
    if (span) {
        span->ops = ops;
        atomic_init(&span->references, 1);
        set_up_context(start, &span->context);
    }
    return span;
}

/*
 * Add a reference to the store. The root store of the process, which most spans use, is not
 * counted.
 */
tote__always_inline tote_store *store_of(const struct start *start) {
    return start->store == start->config->root_store ? start->store : tote_store_ref(start->store);
}

/* Return the index into span_counters.started. */
tote__always_inline unsigned parent_origin(const struct start *start) {
    return !start->parent_context             ? PARENT_NONE
           : start->parent_context->is_remote ? PARENT_REMOTE
                                              : PARENT_LOCAL;
}

/* Create the span of a decision. Returns NULL if out of memory. */
tote__always_inline tote_span *make_span(const struct start *start, const tote_context *parent) {
    struct span_counters *counters =
        tote__core_counters(start->thread, start->config->origin.slot, start->config->origin.run);
    _Atomic(uint64_t) *started = &counters->started[parent_origin(start)][start->decision];
    if (start->decision == TOTE_SAMPLING_DECISION_DROP) {
        tote__count(started);
        return begin_span(start, tote__pool_take(&tote__plain_span_pool), NULL);
    }
    struct span *span = begin_span(start, take_block(), &tote__recording_ops);
    if (!span) {
        if (start->decision == TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE) {
            tote__count(&counters->lost_to_memory);
        }
        return NULL;
    }
    span->generation = start->thread->owned.generation;
    span->has_parent = start->parent_context != NULL;
    tote__span_context_copy(&span->facts.parent,
                            span->has_parent ? start->parent_context : &tote__invalid_span_context);
    set_up_rest(start, span);
    set_up_time(start, span);
    set_up_content(start, span);
    tote__span_lock_begin(&span->lock, start->thread);
    if (start->config->store_export != TOTE_STORE_EXPORT_NONE) {
        span->store = store_of(start);
    }
    atomic_store_explicit(&span->state, SPAN_OPEN, memory_order_release);
    tote__count(started);
    call_on_start(start->config, &span->base, parent);
    return &span->base;
}

/* Ask the sampler, and create the span of its decision. */
tote__apart static tote_span *make_asked_span(struct start *start, const tote_context *parent) {
    tote_context *without_span = NULL;
    tote_sampling_result result;

    if (start->options->root && parent->span) {
        without_span =
            tote_context_with_span(parent, NULL); /* no parent is passed to the sampler */
        parent = without_span;
    }
    const tote_sampling_parameters parameters = {
        .struct_size = sizeof parameters,
        .parent = parent,
        .trace_id = &start->trace_id,
        .name = start->name,
        .kind = kind_of(start),
        .attributes = start->options->attributes,
        .attribute_count = start->options->attribute_count,
        .links = start->options->links,
        .link_count = start->options->link_count,
        .has_nonrandom_trace_id = has_nonrandom_trace_id(start),
    };
    tote__sampling_result_init(&result,
                               start->parent_context ? start->parent_context->trace_state : NULL);
    start->decision = tote_sampler_should_sample(start->config->sampler, &parameters, &result);
    start->result = &result;
    tote_span *span = make_span(start, parent);
    start->result = NULL;
    tote__sampling_result_clear(&result);
    tote_context_unref(without_span);
    return span;
}

/*
 * Find the parent of the new span; only a valid one counts. A partial one may give a root span its
 * trace id. Returns the kind of parent. Spec:
 * trace/api.md#determining-the-parent-span-from-a-context
 */
static enum tote__parent_kind find_parent(struct start *start, const tote_context *parent) {
    const tote_span *span = start->options->root ? NULL : parent->span;

    start->parent_span = span;
    if (!span) {
        new_trace_id(start, &start->trace_id);
        return TOTE__NO_PARENT;
    }
    const tote_span_context *context = &span->context;
    enum tote__parent_kind kind = tote__parent_kind_of(context);
    if (tote__span_context_is_valid(context)) {
        start->parent_context = context;
        start->trace_id = context->trace_id;
    } else if ((context->hints & TOTE__PARTIAL) && tote__trace_id_is_valid(&context->trace_id)) {
        start->has_remote_trace_id = true;
        start->trace_id = context->trace_id;
    } else {
        new_trace_id(start, &start->trace_id);
    }
    return kind;
}

static tote_span *start_running(struct start *start, const tote_context *parent) {
    enum tote__parent_kind kind = find_parent(start, parent);
    int known = start->config->sampler->known[kind];
    bool sees_no_parent = start->options->root && parent->span; /* also not to processors */
    if (known == TOTE__ASK_SAMPLER || (sees_no_parent && start->config->has_on_start)) {
        return make_asked_span(start, parent);
    }
    start->decision = (tote_sampling_decision)known;
    return make_span(start, parent);
}

/*
 * Report a span after the shutdown, which is not recorded. The SDK may be a later one than the
 * tracer's.
 */
static void note_late(const struct core_config *config, struct thread_state *thread,
                      const tote_tracer *tracer, const char *name) {
    if (config && (!tracer->provider || tracer->run == config->origin.run)) {
        tote__count(&tote__core_counters(thread, config->origin.slot, config->origin.run)->late);
    }
    tote__unrecorded_report_late(tracer->provider, name);
}

tote_span *tote__core_start_span(tote_tracer_provider *provider, tote_tracer *tracer,
                                 const char *name, const tote_span_options *options,
                                 const tote_context *parent, tote_store *store) {
    struct tote_sdk *core = (struct tote_sdk *)provider;
    struct thread_state *thread = tote__thread_state();
    tote_span *span = NULL;

    if (!thread) {
        return NULL;
    }
    struct core_config *config = tote__core_enter(core, thread);
    if (tote__unlikely(!tote__core_serves(config, tracer))) {
        note_late(config, thread, tracer, name);
    } else if (tote__core_enables(config, tracer)) {
        if (tote__unlikely(
                atomic_load_explicit(&config->resource_generation, memory_order_acquire) !=
                thread->owned.generation)) {
            tote__core_renew_resource(config);
        }
        struct start start = {.config = config,
                              .thread = thread,
                              .tracer = tracer,
                              .name = name,
                              .options = options,
                              .store = store};
        span = start_running(&start, parent);
    }
    tote__core_leave(thread);
    return span;
}
