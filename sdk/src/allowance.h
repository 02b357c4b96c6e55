/* SPDX-License-Identifier: MIT */
/*
 * allowance.h - a bound that many threads share and rarely touch
 *
 * Each thread takes from it in portions, into a purse of its own. What lies idle in all purses together
 * is never more than a quarter of the whole, however many there are and however long their
 * threads sleep: a purse may hold no more than its share, and shares are given out of that quarter.
 */
#ifndef TOTE_SDK_ALLOWANCE_H
#define TOTE_SDK_ALLOWANCE_H

#include <stdatomic.h>

#include "tote/internal/shared.h"

struct allowance {
    size_t total;
    size_t portion;         /* the most a purse may hold */
    _Atomic(size_t) left;   /* in no purse, and not paid */
    _Atomic(size_t) shares; /* not given to any purse */
};

/* One thread's; all zero at first. */
struct purse {
    size_t left;
    size_t share;
};

void tote__allowance_init(struct allowance *allowance, size_t total, size_t portion);

/* What was paid comes back. */
void tote__allowance_return(struct allowance *allowance, size_t amount);

/* At least so much is paid, whatever lies in other purses than this one, which is empty. */
size_t tote__allowance_paid(const struct allowance *allowance, const struct purse *purse);

/* Take a portion, then pay. */
bool tote__purse_refill_and_pay(struct purse *purse, struct allowance *allowance, size_t amount,
                                size_t purses);

/* Pay; `purses` is how many there are. Returns: false, and nothing is paid, when too little is left. */
static inline bool tote__purse_pay(struct purse *purse, struct allowance *allowance, size_t amount,
                                   size_t purses) {
    if (purse->left >= amount) {
        purse->left -= amount;
        return true;
    }
    return tote__purse_refill_and_pay(purse, allowance, amount, purses);
}

#endif
