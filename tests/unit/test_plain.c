/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "plain.h"
#include "test_model.h"

enum { SETTLED_MS = 300, QUIET_MS = 2000, OUTPUT_BYTES = 1 << 16 };

/* A plain display, and what it has written since the last look. */
struct fixture {
    struct plain plain;
    FILE *output;
    int standard_output; /* the descriptor that was standard output */
    off_t seen;
    char text[OUTPUT_BYTES];
};

static int set_up_awaiting(void **state, size_t most_traces) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const struct model_limits limits = {.traces = most_traces, .is_awaited = true};

    if (!fixture) {
        return -1;
    }
    fixture->plain = (struct plain){model_new(&limits), QUIET_MS};
    fixture->output = tmpfile();
    fixture->standard_output = dup(STDOUT_FILENO);
    *state = fixture;
    return fixture->plain.model && fixture->output && fixture->standard_output >= 0 ? 0 : -1;
}

static int set_up(void **state) {
    return set_up_awaiting(state, 0);
}

static int set_up_small(void **state) {
    return set_up_awaiting(state, 40);
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;

    model_free(fixture->plain.model);
    fclose(fixture->output);
    close(fixture->standard_output);
    free(fixture);
    return 0;
}

#define PLAIN_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void send(struct fixture *fixture, unsigned trace, unsigned id, unsigned parent,
                 uint64_t now_ms) {
    const struct test_span span = {.trace = trace,
                                   .id = id,
                                   .parent = parent,
                                   .name = "name",
                                   .start_unix_nano = 1000 + id,
                                   .end_unix_nano = 2000};

    assert_int_equal(send_at(fixture->plain.model, &span, 1, now_ms).outcome, TAKEN);
}

/* Draw what is due. Returns the new output. */
static const char *draw(struct fixture *fixture, uint64_t now_ms, bool all, unsigned most,
                        unsigned wanted) {
    fflush(stdout);
    dup2(fileno(fixture->output), STDOUT_FILENO);
    unsigned drawn = plain_draw(&fixture->plain, now_ms, all, most);
    dup2(fixture->standard_output, STDOUT_FILENO);
    assert_int_equal(drawn, wanted);
    off_t end = lseek(fileno(fixture->output), 0, SEEK_END);
    ssize_t size = pread(fileno(fixture->output), fixture->text, OUTPUT_BYTES - 1, fixture->seen);
    assert_true(size >= 0);
    fixture->text[size] = '\0';
    fixture->seen = end;
    return fixture->text;
}

/* Expect that the traces with these numbers are drawn, in this order. */
static void expect_traces(struct fixture *fixture, uint64_t now_ms, const char *numbers) {
    const char *text = draw(fixture, now_ms, false, 100, (unsigned)strlen(numbers));

    for (const char *number = numbers; *number; number++) {
        char heading[64];
        snprintf(heading, sizeof heading, "trace 0000000000000000000000000000000%c", *number);
        text = strstr(text, heading);
        assert_non_null(text);
    }
    assert_int_equal(count_of(fixture->text, "trace "), strlen(numbers));
}

static void a_complete_trace_is_drawn_when_no_more_spans_arrive(void **state) {
    send(*state, 1, 2, 1, 1000);
    send(*state, 1, 1, 0, 1100);
    expect_traces(*state, 1100 + SETTLED_MS - 1, "");
    expect_traces(*state, 1100 + SETTLED_MS, "1");
    expect_traces(*state, 100000, "");
}

static void a_late_span_restarts_the_delay_of_a_complete_trace(void **state) {
    send(*state, 1, 1, 0, 1000);
    send(*state, 1, 2, 1, 1200);
    expect_traces(*state, 1000 + SETTLED_MS, "");
    expect_traces(*state, 1200 + SETTLED_MS, "1");
}

static void an_incomplete_trace_is_drawn_after_a_longer_delay(void **state) {
    send(*state, 1, 1, 0, 1000);
    send(*state, 1, 3, 2, 1000); /* its parent is missing */
    send(*state, 2, 5, 4, 1001); /* and so is this one's root */
    expect_traces(*state, 1000 + QUIET_MS - 1, "");
    expect_traces(*state, 1000 + QUIET_MS, "1");
    expect_traces(*state, 1001 + QUIET_MS, "2");
}

static void the_trace_without_new_spans_for_longest_is_drawn_first(void **state) {
    send(*state, 3, 1, 0, 1002);
    send(*state, 1, 1, 0, 1000);
    send(*state, 2, 1, 0, 1001);
    expect_traces(*state, 5000, "123");
}

static void traces_of_one_time_are_drawn_in_the_order_of_their_starts(void **state) {
    send(*state, 2, 2, 0, 1000);
    send(*state, 3, 3, 0, 1000);
    send(*state, 1, 1, 0, 1000);
    expect_traces(*state, 5000, "123");
}

static void late_spans_cause_another_drawing_that_is_not_counted(void **state) {
    struct fixture *fixture = *state;

    send(fixture, 1, 1, 0, 1000);
    expect_traces(fixture, 2000, "1");
    send(fixture, 1, 2, 1, 2100);
    const char *text = draw(fixture, 2400, false, 100, 0);
    assert_int_equal(count_of(text, "again, 1 more"), 1);
    assert_int_equal(count_of(text, "name"), 2);
    send(fixture, 1, 2, 1, 2500); /* sent again: nothing is new */
    assert_string_equal(draw(fixture, 9000, true, 100, 0), "");
}

static void at_the_end_all_traces_are_drawn(void **state) {
    send(*state, 1, 3, 2, 1000);
    expect_traces(*state, 1000, "");
    assert_int_equal(count_of(draw(*state, 1000, true, 100, 1), "trace "), 1);
}

static void at_most_the_wanted_number_of_traces_is_drawn(void **state) {
    for (unsigned i = 1; i <= 5; i++) {
        send(*state, i, 1, 0, 1000);
    }
    assert_int_equal(count_of(draw(*state, 2000, false, 2, 2), "trace "), 2);
    assert_int_equal(count_of(draw(*state, 2000, true, 2, 2), "trace "), 2);
}

static void if_too_many_traces_are_awaited_the_oldest_are_drawn_early(void **state) {
    for (unsigned i = 1; i <= 12; i++) {
        send(*state, i, 1, 0, 1000);
    }
    const char *text = draw(*state, 1000, false, 100, 2);
    assert_non_null(strstr(text, "trace 00000000000000000000000000000001"));
    assert_non_null(strstr(text, "trace 00000000000000000000000000000002"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        PLAIN_TEST(a_complete_trace_is_drawn_when_no_more_spans_arrive),
        PLAIN_TEST(a_late_span_restarts_the_delay_of_a_complete_trace),
        PLAIN_TEST(an_incomplete_trace_is_drawn_after_a_longer_delay),
        PLAIN_TEST(the_trace_without_new_spans_for_longest_is_drawn_first),
        PLAIN_TEST(traces_of_one_time_are_drawn_in_the_order_of_their_starts),
        PLAIN_TEST(late_spans_cause_another_drawing_that_is_not_counted),
        PLAIN_TEST(at_the_end_all_traces_are_drawn),
        PLAIN_TEST(at_most_the_wanted_number_of_traces_is_drawn),
        cmocka_unit_test_setup_teardown(if_too_many_traces_are_awaited_the_oldest_are_drawn_early,
                                        set_up_small, tear_down),
    };

    return RUN_TESTS(tests, argc, argv);
}
