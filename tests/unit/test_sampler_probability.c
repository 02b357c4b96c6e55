/* SPDX-License-Identifier: MIT */
/* `th` and `rv` of spans, and what samplers do besides the decision. */
#include "sdk_fixture.h"

#include <stdio.h>
#include <string.h>

#include "parent.h"
#include "tote/internal/sampling.h"

/* The randomness of this trace is c0000000000000. */
static const tote_trace_id some_trace = {
    {0x0A, 0xF7, 0x65, 0x19, 0x16, 0xCD, 0x43, 0xDD, 0x84, 0xC0, 0, 0, 0, 0, 0, 0}};
static const uint8_t sampled = TOTE_TRACE_FLAG_SAMPLED | TOTE_TRACE_FLAG_RANDOM;

static tote_context *remote_parent(uint8_t flags, const char *trace_state, bool is_remote) {
    static const tote_span_id span_id = {{0xB7}};

    return with_parent(&some_trace, &span_id, flags, trace_state, is_remote);
}

static tote_span *start_under(const struct sdk_fixture *f, const tote_context *parent) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = parent;
    return tote_tracer_start_span(f->tracer, "work", &options);
}

/* Assert the trace state of a span that starts under a parent, and whether it is sampled. */
static void assert_child(const struct sdk_fixture *f, const tote_context *parent, bool is_sampled,
                         const char *expected) {
    char header[512];
    tote_span *span = start_under(f, parent);
    const tote_span_context *context = tote_span_get_context(span);

    tote_trace_state_to_header(tote_span_context_get_trace_state(context), header, sizeof header);
    assert_string_equal(header, expected);
    assert_int_equal(tote_span_context_is_sampled(context), is_sampled);
    tote_span_close(&span);
}

static struct sdk_fixture *start_with(void **state, tote_sampler *sampler) {
    struct sdk_fixture *f = *state;

    f->settings.sampler = sampler;
    return sdk_fixture_start(state);
}

struct child_row {
    uint8_t parent_flags;
    const char *parent_state;
    bool is_sampled;
    const char *expected;
};

static void assert_children(struct sdk_fixture *f, const struct child_row *rows, size_t count) {
    for (size_t i = 0; i < 2 * count; i++) {
        const struct child_row *row = &rows[i / 2];
        tote_context *parent = remote_parent(row->parent_flags, row->parent_state, i % 2 == 0);
        assert_child(f, parent, row->is_sampled, row->expected);
        tote_context_unref(parent);
    }
}

/* Spec: trace/tracestate-probability-sampling.md#parent-based-threshold */
static void a_parent_based_sampler_keeps_only_a_consistent_threshold(void **state) {
    static const struct child_row rows[] = {
        {3, "ot=th:8", true, "ot=th:8"},
        {3, "ot=th:c", true, "ot=th:c"},
        {3, "ot=th:c1", true, ""}, /* the randomness is less */
        {2, "ot=th:8", false, ""}, /* not sampled, but the randomness is more */
        {2, "ot=th:d", false, ""}, /* not sampled: there is no probability */
        {3, "a=1,ot=th:d;x:y,b=2", true, "ot=x:y,a=1,b=2"},
        {3, "ot=rv:d0000000000000;th:d", true, "ot=rv:d0000000000000;th:d"},
        {3, "ot=rv:10000000000000;th:8", true, "ot=rv:10000000000000"},
        {3, "ot=th:8;th:9;x:y", true, "ot=th:8;th:9;x:y"}, /* the first one counts */
        {3, "ot=th:XY", true, "ot=th:XY"},                 /* not a threshold */
        {3, "a=1", true, "a=1"},
    };
    struct sdk_fixture *f = start_with(state, NULL);

    assert_children(f, rows, TOTE_COUNT_OF(rows));
}

/* Spec: trace/tracestate-probability-sampling.md#general-requirements */
static void samplers_that_ignore_the_parent_do_not_keep_its_threshold(void **state) {
    static const struct child_row rows[] = {
        {3, "ot=th:8,a=1", true, "a=1"}, {2, "ot=th:8,a=1", true, "a=1"}, {3, "a=1", true, "a=1"}};
    struct sdk_fixture *f = start_with(state, tote_sampler_always_on_new());

    assert_children(f, rows, TOTE_COUNT_OF(rows));
}

static void a_dropped_span_has_no_threshold(void **state) {
    static const struct child_row rows[] = {
        {3, "ot=th:8,a=1", false, "a=1"},
        {3, "ot=th:8;rv:90000000000000", false, "ot=rv:90000000000000"}};
    struct sdk_fixture *f = start_with(state, tote_sampler_always_off_new());

    assert_children(f, rows, TOTE_COUNT_OF(rows));
}

/* A sampler of the program: it samples, and sets this trace state if it is not NULL. */
static tote_sampling_decision set_trace_state(void *self,
                                              const tote_sampling_parameters *parameters,
                                              tote_sampling_result *result) {
    const char *header = self;

    (void)parameters;
    if (header) {
        tote_trace_state *list = tote_trace_state_from_header(header, strlen(header));
        tote_sampling_result_set_trace_state(result, list);
        tote_trace_state_unref(list);
    }
    return TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE;
}

static tote_sampler *setter_of(char *header) {
    static const tote_sampler_ops ops = {.struct_size = sizeof ops,
                                         .should_sample = set_trace_state};

    return tote_sampler_new(&ops, header);
}

static void a_sampler_that_sets_no_trace_state_does_not_answer_for_a_threshold(void **state) {
    static const struct child_row rows[] = {{3, "ot=th:8,a=1", true, "a=1"},
                                            {3, "a=1", true, "a=1"}};
    struct sdk_fixture *f = start_with(state, setter_of(NULL));

    assert_children(f, rows, TOTE_COUNT_OF(rows));
}

static void a_threshold_that_a_sampler_sets_must_match_its_decision(void **state) {
    static const struct child_row rows[] = {{3, "ot=th:8", true, "b=1"}};
    char header[] = "ot=th:f,b=1";
    struct sdk_fixture *f = start_with(state, setter_of(header));

    assert_children(f, rows, TOTE_COUNT_OF(rows));
}

static void a_threshold_that_a_sampler_sets_is_kept(void **state) {
    static const struct child_row rows[] = {{3, "ot=th:8", true, "ot=th:4"}};
    char header[] = "ot=th:4";
    struct sdk_fixture *f = start_with(state, setter_of(header));

    assert_children(f, rows, TOTE_COUNT_OF(rows));
}

/* Spec: trace/sdk.md#probabilitysampler */
static void a_sampled_share_of_sampled_parents_has_the_greater_threshold(void **state) {
    static const struct child_row rows[] = {
        {3, "ot=th:4", true, "ot=th:8"},
        {3, "ot=th:a", true, "ot=th:a"},
        {3, "a=1", true, "a=1"}, /* the probability of the parent is unknown */
        {2, "ot=th:4", false, ""},
    };
    tote_parent_based_options options = TOTE_PARENT_BASED_OPTIONS_INIT;
    options.remote_parent_sampled = tote_sampler_probability_new(0.5);
    options.local_parent_sampled = tote_sampler_probability_new(0.5);
    struct sdk_fixture *f = start_with(state, tote_sampler_parent_based_new(&options));

    assert_children(f, rows, TOTE_COUNT_OF(rows));
}

/* Spec: trace/sdk.md#compatibility-warnings-for-probabilitysampler */
static void a_missing_random_flag_is_reported_once(void **state) {
    struct sdk_fixture *f = start_with(state, tote_sampler_probability_new(0.5));
    const uint8_t flags[] = {sampled, TOTE_TRACE_FLAG_SAMPLED, TOTE_TRACE_FLAG_SAMPLED};

    for (size_t i = 0; i < TOTE_COUNT_OF(flags); i++) {
        tote_context *parent = remote_parent(flags[i], "", true);
        assert_child(f, parent, true, "ot=th:8");
        assert_int_equal(f->diagnostics, i ? 1 : 0);
        tote_context_unref(parent);
    }
    assert_non_null(strstr(f->last_diagnostic, "ProbabilitySampler{0.500000} assumes that trace "));
}

static void explicit_randomness_needs_no_random_flag(void **state) {
    struct sdk_fixture *f = start_with(state, tote_sampler_probability_new(0.5));
    tote_context *parent = remote_parent(TOTE_TRACE_FLAG_SAMPLED, "ot=rv:70000000000000", true);

    assert_child(f, parent, false, "ot=rv:70000000000000");
    assert_int_equal(f->diagnostics, 0);
    tote_context_unref(parent);
}

static void count_up(void *self, tote_trace_id *id) {
    ++*(uint32_t *)self;
    memset(id, 0, sizeof *id);
    memcpy(id, self, sizeof(uint32_t));
}

static void count_up_span(void *self, tote_span_id *id) {
    ++*(uint32_t *)self;
    memcpy(id, self, sizeof(uint32_t));
}

/* The trace ids count: without `rv` no span was sampled. */
static void start_roots(void **state, tote_sampler *sampler, bool is_random, int *sampled_count,
                        int *rv_count) {
    static uint32_t number;
    const tote_id_generator_ops ops = {.struct_size = sizeof ops,
                                       .new_trace_id = count_up,
                                       .new_span_id = count_up_span,
                                       .is_random = is_random};
    struct sdk_fixture *f = *state;
    f->settings.id_generator = tote_id_generator_new(&ops, &number);
    start_with(state, sampler);

    for (int i = 0; i < 200; i++) {
        size_t length = 0;
        tote_span *span = start_under(f, tote_context_root());
        const tote_span_context *context = tote_span_get_context(span);
        const tote_trace_state *list = tote_span_context_get_trace_state(context);
        *sampled_count += tote_span_context_is_sampled(context);
        *rv_count += tote_trace_state_get_ot(list, "rv", &length) && length == 14;
        assert_int_equal(tote_trace_state_get_ot(list, "th", NULL) != NULL,
                         tote_span_context_is_sampled(context));
        tote_span_close(&span);
    }
}

/* Spec: trace/sdk.md#root-samplers-set-explicit-randomness-for-non-random-traceids */
static void a_root_whose_trace_id_is_not_random_gets_explicit_randomness(void **state) {
    int sampled_count = 0;
    int rv_count = 0;
    tote_parent_based_options options = TOTE_PARENT_BASED_OPTIONS_INIT;

    options.root = tote_sampler_probability_new(0.5);
    start_roots(state, tote_sampler_parent_based_new(&options), false, &sampled_count, &rv_count);
    assert_int_equal(rv_count, 200);
    assert_in_range(sampled_count, 40, 160);
}

static void a_root_of_a_random_generator_gets_no_explicit_randomness(void **state) {
    int sampled_count = 0;
    int rv_count = 0;

    start_roots(state, tote_sampler_composite_new(tote_composable_sampler_probability_new(0.5)),
                true, &sampled_count, &rv_count);
    assert_int_equal(rv_count, 0);
    assert_int_equal(sampled_count, 0);
}

/* Spec: trace/sdk.md#alwaysrecord. Compliance: TR-64 */
static void always_record_records_what_its_root_drops(void **state) {
    struct sdk_fixture *f =
        start_with(state, tote_sampler_always_record_new(tote_sampler_parent_based_new(NULL)));
    const struct child_row rows[] = {{2, "ot=th:d,a=1", false, "a=1"},
                                     {3, "ot=th:8,a=1", true, "ot=th:8,a=1"}};

    assert_children(f, rows, TOTE_COUNT_OF(rows));
    assert_int_equal(f->started, 4);
    assert_int_equal(f->ended, 4);
}

/* A sampler that counts calls of `shutdown` and `destroy`. */
struct calls {
    int shutdown;
    int destroyed;
    tote_sampling_decision decision;
};

static tote_sampling_decision add_and_decide(void *self, const tote_sampling_parameters *parameters,
                                             tote_sampling_result *result) {
    const struct calls *calls = self;

    (void)parameters;
    tote_sampling_result_set_attribute(result, "good", tote_int(1));
    tote_sampling_result_set_attribute(result, "", tote_int(1));
    tote_sampling_result_set_attribute(result, NULL, tote_int(1));
    return calls->decision;
}

static tote_result count_shutdown(void *self, uint32_t timeout_ms) {
    struct calls *calls = self;

    assert_int_equal(calls->destroyed, 0);
    assert_true(timeout_ms <= 1000);
    calls->shutdown++;
    return TOTE_RESULT_TIMEOUT;
}

static void count_destroyed(void *self) {
    ((struct calls *)self)->destroyed++;
}

static tote_sampler *counting(struct calls *calls) {
    static const tote_sampler_ops ops = {.struct_size = sizeof ops,
                                         .should_sample = add_and_decide,
                                         .destroy = count_destroyed,
                                         .shutdown = count_shutdown};

    return tote_sampler_new(&ops, calls);
}

/* Spec: trace/sdk.md#alwaysrecord */
static void always_record_leaves_other_decisions_and_attributes_unchanged(void **state) {
    static const tote_sampling_decision decisions[][2] = {
        {TOTE_SAMPLING_DECISION_DROP, TOTE_SAMPLING_DECISION_RECORD_ONLY},
        {TOTE_SAMPLING_DECISION_RECORD_ONLY, TOTE_SAMPLING_DECISION_RECORD_ONLY},
        {TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE, TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE}};
    const tote_sampling_parameters parameters = {.struct_size = sizeof parameters,
                                                 .trace_id = &some_trace};
    char text[64];

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(decisions); i++) {
        struct calls calls = {0, 0, decisions[i][0]};
        tote_sampler *sampler = tote_sampler_always_record_new(counting(&calls));
        struct tote_sampling_result result;
        tote__sampling_result_init(&result, NULL);
        assert_int_equal(tote_sampler_should_sample(sampler, &parameters, &result),
                         decisions[i][1]);
        assert_int_equal(result.attributes.count, 1);
        tote__sampling_result_clear(&result);
        tote_sampler_free(sampler);
        assert_int_equal(calls.destroyed, 1);
    }
    tote_sampler *sampler = tote_sampler_always_record_new(tote_sampler_always_off_new());
    tote_sampler_get_description(sampler, text, sizeof text);
    assert_string_equal(text, "AlwaysRecordSampler{AlwaysOffSampler}");
    tote_sampler_free(sampler);
    tote_sampler_free(tote_sampler_always_record_new(NULL));
}

/* Spec: trace/sdk.md#shutdown. All delegates are reached. */
static void shutdown_of_a_sampler_is_called_once_by_that_of_the_sdk(void **state) {
    struct calls calls[3] = {{0, 0, TOTE_SAMPLING_DECISION_DROP}};
    tote_parent_based_options options = TOTE_PARENT_BASED_OPTIONS_INIT;
    options.root = tote_sampler_always_record_new(counting(&calls[0]));
    options.local_parent_sampled = counting(&calls[1]);
    options.remote_parent_undecided = counting(&calls[2]);
    struct sdk_fixture *f = start_with(state, tote_sampler_parent_based_new(&options));

    assert_int_equal(tote_sdk_shutdown(f->sdk, 1000), TOTE_RESULT_TIMEOUT);
    assert_int_equal(tote_sdk_shutdown(f->sdk, 1000), TOTE_RESULT_SUCCESS);
    tote_sdk_close(&f->sdk, 1000);
    for (size_t i = 0; i < TOTE_COUNT_OF(calls); i++) {
        assert_int_equal(calls[i].shutdown, 1);
        assert_int_equal(calls[i].destroyed, 1);
    }
    assert_int_equal(tote_sampler_shutdown(NULL, 0), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_sampler_shutdown(tote_sampler_always_on_new(), 0), TOTE_RESULT_SUCCESS);
}

/* Spec: common/README.md#attribute-limits */
static void attributes_that_a_sampler_loses_are_counted_by_the_span(void **state) {
    static struct calls calls = {0, 0, TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE};
    struct sdk_fixture *f = start_with(state, counting(&calls));
    tote_span *span = start_under(f, tote_context_root());

    tote_span_close(&span);
    assert_int_equal(tote_span_data_get_dropped_attribute_count(sdk_fixture_only_span(f)), 2);
}

static void ratios_of_probability_are_checked_and_described(void **state) {
    static const struct {
        double ratio;
        const char *description;
        size_t diagnostics;
    } rows[] = {{0.1, "ProbabilitySampler{0.100000}", 0},
                {1, "ProbabilitySampler{1.000000}", 0},
                {0, "ProbabilitySampler{0.000000}", 0},
                {1.1, "AlwaysOffSampler", 1},
                {-1, "AlwaysOffSampler", 1}};
    const struct sdk_fixture *f = *state;

    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        char text[64];
        size_t before = f->diagnostics;
        tote_sampler *sampler = tote_sampler_probability_new(rows[i].ratio);
        tote_sampler_get_description(sampler, text, sizeof text);
        assert_string_equal(text, rows[i].description);
        assert_int_equal(f->diagnostics - before, rows[i].diagnostics);
        tote_sampler_free(sampler);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(a_parent_based_sampler_keeps_only_a_consistent_threshold),
        SDK_TEST(samplers_that_ignore_the_parent_do_not_keep_its_threshold),
        SDK_TEST(a_dropped_span_has_no_threshold),
        SDK_TEST(a_sampler_that_sets_no_trace_state_does_not_answer_for_a_threshold),
        SDK_TEST(a_threshold_that_a_sampler_sets_must_match_its_decision),
        SDK_TEST(a_threshold_that_a_sampler_sets_is_kept),
        SDK_TEST(a_sampled_share_of_sampled_parents_has_the_greater_threshold),
        SDK_TEST(a_missing_random_flag_is_reported_once),
        SDK_TEST(explicit_randomness_needs_no_random_flag),
        SDK_TEST(a_root_whose_trace_id_is_not_random_gets_explicit_randomness),
        SDK_TEST(a_root_of_a_random_generator_gets_no_explicit_randomness),
        SDK_TEST(always_record_records_what_its_root_drops),
        SDK_TEST(always_record_leaves_other_decisions_and_attributes_unchanged),
        SDK_TEST(shutdown_of_a_sampler_is_called_once_by_that_of_the_sdk),
        SDK_TEST(attributes_that_a_sampler_loses_are_counted_by_the_span),
        SDK_TEST(ratios_of_probability_are_checked_and_described),
    };
    return RUN_TESTS(tests, argc, argv);
}
