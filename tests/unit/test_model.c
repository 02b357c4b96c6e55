/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>

#include "bytes.h"
#include "details.h"
#include "failing_allocator.h"
#include "requests.h"
#include "test_model.h"

static void spans_are_grouped_by_trace(void **state) {
    const struct test_span spans[] = {
        {.trace = 1,
         .id = 1,
         .name = "root",
         .service = "shop",
         .start_unix_nano = 10,
         .end_unix_nano = 30},
        {.trace = 2, .id = 1, .name = "other", .start_unix_nano = 1, .end_unix_nano = 2},
        {.trace = 1,
         .id = 2,
         .parent = 1,
         .name = "child",
         .service = "stock",
         .start_unix_nano = 20,
         .end_unix_nano = 50,
         .status = TOTE_STATUS_CODE_ERROR},
    };
    struct model *model = *state;

    send_spans(model, spans, 3);
    const struct trace *trace = find_trace(model, 1);
    assert_non_null(trace);
    assert_int_equal(trace->span_count, 2);
    assert_int_equal(trace->error_count, 1);
    assert_int_equal(trace->open_count, 0);
    assert_int_equal(trace->service_count, 2);
    assert_int_equal(trace->start_unix_nano, 10);
    assert_int_equal(trace->end_unix_nano, 50);
    assert_string_equal(trace->root->name, "root");
    assert_true(trace->is_complete);
    assert_string_equal(find_trace(model, 2)->root->service, "?");
    assert_int_equal(model_counts(model).traces, 2);
    assert_int_equal(model_counts(model).spans, 3);
}

static void a_trace_is_complete_when_its_root_and_every_parent_arrived(void **state) {
    struct model *model = *state;

    send_span(model, (struct test_span){.trace = 1, .id = 3, .parent = 2});
    assert_false(find_trace(model, 1)->is_complete);
    assert_int_equal(find_trace(model, 1)->missing_count, 1);
    send_span(model, (struct test_span){.trace = 1, .id = 1});
    assert_false(find_trace(model, 1)->is_complete);
    send_span(model, (struct test_span){.trace = 1, .id = 2, .parent = 1});
    assert_true(find_trace(model, 1)->is_complete);
    assert_int_equal(find_trace(model, 1)->missing_count, 0);
    assert_int_equal(find_trace(model, 1)->span_count, 3);
    assert_ptr_equal(find_span(model, 1, 3)->parent, find_span(model, 1, 2));
}

static void the_root_is_the_earliest_span_without_a_parent(void **state) {
    struct model *model = *state;

    send_span(model, (struct test_span){.trace = 1, .id = 3, .parent = 2, .start_unix_nano = 1});
    assert_int_equal(find_trace(model, 1)->root->id[7], 3);
    send_span(model, (struct test_span){.trace = 1, .id = 4, .start_unix_nano = 9});
    assert_int_equal(find_trace(model, 1)->root->id[7], 4);
    send_span(model, (struct test_span){.trace = 1, .id = 5, .start_unix_nano = 8});
    assert_int_equal(find_trace(model, 1)->root->id[7], 5);
}

static void a_span_that_is_sent_again_is_stored_once(void **state) {
    const struct test_span span = {.trace = 1, .id = 1, .start_unix_nano = 1, .end_unix_nano = 2};
    struct model *model = *state;

    send_span(model, span);
    size_t bytes = model_counts(model).bytes;
    send_span(model, span);
    assert_int_equal(find_trace(model, 1)->span_count, 1);
    assert_int_equal(model_counts(model).bytes, bytes);
}

static void different_spans_with_the_same_id_are_both_kept(void **state) {
    struct model *model = *state;

    send_span(model, (struct test_span){.trace = 1, .id = 1, .kind = TOTE_SPAN_KIND_CLIENT});
    send_span(model, (struct test_span){.trace = 1, .id = 1, .kind = TOTE_SPAN_KIND_SERVER});
    assert_int_equal(find_trace(model, 1)->span_count, 2);
}

static void only_a_few_different_spans_with_the_same_id_are_kept(void **state) {
    struct model *model = *state;
    size_t left_out = 0;

    for (unsigned i = 0; i < 100; i++) {
        const struct test_span span = {.trace = 1, .id = 1, .start_unix_nano = i};
        left_out += send_at(model, &span, 1, 1000).left_out;
    }
    assert_int_equal(left_out, 84);
    assert_int_equal(find_trace(model, 1)->span_count, 16);
    assert_int_equal(model_counts(model).left_out_spans, 84);
}

/* tote span begin writes an unfinished span, and its end the finished one. */
static void a_finished_span_replaces_its_unfinished_state(void **state) {
    const struct test_attribute mark = {"tote.span.unfinished", "#1"};
    struct model *model = *state;
    struct test_span span = {
        .trace = 1, .id = 2, .parent = 1, .name = "early", .start_unix_nano = 5};

    send_span(model, span);
    assert_true(find_span(model, 1, 2)->is_open);
    assert_int_equal(find_span(model, 1, 2)->end_unix_nano, 5);
    assert_int_equal(find_trace(model, 1)->open_count, 1);
    span.end_unix_nano = 9;
    span.name = "late";
    span.status = TOTE_STATUS_CODE_ERROR;
    send_span(model, span);
    assert_false(find_span(model, 1, 2)->is_open);
    assert_string_equal(find_span(model, 1, 2)->name, "late");
    assert_int_equal(find_trace(model, 1)->open_count, 0);
    assert_int_equal(find_trace(model, 1)->error_count, 1);
    assert_int_equal(find_trace(model, 1)->end_unix_nano, 9);

    span.end_unix_nano = 0; /* arrives too late */
    span.attributes = &mark;
    span.attribute_count = 1;
    send_span(model, span);
    assert_false(find_span(model, 1, 2)->is_open);
    assert_int_equal(find_trace(model, 1)->span_count, 1);
}

static void parents_in_a_cycle_are_known(void **state) {
    struct model *model = *state;

    send_span(model, (struct test_span){.trace = 1, .id = 1, .parent = 1});
    send_span(model, (struct test_span){.trace = 1, .id = 2, .parent = 3});
    send_span(model, (struct test_span){.trace = 1, .id = 3, .parent = 2});
    assert_int_equal(find_trace(model, 1)->span_count, 3);
    assert_int_equal(find_trace(model, 1)->missing_count, 0);
    assert_false(find_trace(model, 1)->is_complete);
}

static struct model *limited(struct model_limits limits) {
    struct model *model = model_new(&limits);

    assert_non_null(model);
    return model;
}

static void over_a_limit_the_trace_with_the_oldest_last_span_is_evicted(void **state) {
    struct model *model = limited((struct model_limits){.traces = 3});

    (void)state;
    for (unsigned i = 1; i <= 3; i++) {
        send_span(model, (struct test_span){.trace = i, .id = 1});
    }
    send_span(model, (struct test_span){.trace = 1, .id = 2, .parent = 1});
    send_span(model, (struct test_span){.trace = 4, .id = 1});
    send_span(model, (struct test_span){.trace = 5, .id = 1});
    assert_non_null(find_trace(model, 1));
    assert_null(find_trace(model, 2));
    assert_null(find_trace(model, 3));
    assert_int_equal(model_counts(model).traces, 3);
    assert_int_equal(model_counts(model).evicted_traces, 2);
    assert_int_equal(model_counts(model).evicted_spans, 2);
    model_free(model);
}

static void the_number_of_spans_may_be_limited(void **state) {
    struct model *model = limited((struct model_limits){.spans = 10});

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        send_span(model, (struct test_span){.trace = i / 4 + 1, .id = i + 1});
    }
    assert_null(find_trace(model, 1));
    assert_int_equal(model_counts(model).spans, 8);
    model_free(model);
}

static void spans_that_do_not_fit_into_one_large_trace_are_left_out_and_counted(void **state) {
    struct model *model = limited((struct model_limits){.bytes = 1 << 20});
    size_t left_out = 0;

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        const struct test_span span = {.trace = 1, .id = i + 1, .name = "name"};
        left_out += send_at(model, &span, 1, 1000).left_out;
    }
    struct model_counts counts = model_counts(model);
    assert_int_equal(counts.spans + left_out, 10000);
    assert_true(counts.spans > 1000 && left_out > 1000);
    assert_int_equal(counts.left_out_spans, left_out);
    assert_true(counts.bytes <= 1 << 20);

    send_span(model, (struct test_span){.trace = 2, .id = 1}); /* evicts it */
    assert_null(find_trace(model, 1));
    assert_int_equal(model_counts(model).traces, 1);
    model_free(model);
}

/* Parents that never arrive, names and resources take memory too. */
static void every_kind_of_memory_is_limited(void **state) {
    enum { LIMIT = 1 << 20 };
    struct model *model = limited((struct model_limits){.bytes = LIMIT});
    char name[32];

    (void)state;
    for (unsigned i = 1; i < 20000; i++) {
        snprintf(name, sizeof name, "name %u", i);
        const struct test_span span = {
            .trace = i % 7 + 1, .id = 2 * i, .parent = 2 * i + 1, .name = name, .service = name};
        send_at(model, &span, 1, 1000);
        assert_true(model_counts(model).bytes <= LIMIT);
    }
    assert_true(model_counts(model).evicted_traces > 0);
    model_free(model);
}

static void the_memory_of_the_model_is_estimated_honestly(void **state) {
    struct model *model = *state;
    long live = memory.live;
    size_t bytes = model_counts(model).bytes;

    for (unsigned i = 0; i < 1000; i++) {
        send_span(model, (struct test_span){.trace = i / 5 + 1, .id = i + 1, .name = "name"});
    }
    size_t blocks = (size_t)(memory.live - live);
    assert_true(model_counts(model).bytes - bytes > blocks * 16 + 1000 * sizeof(struct trace_span));
    model_lock(model);
    model_clear(model);
    model_unlock(model);
    assert_int_equal(model_counts(model).spans, 0);
    assert_in_range(memory.live, live, live + 3); /* the buckets of the tables stay */
}

static void a_pinned_trace_is_not_evicted(void **state) {
    struct model *model = limited((struct model_limits){.traces = 2});

    (void)state;
    send_span(model, (struct test_span){.trace = 1, .id = 1});
    struct trace *trace = find_trace(model, 1);
    model_pin(trace);
    for (unsigned i = 2; i < 10; i++) {
        send_span(model, (struct test_span){.trace = i, .id = 1});
    }
    send_span(model, (struct test_span){.trace = 1, .id = 2});
    assert_ptr_equal(find_trace(model, 1), trace);
    assert_int_equal(trace->span_count, 2);
    model_clear(model);
    assert_ptr_equal(model_newest(model), trace);
    model_unpin(trace);
    model_clear(model);
    assert_null(model_newest(model));
    model_free(model);
}

static void if_every_trace_is_pinned_new_spans_are_left_out(void **state) {
    struct model *model = limited((struct model_limits){.traces = 1});
    const struct test_span other = {.trace = 2, .id = 1};

    (void)state;
    send_span(model, (struct test_span){.trace = 1, .id = 1});
    model_pin(find_trace(model, 1));
    assert_int_equal(send_at(model, &other, 1, 1000).left_out, 1);
    assert_null(find_trace(model, 2));
    model_free(model);
}

static void traces_are_listed_by_their_last_span(void **state) {
    struct model *model = *state;

    for (unsigned i = 1; i <= 3; i++) {
        send_span(model, (struct test_span){.trace = i, .id = 1});
    }
    send_span(model, (struct test_span){.trace = 2, .id = 2});
    assert_int_equal(model_newest(model)->id[15], 2);
    assert_int_equal(model_newest(model)->older->id[15], 3);
    assert_int_equal(model_newest(model)->older->older->id[15], 1);
    assert_null(model_newest(model)->older->older->older);
}

static void a_trace_is_found_by_the_beginning_of_its_id(void **state) {
    struct model *model = *state;
    static const char json[] =
        "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":["
        "{\"traceId\":\"abcdef01000000000000000000000001\",\"spanId\":\"0000000000000001\"},"
        "{\"traceId\":\"abcdef02000000000000000000000001\",\"spanId\":\"0000000000000001\"}"
        "]}]}]}";

    assert_int_equal(requests_from_json(json, sizeof json - 1, model_take_file, model).outcome,
                     TAKEN);
    assert_non_null(model_find_text(model, "abcdef01000000000000000000000001"));
    assert_non_null(model_find_text(model, "ABCDEF02"));
    assert_null(model_find_text(model, "abcdef0")); /* both */
    assert_null(model_find_text(model, "abc"));
    assert_null(model_find_text(model, "abcdef03"));
    assert_null(model_find_text(model, "abcdef0x"));
    assert_null(model_find_text(model, "abcdef010000000000000000000000010"));
}

/* Spec: opentelemetry-proto trace/v1/trace.proto, trace_id and span_id */
static void spans_with_invalid_ids_are_rejected_and_counted(void **state) {
    const struct test_span spans[] = {{.trace = 0, .id = 1}, {.trace = 1, .id = 0}};
    static const uint8_t short_id[] = {0x0A, 6, 0x12, 4, 0x12, 2, 0x0A, 0};
    struct model *model = *state;

    assert_int_equal(send_at(model, spans, 2, 1000).invalid_ids, 2);
    assert_int_equal(model_take(model, short_id, sizeof short_id, 1000).invalid_ids, 1);
    assert_int_equal(model_counts(model).invalid_spans, 3);
    assert_int_equal(model_counts(model).traces, 0);
}

static void details_are_safe_to_display_and_complete(void **state) {
    static const struct test_attribute attributes[] = {{"key\a", "\033]0;x\a"}, {"n", "#-5"}};
    static const struct test_attribute attempt[] = {{"attempt\033", "#2"}};
    static const struct test_event events[] = {{"retry\xE2\x80\xAE", 7, attempt, 1, 4}};
    static const struct test_link links[] = {{2, 3}};
    struct tote__arena arena = {NULL, NULL, 0};
    struct model *model = *state;
    struct span_details details;

    send_span(model, (struct test_span){.trace = 1,
                                        .id = 2,
                                        .parent = 3,
                                        .name = "GET\033[2J",
                                        .service = "shop\033",
                                        .kind = TOTE_SPAN_KIND_CONSUMER,
                                        .status = TOTE_STATUS_CODE_ERROR,
                                        .status_message = "no\nway",
                                        .start_unix_nano = 9,
                                        .end_unix_nano = 5,
                                        .attributes = attributes,
                                        .attribute_count = 2,
                                        .events = events,
                                        .event_count = 1,
                                        .links = links,
                                        .link_count = 1,
                                        .dropped_attribute_count = 1,
                                        .dropped_event_count = 2,
                                        .dropped_link_count = 3});
    const struct trace_span *span = find_span(model, 1, 2);
    assert_string_equal(span->name, "GET\xEF\xBF\xBD[2J");
    assert_string_equal(span->service, "shop\xEF\xBF\xBD");
    assert_int_equal(span->kind, TOTE_SPAN_KIND_CONSUMER);
    assert_true(span->is_error && span->has_parent);
    assert_int_equal(span->end_unix_nano, 9); /* not before the start */
    assert_int_equal(span->attribute_count, 2);
    assert_int_equal(span->event_count, 1);
    assert_int_equal(span->link_count, 1);
    assert_true(span_details_read(span, &arena, &details));
    assert_string_equal(details.status_message, "no\xEF\xBF\xBDway");
    assert_string_equal(details.attributes.items[0].key, "key\xEF\xBF\xBD");
    assert_string_equal(details.attributes.items[0].value, "\xEF\xBF\xBD]0;x\xEF\xBF\xBD");
    assert_string_equal(details.attributes.items[1].value, "-5");
    assert_int_equal(details.attributes.items[1].type, TRACE_VALUE_INT);
    assert_int_equal(details.attributes.dropped_count, 1);
    assert_string_equal(details.events[0].name, "retry\xEF\xBF\xBD");
    assert_int_equal(details.events[0].time_unix_nano, 7);
    assert_string_equal(details.events[0].attributes.items[0].key, "attempt\xEF\xBF\xBD");
    assert_int_equal(details.events[0].attributes.dropped_count, 4);
    assert_int_equal(details.dropped_event_count, 2);
    assert_int_equal(details.links[0].trace_id[15], 2);
    assert_int_equal(details.links[0].span_id[7], 3);
    assert_int_equal(details.dropped_link_count, 3);
    assert_string_equal(details.scope_name, "test");
    assert_string_equal(trace_attribute_find(&details.resource, "service.name"),
                        "shop\xEF\xBF\xBD");
    assert_null(trace_attribute_find(&details.resource, "service"));
    tote__arena_clear(&arena);
}

/* Take a span with one attribute, whose value is this JSON. Returns the text of the value. */
static const char *value_text(struct model *model, const char *value, struct tote__arena *arena) {
    struct span_details details;
    char json[8192];

    snprintf(json, sizeof json,
             "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
             "\"00000000000000000000000000000001\",\"spanId\":\"0000000000000001\","
             "\"attributes\":[{\"key\":\"k\",\"value\":%s}]}]}]}]}",
             value);
    model_clear(model);
    assert_int_equal(requests_from_json(json, strlen(json), model_take_file, model).outcome, TAKEN);
    assert_true(span_details_read(find_span(model, 1, 1), arena, &details));
    return details.attributes.items[0].value;
}

static void every_value_type_has_a_text(void **state) {
    static const char *const rows[][2] = {
        {"{\"stringValue\":\"\\u001b\"}", "\xEF\xBF\xBD"},
        {"{\"boolValue\":true}", "true"},
        {"{\"intValue\":\"-9223372036854775808\"}", "-9223372036854775808"},
        {"{\"doubleValue\":0.5}", "0.5"},
        {"{\"bytesValue\":\"AAEC\"}", "<3 bytes>"},
        {"{}", ""},
        {"{\"arrayValue\":{\"values\":[{\"stringValue\":\"a\"},{},{\"intValue\":1}]}}", "[a,,1]"},
        {"{\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":{\"arrayValue\":{}}},"
         "{\"key\":\"l\",\"value\":{\"boolValue\":false}}]}}",
         "{k:[],l:false}"},
    };
    struct tote__arena arena = {NULL, NULL, 0};

    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        assert_string_equal(value_text(*state, rows[i][0], &arena), rows[i][1]);
    }
    tote__arena_clear(&arena);
}

static void a_value_that_is_too_long_is_cut(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};
    char value[7000];

    snprintf(value, sizeof value,
             "{\"arrayValue\":{\"values\":[{\"stringValue\":\"%03000d\"},{\"stringValue\":"
             "\"%03000d\"}]}}",
             1, 2);
    const char *text = value_text(*state, value, &arena);
    assert_int_equal(strlen(text), TERMINAL_LONGEST);
    assert_int_equal(text[0], '[');
    assert_int_equal(text[TERMINAL_LONGEST - 1], '0');
    tote__arena_clear(&arena);
}

/* Fields in another order, repeated ones, and several values of a oneof; the last one counts. */
static void a_message_that_is_not_regular_is_read_like_a_regular_one(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};
    struct tote__buffer span = {.bytes = NULL};
    struct tote__buffer value = {.bytes = NULL};
    struct tote__buffer attribute = {.bytes = NULL};
    struct tote__buffer scope_spans = {.bytes = NULL};
    struct tote__buffer resource_spans = {.bytes = NULL};
    struct tote__buffer request = {.bytes = NULL};
    struct span_details details;

    put_test_text(&span, TOTE__SPAN_NAME, "first");
    put_test_text(&span, TOTE__SPAN_NAME, "second\xC3");
    put_test_number(&value, TOTE__ANY_INT, 42);
    put_test_text(&value, TOTE__ANY_STRING, "last");
    put_test_message(&attribute, TOTE__KEY_VALUE_VALUE, &value);
    put_test_text(&attribute, TOTE__KEY_VALUE_KEY, "key");
    put_test_message(&span, TOTE__SPAN_ATTRIBUTE, &attribute);
    put_test_id(&span, TOTE__SPAN_SPAN_ID, 1, 8);
    put_test_id(&span, TOTE__SPAN_TRACE_ID, 1, 16);
    put_test_message(&scope_spans, 0x12, &span);
    put_test_message(&resource_spans, 0x12, &scope_spans);
    put_test_message(&request, 0x0A, &resource_spans);
    assert_int_equal(model_take(*state, request.bytes, request.size, 0).outcome, TAKEN);
    assert_string_equal(find_span(*state, 1, 1)->name, "second\xEF\xBF\xBD");
    assert_true(span_details_read(find_span(*state, 1, 1), &arena, &details));
    assert_int_equal(details.attributes.count, 1);
    assert_string_equal(details.attributes.items[0].key, "key");
    assert_string_equal(details.attributes.items[0].value, "last");
    tote__buffer_clear(&request);
    tote__arena_clear(&arena);
}

static void malformed_requests_are_refused(void **state) {
    static const char *const bodies[] = {"\xFF", "\x0A\x7F", "{\"resourceSpans\":[]}",
                                         "\x0A\x04\x12\x02\x12\x7F", "\x08\x01"};

    for (size_t i = 0; i < TOTE_COUNT_OF(bodies); i++) {
        const uint8_t *bytes = (const uint8_t *)bodies[i];
        assert_int_equal(model_take(*state, bytes, strlen(bodies[i]), 0).outcome, MALFORMED);
    }
    assert_int_equal(model_take(*state, (const uint8_t *)"", 0, 0).outcome, TAKEN);
    assert_int_equal(model_counts(*state).traces, 0);
}

/* Send a list in a list in a list, and so on. */
static enum outcome send_nested(struct model *model, size_t depth) {
    static const uint8_t outer[] = {TOTE__KEY_VALUE_VALUE, TOTE__SPAN_ATTRIBUTE, 0x12, 0x12, 0x0A};
    struct tote__buffer inner = {.bytes = NULL};
    struct tote__buffer request = {.bytes = NULL};

    for (size_t i = 0; i < 2 * depth - 1; i++) {
        put_test_message(&request, i % 2 ? TOTE__LIST_ITEM : TOTE__ANY_ARRAY, &inner);
        inner = request;
        request = (struct tote__buffer){.bytes = NULL};
    }
    for (size_t i = 0; i < sizeof outer; i++) {
        put_test_message(&request, outer[i], &inner);
        inner = request;
        request = (struct tote__buffer){.bytes = NULL};
    }
    enum outcome outcome = model_take(model, inner.bytes, inner.size, 0).outcome;
    tote__buffer_clear(&inner);
    return outcome;
}

static void a_value_that_is_nested_too_deep_is_refused(void **state) {
    assert_int_equal(send_nested(*state, 3), TAKEN);
    assert_int_equal(send_nested(*state, 48), TAKEN);
    assert_int_equal(send_nested(*state, 49), MALFORMED);
    assert_int_equal(send_nested(*state, 500), MALFORMED);
}

static void a_request_that_would_need_too_much_memory_is_refused(void **state) {
    enum { MEMBERS = 5000000 };
    uint8_t *bytes = calloc(MEMBERS, 2);

    assert_non_null(bytes);
    for (size_t i = 0; i < MEMBERS; i++) {
        bytes[2 * i] = 0x0A; /* an empty ResourceSpans */
    }
    assert_int_equal(model_take(*state, bytes, 2 * (size_t)MEMBERS, 0).outcome, TOO_LARGE);
    assert_int_equal(model_take(*state, bytes, 2000, 0).outcome, TAKEN);
    free(bytes);
}

/* Spec: protocol/otlp.md#otlpgrpc-throttling */
static void if_too_many_traces_are_awaited_requests_get_a_retryable_response(void **state) {
    struct model *model = limited((struct model_limits){.traces = 100, .is_awaited = true});
    struct receipt receipt = {.outcome = TAKEN};
    unsigned sent = 0;

    (void)state;
    while (receipt.outcome == TAKEN && sent < 1000) {
        const struct test_span span = {.trace = ++sent, .id = 1};
        receipt = send_at(model, &span, 1, 1000);
        assert_int_equal(model_is_crowded(model), sent > 25);
    }
    assert_int_equal(receipt.outcome, BUSY);
    assert_int_equal(sent, 52);
    assert_int_equal(model_awaited(model)->id[15], 1);
    model_done(model_awaited(model));
    assert_int_equal(model_awaited(model)->id[15], 2);
    assert_int_equal(send_at(model, &(struct test_span){.trace = 99, .id = 1}, 1, 0).outcome,
                     TAKEN);
    assert_non_null(find_trace(model, 1)); /* is kept */
    model_free(model);
}

/* Spec: protocol/otlp.md#partial-success */
static void without_memory_spans_are_left_out_and_nothing_leaks(void **state) {
    const struct test_attribute attribute = {"a", "b"};
    const struct test_span spans[] = {
        {.trace = 1,
         .id = 2,
         .parent = 1,
         .name = "a\xFF",
         .attributes = &attribute,
         .attribute_count = 1},
        {.trace = 1, .id = 1, .name = "b", .service = "s"},
        {.trace = 1, .id = 1, .name = "c", .end_unix_nano = 5},
    };
    long live = memory.live;
    bool is_done = false;
    struct tote__buffer request = {.bytes = NULL};

    (void)state;
    put_test_request(&request, spans, 3);
    long with_request = memory.live;
    for (long allocation = 0; !is_done; allocation++) {
        memory.failures = 0;
        memory.countdown = allocation;
        struct model *model = model_new(NULL);
        struct receipt receipt = {.outcome = BUSY};
        if (model) {
            receipt = model_take(model, request.bytes, request.size, 0);
        }
        is_done = memory.failures == 0;
        memory.countdown = -1;
        if (model && receipt.outcome == TAKEN) {
            struct model_counts counts = model_counts(model);
            assert_true(counts.spans + receipt.left_out >= 2);
            assert_true(!is_done || (counts.spans == 2 && receipt.left_out == 0));
        }
        model_free(model);
        assert_int_equal(memory.live, with_request);
    }
    tote__buffer_clear(&request);
    assert_int_equal(memory.live, live);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        MODEL_TEST(spans_are_grouped_by_trace),
        MODEL_TEST(a_trace_is_complete_when_its_root_and_every_parent_arrived),
        MODEL_TEST(the_root_is_the_earliest_span_without_a_parent),
        MODEL_TEST(a_span_that_is_sent_again_is_stored_once),
        MODEL_TEST(different_spans_with_the_same_id_are_both_kept),
        MODEL_TEST(only_a_few_different_spans_with_the_same_id_are_kept),
        MODEL_TEST(a_finished_span_replaces_its_unfinished_state),
        MODEL_TEST(parents_in_a_cycle_are_known),
        MODEL_TEST(over_a_limit_the_trace_with_the_oldest_last_span_is_evicted),
        MODEL_TEST(the_number_of_spans_may_be_limited),
        MODEL_TEST(spans_that_do_not_fit_into_one_large_trace_are_left_out_and_counted),
        MODEL_TEST(every_kind_of_memory_is_limited),
        MODEL_TEST(the_memory_of_the_model_is_estimated_honestly),
        MODEL_TEST(a_pinned_trace_is_not_evicted),
        MODEL_TEST(if_every_trace_is_pinned_new_spans_are_left_out),
        MODEL_TEST(traces_are_listed_by_their_last_span),
        MODEL_TEST(a_trace_is_found_by_the_beginning_of_its_id),
        MODEL_TEST(spans_with_invalid_ids_are_rejected_and_counted),
        MODEL_TEST(details_are_safe_to_display_and_complete),
        MODEL_TEST(every_value_type_has_a_text),
        MODEL_TEST(a_value_that_is_too_long_is_cut),
        MODEL_TEST(a_message_that_is_not_regular_is_read_like_a_regular_one),
        MODEL_TEST(malformed_requests_are_refused),
        MODEL_TEST(a_value_that_is_nested_too_deep_is_refused),
        MODEL_TEST(a_request_that_would_need_too_much_memory_is_refused),
        MODEL_TEST(if_too_many_traces_are_awaited_requests_get_a_retryable_response),
        MODEL_TEST(without_memory_spans_are_left_out_and_nothing_leaks),
    };

    tote_allocator_set(&failing_allocator);
    return RUN_TESTS(tests, argc, argv);
}
