/* SPDX-License-Identifier: MIT */
/*
 * lock.c - the slow path of taking a lock
 *
 * Tests: tests/unit/test_fork.c, tests/schedule/test_schedule_core.c
 */
#include "tote/internal/lock.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#include "tote/internal/cancel.h"

enum { SPINS = 100, YIELDS = 16, FIRST_SLEEP_NS = 20000, LONGEST_SLEEP_NS = 1000000 };

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Do the n-th pause of a wait. */
static void rest(unsigned round) {
    if (round < SPINS) {
        relax();
        return;
    }
    if (round < SPINS + YIELDS) {
        sched_yield();
        return;
    }
    long doublings = (long)(round - SPINS - YIELDS);
    long nanoseconds = doublings > 5 ? LONGEST_SLEEP_NS : FIRST_SLEEP_NS << doublings;
    struct timespec sleep = {0, nanoseconds < LONGEST_SLEEP_NS ? nanoseconds : LONGEST_SLEEP_NS};
    nanosleep(&sleep, NULL);
}

void tote__lock_wait(struct tote__lock *lock, uint32_t generation) {
    int error = errno;
    int cancel = tote__cancel_disable();

    for (unsigned round = 0;; round++) {
        uint32_t holder = atomic_load_explicit(&lock->holder, memory_order_relaxed);
        bool is_free = holder != generation; /* 0, or held in the parent at the fork */

        if (is_free &&
            atomic_compare_exchange_weak_explicit(&lock->holder, &holder, generation,
                                                  memory_order_acquire, memory_order_relaxed)) {
            break;
        }
        rest(round < UINT16_MAX ? round : UINT16_MAX);
    }
    tote__cancel_restore(cancel);
    errno = error;
}
