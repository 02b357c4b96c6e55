/* SPDX-License-Identifier: MIT */
/*
 * test_api_memory.c - every allocation of rare operations of the API fails once
 */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "failing_allocator.h"
#include "reports.h"
#include "tote/api.h"
#include "tote/propagator_ops.h"

/* Call `run` until it needs no allocation that fails. Returns the number of failures. */
static long fail_each(bool (*run)(void *arg), void *arg) {
    long failed = 0;

    for (bool has_failed = true; has_failed;) {
        memory.failures = 0;
        memory.countdown = failed;
        bool is_complete = run(arg);
        memory.countdown = -1;
        has_failed = memory.failures > 0;
        assert_true(is_complete || has_failed);
        failed += has_failed;
    }
    return failed;
}

static tote_propagator *make_nothing(void) {
    return NULL;
}

static void a_name_that_finds_no_memory_is_not_registered(void **state) {
    (void)state;
    reports_reset(TOTE_LEVEL_WARN);
    errno = EDOM;
    memory.countdown = 0;
    bool is_registered = tote_propagator_register("no-memory", make_nothing);
    memory.countdown = -1;

    assert_false(is_registered);
    assert_int_equal(errno, EDOM);
    assert_non_null(strstr(reports.message, "'no-memory' not registered: out of memory"));
    assert_true(tote_propagator_register("no-memory", make_nothing));
}

/* As deep as a chain gets before its levels are copied into one. */
enum { DEEPEST = 1024, LEVEL_KEYS = 50 };

static bool add_level(void *deepest) {
    tote_store *store = tote_store_new(deepest);
    char text[16];

    if (store) {
        for (int i = 0; i < LEVEL_KEYS; i++) {
            char key[32];

            snprintf(key, sizeof key, "level %d", i);
            assert_int_not_equal(tote_store_get(store, key, text, sizeof text), -1);
        }
        assert_int_equal(tote_store_get(store, "deleted", text, sizeof text), -1);
    }
    tote_store_unref(store);
    return store != NULL;
}

/* An incomplete copy could show entries that were deleted. */
static void a_store_whose_levels_cannot_be_copied_is_not_created(void **state) {
    tote_store *store = tote_store_new(NULL);

    (void)state;
    tote_store_add(store, "deleted", tote_int(1));
    for (int i = 0; i < DEEPEST; i++) {
        char key[32];
        tote_store *child = tote_store_new(store);

        tote_store_unref(store);
        store = child;
        snprintf(key, sizeof key, "level %d", i % LEVEL_KEYS);
        tote_store_add(store, key, tote_int(i));
        tote_store_delete(store, "deleted");
    }
    assert_true(add_level(store)); /* the pool keeps its memory */
    long in_use = memory.live;

    assert_in_range(fail_each(add_level, store), 1, 100);
    assert_int_equal(memory.live, in_use);
    tote_store_unref(store);
}

static bool snapshot(void *store) {
    tote_entries *entries = tote_store_get_all(store);
    size_t count = tote_entries_get_count(entries);

    assert_true(!entries || count == 40);
    tote_entries_free(entries);
    return entries != NULL;
}

static void a_snapshot_is_complete_or_null(void **state) {
    tote_store *parent = tote_store_new(NULL), *store = tote_store_new(parent);

    (void)state;
    for (int i = 0; i < 40; i++) {
        char key[32];

        snprintf(key, sizeof key, "a key of some length %d", i);
        tote_store_add(i % 2 ? parent : store, key, tote_string("a value of some length"));
    }
    long in_use = memory.live;

    assert_in_range(fail_each(snapshot, store), 2, 100);
    assert_int_equal(memory.live, in_use);
    tote_store_unref(store);
    tote_store_unref(parent);
}

/* More scopes than a thread's stack holds at first: then it grows. */
static bool open_scopes(void *unused) {
    tote_scope *scopes[40];
    const tote_context *before = tote_context_current();
    char text[4];

    (void)unused;
    for (size_t i = 0; i < TOTE_COUNT_OF(scopes); i++) {
        scopes[i] = tote_scope_open(NULL, "scope", NULL);
        assert_non_null(scopes[i]);
        tote_store_add(tote_scope_get_store(scopes[i]), "key", tote_int((int64_t)i));
    }
    bool keeps_all = tote_store_get(tote_store_current(), "key", text, sizeof text) == 2;
    for (size_t i = TOTE_COUNT_OF(scopes); i-- > 0;) {
        tote_scope_close(&scopes[i]);
    }
    assert_ptr_equal(tote_context_current(), before);
    return keeps_all;
}

static void scopes_nest_and_close_whichever_allocation_fails(void **state) {
    (void)state;
    reports_reset(TOTE_LEVEL_NONE);
    fail_each(open_scopes, NULL);
    assert_true(open_scopes(NULL));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes_nest_and_close_whichever_allocation_fails),
        cmocka_unit_test(a_name_that_finds_no_memory_is_not_registered),
        cmocka_unit_test(a_store_whose_levels_cannot_be_copied_is_not_created),
        cmocka_unit_test(a_snapshot_is_complete_or_null),
    };

    return tote_allocator_set(&failing_allocator) ? RUN_TESTS(tests, argc, argv) : 1;
}
