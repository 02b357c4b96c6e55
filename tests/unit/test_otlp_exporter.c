/* SPDX-License-Identifier: MIT */
/*
 * The exporter with an encoder that the tests control: a span is a number, and its size in bytes.
 */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asleep.h"
#include "otlp/encode/encode.h"
#include "otlp/response.pb-c.h"
#include "receiver.h"
#include "tote/diagnostics.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/memory.h"
#include "tote/internal/sdk.h"

enum { MAX_SPANS = 16 };

struct fixture {
    struct receiver *receiver;
    tote_span_exporter *exporter;
    size_t sizes[MAX_SPANS]; /* the spans: only their addresses are passed on */
    const tote_span_data *spans[MAX_SPANS];
    tote_export_outcome report;
    tote_result result;
    char message[1024]; /* of the last diagnostic */
    tote_level level;
    size_t diagnostic_count;
};

static size_t encodings_left = SIZE_MAX; /* until out of memory */

/* Replaces the library's encoder: the span's first letter, repeated `size` times. */
bool tote__request_of_spans(struct tote__buffer *buffer, const tote_span_data *const *spans,
                            size_t count) {
    if (encodings_left-- == 0) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        size_t size = *(const size_t *)(const void *)spans[i];
        uint8_t *bytes = size == SIZE_MAX ? NULL
                                          : tote__reallocate(buffer->bytes, buffer->capacity,
                                                             buffer->size + size);
        if (!bytes) {
            return false;
        }
        memset(bytes + buffer->size, 's', size);
        buffer->bytes = bytes;
        buffer->size += size;
        buffer->capacity = buffer->size;
    }
    return true;
}

/* Part of the same object files of the library, and not called. */
bool tote__request_encode(struct tote__buffer *buffer, const struct tote__span_bytes *spans,
                          size_t count) {
    (void)buffer, (void)spans, (void)count;
    return false;
}

bool tote__otlp_encode_json(struct tote__buffer *buffer, const tote_span_data *const *spans,
                            size_t count) {
    return tote__request_of_spans(buffer, spans, count);
}

bool tote_otlp_encode(tote_otlp_encoding encoding, const tote_span_data *const *spans, size_t count,
                      tote_otlp_buffer *buffer) {
    (void)encoding, (void)spans, (void)count, (void)buffer;
    return false;
}

void tote_otlp_buffer_clear(tote_otlp_buffer *buffer) {
    (void)buffer;
}

static void note(tote_level level, const char *component, const char *message, void *user_data) {
    struct fixture *f = user_data;

    (void)component;
    f->level = level;
    f->diagnostic_count++;
    snprintf(f->message, sizeof f->message, "%s", message);
}

static int set_up(void **state) {
    static struct fixture f;

    memset(&f, 0, sizeof f);
    f.receiver = receiver_start();
    for (size_t i = 0; i < MAX_SPANS; i++) {
        f.sizes[i] = 10;
        f.spans[i] = (const tote_span_data *)(const void *)&f.sizes[i];
    }
    tote_diagnostics_set_handler(note, TOTE_LEVEL_INFO, &f);
    *state = &f;
    return f.receiver ? 0 : -1;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    tote_span_exporter_free(f->exporter);
    receiver_stop(f->receiver);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    return 0;
}

/* An exporter with these options, for the receiver unless they name an endpoint. */
static void open_exporter(struct fixture *f, tote_otlp_options options) {
    options.struct_size = sizeof options;
    options.ignore_environment = true;
    options.endpoint = options.endpoint ? options.endpoint : receiver_url(f->receiver);
    f->exporter = tote_span_exporter_otlp_new(&options);
    assert_non_null(f->exporter);
}

/* Called as processors do. */
static tote_result export_for(struct fixture *f, size_t count, uint32_t timeout_ms) {
    f->report = (tote_export_outcome)TOTE_EXPORT_OUTCOME_INIT;
    tote_span_exporter_export(f->exporter, f->spans, count, timeout_ms, &f->report);
    f->result = f->report.result;
    return f->result;
}

static tote_result export_spans(struct fixture *f, size_t count) {
    return export_for(f, count, 10000);
}

static void assert_report(const struct fixture *f, size_t rejected, size_t too_large,
                          size_t shut_down) {
    assert_int_equal(f->report.rejected, rejected);
    assert_int_equal(f->report.too_large, too_large);
    assert_int_equal(f->report.shut_down, shut_down);
}

/* Any 2xx, with or without a body. Spec: protocol/otlp.md#full-success */
static void a_success_is_any_status_from_200_to_299(void **state) {
    struct fixture *f = *state;
    static const unsigned statuses[] = {200, 201, 202, 204};

    open_exporter(f, (tote_otlp_options){.endpoint = NULL});
    for (size_t i = 0; i < TOTE_COUNT_OF(statuses); i++) {
        receiver_set_response(f->receiver, (struct receiver_response){.status = statuses[i]});
        assert_int_equal(export_spans(f, 3), TOTE_RESULT_SUCCESS);
        assert_report(f, 0, 0, 0);
        assert_int_equal(receiver_request(f->receiver, i).body_size, 30);
    }
    assert_int_equal(f->diagnostic_count, 0);
}

/* Spec: protocol/otlp.md#otlphttp-request */
static void an_empty_batch_sends_no_request(void **state) {
    struct fixture *f = *state;

    open_exporter(f, (tote_otlp_options){.endpoint = NULL});
    assert_int_equal(export_spans(f, 0), TOTE_RESULT_SUCCESS);
    assert_int_equal(receiver_connection_count(f->receiver), 0);
}

/* Spec: protocol/otlp.md#full-success-1 */
static void a_malformed_body_in_a_200_is_a_success_with_one_diagnostic(void **state) {
    struct fixture *f = *state;

    open_exporter(f, (tote_otlp_options){.endpoint = NULL});
    receiver_set_response(f->receiver,
                          (struct receiver_response){.body = "<html>ok",
                                                     .body_size = 8,
                                                     .headers = {"Content-Type: text/html"}});

    assert_int_equal(export_spans(f, 3), TOTE_RESULT_SUCCESS);
    assert_report(f, 0, 0, 0);
    assert_int_equal(f->diagnostic_count, 1);
    assert_int_equal(f->level, TOTE_LEVEL_WARN);
}

static void response_partial_success(struct fixture *f, int64_t rejected, const char *message) {
    static uint8_t body[128];
    Tote__Otlp__ExportTracePartialSuccess partial = TOTE__OTLP__EXPORT_TRACE_PARTIAL_SUCCESS__INIT;
    Tote__Otlp__ExportTraceServiceResponse response =
        TOTE__OTLP__EXPORT_TRACE_SERVICE_RESPONSE__INIT;

    partial.rejected_spans = rejected;
    partial.error_message = (char *)(uintptr_t)message;
    response.partial_success = &partial;
    receiver_set_response(
        f->receiver,
        (struct receiver_response){.body = body,
                                   .body_size = protobuf_c_message_pack(&response.base, body),
                                   .headers = {"Content-Type: application/x-protobuf"}});
}

/* Compliance: EX-19 */
static void spans_of_a_partial_success_are_counted_as_rejected(void **state) {
    struct fixture *f = *state;

    open_exporter(f, (tote_otlp_options){.endpoint = NULL});
    response_partial_success(f, 2, "too old");
    assert_int_equal(export_spans(f, 3), TOTE_RESULT_FAILURE);
    assert_report(f, 2, 0, 0);
    assert_int_equal(f->report.delivered, 1);
    assert_non_null(strstr(f->message, "too old"));

    response_partial_success(f, 99, "");
    export_spans(f, 3);
    assert_report(f, 3, 0, 0);
}

/* A message without rejected spans is a warning. Spec: protocol/otlp.md#partial-success */
static void a_message_of_the_receiver_is_reported(void **state) {
    struct fixture *f = *state;

    open_exporter(f, (tote_otlp_options){.endpoint = NULL});
    response_partial_success(f, 0, "use gzip");

    assert_int_equal(export_spans(f, 3), TOTE_RESULT_SUCCESS);
    assert_report(f, 0, 0, 0);
    assert_int_equal(f->level, TOTE_LEVEL_WARN);
    assert_non_null(strstr(f->message, "use gzip"));
}

/* Spec: protocol/otlp.md#failures-1 */
static void a_refusal_is_counted_and_reported_with_url_status_and_reason(void **state) {
    struct fixture *f = *state;

    open_exporter(f, (tote_otlp_options){.endpoint = NULL});
    receiver_set_response(f->receiver, (struct receiver_response){
                                           .status = 400,
                                           .body = "\x08\x03\x12\x0Ano such id",
                                           .body_size = 14,
                                           .headers = {"Content-Type: application/x-protobuf"}});

    assert_int_equal(export_spans(f, 3), TOTE_RESULT_FAILURE);
    assert_report(f, 3, 0, 0);
    assert_int_equal(f->level, TOTE_LEVEL_ERROR);
    assert_non_null(strstr(f->message, receiver_url(f->receiver)));
    assert_non_null(strstr(f->message, "400"));
    assert_non_null(strstr(f->message, "no such id"));
    assert_int_equal(receiver_wait(f->receiver, 1), 1);
}

/* Spec: protocol/exporter.md#configuration-options. Compliance: EX-10 */
static void a_response_that_is_too_large_is_a_failure(void **state) {
    struct fixture *f = *state;

    open_exporter(f, (tote_otlp_options){.max_response_bytes = 1000});
    receiver_set_response(f->receiver, (struct receiver_response){.body_size = 1001});

    assert_int_equal(export_spans(f, 3), TOTE_RESULT_FAILURE);
    assert_report(f, 0, 0, 0);
    assert_non_null(strstr(f->message, "max_response_bytes"));
}

/* Spec: protocol/exporter.md#configuration-options */
static void the_shorter_of_both_timeouts_ends_an_export(void **state) {
    struct fixture *f = *state;

    open_exporter(f, (tote_otlp_options){.delivery = &(tote_delivery_options){
                                             sizeof(tote_delivery_options), .timeout_ms = 100}});
    receiver_set_response(f->receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    assert_int_equal(export_for(f, 3, UINT32_MAX), TOTE_RESULT_TIMEOUT);
    assert_int_equal(export_for(f, 3, 50), TOTE_RESULT_TIMEOUT);
    assert_int_equal(export_for(f, 3, 0), TOTE_RESULT_TIMEOUT);
    assert_report(f, 0, 0, 0);
}

/* Spec: protocol/exporter.md#configuration-options. Compliance: EX-09 */
static void a_batch_over_the_request_limit_is_sent_in_parts(void **state) {
    struct fixture *f = *state;
    size_t total = 0;

    open_exporter(
        f, (tote_otlp_options){.delivery = &(tote_delivery_options){sizeof(tote_delivery_options),
                                                                    .max_request_bytes = 25}});
    assert_int_equal(export_spans(f, 5), TOTE_RESULT_SUCCESS);
    assert_report(f, 0, 0, 0);

    size_t requests = receiver_wait(f->receiver, 3);
    for (size_t i = 0; i < requests; i++) {
        assert_true(receiver_request(f->receiver, i).body_size <= 25);
        total += receiver_request(f->receiver, i).body_size;
    }
    assert_int_equal(total, 50);
}

/* Nothing is sent after a loss, and the delivered spans are reported. */
static void delivered_parts_of_a_batch_are_reported(void **state) {
    struct fixture *f = *state;

    open_exporter(
        f, (tote_otlp_options){.delivery = &(tote_delivery_options){sizeof(tote_delivery_options),
                                                                    .max_request_bytes = 25}});
    encodings_left = 2; /* all four, which are too many; the first two; then none */
    assert_int_equal(export_spans(f, 4), TOTE_RESULT_FAILURE);
    encodings_left = SIZE_MAX;
    assert_report(f, 0, 0, 0);
    assert_int_equal(f->report.delivered, 2);
    assert_int_equal(receiver_wait(f->receiver, 1), 1);

    assert_int_equal(export_spans(f, 4), TOTE_RESULT_SUCCESS);
    assert_int_equal(f->report.delivered, 4);
}

/* Spec: protocol/exporter.md#configuration-options. Compliance: EX-09 */
static void a_span_over_the_request_limit_is_not_sent_and_is_counted(void **state) {
    struct fixture *f = *state;

    open_exporter(
        f, (tote_otlp_options){.delivery = &(tote_delivery_options){sizeof(tote_delivery_options),
                                                                    .max_request_bytes = 25}});
    f->sizes[1] = 26;
    assert_int_equal(export_spans(f, 4), TOTE_RESULT_FAILURE);
    assert_report(f, 0, 1, 0);

    size_t requests = receiver_wait(f->receiver, 2);
    for (size_t i = 0; i < requests; i++) {
        assert_true(receiver_request(f->receiver, i).body_size <= 20);
    }
}

static void out_of_memory_for_a_request_nothing_is_sent(void **state) {
    struct fixture *f = *state;

    open_exporter(f, (tote_otlp_options){.endpoint = NULL});
    f->sizes[1] = SIZE_MAX;

    assert_int_equal(export_spans(f, 3), TOTE_RESULT_FAILURE);
    assert_report(f, 0, 0, 0);
    assert_int_equal(receiver_connection_count(f->receiver), 0);
}

static size_t attempts;

static void fail_once(void *self, const tote_otlp_request *request, tote_otlp_response *response) {
    (void)self, (void)request;
    response->status = attempts++ ? 200 : 503;
}

/* The spans stay in memory, and are retried as without a disk queue. */
static void an_unwritable_disk_queue_does_not_use_up_attempts(void **state) {
    static const tote_otlp_transport transport = {.struct_size = sizeof transport,
                                                  .send = fail_once};
    struct fixture *f = *state;
    char directory[] = "/tmp/tote-exporter-XXXXXX";
    char lock[64];
    struct rlimit usual;

    attempts = 0;
    assert_non_null(mkdtemp(directory));
    open_exporter(f, (tote_otlp_options){
                         .transport = &transport,
                         .delivery = &(tote_delivery_options){sizeof(tote_delivery_options),
                                                              .disk_queue_directory = directory,
                                                              .initial_backoff_ms = 1}});
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = usual.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    export_spans(f, 3);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);

    assert_int_equal(f->result, TOTE_RESULT_SUCCESS);
    assert_int_equal(f->report.delivered, 3);
    assert_int_equal(f->report.saved, 0);
    assert_int_equal(attempts, 2);
    snprintf(lock, sizeof lock, "%s/tote.lock", directory);
    unlink(lock);
    assert_int_equal(rmdir(directory), 0);
}

static void not_authorized(void *self, const tote_otlp_request *request,
                           tote_otlp_response *response) {
    (void)self, (void)request;
    attempts++;
    response->status = 401;
}

/* Spans that other credentials would deliver are saved, and the next export makes no attempt. */
static void spans_refused_for_wrong_credentials_are_saved_in_the_disk_queue(void **state) {
    static const tote_otlp_transport transport = {.struct_size = sizeof transport,
                                                  .send = not_authorized};
    struct fixture *f = *state;
    char directory[] = "/tmp/tote-exporter-XXXXXX";
    char command[64];

    attempts = 0;
    assert_non_null(mkdtemp(directory));
    open_exporter(f, (tote_otlp_options){
                         .transport = &transport,
                         .delivery = &(tote_delivery_options){sizeof(tote_delivery_options),
                                                              .disk_queue_directory = directory}});
    for (int i = 0; i < 2; i++) {
        export_spans(f, 3);
        assert_int_equal(f->report.saved, 3);
        assert_report(f, 0, 0, 0);
    }
    assert_int_equal(attempts, 1);
    assert_int_equal(f->diagnostic_count, 1);
    assert_int_equal(f->level, TOTE_LEVEL_ERROR);
    assert_non_null(strstr(f->message, "responded with 401"));
    assert_non_null(strstr(f->message, directory));
    assert_non_null(strstr(f->message, "OTEL_EXPORTER_OTLP_HEADERS"));
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    assert_int_equal(system(command), 0);
}

static void *export_without_deadline(void *arg) {
    export_for(arg, 3, UINT32_MAX);
    return NULL;
}

/* Spec: protocol/exporter.md#configuration-options, trace/sdk.md#shutdown-2 */
static void shutdown_ends_an_export_that_has_no_timeout(void **state) {
    struct fixture *f = *state;
    pthread_t thread;

    open_exporter(f, (tote_otlp_options){
                         .delivery = &(tote_delivery_options){
                             sizeof(tote_delivery_options), .timeout_ms = TOTE_OPTION_UNLIMITED}});
    receiver_set_response(f->receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    assert_int_equal(pthread_create(&thread, NULL, export_without_deadline, f), 0);
    assert_int_equal(receiver_wait(f->receiver, 1), 1);

    assert_int_equal(f->exporter->ops.shutdown(f->exporter->self, 20), TOTE_RESULT_TIMEOUT);

    pthread_join(thread, NULL);
    assert_int_equal(f->result, TOTE_RESULT_FAILURE);
    assert_report(f, 0, 0, 3);
}

/* Spec: trace/sdk.md#shutdown-2 */
static void after_shutdown_export_fails_and_counts(void **state) {
    struct fixture *f = *state;

    open_exporter(f, (tote_otlp_options){.endpoint = NULL});
    assert_int_equal(f->exporter->ops.shutdown(f->exporter->self, 60000), TOTE_RESULT_SUCCESS);
    assert_int_equal(f->exporter->ops.shutdown(f->exporter->self, 0), TOTE_RESULT_SUCCESS);

    assert_int_equal(export_spans(f, 3), TOTE_RESULT_FAILURE);
    assert_report(f, 0, 0, 3);
    assert_int_equal(receiver_connection_count(f->receiver), 0);
}

static void a_forked_child_of_an_exporting_process_can_export_and_shut_down(void **state) {
    struct fixture *f = *state;
    pthread_t thread;
    int status = -1;

    open_exporter(f, (tote_otlp_options){
                         .delivery = &(tote_delivery_options){
                             sizeof(tote_delivery_options), .timeout_ms = TOTE_OPTION_UNLIMITED}});
    receiver_set_response(f->receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    assert_int_equal(pthread_create(&thread, NULL, export_without_deadline, f), 0);
    assert_int_equal(receiver_wait(f->receiver, 1), 1);
    receiver_set_response(f->receiver, (struct receiver_response){.manner = RECEIVER_RESPONSES});
    wait_until_others_sleep();
    pid_t child = fork();
    if (child == 0) {
        bool is_well = export_spans(f, 2) == TOTE_RESULT_SUCCESS;
        is_well &= f->exporter->ops.shutdown(f->exporter->self, UINT32_MAX) == TOTE_RESULT_SUCCESS;
        tote_span_exporter_free(f->exporter);
        _exit(is_well ? 0 : 1);
    }
    waitpid(child, &status, 0);

    assert_int_equal(f->exporter->ops.shutdown(f->exporter->self, 0), TOTE_RESULT_TIMEOUT);
    pthread_join(thread, NULL);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_report(f, 0, 0, 3);
}

#define TEST_WITH_RECEIVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST_WITH_RECEIVER(a_success_is_any_status_from_200_to_299),
        TEST_WITH_RECEIVER(an_empty_batch_sends_no_request),
        TEST_WITH_RECEIVER(a_malformed_body_in_a_200_is_a_success_with_one_diagnostic),
        TEST_WITH_RECEIVER(spans_of_a_partial_success_are_counted_as_rejected),
        TEST_WITH_RECEIVER(a_message_of_the_receiver_is_reported),
        TEST_WITH_RECEIVER(a_refusal_is_counted_and_reported_with_url_status_and_reason),
        TEST_WITH_RECEIVER(a_response_that_is_too_large_is_a_failure),
        TEST_WITH_RECEIVER(the_shorter_of_both_timeouts_ends_an_export),
        TEST_WITH_RECEIVER(a_batch_over_the_request_limit_is_sent_in_parts),
        TEST_WITH_RECEIVER(delivered_parts_of_a_batch_are_reported),
        TEST_WITH_RECEIVER(a_span_over_the_request_limit_is_not_sent_and_is_counted),
        TEST_WITH_RECEIVER(out_of_memory_for_a_request_nothing_is_sent),
        TEST_WITH_RECEIVER(an_unwritable_disk_queue_does_not_use_up_attempts),
        TEST_WITH_RECEIVER(spans_refused_for_wrong_credentials_are_saved_in_the_disk_queue),
        TEST_WITH_RECEIVER(shutdown_ends_an_export_that_has_no_timeout),
        TEST_WITH_RECEIVER(after_shutdown_export_fails_and_counts),
        TEST_WITH_RECEIVER(a_forked_child_of_an_exporting_process_can_export_and_shut_down),
    };

    unsetenv("http_proxy");
    return RUN_TESTS(tests, argc, argv);
}
