/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "gunzip.h"
#include "json.h"
#include "otlp/request.pb-c.h"
#include "requests.h"

#define IDS "\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\""
#define REQUEST(span) "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" span "}]}]}]}"
#define ATTRIBUTE(value) "\"attributes\":[{\"key\":\"k\",\"value\":{" value "}}]"

/* The last request that was accepted, and how many there were. */
struct taken {
    Tote__Otlp__ExportTraceServiceRequest *request;
    size_t count;
};

static struct taken taken;

static int tear_down(void **state) {
    (void)state;
    tote__otlp__export_trace_service_request__free_unpacked(taken.request, NULL);
    taken = (struct taken){NULL, 0};
    return 0;
}

#define REQUEST_TEST(test) cmocka_unit_test_teardown(test, tear_down)

/* A function for requests_take. */
static struct receipt keep(void *arg, const uint8_t *bytes, size_t size) {
    Tote__Otlp__ExportTraceServiceRequest *request =
        tote__otlp__export_trace_service_request__unpack(NULL, size, bytes);

    (void)arg;
    if (!request) {
        return (struct receipt){.outcome = MALFORMED};
    }
    tote__otlp__export_trace_service_request__free_unpacked(taken.request, NULL);
    taken.request = request;
    taken.count++;
    return (struct receipt){.outcome = TAKEN};
}

static const Tote__Otlp__Span *the_span(void) {
    assert_non_null(taken.request);
    assert_int_equal(taken.request->n_resource_spans, 1);
    assert_int_equal(taken.request->resource_spans[0]->n_scope_spans, 1);
    assert_int_equal(taken.request->resource_spans[0]->scope_spans[0]->n_spans, 1);
    return taken.request->resource_spans[0]->scope_spans[0]->spans[0];
}

static const Tote__Otlp__AnyValue *the_value(void) {
    assert_int_equal(the_span()->n_attributes, 1);
    return the_span()->attributes[0]->value;
}

static struct receipt take_json(const char *json) {
    return requests_from_json(json, strlen(json), keep, NULL);
}

/* Read JSON that must be accepted as a whole. */
static void expect_accepted(const char *json) {
    struct receipt receipt = take_json(json);

    assert_int_equal(receipt.outcome, TAKEN);
    assert_int_equal(receipt.invalid_values, 0);
}

/* Ids are hex; protobuf's own JSON has base64. Spec: protocol/otlp.md#json-protobuf-encoding */
static void ids_are_hex_in_either_case_or_base64(void **state) {
    static const char *const ids[] = {
        IDS,
        "\"traceId\":\"5B8EFFF798038103D269B633813FC60C\",\"spanId\":\"EEE19B7EC3C1B174\"",
        "\"traceId\":\"W47/95gDgQPSabYzgT/GDA==\",\"spanId\":\"7uGbfsPBsXQ=\"",
        "\"traceId\":\"W47_95gDgQPSabYzgT_GDA\",\"spanId\":\"7uGbfsPBsXQ\"",
    };
    char json[256];

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(ids); i++) {
        snprintf(json, sizeof json, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{%s}]}]}]}",
                 ids[i]);
        expect_accepted(json);
        assert_int_equal(the_span()->trace_id.len, 16);
        assert_memory_equal(the_span()->trace_id.data,
                            "\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c", 16);
        assert_int_equal(the_span()->span_id.len, 8);
        assert_memory_equal(the_span()->span_id.data, "\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74", 8);
    }
}

/* Written by Tempo and Jaeger (kind) and Fluent Bit (code). */
static void enumeration_values_may_be_names(void **state) {
    (void)state;
    expect_accepted(
        REQUEST(IDS ",\"kind\":\"SPAN_KIND_SERVER\",\"status\":{\"code\":\"STATUS_CODE_ERROR\"}"));
    assert_int_equal(the_span()->kind, TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_SERVER);
    assert_int_equal(the_span()->status->code,
                     TOTE__OTLP__SPAN__STATUS__STATUS_CODE__STATUS_CODE_ERROR);
    expect_accepted(REQUEST(IDS ",\"kind\":3,\"status\":{\"code\":\"ERROR\"}"));
    assert_int_equal(the_span()->kind, TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_CLIENT);
    assert_int_equal(the_span()->status->code,
                     TOTE__OTLP__SPAN__STATUS__STATUS_CODE__STATUS_CODE_ERROR);
}

/* Of a later protocol. Spec: opentelemetry-proto trace/v1/trace.proto */
static void enumeration_values_without_a_name_are_kept(void **state) {
    (void)state;
    expect_accepted(REQUEST(IDS ",\"kind\":-2147483648,\"status\":{\"code\":\"2147483647\"}"));
    assert_int_equal((int32_t)the_span()->kind, INT32_MIN);
    assert_int_equal((int32_t)the_span()->status->code, INT32_MAX);
}

static void values_are_read_in_each_permitted_form(void **state) {
    (void)state;
    expect_accepted(REQUEST(IDS "," ATTRIBUTE("\"intValue\":\"-9223372036854775808\"")));
    assert_true(the_value()->int_value == INT64_MIN);
    expect_accepted(REQUEST(IDS "," ATTRIBUTE("\"intValue\":1e3")));
    assert_int_equal(the_value()->int_value, 1000);
    expect_accepted(REQUEST(IDS "," ATTRIBUTE("\"doubleValue\":\"-Infinity\"")));
    assert_true(the_value()->double_value < -1e308);
    expect_accepted(REQUEST(IDS "," ATTRIBUTE("\"bytesValue\":\"_-8\"")));
    assert_int_equal(the_value()->bytes_value.len, 2);
    assert_memory_equal(the_value()->bytes_value.data, "\xff\xef", 2);
}

/* The rest of the span is kept. */
static void a_value_of_the_wrong_type_or_out_of_range_is_left_out_and_counted(void **state) {
    static const char *const spans[] = {
        ATTRIBUTE("\"boolValue\":\"true\""),
        ATTRIBUTE("\"intValue\":\"9223372036854775808\""),
        ATTRIBUTE("\"intValue\":9223372036854775808"),
        ATTRIBUTE("\"intValue\":\"\""),
        ATTRIBUTE("\"intValue\":1.5"),
        ATTRIBUTE("\"doubleValue\":\"garbage\""),
        ATTRIBUTE("\"stringValue\":7"),
        ATTRIBUTE("\"bytesValue\":\"!\""),
        "\"kind\":\"SPAN_KIND_NONSENSE\"",
        "\"kind\":2147483648",
        "\"kind\":-2147483649",
        "\"startTimeUnixNano\":\"-1\"",
        "\"droppedEventsCount\":4294967296",
        "\"parentSpanId\":\"xyz\"",
    };
    char json[256];

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(spans); i++) {
        snprintf(json, sizeof json,
                 "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" IDS ",%s}]}]}]}", spans[i]);
        struct receipt receipt = take_json(json);
        assert_int_equal(receipt.outcome, TAKEN);
        assert_int_equal(receipt.invalid_values, 1);
        assert_int_equal(the_span()->trace_id.len, 16);
        assert_true(!the_span()->n_attributes || the_value()->value_case == 0);
    }
}

static void another_type_instead_of_an_object_or_a_list_is_malformed(void **state) {
    static const char *const texts[] = {
        "{\"resourceSpans\":1}",
        "{\"resourceSpans\":[1]}",
        "[]",
        "",
        "{",
        "{}{}",
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[[]]}]}]}",
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(texts); i++) {
        assert_int_equal(take_json(texts[i]).outcome, MALFORMED);
    }
    assert_int_equal(taken.count, 0);
}

/* JavaScript cuts between surrogates, and programs copy bytes. */
static void invalid_text_is_repaired(void **state) {
    (void)state;
    expect_accepted(REQUEST(IDS ",\"name\":\"a\\ud83d\""));
    assert_string_equal(the_span()->name, "a\xEF\xBF\xBD");
    expect_accepted(REQUEST(IDS ",\"name\":\"\\ude00b\\ud83dc\""));
    assert_string_equal(the_span()->name, "\xEF\xBF\xBD"
                                          "b\xEF\xBF\xBD"
                                          "c");
    expect_accepted(REQUEST(IDS ",\"name\":\"\\ud83d\\ude00\\\\ud83d\""));
    assert_string_equal(the_span()->name, "\xF0\x9F\x98\x80\\ud83d");
    expect_accepted(REQUEST(IDS ",\"name\":\"x\xFFy\""));
    assert_string_equal(the_span()->name, "x\xEF\xBF\xBDy");
    expect_accepted("\xEF\xBB\xBF" REQUEST(IDS ",\"name\":\"mark\""));
    assert_string_equal(the_span()->name, "mark");
}

/* 22 million objects in 64 MiB of text. */
static void json_that_would_take_too_much_memory_is_too_large(void **state) {
    enum { OBJECTS = 2000000 };
    static const char head[] = "{\"resourceSpans\":[";
    const size_t size = sizeof head - 1 + (size_t)3 * OBJECTS + 4;
    char *json = malloc(size + 1);
    char *at = json;

    (void)state;
    assert_non_null(json);
    at = stpcpy(at, head);
    for (size_t i = 0; i < OBJECTS; i++) {
        at = stpcpy(at, "{},");
    }
    strcpy(at, "{}]}");
    assert_int_equal(take_json(json).outcome, TOO_LARGE);
    free(json);
    expect_accepted(REQUEST(IDS)); /* its memory was freed */
}

/* gzip, one member. Returns its size. */
static size_t compress_member(const char *text, uint8_t *out, size_t room) {
    z_stream stream = {.next_in = (uint8_t *)(uintptr_t)text,
                       .avail_in = (uInt)strlen(text),
                       .next_out = out,
                       .avail_out = (uInt)room};

    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return stream.total_out;
}

/* Spec: RFC 1952 section 2.2 */
static void all_members_of_a_gzip_body_are_read(void **state) {
    uint8_t packed[200];
    struct bytes plain = {.at = NULL};
    size_t size = compress_member("one ", packed, sizeof packed);

    (void)state;
    size += compress_member("", packed + size, sizeof packed - size);
    size += compress_member("two", packed + size, sizeof packed - size);
    assert_int_equal(gunzip(packed, size, &plain), TAKEN);
    assert_int_equal(plain.size, 7);
    assert_memory_equal(plain.at, "one two", 7);
    bytes_clear(&plain);

    assert_int_equal(gunzip(packed, size - 1, &plain), MALFORMED);
    bytes_clear(&plain);
    packed[size] = 'x';
    assert_int_equal(gunzip(packed, size + 1, &plain), MALFORMED);
    bytes_clear(&plain);
    packed[size] = 0; /* padding of tapes and blocks */
    assert_int_equal(gunzip(packed, size + 1, &plain), TAKEN);
    bytes_clear(&plain);
    assert_int_equal(gunzip(packed, 0, &plain), MALFORMED);
    bytes_clear(&plain);
}

static void a_buffer_has_a_limit(void **state) {
    struct bytes bytes = {.at = NULL};

    (void)state;
    assert_int_equal(bytes_reserve(&bytes, BYTES_MOST), TAKEN);
    bytes.size = BYTES_MOST;
    assert_int_equal(bytes_reserve(&bytes, 1), TOO_LARGE);
    bytes_clear(&bytes);
}

/* Requests that do not end may hold much of the memory; small requests still fit. */
static void large_buffers_leave_memory_for_small_ones(void **state) {
    enum { BUFFERS = 64, SMALL = 100000 };
    struct bytes large[BUFFERS] = {{.at = NULL}};
    struct bytes small = {.at = NULL};
    size_t sum = 0;

    (void)state;
    for (size_t i = 0; i < BUFFERS; i++) { /* each as much as it gets */
        for (size_t size = 1 << 20; bytes_reserve(&large[i], size) == TAKEN && size < BYTES_MOST;) {
            size *= 2;
        }
        sum += large[i].capacity;
    }
    assert_true(sum <= BYTES_MOST_IN_ALL);
    assert_true(large[0].capacity == BYTES_MOST);
    assert_int_equal(bytes_reserve(&large[BUFFERS - 1], BYTES_MOST), BUSY);
    assert_int_equal(bytes_reserve(&small, SMALL), TAKEN);
    bytes_clear(&small);
    for (size_t i = 0; i < BUFFERS; i++) {
        bytes_clear(&large[i]);
    }
    assert_int_equal(bytes_reserve(&small, BYTES_MOST), TAKEN);
    bytes_clear(&small);
}

/* Read a file with this content. Returns the result of requests_from_file(). */
static bool take_file(const void *content, size_t size, struct receipt *sum) {
    char path[] = "/tmp/test_view_requests.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, size), size);
    close(fd);
    bool is_taken = requests_from_file(path, keep, NULL, sum);
    unlink(path);
    return is_taken;
}

static void a_file_may_be_json_lines_or_formatted_json(void **state) {
    static const struct {
        const char *content;
        size_t count;
        bool is_whole;
    } files[] = {
        {REQUEST(IDS), 1, true},
        {REQUEST(IDS) "\n" REQUEST(IDS) "\n", 2, true},
        {REQUEST(IDS) REQUEST(IDS), 2, true},
        {REQUEST(IDS) "\r\n\r\n", 1, true},
        {"\n\n" REQUEST(IDS), 1, true},
        {"\xEF\xBB\xBF" REQUEST(IDS), 1, true},
        {"[" REQUEST(IDS) ",\n" REQUEST(IDS) "]\n", 2, true},
        {"{\n  \"resourceSpans\": [\n    {}\n  ]\n}\n", 1, true},
        {"listening on 8080\n" REQUEST(IDS) "\nbye\n", 1, true},
        {"[2026-01-01] started\n" REQUEST(IDS) "\n", 1, true},
        {"{\"level\":\"info\"}\n" REQUEST(IDS) "\n", 1, true},
        {"{\"resourceSpans\":[{\"resource\":{},\"scopeS\n" REQUEST(IDS) "\n", 1, false},
        {REQUEST(IDS) "\n{\"resourceSpans\":[", 1, false},
        {REQUEST(IDS) "\n{\"resourceSpans\":1}\n", 1, false},
        {"nothing\n", 0, false},
        {"{\"resourceLogs\":[]}\n", 0, false},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(files); i++) {
        struct receipt sum = {.outcome = TAKEN};
        taken.count = 0;
        assert_int_equal(take_file(files[i].content, strlen(files[i].content), &sum),
                         files[i].is_whole);
        assert_int_equal(taken.count, files[i].count);
    }
}

static void a_file_may_be_protobuf_or_gzip(void **state) {
    static const uint8_t protobuf[] = {0x0A, 0x02, 0x12, 0x00};
    struct receipt sum = {.outcome = TAKEN};
    uint8_t packed[500];

    (void)state;
    assert_true(take_file(protobuf, sizeof protobuf, &sum));
    assert_int_equal(taken.request->resource_spans[0]->n_scope_spans, 1);
    size_t size = compress_member(REQUEST(IDS), packed, sizeof packed);
    assert_true(take_file(packed, size, &sum));
    assert_int_equal(the_span()->span_id.len, 8);
    assert_false(take_file(packed, size - 1, &sum));
}

static void a_response_reports_rejected_spans(void **state) {
    const struct receipt receipt = {.outcome = TAKEN, .invalid_ids = 2, .invalid_values = 1};
    const struct receipt clean = {.outcome = TAKEN};
    uint8_t protobuf[RECEIPT_RESPONSE_BYTES];
    char json[RECEIPT_RESPONSE_BYTES];

    (void)state;
    size_t size = receipt_to_json(&receipt, json);
    assert_int_equal(size, strlen(json));
    assert_string_equal(
        json, "{\"partialSuccess\":{\"rejectedSpans\":\"2\",\"errorMessage\":\"2 spans rejected: "
              "the trace id or the span id is missing or invalid; 1 value left out: wrong type or "
              "out of range\"}}");
    size = receipt_to_protobuf(&receipt, protobuf);
    assert_int_equal(protobuf[0], 0x0A);
    assert_int_equal(protobuf[1], size - 2);
    assert_memory_equal(protobuf + 2, "\x08\x02\x12", 3);

    assert_int_equal(receipt_to_protobuf(&clean, protobuf), 0);
    receipt_to_json(&clean, json);
    assert_string_equal(json, "{}");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        REQUEST_TEST(ids_are_hex_in_either_case_or_base64),
        REQUEST_TEST(enumeration_values_may_be_names),
        REQUEST_TEST(enumeration_values_without_a_name_are_kept),
        REQUEST_TEST(values_are_read_in_each_permitted_form),
        REQUEST_TEST(a_value_of_the_wrong_type_or_out_of_range_is_left_out_and_counted),
        REQUEST_TEST(another_type_instead_of_an_object_or_a_list_is_malformed),
        REQUEST_TEST(invalid_text_is_repaired),
        REQUEST_TEST(json_that_would_take_too_much_memory_is_too_large),
        REQUEST_TEST(all_members_of_a_gzip_body_are_read),
        REQUEST_TEST(a_buffer_has_a_limit),
        REQUEST_TEST(large_buffers_leave_memory_for_small_ones),
        REQUEST_TEST(a_file_may_be_json_lines_or_formatted_json),
        REQUEST_TEST(a_file_may_be_protobuf_or_gzip),
        REQUEST_TEST(a_response_reports_rejected_spans),
    };

    return RUN_TESTS(tests, argc, argv);
}
