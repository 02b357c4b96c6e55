/* SPDX-License-Identifier: MIT */
/*
 * filter.h - a seccomp filter for the whole process
 */
#ifndef TOTE_TESTS_FILTER_H
#define TOTE_TESTS_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From here on the result of each of these calls, in all threads, is `action` (SECCOMP_RET_...). */
bool filter_calls(const int *calls, size_t count, uint32_t action);

#endif
