/* SPDX-License-Identifier: MIT */
/*
 * limit.h - a limit that many threads share
 *
 * Each thread takes credit in portions, so that it seldom writes memory of other threads. Unused
 * credit does not lower the limit: when nothing is left, any thread may collect the credit of the
 * others. Only the owner adds to its credit and pays from it.
 */
#ifndef TOTE_SDK_BATCH_LIMIT_H
#define TOTE_SDK_BATCH_LIMIT_H

#include <stdatomic.h>

#include "tote/internal/shared.h"

struct limit {
    size_t total;
    size_t portion;       /* largest amount that is taken beyond what is needed */
    _Atomic(size_t) left; /* neither in a credit nor paid */
};

/* The credit of one thread. Initially zero. */
struct credit {
    _Atomic(size_t) left;
};

void tote__limit_init(struct limit *limit, size_t total, size_t portion);

/* Return a payment. */
void tote__limit_return(struct limit *limit, size_t amount);

/* Return the unused credit, from any thread. Returns whether there was any. */
bool tote__credit_return(struct credit *credit, struct limit *limit);

/* Take a portion of the limit, then pay. */
bool tote__credit_refill_and_pay(struct credit *credit, struct limit *limit, size_t amount,
                                 size_t credits);

/*
 * Pay. `credits` is the number of credits. Returns false, without paying, if too little is left in
 * this credit and in the limit.
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
