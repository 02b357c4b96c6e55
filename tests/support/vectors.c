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

    while (text) {
        char *column = strsep(&text, "\t");
        if (row.column_count < VECTORS_COLUMNS) {
            row.columns[row.column_count] = column;
        }
        row.column_count++;
    }
    return row;
}

/* Return the file, opened. Fails the test if there is none. */
static FILE *open_table(const char *file) {
    const char *directory = getenv("TOTE_VECTORS");
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", directory ? directory : TOTE_TEST_SOURCE_DIR "/vectors",
             file);
    FILE *stream = fopen(path, "r");
    if (!stream) {
        fail_msg("%s: no such file", path);
    }
    return stream;
}

void vectors_check(const char *file, vector_check check) {
    FILE *stream = open_table(file);
    char *text = NULL;
    size_t size = 0;
    unsigned line = 0;
    unsigned rows = 0;
    unsigned failed = 0;

    while (getline(&text, &size, stream) >= 0) {
        line++;
        text[strcspn(text, "\n")] = '\0';
        if (text[0] == '#' || !text[0]) {
            continue;
        }
        struct vector_row row = read_row(text, line);
        rows++;
        bool is_readable = row.column_count == VECTORS_COLUMNS;
        if (!is_readable || !check(&row)) {
            print_error("%s:%u does not hold: %s\n", file, line,
                        is_readable ? row.columns[2] : "it does not have three columns");
            failed++;
        }
    }
    free(text);
    fclose(stream);
    print_message("%s: %u rows\n", file, rows); /* check_rows.py counts them, too */
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

bool vectors_take(char **rest, const char *prefix) {
    size_t length = strlen(prefix);
    bool is_there = strncmp(*rest, prefix, length) == 0;

    *rest += is_there ? length : 0;
    return is_there;
}

char *vectors_word(char **rest) {
    char *word = *rest;

    strsep(rest, " ");
    if (!*rest) {
        *rest = word + strlen(word);
    }
    return word;
}
