/* SPDX-License-Identifier: MIT */
/*
 * schedule.h - a scheduler that explores the interleavings of atomic operations
 *
 * A program in tests/schedule includes this header before every file. Each atomic operation is then
 * a scheduling point: the threads of a case run one at a time, and a seeded generator picks at each
 * point which thread continues. Even seeds pick at random. Odd seeds give the threads random
 * priorities, and lower that of the running thread at a few random points; this finds faults that
 * need few switches (PCT). A weak compare-exchange sometimes fails spuriously.
 *
 * A fault is reported with its seed and the last switches: SCHEDULE_SEED=N PROGRAM CASE repeats it.
 *
 * Futexes, pauses and the clock belong to the scheduler. Time passes only while every thread waits.
 * If all wait without a timeout, a wake-up was lost, which is a fault.
 *
 * Every second pair of seeds delays stores that are not sequentially consistent, in their order,
 * like store buffers: a later load may overtake them, unless a fence, a read-modify-write operation
 * or a sequentially consistent store is in between.
 *
 * Not explored: other effects of weak orders, which are left to ThreadSanitizer. Loads are not
 * reordered, nor stores with one another. Plain accesses between two points are never interleaved,
 * and a plain store is not delayed.
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

/* For main: explore all cases, or those whose name the argument contains. Returns 0. */
int schedule_main(const struct schedule_case *cases, size_t count, int argc, char **argv);

/* Which thread of the case is running; -1: none. */
int schedule_thread(void);

/* The time since the case began, in ns. */
uint64_t schedule_elapsed(void);

/* A fault unless the condition holds. */
#define SCHEDULE_CHECK(condition)                                                                  \
    ((condition) ? (void)0 : schedule_fail(#condition, __FILE__, __LINE__))

_Noreturn void schedule_fail(const char *what, const char *file, int line);

/* Another thread may run now. */
void schedule_point(const char *file, int line);

/* The thread cannot continue before another one has run. Returns 0. */
int schedule_yield(const char *file, int line);

/* Whether a compare-exchange that may fail spuriously does. */
bool schedule_fails(void);

/*
 * Store for other threads to see: at once, or later. `is_full`: together with everything stored
 * before, as the strongest order requires.
 */
void schedule_store(void *to, const void *value, size_t size, bool is_full);

/* Replace the loaded value by this thread's last store, if others do not see that yet. */
void schedule_own_store(const void *from, void *seen, size_t size);

/* Make the stores of this thread, or of all threads, visible: a fence, and membarrier(2). */
void schedule_flush(void);
void schedule_flush_all(void);

/* wait.h */
void schedule_wait(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline);
void schedule_wake(_Atomic(uint32_t) *word);

int schedule_clock(clockid_t id, struct timespec *now);

#ifndef SCHEDULE_PLAIN /* the scheduler itself */

#define clock_gettime(id, now) schedule_clock(id, now)
#define nanosleep(pause, left) ((void)(pause), schedule_yield(__FILE__, __LINE__))
#define sched_yield() schedule_yield(__FILE__, __LINE__)
#define __builtin_ia32_pause() ((void)schedule_yield(__FILE__, __LINE__))

#undef atomic_thread_fence
#include "undefined_atomics.h"

#define SCHEDULE_POINT schedule_point(__FILE__, __LINE__)

#ifdef __clang__
#define SCHEDULE_LOAD(object) __c11_atomic_load(object, __ATOMIC_SEQ_CST)
#define SCHEDULE_EXCHANGE(object, value) __c11_atomic_exchange(object, value, __ATOMIC_SEQ_CST)
#define SCHEDULE_COMPARE(object, expected, value)                                                  \
    __c11_atomic_compare_exchange_strong(object, expected, value, __ATOMIC_SEQ_CST,                \
                                         __ATOMIC_SEQ_CST)
#define SCHEDULE_FETCH(operation, object, value)                                                   \
    __c11_atomic_fetch_##operation(object, value, __ATOMIC_SEQ_CST)
#else
#define SCHEDULE_LOAD(object) __atomic_load_n(object, __ATOMIC_SEQ_CST)
#define SCHEDULE_EXCHANGE(object, value) __atomic_exchange_n(object, value, __ATOMIC_SEQ_CST)
#define SCHEDULE_COMPARE(object, expected, value)                                                  \
    __atomic_compare_exchange_n(object, expected, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define SCHEDULE_FETCH(operation, object, value)                                                   \
    __atomic_fetch_##operation(object, value, __ATOMIC_SEQ_CST)
#endif

/* A load sees what its own thread has stored, although other threads do not see it yet. */
#define atomic_load(object)                                                                        \
    __extension__({                                                                                \
        SCHEDULE_POINT;                                                                            \
        __auto_type schedule_from = (object);                                                      \
        __typeof__((void)0, *schedule_from) schedule_seen = SCHEDULE_LOAD(schedule_from);          \
        schedule_own_store(schedule_from, &schedule_seen, sizeof schedule_seen);                   \
        schedule_seen;                                                                             \
    })
#define atomic_store_explicit(object, value, order)                                                \
    __extension__({                                                                                \
        __auto_type schedule_to = (object);                                                        \
        __typeof__((void)0, *schedule_to) schedule_stored = (value);                               \
        SCHEDULE_POINT;                                                                            \
        schedule_store(schedule_to, &schedule_stored, sizeof schedule_stored,                      \
                       (order) == memory_order_seq_cst);                                           \
    })
#define SCHEDULE_FULL_POINT (SCHEDULE_POINT, schedule_flush())
#define atomic_store(object, value) atomic_store_explicit(object, value, memory_order_seq_cst)
#define atomic_exchange(object, value) (SCHEDULE_FULL_POINT, SCHEDULE_EXCHANGE(object, value))
#define atomic_compare_exchange_strong(object, expected, value)                                    \
    (SCHEDULE_FULL_POINT, SCHEDULE_COMPARE(object, expected, value))
#define atomic_compare_exchange_weak(object, expected, value)                                      \
    (SCHEDULE_FULL_POINT, schedule_fails() ? (*(expected) = SCHEDULE_LOAD(object), false)          \
                                           : SCHEDULE_COMPARE(object, expected, value))
#define atomic_fetch_add(object, value) (SCHEDULE_FULL_POINT, SCHEDULE_FETCH(add, object, value))
#define atomic_fetch_sub(object, value) (SCHEDULE_FULL_POINT, SCHEDULE_FETCH(sub, object, value))
#define atomic_fetch_or(object, value) (SCHEDULE_FULL_POINT, SCHEDULE_FETCH(or, object, value))
#define atomic_thread_fence(order) ((order) == memory_order_seq_cst ? schedule_flush() : (void)0)

#define atomic_load_explicit(object, order) atomic_load(object)
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
