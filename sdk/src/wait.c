/* SPDX-License-Identifier: MIT */
/*
 * wait.c - wait for a change of a word
 *
 * Tests: tests/schedule/test_schedule_worker.c, tests/unit/test_os.c
 */
#include "wait.h"

#include "tote/internal/os.h"

enum { NS_PER_MS = 1000000 };

void tote__wait(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline) {
    tote__os_wait(word, value, deadline);
}

void tote__wake(_Atomic(uint32_t) *word) {
    tote__os_wake(word);
}

uint32_t tote__deadline_left_ms(uint64_t deadline) {
    uint64_t now = tote__clock_monotonic();

    if (deadline == TOTE__NEVER) {
        return UINT32_MAX;
    }
    uint64_t left = deadline > now ? (deadline - now) / NS_PER_MS : 0;
    return left < UINT32_MAX ? (uint32_t)left : UINT32_MAX - 1;
}
