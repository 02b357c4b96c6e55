/* SPDX-License-Identifier: MIT */
/*
 * cells.c - a picture of a terminal in memory
 *
 * Tests: tests/unit/test_tui.c
 */
#include "cells.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "terminal.h"

bool surface_resize(struct surface *surface, size_t rows, size_t columns) {
    surface_free(surface);
    surface->cells = tote__allocate_zeroed(rows * columns * sizeof *surface->cells);
    if (!surface->cells) {
        return false;
    }
    surface->rows = rows;
    surface->columns = columns;
    surface_clear(surface);
    return true;
}

void surface_clear(struct surface *surface) {
    static const struct cell blank = {" ", STYLE_PLAIN};

    for (size_t i = 0; i < surface->rows * surface->columns; i++) {
        surface->cells[i] = blank;
    }
}

void surface_free(struct surface *surface) {
    tote__release(surface->cells, surface->rows * surface->columns * sizeof *surface->cells);
    surface->cells = NULL;
    surface->rows = surface->columns = 0;
}

struct cell *surface_cell(const struct surface *surface, size_t row, size_t column) {
    return &surface->cells[row * surface->columns + column];
}

void surface_add_style(struct surface *surface, size_t row, size_t column, size_t columns,
                       unsigned style) {
    for (size_t i = column; row < surface->rows && i < column + columns; i++) {
        if (i < surface->columns) {
            surface_cell(surface, row, i)->style |= (uint16_t)style;
        }
    }
}

void surface_row_text(const struct surface *surface, size_t row, char *out, size_t size) {
    size_t length = 0;
    size_t end = 0;

    for (size_t i = 0; i < surface->columns; i++) {
        const char *text = surface_cell(surface, row, i)->text;
        size_t bytes = strlen(text);
        if (length + bytes + 1 > size) {
            break;
        }
        memcpy(out + length, text, bytes);
        length += bytes;
        end = bytes && strcmp(text, " ") != 0 ? length : end;
    }
    out[end] = '\0';
}

struct pen pen_at(struct surface *surface, size_t row, size_t column, size_t columns) {
    size_t width = row < surface->rows ? surface->columns : 0;
    size_t from = column < width ? column : width;

    return (struct pen){surface, row, from, columns < width - from ? from + columns : width};
}

size_t pen_left(const struct pen *pen) {
    return pen->end - pen->column;
}

/*
 * Whether a code point joins others or selects how they look. Terminals disagree about the width of
 * the result, so these are left out.
 */
static bool is_joiner(const char *text, size_t size) {
    return size == 3 &&
           (memcmp(text, "\xE2\x80\x8C", 3) == 0 || memcmp(text, "\xE2\x80\x8D", 3) == 0 ||
            (memcmp(text, "\xEF\xB8", 2) == 0 && (unsigned char)text[2] <= 0x8F));
}

/* Add a combining mark to the previous character, if there is space in its cell. */
static void join(struct pen *pen, const char *text, size_t size) {
    struct cell *cell = surface_cell(pen->surface, pen->row, pen->column - 1);

    cell -= !*cell->text && pen->column > 1; /* from the right half of a wide character */
    size_t length = strlen(cell->text);
    if (length + size < CELL_BYTES) {
        memcpy(cell->text + length, text, size);
    }
}

/* Put one code point. It fits: the caller has checked that. */
static void put_code_point(struct pen *pen, unsigned style, const char *text, size_t size,
                           size_t columns) {
    if (columns == 0) {
        if (pen->column && !is_joiner(text, size)) {
            join(pen, text, size);
        }
        return;
    }
    for (size_t i = 0; i < columns; i++) {
        struct cell *cell = surface_cell(pen->surface, pen->row, pen->column++);
        *cell = (struct cell){"", (uint16_t)style};
        if (i == 0) {
            memcpy(cell->text, text, size);
        }
    }
}

/* Put text up to this column; what does not fit is left out. Returns whether all fits. */
static bool put_until(struct pen *pen, unsigned style, const char *text, size_t end) {
    while (*text) {
        const char *after = terminal_after_code_point(text);
        size_t size = (size_t)(after - text);
        size_t columns = terminal_next_columns(text);
        if (pen->column + columns > end) {
            return false;
        }
        if (size > 1 && !pen->surface->is_utf8) {
            put_code_point(pen, style, "?", 1, 1);
        } else {
            put_code_point(pen, style, text, size, columns);
        }
        text = after;
    }
    return true;
}

static void put_cut(struct pen *pen, unsigned style, const char *text, size_t end) {
    if (pen->column >= end) {
        return;
    }
    bool fits = terminal_columns(text) <= end - pen->column;
    put_until(pen, style, text, fits ? end : end - 1);
    if (!fits) {
        pen_glyph(pen, style, "\u2026", "~");
    }
}

void pen_put(struct pen *pen, unsigned style, const char *text) {
    put_cut(pen, style, text, pen->end);
}

void pen_print(struct pen *pen, unsigned style, const char *format, ...) {
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pen_put(pen, style, text);
}

/* Fill up to a column with spaces. */
static void fill(struct pen *pen, unsigned style, size_t end) {
    while (pen->column < end) {
        put_code_point(pen, style, " ", 1, 1);
    }
}

void pen_field(struct pen *pen, unsigned style, const char *text, size_t columns) {
    size_t end = pen->column + tote__min(columns, pen_left(pen));

    put_cut(pen, style, text, end);
    fill(pen, style, end);
}

void pen_right(struct pen *pen, unsigned style, const char *text, size_t columns) {
    size_t needed = terminal_columns(text);
    size_t end = pen->column + tote__min(columns, pen_left(pen));

    if (needed < end - pen->column) {
        fill(pen, style, end - needed);
    }
    pen_field(pen, style, text, end - pen->column);
}

void pen_skip(struct pen *pen, size_t columns) {
    pen->column += tote__min(columns, pen_left(pen));
}

void pen_glyph(struct pen *pen, unsigned style, const char *utf8, const char *ascii) {
    put_until(pen, style, pen->surface->is_utf8 ? utf8 : ascii, pen->end);
}
