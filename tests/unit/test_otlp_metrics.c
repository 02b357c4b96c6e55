/* SPDX-License-Identifier: MIT */
/*
 * test_otlp_metrics.c - the SDK's metrics about itself, as a receiver of OTLP gets them
 *
 * Requests are decoded by protobuf-c and jansson. Spec: protocol/otlp.md, opentelemetry-proto
 * metrics/v1/metrics.proto
 */
#include "support.h"

#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asleep.h"
#include "metric_lines.h"
#include "otlp/metrics.pb-c.h"
#include "otlp/options.h"
#include "receiver.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/clock.h"
#include "tote/processors.h"
#include "tote/tote.h"

enum { HOUR_MS = 3600000, SHUTDOWN_MS = 20000, MOST_VARIABLES = 4 };

static const char metrics_path[] = "/v1/metrics";

struct fixture {
    struct receiver *receiver;
    tote_otlp_options otlp;
    tote_batch_options batch;
    tote_sdk_options options;
    tote_sdk *sdk;
    tote_tracer_provider *provider;
    size_t warnings;
    char last_warning[512];
    const char *variables[MOST_VARIABLES]; /* that the test has set */
};

static void note(tote_level level, const char *component, const char *message, void *data) {
    struct fixture *f = data;

    if (level <= TOTE_LEVEL_WARN) {
        f->warnings++;
        snprintf(f->last_warning, sizeof f->last_warning, "%s: %s", component, message);
    }
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);

    f->receiver = receiver_start();
    assert_non_null(f->receiver);
    f->otlp = (tote_otlp_options)TOTE_OTLP_OPTIONS_INIT;
    f->otlp.endpoint = receiver_url(f->receiver);
    f->batch = (tote_batch_options)TOTE_BATCH_OPTIONS_INIT;
    f->batch.schedule_delay_ms = HOUR_MS;
    f->options = (tote_sdk_options)TOTE_SDK_OPTIONS_INIT;
    f->options.skip_global_registration = true;
    f->options.batch = &f->batch;
    f->options.export_metrics = true;
    f->options.metric_export_interval_ms = HOUR_MS;
    tote_diagnostics_set_handler(note, TOTE_LEVEL_WARN, f);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    tote_tracer_provider_unref(f->provider);
    tote_sdk_close(&f->sdk, 0);
    receiver_stop(f->receiver);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    for (size_t i = 0; i < MOST_VARIABLES && f->variables[i]; i++) {
        unsetenv(f->variables[i]);
    }
    free(f);
    return 0;
}

static void set_variable(struct fixture *f, const char *name, const char *value) {
    size_t i = 0;

    while (f->variables[i]) {
        i++;
    }
    f->variables[i] = name;
    setenv(name, value, 1);
}

static void start(struct fixture *f) {
    tote_span_exporter *const exporters[] = {tote_span_exporter_otlp_new(&f->otlp)};

    f->options.exporters = exporters;
    f->options.exporter_count = 1;
    f->sdk = tote_sdk_start(&f->options);
    assert_non_null(f->sdk);
    f->provider = tote_sdk_ref_tracer_provider(f->sdk);
}

static void end_spans(const struct fixture *f, size_t count) {
    tote_tracer *tracer = tote_tracer_provider_get_tracer(f->provider, "test", NULL);

    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(tracer, "span", NULL);
        tote_span_close(&span);
    }
}

/* The last request of metrics; all zero if there is none. */
static struct received last_metrics(const struct fixture *f) {
    struct received last = {NULL, NULL, NULL, 0, false};

    for (size_t i = 0;; i++) {
        struct received one = receiver_request(f->receiver, i);
        if (!one.path) {
            return last;
        }
        last = strcmp(one.path, metrics_path) == 0 ? one : last;
    }
}

static size_t count_metrics(const struct fixture *f) {
    size_t count = 0;
    struct received one;

    for (size_t i = 0; (one = receiver_request(f->receiver, i)).path; i++) {
        count += strcmp(one.path, metrics_path) == 0;
    }
    return count;
}

/* Wait until that many requests of metrics have arrived. */
static void wait_for_metrics(const struct fixture *f, size_t count) {
    uint64_t deadline = tote__deadline_in(60000);

    while (count_metrics(f) < count && tote__clock_monotonic() < deadline) {
        usleep(2000);
    }
    assert_true(count_metrics(f) >= count);
}

static size_t copy_attributes(Tote__OtlpMetrics__KeyValue **from, size_t count,
                              tote_attribute *attributes) {
    for (size_t i = 0; i < count; i++) {
        const Tote__OtlpMetrics__AnyValue *value = from[i]->value;
        attributes[i].key = from[i]->key;
        attributes[i].value = value->value_case == TOTE__OTLP_METRICS__ANY_VALUE__VALUE_INT_VALUE
                                  ? tote_int(value->int_value)
                                  : tote_string(value->string_value);
    }
    return count;
}

enum { CUMULATIVE = 2 };

static void add_number(struct metric_lines *lines, const Tote__OtlpMetrics__NumberDataPoint *from,
                       tote_metric_point point) {
    tote_attribute attributes[16];

    assert_int_equal(from->value_case, TOTE__OTLP_METRICS__NUMBER_DATA_POINT__VALUE_AS_INT);
    point.attributes = attributes;
    point.attribute_count = copy_attributes(from->attributes, from->n_attributes, attributes);
    point.start_time_unix_nano = from->start_time_unix_nano;
    point.time_unix_nano = from->time_unix_nano;
    point.value = (uint64_t)from->as_int;
    metric_lines_add(lines, &point);
}

static void add_histogram(struct metric_lines *lines,
                          const Tote__OtlpMetrics__HistogramDataPoint *from,
                          tote_metric_point point) {
    tote_attribute attributes[16];

    assert_true(from->min <= from->max && from->max <= from->sum);
    assert_int_equal(from->n_bucket_counts, 1); /* one bucket without boundaries */
    assert_int_equal(from->bucket_counts[0], from->count);
    assert_int_equal(from->n_explicit_bounds, 0);
    point.attributes = attributes;
    point.attribute_count = copy_attributes(from->attributes, from->n_attributes, attributes);
    point.start_time_unix_nano = from->start_time_unix_nano;
    point.time_unix_nano = from->time_unix_nano;
    point.value = from->count;
    point.max = from->max;
    metric_lines_add(lines, &point);
}

static void add_metric(struct metric_lines *lines, const Tote__OtlpMetrics__Metric *metric) {
    const tote_metric_point point = {.name = metric->name};
    bool is_sum = metric->data_case == TOTE__OTLP_METRICS__METRIC__DATA_SUM;

    assert_true(*metric->description);
    assert_string_equal(metric->unit, is_sum ? "{span}" : "s");
    if (!is_sum) {
        assert_int_equal(metric->histogram->aggregation_temporality, CUMULATIVE);
        for (size_t i = 0; i < metric->histogram->n_data_points; i++) {
            add_histogram(lines, metric->histogram->data_points[i], point);
        }
        return;
    }
    assert_int_equal(metric->sum->aggregation_temporality, CUMULATIVE);
    bool is_counter = strstr(metric->name, ".started") || strstr(metric->name, ".processed") ||
                      strstr(metric->name, ".exported");
    assert_int_equal(metric->sum->is_monotonic, is_counter);
    for (size_t i = 0; i < metric->sum->n_data_points; i++) {
        add_number(lines, metric->sum->data_points[i], point);
    }
}

static const char *text_of(const Tote__OtlpMetrics__Resource *resource, const char *key) {
    for (size_t i = 0; i < resource->n_attributes; i++) {
        if (strcmp(resource->attributes[i]->key, key) == 0) {
            return resource->attributes[i]->value->string_value;
        }
    }
    return "";
}

/* Decode a request in protobuf. */
static void decode(struct metric_lines *lines, struct received received) {
    lines->size = 0;
    assert_non_null(received.body);
    Tote__OtlpMetrics__ExportMetricsServiceRequest *request =
        tote__otlp_metrics__export_metrics_service_request__unpack(NULL, received.body_size,
                                                                   (const uint8_t *)received.body);
    assert_non_null(request);
    assert_int_equal(request->n_resource_metrics, 1);
    assert_string_equal(text_of(request->resource_metrics[0]->resource, "telemetry.sdk.language"),
                        "c");
    assert_int_equal(request->resource_metrics[0]->n_scope_metrics, 1);
    const Tote__OtlpMetrics__ScopeMetrics *scope = request->resource_metrics[0]->scope_metrics[0];
    assert_string_equal(scope->scope->name, "tote");
    for (size_t i = 0; i < scope->n_metrics; i++) {
        for (size_t k = 0; k < i; k++) { /* the points of a metric are together */
            assert_string_not_equal(scope->metrics[i]->name, scope->metrics[k]->name);
        }
        add_metric(lines, scope->metrics[i]);
    }
    tote__otlp_metrics__export_metrics_service_request__free_unpacked(request, NULL);
}

#define STARTED                                                                                    \
    "otel.sdk.span.started{otel.span.parent.origin=none,otel.span.sampling_result="                \
    "RECORD_AND_SAMPLE}"
#define PROCESSED(rest)                                                                            \
    "otel.sdk.processor.span.processed{otel.component.type=batching_span_processor,"               \
    "otel.component.name=batching_span_processor/0" rest "}"

/* Spec: protocol/otlp.md#otlphttp-request */
static void the_final_figures_of_a_shutdown_are_those_of_the_api(void **state) {
    struct fixture *f = *state;
    static struct metric_lines sent, read;

    start(f);
    end_spans(f, 7);
    assert_int_equal(tote_sdk_shutdown(f->sdk, SHUTDOWN_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(count_metrics(f), 1);
    assert_int_equal(receiver_connection_count(f->receiver), 1); /* that of the spans */
    decode(&sent, last_metrics(f));
    metric_lines_read(&read, f->sdk);
    assert_string_equal(sent.text, read.text);
    assert_true(sent.start == read.start && sent.time >= sent.start);
    assert_int_equal(metric_lines_get(&sent, STARTED), 7);
    assert_int_equal(metric_lines_get(&sent, PROCESSED("")), 7);
    assert_true(strstr(sent.text, "otlp_http_span_exporter/0,server.address=127.0.0.1,"
                                  "server.port="));
    assert_true(strstr(sent.text, "http.response.status_code=200} 1"));
    assert_int_equal(f->warnings, 0);
}

static void a_span_that_did_not_fit_into_the_queue_is_seen_by_the_receiver(void **state) {
    struct fixture *f = *state;
    static struct metric_lines sent;

    f->batch.max_queue_size = 3;
    f->batch.max_export_batch_size = 3;
    receiver_set_response(f->receiver, (struct receiver_response){.delay_ms = 300});
    start(f);
    end_spans(f, 3);
    receiver_wait(f->receiver, 1); /* the worker waits for the response */
    end_spans(f, 40);
    tote_sdk_shutdown(f->sdk, SHUTDOWN_MS);
    decode(&sent, last_metrics(f));
    long long dropped = metric_lines_get(&sent, PROCESSED(",error.type=queue_full"));
    assert_true(dropped > 0);
    assert_int_equal(dropped + metric_lines_get(&sent, PROCESSED("")), 43);
}

/* Spec: protocol/otlp.md#json-protobuf-encoding */
static void the_metrics_are_also_sent_in_json(void **state) {
    struct fixture *f = *state;

    f->otlp.protocol = TOTE_OTLP_PROTOCOL_HTTP_JSON;
    start(f);
    end_spans(f, 2);
    tote_sdk_shutdown(f->sdk, SHUTDOWN_MS);
    struct received received = last_metrics(f);
    json_t *request = json_loadb(received.body, received.body_size, 0, NULL);
    json_t *of_resource = json_array_get(json_object_get(request, "resourceMetrics"), 0);
    json_t *of_scope = json_array_get(json_object_get(of_resource, "scopeMetrics"), 0);
    json_t *metrics = json_object_get(of_scope, "metrics");
    json_t *last = json_array_get(metrics, json_array_size(metrics) - 1);
    json_t *histogram = json_object_get(last, "histogram");
    json_t *point = json_array_get(json_object_get(histogram, "dataPoints"), 0);
    json_t *live = json_object_get(json_array_get(metrics, 0), "sum");

    assert_int_equal(json_array_size(metrics), 8);
    assert_string_equal(json_string_value(json_object_get(last, "name")),
                        "otel.sdk.exporter.operation.duration");
    assert_int_equal(json_integer_value(json_object_get(histogram, "aggregationTemporality")), 2);
    assert_string_equal(json_string_value(json_object_get(point, "count")), "1");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(point, "bucketCounts"), 0)), "1");
    assert_true(json_is_number(json_object_get(point, "sum")));
    json_t *number = json_array_get(json_object_get(live, "dataPoints"), 0);
    assert_string_equal(json_string_value(json_object_get(number, "asInt")), "0");
    json_decref(request);
}

/* Spec: metrics/sdk.md#periodic-exporting-metricreader */
static void the_metrics_are_sent_each_interval(void **state) {
    struct fixture *f = *state;
    static struct metric_lines sent;

    f->options.metric_export_interval_ms = 30;
    start(f);
    wait_for_metrics(f, 2);
    end_spans(f, 1);
    wait_for_metrics(f, count_metrics(f) + 2);
    decode(&sent, last_metrics(f));
    assert_int_equal(metric_lines_get(&sent, STARTED), 1);
    assert_int_equal(tote_sdk_shutdown(f->sdk, SHUTDOWN_MS), TOTE_RESULT_SUCCESS);
}

/* Spec: configuration/sdk-environment-variables.md#periodic-exporting-metricreader */
static void the_variables_select_the_exporter_and_the_interval(void **state) {
    struct fixture *f = *state;

    f->options.export_metrics = false;
    f->options.metric_export_interval_ms = 0;
    set_variable(f, "OTEL_METRICS_EXPORTER", "otlp");
    set_variable(f, "OTEL_METRIC_EXPORT_INTERVAL", "20");
    start(f);
    wait_for_metrics(f, 2);
    assert_int_equal(f->warnings, 0);
}

/* Spec: configuration/sdk-environment-variables.md#exporter-selection */
static void without_the_option_and_the_variable_no_metrics_are_sent(void **state) {
    struct fixture *f = *state;

    f->options.export_metrics = false;
    f->options.metric_export_interval_ms = 10;
    set_variable(f, "OTEL_METRICS_EXPORTER", "prometheus");
    start(f);
    end_spans(f, 1);
    tote_sdk_force_flush(f->sdk, SHUTDOWN_MS);
    tote_sdk_shutdown(f->sdk, SHUTDOWN_MS);
    assert_int_equal(count_metrics(f), 0);
    assert_int_equal(f->warnings, 1);
    assert_non_null(strstr(f->last_warning, "'prometheus' is ignored"));
}

/* A simple processor has no thread and no time at which it could send them. */
static void the_metrics_need_a_batch_processor(void **state) {
    struct fixture *f = *state;
    tote_span_processor *const processors[] = {
        tote_span_processor_simple_new(tote_span_exporter_otlp_new(&f->otlp))};

    f->options.processors = processors;
    f->options.processor_count = 1;
    start(f);
    end_spans(f, 1);
    tote_sdk_shutdown(f->sdk, SHUTDOWN_MS);
    assert_int_equal(count_metrics(f), 1);
    assert_int_equal(f->warnings, 0);
    tote_tracer_provider_unref(f->provider);
    tote_sdk_close(&f->sdk, SHUTDOWN_MS);

    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    batch.mode = TOTE_EXPORT_MODE_SIMPLE;
    f->options.processor_count = 0;
    f->options.batch = &batch;
    start(f);
    assert_int_equal(f->warnings, 1);
    assert_non_null(strstr(f->last_warning, "they need a batch processor"));
}

/* Spec: metrics/sdk.md#forceflush-2 */
static void a_flush_sends_the_metrics_after_the_spans(void **state) {
    struct fixture *f = *state;
    static struct metric_lines sent;

    start(f);
    end_spans(f, 3);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SHUTDOWN_MS), TOTE_RESULT_SUCCESS);
    wait_for_metrics(f, 1);
    decode(&sent, last_metrics(f));
    assert_true(strstr(sent.text, "http.response.status_code=200} 1"));
}

/* The same figures are in the next request: no retry, no loss of spans, one warning. */
static void a_receiver_that_refuses_metrics_does_not_disturb_the_spans(void **state) {
    struct fixture *f = *state;

    f->options.metric_export_interval_ms = 20;
    receiver_set_response(f->receiver, (struct receiver_response){.status = 503});
    start(f);
    wait_for_metrics(f, 3);
    receiver_set_response(f->receiver, (struct receiver_response){.status = 200});
    end_spans(f, 4);
    assert_int_equal(tote_sdk_shutdown(f->sdk, SHUTDOWN_MS), TOTE_RESULT_SUCCESS);
    tote_stats stats = TOTE_STATS_INIT;
    assert_true(tote_sdk_get_stats(f->sdk, &stats));
    assert_int_equal(stats.exported, 4);
    assert_int_equal(stats.ended, 4);
    assert_int_equal(f->warnings, 1);
    assert_non_null(strstr(f->last_warning, "the metrics were not delivered"));
}

static void spans_do_not_wait_for_a_request_of_metrics_without_a_response(void **state) {
    struct fixture *f = *state;

    f->options.metric_export_interval_ms = 20;
    receiver_set_response(f->receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    start(f);
    receiver_wait(f->receiver, 1); /* that of the metrics hangs */
    receiver_set_response(f->receiver, (struct receiver_response){.status = 200});
    end_spans(f, 4);
    uint64_t begin = tote__clock_monotonic();
    assert_int_equal(tote_sdk_force_flush(f->sdk, SHUTDOWN_MS), TOTE_RESULT_SUCCESS);
    assert_true(tote__clock_monotonic() - begin < 8000000000U); /* the request may take 10 s */
    tote_stats stats = TOTE_STATS_INIT;
    assert_true(tote_sdk_get_stats(f->sdk, &stats));
    assert_int_equal(stats.exported, 4);
}

/* Half of its time, so that it is not late. */
static void a_shutdown_does_not_wait_long_for_the_final_metrics(void **state) {
    enum { LIMIT_MS = 6000 };
    struct fixture *f = *state;

    receiver_set_response(f->receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    start(f);
    uint64_t deadline = tote__deadline_in(LIMIT_MS); /* far below the 10 s of the request */
    assert_int_equal(tote_sdk_shutdown(f->sdk, LIMIT_MS), TOTE_RESULT_SUCCESS); /* no loss */
    assert_true(tote__clock_monotonic() < deadline);
}

/* Spec: protocol/exporter.md */
static void the_host_loop_also_sends_the_metrics(void **state) {
    struct fixture *f = *state;
    uint64_t deadline = tote__deadline_in(60000);

    f->batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    f->options.metric_export_interval_ms = 20;
    start(f);
    int descriptor = tote_sdk_get_poll_fd(f->sdk);
    assert_true(descriptor >= 0);
    while (count_metrics(f) < 3 && tote__clock_monotonic() < deadline) {
        struct pollfd ready = {.fd = descriptor, .events = POLLIN};
        int timeout = tote_sdk_get_poll_timeout_ms(f->sdk);
        assert_true(timeout >= 0);
        poll(&ready, 1, timeout);
        tote_sdk_poll(f->sdk);
    }
    assert_true(count_metrics(f) >= 3);
    end_spans(f, 2);
    size_t before = count_metrics(f);
    assert_int_equal(tote_sdk_shutdown(f->sdk, SHUTDOWN_MS), TOTE_RESULT_SUCCESS);
    assert_true(count_metrics(f) > before);
}

static void a_forked_child_sends_its_own_figures(void **state) {
    struct fixture *f = *state;
    static struct metric_lines sent;
    int status = -1;

    if (HAS_THREAD_SANITIZER) {
        skip();
    }
    start(f);
    end_spans(f, 3);
    tote_sdk_force_flush(f->sdk, SHUTDOWN_MS);
    wait_for_metrics(f, 1);
    wait_until_others_sleep();
    pid_t child = fork();
    if (child == 0) {
        end_spans(f, 2);
        _exit(tote_sdk_shutdown(f->sdk, SHUTDOWN_MS) != TOTE_RESULT_SUCCESS);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    wait_for_metrics(f, 2);
    decode(&sent, last_metrics(f));
    assert_int_equal(metric_lines_get(&sent, STARTED), 2);
}

/* The URL for metrics of an exporter with this endpoint; "" if there is none. */
static const char *url_of(const char *endpoint, bool is_base, const char *metrics,
                          tote_otlp_protocol protocol) {
    static char url[256];
    struct tote__otlp_settings settings = {.protocol = protocol};

    url[0] = '\0';
    assert_null(tote__otlp_take_endpoint(&settings, "test", endpoint, is_base));
    if (!tote__otlp_take_metrics_endpoint(&settings, metrics)) {
        snprintf(url, sizeof url, "%s", settings.metrics_url);
    }
    tote__otlp_settings_clear(&settings);
    return url;
}

/* Spec: protocol/exporter.md#endpoint-urls-for-otlphttp */
static void the_url_of_the_metrics_is_at_the_receiver_of_the_spans(void **state) {
    const tote_otlp_protocol http = TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF;
    const tote_otlp_protocol grpc = TOTE_OTLP_PROTOCOL_GRPC;

    (void)state;
    assert_string_equal(url_of("http://a:4318", true, NULL, http), "http://a:4318/v1/metrics");
    assert_string_equal(url_of("http://a/x/", true, NULL, http), "http://a/x/v1/metrics");
    assert_string_equal(url_of("https://a/y/v1/traces?k=1", false, NULL, http),
                        "https://a/y/v1/metrics?k=1");
    assert_string_equal(url_of("unix:/run/otel.sock", true, NULL, http),
                        "http://localhost/v1/metrics");
    assert_string_equal(url_of("http://a/spans", false, NULL, http), "");
    assert_string_equal(url_of("http://a/spans", false, "http://a:80/figures", http),
                        "http://a:80/figures");
    assert_string_equal(url_of("http://a", true, "http://b/v1/metrics", http), "");
    assert_string_equal(url_of("https://a", true, "http://a/v1/metrics", http), "");
    assert_string_equal(
        url_of("http://a:4317", true, NULL, grpc),
        "http://a:4317/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
}

static void settings_that_have_no_effect_are_reported(void **state) {
    struct fixture *f = *state;

    set_variable(f, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta");
    start(f);
    assert_int_equal(f->warnings, 1);
    assert_non_null(strstr(f->last_warning, "'delta' is ignored"));
    tote_tracer_provider_unref(f->provider);
    tote_sdk_close(&f->sdk, SHUTDOWN_MS);
    set_variable(f, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://elsewhere.example/v1/metrics");
    f->warnings = 0;
    start(f);
    assert_int_equal(f->warnings, 1);
    assert_non_null(strstr(f->last_warning, "is not the receiver of the spans"));
}

#define METRICS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        METRICS_TEST(the_final_figures_of_a_shutdown_are_those_of_the_api),
        METRICS_TEST(a_span_that_did_not_fit_into_the_queue_is_seen_by_the_receiver),
        METRICS_TEST(the_metrics_are_also_sent_in_json),
        METRICS_TEST(the_metrics_are_sent_each_interval),
        METRICS_TEST(the_variables_select_the_exporter_and_the_interval),
        METRICS_TEST(without_the_option_and_the_variable_no_metrics_are_sent),
        METRICS_TEST(the_metrics_need_a_batch_processor),
        METRICS_TEST(a_flush_sends_the_metrics_after_the_spans),
        METRICS_TEST(a_receiver_that_refuses_metrics_does_not_disturb_the_spans),
        METRICS_TEST(spans_do_not_wait_for_a_request_of_metrics_without_a_response),
        METRICS_TEST(a_shutdown_does_not_wait_long_for_the_final_metrics),
        METRICS_TEST(the_host_loop_also_sends_the_metrics),
        METRICS_TEST(a_forked_child_sends_its_own_figures),
        TEST(the_url_of_the_metrics_is_at_the_receiver_of_the_spans),
        METRICS_TEST(settings_that_have_no_effect_are_reported),
    };

    return RUN_TESTS(tests, argc, argv);
}
