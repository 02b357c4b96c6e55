/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports.h"
#include "tote/trace_state.h"

static int set_up(void **state) {
    (void)state;
    reports_reset(TOTE_LEVEL_WARN);
    return 0;
}

static tote_trace_state *read_header(const char *header) {
    return tote_trace_state_from_header(header, strlen(header));
}

/* Releases the list. */
static void assert_header(tote_trace_state *list, const char *expected) {
    char header[2048];

    assert_int_equal(tote_trace_state_to_header(list, header, sizeof header), strlen(expected));
    assert_string_equal(header, expected);
    tote_trace_state_unref(list);
}

/* `count` members k00=v,k01=v,... */
static const char *members(char *text, int count) {
    char *at = text;

    for (int i = 0; i < count; i++) {
        at += sprintf(at, "%sk%02d=v", i ? "," : "", i);
    }
    return text;
}

/* Spec: trace/api.md#tracestate */
static void values_are_found_by_their_whole_key(void **state) {
    tote_trace_state *list = read_header("foo=1,fo=2,f=a b");

    (void)state;
    assert_string_equal(tote_trace_state_get(list, "foo"), "1");
    assert_string_equal(tote_trace_state_get(list, "fo"), "2");
    assert_string_equal(tote_trace_state_get(list, "f"), "a b");
    assert_null(tote_trace_state_get(list, "fooo"));
    assert_null(tote_trace_state_get(list, ""));
    assert_null(tote_trace_state_get(list, NULL));
    assert_null(tote_trace_state_get(NULL, "foo"));
    tote_trace_state_unref(list);
}

/* Spec: trace/api.md#tracestate */
static void an_updated_member_moves_to_the_front_and_the_others_keep_their_order(void **state) {
    tote_trace_state *list = read_header("a=1,b=2,c=3");

    (void)state;
    assert_header(tote_trace_state_with(list, "c", "4"), "c=4,a=1,b=2");
    assert_header(tote_trace_state_with(list, "d", " 4"), "d= 4,a=1,b=2,c=3");
    assert_header(tote_trace_state_without(list, "b"), "a=1,c=3");
    assert_header(list, "a=1,b=2,c=3");
}

/* Spec: trace/api.md#tracestate */
static void a_33rd_member_drops_the_right_most_and_an_update_drops_none(void **state) {
    char text[256];
    char expected[256] = "new=1,";
    tote_trace_state *list = read_header(members(text, 32));

    (void)state;
    strcat(expected, members(text, 31));
    assert_header(tote_trace_state_with(list, "new", "1"), expected);
    tote_trace_state *updated = tote_trace_state_with(list, "k05", "w");
    assert_string_equal(tote_trace_state_get(updated, "k31"), "v");
    assert_string_equal(tote_trace_state_get(updated, "k05"), "w");
    tote_trace_state_unref(updated);
    tote_trace_state_unref(list);
}

/* Spec: trace/api.md#tracestate */
static void invalid_members_leave_the_list_unchanged_and_are_reported(void **state) {
    char long_text[258];
    tote_trace_state *list = read_header("a=1");

    (void)state;
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_header(tote_trace_state_with(list, "a", "x "), "a=1");
    assert_header(tote_trace_state_with(list, "a", ""), "a=1");
    assert_header(tote_trace_state_with(list, "a", "\x7f"), "a=1");
    assert_header(tote_trace_state_with(list, "a", long_text), "a=1");
    assert_header(tote_trace_state_with(list, "A", "1"), "a=1");
    assert_header(tote_trace_state_with(list, long_text, "1"), "a=1");
    assert_header(tote_trace_state_with(list, NULL, "1"), "a=1");
    assert_header(tote_trace_state_with(list, "b", NULL), "a=1");
    assert_null(tote_trace_state_with(NULL, "", "1"));
    assert_int_equal(reports.count, 5); /* one per minute for each member */
    assert_header(list, "a=1");
}

/* Spec: trace/api.md#tracestate */
static void null_is_the_empty_list(void **state) {
    (void)state;
    assert_header(NULL, "");
    assert_header(tote_trace_state_with(NULL, "a", "1"), "a=1");
    assert_null(tote_trace_state_without(NULL, "a"));
    assert_null(tote_trace_state_ref(NULL));
    assert_null(tote_trace_state_from_header(NULL, 0));
    assert_null(tote_trace_state_from_header(NULL, 7));
    tote_trace_state *list = read_header("a=1");
    assert_null(tote_trace_state_without(list, "a"));
    tote_trace_state_unref(list);
}

static void a_header_is_truncated_to_the_buffer_and_its_length_returned(void **state) {
    char header[] = "????????";
    tote_trace_state *list = read_header("a=1,b=2");

    (void)state;
    assert_int_equal(tote_trace_state_to_header(list, header, 4), 7);
    assert_string_equal(header, "a=1");
    assert_int_equal(tote_trace_state_to_header(list, NULL, 4), 7);
    assert_int_equal(tote_trace_state_to_header(list, header, 0), 7);
    assert_int_equal(header[4], '?');
    tote_trace_state_unref(list);
}

/* Spec: w3c/trace-context, tracestate limits */
static void the_longest_legal_list_is_kept_and_one_byte_more_is_not(void **state) {
    enum { LONGEST = 16447 };
    char *header = malloc(LONGEST + 1);
    char *copy = malloc(LONGEST + 1);

    (void)state;
    memset(header, 'x', LONGEST + 1);
    for (int i = 0; i < 32; i++) {
        header[i * 514] = (char)('0' + i / 10);
        header[i * 514 + 1] = (char)('0' + i % 10);
        header[i * 514 + 256] = '=';
        header[i * 514 + 513] = ',';
    }
    tote_trace_state *list = tote_trace_state_from_header(header, LONGEST);
    assert_int_equal(tote_trace_state_to_header(list, copy, LONGEST + 1), LONGEST);
    assert_memory_equal(copy, header, LONGEST);
    assert_null(tote_trace_state_from_header(header, LONGEST + 1));
    tote_trace_state_unref(list);
    free(copy);
    free(header);
}

/* The length of a received header is checked before it is parsed. */
static void ten_megabytes_are_refused_and_ten_thousand_commas_are_accepted(void **state) {
    size_t size = 10000000;
    char *header = malloc(size);

    (void)state;
    memset(header, ',', size);
    memcpy(header + 9990, "a=1", 3);
    assert_null(tote_trace_state_from_header(header, size));
    assert_header(tote_trace_state_from_header(header, 10000), "a=1");
    free(header);
}

static void assert_sub_key(const char *header, const char *key, const char *expected) {
    size_t length = 0;
    tote_trace_state *list = read_header(header);
    const char *value = tote_trace_state_get_ot(list, key, &length);

    assert_int_equal(value != NULL, expected != NULL);
    if (expected) {
        assert_int_equal(length, strlen(expected));
        assert_memory_equal(value, expected, length);
    }
    tote_trace_state_unref(list);
}

/* Spec: trace/tracestate-handling.md */
static void sub_keys_of_ot_are_found_if_they_are_valid(void **state) {
    (void)state;
    assert_sub_key("a=1,ot=p:8;r:62;th:c", "r", "62");
    assert_sub_key("ot=th:c", "th", "c");
    assert_sub_key("ot=k:", "k", "");
    assert_sub_key("ot=k:A.z_9-;k:2", "k", "A.z_9-");
    assert_sub_key("ot=;;th:0", "th", "0");
    assert_sub_key("ot=rv:0123456789abcd", "rv", "0123456789abcd");
    assert_sub_key("ot=th:c", "t", NULL);
    assert_sub_key("ot=th:c", "h", NULL);
    assert_sub_key("th=th:c", "th", NULL);
    assert_sub_key("ot=th", "th", NULL);
    assert_sub_key("ot=th:", "th", NULL);
    assert_sub_key("ot=th:C", "th", NULL);
    assert_sub_key("ot=th:0123456789abcde", "th", NULL);
    assert_sub_key("ot=rv:0123456789abc", "rv", NULL);
    assert_sub_key("ot=rv:0123456789abcde", "rv", NULL);
    assert_sub_key("ot=1k:1", "1k", NULL);
    assert_sub_key("ot=k:a b", "k", NULL);
    assert_sub_key("ot=k:1", NULL, NULL);
    assert_null(tote_trace_state_get_ot(NULL, "th", NULL));
}

/* Releases `list`. */
static void assert_with_ot(const char *header, const char *key, const char *value,
                           const char *expected) {
    tote_trace_state *list = read_header(header);

    assert_header(tote_trace_state_with_ot(list, key, value), expected);
    tote_trace_state_unref(list);
}

/* Spec: trace/tracestate-handling.md#setting-values */
static void a_sub_key_is_replaced_and_malformed_ones_are_removed(void **state) {
    char text[256];

    (void)state;
    assert_with_ot("a=1", "th", "8", "ot=th:8,a=1");
    assert_with_ot("a=1,ot=p:8;th:4;r:62,b=2", "th", "c", "ot=p:8;r:62;th:c,a=1,b=2");
    assert_with_ot("ot=x:1;X:2;x:3;rv:12;y", "k1", "13", "ot=x:1;k1:13");
    assert_with_ot("ot=foreign", "th", "0", "ot=th:0");
    tote_trace_state *full = read_header(members(text, 32));
    tote_trace_state *marked = tote_trace_state_with_ot(full, "th", "8");
    assert_string_equal(tote_trace_state_get(marked, "ot"), "th:8");
    assert_null(tote_trace_state_get(marked, "k31"));
    assert_string_equal(tote_trace_state_get(marked, "k30"), "v");
    tote_trace_state_unref(marked);
    tote_trace_state_unref(full);
    assert_int_equal(reports.count, 0);
}

/* Spec: trace/tracestate-handling.md */
static void invalid_sub_keys_leave_the_list_unchanged_and_are_reported(void **state) {
    static const char *const bad[][2] = {{"", "1"},    {"1a", "1"},  {"aB", "1"}, {"a", "b c"},
                                         {"b", "1;2"}, {"c", "1:2"}, {"th", "G"}, {"th", ""},
                                         {"rv", "12"}, {NULL, "1"},  {"d", NULL}};
    char header[300] = "ot=a:";
    char longest[sizeof header + 4];

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(bad); i++) {
        reports_reset(TOTE_LEVEL_WARN);
        assert_with_ot("ot=th:8", bad[i][0], bad[i][1], "ot=th:8");
        assert_int_equal(reports.count, 1);
    }
    memset(header + 5, 'x', 254);
    assert_with_ot(header, "b", "1", header);
    header[5 + 250] = '\0'; /* 252 characters and ";b:1" */
    snprintf(longest, sizeof longest, "%s;b:1", header);
    assert_with_ot(header, "b", "1", longest);
    assert_with_ot(header, "b", "12", header);
}

static void a_malformed_ot_is_kept_in_a_header_and_cannot_be_set(void **state) {
    static const char *const bad[] = {"th", "th:8;", ";th:8", "th:8;th:9", "th:8;;x:1", "TH:8"};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(bad); i++) {
        tote_trace_state *list = read_header("a=1");
        reports_reset(TOTE_LEVEL_WARN);
        assert_header(tote_trace_state_with(list, "ot", bad[i]), "a=1");
        assert_int_equal(reports.count, 1);
        tote_trace_state_unref(list);
    }
    assert_header(read_header("ot=th:8;th:9,a=1"), "ot=th:8;th:9,a=1");
    assert_header(tote_trace_state_with(NULL, "ot", "th:8;x:"), "ot=th:8;x:");
}

/* Spec: trace/tracestate-handling.md */
static void a_removed_sub_key_takes_an_empty_ot_with_it(void **state) {
    static const char *const rows[][3] = {{"ot=th:8", "th", ""},
                                          {"a=1,ot=th:8", "th", "a=1"},
                                          {"a=1,ot=x:1;th:8", "th", "ot=x:1,a=1"},
                                          {"a=1,ot=th:8;th:9", "th", "a=1"},
                                          {"a=1,ot=x:1", "th", "a=1,ot=x:1"}};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        tote_trace_state *list = read_header(rows[i][0]);
        assert_header(tote_trace_state_without_ot(list, rows[i][1]), rows[i][2]);
        tote_trace_state_unref(list);
    }
    assert_null(tote_trace_state_without_ot(NULL, "th"));
}

#define TRACE_STATE_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TRACE_STATE_TEST(values_are_found_by_their_whole_key),
        TRACE_STATE_TEST(an_updated_member_moves_to_the_front_and_the_others_keep_their_order),
        TRACE_STATE_TEST(a_33rd_member_drops_the_right_most_and_an_update_drops_none),
        TRACE_STATE_TEST(invalid_members_leave_the_list_unchanged_and_are_reported),
        TRACE_STATE_TEST(null_is_the_empty_list),
        TRACE_STATE_TEST(a_header_is_truncated_to_the_buffer_and_its_length_returned),
        TRACE_STATE_TEST(the_longest_legal_list_is_kept_and_one_byte_more_is_not),
        TRACE_STATE_TEST(ten_megabytes_are_refused_and_ten_thousand_commas_are_accepted),
        TRACE_STATE_TEST(sub_keys_of_ot_are_found_if_they_are_valid),
        TRACE_STATE_TEST(a_sub_key_is_replaced_and_malformed_ones_are_removed),
        TRACE_STATE_TEST(invalid_sub_keys_leave_the_list_unchanged_and_are_reported),
        TRACE_STATE_TEST(a_malformed_ot_is_kept_in_a_header_and_cannot_be_set),
        TRACE_STATE_TEST(a_removed_sub_key_takes_an_empty_ot_with_it),
    };
    return RUN_TESTS(tests, argc, argv);
}
