/* SPDX-License-Identifier: MIT */
/*
 * allowance.c - a bound that many threads share and rarely touch
 */
#include "allowance.h"

void tote__allowance_init(struct allowance *allowance, size_t total, size_t portion) {
    allowance->total = total;
    allowance->portion = portion;
    atomic_init(&allowance->left, total);
}

void tote__allowance_return(struct allowance *allowance, size_t amount) {
    atomic_fetch_add_explicit(&allowance->left, amount, memory_order_relaxed);
}

/* Take `most`, or what there is of it if that is `least` at least. Returns: how much, else 0. */
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
 * The credit that is taken beyond what is needed: less as the end comes near, where others would
 * have to ask for it.
 */
static size_t portion_of(const struct allowance *allowance, size_t purses) {
    size_t left = atomic_load_explicit(&allowance->left, memory_order_relaxed);

    return tote__min(allowance->portion, left / (2 * (purses ? purses : 1)));
}

bool tote__purse_empty(struct purse *purse, struct allowance *allowance) {
    size_t left = atomic_load_explicit(&purse->left, memory_order_relaxed);

    left = left ? atomic_exchange_explicit(&purse->left, 0, memory_order_relaxed) : 0;
    if (left) {
        tote__allowance_return(allowance, left);
    }
    return left != 0;
}

bool tote__purse_refill_and_pay(struct purse *purse, struct allowance *allowance, size_t amount,
                                size_t purses) {
    size_t left = atomic_load_explicit(&purse->left, memory_order_relaxed);

    for (;;) {
        size_t missing = left < amount ? amount - left : 0;
        size_t taken = 0;
        if (missing) {
            taken = take(&allowance->left, missing, missing + portion_of(allowance, purses));
        }
        if (missing && !taken) {
            return false;
        }
        if (atomic_compare_exchange_strong_explicit(&purse->left, &left, left + taken - amount,
                                                    memory_order_relaxed, memory_order_relaxed)) {
            return true;
        }
        left = atomic_fetch_add_explicit(&purse->left, taken, memory_order_relaxed) + taken;
    }
}
