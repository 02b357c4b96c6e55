/* SPDX-License-Identifier: MIT */
/*
 * problems.c - collects the problems of a configuration file, and reports them in its order
 *
 * Tests: tests/unit/test_configuration_file.c
 */
#include <stdarg.h>
#include <stdio.h>

#include "file.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/tracer.h"

static const char component[] = "configuration";

struct tote__problem {
    struct tote__problem *next;
    tote_level level;
    uint32_t line;
    uint32_t column;
    const char *path;
    const char *message;
};

static bool is_before(const struct tote__problem *a, const struct tote__problem *b) {
    return a->line < b->line || (a->line == b->line && a->column <= b->column);
}

static void add(struct tote__file *file, struct tote__problem found, const char *path,
                const char *message) {
    struct tote__problem **at = &file->problems;
    struct tote__problem *problem;

    file->is_refused = file->is_refused || found.level == TOTE_LEVEL_ERROR;
    if (file->problem_count++ >= TOTE__MOST_PROBLEMS) {
        return;
    }
    problem = tote__arena_allocate(&file->memory, sizeof *problem);
    found.path = problem ? tote__arena_text(&file->memory, path, strlen(path)) : NULL;
    found.message = found.path ? tote__arena_text(&file->memory, message, strlen(message)) : NULL;
    if (!found.message) {
        file->is_out_of_memory = true;
        return;
    }
    while (*at && is_before(*at, &found)) {
        at = &(*at)->next;
    }
    found.next = *at;
    *problem = found;
    *at = problem;
}

static void format_message(char message[TOTE__PROBLEM_BYTES], const char *format,
                           va_list arguments) {
    int length = vsnprintf(message, TOTE__PROBLEM_BYTES, format, arguments);
    const struct tote__writer written = {message, TOTE__PROBLEM_BYTES - 1,
                                         length < 0 ? 0 : (size_t)length};
    size_t kept = tote__replace_controls(message, tote__written(&written));

    message[kept] = '\0';
}

void tote__file_problem(struct tote__file *file, tote_level level, uint32_t line, uint32_t column,
                        const char *path, const char *format, ...) {
    char message[TOTE__PROBLEM_BYTES];
    va_list arguments;

    va_start(arguments, format);
    format_message(message, format, arguments);
    va_end(arguments);
    add(file, (struct tote__problem){.level = level, .line = line, .column = column},
        path ? path : "", message);
}

void tote__file_node_problem(struct tote__file *file, tote_level level,
                             const tote_configuration_node *node, bool is_at_key,
                             const char *format, va_list arguments) {
    char message[TOTE__PROBLEM_BYTES];
    char path[TOTE__PROBLEM_BYTES] = "";
    struct tote__problem problem = {.level = level};

    format_message(message, format, arguments);
    if (node) {
        problem.line = is_at_key ? node->key_line : node->line;
        problem.column = is_at_key ? node->key_column : node->column;
        tote_configuration_node_get_path(node, path, sizeof path);
    }
    add(file, problem, path, message);
}

void tote__file_error(struct tote__file *file, const tote_configuration_node *node,
                      const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    tote__file_node_problem(file, TOTE_LEVEL_ERROR, node, false, format, arguments);
    va_end(arguments);
}

void tote__file_key_problem(struct tote__file *file, tote_level level,
                            const tote_configuration_node *node, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    tote__file_node_problem(file, level, node, true, format, arguments);
    va_end(arguments);
}

void tote__file_position(const char *text, size_t offset, uint32_t *line, uint32_t *column) {
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset; i++) {
        *column += ((unsigned char)text[i] & 0xC0) != 0x80;
        if (text[i] == '\n') {
            ++*line;
            *column = 1;
        }
    }
}

static void pass_on(const tote_configuration_problem *problem,
                    const tote_configuration_options *options) {
    char position[64] = "";

    if (options && options->report) {
        options->report(problem, options->user_data);
        return;
    }
    if (problem->line) {
        snprintf(position, sizeof position, ":%u:%u", problem->line, problem->column);
    }
    tote__diagnose_each((tote_level)problem->level, component, "%s%s: %s%s%s", problem->file,
                        position, problem->path, *problem->path ? ": " : "", problem->message);
}

static void report_whole(const struct tote__file *file, const tote_configuration_options *options,
                         tote_level level, const char *message) {
    pass_on(&(tote_configuration_problem){.struct_size = sizeof(tote_configuration_problem),
                                          .level = level,
                                          .file = file->name,
                                          .path = "",
                                          .message = message},
            options);
}

void tote__file_report(struct tote__file *file, const tote_configuration_options *options) {
    for (const struct tote__problem *problem = file->problems; problem; problem = problem->next) {
        pass_on(&(tote_configuration_problem){.struct_size = sizeof(tote_configuration_problem),
                                              .level = problem->level,
                                              .line = problem->line,
                                              .column = problem->column,
                                              .file = file->name,
                                              .path = problem->path,
                                              .message = problem->message},
                options);
    }
    if (file->problem_count > TOTE__MOST_PROBLEMS) {
        char message[64];
        snprintf(message, sizeof message, "there are %zu more problems",
                 file->problem_count - TOTE__MOST_PROBLEMS);
        report_whole(file, options, file->is_refused ? TOTE_LEVEL_ERROR : TOTE_LEVEL_WARN, message);
    }
    if (file->is_out_of_memory) {
        report_whole(file, options, TOTE_LEVEL_ERROR,
                     "out of memory: the file is not used, and not all problems are listed");
    }
    tote__arena_clear(&file->memory);
    file->problems = NULL;
}

static _Thread_local struct tote__file *collecting;

void tote__file_collect(struct tote__file *file) {
    collecting = file;
}

void tote_configuration_node_report(const tote_configuration_node *node, uint32_t level,
                                    const tote_configuration_options *options, const char *format,
                                    ...) {
    tote_configuration_options own = TOTE_CONFIGURATION_OPTIONS_INIT;
    const tote_configuration_node *root = node;
    char message[TOTE__PROBLEM_BYTES];
    char path[TOTE__PROBLEM_BYTES];
    va_list arguments;

    if (!node || !format) {
        return;
    }
    TOTE__COPY_OPTIONS(tote_configuration_options, &own, options);
    while (root->parent) {
        root = root->parent;
    }
    va_start(arguments, format);
    format_message(message, format, arguments);
    va_end(arguments);
    tote_configuration_node_get_path(node, path, sizeof path);
    if (collecting && !own.report) {
        tote__file_problem(collecting, (tote_level)level, node->line, node->column, path, "%s",
                           message);
        return;
    }
    pass_on(&(tote_configuration_problem){.struct_size = sizeof(tote_configuration_problem),
                                          .level = level,
                                          .line = node->line,
                                          .column = node->column,
                                          .file = ((const tote_configuration *)root)->name,
                                          .path = path,
                                          .message = message},
            &own);
}
