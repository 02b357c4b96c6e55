/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/allocator.h"
#include "tote/exporters/in_memory.h"
#include "tote/instrumentation/xray.h"
#include "tote/internal/pool.h"
#include "tote/propagators.h"
#include "tote/sdk/id_generator.h"
#include "tote/sdk/sampler.h"
#include "tote/sdk/span_exporter.h"
#include "tote/sdk/span_processor.h"
#include "tote/tote.h"

/*
 * Reports to the diagnostics handler, and the state of everything that a start takes ownership of.
 */
static struct {
    int reports;
    tote_level level;
    char message[1024];
    int destroyed;
    int exported;
    char service_name[64];
} seen;

static void keep_report(tote_level level, const char *component, const char *message,
                        void *user_data) {
    (void)component, (void)user_data;
    seen.reports++;
    seen.level = level;
    strcpy(seen.message, message);
}

static int reset(void **state) {
    (void)state;
    unsetenv("OTEL_TRACES_EXPORTER");
    unsetenv("OTEL_PROPAGATORS");
    unsetenv("OTEL_SDK_DISABLED");
    unsetenv("OTEL_LOG_LEVEL");
    unsetenv("OTEL_SERVICE_NAME");
    unsetenv("OTEL_RESOURCE_ATTRIBUTES");
    memset(&seen, 0, sizeof seen);
    tote_diagnostics_set_handler(keep_report, TOTE_LEVEL_INFO, NULL);
    tote_propagator_set_global(NULL);
    return 0;
}

#define START_TEST(test) cmocka_unit_test_setup(test, reset)

/* Memory, of which one allocation fails; -1: none. */
static int portions_left = -1;

static void *allocate(void *self, size_t size) {
    (void)self;
    return portions_left >= 0 && portions_left-- == 0 ? NULL : malloc(size);
}

static void *reallocate(void *self, void *memory, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    return portions_left >= 0 && portions_left-- == 0 ? NULL : realloc(memory, size);
}

static void release(void *self, void *memory, size_t size) {
    (void)self, (void)size;
    free(memory);
}

static tote_result export_spans(void *self, const tote_span_data *const *spans, size_t count,
                                uint32_t timeout_ms, tote_export_outcome *report) {
    (void)self, (void)timeout_ms, (void)report;
    seen.exported += (int)count;
    const tote_resource *resource = tote_span_data_get_resource(spans[0]);
    for (size_t i = 0; i < resource->attribute_count; i++) {
        if (strcmp(resource->attributes[i].key, "service.name") == 0) {
            tote_value_to_text(resource->attributes[i].value, seen.service_name,
                               sizeof seen.service_name);
        }
    }
    return TOTE_RESULT_SUCCESS;
}

static void count_destroyed(void *self) {
    (void)self;
    seen.destroyed++;
}

static tote_sampling_decision sample(void *self, const tote_sampling_parameters *parameters,
                                     tote_sampling_result *result) {
    (void)self, (void)parameters, (void)result;
    return TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE;
}

static void new_trace_id(void *self, tote_trace_id *id) {
    (void)self;
    memset(id, 0x17, sizeof *id);
}

static void new_span_id(void *self, tote_span_id *id) {
    (void)self;
    memset(id, 0x17, sizeof *id);
}

/*
 * Options with one of everything that is owned except a propagator; each span is exported as it
 * ends.
 */
struct everything {
    tote_batch_options batch;
    tote_span_exporter *exporters[2];
    tote_span_processor *processors[2];
    tote_sdk_options options;
};

static void fill(struct everything *all) {
    static const tote_span_exporter_ops exporter = {
        .struct_size = sizeof exporter, .export_spans = export_spans, .destroy = count_destroyed};
    static const tote_span_processor_ops processor = {
        sizeof processor, NULL, NULL, NULL, NULL, NULL, count_destroyed};
    static const tote_sampler_ops sampler = {
        .struct_size = sizeof sampler, .should_sample = sample, .destroy = count_destroyed};
    static const tote_id_generator_ops generator = {sizeof generator, false, new_trace_id,
                                                    new_span_id, count_destroyed};

    *all = (struct everything){.batch = TOTE_BATCH_OPTIONS_INIT, .options = TOTE_SDK_OPTIONS_INIT};
    all->batch.mode = TOTE_EXPORT_MODE_SIMPLE;
    all->exporters[1] =
        tote_span_exporter_new(&exporter, NULL); /* [0]: one that could not be created */
    all->processors[1] = tote_span_processor_new(&processor, NULL);
    all->options.resource_detectors = "none";
    all->options.batch = &all->batch;
    all->options.exporters = all->exporters;
    all->options.exporter_count = 2;
    all->options.processors = all->processors;
    all->options.processor_count = 2;
    all->options.sampler = tote_sampler_new(&sampler, NULL);
    all->options.id_generator = tote_id_generator_new(&generator, NULL);
}

enum { TAKEN = 4 };

static const tote_trace_id *end_a_span(void) {
    static tote_trace_id trace_id;
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "span", NULL);

    trace_id = *tote_span_context_get_trace_id(tote_span_get_context(span));
    tote_span_close(&span);
    return &trace_id;
}

static const char *first_field(void) {
    tote_propagator *global = tote_propagator_ref_global();
    const char *field = tote_propagator_get_field(global, 0);

    tote_propagator_unref(global);
    return field;
}

/* Ownership passes to the SDK. Compliance: TR-01, TR-57 */
static void a_start_uses_its_options_and_releases_them_at_the_end(void **state) {
    struct everything all;

    (void)state;
    fill(&all);
    all.options.service_name = "shop";
    all.options.propagator = tote_propagator_baggage_new(NULL);
    tote_sdk *sdk = tote_sdk_start(&all.options);
    assert_non_null(sdk);
    assert_int_equal(end_a_span()->bytes[0], 0x17);
    assert_string_equal(first_field(), "baggage");
    assert_int_equal(seen.exported, 1);
    assert_string_equal(seen.service_name, "shop");
    assert_int_equal(seen.destroyed, 0);
    assert_int_equal(tote_sdk_close(&sdk, 60000), TOTE_RESULT_SUCCESS);
    assert_int_equal(seen.destroyed, TAKEN);
    assert_int_equal(seen.reports, 0);
}

static void a_second_start_returns_a_reference_and_releases_its_options(void **state) {
    struct everything all;

    (void)state;
    fill(&all);
    tote_sdk *first = tote_sdk_start(&all.options);
    fill(&all);
    all.options.propagator = tote_propagator_baggage_new(NULL);
    tote_sdk *second = tote_sdk_start(&all.options);
    assert_ptr_equal(first, second);
    assert_int_equal(seen.destroyed, TAKEN);
    assert_int_equal(seen.reports, 1);
    assert_string_equal(first_field(), "traceparent");
    assert_int_equal(tote_sdk_close(&second, 60000), TOTE_RESULT_SUCCESS);
    end_a_span();
    assert_int_equal(seen.exported, 1);
    tote_sdk_close(&first, 1000);
    assert_int_equal(seen.destroyed, 2 * TAKEN);
}

/*
 * skip_global_registration leaves the global provider and propagator unchanged. Compliance: TR-01
 */
static void an_sdk_without_global_registration_changes_no_global_state(void **state) {
    struct everything all;

    (void)state;
    fill(&all);
    all.options.skip_global_registration = true;
    tote_sdk *sdk = tote_sdk_start(&all.options);
    assert_non_null(sdk);
    end_a_span();
    assert_int_equal(seen.exported, 0);
    assert_null(first_field());
    tote_sdk_close(&sdk, 1000);
    assert_int_equal(seen.destroyed, TAKEN);
}

/* Propagators stay active. Compliance: EV-01 */
static void a_disabled_sdk_records_nothing_and_still_propagates(void **state) {
    struct everything all;

    (void)state;
    fill(&all);
    setenv("OTEL_SDK_DISABLED", "true", 1);
    setenv("OTEL_PROPAGATORS", "baggage", 1);
    tote_sdk *sdk = tote_sdk_start(&all.options);
    assert_non_null(sdk);
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "span", NULL);
    assert_false(tote_span_is_recording(span));
    tote_span_close(&span);
    assert_string_equal(first_field(), "baggage");
    tote_sdk_close(&sdk, 1000);
    assert_int_equal(seen.exported, 0);
    assert_int_equal(seen.destroyed, TAKEN);
}

/*
 * Start with a list of names. Return how many fields the global propagator has, and its first one.
 */
static size_t start_with_propagators(const char *names, const char **first) {
    size_t count = 0;

    if (names) {
        setenv("OTEL_PROPAGATORS", names, 1);
    } else {
        unsetenv("OTEL_PROPAGATORS");
    }
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    tote_sdk *sdk = tote_sdk_start(NULL);
    tote_propagator *global = tote_propagator_ref_global();
    *first = tote_propagator_get_field(global, 0);
    while (tote_propagator_get_field(global, count)) {
        count++;
    }
    tote_propagator_unref(global);
    tote_sdk_close(&sdk, 1000);
    return count;
}

/* Every name, lists, names given twice, none; by default only W3C's. Compliance: EV-05 */
static void the_environment_selects_the_propagators(void **state) {
    static const struct {
        const char *names;
        size_t count;
        const char *first;
        int reports;
    } rows[] = {
        {NULL, 3, "traceparent", 0},
        {"", 3, "traceparent", 0},
        {"tracecontext", 2, "traceparent", 0},
        {"baggage", 1, "baggage", 0},
        {"b3", 1, "b3", 0},
        {"b3multi", 4, "x-b3-traceid", 0},
        {"jaeger", 1, "uber-trace-id", 0},
        {"ottrace", 3, "ot-tracer-traceid", 0},
        {"opencensus", 1, "grpc-trace-bin", 0},
        {"xray", 1, "x-amzn-trace-id", 0},
        {"none", 0, NULL, 0},
        {" B3 ,\tXRay,b3,b3", 2, "b3", 0},
        {"b3multi,b3,jaeger,ottrace,opencensus,xray,tracecontext,baggage", 14, "x-b3-traceid", 0},
        {"none,b3", 1, "b3", 0},
        {"b3,none", 1, "b3", 0},
        {"zipkin,b3", 1, "b3", 1},
    };

    (void)state;
    assert_true(tote_propagator_xray_register());
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        const char *first;
        reset(NULL);
        tote_diagnostics_set_handler(keep_report, TOTE_LEVEL_WARN, NULL);
        assert_int_equal(start_with_propagators(rows[i].names, &first), rows[i].count);
        assert_true(rows[i].first ? first && strcmp(first, rows[i].first) == 0 : !first);
        assert_int_equal(seen.reports, rows[i].reports);
    }
}

/* env_values.tsv, OTEL_PROPAGATORS. Compliance: EV-05 */
static void an_unknown_propagator_is_skipped_and_none_does_nothing(void **state) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    (void)state;
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    setenv("OTEL_PROPAGATORS", "bogus,baggage", 1);
    tote_sdk *sdk = tote_sdk_start(&options);
    assert_string_equal(first_field(), "baggage");
    assert_int_equal(seen.reports, 1);
    tote_sdk_close(&sdk, 1000);
    setenv("OTEL_PROPAGATORS", "none", 1);
    sdk = tote_sdk_start(NULL);
    assert_null(first_field());
    assert_int_equal(seen.reports, 1);
    tote_sdk_close(&sdk, 1000);
}

/* Variables of the resource are exported. Compliance: RS-04, EV-02 */
static void the_resource_of_the_environment_is_on_every_span(void **state) {
    struct everything all;

    (void)state;
    fill(&all);
    setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=sh%6Fp", 1);
    tote_sdk *sdk = tote_sdk_start(&all.options);
    end_a_span();
    assert_string_equal(seen.service_name, "shop");
    tote_sdk_close(&sdk, 1000);
}

/* No loss is uncounted. */
static void if_no_exporter_can_be_created_spans_count_as_dropped(void **state) {
    tote_stats stats = TOTE_STATS_INIT;

    (void)state;
    setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/dev/null", 1);
    tote_sdk *sdk = tote_sdk_start(NULL);
    unsetenv("OTEL_EXPORTER_OTLP_CERTIFICATE");

    assert_non_null(sdk);
    assert_int_equal(seen.reports, 1);
    assert_int_equal(seen.level, TOTE_LEVEL_ERROR);
    assert_non_null(strstr(seen.message, "/dev/null is not a regular file"));
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", NULL);
    assert_true(tote_span_context_is_sampled(tote_span_get_context(span)));
    tote_span_close(&span);
    assert_int_equal(tote_sdk_force_flush(sdk, 60000), TOTE_RESULT_FAILURE);
    assert_true(tote_sdk_get_stats(sdk, &stats));
    assert_int_equal(stats.ended, 1);
    assert_int_equal(stats.dropped_retries_exhausted, 1);
    assert_int_equal(seen.reports, 1);
    tote_sdk_close(&sdk, 60000);
}

static char debug_reports[4096];

static void gather_reports(tote_level level, const char *component, const char *message,
                           void *user_data) {
    size_t length = strlen(debug_reports);

    (void)level, (void)user_data;
    snprintf(debug_reports + length, sizeof debug_reports - length, "%s: %s\n", component, message);
}

/*
 * OTEL_LOG_LEVEL. No secret is reported. Spec:
 * configuration/sdk-environment-variables.md#general-sdk-configuration
 */
static void at_debug_level_the_start_and_each_batch_are_reported(void **state) {
    (void)state;
    debug_reports[0] = '\0';
    setenv("OTEL_LOG_LEVEL", "debug", 1);
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:secret@127.0.0.1:9", 1);
    setenv("OTEL_TRACES_SAMPLER", "traceidratio", 1);
    setenv("OTEL_PROPAGATORS", "baggage", 1);
    tote_diagnostics_set_handler(gather_reports, TOTE_LEVEL_INFO, NULL);
    tote_sdk *sdk = tote_sdk_start(NULL);
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", NULL);
    tote_span_close(&span);
    tote_sdk_close(&sdk, 60000);
    unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
    unsetenv("OTEL_TRACES_SAMPLER");

    static const char *const told[] = {
        "sampler traceidratio", "propagators baggage",  "http://127.0.0.1:9/v1/traces",
        "queue of 2048 spans",  "batches of 512 spans", "export of 1 spans: failure"};
    for (size_t i = 0; i < TOTE_COUNT_OF(told); i++) {
        assert_non_null(strstr(debug_reports, told[i]));
    }
    assert_null(strstr(debug_reports, "secret"));
}

/* OTEL_LOG_LEVEL is read before all other variables. Compliance: EV-04 */
static void the_log_level_applies_to_reports_of_the_start(void **state) {
    (void)state;
    setenv("OTEL_LOG_LEVEL", "none", 1);
    setenv("OTEL_TRACES_EXPORTER", "foo,none", 1);
    setenv("OTEL_SDK_DISABLED", "maybe", 1);
    tote_sdk *sdk = tote_sdk_start(NULL);
    assert_non_null(sdk);
    assert_int_equal(seen.reports, 0);
    tote_sdk_close(&sdk, 1000);
}

static void whichever_allocation_fails_nothing_that_was_passed_leaks(void **state) {
    int refused = 0;

    (void)state;
    for (int portion = 0; portion < 100; portion++) {
        struct everything all;
        fill(&all);
        seen.destroyed = 0;
        portions_left = portion;
        tote_sdk *sdk = tote_sdk_start(&all.options);
        refused += portions_left < 0;
        portions_left = -1;
        end_a_span();
        tote_sdk_close(&sdk, 1000);
        assert_int_equal(seen.destroyed, TAKEN);
    }
    assert_in_range(refused, 1, 99); /* the last runs had all their memory */
}

static void a_start_keeps_errno(void **state) {
    struct everything all;

    (void)state;
    fill(&all);
    all.options.resource_detectors = NULL;
    errno = 77;
    tote_sdk *sdk = tote_sdk_start(&all.options);
    assert_int_equal(errno, 77);
    tote_sdk_close(&sdk, 1000);
}

/* tote/exporters/in_memory.h */
static void the_sdk_for_unit_tests_keeps_spans_and_ignores_the_environment(void **state) {
    tote_in_memory_spans *memory = tote_in_memory_spans_new();

    (void)state;
    setenv("OTEL_SDK_DISABLED", "true", 1);
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);
    end_a_span();
    assert_int_equal(tote_in_memory_spans_get_count(memory), 1);
    assert_non_null(tote_in_memory_spans_find(memory, "span"));
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
    assert_null(tote_in_memory_sdk_start(NULL));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        START_TEST(a_start_uses_its_options_and_releases_them_at_the_end),
        START_TEST(a_second_start_returns_a_reference_and_releases_its_options),
        START_TEST(an_sdk_without_global_registration_changes_no_global_state),
        START_TEST(a_disabled_sdk_records_nothing_and_still_propagates),
        START_TEST(the_environment_selects_the_propagators),
        START_TEST(an_unknown_propagator_is_skipped_and_none_does_nothing),
        START_TEST(the_resource_of_the_environment_is_on_every_span),
        START_TEST(if_no_exporter_can_be_created_spans_count_as_dropped),
        START_TEST(at_debug_level_the_start_and_each_batch_are_reported),
        START_TEST(the_log_level_applies_to_reports_of_the_start),
        START_TEST(whichever_allocation_fails_nothing_that_was_passed_leaks),
        START_TEST(a_start_keeps_errno),
        START_TEST(the_sdk_for_unit_tests_keeps_spans_and_ignores_the_environment),
    };
    const tote_allocator allocator = {sizeof allocator, allocate, reallocate, release, NULL};

    tote_allocator_set(&allocator);
    tote__pools_keep = false;
    return RUN_TESTS(tests, argc, argv);
}
