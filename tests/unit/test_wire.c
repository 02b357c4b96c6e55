/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "tote/internal/short_attribute.h"

/* Write an attribute, check its length, and read it back. */
static tote_value write_and_read(tote_value value, const struct tote__wire_limits *limits,
                                 struct tote__arena *arena) {
    size_t size = tote__attribute_size("key", 3, value, limits);
    uint8_t *bytes = malloc(size);
    struct tote__field field;

    assert_non_null(bytes);
    uint8_t *end = tote__put_attribute(bytes, TOTE__TAG_SPAN_ATTRIBUTE, "key", 3, value, limits);
    assert_ptr_equal(end, bytes + size);
    struct tote__slice rest = {bytes, size};
    assert_true(tote__next_field(&rest, &field));
    assert_int_equal(field.number, 9);
    assert_int_equal(rest.size, 0);
    struct tote__key_value parts = tote__read_key_value(field.content);
    assert_int_equal(parts.key.size, 3);
    assert_memory_equal(parts.key.at, "key", 3);
    tote_value read = tote__unpack_any_value(parts.value, arena);
    free(bytes);
    return read;
}

static void assert_survives(tote_value value) {
    struct tote__arena arena = {NULL, NULL, 0};

    assert_true(tote_value_equals(write_and_read(value, &tote__wire_no_limits, &arena), value));
    tote__arena_clear(&arena);
}

/* Spec: opentelemetry-proto common/v1/common.proto */
static void values_of_every_type_survive_encoding_and_decoding(void **state) {
    const tote_value items[] = {tote_int(1), tote_string("two"), tote_double(-0.5)};
    const tote_attribute fields[] = {{"a", tote_array(items, 3)}, {"b", tote_bool(true)}};
    static char longest[70000];

    (void)state;
    memset(longest, 'x', sizeof longest);
    assert_survives(tote_string(""));
    assert_survives(tote_string_of(longest, 127));
    assert_survives(tote_string_of(longest, 128));
    assert_survives(tote_string_of(longest, sizeof longest));
    assert_survives(tote_bool(false));
    assert_survives(tote_int(INT64_MIN));
    assert_survives(tote_int(INT64_MAX));
    assert_survives(tote_double(1e300));
    assert_survives(tote_bytes("\0\xFF", 2));
    assert_survives(tote_array(items, 3));
    assert_survives(tote_array(NULL, 0));
    assert_survives(tote_map(fields, 2));
    assert_survives(tote_string(NULL));
}

/*
 * A value deeper than the limit is empty, as is one below the 64th level. Spec:
 * common/README.md#attribute-limits
 */
static void nesting_ends_at_the_limit(void **state) {
    enum { LEVELS = 100 };
    tote_value levels[LEVELS];
    struct tote__arena arena = {NULL, NULL, 0};
    unsigned depth = 0;

    (void)state;
    levels[0] = tote_int(7);
    for (size_t i = 1; i < LEVELS; i++) {
        levels[i] = tote_array(&levels[i - 1], 1);
    }
    tote_value value = write_and_read(levels[LEVELS - 1], &tote__wire_no_limits, &arena);
    while (value.type == TOTE_VALUE_TYPE_ARRAY && value.size) {
        value = value.as.items[0];
        depth++;
    }
    assert_int_equal(depth, 64);
    assert_int_equal(value.type, TOTE_VALUE_TYPE_EMPTY);
    tote__arena_clear(&arena);
}

/*
 * Mistakes of a caller: sizes without a pointer, unknown types, a map with repeated or missing
 * keys.
 */
static void malformed_values_are_harmless(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};
    const tote_attribute fields[] = {
        {"a", tote_int(1)}, {NULL, tote_int(2)}, {"", tote_int(3)}, {"a", tote_int(4)}};
    tote_value unknown = tote_int(1);

    (void)state;
    unknown.type = 99;
    assert_int_equal(write_and_read(unknown, &tote__wire_no_limits, &arena).type,
                     TOTE_VALUE_TYPE_EMPTY);
    assert_int_equal(write_and_read(tote_array(NULL, 5), &tote__wire_no_limits, &arena).type,
                     TOTE_VALUE_TYPE_EMPTY);
    assert_int_equal(write_and_read(tote_string_of(NULL, 5), &tote__wire_no_limits, &arena).size,
                     0);
    tote_value map = write_and_read(tote_map(fields, 4), &tote__wire_no_limits, &arena);
    assert_int_equal(map.size, 1);
    assert_int_equal(map.as.fields[0].value.as.integer, 4);
    tote__arena_clear(&arena);
}

/*
 * Also text that is repaired to the same length. Spec: opentelemetry-proto common/v1/common.proto
 */
static void encoded_text_is_valid_utf_8(void **state) {
    static const char *const broken[] = {"\xFF", "\xC3(", "\xF0\x9F\x85", "a\xF0\x9F\x85z"};
    static const char *const repaired[] = {"\xEF\xBF\xBD", "\xEF\xBF\xBD(", "\xEF\xBF\xBD",
                                           "a\xEF\xBF\xBDz"};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(broken); i++) {
        struct tote__arena arena = {NULL, NULL, 0};
        tote_value read = write_and_read(tote_string(broken[i]), &tote__wire_no_limits, &arena);
        assert_true(tote_value_equals(read, tote_string(repaired[i])));
        tote__arena_clear(&arena);
    }
}

/* Bytes of another process, or of another program: reading stops at the first error. */
static void reading_stops_at_malformed_bytes(void **state) {
    static const uint8_t too_long[] = {0x4A, 0x7F, 0x00};
    static const uint8_t endless[] = {0x48, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                      0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    static const uint8_t group[] = {0x4B, 0x00};
    struct tote__field field;

    (void)state;
    struct tote__slice rest = {too_long, sizeof too_long};
    assert_false(tote__next_field(&rest, &field));
    rest = (struct tote__slice){endless, sizeof endless};
    assert_false(tote__next_field(&rest, &field));
    rest = (struct tote__slice){group, sizeof group};
    assert_false(tote__next_field(&rest, &field));
}

/* The fast path and the general path. */
static void assert_written_alike(const char *key, tote_value value) {
    uint8_t expected[256];
    uint8_t written[256];
    size_t length = strlen(key);

    if (tote__short_attribute_bound(length, value) > TOTE__SHORT_CONTENT) {
        return;
    }
    const uint8_t *end =
        tote__put_short_attribute(written, TOTE__TAG_SPAN_ATTRIBUTE, key, length, value);
    const uint8_t *expected_end = tote__put_attribute(expected, TOTE__TAG_SPAN_ATTRIBUTE, key,
                                                      length, value, &tote__wire_no_limits);
    assert_non_null(end);
    assert_int_equal(end - written, expected_end - expected);
    assert_memory_equal(written, expected, (size_t)(end - written));
    assert_true(end - written <= (ptrdiff_t)tote__short_attribute_bound(length, value));
}

/* Of every short length, and with the smallest and largest numbers. */
static void the_fast_path_writes_the_same_bytes_as_the_general_path(void **state) {
    static const int64_t numbers[] = {0, 1, -1, 127, 128, 16384, INT64_MAX, INT64_MIN};
    char key[128] = "";
    char text[128] = "";

    (void)state;
    for (size_t k = 1; k < 120; k++) {
        memset(key, 'k', k);
        for (size_t t = 0; t < 120; t++) {
            memset(text, 'a' + (int)(t % 26), t);
            text[t] = '\0';
            assert_written_alike(key, tote_string(text));
        }
        for (size_t i = 0; i < TOTE_COUNT_OF(numbers); i++) {
            assert_written_alike(key, tote_int(numbers[i]));
        }
        assert_written_alike(key, tote_bool(true));
        assert_written_alike(key, tote_bool(false));
        assert_written_alike(key, tote_double(-0.5));
    }
}

/* Text that must be checked, and values with parts, use the general path. */
static void the_fast_path_refuses_other_values(void **state) {
    const tote_value item = tote_int(1);
    const tote_value values[] = {
        tote_string("\xC3\xA9"), tote_string("12345678\xFF"),
        tote_string_of(NULL, 3), tote_bytes("ab", 2),
        tote_array(&item, 1),    tote_value_make(TOTE_VALUE_TYPE_EMPTY, NULL, 0)};
    uint8_t out[256];

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(values); i++) {
        assert_null(tote__put_short_attribute(out, TOTE__TAG_SPAN_ATTRIBUTE, "key", 3, values[i]));
    }
    assert_null(tote__put_short_attribute(out, TOTE__TAG_SPAN_ATTRIBUTE, "k\xFFy", 3, tote_int(1)));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(values_of_every_type_survive_encoding_and_decoding),
        TEST(nesting_ends_at_the_limit),
        TEST(malformed_values_are_harmless),
        TEST(encoded_text_is_valid_utf_8),
        TEST(reading_stops_at_malformed_bytes),
        TEST(the_fast_path_writes_the_same_bytes_as_the_general_path),
        TEST(the_fast_path_refuses_other_values),
    };
    return RUN_TESTS(tests, argc, argv);
}
