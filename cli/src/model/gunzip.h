/* SPDX-License-Identifier: MIT */
/*
 * gunzip.h - decompress a gzip body
 */
#ifndef TOTE_CLI_GUNZIP_H
#define TOTE_CLI_GUNZIP_H

#include "bytes.h"

/*
 * Append the content of all members to `plain`; the caller clears it, also on failure. Zeros after
 * the last member are padding. Returns MALFORMED if it is not gzip or is truncated; TOO_LARGE or
 * BUSY like bytes_reserve().
 */
enum outcome gunzip(const uint8_t *packed, size_t size, struct bytes *plain);

#endif
