/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <pthread.h>
#include <sched.h>

#include "allowance.h"
#include "span_ring.h"

enum { PASSED = 20000 };

/* Numbers stand for spans: nobody looks into them. */
static struct span *number(uintptr_t n) {
    return (struct span *)n;
}

/* Design R11 */
static void a_ring_gives_out_in_order_what_went_in(void **state) {
    struct span_ring ring = {0};

    (void)state;
    assert_true(tote__span_ring_init(&ring, 3));
    assert_int_equal(ring.mask, 3);
    for (uintptr_t n = 1; n <= 10; n++) {
        assert_true(tote__span_ring_push(&ring, number(2 * n)));
        assert_true(tote__span_ring_push(&ring, number(2 * n + 1)));
        assert_ptr_equal(tote__span_ring_peek(&ring, 0), number(2 * n));
        assert_ptr_equal(tote__span_ring_peek(&ring, 1), number(2 * n + 1));
        tote__span_ring_drop(&ring, 2);
    }
    tote__span_ring_clear(&ring);
}

/* Design R11 */
static void a_full_ring_takes_nothing_until_something_is_out(void **state) {
    struct span_ring ring = {0};

    (void)state;
    assert_true(tote__span_ring_init(&ring, 2));
    assert_true(tote__span_ring_push(&ring, number(1)));
    assert_true(tote__span_ring_push(&ring, number(2)));
    assert_false(tote__span_ring_push(&ring, number(3)));
    tote__span_ring_drop(&ring, 1);
    assert_true(tote__span_ring_push(&ring, number(3)));
    assert_ptr_equal(tote__span_ring_peek(&ring, 1), number(3));
    tote__span_ring_clear(&ring);
}

static void *push_numbers(void *arg) {
    struct span_ring *ring = arg;

    for (uintptr_t n = 1; n <= PASSED; n++) {
        while (!tote__span_ring_push(ring, number(n))) {
            sched_yield();
        }
    }
    return NULL;
}

/* Design R11 */
static void one_thread_takes_in_order_what_another_pushes(void **state) {
    struct span_ring ring = {0};
    pthread_t producer;
    uintptr_t expected = 1;

    (void)state;
    assert_true(tote__span_ring_init(&ring, 8));
    assert_int_equal(pthread_create(&producer, NULL, push_numbers, &ring), 0);
    while (expected <= PASSED) {
        uint64_t tail = atomic_load_explicit(&ring.tail, memory_order_acquire);
        uint64_t count = tail - atomic_load_explicit(&ring.head, memory_order_relaxed);
        for (uint64_t i = 0; i < count; i++) {
            assert_ptr_equal(tote__span_ring_peek(&ring, i), number(expected++));
        }
        tote__span_ring_drop(&ring, count);
        sched_yield();
    }
    pthread_join(producer, NULL);
    tote__span_ring_clear(&ring);
}

/* Design R11: a lone thread may use all of it */
static void one_purse_can_pay_all_there_is_and_no_more(void **state) {
    struct allowance allowance;
    struct purse purse = {0};
    size_t paid = 0;

    (void)state;
    tote__allowance_init(&allowance, 100, 32);
    while (tote__purse_pay(&purse, &allowance, 1, 1)) {
        paid++;
    }
    assert_int_equal(paid, 100);
    assert_int_equal(tote__allowance_paid(&allowance, &purse), 100);
    tote__allowance_return(&allowance, 10);
    assert_true(tote__purse_pay(&purse, &allowance, 10, 1));
    assert_false(tote__purse_pay(&purse, &allowance, 1, 1));
}

/* Design R11: what lies idle elsewhere stays below a quarter */
static void idle_purses_leave_three_quarters_to_others(void **state) {
    struct allowance allowance;
    struct purse purses[500] = {{0}};
    struct purse busy = {0};
    size_t paid = 0;

    (void)state;
    tote__allowance_init(&allowance, 2048, 32);
    for (size_t i = 0; i < 500; i++) {
        assert_true(tote__purse_pay(&purses[i], &allowance, 1, i + 1));
    }
    while (tote__purse_pay(&busy, &allowance, 1, 501)) {
        paid++;
    }
    assert_true(paid + 500 >= 2048 - 2048 / 4);
    for (size_t i = 0; i < 500; i++) {
        tote__purse_empty(&purses[i], &allowance);
    }
    while (tote__purse_pay(&busy, &allowance, 1, 501)) {
        paid++;
    }
    assert_int_equal(paid + 500, 2048);
}

/* Design R11: the bound in bytes goes by the same rules, in sizes that vary */
static void amounts_larger_than_a_portion_are_paid_exactly(void **state) {
    struct allowance allowance;
    struct purse purse = {0};

    (void)state;
    tote__allowance_init(&allowance, 1000, 10);
    assert_true(tote__purse_pay(&purse, &allowance, 900, 1));
    assert_false(tote__purse_pay(&purse, &allowance, 101, 1));
    assert_true(tote__purse_pay(&purse, &allowance, 100, 1));
    assert_false(tote__purse_pay(&purse, &allowance, 1, 1));
}

struct payers {
    struct allowance allowance;
    struct purse purses[2];
    atomic_size_t paid;
};

static void *pay_until_nothing_is_left(void *arg) {
    struct payers *payers = arg;
    static atomic_size_t next;
    size_t own = atomic_fetch_add(&next, 1) % 2;
    bool is_any = true;

    while (is_any) {
        while (tote__purse_pay(&payers->purses[own], &payers->allowance, 1, 2)) {
            atomic_fetch_add(&payers->paid, 1);
        }
        is_any = tote__purse_empty(&payers->purses[!own], &payers->allowance);
    }
    return NULL;
}

/* Each empties the other's purse while its owner pays from it. */
static void no_credit_is_lost_or_made_as_threads_take_it_from_each_other(void **state) {
    enum { ROUNDS = 100, TOTAL = 2000 };

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct payers payers = {.paid = 0};
        pthread_t other;
        tote__allowance_init(&payers.allowance, TOTAL, 32);
        assert_int_equal(pthread_create(&other, NULL, pay_until_nothing_is_left, &payers), 0);
        pay_until_nothing_is_left(&payers);
        pthread_join(other, NULL);
        size_t left = atomic_load(&payers.allowance.left);
        left += atomic_load(&payers.purses[0].left) + atomic_load(&payers.purses[1].left);
        assert_int_equal(atomic_load(&payers.paid) + left, TOTAL);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_ring_gives_out_in_order_what_went_in),
        TEST(a_full_ring_takes_nothing_until_something_is_out),
        TEST(one_thread_takes_in_order_what_another_pushes),
        TEST(one_purse_can_pay_all_there_is_and_no_more),
        TEST(idle_purses_leave_three_quarters_to_others),
        TEST(amounts_larger_than_a_portion_are_paid_exactly),
        TEST(no_credit_is_lost_or_made_as_threads_take_it_from_each_other),
    };
    return RUN_TESTS(tests, argc, argv);
}
