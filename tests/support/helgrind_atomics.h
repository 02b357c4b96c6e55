/* SPDX-License-Identifier: MIT */
/*
 * helgrind_atomics.h - atomic operations and timed semaphores that helgrind understands
 *
 * Helgrind supports the locks of pthreads only, and treats an atomic access as a plain one. A build
 * for helgrind includes this header before every file. Each operation declares that its object is
 * not checked, and that everything before a store happens before everything after a load of it. All
 * memory orders count as the strongest; ThreadSanitizer checks their differences. Helgrind then
 * finds every plain access that nothing orders.
 */
#ifndef TOTE_TESTS_HELGRIND_ATOMICS_H
#define TOTE_TESTS_HELGRIND_ATOMICS_H

#include <semaphore.h>
#include <stdatomic.h>
#include <valgrind/helgrind.h>

#undef atomic_init
#include "undefined_atomics.h"

#define TOTE__HG_BEFORE(at)                                                                        \
    VALGRIND_HG_DISABLE_CHECKING(at, sizeof *(at));                                                \
    ANNOTATE_HAPPENS_BEFORE(at)
#define TOTE__HG_AFTER(at) ANNOTATE_HAPPENS_AFTER(at)

#define atomic_init(object, value) atomic_store(object, value)
#define atomic_store(object, value)                                                                \
    __extension__({                                                                                \
        __auto_type hg_at = (object);                                                              \
        __typeof__((void)0, *hg_at) hg_value = (value);                                            \
        TOTE__HG_BEFORE(hg_at);                                                                    \
        __atomic_store(hg_at, &hg_value, __ATOMIC_SEQ_CST);                                        \
    })
#define atomic_load(object)                                                                        \
    __extension__({                                                                                \
        __auto_type hg_at = (object);                                                              \
        __typeof__((void)0, *hg_at) hg_value;                                                      \
        VALGRIND_HG_DISABLE_CHECKING(hg_at, sizeof *hg_at);                                        \
        __atomic_load(hg_at, &hg_value, __ATOMIC_SEQ_CST);                                         \
        TOTE__HG_AFTER(hg_at);                                                                     \
        hg_value;                                                                                  \
    })
#define atomic_exchange(object, value)                                                             \
    __extension__({                                                                                \
        __auto_type hg_at = (object);                                                              \
        __typeof__((void)0, *hg_at) hg_value = (value);                                            \
        __typeof__((void)0, *hg_at) hg_old;                                                        \
        TOTE__HG_BEFORE(hg_at);                                                                    \
        __atomic_exchange(hg_at, &hg_value, &hg_old, __ATOMIC_SEQ_CST);                            \
        TOTE__HG_AFTER(hg_at);                                                                     \
        hg_old;                                                                                    \
    })
#define atomic_compare_exchange_strong(object, expected, value)                                    \
    __extension__({                                                                                \
        __auto_type hg_at = (object);                                                              \
        __typeof__((void)0, *hg_at) hg_value = (value);                                            \
        TOTE__HG_BEFORE(hg_at);                                                                    \
        _Bool hg_is_done = __atomic_compare_exchange(hg_at, (expected), &hg_value, 0,              \
                                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);          \
        TOTE__HG_AFTER(hg_at);                                                                     \
        hg_is_done;                                                                                \
    })
#define TOTE__HG_FETCH(operation, object, value)                                                   \
    __extension__({                                                                                \
        __auto_type hg_at = (object);                                                              \
        TOTE__HG_BEFORE(hg_at);                                                                    \
        __typeof__((void)0, *hg_at) hg_old = operation(hg_at, (value), __ATOMIC_SEQ_CST);          \
        TOTE__HG_AFTER(hg_at);                                                                     \
        hg_old;                                                                                    \
    })
#define atomic_fetch_add(object, value) TOTE__HG_FETCH(__atomic_fetch_add, object, value)
#define atomic_fetch_sub(object, value) TOTE__HG_FETCH(__atomic_fetch_sub, object, value)
#define atomic_fetch_or(object, value) TOTE__HG_FETCH(__atomic_fetch_or, object, value)

/* Helgrind supports only waits without a timeout. */
#define sem_post(semaphore)                                                                        \
    __extension__({                                                                                \
        sem_t *hg_semaphore = (semaphore);                                                         \
        ANNOTATE_HAPPENS_BEFORE(hg_semaphore);                                                     \
        (sem_post)(hg_semaphore);                                                                  \
    })
#define sem_timedwait(semaphore, until)                                                            \
    __extension__({                                                                                \
        sem_t *hg_semaphore = (semaphore);                                                         \
        int hg_result = (sem_timedwait)(hg_semaphore, (until));                                    \
        if (hg_result == 0) {                                                                      \
            ANNOTATE_HAPPENS_AFTER(hg_semaphore);                                                  \
        }                                                                                          \
        hg_result;                                                                                 \
    })

#define atomic_store_explicit(object, value, order) atomic_store(object, value)
#define atomic_load_explicit(object, order) atomic_load(object)
#define atomic_exchange_explicit(object, value, order) atomic_exchange(object, value)
#define atomic_compare_exchange_strong_explicit(object, expected, value, success, failure)         \
    atomic_compare_exchange_strong(object, expected, value)
#define atomic_compare_exchange_weak(object, expected, value)                                      \
    atomic_compare_exchange_strong(object, expected, value)
#define atomic_compare_exchange_weak_explicit(object, expected, value, success, failure)           \
    atomic_compare_exchange_strong(object, expected, value)
#define atomic_fetch_add_explicit(object, value, order) atomic_fetch_add(object, value)
#define atomic_fetch_sub_explicit(object, value, order) atomic_fetch_sub(object, value)
#define atomic_fetch_or_explicit(object, value, order) atomic_fetch_or(object, value)

#endif
