/* SPDX-License-Identifier: MIT */
/*
 * format.c - times, ids and kinds of spans as short text
 *
 * Tests: tests/unit/test_waterfall.c, tests/unit/test_tui.c
 */
#include "format.h"

#include <inttypes.h>
#include <stdio.h>

#include "tote/internal/hex.h"

void format_duration(char *text, size_t size, uint64_t nanoseconds, bool is_utf8) {
    double count = (double)nanoseconds;

    if (nanoseconds < 1000) {
        snprintf(text, size, "%" PRIu64 " ns", nanoseconds);
    } else if (count < 999.95e3) {
        snprintf(text, size, "%.1f %ss", count / 1e3, is_utf8 ? "\u00b5" : "u");
    } else if (count < 999.95e6) {
        snprintf(text, size, "%.1f ms", count / 1e6);
    } else if (count < 59.995e9) {
        snprintf(text, size, "%.2f s", count / 1e9);
    } else if (count < 99.95 * 60e9) {
        snprintf(text, size, "%.1f min", count / 60e9);
    } else {
        snprintf(text, size, count < 1e5 * 3600e9 ? "%.1f h" : "%.0e h", count / 3600e9);
    }
}

const char *format_id(char text[FORMAT_ID_BYTES], const uint8_t *id, size_t size) {
    tote__hex_encode(text, id, size);
    text[2 * size] = '\0';
    return text;
}

void format_age(char *text, size_t size, uint64_t milliseconds) {
    static const struct {
        uint64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    uint64_t seconds = milliseconds / 1000;
    size_t i = 0;

    while (units[i].seconds > 1 && seconds < units[i].seconds) {
        i++;
    }
    snprintf(text, size, "%" PRIu64 "%c", seconds / units[i].seconds, units[i].unit);
}

const char *format_kind(tote_span_kind kind, bool is_utf8) {
    static const char *const marks[2][5] = {
        {" ", "<", ">", "}", "{"},
        {" ", "\u2190", "\u2192", "\u21e2", "\u21e0"},
    };

    return marks[is_utf8][kind];
}

const char *format_block(unsigned eighths, bool is_utf8) {
    static const char *const blocks[] = {"",       "\u258f", "\u258e", "\u258d", "\u258c",
                                         "\u258b", "\u258a", "\u2589", "\u2588"};

    return is_utf8 ? blocks[eighths] : "#";
}

/* Exact, so that a picture is the same on every machine. Only years lose their last bits. */
size_t format_position(uint64_t part, uint64_t whole, size_t steps) {
    if (part >= whole) {
        return part ? steps : 0;
    }
    while (steps && whole > UINT64_MAX / steps) {
        part /= 2;
        whole /= 2;
    }
    return (size_t)(part * steps / whole);
}
