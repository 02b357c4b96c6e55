/* SPDX-License-Identifier: MIT */
/*
 * test_store_export.c - which entries of a store are attributes, baggage and log fields
 */
#include "sdk_fixture.h"

#include <stdio.h>
#include <string.h>

#include "overlay.h"
#include "tote/internal/store.h"
#include "tote/propagators.h"

/* States of a key in a store: one of these or a visibility. */
enum { ABSENT = 100, DELETED };
static const uint32_t conditions[] = {ABSENT,
                                      DELETED,
                                      TOTE_VISIBILITY_PRIVATE,
                                      TOTE_VISIBILITY_BAGGAGE,
                                      TOTE_VISIBILITY_TELEMETRY,
                                      TOTE_VISIBILITY_ALL};
enum { CONDITIONS = sizeof conditions / sizeof *conditions, ROWS = CONDITIONS * CONDITIONS };

static void put(tote_store *store, uint32_t condition, const char *value) {
    if (condition == DELETED) {
        tote_store_delete(store, "token");
    } else if (condition != ABSENT) {
        tote_store_add_as(store, "token", tote_string(value), condition, NULL);
    }
}

/* Return a context with the store. Takes ownership of the store. */
static tote_context *context_over(tote_store *store) {
    tote_context *context = tote_context_with_store(tote_context_root(), store);

    tote_store_unref(store);
    return context;
}

/* Return a context with a store and its parent, in which the key has the states of the row. */
static tote_context *context_of(size_t row) {
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);

    put(parent, conditions[row / CONDITIONS], "of parent");
    put(child, conditions[row % CONDITIONS], "of child");
    tote_store_unref(parent);
    return context_over(child);
}

/* The value of the key among the entries with this visibility; NULL if it has none. */
static const char *expected(size_t row, uint32_t visibility) {
    uint32_t of_parent = conditions[row / CONDITIONS];
    uint32_t of_child = conditions[row % CONDITIONS];

    if (of_child != ABSENT) {
        return of_child != DELETED && of_child & visibility ? "of child" : NULL;
    }
    return of_parent < ABSENT && of_parent & visibility ? "of parent" : NULL;
}

/* Start and end a span with this context as its parent. */
static const tote_span_data *span_of(struct sdk_fixture *f, const tote_context *context) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    options.parent = context;
    tote_span *span = tote_tracer_start_span(f->tracer, "work", &options);

    tote_span_close(&span);
    return f->spans[f->ended - 1];
}

static size_t attribute_count_of(const tote_span_data *span) {
    size_t count;

    tote_span_data_get_attributes(span, &count);
    return count;
}

/* The contract of TOTE_VISIBILITY_TELEMETRY: the nearest entry of a key hides those below it */
static void only_the_nearest_entry_of_a_key_is_a_span_attribute(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    for (size_t row = 0; row < ROWS; row++) {
        tote_context *context = context_of(row);
        const tote_span_data *data = span_of(f, context);
        const tote_value *value = tote_span_data_get_attribute(data, "token");
        const char *wanted = expected(row, TOTE_VISIBILITY_TELEMETRY);
        assert_int_equal(value != NULL, wanted != NULL);
        assert_true(!value || strcmp(value->as.string, wanted) == 0);
        assert_int_equal(attribute_count_of(data), wanted != NULL);
        tote_context_unref(context);
    }
}

/* Spec: baggage/api.md#propagation */
static void only_the_nearest_entry_of_a_key_is_in_the_baggage_header(void **state) {
    (void)state;
    char buffer[TOTE_INJECT_BUFFER_BYTES];
    tote_header headers[8];
    tote_propagator *propagator = tote_propagator_baggage_new(NULL);
    tote_propagator_set_global(propagator);

    for (size_t row = 0; row < ROWS; row++) {
        tote_context *context = context_of(row);
        const char *wanted = expected(row, TOTE_VISIBILITY_BAGGAGE);
        size_t count = tote_inject_headers(context, headers, 8, buffer, sizeof buffer);
        assert_int_equal(count, wanted != NULL);
        if (wanted) {
            char header[32] = "token=of%20";
            assert_string_equal(headers[0].value, strcat(header, wanted + strlen("of ")));
        }
        tote_context_unref(context);
    }
    tote_propagator_set_global(NULL);
    tote_propagator_unref(propagator);
}

/* The contract of tote_log_fields(): TOTE_VISIBILITY_TELEMETRY decides, as on spans */
static void only_the_nearest_entry_of_a_key_is_a_log_field(void **state) {
    (void)state;
    char text[64];

    for (size_t row = 0; row < ROWS; row++) {
        tote_context *context = context_of(row);
        const char *wanted = expected(row, TOTE_VISIBILITY_TELEMETRY);
        char field[64] = "";
        if (wanted) {
            snprintf(field, sizeof field, "token=\"%s\"", wanted);
        }
        tote_log_fields(context, TOTE_LOG_FORMAT_LOGFMT, text, sizeof text);
        assert_string_equal(text, field);
        tote_context_unref(context);
    }
}

static void assert_log_fields(const tote_context *context, const char *expected) {
    char text[64];

    tote_log_fields(context, TOTE_LOG_FORMAT_LOGFMT, text, sizeof text);
    assert_string_equal(text, expected);
}

/* The contract of tote_store_export: it holds for spans and for log fields */
static void log_fields_follow_the_export_mode_of_the_global_sdk(void **state) {
    static const char *const allowed[] = {"local"};
    static const struct tote__overlay_entry entries[] = {
        {.key = "remote", .key_length = 6, .flags = TOTE_VISIBILITY_ALL | TOTE__REMOTE}};
    static const struct {
        tote_store_export mode;
        const char *expected;
    } rows[] = {{TOTE_STORE_EXPORT_ALL, "second=2 local=1 remote=\"\""},
                {TOTE_STORE_EXPORT_LOCAL, "second=2 local=1"},
                {TOTE_STORE_EXPORT_ALLOWED, "local=1"},
                {TOTE_STORE_EXPORT_NONE, ""}};
    struct sdk_fixture *f = *state;
    tote_store *remote = new_overlay(NULL, entries, 1);
    tote_store *store = tote_store_new(remote);
    tote_store_unref(remote);
    tote_store_add(store, "local", tote_int(1));
    tote_store_add(store, "second", tote_int(2));
    tote_context *context = context_over(store);
    f->settings.store_export_keys = allowed;
    f->settings.store_export_key_count = TOTE_COUNT_OF(allowed);

    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        f->settings.store_export = rows[i].mode;
        f->settings.processor_count = 0;
        f->settings.is_global = true;
        sdk_fixture_start(state);
        assert_log_fields(context, rows[i].expected);
        tote_sdk_close(&f->sdk, 0);
        assert_log_fields(context, rows[0].expected);

        f->settings.processor_count = 0;
        f->settings.is_global = false;
        sdk_fixture_start(state);
        assert_log_fields(context, rows[0].expected);
        tote_sdk_close(&f->sdk, 0);
    }
    tote_context_unref(context);
}

/* Return a context with `count` entries of remote baggage: k0, k1 and so on. */
static tote_context *remote_context(size_t count, const char *value) {
    struct tote__overlay_entry entries[64];
    char keys[64][24];

    for (size_t i = 0; i < count; i++) {
        snprintf(keys[i], sizeof keys[i], "k%zu", i);
        entries[i] = (struct tote__overlay_entry){.key = keys[i],
                                                  .key_length = strlen(keys[i]),
                                                  .value = tote_string(value),
                                                  .flags = TOTE_VISIBILITY_ALL | TOTE__REMOTE};
    }
    return context_over(new_overlay(NULL, entries, count));
}

/* The contract of tote_store_export: the limits of remote baggage */
static void at_most_16_entries_of_remote_baggage_are_on_a_span(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    static const size_t counts[] = {0, 1, 15, 16, 17, 60};

    for (size_t i = 0; i < TOTE_COUNT_OF(counts); i++) {
        tote_context *context = remote_context(counts[i], "v");
        const tote_span_data *data = span_of(f, context);
        size_t kept = counts[i] < 16 ? counts[i] : 16;
        assert_int_equal(attribute_count_of(data), kept);
        assert_int_equal(tote_span_data_get_dropped_attribute_count(data), counts[i] - kept);
        tote_context_unref(context);
    }
}

/* The contract of tote_store_export: the limits of remote baggage */
static void remote_baggage_has_at_most_1024_bytes_on_a_span(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    char value[301];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';

    tote_context *context = remote_context(10, value);
    const tote_span_data *data = span_of(f, context);

    assert_int_equal(attribute_count_of(data), 3);
    assert_int_equal(tote_span_data_get_dropped_attribute_count(data), 7);
    tote_context_unref(context);
}

/* The contract of tote_store_export: the limits of a store */
static void at_most_32_entries_and_4096_bytes_of_a_store_are_on_a_span(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    static const struct {
        size_t count;
        size_t length;
        size_t kept;
    } rows[] = {{32, 1, 32}, {33, 1, 32}, {6, 1000, 4}, {1, 5000, 0}};
    static char text[5001];

    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        tote_store *store = tote_store_new(NULL);
        memset(text, 'v', sizeof text);
        for (size_t k = 0; k < rows[i].count; k++) {
            char key[24];
            snprintf(key, sizeof key, "k%zu", k);
            tote_store_add(store, key, tote_string_of(text, rows[i].length));
        }
        tote_context *context = context_over(store);
        const tote_span_data *data = span_of(f, context);
        assert_int_equal(attribute_count_of(data), rows[i].kept);
        assert_int_equal(tote_span_data_get_dropped_attribute_count(data),
                         rows[i].count - rows[i].kept);
        tote_context_unref(context);
    }
}

/* Return a context with one entry of remote baggage and one local entry in a store above it. */
static tote_context *two_origins(const char *remote_key, const char *local_key) {
    const struct tote__overlay_entry entry = {.key = remote_key,
                                              .key_length = strlen(remote_key),
                                              .value = tote_string("remote"),
                                              .flags = TOTE_VISIBILITY_ALL | TOTE__REMOTE};
    tote_store *overlay = new_overlay(NULL, &entry, 1);
    tote_store *store = tote_store_new(overlay);

    tote_store_unref(overlay);
    tote_store_add(store, local_key, tote_string("local"));
    return context_over(store);
}

/* docs/propagation.md#reserved-names */
static const char *const prefixes[] = {
    "service.",   "telemetry.",  "http.",   "url.",     "error.",     "otel.",
    "exception.", "server.",     "client.", "network.", "db.",        "rpc.",
    "messaging.", "host.",       "os.",     "process.", "container.", "k8s.",
    "cloud.",     "deployment.", "code.",   "thread.",  "peer."};

/* Join the start of `text` with `end`. Returns `key`. */
static char *key_of(char key[32], const char *text, size_t length, const char *end) {
    snprintf(key, 32, "%.*s%s", (int)length, text, end);
    return key;
}

static void assert_remote(struct sdk_fixture *f, const char *key, bool is_exported) {
    tote_context *context = two_origins(key, "own");
    const tote_span_data *data = span_of(f, context);
    char fields[128], expected[64] = "own=local";

    if (is_exported) {
        snprintf(expected, sizeof expected, "own=local %s=remote", key);
    }
    tote_log_fields(context, TOTE_LOG_FORMAT_LOGFMT, fields, sizeof fields);
    assert_string_equal(fields, expected);
    assert_int_equal(tote_span_data_get_attribute(data, key) != NULL, is_exported);
    assert_non_null(tote_span_data_get_attribute(data, "own"));
    assert_int_equal(tote_span_data_get_dropped_attribute_count(data), 0);
    tote_context_unref(context);
}

/* The contract of tote_store_export, for every prefix: on spans and in log fields */
static void remote_baggage_sets_no_reserved_name(void **state) {
    static const char *const ends[] = {"", "x", ".", "name.of.a.long.attribute"};
    struct sdk_fixture *f = sdk_fixture_start(state);
    char key[64];

    for (size_t i = 0; i < TOTE_COUNT_OF(prefixes); i++) {
        for (size_t k = 0; k < TOTE_COUNT_OF(ends); k++) {
            snprintf(key, sizeof key, "%s%s", prefixes[i], ends[k]);
            assert_remote(f, key, false);
        }
    }
}

/*
 * The contract of tote_store_export: a prefix is compared as a whole, dot included, and case counts
 */
static void remote_baggage_sets_names_next_to_the_reserved_ones(void **state) {
    static const char *const names[] = {
        "a",     ".",      ".http.x", "a.http.x",         "hosts.x", "dbx",
        "dbx.y", "d.b",    "httpx.y", "services.x",       "osx.y",   "user.id",
        "net.x", "urls.x", "zzz.x",   "telemetryy.sdk.x", "o.x",     "abcdefghijklm.x",
        "DB.x",  "Http.x", "K8S.x",   "http_.x",          "http-x"};
    struct sdk_fixture *f = sdk_fixture_start(state);

    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        assert_remote(f, names[i], true);
    }
    for (size_t i = 0; i < TOTE_COUNT_OF(prefixes); i++) {
        size_t length = strlen(prefixes[i]) - 1;
        char key[32];
        assert_remote(f, key_of(key, prefixes[i], length, "s.x"), true);
        assert_remote(f, key_of(key, prefixes[i], length - 1, ".x"), true);
        assert_remote(f, key_of(key, prefixes[i], length, "_"), true);
        key_of(key, prefixes[i], length, ".x");
        key[0] = (char)(key[0] - 'a' + 'A');
        assert_remote(f, key, true);
    }
}

/* The contract of tote_store_export: the names are reserved against remote baggage only */
static void local_entries_may_have_reserved_names(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    for (size_t i = 0; i < TOTE_COUNT_OF(prefixes); i++) {
        char key[32];
        tote_context *context =
            two_origins("user.id", key_of(key, prefixes[i], strlen(prefixes[i]), "x"));
        const tote_span_data *data = span_of(f, context);
        assert_non_null(tote_span_data_get_attribute(data, key));
        assert_non_null(tote_span_data_get_attribute(data, "user.id"));
        tote_context_unref(context);
    }
}

/* The contract of tote_store_export: an entry that this process replaces is local */
static void a_remote_entry_that_is_replaced_here_is_local(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_context *context = two_origins("service.tier", "service.tier");

    const tote_value *value = tote_span_data_get_attribute(span_of(f, context), "service.tier");

    assert_non_null(value);
    assert_string_equal(value->as.string, "local");
    tote_context_unref(context);
}

/* Check whether a span has the remote entry `a` and the local entry `b`. */
static void assert_exported(void **state, bool is_remote_exported, bool is_local_exported) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_context *context = two_origins("a", "b");
    const tote_span_data *data = span_of(f, context);

    assert_int_equal(tote_span_data_get_attribute(data, "a") != NULL, is_remote_exported);
    assert_int_equal(tote_span_data_get_attribute(data, "b") != NULL, is_local_exported);
    tote_context_unref(context);
}

/* The contract of TOTE_STORE_EXPORT_ALL */
static void all_entries_are_exported_by_default(void **state) {
    assert_exported(state, true, true);
}

/* The contract of TOTE_STORE_EXPORT_LOCAL */
static void only_local_entries_are_exported_if_so_configured(void **state) {
    ((struct sdk_fixture *)*state)->settings.store_export = TOTE_STORE_EXPORT_LOCAL;
    assert_exported(state, false, true);
}

/* The contract of TOTE_STORE_EXPORT_ALLOWED */
static void only_allowed_entries_are_exported_if_so_configured(void **state) {
    static const char *const keys[] = {"a", "c", "bb", ""};
    struct sdk_fixture *f = *state;

    f->settings.store_export = TOTE_STORE_EXPORT_ALLOWED;
    f->settings.store_export_keys = keys;
    f->settings.store_export_key_count = TOTE_COUNT_OF(keys);
    assert_exported(state, true, false);
}

/* The contract of TOTE_STORE_EXPORT_ALLOWED */
static void an_empty_list_of_allowed_entries_exports_none(void **state) {
    ((struct sdk_fixture *)*state)->settings.store_export = TOTE_STORE_EXPORT_ALLOWED;
    assert_exported(state, false, false);
}

/* The contract of TOTE_STORE_EXPORT_NONE */
static void no_entries_are_exported_if_so_configured(void **state) {
    ((struct sdk_fixture *)*state)->settings.store_export = TOTE_STORE_EXPORT_NONE;
    assert_exported(state, false, false);
}

/* The contract of tote_store_export: the store is read once, when the span ends */
static void a_span_has_the_entries_that_the_store_has_at_its_end(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_store *store = tote_store_new(NULL);
    tote_context *context = context_over(tote_store_ref(store));
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    options.parent = context;
    tote_store_add(store, "step", tote_int(1));
    tote_store_add(store, "deleted", tote_int(1));
    tote_span *span = tote_tracer_start_span(f->tracer, "work", &options);

    tote_store_add(store, "step", tote_int(2));
    tote_store_delete(store, "deleted");
    tote_span_close(&span);
    tote_store_add(store, "step", tote_int(3));

    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_int_equal(tote_span_data_get_attribute(data, "step")->as.integer, 2);
    assert_null(tote_span_data_get_attribute(data, "deleted"));
    tote_context_unref(context);
    tote_store_unref(store);
}

/* Spec: common/README.md#attribute */
static void numbers_keep_their_type_on_a_span(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_store *store = tote_store_new(NULL);
    tote_store_add(store, "int", tote_int(INT64_MIN));
    tote_store_add(store, "double", tote_double(-0.0));
    tote_store_add(store, "bool", tote_bool(false));

    tote_context *context = context_over(store);
    const tote_span_data *data = span_of(f, context);

    const tote_value *value = tote_span_data_get_attribute(data, "int");
    assert_true(tote_value_equals(*value, tote_int(INT64_MIN)));
    assert_true(
        tote_value_equals(*tote_span_data_get_attribute(data, "double"), tote_double(-0.0)));
    assert_true(tote_value_equals(*tote_span_data_get_attribute(data, "bool"), tote_bool(false)));
    tote_context_unref(context);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(only_the_nearest_entry_of_a_key_is_a_span_attribute),
        SDK_TEST(only_the_nearest_entry_of_a_key_is_in_the_baggage_header),
        SDK_TEST(only_the_nearest_entry_of_a_key_is_a_log_field),
        SDK_TEST(log_fields_follow_the_export_mode_of_the_global_sdk),
        SDK_TEST(at_most_16_entries_of_remote_baggage_are_on_a_span),
        SDK_TEST(remote_baggage_has_at_most_1024_bytes_on_a_span),
        SDK_TEST(at_most_32_entries_and_4096_bytes_of_a_store_are_on_a_span),
        SDK_TEST(remote_baggage_sets_no_reserved_name),
        SDK_TEST(remote_baggage_sets_names_next_to_the_reserved_ones),
        SDK_TEST(local_entries_may_have_reserved_names),
        SDK_TEST(a_remote_entry_that_is_replaced_here_is_local),
        SDK_TEST(all_entries_are_exported_by_default),
        SDK_TEST(only_local_entries_are_exported_if_so_configured),
        SDK_TEST(only_allowed_entries_are_exported_if_so_configured),
        SDK_TEST(an_empty_list_of_allowed_entries_exports_none),
        SDK_TEST(no_entries_are_exported_if_so_configured),
        SDK_TEST(a_span_has_the_entries_that_the_store_has_at_its_end),
        SDK_TEST(numbers_keep_their_type_on_a_span),
    };
    return RUN_TESTS(tests, argc, argv);
}
