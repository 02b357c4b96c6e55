/* SPDX-License-Identifier: MIT */
/*
 * test_request_cut.c - a part of an encoded request equals what the encoder makes of its spans, and
 * a request that a receiver refuses for its size is sent in parts
 */
#include "sdk_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "otlp/request.pb-c.h"
#include "request_from_json.h"
#include "tote/diagnostics.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/request.h"
#include "tote/internal/sdk.h"

enum { SPANS = 7, TEXT_BYTES = 1000 };

typedef Tote__Otlp__ExportTraceServiceRequest request_message;

/* Spans of two scopes, those of the first scope first. */
static void make_spans(struct sdk_fixture *f) {
    for (int i = 0; i < SPANS; i++) {
        char name[] = {(char)('a' + i), '[', ']', '"', ',', '\0'};
        tote_tracer *tracer = i < 3 ? f->tracer : tote_get_tracer("other", "2.0");
        tote_span *span = tote_tracer_start_span(tracer, name, NULL);
        tote_span_set_attribute(span, "spans", tote_string("[{\"spans\":[]}]"));
        tote_span_close(&span);
    }
    assert_int_equal(f->ended, SPANS);
}

static void encode(const struct sdk_fixture *f, struct tote__range range,
                   tote_otlp_buffer *buffer) {
    buffer->size = 0;
    assert_true(tote_otlp_encode(TOTE_OTLP_ENCODING_PROTOBUF,
                                 (const tote_span_data *const *)f->spans + range.from,
                                 range.to - range.from, buffer));
}

/* Spec: opentelemetry-proto collector/trace/v1/trace_service.proto */
static void a_part_equals_what_the_encoder_makes_of_its_spans(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_otlp_buffer whole = {NULL, 0, 0};
    struct tote__buffer cut = {NULL, 0, 0};
    tote_otlp_buffer made = {NULL, 0, 0};

    make_spans(f);
    encode(f, (struct tote__range){0, SPANS}, &whole);
    for (size_t from = 0; from < SPANS; from++) {
        for (size_t to = from + 1; to <= SPANS; to++) {
            const struct tote__range range = {from, to};
            cut.size = 0;
            assert_true(
                tote__request_cut((struct tote__slice){whole.bytes, whole.size}, range, &cut));
            encode(f, range, &made);
            assert_int_equal(cut.size, made.size);
            assert_memory_equal(cut.bytes, made.bytes, made.size);
        }
    }
    tote_otlp_buffer_clear(&whole);
    tote__buffer_clear(&cut);
    tote_otlp_buffer_clear(&made);
}

/* Damaged, or with fewer spans than given. */
static void a_malformed_request_is_not_split(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_otlp_buffer whole = {NULL, 0, 0};
    struct tote__buffer cut = {NULL, 0, 0};

    make_spans(f);
    encode(f, (struct tote__range){0, SPANS}, &whole);
    for (size_t size = 0; size <= whole.size; size++) {
        uint8_t *exact = malloc(size + 1); /* so that a sanitizer detects reads beyond the end */
        memcpy(exact, whole.bytes, size);
        assert_false(tote__request_cut((struct tote__slice){exact, size},
                                       (struct tote__range){0, SPANS + 1}, &cut));
        assert_int_equal(cut.size, 0);
        free(exact);
    }
    tote_otlp_buffer_clear(&whole);
    tote__buffer_clear(&cut);
}

/* A receiver with a limit, over the test's own transport. */
static struct {
    bool is_down;
    size_t limit;
    size_t requests;
    size_t refused;
    size_t spans;
} receiver;

static void response(void *self, const tote_otlp_request *request, tote_otlp_response *out) {
    (void)self;
    receiver.requests++;
    if (receiver.is_down) {
        out->status = 503;
        return;
    }
    if (request->body_size > receiver.limit) {
        receiver.refused++;
        out->status = 413;
        return;
    }
    out->status = 200;
    receiver.spans += request->span_count;
}

static void ignore(tote_level level, const char *component, const char *message, void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

static tote_otlp_options options_for(tote_otlp_protocol protocol, size_t limit) {
    static const tote_otlp_transport transport = {.struct_size = sizeof transport,
                                                  .send = response};
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;

    tote_diagnostics_set_handler(ignore, TOTE_LEVEL_NONE, NULL);
    memset(&receiver, 0, sizeof receiver);
    receiver.limit = limit;
    options.ignore_environment = true;
    options.protocol = protocol;
    options.transport = &transport;
    return options;
}

static tote_span_exporter *new_exporter(tote_otlp_protocol protocol, size_t limit) {
    const tote_otlp_options options = options_for(protocol, limit);

    return tote_span_exporter_otlp_new(&options);
}

/* Takes ownership of the exporter. While the receiver is down, spans are saved on disk. */
static tote_stats send_spans(tote_span_exporter *exporter, size_t large) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_stats stats = TOTE_STATS_INIT;
    static char text[TEXT_BYTES];

    options.ignore_environment = true;
    options.exporters = &exporter;
    options.exporter_count = 1;
    tote_sdk *sdk = tote_sdk_start(&options);
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < SPANS; i++) {
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", NULL);
        for (size_t j = 0; j < (i == large ? 8 : 1); j++) {
            char key[] = {(char)('a' + j), '\0'};
            tote_span_set_attribute(span, key, tote_string_of(text, sizeof text));
        }
        tote_span_close(&span);
    }
    tote_sdk_force_flush(sdk, receiver.is_down ? 0 : 10000);
    assert_true(tote_sdk_get_stats(sdk, &stats));
    tote_sdk_close(&sdk, 10000);
    return stats;
}

static tote_stats send_batch(tote_otlp_protocol protocol, size_t limit, size_t large) {
    return send_spans(new_exporter(protocol, limit), large);
}

/* 413 means that smaller requests may be accepted. Spec: RFC 9110 section 15.5.14 */
static void a_request_that_is_refused_for_its_size_arrives_in_parts(void **state) {
    static const tote_otlp_protocol protocols[] = {TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF,
                                                   TOTE_OTLP_PROTOCOL_HTTP_JSON};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(protocols); i++) {
        tote_stats stats = send_batch(protocols[i], 4 * TEXT_BYTES, SIZE_MAX);
        assert_int_equal(stats.exported, SPANS);
        assert_int_equal(stats.rejected, 0);
        assert_int_equal(receiver.spans, SPANS);
        assert_in_range(receiver.refused, 1, 2);
    }
}

/* A single span over the limit is rejected; the others arrive. */
static void a_span_that_is_refused_for_its_size_is_rejected_alone(void **state) {
    (void)state;
    for (size_t large = 0; large < SPANS; large++) {
        tote_stats stats = send_batch(TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF, 4 * TEXT_BYTES, large);
        assert_int_equal(stats.exported, SPANS - 1);
        assert_int_equal(stats.rejected, 1);
        assert_int_equal(stats.in_flight, 0);
        assert_int_equal(receiver.spans, SPANS - 1);
    }
}

/* The parts replace the file of the batch: no span is lost, or sent twice. See docs/delivery.md */
static void a_batch_on_disk_that_is_refused_for_its_size_arrives_in_parts(void **state) {
    (void)state;
    for (size_t large = 0; large <= SPANS; large++) {
        tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
        tote_disk_queue_report report = TOTE_DISK_QUEUE_REPORT_INIT;
        tote_otlp_options options = options_for(TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF, 4 * TEXT_BYTES);
        char folder[] = "/tmp/tote-cut-XXXXXX";
        char lock[64];
        bool has_large = large < SPANS;

        delivery.disk_queue_directory = mkdtemp(folder);
        options.delivery = &delivery;
        receiver.is_down = true;
        send_spans(tote_span_exporter_otlp_new(&options), large);
        receiver.is_down = false;
        assert_int_equal(tote_otlp_disk_queue_send(&options, 10000, &report), TOTE_RESULT_SUCCESS);
        assert_int_equal(report.delivered, SPANS - has_large);
        assert_int_equal(report.rejected, has_large);
        assert_int_equal(receiver.spans, SPANS - has_large);
        assert_true(receiver.refused > 0);
        snprintf(lock, sizeof lock, "%s/tote.lock", folder);
        assert_int_equal(unlink(lock), 0);
        assert_int_equal(rmdir(folder), 0);
    }
}

static void an_export_without_a_queue_is_split_too(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    make_spans(f);
    for (size_t limit = 0; limit <= 3 * TEXT_BYTES; limit += 3 * TEXT_BYTES) {
        tote_span_exporter *exporter = new_exporter(TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF, limit);
        tote_export_outcome report = TOTE_EXPORT_OUTCOME_INIT;
        tote_span_exporter_export(exporter, (const tote_span_data *const *)f->spans, SPANS, 10000,
                                  &report);
        assert_int_equal(receiver.spans, limit ? SPANS : 0);
        assert_int_equal(report.rejected, limit ? 0 : SPANS);
        tote_span_exporter_free(exporter);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(a_part_equals_what_the_encoder_makes_of_its_spans),
        SDK_TEST(a_malformed_request_is_not_split),
        TEST(a_request_that_is_refused_for_its_size_arrives_in_parts),
        TEST(a_span_that_is_refused_for_its_size_is_rejected_alone),
        TEST(a_batch_on_disk_that_is_refused_for_its_size_arrives_in_parts),
        SDK_TEST(an_export_without_a_queue_is_split_too),
    };
    return RUN_TESTS(tests, argc, argv);
}
