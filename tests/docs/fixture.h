/* SPDX-License-Identifier: MIT */
/*
 * fixture.h - for the harnesses of code blocks: an SDK that keeps spans, and a check that exits
 */
#ifndef TOTE_TESTS_DOCS_FIXTURE_H
#define TOTE_TESTS_DOCS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tote/exporters/in_memory.h>
#include <tote/tote.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition);          \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static inline void check_attribute(const tote_span_data *span, const char *key,
                                   const char *expected) {
    char text[256] = "";
    const tote_value *value = span ? tote_span_data_get_attribute(span, key) : NULL;

    if (value) {
        tote_value_to_text(*value, text, sizeof text);
    }
    if (strcmp(text, expected) != 0) {
        fprintf(stderr, "%s is '%s' instead of '%s'\n", key, text, expected);
        exit(1);
    }
}

#endif
