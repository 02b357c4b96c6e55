/* SPDX-License-Identifier: MIT */
/*
 * limit.c - a limit that many threads share
 *
 * Tests: tests/unit/test_thread_queues.c
 */
#include "limit.h"

void tote__limit_init(struct limit *limit, size_t total, size_t portion) {
    limit->total = total;
    limit->portion = portion;
    atomic_init(&limit->left, total);
}

void tote__limit_return(struct limit *limit, size_t amount) {
    atomic_fetch_add_explicit(&limit->left, amount, memory_order_relaxed);
}

/* Take `most`, or the rest if that is at least `least`. Returns the amount, or 0. */
static size_t take(_Atomic(size_t) *from, size_t least, size_t most) {
    size_t there = atomic_load_explicit(from, memory_order_relaxed);
    size_t taken;

    do {
        if (there < least || there == 0) {
            return 0;
        }
        taken = tote__min(there, most);
    } while (!atomic_compare_exchange_weak_explicit(from, &there, there - taken,
                                                    memory_order_relaxed, memory_order_relaxed));
    return taken;
}

/*
 * Return how much to take beyond what is needed: less near the limit, because it would have to be
 * collected again.
 */
static size_t portion_of(const struct limit *limit, size_t credits) {
    size_t left = atomic_load_explicit(&limit->left, memory_order_relaxed);

    return tote__min(limit->portion, left / (2 * (credits ? credits : 1)));
}

bool tote__credit_return(struct credit *credit, struct limit *limit) {
    size_t left = atomic_load_explicit(&credit->left, memory_order_relaxed);

    left = left ? atomic_exchange_explicit(&credit->left, 0, memory_order_relaxed) : 0;
    if (left) {
        tote__limit_return(limit, left);
    }
    return left != 0;
}

bool tote__credit_refill_and_pay(struct credit *credit, struct limit *limit, size_t amount,
                                 size_t credits) {
    size_t left = atomic_load_explicit(&credit->left, memory_order_relaxed);

    for (;;) {
        size_t missing = left < amount ? amount - left : 0;
        size_t taken = 0;
        if (missing) {
            taken = take(&limit->left, missing, missing + portion_of(limit, credits));
        }
        if (missing && !taken) {
            return false;
        }
        if (atomic_compare_exchange_strong_explicit(&credit->left, &left, left + taken - amount,
                                                    memory_order_relaxed, memory_order_relaxed)) {
            return true;
        }
        left = atomic_fetch_add_explicit(&credit->left, taken, memory_order_relaxed) + taken;
    }
}
