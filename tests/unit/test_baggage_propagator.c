/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "carrier.h"
#include "reports.h"
#include "tote/baggage.h"
#include "tote/internal/store.h"
#include "tote/propagators.h"

static int set_up(void **state) {
    (void)state;
    reports_reset(TOTE_LEVEL_WARN);
    return 0;
}

/* Releases the propagator. */
static tote_context *extract(tote_propagator *propagator, const char *header, size_t length) {
    struct carrier in = {.count = 0};

    carrier_add_bytes(&in, "baggage", header, length);
    tote_context *context =
        tote_propagator_extract(propagator, tote_context_root(), &in, &carrier_getter);
    carrier_clear(&in);
    tote_propagator_unref(propagator);
    return context;
}

static tote_context *extract_text(const char *header) {
    return extract(tote_propagator_baggage_new(NULL), header, strlen(header));
}

/* Releases the propagator and the context. */
static void assert_sent(tote_propagator *propagator, tote_context *context, const char *expected) {
    struct carrier out = {.count = 0};

    tote_propagator_inject(propagator, context, &out, &carrier_setter);
    const char *sent = carrier_get(&out, "baggage");
    if (expected) {
        assert_non_null(sent);
        assert_string_equal(sent, expected);
    } else {
        assert_null(sent);
    }
    carrier_clear(&out);
    tote_context_unref(context);
    tote_propagator_unref(propagator);
}

/* A context over a store with one entry. */
static tote_context *with_entry(const char *key, tote_value value, uint32_t visibility,
                                const char *metadata) {
    tote_store *store = tote_store_new(NULL);

    assert_true(tote_store_add_as(store, key, value, visibility, metadata));
    tote_context *context = tote_context_with_store(tote_context_root(), store);
    tote_store_unref(store);
    return context;
}

static size_t count_baggage(const tote_context *context) {
    tote_entries *entries = tote_context_get_all_baggage(context);
    size_t count = tote_entries_get_count(entries);

    tote_entries_free(entries);
    return count;
}

static bool note_flags(void *arg, const struct tote__entry *entry) {
    *(uint32_t *)arg = entry->flags;
    return true;
}

static void extracted_entries_are_marked_as_remote(void **state) {
    tote_context *context = extract_text("k=v");
    uint32_t flags = 0;

    (void)state;
    tote__store_visit(tote_context_get_store(context), UINT32_MAX, note_flags, &flags);
    assert_int_equal(flags, TOTE_VISIBILITY_ALL | TOTE__REMOTE);
    tote_context_unref(context);
}

static void only_entries_that_propagate_are_injected(void **state) {
    (void)state;
    assert_sent(tote_propagator_baggage_new(NULL),
                with_entry("k", tote_string("v"), TOTE_VISIBILITY_BAGGAGE, NULL), "k=v");
    assert_sent(tote_propagator_baggage_new(NULL),
                with_entry("k", tote_string("v"), TOTE_VISIBILITY_TELEMETRY, NULL), NULL);
    assert_sent(tote_propagator_baggage_new(NULL),
                with_entry("k", tote_string("v"), TOTE_VISIBILITY_PRIVATE, NULL), NULL);
}

/* The same text in every locale. */
static void scalars_are_injected_as_text(void **state) {
    (void)state;
    assert_sent(tote_propagator_baggage_new(NULL),
                with_entry("k", tote_int(-42), TOTE_VISIBILITY_BAGGAGE, NULL), "k=-42");
    assert_sent(tote_propagator_baggage_new(NULL),
                with_entry("k", tote_double(1.5), TOTE_VISIBILITY_BAGGAGE, NULL), "k=1.5");
    assert_sent(tote_propagator_baggage_new(NULL),
                with_entry("k", tote_bool(true), TOTE_VISIBILITY_BAGGAGE, NULL), "k=true");
    assert_sent(tote_propagator_baggage_new(NULL),
                with_entry("k", tote_string(""), TOTE_VISIBILITY_BAGGAGE, NULL), "k=");
}

/* Spec: w3c/baggage, key and value */
static void entries_that_are_no_scalars_or_tokens_are_not_injected_and_reported(void **state) {
    tote_value items[] = {tote_int(1)};

    (void)state;
    assert_sent(tote_propagator_baggage_new(NULL),
                with_entry("k", tote_array(items, 1), TOTE_VISIBILITY_BAGGAGE, NULL), NULL);
    assert_int_equal(reports.count, 1);
    set_up(NULL);
    assert_sent(tote_propagator_baggage_new(NULL),
                with_entry("a b", tote_string("v"), TOTE_VISIBILITY_BAGGAGE, NULL), NULL);
    assert_int_equal(reports.count, 1);
}

/*
 * Bytes that break the list are encoded, others are unchanged, ends are trimmed. Spec: w3c/baggage,
 * property
 */
static void metadata_cannot_break_the_list(void **state) {
    (void)state;
    assert_sent(
        tote_propagator_baggage_new(NULL),
        with_entry("k", tote_string("v"), TOTE_VISIBILITY_BAGGAGE, " a = 1;b,c\r\n\"\\%20 "),
        "k=v;a = 1;b%2Cc%0D%0A%22%5C%20");
    assert_sent(tote_propagator_baggage_new(NULL),
                with_entry("k", tote_string("v"), TOTE_VISIBILITY_BAGGAGE, " \t "), "k=v");
}

/* A property that the grammar forbids discards its member only. Spec: w3c/baggage, property */
static void a_member_with_forbidden_bytes_in_its_metadata_is_dropped(void **state) {
    (void)state;
    for (const char *const *header =
             (const char *const[]){"k=v;a\x01,ok=1", "k=v;\xFF,ok=1", "k=v;\"a\",ok=1",
                                   "k=v;a\\b,ok=1", "k=v;a\r\nb,ok=1", NULL};
         *header; header++) {
        tote_context *context = extract_text(*header);
        char text[4];
        assert_int_equal(count_baggage(context), 1);
        assert_int_equal(tote_context_get_baggage(context, "ok", text, sizeof text), 1);
        tote_context_unref(context);
    }
}

/* Spec: w3c/baggage, limits */
static void members_over_a_configured_limit_are_left_out_whole(void **state) {
    tote_baggage_propagator_options few = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;
    tote_baggage_propagator_options short_one = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;

    (void)state;
    few.max_members = 2;
    short_one.max_bytes = 9;
    tote_context *context = extract(tote_propagator_baggage_new(&few), "a=1,b=2,c=3", 11);
    assert_int_equal(count_baggage(context), 2);
    tote_context_unref(context);
    context = extract(tote_propagator_baggage_new(&short_one), "a=1,bb=22,c=3,d=4", 17);
    assert_int_equal(count_baggage(context), 2); /* a=1,bb=22 are nine bytes */
    tote_context_unref(context);
}

/* Spec: w3c/baggage, limits */
static void injection_obeys_the_same_limits(void **state) {
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;

    (void)state;
    options.max_bytes = 5;
    assert_sent(tote_propagator_baggage_new(&options),
                with_entry("k", tote_string("abc"), TOTE_VISIBILITY_BAGGAGE, NULL), "k=abc");
    assert_int_equal(reports.count, 0);
    assert_sent(tote_propagator_baggage_new(&options),
                with_entry("k", tote_string("abcd"), TOTE_VISIBILITY_BAGGAGE, NULL), NULL);
    assert_int_equal(reports.count, 1);
    assert_sent(tote_propagator_baggage_new(&options),
                with_entry("k", tote_string("a b"), TOTE_VISIBILITY_BAGGAGE, NULL), NULL);
}

/* Spec: w3c/baggage, limits: header lines of 16 KiB are the limit of many servers. */
static void no_option_allows_more_than_15360_bytes(void **state) {
    enum { MEMBER_BYTES = 100, MEMBERS = 200, MOST_MEMBERS = (15360 + 1) / MEMBER_BYTES };
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;
    char header[MEMBER_BYTES * MEMBERS + 1];

    (void)state;
    options.max_members = MEMBERS;
    options.max_bytes = sizeof header;
    for (size_t i = 0; i < MEMBERS; i++) {
        snprintf(header + i * MEMBER_BYTES, MEMBER_BYTES + 1, "k%03zu=%094d,", i, 0);
    }
    tote_context *context =
        extract(tote_propagator_baggage_new(&options), header, sizeof header - 1);
    assert_int_equal(count_baggage(context), MOST_MEMBERS);
    tote_context_unref(context);
}

/* The options are copied. */
static void only_allowed_names_are_injected(void **state) {
    char name[] = "yes";
    const char *const names[] = {name, NULL};
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;

    (void)state;
    options.allowed_names = names;
    options.allowed_name_count = 2;
    tote_propagator *propagator = tote_propagator_baggage_new(&options);
    name[0] = 'x';
    tote_context *both = extract_text("yes=1,no=2");
    assert_sent(tote_propagator_ref(propagator), both, "yes=1");
    options.allowed_name_count = 0;
    assert_sent(tote_propagator_baggage_new(&options), extract_text("yes=1"), NULL);
    tote_propagator_unref(propagator);
}

static void incoming_baggage_can_be_ignored(void **state) {
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;

    (void)state;
    options.ignore_incoming = true;
    tote_context *context = extract(tote_propagator_baggage_new(&options), "k=v", 3);
    assert_ptr_equal(context, tote_context_root());
    tote_context_unref(context);
}

/* Spec: baggage/api.md#propagation */
static void extracted_baggage_replaces_baggage_and_private_entries_stay(void **state) {
    tote_context *before = with_entry("a", tote_string("1"), TOTE_VISIBILITY_BAGGAGE, NULL);
    tote_propagator *propagator = tote_propagator_baggage_new(NULL);
    struct carrier in = {.count = 0};
    char text[8];

    (void)state;
    tote_store_add_as(tote_context_get_store(before), "secret", tote_string("s"),
                      TOTE_VISIBILITY_PRIVATE, NULL);
    carrier_add(&in, "baggage", "b=2");
    tote_context *context = tote_propagator_extract(propagator, before, &in, &carrier_getter);
    tote_store *store = tote_context_get_store(context);
    assert_int_equal(tote_store_get(store, "a", text, sizeof text), -1);
    assert_int_equal(tote_store_get(store, "b", text, sizeof text), 1);
    assert_int_equal(tote_store_get(store, "secret", text, sizeof text), 1);
    tote_context_unref(context);
    tote_context_unref(before);
    tote_propagator_unref(propagator);
    carrier_clear(&in);
}

/*
 * A hostile header costs time in proportion to its length, and memory up to the limits. Spec:
 * w3c/baggage, limits
 */
static void ten_megabytes_of_members_keep_the_first_180(void **state) {
    size_t size = 10000000;
    char *header = malloc(size + 1);

    (void)state;
    for (size_t at = 0; at < size; at += 10) {
        snprintf(header + at, 11, "k%07zu=,", at / 10);
    }
    tote_context *context = extract(tote_propagator_baggage_new(NULL), header, size);
    assert_int_equal(count_baggage(context), 180);
    tote_context_unref(context);
    memset(header, 'x', size);
    context = extract(tote_propagator_baggage_new(NULL), header, size);
    assert_ptr_equal(context, tote_context_root());
    tote_context_unref(context);
    free(header);
}

#define BAGGAGE_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        BAGGAGE_TEST(extracted_entries_are_marked_as_remote),
        BAGGAGE_TEST(only_entries_that_propagate_are_injected),
        BAGGAGE_TEST(scalars_are_injected_as_text),
        BAGGAGE_TEST(entries_that_are_no_scalars_or_tokens_are_not_injected_and_reported),
        BAGGAGE_TEST(metadata_cannot_break_the_list),
        BAGGAGE_TEST(a_member_with_forbidden_bytes_in_its_metadata_is_dropped),
        BAGGAGE_TEST(members_over_a_configured_limit_are_left_out_whole),
        BAGGAGE_TEST(injection_obeys_the_same_limits),
        BAGGAGE_TEST(no_option_allows_more_than_15360_bytes),
        BAGGAGE_TEST(only_allowed_names_are_injected),
        BAGGAGE_TEST(incoming_baggage_can_be_ignored),
        BAGGAGE_TEST(extracted_baggage_replaces_baggage_and_private_entries_stay),
        BAGGAGE_TEST(ten_megabytes_of_members_keep_the_first_180),
    };
    return RUN_TESTS(tests, argc, argv);
}
