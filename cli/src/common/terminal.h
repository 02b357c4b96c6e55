/* SPDX-License-Identifier: MIT */
/*
 * terminal.h - what the output can display
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

/*
 * Return the colour and width of a terminal; other output is plain and has 100 columns. NO_COLOR
 * turns colour off. COLUMNS sets the width if no terminal reports one.
 */
struct terminal terminal_of(FILE *out);

/*
 * Return how many columns a clean text takes, or its first code point: for example two for Chinese
 * and none for a combining accent.
 */
size_t terminal_columns(const char *text);
size_t terminal_next_columns(const char *text);

/* Return the text after the first code point of a clean text that is not empty. */
const char *terminal_after_code_point(const char *text);

enum { TERMINAL_LONGEST = 4096 };

/*
 * Return a copy that is safe to display: its first TERMINAL_LONGEST bytes, with repaired UTF-8 and
 * with U+FFFD for each character that would control the terminal or the layout of the line.
 * Returns: "" if out of memory.
 */
const char *terminal_clean(struct tote__arena *arena, const char *text, size_t length);

/* Write escape codes; nothing without colour. */
void terminal_paint(const struct terminal *terminal, const char *code);

void terminal_put_spaces(const struct terminal *terminal, size_t count);

/*
 * Write one code point of a clean text. If the terminal does not use UTF-8, a question mark
 * replaces what is not ASCII, because its bytes may be an escape code there. Returns the text
 * after it.
 */
const char *terminal_put_code_point(const struct terminal *terminal, const char *text);

void terminal_put_ellipsis(const struct terminal *terminal);

/* Write a clean text in exactly this many columns, at least one: padded, or cut with an ellipsis.
 */
void terminal_put_cell(const struct terminal *terminal, const char *text, size_t columns);

#endif
