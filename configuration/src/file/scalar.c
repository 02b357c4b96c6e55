/* SPDX-License-Identifier: MIT */
/*
 * scalar.c - the type of a plain scalar, by the core schema of YAML 1.2
 *
 * `yes`, `no`, `on` and `off` are texts. An integer outside 64 bits becomes a double.
 *
 * Tests: tests/unit/test_configuration_file.c
 */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "configuration.h"
#include "file.h"
#include "tote/internal/hex.h"

static bool is_one_of(const char *text, const char *const *names) {
    while (*names && strcmp(text, *names) != 0) {
        names++;
    }
    return *names != NULL;
}

static const char *const null_names[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const true_names[] = {"true", "True", "TRUE", NULL};
static const char *const false_names[] = {"false", "False", "FALSE", NULL};
static const char *const infinity_names[] = {".inf", ".Inf", ".INF", NULL};
static const char *const nan_names[] = {".nan", ".NaN", ".NAN", NULL};

static void set_double(tote_configuration_node *node, double number) {
    node->type = TOTE_CONFIGURATION_TYPE_DOUBLE;
    node->as.number = number;
}

/* Return whether the text is decimal digits with an optional point and exponent. */
static bool is_decimal(const char *text) {
    static const char digits[] = "0123456789";
    size_t whole;
    size_t fraction = 0;

    text += *text == '-' || *text == '+';
    whole = strspn(text, digits);
    text += whole;
    if (*text == '.') {
        fraction = strspn(text + 1, digits);
        text += 1 + fraction;
    }
    if (!whole && !fraction) {
        return false;
    }
    if (*text == 'e' || *text == 'E') {
        text += text[1] == '-' || text[1] == '+' ? 2 : 1;
        return *text && strspn(text, digits) == strlen(text);
    }
    return !*text;
}

bool tote__parse_decimal(const char *text, double *number) {
    int error = errno;
    locale_t plain = is_decimal(text) ? newlocale(LC_ALL_MASK, "C", (locale_t)0) : (locale_t)0;

    if (plain) {
        locale_t before = uselocale(plain);
        *number = strtod(text, NULL);
        uselocale(before);
        freelocale(plain);
    }
    errno = error;
    return plain != (locale_t)0;
}

static bool set_decimal(tote_configuration_node *node, const char *text) {
    double number;

    if (!tote__parse_decimal(text, &number)) {
        return false;
    }
    set_double(node, number);
    return true;
}

/*
 * Parse an integer of decimal, 0o or 0x digits. One that is too large is a double; with 0o or 0x it
 * is a text.
 */
static bool set_integer(tote_configuration_node *node, const char *text) {
    bool is_negative = *text == '-';
    const char *start = text;
    uint64_t magnitude = 0;
    bool fits = true;
    unsigned base = 10;

    if (*text == '-' || *text == '+') {
        text++;
    } else if (text[0] == '0' && (text[1] == 'o' || text[1] == 'x')) {
        base = text[1] == 'o' ? 8 : 16;
        text += 2;
    }
    if (!*text) {
        return false;
    }
    for (; *text; text++) {
        unsigned digit = tote__hex_digit(tote__lower(*text));
        if (digit >= base) {
            return false;
        }
        fits = fits && magnitude <= ((uint64_t)INT64_MAX - digit) / base;
        magnitude = magnitude * base + digit;
    }
    if (!fits) {
        return set_decimal(node, start);
    }
    node->type = TOTE_CONFIGURATION_TYPE_INT;
    node->as.integer = is_negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

void tote__scalar_resolve(tote_configuration_node *node, const char *text, size_t length) {
    const char *unsigned_text = text + (*text == '-' || *text == '+');

    if (strlen(text) == length) {
        if (is_one_of(text, null_names)) {
            node->type = TOTE_CONFIGURATION_TYPE_NULL;
            return;
        }
        if (is_one_of(text, true_names) || is_one_of(text, false_names)) {
            node->type = TOTE_CONFIGURATION_TYPE_BOOL;
            node->as.boolean = is_one_of(text, true_names);
            return;
        }
        if (is_one_of(unsigned_text, infinity_names)) {
            set_double(node, *text == '-' ? -INFINITY : INFINITY);
            return;
        }
        if (is_one_of(text, nan_names)) {
            set_double(node, NAN);
            return;
        }
        if (set_integer(node, text) || set_decimal(node, text)) {
            return;
        }
    }
    node->type = TOTE_CONFIGURATION_TYPE_STRING;
    node->as.text.at = text;
    node->as.text.length = length;
}
