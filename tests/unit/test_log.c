/* SPDX-License-Identifier: MIT */
/*
 * test_log.c - the fields of log lines
 */
#include "support.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tote/log.h"
#include "tote/propagators.h"

static const char trace_logfmt[] =
    "trace_id=01000000000000000000000000000000 span_id=0200000000000000 trace_flags=01";
static const char trace_json[] = "\"trace_id\":\"01000000000000000000000000000000\","
                                 "\"span_id\":\"0200000000000000\",\"trace_flags\":\"01\"";

/* Return a context with an empty store, and with a span or without. */
static tote_context *context_new(bool has_span) {
    tote_trace_id trace_id = {{1}};
    tote_span_id span_id = {{2}};
    tote_span_context *span_context = tote_span_context_new(&trace_id, &span_id, 1, NULL, false);
    tote_span *span = has_span ? tote_span_non_recording_new(span_context) : NULL;
    tote_store *store = tote_store_new(NULL);
    tote_context *with_store = tote_context_with_store(tote_context_root(), store);
    tote_context *context = tote_context_with_span(with_store, span);

    tote_span_context_unref(span_context);
    tote_span_unref(span);
    tote_store_unref(store);
    tote_context_unref(with_store);
    return context;
}

static void assert_fields(const tote_context *context, tote_log_format format,
                          const char *expected) {
    char buffer[512];
    size_t length = tote_log_fields(context, format, buffer, sizeof buffer);

    assert_string_equal(buffer, expected);
    assert_int_equal(length, strlen(expected));
}

/* Spec: compatibility/logging_trace_context.md. The contract of TOTE_VISIBILITY_TELEMETRY */
static void exported_entries_follow_the_ids_of_the_trace(void **state) {
    (void)state;
    char expected[256];
    tote_context *context = context_new(true);
    tote_store *store = tote_context_get_store(context);

    assert_fields(context, TOTE_LOG_FORMAT_LOGFMT, trace_logfmt);
    assert_fields(context, TOTE_LOG_FORMAT_JSON, trace_json);
    tote_store_add(store, "user", tote_string("u_1"));
    tote_store_add_as(store, "token", tote_string("t"), TOTE_VISIBILITY_PRIVATE, NULL);
    tote_store_add_as(store, "only.out", tote_string("o"), TOTE_VISIBILITY_BAGGAGE, NULL);
    strcpy(expected, trace_logfmt);
    assert_fields(context, TOTE_LOG_FORMAT_LOGFMT, strcat(expected, " user=u_1"));
    strcpy(expected, trace_json);
    assert_fields(context, TOTE_LOG_FORMAT_JSON, strcat(expected, ",\"user\":\"u_1\""));
    tote_context_unref(context);
}

static const struct {
    const char *key;
    const char *text;
    const char *logfmt;
    const char *json;
} texts[] = {
    {"k", "plain-1.2/3:4", "k=plain-1.2/3:4", "\"k\":\"plain-1.2/3:4\""},
    {"k", "", "k=\"\"", "\"k\":\"\""},
    {"k", "two words", "k=\"two words\"", "\"k\":\"two words\""},
    {"k", "a=b", "k=\"a=b\"", "\"k\":\"a=b\""},
    {"k", "say \"hi\"", "k=\"say \\\"hi\\\"\"", "\"k\":\"say \\\"hi\\\"\""},
    {"k", "a\\b", "k=a\\b", "\"k\":\"a\\\\b\""},
    {"k", "a\nb\tc\rd", "k=\"a\\nb\\tc\\rd\"", "\"k\":\"a\\nb\\tc\\rd\""},
    {"k", "\x01\x1F\x7F", "k=\"\\u0001\\u001f\\u007f\"", "\"k\":\"\\u0001\\u001f\\u007f\""},
    {"k", "h\xC3\xA9", "k=h\xC3\xA9", "\"k\":\"h\xC3\xA9\""},
    {"50%", "x", "50%25=x", "\"50%\":\"x\""},
    {"k", "\xC2\x9B", "k=\"\\u009b\"", "\"k\":\"\\u009b\""},
    {"k", "a\xE2\x80\xA8", "k=\"a\\u2028\"", "\"k\":\"a\\u2028\""},
    {"k", "\xE2\x80\xAEz", "k=\"\\u202ez\"", "\"k\":\"\\u202ez\""},
    {"k\xE2\x80\xAE", "x", "k%E2%80%AE=x", "\"k\\u202e\":\"x\""},
    {"a b=\"c\"", "x", "a%20b%3D%22c%22=x", "\"a b=\\\"c\\\"\":\"x\""},
};

/* The contract of tote_log_fields(): escaped for the format */
static void text_is_quoted_and_escaped_for_its_format(void **state) {
    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(texts); i++) {
        tote_context *context = context_new(false);
        tote_store_add(tote_context_get_store(context), texts[i].key, tote_string(texts[i].text));
        assert_fields(context, TOTE_LOG_FORMAT_LOGFMT, texts[i].logfmt);
        assert_fields(context, TOTE_LOG_FORMAT_JSON, texts[i].json);
        tote_context_unref(context);
    }
}

static void assert_value(tote_value value, const char *logfmt, const char *json) {
    tote_context *context = context_new(false);

    tote_store_add(tote_context_get_store(context), "k", value);
    assert_fields(context, TOTE_LOG_FORMAT_LOGFMT, logfmt);
    assert_fields(context, TOTE_LOG_FORMAT_JSON, json);
    tote_context_unref(context);
}

/* The contract of tote_log_fields(): independent of the locale */
static void values_keep_their_type_in_json_in_any_locale(void **state) {
    (void)state;
    const tote_value items[] = {tote_int(1)};

    setlocale(LC_ALL, "de_DE.UTF-8");
    assert_value(tote_int(-5), "k=-5", "\"k\":-5");
    assert_value(tote_bool(true), "k=true", "\"k\":true");
    assert_value(tote_double(0.5), "k=0.5", "\"k\":0.5");
    assert_value(tote_double(NAN), "k=NaN", "\"k\":\"NaN\"");
    assert_value(tote_array(items, 1), "k=[1]", "\"k\":[1]");
    setlocale(LC_ALL, "C");
}

/* The contract of tote_log_fields(): no part of a field is written */
static void a_field_that_does_not_fit_is_left_out_completely(void **state) {
    (void)state;
    tote_context *context = context_new(true);
    char buffer[sizeof trace_logfmt];
    char fields[sizeof trace_logfmt + 1];
    snprintf(fields, sizeof fields, "%s ", trace_logfmt);

    for (size_t size = 1; size <= sizeof buffer; size++) {
        char found[sizeof buffer];
        assert_int_equal(tote_log_fields(context, TOTE_LOG_FORMAT_LOGFMT, buffer, size),
                         sizeof trace_logfmt - 1);
        assert_true(strlen(buffer) < size);
        strcpy(found, buffer);
        for (char *rest = found, *field; (field = strsep(&rest, " ")) && *found;) {
            const char *whole = strstr(fields, field);
            assert_non_null(whole);
            assert_int_equal(whole[strlen(field)], ' ');
            assert_true(whole == fields || whole[-1] == ' ');
        }
    }
    assert_string_equal(buffer, trace_logfmt);
    tote_context_unref(context);
}

/* The contract of tote_log_fields(): fields that fit are written */
static void the_first_field_that_fits_has_no_separator(void **state) {
    (void)state;
    char buffer[8];
    tote_context *context = context_new(false);
    tote_store_add(tote_context_get_store(context), "a", tote_string("b"));
    tote_store_add(tote_context_get_store(context), "long", tote_string("too long a text"));

    size_t length = tote_log_fields(context, TOTE_LOG_FORMAT_LOGFMT, buffer, sizeof buffer);
    assert_string_equal(buffer, "a=b");
    assert_int_equal(length, strlen("long=\"too long a text\" a=b"));
    tote_context_unref(context);
}

/* Spec: compatibility/logging_trace_context.md: each field of the trace is written once */
static void an_entry_with_the_name_of_an_id_is_left_out(void **state) {
    (void)state;
    tote_context *with_span = context_new(true);
    tote_context *without_span = context_new(false);

    tote_store_add(tote_context_get_store(with_span), "trace_id", tote_string("forged"));
    tote_store_add(tote_context_get_store(without_span), "trace_id", tote_string("other"));
    assert_fields(with_span, TOTE_LOG_FORMAT_LOGFMT, trace_logfmt);
    assert_fields(without_span, TOTE_LOG_FORMAT_LOGFMT, "trace_id=other");
    tote_context_unref(with_span);
    tote_context_unref(without_span);
}

/* The contract of tote_log_fields(): "" without fields; errno is preserved */
static void without_fields_the_text_is_empty_and_null_is_a_no_op(void **state) {
    (void)state;
    char buffer[8] = "before";
    tote_context *context = context_new(false);

    errno = EXDEV;
    assert_int_equal(tote_log_fields(context, TOTE_LOG_FORMAT_JSON, buffer, sizeof buffer), 0);
    assert_string_equal(buffer, "");
    strcpy(buffer, "before");
    assert_int_equal(tote_log_fields(context, TOTE_LOG_FORMAT_LOGFMT, buffer, 0), 0);
    assert_string_equal(buffer, "before");
    assert_int_equal(tote_log_fields(NULL, TOTE_LOG_FORMAT_LOGFMT, NULL, 10), 0);
    assert_int_equal(errno, EXDEV);
    tote_context_unref(context);
}

/* Return a context with remote baggage. */
static tote_context *context_from(const char *baggage) {
    const tote_header header = {"baggage", 7, baggage, strlen(baggage)};
    const tote_header_array array = {.headers = (tote_header *)(uintptr_t)&header, .count = 1};
    tote_context *empty = context_new(true);
    tote_propagator *propagator = tote_propagator_from_names("baggage");
    tote_context *context =
        tote_propagator_extract(propagator, empty, &array, tote_header_array_getter());

    tote_propagator_unref(propagator);
    tote_context_unref(empty);
    return context;
}

/* The contract of tote_log_fields(): another process cannot forge these fields */
static void remote_baggage_sets_no_field_of_a_logger_or_of_the_trace(void **state) {
    (void)state;
    char expected[256];
    tote_context *context =
        context_from("level=info,MSG=fake,trace_id=1,Span_Id=2,trace_flags=3,time=4,error=5,"
                     "service.name=evil,http.route=evil,user=u_1");

    snprintf(expected, sizeof expected, "%s user=u_1", trace_logfmt);
    assert_fields(context, TOTE_LOG_FORMAT_LOGFMT, expected);
    snprintf(expected, sizeof expected, "%s,\"user\":\"u_1\"", trace_json);
    assert_fields(context, TOTE_LOG_FORMAT_JSON, expected);
    tote_context_unref(context);
}

/* The contract of tote_log_fields(): the same without a span */
static void remote_baggage_sets_no_ids_without_a_trace(void **state) {
    (void)state;
    tote_context *context = context_from("trace_id=1,span_id=2");
    tote_context *without = tote_context_with_span(context, NULL);

    assert_fields(without, TOTE_LOG_FORMAT_JSON, "");
    tote_context_unref(without);
    tote_context_unref(context);
}

static size_t count_of(const char *text, char c) {
    size_t count = 0;

    for (; *text; text++) {
        count += *text == c;
    }
    return count;
}

/* The contract of tote_log_fields(): the limits of spans */
static void a_line_has_as_many_entries_as_a_span(void **state) {
    (void)state;
    static char line[16384];
    char baggage[1000] = "";
    char key[] = "key 00";
    tote_context *own = context_new(false);

    for (int i = 0; i < 40; i++) {
        snprintf(baggage + strlen(baggage), 16, "%sr%d=v", i ? "," : "", i);
        key[4] = (char)('0' + i / 10);
        key[5] = (char)('0' + i % 10);
        tote_store_add(tote_context_get_store(own), key, tote_string("v"));
    }
    tote_context *remote = context_from(baggage);
    tote_log_fields(own, TOTE_LOG_FORMAT_LOGFMT, line, sizeof line);
    assert_int_equal(count_of(line, '='), 32);
    tote_log_fields(remote, TOTE_LOG_FORMAT_LOGFMT, line, sizeof line);
    assert_int_equal(count_of(line, '='), 3 + 16);
    tote_context_unref(remote);
    tote_context_unref(own);
}

/* The contract of tote_log_fields(): the encoding of names is unique */
static void different_names_are_different_in_logfmt(void **state) {
    (void)state;
    tote_context *context = context_new(false);
    tote_store *store = tote_context_get_store(context);
    char line[128];

    tote_store_add(store, "a b", tote_int(1));
    tote_store_add(store, "a=b", tote_int(1));
    tote_store_add(store, "a%20b", tote_int(1));
    tote_store_add(store, "a_b", tote_int(1));
    tote_log_fields(context, TOTE_LOG_FORMAT_LOGFMT, line, sizeof line);
    assert_non_null(strstr(line, "a%20b=1"));
    assert_non_null(strstr(line, "a%3Db=1"));
    assert_non_null(strstr(line, "a%2520b=1"));
    assert_non_null(strstr(line, "a_b=1"));
    tote_context_unref(context);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(exported_entries_follow_the_ids_of_the_trace),
        TEST(text_is_quoted_and_escaped_for_its_format),
        TEST(values_keep_their_type_in_json_in_any_locale),
        TEST(a_field_that_does_not_fit_is_left_out_completely),
        TEST(the_first_field_that_fits_has_no_separator),
        TEST(an_entry_with_the_name_of_an_id_is_left_out),
        TEST(without_fields_the_text_is_empty_and_null_is_a_no_op),
        TEST(remote_baggage_sets_no_field_of_a_logger_or_of_the_trace),
        TEST(remote_baggage_sets_no_ids_without_a_trace),
        TEST(a_line_has_as_many_entries_as_a_span),
        TEST(different_names_are_different_in_logfmt),
    };
    return RUN_TESTS(tests, argc, argv);
}
