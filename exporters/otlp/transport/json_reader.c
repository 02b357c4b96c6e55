/* SPDX-License-Identifier: MIT */
/*
 * json_reader.c - a JSON text in one pass. RFC 8259
 */
#include "json_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tote/internal/text.h"

enum { LONGEST_INTEGER = 20 };

struct tote__json_source tote__json_source_of(const void *text, size_t size) {
    const char *at = size ? text : "";

    return (struct tote__json_source){.at = at, .end = at + size};
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct tote__json_source *json) {
    while (json->at < json->end && is_blank(*json->at)) {
        json->at++;
    }
}

/* What comes next; NUL at the end and when it is broken. */
static char peek(struct tote__json_source *json) {
    skip_blanks(json);
    return json->at < json->end && !json->is_broken ? *json->at : '\0';
}

static bool take(struct tote__json_source *json, char expected) {
    if (peek(json) != expected) {
        json->is_broken = true;
        return false;
    }
    json->at++;
    return true;
}

/* Room for text; what does not fit is left out. */
struct sink {
    char *out;
    size_t size;
    size_t length;
};

static void put(struct sink *sink, const char *bytes, size_t size) {
    if (size > sink->size - sink->length) {
        sink->size = sink->length; /* nor does what follows */
    } else if (size) {
        memcpy(sink->out + sink->length, bytes, size);
        sink->length += size;
    }
}

static bool read_unit(struct tote__json_source *json, uint32_t *unit) {
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        char c = json->at < json->end ? *json->at++ : '\0';
        uint32_t digit = (uint32_t)(c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        if (digit > 15 || c == '\0') {
            json->is_broken = true;
            return false;
        }
        *unit = *unit << 4 | digit;
    }
    return true;
}

static void put_code_point(struct sink *sink, uint32_t c) {
    char bytes[4];
    size_t size = 0;

    if (c < 0x80) {
        bytes[size++] = (char)c;
    } else if (c < 0x800) {
        bytes[size++] = (char)(0xC0 | c >> 6);
    } else if (c < 0x10000) {
        bytes[size++] = (char)(0xE0 | c >> 12);
    } else {
        bytes[size++] = (char)(0xF0 | c >> 18);
        bytes[size++] = (char)(0x80 | (c >> 12 & 0x3F));
    }
    if (c >= 0x800) {
        bytes[size++] = (char)(0x80 | (c >> 6 & 0x3F));
    }
    if (c >= 0x80) {
        bytes[size++] = (char)(0x80 | (c & 0x3F));
    }
    put(sink, bytes, size);
}

/* Behind \u: one unit of UTF-16, or two. A half without its other half becomes U+FFFD. */
static void read_code_point(struct tote__json_source *json, struct sink *sink) {
    uint32_t c = 0;
    uint32_t low = 0;

    if (!read_unit(json, &c)) {
        return;
    }
    bool is_high = c >= 0xD800 && c < 0xDC00;
    if (is_high && json->end - json->at >= 2 && json->at[0] == '\\' && json->at[1] == 'u') {
        struct tote__json_source second = *json;
        second.at += 2;
        if (read_unit(&second, &low) && low >= 0xDC00 && low < 0xE000) {
            *json = second;
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    put_code_point(sink, c >= 0xD800 && c < 0xE000 ? 0xFFFD : c);
}

static void read_escape(struct tote__json_source *json, struct sink *sink) {
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    char c = json->at < json->end ? *json->at++ : '\0';
    const char *letter = c ? strchr(letters, c) : NULL;

    if (letter) {
        put(sink, &meanings[letter - letters], 1);
    } else if (c == 'u') {
        read_code_point(json, sink);
    } else {
        json->is_broken = true;
    }
}

static size_t read_text(struct tote__json_source *json, char *out, size_t size) {
    struct sink sink = {out, size, 0};

    if (!take(json, '"')) {
        return 0;
    }
    while (!json->is_broken) {
        const char *start = json->at;
        while (json->at < json->end && (unsigned char)*json->at >= 0x20 && *json->at != '"' &&
               *json->at != '\\') {
            json->at++;
        }
        put(&sink, start,
            (size_t)(json->at - start) <= sink.size - sink.length ? (size_t)(json->at - start)
                                                                  : sink.size - sink.length);
        char c = json->at < json->end ? *json->at++ : '\0';
        if (c == '"') {
            break;
        }
        if (c == '\\') {
            read_escape(json, &sink);
        } else {
            json->is_broken = true;
        }
    }
    return sink.length;
}

static size_t skip_digits(struct tote__json_source *json) {
    const char *start = json->at;

    while (json->at < json->end && *json->at >= '0' && *json->at <= '9') {
        json->at++;
    }
    return (size_t)(json->at - start);
}

static bool is_at(const struct tote__json_source *json, char a, char b) {
    return json->at < json->end && (*json->at == a || *json->at == b);
}

static void skip_number(struct tote__json_source *json) {
    json->at += is_at(json, '-', '-');
    bool has_zero = is_at(json, '0', '0');
    size_t digits = skip_digits(json);

    json->is_broken |= digits == 0 || (has_zero && digits > 1);
    if (is_at(json, '.', '.')) {
        json->at++;
        json->is_broken |= skip_digits(json) == 0;
    }
    if (is_at(json, 'e', 'E')) {
        json->at++;
        json->at += is_at(json, '+', '-');
        json->is_broken |= skip_digits(json) == 0;
    }
}

static void skip_word(struct tote__json_source *json, const char *word) {
    size_t length = strlen(word);

    if ((size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0) {
        json->is_broken = true;
        return;
    }
    json->at += length;
}

static bool deepen(struct tote__json_source *json) {
    json->is_broken |= json->depth == TOTE__JSON_DEPTH;
    json->depth += !json->is_broken;
    return !json->is_broken;
}

static void skip_array(struct tote__json_source *json) {
    tote__json_enter_array(json);
    while (tote__json_next_item(json)) {
        tote__json_skip(json);
    }
}

static void skip_object(struct tote__json_source *json) {
    char key[1];

    tote__json_enter(json);
    while (tote__json_next(json, key, sizeof key)) {
        tote__json_skip(json);
    }
}

void tote__json_skip(struct tote__json_source *json) {
    char c = peek(json);

    if (c == '{') {
        skip_object(json);
    } else if (c == '[') {
        skip_array(json);
    } else if (c == '"') {
        read_text(json, NULL, 0);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        skip_number(json);
    } else {
        skip_word(json, c == 't' ? "true" : c == 'f' ? "false" : "null");
    }
}

static bool enter(struct tote__json_source *json, char bracket) {
    if (peek(json) != bracket) {
        tote__json_skip(json);
        return false;
    }
    take(json, bracket);
    json->is_first = true;
    return deepen(json);
}

/* Go to what follows in an object or array. Returns: false at its end. */
static bool next(struct tote__json_source *json, char bracket) {
    bool is_first = json->is_first;

    json->is_first = false;
    if (peek(json) == bracket) {
        json->at++;
        json->depth--;
        return false;
    }
    if (!is_first) {
        take(json, ',');
    }
    json->is_broken |= peek(json) == '\0';
    return !json->is_broken;
}

bool tote__json_enter(struct tote__json_source *json) {
    return enter(json, '{');
}

bool tote__json_enter_array(struct tote__json_source *json) {
    return enter(json, '[');
}

bool tote__json_next_item(struct tote__json_source *json) {
    return next(json, ']');
}

bool tote__json_next(struct tote__json_source *json, char *key, size_t size) {
    if (!next(json, '}')) {
        return false;
    }
    size_t length = read_text(json, key, size - 1);
    key[length] = '\0';
    return take(json, ':') && !json->is_broken;
}

size_t tote__json_read_text(struct tote__json_source *json, char *out, size_t size) {
    if (peek(json) != '"') {
        tote__json_skip(json);
        return 0;
    }
    return read_text(json, out, size);
}

bool tote__json_skip_null(struct tote__json_source *json) {
    bool is_null = peek(json) == 'n';

    if (is_null) {
        tote__json_skip(json);
    }
    return is_null;
}

bool tote__json_read_integer(struct tote__json_source *json, int64_t *integer) {
    char text[LONGEST_INTEGER + 1] = "";
    char *end = NULL;
    size_t length = 0;

    if (peek(json) == '"') {
        length = read_text(json, text, sizeof text);
    } else {
        const char *start = json->at;
        tote__json_skip(json);
        length = tote__min((size_t)(json->at - start), sizeof text);
        memcpy(text, start, length);
    }
    bool is_one = length > 0 && length < sizeof text && !json->is_broken &&
                  (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'));
    int error = errno;
    text[sizeof text - 1] = '\0';
    errno = 0;
    *integer = strtoll(text, &end, 10);
    is_one = is_one && end == text + length && errno == 0;
    errno = error;
    return is_one;
}

bool tote__json_is_over(struct tote__json_source *json) {
    skip_blanks(json);
    return !json->is_broken && json->at == json->end;
}
