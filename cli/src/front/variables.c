/* SPDX-License-Identifier: MIT */
/*
 * variables.c - the variables that carry a context: in the environment, in a file, for a shell
 *
 * Tests: tests/unit/test_command_line.c, tests/cli/test_span.sh
 */
#include "variables.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tote/internal/os.h"
#include "tote/internal/text.h"

enum { NAME_BYTES = 64, MOST_FILE_BYTES = 1 << 20 };

void variables_clear(struct variables *variables) {
    free(variables->text);
    *variables = (struct variables){.count = 0};
}

/* Return the length of the name of an item: up to '=', or all of it. */
static size_t name_length(const char *item) {
    return strcspn(item, "=");
}

static char **find(struct variables *variables, const char *name) {
    size_t length = name_length(name);

    for (size_t i = 0; i < variables->count; i++) {
        if (name_length(variables->items[i]) == length &&
            strncmp(variables->items[i], name, length) == 0) {
            return &variables->items[i];
        }
    }
    return NULL;
}

const char *variables_get(const struct variables *variables, const char *name) {
    char **item = find((struct variables *)variables, name);
    const char *equals = item ? strchr(*item, '=') : NULL;

    return equals ? equals + 1 : NULL;
}

void variables_set(struct variables *variables, char *item) {
    char **place = find(variables, item);

    if (place) {
        *place = item;
    } else if (variables->count < VARIABLES_MOST) {
        variables->items[variables->count++] = item;
        variables->items[variables->count] = NULL;
    }
}

/* Remove the quotes of a shell from a value, in place: 'a'\''b', "a". */
static void unquote(char *text) {
    char *out = text;
    char quote = '\0';

    for (const char *at = text; *at; at++) {
        if (!quote && (*at == '\'' || *at == '"')) {
            quote = *at;
        } else if (quote && *at == quote) {
            quote = '\0';
        } else {
            at += *at == '\\' && quote != '\'' && at[1];
            *out++ = *at;
        }
    }
    *out = '\0';
}

static bool is_name(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char c = tote__lower(text[i]);
        if (!((c >= 'a' && c <= 'z') || c == '_' || (i && c >= '0' && c <= '9'))) {
            return false;
        }
    }
    return length && length < NAME_BYTES;
}

static void read_lines(struct variables *variables) {
    static const char export[] = "export ";

    for (char *line = variables->text; line;) {
        char *end = strchr(line, '\n');
        if (end) {
            *end++ = '\0';
        }
        line[strcspn(line, "\r")] = '\0';
        line += strspn(line, " \t");
        line += strncmp(line, export, sizeof export - 1) == 0 ? sizeof export - 1 : 0;
        size_t length = name_length(line);
        if (line[length] && is_name(line, length)) {
            unquote(line + length + 1);
            variables_set(variables, line);
        }
        line = end;
    }
}

bool variables_read(struct variables *variables, const char *path) {
    *variables = (struct variables){.count = 0};
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) {
        return errno == ENOENT;
    }
    variables->text = malloc(MOST_FILE_BYTES);
    if (!variables->text) {
        close(file);
        errno = ENOMEM;
        return false;
    }
    errno = 0;
    size_t size = tote__os_read(file, variables->text, MOST_FILE_BYTES - 1);
    int error = errno;
    close(file);
    variables->text[size] = '\0';
    read_lines(variables);
    errno = error;
    return error == 0;
}

bool variables_write(const struct variables *variables, const char *path) {
    char aside[PATH_MAX];
    FILE *out = NULL;
    int file = -1;

    if ((size_t)snprintf(aside, sizeof aside, "%s.XXXXXX", path) < sizeof aside) {
        file = mkstemp(aside);
    } else {
        errno = ENAMETOOLONG;
    }
    if (file >= 0 && !(out = fdopen(file, "w"))) {
        close(file);
    }
    if (file < 0) {
        return false;
    }
    bool is_written = out;
    if (out) {
        variables_print(variables, out, false);
        is_written = fflush(out) == 0;
        is_written = fclose(out) == 0 && is_written && rename(aside, path) == 0;
    }
    int error = errno;
    if (!is_written) {
        unlink(aside);
    }
    errno = error;
    return is_written;
}

void variables_each_name(void (*function)(void *arg, const char *name), void *arg) {
    tote_propagator *propagator = tote_propagator_ref_global();
    const char *field;

    for (size_t i = 0; (field = tote_propagator_get_field(propagator, i)); i++) {
        char name[NAME_BYTES];
        size_t length = 0;
        for (; field[length] && length < sizeof name - 1; length++) {
            char c = tote__lower(field[length]);
            name[length] = c >= 'a' && c <= 'z'   ? (char)(c - 'a' + 'A')
                           : c >= '0' && c <= '9' ? c
                                                  : '_';
        }
        name[length] = '\0';
        if (!field[length]) {
            function(arg, name);
        }
    }
    tote_propagator_unref(propagator);
}

/* The names are appended to the buffer of the environment. */
static void add_name(void *arg, const char *name) {
    tote_environment *environment = arg;
    size_t size = strlen(name) + 1;

    if (size <= environment->size && environment->count + 1 < environment->capacity) {
        memcpy(environment->buffer, name, size);
        environment->variables[environment->count++] = environment->buffer;
        environment->buffer += size;
        environment->size -= size;
    }
}

bool variables_of_context(struct variables *variables, const tote_context *context) {
    enum { NAMES_BYTES = 4096 };
    char *names[VARIABLES_MOST + 1];
    char *injected[VARIABLES_MOST + 1] = {NULL};
    size_t size = NAMES_BYTES + TOTE_INJECT_BUFFER_BYTES;
    char *text = malloc(size);

    *variables = (struct variables){.text = text};
    if (!text) {
        return false;
    }
    tote_environment list = {names, 0, VARIABLES_MOST, text, NAMES_BYTES};
    tote_environment carrier = {injected, 0, VARIABLES_MOST, text + NAMES_BYTES,
                                TOTE_INJECT_BUFFER_BYTES};
    variables_each_name(add_name, &list);
    for (size_t i = 0; i < list.count; i++) {
        variables_set(variables, names[i]);
    }
    tote_propagator *propagator = tote_propagator_ref_global();
    tote_propagator_inject(propagator, context, &carrier, tote_environment_setter());
    tote_propagator_unref(propagator);
    for (size_t i = 0; i < carrier.count; i++) {
        variables_set(variables, injected[i]);
    }
    return true;
}

static void print_value(const char *value, FILE *out) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=./:,@%";

    if (value[strspn(value, plain)] == '\0') {
        fputs(value, out);
        return;
    }
    putc('\'', out);
    for (; *value; value++) {
        if (*value == '\'') {
            fputs("'\\''", out);
        } else {
            putc(*value == '\n' ? ' ' : *value, out);
        }
    }
    putc('\'', out);
}

void variables_print(const struct variables *variables, FILE *out, bool is_export) {
    for (size_t i = 0; i < variables->count; i++) {
        const char *item = variables->items[i];
        size_t length = name_length(item);
        if (!is_name(item, length)) {
            continue;
        }
        if (item[length]) {
            fprintf(out, "%s%.*s=", is_export ? "export " : "", (int)length, item);
            print_value(item + length + 1, out);
            putc('\n', out);
        } else if (is_export && getenv(item)) {
            fprintf(out, "unset %s\n", item);
        }
    }
}
