/* SPDX-License-Identifier: MIT */
/*
 * test_configuration_create_exporter.c - exporters and processors of a file send spans to receivers
 */
#include "support.h"

#include "file_fixture.h"
#include "grpc_receiver.h"
#include "identity.h"
#include "receiver.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/clock.h"

static char text[4096];

/* Write a file with one batch processor. Keys of the processor, and those of the exporter. */
static const char *batch_file(const char *batch, const char *exporter, const char *url,
                              const char *keys) {
    snprintf(text, sizeof text,
             "file_format: '1.1'\n"
             "tracer_provider:\n"
             "  processors:\n"
             "    - batch:\n"
             "        %s\n"
             "        exporter:\n"
             "          %s:\n"
             "            endpoint: %s\n"
             "            %s\n",
             batch, exporter, url, keys);
    return text;
}

static const char *http_file(const char *batch, struct receiver *receiver, const char *keys) {
    char url[256];

    snprintf(url, sizeof url, "%s/tenant/spans", receiver_url(receiver));
    return batch_file(batch, "otlp_http", url, keys);
}

static void end_spans(tote_sdk *sdk, int count) {
    for (int i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "one", NULL);
        tote_span_close(&span);
    }
    tote_sdk_close(&sdk, 60000);
}

static void the_endpoint_is_the_complete_url(void **state) {
    struct receiver *receiver = receiver_start();

    (void)state;
    setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", 1);
    setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-variable=1", 1);
    end_spans(start_text(http_file("max_export_batch_size: 2", receiver, ""), NULL), 3);
    assert_int_equal(receiver_wait(receiver, 2), 2);
    assert_string_equal(receiver_request(receiver, 0).path, "/tenant/spans");
    assert_string_equal(receiver_header(receiver, 0, "content-type"), "application/x-protobuf");
    assert_null(receiver_header(receiver, 0, "content-encoding"));
    assert_null(receiver_header(receiver, 0, "x-variable"));
    receiver_stop(receiver);
    unsetenv("OTEL_EXPORTER_OTLP_PROTOCOL");
    unsetenv("OTEL_EXPORTER_OTLP_HEADERS");
}

static void headers_come_before_those_of_the_list(void **state) {
    struct receiver *receiver = receiver_start();

    (void)state;
    end_spans(start_text(http_file("", receiver,
                                   "encoding: json\n"
                                   "            compression: gzip\n"
                                   "            headers:\n"
                                   "              - {name: api-key, value: '1'}\n"
                                   "              - {name: nothing, value: }\n"
                                   "            headers_list: api-key=2,listed=%20x"),
                         NULL),
              1);
    assert_int_equal(receiver_wait(receiver, 1), 1);
    assert_string_equal(receiver_header(receiver, 0, "api-key"), "1");
    assert_null(receiver_header(receiver, 0, "nothing"));
    assert_non_null(receiver_header(receiver, 0, "listed"));
    assert_string_equal(receiver_header(receiver, 0, "content-type"), "application/json");
    assert_string_equal(receiver_header(receiver, 0, "content-encoding"), "gzip");
    receiver_stop(receiver);
}

/* Return how many ms an SDK with this delay takes to export a span. */
static uint64_t time_of_export(const char *delay) {
    struct receiver *receiver = receiver_start();
    tote_sdk *sdk = start_text(http_file(delay, receiver, ""), NULL);
    uint64_t begin = tote__clock_monotonic();
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "one", NULL);

    tote_span_close(&span);
    assert_int_equal(receiver_wait(receiver, 1), 1);
    uint64_t time_ms = (tote__clock_monotonic() - begin) / 1000000;
    tote_sdk_close(&sdk, 10000);
    receiver_stop(receiver);
    return time_ms;
}

/*
 * Without the delay of 20 ms, an export would be after 5 s in each try. On a busy machine a single
 * try may be as late.
 */
static void the_delay_of_a_batch_is_that_of_the_file(void **state) {
    enum { TRIES = 5, LIMIT_MS = 4000 };
    uint64_t least = UINT64_MAX;

    (void)state;
    for (int i = 0; i < TRIES && least >= LIMIT_MS; i++) {
        uint64_t time_ms = time_of_export("schedule_delay: 20");
        least = time_ms < least ? time_ms : least;
    }
    assert_in_range(least, 0, LIMIT_MS);
}

/* 4 spans fit into the queue; the timeout of a second ends the request that hangs. */
static void sizes_and_timeouts_are_those_of_the_file(void **state) {
    struct receiver *receiver = receiver_start();
    tote_stats stats = TOTE_STATS_INIT;

    (void)state;
    receiver_set_response(receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    tote_sdk *sdk = start_text(http_file("max_queue_size: 4\n"
                                         "        max_export_batch_size: 4\n"
                                         "        export_timeout: 1000\n"
                                         "        schedule_delay: 600000",
                                         receiver, "timeout: 1000"),
                               NULL);
    for (int i = 0; i < 40; i++) {
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "one", NULL);
        tote_span_close(&span);
    }
    assert_int_not_equal(tote_sdk_force_flush(sdk, 20000), TOTE_RESULT_SUCCESS);
    assert_true(tote_sdk_get_stats(sdk, &stats));
    assert_in_range(stats.dropped_queue_full, 24, 36);
    assert_in_range(stats.dropped_retries_exhausted, 4, 16);
    tote_sdk_close(&sdk, 1000);
    receiver_stop(receiver);
}

static void otlp_grpc_sends_to_its_endpoint(void **state) {
    struct grpc_receiver *receiver = grpc_receiver_start((struct grpc_manner){.limit = 0});

    (void)state;
    end_spans(start_text(batch_file("", "otlp_grpc", grpc_receiver_url(receiver), ""), NULL), 2);
    assert_int_equal(grpc_receiver_counts(receiver).spans, 2);
    const char *host = grpc_receiver_url(receiver) + strlen("http://");
    end_spans(start_text(batch_file("", "otlp_grpc", host, "tls: {insecure: true}"), NULL), 3);
    assert_int_equal(grpc_receiver_counts(receiver).spans, 5);
    grpc_receiver_stop(receiver);
}

/*
 * The certificate of the receiver is not trusted with another ca_file. Those of the system take
 * long to read with a sanitizer.
 */
static void the_certificates_are_those_of_the_file(void **state) {
    struct identity identity, other;
    char keys[512];

    (void)state;
    if (!identity_make(&identity) || !identity_make(&other)) {
        skip();
    }
    struct receiver *receiver = receiver_start_tls(identity.certificate, identity.key);
    if (!receiver) {
        identity_remove(&identity);
        identity_remove(&other);
        skip();
    }
    snprintf(keys, sizeof keys, "timeout: 1000\n            tls: {ca_file: %s}",
             other.certificate_path);
    end_spans(start_text(http_file("export_timeout: 1000", receiver, keys), NULL), 1);
    assert_int_equal(receiver_wait(receiver, 0), 0);
    snprintf(keys, sizeof keys, "tls: {ca_file: %s}", identity.certificate_path);
    end_spans(start_text(http_file("", receiver, keys), NULL), 1);
    assert_int_equal(receiver_wait(receiver, 1), 1);
    receiver_stop(receiver);
    identity_remove(&identity);
    identity_remove(&other);
}

/* Each exporter gets each span; a simple processor exports it when it ends. */
static void otlp_file_writes_to_its_path(void **state) {
    char path[] = "/tmp/test_configuration_XXXXXX";
    char line[256] = "";

    (void)state;
    assert_true(mkstemp(path) >= 0);
    snprintf(text, sizeof text,
             "file_format: '1.1'\n"
             "tracer_provider:\n"
             "  processors:\n"
             "    - simple: {exporter: {otlp_file/development: {output_stream: 'file://%s'}}}\n"
             "    - simple: {exporter: {kept: }}\n",
             path);
    assert_non_null(end_span(start_text(text, NULL), "one"));
    FILE *file = fopen(path, "r");
    assert_non_null(fgets(line, sizeof line, file));
    assert_non_null(strstr(line, "resourceSpans"));
    fclose(file);
    remove(path);
    expect_refused("file_format: '1.1'\n"
                   "tracer_provider:\n"
                   "  processors:\n"
                   "    - simple: {exporter: {otlp_file/development: {output_stream: out.json}}}\n",
                   "unknown value; expected stdout, or file:///PATH");
}

static void an_unusable_endpoint_is_an_error_with_its_position(void **state) {
    (void)state;
    expect_refused(batch_file("", "otlp_http", "ftp://h", ""),
                   "t.yaml:8:23: tracer_provider.processors[0].batch.exporter.otlp_http.endpoint: "
                   "cannot be used: ");
    assert_null(strstr(diagnostics, "could not be created"));
    assert_null(strstr(diagnostics, "tote_otlp_options"));
    assert_non_null(strstr(diagnostics, "write http://host:port/v1/traces"));
}

static void expect_started(const char *yaml, const char *wanted) {
    tote_sdk *sdk = start_text(yaml, NULL);

    assert_non_null(sdk);
    tote_sdk_close(&sdk, 1000);
    if (!strstr(diagnostics, wanted)) {
        print_error("wanted: %s\n%s", wanted, diagnostics);
    }
    assert_non_null(strstr(diagnostics, wanted));
    assert_null(strstr(diagnostics, "tote_otlp_options"));
    assert_null(strstr(diagnostics, "tote_batch_options"));
}

static void what_an_exporter_cannot_use_is_reported_at_its_position(void **state) {
    (void)state;
    expect_started(batch_file("", "otlp_http", "http://127.0.0.1:1/v1/traces",
                              "headers: [{name: ok, value: '1'}, {name: a b, value: '2'}]"),
                   "t.yaml:9:47: tracer_provider.processors[0].batch.exporter.otlp_http.headers[1]:"
                   " is not sent: its name is not the name of a header");
    expect_started(
        batch_file("", "otlp_http", "http://127.0.0.1:1/v1/traces", "headers_list: ok=1,a b=2"),
        "t.yaml:9:27: ");
    expect_started(batch_file("", "otlp_http", "https://127.0.0.1:1/v1/traces",
                              "tls: {ca_file: /nowhere.pem}"),
                   "t.yaml:9:28: tracer_provider.processors[0].batch.exporter.otlp_http.tls."
                   "ca_file: the file /nowhere.pem cannot be read");
    expect_refused(
        batch_file("", "otlp_http", "https://127.0.0.1:1/v1/traces", "tls: {ca_file: /dev}"),
        "t.yaml:9:28: ");
    expect_started(batch_file("", "otlp_grpc", "http://127.0.0.1:1/path", ""),
                   "t.yaml:8:23: tracer_provider.processors[0].batch.exporter.otlp_grpc.endpoint: "
                   "gRPC endpoints have no path");
    expect_started(batch_file("", "otlp_http", "http://127.0.0.1:1/v1/traces",
                              "\ndistribution: {tote: {max_concurrent_requests: 65}}"),
                   "t.yaml:10:48: distribution.tote.max_concurrent_requests: 64 is used");
    expect_started(batch_file("max_queue_size: 8", "otlp_http", "http://127.0.0.1:1/v1/traces",
                              "\n        max_export_batch_size: 9"),
                   "t.yaml:10:32: tracer_provider.processors[0].batch.max_export_batch_size: 9 "
                   "spans are more than max_queue_size: batches have 8 spans");
}

static void a_disk_queue_without_an_otlp_exporter_is_reported(void **state) {
    (void)state;
    expect_started(KEPT "distribution: {tote: {disk_queue_directory: /tmp/q, crash_safe: true}}\n",
                   "t.yaml:4:45: distribution.tote.disk_queue_directory: ignored: it needs");
    assert_non_null(strstr(diagnostics, "distribution.tote.crash_safe: ignored"));
}

static void options_of_tote_that_cannot_work_are_errors(void **state) {
    (void)state;
    expect_refused(KEPT "distribution: {tote: {disk_queue_directory: queue}}\n",
                   "t.yaml:4:45: distribution.tote.disk_queue_directory: this is not an absolute");
    expect_refused(KEPT "distribution: {tote: {propagation_allowed_hosts: [a.org, http://x]}}\n",
                   "t.yaml:4:58: distribution.tote.propagation_allowed_hosts[1]: this matches no");
}

/* Undelivered spans are in the disk queue when the SDK is closed. */
static void the_disk_queue_is_an_option_of_tote(void **state) {
    char directory[] = "/tmp/test_configuration_XXXXXX";
    char keys[512];
    char command[512];
    tote_disk_queue_report report = {.struct_size = sizeof report};
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(keys, sizeof keys, "\ndistribution: {tote: {disk_queue_directory: %s}}", directory);
    end_spans(start_text(batch_file("", "otlp_http", "http://127.0.0.1:1/", keys), NULL), 1);
    delivery.disk_queue_directory = directory;
    options.delivery = &delivery;
    options.endpoint = "http://127.0.0.1:1";
    tote_otlp_disk_queue_send(&options, 1000, &report);
    assert_int_equal(report.batches_pending, 1);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    assert_int_equal(system(command), 0);
    snprintf(
        text, sizeof text,
        "file_format: '1.1'\n"
        "tracer_provider:\n"
        "  processors: [{batch: {exporter: {otlp_http: }}}, {batch: {exporter: {otlp_http: }}}]\n"
        "distribution: {tote: {disk_queue_directory: %s}}\n",
        directory);
    expect_refused(text, "disk_queue_directory of distribution.tote is for one OTLP exporter");
}

/* tote_sdk_options.batch overrides the processors of the file; `mode` is the program's alone. */
static void the_program_chooses_how_batches_are_exported(void **state) {
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    struct receiver *receiver = receiver_start();

    (void)state;
    batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    options.batch = &batch;
    tote_sdk *sdk = start_text(http_file("", receiver, ""), &options);
    assert_true(tote_sdk_get_poll_fd(sdk) >= 0);
    end_spans(sdk, 1);
    assert_int_equal(receiver_wait(receiver, 1), 1);
    receiver_stop(receiver);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        FILE_TEST(the_endpoint_is_the_complete_url),
        FILE_TEST(headers_come_before_those_of_the_list),
        FILE_TEST(the_delay_of_a_batch_is_that_of_the_file),
        FILE_TEST(sizes_and_timeouts_are_those_of_the_file),
        FILE_TEST(otlp_grpc_sends_to_its_endpoint),
        FILE_TEST(the_certificates_are_those_of_the_file),
        FILE_TEST(otlp_file_writes_to_its_path),
        FILE_TEST(an_unusable_endpoint_is_an_error_with_its_position),
        FILE_TEST(what_an_exporter_cannot_use_is_reported_at_its_position),
        FILE_TEST(a_disk_queue_without_an_otlp_exporter_is_reported),
        FILE_TEST(options_of_tote_that_cannot_work_are_errors),
        FILE_TEST(the_disk_queue_is_an_option_of_tote),
        FILE_TEST(the_program_chooses_how_batches_are_exported),
    };

    return RUN_TESTS(tests, argc, argv);
}
