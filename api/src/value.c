/* SPDX-License-Identifier: MIT */
/*
 * value.c - values compared, and written as text, whatever the locale
 */
#include "tote/value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/internal/base64.h"
#include "tote/internal/text.h"

/* The inline functions of the header, as symbols. */
extern tote_value tote_value_make(tote_value_type type, const void *data, size_t size);
extern tote_value tote_string(const char *text);
extern tote_value tote_string_of(const char *text, size_t length);
extern tote_value tote_bool(bool boolean);
extern tote_value tote_int(int64_t integer);
extern tote_value tote_uint(uint64_t integer);
extern tote_value tote_double(double real);
extern tote_value tote_bytes(const void *bytes, size_t size);
extern tote_value tote_array(const tote_value *items, size_t count);
extern tote_value tote_map(const tote_attribute *fields, size_t count);

enum { DEEPEST = 64 };

/* The last field of this key: that one counts. NULL when there is none, or no key. */
static const tote_attribute *find_field(tote_value map, const char *key) {
    for (size_t i = map.size; key && *key && map.as.fields && i-- > 0;) {
        if (map.as.fields[i].key && strcmp(map.as.fields[i].key, key) == 0) {
            return &map.as.fields[i];
        }
    }
    return NULL;
}

static bool does_count(tote_value map, const tote_attribute *field) {
    return find_field(map, field->key) == field;
}

static size_t count_fields(tote_value map) {
    size_t count = 0;

    for (size_t i = 0; map.as.fields && i < map.size; i++) {
        count += does_count(map, &map.as.fields[i]);
    }
    return count;
}

static bool equals(tote_value a, tote_value b, unsigned depth);

static bool have_equal_fields(tote_value a, tote_value b, unsigned depth) {
    if (count_fields(a) != count_fields(b)) {
        return false;
    }
    for (size_t i = 0; a.as.fields && i < a.size; i++) {
        const tote_attribute *field = &a.as.fields[i];
        if (!does_count(a, field)) {
            continue;
        }
        const tote_attribute *other = find_field(b, field->key);
        if (!other || !equals(field->value, other->value, depth + 1)) {
            return false;
        }
    }
    return true;
}

static bool have_equal_items(tote_value a, tote_value b, unsigned depth) {
    if (a.size != b.size || (a.size && (!a.as.items || !b.as.items))) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (!equals(a.as.items[i], b.as.items[i], depth + 1)) {
            return false;
        }
    }
    return true;
}

static bool have_equal_bytes(tote_value a, tote_value b) {
    return a.size == b.size &&
           (!a.size || (a.as.bytes && b.as.bytes && memcmp(a.as.bytes, b.as.bytes, a.size) == 0));
}

static uint32_t known_type(tote_value value) {
    return value.type > TOTE_TYPE_MAP ? (uint32_t)TOTE_TYPE_EMPTY : value.type;
}

/* What is deeper than can be kept is not looked at. */
static bool equals(tote_value a, tote_value b, unsigned depth) {
    if (known_type(a) != known_type(b)) {
        return false;
    }
    switch (a.type) {
    case TOTE_TYPE_STRING:
    case TOTE_TYPE_BYTES:
        return have_equal_bytes(a, b);
    case TOTE_TYPE_BOOL:
        return a.as.boolean == b.as.boolean;
    case TOTE_TYPE_INT:
        return a.as.integer == b.as.integer;
    case TOTE_TYPE_DOUBLE: /* by content: a NaN is the same as itself */
        return memcmp(&a.as.real, &b.as.real, sizeof a.as.real) == 0;
    case TOTE_TYPE_ARRAY:
        return depth > DEEPEST || have_equal_items(a, b, depth);
    case TOTE_TYPE_MAP:
        return depth > DEEPEST || have_equal_fields(a, b, depth);
    default:
        return true;
    }
}

bool tote_value_equals(tote_value a, tote_value b) {
    return equals(a, b, 1);
}

/* Text on its way into a buffer that may be too small. */
struct writer {
    char *buffer;
    size_t size;
    size_t length; /* of the whole */
};

static void put(struct writer *writer, const char *text, size_t length) {
    if (writer->length < writer->size) {
        memcpy(writer->buffer + writer->length, text,
               tote__min(length, writer->size - writer->length));
    }
    writer->length += length;
}

static void put_text(struct writer *writer, const char *text) {
    put(writer, text, strlen(text));
}

/* As JSON has it, but NaN and the infinities, which it has not. Requirement G22 */
static void put_double(struct writer *writer, double real) {
    char text[40];

    if (isnan(real)) {
        put_text(writer, "NaN");
        return;
    }
    if (isinf(real)) {
        put_text(writer, real < 0 ? "-Infinity" : "Infinity");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, real);
        double read = strtod(text, NULL);
        if (memcmp(&read, &real, sizeof read) == 0) {
            break;
        }
    }
    for (char *c = text; *c; c++) {
        bool is_number = (*c >= '0' && *c <= '9') || *c == '-' || *c == '+' || *c == 'e';
        if (!is_number) {
            *c = '.'; /* a locale's own decimal point, of one byte or more */
            while (c[1] && !(c[1] >= '0' && c[1] <= '9')) {
                memmove(c + 1, c + 2, strlen(c + 1));
            }
        }
    }
    put_text(writer, text);
}

static void put_base64(struct writer *writer, const unsigned char *bytes, size_t size) {
    char four[TOTE__BASE64_LENGTH(3)];

    for (size_t i = 0; i < size; i += 3) {
        put(writer, four, tote__base64_encode(four, bytes + i, tote__min(size - i, 3)));
    }
}

/* A JSON string; what is not UTF-8 becomes U+FFFD. */
static void put_quoted(struct writer *writer, const char *text, size_t length) {
    char escaped[8];

    put_text(writer, "\"");
    while (text && length) {
        unsigned char c = (unsigned char)*text;
        size_t plain = 0;
        while (plain < length && (unsigned char)text[plain] >= 0x20 && text[plain] != '"' &&
               text[plain] != '\\' && !(text[plain] & 0x80)) {
            plain++;
        }
        if (plain) {
            put(writer, text, plain);
        } else if (c & 0x80) {
            plain = tote__utf8_prefix(text, length, 1);
            if (tote__utf8_valid_prefix(text, plain) == plain) {
                put(writer, text, plain);
            } else {
                put_text(writer, "\xEF\xBF\xBD");
            }
        } else {
            if (c == '"' || c == '\\') {
                snprintf(escaped, sizeof escaped, "\\%c", c);
            } else {
                snprintf(escaped, sizeof escaped, "\\u%04x", c);
            }
            put_text(writer, escaped);
            plain = 1;
        }
        text += plain;
        length -= plain;
    }
    put_text(writer, "\"");
}

static void put_value(struct writer *writer, tote_value value, bool is_nested, unsigned depth);

static void put_list(struct writer *writer, tote_value list, unsigned depth) {
    bool is_array = list.type == TOTE_TYPE_ARRAY;
    const char *separator = "";

    put_text(writer, is_array ? "[" : "{");
    for (size_t i = 0; list.as.items && depth <= DEEPEST && i < list.size; i++) {
        const tote_attribute *field = is_array ? NULL : &list.as.fields[i];
        if (field && !does_count(list, field)) {
            continue;
        }
        put_text(writer, separator);
        separator = ",";
        if (field) {
            put_quoted(writer, field->key, strlen(field->key));
            put_text(writer, ":");
        }
        put_value(writer, field ? field->value : list.as.items[i], true, depth + 1);
    }
    put_text(writer, is_array ? "]" : "}");
}

static void put_value(struct writer *writer, tote_value value, bool is_nested, unsigned depth) {
    const char *quote = is_nested ? "\"" : "";
    char text[32];

    switch (value.type) {
    case TOTE_TYPE_STRING:
        if (is_nested) {
            put_quoted(writer, value.as.string, value.size);
        } else if (value.as.string) {
            put(writer, value.as.string, value.size);
        }
        break;
    case TOTE_TYPE_BOOL:
        put_text(writer, value.as.boolean ? "true" : "false");
        break;
    case TOTE_TYPE_INT:
        snprintf(text, sizeof text, "%" PRId64, value.as.integer);
        put_text(writer, text);
        break;
    case TOTE_TYPE_DOUBLE:
        quote = isfinite(value.as.real) ? "" : quote;
        put_text(writer, quote);
        put_double(writer, value.as.real);
        put_text(writer, quote);
        break;
    case TOTE_TYPE_BYTES:
        put_text(writer, quote);
        put_base64(writer, value.as.bytes, value.as.bytes ? value.size : 0);
        put_text(writer, quote);
        break;
    case TOTE_TYPE_ARRAY:
    case TOTE_TYPE_MAP:
        put_list(writer, value, depth);
        break;
    default:
        put_text(writer, is_nested ? "null" : "");
        break;
    }
}

size_t tote_value_to_text(tote_value value, char *buffer, size_t size) {
    struct writer writer = {buffer, buffer ? size : 0, 0};
    int error = errno;

    put_value(&writer, value, false, 1);
    if (buffer && size) {
        bool is_cut = writer.length >= size;
        buffer[is_cut ? tote__utf8_cut(buffer, size, size - 1) : writer.length] = '\0';
    }
    errno = error;
    return writer.length;
}
