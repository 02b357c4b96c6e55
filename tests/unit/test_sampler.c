/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "parent.h"
#include "tote/context.h"
#include "tote/diagnostics.h"
#include "tote/internal/random.h"
#include "tote/internal/sampling.h"
#include "tote/sdk/sampler.h"

static struct {
    int count;
    char message[1024];
} reports;

static void keep_report(tote_level level, const char *component, const char *message,
                        void *user_data) {
    (void)level, (void)component, (void)user_data;
    reports.count++;
    strcpy(reports.message, message);
}

static int reset(void **state) {
    (void)state;
    memset(&reports, 0, sizeof reports);
    tote_diagnostics_set_handler(keep_report, TOTE_LEVEL_DEBUG, NULL);
    return 0;
}

#define SAMPLER_TEST(test) cmocka_unit_test_setup(test, reset)

static const tote_trace_id some_trace = {{0x0A, 0xF7, 0x65, 0x19, 0x16, 0xCD, 0x43, 0xDD, 0x84,
                                          0x48, 0xEB, 0x21, 0x1C, 0x80, 0x31, 0x9C}};
static const tote_span_id some_span = {{0xB7, 0xAD, 0x6B, 0x71, 0x69, 0x20, 0x33, 0x31}};

/* The decision of the sampler; the rest of its result is discarded. */
static tote_sampling_decision sample(tote_sampler *sampler, const tote_context *parent,
                                     const tote_trace_id *trace_id) {
    const tote_sampling_parameters parameters = {
        .struct_size = sizeof parameters, .parent = parent, .trace_id = trace_id, .name = "test"};
    struct tote_sampling_result result;

    tote__sampling_result_init(&result, NULL);
    tote_sampling_decision decision = tote_sampler_should_sample(sampler, &parameters, &result);
    tote__sampling_result_clear(&result);
    return decision;
}

static void assert_description(tote_sampler *sampler, const char *expected) {
    char text[512];

    assert_int_equal(tote_sampler_get_description(sampler, text, sizeof text), strlen(expected));
    assert_string_equal(text, expected);
    assert_int_equal(tote_sampler_get_description(sampler, NULL, 0), strlen(expected));
    assert_int_equal(tote_sampler_get_description(sampler, text, 8), strlen(expected));
    assert_int_equal(strlen(text), 7);
    tote_sampler_free(sampler);
}

/* A custom sampler: `self` counts its calls. */
struct counter {
    int asked;
    int destroyed;
    int decision;
};

static tote_sampling_decision count_call(void *self, const tote_sampling_parameters *parameters,
                                         tote_sampling_result *result) {
    struct counter *counter = self;

    (void)parameters, (void)result;
    counter->asked++;
    return (tote_sampling_decision)counter->decision;
}

static void count_destroyed(void *self) {
    ((struct counter *)self)->destroyed++;
}

static const tote_sampler_ops counting = {
    .struct_size = sizeof counting, .should_sample = count_call, .destroy = count_destroyed};

/* Spec: trace/sdk.md#alwayson */
static void always_on_samples_and_always_off_drops(void **state) {
    (void)state;
    assert_int_equal(sample(tote_sampler_always_on_new(), tote_context_root(), &some_trace),
                     TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE);
    assert_int_equal(sample(tote_sampler_always_off_new(), tote_context_root(), &some_trace),
                     TOTE_SAMPLING_DECISION_DROP);
    assert_int_equal(sample(NULL, tote_context_root(), &some_trace), TOTE_SAMPLING_DECISION_DROP);
    assert_description(tote_sampler_always_on_new(), "AlwaysOnSampler");
    assert_description(tote_sampler_always_off_new(), "AlwaysOffSampler");
}

/* Spec: trace/sdk.md#traceidratiobased */
static void the_description_of_a_ratio_is_distinct_from_others(void **state) {
    (void)state;
    assert_description(tote_sampler_trace_id_ratio_new(0.0001), "TraceIdRatioBased{0.000100}");
    assert_description(tote_sampler_trace_id_ratio_new(1), "TraceIdRatioBased{1.000000}");
    assert_description(tote_sampler_trace_id_ratio_new(0), "TraceIdRatioBased{0.000000}");
    assert_description(tote_sampler_trace_id_ratio_new(0.00000025),
                       "TraceIdRatioBased{0.00000025}");
    assert_description(tote_sampler_trace_id_ratio_new(0.1234567), "TraceIdRatioBased{0.1234567}");
    assert_int_equal(reports.count, 0);
}

/* Spec: trace/sdk.md#parentbased */
static void the_description_of_a_parent_based_sampler_has_all_its_samplers(void **state) {
    tote_parent_based_options options = TOTE_PARENT_BASED_OPTIONS_INIT;

    (void)state;
    options.root = tote_sampler_trace_id_ratio_new(0.5);
    assert_description(tote_sampler_parent_based_new(&options),
                       "ParentBased{root:TraceIdRatioBased{0.500000},"
                       "remoteParentSampled:AlwaysOnSampler,"
                       "remoteParentNotSampled:AlwaysOffSampler,"
                       "localParentSampled:AlwaysOnSampler,"
                       "localParentNotSampled:AlwaysOffSampler}");
    options = (tote_parent_based_options)TOTE_PARENT_BASED_OPTIONS_INIT;
    options.remote_parent_undecided = tote_sampler_trace_id_ratio_new(0.5);
    assert_description(tote_sampler_parent_based_new(&options),
                       "ParentBased{root:AlwaysOnSampler,remoteParentSampled:AlwaysOnSampler,"
                       "remoteParentNotSampled:AlwaysOffSampler,"
                       "localParentSampled:AlwaysOnSampler,"
                       "localParentNotSampled:AlwaysOffSampler,"
                       "remoteParentUndecided:TraceIdRatioBased{0.500000}}");
}

/*
 * Call a sampler that counts for each kind of parent. Return which one was called, -1 unless
 * exactly one.
 */
static int sampler_for(uint8_t flags, bool is_remote, const tote_span_id *span_id) {
    struct counter counters[6] = {{0, 0, 0}};
    tote_sampler *samplers[6];
    int asked = -1;

    for (size_t i = 0; i < 6; i++) {
        samplers[i] = tote_sampler_new(&counting, &counters[i]);
    }
    const tote_parent_based_options options = {sizeof options, samplers[0], samplers[1],
                                               samplers[2],    samplers[3], samplers[4],
                                               samplers[5]};
    tote_sampler *sampler = tote_sampler_parent_based_new(&options);
    tote_context *parent = with_parent(&some_trace, span_id, flags, "", is_remote);
    sample(sampler, parent, &some_trace);
    tote_context_unref(parent);
    tote_sampler_free(sampler);
    for (int i = 0; i < 6; i++) {
        asked = counters[i].asked ? (asked < 0 ? i : -2) : asked;
        assert_int_equal(counters[i].destroyed, 1);
    }
    return asked;
}

/* Spec: trace/sdk.md#parentbased */
static void a_parent_based_sampler_uses_the_sampler_for_the_kind_of_parent(void **state) {
    static const tote_span_id no_span;

    (void)state;
    assert_int_equal(sampler_for(1, true, &some_span), 1);
    assert_int_equal(sampler_for(0, true, &some_span), 2);
    assert_int_equal(sampler_for(2, true, &some_span), 2);
    assert_int_equal(sampler_for(3, false, &some_span), 3);
    assert_int_equal(sampler_for(0, false, &some_span), 4);
    assert_int_equal(sampler_for(1, true, &no_span), 0);
    assert_int_equal(sampler_for(1, false, &no_span), 0);
}

/* Spec: trace/sdk.md#parentbased */
static void without_options_the_parent_decides_and_roots_are_sampled(void **state) {
    tote_sampler *sampler = tote_sampler_parent_based_new(NULL);
    tote_context *sampled = with_parent(&some_trace, &some_span, 1, "", true);
    tote_context *dropped = with_parent(&some_trace, &some_span, 0, "", false);

    (void)state;
    assert_int_equal(sample(sampler, tote_context_root(), &some_trace),
                     TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE);
    assert_int_equal(sample(sampler, sampled, &some_trace),
                     TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE);
    assert_int_equal(sample(sampler, dropped, &some_trace), TOTE_SAMPLING_DECISION_DROP);
    tote_context_unref(sampled);
    tote_context_unref(dropped);
    tote_sampler_free(sampler);
}

/* Spec: trace/sdk.md#traceidratiobased */
static void a_higher_ratio_samples_every_trace_of_a_lower_ratio(void **state) {
    static const double ratios[] = {0, 1e-17, 1e-9, 0.0001, 0.01, 0.01001, 0.1, 0.5, 0.9999999, 1};
    struct tote__random random = {.generation = 0};
    tote_sampler *samplers[TOTE_COUNT_OF(ratios)];

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(ratios); i++) {
        samplers[i] = tote_sampler_trace_id_ratio_new(ratios[i]);
        assert_true(i == 0 ||
                    tote__sampling_threshold(ratios[i]) <= tote__sampling_threshold(ratios[i - 1]));
    }
    for (int round = 0; round < 500; round++) {
        tote_trace_id id;
        tote__random_trace_id(&random, &id);
        tote_sampling_decision last = TOTE_SAMPLING_DECISION_DROP;
        for (size_t i = 0; i < TOTE_COUNT_OF(ratios); i++) {
            tote_sampling_decision decision = sample(samplers[i], tote_context_root(), &id);
            assert_true(decision >= last);
            last = decision;
        }
        assert_int_equal(last, TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE);
    }
    for (size_t i = 0; i < TOTE_COUNT_OF(ratios); i++) {
        tote_sampler_free(samplers[i]);
    }
}

/* Each sampler warns once. Spec: trace/sdk.md#compatibility-warnings-for-traceidratiobased-sampler
 */
static void a_ratio_for_child_spans_warns_once_and_differently_with_th(void **state) {
    static const char *const trace_states[] = {"", "ot=th:8"};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(trace_states); i++) {
        tote_sampler *sampler = tote_sampler_trace_id_ratio_new(0.5);
        tote_context *parent = with_parent(&some_trace, &some_span, 3, trace_states[i], true);
        reset(NULL);
        sample(sampler, tote_context_root(), &some_trace);
        assert_int_equal(reports.count, 0);
        sample(sampler, parent, &some_trace);
        sample(sampler, parent, &some_trace);
        assert_int_equal(reports.count, 1);
        assert_int_equal(strstr(reports.message, "ProbabilitySampler") != NULL, i == 1);
        tote_context_unref(parent);
        tote_sampler_free(sampler);
    }
}

/* A custom sampler may return any number. */
static void an_unknown_decision_drops_the_span(void **state) {
    struct counter counter = {0, 0, 17};
    tote_sampler *sampler = tote_sampler_new(&counting, &counter);

    (void)state;
    assert_int_equal(sample(sampler, NULL, &some_trace), TOTE_SAMPLING_DECISION_DROP);
    counter.decision = TOTE_SAMPLING_DECISION_RECORD_ONLY;
    assert_int_equal(sample(sampler, NULL, &some_trace), TOTE_SAMPLING_DECISION_RECORD_ONLY);
    tote_sampler_free(sampler);
}

/* Ownership of `self` passes to the constructor, also on failure. */
static void a_sampler_that_cannot_be_created_drops_and_releases_its_self(void **state) {
    struct counter counter = {0, 0, 0};
    const tote_sampler_ops lacking = {.struct_size = sizeof lacking, .destroy = count_destroyed};

    (void)state;
    tote_sampler *sampler = tote_sampler_new(&lacking, &counter);
    assert_int_equal(counter.destroyed, 1);
    assert_int_equal(reports.count, 1);
    assert_int_equal(sample(sampler, NULL, &some_trace), TOTE_SAMPLING_DECISION_DROP);
    tote_sampler_free(sampler);
    assert_int_equal(counter.destroyed, 1);
}

/* Spec: trace/sdk.md#shouldsample */
static void attributes_of_a_result_are_copied_and_the_last_of_a_key_wins(void **state) {
    char text[] = "first";
    tote_value items[] = {tote_int(1), tote_string(text)};
    struct tote_sampling_result result;

    (void)state;
    tote__sampling_result_init(&result, NULL);
    tote_sampling_result_set_attribute(&result, "list", tote_array(items, 2));
    for (int i = 0; i < 9; i++) {
        char key[] = {'k', (char)('0' + i), '\0'};
        tote_sampling_result_set_attribute(&result, key, tote_int(i));
    }
    tote_sampling_result_set_attribute(&result, "k3", tote_bool(true));
    tote_sampling_result_set_attribute(&result, "", tote_int(1));
    tote_sampling_result_set_attribute(NULL, "k", tote_int(1));
    text[0] = 'X';
    assert_int_equal(result.attributes.count, 10);
    assert_int_equal(result.dropped_attribute_count, 1);
    assert_string_equal(result.attributes.items[0].value.as.items[1].as.string, "first");
    assert_string_equal(result.attributes.items[4].key, "k3");
    assert_int_equal(result.attributes.items[4].value.type, TOTE_VALUE_TYPE_BOOL);
    tote__sampling_result_clear(&result);
}

/* Spec: trace/sdk.md#shouldsample. Compliance: TR-53 */
static void a_result_starts_with_the_parents_trace_state_and_may_clear_it(void **state) {
    tote_trace_state *list = tote_trace_state_from_header("foo=1", 5);
    struct tote_sampling_result result;

    (void)state;
    tote__sampling_result_init(&result, list);
    assert_string_equal(tote_trace_state_get(result.trace_state, "foo"), "1");
    tote_sampling_result_set_trace_state(&result, NULL);
    assert_null(result.trace_state);
    tote_sampling_result_set_trace_state(&result, list);
    tote_trace_state_unref(list);
    assert_string_equal(tote_trace_state_get(result.trace_state, "foo"), "1");
    tote__sampling_result_clear(&result);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SAMPLER_TEST(always_on_samples_and_always_off_drops),
        SAMPLER_TEST(the_description_of_a_ratio_is_distinct_from_others),
        SAMPLER_TEST(the_description_of_a_parent_based_sampler_has_all_its_samplers),
        SAMPLER_TEST(a_parent_based_sampler_uses_the_sampler_for_the_kind_of_parent),
        SAMPLER_TEST(without_options_the_parent_decides_and_roots_are_sampled),
        SAMPLER_TEST(a_higher_ratio_samples_every_trace_of_a_lower_ratio),
        SAMPLER_TEST(a_ratio_for_child_spans_warns_once_and_differently_with_th),
        SAMPLER_TEST(an_unknown_decision_drops_the_span),
        SAMPLER_TEST(a_sampler_that_cannot_be_created_drops_and_releases_its_self),
        SAMPLER_TEST(attributes_of_a_result_are_copied_and_the_last_of_a_key_wins),
        SAMPLER_TEST(a_result_starts_with_the_parents_trace_state_and_may_clear_it),
    };
    return RUN_TESTS(tests, argc, argv);
}
