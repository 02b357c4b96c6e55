/* SPDX-License-Identifier: MIT */
/*
 * terminal.c - width, colour, and text that does no harm
 */
#include "terminal.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tote/internal/text.h"

enum { PIPE_WIDTH = 100, LEAST_WIDTH = 40, MOST_WIDTH = 400 };

static size_t width_of(FILE *out) {
    const char *columns = getenv("COLUMNS");
    struct winsize size = {0};

    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col) {
        return size.ws_col;
    }
    return columns && *columns ? strtoul(columns, NULL, 10) : PIPE_WIDTH;
}

struct terminal terminal_of(FILE *out) {
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
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

size_t terminal_columns(const char *text) {
    size_t columns = 0;

    for (; *text; text++) {
        columns += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return columns;
}

/* A control character, of ASCII or from U+0080 to U+009F, or one that turns text around. */
static size_t control_size(const char *text, size_t length) {
    unsigned char c = (unsigned char)text[0];

    if (c < 0x20 || c == 0x7F) {
        return 1;
    }
    if (c == 0xC2 && length > 1 && (unsigned char)text[1] < 0xA0) {
        return 2;
    }
    if (c == 0xE2 && length > 2) {
        unsigned char second = (unsigned char)text[1];
        unsigned char third = (unsigned char)text[2];
        bool is_direction = (second == 0x80 && third >= 0xAA && third <= 0xAE) ||
                            (second == 0x81 && third >= 0xA6 && third <= 0xA9);
        return is_direction ? 3 : 0;
    }
    return 0;
}

/* How long the text is with three bytes for each control character. */
static size_t clean_length(const char *text, size_t length) {
    size_t clean = 0;

    for (size_t i = 0; i < length;) {
        size_t control = control_size(text + i, length - i);
        clean += control ? 3 : 1;
        i += control ? control : 1;
    }
    return clean;
}

const char *terminal_clean(struct tote__arena *arena, const char *text, size_t length) {
    char valid[3 * TERMINAL_LONGEST]; /* a byte that is no code point becomes three */
    char *clean;
    char *out;

    length = tote__utf8_cut(text, length, TERMINAL_LONGEST);
    size_t size = (size_t)(tote__utf8_repair(valid, text, length) - valid);
    clean = out = tote__arena_allocate(arena, clean_length(valid, size) + 1);
    if (!clean) {
        return "";
    }
    for (size_t i = 0; i < size;) {
        size_t control = control_size(valid + i, size - i);
        if (control) {
            memcpy(out, "\xEF\xBF\xBD", 3);
            out += 3;
            i += control;
        } else {
            *out++ = valid[i++];
        }
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

/* The bytes of the code point that the text begins with. */
static size_t code_point_size(const char *text) {
    size_t size = 1;

    while (((unsigned char)text[size] & 0xC0) == 0x80) {
        size++;
    }
    return size;
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
    size_t has = terminal_columns(text);

    for (size_t left = has <= columns ? has : columns - 1; left > 0; left--) {
        text = terminal_put_code_point(terminal, text);
    }
    if (has > columns) {
        terminal_put_ellipsis(terminal);
    } else {
        terminal_put_spaces(terminal, columns - has);
    }
}
