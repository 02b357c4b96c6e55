/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "reports.h"
#include "tote/internal/env.h"

static int reset(void **state) {
    (void)state;
    unsetenv("OTEL_A");
    unsetenv("OTEL_B");
    reports_reset(TOTE_LEVEL_DEBUG);
    return 0;
}

/* Requirement H, rules: empty is unset */
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
    assert_int_equal(number, 7);
    assert_int_equal(reports.count, 0);
}

/* Requirement H, rules: numbers */
static void whole_numbers_within_the_bounds_are_taken(void **state) {
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

/* Requirement H, rules: numbers */
static void what_is_no_whole_number_within_the_bounds_is_reported_and_ignored(void **state) {
    static const char *const wrong[] = {"abc", "-5", "+5",  "0x10", "1e3", "5s",
                                        "1.0", " ",  "1 2", "3",    "11",  "18446744073709551616"};

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

/* Requirement H, rules: a warning for each variable that cannot be used */
static void of_two_wrong_variables_both_are_reported(void **state) {
    uint64_t number;

    (void)state;
    setenv("OTEL_A", "x", 1);
    setenv("OTEL_B", "y", 1);
    assert_false(tote__env_number("OTEL_A", 0, 10, &number));
    assert_false(tote__env_number("OTEL_B", 0, 10, &number));
    assert_false(tote__env_number("OTEL_B", 0, 10, &number));
    assert_int_equal(reports.count, 2);
}

/* Requirement H, rules: only "true" is true; env_boolean.tsv has more, see test_configuration */
static void only_true_is_true_and_only_false_is_false_in_silence(void **state) {
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

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_variable_is_unset, reset),
        cmocka_unit_test_setup(whole_numbers_within_the_bounds_are_taken, reset),
        cmocka_unit_test_setup(what_is_no_whole_number_within_the_bounds_is_reported_and_ignored,
                               reset),
        cmocka_unit_test_setup(of_two_wrong_variables_both_are_reported, reset),
        cmocka_unit_test_setup(only_true_is_true_and_only_false_is_false_in_silence, reset),
    };
    return RUN_TESTS(tests, argc, argv);
}
