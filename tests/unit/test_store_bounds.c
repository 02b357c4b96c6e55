/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>

#include "overlay.h"
#include "store_fixture.h"
#include "tote/internal/store.h"

static void overwriting_one_key_a_million_times_does_not_grow_the_store(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    tote_store_add(store, "other", tote_string("stays"));
    for (int i = 0; i < 100; i++) {
        tote_store_add(store, "count", tote_int(i));
    }
    long before = atomic_load(&memory.live_bytes);

    for (int i = 0; i < 1000000; i++) {
        tote_store_add(store, "count", tote_int(i));
    }

    assert_int_equal(atomic_load(&memory.live_bytes), before);
    assert_true(has_value(store, "count", "999999"));
    assert_true(has_value(store, "other", "stays"));
    tote_store_unref(store);
}

static void adding_and_deleting_repeatedly_does_not_grow_the_store(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    char key[24];

    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "key%d", i);
        assert_true(tote_store_add(store, key, tote_int(i)));
        assert_true(tote_store_delete(store, key));
    }
    assert_true(atomic_load(&memory.live_bytes) < 4096);
    tote_store_unref(store);
}

static void a_write_over_the_limit_changes_nothing(void **state) {
    (void)state;
    tote_store *store = tote_store_new(tote_store_root());
    char *large = calloc(1, TOTE_STORE_MAX_BYTES);
    char *larger = calloc(1, 1 << 20);
    memset(large, 'x', TOTE_STORE_MAX_BYTES - 4096);
    memset(larger, 'x', (1 << 20) - 1);
    count_diagnostics();

    assert_true(tote_store_add(store, "large", tote_string(large)));
    assert_true(tote_store_add(store, "small", tote_string("stays")));
    assert_false(tote_store_add(store, "small", tote_string(large)));
    assert_false(tote_store_add(store, "larger", tote_string(larger)));
    assert_false(tote_store_add(store, larger, tote_int(1)));
    assert_false(tote_store_add_as(store, "small", tote_int(1), TOTE_VISIBILITY_ALL, larger));

    assert_int_equal(diagnostics, 3); /* one for each key */
    assert_true(has_value(store, "small", "stays"));
    assert_int_equal(tote_store_get(store, "large", NULL, 0), TOTE_STORE_MAX_BYTES - 4096);
    assert_true(tote_store_add(store, "large", tote_string(large)));
    assert_true(tote_store_delete(store, "large"));
    assert_true(tote_store_add(store, "small", tote_string(large)));
    free(larger);
    free(large);
    tote_store_unref(store);
}

/* A deletion always leaves a tombstone. */
static void a_full_store_can_still_hide_inherited_entries(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);
    char *text = calloc(1, TOTE_STORE_MAX_BYTES);
    tote_store_add(parent, "token", tote_string("secret"));
    for (int size = TOTE_STORE_MAX_BYTES - 1, i = 0; size > 0; size /= 2, i++) {
        char key[] = {'k', (char)('a' + i), '\0'};
        text[size] = '\0';
        memset(text, 'x', (size_t)size);
        tote_store_add(child, key, tote_string(text));
    }

    assert_false(tote_store_add(child, "token", tote_string("of mine")));
    assert_true(tote_store_delete(child, "token"));
    assert_true(has_value(child, "token", NULL));
    free(text);
    tote_store_unref(child);
    tote_store_unref(parent);
}

static void a_value_in_the_middle_of_many_empty_stores_is_found(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    tote_store_add(store, "user", tote_string("ann"));

    for (int i = 0; i < 1000; i++) {
        tote_store *child = tote_store_new(store);
        tote_store_unref(store);
        store = child;
    }
    tote_entries *entries = tote_store_get_all(store);
    assert_true(has_value(store, "user", "ann"));
    assert_int_equal(tote_entries_get_count(entries), 1);
    tote_entries_free(entries);
    tote_store_unref(store);
}

/* A chain below `top`, deeper than the limit. Each level has its own key, and a few share one. */
static tote_store *deep_chain(tote_store *top, int depth) {
    tote_store *store = tote_store_ref(top);
    char key[24];

    for (int i = 0; i < depth; i++) {
        tote_store *child = tote_store_new(store);
        tote_store_unref(store);
        store = child;
        snprintf(key, sizeof key, "level%d", i);
        tote_store_add_as(store, key, tote_int(i), (uint32_t)i % 4, "m");
        tote_store_add(store, "newest", tote_int(i));
        if (i == 10) {
            tote_store_delete(store, "deleted");
            tote_store_delete(store, "level5");
        }
    }
    return store;
}

/* A chain deeper than 1,024 is flattened. */
static void a_chain_of_two_thousand_stores_has_the_entries_of_all_levels(void **state) {
    (void)state;
    long before = atomic_load(&memory.live_bytes);
    tote_store *top = tote_store_new(NULL);
    tote_store_add(top, "deleted", tote_string("1"));
    tote_store_add(top, "top", tote_string("2"));
    tote_store *store = deep_chain(top, 2000);

    tote_entries *entries = tote_store_get_all(store);

    assert_int_equal(tote_entries_get_count(entries), 2000 - 1 + 2);
    for (int i = 0; i < 2000; i++) {
        char key[24];
        snprintf(key, sizeof key, "level%d", i);
        const tote_entry *entry = tote_entries_find(entries, key);
        assert_int_equal(entry == NULL, i == 5);
        assert_true(!entry || entry->visibility == (uint32_t)i % 4);
        assert_true(!entry || (entry->value.as.integer == i && !strcmp(entry->metadata, "m")));
    }
    assert_true(has_value(store, "newest", "1999"));
    assert_true(has_value(store, "deleted", NULL));
    assert_true(has_value(store, "top", "2"));
    tote_entries_free(entries);
    tote_store_unref(store);
    tote_store_unref(top);
    assert_int_equal(atomic_load(&memory.live_bytes), before);
}

/* Entries of the root store describe the process and are visible from everywhere. */
static void entries_of_the_root_store_stay_live_under_a_flattened_chain(void **state) {
    (void)state;
    tote_store *top = tote_store_new(NULL);
    tote_store *store = deep_chain(top, 1500);

    tote_store_add(top, "later", tote_string("1"));
    tote_store_add(top, "deleted", tote_string("2"));

    assert_true(has_value(store, "later", "1"));
    assert_true(has_value(store, "deleted", NULL));
    tote_store_unref(store);
    tote_store_unref(top);
}

static bool find_remote(void *arg, const struct tote__entry *entry) {
    *(bool *)arg |= (entry->flags & TOTE__REMOTE) != 0;
    return true;
}

/* Entries hidden by an overlay stay hidden, and remote entries stay marked as remote. */
static void an_overlay_in_a_flattened_chain_still_hides_entries(void **state) {
    (void)state;
    const struct tote__overlay_entry entry = {.key = "tenant",
                                              .key_length = 6,
                                              .value = tote_string("t_1"),
                                              .flags = TOTE_VISIBILITY_ALL | TOTE__REMOTE};
    tote_store *top = tote_store_new(NULL);
    tote_store *parent = tote_store_new(top);
    tote_store_add(top, "above", tote_string("1"));
    tote_store_add_as(top, "zone", tote_string("b"), TOTE_VISIBILITY_TELEMETRY, NULL);
    tote_store_add(parent, "user", tote_string("ann"));
    tote_store_add_as(parent, "token", tote_string("secret"), TOTE_VISIBILITY_PRIVATE, NULL);
    tote_store *overlay = new_overlay(parent, &entry, 1);

    tote_store *store = deep_chain(overlay, 2000);
    tote_store_add(top, "later", tote_string("2"));

    bool is_remote = false;
    assert_true(has_value(store, "above", NULL));
    assert_true(has_value(store, "later", NULL));
    assert_true(has_value(store, "user", NULL));
    assert_true(has_value(store, "zone", "b"));
    assert_true(has_value(store, "token", "secret"));
    assert_true(has_value(store, "tenant", "t_1"));
    assert_true(tote__store_visit(store, TOTE_VISIBILITY_BAGGAGE, find_remote, &is_remote));
    assert_true(is_remote);
    tote_store_unref(store);
    tote_store_unref(overlay);
    tote_store_unref(parent);
    tote_store_unref(top);
}

/* Released in a loop, never by recursion. */
static void a_chain_flattened_many_times_is_released_without_recursion(void **state) {
    (void)state;
    long before = atomic_load(&memory.live_bytes);

    tote_store_unref(deep_chain(tote_store_root(), 5000));
    assert_int_equal(atomic_load(&memory.live_bytes), before);
}

/* Out of memory never writes to the parent. */
static void out_of_memory_changes_nothing_and_is_reported(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *store = tote_store_new(parent);
    char large[2000] = "";
    memset(large, 'x', sizeof large - 1);
    tote_store_add(store, "user", tote_string("ann"));
    count_diagnostics();
    atomic_store(&memory.is_out, true);
    errno = EXDEV;

    bool is_added = tote_store_add(store, "large", tote_string(large));
    tote_store *child = tote_store_new(store);
    tote_entries *entries = tote_store_get_all(store);
    atomic_store(&memory.is_out, false);

    assert_false(is_added);
    assert_null(child);
    assert_null(entries);
    assert_int_equal(errno, EXDEV);
    assert_int_equal(diagnostics, 1);
    assert_true(has_value(store, "large", NULL));
    assert_true(has_value(parent, "large", NULL));
    assert_true(has_value(store, "user", "ann"));
    tote_store_unref(store);
    tote_store_unref(parent);
}

/* Also out of memory, a deleted entry is hidden. */
static void out_of_memory_an_own_entry_can_still_be_deleted(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *store = tote_store_new(parent);
    tote_store_add(parent, "token", tote_string("inherited"));
    tote_store_add(store, "token", tote_string("secret"));
    atomic_store(&memory.is_out, true);
    while (tote_store_add(store, "filling", tote_int(1))) {
        continue; /* until the log is full */
    }

    bool was_visible = tote_store_delete(store, "token");
    atomic_store(&memory.is_out, false);

    assert_true(was_visible);
    assert_true(has_value(store, "token", NULL));
    assert_false(tote_store_delete(store, "token"));
    tote_store_add(store, "filling", tote_int(2));
    assert_true(has_value(store, "token", NULL));
    assert_true(has_value(parent, "token", "inherited"));
    tote_store_unref(store);
    tote_store_unref(parent);
}

/* The store of a scope that could not be allocated. */
static void the_void_store_keeps_nothing_and_reports_nothing(void **state) {
    (void)state;
    tote_store *nothing = tote__store_void();
    count_diagnostics();

    assert_false(tote_store_add(nothing, "user", tote_string("ann")));
    assert_false(tote_store_delete(nothing, "user"));
    tote_store_seal(nothing);
    assert_false(tote_store_add(nothing, "user", tote_string("ann")));
    assert_true(has_value(nothing, "user", NULL));
    tote_store_unref(tote_store_ref(nothing));
    assert_int_equal(diagnostics, 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(overwriting_one_key_a_million_times_does_not_grow_the_store),
        TEST(adding_and_deleting_repeatedly_does_not_grow_the_store),
        TEST(a_write_over_the_limit_changes_nothing),
        TEST(a_full_store_can_still_hide_inherited_entries),
        TEST(a_value_in_the_middle_of_many_empty_stores_is_found),
        TEST(a_chain_of_two_thousand_stores_has_the_entries_of_all_levels),
        TEST(entries_of_the_root_store_stay_live_under_a_flattened_chain),
        TEST(an_overlay_in_a_flattened_chain_still_hides_entries),
        TEST(a_chain_flattened_many_times_is_released_without_recursion),
        TEST(out_of_memory_changes_nothing_and_is_reported),
        TEST(out_of_memory_an_own_entry_can_still_be_deleted),
        TEST(the_void_store_keeps_nothing_and_reports_nothing),
    };
    use_counting_allocator();
    return RUN_TESTS(tests, argc, argv);
}
