/* SPDX-License-Identifier: MIT */
/*
 * rows.h - the rows of a file in tests/vectors, as they are written there
 *
 * Columns are not unescaped: an escaped | or = parts what is in one, so whoever reads it splits
 * first.
 */
#ifndef TOTE_TESTS_ROWS_H
#define TOTE_TESTS_ROWS_H

#include <stdio.h>
#include <string.h>

#include "support.h"

enum { ROWS_LINE_BYTES = 4096, ROWS_MOST_COLUMNS = 4 };

struct rows {
    FILE *file;
    char line[ROWS_LINE_BYTES];
    char *columns[ROWS_MOST_COLUMNS];
};

static inline struct rows rows_open(const char *name) {
    char path[512];

    snprintf(path, sizeof path, TOTE_TEST_SOURCE_DIR "/vectors/%s", name);
    struct rows rows = {.file = fopen(path, "r")};
    assert_non_null(rows.file);
    return rows;
}

/* The next row that is no comment and no blank line; closes the file after the last. */
static inline bool rows_next(struct rows *rows) {
    while (fgets(rows->line, sizeof rows->line, rows->file)) {
        char *rest = rows->line;
        rows->line[strcspn(rows->line, "\n")] = '\0';
        if (rows->line[0] == '#' || !strchr(rows->line, '\t')) {
            continue;
        }
        for (size_t i = 0; i < ROWS_MOST_COLUMNS; i++) {
            rows->columns[i] = strsep(&rest, "\t");
        }
        return true;
    }
    fclose(rows->file);
    return false;
}

/* Take the text up to `separator` off `*rest`, NULL at the end. */
static inline char *rows_part(char **rest, const char *separator) {
    char *part = *rest;
    char *end = part ? strstr(part, separator) : NULL;

    if (end) {
        *end = '\0';
    }
    *rest = end ? end + strlen(separator) : NULL;
    return part;
}

/* Replace \t, \n, \r, \\ and \xHH by what they stand for. Returns: `text`. */
static inline char *rows_unescape(char *text) {
    static const char letters[] = "tnr\\";
    static const char meanings[] = "\t\n\r\\";
    char *to = text;

    for (const char *from = text; *from;) {
        unsigned byte;
        const char *letter = *from == '\\' && from[1] ? strchr(letters, from[1]) : NULL;
        if (letter) {
            *to++ = meanings[letter - letters];
            from += 2;
        } else if (sscanf(from, "\\x%2x", &byte) == 1) {
            *to++ = (char)byte;
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    return text;
}

#endif
