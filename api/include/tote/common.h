/* SPDX-License-Identifier: MIT */
/**
 * @file tote/common.h
 * What every Tote header needs: linkage, results, the rules that hold everywhere.
 *
 * Pointers:  a `const` pointer to a counted type is borrowed; a plain one that a
 *            call returned is yours to unref. Where a borrowed object can be
 *            changed (store, span) the doc comment says "borrowed".
 * NULL:      accepted everywhere. A NULL `const tote_context *` is the current
 *            context. Where another NULL means something the function says so; elsewhere
 *            the call does nothing and returns 0, false, NULL or TOTE_RESULT_SUCCESS.
 * Text:      UTF-8. `const char *` ends with NUL; text with a length is given as
 *            tote_string_of(). What Tote hands out always ends with NUL.
 * Options:   set `struct_size`, leave the rest zero: zero is the default of every
 *            field. TOTE_X_INIT does just that. NULL options are all defaults; so are,
 *            with a diagnostic, those with a `struct_size` of 0.
 * Callbacks: return normally: no exception and no longjmp() out of one.
 * Memory:    arguments are copied before a call returns, unless it says "takes".
 * Threads:   "any": every thread, calls may overlap. "setup": before a second thread uses Tote.
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

/** The result is yours to release: losing it leaks. */
#if defined(__GNUC__) && !defined(TOTE_DISABLED)
#define TOTE_MUST_USE __attribute__((warn_unused_result))
#else
#define TOTE_MUST_USE
#endif

/*
 * With TOTE_DISABLED defined instrumentation is compiled away: each call becomes what it would be
 * without memory: nothing, NULL, false, 0, or -1 if that stands for nothing. Arguments are checked
 * by the compiler and not evaluated, but a function given to run is run. No library of Tote is
 * needed then. What only computes (ids as text, values, trace states) and what implements extension
 * points stays as it is. See tote/disabled.h, which each header includes.
 */

/** An inline function that is an exported symbol as well, for callers that read no headers. */
#if defined(TOTE_DISABLED)
#define TOTE_INLINE static inline
#elif defined(__GNUC_GNU_INLINE__) && !defined(__cplusplus)
#define TOTE_INLINE TOTE_API extern inline
#else
#define TOTE_INLINE TOTE_API inline
#endif

/** How many elements an array has, for the `_count` beside it. */
#define TOTE_COUNT_OF(array) (sizeof(array) / sizeof *(array))

TOTE_BEGIN_DECLS

/** The version of these headers, and of OpenTelemetry's specification that they follow. */
#define TOTE_VERSION_MAJOR 0
#define TOTE_VERSION_MINOR 1
#define TOTE_VERSION_PATCH 0
#define TOTE_SPEC_VERSION "1.60.0"

/** The version of the library that runs, as "0.1.0". */
TOTE_API const char *tote_version(void);

/** How an operation with a deadline ended. Spec: trace/sdk.md#forceflush */
typedef enum tote_result {
    TOTE_RESULT_SUCCESS,
    TOTE_RESULT_FAILURE, /**< the reason went to diagnostics */
    TOTE_RESULT_TIMEOUT  /**< the deadline came first; work may still complete */
} tote_result;

TOTE_END_DECLS
#endif
