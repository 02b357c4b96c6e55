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
    {"run", "run a command and draw its traces", NULL, run_command},
    {"span", "create a span", NULL, span_run},
    {"view", "receive traces on this machine and display them", "tote-view", NULL},
    {"send", "deliver the spans of a disk queue", "tote-send", NULL},
    {"check", "print the configuration in effect, and send one span", "tote-send", NULL},
};

static void print_usage(void) {
    puts("usage: tote COMMAND [OPTION]... [ARGUMENT]...\n"
         "       tote --version | --help\n\n"
         "Commands:");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        printf("  %-8s %s\n", commands[i].name, commands[i].summary);
    }
    puts("\n'tote COMMAND --help' describes a command.");
}

static int run(int argc, char **argv) {
    if (argc < 2) {
        return program_usage_error(NULL, "a command is missing");
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("tote %s\n", tote_version());
        return 0;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage();
        return 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run ? commands[i].run(argc - 1, argv + 1)
                                   : helper_run(commands[i].helper, argv);
        }
    }
    return program_usage_error(NULL, "unknown command '%s'", argv[1]);
}

int main(int argc, char **argv) {
    program_begin();
    return program_end(run(argc, argv));
}
