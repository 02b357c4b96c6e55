/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>

#include "details.h"
#include "failing_allocator.h"
#include "requests.h"
#include "test_model.h"

static const uint64_t base = 1700000000000000000;
static const uint64_t ms = 1000000;

static bool read_content(struct model *model, const void *content, size_t size,
                         struct receipt *sum) {
    *sum = (struct receipt){.outcome = TAKEN};
    return requests_from_content("content", content, size, model_take_file, model, sum);
}

static bool read_text(struct model *model, const char *text) {
    struct receipt sum;

    return read_content(model, text, strlen(text), &sum);
}

/* Read a file of tests/cli/files that must be valid. */
static void read_file(struct model *model, const char *name) {
    struct receipt sum = {.outcome = TAKEN};
    char path[512];

    snprintf(path, sizeof path, "%s/cli/files/%s", TOTE_TEST_SOURCE_DIR, name);
    assert_true(requests_from_file(path, model_take_file, model, &sum));
    assert_int_equal(sum.invalid_ids + sum.invalid_values + sum.left_out, 0);
}

static struct trace *only_trace(struct model *model) {
    struct trace *trace = model_newest(model);

    assert_int_equal(model_counts(model).traces, 1);
    return trace;
}

static const struct trace_span *span_with(struct model *model, uint64_t number) {
    uint8_t id[8];

    for (size_t i = sizeof id; i-- > 0; number >>= 8) {
        id[i] = (uint8_t)number;
    }
    const struct trace_span *span = model_find_span(only_trace(model), id);
    assert_non_null(span);
    return span;
}

static void expect_attribute(const struct trace_attributes *attributes, const char *key,
                             const char *value) {
    const char *found = trace_attribute_find(attributes, key);

    assert_non_null(found);
    assert_string_equal(found, value);
}

/* As the Jaeger UI downloads it. */
static void jaeger_json_is_read(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};
    struct span_details details;

    read_file(*state, "jaeger.json");
    const struct trace *trace = only_trace(*state);
    assert_memory_equal(trace->id, "\0\0\0\0\0\0\0\0\x8a\x3c\x60\xf7\xd1\x88\xf8\xfa", 16);
    assert_int_equal(trace->span_count, 2);
    assert_true(trace->is_complete);

    const struct trace_span *root = span_with(*state, 0x1f2a3b4c5d6e7f80);
    assert_string_equal(root->name, "HTTP GET /dispatch");
    assert_string_equal(root->service, "driver");
    assert_int_equal(root->kind, TOTE_SPAN_KIND_SERVER);
    assert_true(root->is_error);
    assert_false(root->is_open);
    assert_true(root->start_unix_nano == base && root->end_unix_nano == base + 250 * ms);
    assert_true(span_details_read(root, &arena, &details));
    assert_string_equal(details.status_message, "no driver");
    assert_string_equal(details.scope_name, "net/http");
    assert_int_equal(details.attributes.count, 5);
    expect_attribute(&details.attributes, "http.status_code", "500");
    expect_attribute(&details.attributes, "sampler.param", "true");
    expect_attribute(&details.attributes, "load", "0.75");
    expect_attribute(&details.attributes, "blob", "<3 bytes>");
    assert_int_equal(details.attributes.items[1].type, TRACE_VALUE_INT);
    expect_attribute(&details.resource, "hostname", "node-1");
    assert_int_equal(details.event_count, 1);
    assert_string_equal(details.events[0].name, "HTTP request received");
    assert_int_equal(details.events[0].time_unix_nano, base + 10 * ms);
    assert_int_equal(details.events[0].attributes.count, 1);

    const struct trace_span *child = span_with(*state, 2);
    assert_ptr_equal(child->parent, root);
    assert_false(child->is_error);
    assert_true(span_details_read(child, &arena, &details));
    assert_int_equal(details.link_count, 1);
    assert_int_equal(details.links[0].trace_id[15], 0x77);
    assert_int_equal(details.links[0].span_id[7], 0x99);
    expect_attribute(&details.links[0].attributes, "opentracing.ref_type", "follows_from");
    tote__arena_clear(&arena);
}

static void one_trace_of_jaeger_is_read_too(void **state) {
    assert_true(read_text(*state, "{\"traceID\":\"1\",\"spans\":[{\"spanID\":\"2\",\"startTime\":1,"
                                  "\"duration\":1,\"process\":{\"serviceName\":\"p\"}},"
                                  "{\"spanID\":\"3\",\"parentSpanID\":\"2\"}]}"));
    assert_string_equal(span_with(*state, 2)->service, "p");
    assert_ptr_equal(span_with(*state, 3)->parent, span_with(*state, 2));
}

static void zipkin_json_is_read(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};
    struct span_details details;

    read_file(*state, "zipkin.json");
    assert_int_equal(only_trace(*state)->span_count, 4);
    assert_true(only_trace(*state)->is_complete);
    const struct trace_span *root = span_with(*state, 0x5af7183fb1d4cf5f);
    const struct trace_span *client = span_with(*state, 0x6b221d5bc9e6496c);
    const struct trace_span *server = span_with(*state, 0xeb221d5bc9e6496c);
    const struct trace_span *render = span_with(*state, 0xabcd);
    assert_string_equal(root->service, "frontend");
    assert_int_equal(root->kind, TOTE_SPAN_KIND_SERVER);
    assert_true(root->start_unix_nano == base && root->end_unix_nano == base + 100 * ms);
    assert_ptr_equal(client->parent, root);
    assert_int_equal(client->kind, TOTE_SPAN_KIND_CLIENT);
    assert_true(span_details_read(client, &arena, &details));
    expect_attribute(&details.attributes, "peer.service", "backend");
    expect_attribute(&details.attributes, "network.peer.address", "10.0.0.2");
    expect_attribute(&details.attributes, "network.peer.port", "9000");
    assert_ptr_equal(server->parent, client);
    assert_true(server->is_error);
    assert_true(span_details_read(server, &arena, &details));
    assert_string_equal(details.status_message, "timeout of the database");
    assert_int_equal(details.event_count, 1);
    assert_string_equal(details.events[0].name, "cache miss");
    assert_ptr_equal(render->parent, server);
    assert_true(render->is_open);
    tote__arena_clear(&arena);
}

static void zipkin_spans_may_be_in_lists_of_traces_or_lines(void **state) {
    static const char one[] = "{\"traceId\":\"00000000000000000000000000000001\",\"id\":\"1\"}";
    char text[512];

    snprintf(text, sizeof text,
             "[[%s],[{\"traceId\":\"1\",\"id\":\"2\"}]]\n{\"traceId\":\"1\","
             "\"id\":\"3\"}\n",
             one);
    assert_true(read_text(*state, text));
    assert_int_equal(only_trace(*state)->span_count, 3);
}

static void append_fixed_length(struct tote__buffer *out, const struct tote__buffer *request) {
    const uint8_t length[] = {(uint8_t)(request->size >> 24), (uint8_t)(request->size >> 16),
                              (uint8_t)(request->size >> 8), (uint8_t)request->size};

    put_test_bytes(out, length, sizeof length);
    put_test_bytes(out, request->bytes, request->size);
}

/* The file exporter of the collector, format "proto", and writeDelimitedTo() of protobuf. */
static void a_sequence_of_protobuf_messages_is_read(void **state) {
    struct tote__buffer fixed = {.bytes = NULL};
    struct tote__buffer varint = {.bytes = NULL};
    struct receipt sum;

    for (unsigned i = 1; i <= 3; i++) {
        struct tote__buffer request = {.bytes = NULL};
        put_test_request(&request, &(struct test_span){.trace = 1, .id = i}, 1);
        append_fixed_length(&fixed, &request);
        request.size = 0;
        put_test_request(&request, &(struct test_span){.trace = 1, .id = i + 10}, 1);
        uint8_t length[10];
        put_test_bytes(&varint, length, (size_t)(tote__put_varint(length, request.size) - length));
        put_test_bytes(&varint, request.bytes, request.size);
        tote__buffer_clear(&request);
    }
    assert_true(read_content(*state, fixed.bytes, fixed.size, &sum));
    assert_int_equal(only_trace(*state)->span_count, 3);
    assert_true(read_content(*state, varint.bytes, varint.size, &sum));
    assert_int_equal(only_trace(*state)->span_count, 6);
    assert_false(read_content(*state, fixed.bytes, fixed.size - 1, &sum));
    tote__buffer_clear(&fixed);
    tote__buffer_clear(&varint);
}

static void values_that_are_wrong_are_left_out_and_counted(void **state) {
    static const char *const tags[] = {
        "{\"key\":\"k\",\"type\":\"int64\",\"value\":\"many\"}",
        "{\"key\":\"k\",\"type\":\"float64\",\"value\":\"1.5x\"}",
        "{\"key\":\"k\",\"type\":\"binary\",\"value\":\"!\"}",
        "{\"key\":\"k\",\"type\":\"string\",\"value\":[]}",
        "{\"key\":7,\"value\":1}",
        "{\"key\":\"k\"}",
        "7",
    };
    struct receipt sum;
    char text[512];

    for (size_t i = 0; i < TOTE_COUNT_OF(tags); i++) {
        snprintf(text, sizeof text,
                 "{\"data\":[{\"traceID\":\"1\",\"spans\":[{\"spanID\":\"%zu\",\"tags\":[%s]}]}]}",
                 i + 1, tags[i]);
        assert_true(read_content(*state, text, strlen(text), &sum));
        assert_int_equal(sum.invalid_values, 1);
    }
    assert_int_equal(only_trace(*state)->span_count, TOTE_COUNT_OF(tags));
}

static void spans_with_invalid_ids_are_counted(void **state) {
    static const char *const texts[] = {
        "[{\"traceId\":\"1\",\"id\":\"xyz\"}]",
        "[{\"traceId\":\"0\",\"id\":\"1\"}]",
        "[{\"traceId\":\"000000000000000000000000000000001\",\"id\":\"1\"}]",
        "{\"data\":[{\"spans\":[{}],\"processes\":{}}]}",
    };
    struct receipt sum;

    for (size_t i = 0; i < TOTE_COUNT_OF(texts); i++) {
        assert_true(read_content(*state, texts[i], strlen(texts[i]), &sum));
        assert_int_equal(sum.invalid_ids, 1);
    }
    assert_int_equal(model_counts(*state).traces, 0);
}

/* Each parse of a bracket could cost a pass over the rest of the file. */
static void hostile_brackets_are_read_in_linear_time(void **state) {
    enum { COUNT = 200000 };
    static const char part[] = "[{\"traceId\":\"1\",\"id\":\"2\"},";
    char *text = malloc(COUNT * sizeof part);
    struct receipt sum;

    assert_non_null(text);
    memset(text, '[', COUNT);
    assert_false(read_content(*state, text, COUNT, &sum));
    for (size_t i = 0; i < COUNT; i++) {
        memcpy(text + i * (sizeof part - 1), part, sizeof part);
    }
    assert_true(read_content(*state, text, COUNT * (sizeof part - 1), &sum));
    assert_int_equal(only_trace(*state)->span_count, 1);
    free(text);
}

static void without_memory_a_file_is_not_read_and_nothing_leaks(void **state) {
    long live = memory.live;
    bool is_read = false;

    (void)state;
    for (long allocation = 0; !is_read; allocation++) {
        struct model *model = model_new(NULL);
        assert_non_null(model);
        memory.failures = 0;
        memory.countdown = allocation;
        read_text(model, "[{\"traceId\":\"1\",\"id\":\"2\",\"tags\":{\"a\":\"b\"},\"shared\":true,"
                         "\"localEndpoint\":{\"serviceName\":\"s\"}}]");
        is_read = memory.failures == 0;
        memory.countdown = -1;
        assert_true(model_counts(model).spans <= 1);
        model_free(model);
        assert_int_equal(memory.live, live);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        MODEL_TEST(jaeger_json_is_read),
        MODEL_TEST(one_trace_of_jaeger_is_read_too),
        MODEL_TEST(zipkin_json_is_read),
        MODEL_TEST(zipkin_spans_may_be_in_lists_of_traces_or_lines),
        MODEL_TEST(a_sequence_of_protobuf_messages_is_read),
        MODEL_TEST(values_that_are_wrong_are_left_out_and_counted),
        MODEL_TEST(spans_with_invalid_ids_are_counted),
        MODEL_TEST(hostile_brackets_are_read_in_linear_time),
        TEST(without_memory_a_file_is_not_read_and_nothing_leaks),
    };

    tote_allocator_set(&failing_allocator);
    return RUN_TESTS(tests, argc, argv);
}
