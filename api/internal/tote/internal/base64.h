/* SPDX-License-Identifier: MIT */
/*
 * base64.h - bytes as text, and back. RFC 4648, section 4
 */
#ifndef TOTE_INTERNAL_BASE64_H
#define TOTE_INTERNAL_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "tote/internal/shared.h"

/* How many digits so many bytes have at most, padding included. */
#define TOTE__BASE64_LENGTH(size) (((size) + 2) / 3 * 4)

/* With padding and without NUL. Returns the length, TOTE__BASE64_LENGTH(size). */
TOTE_SHARED size_t tote__base64_encode(char *out, const uint8_t *bytes, size_t size);

/*
 * Over the text itself; padding may be missing. Returns how many bytes there are, 0 when it is not
 * base64.
 */
TOTE_SHARED size_t tote__base64_decode(char *text, size_t length);

#endif
