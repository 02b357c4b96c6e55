/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>

#include "overlay.h"
#include "store_fixture.h"
#include "tote/baggage.h"
#include "tote/internal/store.h"

/* Whether the context's baggage says just that of the name; `expected` NULL: nothing. */
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

/* A context over a new store with baggage user=ann, and token, that does not travel. */
static tote_context *context_with_baggage_and_more(void) {
    tote_store *store = tote_store_new(NULL);
    tote_store_add_as(store, "user", tote_string("ann"), TOTE_VISIBILITY_ALL, "p=1");
    tote_store_add_as(store, "token", tote_string("secret"), TOTE_VISIBILITY_PRIVATE, NULL);
    tote_context *context = tote_context_with_store(tote_context_root(), store);

    tote_store_unref(store);
    return context;
}

/* Spec: baggage/api.md#operations. Compliance: BG-01 */
static void with_baggage_makes_a_new_context_and_leaves_the_old_one(void **state) {
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

/* Requirement B2 */
static void names_and_values_come_back_byte_by_byte(void **state) {
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

/* Requirement B1 */
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
static void without_baggage_takes_one_entry_away(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    tote_context *both = tote_context_with_baggage(old, "team", tote_string("x"), NULL);
    tote_context *changed = tote_context_without_baggage(both, "user");

    assert_true(carries(changed, "user", NULL));
    assert_true(carries(changed, "team", "x"));
    assert_true(carries(both, "user", "ann"));
    assert_true(says(tote_context_get_store(changed), "user", NULL));
    tote_context_unref(changed);
    tote_context_unref(both);
    tote_context_unref(old);
}

/* Design 6: the name a repaired key was added by takes it away too */
static void a_name_that_was_repaired_is_taken_away_by_the_same_name(void **state) {
    (void)state;
    tote_context *old =
        tote_context_with_baggage(tote_context_current(), "k\xFF", tote_string("x"), NULL);
    tote_context *changed = tote_context_without_baggage(old, "k\xFF");

    assert_true(carries(old, "k\xEF\xBF\xBD", "x"));
    assert_int_equal(count_baggage(changed), 0);
    tote_context_unref(changed);
    tote_context_unref(old);
}

/* Requirements B4, B15 */
static void an_empty_baggage_is_empty_and_leaves_the_old_context(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    tote_context *changed = tote_context_with_empty_baggage(old);

    assert_int_equal(count_baggage(changed), 0);
    assert_true(carries(changed, "user", NULL));
    assert_true(says(tote_context_get_store(changed), "user", NULL));
    assert_true(carries(old, "user", "ann"));
    tote_context_unref(changed);
    tote_context_unref(old);
}

/* Design R3: entries that do not propagate stay live */
static void what_does_not_travel_is_seen_through_an_overlay_live(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    tote_context *changed = tote_context_with_empty_baggage(old);
    tote_store *above = tote_context_get_store(old);

    assert_true(says(tote_context_get_store(changed), "token", "secret"));
    assert_true(carries(changed, "token", NULL));
    tote_store_add_as(above, "token", tote_string("newer"), TOTE_VISIBILITY_PRIVATE, NULL);
    tote_store_add_as(above, "shard", tote_int(7), TOTE_VISIBILITY_EXPORT, NULL);
    assert_true(says(tote_context_get_store(changed), "token", "newer"));
    assert_true(says(tote_context_get_store(changed), "shard", "7"));
    tote_context_unref(changed);
    tote_context_unref(old);
}

/* Design R3: later writes above are not seen through it */
static void later_baggage_above_is_not_seen_through_an_overlay(void **state) {
    (void)state;
    tote_context *old = context_with_baggage_and_more();
    tote_context *changed = tote_context_with_baggage(old, "team", tote_string("x"), NULL);
    tote_store *above = tote_context_get_store(old);

    tote_store_add(above, "user", tote_string("bob"));
    tote_store_add(above, "late", tote_string("1"));
    tote_store_delete(above, "team");

    assert_true(carries(changed, "user", "ann"));
    assert_true(carries(changed, "late", NULL));
    assert_true(says(tote_context_get_store(changed), "late", NULL));
    assert_true(carries(changed, "team", "x"));
    tote_context_unref(changed);
    tote_context_unref(old);
}

/* Design R3 */
static void an_overlay_refuses_writes_and_stores_under_it_take_them(void **state) {
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
    assert_true(says(child, "user", "bob"));
    assert_true(carries(context, "user", "ann"));
    tote_store_unref(child);
    tote_context_unref(context);
}

/* Design R3: what is hidden by an overlay stays hidden below it, and below a flattened chain */
static void an_overlay_hides_for_all_that_is_under_it(void **state) {
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
    assert_true(says(store, "user", NULL));
    assert_true(says(store, "late", NULL));
    assert_true(says(store, "token", "secret"));
    tote_store_unref(store);
    tote_context_unref(changed);
    tote_context_unref(old);
}

/* Design R8: numbers keep their types, and read as text */
static void scalars_of_all_types_travel(void **state) {
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

/* Design R8: remote entries remember that they came from outside */
static void entries_that_came_from_outside_stay_marked_until_they_are_replaced(void **state) {
    (void)state;
    const struct tote__overlay_entry entry = {.key = "remote",
                                              .key_length = 6,
                                              .value = tote_string("1"),
                                              .flags = TOTE_VISIBILITY_ALL | TOTE__REMOTE};
    uint32_t flags[2] = {0, 0};
    tote_context *extracted = context_over_overlay(tote_store_root(), &entry, 1);
    tote_context *more = tote_context_with_baggage(extracted, "own", tote_int(1), NULL);
    tote_context *replaced = tote_context_with_baggage(more, "remote", tote_int(1), NULL);

    tote__store_visit(tote_context_get_store(more), TOTE_VISIBILITY_PROPAGATE, note_flags, flags);
    assert_int_equal(flags[0], TOTE_VISIBILITY_ALL);
    assert_int_equal(flags[1], TOTE_VISIBILITY_ALL | TOTE__REMOTE);
    tote__store_visit(tote_context_get_store(replaced), TOTE_VISIBILITY_PROPAGATE, note_flags,
                      flags);
    assert_int_equal(flags[1], TOTE_VISIBILITY_ALL);
    tote_context_unref(replaced);
    tote_context_unref(more);
    tote_context_unref(extracted);
}

/* Requirement B14 */
static void of_two_entries_of_a_name_in_an_overlay_the_last_counts(void **state) {
    (void)state;
    const struct tote__overlay_entry entries[] = {
        {"a", 1, tote_string("1"), TOTE_VISIBILITY_ALL, "m", 1},
        {"a", 1, tote_string("2"), TOTE_VISIBILITY_ALL, NULL, 0}};
    tote_context *context = context_over_overlay(tote_store_root(), entries, 2);

    assert_true(carries(context, "a", "2"));
    assert_int_equal(count_baggage(context), 1);
    tote_context_unref(context);
}

/* Requirements A8, B4: NULL is the current context */
static void baggage_of_the_current_context_needs_no_handle(void **state) {
    (void)state;
    tote_context *context =
        tote_context_with_baggage(tote_context_current(), "user", tote_string("ann"), NULL);
    tote_context_token token = tote_context_attach(context);

    assert_true(carries(NULL, "user", "ann"));
    assert_int_equal(count_baggage(NULL), 1);
    tote_context_detach(token);
    assert_true(carries(NULL, "user", NULL));
    tote_context_unref(context);
}

/* Trap 50 */
static void a_name_that_is_none_changes_nothing(void **state) {
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

/* Requirement A14; baggage.h: on failure the old context */
static void without_memory_the_old_context_comes_back(void **state) {
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

/* Design R4: what would exceed changes nothing */
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

/* Spec: baggage/api.md#remove-value. Of two stores, and so more than can be added to one. */
static void what_is_taken_away_is_gone_and_all_of_the_rest_stays(void **state) {
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
        TEST(with_baggage_makes_a_new_context_and_leaves_the_old_one),
        TEST(names_and_values_come_back_byte_by_byte),
        TEST(metadata_stays_with_its_entry),
        TEST(without_baggage_takes_one_entry_away),
        TEST(a_name_that_was_repaired_is_taken_away_by_the_same_name),
        TEST(an_empty_baggage_is_empty_and_leaves_the_old_context),
        TEST(what_does_not_travel_is_seen_through_an_overlay_live),
        TEST(later_baggage_above_is_not_seen_through_an_overlay),
        TEST(an_overlay_refuses_writes_and_stores_under_it_take_them),
        TEST(an_overlay_hides_for_all_that_is_under_it),
        TEST(scalars_of_all_types_travel),
        TEST(entries_that_came_from_outside_stay_marked_until_they_are_replaced),
        TEST(of_two_entries_of_a_name_in_an_overlay_the_last_counts),
        TEST(baggage_of_the_current_context_needs_no_handle),
        TEST(a_name_that_is_none_changes_nothing),
        TEST(without_memory_the_old_context_comes_back),
        TEST(baggage_that_is_too_large_is_refused_and_the_old_value_stays),
        TEST(what_is_taken_away_is_gone_and_all_of_the_rest_stays),
    };
    use_counting_allocator();
    return RUN_TESTS(tests, argc, argv);
}
