/* SPDX-License-Identifier: MIT */
/*
 * json_writer.c - writes JSON into a buffer
 *
 * The output does not depend on the locale and is always valid UTF-8. Spec: RFC 8259
 */
#include "json_writer.h"

#include <float.h>
#include <math.h>

#include "tote/internal/base64.h"
#include "tote/internal/hex.h"
#include "tote/internal/text.h"
#include "tote/value.h"

struct tote__json tote__json_start(struct tote__buffer *buffer) {
    enum { SMALL_REQUEST = 1024 };
    struct tote__json json = {.buffer = buffer};

    tote__json_grow(&json, SMALL_REQUEST);
    return json;
}

bool tote__json_finish(struct tote__json *json) {
    if (json->is_failed) {
        return false;
    }
    json->at -= json->at[-1] == ',';
    json->buffer->size = (size_t)(json->at - json->buffer->bytes);
    return true;
}

bool tote__json_grow(struct tote__json *json, size_t size) {
    struct tote__buffer *buffer = json->buffer;
    size_t written = json->at ? (size_t)(json->at - buffer->bytes) - buffer->size : 0;

    if (json->is_failed || !tote__buffer_reserve(buffer, written + size)) {
        json->is_failed = true;
        json->end = json->at;
        return false;
    }
    json->at = buffer->bytes + buffer->size + written;
    json->end = buffer->bytes + buffer->capacity;
    return true;
}

static bool is_ascii(uint8_t byte) {
    return byte < 0x80;
}

static bool is_plain(uint8_t byte) {
    return is_ascii(byte) && byte >= ' ' && byte != '"' && byte != '\\';
}

/* Return whether any of eight bytes is not ASCII, a control character, a quote or a backslash. */
static bool has_special(uint64_t eight) {
    const uint64_t ones = 0x0101010101010101U;
    const uint64_t highs = 0x80 * ones;
    uint64_t quotes = eight ^ '"' * ones;
    uint64_t backslashes = eight ^ '\\' * ones;

    /*
     * The subtraction sets the high bit of each byte that is smaller. A borrow happens only if
     * there is such a byte.
     */
    return (eight | (eight - ' ' * ones) | (quotes - ones) | (backslashes - ones)) & highs;
}

/* Copy bytes that need no escape, up to the first special one. Returns their number. */
static size_t copy_plain(uint8_t *out, const uint8_t *text, size_t length) {
    size_t at = 0;
    uint64_t eight;

    for (; length - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, text + at, sizeof eight);
        if (has_special(eight)) {
            break;
        }
        memcpy(out + at, &eight, sizeof eight);
    }
    for (; at < length && is_plain(text[at]); at++) {
        out[at] = text[at];
    }
    return at;
}

static uint8_t *put_escaped(uint8_t *out, uint8_t c) {
    static const char shorts[] = "\"\"\\\\\bb\tt\nn\ff\rr"; /* characters and their escapes */
    const char *pair = c ? strchr(shorts, c) : NULL;

    *out++ = '\\';
    *out++ = pair ? (uint8_t)pair[1] : 'u';
    if (!pair) {
        *out++ = '0';
        *out++ = '0';
        tote__hex_encode((char *)out, &c, 1);
        out += 2;
    }
    return out;
}

/* Copy non-ASCII characters from the start of the text, repaired. */
static void put_code_points(struct tote__json *json, struct tote__slice *text) {
    enum { LONGEST = sizeof "\xEF\xBF\xBD" - 1 }; /* replacement of an invalid byte */
    size_t size = 1;

    while (size < text->size && !is_ascii(text->at[size])) {
        size++;
    }
    if (tote__json_has_room(json, LONGEST * size)) {
        json->at = (uint8_t *)tote__utf8_repair((char *)json->at, (const char *)text->at, size);
    }
    text->at += size;
    text->size -= size;
}

void tote__json_text(struct tote__json *json, struct tote__slice text) {
    enum { MORE = sizeof "\"\\u0000\"," };

    if (!tote__json_has_room(json, text.size + MORE)) {
        return;
    }
    *json->at++ = '"';
    while (text.size) { /* empty text may be NULL */
        size_t plain = copy_plain(json->at, text.at, text.size);
        json->at += plain;
        text.at += plain;
        text.size -= plain;
        if (!text.size) {
            break;
        }
        if (is_ascii(*text.at)) {
            json->at = put_escaped(json->at, *text.at++);
            text.size--;
        } else {
            put_code_points(json, &text);
        }
        if (!tote__json_has_room(json, text.size + MORE)) {
            return;
        }
    }
    *json->at++ = '"';
    *json->at++ = ',';
}

void tote__json_hex(struct tote__json *json, const void *bytes, size_t size) {
    if (!tote__json_has_room(json, 2 * size + 3)) {
        return;
    }
    *json->at++ = '"';
    tote__hex_encode((char *)json->at, bytes, size);
    json->at += 2 * size;
    *json->at++ = '"';
    *json->at++ = ',';
}

void tote__json_base64(struct tote__json *json, struct tote__slice bytes) {
    if (!tote__json_has_room(json, TOTE__BASE64_LENGTH(bytes.size) + 3)) {
        return;
    }
    *json->at++ = '"';
    json->at += tote__base64_encode((char *)json->at, bytes.at, bytes.size);
    *json->at++ = '"';
    *json->at++ = ',';
}

enum { MOST_DIGITS = 20 };         /* of 64 bits */
#define POWER(n) ((uint64_t)1e##n) /* all of them are exact doubles */
static const uint64_t powers_of_ten[MOST_DIGITS] = {
    POWER(0),  POWER(1),  POWER(2),  POWER(3),  POWER(4),  POWER(5),  POWER(6),
    POWER(7),  POWER(8),  POWER(9),  POWER(10), POWER(11), POWER(12), POWER(13),
    POWER(14), POWER(15), POWER(16), POWER(17), POWER(18), POWER(19)};

/* 1233 / 4096 is slightly more than log10(2): the estimate is exact or one too low. */
static unsigned count_digits(uint64_t number) {
    unsigned bits = 64 - (unsigned)__builtin_clzll(number | 1);
    unsigned count = bits * 1233 >> 12;

    return count + ((number | 1) >= powers_of_ten[count]);
}

/* Write the last `count` digits of a number, two at a time. Returns their end. */
static uint8_t *put_digits(uint8_t *out, uint64_t number, unsigned count) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    uint8_t *digit = out + count;

    while (digit - out >= 2) {
        digit -= 2;
        memcpy(digit, &pairs[number % 100 * 2], 2);
        number /= 100;
    }
    if (digit > out) {
        *out = (uint8_t)('0' + number % 10);
    }
    return out + count;
}

static uint8_t *put_decimal(uint8_t *out, uint64_t number) {
    return put_digits(out, number, count_digits(number));
}

void tote__json_number(struct tote__json *json, uint32_t number) {
    if (tote__json_has_room(json, MOST_DIGITS + 1)) {
        json->at = put_decimal(json->at, number);
        *json->at++ = ',';
    }
}

static void put_quoted(struct tote__json *json, bool is_negative, uint64_t number) {
    if (!tote__json_has_room(json, MOST_DIGITS + 4)) {
        return;
    }
    *json->at++ = '"';
    if (is_negative) {
        *json->at++ = '-';
    }
    json->at = put_decimal(json->at, number);
    *json->at++ = '"';
    *json->at++ = ',';
}

void tote__json_unsigned(struct tote__json *json, uint64_t number) {
    put_quoted(json, false, number);
}

void tote__json_signed(struct tote__json *json, int64_t number) {
    put_quoted(json, number < 0, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

#if FLT_EVAL_METHOD == 2
/*
 * Return whether a reader, which rounds once, computes this double. Here the quotient is rounded to
 * 64 bits first. If that is the middle of two doubles, rounding it again may differ.
 */
static bool is_read_as(uint64_t digits, double scale, double magnitude) {
    long double quotient = (long double)digits / scale;
    long double opposite = magnitude + 2 * (quotient - magnitude);
    bool is_middle = opposite != magnitude && (double)opposite == opposite;

    return (double)quotient == magnitude && !is_middle;
}
#else
static bool is_read_as(uint64_t digits, double scale, double magnitude) {
    return (double)digits / scale == magnitude;
}
#endif

/*
 * Represent a double as digits / 10^decimals, with the fewest decimals that are read as the same
 * double. Both are exact, so their quotient is what a reader computes. Returns false if it needs
 * more digits.
 */
static bool find_decimals(double magnitude, uint64_t *digits, unsigned *decimals) {
    enum { MOST_DECIMALS = 15 };
    const double exact = 9007199254740992.0; /* 2^53: integers up to it are doubles */

    for (*decimals = 0; *decimals <= MOST_DECIMALS; ++*decimals) {
        double scale = (double)powers_of_ten[*decimals];
        if (!(magnitude * scale < exact - 1)) { /* also NaN */
            return false;
        }
        *digits = (uint64_t)(magnitude * scale + 0.5);
        if (is_read_as(*digits, scale, magnitude)) {
            return true;
        }
    }
    return false;
}

static uint8_t *put_fraction(uint8_t *out, uint64_t digits, unsigned decimals) {
    uint64_t scale = powers_of_ten[decimals];

    out = put_decimal(out, digits / scale);
    if (decimals) {
        *out++ = '.';
        out = put_digits(out, digits % scale, decimals);
    }
    return out;
}

/* Doubles that need most digits or an exponent, and values that are not numbers. */
static void put_other_double(struct tote__json *json, double real) {
    char text[40];
    size_t length = tote_value_to_text(tote_double(real), text, sizeof text);

    if (isfinite(real)) {
        tote__json_put(json, text);
        tote__json_put(json, ",");
    } else {
        tote__json_text(json, (struct tote__slice){(const uint8_t *)text, length});
    }
}

void tote__json_double(struct tote__json *json, double real) {
    uint64_t digits;
    unsigned decimals;

    if (real == 0 && signbit(real)) {
        tote__json_put(json, "-0.0,"); /* readers would parse -0 as an integer */
        return;
    }
    if (!find_decimals(fabs(real), &digits, &decimals)) {
        put_other_double(json, real);
        return;
    }
    if (!tote__json_has_room(json, 2 * MOST_DIGITS)) {
        return;
    }
    if (signbit(real)) {
        *json->at++ = '-';
    }
    json->at = put_fraction(json->at, digits, decimals);
    *json->at++ = ',';
}
