/* SPDX-License-Identifier: MIT */
/*
 * test_configuration_schema.c - a configuration file is compared with the schema
 *
 * tests/oracle compares many more files with the published schema. This test is about messages.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/configuration.h"
#include "tote/diagnostics.h"

#define HEAD "file_format: \"1.1\"\n"

static struct {
    unsigned errors;
    unsigned warnings;
    char text[8192]; /* the problems, one in a line */
} seen;

static void see(const tote_configuration_problem *problem, void *user_data) {
    size_t length = strlen(seen.text);

    (void)user_data;
    seen.errors += problem->level == TOTE_LEVEL_ERROR;
    seen.warnings += problem->level == TOTE_LEVEL_WARN;
    snprintf(seen.text + length, sizeof seen.text - length, "%u:%u: %s: %s\n", problem->line,
             problem->column, problem->path, problem->message);
}

/* Return whether the text is accepted. */
static bool accepts(const char *text) {
    tote_configuration_options options = TOTE_CONFIGURATION_OPTIONS_INIT;
    memset(&seen, 0, sizeof seen);
    options.report = see;
    tote_configuration *configuration = tote_configuration_parse(text, strlen(text), &options);
    bool is_accepted = configuration != NULL;

    assert_int_equal(is_accepted, seen.errors == 0);
    tote_configuration_unref(configuration);
    return is_accepted;
}

/* Assert that the text is refused with this one problem: position, path and message. */
static void assert_problem(const char *text, const char *problem) {
    char expected[1024];

    assert_false(accepts(text));
    snprintf(expected, sizeof expected, "%s\n", problem);
    assert_string_equal(seen.text, expected);
}

/* Spec: configuration/sdk.md#parse */
static void each_mistake_is_reported_with_what_would_be_right(void **state) {
    (void)state;

    assert_problem(HEAD "tracer_provider:\n  processors:\n    - batch:\n        schedule_dely: 5\n"
                        "        exporter: {console: }\n",
                   "5:9: tracer_provider.processors[0].batch.schedule_dely: unknown key; did you "
                   "mean \"schedule_delay\"?");
    assert_problem(HEAD "tracer_provider:\n  processors:\n    - batch:\n        exporter:\n",
                   "5:18: tracer_provider.processors[0].batch.exporter: this is null; expected a "
                   "mapping");
    assert_problem(HEAD "tracer_provider:\n  processors:\n    - simple: {}\n",
                   "4:15: tracer_provider.processors[0].simple: the key \"exporter\" is missing");
    assert_problem(HEAD "tracer_provider:\n  sampler: {always_on: }\n",
                   "3:3: tracer_provider: the key \"processors\" is missing");
    assert_problem(HEAD "attribute_limits:\n  attribute_count_limit: -1\n",
                   "3:26: attribute_limits.attribute_count_limit: out of bounds; expected an "
                   "integer from 0, or null");
    assert_problem(HEAD "attribute_limits:\n  attribute_count_limit: \"7\"\n",
                   "3:26: attribute_limits.attribute_count_limit: this is a text; expected an "
                   "integer from 0, or null; remove the quotes");
    assert_problem(HEAD "attribute_limits:\n  attribute_count_limit: 1.5\n",
                   "3:26: attribute_limits.attribute_count_limit: this is a number; expected an "
                   "integer from 0, or null");
    assert_problem(HEAD "disabled: yes\n",
                   "2:11: disabled: this is a text; expected true or false, or null");
    assert_problem("file_format: 1.1\n",
                   "1:14: file_format: this is a number; expected a text; put it in quotes");
    assert_problem(HEAD "propagator:\n  composite: []\n",
                   "3:14: propagator.composite: the list is empty; give at least 1 item, or remove "
                   "the key");
    assert_problem(HEAD "propagator:\n  composite:\n    - b3:\n      baggage:\n",
                   "4:7: propagator.composite[0]: there are 2 keys, expected exactly one of "
                   "tracecontext, baggage, b3, b3multi, or a component of the program");
    assert_problem(HEAD "log_level: wran\n",
                   "2:12: log_level: unknown value; did you mean \"warn\"? expected one of trace, "
                   "trace2, trace3, trace4, debug, debug2, debug3, debug4, info, info2, info3, "
                   "info4, warn, warn2, warn3, warn4, error, error2, error3, error4, fatal, "
                   "fatal2, fatal3, fatal4, or null");
    assert_problem(
        HEAD "resource:\n  attributes:\n    - name: a\n      value: [1, \"b\"]\n",
        "5:18: resource.attributes[0].value[1]: this is a text, but the list begins with "
        "an integer; give all items the same type");
    assert_problem(HEAD "resource:\n  detection: {}\n",
                   "3:3: resource.detection: unknown key; did you mean \"detection/development\"?");
    assert_problem(HEAD "propagator:\n  composite:\n    - b3: {single: true}\n",
                   "4:12: propagator.composite[0].b3.single: unknown key; there are no keys here");
    assert_problem(HEAD "distribution: {}\n",
                   "2:15: distribution: the mapping is empty; give at least 1 key, or remove it");
    assert_problem(HEAD "tracer_provider:\n  processors:\n    - simple: {exporter: {console: }}\n"
                        "  sampler: {trace_id_ratio_based: {ratio: .nan}}\n",
                   "5:43: tracer_provider.sampler.trace_id_ratio_based.ratio: out of bounds; "
                   "expected a number from 0 to 1, or null");
}

static void a_wrong_form_is_reported_with_the_right_one(void **state) {
    (void)state;

    assert_problem(HEAD "tracer_provider:\n  processors:\n    - simple: {exporter: console}\n",
                   "4:26: tracer_provider.processors[0].simple.exporter: this is a text; expected "
                   "a mapping; write \"console:\" on a line of its own");
    assert_problem(HEAD "propagator:\n  composite: [bagage]\n",
                   "3:15: propagator.composite[0]: this is a text; expected a mapping; write "
                   "\"- baggage:\" on a line of its own");
    assert_problem(HEAD "propagator:\n  composite: [mine]\n",
                   "3:15: propagator.composite[0]: this is a text; expected a mapping; write "
                   "\"- NAME:\" on a line of its own");
    assert_problem(HEAD "propagator:\n  composite: {b3: }\n",
                   "3:14: propagator.composite: this is a mapping; expected a list; write \"- \" "
                   "before each name");
    assert_problem(HEAD "propagator:\n  composite:\n    -b3:\n",
                   "4:5: propagator.composite: this is a mapping; expected a list; a blank is "
                   "missing after the \"-\"");
    assert_problem(HEAD "attribute_limits:\n  -b3:\n",
                   "3:3: attribute_limits.-b3: unknown key; a blank is missing after the \"-\"");
    assert_problem(HEAD "resource:\n  attributes: {a: b}\n",
                   "3:15: resource.attributes: this is a mapping; expected a list; write \"- name: "
                   "...\" and \"value: ...\" for each item");
    assert_problem(HEAD "tracer_provider:\n  processors:\n    - simple:\n        exporter:\n"
                        "          otlp_http:\n            protocol: json\n",
                   "7:13: tracer_provider.processors[0].simple.exporter.otlp_http.protocol: "
                   "unknown key; did you mean \"encoding\"?");
    assert_false(accepts(HEAD "log_level: INFO\n"));
    assert_non_null(strstr(seen.text, "did you mean \"info\"?"));
}

/* Spec: configuration/sdk.md#parse */
static void all_mistakes_of_a_file_are_reported_at_once(void **state) {
    (void)state;

    assert_false(accepts("file_format: \"1.1\"\n"
                         "disabled: maybe\n"
                         "resource:\n"
                         "  atributes: []\n"
                         "tracer_provider:\n"
                         "  processors:\n"
                         "    - batch:\n"
                         "        max_queue_size: 0\n"
                         "        exporter:\n"
                         "          otlp_http: {timeout: \"${1}\"}\n"
                         "meter_provider:\n"
                         "logger_provider: {}\n"));
    assert_int_equal(seen.errors, 6);
    assert_non_null(strstr(seen.text, "2:11: disabled:"));
    assert_non_null(strstr(seen.text, "4:3: resource.atributes:"));
    assert_non_null(strstr(seen.text, "8:25: tracer_provider.processors[0].batch.max_queue_size:"));
    assert_non_null(strstr(seen.text, "10:32: "));
    assert_non_null(strstr(seen.text, "11:16: meter_provider:"));
    assert_non_null(strstr(seen.text, "12:18: logger_provider:"));
}

/* The name of a variable is no secret, unlike its value. */
static void a_wrong_value_of_a_variable_is_reported_with_its_name(void **state) {
    (void)state;
    setenv("SCHEMA_TMO", "secret", 1);
    unsetenv("SCHEMA_UNSET");

    assert_problem(HEAD "attribute_limits: {attribute_count_limit: \"${env:SCHEMA_TMO}\"}\n",
                   "2:43: attribute_limits.attribute_count_limit: this is a text, from "
                   "${SCHEMA_TMO}; expected an integer from 0, or null");
    assert_problem(HEAD "attribute_limits:\n  attribute_count_limit: ${SCHEMA_UNSET:--1}\n",
                   "3:26: attribute_limits.attribute_count_limit: out of bounds, from "
                   "${SCHEMA_UNSET}; expected an integer from 0, or null");
    assert_problem(HEAD "resource:\n  attributes: &a\n    - name: ${SCHEMA_UNSET}\n"
                        "      value: 1\n",
                   "4:13: resource.attributes[0].name: this is null, from ${SCHEMA_UNSET}; "
                   "expected a text");
    assert_false(accepts(HEAD "log_level: ${SCHEMA_TMO}\n"));
    assert_non_null(strstr(seen.text, "unknown value, from ${SCHEMA_TMO}; expected"));
    assert_false(accepts(HEAD "log_level: ${SCHEMA_TMO}${SCHEMA_UNSET}\n"));
    assert_non_null(strstr(seen.text, "unknown value; expected"));
    assert_null(strstr(seen.text, "secret"));
}

/* Secrets are in values of texts: headers, endpoints. */
static void a_message_contains_no_value(void **state) {
    (void)state;

    assert_false(accepts(HEAD "tracer_provider:\n  processors: secret\n"
                              "propagator: {composite_list: [secret]}\nlog_level: secret\n"));
    assert_int_equal(seen.errors, 3);
    assert_null(strstr(seen.text, "secret"));
}

/* Spec: opentelemetry-configuration/VERSIONING.md */
static void the_version_of_the_file_format_is_checked(void **state) {
    (void)state;
    const char *const refused[] = {"0.4",
                                   "2.0",
                                   "1",
                                   "1.",
                                   ".1",
                                   "1.0-rc.1",
                                   "1.0.0",
                                   "v1.0",
                                   "",
                                   "-1.0",
                                   "99999999999999999999.1"};
    char text[64];

    for (int minor = 0; minor < 5; minor++) {
        snprintf(text, sizeof text, "file_format: \"1.%d\"\n", minor);
        assert_true(accepts(text));
        assert_int_equal(seen.warnings, minor > 2);
        assert_int_equal(strncmp(seen.text, "1:14: file_format: the version", 30) == 0, minor > 2);
    }
    for (size_t i = 0; i < TOTE_COUNT_OF(refused); i++) {
        snprintf(text, sizeof text, "file_format: \"%s\"\n", refused[i]);
        assert_false(accepts(text));
        assert_non_null(strstr(seen.text, "reads versions \"1.0\" to \"1.2\""));
    }
    assert_problem("disabled: true\n", "1:1: : the key \"file_format\" is missing");
}

/* Spec: configuration/sdk.md#parse. Compliance: DC-05 */
static void a_plug_in_may_have_any_properties(void **state) {
    (void)state;

    assert_true(accepts(HEAD "tracer_provider:\n  processors:\n"
                             "    - mine: {a: [1, {b: ~}], c: {d: text}}\n    - other:\n"
                             "  sampler: {mine: {}}\n  id_generator: {mine: {}}\n"
                             "distribution: {vendor: {a: 1}}\n"));
    assert_problem(HEAD "tracer_provider:\n  processors:\n    - mine: text\n",
                   "4:13: tracer_provider.processors[0].mine: this is a text; expected a mapping, "
                   "or null");
}

static void an_unknown_key_of_the_root_is_a_warning(void **state) {
    (void)state;

    assert_true(accepts(HEAD "tracer_providr: {}\nx: 1\n"));
    assert_int_equal(seen.warnings, 2);
    assert_non_null(strstr(seen.text, "2:1: tracer_providr: unknown key, which has no effect; did "
                                      "you mean \"tracer_provider\"?"));
}

/* Spec: configuration/sdk.md#parse */
static void null_is_a_default_only_where_the_schema_allows_it(void **state) {
    (void)state;

    assert_true(accepts(HEAD "disabled:\nlog_level: ${UNDEFINED_KEY}\npropagator:\n"
                             "  composite: [{b3: }]\n  composite_list:\n"));
    assert_problem(HEAD "propagator:\n", "2:12: propagator: this is null; expected a mapping");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(each_mistake_is_reported_with_what_would_be_right),
        TEST(a_wrong_form_is_reported_with_the_right_one),
        TEST(all_mistakes_of_a_file_are_reported_at_once),
        TEST(a_wrong_value_of_a_variable_is_reported_with_its_name),
        TEST(a_message_contains_no_value),
        TEST(the_version_of_the_file_format_is_checked),
        TEST(a_plug_in_may_have_any_properties),
        TEST(an_unknown_key_of_the_root_is_a_warning),
        TEST(null_is_a_default_only_where_the_schema_allows_it),
    };
    return RUN_TESTS(tests, argc, argv);
}
