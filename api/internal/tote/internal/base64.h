/* SPDX-License-Identifier: MIT */
/*
 * base64.h - Base64 encoding and decoding. Spec: RFC 4648 section 4
 */
#ifndef TOTE_INTERNAL_BASE64_H
#define TOTE_INTERNAL_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "tote/internal/shared.h"

/* The number of digits for `size` bytes, including padding. */
#define TOTE__BASE64_LENGTH(size) (((size) + 2) / 3 * 4)

/* Encode with padding, without NUL. Returns the length, TOTE__BASE64_LENGTH(size). */
TOTE_SHARED size_t tote__base64_encode(char *out, const uint8_t *bytes, size_t size);

/*
 * Decode in place; padding may be missing. Returns the number of bytes; 0 if the text is not
 * Base64.
 */
TOTE_SHARED size_t tote__base64_decode(char *text, size_t length);

#endif
