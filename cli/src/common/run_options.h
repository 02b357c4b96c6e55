/* SPDX-License-Identifier: MIT */
/*
 * run_options.h - what tote run and tote test share between the front program and the viewer
 *
 * The front program runs the command. Its viewer process receives the spans, and displays or checks
 * them. Both parse the same command line by the same table.
 *
 * They talk over a socket, descriptor RUN_CONTROL of the viewer:
 *   viewer to front   "HTTP_PORT GRPC_PORT QUEUE_DIRECTORY\n" when it is ready
 *   front to viewer   "EXIT_STATUS\n" when the command ended
 * At the end of the stream, the viewer ends: the front program is done, or it was killed.
 */
#ifndef TOTE_CLI_RUN_OPTIONS_H
#define TOTE_CLI_RUN_OPTIONS_H

#include <limits.h>

#include "program.h"

enum { RUN_CONTROL = 3, RUN_MOST_EXPECTATIONS = 256, RUN_LINE_BYTES = PATH_MAX + 32 };

/* How many spans must match a query. */
struct run_expectation {
    const char *query;
    unsigned least;
    unsigned most;
};

struct run_options {
    bool is_test;
    bool has_separator; /* "--" is before the command */
    /* tote run */
    bool is_web;
    bool is_quiet;
    unsigned port;
    const char *output; /* NULL: none */
    unsigned limit;     /* of the traces that are drawn; 0: all */
    bool skips_preload;
    uint64_t late_ns;    /* how long to wait for spans after the end of the command */
    uint64_t timeout_ns; /* of the command; 0: none */
    uint64_t kill_after_ns;
    /* tote test */
    struct run_expectation expectations[RUN_MOST_EXPECTATIONS];
    size_t expectation_count;
    unsigned exit_status; /* of the command, that is a success */
    const char *junit;    /* NULL: none */
    const char *file;     /* to be checked instead of a command; NULL: none */
};

/*
 * Parse the options of tote run or tote test: argv[0] is "run" or "test". Returns the index of the
 * command in argv, or -1 with the exit status, as program_parse() does. The options are borrowed
 * from argv. `command` is set for error messages.
 */
int run_options_parse(struct run_options *options, struct program_command *command, int argc,
                      char **argv, int *status);

#endif
