/* SPDX-License-Identifier: MIT */
/*
 * expect.h - the expectations of tote test
 */
#ifndef TOTE_CLI_EXPECT_H
#define TOTE_CLI_EXPECT_H

#include <stdio.h>

#include "model.h"
#include "query.h"
#include "run_options.h"

struct expect_result {
    const struct run_expectation *wanted;
    struct query *query;
    size_t count; /* spans that match */
};

/* The command of a test. */
struct expect_command {
    char *const *argv; /* NULL: a file was checked */
    int status;
    int wanted_status;
    uint64_t duration_ns;
};

/*
 * Parse the queries. Returns results to be freed, or NULL after an error, which is reported: an
 * invalid query is wrong usage.
 */
struct expect_result *expect_parse(const struct program_command *command,
                                   const struct run_options *options);
void expect_free(struct expect_result *results, size_t count);

/* Count the spans that match; needs the lock. Returns how many expectations are not met. */
size_t expect_check(struct expect_result *results, size_t count, const struct model *model);

/* Print the results, and for each that is not met the nearest spans; needs the lock. */
void expect_print(FILE *out, const struct expect_result *results, size_t count,
                  const struct model *model);

/* Write the results as JUnit XML; needs the lock. Returns false if it cannot be written. */
bool expect_write_junit(FILE *out, const struct expect_result *results, size_t count,
                        const struct expect_command *command, const struct model *model);

#endif
