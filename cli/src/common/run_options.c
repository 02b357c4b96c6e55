/* SPDX-License-Identifier: MIT */
/*
 * run_options.c - the options of tote run and tote test
 *
 * Tests: tests/cli/test_run.sh, tests/cli/test_test.sh
 */
#include "run_options.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t second = 1000000000;
static const uint64_t day = 86400000000000;

enum { MOST_PORT = 65535, MOST_STATUS = 255, RUN_ONLY = 2, TEST_ONLY = 6 };

static const char *add_expectation(struct run_options *options, struct run_expectation wanted) {
    if (options->expectation_count == RUN_MOST_EXPECTATIONS) {
        return "is one expectation too many (the limit is 256)";
    }
    options->expectations[options->expectation_count++] = wanted;
    return NULL;
}

static const char *on_expect(void *arg, const char *value) {
    return add_expectation(arg, (struct run_expectation){value, 1, UINT_MAX});
}

static const char *on_forbid(void *arg, const char *value) {
    return add_expectation(arg, (struct run_expectation){value, 0, 0});
}

/* Read a count of digits. Returns what is after it. */
static const char *read_count(const char *text, unsigned *count) {
    char *end = (char *)(uintptr_t)text;

    if (*text >= '0' && *text <= '9') {
        unsigned long number = strtoul(text, &end, 10);
        *count = number < UINT_MAX ? (unsigned)number : UINT_MAX;
    }
    return end;
}

/* N, N.., ..N or N..M */
static const char *on_times(void *arg, const char *value) {
    static const char bad[] = "is not a count such as 3, 2..5, 2.. or ..5";
    struct run_options *options = arg;

    struct run_expectation *wanted =
        options->expectation_count ? &options->expectations[options->expectation_count - 1] : NULL;
    if (!wanted || wanted->most == 0) {
        return "has no --expect before it";
    }
    unsigned least = 0;
    unsigned most = UINT_MAX;
    const char *dots = read_count(value, &least);
    bool has_least = dots > value;
    if (!*dots && has_least) {
        most = least;
    } else if (strncmp(dots, "..", 2) != 0 || (!dots[2] && !has_least) ||
               *read_count(dots + 2, &most) || least > most) {
        return bad;
    }
    if (least == 0 && most == UINT_MAX) {
        return "is met by any number of spans";
    }
    wanted->least = least;
    wanted->most = most;
    return NULL;
}

static const char run_help[] =
    "The command gets variables that send its spans to the viewer: OTEL_TRACES_EXPORTER and\n"
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT always; OTEL_EXPORTER_OTLP_ENDPOINT, the protocol and\n"
    "OTEL_SERVICE_NAME unless they are set. TRACEPARENT is removed. TOTE_VIEW_URL is the address\n"
    "for tote traces and tote trace.\n\n"
    "Exit status: that of the command, or\n"
    "  2      wrong usage\n"
    "  124    the command timed out\n"
    "  125    the viewer does not start\n"
    "  126    the command is not executable\n"
    "  127    the command was not found\n"
    "  128+n  signal n killed the command\n";

static const char test_help[] =
    "Exit status:\n"
    "  0      the command succeeded, and every expectation is met\n"
    "  1      an expectation is not met, or spans could not be checked\n"
    "  2      wrong usage\n"
    "  125    the viewer does not start\n"
    "  other  that of the command, which failed, as in tote run\n";

static struct program_command describe(bool is_test) {
    if (is_test) {
        return (struct program_command){
            .name = "test",
            .arguments = "--expect QUERY... -- COMMAND [ARGUMENT]...",
            .summary = "Run a command, receive its spans, and check them. Each --expect must match "
                       "at least\none span; --times sets how many. No span may match a --forbid.",
            .help = test_help,
        };
    }
    return (struct program_command){
        .name = "run",
        .arguments = "[--] COMMAND [ARGUMENT]...",
        .summary = "Run a command, receive its spans, and draw its traces on standard error at the "
                   "end.\nWith --web, print the address of a page instead, and keep it until "
                   "Ctrl-C.",
        .help = run_help,
    };
}

int run_options_parse(struct run_options *options, struct program_command *command, int argc,
                      char **argv, int *status) {
    struct program_call expect = {on_expect, options};
    struct program_call forbid = {on_forbid, options};
    struct program_call times = {on_times, options};
    const struct program_option table[] = {
        /* tote test */
        {"expect", 'e', PROGRAM_CALL, "QUERY", &expect, 0, 0,
         "a span must match, for example 'service=shop name~GET error=0'"},
        {"times", 0, PROGRAM_CALL, "N", &times, 0, 0,
         "as many spans must match the --expect before: N, N..M, N.. or ..M"},
        {"forbid", 'f', PROGRAM_CALL, "QUERY", &forbid, 0, 0, "no span may match"},
        {"exit-status", 0, PROGRAM_NUMBER, "N", &options->exit_status, 0, MOST_STATUS,
         "the exit status of the command that is a success (0)"},
        {"junit", 0, PROGRAM_TEXT, "FILE", &options->junit, 0, 0,
         "write the results to FILE as JUnit XML"},
        {"file", 0, PROGRAM_TEXT, "FILE", &options->file, 0, 0,
         "check the traces of FILE; no command is run"},
        /* both */
        {"quiet", 'q', PROGRAM_FLAG, NULL, &options->is_quiet, 0, 0, "draw no traces"},
        {"limit", 'n', PROGRAM_NUMBER, "N", &options->limit, 0, UINT_MAX,
         "draw at most N traces (20); 0: all"},
        {"output", 'o', PROGRAM_TEXT, "FILE", &options->output, 0, 0,
         "write the traces to FILE as OTLP/JSON, one on a line"},
        {"no-preload", 0, PROGRAM_FLAG, NULL, &options->skips_preload, 0, 0,
         "do not preload the objects that trace libcurl and threads"},
        {"late", 0, PROGRAM_DURATION, "DURATION", &options->late_ns, 0, day,
         "how long to wait for missing spans at the end (1s)"},
        {"timeout", 't', PROGRAM_DURATION, "DURATION", &options->timeout_ns, 1, day,
         "send SIGTERM to the command after this time"},
        {"kill-after", 0, PROGRAM_DURATION, "DURATION", &options->kill_after_ns, 1, day,
         "send SIGKILL this long after a SIGTERM"},
        /* tote run */
        {"web", 'w', PROGRAM_FLAG, NULL, &options->is_web, 0, 0,
         "print the address of a page with the traces, and keep it until Ctrl-C"},
        {"port", 'p', PROGRAM_NUMBER, "N", &options->port, 0, MOST_PORT,
         "port of the page and of OTLP over HTTP (a free one)"},
    };
    const size_t count = sizeof table / sizeof *table;
    bool is_test = strcmp(argv[0], "test") == 0;

    *options = (struct run_options){.is_test = is_test, .limit = 20, .late_ns = second};
    *command = describe(is_test);
    command->options = is_test ? table : table + TEST_ONLY;
    command->option_count = count - (is_test ? RUN_ONLY : TEST_ONLY);
    int first = program_parse(command, argc, argv, true, status);
    command->options = NULL; /* the table is local */
    return first;
}
