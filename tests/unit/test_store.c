/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "store_fixture.h"

static void an_added_entry_can_be_read(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);

    assert_true(tote_store_add(store, "user", tote_string("ann")));
    assert_true(has_value(store, "user", "ann"));
    assert_true(has_value(store, "User", NULL));
    assert_true(has_value(store, "use", NULL));
    assert_true(has_value(store, "users", NULL));
    tote_store_unref(store);
}

static void entries_of_the_root_are_visible_in_every_store(void **state) {
    (void)state;
    tote_store *child = tote_store_new(tote_store_root());

    assert_ptr_equal(tote_store_current(), tote_store_root());
    assert_true(tote_store_add(tote_store_root(), "zone", tote_string("b")));
    assert_true(has_value(tote_store_root(), "zone", "b"));
    assert_true(has_value(child, "zone", "b"));
    assert_true(tote_store_delete(tote_store_root(), "zone"));
    assert_true(has_value(child, "zone", NULL));
    tote_store_unref(child);
}

static void a_child_store_sees_the_entries_of_its_parent(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);
    tote_store *grandchild = tote_store_new(child);

    tote_store_add(parent, "user", tote_string("ann"));
    assert_true(has_value(child, "user", "ann"));
    assert_true(has_value(grandchild, "user", "ann"));
    tote_store_unref(grandchild);
    tote_store_unref(child);
    tote_store_unref(parent);
}

static void entries_of_a_child_store_are_local_and_removed_with_it(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);
    tote_store *sibling = tote_store_new(parent);

    tote_store_add(parent, "user", tote_string("ann"));
    tote_store_add(child, "user", tote_string("bob"));
    tote_store_add(child, "step", tote_string("2"));
    assert_true(has_value(child, "user", "bob"));
    assert_true(has_value(parent, "user", "ann"));
    assert_true(has_value(parent, "step", NULL));
    assert_true(has_value(sibling, "user", "ann"));
    tote_store_unref(child);
    assert_true(has_value(parent, "user", "ann"));
    assert_true(has_value(parent, "step", NULL));
    tote_store_unref(sibling);
    tote_store_unref(parent);
}

static void a_child_store_sees_later_changes_of_its_parent(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);

    tote_store_add(parent, "user", tote_string("ann"));
    assert_true(has_value(child, "user", "ann"));
    tote_store_add(parent, "user", tote_string("bob"));
    assert_true(has_value(child, "user", "bob"));
    tote_store_delete(parent, "user");
    assert_true(has_value(child, "user", NULL));
    tote_store_unref(child);
    tote_store_unref(parent);
}

static void a_key_deleted_in_a_child_store_is_hidden_only_there(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);
    tote_store *grandchild = tote_store_new(child);

    tote_store_add(parent, "user", tote_string("ann"));
    assert_true(tote_store_delete(child, "user"));
    assert_true(has_value(child, "user", NULL));
    assert_true(has_value(grandchild, "user", NULL));
    assert_true(has_value(parent, "user", "ann"));
    tote_store_unref(grandchild);
    tote_store_unref(child);
    tote_store_unref(parent);
}

static void delete_returns_whether_the_key_was_visible(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);

    assert_false(tote_store_delete(parent, "user"));
    assert_false(tote_store_delete(child, "user"));
    tote_store_add(parent, "user", tote_string("ann"));
    assert_false(tote_store_delete(child, "user")); /* it was hidden before */
    tote_store_add(child, "user", tote_string("bob"));
    assert_true(tote_store_delete(child, "user"));
    assert_false(tote_store_delete(child, "user"));
    assert_true(tote_store_delete(parent, "user"));
    assert_false(tote_store_delete(parent, "user"));
    tote_store_unref(child);
    tote_store_unref(parent);
}

static void a_key_added_after_its_deletion_is_visible(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);

    tote_store_add(parent, "user", tote_string("ann"));
    tote_store_delete(child, "user");
    tote_store_add(child, "user", tote_string("bob"));
    assert_true(has_value(child, "user", "bob"));
    tote_store_delete(parent, "user");
    tote_store_add(parent, "user", tote_string("cat"));
    assert_true(has_value(parent, "user", "cat"));
    assert_true(has_value(child, "user", "bob"));
    tote_store_unref(child);
    tote_store_unref(parent);
}

/* Whatever the parent does. */
static void a_key_that_was_deleted_before_the_parent_added_it_stays_hidden(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);

    assert_false(tote_store_delete(child, "user"));
    tote_store_add(parent, "user", tote_string("ann"));
    assert_true(has_value(child, "user", NULL));
    for (int i = 0; i < 1000; i++) { /* until the child's log was rewritten several times */
        tote_store_add(child, "other", tote_int(i));
    }
    assert_true(has_value(child, "user", NULL));
    tote_store_unref(child);
    tote_store_unref(parent);
}

static void get_all_merges_child_over_parent_without_deleted_keys(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);
    tote_store_add(parent, "inherited", tote_string("1"));
    tote_store_add(parent, "replaced", tote_string("2"));
    tote_store_add(parent, "deleted", tote_string("3"));
    tote_store_add(child, "replaced", tote_string("4"));
    tote_store_add(child, "own", tote_string("5"));
    tote_store_add(child, "own", tote_string("6"));
    tote_store_delete(child, "deleted");

    tote_entries *entries = tote_store_get_all(child);

    assert_int_equal(tote_entries_get_count(entries), 3);
    assert_true(lists(entries, "inherited", "1"));
    assert_true(lists(entries, "replaced", "4"));
    assert_true(lists(entries, "own", "6"));
    assert_true(lists(entries, "deleted", NULL));
    assert_null(tote_entries_get_at(entries, 3));
    tote_entries_free(entries);
    tote_store_unref(child);
    tote_store_unref(parent);
}

static void a_snapshot_is_not_changed_by_later_writes(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    tote_store_add(store, "user", tote_string("ann"));
    tote_entries *entries = tote_store_get_all(store);

    tote_store_add(store, "user", tote_string("bob"));
    tote_store_unref(store);

    assert_int_equal(tote_entries_get_count(entries), 1);
    assert_true(lists(entries, "user", "ann"));
    tote_entries_free(entries);
}

/* Spec: baggage/api.md#get-all-values */
static void get_all_returns_values_with_their_types(void **state) {
    (void)state;
    const tote_value items[] = {tote_int(1), tote_string("two")};
    const tote_attribute fields[] = {{"a", tote_array(items, 2)}, {"b", tote_bool(false)}};
    const tote_attribute added[] = {{"empty", tote_string(NULL)},    {"string", tote_string("")},
                                    {"bool", tote_bool(true)},       {"int", tote_int(INT64_MIN)},
                                    {"double", tote_double(.1)},     {"bytes", tote_bytes("\0", 1)},
                                    {"array", tote_array(items, 2)}, {"map", tote_map(fields, 2)}};
    tote_store *store = tote_store_new(NULL);

    assert_int_equal(tote_store_add_all(store, added, 8, TOTE_VISIBILITY_TELEMETRY), 8);
    tote_entries *entries = tote_store_get_all(store);

    assert_int_equal(tote_entries_get_count(entries), 8);
    for (size_t i = 0; i < 8; i++) {
        const tote_entry *entry = tote_entries_find(entries, added[i].key);
        assert_non_null(entry);
        assert_true(tote_value_equals(entry->value, added[i].value));
        assert_int_equal(entry->visibility, TOTE_VISIBILITY_TELEMETRY);
        assert_string_equal(entry->metadata, "");
    }
    tote_entries_free(entries);
    tote_store_unref(store);
}

static void get_writes_any_value_as_text_and_returns_its_length(void **state) {
    (void)state;
    const tote_value items[] = {tote_int(1), tote_string("two")};
    tote_store *store = tote_store_new(NULL);
    char text[4];
    tote_store_add(store, "int", tote_int(-7));
    tote_store_add(store, "array", tote_array(items, 2));
    tote_store_add(store, "accent", tote_string("ab\xC3\xA9z"));
    tote_store_add(store, "empty", tote_string(""));

    assert_true(has_value(store, "int", "-7"));
    assert_true(has_value(store, "array", "[1,\"two\"]"));
    assert_true(has_value(store, "empty", ""));
    assert_int_equal(tote_store_get(store, "accent", NULL, 0), 5);
    assert_int_equal(tote_store_get(store, "accent", text, sizeof text), 5);
    assert_string_equal(text, "ab");
    assert_int_equal(tote_store_get(store, "none", text, sizeof text), -1);
    assert_string_equal(text, "");
    tote_store_unref(store);
}

static void add_replaces_value_visibility_and_metadata_together(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    tote_store_add_as(store, "user", tote_string("ann"), TOTE_VISIBILITY_BAGGAGE, "p=1");
    tote_store_add_as(store, "user", tote_int(2), TOTE_VISIBILITY_TELEMETRY, NULL);

    tote_entries *entries = tote_store_get_all(store);
    const tote_entry *entry = tote_entries_find(entries, "user");

    assert_int_equal(tote_entries_get_count(entries), 1);
    assert_int_equal(entry->value.as.integer, 2);
    assert_int_equal(entry->visibility, TOTE_VISIBILITY_TELEMETRY);
    assert_string_equal(entry->metadata, "");
    tote_entries_free(entries);
    tote_store_unref(store);
}

static void metadata_is_kept_unchanged(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    tote_store_add_as(store, "user", tote_string("ann"), TOTE_VISIBILITY_ALL, "p=1;q");

    tote_entries *entries = tote_store_get_all(store);

    assert_string_equal(tote_entries_get_at(entries, 0)->metadata, "p=1;q");
    tote_entries_free(entries);
    tote_store_unref(store);
}

static void an_invalid_key_is_refused(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    const tote_attribute added[] = {{"a", tote_int(1)}, {NULL, tote_int(2)}, {"", tote_int(3)}};

    assert_false(tote_store_add(store, NULL, tote_int(1)));
    assert_false(tote_store_add(store, "", tote_int(1)));
    assert_false(tote_store_delete(store, NULL));
    assert_false(tote_store_delete(store, ""));
    assert_true(has_value(store, NULL, NULL));
    assert_true(has_value(store, "", NULL));
    assert_int_equal(tote_store_add_all(store, added, 3, TOTE_VISIBILITY_ALL), 1);
    assert_int_equal(tote_store_add_all(store, NULL, 3, TOTE_VISIBILITY_ALL), 0);
    tote_store_unref(store);
}

/* Spec: error-handling.md */
static void null_is_an_empty_store(void **state) {
    (void)state;

    assert_false(tote_store_add(NULL, "a", tote_int(1)));
    assert_false(tote_store_delete(NULL, "a"));
    assert_true(has_value(NULL, "a", NULL));
    assert_null(tote_store_get_all(NULL));
    assert_int_equal(tote_entries_get_count(NULL), 0);
    assert_null(tote_entries_get_at(NULL, 0));
    assert_null(tote_entries_find(NULL, "a"));
    assert_null(tote_store_ref(NULL));
    tote_store_unref(NULL);
    tote_store_seal(NULL);
    tote_entries_free(NULL);
}

/* Invalid UTF-8 is repaired, and found by the original key. */
static void invalid_utf8_is_repaired(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    tote_store_add_as(store, "k\xFF", tote_string("\xC3\xA9\x80"), TOTE_VISIBILITY_ALL, "m\xFF");

    tote_entries *entries = tote_store_get_all(store);
    const tote_entry *entry = tote_entries_get_at(entries, 0);

    assert_string_equal(entry->key, "k\xEF\xBF\xBD");
    assert_string_equal(entry->value.as.string, "\xC3\xA9\xEF\xBF\xBD");
    assert_string_equal(entry->metadata, "m\xEF\xBF\xBD");
    assert_true(has_value(store, "k\xFF", "\xC3\xA9\xEF\xBF\xBD"));
    assert_true(tote_store_delete(store, "k\xFF"));
    assert_true(has_value(store, "k\xEF\xBF\xBD", NULL));
    tote_entries_free(entries);
    tote_store_unref(store);
}

static void keys_of_all_lengths_are_distinct(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    char key[64];

    for (int length = 1; length < 40; length++) {
        snprintf(key, sizeof key, "%0*d", length, 7);
        assert_true(tote_store_add(store, key, tote_int(length)));
    }
    for (int length = 1; length < 40; length++) {
        char expected[16];
        snprintf(key, sizeof key, "%0*d", length, 7);
        snprintf(expected, sizeof expected, "%d", length);
        assert_true(has_value(store, key, expected));
    }
    tote_store_unref(store);
}

/* A thousand entries, more than are kept on the stack. */
static void each_of_a_thousand_entries_is_returned_once(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);
    char key[24];

    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "key%d", i);
        assert_true(tote_store_add(parent, key, tote_int(i)));
        assert_true(i % 2 || tote_store_add(child, key, tote_int(-i)));
    }
    tote_entries *entries = tote_store_get_all(child);
    assert_int_equal(tote_entries_get_count(entries), 1000);
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "key%d", i);
        const tote_entry *entry = tote_entries_find(entries, key);
        assert_non_null(entry);
        assert_int_equal(entry->value.as.integer, i % 2 ? i : -i);
    }
    tote_entries_free(entries);
    tote_store_unref(child);
    tote_store_unref(parent);
}

static void a_store_keeps_its_parent_alive(void **state) {
    (void)state;
    long before = atomic_load(&memory.live_bytes);
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);

    tote_store_add(parent, "user", tote_string("ann"));
    tote_store_unref(parent);
    assert_true(has_value(child, "user", "ann"));
    assert_ptr_equal(tote_store_ref(child), child);
    tote_store_unref(child);
    assert_true(has_value(child, "user", "ann"));
    tote_store_unref(child);
    assert_int_equal(atomic_load(&memory.live_bytes), before);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(an_added_entry_can_be_read),
        TEST(entries_of_the_root_are_visible_in_every_store),
        TEST(a_child_store_sees_the_entries_of_its_parent),
        TEST(entries_of_a_child_store_are_local_and_removed_with_it),
        TEST(a_child_store_sees_later_changes_of_its_parent),
        TEST(a_key_deleted_in_a_child_store_is_hidden_only_there),
        TEST(delete_returns_whether_the_key_was_visible),
        TEST(a_key_added_after_its_deletion_is_visible),
        TEST(a_key_that_was_deleted_before_the_parent_added_it_stays_hidden),
        TEST(get_all_merges_child_over_parent_without_deleted_keys),
        TEST(a_snapshot_is_not_changed_by_later_writes),
        TEST(get_all_returns_values_with_their_types),
        TEST(get_writes_any_value_as_text_and_returns_its_length),
        TEST(add_replaces_value_visibility_and_metadata_together),
        TEST(metadata_is_kept_unchanged),
        TEST(an_invalid_key_is_refused),
        TEST(null_is_an_empty_store),
        TEST(invalid_utf8_is_repaired),
        TEST(keys_of_all_lengths_are_distinct),
        TEST(each_of_a_thousand_entries_is_returned_once),
        TEST(a_store_keeps_its_parent_alive),
    };
    use_counting_allocator();
    return RUN_TESTS(tests, argc, argv);
}
