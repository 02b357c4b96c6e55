/* SPDX-License-Identifier: MIT */
/*
 * vectors.h - the rows of a file in tests/vectors, each a case
 *
 * Columns are unchanged text, because an escaped `|`, `=` or `;` separates the parts of a column:
 * split first, then unescape.
 */
#ifndef TOTE_TESTS_VECTORS_H
#define TOTE_TESTS_VECTORS_H

#include <stdbool.h>
#include <stddef.h>

enum { VECTORS_COLUMNS = 3, VECTORS_MOST_PARTS = 256 };

/* Some bytes, any of which may be NUL; one more NUL follows. */
struct text {
    char *at;
    size_t length;
};

struct vector_row {
    unsigned line;
    size_t column_count;
    char *columns[VECTORS_COLUMNS];
};

/*
 * Returns whether the row holds; false if its form is not known. It may change the columns' text.
 */
typedef bool (*vector_check)(const struct vector_row *row);

/*
 * Check every row of the file, print those that fail by file and line, and fail the test if there
 * was one, or no row, or no file. The environment variable TOTE_VECTORS may name another directory.
 */
void vectors_check(const char *file, vector_check check);

/* Split `text` at each escaped `separator`. Returns how many parts there are, at least one. */
size_t vectors_split(char *text, char separator, char *parts[VECTORS_MOST_PARTS]);

/* Replace \\, \t, \n, \r and \xHH by the bytes that they mean, in place. */
struct text vectors_unescape(char *text);

/* Remove the prefix from `*rest` if it is there. Returns whether it was. */
bool vectors_take(char **rest, const char *prefix);

/* Remove the text up to the first space from `*rest`; all of it if there is none. */
char *vectors_word(char **rest);

#endif
