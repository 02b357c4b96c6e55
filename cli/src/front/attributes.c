/* SPDX-License-Identifier: MIT */
/*
 * attributes.c - attributes of a command line
 *
 * Tests: tests/unit/test_attributes.c
 */
#include "attributes.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tote/internal/hex.h"
#include "tote/internal/text.h"

enum { DEEPEST = 32 };

/* A JSON text that is read. */
struct reader {
    const char *at;
    struct tote__arena *memory;
    unsigned depth;
};

static bool read_value(struct reader *reader, tote_value *value);

static void skip_blanks(struct reader *reader) {
    reader->at += strspn(reader->at, " \t\r\n");
}

/* Skip this character and the blanks before it. Returns false if it is another one. */
static bool skip(struct reader *reader, char c) {
    skip_blanks(reader);
    bool is_it = *reader->at == c;
    reader->at += is_it;
    return is_it;
}

static bool read_word(struct reader *reader, const char *word) {
    size_t length = strlen(word);
    bool is_it = strncmp(reader->at, word, length) == 0;

    reader->at += is_it ? length : 0;
    return is_it;
}

/* Skip the number. Returns false if it is not one of JSON. */
static bool skip_number(struct reader *reader, bool *is_integer) {
    static const char digits[] = "0123456789";
    const char *at = reader->at + (*reader->at == '-');
    size_t length = strspn(at, digits);

    if (!length || (*at == '0' && length > 1)) {
        return false;
    }
    at += length;
    *is_integer = *at != '.' && *at != 'e' && *at != 'E';
    if (*at == '.') {
        length = strspn(++at, digits);
        at += length;
    }
    if (length && (*at == 'e' || *at == 'E')) {
        at++;
        at += *at == '+' || *at == '-';
        length = strspn(at, digits);
        at += length;
    }
    reader->at = at;
    return length;
}

/* An integer that does not fit is a double. */
static bool read_number(struct reader *reader, tote_value *value) {
    const char *start = reader->at;
    bool is_integer = false;

    if (!skip_number(reader, &is_integer)) {
        return false;
    }
    errno = 0;
    long long integer = strtoll(start, NULL, 10);
    if (is_integer && errno == 0) {
        *value = tote_int(integer);
        return true;
    }
    double real = strtod(start, NULL);
    *value = tote_double(real);
    return isfinite(real);
}

/* Read the four digits after \u. Returns false if there are fewer. */
static bool read_unit(struct reader *reader, uint32_t *unit) {
    *unit = 0;
    for (unsigned i = 0; i < 4; i++) {
        unsigned digit = tote__hex_digit(tote__lower(*reader->at));
        if (digit > 15) {
            return false;
        }
        *unit = *unit << 4 | digit;
        reader->at++;
    }
    return true;
}

/* Read the code point after \u. Half of a surrogate pair is U+FFFD. */
static bool read_code_point(struct reader *reader, uint32_t *code) {
    uint32_t low = 0;

    if (!read_unit(reader, code)) {
        return false;
    }
    if ((*code & 0xFC00) == 0xD800 && reader->at[0] == '\\' && reader->at[1] == 'u') {
        struct reader after = *reader;
        after.at += 2;
        if (read_unit(&after, &low) && (low & 0xFC00) == 0xDC00) {
            *code = 0x10000 + ((*code & 0x3FF) << 10 | (low & 0x3FF));
            *reader = after;
        }
    }
    *code = (*code & 0xFFFFF800) == 0xD800 ? 0xFFFD : *code;
    return true;
}

static char *put_code_point(char *out, uint32_t code) {
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    if (code < 0x800) {
        *out++ = (char)(0xC0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *out++ = (char)(0xE0 | code >> 12);
        } else {
            *out++ = (char)(0xF0 | code >> 18);
            *out++ = (char)(0x80 | (code >> 12 & 0x3F));
        }
        *out++ = (char)(0x80 | (code >> 6 & 0x3F));
    }
    *out++ = (char)(0x80 | (code & 0x3F));
    return out;
}

/* Read what follows a backslash. Returns NULL if it is no escape sequence. */
static char *read_escape(struct reader *reader, char *out) {
    static const char names[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *name = *reader->at ? strchr(names, *reader->at) : NULL;
    uint32_t code;

    if (name) {
        *out++ = meanings[name - names];
        reader->at++;
        return out;
    }
    return *reader->at++ == 'u' && read_code_point(reader, &code) ? put_code_point(out, code)
                                                                  : NULL;
}

/* Read a string whose quote was skipped. Its text is not longer than its form in JSON. */
static bool read_string(struct reader *reader, const char **text, size_t *length) {
    char *start = tote__arena_allocate(reader->memory, strlen(reader->at) + 1);
    char *out = start;

    while (out && *reader->at != '"') {
        if ((unsigned char)*reader->at < ' ') { /* also the end of the text */
            return false;
        }
        if (*reader->at != '\\') {
            *out++ = *reader->at++;
        } else {
            reader->at++;
            out = read_escape(reader, out);
        }
    }
    if (!out) {
        return false;
    }
    reader->at++;
    *out = '\0';
    *text = start;
    *length = (size_t)(out - start);
    return true;
}

/* Return memory for one more element; it doubles. Returns NULL if out of memory. */
static void *grow(struct tote__arena *memory, void *items, size_t count, size_t size) {
    if (count & (count - 1) || (count && count < 4)) {
        return items;
    }
    void *more = tote__arena_allocate(memory, (count < 4 ? 4 : 2 * count) * size);
    if (more && count) {
        memcpy(more, items, count * size);
    }
    return more;
}

static bool read_array(struct reader *reader, tote_value *value) {
    tote_value *items = NULL;
    size_t count = 0;
    bool is_good = true;

    if (!skip(reader, ']')) {
        do {
            items = grow(reader->memory, items, count, sizeof *items);
            is_good = items && read_value(reader, &items[count++]);
        } while (is_good && skip(reader, ','));
        is_good = is_good && skip(reader, ']');
    }
    *value = tote_array(items, count);
    return is_good;
}

static bool read_field(struct reader *reader, tote_attribute *field) {
    size_t length = 0;

    return skip(reader, '"') && read_string(reader, &field->key, &length) && skip(reader, ':') &&
           length == strlen(field->key) && read_value(reader, &field->value);
}

static bool read_object(struct reader *reader, tote_value *value) {
    tote_attribute *fields = NULL;
    size_t count = 0;
    bool is_good = true;

    if (!skip(reader, '}')) {
        do {
            fields = grow(reader->memory, fields, count, sizeof *fields);
            is_good = fields && read_field(reader, &fields[count++]);
        } while (is_good && skip(reader, ','));
        is_good = is_good && skip(reader, '}');
    }
    *value = tote_map(fields, count);
    return is_good;
}

static bool read_text(struct reader *reader, tote_value *value) {
    const char *text = NULL;
    size_t length = 0;
    bool is_read = read_string(reader, &text, &length);

    *value = tote_string_of(text, length);
    return is_read;
}

static bool read_value(struct reader *reader, tote_value *value) {
    bool is_read = false;

    if (++reader->depth > DEEPEST) {
        return false;
    }
    skip_blanks(reader);
    if (skip(reader, '"')) {
        is_read = read_text(reader, value);
    } else if (skip(reader, '[')) {
        is_read = read_array(reader, value);
    } else if (skip(reader, '{')) {
        is_read = read_object(reader, value);
    } else if (read_word(reader, "true") || read_word(reader, "false")) {
        *value = tote_bool(reader->at[-2] == 'u');
        is_read = true;
    } else if (read_word(reader, "null")) {
        *value = tote_string(NULL);
        is_read = true;
    } else {
        is_read = read_number(reader, value);
    }
    reader->depth--;
    return is_read;
}

const char *attributes_add(void *self, const char *text) {
    struct attributes *attributes = self;
    const char *equals = strchr(text, '=');
    bool is_typed = equals && equals > text && equals[-1] == ':';
    size_t length = equals ? (size_t)(equals - text) - is_typed : 0;
    struct reader reader = {.memory = &attributes->memory};
    tote_attribute attribute;

    if (!length) {
        return "is not KEY=VALUE or KEY:=JSON";
    }
    attribute.key = tote__arena_text(reader.memory, text, length);
    attribute.value = tote_string(equals + 1);
    reader.at = equals + 1;
    if (is_typed &&
        (!read_value(&reader, &attribute.value) || (skip_blanks(&reader), *reader.at))) {
        return "has no JSON value after ':=', such as 42, 1.5, true, \"text\" or [1,2]";
    }
    if (attributes->count == attributes->capacity) {
        size_t capacity = attributes->capacity ? 2 * attributes->capacity : 8;
        tote_attribute *items = realloc(attributes->items, capacity * sizeof *items);
        if (!items) {
            return "does not fit in memory";
        }
        attributes->items = items;
        attributes->capacity = capacity;
    }
    if (!attribute.key) {
        return "does not fit in memory";
    }
    attributes->items[attributes->count++] = attribute;
    return NULL;
}

void attributes_clear(struct attributes *attributes) {
    free(attributes->items);
    tote__arena_clear(&attributes->memory);
    *attributes = (struct attributes){.items = NULL};
}
