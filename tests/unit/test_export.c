/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "export.h"
#include "failing_allocator.h"
#include "requests.h"
#include "test_model.h"

static const char *export_text(struct model *model, unsigned trace, struct tote__buffer *out) {
    out->size = 0;
    assert_true(export_otlp_json(find_trace(model, trace), out));
    assert_true(tote__buffer_append(out, (struct tote__slice){(const uint8_t *)"", 1}));
    return (const char *)out->bytes;
}

static void a_trace_is_one_request_grouped_by_resource_and_scope(void **state) {
    static const struct test_attribute attributes[] = {{"k", "v"}, {"n", "#-7"}};
    static const struct test_event event = {"boom", 15, NULL, 0, 2};
    static const struct test_link link = {2, 3};
    const struct test_span spans[] = {
        {.trace = 1,
         .id = 2,
         .parent = 1,
         .name = "b",
         .service = "shop",
         .start_unix_nano = 20,
         .end_unix_nano = 30},
        {.trace = 1,
         .id = 3,
         .parent = 1,
         .name = "c",
         .service = "db",
         .start_unix_nano = 25,
         .end_unix_nano = 26,
         .status = TOTE_STATUS_CODE_ERROR,
         .status_message = "no\n"},
        {.trace = 1,
         .id = 1,
         .name = "a",
         .service = "shop",
         .kind = TOTE_SPAN_KIND_SERVER,
         .start_unix_nano = 10,
         .end_unix_nano = 40,
         .attributes = attributes,
         .attribute_count = 2,
         .events = &event,
         .event_count = 1,
         .links = &link,
         .link_count = 1,
         .dropped_attribute_count = 4,
         .dropped_event_count = 5,
         .dropped_link_count = 6},
    };
    struct tote__buffer out = {.bytes = NULL};

    send_spans(*state, spans, 3);
    assert_string_equal(
        export_text(*state, 1, &out),
        "{\"resourceSpans\":["
        "{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":"
        "\"db\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"test\"},\"spans\":["
        "{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":\"0000000000000003\","
        "\"parentSpanId\":\"0000000000000001\",\"name\":\"c\",\"kind\":1,"
        "\"startTimeUnixNano\":\"25\",\"endTimeUnixNano\":\"26\","
        "\"status\":{\"message\":\"no\\n\",\"code\":2}}]}]},"
        "{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":"
        "\"shop\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"test\"},\"spans\":["
        "{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":\"0000000000000001\","
        "\"name\":\"a\",\"kind\":2,\"startTimeUnixNano\":\"10\",\"endTimeUnixNano\":\"40\","
        "\"attributes\":[{\"key\":\"k\",\"value\":{\"stringValue\":\"v\"}},"
        "{\"key\":\"n\",\"value\":{\"intValue\":\"-7\"}}],\"droppedAttributesCount\":4,"
        "\"events\":[{\"timeUnixNano\":\"15\",\"name\":\"boom\",\"droppedAttributesCount\":2}],"
        "\"droppedEventsCount\":5,\"links\":[{\"traceId\":\"00000000000000000000000000000002\","
        "\"spanId\":\"0000000000000003\"}],\"droppedLinksCount\":6,\"status\":{}},"
        "{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":\"0000000000000002\","
        "\"parentSpanId\":\"0000000000000001\",\"name\":\"b\",\"kind\":1,"
        "\"startTimeUnixNano\":\"20\",\"endTimeUnixNano\":\"30\",\"status\":{}}]}]}]}");
    tote__buffer_clear(&out);
}

static const char everything[] =
    "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
    "{\"stringValue\":\"shop\"}},{\"key\":\"list\",\"value\":{\"arrayValue\":{\"values\":["
    "{\"intValue\":\"1\"},{\"boolValue\":true},{\"doubleValue\":0.5},{\"bytesValue\":\"AAEC\"},"
    "{\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":{}}]}}]}}}],"
    "\"droppedAttributesCount\":1,\"entityRefs\":[{\"schemaUrl\":\"e\",\"type\":\"service\","
    "\"idKeys\":[\"a\",\"b\"],\"descriptionKeys\":[\"c\"]}]},\"schemaUrl\":\"https://r\","
    "\"scopeSpans\":[{\"scope\":{\"name\":\"lib\",\"version\":\"1\",\"attributes\":[{\"key\":"
    "\"s\",\"value\":{\"stringValue\":\"t\"}}],\"droppedAttributesCount\":2},\"schemaUrl\":"
    "\"https://s\",\"spans\":[{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":"
    "\"0000000000000001\",\"traceState\":\"a=b\",\"name\":\"n\",\"kind\":5,"
    "\"startTimeUnixNano\":\"1\",\"endTimeUnixNano\":\"18446744073709551615\",\"attributes\":["
    "{\"key\":\"text\",\"value\":{\"stringValue\":\"\\u0000 \\u001b \xEF\xBF\xBD "
    "\xF0\x9F\x90\x8E\"}"
    "}],\"droppedAttributesCount\":4294967295,\"events\":[{\"timeUnixNano\":\"2\",\"name\":\"e\","
    "\"attributes\":[{\"key\":\"x\",\"value\":{\"intValue\":\"-9223372036854775808\"}}],"
    "\"droppedAttributesCount\":3}],\"droppedEventsCount\":4,\"links\":[{\"traceId\":"
    "\"00000000000000000000000000000002\",\"spanId\":\"0000000000000003\",\"traceState\":\"c=d\","
    "\"attributes\":[{\"key\":\"y\",\"value\":{\"stringValue\":\"\"}}],"
    "\"droppedAttributesCount\":5,\"flags\":257}],\"droppedLinksCount\":6,\"status\":{\"message\":"
    "\"m\",\"code\":2},\"flags\":769}]}]}]}";

/* Read JSON that contains trace 1. Its export is the same. */
static void assert_exported_again(struct model *model, const char *json) {
    struct tote__buffer out = {.bytes = NULL};
    struct receipt receipt = requests_from_json(json, strlen(json), model_take_file, model);

    assert_int_equal(receipt.outcome, TAKEN);
    assert_int_equal(receipt.invalid_values, 0);
    assert_string_equal(export_text(model, 1, &out), json);
    tote__buffer_clear(&out);
}

/* Spec: opentelemetry-proto trace/v1/trace.proto */
static void every_field_of_otlp_is_exported(void **state) {
    assert_exported_again(*state, everything);
}

/* Of a later protocol. Spec: opentelemetry-proto trace/v1/trace.proto */
static void enumeration_values_without_a_name_are_exported(void **state) {
    assert_exported_again(*state, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
                                  "\"00000000000000000000000000000001\",\"spanId\":"
                                  "\"0000000000000001\",\"kind\":-2147483648,\"status\":{\"code\":"
                                  "2147483647}}]}]}]}");
}

static void text_that_is_not_utf8_is_repaired(void **state) {
    struct tote__buffer out = {.bytes = NULL};

    send_span(*state, (struct test_span){.trace = 1, .id = 1, .name = "a\xFF\xC3z"});
    assert_non_null(
        strstr(export_text(*state, 1, &out), "\"name\":\"a\xEF\xBF\xBD\xEF\xBF\xBDz\""));
    tote__buffer_clear(&out);
}

static void a_resource_without_members_is_exported(void **state) {
    assert_exported_again(*state, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
                                  "\"00000000000000000000000000000001\",\"spanId\":"
                                  "\"0000000000000001\"}]}]}]}");
}

static void without_memory_nothing_is_appended(void **state) {
    struct tote__buffer out = {.bytes = NULL};
    bool is_exported = false;

    requests_from_json(everything, sizeof everything - 1, model_take_file, *state);
    for (long allocation = 0; !is_exported; allocation++) {
        memory.countdown = allocation;
        is_exported = export_otlp_json(find_trace(*state, 1), &out);
        memory.countdown = -1;
        assert_int_equal(out.size, is_exported ? sizeof everything - 1 : 0);
    }
    tote__buffer_clear(&out);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        MODEL_TEST(a_trace_is_one_request_grouped_by_resource_and_scope),
        MODEL_TEST(every_field_of_otlp_is_exported),
        MODEL_TEST(enumeration_values_without_a_name_are_exported),
        MODEL_TEST(text_that_is_not_utf8_is_repaired),
        MODEL_TEST(a_resource_without_members_is_exported),
        MODEL_TEST(without_memory_nothing_is_appended),
    };

    tote_allocator_set(&failing_allocator);
    return RUN_TESTS(tests, argc, argv);
}
