/* SPDX-License-Identifier: MIT */
/*
 * hex.h - ids to and from lower-case hex, eight digits at a time, without branches or a locale
 *
 * Eight digits lie in one word, the first in its highest byte, on any machine.
 */
#ifndef TOTE_INTERNAL_HEX_H
#define TOTE_INTERNAL_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The same byte in all eight places. */
#define TOTE__BYTES(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Written out, so that compilers make one load or store of it. */
static inline uint64_t tote__hex_load(const char *hex) {
    const unsigned char *at = (const unsigned char *)hex;

    return (uint64_t)at[0] << 56 | (uint64_t)at[1] << 48 | (uint64_t)at[2] << 40 |
           (uint64_t)at[3] << 32 | (uint64_t)at[4] << 24 | (uint64_t)at[5] << 16 |
           (uint64_t)at[6] << 8 | at[7];
}

static inline void tote__hex_store(char *hex, uint64_t digits) {
    hex[0] = (char)(digits >> 56);
    hex[1] = (char)(digits >> 48);
    hex[2] = (char)(digits >> 40);
    hex[3] = (char)(digits >> 32);
    hex[4] = (char)(digits >> 24);
    hex[5] = (char)(digits >> 16);
    hex[6] = (char)(digits >> 8);
    hex[7] = (char)digits;
}

/* Write `count` bytes, a multiple of four, as twice as many digits. */
static inline void tote__hex_encode(char *hex, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i += 4) {
        uint64_t digits = (uint64_t)bytes[i] << 40 | (uint64_t)bytes[i + 1] << 32 |
                          (uint64_t)bytes[i + 2] << 8 | bytes[i + 3];
        digits = (digits | digits << 8) & UINT64_C(0x00FF00FF00FF00FF);
        digits = (digits | digits << 4) & TOTE__BYTES(0x0F);
        uint64_t letters = ((digits + TOTE__BYTES(6)) >> 4) & TOTE__BYTES(1);
        digits += TOTE__BYTES('0') + letters * ('a' - '0' - 10);
        tote__hex_store(hex + i * 2, digits);
    }
}

/* The places, as 0x80, that hold a character from `first` to `last`; all are below 0x80. */
static inline uint64_t tote__hex_in_range(uint64_t digits, uint64_t first, uint64_t last) {
    return (digits + TOTE__BYTES(0x80 - first)) & ~(digits + TOTE__BYTES(0x7F - last)) &
           TOTE__BYTES(0x80);
}

/* Read `count` bytes, a multiple of four, from twice as many digits. False when one is no lower-case digit. */
static inline bool tote__hex_decode(uint8_t *bytes, const char *hex, size_t count) {
    uint64_t wrong = 0;

    for (size_t i = 0; i < count; i += 4) {
        uint64_t digits = tote__hex_load(hex + i * 2);
        uint64_t letters = tote__hex_in_range(digits & TOTE__BYTES(0x7F), 'a', 'f');
        uint64_t numbers = tote__hex_in_range(digits & TOTE__BYTES(0x7F), '0', '9');
        wrong |= (digits & TOTE__BYTES(0x80)) | ((letters | numbers) ^ TOTE__BYTES(0x80));
        digits = (digits & TOTE__BYTES(0x0F)) + (letters >> 7) * 9;
        digits = (digits | digits >> 4) & UINT64_C(0x00FF00FF00FF00FF);
        bytes[i] = (uint8_t)(digits >> 48);
        bytes[i + 1] = (uint8_t)(digits >> 32);
        bytes[i + 2] = (uint8_t)(digits >> 16);
        bytes[i + 3] = (uint8_t)digits;
    }
    return wrong == 0;
}

/*
 * Read digits into `count` bytes, 8 or 16, with zeros before them where they are fewer. False when there are
 * none, too many, or one is no lower-case digit.
 */
static inline bool tote__hex_decode_padded(uint8_t *bytes, size_t count, const char *hex,
                                           size_t length) {
    char padded[32] = "00000000000000000000000000000000";

    if (!length || length > count * 2) {
        return false;
    }
    memcpy(padded + count * 2 - length, hex, length);
    return tote__hex_decode(bytes, padded, count);
}

#endif
