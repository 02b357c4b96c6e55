/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "attributes.h"

static struct attributes attributes;

static int tear_down(void **state) {
    (void)state;
    attributes_clear(&attributes);
    return 0;
}

/* Return the value that a text has, as text. */
static const char *value_of(const char *text) {
    static char value[256];

    assert_null(attributes_add(&attributes, text));
    tote_value_to_text(attributes.items[attributes.count - 1].value, value, sizeof value);
    return value;
}

static uint32_t type_of(const char *text) {
    assert_null(attributes_add(&attributes, text));
    return attributes.items[attributes.count - 1].value.type;
}

static void a_value_after_an_equals_sign_is_a_string(void **state) {
    (void)state;
    assert_string_equal(value_of("key=42"), "42");
    assert_int_equal(type_of("key=42"), TOTE_VALUE_TYPE_STRING);
    assert_string_equal(value_of("key="), "");
    assert_string_equal(value_of("key=a=b"), "a=b");
    assert_string_equal(attributes.items[0].key, "key");
    assert_string_equal(value_of("a:b=c"), "c");
    assert_string_equal(attributes.items[attributes.count - 1].key, "a:b");
}

/* Spec: RFC 8259 */
static void a_value_after_a_colon_and_an_equals_sign_is_json(void **state) {
    (void)state;
    assert_int_equal(type_of("k:=42"), TOTE_VALUE_TYPE_INT);
    assert_string_equal(value_of("k:=-9223372036854775808"), "-9223372036854775808");
    assert_int_equal(type_of("k:=9223372036854775808"), TOTE_VALUE_TYPE_DOUBLE);
    assert_string_equal(value_of("k:=1.5e3"), "1500");
    assert_int_equal(type_of("k:=1.0"), TOTE_VALUE_TYPE_DOUBLE);
    assert_int_equal(type_of("k:=true"), TOTE_VALUE_TYPE_BOOL);
    assert_string_equal(value_of("k:=true"), "true");
    assert_string_equal(value_of("k:=false"), "false");
    assert_int_equal(type_of("k:=null"), TOTE_VALUE_TYPE_EMPTY);
    assert_string_equal(value_of("k:=[1, \"b\" ,[]]"), "[1,\"b\",[]]");
    assert_string_equal(value_of("k:={\"a\": {\"b\": [1,2,3,4,5,6,7,8,9]}, \"c\":{}}"),
                        "{\"a\":{\"b\":[1,2,3,4,5,6,7,8,9]},\"c\":{}}");
    assert_string_equal(value_of("k:= \"a\\n\\u00E9\\ud83d\\ude00\\\"\" "),
                        "a\n\xC3\xA9\xF0\x9F\x98\x80\"");
    assert_string_equal(value_of("k:=\"\\ud800x\""), "\xEF\xBF\xBDx");
}

static void a_text_that_is_no_attribute_is_refused(void **state) {
    static const char *const texts[] = {
        "",         "key",        "=value",       ":=1",        "k:=",      "k:=x",
        "k:=01",    "k:=1.",      "k:=.5",        "k:=+1",      "k:=1e",    "k:=1 2",
        "k:=[1",    "k:=[1,]",    "k:=[,]",       "k:={\"a\"}", "k:={a:1}", "k:={\"a\":1,}",
        "k:=\"a",   "k:=\"\\x\"", "k:=\"\\u12\"", "k:=\"\n\"",  "k:=tru",   "k:=nulls",
        "k:=1e999", "k:=\"\\",    "k:=-",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_non_null(attributes_add(&attributes, texts[i]));
    }
    assert_int_equal(attributes.count, 0);
}

static void json_that_is_too_deep_is_refused(void **state) {
    char text[4096] = "k:=";

    (void)state;
    memset(text + 3, '[', sizeof text - 4);
    text[sizeof text - 1] = '\0';
    assert_non_null(attributes_add(&attributes, text));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_value_after_an_equals_sign_is_a_string, tear_down),
        cmocka_unit_test_teardown(a_value_after_a_colon_and_an_equals_sign_is_json, tear_down),
        cmocka_unit_test_teardown(a_text_that_is_no_attribute_is_refused, tear_down),
        cmocka_unit_test_teardown(json_that_is_too_deep_is_refused, tear_down),
    };

    return RUN_TESTS(tests, argc, argv);
}
