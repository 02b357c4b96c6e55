/* SPDX-License-Identifier: MIT */
/*
 * gunzip.h - what gzip made small
 */
#ifndef TOTE_CLI_GUNZIP_H
#define TOTE_CLI_GUNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Free the bytes. NULL: it is not gzip, or too large, or memory is out. */
struct gunzipped {
    uint8_t *bytes;
    size_t size;
    bool is_too_large;
    bool is_out_of_memory;
};

/* One member, of `most` bytes at most. */
struct gunzipped gunzip(const uint8_t *bytes, size_t size, size_t most);

#endif
