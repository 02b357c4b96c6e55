/* SPDX-License-Identifier: MIT */
/*
 * fuzz_configuration.c - a configuration file is either refused with errors, or its nodes have
 * positions, paths and values
 */
#include "fuzz.h"

#include <stdio.h>

#include "tote/configuration.h"
#include "tote/diagnostics.h"

enum { MOST_DEPTH = 64, MOST_NODES = 10000, MOST_PROBLEMS = 102 };

struct seen {
    size_t count;
    size_t errors;
    uint32_t line;
};

static void see(const tote_configuration_problem *problem, void *user_data) {
    struct seen *seen = user_data;

    MUST(problem->level == TOTE_LEVEL_ERROR || problem->level == TOTE_LEVEL_WARN);
    MUST((problem->line == 0) == (problem->column == 0));
    MUST(problem->line >= seen->line || problem->line == 0); /* the last ones: of the whole file */
    MUST(*problem->message && problem->path && problem->file);
    seen->line = problem->line;
    seen->errors += problem->level == TOTE_LEVEL_ERROR;
    seen->count++;
}

/* Visit a node. Returns how many there are below it, including itself. */
static size_t visit(const tote_configuration_node *node, unsigned depth) {
    char path[64];
    const char *text = NULL;
    double number = 0;
    int64_t integer = 0;
    bool boolean = false;
    size_t visited = 1;
    tote_configuration_type type = tote_configuration_node_get_type(node);

    MUST(depth <= MOST_DEPTH + 1);
    MUST(tote_configuration_node_get_line(node) && tote_configuration_node_get_column(node));
    size_t length = tote_configuration_node_get_path(node, path, sizeof path);
    MUST(strlen(path) <= length && strlen(path) < sizeof path);
    MUST(type > TOTE_CONFIGURATION_TYPE_MISSING && type <= TOTE_CONFIGURATION_TYPE_MAPPING);
    MUST(tote_configuration_node_read_string(node, &text) ==
         (type == TOTE_CONFIGURATION_TYPE_STRING));
    MUST(tote_configuration_node_read_bool(node, &boolean) ==
         (type == TOTE_CONFIGURATION_TYPE_BOOL));
    MUST(tote_configuration_node_read_double(node, &number) ==
         (type == TOTE_CONFIGURATION_TYPE_INT || type == TOTE_CONFIGURATION_TYPE_DOUBLE));
    MUST(!tote_configuration_node_read_int(node, &integer) || type == TOTE_CONFIGURATION_TYPE_INT ||
         (number <= (double)integer && number >= (double)integer));
    for (size_t i = 0; i < tote_configuration_node_get_count(node); i++) {
        const tote_configuration_node *child = tote_configuration_node_get_at(node, i);
        const char *key = tote_configuration_node_get_key(child);
        MUST(child && (key != NULL) == (type == TOTE_CONFIGURATION_TYPE_MAPPING));
        MUST(!key || tote_configuration_node_get(node, key) == child); /* keys are unique */
        visited += visit(child, depth + 1);
    }
    return visited;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct seen seen = {0, 0, 0};
    tote_configuration_options options = TOTE_CONFIGURATION_OPTIONS_INIT;

    setenv("A", "text: [1]", 1);
    setenv("ONE", "1", 1);
    unsetenv("NONE");
    options.report = see;
    options.user_data = &seen;
    tote_configuration *configuration =
        tote_configuration_parse((const char *)data, size, &options);
    MUST((configuration == NULL) == (seen.errors > 0));
    MUST(seen.count <= MOST_PROBLEMS);
    if (configuration) {
        MUST(visit(tote_configuration_get_root(configuration), 0) <= MOST_NODES);
    }
    tote_configuration_unref(configuration);
    return 0;
}
