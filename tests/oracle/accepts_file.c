/* SPDX-License-Identifier: MIT */
/*
 * accepts_file.c - parses a configuration in each line of the input, and writes a line with 1 if it
 * is accepted, else with 0 and its first error
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "tote/configuration.h"
#include "tote/diagnostics.h"

static char problem_text[2048];

static void see(const tote_configuration_problem *problem, void *user_data) {
    (void)user_data;
    if (problem->level == TOTE_LEVEL_ERROR && !*problem_text) {
        snprintf(problem_text, sizeof problem_text, "%u:%u: %s: %s", problem->line, problem->column,
                 problem->path, problem->message);
    }
}

int main(void) {
    tote_configuration_options options = TOTE_CONFIGURATION_OPTIONS_INIT;
    char *line = NULL;
    size_t size = 0;
    ssize_t length;

    options.report = see;
    while ((length = getline(&line, &size, stdin)) > 0) {
        *problem_text = '\0';
        tote_configuration *configuration =
            tote_configuration_parse(line, (size_t)length, &options);
        printf("%d %s\n", configuration != NULL, problem_text);
        tote_configuration_unref(configuration);
    }
    free(line);
    return 0;
}
