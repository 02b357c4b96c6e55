/* SPDX-License-Identifier: MIT */
/*
 * test_database_comment.c - contexts in comments of queries
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "parent.h"
#include "tote/baggage.h"
#include "tote/instrumentation/database.h"
#include "tote/propagators.h"
#include "tote/span.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define TRACEPARENT "00-" TRACE "-" SPAN "-01"
#define COMMENT "/*traceparent='" TRACEPARENT "'*/"
#define STATE_COMMENT                                                                              \
    "/*traceparent='" TRACEPARENT "',tracestate='congo%3Dt61rcWkgMzE%2Crojo%3D00f067aa0ba902b7'*/"

static tote_context *context;

static tote_context *context_of(const char *trace_state_header) {
    tote_trace_id trace_id;
    tote_span_id span_id;

    assert_true(tote_trace_id_from_hex(&trace_id, TRACE));
    assert_true(tote_span_id_from_hex(&span_id, SPAN));
    return with_parent(&trace_id, &span_id, TOTE_TRACE_FLAG_SAMPLED, trace_state_header, true);
}

static int set_up(void **state) {
    tote_propagator *propagator = tote_propagator_from_names("tracecontext,baggage");

    (void)state;
    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
    context = context_of("");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tote_context_unref(context);
    tote_propagator_set_global(NULL);
    return 0;
}

/* `expected`: NULL if the query must not be changed. */
static void assert_injected(const char *system, const char *query, size_t length,
                            const char *expected) {
    char *copy = malloc(length ? length : 1);
    char result[512];

    assert_non_null(copy);
    if (query) {
        memcpy(copy, query, length);
    }
    size_t written =
        tote_database_inject_comment(result, sizeof result, system, copy, length, context);
    assert_string_equal(result, expected ? expected : "");
    assert_int_equal(written, strlen(result));
    free(copy);
}

static void assert_unchanged(const char *system, const char *query) {
    assert_injected(system, query, strlen(query), NULL);
}

/* Spec: database-spans.md#sql-commenter: the comment is appended */
static void the_comment_is_at_the_end_before_a_semicolon(void **state) {
    static const char *const rows[][2] = {
        {"SELECT * FROM songs", "SELECT * FROM songs " COMMENT},
        {"SELECT 1;", "SELECT 1 " COMMENT ";"},
        {"SELECT 1 ;; \n", "SELECT 1 " COMMENT " ;; \n"},
        {"SELECT 1; SELECT 2;", "SELECT 1; SELECT 2 " COMMENT ";"},
        {"SELECT '/* -- ;'", "SELECT '/* -- ;' " COMMENT},
        {"SELECT $1;", "SELECT $1 " COMMENT ";"},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        assert_injected("postgresql", rows[i][0], strlen(rows[i][0]), rows[i][1]);
    }
}

/* Spec: database-spans.md#sql-commenter, its example; sqlcommenter: values are URL-encoded */
static void keys_are_sorted_and_values_are_encoded(void **state) {
    (void)state;
    tote_context_unref(context);
    context = context_of("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
    assert_injected("sqlite", "SELECT * FROM songs", 19, "SELECT * FROM songs " STATE_COMMENT);
    tote_context_unref(context);
    context = context_of("a=*/'x\\");
    assert_injected("sqlite", "SELECT 1", 8,
                    "SELECT 1 /*traceparent='" TRACEPARENT "',tracestate='a%3D%2A%2F%27x%5C'*/");
}

/* Spec: sqlcommenter: a statement that has a comment is not changed */
static void a_query_with_a_comment_or_in_doubt_is_not_changed(void **state) {
    static const char *const rows[] = {
        "SELECT 1 " COMMENT,
        "/*x*/ SELECT 1",
        "SELECT 1 -- x",
        "SELECT 1 /* x",
        "SELECT 'x",
        "",
        " ; ",
        "SELECT \"x",
        "SELECT $a$ x $b$",
        "SELECT 'a\\'",
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        assert_unchanged("postgresql", rows[i]);
    }
    assert_unchanged("mysql", "SELECT 1 # x");
    assert_unchanged(NULL, "SELECT 1 # x");
    assert_injected("postgresql", "SELECT 1\0x", 10, NULL);
    assert_injected("postgresql", "SELECT '\xff'", 10, NULL);
    assert_injected("postgresql", NULL, 0, NULL);
}

static void without_a_span_there_is_no_comment(void **state) {
    (void)state;
    tote_context_unref(context);
    context = tote_context_ref(tote_context_root());
    assert_unchanged("sqlite", "SELECT 1");
}

/* Servers log the text of queries. */
static void the_comment_has_no_baggage(void **state) {
    (void)state;
    tote_context *with = tote_context_with_baggage(context, "user", tote_string("secret"), NULL);
    tote_context_unref(context);
    context = with;
    assert_injected("sqlite", "SELECT 1", 8, "SELECT 1 " COMMENT);
}

static void a_comment_that_does_not_fit_is_left_out(void **state) {
    char result[128];
    size_t needed = strlen("SELECT 1 " COMMENT) + 1;

    (void)state;
    for (size_t size = 0; size <= sizeof result; size++) {
        memset(result, 'x', sizeof result);
        size_t length =
            tote_database_inject_comment(result, size, "sqlite", "SELECT 1", 8, context);
        assert_int_equal(length, size < needed ? 0 : needed - 1);
        assert_true(size == sizeof result || result[size] == 'x');
        assert_true(size == 0 || strlen(result) == length);
    }
    assert_int_equal(tote_database_inject_comment(NULL, 9, "sqlite", "SELECT 1", 8, context), 0);
}

/* `is_found`: the comment of this query has the ids of TRACEPARENT. */
static void assert_extracted(const char *system, const char *query, bool is_found) {
    size_t length = strlen(query);
    char *copy = malloc(length ? length : 1);
    char hex[TOTE_TRACE_ID_HEX_SIZE];

    assert_non_null(copy);
    memcpy(copy, query, length);
    tote_context *found = tote_database_extract_comment(tote_context_root(), system, copy, length);
    const tote_span_context *remote = tote_span_get_context(tote_context_get_span(found));
    assert_int_equal(tote_span_context_is_valid(remote), is_found);
    assert_int_equal(tote_span_context_is_remote(remote), is_found);
    tote_trace_id_to_hex(tote_span_context_get_trace_id(remote), hex);
    assert_true(!is_found || strcmp(hex, TRACE) == 0);
    tote_context_unref(found);
    free(copy);
}

static void the_context_of_a_comment_is_read(void **state) {
    static const char *const rows[] = {
        "SELECT 1 " COMMENT,
        "SELECT 1 " COMMENT ";",
        "SELECT 1 " STATE_COMMENT,
        COMMENT " SELECT 1",
        "SELECT 1 /*a='%2Fb',\n traceparent='" TRACEPARENT "' */",
        "SELECT 1 /*a='it\\'s',traceparent='" TRACEPARENT "'*/",
        "SELECT 1 /*%74raceparent='" TRACEPARENT "'*/",
        "SELECT 1 " COMMENT " /* a comment */ -- 'x'",
        "SELECT 1 " COMMENT " /*controller='x'*/",
        "SELECT 1 "
        "/*traceparent='00-11111111111111111111111111111111-00f067aa0ba902b7-01'*/ " COMMENT,
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        assert_extracted("postgresql", rows[i], true);
    }
}

static void what_is_no_such_comment_is_ignored(void **state) {
    static const char *const rows[] = {
        "SELECT '" COMMENT "'",
        "SELECT 1 -- traceparent='" TRACEPARENT "'",
        "SELECT 1 /*traceparent='" TRACEPARENT "'",
        "SELECT 1 /*traceparent='" TRACEPARENT "*/",
        "SELECT 1 /*traceparent='" TRACEPARENT "\\'*/",
        "SELECT 1 /*traceparent=" TRACEPARENT "*/",
        "SELECT 1 /*traceparent='" TRACEPARENT "',*/",
        "SELECT 1 /*traceparent='" TRACEPARENT "' x*/",
        "SELECT 1 /*traceparent='00-" TRACE "-0000000000000000-01'*/",
        "SELECT 1 /*traceparent='%'*/",
        "SELECT 1 /*='x'*/",
        "SELECT 1 /**/",
        "SELECT 'x" COMMENT,
        "SELECT 1",
        "",
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        assert_extracted("postgresql", rows[i], false);
    }
}

static void a_comment_of_any_size_is_read_within_limits(void **state) {
    char query[8192] = "SELECT 1 /*";

    (void)state;
    for (size_t i = 0; i < 17; i++) {
        strcat(query, "a='b',");
    }
    strcat(query, "traceparent='" TRACEPARENT "'*/");
    assert_extracted("sqlite", query, false);
    strcpy(query, "SELECT 1 /*a='");
    memset(query + strlen(query), 'x', 4000);
    strcat(query, "',traceparent='" TRACEPARENT "'*/");
    assert_extracted("sqlite", query, false);
    strcat(query, COMMENT);
    assert_extracted("sqlite", query, true);
}

static void what_is_written_is_read(void **state) {
    char query[512];

    (void)state;
    tote_context_unref(context);
    context = context_of("a=*/'x,b=%41\\,c=\"--");
    size_t length =
        tote_database_inject_comment(query, sizeof query, "postgresql", "SELECT 1;", 9, context);
    assert_in_range(length, 10, sizeof query);
    tote_context *found =
        tote_database_extract_comment(tote_context_root(), "postgresql", query, length);
    const tote_span_context *remote = tote_span_get_context(tote_context_get_span(found));
    char header[64];
    tote_trace_state_to_header(tote_span_context_get_trace_state(remote), header, sizeof header);
    assert_string_equal(header, "a=*/'x,b=%41\\,c=\"--");
    tote_context_unref(found);
}

#define COMMENT_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        COMMENT_TEST(the_comment_is_at_the_end_before_a_semicolon),
        COMMENT_TEST(keys_are_sorted_and_values_are_encoded),
        COMMENT_TEST(a_query_with_a_comment_or_in_doubt_is_not_changed),
        COMMENT_TEST(without_a_span_there_is_no_comment),
        COMMENT_TEST(the_comment_has_no_baggage),
        COMMENT_TEST(a_comment_that_does_not_fit_is_left_out),
        COMMENT_TEST(the_context_of_a_comment_is_read),
        COMMENT_TEST(what_is_no_such_comment_is_ignored),
        COMMENT_TEST(a_comment_of_any_size_is_read_within_limits),
        COMMENT_TEST(what_is_written_is_read),
    };

    return RUN_TESTS(tests, argc, argv);
}
