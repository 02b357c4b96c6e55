/* SPDX-License-Identifier: MIT */
/**
 * @file tote/common.h
 * What every Tote header needs: linkage, results, the rules that hold everywhere.
 *
 * Pointers:  a `const` pointer to a counted type is borrowed; a plain one that a
 *            call returned is yours to unref. Where a borrowed object can be
 *            changed (store, span) the doc comment says "borrowed".
 * NULL:      accepted everywhere. A NULL `const tote_context *` is the current
 *            context; any other NULL makes the call do nothing.
 * Text:      UTF-8. `const char *` ends with NUL; text with a length is given as
 *            tote_string_of(). What Tote hands out always ends with NUL.
 * Options:   set `struct_size`, leave the rest zero: zero is the default of every
 *            field. TOTE_X_INIT does just that. NULL options are all defaults.
 * Memory:    arguments are copied before a call returns, unless it says "takes".
 */
#ifndef TOTE_COMMON_H
#define TOTE_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define TOTE_BEGIN_DECLS extern "C" {
#define TOTE_END_DECLS }
#else
#define TOTE_BEGIN_DECLS
#define TOTE_END_DECLS
#endif

#if defined(__GNUC__)
#define TOTE_API __attribute__((visibility("default")))
#else
#define TOTE_API
#endif

#if defined(__GNUC__)
#define TOTE_PRINTF(text, rest) __attribute__((format(printf, text, rest)))
#else
#define TOTE_PRINTF(text, rest)
#endif

/** An inline function that is an exported symbol as well, for callers that read no headers. */
#if defined(__GNUC_GNU_INLINE__) && !defined(__cplusplus)
#define TOTE_INLINE TOTE_API extern inline
#else
#define TOTE_INLINE TOTE_API inline
#endif

/** How many elements an array has, for the `_count` beside it. */
#define TOTE_COUNT_OF(array) (sizeof(array) / sizeof *(array))

TOTE_BEGIN_DECLS

/** How an operation with a deadline ended. Spec: trace/sdk.md#forceflush */
typedef enum tote_result {
    TOTE_SUCCESS,
    TOTE_FAILURE,  /**< the reason went to diagnostics */
    TOTE_TIMED_OUT /**< the deadline came first; work may still complete */
} tote_result;

TOTE_END_DECLS
#endif
