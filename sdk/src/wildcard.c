/* SPDX-License-Identifier: MIT */
/*
 * wildcard.c - patterns of names
 *
 * Only the last `*` is ever tried with more text: an earlier one has matched as little as possible.
 *
 * Tests: tests/unit/test_tracer_rules.c
 */
#include "tote/internal/wildcard.h"

/* Return the text after one character. */
static const char *after_character(const char *text) {
    text++;
    while (((unsigned char)*text & 0xC0) == 0x80) {
        text++;
    }
    return text;
}

bool tote__wildcard_matches(const char *pattern, const char *text) {
    const char *after_star = NULL; /* in the pattern */
    const char *retry = NULL;      /* in the text, where it is tried next */

    while (*text) {
        if (*pattern == '*') {
            after_star = ++pattern;
            retry = text;
        } else if (*pattern == '?') {
            pattern++;
            text = after_character(text);
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (after_star) {
            pattern = after_star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return !*pattern;
}
