/* SPDX-License-Identifier: MIT */
/*
 * support.h - what every test program includes first
 */
#ifndef TOTE_TESTS_SUPPORT_H
#define TOTE_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tote/common.h"

/* In the table of tests: the function's name is the test's. */
#define TEST(test) cmocka_unit_test(test)

/* What main returns; an argument picks tests by a pattern: test_store '*parent*'. */
#define RUN_TESTS(tests, argc, argv)                                                               \
    ((argc) > 1 ? cmocka_set_test_filter((argv)[1]) : (void)0,                                     \
     cmocka_run_group_tests(tests, NULL, NULL))

#endif
