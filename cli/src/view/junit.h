/* SPDX-License-Identifier: MIT */
/*
 * junit.h - results as JUnit XML, which CI systems read
 */
#ifndef TOTE_CLI_JUNIT_H
#define TOTE_CLI_JUNIT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct junit_case {
    char *name;
    char *failure; /* its first line is the summary; NULL: success */
};

/* Write one suite. The texts may be any bytes. The duration is that of the first case. */
void junit_write(FILE *out, const char *class_name, uint64_t duration_ns,
                 const struct junit_case *cases, size_t count);

#endif
