/* SPDX-License-Identifier: MIT */
/*
 * terminal.c - width, colour, and safe text
 *
 * Tests: tests/unit/test_waterfall.c, tests/cli/test_view.sh
 */
#include "terminal.h"

#include <langinfo.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "tote/internal/api_os.h"
#include "tote/internal/text.h"

enum { PIPE_WIDTH = 100, LEAST_WIDTH = 40, MOST_WIDTH = 400 };

/* Returns NULL in a program with elevated privileges, too. */
static const char *user_variable(const char *name) {
    return tote__is_privileged() ? NULL : getenv(name);
}

static size_t width_of(FILE *out) {
    const char *columns = user_variable("COLUMNS");
    struct winsize size = {0};

    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col) {
        return size.ws_col;
    }
    return columns && *columns ? strtoul(columns, NULL, 10) : PIPE_WIDTH;
}

struct terminal terminal_of(FILE *out) {
    const char *no_color = user_variable("NO_COLOR");
    const char *term = user_variable("TERM");
    bool is_terminal = isatty(fileno(out));
    size_t width = width_of(out);
    bool is_dumb = !term || strcmp(term, "dumb") == 0;

    return (struct terminal){
        .out = out,
        .width = width < LEAST_WIDTH ? LEAST_WIDTH : tote__min(width, MOST_WIDTH),
        .has_colour = is_terminal && !is_dumb && !(no_color && *no_color),
        .is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
    };
}

/* Return the length of the first code point in bytes. */
static size_t code_point_size(const char *text) {
    size_t size = 1;

    while (((unsigned char)text[size] & 0xC0) == 0x80) {
        size++;
    }
    return size;
}

const char *terminal_after_code_point(const char *text) {
    return text + code_point_size(text);
}

/* Decode one code point of valid UTF-8 that has this size. */
static uint32_t decode(const char *text, size_t size) {
    unsigned char first = (unsigned char)*text;
    uint32_t code_point = size == 1 ? first : first & (0xFFU >> (size + 1));

    for (size_t i = 1; i < size; i++) {
        code_point = code_point << 6 | (text[i] & 0x3F);
    }
    return code_point;
}

size_t terminal_next_columns(const char *text) {
    size_t size = code_point_size(text);
    wchar_t code_point = (wchar_t)decode(text, size);
    int columns = size == 1 ? 1 : wcwidth(code_point);
    return columns < 0 ? 1 : (size_t)columns; /* unknown to the locale */
}

size_t terminal_columns(const char *text) {
    size_t columns = 0;

    for (; *text; text += code_point_size(text)) {
        columns += terminal_next_columns(text);
    }
    return columns;
}

/*
 * Return whether the code point of this size controls the terminal or the layout of the line, or is
 * an invisible tag. Joiners are kept: emoji and some scripts need them.
 */
static bool is_control(const char *text, size_t size) {
    uint32_t code_point;

    return tote__control_size(text, size, &code_point) || (decode(text, size) & ~0x7FU) == 0xE0000;
}

/* Valid UTF-8 that is read code point by code point. */
struct text {
    const char *at;
    size_t left;
};

/* Read the next code point. Returns its text, or U+FFFD for a control character. */
static const char *next_clean(struct text *text, size_t *size) {
    static const char replacement[] = "\xEF\xBF\xBD";
    const char *at = text->at;
    size_t length = 1;

    while (length < text->left && ((unsigned char)at[length] & 0xC0) == 0x80) {
        length++;
    }
    text->at += length;
    text->left -= length;
    bool is_replaced = is_control(at, length);
    *size = is_replaced ? sizeof replacement - 1 : length;
    return is_replaced ? replacement : at;
}

static size_t clean_length(struct text text) {
    size_t clean = 0;

    while (text.left) {
        size_t size;
        next_clean(&text, &size);
        clean += size;
    }
    return clean;
}

const char *terminal_clean(struct tote__arena *arena, const char *text, size_t length) {
    char valid[3 * TERMINAL_LONGEST]; /* a byte that is not UTF-8 becomes three */

    length = tote__utf8_cut(text, length, TERMINAL_LONGEST);
    size_t valid_size = (size_t)(tote__utf8_repair(valid, text, length) - valid);
    struct text left = {valid, valid_size};
    char *clean = tote__arena_allocate(arena, clean_length(left) + 1);
    char *out = clean;
    if (!clean) {
        return "";
    }
    while (left.left) {
        size_t size;
        const char *next = next_clean(&left, &size);
        memcpy(out, next, size);
        out += size;
    }
    *out = '\0';
    return clean;
}

void terminal_paint(const struct terminal *terminal, const char *code) {
    if (terminal->has_colour) {
        fprintf(terminal->out, "\033[%sm", code);
    }
}

void terminal_put_spaces(const struct terminal *terminal, size_t count) {
    fprintf(terminal->out, "%*s", (int)count, "");
}

const char *terminal_put_code_point(const struct terminal *terminal, const char *text) {
    size_t size = code_point_size(text);

    if (size > 1 && !terminal->is_utf8) {
        fputc('?', terminal->out);
    } else {
        fwrite(text, 1, size, terminal->out);
    }
    return text + size;
}

void terminal_put_ellipsis(const struct terminal *terminal) {
    fputs(terminal->is_utf8 ? "\u2026" : "~", terminal->out);
}

void terminal_put_cell(const struct terminal *terminal, const char *text, size_t columns) {
    bool is_cut = terminal_columns(text) > columns;
    size_t room = is_cut ? columns - 1 : columns;
    size_t used = 0;

    while (*text && used + terminal_next_columns(text) <= room) {
        used += terminal_next_columns(text);
        text = terminal_put_code_point(terminal, text);
    }
    if (is_cut) {
        terminal_put_ellipsis(terminal);
        used++;
    }
    terminal_put_spaces(terminal, columns - used);
}
