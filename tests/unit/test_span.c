/* SPDX-License-Identifier: MIT */
#include "sdk_fixture.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tote/internal/keys.h"

static tote_span *start(struct sdk_fixture *f) {
    return tote_tracer_start_span(f->tracer, "work", NULL);
}

static const tote_value *attribute_of(const tote_span_data *span, const char *key) {
    const tote_value *value = tote_span_data_get_attribute(span, key);

    assert_non_null(value);
    return value;
}

/* A key of the table and a key elsewhere are the same if their text is. */
static void keys_of_the_table_are_keys_like_any_other(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    const tote_attribute started[] = {{TOTE__KEY(URL_PATH), tote_string("/a")},
                                      {"url.query", tote_string("b")},
                                      {TOTE__KEY(URL_FULL) + 1, tote_string("rl.full")}};
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    options.attributes = started;
    options.attribute_count = TOTE_COUNT_OF(started);
    tote_span *span = tote_tracer_start_span(f->tracer, "work", &options);

    tote_span_set_attribute(span, "url.path", tote_string("/c"));
    tote_span_set_attribute(span, TOTE__KEY(URL_QUERY), tote_string("d"));
    for (size_t i = 0; i < TOTE__KEY_COUNT; i++) {
        tote_span_set_attribute(span, tote__keys[i].text, tote_string(tote__keys[i].text));
        tote_span_set_attribute(span, tote__keys[i].text, tote_int((int64_t)i));
    }
    tote_span_close(&span);

    const tote_span_data *data = sdk_fixture_only_span(f);
    size_t count;
    tote_span_data_get_attributes(data, &count);
    assert_int_equal(count, TOTE__KEY_COUNT + 1);
    assert_string_equal(attribute_of(data, "rl.full")->as.string, "rl.full");
    for (size_t i = 0; i < TOTE__KEY_COUNT; i++) {
        assert_int_equal(attribute_of(data, tote__keys[i].text)->as.integer, i);
    }
}

/* Spec: trace/api.md#set-attributes. Compliance: TR-37 */
static void an_attribute_with_the_same_key_is_replaced(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = start(f);

    tote_span_set_attribute(span, "retries", tote_int(1));
    tote_span_set_attribute(span, "name", tote_string("a longer text than before"));
    tote_span_set_attribute(span, "retries", tote_string("many"));
    tote_span_set_attribute(span, "name", tote_string("x"));
    tote_span_close(&span);

    const tote_span_data *data = sdk_fixture_only_span(f);
    size_t count;
    tote_span_data_get_attributes(data, &count);
    assert_int_equal(count, 2);
    assert_string_equal(attribute_of(data, "retries")->as.string, "many");
    assert_string_equal(attribute_of(data, "name")->as.string, "x");
}

/* Values that are zero or empty are values. Compliance: TR-38, TR-39, TR-40, TR-41, TR-42, TR-43 */
static void values_of_every_type_are_returned_as_they_were_set(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = start(f);
    const tote_value items[] = {tote_int(-1), tote_string(""), tote_double(0.0), tote_bool(false)};
    const tote_attribute fields[] = {{"a", tote_array(items, 4)}, {"a", tote_int(7)}};

    tote_span_set_attribute(span, "array", tote_array(items, 4));
    tote_span_set_attribute(span, "map", tote_map(fields, 2));
    tote_span_set_attribute(span, "bytes", tote_bytes("\0\1", 2));
    tote_span_set_attribute(span, "empty", tote_string(NULL));
    tote_span_set_attribute(span, "least", tote_int(INT64_MIN));
    tote_span_close(&span);

    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_true(tote_value_equals(*attribute_of(data, "array"), tote_array(items, 4)));
    assert_true(tote_value_equals(*attribute_of(data, "map"), tote_map(fields + 1, 1)));
    assert_true(tote_value_equals(*attribute_of(data, "bytes"), tote_bytes("\0\1", 2)));
    assert_int_equal(attribute_of(data, "empty")->type, TOTE_VALUE_TYPE_EMPTY);
    assert_true(attribute_of(data, "least")->as.integer == INT64_MIN);
}

/* Compliance: TR-34, TR-58, TR-60 */
static void at_the_count_limit_existing_keys_change_and_new_ones_are_counted(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.limits.attribute_count = 1;
    sdk_fixture_start(state);
    tote_span *span = start(f);

    tote_span_set_attribute(span, "a", tote_int(1));
    tote_span_set_attribute(span, "b", tote_int(2));
    tote_span_set_attribute(span, "a", tote_int(3));
    tote_span_close(&span);

    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_int_equal(attribute_of(data, "a")->as.integer, 3);
    assert_int_equal(tote_span_data_get_dropped_attribute_count(data), 1);
    assert_int_equal(f->diagnostics, 1);
}

/* Compliance: TR-44, TR-60 */
static void values_are_truncated_to_the_length_and_depth_limits(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.limits.attribute_value_length = 2;
    f->settings.limits.attribute_value_depth = 1;
    sdk_fixture_start(state);
    tote_span *span = start(f);
    const tote_value inner[] = {tote_int(2)};
    const tote_value items[] = {tote_string("h\xC3\xA9llo"), tote_array(inner, 1)};

    tote_span_set_attribute(span, "text", tote_string("h\xC3\xA9llo"));
    tote_span_set_attribute(span, "bytes", tote_bytes("abc", 3));
    tote_span_set_attribute(span, "array", tote_array(items, 2));
    tote_span_close(&span);

    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_string_equal(attribute_of(data, "text")->as.string, "h\xC3\xA9");
    assert_int_equal(attribute_of(data, "bytes")->size, 2);
    const tote_value *array = attribute_of(data, "array");
    assert_int_equal(array->size, 2);
    assert_string_equal(array->as.items[0].as.string, "h\xC3\xA9");
    assert_int_equal(array->as.items[1].type, TOTE_VALUE_TYPE_EMPTY);
}

/* 0 is legal. Spec: trace/sdk.md#span-limits. Compliance: TR-33, TR-35 */
static void a_limit_of_zero_keeps_nothing_and_counts_all(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.limits.attribute_count = 0;
    f->settings.limits.event_count = 0;
    f->settings.limits.link_count = 0;
    sdk_fixture_start(state);
    tote_span *span = start(f);

    tote_span_set_attribute(span, "a", tote_int(1));
    tote_span_add_event(span, "e", NULL, 0, 0);
    tote_span_add_link(span, tote_span_get_context(span), NULL, 0);
    tote_span_close(&span);

    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_int_equal(tote_span_data_get_dropped_attribute_count(data), 1);
    assert_int_equal(tote_span_data_get_dropped_event_count(data), 1);
    assert_int_equal(tote_span_data_get_dropped_link_count(data), 1);
}

/* Spec: trace/sdk.md#span-limits. Compliance: TR-33, TR-35 */
static void events_and_links_over_their_limits_are_dropped_and_counted(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.limits.event_count = 1;
    f->settings.limits.link_count = 2;
    sdk_fixture_start(state);
    tote_span *span = start(f);
    size_t count = 0;

    for (int i = 0; i < 4; i++) {
        tote_span_add_event(span, "e", NULL, 0, 0);
        tote_span_add_link(span, tote_span_get_context(span), NULL, 0);
    }
    tote_span_close(&span);

    const tote_span_data *data = sdk_fixture_only_span(f);
    tote_span_data_get_events(data, &count);
    assert_int_equal(count, 1);
    tote_span_data_get_links(data, &count);
    assert_int_equal(count, 2);
    assert_int_equal(tote_span_data_get_dropped_event_count(data), 3);
    assert_int_equal(tote_span_data_get_dropped_link_count(data), 2);
}

/* Spec: trace/api.md#add-events. Compliance: TR-48, TR-49 */
static void events_keep_their_order_and_times_and_have_unique_keys(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.limits.attribute_count_per_event = 2;
    sdk_fixture_start(state);
    tote_span *span = start(f);
    const tote_attribute attributes[] = {{"a", tote_int(1)},
                                         {"b", tote_int(2)},
                                         {"a", tote_int(3)},
                                         {"c", tote_int(4)},
                                         {"", tote_int(5)}};

    f->now = 2000;
    tote_span_add_event(span, "first", attributes, 5, 0);
    tote_span_add_event(span, "second", NULL, 0, 7);
    tote_span_close(&span);

    size_t count;
    const tote_event *events = tote_span_data_get_events(sdk_fixture_only_span(f), &count);
    assert_int_equal(count, 2);
    assert_string_equal(events[0].name, "first");
    assert_int_equal(events[0].time_unix_nano, 2000);
    assert_int_equal(events[0].attribute_count, 2);
    assert_int_equal(events[0].attributes[1].value.as.integer, 3);
    assert_int_equal(events[0].dropped_attribute_count, 2);
    assert_int_equal(events[1].time_unix_nano, 7);
}

/* Compliance: TR-46, TR-47 */
static void links_without_ids_are_kept_only_with_attributes_or_a_trace_state(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    const tote_trace_id trace_id = {{1}};
    const tote_span_id span_id = {{2}};
    tote_trace_state *trace_state = tote_trace_state_from_header("foo=1", 5);
    tote_span_context *remote = tote_span_context_new(&trace_id, &span_id, 1, trace_state, true);
    tote_span_context *nobody = tote_span_context_new(NULL, NULL, 0, NULL, false);
    const tote_attribute why = {"why", tote_string("batch")};
    tote_span *span = start(f);

    tote_span_add_link(span, nobody, NULL, 0);
    tote_span_add_link(span, nobody, &why, 1);
    tote_span_add_link(span, remote, NULL, 0);
    tote_span_close(&span);

    size_t count;
    const tote_link *links = tote_span_data_get_links(sdk_fixture_only_span(f), &count);
    char header[16];
    assert_int_equal(count, 2);
    assert_int_equal(tote_span_data_get_dropped_link_count(f->spans[0]), 1);
    assert_int_equal(f->diagnostics, 1);
    assert_non_null(strstr(f->last_diagnostic, "1 links were dropped: without a span context"));
    assert_string_equal(links[0].attributes[0].value.as.string, "batch");
    assert_true(tote_span_context_is_remote(links[1].context));
    assert_memory_equal(tote_span_context_get_trace_id(links[1].context), &trace_id, 16);
    tote_trace_state_to_header(tote_span_context_get_trace_state(links[1].context), header,
                               sizeof header);
    assert_string_equal(header, "foo=1");
    tote_trace_state_unref(trace_state);
    tote_span_context_unref(remote);
    tote_span_context_unref(nobody);
}

/* Spec: trace/api.md#set-status. Compliance: TR-31 */
static void status_follows_the_order_unset_error_ok(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = start(f);
    const tote_span_data *data = tote_span_get_data(span);

    tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, "a");
    tote_span_set_status(span, TOTE_STATUS_CODE_UNSET, "b");
    assert_string_equal(tote_span_data_get_status_description(data), "a");
    tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, "");
    assert_string_equal(tote_span_data_get_status_description(data), "");
    assert_int_equal(tote_span_data_get_status_code(data), TOTE_STATUS_CODE_ERROR);
    tote_span_set_status(span, TOTE_STATUS_CODE_OK, "ignored");
    assert_string_equal(tote_span_data_get_status_description(data), "");
    tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, "too late");
    assert_int_equal(tote_span_data_get_status_code(data), TOTE_STATUS_CODE_OK);
    tote_span_close(&span);
}

/* Spec: trace/api.md#specifying-links. Compliance: TR-45 */
static void a_link_at_start_keeps_its_attributes_without_a_span_context(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    const tote_attribute why = {"why", tote_string("batch")};
    const tote_link links[] = {{.context = NULL, .attributes = &why, .attribute_count = 1},
                               {.context = NULL}};
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    options.links = links;
    options.link_count = 2;
    size_t count = 0;

    tote_span *span = tote_tracer_start_span(f->tracer, "linked", &options);
    tote_span_close(&span);
    const tote_link *kept = tote_span_data_get_links(sdk_fixture_only_span(f), &count);
    assert_int_equal(count, 1);
    assert_false(tote_span_context_is_valid(kept[0].context));
    assert_string_equal(kept[0].attributes[0].value.as.string, "batch");
}

/* The link has attributes, though none is kept. Spec: trace/api.md#add-link */
static void a_link_without_ids_counts_its_dropped_attributes(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.limits.attribute_count_per_link = 0;
    sdk_fixture_start(state);
    const tote_attribute why = {"why", tote_string("batch")};
    size_t count = 0;

    tote_span *span = start(f);
    tote_span_add_link(span, NULL, &why, 1);
    tote_span_close(&span);
    const tote_link *links = tote_span_data_get_links(sdk_fixture_only_span(f), &count);
    assert_int_equal(count, 1);
    assert_int_equal(links[0].attribute_count, 0);
    assert_int_equal(links[0].dropped_attribute_count, 1);
    assert_int_equal(tote_span_data_get_dropped_link_count(f->spans[0]), 0);
}

/* Undefined bits are reserved. Spec: opentelemetry-proto trace/v1/trace.proto, SpanFlags */
static void a_link_leaves_out_trace_flags_that_are_not_defined(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    const tote_trace_id trace_id = {{7}};
    const tote_span_id span_id = {{8}};
    tote_span_context *context = tote_span_context_new(&trace_id, &span_id, 0xff, NULL, true);
    size_t count = 0;

    tote_span *span = start(f);
    tote_span_add_link(span, context, NULL, 0);
    tote_span_close(&span);
    const tote_link *links = tote_span_data_get_links(sdk_fixture_only_span(f), &count);
    assert_int_equal(count, 1);
    assert_int_equal(tote_span_context_get_trace_flags(links[0].context), 0x03);
    tote_span_context_unref(context);
}

/* The result equals setting them one by one. Spec: common/README.md#attribute-collections */
static void a_repeated_key_of_an_event_does_not_replace_another_key(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.limits.attribute_count_per_event = 1;
    f->settings.limits.attribute_count_per_link = 2;
    sdk_fixture_start(state);
    const tote_attribute attributes[] = {
        {"a", tote_int(1)}, {"b", tote_int(2)}, {"a", tote_int(3)}, {"c", tote_int(4)}};
    size_t count = 0;

    tote_span *span = start(f);
    tote_span_add_event(span, "event", attributes, 4, 0);
    tote_span_add_link(span, tote_span_get_context(span), attributes, 4);
    tote_span_close(&span);
    const tote_event *event = tote_span_data_get_events(sdk_fixture_only_span(f), &count);
    assert_int_equal(event->attribute_count, 1);
    assert_string_equal(event->attributes[0].key, "a");
    assert_int_equal(event->attributes[0].value.as.integer, 3);
    assert_int_equal(event->dropped_attribute_count, 2);
    const tote_link *link = tote_span_data_get_links(sdk_fixture_only_span(f), &count);
    assert_int_equal(link->attribute_count, 2);
    assert_string_equal(link->attributes[0].key, "b");
    assert_int_equal(link->attributes[1].value.as.integer, 3);
    assert_int_equal(link->dropped_attribute_count, 1);
}

/* One diagnostic names the span and the cause. */
static void dropped_data_is_reported_with_the_span_and_the_cause(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.limits.attribute_count = 1;
    sdk_fixture_start(state);
    tote_span *span = tote_tracer_start_span(f->tracer, "crowded", NULL);

    tote_span_set_attribute(span, "one", tote_int(1));
    assert_int_equal(f->diagnostics, 0);
    tote_span_set_attribute(span, "two", tote_int(2));
    tote_span_set_attribute(span, "three", tote_int(3));
    assert_int_equal(f->diagnostics, 1);
    assert_non_null(strstr(f->last_diagnostic, "\"crowded\": 1 attributes, 0 events and 0 links"));
    assert_non_null(strstr(f->last_diagnostic, "over its limits"));
    assert_null(strstr(f->last_diagnostic, "key"));
    tote_span_close(&span);
    span = tote_tracer_start_span(f->tracer, "nameless", NULL);
    tote_span_set_attribute(span, "", tote_int(1));
    assert_int_equal(f->diagnostics, 2);
    assert_non_null(strstr(f->last_diagnostic, "\"nameless\""));
    assert_non_null(strstr(f->last_diagnostic, "without a usable key"));
    tote_span_close(&span);
}

/* Compliance: TR-27, TR-28, TR-29, TR-30 */
static void an_ended_span_does_not_change_and_can_still_be_a_parent(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = start(f);

    assert_true(tote_span_is_recording(span));
    tote_span_end(span, 5000);
    tote_span_end(span, 6000);
    tote_span_set_attribute(span, "late", tote_int(1));
    tote_span_update_name(span, "late");
    assert_false(tote_span_is_recording(span));

    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_int_equal(tote_span_data_get_end_time_unix_nano(data), 5000);
    assert_string_equal(tote_span_data_get_name(data), "work");
    assert_null(tote_span_data_get_attribute(data, "late"));
    tote_context *context = tote_context_with_span(tote_context_root(), span);
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    options.parent = context;
    tote_span *child = tote_tracer_start_span(f->tracer, "child", &options);
    assert_memory_equal(tote_span_context_get_trace_id(tote_span_get_context(child)),
                        tote_span_context_get_trace_id(tote_span_get_context(span)), 16);
    tote_context_unref(context);
    tote_span_close(&child);
    tote_span_unref(span);
}

/* Invalid UTF-8, and missing or long names. Compliance: TR-25, TR-44 */
static void names_are_repaired_to_valid_utf8(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    static char longest[100001];
    memset(longest, 'n', sizeof longest - 1);
    tote_span *span = tote_tracer_start_span(f->tracer, NULL, NULL);

    assert_string_equal(tote_span_data_get_name(tote_span_get_data(span)), "");
    tote_span_update_name(span, "a\xFFz");
    assert_string_equal(tote_span_data_get_name(tote_span_get_data(span)), "a\xEF\xBF\xBDz");
    tote_span_update_name(span, longest);
    assert_string_equal(tote_span_data_get_name(tote_span_get_data(span)), longest);
    tote_span_set_attribute(span, "k\xFF", tote_string("v\xFF"));
    tote_span_set_attribute(span, "k\xFF", tote_string("w"));
    tote_span_set_attribute(span, NULL, tote_int(1));
    tote_span_set_attribute(span, "", tote_int(1));
    tote_span_close(&span);

    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_string_equal(attribute_of(data, "k\xEF\xBF\xBD")->as.string, "w");
    assert_int_equal(tote_span_data_get_dropped_attribute_count(data), 2);
}

/*
 * A span that outgrows its block keeps everything: 128 attributes, 128 events, 64 links, 10 KB of
 * text.
 */
static void a_span_that_grows_loses_nothing(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    static char text[10241];
    char key[32];
    tote_span *span = start(f);

    memset(text, 't', sizeof text - 1);
    for (int i = 0; i < 128; i++) {
        snprintf(key, sizeof key, "key.%d", i);
        tote_span_set_attribute(span, key, i % 16 ? tote_int(i) : tote_string(text));
        const tote_attribute attribute = {key, tote_int(i)};
        tote_span_add_event(span, key, &attribute, 1, 0);
        if (i < 64) {
            tote_span_add_link(span, tote_span_get_context(span), &attribute, 1);
        }
    }
    tote_span_close(&span);

    const tote_span_data *data = sdk_fixture_only_span(f);
    size_t events;
    size_t links;
    assert_int_equal(tote_span_data_get_dropped_attribute_count(data), 0);
    assert_string_equal(attribute_of(data, "key.112")->as.string, text);
    assert_int_equal(attribute_of(data, "key.127")->as.integer, 127);
    const tote_event *event = tote_span_data_get_events(data, &events);
    assert_int_equal(events, 128);
    assert_string_equal(event[127].attributes[0].key, "key.127");
    tote_span_data_get_links(data, &links);
    assert_int_equal(links, 64);
}

static int nothing(void *arg) {
    (void)arg;
    tote_store_add(tote_store_current(), "user.id", tote_string("u_1"));
    tote_store_add_as(tote_store_current(), "token", tote_string("secret"), TOTE_VISIBILITY_PRIVATE,
                      NULL);
    tote_store_add_as(tote_store_current(), "wire.only", tote_int(1), TOTE_VISIBILITY_BAGGAGE,
                      NULL);
    tote_store_add(tote_store_current(), "both", tote_string("store"));
    tote_span_set_attribute(tote_span_current(), "both", tote_string("span"));
    return 7;
}

/*
 * Entries that get_all returns at the end are added to the span; private and remote reserved
 * entries are not.
 */
static void a_scoped_run_exports_its_store_and_the_attributes_of_the_span_win(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    assert_int_equal(tote_run_scoped(f->tracer, "run", NULL, nothing, NULL), 7);

    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_string_equal(attribute_of(data, "user.id")->as.string, "u_1");
    assert_null(tote_span_data_get_attribute(data, "token"));
    assert_null(tote_span_data_get_attribute(data, "wire.only"));
    assert_string_equal(attribute_of(data, "both")->as.string, "span");
    assert_int_equal(tote_span_data_get_status_code(data), TOTE_STATUS_CODE_ERROR);
    assert_string_equal(attribute_of(data, "error.type")->as.string, "7");
}

static int add_entries(void *arg) {
    (void)arg;
    tote_span_set_attribute(tote_span_current(), "own", tote_string("ab"));
    tote_store_add(tote_store_current(), "own", tote_string("hidden by the attribute"));
    tote_store_add(tote_store_current(), "first", tote_string("h\xC3\xA9llo"));
    tote_store_add(tote_store_current(), "second", tote_string("h\xC3\xA9llo"));
    tote_store_add(tote_store_current(), "third", tote_string("h\xC3\xA9llo"));
    return 0;
}

/* Entries are attributes of the span. Spec: trace/sdk.md#span-limits */
static void entries_of_the_store_count_for_the_limit_of_the_span(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.limits.attribute_count = 2;
    sdk_fixture_start(state);
    size_t count;

    assert_int_equal(tote_run_scoped(f->tracer, "run", NULL, add_entries, NULL), 0);

    const tote_span_data *data = sdk_fixture_only_span(f);
    tote_span_data_get_attributes(data, &count);
    assert_int_equal(count, 2);
    assert_string_equal(attribute_of(data, "own")->as.string, "ab");
    assert_int_equal(tote_span_data_get_dropped_attribute_count(data), 2);
    assert_int_equal(f->diagnostics, 1);
    assert_non_null(strstr(f->last_diagnostic, "over its limits"));
}

/* Spec: common/README.md#attribute-limits */
static void entries_of_the_store_are_truncated_like_attributes(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.limits.attribute_value_length = 2;
    sdk_fixture_start(state);

    assert_int_equal(tote_run_scoped(f->tracer, "run", NULL, add_entries, NULL), 0);

    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_string_equal(attribute_of(data, "first")->as.string, "h\xC3\xA9");
    assert_string_equal(attribute_of(data, "second")->as.string, "h\xC3\xA9");
    assert_string_equal(attribute_of(data, "third")->as.string, "h\xC3\xA9");
    assert_int_equal(tote_span_data_get_dropped_attribute_count(data), 0);
    assert_int_equal(f->diagnostics, 0);
}

static void add_on_ending(void *self, tote_span *span) {
    (void)self;
    assert_true(tote_span_is_recording(span));
    tote_span_set_attribute(span, "user.id", tote_string("mine"));
    tote_span_set_attribute(span, "late", tote_int(1));
}

static int fill_store(void *arg) {
    (void)arg;
    tote_store_add(tote_store_current(), "user.id", tote_string("u_1"));
    tote_store_add(tote_store_current(), "second", tote_string("s"));
    return 0;
}

/* In on_ending the span's attributes evict the store's at the limit. Compliance: TR-36 */
static void on_ending_may_write_and_wins_over_the_store(void **state) {
    static const tote_span_processor_ops ops = {.struct_size = sizeof ops,
                                                .on_ending = add_on_ending};
    struct sdk_fixture *f = *state;
    tote_span_processor *processor = tote_span_processor_new(&ops, NULL);
    f->settings.processors = &processor;
    f->settings.processor_count = 1;
    f->settings.limits.attribute_count = 2;
    sdk_fixture_start(state);

    tote_run_scoped(f->tracer, "run", NULL, fill_store, NULL);

    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_string_equal(attribute_of(data, "user.id")->as.string, "mine");
    assert_int_equal(attribute_of(data, "late")->as.integer, 1);
    assert_null(tote_span_data_get_attribute(data, "second"));
    assert_int_equal(tote_span_data_get_dropped_attribute_count(data), 1);
}

/* A span records and ends in the process that started it; in a child it is a valid parent. */
static void in_a_forked_child_a_span_of_the_parent_process_is_only_a_parent(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = start(f);

    pid_t child = fork();
    if (child == 0) {
        bool is_good = !tote_span_is_recording(span) &&
                       tote_span_context_is_valid(tote_span_get_context(span));
        tote_span_set_attribute(span, "a", tote_int(1));
        tote_span_end(span, 0);
        is_good = is_good && f->ended == 0;
        tote_span *own = start(f);
        is_good = is_good && tote_span_is_recording(own);
        tote_span_close(&own);
        tote_span_unref(span);
        _exit(is_good && f->ended == 1 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    tote_span_close(&span);

    assert_null(tote_span_data_get_attribute(sdk_fixture_only_span(f), "a"));
}

/* Together, the former places of a text use no more space than the new one. */
static void a_name_that_grows_many_times_leaves_space_for_other_data(void **state) {
    enum { LONGEST = 12000 };
    static char text[LONGEST + 1];
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = start(f);

    for (size_t length = 1; length <= LONGEST; length++) {
        memset(text, 'a', length);
        tote_span_update_name(span, text);
    }
    tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, "still kept");
    tote_span_close(&span);
    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_int_equal(strlen(tote_span_data_get_name(data)), LONGEST);
    assert_string_equal(tote_span_data_get_status_description(data), "still kept");
}

/* A caller with far too many attributes does not cause a search through all of them. */
static void an_event_with_very_many_attributes_is_truncated_in_time(void **state) {
    enum { COUNT = 100000 };
    static tote_attribute attributes[COUNT];
    static char keys[COUNT][8];
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = start(f);

    for (size_t i = 0; i < COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], "%zu", i);
        attributes[i] = (tote_attribute){keys[i], tote_int((int64_t)i)};
    }
    clock_t before = clock();
    tote_span_add_event(span, "all of it", attributes, COUNT, 0);
    assert_true(clock() - before < 10 * CLOCKS_PER_SEC); /* would take minutes otherwise */
    tote_span_close(&span);
    size_t count;
    const tote_event *events = tote_span_data_get_events(sdk_fixture_only_span(f), &count);
    assert_int_equal(count, 1);
    assert_int_equal(events[0].attribute_count, 128);
    assert_int_equal(events[0].dropped_attribute_count, COUNT - 128);
}

static size_t bytes_in_use(void) {
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* A pool keeps blocks of the usual size. */
static void large_spans_leave_no_memory_in_the_pool(void **state) {
    enum { COUNT = 32, BYTES = 1 << 20 };
    static char text[BYTES];
    static tote_span *spans[COUNT];
    struct sdk_fixture *f = sdk_fixture_start(state);
    f->ended = FIXTURE_MOST_SPANS; /* keeps none */
    memset(text, 'a', BYTES - 1);
    size_t before = bytes_in_use();

    for (size_t i = 0; i < COUNT; i++) {
        spans[i] = start(f);
        tote_span_set_attribute(spans[i], "text", tote_string(text));
    }
    for (size_t i = 0; i < COUNT; i++) {
        tote_span_close(&spans[i]);
    }
    assert_true(bytes_in_use() < before + 4 * BYTES);
    f->ended = 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(an_attribute_with_the_same_key_is_replaced),
        SDK_TEST(keys_of_the_table_are_keys_like_any_other),
        SDK_TEST(values_of_every_type_are_returned_as_they_were_set),
        SDK_TEST(at_the_count_limit_existing_keys_change_and_new_ones_are_counted),
        SDK_TEST(values_are_truncated_to_the_length_and_depth_limits),
        SDK_TEST(a_limit_of_zero_keeps_nothing_and_counts_all),
        SDK_TEST(events_and_links_over_their_limits_are_dropped_and_counted),
        SDK_TEST(events_keep_their_order_and_times_and_have_unique_keys),
        SDK_TEST(links_without_ids_are_kept_only_with_attributes_or_a_trace_state),
        SDK_TEST(a_link_at_start_keeps_its_attributes_without_a_span_context),
        SDK_TEST(a_link_without_ids_counts_its_dropped_attributes),
        SDK_TEST(a_link_leaves_out_trace_flags_that_are_not_defined),
        SDK_TEST(a_repeated_key_of_an_event_does_not_replace_another_key),
        SDK_TEST(dropped_data_is_reported_with_the_span_and_the_cause),
        SDK_TEST(status_follows_the_order_unset_error_ok),
        SDK_TEST(an_ended_span_does_not_change_and_can_still_be_a_parent),
        SDK_TEST(names_are_repaired_to_valid_utf8),
        SDK_TEST(a_span_that_grows_loses_nothing),
        SDK_TEST(a_scoped_run_exports_its_store_and_the_attributes_of_the_span_win),
        SDK_TEST(entries_of_the_store_count_for_the_limit_of_the_span),
        SDK_TEST(entries_of_the_store_are_truncated_like_attributes),
        SDK_TEST(on_ending_may_write_and_wins_over_the_store),
        SDK_TEST(in_a_forked_child_a_span_of_the_parent_process_is_only_a_parent),
        SDK_TEST(a_name_that_grows_many_times_leaves_space_for_other_data),
        SDK_TEST(an_event_with_very_many_attributes_is_truncated_in_time),
        SDK_TEST(large_spans_leave_no_memory_in_the_pool),
    };
    return RUN_TESTS(tests, argc, argv);
}
