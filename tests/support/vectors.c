/* SPDX-License-Identifier: MIT */
/*
 * vectors.c - the rows of a file in tests/vectors
 */
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static struct vector_row read_row(char *text, unsigned line) {
    struct vector_row row = {.line = line};

    while (text && row.column_count < VECTORS_MOST_COLUMNS) {
        row.columns[row.column_count++] = strsep(&text, "\t");
    }
    return row;
}

void vectors_check(const char *file, vector_check check) {
    char path[1024];
    char *text = NULL;
    size_t size = 0;
    unsigned line = 0;
    unsigned rows = 0;
    unsigned failed = 0;

    snprintf(path, sizeof path, "%s/vectors/%s", TOTE_TEST_SOURCE_DIR, file);
    FILE *stream = fopen(path, "r");
    if (!stream) {
        fail_msg("%s: no such file", path);
    }
    while (getline(&text, &size, stream) >= 0) {
        line++;
        text[strcspn(text, "\n")] = '\0';
        if (text[0] == '#' || !text[0]) {
            continue;
        }
        struct vector_row row = read_row(text, line);
        rows++;
        if (row.column_count < 3 || !check(&row)) {
            print_error("%s:%u does not hold: %s\n", file, line,
                        row.column_count < 3 ? "less than three columns" : row.columns[2]);
            failed++;
        }
    }
    free(text);
    fclose(stream);
    if (failed || !rows) {
        fail_msg("%s: %u of %u rows do not hold", file, failed, rows);
    }
}

size_t vectors_split(char *text, char separator, char *parts[VECTORS_MOST_PARTS]) {
    size_t count = 1;

    parts[0] = text;
    while (*text) {
        if (*text != '\\' || !text[1]) {
            text++;
            continue;
        }
        if (text[1] == separator && count < VECTORS_MOST_PARTS) {
            *text = '\0';
            parts[count++] = text + 2;
        }
        text += 2;
    }
    return count;
}

struct text vectors_unescape(char *text) {
    static const char letters[] = "\\tnr";
    static const char meanings[] = "\\\t\n\r";
    char *to = text;

    for (const char *from = text; *from;) {
        const char *letter = from[0] == '\\' && from[1] ? strchr(letters, from[1]) : NULL;
        unsigned byte;
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
    return (struct text){text, (size_t)(to - text)};
}

char *vectors_word(char **rest) {
    char *word = *rest;

    strsep(rest, " ");
    if (!*rest) {
        *rest = word + strlen(word);
    }
    return word;
}
