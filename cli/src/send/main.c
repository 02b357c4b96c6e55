/* SPDX-License-Identifier: MIT */
/*
 * main.c - the helper program tote-send: commands that send spans
 *
 * Tests: tests/cli/test_send.sh, tests/cli/test_check.sh
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "background.h"
#include "check.h"
#include "program.h"
#include "queue_path.h"
#include "stop.h"

static const uint64_t ms = 1000000;
static const uint64_t default_send_timeout = 30000000000;
static const uint64_t default_check_timeout = 10000000000;
static const uint64_t default_linger = 2000000000;
static const uint64_t day = 86400000000000;

static int send_command(int argc, char **argv) {
    struct send_options options = {.directory = NULL};
    uint64_t timeout = default_send_timeout;
    uint64_t linger = default_linger;
    bool is_background = false;
    char path[PATH_MAX];
    int status;
    const struct program_option table[] = {
        {"timeout", 't', PROGRAM_DURATION, "DURATION", &timeout, 0, day,
         "stop after this time (30s)"},
        {"crash-safe-directory", 0, PROGRAM_TEXT, "DIRECTORY", &options.crash_files, 0, 0,
         "also deliver from the crash-safe files in DIRECTORY, for programs that set the option "
         "crash_safe_directory"},
        {"end-open", 0, PROGRAM_FLAG, NULL, &options.ends_open, 0, 0,
         "end the spans that 'tote span end' has not ended, also those whose owner runs or is not "
         "known; they are marked as unfinished"},
        {"background", 0, PROGRAM_FLAG, NULL, &is_background, 0, 0,
         "print nothing, and wait for more spans; one sender runs for a queue"},
        {"linger", 0, PROGRAM_DURATION, "DURATION", &linger, 0, day,
         "with --background: how long to wait for more spans (2s)"},
    };
    const struct program_command command = {
        .name = "send",
        .arguments = "[DIRECTORY]",
        .summary =
            "Deliver the spans in a disk queue (OTEL_C_DISK_QUEUE_DIRECTORY) to the endpoint that\n"
            "OTEL_EXPORTER_OTLP_ENDPOINT and the related variables set. Stop at the first "
            "response\n"
            "that shows that the endpoint does not accept requests (401, 403, 404, ...), and "
            "leave\n"
            "the rest in the queue.\n\n"
            "DIRECTORY is by default the disk queue of tote exec and tote span:\n"
            "OTEL_C_DISK_QUEUE_DIRECTORY, else that of tote exec and tote span for this receiver.",
        .help = "SIGINT and SIGTERM stop it after the request in flight, which takes up to 5 "
                "seconds. A\n"
                "second signal ends it at once. Requests that a signal interrupts are sent again "
                "later.\n\n"
                "Exit status:\n"
                "  0  the disk queue is empty\n"
                "  1  batches are left in the disk queue, or the directory is not a disk queue\n"
                "  2  wrong usage\n"
                "  3  files cannot be opened, are damaged, or belong to another container\n"
                "  4  the receiver rejected spans, or does not accept requests at this endpoint\n"
                "A signal that stops it, before it is done, also ends it: 130, 143 in a shell.\n",
        .options = table,
        .option_count = sizeof table / sizeof *table,
    };
    int first = program_parse(&command, argc, argv, false, &status);

    if (first < 0) {
        return status;
    }
    if (first + 1 < argc) {
        return program_usage_error(&command, "only one directory is allowed; unexpected '%s'",
                                   argv[first + 1]);
    }
    if (first < argc) {
        options.directory = argv[first];
    } else if (!queue_path(false, path)) {
        return program_usage_error(&command, "the directory of the disk queue is missing");
    } else if (access(path, F_OK) != 0) {
        printf("nothing to deliver: %s does not exist\n", path);
        return EXIT_SUCCESS;
    } else {
        options.directory = path;
    }
    options.timeout_ms = (unsigned)(timeout / ms);
    stop_begin();
    return is_background ? background_run(&options, linger) : send_run(&options);
}

static int check(int argc, char **argv) {
    struct check_options options = {.sends = true};
    uint64_t timeout = default_check_timeout;
    bool sends_nothing = false;
    int status;
    const struct program_option table[] = {
        {"no-send", 0, PROGRAM_FLAG, NULL, &sends_nothing, 0, 0, "send nothing"},
        {"all", 'a', PROGRAM_FLAG, NULL, &options.shows_all, 0, 0,
         "also print the options of Tote that the file does not set"},
        {"json", 'j', PROGRAM_FLAG, NULL, &options.is_json, 0, 0, "print the result as JSON"},
        {"timeout", 't', PROGRAM_DURATION, "DURATION", &timeout, ms, day,
         "stop after this time (10s)"},
    };
    const struct program_command command = {
        .name = "check",
        .arguments = "[FILE]",
        .summary =
            "Print the configuration in effect and where each value came from: a configuration\n"
            "file, the OTEL_* variables or a default. Send one span to each exporter, and report\n"
            "each step: name look-up, connect, TLS, response. No disk queue is used.\n\n"
            "FILE is the configuration file (OTEL_CONFIG_FILE; without it the other variables).",
        .help = "Exit status:\n"
                "  0  every exporter exported the span, or nothing was to be sent\n"
                "  1  an exporter did not export the span\n"
                "  2  wrong usage, or the configuration has an error\n",
        .options = table,
        .option_count = sizeof table / sizeof *table,
    };
    int first = program_parse(&command, argc, argv, false, &status);

    if (first < 0) {
        return status;
    }
    if (first + 1 < argc) {
        return program_usage_error(&command, "only one file is allowed; unexpected '%s'",
                                   argv[first + 1]);
    }
    options.file = first < argc ? argv[first] : NULL;
    options.sends = !sends_nothing;
    options.timeout_ms = (unsigned)(timeout / ms);
    return check_run(&options);
}

int main(int argc, char **argv) {
    static const struct program_entry entries[] = {{"send", send_command}, {"check", check}};

    return program_run(entries, sizeof entries / sizeof *entries, argc, argv);
}
