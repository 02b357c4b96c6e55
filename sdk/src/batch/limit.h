/* SPDX-License-Identifier: MIT */
/*
 * limit.h - a bound that many threads share and rarely touch
 *
 * Each thread takes credit from it in portions, into a credit of its own, so that it seldom writes
 * what other threads write. Credit in a credit does not make the bound smaller: when nothing is
 * left, any thread may empty the credits of the others. Only the owner adds to a credit and pays
 * from it.
 */
#ifndef TOTE_SDK_BATCH_LIMIT_H
#define TOTE_SDK_BATCH_LIMIT_H

#include <stdatomic.h>

#include "tote/internal/shared.h"

struct limit {
    size_t total;
    size_t portion;       /* the most that is taken beyond what is needed */
    _Atomic(size_t) left; /* in no credit, and not paid */
};

/* One thread's; all zero at first. */
struct credit {
    _Atomic(size_t) left;
};

void tote__limit_init(struct limit *limit, size_t total, size_t portion);

/* What was paid comes back. */
void tote__limit_return(struct limit *limit, size_t amount);

/* Give the credit of a credit back, from any thread. Returns: whether there was any. */
bool tote__credit_return(struct credit *credit, struct limit *limit);

/* Take a portion, then pay. */
bool tote__credit_refill_and_pay(struct credit *credit, struct limit *limit, size_t amount,
                                 size_t credits);

/*
 * Pay; `credits` is how many there are. Returns: false, and nothing is paid, when too little is
 * left, in this credit and in none.
 */
static inline bool tote__credit_pay(struct credit *credit, struct limit *limit, size_t amount,
                                    size_t credits) {
    size_t left = atomic_load_explicit(&credit->left, memory_order_relaxed);

    if (left >= amount &&
        atomic_compare_exchange_strong_explicit(&credit->left, &left, left - amount,
                                                memory_order_relaxed, memory_order_relaxed)) {
        return true;
    }
    return tote__credit_refill_and_pay(credit, limit, amount, credits);
}

#endif
