/* SPDX-License-Identifier: MIT */
/*
 * value.c - comparison of values and conversion to text, independent of the locale
 */
#include "tote/value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/internal/api_os.h"
#include "tote/internal/base64.h"
#include "tote/internal/levels.h"
#include "tote/internal/map_index.h"
#include "tote/internal/text.h"
#include "tote/internal/wire.h"

/* External definitions of the inline functions of the header. */
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

/*
 * Arrays and maps are walked without recursion, so that the stack use does not depend on the depth.
 * A value that refers to one list many times can be of any size. Parts beyond this limit are
 * ignored.
 */
enum { MOST_PARTS = 1 << 20 };

static bool have_equal_bytes(tote_value a, tote_value b) {
    return a.size == b.size &&
           (!a.size || (a.as.bytes && b.as.bytes && memcmp(a.as.bytes, b.as.bytes, a.size) == 0));
}

static uint32_t known_type(tote_value value) {
    return value.type > TOTE_VALUE_TYPE_MAP ? (uint32_t)TOTE_VALUE_TYPE_EMPTY : value.type;
}

/* Compare two values of the same type that are not lists. */
static bool are_equal_scalars(tote_value a, tote_value b) {
    switch (a.type) {
    case TOTE_VALUE_TYPE_STRING:
    case TOTE_VALUE_TYPE_BYTES:
        return have_equal_bytes(a, b);
    case TOTE_VALUE_TYPE_BOOL:
        return a.as.boolean == b.as.boolean;
    case TOTE_VALUE_TYPE_INT:
        return a.as.integer == b.as.integer;
    case TOTE_VALUE_TYPE_DOUBLE: /* by its bits: a NaN equals itself */
        return memcmp(&a.as.real, &b.as.real, sizeof a.as.real) == 0;
    default:
        return true;
    }
}

/* Two lists that are being compared. */
struct pair {
    tote_value a;
    tote_value b;
    struct tote__map_index *index_of_a;
    struct tote__map_index *index_of_b;
    uint32_t at;
};

struct comparison {
    uint32_t parts_left;
    struct tote__levels levels;
    struct pair few[TOTE__FEW_LEVELS];
};

/*
 * Return false if the lists have different numbers of parts. Parts deeper than TOTE__DEEPEST_VALUE
 * are ignored. If out of memory, parts deeper than TOTE__FEW_LEVELS are ignored.
 */
static bool push_pair(struct comparison *comparison, tote_value a, tote_value b) {
    bool is_same_list = a.as.items == b.as.items && a.size == b.size;

    struct pair *pair = is_same_list ? NULL : tote__levels_push(&comparison->levels);
    if (!pair) {
        return true;
    }
    *pair = (struct pair){.a = a, .b = b};
    if (a.type == TOTE_VALUE_TYPE_ARRAY) {
        return a.size == b.size && (!a.size || (a.as.items && b.as.items));
    }
    pair->index_of_a = tote__map_index_new(a);
    pair->index_of_b = tote__map_index_new(b);
    return tote__map_count(a, pair->index_of_a) == tote__map_count(b, pair->index_of_b);
}

static void pop_pair(struct comparison *comparison) {
    const struct pair *pair = tote__levels_top(&comparison->levels);

    comparison->levels.depth--;

    tote__map_index_free(pair->index_of_a);
    tote__map_index_free(pair->index_of_b);
}

static bool compare_values(struct comparison *comparison, tote_value a, tote_value b) {
    if (known_type(a) != known_type(b)) {
        return false;
    }
    return tote__is_list(a) ? push_pair(comparison, a, b) : are_equal_scalars(a, b);
}

/* Compare the next part of the lists on top, or pop them at their end. */
static bool compare_parts(struct comparison *comparison) {
    struct pair *pair = tote__levels_top(&comparison->levels);
    uint32_t at = pair->at++;

    if (at >= pair->a.size || !pair->a.as.items) {
        pop_pair(comparison);
        return true;
    }
    if (comparison->parts_left-- == 0) {
        return false;
    }
    if (pair->a.type == TOTE_VALUE_TYPE_ARRAY) {
        return compare_values(comparison, pair->a.as.items[at], pair->b.as.items[at]);
    }
    if (!tote__map_is_kept(pair->a, pair->index_of_a, at)) {
        return true;
    }
    const tote_attribute *field = &pair->a.as.fields[at];
    const tote_attribute *other = tote__map_find(pair->b, pair->index_of_b, field->key);
    return other && compare_values(comparison, field->value, other->value);
}

static __attribute__((noinline)) bool are_equal_lists(tote_value a, tote_value b) {
    struct comparison comparison = {.parts_left = MOST_PARTS};

    comparison.levels =
        (struct tote__levels){.few = comparison.few, .size = sizeof *comparison.few};
    bool is_equal = compare_values(&comparison, a, b);
    while (is_equal && comparison.levels.depth) {
        is_equal = compare_parts(&comparison);
    }
    while (comparison.levels.depth) {
        pop_pair(&comparison);
    }
    tote__levels_clear(&comparison.levels);
    return is_equal;
}

bool tote_value_equals(tote_value a, tote_value b) {
    if (tote__is_list(a) && a.type == b.type) {
        return are_equal_lists(a, b);
    }
    return known_type(a) == known_type(b) && are_equal_scalars(a, b);
}

static void put_text(struct tote__writer *writer, const char *text) {
    tote__write(writer, text, strlen(text));
}

/* Write a number as in JSON. NaN and infinities, which JSON lacks, are written as names. */
static void put_double(struct tote__writer *writer, double real) {
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
        tote__format_double(text, sizeof text, digits, real);
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

/* Write an integer without printf(), which uses much stack. */
static void put_integer(struct tote__writer *writer, int64_t integer) {
    char digits[20];
    size_t at = sizeof digits;
    uint64_t left = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;

    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (integer < 0) {
        put_text(writer, "-");
    }
    tote__write(writer, digits + at, sizeof digits - at);
}

static void put_base64(struct tote__writer *writer, const unsigned char *bytes, size_t size) {
    char four[TOTE__BASE64_LENGTH(3)];

    for (size_t i = 0; i < size; i += 3) {
        tote__write(writer, four, tote__base64_encode(four, bytes + i, tote__min(size - i, 3)));
    }
}

/* Write a value that is not a list. Text inside a list is quoted. */
static void put_scalar(struct tote__writer *writer, tote_value value, bool is_nested) {
    const char *quote = is_nested ? "\"" : "";

    switch (value.type) {
    case TOTE_VALUE_TYPE_STRING:
        if (is_nested) {
            tote__write_quoted(writer, value.as.string, value.size);
        } else if (value.as.string) {
            tote__write(writer, value.as.string, value.size);
        }
        break;
    case TOTE_VALUE_TYPE_BOOL:
        put_text(writer, value.as.boolean ? "true" : "false");
        break;
    case TOTE_VALUE_TYPE_INT:
        put_integer(writer, value.as.integer);
        break;
    case TOTE_VALUE_TYPE_DOUBLE:
        quote = isfinite(value.as.real) ? "" : quote;
        put_text(writer, quote);
        put_double(writer, value.as.real);
        put_text(writer, quote);
        break;
    case TOTE_VALUE_TYPE_BYTES:
        put_text(writer, quote);
        put_base64(writer, value.as.bytes, value.as.bytes ? value.size : 0);
        put_text(writer, quote);
        break;
    default:
        put_text(writer, is_nested ? "null" : "");
        break;
    }
}

/* A list that is being written. */
struct level {
    tote_value list;
    struct tote__map_index *index;
    uint32_t at;
    bool has_parts; /* at least one part was written */
};

struct walk {
    struct tote__writer *writer;
    uint32_t parts_left;
    struct tote__levels levels;
    struct level few[TOTE__FEW_LEVELS];
};

/*
 * Start a list. A list deeper than TOTE__DEEPEST_VALUE is written empty. If out of memory, a list
 * deeper than TOTE__FEW_LEVELS is written empty.
 */
static void open_list(struct walk *walk, tote_value list) {
    bool is_array = list.type == TOTE_VALUE_TYPE_ARRAY;

    struct level *level = tote__levels_push(&walk->levels);
    if (!level) {
        put_text(walk->writer, is_array ? "[]" : "{}");
        return;
    }
    put_text(walk->writer, is_array ? "[" : "{");
    *level = (struct level){.list = list, .index = is_array ? NULL : tote__map_index_new(list)};
}

static void close_list(struct walk *walk) {
    const struct level *level = tote__levels_top(&walk->levels);

    walk->levels.depth--;
    tote__map_index_free(level->index);
    put_text(walk->writer, level->list.type == TOTE_VALUE_TYPE_ARRAY ? "]" : "}");
}

/* Write the next part of the list on top, or its end. */
static void put_part(struct walk *walk) {
    struct level *level = tote__levels_top(&walk->levels);
    bool is_array = level->list.type == TOTE_VALUE_TYPE_ARRAY;
    uint32_t at = level->at++;

    if (!level->list.as.items || at >= level->list.size || !walk->parts_left) {
        close_list(walk);
        return;
    }
    walk->parts_left--;
    if (!is_array && !tote__map_is_kept(level->list, level->index, at)) {
        return;
    }
    put_text(walk->writer, level->has_parts ? "," : "");
    level->has_parts = true;
    if (!is_array) {
        const char *key = level->list.as.fields[at].key;
        tote__write_quoted(walk->writer, key, strlen(key));
        put_text(walk->writer, ":");
    }
    tote_value value = is_array ? level->list.as.items[at] : level->list.as.fields[at].value;
    if (tote__is_list(value)) {
        open_list(walk, value);
    } else {
        put_scalar(walk->writer, value, true);
    }
}

static __attribute__((noinline)) void put_list(struct tote__writer *writer, tote_value list) {
    struct walk walk;

    walk.writer = writer;
    walk.levels = (struct tote__levels){.few = walk.few, .size = sizeof *walk.few};
    walk.parts_left = MOST_PARTS;
    open_list(&walk, list);
    while (walk.levels.depth) {
        put_part(&walk);
    }
    tote__levels_clear(&walk.levels);
}

size_t tote_value_to_text(tote_value value, char *buffer, size_t size) {
    struct tote__writer writer = {buffer, buffer ? size : 0, 0};
    int error = errno;

    if (tote__is_list(value)) {
        put_list(&writer, value);
    } else {
        put_scalar(&writer, value, false);
    }
    if (buffer && size) {
        bool is_cut = writer.length >= size;
        buffer[is_cut ? tote__utf8_cut(buffer, size, size - 1) : writer.length] = '\0';
    }
    errno = error;
    return writer.length;
}
