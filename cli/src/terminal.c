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

static size_t width_of(FILE *out, bool is_terminal) {
    const char *columns = getenv("COLUMNS");
    struct winsize size = {0};
    size_t width = columns ? strtoul(columns, NULL, 10) : 0;

    if (!width && is_terminal && ioctl(fileno(out), TIOCGWINSZ, &size) == 0) {
        width = size.ws_col;
    }
    if (!width) {
        width = PIPE_WIDTH;
    }
    return width < LEAST_WIDTH ? LEAST_WIDTH : tote__min(width, MOST_WIDTH);
}

struct terminal terminal_of(FILE *out) {
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool is_terminal = isatty(fileno(out));
    bool is_dumb = !term || strcmp(term, "dumb") == 0;

    return (struct terminal){
        .out = out,
        .width = width_of(out, is_terminal),
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

/* A control character, of ASCII or of the second set (U+0080 to U+009F), or one that turns text around. */
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

const char *terminal_clean(struct tote__arena *arena, const char *text, size_t length) {
    size_t repaired = tote__utf8_repaired_length(text, length);
    char *valid = tote__arena_allocate(arena, repaired + 1);
    char *clean = tote__arena_allocate(arena, 3 * repaired + 1);
    char *out = clean;

    if (!valid || !clean) {
        return "";
    }
    tote__utf8_repair(valid, text, length);
    for (size_t i = 0; i < repaired;) {
        size_t size = control_size(valid + i, repaired - i);
        if (size) {
            memcpy(out, "\xEF\xBF\xBD", 3);
            out += 3;
            i += size;
        } else {
            *out++ = valid[i++];
        }
    }
    *out = '\0';
    return clean;
}
