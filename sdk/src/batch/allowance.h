/* SPDX-License-Identifier: MIT */
/*
 * allowance.h - a bound that many threads share and rarely touch
 *
 * Each thread takes credit from it in portions, into a purse of its own, so that it seldom writes
 * what other threads write. Credit in a purse does not make the bound smaller: when nothing is
 * left, any thread may empty the purses of the others. Only the owner adds to a purse and pays from
 * it.
 */
#ifndef TOTE_SDK_BATCH_ALLOWANCE_H
#define TOTE_SDK_BATCH_ALLOWANCE_H

#include <stdatomic.h>

#include "tote/internal/shared.h"

struct allowance {
    size_t total;
    size_t portion;       /* the most that is taken beyond what is needed */
    _Atomic(size_t) left; /* in no purse, and not paid */
};

/* One thread's; all zero at first. */
struct purse {
    _Atomic(size_t) left;
};

void tote__allowance_init(struct allowance *allowance, size_t total, size_t portion);

/* What was paid comes back. */
void tote__allowance_return(struct allowance *allowance, size_t amount);

/* Give the credit of a purse back, from any thread. Returns: whether there was any. */
bool tote__purse_empty(struct purse *purse, struct allowance *allowance);

/* Take a portion, then pay. */
bool tote__purse_refill_and_pay(struct purse *purse, struct allowance *allowance, size_t amount,
                                size_t purses);

/*
 * Pay; `purses` is how many there are. Returns: false, and nothing is paid, when too little is
 * left, in this purse and in none.
 */
static inline bool tote__purse_pay(struct purse *purse, struct allowance *allowance, size_t amount,
                                   size_t purses) {
    size_t left = atomic_load_explicit(&purse->left, memory_order_relaxed);

    if (left >= amount &&
        atomic_compare_exchange_strong_explicit(&purse->left, &left, left - amount,
                                                memory_order_relaxed, memory_order_relaxed)) {
        return true;
    }
    return tote__purse_refill_and_pay(purse, allowance, amount, purses);
}

#endif
