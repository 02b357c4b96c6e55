/* SPDX-License-Identifier: MIT */
/*
 * text.h - UTF-8, header tokens, percent encoding: independent of the locale
 */
#ifndef TOTE_INTERNAL_TEXT_H
#define TOTE_INTERNAL_TEXT_H

#include <string.h>

#include "tote/internal/shared.h"

/* Sets of ASCII characters. VCHAR: visible characters, RFC 5234 appendix B.1. */
enum tote__characters {
    TOTE__NO_CHARACTERS = 0,
    TOTE__TOKEN = 1 << 0,         /* letters, digits and !#$%&'*+-.^_`|~; RFC 7230 section 3.2.6 */
    TOTE__BAGGAGE_OCTET = 1 << 1, /* VCHAR except " , ; and backslash; w3c/baggage */
    TOTE__BAGGAGE_PLAIN = 1 << 2, /* BAGGAGE_OCTET except %: unescaped in a value */
    TOTE__BAGGAGE_META = 1 << 3,  /* BAGGAGE_OCTET, ; space and tab: unescaped in metadata */
    TOTE__UNRESERVED = 1 << 4,    /* letters, digits and -._~; RFC 3986 section 2.3 */
    TOTE__HEADER = 1 << 5,        /* VCHAR, space and tab */
    TOTE__BLANK = 1 << 6,         /* space and tab */
    TOTE__VARIABLE = 1 << 7       /* A to Z, digits and _; context/env-carriers.md */
};

/* The sets that each byte belongs to. */
extern TOTE_SHARED const uint8_t tote__sets_of[256];

static inline bool tote__is_in(enum tote__characters set, char c) {
    return tote__sets_of[(unsigned char)c] & set;
}

/* Return the length of the longest prefix whose characters are all in the set. */
static inline size_t tote__span_of(enum tote__characters set, const char *text, size_t length) {
    size_t at = 0;

    while (at < length && tote__is_in(set, text[at])) {
        at++;
    }
    return at;
}

/* Return whether all characters are in the set. Optimized for texts for which this is true. */
static inline bool tote__are_all_in(enum tote__characters set, const char *text, size_t length) {
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0;

    while (length - at >= 4 &&
           (tote__sets_of[bytes[at]] & tote__sets_of[bytes[at + 1]] & tote__sets_of[bytes[at + 2]] &
            tote__sets_of[bytes[at + 3]] & set)) {
        at += 4;
    }
    while (at < length && tote__is_in(set, text[at])) {
        at++;
    }
    return at == length;
}

/* The result of one pass over a text. */
struct tote__scan {
    uint64_t hash; /* not collision-resistant: for tables of bounded size only */
    bool is_ascii; /* an ASCII text is also valid UTF-8 */
};

static inline uint64_t tote__mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0xC4CEB9FE1A85EC53U;
    return hash ^ hash >> 32;
}

/* The last step: every bit of the hash depends on every bit of the text. */
static inline uint64_t tote__mix_last(uint64_t hash, uint64_t word) {
    hash = tote__mix(hash, word) * 0xFF51AFD7ED558CCDU;
    return hash ^ hash >> 32;
}

/*
 * Hash a text and detect ASCII. Reads whole words; the last one may overlap the one before. Inlined
 * because most texts are short.
 */
static inline struct tote__scan tote__scan(const char *text, size_t length) {
    enum { WORD = sizeof(uint64_t), HALF = sizeof(uint32_t) };
    uint64_t hash = 0x9E3779B97F4A7C15U ^ length;
    uint64_t seen = 0;
    uint64_t word = 0;
    uint32_t half;

    if (length >= WORD) {
        for (size_t at = 0; at < length - WORD; at += WORD) {
            memcpy(&word, text + at, WORD);
            hash = tote__mix(hash, word);
            seen |= word;
        }
        memcpy(&word, text + length - WORD, WORD);
    } else if (length >= HALF) {
        memcpy(&half, text, HALF);
        word = half;
        memcpy(&half, text + length - HALF, HALF);
        word |= (uint64_t)half << 32;
    } else {
        for (size_t at = 0; at < length; at++) {
            word = word << 8 | (unsigned char)text[at];
        }
    }
    return (struct tote__scan){tote__mix_last(hash, word), !((seen | word) & 0x8080808080808080U)};
}

typedef uint64_t tote__pair __attribute__((vector_size(16)));

/* Copy a text by pairs of words. Returns whether it is ASCII. Optimized for short texts. */
tote__always_inline bool tote__copy_ascii(void *to, const char *text, size_t length) {
    enum { WORD = sizeof(uint64_t), HALF = sizeof(uint32_t), PAIR = sizeof(tote__pair) };
    char *out = (char *)to;
    const char *end = text + length;
    char *out_end = out + length;
    uint64_t words[2] = {0, 0};
    uint32_t halves[2];

    if (length >= PAIR) {
        tote__pair seen;
        tote__pair pair;
        memcpy(&seen, end - PAIR, PAIR);
        memcpy(out_end - PAIR, &seen, PAIR);
        for (; end - text > (ptrdiff_t)PAIR; text += PAIR, out += PAIR) {
            memcpy(&pair, text, PAIR);
            memcpy(out, &pair, PAIR);
            seen |= pair;
        }
        words[0] = seen[0] | seen[1];
    } else if (length >= WORD) {
        memcpy(&words[0], text, WORD);
        memcpy(&words[1], end - WORD, WORD);
        memcpy(out, &words[0], WORD);
        memcpy(out_end - WORD, &words[1], WORD);
    } else if (length >= HALF) {
        memcpy(&halves[0], text, HALF);
        memcpy(&halves[1], end - HALF, HALF);
        memcpy(out, &halves[0], HALF);
        memcpy(out_end - HALF, &halves[1], HALF);
        words[0] = halves[0] | halves[1];
    } else if (length) { /* at most 3 bytes: the first, middle and last byte */
        char bytes[3] = {text[0], text[length / 2], end[-1]};
        out[0] = bytes[0];
        out[length / 2] = bytes[1];
        out_end[-1] = bytes[2];
        words[0] = (unsigned char)(bytes[0] | bytes[1] | bytes[2]);
    }
    return !((words[0] | words[1]) & 0x8080808080808080U);
}

/* Return whether memcmp() is 0. Inlined because most texts are short. */
static inline bool tote__is_same(const char *a, const char *b, size_t length) {
    enum { WORD = sizeof(uint64_t) };
    uint64_t words[2];

    if (length < WORD) {
        while (length && a[length - 1] == b[length - 1]) {
            length--;
        }
        return length == 0;
    }
    for (size_t at = 0;; at = tote__min(at + WORD, length - WORD)) {
        memcpy(&words[0], a + at, WORD);
        memcpy(&words[1], b + at, WORD);
        if (words[0] != words[1]) {
            return false;
        }
        if (at == length - WORD) {
            return true;
        }
    }
}

static inline uint64_t tote__hash(const void *bytes, size_t length) {
    return tote__scan((const char *)bytes, length).hash;
}

/* Return the length of the longest prefix that is valid UTF-8. */
TOTE_SHARED size_t tote__utf8_valid_prefix(const char *text, size_t length);

/*
 * Return the size of the first code point if it controls a terminal or the layout of a line, else
 * 0. These are ASCII control characters, U+0080 to U+009F, line and paragraph separators,
 * directional formatting characters (Unicode UAX #9) and invisible marks.
 */
TOTE_SHARED size_t tote__control_size(const char *text, size_t length, uint32_t *code_point);

/* Replace each such code point by '?'. Returns the new length, which is never greater. */
TOTE_SHARED size_t tote__replace_controls(char *text, size_t length);

/* Return the length of the text after each invalid sequence is replaced by U+FFFD. */
TOTE_SHARED size_t tote__utf8_repaired_length(const char *text, size_t length);

/* Write the text with each invalid sequence replaced by U+FFFD. Returns the end of the output. */
TOTE_SHARED char *tote__utf8_repair(char *out, const char *text, size_t length);

/*
 * Return the text itself if it is valid UTF-8, else a repaired copy in the arena that ends with
 * NUL. Sets `length` to the length of the result. Returns NULL if out of memory.
 */
struct tote__arena;
TOTE_SHARED const char *tote__utf8_valid_text(struct tote__arena *arena, const char *text,
                                              size_t *length);

/* The same for a text that ends with NUL; "" for NULL. */
TOTE_SHARED const char *tote__utf8_valid_string(struct tote__arena *arena, const char *text);

/*
 * Return the size in bytes of the first `code_points` code points. An invalid sequence counts as
 * one U+FFFD.
 */
TOTE_SHARED size_t tote__utf8_prefix(const char *text, size_t length, size_t code_points);

/* Return the greatest length, at most `size`, that does not split a code point. */
TOTE_SHARED size_t tote__utf8_cut(const char *text, size_t length, size_t size);

/*
 * Copy what fits into `size` bytes, which are not 0, without splitting a code point. A NUL follows.
 * Returns the length.
 */
static inline size_t tote__utf8_copy(char *to, size_t size, const char *text, size_t length) {
    length = tote__utf8_cut(text, length, size - 1);
    memcpy(to, text, length);
    to[length] = '\0';
    return length;
}

/* Return whether the text is a token: one or more TOTE__TOKEN characters. */
static inline bool tote__is_token(const char *text, size_t length) {
    return length && tote__are_all_in(TOTE__TOKEN, text, length);
}

/* Return the first place of a word in a text that may lack a NUL. Returns NULL if there is none. */
static inline const char *tote__find(const char *text, size_t length, const char *word) {
    size_t size = strlen(word);

    for (size_t i = 0; i + size <= length; i++) {
        if (memcmp(text + i, word, size) == 0) {
            return text + i;
        }
    }
    return NULL;
}

static inline char tote__lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

TOTE_SHARED bool tote__differs_in_case_alone(const char *a, const char *b, size_t length);

static inline bool tote__equals_ignoring_case(const char *a, size_t a_length, const char *b,
                                              size_t b_length) {
    return a_length == b_length &&
           (memcmp(a, b, a_length) == 0 || tote__differs_in_case_alone(a, b, a_length));
}

/* Remove spaces and tabs at both ends. */
static inline void tote__trim(const char **text, size_t *length) {
    while (*length && tote__is_in(TOTE__BLANK, (*text)[0])) {
        (*text)++;
        (*length)--;
    }
    while (*length && tote__is_in(TOTE__BLANK, (*text)[*length - 1])) {
        (*length)--;
    }
}

/* Remove line ends too: a value read from a file or a secret often ends with one. */
static inline void tote__trim_lines(const char **text, size_t *length) {
    size_t before = 0;

    while (before != *length) {
        before = *length;
        tote__trim(text, length);
        if (*length && (**text == '\r' || **text == '\n')) {
            (*text)++;
            (*length)--;
        }
        if (*length && ((*text)[*length - 1] == '\r' || (*text)[*length - 1] == '\n')) {
            (*length)--;
        }
    }
}

/* A substring, not NUL-terminated. */
struct tote__part {
    const char *at;
    size_t length;
};

/*
 * Split a text at each `separator`. Returns the number of parts, and writes the first `most` of
 * them to `parts`.
 */
static inline size_t tote__split(const char *text, size_t length, char separator,
                                 struct tote__part *parts, size_t most) {
    size_t count = 0;

    for (;;) {
        const char *end = length ? (const char *)memchr(text, separator, length) : NULL;
        size_t size = end ? (size_t)(end - text) : length;
        if (count < most) {
            parts[count] = (struct tote__part){text, size};
        }
        count++;
        if (!end) {
            return count;
        }
        text = end + 1;
        length -= size + 1;
    }
}

/* Remove the first part from a list. Returns false at the end. */
static inline bool tote__next_part(struct tote__part *list, char separator,
                                   struct tote__part *part) {
    if (!list->length) {
        return false;
    }
    const char *end = (const char *)memchr(list->at, separator, list->length);
    size_t size = end ? (size_t)(end - list->at) : list->length;
    *part = (struct tote__part){list->at, size};
    size += end != NULL;
    list->at += size;
    list->length -= size;
    return true;
}

static inline bool tote__part_is(struct tote__part part, const char *text) {
    return strlen(text) == part.length && memcmp(part.at, text, part.length) == 0;
}

/*
 * Decode %HH once, into `out`, which has `length` bytes and may be `text`. An invalid escape is
 * copied unchanged. Returns the decoded length. `malformed`, if not NULL, is set to whether there
 * was an invalid escape.
 */
TOTE_SHARED size_t tote__percent_decode(char *out, const char *text, size_t length,
                                        bool *malformed);

/*
 * Write each byte that is not in `plain` as %HH. `out` must have space for 3 * `length` bytes.
 * Returns the end of the output.
 */
TOTE_SHARED char *tote__percent_encode(char *out, const char *text, size_t length,
                                       enum tote__characters plain);

/* A writer into a buffer that may be too small. Text that does not fit is only counted. */
struct tote__writer {
    char *buffer;
    size_t size;
    size_t length; /* of the complete text */
};

static inline void tote__write(struct tote__writer *writer, const char *text, size_t length) {
    if (writer->length < writer->size) {
        memcpy(writer->buffer + writer->length, text,
               tote__min(length, writer->size - writer->length));
    }
    writer->length += length;
}

/* Return the length of what was written, without a code point of which a part did not fit. */
static inline size_t tote__written(const struct tote__writer *writer) {
    size_t size = writer->size;

    if (writer->length <= size || !size) {
        return tote__min(writer->length, size);
    }
    size_t last = tote__utf8_cut(writer->buffer, size, size - 1);
    size_t rest = size - last;
    return tote__utf8_valid_prefix(writer->buffer + last, rest) == rest ? size : last;
}

/*
 * Write a JSON string. Invalid UTF-8 becomes U+FFFD. Code points that control a terminal or the
 * layout of a line are escaped, too. Spec: RFC 8259 section 7
 */
void tote__write_quoted(struct tote__writer *writer, const char *text, size_t length);

#endif
