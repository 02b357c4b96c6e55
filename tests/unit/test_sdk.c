/* SPDX-License-Identifier: MIT */
#include "sdk_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "parent.h"
#include "span.h"
#include "tote/internal/clock.h"

/* A context with a remote or a local span. */
static tote_context *context_with_parent(uint8_t flags, const char *trace_state, bool is_remote) {
    const tote_trace_id trace_id = {{0x0a, 0xf7}};
    const tote_span_id span_id = {{0xb7}};

    return with_parent(&trace_id, &span_id, flags, trace_state, is_remote);
}

static tote_span *start_under(struct sdk_fixture *f, const tote_context *context) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = context;
    return tote_tracer_start_span(f->tracer, "work", &options);
}

/* The decision of the test's sampler. */
struct decision {
    tote_sampling_decision decision;
    bool clears_trace_state;
    size_t asked;
};

static tote_sampling_decision decide(void *self, const tote_sampling_parameters *parameters,
                                     tote_sampling_result *result) {
    struct decision *decision = self;

    (void)parameters;
    decision->asked++;
    tote_sampling_result_set_attribute(result, "sampler", tote_string("test"));
    if (decision->clears_trace_state) {
        tote_sampling_result_set_trace_state(result, NULL);
    }
    return decision->decision;
}

static tote_sampler *sampler_of(struct decision *decision) {
    static const tote_sampler_ops ops = {.struct_size = sizeof ops, .should_sample = decide};

    return tote_sampler_new(&ops, decision);
}

/* Compliance: TR-11, TR-19 */
static void a_root_has_new_random_ids_and_the_flags_of_its_decision(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *first = start_under(f, tote_context_root());
    tote_span *second = start_under(f, tote_context_root());
    const tote_span_context *context = tote_span_get_context(first);

    assert_true(tote_span_context_is_valid(context));
    assert_int_equal(tote_span_context_get_trace_flags(context), 0x03);
    assert_memory_not_equal(tote_span_context_get_trace_id(context),
                            tote_span_context_get_trace_id(tote_span_get_context(second)), 16);
    tote_span_close(&first);
    tote_span_close(&second);
    assert_false(tote_span_context_is_valid(tote_span_data_get_parent(f->spans[0])));
}

/* A child copies the random flag, and is not remote itself. Compliance: TR-17, TR-19, TR-22 */
static void a_child_of_a_remote_parent_continues_its_trace(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_context *remote = context_with_parent(TOTE_TRACE_FLAG_SAMPLED, "foo=1", true);
    tote_span *span = start_under(f, remote);
    const tote_span_context *context = tote_span_get_context(span);
    const tote_span_context *parent = tote_span_get_context(tote_context_get_span(remote));
    char header[16];

    assert_memory_equal(tote_span_context_get_trace_id(context),
                        tote_span_context_get_trace_id(parent), 16);
    assert_memory_not_equal(tote_span_context_get_span_id(context),
                            tote_span_context_get_span_id(parent), 8);
    assert_int_equal(tote_span_context_get_trace_flags(context), 0x01);
    assert_false(tote_span_context_is_remote(context));
    tote_trace_state_to_header(tote_span_context_get_trace_state(context), header, sizeof header);
    assert_string_equal(header, "foo=1");
    tote_span_close(&span);
    assert_true(tote_span_context_is_remote(tote_span_data_get_parent(sdk_fixture_only_span(f))));
    tote_context_unref(remote);
}

/* Spec: trace/sdk.md#sdk-span-creation. Compliance: TR-56 */
static void a_dropped_span_has_a_new_id_and_keeps_trace_and_random_flag(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.sampler = tote_sampler_always_off_new();
    sdk_fixture_start(state);
    tote_context *remote =
        context_with_parent(TOTE_TRACE_FLAG_SAMPLED | TOTE_TRACE_FLAG_RANDOM, "foo=1", true);
    tote_span *span = start_under(f, remote);
    const tote_span_context *context = tote_span_get_context(span);
    const tote_span_context *parent = tote_span_get_context(tote_context_get_span(remote));

    assert_false(tote_span_is_recording(span));
    assert_int_equal(tote_span_context_get_trace_flags(context), TOTE_TRACE_FLAG_RANDOM);
    assert_memory_equal(tote_span_context_get_trace_id(context),
                        tote_span_context_get_trace_id(parent), 16);
    assert_memory_not_equal(tote_span_context_get_span_id(context),
                            tote_span_context_get_span_id(parent), 8);
    assert_non_null(tote_span_context_get_trace_state(context));
    tote_span_close(&span);
    assert_int_equal(f->started + f->ended, 0);
    tote_context_unref(remote);
}

/* Spec: trace/sdk.md#recording-sampled-reaction-table */
static void a_record_only_span_is_not_sampled(void **state) {
    struct decision decision = {.decision = TOTE_SAMPLING_DECISION_RECORD_ONLY};
    struct sdk_fixture *f = *state;
    f->settings.sampler = sampler_of(&decision);
    sdk_fixture_start(state);
    tote_span *span = start_under(f, tote_context_root());

    assert_true(tote_span_is_recording(span));
    assert_false(tote_span_context_is_sampled(tote_span_get_context(span)));
    tote_span_close(&span);
    assert_non_null(tote_span_data_get_attribute(sdk_fixture_only_span(f), "sampler"));
}

/* Spec: trace/sdk.md#shouldsample. Compliance: TR-53 */
static void a_sampler_may_clear_the_trace_state(void **state) {
    struct decision decision = {.decision = TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE,
                                .clears_trace_state = true};
    struct sdk_fixture *f = *state;
    f->settings.sampler = sampler_of(&decision);
    sdk_fixture_start(state);
    tote_context *remote = context_with_parent(TOTE_TRACE_FLAG_SAMPLED, "foo=1", true);
    tote_span *span = start_under(f, remote);

    assert_null(tote_span_context_get_trace_state(tote_span_get_context(span)));
    tote_span_close(&span);
    tote_context_unref(remote);
}

static tote_sampling_decision note_parent(void *self, const tote_sampling_parameters *parameters,
                                          tote_sampling_result *result) {
    (void)result;
    *(const tote_context **)self = parameters->parent;
    return TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE;
}

static void note_parent_on_start(void *self, tote_span *span, const tote_context *parent) {
    (void)span;
    *(const tote_context **)self = parent;
}

/* Compliance: TR-24, TR-54 */
static void a_sampler_and_a_processor_get_the_whole_context_of_the_parent(void **state) {
    static const tote_sampler_ops sampler = {.struct_size = sizeof sampler,
                                             .should_sample = note_parent};
    static const tote_span_processor_ops ops = {.struct_size = sizeof ops,
                                                .on_start = note_parent_on_start};
    const tote_context *sampled = NULL;
    const tote_context *started = NULL;
    struct sdk_fixture *f = *state;
    tote_span_processor *processor = tote_span_processor_new(&ops, &started);
    f->settings.sampler = tote_sampler_new(&sampler, &sampled);
    f->settings.processors = &processor;
    f->settings.processor_count = 1;
    sdk_fixture_start(state);
    tote_context *parent = context_with_parent(TOTE_TRACE_FLAG_SAMPLED, "foo=1", true);

    tote_span *span = start_under(f, parent);
    assert_ptr_equal(sampled, parent);
    assert_ptr_equal(started, parent);
    tote_span_close(&span);
    tote_context_unref(parent);
}

/* Spec: trace/api.md#determining-the-parent-span-from-a-context. Compliance: TR-21 */
static void without_a_parent_in_its_options_a_span_is_a_child_of_the_current_span(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *outer = start_under(f, tote_context_root());
    tote_context *context = tote_context_with_span(NULL, outer);
    tote_context_token token = tote_context_attach(context);

    tote_span *inner = start_under(f, TOTE_CONTEXT_CURRENT);
    tote_context_detach(token);
    tote_span_close(&inner);
    assert_memory_equal(tote_span_context_get_span_id(tote_span_data_get_parent(f->spans[0])),
                        tote_span_context_get_span_id(tote_span_get_context(outer)), 8);
    tote_context_unref(context);
    tote_span_close(&outer);
}

/* `root` starts a new trace. Spec: trace/api.md#span-creation. Compliance: TR-20 */
static void a_root_span_ignores_the_parent(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_context *parent = context_with_parent(0, "foo=1", true);
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    options.parent = parent;
    options.root = true;
    tote_span *span = tote_tracer_start_span(f->tracer, "work", &options);

    assert_true(tote_span_context_is_sampled(tote_span_get_context(span)));
    assert_memory_not_equal(
        tote_span_context_get_trace_id(tote_span_get_context(span)),
        tote_span_context_get_trace_id(tote_span_get_context(tote_context_get_span(parent))), 16);
    tote_span_close(&span);
    assert_false(tote_span_context_is_valid(tote_span_data_get_parent(sdk_fixture_only_span(f))));
    tote_context_unref(parent);
}

/* Local children share the anchor of their root; explicit times are unchanged. */
static void local_spans_of_a_trace_share_one_clock_anchor(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.now_unix_nano = NULL;
    sdk_fixture_start(state);
    tote_span *root = start_under(f, tote_context_root());
    tote_context *context = tote_context_with_span(tote_context_root(), root);
    tote_span *child = start_under(f, context);
    tote_span_close(&child);
    tote_span_end(root, 1ULL << 62);
    tote_span_unref(root);
    tote_context_unref(context);

    uint64_t root_start = tote_span_data_get_start_time_unix_nano(f->spans[1]);
    uint64_t child_start = tote_span_data_get_start_time_unix_nano(f->spans[0]);
    assert_true(root_start > 1600000000ULL * 1000000000ULL);
    assert_true(child_start >= root_start);
    assert_true(tote_span_data_get_end_time_unix_nano(f->spans[0]) >= child_start);
    assert_int_equal(tote_span_data_get_end_time_unix_nano(f->spans[1]), 1ULL << 62);
}

/* tote_sdk_options.now_unix_nano */
static void a_clock_without_a_time_is_replaced_by_the_real_time(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    f->now = 0;
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);
    tote_span_close(&span);
    uint64_t start = tote_span_data_get_start_time_unix_nano(f->spans[0]);
    assert_true(start > 1600000000ULL * 1000000000ULL);
    assert_true(tote_span_data_get_end_time_unix_nano(f->spans[0]) >= start);
    assert_int_equal(f->diagnostics, 0);
}

/* Move the start of the span and its anchor back, on both clocks. */
static void make_older(tote_span *base, int64_t realtime_s, int64_t monotonic_s) {
    struct span *span = (struct span *)base;

    span->anchor_realtime -= (uint64_t)realtime_s * 1000000000ULL;
    span->facts.start_time_unix_nano = span->anchor_realtime;
    span->anchor_monotonic -= (uint64_t)monotonic_s * 1000000000ULL;
}

static uint64_t start_time_of(const tote_span *span) {
    return ((const struct span *)span)->facts.start_time_unix_nano;
}

/* The real-time clock was set, or the machine was suspended, while a root span was open. */
static void children_of_a_long_lived_root_use_the_current_real_time_clock(void **state) {
    enum { SLACK_S = 10 };
    static const struct {
        int64_t realtime_s;
        int64_t monotonic_s;
        int64_t late_s; /* how long before now the child starts */
    } cases[] = {
        {7200, 3600, 0},  /* the clock was set forward by an hour */
        {60, 3600, 0},    /* it was set back, ... */
        {-60, 3600, -60}, /* ... before the start of the root */
        {90, 5, 85},      /* a recent anchor is shared */
    };
    struct sdk_fixture *f = *state;
    f->settings.now_unix_nano = NULL;
    sdk_fixture_start(state);

    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        tote_span *root = start_under(f, tote_context_root());
        make_older(root, cases[i].realtime_s, cases[i].monotonic_s);
        tote_context *context = tote_context_with_span(tote_context_root(), root);
        tote_span *child = start_under(f, context);
        int64_t late_ns = (int64_t)(tote__clock_realtime() - start_time_of(child));
        assert_in_range(late_ns / 1000000000 - cases[i].late_s + SLACK_S, 0, 2 * SLACK_S);
        assert_true(start_time_of(child) >= start_time_of(root));
        tote_context *below = tote_context_with_span(context, child);
        tote_span *grandchild = start_under(f, below);
        assert_true(start_time_of(grandchild) >= start_time_of(child));
        tote_span_close(&grandchild);
        tote_span_close(&child);
        tote_span_close(&root);
        tote_context_unref(below);
        tote_context_unref(context);
    }
    assert_int_equal(f->diagnostics, 0);
}

/* Spec: trace/api.md#end */
static void a_span_does_not_end_before_it_starts(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    options.start_time_unix_nano = 7000;
    tote_span *given_start = tote_tracer_start_span(f->tracer, "in the future", &options);
    f->now = 5000;
    tote_span *given_end = tote_tracer_start_span(f->tracer, "given end", NULL);
    tote_span *set_back = tote_tracer_start_span(f->tracer, "clock set back", NULL);

    tote_span_close(&given_start);
    assert_int_equal(f->diagnostics, 1);
    assert_non_null(strstr(f->last_diagnostic, "\"in the future\" ended 2000 ns before its start"));
    tote_span_end(given_end, 4999);
    tote_span_unref(given_end);
    f->now = 3000;
    tote_span_close(&set_back);
    const uint64_t times[] = {7000, 5000, 5000};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tote_span_data_get_start_time_unix_nano(f->spans[i]), times[i]);
        assert_int_equal(tote_span_data_get_end_time_unix_nano(f->spans[i]), times[i]);
    }
}

static void a_child_does_not_start_before_its_parent_after_the_clock_was_set_back(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *parent = tote_tracer_start_span(f->tracer, "parent", NULL);
    tote_context *context = tote_context_with_span(tote_context_root(), parent);
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    options.parent = context;

    f->now = 10;
    tote_span *child = tote_tracer_start_span(f->tracer, "child", &options);
    options.start_time_unix_nano = 20; /* times of the program are unchanged */
    tote_span *queued = tote_tracer_start_span(f->tracer, "queued", &options);
    tote_span_end(child, 1500);
    tote_span_end(queued, 30);
    assert_int_equal(tote_span_data_get_start_time_unix_nano(f->spans[0]), 1000);
    assert_int_equal(tote_span_data_get_start_time_unix_nano(f->spans[1]), 20);
    assert_int_equal(f->diagnostics, 0);
    tote_span_unref(child);
    tote_span_unref(queued);
    tote_span_close(&parent);
    tote_context_unref(context);
}

static tote_sampling_decision decide_with_unusable(void *self,
                                                   const tote_sampling_parameters *parameters,
                                                   tote_sampling_result *result) {
    (void)self, (void)parameters;
    tote_sampling_result_set_attribute(result, "", tote_int(1));
    tote_sampling_result_set_attribute(result, NULL, tote_int(1));
    tote_sampling_result_set_attribute(result, "kept", tote_int(1));
    return TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE;
}

/* Dropped attributes are counted. Spec: trace/sdk.md#span-limits */
static void attributes_of_a_sampler_that_cannot_be_kept_are_counted(void **state) {
    static const tote_sampler_ops ops = {.struct_size = sizeof ops,
                                         .should_sample = decide_with_unusable};
    struct sdk_fixture *f = *state;
    f->settings.sampler = tote_sampler_new(&ops, NULL);
    sdk_fixture_start(state);
    size_t count = 0;

    tote_span *span = start_under(f, tote_context_root());
    tote_span_close(&span);
    tote_span_data_get_attributes(sdk_fixture_only_span(f), &count);
    assert_int_equal(count, 1);
    assert_int_equal(tote_span_data_get_dropped_attribute_count(f->spans[0]), 2);
}

/* Spec: trace/sdk.md#enabled, trace/api.md#enabled */
static void a_tracer_is_enabled_while_an_sdk_with_a_processor_runs(void **state) {
    struct sdk_fixture *f = *state;
    tote_tracer *tracer = tote_get_tracer("test", "1.0");

    assert_false(tote_tracer_is_enabled(tracer, NULL));
    tote_sdk *without_processor = tote__sdk_new(&f->settings);
    assert_false(tote_tracer_is_enabled(tracer, NULL));
    tote_sdk_close(&without_processor, 1000);
    f->settings.sampler = tote_sampler_always_off_new(); /* may change with the trace */
    sdk_fixture_start(state);
    assert_true(tote_tracer_is_enabled(tracer, NULL));
    tote_context *suppressed = tote_context_with_suppression(tote_context_root());
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    options.parent = suppressed;
    assert_false(tote_tracer_is_enabled(tracer, &options));
    tote_context_unref(suppressed);
    tote_sdk_shutdown(f->sdk, 1000);
    assert_false(tote_tracer_is_enabled(tracer, NULL));
}

/* Only a valid parent has a trace to continue. Spec: trace/sdk.md#sdk-span-creation */
static void a_parent_without_a_span_id_or_a_trace_id_is_no_parent(void **state) {
    const tote_trace_id trace_id = {{0x0a, 0xf7}};
    const tote_span_id span_id = {{0xb7}};
    tote_span_context *const parents[] = {
        tote_span_context_new(&trace_id, NULL, TOTE_TRACE_FLAG_SAMPLED, NULL, true),
        tote_span_context_new(NULL, &span_id, TOTE_TRACE_FLAG_SAMPLED, NULL, false)};
    struct sdk_fixture *f = sdk_fixture_start(state);

    for (size_t i = 0; i < TOTE_COUNT_OF(parents); i++) {
        tote_span *invalid = tote_span_non_recording_new(parents[i]);
        tote_context *context = tote_context_with_span(tote_context_root(), invalid);
        tote_span *span = start_under(f, context);
        const tote_span_context *made = tote_span_get_context(span);
        assert_true(tote_span_context_is_valid(made));
        assert_memory_not_equal(tote_span_context_get_trace_id(made), &trace_id, 16);
        assert_memory_not_equal(tote_span_context_get_span_id(made), &span_id, 8);
        assert_int_equal(tote_span_context_get_trace_flags(made), 0x03);
        tote_span_close(&span);
        assert_false(tote_span_context_is_valid(tote_span_data_get_parent(f->spans[i])));
        tote_context_unref(context);
        tote_span_unref(invalid);
        tote_span_context_unref(parents[i]);
    }
}

/* Spec: trace/sdk.md#shutdown. Compliance: TR-07 */
static void after_shutdown_spans_continue_the_trace_and_record_nothing(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *open = start_under(f, tote_context_root());

    assert_int_equal(tote_sdk_shutdown(f->sdk, 60000), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_sdk_shutdown(f->sdk, 60000), TOTE_RESULT_SUCCESS);
    tote_context *context = tote_context_with_span(tote_context_root(), open);
    tote_span *late = start_under(f, context);
    assert_false(tote_span_is_recording(late));
    assert_memory_equal(tote_span_context_get_trace_id(tote_span_get_context(late)),
                        tote_span_context_get_trace_id(tote_span_get_context(open)), 16);
    tote_context_unref(context);
    tote_span_close(&late);
    tote_span_close(&open);
}

/* A tracer fetched before an SDK runs serves it, and the next one. Compliance: TR-05, TR-61 */
static void a_tracer_outlives_the_sdks_it_serves(void **state) {
    tote_tracer *early = tote_get_tracer("early", NULL);
    tote_span *span = tote_tracer_start_span(early, "before", NULL);
    assert_false(tote_span_is_recording(span));
    tote_span_close(&span);

    struct sdk_fixture *f = sdk_fixture_start(state);
    span = tote_tracer_start_span(early, "during", NULL);
    assert_true(tote_span_is_recording(span));
    tote_span_close(&span);
    assert_string_equal(tote_span_data_get_instrumentation_scope(sdk_fixture_only_span(f))->name,
                        "early");
}

/* A provider's own tracers do not change to another provider. Spec: trace/api.md#get-a-tracer */
static void an_sdk_that_is_not_global_has_its_own_tracers(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.is_global = false;
    sdk_fixture_start(state);
    tote_tracer_provider *provider = tote_sdk_ref_tracer_provider(f->sdk);
    tote_tracer *own = tote_tracer_provider_get_tracer(provider, "own", NULL);
    tote_tracer *global = tote_get_tracer("own", NULL);

    tote_span *span = tote_tracer_start_span(global, "nobody", NULL);
    assert_false(tote_span_is_recording(span));
    tote_span_close(&span);
    span = tote_tracer_start_span(own, "mine", NULL);
    tote_span_close(&span);
    assert_string_equal(tote_span_data_get_name(sdk_fixture_only_span(f)), "mine");
    tote_tracer_provider_unref(provider);
}

struct racers {
    tote_tracer *tracer;
    atomic_bool is_over;
    atomic_size_t starts;
};

static void *start_spans(void *arg) {
    struct racers *racers = arg;

    while (!atomic_load(&racers->is_over)) {
        tote_span *span = tote_tracer_start_span(racers->tracer, "race", NULL);
        tote_span_set_attribute(span, "key", tote_int(1));
        tote_span_close(&span);
        atomic_fetch_add(&racers->starts, 1);
    }
    return NULL;
}

static void ignore_span(void *self, const tote_span_data *span) {
    (void)span;
    atomic_fetch_add((atomic_size_t *)self, 1);
}

static void mark_destroyed(void *self) {
    atomic_store((atomic_size_t *)self, SIZE_MAX / 2);
}

/* An SDK ends while other threads start and end spans. Compliance: TR-15 */
static void an_sdk_may_end_while_threads_start_spans(void **state) {
    enum { ROUNDS = 50 };
    static const tote_span_processor_ops ops = {
        .struct_size = sizeof ops, .on_end = ignore_span, .destroy = mark_destroyed};
    static atomic_size_t seen[ROUNDS];
    struct sdk_fixture *f = *state;
    struct racers racers = {.tracer = tote_get_tracer("race", NULL)};
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, start_spans, &racers), 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        tote_span_processor *processor = tote_span_processor_new(&ops, &seen[round]);
        f->settings.processors = &processor;
        f->settings.processor_count = 1;
        f->settings.now_unix_nano = NULL;
        tote_sdk *sdk = tote__sdk_new(&f->settings);
        size_t before = atomic_load(&racers.starts);
        while (atomic_load(&racers.starts) < before + 100) {
            sched_yield();
        }
        tote_sdk_close(&sdk, 1000);
    }
    atomic_store(&racers.is_over, true);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    f->settings.processor_count = 0; /* its end frees what a late thread has kept */
    sdk_fixture_start(state);
    tote_sdk_close(&f->sdk, 1000);
    for (int round = 0; round < ROUNDS; round++) {
        assert_int_equal(atomic_load(&seen[round]), SIZE_MAX / 2); /* nothing after destroy */
    }
}

struct asker {
    tote_span *span;
    atomic_size_t asked;
    atomic_bool is_over;
};

static void *poll_is_recording(void *arg) {
    struct asker *asker = arg;

    while (!atomic_load_explicit(&asker->is_over, memory_order_relaxed)) {
        (void)tote_span_is_recording(asker->span);
        atomic_fetch_add_explicit(&asker->asked, 1, memory_order_release);
    }
    return NULL;
}

static void wait_for_poll(void *self, tote_span *span) {
    struct asker *asker = self;
    size_t asked = atomic_load(&asker->asked);

    (void)span;
    while (atomic_load(&asker->asked) < asked + 2) {
        sched_yield();
    }
}

/* For the thread sanitizer: is_recording takes no lock. Compliance: TR-32 */
static void a_span_may_end_while_another_thread_calls_is_recording(void **state) {
    static const tote_span_processor_ops ops = {.struct_size = sizeof ops,
                                                .on_ending = wait_for_poll};
    struct sdk_fixture *f = *state;
    struct asker asker = {.span = NULL};
    tote_span_processor *processor = tote_span_processor_new(&ops, &asker);
    pthread_t thread;
    f->settings.processors = &processor;
    f->settings.processor_count = 1;
    sdk_fixture_start(state);

    asker.span = tote_tracer_start_span(f->tracer, "shared", NULL);
    assert_int_equal(pthread_create(&thread, NULL, poll_is_recording, &asker), 0);
    tote_span_end(asker.span, 0);
    atomic_store_explicit(&asker.is_over, true, memory_order_relaxed);
    pthread_join(thread, NULL);
    assert_false(tote_span_is_recording(asker.span));
    tote_span_unref(asker.span);
}

static void a_span_that_ends_after_its_sdk_does_not_change_the_next_sdks_counts(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *late = tote_tracer_start_span(f->tracer, "late", NULL);
    tote_stats stats = TOTE_STATS_INIT;

    tote_sdk_close(&f->sdk, 1000);
    f->settings.processor_count = 0;
    sdk_fixture_start(state); /* with the same address */
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);
    tote_span_close(&late);
    tote_span_close(&span);
    assert_true(tote_sdk_get_stats(f->sdk, &stats));
    assert_int_equal(stats.started, 1);
    assert_int_equal(f->ended, 1);
}

/* A start that meets a close retries. A program that keeps the provider can cause this. */
static void a_start_does_not_revive_a_closed_sdk(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_tracer_provider *provider = tote_sdk_ref_tracer_provider(f->sdk);

    tote_sdk_close(&f->sdk, 1000);
    tote_tracer_provider_set_global(provider);
    f->sdk = tote__sdk_ref_global();
    tote_tracer_provider_set_global(NULL);
    tote_tracer_provider_unref(provider);
    assert_null(f->sdk);
}

/* The same during the shutdown: its last start was closed, and another reference is left. */
static void a_start_does_not_revive_an_sdk_that_was_shut_down(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_tracer_provider *provider = tote_sdk_ref_tracer_provider(f->sdk);
    tote_sdk *kept = tote_sdk_ref(f->sdk);

    tote_sdk_close(&f->sdk, 1000);
    tote_tracer_provider_set_global(provider);
    f->sdk = tote__sdk_ref_global();
    tote_sdk_unref(kept);
    tote_tracer_provider_unref(provider);
    assert_null(f->sdk);
    assert_null(tote_tracer_provider_ref_global());
}

static void exit_thread(void *self, const tote_span_data *span) {
    (void)self, (void)span;
    pthread_exit(NULL);
}

static void *end_span(void *span) {
    tote_span_end(span, 0);
    return NULL;
}

/* Or is cancelled in the write() of an exporter. */
static void a_thread_that_exits_in_a_callback_does_not_keep_the_sdk_alive(void **state) {
    static const tote_span_processor_ops ops = {
        .struct_size = sizeof ops, .on_end = exit_thread, .destroy = mark_destroyed};
    struct sdk_fixture *f = *state;
    atomic_size_t seen = 0;
    tote_span_processor *processor = tote_span_processor_new(&ops, &seen);
    pthread_t thread;
    f->settings.processors = &processor;
    f->settings.processor_count = 1;
    sdk_fixture_start(state);

    tote_span *span = tote_tracer_start_span(f->tracer, "last", NULL);
    assert_int_equal(pthread_create(&thread, NULL, end_span, span), 0);
    pthread_join(thread, NULL);
    tote_span_unref(span);
    tote_sdk_close(&f->sdk, 1000);
    assert_int_equal(atomic_load(&seen), SIZE_MAX / 2);
    assert_int_equal(f->diagnostics, 0);
}

enum { WRITERS = 2, EACH = 40 };

struct writer {
    tote_span *span;
    char name;
};

static void *write_attributes_and_events(void *arg) {
    const struct writer *writer = arg;
    char key[] = {writer->name, '.', 'x', '\0'};

    for (int i = 0; i < EACH; i++) {
        key[2] = (char)('0' + i);
        tote_span_set_attribute(writer->span, key, tote_int(i));
        tote_span_add_event(writer->span, key, NULL, 0, 0);
    }
    return NULL;
}

/*
 * The first access from another thread marks the span as shared. Spec:
 * trace/api.md#concurrency-requirements. Compliance: TR-32, TR-50
 */
static void several_threads_may_write_to_one_span(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    for (int round = 0; round < 50; round++) {
        atomic_store(&tote__thread_state()->sharing, SPANS_OWN);
        tote_span *span = tote_tracer_start_span(f->tracer, "shared", NULL);
        struct writer writers[WRITERS + 1] = {{span, 'a'}, {span, 'b'}, {span, 'c'}};
        pthread_t threads[WRITERS];
        for (size_t i = 0; i < WRITERS; i++) {
            assert_int_equal(
                pthread_create(&threads[i], NULL, write_attributes_and_events, &writers[i]), 0);
        }
        write_attributes_and_events(&writers[WRITERS]);
        for (size_t i = 0; i < WRITERS; i++) {
            pthread_join(threads[i], NULL);
        }
        assert_int_equal(atomic_load(&tote__thread_state()->sharing), SPANS_SHARED);
        tote_span_close(&span);
        size_t count;
        tote_span_data_get_attributes(f->spans[f->ended - 1], &count);
        assert_int_equal(count, (WRITERS + 1) * EACH);
        tote_span_data_get_events(f->spans[f->ended - 1], &count);
        assert_int_equal(count, (WRITERS + 1) * EACH);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(a_root_has_new_random_ids_and_the_flags_of_its_decision),
        SDK_TEST(a_child_of_a_remote_parent_continues_its_trace),
        SDK_TEST(a_dropped_span_has_a_new_id_and_keeps_trace_and_random_flag),
        SDK_TEST(a_record_only_span_is_not_sampled),
        SDK_TEST(a_sampler_may_clear_the_trace_state),
        SDK_TEST(a_sampler_and_a_processor_get_the_whole_context_of_the_parent),
        SDK_TEST(without_a_parent_in_its_options_a_span_is_a_child_of_the_current_span),
        SDK_TEST(a_root_span_ignores_the_parent),
        SDK_TEST(local_spans_of_a_trace_share_one_clock_anchor),
        SDK_TEST(a_clock_without_a_time_is_replaced_by_the_real_time),
        SDK_TEST(children_of_a_long_lived_root_use_the_current_real_time_clock),
        SDK_TEST(a_span_does_not_end_before_it_starts),
        SDK_TEST(a_child_does_not_start_before_its_parent_after_the_clock_was_set_back),
        SDK_TEST(attributes_of_a_sampler_that_cannot_be_kept_are_counted),
        SDK_TEST(a_tracer_is_enabled_while_an_sdk_with_a_processor_runs),
        SDK_TEST(a_parent_without_a_span_id_or_a_trace_id_is_no_parent),
        SDK_TEST(after_shutdown_spans_continue_the_trace_and_record_nothing),
        SDK_TEST(a_tracer_outlives_the_sdks_it_serves),
        SDK_TEST(an_sdk_that_is_not_global_has_its_own_tracers),
        SDK_TEST(an_sdk_may_end_while_threads_start_spans),
        SDK_TEST(a_span_may_end_while_another_thread_calls_is_recording),
        SDK_TEST(a_span_that_ends_after_its_sdk_does_not_change_the_next_sdks_counts),
        SDK_TEST(a_start_does_not_revive_a_closed_sdk),
        SDK_TEST(a_start_does_not_revive_an_sdk_that_was_shut_down),
        SDK_TEST(a_thread_that_exits_in_a_callback_does_not_keep_the_sdk_alive),
        SDK_TEST(several_threads_may_write_to_one_span),
    };
    return RUN_TESTS(tests, argc, argv);
}
