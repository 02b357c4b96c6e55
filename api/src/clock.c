/* SPDX-License-Identifier: MIT */
/*
 * clock.c - the system's clocks
 */
#include "tote/internal/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t id) {
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint64_t tote__clock_realtime(void) {
    return read_clock(CLOCK_REALTIME);
}

uint64_t tote__clock_monotonic(void) {
    return read_clock(CLOCK_MONOTONIC);
}
