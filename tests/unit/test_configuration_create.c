/* SPDX-License-Identifier: MIT */
/*
 * test_configuration_create.c - a configuration file starts an SDK, and each key has its effect
 *
 * The schema: https://github.com/open-telemetry/opentelemetry-configuration
 */
#include "support.h"

#include "file_fixture.h"
#include "tote/sdk/sampler.h"

static const char *text_of(const tote_resource *resource, const char *key) {
    static char text[256];

    for (size_t i = 0; i < resource->attribute_count; i++) {
        if (strcmp(resource->attributes[i].key, key) == 0) {
            tote_value_to_text(resource->attributes[i].value, text, sizeof text);
            return text;
        }
    }
    return NULL;
}

/* Spec: configuration/sdk.md#create. Compliance: DC-06, DC-07, DC-08 */
static void a_parsed_file_starts_an_sdk(void **state) {
    (void)state;
    assert_non_null(end_span(start_text(KEPT, NULL), "one"));
    assert_string_equal(diagnostics, "");
}

/* The header of this index that the global propagator writes; NULL: none. */
static const char *header_at(size_t index) {
    tote_propagator *propagator = tote_propagator_ref_global();
    const char *header = tote_propagator_get_field(propagator, index);

    tote_propagator_unref(propagator); /* the SDK has a reference */
    return header;
}

static const char *write_file(const char *text) {
    static char path[] = "/tmp/test_configuration_create.yaml";
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
    return path;
}

/*
 * Spec: configuration/sdk-environment-variables.md#declarative-configuration. Compliance: EV-20
 */
static void the_file_of_the_variable_replaces_the_other_variables(void **state) {
    (void)state;
    setenv("OTEL_CONFIG_FILE",
           write_file(KEPT "resource:\n"
                           "  attributes_list: ${LIST}\n"),
           1);
    setenv("LIST", "team=blue", 1);
    setenv("OTEL_SDK_DISABLED", "true", 1);
    setenv("OTEL_RESOURCE_ATTRIBUTES", "a=b", 1);
    setenv("OTEL_SERVICE_NAME", "variable", 1);
    setenv("OTEL_TRACES_SAMPLER", "always_off", 1);
    setenv("OTEL_PROPAGATORS", "b3", 1);
    const tote_span_data *span = end_span(tote_sdk_start(NULL), "one");
    assert_non_null(span);
    const tote_resource *resource = tote_span_data_get_resource(span);
    assert_null(text_of(resource, "a"));
    assert_string_equal(text_of(resource, "team"), "blue");
    assert_string_not_equal(text_of(resource, "service.name"), "variable");
    assert_null(header_at(0));
    unsetenv("OTEL_SDK_DISABLED");
    unsetenv("OTEL_RESOURCE_ATTRIBUTES");
    unsetenv("OTEL_SERVICE_NAME");
    unsetenv("OTEL_TRACES_SAMPLER");
    unsetenv("OTEL_PROPAGATORS");
}

static void a_program_that_ignores_the_environment_ignores_the_variable_of_the_file(void **state) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    (void)state;
    setenv("OTEL_CONFIG_FILE", "/nowhere.yaml", 1);
    options.ignore_environment = true;
    tote_span_exporter *exporter = tote_span_exporter_in_memory_new(kept_spans);
    options.exporters = &exporter;
    options.exporter_count = 1;
    assert_non_null(end_span(tote_sdk_start(&options), "one"));
}

static void the_option_of_a_file_is_used_before_the_variable(void **state) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    (void)state;
    setenv("OTEL_CONFIG_FILE", "/nowhere.yaml", 1);
    options.config_file = write_file(KEPT);
    assert_non_null(end_span(tote_sdk_start(&options), "one"));
}

static void a_file_that_cannot_be_read_starts_nothing(void **state) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    (void)state;
    options.config_file = "/nowhere.yaml";
    assert_null(tote_sdk_start(&options));
    assert_non_null(strstr(diagnostics, "/nowhere.yaml"));
    assert_non_null(strstr(diagnostics, "no SDK is started"));
}

/* Fail fast, with the position of every error. Spec: configuration/sdk.md#create */
static void all_errors_of_creation_are_reported_with_their_position(void **state) {
    (void)state;
    expect_refused(
        "file_format: '1.1'\n"
        "propagator: {composite_list: 'tracecontext,nonsense'}\n"
        "tracer_provider:\n"
        "  processors:\n"
        "    - simple: {exporter: {nowhere: }}\n"
        "    - batch:\n"
        "        exporter:\n"
        "          otlp_http:\n"
        "            compression: zip\n"
        "            tls:\n"
        "              ca_file: ca.pem\n"
        "              key_file: /key.pem\n"
        "  sampler: {jaeger_remote/development: {endpoint: e, initial_sampler: {always_on: }}}\n"
        "distribution: {tote: {crash: true}}\n",
        "t.yaml:5:");
    static const char *const wanted[] = {
        "t.yaml:2:30: ",
        "unknown propagator 'nonsense'",
        "t.yaml:5:27: ",
        "unknown exporter 'nowhere': known are otlp_http, otlp_grpc, otlp_file/development",
        ", console; registered: kept",
        "t.yaml:9:",
        "unknown value; expected one of gzip, none",
        "t.yaml:11:",
        "this is not an absolute path",
        "t.yaml:12:",
        "key_file needs cert_file",
        "t.yaml:13:",
        "jaeger_remote/development is not supported",
        "t.yaml:14:",
        "distribution.tote.crash: unknown key; ",
    };
    const char *rest = diagnostics;
    for (size_t i = 0; i < TOTE_COUNT_OF(wanted); i++) {
        const char *found = strstr(rest, wanted[i]);
        if (!found) {
            print_error("wanted: %s\n%s", wanted[i], rest);
        }
        assert_non_null(found);
        rest = found; /* they are in the order of the file */
    }
}

static void a_disabled_sdk_records_nothing_and_propagates(void **state) {
    (void)state;
    assert_null(end_span(start_text(KEPT "disabled: true\n"
                                         "propagator: {composite: [{b3: }]}\n",
                                    NULL),
                         "one"));
    assert_string_equal(header_at(0), "b3");
}

/* Spec: configuration/sdk.md#create */
static void without_a_tracer_provider_nothing_is_recorded(void **state) {
    (void)state;
    tote_sdk *sdk = start_text("file_format: '1.1'\n", NULL);
    assert_non_null(sdk);
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "one", NULL);
    assert_false(tote_span_is_recording(span));
    tote_span_close(&span);
    tote_sdk_close(&sdk, 1000);
    assert_null(header_at(0));
    assert_non_null(strstr(diagnostics, "t.yaml:1:1: no span is recorded, because there is no "
                                        "tracer_provider: add one, or set disabled: true"));
    diagnostics[0] = '\0';
    sdk = start_text("{file_format: '1.1', disabled: true}", NULL);
    tote_sdk_close(&sdk, 1000);
    assert_string_equal(diagnostics, "");
}

/* Compliance: DC-11 */
static void propagators_are_combined_without_duplicates(void **state) {
    static const char *const wanted[] = {"traceparent", "tracestate", "baggage", "b3"};

    (void)state;
    tote_sdk *sdk = start_text(KEPT "propagator:\n"
                                    "  composite: [{tracecontext: }, {baggage: }]\n"
                                    "  composite_list: 'baggage, b3, tracecontext'\n",
                               NULL);
    for (size_t i = 0; i < TOTE_COUNT_OF(wanted); i++) {
        assert_string_equal(header_at(i), wanted[i]);
    }
    assert_null(header_at(TOTE_COUNT_OF(wanted)));
    tote_sdk_close(&sdk, 1000);
}

static void resource_attributes_have_their_types(void **state) {
    (void)state;
    const tote_span_data *span =
        end_span(start_text(KEPT "resource:\n"
                                 "  attributes:\n"
                                 "    - {name: service.name, value: shop}\n"
                                 "    - {name: flag, value: true, type: bool}\n"
                                 "    - {name: number, value: 7, type: int}\n"
                                 "    - {name: real, value: 2, type: double}\n"
                                 "    - {name: texts, value: [a, b], type: string_array}\n"
                                 "    - {name: numbers, value: [1, 2], type: int_array}\n"
                                 "    - {name: ignored, value: }\n"
                                 "    - {name: both, value: attributes}\n"
                                 "  attributes_list: both=list,listed=%20x\n"
                                 "  schema_url: https://example.com/1.0\n",
                            NULL),
                 "one");
    const tote_resource *resource = tote_span_data_get_resource(span);
    assert_string_equal(text_of(resource, "service.name"), "shop");
    assert_string_equal(text_of(resource, "flag"), "true");
    assert_string_equal(text_of(resource, "number"), "7");
    assert_string_equal(text_of(resource, "real"), "2");
    assert_string_equal(text_of(resource, "texts"), "[\"a\",\"b\"]");
    assert_string_equal(text_of(resource, "numbers"), "[1,2]");
    assert_null(text_of(resource, "ignored"));
    assert_string_equal(text_of(resource, "both"), "attributes");
    assert_string_equal(text_of(resource, "listed"), " x");
    assert_string_equal(resource->schema_url, "https://example.com/1.0");
    assert_null(text_of(resource, "host.name")); /* no detector is named */
    expect_refused(KEPT "resource: {attributes: [{name: port, value: 80}]}\n",
                   "the value of 'port' is not of type string");
    expect_refused(KEPT "resource: {attributes_list: c}\n", "entry 1: the = is missing");
    expect_refused(KEPT "resource: {attributes_list: 'a=b,c'}\n", "entry 2: the = is missing");
}

static void end_full_span(tote_sdk *sdk) {
    const tote_attribute two[] = {{"a", tote_string("12345")}, {"b", tote_int(2)}};
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "full", NULL);

    tote_span_set_attributes(span, two, 2);
    for (int i = 0; i < 3; i++) {
        tote_span_add_event(span, "event", two, 2, 0);
    }
    tote_span_close(&span);
    tote_sdk_close(&sdk, 1000);
}

static void span_limits_override_attribute_limits(void **state) {
    size_t count;

    (void)state;
    end_full_span(start_text(KEPT
                             "  limits: {attribute_value_length_limit: 3, event_count_limit: 2,\n"
                             "           event_attribute_count_limit: 0}\n"
                             "attribute_limits: {attribute_count_limit: 1,\n"
                             "                   attribute_value_length_limit: 4}\n",
                             NULL));
    const tote_span_data *span = tote_in_memory_spans_find(kept_spans, "full");
    const tote_attribute *attributes = tote_span_data_get_attributes(span, &count);
    assert_int_equal(count, 1);
    assert_int_equal(attributes[0].value.size, 3);
    const tote_event *events = tote_span_data_get_events(span, &count);
    assert_int_equal(count, 2);
    assert_int_equal(events[0].attribute_count, 0);
}

static void tracers_are_disabled_by_name(void **state) {
    (void)state;
    tote_sdk *sdk = start_text(KEPT "  tracer_configurator/development:\n"
                                    "    default_config: {enabled: false}\n"
                                    "    tracers: [{name: 'shop.*', config: {enabled: true}}]\n",
                               NULL);
    tote_span *enabled = tote_tracer_start_span(tote_get_tracer("shop.a", NULL), "one", NULL);
    tote_span *disabled = tote_tracer_start_span(tote_get_tracer("other", NULL), "two", NULL);
    assert_true(tote_span_is_recording(enabled));
    assert_false(tote_span_is_recording(disabled));
    tote_span_close(&enabled);
    tote_span_close(&disabled);
    tote_sdk_close(&sdk, 1000);
}

/* Options of the program win, as over variables. */
static void options_override_the_file_field_by_field(void **state) {
    const tote_attribute attribute = {"team", tote_string("red")};
    tote_span_limits limits = TOTE_SPAN_LIMITS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    size_t count;

    (void)state;
    limits.event_count = 1;
    options.service_name = "program";
    options.resource_attributes = &attribute;
    options.resource_attribute_count = 1;
    options.limits = &limits;
    options.sampler = tote_sampler_always_on_new();
    options.propagator = tote_propagator_b3_new();
    end_full_span(start_text(KEPT "  sampler: {always_off: }\n"
                                  "  limits: {event_count_limit: 2, attribute_count_limit: 1}\n"
                                  "propagator: {composite: [{baggage: }]}\n"
                                  "resource:\n"
                                  "  attributes_list: service.name=file,team=blue,floor=2\n",
                             &options));
    const tote_span_data *span = tote_in_memory_spans_find(kept_spans, "full");
    const tote_resource *resource = tote_span_data_get_resource(span);
    assert_string_equal(text_of(resource, "service.name"), "program");
    assert_string_equal(text_of(resource, "team"), "red");
    assert_string_equal(text_of(resource, "floor"), "2");
    tote_span_data_get_events(span, &count);
    assert_int_equal(count, 1);
    tote_span_data_get_attributes(span, &count);
    assert_int_equal(count, 1);
    assert_string_equal(header_at(0), "b3");
}

static void exporters_of_the_program_replace_those_of_the_file(void **state) {
    tote_in_memory_spans *own = tote_in_memory_spans_new();
    tote_span_exporter *exporter = tote_span_exporter_in_memory_new(own);
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    (void)state;
    options.exporters = &exporter;
    options.exporter_count = 1;
    assert_null(end_span(start_text(KEPT, &options), "one"));
    assert_int_equal(tote_in_memory_spans_get_count(own), 1);
    tote_in_memory_spans_unref(own);
}

/* Compliance: DC-09, DC-10 */
static void providers_of_other_signals_are_ignored_with_one_message_each(void **state) {
    (void)state;
    assert_non_null(
        end_span(start_text(KEPT "meter_provider: {readers: [{pull: {exporter: {p: }}}]}\n"
                                 "logger_provider: {processors: [{x: }]}\n",
                            NULL),
                 "one"));
    assert_non_null(strstr(diagnostics, "meter_provider: ignored: Tote has no metrics API\n"));
    assert_non_null(strstr(diagnostics, "logger_provider: ignored: Tote has no logs API\n"));
}

/* Keys of `distribution: tote:` are the names of options. */
static void options_of_tote_are_below_distribution(void **state) {
    (void)state;
    setenv("OTEL_C_CRASH_SAFE", "true", 1);
    tote_sdk *sdk = start_text(KEPT "distribution:\n"
                                    "  other: {anything: 1}\n"
                                    "  tote:\n"
                                    "    store_export: allowed\n"
                                    "    store_export_keys: [tenant]\n"
                                    "    propagation_allowed_hosts: [api.example.com]\n",
                               NULL);
    tote_scope *scope = tote_scope_open(tote_get_tracer("test", NULL), "scoped", NULL);
    tote_store_add(tote_scope_get_store(scope), "tenant", tote_string("t1"));
    tote_store_add(tote_scope_get_store(scope), "secret", tote_string("s1"));
    tote_scope_close(&scope);
    tote_sdk_close(&sdk, 1000);
    const tote_span_data *span = tote_in_memory_spans_find(kept_spans, "scoped");
    assert_non_null(tote_span_data_get_attribute(span, "tenant"));
    assert_null(tote_span_data_get_attribute(span, "secret"));
    unsetenv("OTEL_C_CRASH_SAFE");
    expect_refused(KEPT "distribution: {tote: {store_export: some}}\n",
                   "unknown value; expected one of all, local, allowed, none");
    expect_refused(KEPT "distribution: {tote: {disk_queue_max_files: 0}}\n",
                   "out of bounds; expected an integer from 1");
    expect_refused(KEPT "distribution: {tote: {crash_safe: maybe}}\n",
                   "this is a text; expected true or false");
    expect_refused(KEPT "distribution: {tote: {store_export_keys: tenant}}\n",
                   "this is a text; expected a list");
    expect_refused(KEPT "distribution: {tote: {metrics_exporter: otlpp}}\n",
                   "unknown value; did you mean \"otlp\"?");
    expect_refused(KEPT "distribution: {tote: {crash_saef: true}}\n",
                   "t.yaml:4:23: distribution.tote.crash_saef: unknown key; did you mean "
                   "\"crash_safe\"?");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        FILE_TEST(a_parsed_file_starts_an_sdk),
        FILE_TEST(the_file_of_the_variable_replaces_the_other_variables),
        FILE_TEST(a_program_that_ignores_the_environment_ignores_the_variable_of_the_file),
        FILE_TEST(the_option_of_a_file_is_used_before_the_variable),
        FILE_TEST(a_file_that_cannot_be_read_starts_nothing),
        FILE_TEST(all_errors_of_creation_are_reported_with_their_position),
        FILE_TEST(a_disabled_sdk_records_nothing_and_propagates),
        FILE_TEST(without_a_tracer_provider_nothing_is_recorded),
        FILE_TEST(propagators_are_combined_without_duplicates),
        FILE_TEST(resource_attributes_have_their_types),
        FILE_TEST(span_limits_override_attribute_limits),
        FILE_TEST(tracers_are_disabled_by_name),
        FILE_TEST(options_override_the_file_field_by_field),
        FILE_TEST(exporters_of_the_program_replace_those_of_the_file),
        FILE_TEST(providers_of_other_signals_are_ignored_with_one_message_each),
        FILE_TEST(options_of_tote_are_below_distribution),
    };

    return RUN_TESTS(tests, argc, argv);
}
