/* SPDX-License-Identifier: MIT */
/*
 * schedule.h - a scheduler that explores the interleavings of atomic operations
 *
 * This header comes ahead of every file of a program in tests/schedule. Each atomic operation is
 * then a scheduling point: the threads of a case run one at a time, and a generator with a seed
 * picks at each point which one goes on. Even seeds pick at random. Odd seeds give the threads
 * random priorities and lower that of the running one at a few random points, which finds faults
 * that need few switches (PCT). A compare-exchange that may fail for no reason does so at times.
 *
 * A fault is reported with its seed and the last switches: SCHEDULE_SEED=N PROGRAM CASE repeats it.
 *
 * Futexes, pauses and the clock are the scheduler's. Time passes only while every thread waits.
 * When all wait without a timeout, a wake-up was lost, which is a fault.
 *
 * What is not explored: all operations are sequentially consistent here, so that weaker orders are
 * left to ThreadSanitizer; and plain accesses between two points are never interleaved.
 */
#ifndef TOTE_TESTS_SCHEDULE_H
#define TOTE_TESTS_SCHEDULE_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { SCHEDULE_MOST_THREADS = 5 };

/* A case. Functions other than those of the threads run while no thread does; they may be NULL. */
struct schedule_case {
    const char *name;
    void (*set_up)(void);
    void (*threads[SCHEDULE_MOST_THREADS])(void);
    void (*invariant)(void); /* at each point */
    void (*check)(void);     /* once all threads have ended */
    void (*tear_down)(void);
    uint32_t schedules;
};

/* Run the case under many seeds, or under that of SCHEDULE_SEED. A fault ends the process. */
void schedule_explore(const struct schedule_case *explored);

/* For main: explore all cases, or those whose name the argument contains. Returns: 0. */
int schedule_main(const struct schedule_case *cases, size_t count, int argc, char **argv);

/* Which thread of the case is running; -1: none. */
int schedule_thread(void);

/* What time passed since the case began, in ns. */
uint64_t schedule_elapsed(void);

/* A fault, unless the condition holds. */
#define SCHEDULE_CHECK(condition)                                                                  \
    ((condition) ? (void)0 : schedule_fail(#condition, __FILE__, __LINE__))

_Noreturn void schedule_fail(const char *what, const char *file, int line);

/* Another thread may run now. */
void schedule_point(const char *file, int line);

/* The thread cannot go on before another one has run. Returns: 0. */
int schedule_yield(const char *file, int line);

/* Whether a compare-exchange that may fail for no reason does. */
bool schedule_fails(void);

/* wait.h */
void schedule_wait(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline);
void schedule_wake(_Atomic(uint32_t) *word);

int schedule_clock(clockid_t id, struct timespec *now);

#ifndef SCHEDULE_PLAIN /* the scheduler itself */

#define clock_gettime(id, now) schedule_clock(id, now)
#define nanosleep(pause, left) ((void)(pause), schedule_yield(__FILE__, __LINE__))
#define sched_yield() schedule_yield(__FILE__, __LINE__)
#define __builtin_ia32_pause() ((void)schedule_yield(__FILE__, __LINE__))

#undef atomic_store
#undef atomic_store_explicit
#undef atomic_load
#undef atomic_load_explicit
#undef atomic_exchange
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_strong_explicit
#undef atomic_compare_exchange_weak
#undef atomic_compare_exchange_weak_explicit
#undef atomic_fetch_add
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub
#undef atomic_fetch_sub_explicit
#undef atomic_fetch_or
#undef atomic_fetch_or_explicit

#define SCHEDULE_POINT schedule_point(__FILE__, __LINE__)

#ifdef __clang__
#define SCHEDULE_LOAD(object) __c11_atomic_load(object, __ATOMIC_SEQ_CST)
#define SCHEDULE_STORE(object, value) __c11_atomic_store(object, value, __ATOMIC_SEQ_CST)
#define SCHEDULE_EXCHANGE(object, value) __c11_atomic_exchange(object, value, __ATOMIC_SEQ_CST)
#define SCHEDULE_COMPARE(object, expected, value)                                                  \
    __c11_atomic_compare_exchange_strong(object, expected, value, __ATOMIC_SEQ_CST,                \
                                         __ATOMIC_SEQ_CST)
#define SCHEDULE_FETCH(operation, object, value)                                                   \
    __c11_atomic_fetch_##operation(object, value, __ATOMIC_SEQ_CST)
#else
#define SCHEDULE_LOAD(object) __atomic_load_n(object, __ATOMIC_SEQ_CST)
#define SCHEDULE_STORE(object, value) __atomic_store_n(object, value, __ATOMIC_SEQ_CST)
#define SCHEDULE_EXCHANGE(object, value) __atomic_exchange_n(object, value, __ATOMIC_SEQ_CST)
#define SCHEDULE_COMPARE(object, expected, value)                                                  \
    __atomic_compare_exchange_n(object, expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define SCHEDULE_FETCH(operation, object, value)                                                   \
    __atomic_fetch_##operation(object, value, __ATOMIC_SEQ_CST)
#endif

#define atomic_load(object) (SCHEDULE_POINT, SCHEDULE_LOAD(object))
#define atomic_store(object, value) (SCHEDULE_POINT, SCHEDULE_STORE(object, value))
#define atomic_exchange(object, value) (SCHEDULE_POINT, SCHEDULE_EXCHANGE(object, value))
#define atomic_compare_exchange_strong(object, expected, value)                                    \
    (SCHEDULE_POINT, SCHEDULE_COMPARE(object, expected, value))
#define atomic_compare_exchange_weak(object, expected, value)                                      \
    (SCHEDULE_POINT, schedule_fails() ? (*(expected) = SCHEDULE_LOAD(object), false)               \
                                      : SCHEDULE_COMPARE(object, expected, value))
#define atomic_fetch_add(object, value) (SCHEDULE_POINT, SCHEDULE_FETCH(add, object, value))
#define atomic_fetch_sub(object, value) (SCHEDULE_POINT, SCHEDULE_FETCH(sub, object, value))
#define atomic_fetch_or(object, value) (SCHEDULE_POINT, SCHEDULE_FETCH(or, object, value))

#define atomic_load_explicit(object, order) atomic_load(object)
#define atomic_store_explicit(object, value, order) atomic_store(object, value)
#define atomic_exchange_explicit(object, value, order) atomic_exchange(object, value)
#define atomic_compare_exchange_strong_explicit(object, expected, value, success, failure)         \
    atomic_compare_exchange_strong(object, expected, value)
#define atomic_compare_exchange_weak_explicit(object, expected, value, success, failure)           \
    atomic_compare_exchange_weak(object, expected, value)
#define atomic_fetch_add_explicit(object, value, order) atomic_fetch_add(object, value)
#define atomic_fetch_sub_explicit(object, value, order) atomic_fetch_sub(object, value)
#define atomic_fetch_or_explicit(object, value, order) atomic_fetch_or(object, value)

#endif
#endif
