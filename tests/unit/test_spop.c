/* SPDX-License-Identifier: MIT */
/*
 * test_spop.c - frames of HAProxy's stream processing offload protocol. Spec: SPOE.txt section 3
 */
#include "support.h"

#include <stdlib.h>

#include "spop_frames.h"

/* Spec: SPOE.txt section 3.1: the ranges of one to five bytes, and the largest number. */
static const struct {
    uint64_t number;
    size_t bytes;
} numbers[] = {{0, 1},          {1, 1},          {239, 1},        {240, 2},      {2287, 2},
               {2288, 3},       {264431, 3},     {264432, 4},     {33818863, 4}, {33818864, 5},
               {4328786159, 5}, {4328786160, 6}, {UINT64_MAX, 10}};

static void numbers_are_written_and_read_in_the_length_of_the_specification(void **state) {
    unsigned char bytes[64];
    struct spop_writer writer;
    struct spop_frame frame;

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct frames wanted = {.size = 0};
        open_frame(&wanted, SPOP_ACK, numbers[i].number, 1);
        close_frame(&wanted);
        spop_begin(&writer, bytes, sizeof bytes, SPOP_ACK, numbers[i].number, 1);
        size_t size = spop_finish(&writer);
        assert_int_equal(size, SPOP_LENGTH_BYTES + 5 + numbers[i].bytes + 1);
        assert_int_equal(size, wanted.size);
        assert_memory_equal(bytes, wanted.bytes, size);
        assert_int_equal(
            spop_read_frame(bytes + SPOP_LENGTH_BYTES, size - SPOP_LENGTH_BYTES, &frame),
            SPOP_NORMAL);
        assert_true(frame.stream == numbers[i].number && frame.id == 1);
        assert_true(frame.payload.at == frame.payload.end);
    }
}

static void a_number_of_more_than_64_bits_is_refused(void **state) {
    unsigned char bytes[] = {SPOP_ACK, 0,   0,   0,   1,   255, 255, 255, 255,
                             255,      255, 255, 255, 255, 255, 255, 255, 1};
    struct spop_frame frame;

    (void)state;
    assert_int_equal(spop_read_frame(bytes, sizeof bytes, &frame), SPOP_INVALID);
}

/* Read all arguments of all messages. Returns whether the payload is valid. */
static bool read_all(struct spop_cursor cursor, size_t *pairs) {
    struct spop_text name;
    struct spop_value value;
    size_t count;

    *pairs = 0;
    while (spop_next_message(&cursor, &name, &count)) {
        for (size_t i = 0; i < count; i++) {
            if (!spop_next_pair(&cursor, &name, &value)) {
                return false;
            }
            ++*pairs;
        }
    }
    return !cursor.is_wrong;
}

static void a_frame_that_is_cut_anywhere_is_refused_and_not_read_past_its_end(void **state) {
    static struct frames frames;
    static const char *const headers[] = {"host", "a.example", NULL};
    struct spop_frame frame;
    size_t pairs;

    (void)state;
    frames.size = 0;
    put_notify(&frames, 300, 4000, "GET", "/", headers);
    size_t size = frames.size - SPOP_LENGTH_BYTES;
    for (size_t cut = 0; cut <= size; cut++) {
        unsigned char *copy = malloc(cut ? cut : 1); /* of this size, for a memory checker */
        memcpy(copy, frames.bytes + SPOP_LENGTH_BYTES, cut);
        enum spop_status status = spop_read_frame(copy, cut, &frame);
        bool is_valid = status == SPOP_NORMAL && read_all(frame.payload, &pairs);
        bool has_payload = status == SPOP_NORMAL && frame.payload.at < frame.payload.end;
        assert_true(is_valid == (cut == size || (status == SPOP_NORMAL && !has_payload)));
        free(copy);
    }
    assert_int_equal(pairs, 6);
}

static void fragments_and_aborted_frames_are_refused(void **state) {
    static const struct {
        unsigned type;
        unsigned flags;
    } refused[] = {{SPOP_NOTIFY, 0}, {SPOP_NOTIFY, 3}, {SPOP_NOTIFY, 2}, {0, 1}, {0, 0}};
    struct spop_frame frame;

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const unsigned char bytes[] = {(unsigned char)refused[i].type,  0, 0, 0,
                                       (unsigned char)refused[i].flags, 1, 1};
        assert_int_equal(spop_read_frame(bytes, sizeof bytes, &frame), SPOP_FRAGMENTED);
    }
}

static enum spop_status read_hello(struct frames *frames, struct spop_hello *hello) {
    struct spop_frame frame;

    close_frame(frames);
    assert_int_equal(spop_read_frame(frames->bytes + SPOP_LENGTH_BYTES,
                                     frames->size - SPOP_LENGTH_BYTES, &frame),
                     SPOP_NORMAL);
    return spop_read_hello(&frame.payload, hello);
}

/* Spec: SPOE.txt sections 3.2.4 and 3.5 */
static void a_handshake_is_refused_with_the_status_of_what_is_wrong(void **state) {
    static const struct {
        const char *versions;
        const char *capabilities;
        uint64_t size;
        enum spop_status status;
    } hellos[] = {
        {"2.0", "pipelining,async", 16380, SPOP_NORMAL},
        {"1.5 , 2.3", "", 256, SPOP_NORMAL},
        {NULL, "", 16380, SPOP_NO_VERSION},
        {"2.0", "", 0, SPOP_NO_FRAME_SIZE},
        {"2.0", NULL, 16380, SPOP_NO_CAPABILITIES},
        {"1.0", "", 16380, SPOP_BAD_VERSION},
        {"3.0,12.0,2", "", 16380, SPOP_BAD_VERSION},
        {"", "", 16380, SPOP_BAD_VERSION},
        {"2.0", "", 255, SPOP_BAD_FRAME_SIZE},
    };
    struct spop_hello hello;

    (void)state;
    for (size_t i = 0; i < sizeof hellos / sizeof *hellos; i++) {
        struct frames frames = {.size = 0};
        open_frame(&frames, SPOP_HAPROXY_HELLO, 0, 0);
        if (hellos[i].versions) {
            put_pair(&frames, "supported-versions", hellos[i].versions);
        }
        if (hellos[i].size) {
            put_pair_number(&frames, "max-frame-size", hellos[i].size);
        }
        if (hellos[i].capabilities) {
            put_pair(&frames, "capabilities", hellos[i].capabilities);
        }
        assert_int_equal(read_hello(&frames, &hello), hellos[i].status);
    }
}

static void a_handshake_agrees_on_the_smaller_frame_size(void **state) {
    static const uint64_t sizes[][2] = {
        {256, 256}, {16380, SPOP_MOST_FRAME}, {1 << 20, SPOP_MOST_FRAME}, {UINT64_MAX, 16380}};
    struct spop_hello hello;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct frames frames = {.size = 0};
        put_hello(&frames, sizes[i][0], i == 1);
        assert_int_equal(read_hello(&frames, &hello), SPOP_NORMAL);
        assert_int_equal(hello.frame_size, sizes[i][1]);
        assert_true(hello.can_pipeline && hello.is_health_check == (i == 1));
    }
}

static void values_of_each_kind_are_read_and_reserved_kinds_are_refused(void **state) {
    static const unsigned char data[] = {
        1,         'a',         SPOP_NULL,  1,   'b', SPOP_BOOL | 16,
        1,         'c',         SPOP_INT64, 7,   1,   'd',
        SPOP_IPV6, 0,           1,          2,   3,   4,
        5,         6,           7,          8,   9,   10,
        11,        12,          13,         14,  15,  1,
        'e',       SPOP_BINARY, 2,          'x', 'y'};
    static const uint64_t wanted[] = {0, 1, 7, 16, 2};
    struct spop_cursor cursor = {data, data + sizeof data, false};
    struct spop_value value;
    struct spop_text name;
    size_t count = 0;

    (void)state;
    for (; spop_next_pair(&cursor, &name, &value); count++) {
        assert_int_equal(*name.bytes, 'a' + (int)count);
        assert_int_equal(value.text.length + value.number, wanted[count]);
    }
    assert_int_equal(count, 5);
    assert_false(cursor.is_wrong);
    for (unsigned kind = SPOP_BINARY + 1; kind < 16; kind++) {
        const unsigned char bytes[] = {1, 'a', (unsigned char)kind, 1, 1, 1, 1};
        cursor = (struct spop_cursor){bytes, bytes + sizeof bytes, false};
        assert_false(spop_next_pair(&cursor, &name, &value));
        assert_true(cursor.is_wrong);
    }
}

static void a_variable_that_does_not_fit_leaves_the_frame_valid(void **state) {
    unsigned char bytes[64];
    static char large[100];
    struct spop_writer writer;
    struct spop_frame frame;

    (void)state;
    spop_begin(&writer, bytes, sizeof bytes, SPOP_ACK, 5, 6);
    spop_set_text(&writer, "a", "1", 1);
    spop_set_text(&writer, "large", large, sizeof large);
    spop_set_bool(&writer, "b", true);
    size_t size = spop_finish(&writer);
    /* 4 of the length, 7 of the head, 8 of the text and 6 of the boolean. */
    assert_int_equal(size, 25);
    assert_int_equal(spop_read_frame(bytes + 4, size - 4, &frame), SPOP_NORMAL);
    assert_memory_equal(frame.payload.at,
                        "\1\3\2\1a\10\1"
                        "1"
                        "\1\3\2\1b\21",
                        14);
    spop_begin(&writer, bytes, 8, SPOP_ACK, 5, 6);
    assert_int_equal(spop_finish(&writer), 0);
}

static void headers_end_at_an_empty_name(void **state) {
    static const char data[] = "\4host\1a\0\0\1x\1y";
    const unsigned char *start = (const unsigned char *)data;
    struct spop_cursor cursor = {start, start + sizeof data - 1, false};
    struct spop_text name;
    struct spop_text value;

    (void)state;
    assert_true(spop_next_header(&cursor, &name, &value));
    assert_true(spop_is(name, "host") && spop_is(value, "a"));
    assert_false(spop_next_header(&cursor, &name, &value));
    assert_false(cursor.is_wrong);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(numbers_are_written_and_read_in_the_length_of_the_specification),
        TEST(a_number_of_more_than_64_bits_is_refused),
        TEST(a_frame_that_is_cut_anywhere_is_refused_and_not_read_past_its_end),
        TEST(fragments_and_aborted_frames_are_refused),
        TEST(a_handshake_is_refused_with_the_status_of_what_is_wrong),
        TEST(a_handshake_agrees_on_the_smaller_frame_size),
        TEST(values_of_each_kind_are_read_and_reserved_kinds_are_refused),
        TEST(a_variable_that_does_not_fit_leaves_the_frame_valid),
        TEST(headers_end_at_an_empty_name),
    };

    return RUN_TESTS(tests, argc, argv);
}
