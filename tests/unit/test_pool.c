/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tote/internal/pool.h"
#include "tote/tote.h"

/* Objects of a kind that nothing else in this program uses. */
enum { SIZE = 48, KEPT = 4, KEPT_MOST = 16 };

static size_t cleared;

static void count_cleared(void *object) {
    (void)object;
    cleared++;
}

static const struct tote__pool_kind kind = {.index = TOTE__POOL_SPANS,
                                            .kept = KEPT,
                                            .kept_most = KEPT_MOST,
                                            .size = SIZE,
                                            .clear = count_cleared};

/* Objects that change hands. */
struct load {
    void *objects[64];
    size_t count;
};

static void take_all(struct load *load) {
    for (size_t i = 0; i < load->count; i++) {
        load->objects[i] = tote__pool_take(&kind);
        assert_non_null(load->objects[i]);
    }
}

static void *put_all(void *arg) {
    const struct load *load = arg;

    for (size_t i = 0; i < load->count; i++) {
        tote__pool_put(&kind, load->objects[i]);
    }
    return NULL;
}

static void run_elsewhere(void *(*run)(void *arg), void *arg) {
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
    pthread_join(thread, NULL);
}

static bool is_of(const struct load *load, const void *object) {
    for (size_t i = 0; i < load->count; i++) {
        if (load->objects[i] == object) {
            return true;
        }
    }
    return false;
}

/* Let two calls see that nobody comes for what was returned: all but a little is released. */
static void trim_often(void) {
    for (int i = 0; i < 10; i++) {
        tote__pools_trim(&kind);
    }
}

static int empty_pools(void **state) {
    struct load load = {.count = KEPT};

    (void)state;
    trim_often();
    take_all(&load); /* whatever the last test left with this thread */
    put_all(&load);
    trim_often();
    cleared = 0;
    return 0;
}

/* Design R11 */
static void what_was_given_back_is_taken_again(void **state) {
    void *first = tote__pool_take(&kind);

    (void)state;
    memset(first, 7, SIZE);
    tote__pool_put(&kind, first);
    void *second = tote__pool_take(&kind);
    assert_ptr_equal(second, first);
    tote__pool_put(&kind, second);
    assert_int_equal(cleared, 0);
}

/* Design R11: no memory is freed by one thread that another allocated, and keeps needing */
static void what_another_thread_gives_back_comes_home(void **state) {
    struct load load = {.count = 10};

    (void)state;
    take_all(&load);
    run_elsewhere(put_all, &load);
    assert_int_equal(cleared, 0);
    struct load again = {.count = KEPT};
    take_all(&again);
    for (size_t i = 0; i < again.count; i++) {
        assert_true(is_of(&load, again.objects[i]));
    }
    put_all(&again);
}

/* Bounded: more than a kind keeps goes back to the allocator */
static void a_pool_keeps_no_more_than_its_kind_says(void **state) {
    struct load own = {.count = 20};
    struct load returned = {.count = 40};

    (void)state;
    take_all(&own);
    for (size_t i = 0; i < own.count; i++) {
        tote__pool_put(&kind, own.objects[i]);
    }
    assert_int_equal(cleared, own.count - KEPT);

    cleared = 0;
    take_all(&returned);
    run_elsewhere(put_all, &returned);
    struct load again = {.count = KEPT + 1}; /* past its own it comes for what was returned */
    take_all(&again);
    assert_true(cleared >= returned.count - KEPT_MOST - KEPT);
    put_all(&again);
}

/* After a burst: half of what nobody came for, each time */
static void what_nobody_comes_for_is_released_by_and_by(void **state) {
    struct load load = {.count = 32};

    (void)state;
    take_all(&load);
    run_elsewhere(put_all, &load);
    tote__pools_trim(&kind);
    size_t after_first = cleared;
    tote__pools_trim(&kind);
    assert_true(cleared > after_first);
    assert_true(cleared < load.count);
    trim_often();
    assert_int_equal(cleared, load.count);
}

static void *take_and_put(void *arg) {
    struct load *load = arg;

    for (size_t i = 0; i < load->count; i++) {
        load->objects[i] = tote__pool_take(&kind);
    }
    for (size_t i = 0; i < load->count; i++) {
        tote__pool_put(&kind, load->objects[i]);
    }
    return NULL;
}

/* A thread that has ended comes for nothing */
static void the_pool_of_a_thread_that_has_ended_is_emptied(void **state) {
    struct load load = {.count = KEPT};

    (void)state;
    run_elsewhere(take_and_put, &load);
    assert_int_equal(cleared, 0);
    tote__pools_trim(&kind);
    assert_int_equal(cleared, KEPT);
}

/* Under AddressSanitizer, and in tests of memory: so that what is used after its end is seen */
static void nothing_is_kept_when_pools_are_off(void **state) {
    struct load load = {.count = 3};

    (void)state;
    tote__pools_keep = false;
    run_elsewhere(take_and_put, &load);
    tote__pools_keep = true;
    assert_int_equal(cleared, load.count);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_was_given_back_is_taken_again, empty_pools),
        cmocka_unit_test_setup(what_another_thread_gives_back_comes_home, empty_pools),
        cmocka_unit_test_setup(a_pool_keeps_no_more_than_its_kind_says, empty_pools),
        cmocka_unit_test_setup(what_nobody_comes_for_is_released_by_and_by, empty_pools),
        cmocka_unit_test_setup(the_pool_of_a_thread_that_has_ended_is_emptied, empty_pools),
        cmocka_unit_test_setup(nothing_is_kept_when_pools_are_off, empty_pools),
    };
    tote__pools_keep = true; /* this is about them */
    return RUN_TESTS(tests, argc, argv);
}
