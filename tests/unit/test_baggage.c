/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>

#include "overlay.h"
#include "store_fixture.h"
#include "tote/baggage.h"
#include "tote/internal/store.h"

/* Whether the context's baggage has exactly this value for the name; `expected` NULL: none. */
static bool carries(const tote_context *context, const char *name, const char *expected) {
    char text[256];
    ptrdiff_t length = tote_context_get_baggage(context, name, text, sizeof text);

    if (!expected || length < 0) {
        return !expected && length == -1;
    }
    return (size_t)length == strlen(expected) && strcmp(text, expected) == 0;
}

static size_t count_baggage(const tote_context *context) {
    tote_entries *entries = tote_context_get_all_baggage(context);
    size_t count = tote_entries_get_count(entries);

    tote_entries_free(entries);
    return count;
}

/*
 * A context over a new store with the baggage user=ann and an entry `token` that does not
 * propagate.
 */
static tote_context *context_with_baggage_and_more(void) {
    tote_store *store = tote_store_new(NULL);
    tote_store_add_as(store, "user", tote_string("ann"), TOTE_VISIBILITY_ALL, "p=1");
    tote_store_add_as(store, "token", tote_string("secret"), TOTE_VISIBILITY_PRIVATE, NULL);
    tote_context *context = tote_context_with_store(tote_context_root(), store);

    tote_store_unref(store);
    return context;
}

/* Spec: baggage/api.md#operations. Compliance: BG-01 */
static void with_baggage_returns_a_new_context_and_leaves_the_old_one(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();

    tote_context *changed = tote_context_with_baggage(old, "user", tote_string("bob"), NULL);
    tote_context *more = tote_context_with_baggage(changed, "team", tote_string("x"), NULL);

    assert_true(carries(old, "user", "ann"));
    assert_true(carries(changed, "user", "bob"));
    assert_true(carries(changed, "team", NULL));
    assert_true(carries(more, "user", "bob"));
    assert_true(carries(more, "team", "x"));
    assert_int_equal(count_baggage(more), 2);
    tote_context_unref(more);
    tote_context_unref(changed);
    tote_context_unref(old);
}

/* Spec: baggage/api.md#overview */
static void names_and_values_are_returned_byte_for_byte(void **state) {
    (void)state;
    static const char value[] = "B% \xF0\x9F\x92\xBC";
    tote_context *one =
        tote_context_with_baggage(tote_context_current(), "a", tote_string(value), NULL);
    tote_context *two = tote_context_with_baggage(one, "A", tote_string(""), NULL);
    tote_context *three = tote_context_with_baggage(two, "\xC3\xA9", tote_string("e"), NULL);

    assert_true(carries(three, "a", value));
    assert_true(carries(three, "A", ""));
    assert_true(carries(three, "\xC3\xA9", "e"));
    assert_int_equal(count_baggage(three), 3);
    tote_context_unref(three);
    tote_context_unref(two);
    tote_context_unref(one);
}

/* Spec: baggage/api.md#overview */
static void metadata_stays_with_its_entry(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    tote_context *changed = tote_context_with_baggage(old, "team", tote_string("x"), "q;r");

    tote_entries *entries = tote_context_get_all_baggage(changed);

    assert_string_equal(tote_entries_find(entries, "user")->metadata, "p=1");
    assert_string_equal(tote_entries_find(entries, "team")->metadata, "q;r");
    tote_entries_free(entries);
    tote_context_unref(changed);
    tote_context_unref(old);
}

/* Spec: baggage/api.md#operations. Compliance: BG-01 */
static void without_baggage_removes_one_entry(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    tote_context *both = tote_context_with_baggage(old, "team", tote_string("x"), NULL);
    tote_context *changed = tote_context_without_baggage(both, "user");

    assert_true(carries(changed, "user", NULL));
    assert_true(carries(changed, "team", "x"));
    assert_true(carries(both, "user", "ann"));
    assert_true(has_value(tote_context_get_store(changed), "user", NULL));
    tote_context_unref(changed);
    tote_context_unref(both);
    tote_context_unref(old);
}

/* A repaired key is found by the name that it was added with. */
static void a_repaired_name_is_removed_by_its_original_spelling(void **state) {
    (void)state;
    tote_context *old =
        tote_context_with_baggage(tote_context_current(), "k\xFF", tote_string("x"), NULL);
    tote_context *changed = tote_context_without_baggage(old, "k\xFF");

    assert_true(carries(old, "k\xEF\xBF\xBD", "x"));
    assert_int_equal(count_baggage(changed), 0);
    tote_context_unref(changed);
    tote_context_unref(old);
}

/* Spec: baggage/api.md#clear-baggage-in-the-context */
static void with_empty_baggage_returns_a_new_context_without_baggage(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    tote_context *changed = tote_context_with_empty_baggage(old);

    assert_int_equal(count_baggage(changed), 0);
    assert_true(carries(changed, "user", NULL));
    assert_true(has_value(tote_context_get_store(changed), "user", NULL));
    assert_true(carries(old, "user", "ann"));
    tote_context_unref(changed);
    tote_context_unref(old);
}

static void entries_that_do_not_propagate_are_live_through_an_overlay(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    tote_context *changed = tote_context_with_empty_baggage(old);
    tote_store *above = tote_context_get_store(old);

    assert_true(has_value(tote_context_get_store(changed), "token", "secret"));
    assert_true(carries(changed, "token", NULL));
    tote_store_add_as(above, "token", tote_string("newer"), TOTE_VISIBILITY_PRIVATE, NULL);
    tote_store_add_as(above, "shard", tote_int(7), TOTE_VISIBILITY_TELEMETRY, NULL);
    assert_true(has_value(tote_context_get_store(changed), "token", "newer"));
    assert_true(has_value(tote_context_get_store(changed), "shard", "7"));
    tote_context_unref(changed);
    tote_context_unref(old);
}

static void baggage_added_above_later_is_not_visible_through_an_overlay(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    tote_context *changed = tote_context_with_baggage(old, "team", tote_string("x"), NULL);
    tote_store *above = tote_context_get_store(old);

    tote_store_add(above, "user", tote_string("bob"));
    tote_store_add(above, "late", tote_string("1"));
    tote_store_delete(above, "team");

    assert_true(carries(changed, "user", "ann"));
    assert_true(carries(changed, "late", NULL));
    assert_true(has_value(tote_context_get_store(changed), "late", NULL));
    assert_true(carries(changed, "team", "x"));
    tote_context_unref(changed);
    tote_context_unref(old);
}

static void an_overlay_refuses_writes_and_its_child_stores_accept_them(void **state) {
    (void)state;
    tote_context *context =
        tote_context_with_baggage(tote_context_current(), "user", tote_string("ann"), NULL);
    tote_store *overlay = tote_context_get_store(context);
    tote_store *child = tote_store_new(overlay);
    count_diagnostics();

    assert_false(tote_store_add(overlay, "user", tote_string("bob")));
    assert_false(tote_store_delete(overlay, "user"));
    assert_int_equal(diagnostics, 1);
    assert_true(carries(context, "user", "ann"));
    assert_true(tote_store_add(child, "user", tote_string("bob")));
    assert_true(has_value(child, "user", "bob"));
    assert_true(carries(context, "user", "ann"));
    tote_store_unref(child);
    tote_context_unref(context);
}

/* Also below a child store, and below a flattened chain. */
static void entries_hidden_by_an_overlay_are_hidden_in_its_child_stores(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    tote_context *changed = tote_context_with_empty_baggage(old);
    tote_store *store = tote_store_ref(tote_context_get_store(changed));

    for (int i = 0; i < 1500; i++) {
        tote_store *child = tote_store_new(store);
        tote_store_unref(store);
        store = child;
    }
    tote_store_add(tote_context_get_store(old), "late", tote_string("1"));
    assert_true(has_value(store, "user", NULL));
    assert_true(has_value(store, "late", NULL));
    assert_true(has_value(store, "token", "secret"));
    tote_store_unref(store);
    tote_context_unref(changed);
    tote_context_unref(old);
}

/* Numbers keep their types, and are read as text. */
static void scalars_of_all_types_propagate(void **state) {
    (void)state;
    tote_context *one = tote_context_with_baggage(tote_context_current(), "int", tote_int(7), NULL);
    tote_context *two = tote_context_with_baggage(one, "double", tote_double(.5), NULL);
    tote_context *three = tote_context_with_baggage(two, "bool", tote_bool(true), NULL);

    tote_entries *entries = tote_context_get_all_baggage(three);

    assert_true(carries(three, "int", "7"));
    assert_true(carries(three, "double", "0.5"));
    assert_true(carries(three, "bool", "true"));
    assert_true(tote_value_equals(tote_entries_find(entries, "int")->value, tote_int(7)));
    tote_entries_free(entries);
    tote_context_unref(three);
    tote_context_unref(two);
    tote_context_unref(one);
}

static bool note_flags(void *arg, const struct tote__entry *entry) {
    uint32_t *flags = arg;

    flags[strcmp(entry->key, "remote") == 0] = entry->flags;
    return true;
}

static void remote_entries_stay_marked_as_remote_until_they_are_replaced(void **state) {
    (void)state;
    const struct tote__overlay_entry entry = {.key = "remote",
                                              .key_length = 6,
                                              .value = tote_string("1"),
                                              .flags = TOTE_VISIBILITY_ALL | TOTE__REMOTE};
    uint32_t flags[2] = {0, 0};
    tote_context *extracted = context_over_overlay(tote_store_root(), &entry, 1);
    tote_context *more = tote_context_with_baggage(extracted, "own", tote_int(1), NULL);
    tote_context *replaced = tote_context_with_baggage(more, "remote", tote_int(1), NULL);

    tote__store_visit(tote_context_get_store(more), TOTE_VISIBILITY_BAGGAGE, note_flags, flags);
    assert_int_equal(flags[0], TOTE_VISIBILITY_ALL);
    assert_int_equal(flags[1], TOTE_VISIBILITY_ALL | TOTE__REMOTE);
    tote__store_visit(tote_context_get_store(replaced), TOTE_VISIBILITY_BAGGAGE, note_flags, flags);
    assert_int_equal(flags[1], TOTE_VISIBILITY_ALL);
    tote_context_unref(replaced);
    tote_context_unref(more);
    tote_context_unref(extracted);
}

/* Spec: w3c/baggage, duplicate names */
static void the_last_of_two_entries_with_one_name_in_an_overlay_wins(void **state) {
    (void)state;
    const struct tote__overlay_entry entries[] = {
        {"a", 1, tote_string("1"), TOTE_VISIBILITY_ALL, "m", 1},
        {"a", 1, tote_string("2"), TOTE_VISIBILITY_ALL, NULL, 0}};
    tote_context *context = context_over_overlay(tote_store_root(), entries, 2);

    assert_true(carries(context, "a", "2"));
    assert_int_equal(count_baggage(context), 1);
    tote_context_unref(context);
}

/* Spec: baggage/api.md#context-interaction */
static void baggage_of_the_current_context_can_be_read_and_set(void **state) {
    (void)state;
    tote_context *context =
        tote_context_with_baggage(tote_context_current(), "user", tote_string("ann"), NULL);
    tote_context_token token = tote_context_attach(context);

    assert_true(carries(tote_context_current(), "user", "ann"));
    assert_int_equal(count_baggage(tote_context_current()), 1);
    tote_context_detach(token);
    assert_true(carries(tote_context_current(), "user", NULL));
    tote_context_unref(context);
}

/* Spec: error-handling.md */
static void an_invalid_name_changes_nothing(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    tote_context *same[] = {tote_context_with_baggage(old, NULL, tote_int(1), NULL),
                            tote_context_with_baggage(old, "", tote_int(1), NULL),
                            tote_context_without_baggage(old, NULL),
                            tote_context_without_baggage(old, "")};

    for (size_t i = 0; i < 4; i++) {
        assert_ptr_equal(same[i], old);
        tote_context_unref(same[i]);
    }
    assert_true(carries(old, "", NULL));
    assert_true(carries(old, NULL, NULL));
    tote_context_unref(old);
}

/* Spec: error-handling.md */
static void out_of_memory_returns_the_old_context(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    long before = atomic_load(&memory.live_bytes);
    count_diagnostics();
    atomic_store(&memory.is_out, true);
    errno = EXDEV;

    tote_context *same[] = {tote_context_with_baggage(old, "user", tote_int(1), NULL),
                            tote_context_without_baggage(old, "user"),
                            tote_context_with_empty_baggage(old)};
    atomic_store(&memory.is_out, false);

    assert_int_equal(errno, EXDEV);
    assert_true(diagnostics > 0);
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(same[i], old);
        tote_context_unref(same[i]);
    }
    assert_true(carries(old, "user", "ann"));
    assert_int_equal(atomic_load(&memory.live_bytes), before);
    tote_context_unref(old);
}

static void baggage_that_is_too_large_is_refused_and_the_old_value_stays(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    char *large = calloc(1, TOTE_STORE_MAX_BYTES + 1);
    memset(large, 'x', TOTE_STORE_MAX_BYTES);
    count_diagnostics();

    tote_context *same = tote_context_with_baggage(old, "user", tote_string(large), NULL);

    assert_ptr_equal(same, old);
    assert_true(carries(same, "user", "ann"));
    assert_int_equal(diagnostics, 1);
    free(large);
    tote_context_unref(same);
    tote_context_unref(old);
}

/* More entries than one store can hold, from two stores. Spec: baggage/api.md#remove-value */
static void removed_entries_are_absent_and_all_others_stay(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    tote_store *child = tote_store_new(tote_context_get_store(old));
    tote_context *two = tote_context_with_store(old, child);
    char *large = calloc(1, TOTE_STORE_MAX_BYTES);
    memset(large, 'x', TOTE_STORE_MAX_BYTES - 4096);
    tote_store_add(tote_context_get_store(old), "large", tote_string(large));
    tote_store_add(child, "larger", tote_string(large));
    count_diagnostics();

    tote_context *changed = tote_context_without_baggage(two, "user");

    assert_true(carries(changed, "user", NULL));
    assert_int_equal(count_baggage(changed), 2);
    assert_int_equal(diagnostics, 0);
    free(large);
    tote_store_unref(child);
    tote_context_unref(changed);
    tote_context_unref(two);
    tote_context_unref(old);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(with_baggage_returns_a_new_context_and_leaves_the_old_one),
        TEST(names_and_values_are_returned_byte_for_byte),
        TEST(metadata_stays_with_its_entry),
        TEST(without_baggage_removes_one_entry),
        TEST(a_repaired_name_is_removed_by_its_original_spelling),
        TEST(with_empty_baggage_returns_a_new_context_without_baggage),
        TEST(entries_that_do_not_propagate_are_live_through_an_overlay),
        TEST(baggage_added_above_later_is_not_visible_through_an_overlay),
        TEST(an_overlay_refuses_writes_and_its_child_stores_accept_them),
        TEST(entries_hidden_by_an_overlay_are_hidden_in_its_child_stores),
        TEST(scalars_of_all_types_propagate),
        TEST(remote_entries_stay_marked_as_remote_until_they_are_replaced),
        TEST(the_last_of_two_entries_with_one_name_in_an_overlay_wins),
        TEST(baggage_of_the_current_context_can_be_read_and_set),
        TEST(an_invalid_name_changes_nothing),
        TEST(out_of_memory_returns_the_old_context),
        TEST(baggage_that_is_too_large_is_refused_and_the_old_value_stays),
        TEST(removed_entries_are_absent_and_all_others_stay),
    };
    use_counting_allocator();
    return RUN_TESTS(tests, argc, argv);
}
