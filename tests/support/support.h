/* SPDX-License-Identifier: MIT */
/* support.h - included first by every test program */
#ifndef TOTE_TESTS_SUPPORT_H
#define TOTE_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tote/common.h"

/* cmocka 2.0 deprecates the name that cmocka 1.1 has for unsigned values. */
#ifdef assert_uint_in_range
#undef assert_in_range
#define assert_in_range(value, minimum, maximum) assert_uint_in_range(value, minimum, maximum)
#endif

/*
 * What a child that is forked in a process with threads cannot do. With the address sanitizer it
 * inherits the locks of the allocator, which another thread may hold; with the thread sanitizer it
 * cannot create threads.
 */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_ADDRESS_SANITIZER 1
#elif defined(__SANITIZE_THREAD__)
#define HAS_THREAD_SANITIZER 1
#elif defined(__has_feature)
#define HAS_ADDRESS_SANITIZER __has_feature(address_sanitizer)
#define HAS_THREAD_SANITIZER __has_feature(thread_sanitizer)
#endif
#ifndef HAS_ADDRESS_SANITIZER
#define HAS_ADDRESS_SANITIZER 0
#endif
#ifndef HAS_THREAD_SANITIZER
#define HAS_THREAD_SANITIZER 0
#endif

/* Helgrind treats a child as threads of its parent. */
#ifdef TOTE_TESTS_HELGRIND_ATOMICS_H
#define HAS_HELGRIND 1
#else
#define HAS_HELGRIND 0
#endif

/* Skip a test of what the product has only on Linux. See docs/porting.md. */
#define NEED_LINUX() (USES_LINUX ? (void)0 : skip())

/* For the table of tests: the function's name is the test's. */
#define TEST(test) cmocka_unit_test(test)

/* Returned by main; an argument selects tests by a pattern: test_store '*parent*'. */
#define RUN_TESTS(tests, argc, argv)                                                               \
    ((argc) > 1 ? cmocka_set_test_filter((argv)[1]) : (void)0,                                     \
     cmocka_run_group_tests(tests, NULL, NULL))

#endif
