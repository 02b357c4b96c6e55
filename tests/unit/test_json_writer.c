/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/encode/json_writer.h"

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return *seed ^ *seed >> 29;
}

/* The oracle is strtod(). Spec: protocol/otlp.md#json-protobuf-encoding */
static void every_double_survives_writing_and_reading(void **state) {
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct tote__buffer buffer = {NULL, 0, 0};
        uint64_t bits = next_random(&seed);
        double real = (double)(next_random(&seed) % 1000000) / (double)(bits % 1000 + 1);
        if (i % 2) {
            memcpy(&real, &bits, sizeof real);
        }
        if (!isfinite(real)) {
            continue;
        }
        char text[64] = "";
        struct tote__json json = tote__json_start(&buffer);
        tote__json_double(&json, real);
        assert_true(tote__json_finish(&json));
        memcpy(text, buffer.bytes, buffer.size);
        double read = strtod(text, NULL);
        assert_memory_equal(&read, &real, sizeof real);
        tote__buffer_clear(&buffer);
    }
}

static void write_text(struct tote__buffer *buffer, const char *text, size_t length) {
    struct tote__json json = tote__json_start(buffer);

    tote__json_text(&json, (struct tote__slice){(const uint8_t *)text, length});
    assert_true(tote__json_finish(&json));
}

/* Special bytes are found at each place in a block of eight. */
static void special_bytes_are_escaped_at_every_offset(void **state) {
    static const char *const specials[][2] = {{"\x1F", "\\u001f"},      {"\"", "\\\""},
                                              {"\\", "\\\\"},           {"\xC3\xA9", "\xC3\xA9"},
                                              {"\xFF", "\xEF\xBF\xBD"}, {"\x7F", "\x7F"}};
    enum { LENGTH = 40 };

    (void)state;
    for (size_t kind = 0; kind < TOTE_COUNT_OF(specials); kind++) {
        for (int at = 0; at < LENGTH; at++) {
            struct tote__buffer buffer = {NULL, 0, 0};
            char text[64];
            char expected[64];
            snprintf(text, sizeof text, "%0*d%s%0*d", at + 1, 0, specials[kind][0], LENGTH - at, 0);
            snprintf(expected, sizeof expected, "\"%0*d%s%0*d\"", at + 1, 0, specials[kind][1],
                     LENGTH - at, 0);
            write_text(&buffer, text, strlen(text));
            assert_int_equal(buffer.size, strlen(expected));
            assert_memory_equal(buffer.bytes, expected, buffer.size);
            tote__buffer_clear(&buffer);
        }
    }
}

/* Nothing that is not UTF-8 is written. Spec: RFC 8259 */
static void invalid_utf_8_is_replaced(void **state) {
    struct tote__buffer buffer = {NULL, 0, 0};

    (void)state;
    write_text(&buffer, "a\xFF\xC3\"\xE2\x82z\xF0\x9F\x92\xBC", 11);
    const char expected[] = "\"a\xEF\xBF\xBD\xEF\xBF\xBD\\\"\xEF\xBF\xBDz\xF0\x9F\x92\xBC\"";
    assert_int_equal(buffer.size, sizeof expected - 1);
    assert_memory_equal(buffer.bytes, expected, buffer.size);
    tote__buffer_clear(&buffer);
}

/* Also around empty objects and arrays. */
static void commas_are_written_only_between_values(void **state) {
    static const char expected[] = "{\"a\":[1,{},\"2\"],\"b\":[]}";
    struct tote__buffer buffer = {NULL, 0, 0};
    struct tote__json json = tote__json_start(&buffer);

    (void)state;
    tote__json_put(&json, "{\"a\":[");
    tote__json_number(&json, 1);
    tote__json_put(&json, "{");
    tote__json_end(&json, '}');
    tote__json_unsigned(&json, 2);
    tote__json_end(&json, ']');
    tote__json_put(&json, "\"b\":[");
    tote__json_end(&json, ']');
    tote__json_end(&json, '}');
    assert_true(tote__json_finish(&json));
    assert_int_equal(buffer.size, sizeof expected - 1);
    assert_memory_equal(buffer.bytes, expected, buffer.size);
    tote__buffer_clear(&buffer);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(every_double_survives_writing_and_reading),
        TEST(special_bytes_are_escaped_at_every_offset),
        TEST(invalid_utf_8_is_replaced),
        TEST(commas_are_written_only_between_values),
    };
    return RUN_TESTS(tests, argc, argv);
}
