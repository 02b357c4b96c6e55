/* SPDX-License-Identifier: MIT */
/*
 * terminal.h - what the place that we write to can show
 */
#ifndef TOTE_CLI_TERMINAL_H
#define TOTE_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tote/internal/memory.h"

struct terminal {
    FILE *out;
    size_t width;
    bool has_colour;
    bool is_utf8;
};

/* Colour and width of a terminal, plain and 100 columns for anything else; NO_COLOR and COLUMNS count. */
struct terminal terminal_of(FILE *out);

/* How many columns the text takes: one for each code point. */
size_t terminal_columns(const char *text);

/*
 * A copy that may be shown: repaired UTF-8, U+FFFD for each control character, so that nobody's
 * span can speak to the terminal. "" when memory is out.
 */
const char *terminal_clean(struct tote__arena *arena, const char *text, size_t length);

#endif
