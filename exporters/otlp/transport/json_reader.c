/* SPDX-License-Identifier: MIT */
/*
 * json_reader.c - reads values of a JSON text in one pass. RFC 8259
 *
 * Tests: tests/unit/test_otlp_response.c, tests/fuzz/fuzz_response.c
 */
#include "json_reader.h"

#include <errno.h>
#include <stdlib.h>

#include "tote/internal/text.h"

enum { PATH_BYTES = 64, LONGEST_INTEGER = 20 };

/* A buffer for text; what does not fit is dropped. */
struct sink {
    char *out;
    size_t size;
    size_t length;
};

struct reader {
    const char *at;
    const char *end;
    unsigned depth;
    struct sink path; /* keys around the current value; array levels are empty */
    struct tote__json_wanted *wanted;
    size_t count;
};

static struct reader reader_of(struct tote__slice text) {
    const char *at = text.size ? (const char *)text.at : "";

    return (struct reader){.at = at, .end = at + text.size};
}

static void put(struct sink *sink, const char *bytes, size_t size) {
    if (size > sink->size - sink->length) {
        sink->size = sink->length; /* the following characters do not fit either */
    } else if (size) {
        memcpy(sink->out + sink->length, bytes, size);
        sink->length += size;
    }
}

static void put_code_point(struct sink *sink, uint32_t c) {
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    char bytes[4];

    for (size_t i = size - 1; i > 0; i--, c >>= 6) {
        bytes[i] = (char)(0x80 | (c & 0x3F));
    }
    bytes[0] = (char)(size == 1 ? c : 0xFF00U >> size | c);
    put(sink, bytes, size);
}

/* Skip one character if it is in the set. Returns whether it was. */
static bool skip(struct reader *reader, const char *set) {
    bool is_in = reader->at < reader->end && *reader->at && strchr(set, *reader->at);

    reader->at += is_in;
    return is_in;
}

/* Skip blanks, and then one character if it is in the set. */
static bool take(struct reader *reader, const char *set) {
    while (skip(reader, " \t\r\n")) {
    }
    return skip(reader, set);
}

static bool skip_digits(struct reader *reader) {
    const char *start = reader->at;

    while (skip(reader, "0123456789")) {
    }
    return reader->at > start;
}

static bool read_number(struct reader *reader) {
    skip(reader, "-");
    bool is_good = skip(reader, "0") || skip_digits(reader);

    if (skip(reader, ".")) {
        is_good &= skip_digits(reader);
    }
    if (skip(reader, "eE")) {
        skip(reader, "+-");
        is_good &= skip_digits(reader);
    }
    return is_good;
}

static bool read_word(struct reader *reader, const char *word) {
    size_t length = strlen(word);
    bool is_one =
        (size_t)(reader->end - reader->at) >= length && memcmp(reader->at, word, length) == 0;

    reader->at += is_one ? length : 0;
    return is_one;
}

/* Read four hex digits: a UTF-16 code unit. */
static bool read_unit(struct reader *reader, uint32_t *unit) {
    static const char digits[] = "0123456789abcdef";

    *unit = 0;
    for (int i = 0; i < 4; i++) {
        if (!skip(reader, "0123456789ABCDEFabcdef")) {
            return false;
        }
        *unit = *unit << 4 | (uint32_t)(strchr(digits, reader->at[-1] | 0x20) - digits);
    }
    return true;
}

/* Read one or two code units after \u. An unpaired surrogate becomes U+FFFD. */
static bool read_code_point(struct reader *reader, struct sink *sink) {
    uint32_t c = 0;
    uint32_t low = 0;

    if (!read_unit(reader, &c)) {
        return false;
    }
    struct reader second = *reader;
    if (c >= 0xD800 && c < 0xDC00 && read_word(&second, "\\u") && read_unit(&second, &low) &&
        low >= 0xDC00 && low < 0xE000) {
        reader->at = second.at;
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    put_code_point(sink, c >= 0xD800 && c < 0xE000 ? 0xFFFD : c);
    return true;
}

static bool read_escape(struct reader *reader, struct sink *sink) {
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";

    if (skip(reader, "u")) {
        return read_code_point(reader, sink);
    }
    if (!skip(reader, letters)) {
        return false;
    }
    put(sink, &meanings[strchr(letters, reader->at[-1]) - letters], 1);
    return true;
}

/* Read a string after its first quotation mark. */
static bool read_string(struct reader *reader, struct sink *sink) {
    bool is_good = true;

    while (is_good && !skip(reader, "\"")) {
        const char *start = reader->at;
        while (reader->at < reader->end && (unsigned char)*reader->at >= 0x20 &&
               *reader->at != '"' && *reader->at != '\\') {
            reader->at++;
        }
        put(sink, start, tote__min((size_t)(reader->at - start), sink->size - sink->length));
        is_good = reader->at > start || (skip(reader, "\\") && read_escape(reader, sink));
    }
    return is_good;
}

static void note(struct reader *reader, const char *start) {
    for (size_t i = 0; i < reader->count; i++) {
        struct tote__json_wanted *wanted = &reader->wanted[i];
        if (tote__part_is((struct tote__part){reader->path.out, reader->path.length},
                          wanted->path)) {
            wanted->value =
                (struct tote__slice){(const uint8_t *)start, (size_t)(reader->at - start)};
        }
    }
}

static bool read_parts(struct reader *reader, bool are_members);

static bool read_value(struct reader *reader) {
    struct sink nothing = {NULL, 0, 0};

    if (take(reader, "{")) {
        return read_parts(reader, true);
    }
    if (skip(reader, "[")) {
        return read_parts(reader, false);
    }
    if (skip(reader, "\"")) {
        return read_string(reader, &nothing);
    }
    return read_word(reader, "true") || read_word(reader, "false") || read_word(reader, "null") ||
           read_number(reader);
}

/* Read the members of an object, or the elements of an array, after its bracket. */
static bool read_parts(struct reader *reader, bool are_members) {
    const char *closing = are_members ? "}" : "]";
    const struct sink outside = reader->path;
    bool is_good = reader->depth++ < TOTE__JSON_DEPTH;

    if (is_good && !take(reader, closing)) {
        do {
            put(&reader->path, ".", 1);
            is_good = !are_members || (take(reader, "\"") && read_string(reader, &reader->path) &&
                                       take(reader, ":"));
            take(reader, "");
            const char *start = reader->at;
            is_good = is_good && read_value(reader);
            if (is_good) {
                note(reader, start);
            }
            reader->path = outside;
        } while (is_good && take(reader, ","));
        is_good = is_good && take(reader, closing);
    }
    reader->depth--;
    return is_good;
}

bool tote__json_find(struct tote__slice text, struct tote__json_wanted *wanted, size_t count) {
    char path[PATH_BYTES];
    struct reader reader = reader_of(text);

    reader.path = (struct sink){.out = path, .size = sizeof path};
    reader.wanted = wanted;
    reader.count = count;
    bool is_good = take(&reader, "{") && read_parts(&reader, true);
    take(&reader, "");
    return is_good && reader.at == reader.end;
}

size_t tote__json_string(struct tote__slice value, char *out, size_t size) {
    struct reader reader = reader_of(value);
    struct sink sink = {out, size, 0};

    return skip(&reader, "\"") && read_string(&reader, &sink) ? sink.length : 0;
}

bool tote__json_integer(struct tote__slice value, int64_t *integer) {
    char text[LONGEST_INTEGER + 2] = "";
    struct sink sink = {text, sizeof text - 1, 0};
    char *end = NULL;
    int error = errno;

    sink.length = tote__json_string(value, text, sizeof text - 1);
    if (!sink.length) {
        put(&sink, (const char *)value.at, value.size);
    }
    errno = 0;
    *integer = strtoll(text, &end, 10);
    bool is_one = sink.length && strchr("-0123456789", text[0]) && end == text + sink.length &&
                  sink.length <= LONGEST_INTEGER && errno == 0;
    errno = error;
    return is_one;
}
