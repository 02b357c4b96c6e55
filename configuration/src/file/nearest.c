/* SPDX-License-Identifier: MIT */
/*
 * nearest.c - finds the known name that a misspelled name resembles
 *
 * Tests: tests/unit/test_configuration_schema.c
 */
#include "file.h"

enum { MOST_LENGTH = 63 };

/* Return the number of changed, missing or additional characters, or of swapped neighbours.
 * Upper and lower case are equal. */
static size_t distance(const char *a, const char *b) {
    size_t rows[3][MOST_LENGTH + 1]; /* two rows before, the row before, this row */
    size_t length = strlen(b);

    if (length > MOST_LENGTH) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= length; j++) {
        rows[1][j] = j;
    }
    for (size_t i = 1; a[i - 1]; i++) {
        rows[2][0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t best = tote__min(rows[1][j], rows[2][j - 1]) + 1;
            best =
                tote__min(best, rows[1][j - 1] + (tote__lower(a[i - 1]) != tote__lower(b[j - 1])));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = tote__min(best, rows[0][j - 2] + 1);
            }
            rows[2][j] = best;
        }
        memcpy(rows[0], rows[1], sizeof rows[0]);
        memcpy(rows[1], rows[2], sizeof rows[1]);
    }
    return rows[1][length];
}

/* Return whether one name is the other with or without the suffix of experimental keys. */
static bool differs_in_suffix(const char *a, const char *b) {
    static const char suffix[] = "/development";
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    const char *longer = a_length > b_length ? a : b;
    size_t shorter = tote__min(a_length, b_length);

    return memcmp(a, b, shorter) == 0 && strcmp(longer + shorter, suffix) == 0;
}

const char *tote__nearest_name(const char *name, const void *names, size_t stride) {
    size_t least = strlen(name) / 3 + 1; /* a change of every third character at most */
    const char *nearest = NULL;

    if (strlen(name) > MOST_LENGTH) {
        return NULL;
    }
    for (const char *at = names; at && *(const char *const *)at; at += stride) {
        const char *candidate = *(const char *const *)at;
        if (differs_in_suffix(name, candidate)) {
            return candidate;
        }
        size_t changes = distance(name, candidate);
        if (changes < least) {
            least = changes;
            nearest = candidate;
        }
    }
    return nearest;
}
