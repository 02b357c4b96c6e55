/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the system's clocks, in nanoseconds, and deadlines
 *
 * A deadline is a time of tote__clock_monotonic(). NEVER means no deadline.
 */
#ifndef TOTE_INTERNAL_CLOCK_H
#define TOTE_INTERNAL_CLOCK_H

#include <time.h>

#include "tote/internal/shared.h"

static inline uint64_t tote__clock_read(clockid_t id) {
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static inline uint64_t tote__clock_realtime(void) {
    return tote__clock_read(CLOCK_REALTIME);
}

static inline uint64_t tote__clock_monotonic(void) {
    return tote__clock_read(CLOCK_MONOTONIC);
}

#define TOTE__NEVER UINT64_MAX

/* Return the deadline `timeout_ms` from now; UINT32_MAX: no deadline. */
static inline uint64_t tote__deadline_in(uint32_t timeout_ms) {
    return timeout_ms == UINT32_MAX ? TOTE__NEVER
                                    : tote__clock_monotonic() + (uint64_t)timeout_ms * 1000000U;
}

/*
 * Return the time until the deadline in milliseconds, at most `most`. It is rounded up, so that a
 * caller that sleeps does not wake early.
 */
static inline uint32_t tote__ms_until(uint64_t deadline, uint32_t most) {
    uint64_t now = deadline == TOTE__NEVER ? 0 : tote__clock_monotonic();
    uint64_t left = deadline > now ? deadline - now : 0;
    uint64_t ms = left / 1000000U + (left % 1000000U != 0);

    return ms < most ? (uint32_t)ms : most;
}

#endif
