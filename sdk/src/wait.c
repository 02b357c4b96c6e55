/* SPDX-License-Identifier: MIT */
/*
 * wait.c - futex(2)
 *
 * Tests: tests/schedule/test_schedule_worker.c
 */
#include "wait.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

void tote__wait(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline) {
    struct timespec until = {(time_t)(deadline / NS_PER_S), (long)(deadline % NS_PER_S)};
    int error = errno;

    /* FUTEX_WAIT_BITSET takes an absolute time of the monotonic clock. */
    syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value,
            deadline == TOTE__NEVER ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
    errno = error;
}

void tote__wake(_Atomic(uint32_t) *word) {
    int error = errno;

    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 0);
    errno = error;
}

uint32_t tote__deadline_left_ms(uint64_t deadline) {
    uint64_t now = tote__clock_monotonic();

    if (deadline == TOTE__NEVER) {
        return UINT32_MAX;
    }
    uint64_t left = deadline > now ? (deadline - now) / NS_PER_MS : 0;
    return left < UINT32_MAX ? (uint32_t)left : UINT32_MAX - 1;
}
