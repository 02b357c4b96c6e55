/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <glob.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "global_sdk.h"
#include "otlp/request.pb-c.h"
#include "receiver.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/clock.h"
#include "tote/tote.h"
#include "tree.h"

enum { LONG_MS = 60000, TRIES = 5 }; /* the first never passes in a test */

static tote_otlp_options otlp_with(const tote_delivery_options *delivery) {
    return (tote_otlp_options){
        .struct_size = sizeof(tote_otlp_options), .ignore_environment = true, .delivery = delivery};
}

/* An SDK that ignores the environment. `batch` may be NULL. */
static tote_sdk *start_with(tote_span_exporter *exporter, const tote_batch_options *batch) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.ignore_environment = true;
    options.service_name = "delivery";
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.batch = batch;
    tote_sdk *sdk = exporter ? tote_sdk_start(&options) : NULL;
    assert_non_null(sdk);
    return sdk;
}

/* An SDK that exports to this URL, and nothing from the environment. 0: the default timeout. */
static tote_sdk *start_sdk(const char *url, uint32_t timeout_ms) {
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_otlp_options otlp = otlp_with(&delivery);

    otlp.endpoint = url;
    delivery.timeout_ms = timeout_ms;
    return start_with(tote_span_exporter_otlp_new(&otlp), NULL);
}

static int add_user(void *arg) {
    (void)arg;
    tote_store_add(tote_store_current(), "user.id", tote_string("u_1"));
    return 0;
}

static void make_spans(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_run_scoped(tote_get_tracer("test", NULL), "work", NULL, add_user, NULL);
    }
}

/* ended = exported + rejected + all dropped + queued + in_flight + in_disk_queue */
static tote_stats closed_stats(tote_sdk *sdk) {
    tote_stats s = TOTE_STATS_INIT;

    assert_true(tote_sdk_get_stats(sdk, &s));
    assert_int_equal(s.ended, s.exported + s.rejected + s.dropped_queue_full + s.dropped_too_large +
                                  s.dropped_retries_exhausted + s.dropped_shutdown +
                                  s.dropped_out_of_memory + s.dropped_disk_queue_full + s.queued +
                                  s.in_flight + s.in_disk_queue);
    return s;
}

/* Spec: protocol/otlp.md#partial-success */
static void a_partial_success_that_rejects_spans_fails_the_flush_and_the_shutdown(void **state) {
    static const char body[] = "{\"partialSuccess\":{\"rejectedSpans\":\"2\"}}";
    struct receiver *receiver = receiver_start();
    tote_sdk *sdk = start_sdk(receiver_url(receiver), 0);

    (void)state;
    receiver_set_response(
        receiver, (struct receiver_response){.body = body,
                                             .body_size = sizeof body - 1,
                                             .headers = {"Content-Type: application/json"}});
    make_spans(5);
    assert_int_equal(tote_sdk_force_flush(sdk, LONG_MS), TOTE_RESULT_FAILURE);
    assert_int_equal(closed_stats(sdk).rejected, 2);
    make_spans(5);
    assert_int_equal(tote_sdk_shutdown(sdk, LONG_MS), TOTE_RESULT_FAILURE);
    assert_int_equal(closed_stats(sdk).rejected, 4);
    assert_int_equal(closed_stats(sdk).exported, 6);
    tote_sdk_close(&sdk, 0);
    receiver_stop(receiver);
}

/* Spec: protocol/exporter.md#specify-protocol. Compliance: EX-06 */
static void spans_arrive_as_a_request_that_protobuf_c_reads(void **state) {
    struct receiver *receiver = receiver_start();
    tote_sdk *sdk = start_sdk(receiver_url(receiver), 0);

    (void)state;
    make_spans(1200);
    assert_int_equal(tote_sdk_force_flush(sdk, LONG_MS), TOTE_RESULT_SUCCESS);
    tote_stats stats = closed_stats(sdk);
    assert_int_equal(stats.exported, 1200);

    size_t spans = 0;
    size_t requests = receiver_wait(receiver, 3);
    for (size_t i = 0; i < requests; i++) {
        struct received received = receiver_request(receiver, i);
        Tote__Otlp__ExportTraceServiceRequest *request =
            tote__otlp__export_trace_service_request__unpack(NULL, received.body_size,
                                                             (const uint8_t *)received.body);
        assert_non_null(request);
        assert_string_equal(received.path, "/v1/traces");
        const Tote__Otlp__ScopeSpans *of_scope = request->resource_spans[0]->scope_spans[0];
        assert_true(of_scope->n_spans <= 512);
        assert_string_equal(of_scope->spans[0]->attributes[0]->key, "user.id");
        spans += of_scope->n_spans;
        tote__otlp__export_trace_service_request__free_unpacked(request, NULL);
    }
    assert_int_equal(spans, 1200);
    assert_int_equal(tote_sdk_close(&sdk, LONG_MS), TOTE_RESULT_SUCCESS);
    receiver_stop(receiver);
}

/* Refused spans are rejected, and counted. Spec: protocol/otlp.md#failures-1 */
static void a_refusal_is_counted_apart_from_an_unreachable_collector(void **state) {
    struct receiver *receiver = receiver_start();
    tote_sdk *sdk = start_sdk(receiver_url(receiver), 0);

    (void)state;
    receiver_set_response(receiver, (struct receiver_response){.status = 400});
    make_spans(3);
    assert_int_equal(tote_sdk_force_flush(sdk, LONG_MS), TOTE_RESULT_FAILURE);
    assert_int_equal(closed_stats(sdk).rejected, 3);
    tote_sdk_close(&sdk, LONG_MS);
    receiver_stop(receiver);

    sdk = start_sdk("http://127.0.0.1:1", 1500);
    make_spans(2);
    assert_int_equal(tote_sdk_force_flush(sdk, LONG_MS), TOTE_RESULT_FAILURE);
    tote_stats stats = closed_stats(sdk);
    assert_int_equal(stats.rejected, 0);
    assert_int_equal(stats.dropped_retries_exhausted, 2);
    tote_sdk_close(&sdk, LONG_MS);
}

/* A path to a receiver that is not reachable. */
static struct {
    _Atomic(unsigned) attempts;
    _Atomic(bool) is_another; /* request than the first one, or encoded again */
    const void *body;
    size_t size;
} away;

static void send_to_unreachable(void *self, const tote_otlp_request *request,
                                tote_otlp_response *response) {
    (void)self, (void)response;
    if (away.attempts++ == 0) {
        away.body = request->body;
        away.size = request->body_size;
    }
    away.is_another =
        away.is_another || request->body != away.body || request->body_size != away.size;
}

/* While the collector is unreachable nothing is encoded twice, and no thread spins. */
static void an_unreachable_collector_costs_a_few_attempts_and_no_encoding(void **state) {
    enum { TIME_MS = 1000 };
    static const tote_otlp_transport transport = {.struct_size = sizeof transport,
                                                  .send = send_to_unreachable};
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_otlp_options otlp = otlp_with(&delivery);

    (void)state;
    memset(&away, 0, sizeof away);
    otlp.transport = &transport;
    delivery.initial_backoff_ms = 50;
    tote_sdk *sdk = start_with(tote_span_exporter_otlp_new(&otlp), NULL);
    make_spans(10);
    clock_t before = clock();
    assert_int_equal(tote_sdk_force_flush(sdk, TIME_MS), TOTE_RESULT_TIMEOUT);
    while (away.attempts < 2) { /* the worker is late */
        usleep(1000);
    }
    assert_in_range(away.attempts, 2, 9); /* after 50, 150, 350, 750 ms ..., with jitter */
    assert_false(away.is_another);
    assert_in_range((clock() - before) / (CLOCKS_PER_SEC / 1000), 0, TIME_MS / 2);
    assert_int_equal(closed_stats(sdk).in_flight, 10);
    tote_sdk_close(&sdk, 0);
}

static void be_unavailable_once(void *self, const tote_otlp_request *request,
                                tote_otlp_response *response) {
    unsigned *requests = self;

    (void)request;
    response->status = (*requests)++ ? 200 : 503;
}

/*
 * A pause that would end after the shutdown is shortened. The last attempt has a second, so on a
 * busy machine a single try may be late.
 */
static void a_shutdown_makes_a_last_attempt(void **state) {
    static const tote_export_mode modes[] = {TOTE_EXPORT_MODE_WORKER, TOTE_EXPORT_MODE_HOST_DRIVEN};
    static unsigned requests;
    static const tote_otlp_transport transport = {
        .struct_size = sizeof transport, .self = &requests, .send = be_unavailable_once};
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_otlp_options otlp = otlp_with(&delivery);
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;

    (void)state;
    otlp.transport = &transport;
    delivery.initial_backoff_ms = delivery.max_backoff_ms = 3600 * 1000;
    for (size_t i = 0; i < TOTE_COUNT_OF(modes); i++) {
        tote_result result = TOTE_RESULT_FAILURE;
        batch.mode = modes[i];
        for (int j = 0; j < TRIES && result != TOTE_RESULT_SUCCESS; j++) {
            requests = 0;
            tote_sdk *sdk = start_with(tote_span_exporter_otlp_new(&otlp), &batch);
            make_spans(3);
            result = tote_sdk_shutdown(sdk, 2000);
            assert_true(result != TOTE_RESULT_SUCCESS || closed_stats(sdk).exported == 3);
            tote_sdk_close(&sdk, 0);
        }
        assert_int_equal(result, TOTE_RESULT_SUCCESS);
        assert_int_equal(requests, 2);
    }
}

/* An SDK with a disk queue, for a receiver that may be absent. */
static tote_sdk *start_with_retries(const char *url, const char *disk_queue,
                                    uint32_t initial_backoff_ms, uint32_t max_backoff_ms) {
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_otlp_options otlp = otlp_with(&delivery);
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;

    batch.schedule_delay_ms = 10;
    otlp.endpoint = url;
    delivery.initial_backoff_ms = initial_backoff_ms;
    delivery.max_backoff_ms = max_backoff_ms;
    delivery.disk_queue_directory = disk_queue;
    return start_with(tote_span_exporter_otlp_new(&otlp), &batch);
}

static tote_sdk *start_with_disk_queue(const char *url, const char *disk_queue,
                                       uint32_t max_backoff_ms) {
    return start_with_retries(url, disk_queue, 10, max_backoff_ms);
}

static void await_exported(tote_sdk *sdk, uint64_t count) {
    uint64_t end = tote__deadline_in(LONG_MS);

    while (closed_stats(sdk).exported + closed_stats(sdk).recovered < count &&
           tote__clock_monotonic() < end) {
        usleep(5000);
    }
}

static size_t spans_received(struct receiver *receiver) {
    size_t spans = 0;

    for (size_t i = 0; receiver_request(receiver, i).method; i++) {
        struct received received = receiver_request(receiver, i);
        Tote__Otlp__ExportTraceServiceRequest *request =
            tote__otlp__export_trace_service_request__unpack(NULL, received.body_size,
                                                             (const uint8_t *)received.body);
        assert_non_null(request);
        spans += request->resource_spans[0]->scope_spans[0]->n_spans;
        tote__otlp__export_trace_service_request__free_unpacked(request, NULL);
    }
    return spans;
}

/* A Unix socket without a receiver, and a directory for a disk queue. */
struct outage {
    char place[32], socket[64], url[80], disk_queue[64];
};

static struct outage make_outage(void) {
    struct outage o = {.place = "/tmp/tote-outage-XXXXXX"};

    assert_non_null(mkdtemp(o.place));
    snprintf(o.socket, sizeof o.socket, "%s/socket", o.place);
    snprintf(o.disk_queue, sizeof o.disk_queue, "%s/disk_queue", o.place);
    snprintf(o.url, sizeof o.url, "unix:%s", o.socket);
    return o;
}

/* There must be nothing else. */
static void remove_outage(const struct outage *o) {
    char lock[80];

    unlink(o->socket);
    snprintf(lock, sizeof lock, "%s/tote.lock", o->disk_queue);
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(rmdir(o->disk_queue), 0);
    assert_int_equal(rmdir(o->place), 0);
}

/* With a disk queue no span is lost in an outage of the collector, and each arrives once. */
static void spans_of_an_outage_arrive_once_the_collector_is_reachable(void **state) {
    const struct outage o = make_outage();
    tote_sdk *sdk = start_with_disk_queue(o.url, o.disk_queue, 20);

    (void)state;
    make_spans(5000);
    assert_int_equal(tote_sdk_force_flush(sdk, LONG_MS), TOTE_RESULT_SUCCESS);
    tote_stats stats = closed_stats(sdk);
    assert_int_equal(stats.exported, 0);
    assert_int_equal(stats.in_disk_queue + stats.dropped_queue_full, 5000);
    uint64_t saved = stats.in_disk_queue;
    assert_true(saved > 0);

    struct receiver *receiver = receiver_start_unix(o.socket);
    await_exported(sdk, saved);
    stats = closed_stats(sdk);
    assert_int_equal(stats.exported, saved);
    assert_int_equal(stats.in_disk_queue, 0);
    assert_int_equal(tote_sdk_close(&sdk, LONG_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(spans_received(receiver), saved);
    receiver_stop(receiver);

    /* Shut down while the collector is away; the next start delivers. */
    sdk = start_with_disk_queue(o.url, o.disk_queue, 20);
    make_spans(700);
    assert_int_equal(tote_sdk_close(&sdk, LONG_MS), TOTE_RESULT_SUCCESS);
    unlink(o.socket);
    receiver = receiver_start_unix(o.socket);
    sdk = start_with_disk_queue(o.url, o.disk_queue, 20);
    make_spans(1);
    await_exported(sdk, 701);
    stats = closed_stats(sdk);
    assert_int_equal(stats.recovered, 700);
    assert_int_equal(stats.exported, 1);
    assert_int_equal(tote_sdk_close(&sdk, LONG_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(spans_received(receiver), 701);
    receiver_stop(receiver);
    remove_outage(&o);
}

/* An empty directory for a disk queue. */
struct place {
    char directory[64];
};

static struct place make_place(void) {
    struct place place = {"/tmp/tote-delivery-XXXXXX"};

    assert_non_null(mkdtemp(place.directory));
    return place;
}

static bool has_told_of_saved;
static bool has_told_of_removed;

static void note_shutdown(tote_level level, const char *component, const char *text,
                          void *user_data) {
    (void)level, (void)component, (void)user_data;
    has_told_of_saved |= strstr(text, "were saved in the disk queue") &&
                         strstr(text, "if no other process has sent or removed them");
    has_told_of_removed |=
        strstr(text, "evicted from the disk queue, damaged or removed there") != NULL;
}

static void flush_some(tote_sdk *sdk) {
    make_spans(5);
    assert_int_equal(tote_sdk_force_flush(sdk, LONG_MS), TOTE_RESULT_SUCCESS);
}

/*
 * Another process may have sent the saved spans, and a removed directory is neither full nor old.
 * Files are removed one after the other, so a retry in between counts some as sent by another
 * process.
 */
static void a_shutdown_reports_only_known_facts_about_the_disk_queue(void **state) {
    enum { HOUR_MS = 3600 * 1000 };
    const struct place place = make_place();

    (void)state;
    tote_sdk *sdk = start_with_retries("http://127.0.0.1:1", place.directory, HOUR_MS, HOUR_MS);
    flush_some(sdk); /* may be in flight */
    flush_some(sdk);
    remove_tree(place.directory);
    flush_some(sdk);
    assert_true(closed_stats(sdk).dropped_disk_queue_full > 0);
    tote_diagnostics_set_handler(note_shutdown, TOTE_LEVEL_INFO, NULL);
    tote_sdk_close(&sdk, LONG_MS);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    assert_true(has_told_of_saved);
    assert_true(has_told_of_removed);
    remove_tree(place.directory);
}

/* Flush once for each of this many requests of three spans. */
static tote_stats export_requests(tote_sdk *sdk, unsigned requests) {
    for (unsigned i = 0; i < requests; i++) {
        make_spans(3);
        tote_sdk_force_flush(sdk, LONG_MS);
    }
    return closed_stats(sdk);
}

static tote_disk_queue_report send_disk_queue(const char *url, const char *disk_queue,
                                              tote_result expected) {
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_otlp_options otlp = otlp_with(&delivery);
    tote_disk_queue_report report = {.struct_size = sizeof report};

    otlp.endpoint = url;
    delivery.disk_queue_directory = disk_queue;
    assert_int_equal(tote_otlp_disk_queue_send(&otlp, LONG_MS, &report), expected);
    return report;
}

static char last_error[1024];
static unsigned errors;

static void keep_error(tote_level level, const char *component, const char *message,
                       void *user_data) {
    (void)component, (void)user_data;
    if (level == TOTE_LEVEL_ERROR) {
        snprintf(last_error, sizeof last_error, "%s", message);
        errors++;
    }
}

static void ignore(tote_level level, const char *component, const char *message, void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

/* Without a busy loop, and one diagnostic has the cure. Spec: RFC 9110 sections 15.4 and 15.5 */
static void spans_refused_for_a_wrong_configuration_stay_in_the_disk_queue(void **state) {
    enum { REQUESTS = 4, SPANS = 3 * REQUESTS };
    static const struct receiver_response responses[] = {
        {.status = 302},
        {.status = 401},
        {.status = 403},
        {.status = 404},
        {.status = 405},
        {.status = 407},
        {.status = 200, .body_size = 5 << 20}, /* not a receiver: a large page */
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(responses); i++) {
        const struct place place = make_place();
        struct receiver *receiver = receiver_start();
        const char *url = receiver_url(receiver);
        receiver_set_response(receiver, responses[i]);
        tote_diagnostics_set_handler(keep_error, TOTE_LEVEL_INFO, NULL);
        errors = 0;
        tote_sdk *sdk = start_with_disk_queue(url, place.directory, 3600 * 1000);
        tote_stats stats = export_requests(sdk, REQUESTS);
        assert_int_equal(stats.rejected, 0);
        assert_int_equal(stats.in_disk_queue, SPANS);
        assert_int_equal(errors, 1);
        assert_non_null(strstr(last_error, "stay in the disk queue"));
        assert_int_equal(tote_sdk_close(&sdk, LONG_MS), TOTE_RESULT_SUCCESS);
        assert_true(receiver_wait(receiver, 1) <= REQUESTS + 1); /* one for each flush */

        /* Also when sending from the disk queue, where the first response is enough. */
        size_t before = receiver_wait(receiver, 1);
        tote_disk_queue_report report = send_disk_queue(url, place.directory, TOTE_RESULT_FAILURE);
        assert_int_equal(report.delivered + report.rejected, 0);
        assert_int_equal(report.not_accepted, 3);
        assert_int_equal(report.batches_pending, REQUESTS);
        assert_int_equal(receiver_wait(receiver, before + 1), before + 1);

        receiver_set_response(receiver, (struct receiver_response){.status = 200});
        report = send_disk_queue(url, place.directory, TOTE_RESULT_SUCCESS);
        assert_int_equal(report.delivered, SPANS);
        assert_int_equal(report.not_accepted, 0);
        tote_diagnostics_set_handler(ignore, TOTE_LEVEL_INFO, NULL);
        receiver_stop(receiver);
        remove_tree(place.directory);
    }
}

static uint64_t attempts_within(unsigned timeout_ms) {
    const struct place place = make_place();
    struct receiver *receiver = receiver_start();
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_otlp_options otlp = otlp_with(&delivery);

    receiver_set_response(receiver, (struct receiver_response){.status = 503});
    tote_sdk *sdk = start_with_disk_queue(receiver_url(receiver), place.directory, 3600 * 1000);
    assert_int_equal(export_requests(sdk, 1).in_disk_queue, 3);
    tote_sdk_close(&sdk, LONG_MS);
    size_t before = receiver_wait(receiver, 1);

    otlp.endpoint = receiver_url(receiver);
    delivery.disk_queue_directory = place.directory;
    delivery.initial_backoff_ms = 3600 * 1000;
    delivery.max_backoff_ms = UINT32_MAX;
    assert_int_equal(tote_otlp_disk_queue_send(&otlp, timeout_ms, NULL), TOTE_RESULT_TIMEOUT);
    size_t attempts = receiver_wait(receiver, 0) - before;
    receiver_stop(receiver);
    remove_tree(place.directory);
    return attempts;
}

/*
 * A pause of the retry schedule does not use up the time for a last attempt. On a busy machine a
 * single try may be late.
 */
static void sending_from_a_disk_queue_ends_with_a_last_attempt(void **state) {
    uint64_t attempts = 0;

    (void)state;
    for (int i = 0; i < TRIES && attempts < 2; i++) {
        attempts = attempts_within(2000);
    }
    assert_int_equal(attempts, 2);
}

/* A running process delivers them once the receiver accepts them. */
static void spans_refused_for_a_wrong_configuration_are_delivered_later(void **state) {
    const struct place place = make_place();
    struct receiver *receiver = receiver_start();

    (void)state;
    receiver_set_response(receiver, (struct receiver_response){.status = 401});
    tote_sdk *sdk = start_with_disk_queue(receiver_url(receiver), place.directory, 20);
    assert_int_equal(export_requests(sdk, 3).in_disk_queue, 9);
    size_t tried = receiver_wait(receiver, 10); /* also from the disk queue, one after the other */
    assert_true(tried >= 10);
    assert_int_equal(closed_stats(sdk).in_disk_queue, 9);
    receiver_set_response(receiver, (struct receiver_response){.status = 200});
    await_exported(sdk, 9);
    tote_stats stats = closed_stats(sdk);
    assert_int_equal(stats.exported, 9);
    assert_int_equal(stats.rejected + stats.in_disk_queue, 0);
    tote_sdk_close(&sdk, LONG_MS);
    receiver_stop(receiver);
    remove_tree(place.directory);
}

/* A malformed request never becomes acceptable, and does not fill the disk queue. */
static void malformed_requests_are_rejected_also_with_a_disk_queue(void **state) {
    const struct place place = make_place();
    struct receiver *receiver = receiver_start();

    (void)state;
    tote_sdk *sdk = start_with_disk_queue("http://127.0.0.1:1", place.directory, 20);
    assert_int_equal(export_requests(sdk, 2).in_disk_queue, 6);
    tote_sdk_close(&sdk, LONG_MS);
    receiver_set_response(receiver, (struct receiver_response){.status = 400});
    tote_disk_queue_report report =
        send_disk_queue(receiver_url(receiver), place.directory, TOTE_RESULT_SUCCESS);
    assert_int_equal(report.rejected, 6);
    assert_int_equal(report.batches_pending, 0);
    sdk = start_with_disk_queue(receiver_url(receiver), place.directory, 20);
    tote_stats stats = export_requests(sdk, 1);
    assert_int_equal(stats.rejected, 3);
    assert_int_equal(stats.in_disk_queue, 0);
    tote_sdk_close(&sdk, LONG_MS);
    receiver_stop(receiver);
    remove_tree(place.directory);
}

/* Without a disk queue no span is kept until the configuration is corrected. */
static void without_a_disk_queue_refused_spans_are_rejected(void **state) {
    struct receiver *receiver = receiver_start();

    (void)state;
    receiver_set_response(receiver, (struct receiver_response){.status = 403});
    tote_sdk *sdk = start_sdk(receiver_url(receiver), 0);
    assert_int_equal(export_requests(sdk, 3).rejected, 9);
    assert_int_equal(receiver_wait(receiver, 3), 3); /* and nothing is paused */
    tote_sdk_close(&sdk, LONG_MS);
    receiver_stop(receiver);
}

/* How much the process may write to a file; 0 is like a full disk. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static _Atomic(unsigned) failed_writes; /* of the disk queue */

static void count_failed_writes(tote_level level, const char *component, const char *message,
                                void *user_data) {
    (void)level, (void)component, (void)user_data;
    failed_writes += strstr(message, "cannot be written to the disk queue") != NULL;
}

/* A request that the disk queue cannot save is retried as without a disk queue. */
static void a_full_disk_loses_no_span_that_fits_in_memory(void **state) {
    const struct outage o = make_outage();

    (void)state;
    failed_writes = 0;
    tote_diagnostics_set_handler(count_failed_writes, TOTE_LEVEL_INFO, NULL);
    tote_sdk *sdk = start_with_disk_queue(o.url, o.disk_queue, 20);

    limit_files(0);
    make_spans(3);
    uint64_t end = tote__deadline_in(LONG_MS);
    while (!failed_writes && tote__clock_monotonic() < end) {
        usleep(5000);
    }
    struct receiver *receiver = receiver_start_unix(o.socket);
    await_exported(sdk, 3);
    limit_files(RLIM_INFINITY);
    tote_diagnostics_set_handler(ignore, TOTE_LEVEL_INFO, NULL);
    tote_stats stats = closed_stats(sdk);
    assert_int_equal(failed_writes, 1); /* not tried again with each attempt */
    assert_int_equal(stats.exported, 3);
    assert_int_equal(stats.dropped_retries_exhausted, 0);
    assert_int_equal(tote_sdk_close(&sdk, LONG_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(spans_received(receiver), 3);
    receiver_stop(receiver);
    remove_outage(&o);
}

/* The host does not wait for a collector that hangs, and the counters contain the loss. */
static void shutdown_returns_by_its_deadline_with_a_collector_that_hangs(void **state) {
    static const enum receiver_manner manners[] = {RECEIVER_HANGS, RECEIVER_DRIPS};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(manners); i++) {
        struct receiver *receiver = receiver_start();
        tote_sdk *sdk = start_sdk(receiver_url(receiver), 0);
        tote_sdk *kept = tote_sdk_ref(sdk);
        receiver_set_response(
            receiver, (struct receiver_response){.manner = manners[i], .body_size = 100000});
        make_spans(5);

        uint64_t end = tote__deadline_in(8000); /* below the 10 s that an export may take */
        assert_int_equal(tote_sdk_force_flush(sdk, 100), TOTE_RESULT_TIMEOUT);
        assert_int_not_equal(tote_sdk_close(&sdk, 300), TOTE_RESULT_SUCCESS);
        assert_true(tote__clock_monotonic() < end);
        tote_stats stats = closed_stats(kept);
        assert_int_equal(stats.ended, 5);
        assert_int_equal(stats.exported, 0);
        tote_sdk_unref(kept);
        receiver_stop(receiver);
    }
}

/* Spec: trace/sdk.md#shutdown */
static void spans_that_end_after_shutdown_are_counted(void **state) {
    struct receiver *receiver = receiver_start();
    tote_sdk *sdk = start_sdk(receiver_url(receiver), 0);
    tote_span *open = tote_tracer_start_span(tote_get_tracer("test", NULL), "open", NULL);

    (void)state;
    tote_sdk_shutdown(sdk, LONG_MS);
    tote_span_close(&open);
    assert_int_equal(closed_stats(sdk).dropped_shutdown, 1);
    tote_sdk_close(&sdk, 0);
    receiver_stop(receiver);
}

enum { OTHER_USER = 65534 };

/* With a disk queue in this directory, and an unreachable collector. */
static tote_sdk *start_crash_safe_sdk(const char *directory) {
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_otlp_options otlp = otlp_with(&delivery);
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    otlp.endpoint = "http://127.0.0.1:1";
    delivery.disk_queue_directory = directory;
    delivery.crash_safe = true;
    delivery.crash_safe_bytes = 1 << 20;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&otlp);
    options.ignore_environment = true;
    options.exporters = &exporter;
    options.exporter_count = 1;
    return exporter ? tote_sdk_start(&options) : NULL;
}

/* Only root can change its user. A child of a sanitized process cannot create threads. */
static bool can_have_other_user_in_a_child(void) {
    return geteuid() == 0 && !HAS_ADDRESS_SANITIZER && !HAS_THREAD_SANITIZER && !HAS_HELGRIND;
}

static bool becomes_other_user(void) {
    return setgid(OTHER_USER) == 0 && setuid(OTHER_USER) == 0;
}

/* Files with this suffix that belong to the other user. */
static size_t count_files(const char *directory, const char *suffix) {
    char pattern[80];
    glob_t found;
    struct stat status;
    size_t count = 0;

    snprintf(pattern, sizeof pattern, "%s/*%s", directory, suffix);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            count += stat(found.gl_pathv[i], &status) == 0 && status.st_uid == OTHER_USER;
        }
        globfree(&found);
    }
    return count;
}

static int status_of(pid_t child) {
    int status = -1;

    waitpid(child, &status, 0);
    return status;
}

/* The master stays root; its workers own the directory. */
static void workers_that_change_their_user_share_the_disk_queue_of_that_user(void **state) {
    char directory[] = "/tmp/tote-delivery-XXXXXX";

    (void)state;
    if (!can_have_other_user_in_a_child()) {
        skip();
    }
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chown(directory, OTHER_USER, OTHER_USER), 0);
    tote_sdk *sdk = start_crash_safe_sdk(directory);
    assert_non_null(sdk);
    pid_t child = fork();
    if (child == 0) {
        bool is_other = becomes_other_user();
        make_spans(2);
        tote_sdk_shutdown(sdk, LONG_MS);
        _exit(is_other && closed_stats(sdk).in_disk_queue == 2 ? 0 : 1);
    }
    assert_int_equal(status_of(child), 0);
    assert_int_equal(count_files(directory, ".otlp"), 1);

    child = fork();
    if (child == 0) { /* killed before its span is exported */
        bool is_other = becomes_other_user();
        make_spans(1);
        _exit(is_other && count_files(directory, ".crash-safe") ? 0 : 1);
    }
    assert_int_equal(status_of(child), 0);
    assert_true(count_files(directory, ".crash-safe") > 0); /* crash-safe */
    tote_sdk_close(&sdk, 100);
    remove_tree(directory);
}

/* Without a fork. The owner of the directory may also change after the start. */
static void a_process_that_changes_its_user_uses_the_disk_queue_of_that_user(void **state) {
    (void)state;
    if (!can_have_other_user_in_a_child()) {
        skip();
    }
    for (uid_t first_owner = 0; first_owner <= OTHER_USER; first_owner += OTHER_USER) {
        char directory[] = "/tmp/tote-delivery-XXXXXX";
        assert_non_null(mkdtemp(directory));
        assert_int_equal(chown(directory, first_owner, first_owner), 0);
        pid_t child = fork();
        if (child == 0) {
            tote_sdk *sdk = start_crash_safe_sdk(directory);
            bool is_other = chown(directory, OTHER_USER, OTHER_USER) == 0 && becomes_other_user();
            make_spans(2);
            tote_sdk_shutdown(sdk, LONG_MS);
            _exit(sdk && is_other && closed_stats(sdk).in_disk_queue == 2 ? 0 : 1);
        }
        assert_int_equal(status_of(child), 0);
        assert_int_equal(count_files(directory, ".otlp"), 1);
        remove_tree(directory);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(spans_arrive_as_a_request_that_protobuf_c_reads),
        SDK_TEST(a_partial_success_that_rejects_spans_fails_the_flush_and_the_shutdown),
        SDK_TEST(a_shutdown_reports_only_known_facts_about_the_disk_queue),
        SDK_TEST(a_refusal_is_counted_apart_from_an_unreachable_collector),
        SDK_TEST(an_unreachable_collector_costs_a_few_attempts_and_no_encoding),
        SDK_TEST(a_shutdown_makes_a_last_attempt),
        SDK_TEST(spans_of_an_outage_arrive_once_the_collector_is_reachable),
        SDK_TEST(spans_refused_for_a_wrong_configuration_stay_in_the_disk_queue),
        SDK_TEST(sending_from_a_disk_queue_ends_with_a_last_attempt),
        SDK_TEST(spans_refused_for_a_wrong_configuration_are_delivered_later),
        SDK_TEST(malformed_requests_are_rejected_also_with_a_disk_queue),
        SDK_TEST(without_a_disk_queue_refused_spans_are_rejected),
        SDK_TEST(a_full_disk_loses_no_span_that_fits_in_memory),
        SDK_TEST(shutdown_returns_by_its_deadline_with_a_collector_that_hangs),
        SDK_TEST(spans_that_end_after_shutdown_are_counted),
        SDK_TEST(workers_that_change_their_user_share_the_disk_queue_of_that_user),
        SDK_TEST(a_process_that_changes_its_user_uses_the_disk_queue_of_that_user),
    };
    tote_diagnostics_set_handler(ignore, TOTE_LEVEL_INFO, NULL);
    return RUN_TESTS(tests, argc, argv);
}
