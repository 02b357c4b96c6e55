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

/* Objects that are passed between threads. */
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

/* Trim twice without a use of the returned objects: all except a few are released. */
static void trim_often(void) {
    for (int i = 0; i < 10; i++) {
        tote__pools_trim(&kind);
    }
}

static int empty_pools(void **state) {
    struct load load = {.count = KEPT};

    (void)state;
    trim_often();
    take_all(&load); /* what the last test left in this thread */
    put_all(&load);
    trim_often();
    cleared = 0;
    return 0;
}

/* Objects return to the thread that allocated them. */
static void returned_objects_are_reused(void **state) {
    void *first = tote__pool_take(&kind);

    (void)state;
    memset(first, 7, SIZE);
    tote__pool_put(&kind, first);
    void *second = tote__pool_take(&kind);
    assert_ptr_equal(second, first);
    tote__pool_put(&kind, second);
    assert_int_equal(cleared, 0);
}

/* A steady state frees no memory in a thread that did not allocate it. */
static void objects_returned_by_another_thread_are_reused_by_their_own_thread(void **state) {
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

/* Objects over the limit of their kind return to the allocator. */
static void a_pool_keeps_at_most_the_limit_of_its_kind(void **state) {
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
    struct load again = {.count = KEPT + 1}; /* beyond its own it takes the returned ones */
    take_all(&again);
    assert_true(cleared >= returned.count - KEPT_MOST - KEPT);
    put_all(&again);
}

/* After a burst, half of the unused objects each time. */
static void unused_objects_are_released_gradually(void **state) {
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

/* A thread that has exited takes none. */
static void the_pool_of_a_thread_that_has_exited_is_emptied(void **state) {
    struct load load = {.count = KEPT};

    (void)state;
    run_elsewhere(take_and_put, &load);
    assert_int_equal(cleared, 0);
    tote__pools_trim(&kind);
    assert_int_equal(cleared, KEPT);
}

/* Under AddressSanitizer and in tests of memory, so that a use after free is detected. */
static void disabled_pools_keep_no_objects(void **state) {
    struct load load = {.count = 3};

    (void)state;
    tote__pools_keep = false;
    run_elsewhere(take_and_put, &load);
    tote__pools_keep = true;
    assert_int_equal(cleared, load.count);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(returned_objects_are_reused, empty_pools),
        cmocka_unit_test_setup(objects_returned_by_another_thread_are_reused_by_their_own_thread,
                               empty_pools),
        cmocka_unit_test_setup(a_pool_keeps_at_most_the_limit_of_its_kind, empty_pools),
        cmocka_unit_test_setup(unused_objects_are_released_gradually, empty_pools),
        cmocka_unit_test_setup(the_pool_of_a_thread_that_has_exited_is_emptied, empty_pools),
        cmocka_unit_test_setup(disabled_pools_keep_no_objects, empty_pools),
    };
    tote__pools_keep = true; /* this test is about pools */
    return RUN_TESTS(tests, argc, argv);
}
