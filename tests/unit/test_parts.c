/* SPDX-License-Identifier: MIT */
/*
 * test_parts.c - an optional part works, or says which option of the build it needs
 *
 * The same tests in every build: tote/parts.h has what to expect.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports.h"
#include "tote/exporters/console.h"
#include "tote/exporters/otlp.h"
#include "tote/exporters/otlp_file.h"
#include "tote/parts.h"
#include "tote/tote.h"

static char directory[] = "/tmp/tote-parts-XXXXXX";
static char lock_file[64];

static int start_over(void **state) {
    (void)state;
    reports_reset(TOTE_LEVEL_WARN);
    return 0;
}

/* Assert that the part is there without a diagnostic, or is missing with one that has the cure. */
static void assert_part(bool is_expected, const char *option, bool is_there) {
    char cure[80];

    snprintf(cure, sizeof cure, "build it with -D%s=ON", option);
    assert_int_equal(is_there, is_expected);
    assert_int_equal(reports.count, is_expected ? 0 : 1);
    if (!is_expected) {
        assert_non_null(strstr(reports.message, cure));
    }
}

static bool takes(tote_span_exporter *exporter) {
    bool is_there = exporter;

    tote_span_exporter_free(exporter);
    return is_there;
}

static bool takes_propagator(tote_propagator *propagator) {
    bool is_there = propagator;

    tote_propagator_unref(propagator);
    return is_there;
}

static tote_span_exporter *otlp(uint32_t protocol, const tote_delivery_options *delivery) {
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;

    options.ignore_environment = true;
    options.protocol = protocol;
    options.delivery = delivery;
    return tote_span_exporter_otlp_new(&options);
}

static void console_exporter_works_or_is_refused(void **state) {
    (void)state;

    assert_part(TOTE_HAS_CONSOLE, "TOTE_WITH_CONSOLE", takes(tote_span_exporter_console_new(NULL)));
}

static void grpc_exporter_works_or_is_refused(void **state) {
    (void)state;

    assert_part(TOTE_HAS_GRPC, "TOTE_WITH_GRPC", takes(otlp(TOTE_OTLP_PROTOCOL_GRPC, NULL)));
}

static void json_exporter_works_or_is_refused(void **state) {
    (void)state;

    assert_part(TOTE_HAS_JSON, "TOTE_WITH_JSON", takes(otlp(TOTE_OTLP_PROTOCOL_HTTP_JSON, NULL)));
}

static void json_file_exporter_works_or_is_refused(void **state) {
    (void)state;
    tote_otlp_file_options options = TOTE_OTLP_FILE_OPTIONS_INIT;
    options.path = "/dev/null";

    assert_part(TOTE_HAS_JSON, "TOTE_WITH_JSON", takes(tote_span_exporter_otlp_file_new(&options)));
}

static void json_encoder_works_or_fails(void **state) {
    (void)state;
    tote_otlp_buffer buffer = {NULL, 0, 0};

    assert_part(TOTE_HAS_JSON, "TOTE_WITH_JSON",
                tote_otlp_encode(TOTE_OTLP_ENCODING_JSON, NULL, 0, &buffer));
}

static void disk_queue_works_or_is_refused(void **state) {
    (void)state;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    delivery.disk_queue_directory = directory;

    assert_part(TOTE_HAS_DISK_QUEUE, "TOTE_WITH_DISK_QUEUE",
                takes(otlp(TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF, &delivery)));
}

/* The lock file marks a directory as a disk queue. */
static void disk_queue_is_sent_or_refused(void **state) {
    (void)state;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;
    FILE *lock = fopen(lock_file, "w");
    assert_non_null(lock);
    fclose(lock);
    delivery.disk_queue_directory = directory;
    options.ignore_environment = true;
    options.delivery = &delivery;

    assert_part(TOTE_HAS_DISK_QUEUE, "TOTE_WITH_DISK_QUEUE",
                tote_otlp_disk_queue_send(&options, 1000, NULL) == TOTE_RESULT_SUCCESS);
}

static void legacy_propagators_work_or_are_refused(void **state) {
    (void)state;
    tote_propagator *made[] = {
        tote_propagator_b3_new(),
        tote_propagator_b3_multi_new(),
        tote_propagator_jaeger_new(NULL),
        tote_propagator_ot_trace_new(NULL),
        tote_propagator_opencensus_new(false),
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(made); i++) {
        assert_int_equal(takes_propagator(made[i]), TOTE_HAS_LEGACY_PROPAGATORS);
    }
}

static size_t count_fields(const tote_propagator *propagator) {
    size_t count = 0;

    while (tote_propagator_get_field(propagator, count)) {
        count++;
    }
    return count;
}

/* The other names of the list are used. */
static void name_of_legacy_propagator_works_or_is_reported(void **state) {
    (void)state;
    tote_propagator *propagator = tote_propagator_from_names("ottrace,tracecontext");
    size_t count = count_fields(propagator); /* traceparent and tracestate */

    assert_part(TOTE_HAS_LEGACY_PROPAGATORS, "TOTE_WITH_LEGACY_PROPAGATORS", count > 2);
    assert_true(count >= 2);
    tote_propagator_unref(propagator);
}

static void configuration_is_read_or_refused(void **state) {
    (void)state;
    static const char text[] = "file_format: \"1.1\"\n";
    tote_configuration *configuration = tote_configuration_parse(text, strlen(text), NULL);
    bool is_there = configuration;
    tote_configuration_unref(configuration);

    assert_part(TOTE_HAS_YAML, "TOTE_WITH_YAML", is_there);
}

static void resource_detector_works_or_is_reported(void **state) {
    (void)state;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    options.ignore_environment = true;
    options.skip_global_registration = true;
    options.resource_detectors = "process";
    tote_span_processor *none = NULL;
    options.processors = &none;
    options.processor_count = 1;
    tote_sdk *sdk = tote_sdk_start(&options);

    assert_part(TOTE_HAS_RESOURCE_DETECTORS, "TOTE_WITH_RESOURCE_DETECTORS",
                sdk && reports.count == 0);
    tote_sdk_close(&sdk, 0);
}

static void metrics_are_exported_or_reported(void **state) {
    (void)state;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    options.ignore_environment = true;
    options.skip_global_registration = true;
    options.export_metrics = true;
    tote_span_exporter *exporter = otlp(TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF, NULL);
    options.exporters = &exporter;
    options.exporter_count = 1;
    tote_sdk *sdk = tote_sdk_start(&options);

    assert_part(TOTE_HAS_METRICS, "TOTE_WITH_METRICS", sdk && reports.count == 0);
    tote_sdk_close(&sdk, 0);
}

/* Spec: configuration/common.md#enum: an unknown value is reported and ignored */
static void variable_of_a_missing_part_is_reported_and_ignored(void **state) {
    (void)state;
    setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", 1);

    tote_span_exporter *exporter = tote_span_exporter_otlp_new(NULL);

    unsetenv("OTEL_EXPORTER_OTLP_PROTOCOL");
    assert_true(takes(exporter));
    assert_int_equal(reports.count, TOTE_HAS_GRPC ? 0 : 1);
    assert_true(TOTE_HAS_GRPC ||
                strstr(reports.message, "OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' is "
                                        "ignored: this build of libtote has no "
                                        "gRPC: build it with -DTOTE_WITH_GRPC=ON"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(console_exporter_works_or_is_refused, start_over),
        cmocka_unit_test_setup(grpc_exporter_works_or_is_refused, start_over),
        cmocka_unit_test_setup(json_exporter_works_or_is_refused, start_over),
        cmocka_unit_test_setup(json_file_exporter_works_or_is_refused, start_over),
        cmocka_unit_test_setup(json_encoder_works_or_fails, start_over),
        cmocka_unit_test_setup(disk_queue_works_or_is_refused, start_over),
        cmocka_unit_test_setup(disk_queue_is_sent_or_refused, start_over),
        cmocka_unit_test_setup(legacy_propagators_work_or_are_refused, start_over),
        cmocka_unit_test_setup(name_of_legacy_propagator_works_or_is_reported, start_over),
        cmocka_unit_test_setup(configuration_is_read_or_refused, start_over),
        cmocka_unit_test_setup(resource_detector_works_or_is_reported, start_over),
        cmocka_unit_test_setup(metrics_are_exported_or_reported, start_over),
        cmocka_unit_test_setup(variable_of_a_missing_part_is_reported_and_ignored, start_over),
    };

    if (!mkdtemp(directory)) {
        return 1;
    }
    snprintf(lock_file, sizeof lock_file, "%s/tote.lock", directory);
    int failed = RUN_TESTS(tests, argc, argv);
    unlink(lock_file);
    rmdir(directory);
    return failed;
}
