/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "reports.h"
#include "tote/delivery.h"
#include "tote/exporters/otlp.h"
#include "tote/processors.h"
#include "tote/sdk/span_exporter.h"
#include "tote/start.h"

/* Structs that Tote fills, and structs of a caller that was compiled with other headers. */

enum { LATER_BYTES = 64 };

#define UNKNOWN 77U

/* The caller's struct, with memory behind it that must stay as it is. */
struct filled {
    union {
        size_t struct_size;
        tote_stats stats;
        tote_export_outcome outcome;
        tote_disk_queue_report report;
    } at;
    unsigned char later[LATER_BYTES];
};

static void prepare(struct filled *filled, size_t struct_size) {
    memset(filled, 0xA5, sizeof *filled);
    filled->at.struct_size = struct_size;
}

/* Bytes from `struct_size` on, or from the end of the struct this version knows, are unchanged. */
static void assert_unchanged_from(const struct filled *filled, size_t offset) {
    const unsigned char *bytes = (const unsigned char *)filled;

    for (size_t i = offset; i < sizeof *filled; i++) {
        assert_int_equal(bytes[i], 0xA5);
    }
}

static tote_result accept_all(void *self, const tote_span_data *const *spans, size_t count,
                              uint32_t timeout_ms, tote_export_outcome *outcome) {
    (void)self, (void)spans, (void)count, (void)timeout_ms, (void)outcome;
    return TOTE_RESULT_SUCCESS;
}

static tote_span_exporter *make_exporter(void) {
    static const tote_span_exporter_ops ops = {.struct_size = sizeof ops,
                                               .export_spans = accept_all};

    return tote_span_exporter_new(&ops, NULL);
}

static tote_sdk *start(tote_span_exporter *exporter) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.ignore_environment = true;
    options.skip_global_registration = true;
    options.resource_detectors = "none";
    options.exporters = &exporter;
    options.exporter_count = 1;
    return tote_sdk_start(&options);
}

static void statistics_fill_no_more_than_the_size_of_the_caller(void **state) {
    tote_sdk *sdk = start(make_exporter());
    struct filled filled;

    (void)state;
    prepare(&filled, offsetof(tote_stats, exported));
    assert_true(tote_sdk_get_stats(sdk, &filled.at.stats));
    assert_int_equal(filled.at.struct_size, offsetof(tote_stats, exported));
    assert_int_equal(filled.at.stats.ended, 0);
    assert_unchanged_from(&filled, offsetof(tote_stats, exported));

    prepare(&filled, sizeof filled);
    assert_true(tote_sdk_get_stats(sdk, &filled.at.stats));
    assert_int_equal(filled.at.struct_size, sizeof filled);
    assert_int_equal(filled.at.stats.started_after_shutdown, 0);
    assert_unchanged_from(&filled, sizeof(tote_stats));

    prepare(&filled, 0);
    assert_false(tote_sdk_get_stats(sdk, &filled.at.stats));
    assert_unchanged_from(&filled, sizeof(size_t));
    tote_sdk_close(&sdk, 1000);
}

static void outcomes_fill_no_more_than_the_size_of_the_caller(void **state) {
    tote_span_exporter *exporter = make_exporter();
    struct filled filled;

    (void)state;
    prepare(&filled, offsetof(tote_export_outcome, rejected));
    tote_span_exporter_export(exporter, NULL, 0, 1000, &filled.at.outcome);
    assert_int_equal(filled.at.struct_size, offsetof(tote_export_outcome, rejected));
    assert_int_equal(filled.at.outcome.result, TOTE_RESULT_SUCCESS);
    assert_unchanged_from(&filled, offsetof(tote_export_outcome, rejected));

    prepare(&filled, sizeof filled);
    tote_span_exporter_export(exporter, NULL, 0, 1000, &filled.at.outcome);
    assert_int_equal(filled.at.struct_size, sizeof filled);
    assert_null(filled.at.outcome.advice);
    assert_unchanged_from(&filled, sizeof(tote_export_outcome));
    tote_span_exporter_free(exporter);
}

static void reports_fill_no_more_than_the_size_of_the_caller(void **state) {
    struct filled filled; /* without a directory nothing is sent, and the report is filled */

    (void)state;
    prepare(&filled, offsetof(tote_disk_queue_report, lost));
    tote_disk_queue_send(make_exporter(), NULL, 0, &filled.at.report);
    assert_int_equal(filled.at.struct_size, offsetof(tote_disk_queue_report, lost));
    assert_int_equal(filled.at.report.batches_pending, 0);
    assert_unchanged_from(&filled, offsetof(tote_disk_queue_report, lost));

    prepare(&filled, sizeof filled);
    tote_disk_queue_send(make_exporter(), NULL, 0, &filled.at.report);
    assert_int_equal(filled.at.struct_size, sizeof filled);
    assert_int_equal(filled.at.report.unattached, 0);
    assert_unchanged_from(&filled, sizeof(tote_disk_queue_report));
}

static void unknown_values_of_options_are_reported_and_replaced_by_the_default(void **state) {
    tote_span_exporter *exporters[] = {make_exporter()};
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;

    (void)state;
    reports_reset(TOTE_LEVEL_WARN);
    batch.mode = UNKNOWN;
    options.ignore_environment = true;
    options.skip_global_registration = true;
    options.exporters = exporters;
    options.exporter_count = 1;
    options.batch = &batch;
    tote_sdk *sdk = tote_sdk_start(&options);
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "tote_batch_options.mode"));
    assert_int_equal(tote_sdk_get_poll_fd(sdk), -1);
    tote_sdk_close(&sdk, 1000);

    reports_reset(TOTE_LEVEL_WARN);
    exporters[0] = make_exporter();
    batch.mode = TOTE_EXPORT_MODE_SIMPLE;
    options.store_export = UNKNOWN;
    sdk = tote_sdk_start(&options);
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "tote_sdk_options.store_export"));
    tote_sdk_close(&sdk, 1000);

    reports_reset(TOTE_LEVEL_WARN);
    otlp.ignore_environment = true;
    otlp.protocol = UNKNOWN;
    otlp.compression = TOTE_OTLP_COMPRESSION_GZIP;
    tote_span_exporter_free(tote_span_exporter_otlp_new(&otlp));
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "tote_otlp_options.protocol"));

    reports_reset(TOTE_LEVEL_WARN);
    otlp.protocol = TOTE_OTLP_PROTOCOL_HTTP_JSON;
    otlp.compression = UNKNOWN;
    tote_span_exporter_free(tote_span_exporter_otlp_new(&otlp));
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "tote_otlp_options.compression"));
}

static tote_result set_unknown_values(void *self, const tote_span_data *const *spans, size_t count,
                                      uint32_t timeout_ms, tote_export_outcome *outcome) {
    (void)self, (void)spans, (void)count, (void)timeout_ms;
    outcome->failure = UNKNOWN;
    return (tote_result)UNKNOWN;
}

static void unknown_values_of_an_outcome_count_as_a_failure(void **state) {
    static const tote_span_exporter_ops ops = {.struct_size = sizeof ops,
                                               .export_spans = set_unknown_values};
    tote_span_exporter *exporter = tote_span_exporter_new(&ops, NULL);
    tote_export_outcome outcome = TOTE_EXPORT_OUTCOME_INIT;

    (void)state;
    reports_reset(TOTE_LEVEL_WARN);
    assert_int_equal(tote_span_exporter_export(exporter, NULL, 0, 1000, &outcome),
                     TOTE_RESULT_FAILURE);
    assert_int_equal(outcome.result, TOTE_RESULT_FAILURE);
    assert_int_equal(outcome.failure, TOTE_EXPORT_FAILURE_UNKNOWN);
    assert_int_equal(reports.count, 1);
    tote_span_exporter_free(exporter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_fill_no_more_than_the_size_of_the_caller),
        cmocka_unit_test(outcomes_fill_no_more_than_the_size_of_the_caller),
        cmocka_unit_test(reports_fill_no_more_than_the_size_of_the_caller),
        cmocka_unit_test(unknown_values_of_options_are_reported_and_replaced_by_the_default),
        cmocka_unit_test(unknown_values_of_an_outcome_count_as_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
