/* SPDX-License-Identifier: MIT */
/*
 * test_postgresql_ring.c - encoded spans on their way from the backends to the background worker
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring.h"
#include "support.h"

enum { RING_BYTES = 4096, BUFFER_BYTES = RING_MOST_ENTRY_BYTES };

static uint8_t buffer[BUFFER_BYTES];

static int set_up(void **state) {
    (void)state;
    return ring_create(RING_BYTES) ? 0 : -1;
}

static bool write_text(const char *text) {
    bool is_half_full;

    return ring_write((const uint8_t *)text, strlen(text), &is_half_full);
}

static void assert_read(const char *text, uint32_t count) {
    uint32_t span_count;
    uint64_t end;
    size_t size = ring_read(buffer, sizeof buffer, &span_count, &end);

    assert_int_equal(size, strlen(text));
    assert_memory_equal(buffer, text, size);
    assert_int_equal(span_count, count);
    ring_remove(span_count, end);
}

static void requests_are_read_in_their_order_as_one_request(void **state) {
    (void)state;
    assert_true(write_text("first") && write_text("second") && write_text(""));
    assert_read("firstsecond", 3);
    assert_read("", 0);
}

static void requests_stay_until_they_are_removed(void **state) {
    uint32_t span_count;
    uint64_t end;

    (void)state;
    assert_true(write_text("one"));
    assert_int_equal(ring_read(buffer, sizeof buffer, &span_count, &end), 3);
    assert_true(write_text("two"));
    ring_remove(span_count, end);
    assert_read("two", 1);
}

static void only_complete_requests_are_read_into_a_small_buffer(void **state) {
    uint32_t span_count;
    uint64_t end;

    (void)state;
    assert_true(write_text("12345678") && write_text("abc"));
    assert_int_equal(ring_read(buffer, 10, &span_count, &end), 8);
    ring_remove(span_count, end);
    assert_read("abc", 1);
}

static void requests_of_all_sizes_continue_at_the_begin_of_the_ring(void **state) {
    char text[512];

    (void)state;
    for (size_t i = 0; i < 20000; i++) {
        size_t size = i * 7 % sizeof text;
        memset(text, 'a' + (int)(i % 26), size);
        text[size] = '\0';
        assert_true(write_text(text));
        assert_read(text, 1);
    }
    assert_int_equal(ring_get_counts().used, 0);
}

static void requests_that_find_the_ring_full_are_dropped_and_counted(void **state) {
    static uint8_t large[RING_MOST_ENTRY_BYTES + 1];
    unsigned written = 0;
    bool is_half_full;

    (void)state;
    while (write_text("0123456789")) {
        written++;
    }
    assert_false(write_text("0123456789"));
    assert_false(ring_write(large, sizeof large, &is_half_full));
    const struct ring_counts counts = ring_get_counts();
    assert_int_equal(written, RING_BYTES / 24);
    assert_int_equal(counts.written, written);
    assert_int_equal(counts.dropped, 3);
    ring_remove(0, 24);
    assert_true(write_text("0123456789"));
}

static void the_reader_is_woken_once_when_the_ring_is_half_full(void **state) {
    unsigned wakes = 0;
    bool is_half_full;

    (void)state;
    while (ring_write((const uint8_t *)"12345678", 8, &is_half_full)) {
        wakes += is_half_full;
    }
    assert_int_equal(wakes, 1);
}

static void requests_of_a_killed_process_are_read(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        write_text("last words");
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_read("last words", 1);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(requests_are_read_in_their_order_as_one_request, set_up),
        cmocka_unit_test_setup(requests_stay_until_they_are_removed, set_up),
        cmocka_unit_test_setup(only_complete_requests_are_read_into_a_small_buffer, set_up),
        cmocka_unit_test_setup(requests_of_all_sizes_continue_at_the_begin_of_the_ring, set_up),
        cmocka_unit_test_setup(requests_that_find_the_ring_full_are_dropped_and_counted, set_up),
        cmocka_unit_test_setup(the_reader_is_woken_once_when_the_ring_is_half_full, set_up),
        cmocka_unit_test_setup(requests_of_a_killed_process_are_read, set_up),
    };

    return RUN_TESTS(tests, argc, argv);
}
