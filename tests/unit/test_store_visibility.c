/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "store_fixture.h"
#include "tote/baggage.h"
#include "tote/internal/store.h"

enum { ABSENT = 100, DELETED };

/* The entries of a key in a parent and its child, and whose value each query returns: - is none. */
static const struct row {
    uint32_t parent;
    uint32_t child;
    char get;
    char get_all;
    char visit_propagate;
    char visit_export;
    char get_baggage;
    char get_all_baggage;
} rows[] = {
    {ABSENT, ABSENT, '-', '-', '-', '-', '-', '-'},
    {ABSENT, DELETED, '-', '-', '-', '-', '-', '-'},
    {ABSENT, TOTE_VISIBILITY_PRIVATE, 'c', 'c', '-', '-', '-', '-'},
    {ABSENT, TOTE_VISIBILITY_BAGGAGE, 'c', 'c', 'c', '-', 'c', 'c'},
    {ABSENT, TOTE_VISIBILITY_TELEMETRY, 'c', 'c', '-', 'c', '-', '-'},
    {ABSENT, TOTE_VISIBILITY_ALL, 'c', 'c', 'c', 'c', 'c', 'c'},
    {TOTE_VISIBILITY_PRIVATE, ABSENT, 'p', 'p', '-', '-', '-', '-'},
    {TOTE_VISIBILITY_PRIVATE, DELETED, '-', '-', '-', '-', '-', '-'},
    {TOTE_VISIBILITY_PRIVATE, TOTE_VISIBILITY_PRIVATE, 'c', 'c', '-', '-', '-', '-'},
    {TOTE_VISIBILITY_PRIVATE, TOTE_VISIBILITY_BAGGAGE, 'c', 'c', 'c', '-', 'c', 'c'},
    {TOTE_VISIBILITY_PRIVATE, TOTE_VISIBILITY_TELEMETRY, 'c', 'c', '-', 'c', '-', '-'},
    {TOTE_VISIBILITY_PRIVATE, TOTE_VISIBILITY_ALL, 'c', 'c', 'c', 'c', 'c', 'c'},
    {TOTE_VISIBILITY_BAGGAGE, ABSENT, 'p', 'p', 'p', '-', 'p', 'p'},
    {TOTE_VISIBILITY_BAGGAGE, DELETED, '-', '-', '-', '-', '-', '-'},
    {TOTE_VISIBILITY_BAGGAGE, TOTE_VISIBILITY_PRIVATE, 'c', 'c', '-', '-', '-', '-'},
    {TOTE_VISIBILITY_BAGGAGE, TOTE_VISIBILITY_BAGGAGE, 'c', 'c', 'c', '-', 'c', 'c'},
    {TOTE_VISIBILITY_BAGGAGE, TOTE_VISIBILITY_TELEMETRY, 'c', 'c', '-', 'c', '-', '-'},
    {TOTE_VISIBILITY_BAGGAGE, TOTE_VISIBILITY_ALL, 'c', 'c', 'c', 'c', 'c', 'c'},
    {TOTE_VISIBILITY_TELEMETRY, ABSENT, 'p', 'p', '-', 'p', '-', '-'},
    {TOTE_VISIBILITY_TELEMETRY, DELETED, '-', '-', '-', '-', '-', '-'},
    {TOTE_VISIBILITY_TELEMETRY, TOTE_VISIBILITY_PRIVATE, 'c', 'c', '-', '-', '-', '-'},
    {TOTE_VISIBILITY_TELEMETRY, TOTE_VISIBILITY_BAGGAGE, 'c', 'c', 'c', '-', 'c', 'c'},
    {TOTE_VISIBILITY_TELEMETRY, TOTE_VISIBILITY_TELEMETRY, 'c', 'c', '-', 'c', '-', '-'},
    {TOTE_VISIBILITY_TELEMETRY, TOTE_VISIBILITY_ALL, 'c', 'c', 'c', 'c', 'c', 'c'},
    {TOTE_VISIBILITY_ALL, ABSENT, 'p', 'p', 'p', 'p', 'p', 'p'},
    {TOTE_VISIBILITY_ALL, DELETED, '-', '-', '-', '-', '-', '-'},
    {TOTE_VISIBILITY_ALL, TOTE_VISIBILITY_PRIVATE, 'c', 'c', '-', '-', '-', '-'},
    {TOTE_VISIBILITY_ALL, TOTE_VISIBILITY_BAGGAGE, 'c', 'c', 'c', '-', 'c', 'c'},
    {TOTE_VISIBILITY_ALL, TOTE_VISIBILITY_TELEMETRY, 'c', 'c', '-', 'c', '-', '-'},
    {TOTE_VISIBILITY_ALL, TOTE_VISIBILITY_ALL, 'c', 'c', 'c', 'c', 'c', 'c'},
};
enum { ROWS = sizeof rows / sizeof *rows };

static void fill(tote_store *store, uint32_t visibility, const char *value) {
    if (visibility == DELETED) {
        tote_store_delete(store, "token");
    } else if (visibility != ABSENT) {
        tote_store_add_as(store, "token", tote_string(value), visibility, value);
    }
}

static tote_store *store_of(const struct row *row) {
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);

    fill(parent, row->parent, "p");
    fill(child, row->child, "c");
    tote_store_unref(parent);
    return child;
}

/* The same, as a context. */
static tote_context *context_of(const struct row *row) {
    tote_store *store = store_of(row);
    tote_context *context = tote_context_with_store(tote_context_root(), store);

    tote_store_unref(store);
    return context;
}

static char letter(ptrdiff_t length, const char *text) {
    return length < 0 ? '-' : text[0];
}

static char letter_of_entries(tote_entries *entries) {
    const tote_entry *entry = tote_entries_find(entries, "token");
    char found = '-';

    if (entry && strcmp(entry->metadata, entry->value.as.string) == 0) {
        found = entry->value.as.string[0];
    }
    assert_int_equal(tote_entries_get_count(entries), found != '-');
    tote_entries_free(entries);
    return found;
}

static void get_is_decided_by_the_nearest_entry_alone(void **state) {
    (void)state;
    char text[8];

    for (size_t i = 0; i < ROWS; i++) {
        tote_store *store = store_of(&rows[i]);
        ptrdiff_t length = tote_store_get(store, "token", text, sizeof text);
        assert_int_equal(letter(length, text), rows[i].get);
        tote_store_unref(store);
    }
}

static void get_all_is_decided_by_the_nearest_entry_alone(void **state) {
    (void)state;

    for (size_t i = 0; i < ROWS; i++) {
        tote_store *store = store_of(&rows[i]);
        assert_int_equal(letter_of_entries(tote_store_get_all(store)), rows[i].get_all);
        tote_store_unref(store);
    }
}

/* Flags are never inherited. */
static void an_entry_of_a_snapshot_has_its_own_visibility(void **state) {
    (void)state;

    for (size_t i = 0; i < ROWS; i++) {
        tote_store *store = store_of(&rows[i]);
        tote_entries *entries = tote_store_get_all(store);
        const tote_entry *entry = tote_entries_get_at(entries, 0);
        uint32_t decides = rows[i].child == ABSENT ? rows[i].parent : rows[i].child;
        assert_true(!entry || entry->visibility == decides);
        tote_entries_free(entries);
        tote_store_unref(store);
    }
}

/* A visitor: the value of the last entry. */
static bool note_letter(void *arg, const struct tote__entry *entry) {
    struct tote__slice text;

    *(char *)arg = tote__any_value_string(entry->value, &text) ? (char)text.at[0] : '?';
    return true;
}

static char visited(const tote_store *store, uint32_t visibility) {
    char found = '-';

    assert_true(tote__store_visit(store, visibility, note_letter, &found));
    return found;
}

/* For injection. */
static void a_visit_of_propagating_entries_is_decided_by_the_nearest_entry_alone(void **state) {
    (void)state;

    for (size_t i = 0; i < ROWS; i++) {
        tote_store *store = store_of(&rows[i]);
        assert_int_equal(visited(store, TOTE_VISIBILITY_BAGGAGE), rows[i].visit_propagate);
        assert_int_equal(visited(store, UINT32_MAX), rows[i].get_all);
        tote_store_unref(store);
    }
}

/* For export. */
static void a_visit_of_exported_entries_is_decided_by_the_nearest_entry_alone(void **state) {
    (void)state;

    for (size_t i = 0; i < ROWS; i++) {
        tote_store *store = store_of(&rows[i]);
        assert_int_equal(visited(store, TOTE_VISIBILITY_TELEMETRY), rows[i].visit_export);
        tote_store_unref(store);
    }
}

/* Spec: baggage/api.md#get-value */
static void baggage_is_decided_by_the_nearest_entry_alone(void **state) {
    (void)state;
    char text[8];

    for (size_t i = 0; i < ROWS; i++) {
        tote_context *context = context_of(&rows[i]);
        ptrdiff_t length = tote_context_get_baggage(context, "token", text, sizeof text);
        assert_int_equal(letter(length, text), rows[i].get_baggage);
        assert_int_equal(letter_of_entries(tote_context_get_all_baggage(context)),
                         rows[i].get_all_baggage);
        tote_context_unref(context);
    }
}

/* An overlay over the two stores propagates the same entries. */
static void an_overlay_over_two_stores_propagates_the_same_entries(void **state) {
    (void)state;
    char text[8];

    for (size_t i = 0; i < ROWS; i++) {
        tote_context *context = context_of(&rows[i]);
        tote_context *changed = tote_context_with_baggage(context, "x", tote_int(1), NULL);
        ptrdiff_t length = tote_context_get_baggage(changed, "token", text, sizeof text);
        assert_int_equal(letter(length, text), rows[i].get_baggage);
        length = tote_store_get(tote_context_get_store(changed), "token", text, sizeof text);
        assert_int_equal(letter(length, text), rows[i].get);
        tote_context_unref(changed);
        tote_context_unref(context);
    }
}

/* Propagating entries above an empty overlay are hidden, others are not. */
static void an_empty_overlay_hides_only_propagating_entries(void **state) {
    (void)state;

    for (size_t i = 0; i < ROWS; i++) {
        tote_context *context = context_of(&rows[i]);
        tote_context *changed = tote_context_with_empty_baggage(context);
        const tote_store *store = tote_context_get_store(changed);
        bool is_hidden = rows[i].visit_propagate != '-';
        assert_int_equal(visited(store, UINT32_MAX), is_hidden ? '-' : rows[i].get_all);
        assert_int_equal(visited(store, TOTE_VISIBILITY_BAGGAGE), '-');
        assert_int_equal(visited(store, TOTE_VISIBILITY_TELEMETRY),
                         is_hidden ? '-' : rows[i].visit_export);
        tote_context_unref(changed);
        tote_context_unref(context);
    }
}

static void add_propagates_and_exports_and_add_with_takes_its_flags(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    tote_store_add(store, "everywhere", tote_int(1));
    tote_store_add_as(store, "more", tote_int(1), UINT32_MAX, NULL);

    tote_entries *entries = tote_store_get_all(store);

    assert_int_equal(tote_entries_find(entries, "everywhere")->visibility, TOTE_VISIBILITY_ALL);
    assert_int_equal(tote_entries_find(entries, "more")->visibility, TOTE_VISIBILITY_ALL);
    tote_entries_free(entries);
    tote_store_unref(store);
}

static bool count_and_stop(void *arg, const struct tote__entry *entry) {
    (void)entry;
    return ++*(unsigned *)arg < 2;
}

static void a_visit_ends_when_its_function_returns_false(void **state) {
    (void)state;
    unsigned count = 0;
    tote_store *store = tote_store_new(NULL);
    tote_store_add(store, "a", tote_int(1));
    tote_store_add(store, "b", tote_int(1));
    tote_store_add(store, "c", tote_int(1));

    assert_true(tote__store_visit(store, UINT32_MAX, count_and_stop, &count));
    assert_int_equal(count, 2);
    tote_store_unref(store);
}

static bool check_entry(void *arg, const struct tote__entry *entry) {
    static const char whole[] = "\x4A\x0B\x0A\x04user\x12\x03\x0A\x01z";

    assert_string_equal(entry->key, "user");
    assert_int_equal(entry->key_length, 4);
    assert_int_equal(entry->flags, TOTE_VISIBILITY_BAGGAGE);
    assert_int_equal(entry->attribute.size, sizeof whole - 1);
    assert_memory_equal(entry->attribute.at, whole, sizeof whole - 1);
    assert_ptr_equal(entry->value.at, entry->attribute.at + 10);
    assert_int_equal(entry->value.size, 3);
    assert_string_equal(entry->metadata, "m");
    assert_int_equal(entry->metadata_length, 1);
    ++*(unsigned *)arg;
    return true;
}

/* An added entry has the form of an attribute of a span. */
static void a_visit_passes_entries_as_attributes(void **state) {
    (void)state;
    unsigned count = 0;
    tote_store *store = tote_store_new(NULL);
    tote_store_add_as(store, "user", tote_string("z"), TOTE_VISIBILITY_BAGGAGE, "m");

    assert_true(tote__store_visit(store, UINT32_MAX, check_entry, &count));
    assert_int_equal(count, 1);
    tote_store_unref(store);
}

/* In its own process, because the root is shared. Returns the step that failed. */
static int add_to_the_root_before_and_after_the_first_span(void) {
    tote_store *root = tote_store_root();

    count_diagnostics();
    if (!tote_store_add(root, "early", tote_string("1")) || diagnostics != 0) {
        return 1;
    }
    if (visited(root, TOTE_VISIBILITY_TELEMETRY) != '1' ||
        visited(root, TOTE_VISIBILITY_BAGGAGE) != '-') {
        return 2;
    }
    tote__store_note_span();
    if (!tote_store_add(root, "early", tote_string("2")) || diagnostics != 1) {
        return 3;
    }
    if (visited(root, TOTE_VISIBILITY_TELEMETRY) != '2' ||
        visited(root, TOTE_VISIBILITY_BAGGAGE) != '-') {
        return 4;
    }
    if (!tote_store_add_as(root, "early", tote_string("3"), TOTE_VISIBILITY_BAGGAGE, NULL) ||
        visited(root, TOTE_VISIBILITY_BAGGAGE) != '3' || diagnostics != 1) {
        return 5;
    }
    tote_diagnostics_set_handler(count_diagnostic, TOTE_LEVEL_DEBUG, NULL);
    tote_store *child = tote_store_new(root);
    tote_store_add(child, "late", tote_int(1));
    tote_store_unref(child);
    return diagnostics == 1 ? 0 : 6;
}

static void
a_plain_add_to_the_root_is_only_exported_and_reported_after_the_first_span(void **state) {
    (void)state;

    assert_int_equal(in_child(add_to_the_root_before_and_after_the_first_span), 0);
}

/* Returns the step that failed. */
static int seal_the_root(void) {
    tote_store *root = tote_store_root();

    tote_store_add(root, "zone", tote_string("b"));
    tote_store *child = tote_store_new(root);
    tote_store_seal(root);
    tote__store_note_span();
    count_diagnostics();
    if (tote_store_add(root, "zone", tote_string("c")) || tote_store_delete(root, "zone") ||
        tote_store_add_as(root, "user", tote_int(1), TOTE_VISIBILITY_TELEMETRY, NULL) ||
        diagnostics != 2) { /* one for each key */
        return 1;
    }
    if (!has_value(root, "zone", "b") || !has_value(root, "user", NULL)) {
        return 2;
    }
    if (!tote_store_add(child, "zone", tote_string("d")) || !has_value(child, "zone", "d")) {
        return 3;
    }
    tote_store_unref(child);
    return 0;
}

static void a_sealed_root_refuses_writes_and_its_children_do_not(void **state) {
    (void)state;

    assert_int_equal(in_child(seal_the_root), 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(get_is_decided_by_the_nearest_entry_alone),
        TEST(get_all_is_decided_by_the_nearest_entry_alone),
        TEST(an_entry_of_a_snapshot_has_its_own_visibility),
        TEST(a_visit_of_propagating_entries_is_decided_by_the_nearest_entry_alone),
        TEST(a_visit_of_exported_entries_is_decided_by_the_nearest_entry_alone),
        TEST(baggage_is_decided_by_the_nearest_entry_alone),
        TEST(an_overlay_over_two_stores_propagates_the_same_entries),
        TEST(an_empty_overlay_hides_only_propagating_entries),
        TEST(add_propagates_and_exports_and_add_with_takes_its_flags),
        TEST(a_visit_ends_when_its_function_returns_false),
        TEST(a_visit_passes_entries_as_attributes),
        TEST(a_plain_add_to_the_root_is_only_exported_and_reported_after_the_first_span),
        TEST(a_sealed_root_refuses_writes_and_its_children_do_not),
    };
    use_counting_allocator();
    return RUN_TESTS(tests, argc, argv);
}
