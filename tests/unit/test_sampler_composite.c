/* SPDX-License-Identifier: MIT */
#include "sdk_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "failing_allocator.h"
#include "parent.h"
#include "tote/internal/sampling.h"

/* The randomness of this trace is c0000000000000. */
static const tote_trace_id some_trace = {
    {0x0A, 0xF7, 0x65, 0x19, 0x16, 0xCD, 0x43, 0xDD, 0x84, 0xC0, 0, 0, 0, 0, 0, 0}};

static tote_context *parent_context(uint8_t flags, const char *trace_state, bool is_remote) {
    static const tote_span_id span_id = {{0xB7}};

    return with_parent(&some_trace, &span_id, flags, trace_state, is_remote);
}

/* What a sampler decides about a span. */
struct outcome {
    bool is_sampled;
    char trace_state[256];
    size_t attribute_count;
};

/* Decide about a span of these parameters, like start_span.c does, and free the sampler. */
static struct outcome sample(tote_composable_sampler *root, tote_sampling_parameters parameters) {
    tote_sampler *sampler = tote_sampler_composite_new(root);
    struct tote_sampling_result result;
    struct outcome outcome;

    parameters.struct_size = sizeof parameters;
    parameters.trace_id = &some_trace;
    parameters.parent = parameters.parent ? parameters.parent : tote_context_root();
    tote__sampling_result_init(&result, tote__sampling_parent_state(&parameters));
    outcome.is_sampled = tote_sampler_should_sample(sampler, &parameters, &result) ==
                         TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE;
    tote_trace_state *settled =
        result.trace_state ? tote__sampling_settle(result.trace_state, &some_trace,
                                                   outcome.is_sampled && result.has_threshold)
                           : NULL;
    tote_trace_state_to_header(settled, outcome.trace_state, sizeof outcome.trace_state);
    tote_trace_state_unref(settled);
    outcome.attribute_count = result.attributes.count;
    tote__sampling_result_clear(&result);
    tote_sampler_free(sampler);
    return outcome;
}

static void assert_outcome(tote_composable_sampler *root, uint8_t flags, const char *parent_state,
                           bool is_sampled, const char *expected) {
    tote_context *parent = parent_context(flags, parent_state, true);
    struct outcome outcome = sample(root, (tote_sampling_parameters){.parent = parent});

    assert_int_equal(outcome.is_sampled, is_sampled);
    assert_string_equal(outcome.trace_state, expected);
    tote_context_unref(parent);
}

static tote_composable_sampler *always_on(void) {
    return tote_composable_sampler_always_on_new();
}

static tote_composable_sampler *ratio(double value) {
    return tote_composable_sampler_probability_new(value);
}

/* Spec: trace/sdk.md#compositesampler. Compliance: TR-63 */
static void constant_composables_write_and_erase_the_threshold(void **state) {
    (void)state;
    assert_outcome(always_on(), 2, "", true, "ot=th:0");
    assert_outcome(always_on(), 3, "a=1,ot=th:8;x:y", true, "ot=x:y;th:0,a=1");
    assert_outcome(tote_composable_sampler_always_off_new(), 3, "ot=th:0", false, "");
    assert_outcome(tote_composable_sampler_always_off_new(), 3, "ot=th:0;rv:ffffffffffffff", false,
                   "ot=rv:ffffffffffffff");
}

/* Spec: trace/sdk.md#composableprobability. Compliance: TR-63 */
static void a_composable_probability_uses_the_randomness_of_the_trace(void **state) {
    (void)state;
    assert_outcome(ratio(0.25), 3, "", true, "ot=th:c");
    assert_outcome(ratio(0.24), 3, "ot=th:8", false, "");
    assert_outcome(ratio(0.24), 3, "ot=rv:d0000000000000", true, "ot=rv:d0000000000000;th:c28f");
    assert_ptr_equal(ratio(0), tote_composable_sampler_always_off_new());
    assert_ptr_equal(ratio(1e-20), tote_composable_sampler_always_off_new());
}

/* Spec: trace/sdk.md#composableparentthreshold. Compliance: TR-63 */
static void a_parent_threshold_follows_the_parent_and_asks_the_root_without_one(void **state) {
    static const struct {
        uint8_t flags;
        const char *parent_state;
        bool is_sampled;
        const char *expected;
    } rows[] = {
        {3, "ot=th:8", true, "ot=th:8"},
        {3, "ot=th:d", true, ""},  /* inconsistent: sampled, by an unknown probability */
        {3, "a=1", true, "a=1"},   /* the same without `th` */
        {2, "ot=th:8", false, ""}, /* inconsistent: not sampled */
        {2, "", false, ""},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        assert_outcome(
            tote_composable_sampler_parent_threshold_new(tote_composable_sampler_always_off_new()),
            rows[i].flags, rows[i].parent_state, rows[i].is_sampled, rows[i].expected);
    }
    struct outcome outcome = sample(tote_composable_sampler_parent_threshold_new(ratio(0.5)),
                                    (tote_sampling_parameters){.name = "root"});
    assert_true(outcome.is_sampled);
    assert_string_equal(outcome.trace_state, "ot=th:8");
}

/* A rule for spans, with always on; other spans are not sampled. */
static bool matches(tote_sampling_rule rule, tote_sampling_parameters parameters) {
    const tote_sampling_rule *const rules[] = {&rule};

    rule.struct_size = sizeof rule;
    rule.sampler = always_on();
    return sample(tote_composable_sampler_rule_based_new(rules, 1), parameters).is_sampled;
}

static bool matches_value(tote_sampling_rule rule, const char *key, tote_value value) {
    const tote_attribute attributes[] = {{"other", tote_int(1)}, {key, value}};

    return matches(rule, (tote_sampling_parameters){.attributes = attributes,
                                                    .attribute_count = TOTE_COUNT_OF(attributes)});
}

/* Spec: trace/sdk.md#composablerulebased. Compliance: TR-63 */
static void a_rule_matches_values_of_an_attribute(void **state) {
    static const char *const values[] = {"404", "true", "/a", "1.5"};
    const tote_sampling_rule rule = {
        .values_key = "k", .values = values, .value_count = TOTE_COUNT_OF(values)};
    const tote_value items[] = {tote_string("/b"), tote_int(404)};
    char path[400] = "/a";

    (void)state;
    assert_true(matches_value(rule, "k", tote_string("/a")));
    assert_true(matches_value(rule, "k", tote_string_of("/ab", 2)));
    assert_true(matches_value(rule, "k", tote_int(404)));
    assert_true(matches_value(rule, "k", tote_bool(true)));
    assert_true(matches_value(rule, "k", tote_double(1.5)));
    assert_true(matches_value(rule, "k", tote_array(items, 2)));
    assert_false(matches_value(rule, "k", tote_array(items, 1)));
    assert_false(matches_value(rule, "k", tote_int(40)));
    assert_false(matches_value(rule, "other", tote_string("/a")));
    memset(path + 2, 'x', sizeof path - 3);
    assert_false(matches_value(rule, "k", tote_string_of(path, sizeof path - 1)));
}

/* Spec: trace/sdk.md#composablerulebased */
static void a_rule_matches_included_patterns_and_no_excluded_ones(void **state) {
    static const char *const included[] = {"/api/*", "4??", "/long/*z"};
    static const char *const excluded[] = {"*/health", "404"};
    tote_sampling_rule rule = {
        .patterns_key = "k", .included = included, .included_count = TOTE_COUNT_OF(included)};
    char path[600] = "/long/";

    (void)state;
    memset(path + 6, 'y', sizeof path - 6);
    path[sizeof path - 1] = 'z';
    assert_true(matches_value(rule, "k", tote_string("/api/health")));
    assert_true(matches_value(rule, "k", tote_int(404)));
    assert_true(matches_value(rule, "k", tote_string_of(path, sizeof path)));
    assert_false(matches_value(rule, "k", tote_string("/API/x")));
    rule.excluded = excluded;
    rule.excluded_count = TOTE_COUNT_OF(excluded);
    assert_false(matches_value(rule, "k", tote_string("/api/health")));
    assert_false(matches_value(rule, "k", tote_int(404)));
    assert_true(matches_value(rule, "k", tote_int(403)));
    rule.included = NULL; /* all values */
    assert_true(matches_value(rule, "k", tote_string("")));
    assert_false(matches_value(rule, "k", tote_string("/health")));
    assert_false(matches(rule, (tote_sampling_parameters){.name = "no attributes"}));
}

/* Spec: trace/sdk.md#composablerulebased */
static void a_rule_matches_kinds_and_parents(void **state) {
    const tote_sampling_rule kinds = {.span_kinds = 1U << TOTE_SPAN_KIND_SERVER |
                                                    1U << TOTE_SPAN_KIND_INTERNAL};
    static const uint32_t parents[] = {TOTE_SAMPLING_PARENT_NONE, TOTE_SAMPLING_PARENT_REMOTE,
                                       TOTE_SAMPLING_PARENT_LOCAL};
    tote_context *contexts[] = {tote_context_ref(tote_context_root()), parent_context(2, "", true),
                                parent_context(2, "", false)};

    (void)state;
    assert_true(matches(kinds, (tote_sampling_parameters){.kind = TOTE_SPAN_KIND_INTERNAL}));
    assert_true(matches(kinds, (tote_sampling_parameters){.kind = TOTE_SPAN_KIND_SERVER}));
    assert_false(matches(kinds, (tote_sampling_parameters){.kind = TOTE_SPAN_KIND_CLIENT}));
    assert_false(matches(kinds, (tote_sampling_parameters){.kind = 99}));
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            assert_int_equal(matches((tote_sampling_rule){.parents = parents[i]},
                                     (tote_sampling_parameters){.parent = contexts[j]}),
                             i == j);
        }
        assert_true(matches((tote_sampling_rule){.parents = 7},
                            (tote_sampling_parameters){.parent = contexts[i]}));
    }
    for (size_t i = 0; i < 3; i++) {
        tote_context_unref(contexts[i]);
    }
}

static bool is_named(void *user_data, const tote_sampling_parameters *parameters) {
    assert_null(parameters->trace_id);
    return strcmp(parameters->name, user_data) == 0;
}

/* Spec: trace/sdk.md#composablerulebased */
static void all_conditions_of_a_rule_must_match(void **state) {
    char name[] = "checkout";
    const tote_sampling_rule rule = {
        .span_kinds = 1U << TOTE_SPAN_KIND_SERVER, .matches = is_named, .user_data = name};

    (void)state;
    assert_true(matches((tote_sampling_rule){.parents = 0}, (tote_sampling_parameters){.kind = 0}));
    assert_true(matches(
        rule, (tote_sampling_parameters){.name = "checkout", .kind = TOTE_SPAN_KIND_SERVER}));
    assert_false(matches(
        rule, (tote_sampling_parameters){.name = "checkout", .kind = TOTE_SPAN_KIND_CLIENT}));
    assert_false(
        matches(rule, (tote_sampling_parameters){.name = "x", .kind = TOTE_SPAN_KIND_SERVER}));
}

static void the_first_rule_that_matches_decides(void **state) {
    tote_sampling_rule list[] = {TOTE_SAMPLING_RULE_INIT, TOTE_SAMPLING_RULE_INIT};
    const tote_sampling_rule *const rules[] = {&list[0], &list[1]};
    char text[128];

    (void)state;
    list[0].sampler = ratio(0.25);
    list[1].sampler = always_on();
    tote_composable_sampler *sampler = tote_composable_sampler_rule_based_new(rules, 2);
    tote_composable_sampler_get_description(sampler, text, sizeof text);
    assert_string_equal(text, "ComposableRuleBased{ComposableProbability{0.250000},"
                              "ComposableAlwaysOn}");
    assert_outcome(sampler, 3, "", true, "ot=th:c");
    assert_outcome(tote_composable_sampler_rule_based_new(NULL, 0), 3, "", false, "");
}

/* Spec: trace/sdk.md#composableannotating. Compliance: TR-63 */
static void annotations_are_added_to_sampled_spans(void **state) {
    char text[] = "rule";
    const tote_attribute attributes[] = {{"by", tote_string(text)}, {"n", tote_int(1)}};
    tote_composable_sampler *sampler =
        tote_composable_sampler_annotating_new(attributes, 2, always_on());

    (void)state;
    text[0] = 'X'; /* they are copied */
    struct outcome outcome = sample(sampler, (tote_sampling_parameters){.name = "a"});
    assert_true(outcome.is_sampled);
    assert_int_equal(outcome.attribute_count, 2);
    assert_string_equal(outcome.trace_state, "ot=th:0");
    outcome = sample(tote_composable_sampler_annotating_new(
                         attributes, 2, tote_composable_sampler_always_off_new()),
                     (tote_sampling_parameters){.name = "a"});
    assert_false(outcome.is_sampled);
    assert_int_equal(outcome.attribute_count, 0);
}

/* Spec: trace/sdk.md#composableannotating */
static void a_span_has_the_annotations_of_its_sampler(void **state) {
    const tote_attribute attribute = {"sampled.by", tote_string("rule")};
    struct sdk_fixture *f = *state;
    f->settings.sampler = tote_sampler_composite_new(
        tote_composable_sampler_annotating_new(&attribute, 1, always_on()));
    sdk_fixture_start(state);

    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);
    tote_span_close(&span);
    const tote_value *value = tote_span_data_get_attribute(sdk_fixture_only_span(f), "sampled.by");
    assert_non_null(value);
    assert_true(tote_value_equals(*value, attribute.value));
}

/* A composable sampler of a program. */
struct custom {
    uint64_t threshold;
    bool is_reliable;
    int shutdown;
    int destroyed;
};

static void add_custom(void *user_data, const tote_sampling_parameters *parameters,
                       tote_sampling_result *result) {
    (void)user_data;
    tote_sampling_result_set_attribute(result, "name", tote_string(parameters->name));
}

static tote_trace_state *change_trace_state(void *user_data, const tote_trace_state *parent,
                                            tote_sampling_decision decision) {
    (void)user_data;
    tote_trace_state *marked = tote_trace_state_with(
        parent, "mine", decision == TOTE_SAMPLING_DECISION_DROP ? "drop" : "sample");
    tote_trace_state *changed = tote_trace_state_with(marked, "ot", "th:1;rv:00000000000000");
    tote_trace_state_unref(marked);
    return changed;
}

static void propose_custom(void *self, const tote_sampling_parameters *parameters,
                           tote_sampling_intent *intent) {
    static const tote_sampling_provider provider = {sizeof provider, add_custom,
                                                    change_trace_state};
    const struct custom *custom = self;

    assert_null(parameters->trace_id);
    assert_true(tote_sampling_intent_get_threshold(intent) == TOTE_SAMPLING_THRESHOLD_NONE);
    tote_sampling_intent_set_threshold(intent, custom->threshold, custom->is_reliable);
    tote_sampling_intent_add_provider(intent, &provider, self);
}

static void destroy_custom(void *self) {
    ((struct custom *)self)->destroyed++;
}

static tote_result shut_down_custom(void *self, uint32_t timeout_ms) {
    (void)timeout_ms;
    ((struct custom *)self)->shutdown++;
    return TOTE_RESULT_FAILURE;
}

static const tote_composable_sampler_ops custom_ops = {.struct_size = sizeof custom_ops,
                                                       .get_sampling_intent = propose_custom,
                                                       .destroy = destroy_custom,
                                                       .shutdown = shut_down_custom};

/* Spec: trace/sdk.md#getsamplingintent. Compliance: TR-63 */
static void providers_of_a_program_add_attributes_and_members_but_do_not_change_ot(void **state) {
    struct custom custom = {TOTE_SAMPLING_THRESHOLD_NONE / 2, true, 0, 0};

    (void)state;
    assert_outcome(tote_composable_sampler_new(&custom_ops, &custom), 3, "a=1,ot=x:y", true,
                   "ot=x:y;th:8,mine=sample,a=1");
    assert_outcome(tote_composable_sampler_new(&custom_ops, &custom), 3, "a=1", true,
                   "ot=th:8,mine=sample,a=1");
    custom.threshold = TOTE_SAMPLING_THRESHOLD_NONE;
    assert_outcome(tote_composable_sampler_new(&custom_ops, &custom), 3, "a=1", false,
                   "mine=drop,a=1");
    struct outcome outcome = sample(tote_composable_sampler_new(&custom_ops, &custom),
                                    (tote_sampling_parameters){.name = "a"});
    assert_int_equal(outcome.attribute_count, 0);
    assert_int_equal(custom.destroyed, 4);
}

/* Each span has a random number of its own, and no `th`. Spec: trace/sdk.md#compositesampler */
static void an_unreliable_threshold_is_compared_with_fresh_randomness(void **state) {
    struct custom custom = {TOTE_SAMPLING_THRESHOLD_NONE / 2, false, 0, 0};
    tote_context *parent = parent_context(3, "ot=th:8", true);
    int sampled = 0;

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct outcome outcome = sample(tote_composable_sampler_new(&custom_ops, &custom),
                                        (tote_sampling_parameters){.parent = parent, .name = "a"});
        assert_null(strstr(outcome.trace_state, "th:"));
        sampled += outcome.is_sampled;
    }
    assert_in_range(sampled, 40, 160); /* by the trace id all were */
    tote_context_unref(parent);
}

static void shutdown_reaches_all_composable_samplers(void **state) {
    struct custom custom[2] = {{0, true, 0, 0}, {0, true, 0, 0}};
    tote_sampling_rule list[] = {TOTE_SAMPLING_RULE_INIT, TOTE_SAMPLING_RULE_INIT};
    const tote_sampling_rule *const rules[] = {&list[0], &list[1]};

    (void)state;
    list[0].sampler = tote_composable_sampler_annotating_new(
        NULL, 0, tote_composable_sampler_new(&custom_ops, &custom[0]));
    list[1].sampler = tote_composable_sampler_new(&custom_ops, &custom[1]);
    tote_sampler *sampler = tote_sampler_composite_new(tote_composable_sampler_parent_threshold_new(
        tote_composable_sampler_rule_based_new(rules, 2)));
    assert_int_equal(tote_sampler_shutdown(sampler, 1000), TOTE_RESULT_FAILURE);
    tote_sampler_free(sampler);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(custom[i].shutdown, 1);
        assert_int_equal(custom[i].destroyed, 1);
    }
}

/* Spec: trace/sdk.md#getdescription */
static void descriptions_contain_the_whole_tree(void **state) {
    static const char expected[] =
        "CompositeSampler{ComposableParentThreshold{root:ComposableAnnotating{"
        "ComposableProbability{0.100000}}}}";
    char text[256];
    tote_sampler *sampler = tote_sampler_composite_new(tote_composable_sampler_parent_threshold_new(
        tote_composable_sampler_annotating_new(NULL, 0, ratio(0.1))));

    (void)state;
    assert_int_equal(tote_sampler_get_description(sampler, text, sizeof text), strlen(expected));
    assert_string_equal(text, expected);
    assert_int_equal(tote_sampler_get_description(sampler, text, 20), strlen(expected));
    assert_string_equal(text, "CompositeSampler{Co");
    tote_sampler_free(sampler);
}

/* Decide with the n-th allocation failing, for n = 0, 1, 2 ... until none fails. */
static void decide_without_memory(const tote_context *parent) {
    static const char *const values[] = {"a", "b"};
    const tote_attribute attribute = {"k", tote_string("b")};
    long failures;
    long n = 0;

    do {
        tote_sampling_rule rule = TOTE_SAMPLING_RULE_INIT;
        const tote_sampling_rule *const rules[] = {&rule};
        failures = memory.failures;
        memory.countdown = n++;
        rule.values_key = rule.patterns_key = "k";
        rule.values = rule.included = values;
        rule.value_count = rule.included_count = 2;
        rule.sampler = tote_composable_sampler_annotating_new(&attribute, 1, ratio(0.5));
        struct outcome outcome =
            sample(tote_composable_sampler_rule_based_new(rules, 1),
                   (tote_sampling_parameters){
                       .parent = parent, .attributes = &attribute, .attribute_count = 1});
        memory.countdown = -1;
        assert_null(strstr(outcome.trace_state, "th:1")); /* that of the parent */
        assert_true(!strstr(outcome.trace_state, "th:8") || outcome.is_sampled);
    } while (memory.failures > failures);
    assert_in_range(n, 5, 1000);
}

/* Each allocation fails once: nothing leaks, and no wrong `th` is passed on. */
static void without_memory_no_wrong_threshold_is_passed_on(void **state) {
    tote_context *parent = parent_context(3, "a=1,ot=th:1;x:y", true);

    (void)state;
    decide_without_memory(parent);
    long live = memory.live;
    decide_without_memory(parent);
    assert_int_equal(memory.live, live);
    tote_context_unref(parent);
}

/* What was given is released, and a sampler that drops everything is returned. */
static void a_composable_that_cannot_be_created_proposes_no_span(void **state) {
    struct custom custom = {0, true, 0, 0};
    const tote_composable_sampler_ops lacking = {.struct_size = sizeof lacking,
                                                 .destroy = destroy_custom};
    const tote_sampling_rule empty = TOTE_SAMPLING_RULE_INIT;
    tote_sampling_rule good = TOTE_SAMPLING_RULE_INIT;
    const tote_sampling_rule *const rules[] = {&empty, &good};
    tote_composable_sampler *off = tote_composable_sampler_always_off_new();
    const struct sdk_fixture *f = *state;

    good.sampler = tote_composable_sampler_new(&custom_ops, &custom);
    assert_ptr_equal(tote_composable_sampler_rule_based_new(rules, 2), off);
    assert_int_equal(custom.destroyed, 1);
    assert_ptr_equal(tote_composable_sampler_new(&lacking, &custom), off);
    assert_int_equal(custom.destroyed, 2);
    assert_ptr_equal(ratio(1.5), off);
    assert_ptr_equal(tote_composable_sampler_parent_threshold_new(NULL), off);
    assert_ptr_equal(tote_composable_sampler_annotating_new(NULL, 0, NULL), off);
    assert_ptr_equal(tote_sampler_composite_new(NULL), tote_sampler_always_off_new());
    assert_int_equal(f->diagnostics, 6);
    tote_composable_sampler_free(NULL);
    tote_composable_sampler_get_sampling_intent(NULL, NULL, NULL);
    assert_int_equal(tote_composable_sampler_shutdown(NULL, 0), TOTE_RESULT_SUCCESS);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(constant_composables_write_and_erase_the_threshold),
        TEST(a_composable_probability_uses_the_randomness_of_the_trace),
        TEST(a_parent_threshold_follows_the_parent_and_asks_the_root_without_one),
        TEST(a_rule_matches_values_of_an_attribute),
        TEST(a_rule_matches_included_patterns_and_no_excluded_ones),
        TEST(a_rule_matches_kinds_and_parents),
        TEST(all_conditions_of_a_rule_must_match),
        TEST(the_first_rule_that_matches_decides),
        TEST(annotations_are_added_to_sampled_spans),
        SDK_TEST(a_span_has_the_annotations_of_its_sampler),
        TEST(providers_of_a_program_add_attributes_and_members_but_do_not_change_ot),
        TEST(an_unreliable_threshold_is_compared_with_fresh_randomness),
        TEST(shutdown_reaches_all_composable_samplers),
        TEST(descriptions_contain_the_whole_tree),
        SDK_TEST(a_composable_that_cannot_be_created_proposes_no_span),
        SDK_TEST(without_memory_no_wrong_threshold_is_passed_on),
    };

    return tote_allocator_set(&failing_allocator) ? RUN_TESTS(tests, argc, argv) : 1;
}
