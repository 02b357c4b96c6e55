/* SPDX-License-Identifier: MIT */
/*
 * cells.h - a picture of a terminal in memory: rows of cells
 *
 * What is put there is clean text: see terminal_clean().
 */
#ifndef TOTE_CLI_CELLS_H
#define TOTE_CLI_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A style is a colour and attributes. */
enum {
    STYLE_COLOURS = 0x0F,
    STYLE_PLAIN = 0,
    STYLE_SERVICE = 1, /* the first colour of services; there are SERVICE_COLOURS */
    SERVICE_COLOURS = 8,
    STYLE_ERROR = STYLE_SERVICE + SERVICE_COLOURS,
    STYLE_ACCENT,
    STYLE_BOLD = 1 << 4,
    STYLE_DIM = 1 << 5,
    STYLE_REVERSE = 1 << 6,
    STYLE_UNDERLINE = 1 << 7
};

enum { CELL_BYTES = 14 };

struct cell {
    char text[CELL_BYTES]; /* a character with its combining marks; "": right half of a wide one */
    uint16_t style;
};

/* Begins as all zero, except is_utf8. */
struct surface {
    size_t rows;
    size_t columns;
    bool is_utf8; /* otherwise a question mark replaces what is not ASCII */
    struct cell *cells;
};

/* Set the size, and clear. Returns false if out of memory: the surface is then empty. */
bool surface_resize(struct surface *surface, size_t rows, size_t columns);

void surface_clear(struct surface *surface);
void surface_free(struct surface *surface);

/* Return a cell inside of the surface. */
struct cell *surface_cell(const struct surface *surface, size_t row, size_t column);

/* Add attributes to cells of a row. */
void surface_add_style(struct surface *surface, size_t row, size_t column, size_t columns,
                       unsigned style);

/* Write text of the row, without trailing spaces, to a buffer of 4 * columns + 1 bytes. */
void surface_row_text(const struct surface *surface, size_t row, char *out, size_t size);

/* A position in a row, and the column where writing ends. */
struct pen {
    struct surface *surface;
    size_t row;
    size_t column;
    size_t end;
};

/* Return a pen for `columns` columns; they are clipped at the edges of the surface. */
struct pen pen_at(struct surface *surface, size_t row, size_t column, size_t columns);

/* Return how many columns are left. */
size_t pen_left(const struct pen *pen);

/* Write clean text. If it does not fit, an ellipsis ends it. */
void pen_put(struct pen *pen, unsigned style, const char *text);

/* Write formatted text that is at most 255 bytes long. */
void pen_print(struct pen *pen, unsigned style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Write clean text in exactly this many columns: padded, or cut with an ellipsis. */
void pen_field(struct pen *pen, unsigned style, const char *text, size_t columns);

/* The same, at the right edge of the columns. */
void pen_right(struct pen *pen, unsigned style, const char *text, size_t columns);

void pen_skip(struct pen *pen, size_t columns);

/* Write the glyph of UTF-8 or the one of ASCII. */
void pen_glyph(struct pen *pen, unsigned style, const char *utf8, const char *ascii);

#endif
