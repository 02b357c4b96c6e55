/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tote/internal/diagnostics.h"

static struct {
    size_t count;
    tote_level level;
    char message[2048];
} seen;

static void keep(tote_level level, const char *component, const char *message, void *user_data) {
    (void)user_data;
    seen.count++;
    seen.level = level;
    snprintf(seen.message, sizeof seen.message, "%s: %s", component, message);
}

static int set_up(void **state) {
    (void)state;
    memset(&seen, 0, sizeof seen);
    tote_diagnostics_set_handler(keep, TOTE_LEVEL_WARN, NULL);
    return 0;
}

/* Spec: error-handling.md */
static void reports_go_to_the_handler_up_to_the_level(void **state) {
    (void)state;
    tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "%d spans", 7);
    assert_string_equal(seen.message, "test: 7 spans");
    tote_diagnostics_report(TOTE_LEVEL_INFO, "test", "not wanted");
    tote_diagnostics_report(TOTE_LEVEL_NONE, "test", "no level");
    tote_diagnostics_report((tote_level)99, "test", "no such level");
    tote_diagnostics_report(TOTE_LEVEL_WARN, NULL, "nobody");
    tote_diagnostics_report(TOTE_LEVEL_WARN, "test", NULL);
    assert_int_equal(seen.count, 1);
}

/* Numbers in the text do not make it another report. */
static void a_repeated_report_is_suppressed_and_others_are_not(void **state) {
    (void)state;
    for (int i = 0; i < 1000; i++) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "%d lost", i);
    }
    assert_int_equal(seen.count, 1);
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "test", "something else");
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.level, TOTE_LEVEL_ERROR);
}

/* Two mistakes of one kind are two reports. */
static void a_different_text_is_not_hidden_by_the_first(void **state) {
    (void)state;
    for (int i = 0; i < 10; i++) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "'%s' is too large", i % 2 ? "b" : "a");
    }
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.message, "test: 'b' is too large");
}

/* For example when a peer sends a new text each time. */
static void many_different_texts_of_one_kind_do_not_flood_the_log(void **state) {
    char text[8] = "a";

    (void)state;
    for (int i = 0; i < 26; i++) {
        text[0] = (char)('a' + i);
        tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "'%s' is malformed", text);
    }
    assert_int_equal(seen.count, 8);
    tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "another kind");
    assert_int_equal(seen.count, 9);
    tote__report_suppressed();
    assert_string_equal(seen.message, "test: held back 18 more like this: 'h' is malformed ...");
}

/* Each kind is reported once. */
static void suppressed_reports_are_counted_at_shutdown(void **state) {
    (void)state;
    for (int i = 0; i < 10; i++) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "%d lost", i);
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "other", "once %s", "more");
    }
    tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "only once");
    assert_int_equal(seen.count, 3);
    tote__report_suppressed();
    assert_int_equal(seen.count, 5);
    assert_string_equal(seen.message, "other: held back 9 more like this: once more ...");
    assert_int_equal(seen.level, TOTE_LEVEL_ERROR);
    tote__report_suppressed();
    assert_int_equal(seen.count, 5);
}

/*
 * No caller sees all kinds that exist. If there are more than the table has, each has its own
 * count.
 */
static void kinds_beyond_the_size_of_the_table_are_all_reported(void **state) {
    char name[32];

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 64; i++) {
            snprintf(name, sizeof name, "kind %d", i);
            tote_diagnostics_report(TOTE_LEVEL_WARN, name, "lost");
        }
        assert_int_equal(seen.count, 64);
    }
    for (int i = 64; i < 200; i++) {
        snprintf(name, sizeof name, "kind %d", i);
        tote_diagnostics_report(TOTE_LEVEL_WARN, name, "lost");
    }
    assert_int_equal(seen.count, 200);
}

/* Two mistakes in one variable are two reports; the same one twice is one. */
static void kinds_that_are_reported_per_text_report_each_text_once(void **state) {
    (void)state;
    for (int i = 0; i < 6; i++) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "test", "'%s' is not known", i % 2 ? "foo" : "bar");
    }
    assert_int_equal(seen.count, 2);
    assert_string_equal(seen.message, "test: 'foo' is not known");
}

static void debug_reports_are_not_rate_limited(void **state) {
    (void)state;
    tote_diagnostics_set_handler(keep, TOTE_LEVEL_DEBUG, NULL);
    for (int i = 0; i < 5; i++) {
        tote_diagnostics_report(TOTE_LEVEL_DEBUG, "test", "%d exported", i);
    }
    assert_int_equal(seen.count, 5);
}

/* Setting a handler resets the rate limit. */
static void a_new_handler_receives_every_kind(void **state) {
    (void)state;
    tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "again");
    tote_diagnostics_set_handler(keep, TOTE_LEVEL_WARN, NULL);
    tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "again");
    assert_int_equal(seen.count, 2);
}

static void long_messages_are_truncated_between_code_points(void **state) {
    static char text[3000];
    for (size_t i = 0; i + 2 < sizeof text; i += 2) {
        memcpy(text + i, "\xC3\xA9", 2);
    }

    (void)state;
    tote_diagnostics_report(TOTE_LEVEL_WARN, "t", "%s", text);
    size_t length = strlen(seen.message) - strlen("t: ");
    assert_int_equal(length, 1022);
}

static void call_tote(tote_level level, const char *component, const char *message,
                      void *user_data) {
    size_t *calls = user_data;

    (void)level, (void)component, (void)message;
    if (++*calls < 3) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "handler", *calls == 1 ? "one" : "two");
    }
}

/* No lock is held while a handler runs. */
static void a_handler_may_call_tote(void **state) {
    size_t calls = 0;

    (void)state;
    tote_diagnostics_set_handler(call_tote, TOTE_LEVEL_WARN, &calls);
    tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "first");
    assert_int_equal(calls, 3);
}

/* Never on stdout, errno is unchanged, and one line on stderr. */
static void without_a_handler_reports_go_to_stderr(void **state) {
    char text[256] = "";
    int ends[2];
    int own = dup(STDERR_FILENO);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_WARN, NULL);
    dup2(ends[1], STDERR_FILENO);
    errno = 42;
    tote_diagnostics_report(TOTE_LEVEL_WARN, "queue", "full (%d)", 2048);
    int error = errno;
    dup2(own, STDERR_FILENO);
    ssize_t length = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    close(ends[1]);
    close(own);
    assert_int_equal(error, 42);
    assert_int_equal(length, strlen("tote: warning: queue: full (2048)\n"));
    assert_string_equal(text, "tote: warning: queue: full (2048)\n");
}

static void report_ever_new_things(tote_level level, const char *component, const char *message,
                                   void *user_data) {
    size_t *calls = user_data;
    char name[32];

    (void)level, (void)component, (void)message;
    if (++*calls < 1000) {
        snprintf(name, sizeof name, "handler %zu", *calls);
        tote_diagnostics_report(TOTE_LEVEL_WARN, name, "again");
    }
}

/* Two kinds with one entry in the table would call the handler for each other without end. */
static void a_handler_that_causes_reports_does_not_loop(void **state) {
    size_t calls = 0;

    (void)state;
    tote_diagnostics_set_handler(report_ever_new_things, TOTE_LEVEL_WARN, &calls);
    tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "first");
    assert_in_range(calls, 2, 10);
    calls = 1000;
    tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "second");
    assert_int_equal(calls, 1001);
}

/* A message may quote text of another program. It stays one line, and controls no terminal. */
static void control_characters_in_a_message_are_replaced(void **state) {
    (void)state;
    tote_diagnostics_report(TOTE_LEVEL_WARN, "test", "key '%s'",
                            "a\033[31m\r\nb\xC2\x9B"
                            "c\xE2\x80\xAE"
                            "d\xC3\xA9");
    assert_string_equal(seen.message, "test: key 'a?[31m??b?c?d\xC3\xA9'");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reports_go_to_the_handler_up_to_the_level, set_up),
        cmocka_unit_test_setup(a_repeated_report_is_suppressed_and_others_are_not, set_up),
        cmocka_unit_test_setup(a_different_text_is_not_hidden_by_the_first, set_up),
        cmocka_unit_test_setup(many_different_texts_of_one_kind_do_not_flood_the_log, set_up),
        cmocka_unit_test_setup(suppressed_reports_are_counted_at_shutdown, set_up),
        cmocka_unit_test_setup(kinds_beyond_the_size_of_the_table_are_all_reported, set_up),
        cmocka_unit_test_setup(kinds_that_are_reported_per_text_report_each_text_once, set_up),
        cmocka_unit_test_setup(debug_reports_are_not_rate_limited, set_up),
        cmocka_unit_test_setup(a_new_handler_receives_every_kind, set_up),
        cmocka_unit_test_setup(long_messages_are_truncated_between_code_points, set_up),
        cmocka_unit_test_setup(a_handler_may_call_tote, set_up),
        cmocka_unit_test_setup(without_a_handler_reports_go_to_stderr, set_up),
        cmocka_unit_test_setup(a_handler_that_causes_reports_does_not_loop, set_up),
        cmocka_unit_test_setup(control_characters_in_a_message_are_replaced, set_up),
    };
    return RUN_TESTS(tests, argc, argv);
}
