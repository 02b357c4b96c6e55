/* SPDX-License-Identifier: MIT */
/*
 * test_configuration_create_sampler.c - samplers of a configuration file
 */
#include "support.h"

#include "create.h"
#include "file_fixture.h"

/* Create the sampler of a text, and compare its description. */
static void expect_sampler(const char *yaml, const char *description) {
    struct tote__creation creation = {.problems.name = "t.yaml"};
    char text[1024];
    char actual[512];

    snprintf(text, sizeof text, KEPT "  sampler: %s\n", yaml);
    tote_configuration *file = tote_configuration_parse(text, strlen(text), NULL);
    assert_non_null(file);
    const tote_configuration_node *provider =
        tote_configuration_node_get(tote_configuration_get_root(file), "tracer_provider");
    tote_sampler *sampler =
        tote__create_sampler(&creation, tote_configuration_node_get(provider, "sampler"));
    assert_int_equal(creation.errors, 0);
    tote_sampler_get_description(sampler, actual, sizeof actual);
    tote_sampler_free(sampler);
    tote_configuration_unref(file);
    tote__creation_clear(&creation);
    assert_string_equal(actual, description);
}

static void each_sampler_of_the_schema_is_created(void **state) {
    (void)state;
    expect_sampler("{always_on: }", "AlwaysOnSampler");
    expect_sampler("{always_off: {}}", "AlwaysOffSampler");
    expect_sampler("{trace_id_ratio_based: {ratio: 0.25}}", "TraceIdRatioBased{0.250000}");
    expect_sampler("{probability/development: {ratio: 0.25}}", "ProbabilitySampler{0.250000}");
    expect_sampler("{always_record: {root: {always_off: }}}",
                   "AlwaysRecordSampler{AlwaysOffSampler}");
    expect_sampler("{composite/development: {always_on: }}",
                   "CompositeSampler{ComposableAlwaysOn}");
}

/* Spec: the schema. A missing ratio is 1. */
static void a_missing_ratio_is_one(void **state) {
    (void)state;
    expect_sampler("{trace_id_ratio_based: }", "TraceIdRatioBased{1.000000}");
    expect_sampler("{probability/development: {ratio: }}", "ProbabilitySampler{1.000000}");
}

static void each_part_of_a_parent_based_sampler_is_created(void **state) {
    (void)state;
    expect_sampler(
        "{parent_based: {root: {always_off: },\n"
        "    remote_parent_sampled: {trace_id_ratio_based: {ratio: 0.5}},\n"
        "    remote_parent_not_sampled: {always_on: },\n"
        "    local_parent_sampled: {always_off: },\n"
        "    local_parent_not_sampled: {always_on: }}}",
        "ParentBased{root:AlwaysOffSampler,remoteParentSampled:TraceIdRatioBased{0.500000},"
        "remoteParentNotSampled:AlwaysOnSampler,localParentSampled:AlwaysOffSampler,"
        "localParentNotSampled:AlwaysOnSampler}");
}

/* End a span of this kind with an attribute. Returns whether it was exported. */
static bool is_sampled(const char *text, const char *name, tote_span_kind kind, const char *route) {
    tote_sdk *sdk = start_text(text, NULL);
    const tote_attribute attribute = {"http.route", tote_string(route)};
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.kind = kind;
    options.attributes = &attribute;
    options.attribute_count = 1;
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), name, &options);
    tote_span_close(&span);
    tote_sdk_close(&sdk, 1000);
    return tote_in_memory_spans_find(kept_spans, name);
}

/* All conditions of a rule must match; a span without a rule is not sampled. */
static void rules_match_by_attribute_kind_and_parent(void **state) {
    static const char rules[] =
        KEPT "  sampler:\n"
             "    composite/development:\n"
             "      rule_based:\n"
             "        rules:\n"
             "          - attribute_values: {key: http.route, values: [/healthz, /livez]}\n"
             "            sampler: {always_off: }\n"
             "          - attribute_patterns: {key: http.route, included: ['/a/*'],\n"
             "                                 excluded: ['/a/special*']}\n"
             "            span_kinds: [server]\n"
             "            parent: [none]\n"
             "            sampler: {parent_threshold: {root: {probability: {ratio: 1}}}}\n";

    (void)state;
    assert_false(is_sampled(rules, "1", TOTE_SPAN_KIND_SERVER, "/healthz"));
    assert_true(is_sampled(rules, "2", TOTE_SPAN_KIND_SERVER, "/a/b"));
    assert_false(is_sampled(rules, "3", TOTE_SPAN_KIND_CLIENT, "/a/b"));
    assert_false(is_sampled(rules, "4", TOTE_SPAN_KIND_SERVER, "/a/special"));
    assert_false(is_sampled(rules, "5", TOTE_SPAN_KIND_SERVER, "/b"));
}

static void a_rule_for_children_does_not_match_a_root_span(void **state) {
    (void)state;
    assert_false(is_sampled(KEPT "  sampler: {composite/development: {rule_based: {rules: [\n"
                                 "    {parent: [remote, local], sampler: {always_on: }}]}}}\n",
                            "1", TOTE_SPAN_KIND_INTERNAL, "/"));
}

static void a_sampler_that_is_not_supported_is_an_error(void **state) {
    (void)state;
    expect_refused(KEPT "  sampler: {jaeger_remote/development: {endpoint: 'http://h',\n"
                        "            initial_sampler: {always_on: }}}\n",
                   "t.yaml:4:");
    assert_non_null(strstr(diagnostics, "jaeger_remote/development is not supported; use"));
}

static void an_unknown_sampler_of_a_rule_is_one_error_at_its_name(void **state) {
    static const char wanted[] =
        "t.yaml:5:42: tracer_provider.sampler.composite/development.rule_based.rules[1].sampler."
        "allways_off: unknown composable sampler 'allways_off'; did you mean \"always_off\"?\nno "
        "SDK";

    (void)state;
    expect_refused(KEPT "  sampler: {composite/development: {rule_based: {rules: [\n"
                        "    {sampler: {always_on: }}, {sampler: {allways_off: }}]}}}\n",
                   wanted);
    assert_ptr_equal(strstr(diagnostics, wanted), diagnostics);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        FILE_TEST(each_sampler_of_the_schema_is_created),
        FILE_TEST(a_missing_ratio_is_one),
        FILE_TEST(each_part_of_a_parent_based_sampler_is_created),
        FILE_TEST(rules_match_by_attribute_kind_and_parent),
        FILE_TEST(a_rule_for_children_does_not_match_a_root_span),
        FILE_TEST(a_sampler_that_is_not_supported_is_an_error),
        FILE_TEST(an_unknown_sampler_of_a_rule_is_one_error_at_its_name),
    };

    return RUN_TESTS(tests, argc, argv);
}
