/* SPDX-License-Identifier: MIT */
/*
 * hex.h - branch-free conversion of ids to and from lower-case hex, independent of the locale
 *
 * Converts sixteen digits at a time with the compiler's generic vectors, and remaining digits one
 * at a time.
 */
#ifndef TOTE_INTERNAL_HEX_H
#define TOTE_INTERNAL_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __has_builtin
#if __has_builtin(__builtin_convertvector) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define TOTE__HEX_VECTORS 1
#endif
#endif

#ifdef TOTE__HEX_VECTORS
typedef uint8_t tote__hex_bytes __attribute__((vector_size(8)));
typedef uint16_t tote__hex_pairs
    __attribute__((vector_size(16))); /* one lane per digit, the first one lowest */
typedef uint8_t tote__hex_digits __attribute__((vector_size(16)));

/* Write eight bytes as sixteen digits. */
static inline void tote__hex_encode_eight(char *hex, const uint8_t *bytes) {
    tote__hex_bytes eight;

    memcpy(&eight, bytes, sizeof eight);
    tote__hex_pairs pairs = __builtin_convertvector(eight, tote__hex_pairs);
    pairs = pairs >> 4 | (pairs & 15) << 8;
    tote__hex_digits digits = (tote__hex_digits)pairs;
    digits += '0' + ((tote__hex_digits)(digits > 9) & ('a' - '0' - 10));
    memcpy(hex, &digits, sizeof digits);
}

/* Read eight bytes from sixteen digits. Returns whether all are digits. */
static inline bool tote__hex_decode_eight(uint8_t *bytes, const char *hex) {
    tote__hex_digits digits;
    uint64_t good[2];

    memcpy(&digits, hex, sizeof digits);
    /* A character below the first one of a range wraps around to a large number. */
    tote__hex_digits numbers = (tote__hex_digits)(digits - '0' < 10);
    tote__hex_digits letters = (tote__hex_digits)(digits - 'a' < 6);
    tote__hex_digits are_good = numbers | letters;
    digits = (digits & 15) + (letters & 9);
    tote__hex_pairs pairs = (tote__hex_pairs)digits;
    pairs = (pairs << 4 | pairs >> 8) & 0xFF;
    tote__hex_bytes eight = __builtin_convertvector(pairs, tote__hex_bytes);
    memcpy(bytes, &eight, sizeof eight);
    memcpy(good, &are_good, sizeof good);
    return (good[0] & good[1]) == UINT64_MAX;
}
#endif

static inline unsigned tote__hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 16;
}

/* Write `count` bytes as twice as many digits. */
static inline void tote__hex_encode(char *hex, const uint8_t *bytes, size_t count) {
#ifdef TOTE__HEX_VECTORS
    for (; count >= 8; count -= 8, bytes += 8, hex += 16) {
        tote__hex_encode_eight(hex, bytes);
    }
#endif
    for (; count; count--, bytes++, hex += 2) {
        hex[0] = "0123456789abcdef"[*bytes >> 4];
        hex[1] = "0123456789abcdef"[*bytes & 15];
    }
}

/* Read `count` bytes from twice as many digits. Returns false if one is not a lower-case digit. */
static inline bool tote__hex_decode(uint8_t *bytes, const char *hex, size_t count) {
    bool is_good = true;

#ifdef TOTE__HEX_VECTORS
    for (; count >= 8; count -= 8, bytes += 8, hex += 16) {
        is_good &= tote__hex_decode_eight(bytes, hex);
    }
#endif
    for (; count; count--, bytes++, hex += 2) {
        unsigned high = tote__hex_digit(hex[0]), low = tote__hex_digit(hex[1]);
        is_good &= (high | low) < 16;
        *bytes = (uint8_t)(high << 4 | low);
    }
    return is_good;
}

/*
 * Read digits into `count` bytes, 8 or 16, padded with leading zeros. Returns false if there are
 * none or too many, or if one is not a lower-case digit.
 */
static inline bool tote__hex_decode_padded(uint8_t *bytes, size_t count, const char *hex,
                                           size_t length) {
    char padded[32];

    if (!length || length > count * 2) {
        return false;
    }
    memset(padded, '0', sizeof padded);
    memcpy(padded + count * 2 - length, hex, length);
    return tote__hex_decode(bytes, padded, count);
}

#endif
