/* SPDX-License-Identifier: MIT */
/**
 * @file tote/common.h
 * What every Tote header needs: linkage, results, and the rules that hold for all functions.
 *
 * Pointers:  A `const` pointer to a reference-counted type is borrowed. If a function returns a
 *            pointer that is not `const`, the caller owns a reference and releases it, unless the
 *            comment says "borrowed".
 * NULL:      Every function accepts NULL for every pointer. A NULL `const tote_context *` is the
 *            root context, a NULL options pointer means all defaults. With any other NULL a
 *            function does nothing and returns 0, false, NULL or TOTE_RESULT_SUCCESS, unless its
 *            comment says otherwise.
 * Text:      UTF-8. A `const char *` ends with NUL. Text that Tote returns always ends with NUL.
 * Options:   Initialize a struct with its TOTE_X_INIT, or with zeros and struct_size, then set
 *            fields. A field that is 0 or NULL has its default, except tote_span_options.parent.
 *            A struct whose struct_size is 0 is not read: the defaults apply, with a diagnostic. A
 *            struct without struct_size is frozen: its layout never changes.
 * Enums:     An options field that takes an enumerator is a uint32_t. A value that is not an
 *            enumerator has the meaning of the default, with a diagnostic. For an argument of a
 *            function, see its comment.
 * Callbacks: A callback returns normally. It must not throw an exception or call longjmp().
 * Memory:    A function copies its arguments before it returns, unless it "takes ownership". It
 *            takes ownership also if it fails.
 * Errors:    Functions do not change errno. What went wrong is reported to tote/diagnostics.h.
 * Threads:   Functions are thread-safe unless a comment says otherwise. "Setup": call it before a
 *            second thread uses Tote. Only tote_context_get_current_ids(),
 *            tote_fork_prepare() and tote_fork_child() are async-signal-safe.
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

/* A program that compiles Tote into itself may define it, for example to hide the functions. */
#if defined(TOTE_API)
#elif defined(__GNUC__)
#define TOTE_API __attribute__((visibility("default")))
#else
#define TOTE_API
#endif

#if defined(__GNUC__)
#define TOTE_PRINTF(text, rest) __attribute__((format(printf, text, rest)))
#else
#define TOTE_PRINTF(text, rest)
#endif

/** The caller owns the result: ignoring it leaks memory. */
#if defined(__GNUC__) && !defined(TOTE_DISABLED)
#define TOTE_MUST_USE __attribute__((warn_unused_result))
#else
#define TOTE_MUST_USE
#endif

/*
 * If TOTE_DISABLED is defined, instrumentation is compiled away and no Tote library is needed. Each
 * call does nothing and returns what it returns if out of memory: NULL, false, 0, or -1 where 0 has
 * another meaning. The compiler checks the arguments; they are not evaluated. A function that is
 * passed to run still runs. Functions that only compute (ids as text, values, trace states) and
 * those that implement extension points are unchanged. See tote/disabled.h.
 */

/** An inline function that is also an exported symbol, for bindings to other languages. */
#if defined(TOTE_DISABLED)
#define TOTE_INLINE static inline
#elif defined(__GNUC_GNU_INLINE__) && !defined(__cplusplus)
#define TOTE_INLINE TOTE_API extern inline
#else
#define TOTE_INLINE TOTE_API inline
#endif

/** The number of elements of an array. */
#define TOTE_COUNT_OF(array) (sizeof(array) / sizeof *(array))

TOTE_BEGIN_DECLS

/** The version of these headers, and of the OpenTelemetry specification that they follow. */
#define TOTE_VERSION_MAJOR 0
#define TOTE_VERSION_MINOR 1
#define TOTE_VERSION_PATCH 0
#define TOTE_SPEC_VERSION "1.60.0"

/** Return the version of the library at run time, for example "0.1.0". */
TOTE_API const char *tote_version(void);

/** The result of an operation with a timeout. Spec: trace/sdk.md#forceflush */
typedef enum tote_result {
    TOTE_RESULT_SUCCESS,
    TOTE_RESULT_FAILURE, /**< the reason was reported to diagnostics */
    TOTE_RESULT_TIMEOUT  /**< not finished within the timeout; it may still finish */
} tote_result;

TOTE_END_DECLS
#endif
