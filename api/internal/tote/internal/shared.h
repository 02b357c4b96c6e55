/* SPDX-License-Identifier: MIT */
/*
 * shared.h - the private interface between libtote-api and libtote
 *
 * Headers in this folder are not installed. libtote-api exports the TOTE_SHARED declarations under
 * names that begin with tote__. They may change in any version, because both libraries always have
 * the same version.
 */
#ifndef TOTE_INTERNAL_SHARED_H
#define TOTE_INTERNAL_SHARED_H

#include "tote/common.h"

#ifndef TOTE_SHARED /* the amalgamation hides them */
#define TOTE_SHARED TOTE_API
#endif

/*
 * Do nothing. The name has the version, for example tote__release_0_1_0(), so that a static libtote
 * does not link with a libtote-api of another release. For shared libraries, symbol versions do
 * that.
 */
#define TOTE__RELEASE_OF(major, minor, patch) TOTE__RELEASE_NAME(major, minor, patch)
#define TOTE__RELEASE_NAME(major, minor, patch) tote__release_##major##_##minor##_##patch
#define TOTE__RELEASE TOTE__RELEASE_OF(TOTE_VERSION_MAJOR, TOTE_VERSION_MINOR, TOTE_VERSION_PATCH)
TOTE_SHARED void TOTE__RELEASE(void);

/* For branches that are taken in at most one of a thousand calls. */
#define tote__unlikely(condition) __builtin_expect(!!(condition), 0)

/* For small functions called for each span. Compilers would not inline some of them. */
#ifdef __OPTIMIZE_SIZE__
#define tote__always_inline static inline
#else
#define tote__always_inline static inline __attribute__((always_inline))
#endif

/* For functions that need much stack, which must not become part of the caller's stack frame. */
#define tote__apart __attribute__((noinline))

/* For functions called for at most one of a thousand spans; also not inlined. */
#define tote__rarely_called __attribute__((noinline, cold))

/* Return the smaller of two sizes. */
static inline size_t tote__min(size_t a, size_t b) {
    return a < b ? a : b;
}

#endif
