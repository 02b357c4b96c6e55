/* SPDX-License-Identifier: MIT */
/*
 * test_configuration_create_resource.c - a file selects resource detectors and their attributes
 */
#include "support.h"

#include "file_fixture.h"
#include "tote/sdk/resource.h"

static int detected, destroyed;

static tote_result detect(void *self, tote_resource **resource) {
    const tote_attribute attributes[] = {{"cloud.region", tote_string(self)},
                                         {"cloud.zone", tote_string("z")}};

    detected++;
    *resource = tote_resource_new(attributes, 2, NULL);
    return TOTE_RESULT_SUCCESS;
}

static void destroy(void *self) {
    (void)self;
    destroyed++;
}

static tote_resource_detector *make_cloud(void *self, const tote_configuration_node *properties) {
    static const tote_resource_detector_ops ops = {
        .struct_size = sizeof ops, .detect = detect, .destroy = destroy};

    (void)properties;
    return tote_resource_detector_new("cloud", &ops, self);
}

static int set_up(void **state) {
    static bool is_registered;
    static char region[] = "north";

    file_set_up(state);
    detected = destroyed = 0;
    if (!is_registered) {
        is_registered = true;
        assert_int_equal(tote_configuration_register_resource_detector("cloud", make_cloud, region),
                         TOTE_RESULT_SUCCESS);
    }
    return 0;
}

/* The value of an attribute of the resource; "" if there is none, or if it is no text. */
static const char *text_of(const tote_span_data *span, const char *key) {
    const tote_resource *resource = tote_span_data_get_resource(span);

    for (size_t i = 0; i < resource->attribute_count; i++) {
        const tote_attribute *attribute = &resource->attributes[i];
        if (strcmp(attribute->key, key) == 0 && attribute->value.type == TOTE_VALUE_TYPE_STRING) {
            return attribute->value.as.string;
        }
    }
    return "";
}

static const tote_span_data *end_span_of(const char *resource) {
    char text[1024];

    snprintf(text, sizeof text, KEPT "resource:\n  detection/development:\n    %s\n", resource);
    tote_sdk *sdk = start_text(text, NULL);
    assert_non_null(sdk);
    const tote_span_data *span = end_span(sdk, "work");
    assert_non_null(span);
    return span;
}

/* Spec: opentelemetry-configuration, ExperimentalResourceDetector */
static void only_the_detectors_of_the_file_run(void **state) {
    const tote_span_data *span = end_span_of("detectors: [{host: }, {cloud: }]");

    (void)state;
    assert_string_equal(text_of(span, "os.type"), "linux");
    assert_string_equal(text_of(span, "cloud.region"), "north");
    assert_string_equal(text_of(span, "process.executable.name"), "");
    assert_string_equal(text_of(span, "service.instance.id"), "");
    assert_int_equal(detected, 1);
    assert_int_equal(destroyed, 1);
}

/* Spec: opentelemetry-configuration, IncludeExclude */
static void the_attributes_of_detectors_are_filtered(void **state) {
    const tote_span_data *span =
        end_span_of("{attributes: {included: ['os.*', 'cloud.*'], excluded: ['*.zone']}, "
                    "detectors: [{host: }, {cloud: }]}");

    (void)state;
    assert_string_equal(text_of(span, "os.type"), "linux");
    assert_string_equal(text_of(span, "cloud.region"), "north");
    assert_string_equal(text_of(span, "cloud.zone"), "");
    assert_string_equal(text_of(span, "host.name"), "");
    assert_string_equal(text_of(span, "telemetry.sdk.name"), "tote");
}

/* Spec: resource/sdk.md#resource-detector-name: only this detector reads OTEL_SERVICE_NAME */
static void the_service_detector_reads_the_variable(void **state) {
    (void)state;
    setenv("OTEL_SERVICE_NAME", "shop", 1);
    assert_string_equal(text_of(end_span_of("detectors: [{service: }]"), "service.name"), "shop");
    tote_in_memory_spans_clear(kept_spans);
    assert_string_equal(text_of(end_span_of("detectors: [{cloud: }]"), "service.name"),
                        USES_LINUX ? "unknown_service:test_configuration_create_resource"
                                   : "unknown_service");
    unsetenv("OTEL_SERVICE_NAME");
}

static void a_file_with_an_error_frees_its_detectors(void **state) {
    (void)state;
    expect_refused(KEPT "resource: {detection/development: {detectors: [{cloud: }, {x: }]}}\n",
                   "'x'");
    assert_int_equal(detected, 0);
    assert_int_equal(destroyed, 1);
}

/* Spec: resource/sdk.md#resource-detector-name */
static void a_detector_that_the_file_names_twice_is_an_error_and_runs_once(void **state) {
    (void)state;
    end_span_of("detectors: [{cloud: }, {cloud: }]");
    assert_int_equal(detected, 1);
    assert_int_equal(destroyed, 2);
    assert_non_null(strstr(diagnostics, "'cloud'"));
}

/* Start with a detector `own` of the program; `detectors` is the option. */
static const tote_span_data *end_span_with_own(const char *resource, const char *detectors) {
    static const tote_resource_detector_ops ops = {
        .struct_size = sizeof ops, .detect = detect, .destroy = destroy};
    static char south[] = "south";
    tote_resource_detector *own = tote_resource_detector_new("own", &ops, south);
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    char text[1024];

    tote_in_memory_spans_clear(kept_spans);
    options.own_resource_detectors = &own;
    options.own_resource_detector_count = 1;
    options.resource_detectors = detectors;
    snprintf(text, sizeof text, KEPT "%s\n", resource);
    const tote_span_data *span = end_span(start_text(text, &options), "work");
    assert_non_null(span);
    return span;
}

/* Options of the program override the file field by field. */
static void detectors_of_the_program_run_beside_those_of_the_file(void **state) {
    (void)state;
    assert_string_equal(text_of(end_span_with_own("", NULL), "cloud.region"), "south");
    const tote_span_data *span = end_span_with_own(
        "resource: {detection/development: {detectors: [{host: }, {own: }]}}", NULL);
    assert_string_equal(text_of(span, "cloud.region"), "south");
    assert_string_equal(text_of(span, "os.type"), "linux");
    assert_int_equal(detected, 2);
    assert_int_equal(destroyed, 2);
    assert_string_equal(text_of(end_span_with_own("", "none"), "cloud.region"), "");
    assert_string_equal(diagnostics, "");
}

int main(int argc, char **argv) {
#define DETECTOR_TEST(test) cmocka_unit_test_setup(test, set_up)
    const struct CMUnitTest tests[] = {
        DETECTOR_TEST(only_the_detectors_of_the_file_run),
        DETECTOR_TEST(the_attributes_of_detectors_are_filtered),
        DETECTOR_TEST(the_service_detector_reads_the_variable),
        DETECTOR_TEST(a_file_with_an_error_frees_its_detectors),
        DETECTOR_TEST(a_detector_that_the_file_names_twice_is_an_error_and_runs_once),
        DETECTOR_TEST(detectors_of_the_program_run_beside_those_of_the_file),
    };
    return RUN_TESTS(tests, argc, argv);
}
