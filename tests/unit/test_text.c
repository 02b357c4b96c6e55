/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "tote/internal/text.h"

static void assert_repaired(const char *text, const char *expected) {
    char out[64];
    size_t length = tote__utf8_repaired_length(text, strlen(text));

    assert_ptr_equal(tote__utf8_repair(out, text, strlen(text)), out + length);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(out, expected, length);
}

/* Each invalid sequence becomes one U+FFFD. Spec: RFC 3629 */
static void invalid_utf8_becomes_replacement_characters(void **state) {
    (void)state;
    assert_repaired("plain text, longer than eight", "plain text, longer than eight");
    assert_repaired("h\xC3\xA9llo", "h\xC3\xA9llo");
    assert_repaired("\xFF", "\xEF\xBF\xBD");
    assert_repaired("a\xC3", "a\xEF\xBF\xBD");
    assert_repaired("\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD");                 /* overlong */
    assert_repaired("\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* surrogate */
    assert_repaired("\xF0\x9F\x92x", "\xEF\xBF\xBDx");
    assert_repaired("\xF0\x9F\x92\xBC", "\xF0\x9F\x92\xBC");
}

/* Spec: common/README.md#attribute-limits */
static void a_prefix_counts_code_points_and_never_splits_one(void **state) {
    (void)state;
    assert_int_equal(tote__utf8_prefix("h\xC3\xA9llo", 6, 2), 3);
    assert_int_equal(tote__utf8_prefix("h\xC3\xA9llo", 6, 0), 0);
    assert_int_equal(tote__utf8_prefix("h\xC3\xA9llo", 6, 99), 6);
    assert_int_equal(tote__utf8_prefix("\xFF\xFF\xFFx", 4, 2), 2);
    assert_int_equal(tote__utf8_cut("h\xC3\xA9llo", 6, 2), 1);
    assert_int_equal(tote__utf8_cut("h\xC3\xA9llo", 6, 3), 3);
}

/* Spec: w3c/baggage, value */
static void what_does_not_fit_is_left_out_by_code_points(void **state) {
    static const struct {
        const char *text;
        size_t size, length;
    } rows[] = {{"abcd", 4, 4},       {"abcde", 4, 4},     {"a\u20ac", 4, 4},
                {"ab\u20ac", 4, 2},   {"abc\u20ac", 4, 3}, {"\u20ac\u20ac", 3, 3},
                {"\U0001f600", 3, 0}, {"\u20ac", 0, 0}};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        char buffer[4];
        struct tote__writer writer = {buffer, rows[i].size, 0};
        tote__write(&writer, rows[i].text, strlen(rows[i].text));
        assert_int_equal(tote__written(&writer), rows[i].length);
    }
}

static void percent_escapes_are_decoded_once_and_malformed_ones_stay(void **state) {
    char out[16];
    bool malformed;

    (void)state;
    size_t length = tote__percent_decode(out, "a%2541%zz%2", 11, &malformed);
    assert_int_equal(length, 9);
    assert_memory_equal(out, "a%41%zz%2", length);
    assert_true(malformed);
    length = tote__percent_decode(out, "%c3%A9", 6, &malformed);
    assert_memory_equal(out, "\xC3\xA9", length);
    assert_false(malformed);
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/* Spec: RFC 7230, RFC 3986, w3c/baggage, context/env-carriers.md */
static void the_character_sets_are_those_of_the_specifications(void **state) {
    static const struct {
        enum tote__characters set;
        const char *members;
    } rows[] = {
        {TOTE__TOKEN, "!#$%&'*+-.^_`|~" LETTERS DIGITS},
        {TOTE__BAGGAGE_OCTET, "!#$%&'()*+-./:<=>?@[]^_`{|}~" LETTERS DIGITS},
        {TOTE__BAGGAGE_PLAIN, "!#$&'()*+-./:<=>?@[]^_`{|}~" LETTERS DIGITS},
        {TOTE__BAGGAGE_META, " \t;!#$%&'()*+-./:<=>?@[]^_`{|}~" LETTERS DIGITS},
        {TOTE__UNRESERVED, "-._~" LETTERS DIGITS},
        {TOTE__HEADER, " \t!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" LETTERS DIGITS},
        {TOTE__BLANK, " \t"},
        {TOTE__VARIABLE, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_" DIGITS},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        for (int c = 0; c < 256; c++) {
            bool is_member = c && strchr(rows[i].members, c);
            assert_int_equal(tote__is_in(rows[i].set, (char)c), is_member);
        }
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(invalid_utf8_becomes_replacement_characters),
        TEST(a_prefix_counts_code_points_and_never_splits_one),
        TEST(what_does_not_fit_is_left_out_by_code_points),
        TEST(percent_escapes_are_decoded_once_and_malformed_ones_stay),
        TEST(the_character_sets_are_those_of_the_specifications),
    };
    return RUN_TESTS(tests, argc, argv);
}
