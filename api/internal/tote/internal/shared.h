/* SPDX-License-Identifier: MIT */
/*
 * shared.h - what libtote-api shows to libtote alone
 *
 * Headers in this folder are not installed. What they declare with TOTE_SHARED is
 * exported by libtote-api under a name that begins with tote__, and may change
 * with any version: both libraries are always of the same one.
 */
#ifndef TOTE_INTERNAL_SHARED_H
#define TOTE_INTERNAL_SHARED_H

#include "tote/common.h"

#define TOTE_SHARED TOTE_API

/* For branches that are taken once in a thousand times or less. */
#define tote__unlikely(condition) __builtin_expect(!!(condition), 0)

/* For small functions that each span calls, some of which compilers would not inline. */
#define tote__always_inline static inline __attribute__((always_inline))

/* For functions that need much stack: it is not their callers'. */
#define tote__apart __attribute__((noinline))

/* The same, for what one span in a thousand needs. */
#define tote__rarely_called __attribute__((noinline, cold))

/* The smaller of two sizes. */
static inline size_t tote__min(size_t a, size_t b) {
    return a < b ? a : b;
}

#endif
