/* SPDX-License-Identifier: MIT */
/*
 * text.c - UTF-8, header tokens, percent encoding
 */
#include "tote/internal/text.h"

#include <string.h>

#include "tote/internal/hex.h"
#include "tote/internal/memory.h"

/* One bit per set, in the order of the enumerators. Bytes that are not ASCII are in no set. */
const uint8_t tote__sets_of[256] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x68, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x68, 0x2F, 0x20, 0x2F, 0x2F, 0x2B, 0x2F, 0x2F, 0x2E, 0x2E, 0x2F, 0x2F, 0x20, 0x3F, 0x3F, 0x2E,
    0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0x2E, 0x28, 0x2E, 0x2E, 0x2E, 0x2E,
    0x2E, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF,
    0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0xBF, 0x2E, 0x20, 0x2E, 0x2F, 0xBF,
    0x2F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F,
    0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x2E, 0x2F, 0x2E, 0x3F, 0x00,
};

/* A code point, or an invalid sequence that one U+FFFD replaces. */
struct sequence {
    size_t size;
    bool is_valid;
};

/* Return the sequence at the start. Spec: RFC 3629 section 4 */
static struct sequence sequence_at(const char *text, size_t length) {
    const unsigned char *bytes = (const unsigned char *)text;
    unsigned char first = bytes[0];
    unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;  /* no overlong forms */
    unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF; /* no surrogates */
    size_t wanted = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    size_t size = 1;

    if (first < 0xC2 || first > 0xF4) {
        return (struct sequence){1, first < 0x80};
    }
    while (size < wanted && size < length && bytes[size] >= low && bytes[size] <= high) {
        size++;
        low = 0x80;
        high = 0xBF;
    }
    return (struct sequence){size, size == wanted};
}

/* Return the length of the ASCII prefix, rounded down to a multiple of 8. */
static size_t ascii_prefix(const char *text, size_t length) {
    size_t at = 0;
    uint64_t eight;

    while (length - at >= sizeof eight) {
        memcpy(&eight, text + at, sizeof eight);
        if (eight & 0x8080808080808080U) {
            break;
        }
        at += sizeof eight;
    }
    return at;
}

size_t tote__utf8_valid_prefix(const char *text, size_t length) {
    size_t at = ascii_prefix(text, length);

    while (at < length) {
        if (!(text[at] & 0x80)) {
            at++;
            continue;
        }
        struct sequence sequence = sequence_at(text + at, length - at);
        if (!sequence.is_valid) {
            break;
        }
        at += sequence.size;
        at += ascii_prefix(text + at, length - at);
    }
    return at;
}

size_t tote__control_size(const char *text, size_t length, uint32_t *code_point) {
    static const struct {
        uint32_t first;
        uint32_t last;
    } ranges[] = {
        {0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},     {0x61C, 0x61C},
        {0x180E, 0x180E}, {0x200B, 0x200B}, {0x200E, 0x200F}, {0x2028, 0x202E},
        {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB},
    };
    const unsigned char *bytes = (const unsigned char *)text;

    if (!length || (bytes[0] >= 0x20 && bytes[0] < 0x7F)) {
        return 0;
    }
    struct sequence sequence = sequence_at(text, length);
    size_t size = sequence.size;
    if (!sequence.is_valid || size > 3) {
        return 0;
    }
    *code_point = size == 1 ? bytes[0] : bytes[0] & (0x3FU >> (size - 1));
    for (size_t i = 1; i < size; i++) {
        *code_point = *code_point << 6 | (bytes[i] & 0x3F);
    }
    for (size_t i = 0; i < TOTE_COUNT_OF(ranges); i++) {
        if (*code_point <= ranges[i].last) {
            return *code_point >= ranges[i].first ? size : 0;
        }
    }
    return 0;
}

size_t tote__replace_controls(char *text, size_t length) {
    uint32_t code_point;
    size_t kept = 0;

    for (size_t at = 0; at < length;) {
        size_t size = tote__control_size(text + at, length - at, &code_point);
        text[kept++] = size ? '?' : text[at];
        at += size ? size : 1;
    }
    return kept;
}

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */

/* Repair, or only measure if `out` is NULL. */
static size_t repair(char *out, const char *text, size_t length) {
    size_t written = 0;

    while (length) {
        size_t valid = tote__utf8_valid_prefix(text, length);
        if (out && valid) {
            memcpy(out + written, text, valid);
        }
        written += valid;
        text += valid;
        length -= valid;
        if (length) {
            size_t broken = sequence_at(text, length).size;
            if (out) {
                memcpy(out + written, replacement, sizeof replacement - 1);
            }
            written += sizeof replacement - 1;
            text += broken;
            length -= broken;
        }
    }
    return written;
}

size_t tote__utf8_repaired_length(const char *text, size_t length) {
    return repair(NULL, text, length);
}

char *tote__utf8_repair(char *out, const char *text, size_t length) {
    return out + repair(out, text, length);
}

const char *tote__utf8_valid_text(struct tote__arena *arena, const char *text, size_t *length) {
    if (tote__utf8_valid_prefix(text, *length) == *length) {
        return text;
    }
    size_t repaired = repair(NULL, text, *length);
    char *copy = tote__arena_allocate(arena, repaired + 1);
    if (copy) {
        *tote__utf8_repair(copy, text, *length) = '\0';
        *length = repaired;
    }
    return copy;
}

const char *tote__utf8_valid_string(struct tote__arena *arena, const char *text) {
    size_t length = text ? strlen(text) : 0;

    return length ? tote__utf8_valid_text(arena, text, &length) : "";
}

size_t tote__utf8_prefix(const char *text, size_t length, size_t code_points) {
    size_t at = 0;

    if (length <= code_points) {
        return length;
    }
    while (at < length && code_points--) {
        at += sequence_at(text + at, length - at).size;
    }
    return at;
}

size_t tote__utf8_cut(const char *text, size_t length, size_t size) {
    if (length <= size) {
        return length;
    }
    for (size_t back = 0; back < 4 && back <= size; back++) {
        if (((unsigned char)text[size - back] & 0xC0) != 0x80) {
            return size - back;
        }
    }
    return size; /* not valid UTF-8 */
}

bool tote__differs_in_case_alone(const char *a, const char *b, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (tote__lower(a[i]) != tote__lower(b[i])) {
            return false;
        }
    }
    return true;
}

/* Return the value of a hex digit of either case; 16 if it is not a digit. */
static unsigned hex_digit(char c) {
    unsigned digit = tote__hex_digit(c);

    return digit < 16 ? digit : tote__hex_digit(tote__lower(c));
}

size_t tote__percent_decode(char *out, const char *text, size_t length, bool *malformed) {
    size_t written = 0;
    bool is_malformed = false;

    for (size_t i = 0; i < length; i++) {
        if (text[i] != '%') {
            out[written++] = text[i];
            continue;
        }
        unsigned high = length - i > 2 ? hex_digit(text[i + 1]) : 16;
        unsigned low = high < 16 ? hex_digit(text[i + 2]) : 16;
        if (low > 15) {
            is_malformed = true;
            out[written++] = '%';
            continue;
        }
        out[written++] = (char)(high << 4 | low);
        i += 2;
    }
    if (malformed) {
        *malformed = is_malformed;
    }
    return written;
}

char *tote__percent_encode(char *out, const char *text, size_t length,
                           enum tote__characters plain) {
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < length; i++) {
        if (tote__is_in(plain, text[i])) {
            *out++ = text[i];
        } else {
            *out++ = '%';
            *out++ = digits[(unsigned char)text[i] >> 4];
            *out++ = digits[(unsigned char)text[i] & 15];
        }
    }
    return out;
}

static void write_escaped(struct tote__writer *writer, uint32_t code_point) {
    const uint8_t bytes[] = {(uint8_t)(code_point >> 8), (uint8_t)code_point};
    char escaped[] = {'\\', 'u', 0, 0, 0, 0};

    tote__hex_encode(escaped + 2, bytes, sizeof bytes);
    tote__write(writer, escaped, sizeof escaped);
}

/* Return the length of the ASCII prefix that JSON needs not escape. */
static size_t plain_size(const char *text, size_t length) {
    size_t size = 0;

    while (size < length && text[size] >= 0x20 && text[size] < 0x7F && text[size] != '"' &&
           text[size] != '\\') {
        size++;
    }
    return size;
}

void tote__write_quoted(struct tote__writer *writer, const char *text, size_t length) {
    static const char named[] = "\"\"\\\\\nn\rr\tt"; /* pairs of a character and its escape */
    uint32_t code_point;

    tote__write(writer, "\"", 1);
    for (size_t size = 0; text && length; text += size, length -= size) {
        size = plain_size(text, length);
        const char *name = size ? NULL : strchr(named, *text);
        if (size) {
            tote__write(writer, text, size);
        } else if (name && *text) {
            size = 1;
            tote__write(writer, (char[]){'\\', name[1]}, 2);
        } else if ((size = tote__control_size(text, length, &code_point))) {
            write_escaped(writer, code_point);
        } else {
            size = tote__utf8_prefix(text, length, 1);
            bool is_valid = tote__utf8_valid_prefix(text, size) == size;
            tote__write(writer, is_valid ? text : replacement, is_valid ? size : 3);
        }
    }
    tote__write(writer, "\"", 1);
}
