/* SPDX-License-Identifier: MIT */
#include "sdk_fixture.h"

#include <stdio.h>
#include <string.h>

#include "overlay.h"
#include "tote/internal/store.h"
#include "tote/propagators.h"

/* What a key is in a parent and in its child. */
enum { ABSENT = 100, DELETED };
static const uint32_t conditions[] = {ABSENT,
                                      DELETED,
                                      TOTE_VISIBILITY_PRIVATE,
                                      TOTE_VISIBILITY_PROPAGATE,
                                      TOTE_VISIBILITY_EXPORT,
                                      TOTE_VISIBILITY_ALL};
enum { CONDITIONS = sizeof conditions / sizeof *conditions, ROWS = CONDITIONS * CONDITIONS };

static void put(tote_store *store, uint32_t condition, const char *value) {
    if (condition == DELETED) {
        tote_store_delete(store, "token");
    } else if (condition != ABSENT) {
        tote_store_add_as(store, "token", tote_string(value), condition, NULL);
    }
}

/* Over the store, which it takes. */
static tote_context *context_over(tote_store *store) {
    tote_context *context = tote_context_with_store(tote_context_root(), store);

    tote_store_unref(store);
    return context;
}

/* A context over a child and its parent, in which the key is what the row says. */
static tote_context *context_of(size_t row) {
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);

    put(parent, conditions[row / CONDITIONS], "of parent");
    put(child, conditions[row % CONDITIONS], "of child");
    tote_store_unref(parent);
    return context_over(child);
}

/* What one who may see only entries with `visibility` sees; NULL: nothing. */
static const char *expected(size_t row, uint32_t visibility) {
    uint32_t of_parent = conditions[row / CONDITIONS];
    uint32_t of_child = conditions[row % CONDITIONS];

    if (of_child != ABSENT) {
        return of_child != DELETED && of_child & visibility ? "of child" : NULL;
    }
    return of_parent < ABSENT && of_parent & visibility ? "of parent" : NULL;
}

/* A span with this context as its parent, started and ended. */
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

/* Design R1: what stands on an exported span */
static void a_span_shows_what_the_nearest_entry_alone_exports(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    for (size_t row = 0; row < ROWS; row++) {
        tote_context *context = context_of(row);
        const tote_span_data *data = span_of(f, context);
        const tote_value *value = tote_span_data_get_attribute(data, "token");
        const char *wanted = expected(row, TOTE_VISIBILITY_EXPORT);
        assert_int_equal(value != NULL, wanted != NULL);
        assert_true(!value || strcmp(value->as.string, wanted) == 0);
        assert_int_equal(attribute_count_of(data), wanted != NULL);
        tote_context_unref(context);
    }
}

/* Design R1: what goes out with a request */
static void headers_carry_what_the_nearest_entry_alone_propagates(void **state) {
    (void)state;
    char buffer[TOTE_INJECT_BUFFER_BYTES];
    tote_header headers[8];
    tote_propagator *propagator = tote_propagator_baggage_new(NULL);
    tote_propagator_set_global(propagator);

    for (size_t row = 0; row < ROWS; row++) {
        tote_context *context = context_of(row);
        const char *wanted = expected(row, TOTE_VISIBILITY_PROPAGATE);
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

/* Design R1: what log lines say */
static void log_fields_say_what_the_nearest_entry_alone_exports(void **state) {
    (void)state;
    char text[64];

    for (size_t row = 0; row < ROWS; row++) {
        tote_context *context = context_of(row);
        const char *wanted = expected(row, TOTE_VISIBILITY_EXPORT);
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

/* The contract of tote_store_export: it holds for spans and for log lines alike */
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

/* An overlay of so many entries that came in, k0, k1 and so on. */
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

/* Design R8 */
static void at_most_sixteen_entries_that_came_in_stand_on_a_span(void **state) {
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

/* Design R8 */
static void entries_that_came_in_take_at_most_1024_bytes_of_a_span(void **state) {
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

/* Design section 4 */
static void at_most_32_entries_and_4096_bytes_of_a_store_stand_on_a_span(void **state) {
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

/* An overlay of one entry that came in, and a store over it with one that did not. */
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

/* Design R8 */
static void remote_baggage_does_not_set_reserved_names(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    static const char *const names[] = {"service.name", "telemetry.sdk.name",  "http.route",
                                        "url.full",     "error.type",          "otel.status_code",
                                        "service.",     "http.request.method", "error.x"};

    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        tote_context *context = two_origins(names[i], "user.id");
        const tote_span_data *data = span_of(f, context);
        assert_null(tote_span_data_get_attribute(data, names[i]));
        assert_int_equal(attribute_count_of(data), 1);
        tote_context_unref(context);
    }
}

/* Design R8: the names next to them, and our own entries under them, are no trouble */
static void entries_that_are_local_or_not_reserved_are_on_spans(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    static const char *const names[] = {"service", "services.x", "httpx.y", "Service.name"};

    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        tote_context *context = two_origins(names[i], "http.route");
        const tote_span_data *data = span_of(f, context);
        assert_non_null(tote_span_data_get_attribute(data, names[i]));
        assert_non_null(tote_span_data_get_attribute(data, "http.route"));
        tote_context_unref(context);
    }
}

/* Design R8: an entry of our own under the same name is ours */
static void an_entry_that_is_added_again_here_is_local(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_context *context = two_origins("service.tier", "service.tier");

    const tote_value *value = tote_span_data_get_attribute(span_of(f, context), "service.tier");

    assert_non_null(value);
    assert_string_equal(value->as.string, "local");
    tote_context_unref(context);
}

/* Whether a span under this option shows the remote `a` and the local `b`. */
static void assert_shown(void **state, bool is_remote_shown, bool is_local_shown) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_context *context = two_origins("a", "b");
    const tote_span_data *data = span_of(f, context);

    assert_int_equal(tote_span_data_get_attribute(data, "a") != NULL, is_remote_shown);
    assert_int_equal(tote_span_data_get_attribute(data, "b") != NULL, is_local_shown);
    tote_context_unref(context);
}

/* Design R8 */
static void a_provider_may_export_all_entries(void **state) {
    assert_shown(state, true, true);
}

/* Design R8 */
static void a_provider_may_export_what_is_its_own(void **state) {
    ((struct sdk_fixture *)*state)->settings.store_export = TOTE_STORE_EXPORT_LOCAL;
    assert_shown(state, false, true);
}

/* Design R8 */
static void a_provider_may_export_what_it_names(void **state) {
    static const char *const keys[] = {"a", "c", "bb", ""};
    struct sdk_fixture *f = *state;

    f->settings.store_export = TOTE_STORE_EXPORT_ALLOWED;
    f->settings.store_export_keys = keys;
    f->settings.store_export_key_count = TOTE_COUNT_OF(keys);
    assert_shown(state, true, false);
}

/* Design R8 */
static void a_provider_that_names_nothing_exports_nothing(void **state) {
    ((struct sdk_fixture *)*state)->settings.store_export = TOTE_STORE_EXPORT_ALLOWED;
    assert_shown(state, false, false);
}

/* Design R8 */
static void a_provider_may_export_no_entries(void **state) {
    ((struct sdk_fixture *)*state)->settings.store_export = TOTE_STORE_EXPORT_NONE;
    assert_shown(state, false, false);
}

/* Design section 4: the store is read when the span ends, and once */
static void a_span_shows_the_store_as_it_is_at_its_end(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_store *store = tote_store_new(NULL);
    tote_context *context = context_over(tote_store_ref(store));
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    options.parent = context;
    tote_store_add(store, "step", tote_int(1));
    tote_store_add(store, "gone", tote_int(1));
    tote_span *span = tote_tracer_start_span(f->tracer, "work", &options);

    tote_store_add(store, "step", tote_int(2));
    tote_store_delete(store, "gone");
    tote_span_close(&span);
    tote_store_add(store, "step", tote_int(3));

    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_int_equal(tote_span_data_get_attribute(data, "step")->as.integer, 2);
    assert_null(tote_span_data_get_attribute(data, "gone"));
    tote_context_unref(context);
    tote_store_unref(store);
}

/* Design section 1: numbers go out typed on spans */
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
        SDK_TEST(a_span_shows_what_the_nearest_entry_alone_exports),
        SDK_TEST(headers_carry_what_the_nearest_entry_alone_propagates),
        SDK_TEST(log_fields_say_what_the_nearest_entry_alone_exports),
        SDK_TEST(log_fields_follow_the_export_mode_of_the_global_sdk),
        SDK_TEST(at_most_sixteen_entries_that_came_in_stand_on_a_span),
        SDK_TEST(entries_that_came_in_take_at_most_1024_bytes_of_a_span),
        SDK_TEST(at_most_32_entries_and_4096_bytes_of_a_store_stand_on_a_span),
        SDK_TEST(remote_baggage_does_not_set_reserved_names),
        SDK_TEST(entries_that_are_local_or_not_reserved_are_on_spans),
        SDK_TEST(an_entry_that_is_added_again_here_is_local),
        SDK_TEST(a_provider_may_export_all_entries),
        SDK_TEST(a_provider_may_export_what_is_its_own),
        SDK_TEST(a_provider_may_export_what_it_names),
        SDK_TEST(a_provider_that_names_nothing_exports_nothing),
        SDK_TEST(a_provider_may_export_no_entries),
        SDK_TEST(a_span_shows_the_store_as_it_is_at_its_end),
        SDK_TEST(numbers_keep_their_type_on_a_span),
    };
    return RUN_TESTS(tests, argc, argv);
}
