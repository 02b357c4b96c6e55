/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "tote/value.h"

#define assert_text(value, expected)                                                               \
    do {                                                                                           \
        char text_[256];                                                                           \
        size_t length_ = tote_value_to_text(value, text_, sizeof text_);                           \
        assert_string_equal(text_, expected);                                                      \
        assert_int_equal(length_, strlen(expected));                                               \
    } while (0)

/* The size never changes. */
static void a_value_is_sixteen_bytes_and_keeps_its_type_and_content(void **state) {
    (void)state;

    assert_int_equal(sizeof(tote_value), 16);
    assert_int_equal(tote_string(NULL).type, TOTE_VALUE_TYPE_EMPTY);
    assert_int_equal(tote_string("four").size, 4);
    assert_int_equal(tote_string_of("four", 2).size, 2);
    assert_true(tote_uint(UINT64_MAX).as.integer == INT64_MAX);
    assert_int_equal(tote_bytes("", SIZE_MAX).size, UINT32_MAX);
}

/* Bindings for other languages may call them. */
static void the_inline_functions_have_addresses(void **state) {
    (void)state;
    tote_value (*make)(const char *text) = tote_string;
    tote_value (*make_int)(int64_t integer) = tote_int;

    assert_true(tote_value_equals(make("a"), tote_string("a")));
    assert_true(tote_value_equals(make_int(1), tote_int(1)));
}

/* Spec: common/README.md#anyvalue */
static void values_are_equal_in_type_and_content(void **state) {
    (void)state;
    const tote_value values[] = {
        tote_string(NULL), tote_string(""),    tote_string("1"),  tote_string("a"),
        tote_string("A"),  tote_bool(false),   tote_bool(true),   tote_int(0),
        tote_int(1),       tote_double(1),     tote_double(0.0),  tote_double(-0.0),
        tote_double(NAN),  tote_bytes("a", 1), tote_bytes("", 0), tote_array(NULL, 0),
        tote_map(NULL, 0),
    };

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
            assert_int_equal(tote_value_equals(values[i], values[j]), i == j);
        }
    }
}

static void an_unknown_type_is_empty(void **state) {
    (void)state;
    tote_value unknown = tote_int(1);
    unknown.type = 99;

    assert_true(tote_value_equals(unknown, tote_string(NULL)));
    assert_false(tote_value_equals(unknown, tote_int(1)));
    assert_text(unknown, "");
}

/* Spec: common/README.md#anyvalue */
static void arrays_are_equal_item_by_item(void **state) {
    (void)state;
    const tote_value items[] = {tote_int(1), tote_string("b"), tote_int(3)};
    const tote_value others[] = {tote_int(1), tote_string("c"), tote_int(3)};

    assert_true(tote_value_equals(tote_array(items, 3), tote_array(items, 3)));
    assert_false(tote_value_equals(tote_array(items, 3), tote_array(items, 2)));
    assert_false(tote_value_equals(tote_array(items, 3), tote_array(others, 3)));
    assert_true(tote_value_equals(tote_array(items, 1), tote_array(others, 1)));
}

/* The last field of a key is used. */
static void maps_are_equal_in_any_order_and_the_last_field_of_a_key_wins(void **state) {
    (void)state;
    const tote_attribute one[] = {{"a", tote_int(1)}, {"b", tote_int(2)}};
    const tote_attribute two[] = {{"b", tote_int(2)}, {"a", tote_int(7)}, {"a", tote_int(1)}};
    const tote_attribute more[] = {{"a", tote_int(1)}, {"b", tote_int(2)}, {"c", tote_int(3)}};
    const tote_attribute nameless[] = {{"a", tote_int(1)}, {"b", tote_int(2)}, {"", tote_int(3)}};

    assert_true(tote_value_equals(tote_map(one, 2), tote_map(two, 3)));
    assert_true(tote_value_equals(tote_map(two, 3), tote_map(one, 2)));
    assert_false(tote_value_equals(tote_map(one, 2), tote_map(more, 3)));
    assert_false(tote_value_equals(tote_map(more, 3), tote_map(one, 2)));
    assert_false(tote_value_equals(tote_map(two, 2), tote_map(one, 2)));
    assert_true(tote_value_equals(tote_map(nameless, 3), tote_map(one, 2)));
}

enum { DEPTH = 60 };

/* Comparing each map in both directions would take years. */
static void deep_maps_are_compared_in_reasonable_time(void **state) {
    (void)state;
    tote_attribute a[DEPTH];
    tote_attribute b[DEPTH];

    for (int i = 0; i < DEPTH; i++) {
        a[i] = (tote_attribute){"k", i ? tote_map(&a[i - 1], 1) : tote_int(1)};
        b[i] = (tote_attribute){"k", i ? tote_map(&b[i - 1], 1) : tote_int(1)};
    }
    assert_true(tote_value_equals(a[DEPTH - 1].value, b[DEPTH - 1].value));
    b[0].value = tote_int(2);
    assert_false(tote_value_equals(a[DEPTH - 1].value, b[DEPTH - 1].value));
}

/* Spec: error-handling.md */
static void sizes_without_content_are_harmless(void **state) {
    (void)state;
    const tote_value_type types[] = {TOTE_VALUE_TYPE_STRING, TOTE_VALUE_TYPE_BYTES,
                                     TOTE_VALUE_TYPE_ARRAY, TOTE_VALUE_TYPE_MAP};
    const char *texts[] = {"", "", "[]", "{}"};

    for (size_t i = 0; i < 4; i++) {
        tote_value hollow = tote_value_make(types[i], NULL, 8);
        assert_text(hollow, texts[i]);
        assert_false(tote_value_equals(hollow, tote_int(1)));
    }
}

static void scalars_are_written_as_json(void **state) {
    (void)state;

    assert_text(tote_string("as it \"is\"\n"), "as it \"is\"\n");
    assert_text(tote_bool(true), "true");
    assert_text(tote_bool(false), "false");
    assert_text(tote_int(INT64_MIN), "-9223372036854775808");
    assert_text(tote_int(INT64_MAX), "9223372036854775807");
    assert_text(tote_string(NULL), "");
    assert_text(tote_bytes("\xFF\x00\x01", 3), "/wAB");
}

/* The shortest text that reads back as the same number. */
static void doubles_are_written_with_the_fewest_digits_that_keep_their_value(void **state) {
    (void)state;

    assert_text(tote_double(1), "1");
    assert_text(tote_double(-0.0), "-0");
    assert_text(tote_double(0.1), "0.1");
    assert_text(tote_double(0.30000000000000004), "0.30000000000000004");
    assert_text(tote_double(1e21), "1e+21");
    assert_text(tote_double(DBL_MAX), "1.7976931348623157e+308");
    assert_text(tote_double(NAN), "NaN");
    assert_text(tote_double(INFINITY), "Infinity");
    assert_text(tote_double(-INFINITY), "-Infinity");
}

/* Independent of the host's locale. */
static void doubles_have_a_decimal_point_in_every_locale(void **state) {
    (void)state;
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "ps_AF.UTF-8"};
    bool is_found = false;

    for (size_t i = 0; i < sizeof locales / sizeof *locales; i++) {
        if (setlocale(LC_ALL, locales[i])) {
            is_found = true;
            assert_text(tote_double(-1234.5), "-1234.5");
            assert_text(tote_double(1.5e-7), "1.5e-07");
            assert_text(tote_int(1234567), "1234567");
        }
    }
    setlocale(LC_ALL, "C");
    if (!is_found) {
        skip();
    }
}

static void arrays_and_maps_are_written_as_json(void **state) {
    (void)state;
    const tote_value items[] = {tote_int(1),        tote_string("a\"\\\n\x01\x7F"),
                                tote_string(NULL),  tote_bool(true),
                                tote_double(0.5),   tote_double(NAN),
                                tote_bytes("a", 1), tote_bytes("ab", 2)};
    const tote_attribute fields[] = {{"a", tote_int(1)},
                                     {"b\"", tote_array(items, 1)},
                                     {NULL, tote_int(2)},
                                     {"", tote_int(2)},
                                     {"a", tote_string("last")}};

    assert_text(tote_array(items, 8), "[1,\"a\\\"\\\\\\n\\u0001\\u007f\",null,true,0.5,\"NaN\","
                                      "\"YQ==\",\"YWI=\"]");
    assert_text(tote_map(fields, 5), "{\"b\\\"\":[1],\"a\":\"last\"}");
    assert_text(tote_array(NULL, 0), "[]");
}

/* Spec: RFC 8259 section 8.1 */
static void json_is_valid_utf8_whatever_the_text_is(void **state) {
    (void)state;
    const tote_value items[] = {tote_string("\xFF"), tote_string("a\xE2\x82z"),
                                tote_string("\xC3\xA9\x80\xC3\xA9"), tote_string("\xE2\x82\xAC")};

    assert_text(tote_array(items, 4), "[\"\xEF\xBF\xBD\",\"a\xEF\xBF\xBDz\","
                                      "\"\xC3\xA9\xEF\xBF\xBD\xC3\xA9\",\"\xE2\x82\xAC\"]");
}

/* Always terminated with NUL. */
static void a_truncated_text_ends_between_code_points(void **state) {
    (void)state;
    static const char whole[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x92\xBCz"; /* 1, 2, 3, 4, 1 bytes */
    static const size_t kept[] = {0, 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    char text[16];

    for (size_t size = 1; size < sizeof kept / sizeof *kept; size++) {
        memset(text, 'x', sizeof text);
        assert_int_equal(tote_value_to_text(tote_string(whole), text, size), 11);
        assert_int_equal(strlen(text), kept[size]);
        assert_memory_equal(text, whole, kept[size]);
        assert_int_equal(text[size], 'x');
    }
}

static void the_length_of_a_text_is_returned_without_a_buffer(void **state) {
    (void)state;
    char untouched = 'x';
    errno = EXDEV;

    assert_int_equal(tote_value_to_text(tote_string("four"), NULL, 0), 4);
    assert_int_equal(tote_value_to_text(tote_string("four"), NULL, 9), 4);
    assert_int_equal(tote_value_to_text(tote_string("four"), &untouched, 0), 4);
    assert_int_equal(tote_value_to_text(tote_double(5e-324), NULL, 0), 21);
    assert_int_equal(untouched, 'x');
    assert_int_equal(errno, EXDEV);
}

/* Spec: error-handling.md */
static void an_array_that_contains_itself_is_cut_at_the_depth_limit(void **state) {
    (void)state;
    tote_value endless = tote_bool(false);
    char text[512];

    endless = tote_array(&endless, 1);
    size_t length = tote_value_to_text(endless, text, sizeof text);
    assert_int_equal(length, strlen(text));
    assert_true(tote_value_equals(endless, endless));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_value_is_sixteen_bytes_and_keeps_its_type_and_content),
        TEST(the_inline_functions_have_addresses),
        TEST(values_are_equal_in_type_and_content),
        TEST(an_unknown_type_is_empty),
        TEST(arrays_are_equal_item_by_item),
        TEST(maps_are_equal_in_any_order_and_the_last_field_of_a_key_wins),
        TEST(deep_maps_are_compared_in_reasonable_time),
        TEST(sizes_without_content_are_harmless),
        TEST(scalars_are_written_as_json),
        TEST(doubles_are_written_with_the_fewest_digits_that_keep_their_value),
        TEST(doubles_have_a_decimal_point_in_every_locale),
        TEST(arrays_and_maps_are_written_as_json),
        TEST(json_is_valid_utf8_whatever_the_text_is),
        TEST(a_truncated_text_ends_between_code_points),
        TEST(the_length_of_a_text_is_returned_without_a_buffer),
        TEST(an_array_that_contains_itself_is_cut_at_the_depth_limit),
    };
    return RUN_TESTS(tests, argc, argv);
}
