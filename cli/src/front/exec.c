/* SPDX-License-Identifier: MIT */
/*
 * exec.c - tote exec: a span around a command
 *
 * Tests: tests/cli/test_exec.sh
 */
#include "exec.h"

#include "program.h"
#include "supervise.h"

#define DAY_NS 86400000000000U

struct settings {
    uint64_t timeout_ns;
    uint64_t kill_after_ns;
    bool is_quiet;
};

static int run_command(const struct program_command *command, const struct settings *settings,
                       char **argv) {
    const struct supervise_options options = {
        .argv = argv,
        .timeout_ns = settings->timeout_ns,
        .kill_after_ns = settings->kill_after_ns,
    };
    struct supervise supervise;
    char problem[64];

    if (supervise_start(&supervise, &options)) {
        supervise_wait(&supervise, &options);
    } else {
        program_report(command, "cannot run '%s': %s", argv[0],
                       supervise_problem(&supervise, problem, sizeof problem));
    }
    return supervise_end(&supervise);
}

int exec_run(int argc, char **argv) {
    struct settings settings = {.is_quiet = false};
    const struct program_option options[] = {
        {.name = "timeout",
         .kind = PROGRAM_DURATION,
         .value = "DURATION",
         .target = &settings.timeout_ns,
         .least = 1,
         .most = 365 * DAY_NS,
         .help = "send SIGTERM to the command after this time"},
        {.name = "kill-after",
         .letter = 'k',
         .kind = PROGRAM_DURATION,
         .value = "DURATION",
         .target = &settings.kill_after_ns,
         .least = 1,
         .most = 365 * DAY_NS,
         .help = "send SIGKILL this long after a SIGTERM"},
    };
    const struct program_command command = {
        .name = "exec",
        .arguments = "[--] COMMAND [ARGUMENT]...",
        .summary = "Run a command in a span.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int status;
    int first = program_parse(&command, argc, argv, true, &status);

    if (first < 0) {
        return status;
    }
    if (first == argc) {
        return program_usage_error(&command, "a command is missing");
    }
    return run_command(&command, &settings, argv + first);
}
