/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reports.h"
#include "tote/environment.h"
#include "tote/internal/api_os.h"
#include "tote/internal/env.h"
#include "tote/propagator.h"
#include "tote/propagators.h"
#include "tote/span.h"

static const char take_variables_option[] = "--take-variables";

static int reset(void **state) {
    (void)state;
    unsetenv("OTEL_A");
    unsetenv("OTEL_B");
    reports_reset(TOTE_LEVEL_DEBUG);
    return 0;
}

/* Spec: configuration/common.md */
static void an_empty_variable_is_unset(void **state) {
    uint64_t number = 7;

    (void)state;
    setenv("OTEL_A", "", 1);
    assert_null(tote__env("OTEL_A"));
    assert_null(tote__env("OTEL_B"));
    assert_null(tote__env(NULL));
    assert_false(tote__env_number("OTEL_A", 0, 10, &number));
    assert_false(tote__env_number("OTEL_B", 0, 10, &number));
    assert_false(tote__env_boolean("OTEL_A"));
    setenv("OTEL_A", "  \t\r\n", 1); /* left behind by files of variables */
    assert_null(tote__env("OTEL_A"));
    assert_false(tote__env_number("OTEL_A", 0, 10, &number));
    assert_false(tote__env_boolean("OTEL_A"));
    assert_int_equal(number, 7);
    assert_int_equal(reports.count, 0);
}

/* Spec: configuration/common.md#numeric */
static void integers_within_the_bounds_are_accepted(void **state) {
    uint64_t number = 0;

    (void)state;
    setenv("OTEL_A", " 0042\t", 1);
    assert_true(tote__env_number("OTEL_A", 42, 42, &number));
    assert_int_equal(number, 42);
    setenv("OTEL_A", "18446744073709551615", 1);
    assert_true(tote__env_number("OTEL_A", 0, UINT64_MAX, &number));
    assert_true(number == UINT64_MAX);
    assert_int_equal(reports.count, 0);
}

/* Spec: configuration/common.md#numeric */
static void other_texts_and_numbers_out_of_range_are_reported_and_ignored(void **state) {
    static const char *const wrong[] = {
        "abc", "-5", "+5", "0x10", "1e3", "5s", "1.0", "1 2", "3", "11", "18446744073709551616"};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(wrong); i++) {
        uint64_t number = 7;
        reset(NULL);
        setenv("OTEL_A", wrong[i], 1);
        assert_false(tote__env_number("OTEL_A", 4, 10, &number));
        assert_int_equal(number, 7);
        assert_int_equal(reports.count, 1);
        assert_string_equal(reports.component, "OTEL_A");
        assert_non_null(strstr(reports.message, wrong[i]));
    }
}

/* Spec: configuration/common.md */
static void two_wrong_variables_are_both_reported(void **state) {
    uint64_t number;

    (void)state;
    setenv("OTEL_A", "x", 1);
    setenv("OTEL_B", "y", 1);
    assert_false(tote__env_number("OTEL_A", 0, 10, &number));
    assert_false(tote__env_number("OTEL_B", 0, 10, &number));
    assert_false(tote__env_number("OTEL_B", 0, 10, &number));
    assert_int_equal(reports.count, 2);
}

/* Further values: env_boolean.tsv, see test_vectors_environment. Spec:
 * configuration/sdk-environment-variables.md#boolean */
static void only_true_is_true_and_only_false_is_false_without_a_warning(void **state) {
    (void)state;
    setenv("OTEL_A", "tRuE", 1);
    assert_true(tote__env_boolean("OTEL_A"));
    setenv("OTEL_A", "False", 1);
    assert_false(tote__env_boolean("OTEL_A"));
    assert_int_equal(reports.count, 0);
    setenv("OTEL_A", "1", 1);
    assert_false(tote__env_boolean("OTEL_A"));
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.component, "OTEL_A");
}

/* What the program does when it runs as a setuid copy. */
enum { IGNORED, TAKEN, NOT_PRIVILEGED };

static int take_variables(void) {
    tote_propagator *propagator = tote_propagator_tracecontext_new();
    tote_propagator_set_global(propagator);
    tote_context *context = tote_extract_environment(tote_context_root(), NULL);
    bool is_taken = tote__env("OTEL_A") || context != tote_context_root();

    tote_context_unref(context);
    return !tote__is_privileged() ? NOT_PRIVILEGED : is_taken ? TAKEN : IGNORED;
}

static int run_as_other_user(const char *path) {
    enum { OTHER_USER = 65534 };
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        setenv("OTEL_A", "true", 1);
        setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", 1);
        if (setgid(OTHER_USER) == 0 && setuid(OTHER_USER) == 0) {
            execl(path, path, take_variables_option, NULL);
        }
        _exit(NOT_PRIVILEGED);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The caller has fewer rights, and must not choose what the program opens or connects to. */
static void a_setuid_program_ignores_variables(void **state) {
    char directory[] = "/tmp/tote-env-XXXXXX";
    char path[64];
    char command[1024];
    char program[512] = ""; /* in an emulator, /proc/PID/exe is the emulator for other programs */

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/program", directory);
    snprintf(command, sizeof command, "chmod 755 %s && cp '%s' %s && chmod 4755 %s", directory,
             program, path, path);
    assert_int_equal(system(command), 0);
    int outcome = run_as_other_user(path);
    snprintf(command, sizeof command, "rm -r %s", directory);
    assert_int_equal(system(command), 0);
    if (outcome == NOT_PRIVILEGED) {
        skip(); /* the file system is mounted with nosuid */
    }
    assert_int_equal(outcome, IGNORED);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_variable_is_unset, reset),
        cmocka_unit_test_setup(integers_within_the_bounds_are_accepted, reset),
        cmocka_unit_test_setup(other_texts_and_numbers_out_of_range_are_reported_and_ignored,
                               reset),
        cmocka_unit_test_setup(two_wrong_variables_are_both_reported, reset),
        cmocka_unit_test_setup(only_true_is_true_and_only_false_is_false_without_a_warning, reset),
        cmocka_unit_test_setup(a_setuid_program_ignores_variables, reset),
    };

    if (argc > 1 && strcmp(argv[1], take_variables_option) == 0) {
        return take_variables();
    }
    return RUN_TESTS(tests, argc, argv);
}
