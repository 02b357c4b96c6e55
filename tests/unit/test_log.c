/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tote/log.h"

static const char trace_logfmt[] =
    "trace_id=01000000000000000000000000000000 span_id=0200000000000000 trace_flags=01";
static const char trace_json[] = "\"trace_id\":\"01000000000000000000000000000000\","
                                 "\"span_id\":\"0200000000000000\",\"trace_flags\":\"01\"";

/* A context with an empty store of its own, and a span or none. */
static tote_context *context_new(bool has_span) {
    tote_trace_id trace_id = {{1}};
    tote_span_id span_id = {{2}};
    tote_span_context *span_context = tote_span_context_new(&trace_id, &span_id, 1, NULL, false);
    tote_span *span = has_span ? tote_span_new_non_recording(span_context) : NULL;
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

/* Design section 1, R1 */
static void ids_come_first_and_then_the_entries_that_are_exported(void **state) {
    (void)state;
    char expected[256];
    tote_context *context = context_new(true);
    tote_store *store = tote_context_get_store(context);

    assert_fields(context, TOTE_LOG_LOGFMT, trace_logfmt);
    assert_fields(context, TOTE_LOG_JSON, trace_json);
    tote_store_add(store, "user", tote_string("u_1"));
    tote_store_add_as(store, "token", tote_string("t"), TOTE_PRIVATE, NULL);
    tote_store_add_as(store, "only.out", tote_string("o"), TOTE_PROPAGATE, NULL);
    strcpy(expected, trace_logfmt);
    assert_fields(context, TOTE_LOG_LOGFMT, strcat(expected, " user=u_1"));
    strcpy(expected, trace_json);
    assert_fields(context, TOTE_LOG_JSON, strcat(expected, ",\"user\":\"u_1\""));
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
    {"a b=\"c\"", "x", "a_b__c_=x", "\"a b=\\\"c\\\"\":\"x\""},
};

/* Design section 6 */
static void text_is_quoted_and_escaped_as_its_format_needs(void **state) {
    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(texts); i++) {
        tote_context *context = context_new(false);
        tote_store_add(tote_context_get_store(context), texts[i].key, tote_string(texts[i].text));
        assert_fields(context, TOTE_LOG_LOGFMT, texts[i].logfmt);
        assert_fields(context, TOTE_LOG_JSON, texts[i].json);
        tote_context_unref(context);
    }
}

static void assert_value(tote_value value, const char *logfmt, const char *json) {
    tote_context *context = context_new(false);

    tote_store_add(tote_context_get_store(context), "k", value);
    assert_fields(context, TOTE_LOG_LOGFMT, logfmt);
    assert_fields(context, TOTE_LOG_JSON, json);
    tote_context_unref(context);
}

/* Design section 1 */
static void values_keep_their_type_in_json_whatever_the_locale(void **state) {
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

/* Requirement A14 */
static void a_field_that_does_not_fit_is_left_out_whole(void **state) {
    (void)state;
    tote_context *context = context_new(true);
    char buffer[sizeof trace_logfmt];
    char fields[sizeof trace_logfmt + 1];
    snprintf(fields, sizeof fields, "%s ", trace_logfmt);

    for (size_t size = 1; size <= sizeof buffer; size++) {
        char found[sizeof buffer];
        assert_int_equal(tote_log_fields(context, TOTE_LOG_LOGFMT, buffer, size),
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

/* Requirement A14 */
static void a_shorter_field_after_one_left_out_still_begins_without_a_separator(void **state) {
    (void)state;
    char buffer[8];
    tote_context *context = context_new(false);
    tote_store_add(tote_context_get_store(context), "a", tote_string("b"));
    tote_store_add(tote_context_get_store(context), "long", tote_string("too long a text"));

    size_t length = tote_log_fields(context, TOTE_LOG_LOGFMT, buffer, sizeof buffer);
    assert_string_equal(buffer, "a=b");
    assert_int_equal(length, strlen("long=\"too long a text\" a=b"));
    tote_context_unref(context);
}

/* Design section 1 */
static void an_entry_named_as_the_ids_does_not_stand_beside_them(void **state) {
    (void)state;
    tote_context *with_span = context_new(true);
    tote_context *without_span = context_new(false);

    tote_store_add(tote_context_get_store(with_span), "trace_id", tote_string("forged"));
    tote_store_add(tote_context_get_store(without_span), "trace_id", tote_string("other"));
    assert_fields(with_span, TOTE_LOG_LOGFMT, trace_logfmt);
    assert_fields(without_span, TOTE_LOG_LOGFMT, "trace_id=other");
    tote_context_unref(with_span);
    tote_context_unref(without_span);
}

/* Requirement A14 */
static void nothing_to_say_is_the_empty_string_and_null_is_harmless(void **state) {
    (void)state;
    char buffer[8] = "before";
    tote_context *context = context_new(false);

    errno = EXDEV;
    assert_int_equal(tote_log_fields(context, TOTE_LOG_JSON, buffer, sizeof buffer), 0);
    assert_string_equal(buffer, "");
    strcpy(buffer, "before");
    assert_int_equal(tote_log_fields(context, TOTE_LOG_LOGFMT, buffer, 0), 0);
    assert_string_equal(buffer, "before");
    assert_int_equal(tote_log_fields(NULL, TOTE_LOG_LOGFMT, NULL, 10), 0);
    assert_int_equal(errno, EXDEV);
    tote_context_unref(context);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(ids_come_first_and_then_the_entries_that_are_exported),
        TEST(text_is_quoted_and_escaped_as_its_format_needs),
        TEST(values_keep_their_type_in_json_whatever_the_locale),
        TEST(a_field_that_does_not_fit_is_left_out_whole),
        TEST(a_shorter_field_after_one_left_out_still_begins_without_a_separator),
        TEST(an_entry_named_as_the_ids_does_not_stand_beside_them),
        TEST(nothing_to_say_is_the_empty_string_and_null_is_harmless),
    };
    return RUN_TESTS(tests, argc, argv);
}
