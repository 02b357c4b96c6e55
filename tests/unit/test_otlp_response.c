/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "otlp/response.pb-c.h"
#include "otlp/transport/response.h"

static const char protobuf[] = "application/x-protobuf";

static struct tote__slice pack(const ProtobufCMessage *message, uint8_t *buffer) {
    return (struct tote__slice){buffer, protobuf_c_message_pack(message, buffer)};
}

static struct tote__slice partial_success(int64_t rejected, const char *message, uint8_t *buffer) {
    Tote__Otlp__ExportTracePartialSuccess partial = TOTE__OTLP__EXPORT_TRACE_PARTIAL_SUCCESS__INIT;
    Tote__Otlp__ExportTraceServiceResponse export_response =
        TOTE__OTLP__EXPORT_TRACE_SERVICE_RESPONSE__INIT;

    partial.rejected_spans = rejected;
    partial.error_message = (char *)(uintptr_t)message;
    export_response.partial_success = &partial;
    return pack(&export_response.base, buffer);
}

static struct tote__slice error_status(const char *message, uint8_t *buffer) {
    Tote__Otlp__RpcStatus status = TOTE__OTLP__RPC_STATUS__INIT;

    status.code = 3;
    status.message = (char *)(uintptr_t)message;
    return pack(&status.base, buffer);
}

static struct tote__slice text(const char *body) {
    return (struct tote__slice){(const uint8_t *)body, strlen(body)};
}

/* Compliance: EX-19 */
static void a_partial_success_has_a_number_of_rejected_spans_and_a_message(void **state) {
    struct tote__export_response export_response;
    uint8_t buffer[64];

    (void)state;
    assert_true(tote__otlp_read_response(partial_success(3, "too old", buffer), protobuf,
                                         &export_response));
    assert_int_equal(export_response.rejected, 3);
    assert_string_equal(export_response.message, "too old");

    assert_true(tote__otlp_read_response(partial_success(0, "hint", buffer), "", &export_response));
    assert_int_equal(export_response.rejected, 0);
    assert_string_equal(export_response.message, "hint");
    assert_true(
        tote__otlp_read_response(partial_success(-1, "", buffer), protobuf, &export_response));
    assert_int_equal(export_response.rejected, 0);
}

/* Spec: protocol/otlp.md#full-success-1 */
static void an_empty_body_has_no_message(void **state) {
    struct tote__export_response export_response;

    (void)state;
    assert_true(tote__otlp_read_response(text(""), "application/json", &export_response));
    assert_int_equal(export_response.rejected, 0);
    assert_string_equal(export_response.message, "");
}

/* A body that cannot be read changes no result. Spec: protocol/otlp.md#full-success-1 */
static void a_malformed_body_has_no_message(void **state) {
    struct tote__export_response export_response;

    (void)state;
    assert_false(tote__otlp_read_response(text("\x0A\x7Fgarbage"), protobuf, &export_response));
    assert_int_equal(export_response.rejected, 0);
    assert_false(tote__otlp_read_response(text("<html>"), "text/html", &export_response));
    assert_string_equal(export_response.message, "");
}

/*
 * With other fields, and a number in any JSON form. Spec: protocol/otlp.md#json-protobuf-encoding
 */
static void a_partial_success_may_be_json(void **state) {
    static const char json[] = "application/json; charset=utf-8";
    struct tote__export_response export_response;

    (void)state;
    assert_true(tote__otlp_read_response(
        text("{\"partialSuccess\": {\"rejectedSpans\":\"3\",\"more\":[{}, 1.5e3],"
             "\"errorMessage\":\"too\\u0020old\"}}"),
        json, &export_response));
    assert_int_equal(export_response.rejected, 3);
    assert_string_equal(export_response.message, "too old");

    assert_true(tote__otlp_read_response(text("{\"partialSuccess\":{\"rejectedSpans\":7}}"), json,
                                         &export_response));
    assert_int_equal(export_response.rejected, 7);
    assert_true(tote__otlp_read_response(text("{\"ok\":1}"), json, &export_response));
    assert_int_equal(export_response.rejected, 0);
    assert_true(tote__otlp_read_response(text(" {} "), json, &export_response));
    assert_true(tote__otlp_read_response(
        text("{\"partialSuccess\":{\"rejectedSpans\": null,\"errorMessage\":\"ok\"}}"), json,
        &export_response));
    assert_int_equal(export_response.rejected, 0);
    assert_string_equal(export_response.message, "ok");
}

/* The number of rejected spans is unknown. */
static void a_malformed_number_of_rejected_spans_is_not_readable(void **state) {
    static const char *const numbers[] = {"2.5", "1e400", "\"many\"", "true", "{}", "[2]", "\"\""};
    struct tote__export_response export_response;
    char body[128];

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(numbers); i++) {
        snprintf(body, sizeof body, "{\"partialSuccess\":{\"rejectedSpans\":%s}}", numbers[i]);
        assert_false(tote__otlp_read_response(text(body), "application/json", &export_response));
        assert_int_equal(export_response.rejected, 0);
    }
}

static void malformed_json_is_not_readable(void **state) {
    static const char *const broken[] = {
        "{",
        "[]x",
        "{\"partialSuccess\":{\"rejectedSpans\":3}",
        "{}{}",
        "{\"a\":01}",
        "{\"a\" 1}",
        "{\"a\":1,}",
        "{\"a\":\"\n\"}",
        "{\"a\":tru}",
        "{a:1}",
        "{\"a\":\"\\x\"}",
        "{\"a\":1.}",
    };
    char deep[1000];
    struct tote__export_response export_response;

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(broken); i++) {
        assert_false(
            tote__otlp_read_response(text(broken[i]), "application/json", &export_response));
        assert_int_equal(export_response.rejected, 0);
    }
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_false(tote__otlp_read_response(text(deep), "application/json", &export_response));
}

/* Spec: protocol/otlp.md#failures-1 */
static void an_error_in_json_has_a_message(void **state) {
    struct tote__export_response export_response;

    (void)state;
    tote__otlp_read_error(text("{\"code\":3,\"message\":\"no such \\ud83d\\ude00 \\ud83d id\"}"),
                          "application/json", &export_response);
    assert_string_equal(export_response.message, "no such \xF0\x9F\x98\x80 \xEF\xBF\xBD id");
}

/* Unpacking needs little more memory than the size of the body. */
static void a_body_of_many_unknown_fields_is_not_unpacked(void **state) {
    static uint8_t fields[2 << 20];
    struct tote__export_response export_response;

    (void)state;
    for (size_t i = 0; i < sizeof fields; i += 2) {
        fields[i] = 0x78; /* field 15, a varint */
        fields[i + 1] = 1;
    }
    assert_false(tote__otlp_read_response((struct tote__slice){fields, sizeof fields}, protobuf,
                                          &export_response));
    assert_int_equal(export_response.rejected, 0);
}

/* Spec: protocol/otlp.md#failures-1 */
static void an_error_message_is_a_status_message_or_plain_text(void **state) {
    struct tote__export_response export_response;
    uint8_t buffer[64];

    (void)state;
    tote__otlp_read_error(error_status("no such tenant", buffer), protobuf, &export_response);
    assert_string_equal(export_response.message, "no such tenant");
    tote__otlp_read_error(text("404 page not found\n"), "text/plain; charset=utf-8",
                          &export_response);
    assert_string_equal(export_response.message, "404 page not found");
    tote__otlp_read_error(text("<html>"), "text/html", &export_response);
    assert_string_equal(export_response.message, "");
    tote__otlp_read_error(text("\x12\x7F"), protobuf, &export_response);
    assert_string_equal(export_response.message, "");
}

/* A proxy or a wrong port responds in its own format; its text helps to find the mistake. */
static void a_text_body_is_shown_whatever_its_content_type(void **state) {
    static const struct {
        const char *body;
        const char *content_type;
        const char *message;
    } cases[] = {
        {"tenant unknown", "", "tenant unknown"},
        {"tenant unknown", "application/octet-stream", "tenant unknown"},
        {"tenant unknown", "application/x-protobuf", "tenant unknown"},
        {"tenant unknown", "application/json", "tenant unknown"},
        {"{\"error\":\"tenant\"}", "application/json", "{\"error\":\"tenant\"}"},
        {"{\"message\":\"tenant\"}", "application/problem+json", "{\"message\":\"tenant\"}"},
        {"<html>\n<head><title>413 Too Large</title></head>\n<body>\n<h1>413</h1> nginx\n</html>",
         "text/html; charset=utf-8", "413 Too Large 413 nginx"},
        {"<html><body>\x01\x02", "text/html", ""},
        {"\x1F\x8B\x08 compressed", "text/plain", ""},
    };
    struct tote__export_response export_response;

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        tote__otlp_read_error(text(cases[i].body), cases[i].content_type, &export_response);
        assert_string_equal(export_response.message, cases[i].message);
    }
}

/* A log may be a terminal. */
static void a_message_is_one_printable_line(void **state) {
    struct tote__export_response export_response;
    uint8_t buffer[64];

    (void)state;
    tote__otlp_read_error(error_status("\x1B[2Jline\nline\xC2\x9Bm\xFFh\xC3\xA9\x7F", buffer),
                          protobuf, &export_response);
    assert_string_equal(export_response.message, " [2Jline line m\xEF\xBF\xBDh\xC3\xA9");
}

static void a_long_message_is_truncated_between_code_points(void **state) {
    struct tote__export_response export_response;
    char body[2001] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof body - 1; i += 2) {
        memcpy(body + i, "\xC3\xA9", 2);
    }
    tote__otlp_read_error(text(body), "text/plain", &export_response);
    assert_int_equal(strlen(export_response.message), 254);
    memset(body, 0xFF, sizeof body - 1);
    tote__otlp_read_error(text(body), "text/plain", &export_response);
    assert_int_equal(strlen(export_response.message), 255);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_partial_success_has_a_number_of_rejected_spans_and_a_message),
        TEST(an_empty_body_has_no_message),
        TEST(a_malformed_body_has_no_message),
        TEST(a_partial_success_may_be_json),
        TEST(malformed_json_is_not_readable),
        TEST(a_malformed_number_of_rejected_spans_is_not_readable),
        TEST(an_error_in_json_has_a_message),
        TEST(a_body_of_many_unknown_fields_is_not_unpacked),
        TEST(an_error_message_is_a_status_message_or_plain_text),
        TEST(a_text_body_is_shown_whatever_its_content_type),
        TEST(a_message_is_one_printable_line),
        TEST(a_long_message_is_truncated_between_code_points),
    };
    return RUN_TESTS(tests, argc, argv);
}
