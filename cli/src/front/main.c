/* SPDX-License-Identifier: MIT */
/*
 * main.c - the program tote
 *
 * It links libc and libtote-api alone, so that it starts in about a millisecond. Commands that need
 * libcurl, an HTTP server or a terminal library are in helper programs, which replace this process.
 *
 * Tests: tests/cli/test_view.sh, tests/cli/test_send.sh, tests/cli/test_check.sh
 */
#include <stdio.h>
#include <string.h>

#include "cli_os.h"
#include "exec.h"
#include "helper.h"
#include "program.h"
#include "run.h"
#include "span.h"
#include "tote/common.h"

static const struct {
    const char *name;
    const char *summary;
    const char *helper;                /* that runs the command; NULL: this program */
    int (*run)(int argc, char **argv); /* argv[0] is the command */
} commands[] = {
    {"exec", "run a command in a span", NULL, exec_run},
    {"span", "create a span", NULL, span_run},
    {"run", "run a command and draw its traces", NULL, run_command},
    {"test", "run a command and check its spans", NULL, run_command},
    {"view", "receive traces on this machine and display them", "tote-view", NULL},
    {"traces", "list the traces of a running viewer or of files", "tote-view", NULL},
    {"trace", "draw one of them", "tote-view", NULL},
    {"send", "deliver the spans of a disk queue", "tote-send", NULL},
    {"check", "print the configuration in effect, and send one span", "tote-send", NULL},
};

static const size_t command_count = sizeof commands / sizeof *commands;

static int run_named(int argc, char **argv) {
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run ? commands[i].run(argc - 1, argv + 1)
                                   : helper_run(commands[i].helper, argv);
        }
    }
    return program_usage_error(NULL, "unknown command '%s'", argv[1]);
}

/* Print the help of the command that follows, or of the program. */
static int run_help(int argc, char **argv) {
    char help[] = "--help";
    char *arguments[] = {argv[0], argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : help, help, NULL};

    if (argc > 2) {
        return run_named(argc > 3 ? 4 : 3, arguments);
    }
    puts("usage: tote COMMAND [OPTION]... [ARGUMENT]...\n"
         "       tote --version | --help\n\n"
         "OpenTelemetry tracing for programs, scripts and terminals.\n\n"
         "Commands:");
    for (size_t i = 0; i < command_count; i++) {
        printf("  %-8s %s\n", commands[i].name, commands[i].summary);
    }
    printf("  %-8s %s\n", "help", "describe a command");
    puts("\n'tote COMMAND --help' describes a command.");
    return 0;
}

static int run_version(int argc, char **argv) {
    (void)argc, (void)argv;
    printf("tote %s\n", tote_version());
    return 0;
}

/* For shell completions: each command and its summary, separated by a tab. */
static int run_list(int argc, char **argv) {
    (void)argc, (void)argv;
    for (size_t i = 0; i < command_count; i++) {
        printf("%s\t%s\n", commands[i].name, commands[i].summary);
    }
    puts("help\tdescribe a command");
    return 0;
}

static int run_option(int argc, char **argv) {
    static const struct program_entry options[] = {
        {"--version", run_version}, {"-V", run_version},           {"--help", run_help},
        {"-h", run_help},           {"--list-commands", run_list}, {"help", run_help},
    };

    if (argc < 2) {
        return program_usage_error(NULL, "a command is missing");
    }
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (strcmp(argv[1], options[i].name) == 0) {
            return options[i].run(argc, argv);
        }
    }
    return run_named(argc, argv);
}

int main(int argc, char **argv) {
    os_note_program(argv[0]);
    program_begin();
    return program_end(run_option(argc, argv));
}
