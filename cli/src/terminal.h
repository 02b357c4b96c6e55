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

/*
 * Colour and width of a terminal, plain and 100 columns for anything else. NO_COLOR turns colour
 * off; COLUMNS counts where there is no terminal that knows its width.
 */
struct terminal terminal_of(FILE *out);

/*
 * How many columns a clean text takes, or its first code point: two, if that is Chinese; none, if
 * it is an accent.
 */
size_t terminal_columns(const char *text);
size_t terminal_next_columns(const char *text);

/* What is behind the first code point of a clean text that is not empty. */
const char *terminal_after_code_point(const char *text);

enum { TERMINAL_LONGEST = 4096 };

/*
 * A copy that may be shown: repaired UTF-8, U+FFFD for each character that would control the
 * terminal or the layout of the line, so that no span can; its first TERMINAL_LONGEST bytes.
 * Returns "" if out of memory.
 */
const char *terminal_clean(struct tote__arena *arena, const char *text, size_t length);

/* Escape codes where there is colour, nothing elsewhere. */
void terminal_paint(const struct terminal *terminal, const char *code);

void terminal_put_spaces(const struct terminal *terminal, size_t count);

/*
 * One code point of a clean text. Where the terminal does not read UTF-8 it is a question mark
 * unless it is ASCII, because the bytes of a letter may be an escape code there. Returns: what
 * is behind it.
 */
const char *terminal_put_code_point(const struct terminal *terminal, const char *text);

void terminal_put_ellipsis(const struct terminal *terminal);

/* A clean text in just so many columns, one at least: filled up, or cut with an ellipsis. */
void terminal_put_cell(const struct terminal *terminal, const char *text, size_t columns);

#endif
