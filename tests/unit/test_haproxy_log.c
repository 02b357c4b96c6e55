/* SPDX-License-Identifier: MIT */
/*
 * test_haproxy_log.c - lines of HAProxy's log. Spec: RFC 5424 section 6
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "log_line.h"

#define HEAD "<134>1 2026-11-29T01:31:02.013594+00:00 - haproxy 28002 - "
#define ENDED                                                                                      \
    "[tote@32473 stream=\"7\" port=\"35854\" status=\"503\" state=\"SC--\" method=\"GET\" "        \
    "backend=\"dead\" server=\"d1\" address=\"127.0.0.1\" server_port=\"15082\" "                  \
    "retries=\"+2\" queue=\"0\" connect=\"-1\" response=\"-1\"]"

static bool read_line(const char *text, struct log_line *line) {
    size_t size = strlen(text);
    char *copy = malloc(size ? size : 1); /* of this size, for a memory checker */

    memcpy(copy, text, size);
    bool is_read = log_line_read(copy, size, line);
    bool has_state = is_read && line->state.length;
    assert_true(!has_state || memchr(copy, line->state.bytes[0], size));
    free(copy);
    return is_read;
}

static void a_line_has_the_end_of_a_request(void **state) {
    static const char text[] = HEAD ENDED " 127.0.0.1:35854 www dead/d1 \"GET / HTTP/1.1\"\n";
    struct log_line line;

    (void)state;
    assert_true(log_line_read(text, sizeof text - 1, &line));
    assert_int_equal(line.stream, 7);
    assert_int_equal(line.port, 35854);
    assert_int_equal(line.status, 503);
    assert_true(spop_is(line.state, "SC--") && spop_is(line.method, "GET"));
    assert_true(spop_is(line.backend, "dead") && spop_is(line.server, "d1"));
    assert_true(spop_is(line.address, "127.0.0.1"));
    assert_int_equal(line.server_port, 15082);
    assert_true(line.retries == 2 && line.is_redispatched);
    assert_true(line.queue_ms == 0 && line.connect_ms == UINT64_MAX);
    assert_true(line.response_ms == UINT64_MAX);
}

static void other_elements_and_escaped_characters_are_skipped(void **state) {
    struct log_line line;

    (void)state;
    assert_true(read_line(HEAD "[other@1 stream=\"1\" a=\"]\\\"]\\\\\"][empty]" ENDED, &line));
    assert_int_equal(line.stream, 7);
}

static void unknown_fields_and_missing_values_are_allowed(void **state) {
    struct log_line line;

    (void)state;
    assert_true(read_line(
        HEAD "[tote@32473 new=\"1\" stream=\"7\" port=\"1\" status=\"-1\" server_port=\"-\"]",
        &line));
    assert_true(line.status == 0 && line.server_port == 0 && !line.state.length);
}

static void a_line_without_the_element_or_its_key_is_ignored(void **state) {
    static const char *const lines[] = {
        "",
        "<",
        "<134>Nov 29 01:31:02 haproxy[1]: text",
        HEAD,
        HEAD "-",
        HEAD "[tote@3247 stream=\"7\" port=\"1\"]",
        HEAD "[tote@324730 stream=\"7\" port=\"1\"]",
        HEAD "[tote@32473]",
        HEAD "[tote@32473 stream=\"7\"]",
        HEAD "[tote@32473 stream=\"7\" port=\"\"]",
        HEAD "[tote@32473 stream=\"7\" port=\"-1\"]",
        HEAD "[tote@32473 stream=\"99999999999999999999\" port=\"1\"]",
        HEAD "[tote@32473 stream=\"7\" port=\"1x\"]",
        "134>1 a b c d e [tote@32473 stream=\"7\" port=\"1\"]",
    };
    struct log_line line;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_false(read_line(lines[i], &line));
    }
}

static void a_line_that_is_cut_anywhere_is_ignored(void **state) {
    static const char text[] = HEAD ENDED;
    struct log_line line;

    (void)state;
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        char *copy = malloc(cut ? cut : 1);
        memcpy(copy, text, cut);
        assert_false(log_line_read(copy, cut, &line));
        free(copy);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_line_has_the_end_of_a_request),
        TEST(other_elements_and_escaped_characters_are_skipped),
        TEST(unknown_fields_and_missing_values_are_allowed),
        TEST(a_line_without_the_element_or_its_key_is_ignored),
        TEST(a_line_that_is_cut_anywhere_is_ignored),
    };

    return RUN_TESTS(tests, argc, argv);
}
