/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the system's clocks, in nanoseconds
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

#endif
