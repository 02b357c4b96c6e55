/* SPDX-License-Identifier: MIT */
/*
 * weak.h - a checker that enumerates the executions which C11 permits
 *
 * A program in tests/weak compiles itself and files of the product with -fsanitize=thread, but
 * links weak.c instead of the runtime of ThreadSanitizer. So weak.c sees every atomic operation
 * with its memory order, and every plain access. It runs the threads of a case one at a time, and
 * enumerates, depth first, at each atomic operation:
 *
 * - which thread continues, up to a number of preemptions;
 * - which store a load reads: the newest one, or an older one that coherence and happens-before
 *   permit, up to a number of such loads;
 * - whether a weak compare-exchange fails spuriously, which counts as such a load.
 *
 * A fault is a failed check, a data race between plain accesses, an access to freed memory, or a
 * thread that waits forever.
 *
 * Then the program makes the orders weaker, one line of the product at a time: relaxed, and also
 * acquire and release if the order is sequentially consistent. The check has to find a fault for
 * each of them: an order whose absence is not found is not needed, or not tested. With the name of
 * a case as its argument, it explores that case alone.
 *
 * Not explored: loads that read a store which is executed later (load buffering), and stores that
 * take effect before an earlier executed store to the same object. memory_order_consume is acquire.
 */
#ifndef TOTE_TESTS_WEAK_H
#define TOTE_TESTS_WEAK_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

enum { WEAK_MOST_THREADS = 3 };

/* A case. set_up, check and tear_down run while no thread does; they may be NULL. */
struct weak_case {
    const char *name;
    void (*set_up)(void);
    void (*threads[WEAK_MOST_THREADS])(void);
    void (*check)(void);
    void (*tear_down)(void);
    uint32_t preemptions;
    uint32_t old_loads; /* that do not read the newest store */
};

/* A place whose orders are not weakened, and why they need not be found. */
struct weak_exception {
    const char *place; /* a function, or the name of a file */
    const char *reason;
};

/*
 * For main: explore all cases, then weaken the orders. The exceptions end with an empty one.
 * Returns the exit status.
 */
int weak_main(const struct weak_case *cases, size_t count, const struct weak_exception *exceptions,
              int argc, char **argv);

/* The index of the running thread of the case. */
int weak_thread(void);

#define WEAK_CHECK(condition) ((condition) ? (void)0 : weak_fail(#condition, __FILE__, __LINE__))

_Noreturn void weak_fail(const char *what, const char *file, int line);

/* A limit of the checker is too low, which is no fault that was found. */
_Noreturn void weak_exceed(const char *what);

/* The thread cannot continue before another one has written. Returns 0. */
int weak_yield(void);

/* Memory of one execution. Freed memory is not reused, and an access to it is a fault. */
void *weak_allocate(size_t size);
void weak_free(void *block, size_t size);

/* Every call of these in the product and the test. */
void *weak_memcpy(void *to, const void *from, size_t size);
void *weak_memset(void *to, int byte, size_t size);
int weak_memcmp(const void *one, const void *other, size_t size);
int weak_clock(clockid_t id, struct timespec *now);

#ifndef WEAK_PLAIN /* the checker itself */
#define nanosleep(pause, left) ((void)(pause), weak_yield())
#define sched_yield() weak_yield()
#define __builtin_ia32_pause() ((void)weak_yield())
#define clock_gettime(id, now) weak_clock(id, now)
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#define memcpy(to, from, size) weak_memcpy(to, from, size)
#define memmove(to, from, size) weak_memcpy(to, from, size)
#define memset(to, byte, size) weak_memset(to, byte, size)
#define memcmp(one, other, size) weak_memcmp(one, other, size)
#endif

#endif
