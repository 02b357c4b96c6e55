/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "collector.h"
#include "otlp/request.pb-c.h"
#include "terminal.h"

enum { SETTLED_MS = 300, QUIET_MS = 2000 };

static int set_up(void **state) {
    struct collector *collector = calloc(1, sizeof *collector);

    if (collector) {
        collector->quiet_ms = QUIET_MS;
    }
    *state = collector;
    return collector ? 0 : -1;
}

static int tear_down(void **state) {
    struct collector *collector = *state;
    struct trace *trace;

    while ((trace = collector_next(collector, 0, true))) {
        trace_free(trace);
    }
    free(collector);
    return 0;
}

#define COLLECTOR_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* A span in OTLP form; its ids consist of the bytes `trace`, `id` and `parent`, 0: none. */
struct wire_span {
    Tote__Otlp__Span message;
    uint8_t trace_id[17];
    uint8_t id[9];
    uint8_t parent_id[9];
};

static void make_span(struct wire_span *span, uint8_t trace, uint8_t id, uint8_t parent) {
    tote__otlp__span__init(&span->message);
    memset(span->trace_id, trace, sizeof span->trace_id);
    memset(span->id, id, sizeof span->id);
    memset(span->parent_id, parent, sizeof span->parent_id);
    span->message.name = (char *)"name";
    span->message.trace_id = (ProtobufCBinaryData){16, span->trace_id};
    span->message.span_id = (ProtobufCBinaryData){8, span->id};
    span->message.parent_span_id = (ProtobufCBinaryData){parent ? 8 : 0, span->parent_id};
}

/* Pack a request with this span. The caller frees it. */
static uint8_t *pack_span(Tote__Otlp__Span *span, size_t *size) {
    Tote__Otlp__ScopeSpans scope = TOTE__OTLP__SCOPE_SPANS__INIT;
    Tote__Otlp__ScopeSpans *scopes = &scope;
    Tote__Otlp__AnyValue service = TOTE__OTLP__ANY_VALUE__INIT;
    Tote__Otlp__KeyValue name = TOTE__OTLP__KEY_VALUE__INIT;
    Tote__Otlp__KeyValue *names = &name;
    Tote__Otlp__Resource resource = TOTE__OTLP__RESOURCE__INIT;
    Tote__Otlp__ResourceSpans resource_spans = TOTE__OTLP__RESOURCE_SPANS__INIT;
    Tote__Otlp__ResourceSpans *all = &resource_spans;
    Tote__Otlp__ExportTraceServiceRequest request = TOTE__OTLP__EXPORT_TRACE_SERVICE_REQUEST__INIT;

    service.value_case = TOTE__OTLP__ANY_VALUE__VALUE_STRING_VALUE;
    service.string_value = (char *)"shop\033";
    name.key = (char *)"service.name";
    name.value = &service;
    resource.n_attributes = 1;
    resource.attributes = &names;
    scope.n_spans = 1;
    scope.spans = &span;
    resource_spans.resource = &resource;
    resource_spans.n_scope_spans = 1;
    resource_spans.scope_spans = &scopes;
    request.n_resource_spans = 1;
    request.resource_spans = &all;

    *size = tote__otlp__export_trace_service_request__get_packed_size(&request);
    uint8_t *bytes = malloc(*size);
    assert_non_null(bytes);
    tote__otlp__export_trace_service_request__pack(&request, bytes);
    return bytes;
}

/* Send a span to the collector at this time, in a request of its own. */
static struct receipt send_for_receipt(struct collector *collector, Tote__Otlp__Span *span,
                                       uint64_t now_ms) {
    size_t size;
    uint8_t *bytes = pack_span(span, &size);
    struct receipt receipt = collector_take(collector, bytes, size, now_ms);

    free(bytes);
    return receipt;
}

static bool send_span(struct collector *collector, Tote__Otlp__Span *span, uint64_t now_ms) {
    return send_for_receipt(collector, span, now_ms).outcome == TAKEN;
}

/* The trace that got a span last. */
static const struct trace *last_trace(const struct collector *collector) {
    assert_non_null(collector->fresh.last);
    return collector->fresh.last;
}

static void set_trace_number(struct wire_span *span, unsigned number) {
    span->trace_id[0] = (uint8_t)(number >> 8);
    span->trace_id[15] = (uint8_t)number;
}

static void send(struct collector *collector, uint8_t trace, uint8_t id, uint8_t parent,
                 uint64_t now_ms) {
    struct wire_span span;

    make_span(&span, trace, id, parent);
    assert_true(send_span(collector, &span.message, now_ms));
}

/* The trace that is due. */
static void expect_trace(struct collector *collector, uint64_t now_ms, uint8_t id, size_t spans) {
    struct trace *trace = collector_next(collector, now_ms, false);

    assert_non_null(trace);
    assert_int_equal(trace->id[0], id);
    assert_int_equal(trace->span_count, spans);
    trace_free(trace);
}

static void a_complete_trace_is_shown_when_no_more_spans_arrive(void **state) {
    struct collector *collector = *state;

    send(collector, 1, 2, 1, 1000);
    send(collector, 1, 1, 0, 1100);

    assert_null(collector_next(collector, 1100 + SETTLED_MS - 1, false));
    expect_trace(collector, 1100 + SETTLED_MS, 1, 2);
    assert_null(collector_next(collector, 100000, true));
    assert_int_equal(collector->span_count, 0);
}

static void a_late_span_restarts_the_delay_of_a_complete_trace(void **state) {
    struct collector *collector = *state;

    send(collector, 1, 1, 0, 1000);
    send(collector, 1, 2, 1, 1200);

    assert_null(collector_next(collector, 1000 + SETTLED_MS, false));
    expect_trace(collector, 1200 + SETTLED_MS, 1, 2);
}

static void an_incomplete_trace_is_shown_after_a_longer_delay(void **state) {
    struct collector *collector = *state;

    send(collector, 1, 1, 0, 1000);
    send(collector, 1, 3, 2, 1000); /* its parent arrives later */
    send(collector, 2, 5, 4, 1001); /* and this one's root */

    assert_null(collector_next(collector, 1000 + QUIET_MS - 1, false));
    expect_trace(collector, 1000 + QUIET_MS, 1, 2);
    assert_null(collector_next(collector, 1000 + QUIET_MS, false));
    expect_trace(collector, 1001 + QUIET_MS, 2, 1);
}

static void the_trace_without_new_spans_for_longest_is_shown_first(void **state) {
    struct collector *collector = *state;

    send(collector, 3, 1, 0, 1002);
    send(collector, 1, 1, 0, 1000);
    send(collector, 2, 1, 0, 1001);

    expect_trace(collector, 5000, 1, 1);
    expect_trace(collector, 5000, 2, 1);
    expect_trace(collector, 5000, 3, 1);
}

static void traces_of_one_request_are_shown_in_the_order_of_their_start_times(void **state) {
    static const uint8_t order[] = {2, 3, 1};
    struct collector *collector = *state;

    for (size_t i = 0; i < sizeof order; i++) {
        struct wire_span span;
        make_span(&span, order[i], 1, 0);
        span.message.start_time_unix_nano = 1000U + order[i];
        assert_true(send_span(collector, &span.message, 1000));
        make_span(&span, order[i], 2, 1); /* a child that may arrive first */
        span.message.start_time_unix_nano = 2000U - order[i];
        assert_true(send_span(collector, &span.message, 1000));
    }
    expect_trace(collector, 5000, 1, 2);
    expect_trace(collector, 5000, 2, 2);
    expect_trace(collector, 5000, 3, 2);
}

static void with_too_many_traces_the_oldest_are_shown_early(void **state) {
    struct collector *collector = *state;
    struct wire_span span;

    for (unsigned i = 0; i <= 10000; i++) {
        assert_null(collector_next(collector, 1000, false));
        make_span(&span, 1, 1, 0);
        set_trace_number(&span, i);
        assert_true(send_span(collector, &span.message, 1000));
    }
    struct trace *trace = collector_next(collector, 1000, false);

    assert_non_null(trace);
    trace_free(trace);
    assert_null(collector_next(collector, 1000, false));
    assert_int_equal(collector->trace_count, 10000);
}

static void traces_over_the_memory_limit_are_shown_early(void **state) {
    struct collector *collector = *state;
    const size_t size = 4 << 20;
    char *text = malloc(size + 1);
    struct wire_span span;

    assert_non_null(text);
    memset(text, 'x', size);
    text[size] = '\0';
    for (uint8_t i = 1; i <= 16; i++) { /* more than 64 MiB */
        assert_null(collector_next(collector, 1000, false));
        make_span(&span, i, 1, 0);
        span.message.name = text;
        assert_true(send_span(collector, &span.message, 1000));
    }
    struct trace *trace = collector_next(collector, 1000, false);

    assert_non_null(trace);
    assert_true(strlen(trace->spans->name) < 1000); /* the rest of it is not kept */
    trace_free(trace);
    assert_null(collector_next(collector, 1000, false));
    free(text);
}

/* Spec: protocol/otlp.md#otlpgrpc-throttling */
static void a_request_over_the_memory_limit_gets_a_retryable_response(void **state) {
    struct collector *collector = *state;
    struct wire_span span;
    struct receipt receipt = {.outcome = TAKEN};
    unsigned taken = 0;

    while (receipt.outcome == TAKEN && taken < 100000) {
        make_span(&span, 1, 1, 0);
        set_trace_number(&span, taken);
        receipt = send_for_receipt(collector, &span.message, 1000);
        taken += receipt.outcome == TAKEN;
    }
    assert_int_equal(receipt.outcome, BUSY);
    assert_int_equal(receipt.left_out, 0);
    assert_int_equal(collector->trace_count, taken);

    struct trace *trace = collector_next(collector, 1000, false);
    assert_non_null(trace);
    trace_free(trace);
    assert_true(send_span(collector, &span.message, 1000));
}

/* Many empty attributes are few bytes on the wire and much memory. */
static void the_limit_counts_memory_and_not_bytes_on_the_wire(void **state) {
    enum { ATTRIBUTES = 20000 };
    struct collector *collector = *state;
    static Tote__Otlp__KeyValue attribute;
    Tote__Otlp__KeyValue **attributes = calloc(ATTRIBUTES, sizeof *attributes);
    struct wire_span span;
    size_t size;

    assert_non_null(attributes);
    tote__otlp__key_value__init(&attribute);
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        attributes[i] = &attribute;
    }
    make_span(&span, 1, 1, 0);
    span.message.n_attributes = ATTRIBUTES;
    span.message.attributes = attributes;
    uint8_t *bytes = pack_span(&span.message, &size);
    assert_int_equal(collector_take(collector, bytes, size, 1000).outcome, TAKEN);

    assert_true(size < (size_t)3 * ATTRIBUTES);
    assert_true(collector->bytes >= ATTRIBUTES * sizeof(struct trace_attribute));
    free(bytes);
    free(attributes);
}

/* Spec: protocol/otlp.md#partial-success */
static void spans_left_out_of_a_request_are_counted(void **state) {
    enum { TRACES = 40003 };
    struct collector *collector = *state;
    struct wire_span span;
    uint8_t *all = NULL;
    size_t all_size = 0;

    for (unsigned i = 0; i < TRACES; i++) { /* requests one after the other are one request */
        size_t size;
        make_span(&span, 1, 1, 0);
        set_trace_number(&span, i);
        uint8_t *bytes = pack_span(&span.message, &size);
        all = all ? all : malloc(TRACES * size);
        assert_non_null(all);
        memcpy(all + all_size, bytes, size);
        all_size += size;
        free(bytes);
    }
    struct receipt receipt = collector_take(collector, all, all_size, 1000);
    free(all);

    assert_int_equal(receipt.outcome, TAKEN);
    assert_int_equal(collector->trace_count + receipt.left_out, TRACES);
    assert_true(receipt.left_out > 0 && receipt.left_out < 10);
}

static void a_flush_returns_all_pending_traces(void **state) {
    struct collector *collector = *state;

    send(collector, 1, 3, 2, 1000);
    assert_null(collector_next(collector, 1000, false));
    struct trace *trace = collector_next(collector, 1000, true);

    assert_non_null(trace);
    trace_free(trace);
}

/* Spec: opentelemetry-proto trace/v1/trace.proto, trace_id and span_id */
static void spans_with_ids_of_a_wrong_length_or_of_zeros_are_rejected_and_counted(void **state) {
    struct collector *collector = *state;
    struct wire_span span;

    for (size_t i = 0; i < 8; i++) {
        make_span(&span, i == 6 ? 0 : 1, i == 7 ? 0 : 1, 0);
        span.message.trace_id.len = (size_t[]){0, 15, 17, 16, 16, 16, 16, 16}[i];
        span.message.span_id.len = (size_t[]){8, 8, 8, 0, 7, 9, 8, 8}[i];
        struct receipt receipt = send_for_receipt(collector, &span.message, 1000);
        assert_int_equal(receipt.outcome, TAKEN);
        assert_int_equal(receipt.invalid_ids, 1);
        assert_int_equal(collector->trace_count, 0);
    }
}

/* Spec: opentelemetry-proto trace/v1/trace.proto, parent_span_id */
static void a_parent_id_of_zeros_or_of_a_wrong_length_is_no_parent(void **state) {
    struct collector *collector = *state;
    struct wire_span span;

    make_span(&span, 1, 1, 0);
    span.message.parent_span_id.len = 8;
    assert_true(send_span(collector, &span.message, 1000));
    make_span(&span, 2, 1, 7);
    span.message.parent_span_id.len = 5;
    assert_true(send_span(collector, &span.message, 1001));

    expect_trace(collector, 1001 + SETTLED_MS, 1, 1);
    expect_trace(collector, 1001 + SETTLED_MS, 2, 1);
}

static void a_span_is_shown_as_it_was_sent(void **state) {
    struct collector *collector = *state;
    Tote__Otlp__Span__Status status = TOTE__OTLP__SPAN__STATUS__INIT;
    Tote__Otlp__Span__Event event = TOTE__OTLP__SPAN__EVENT__INIT;
    Tote__Otlp__Span__Event *events = &event;
    Tote__Otlp__KeyValue attribute = TOTE__OTLP__KEY_VALUE__INIT;
    Tote__Otlp__KeyValue *attributes = &attribute;
    struct wire_span span;

    make_span(&span, 1, 2, 3);
    status.code = TOTE__OTLP__SPAN__STATUS__STATUS_CODE__STATUS_CODE_ERROR;
    status.message = (char *)"no\nway";
    event.name = (char *)"retry\xE2\x80\xAE";
    event.time_unix_nano = 7;
    attribute.key = (char *)"attempt\033";
    event.n_attributes = 1;
    event.attributes = &attributes;
    event.dropped_attributes_count = 4;
    span.message.dropped_attributes_count = 1;
    span.message.dropped_events_count = 2;
    span.message.dropped_links_count = 3;
    span.message.name = (char *)"GET\033[2J";
    span.message.kind = TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_CONSUMER;
    span.message.start_time_unix_nano = 5;
    span.message.end_time_unix_nano = 9;
    span.message.status = &status;
    span.message.n_events = 1;
    span.message.events = &events;
    assert_true(send_span(collector, &span.message, 1000));
    const struct trace_span *told = last_trace(collector)->spans;

    assert_true(told->has_parent && told->parent_id[7] == 3 && told->id[7] == 2);
    assert_string_equal(told->name, "GET\xEF\xBF\xBD[2J");
    assert_string_equal(told->service, "shop\xEF\xBF\xBD");
    assert_int_equal(told->kind, TOTE_SPAN_KIND_CONSUMER);
    assert_true(told->is_error);
    assert_string_equal(told->status_message, "no\xEF\xBF\xBDway");
    assert_true(told->start_unix_nano == 5 && told->end_unix_nano == 9);
    assert_string_equal(told->events[0].name, "retry\xEF\xBF\xBD");
    assert_int_equal(told->events[0].time_unix_nano, 7);
    assert_int_equal(told->events[0].attribute_count, 1);
    assert_string_equal(told->events[0].attributes[0].key, "attempt\xEF\xBF\xBD");
    assert_int_equal(told->events[0].dropped_attribute_count, 4);
    assert_int_equal(told->dropped_attribute_count, 1);
    assert_int_equal(told->dropped_event_count, 2);
    assert_int_equal(told->dropped_link_count, 3);
}

static Tote__Otlp__AnyValue text_value(const char *text) {
    Tote__Otlp__AnyValue value = TOTE__OTLP__ANY_VALUE__INIT;

    value.value_case = TOTE__OTLP__ANY_VALUE__VALUE_STRING_VALUE;
    value.string_value = (char *)text;
    return value;
}

/* Send a span with only this attribute. Return the text of its value. */
static const char *sent_value(struct collector *collector, Tote__Otlp__AnyValue *value) {
    Tote__Otlp__KeyValue attribute = TOTE__OTLP__KEY_VALUE__INIT;
    Tote__Otlp__KeyValue *attributes = &attribute;
    struct wire_span span;

    make_span(&span, 1, 1, 0);
    attribute.key = (char *)"key\a";
    attribute.value = value;
    span.message.n_attributes = 1;
    span.message.attributes = &attributes;
    assert_true(send_span(collector, &span.message, 1000));
    assert_string_equal(last_trace(collector)->spans->attributes[0].key, "key\xEF\xBF\xBD");
    return last_trace(collector)->spans->attributes[0].value;
}

static void every_value_type_has_a_text(void **state) {
    struct collector *collector = *state;
    Tote__Otlp__AnyValue value = text_value("\033]0;x\a");

    assert_string_equal(sent_value(collector, &value), "\xEF\xBF\xBD]0;x\xEF\xBF\xBD");
    value.value_case = TOTE__OTLP__ANY_VALUE__VALUE_BOOL_VALUE;
    value.bool_value = true;
    assert_string_equal(sent_value(collector, &value), "true");
    value.value_case = TOTE__OTLP__ANY_VALUE__VALUE_INT_VALUE;
    value.int_value = INT64_MIN;
    assert_string_equal(sent_value(collector, &value), "-9223372036854775808");
    value.value_case = TOTE__OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE;
    value.double_value = 0.5;
    assert_string_equal(sent_value(collector, &value), "0.5");
    value.value_case = TOTE__OTLP__ANY_VALUE__VALUE_BYTES_VALUE;
    value.bytes_value = (ProtobufCBinaryData){3, (uint8_t *)"\033[2"};
    assert_string_equal(sent_value(collector, &value), "<3 bytes>");
    value.value_case = TOTE__OTLP__ANY_VALUE__VALUE__NOT_SET;
    assert_string_equal(sent_value(collector, &value), "");
    assert_string_equal(sent_value(collector, NULL), "");
}

static void arrays_are_shown_with_their_items(void **state) {
    struct collector *collector = *state;
    Tote__Otlp__AnyValue items[] = {text_value("a\n"), text_value("b")};
    Tote__Otlp__AnyValue *item_list[] = {&items[0], &items[1]};
    Tote__Otlp__ArrayValue array = TOTE__OTLP__ARRAY_VALUE__INIT;
    Tote__Otlp__KeyValue field = TOTE__OTLP__KEY_VALUE__INIT;
    Tote__Otlp__KeyValue *fields[] = {&field, &field};
    Tote__Otlp__KeyValueList list = TOTE__OTLP__KEY_VALUE_LIST__INIT;
    Tote__Otlp__AnyValue value = TOTE__OTLP__ANY_VALUE__INIT;

    array.n_values = 2;
    array.values = item_list;
    value.value_case = TOTE__OTLP__ANY_VALUE__VALUE_ARRAY_VALUE;
    value.array_value = &array;
    assert_string_equal(sent_value(collector, &value), "[a\xEF\xBF\xBD,b]");

    Tote__Otlp__AnyValue inner = value;
    field.key = (char *)"k";
    field.value = &inner;
    list.n_values = 2;
    list.values = fields;
    value.value_case = TOTE__OTLP__ANY_VALUE__VALUE_KVLIST_VALUE;
    value.kvlist_value = &list;
    assert_string_equal(sent_value(collector, &value), "{k:[a\xEF\xBF\xBD,b],k:[a\xEF\xBF\xBD,b]}");
}

static void an_array_that_is_too_long_is_cut(void **state) {
    struct collector *collector = *state;
    char longest[3001];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    Tote__Otlp__AnyValue item = text_value(longest);
    Tote__Otlp__AnyValue *items[] = {&item, &item, &item};
    Tote__Otlp__ArrayValue array = TOTE__OTLP__ARRAY_VALUE__INIT;
    Tote__Otlp__AnyValue value = TOTE__OTLP__ANY_VALUE__INIT;

    array.n_values = 3;
    array.values = items;
    value.value_case = TOTE__OTLP__ANY_VALUE__VALUE_ARRAY_VALUE;
    value.array_value = &array;
    const char *text = sent_value(collector, &value);

    assert_int_equal(strlen(text), TERMINAL_LONGEST);
    assert_int_equal(text[0], '[');
}

static void malformed_requests_are_refused(void **state) {
    static const char *const bodies[] = {"\xFF", "\x0A\x7F", "{\"resourceSpans\":[]}",
                                         "\x0A\x04\x12\x02\x12\x7F"};
    struct collector *collector = *state;

    for (size_t i = 0; i < TOTE_COUNT_OF(bodies); i++) {
        struct receipt receipt =
            collector_take(collector, (const uint8_t *)bodies[i], strlen(bodies[i]), 1000);
        assert_int_equal(receipt.outcome, MALFORMED);
    }
    assert_int_equal(collector->trace_count, 0);
}

/* Send a list in a list in a list, and so on. */
static bool send_nested(struct collector *collector, size_t depth) {
    Tote__Otlp__AnyValue *values = calloc(depth, sizeof *values);
    Tote__Otlp__AnyValue **links = calloc(depth, sizeof(void *));
    Tote__Otlp__ArrayValue *arrays = calloc(depth, sizeof *arrays);
    Tote__Otlp__KeyValue attribute = TOTE__OTLP__KEY_VALUE__INIT;
    Tote__Otlp__KeyValue *attributes = &attribute;
    struct wire_span span;

    for (size_t i = 0; i < depth; i++) {
        tote__otlp__any_value__init(&values[i]);
        tote__otlp__array_value__init(&arrays[i]);
        values[i].value_case = TOTE__OTLP__ANY_VALUE__VALUE_ARRAY_VALUE;
        values[i].array_value = &arrays[i];
        links[i] = &values[i];
        if (i > 0) {
            arrays[i - 1].n_values = 1;
            arrays[i - 1].values = &links[i];
        }
    }
    make_span(&span, 1, 1, 0);
    attribute.key = (char *)"nested";
    attribute.value = values;
    span.message.n_attributes = 1;
    span.message.attributes = &attributes;
    bool is_taken = send_span(collector, &span.message, 1000);
    free(values);
    free(links);
    free(arrays);
    return is_taken;
}

static void a_value_that_is_nested_too_deep_is_refused(void **state) {
    struct collector *collector = *state;

    assert_true(send_nested(collector, 3));
    assert_string_equal(last_trace(collector)->spans->attributes[0].value, "[[[]]]");
    assert_true(send_nested(collector, 48));
    assert_false(send_nested(collector, 49));
    assert_false(send_nested(collector, 500));
}

static void a_request_that_would_need_too_much_memory_is_refused(void **state) {
    enum { MEMBERS = 5000000 };
    struct collector *collector = *state;
    uint8_t *bytes = calloc(MEMBERS, 2);

    assert_non_null(bytes);
    for (size_t i = 0; i < MEMBERS; i++) {
        bytes[2 * i] = 0x0A; /* an empty ResourceSpans */
    }
    struct receipt receipt = collector_take(collector, bytes, 2 * (size_t)MEMBERS, 1000);
    assert_int_equal(receipt.outcome, TOO_LARGE);
    assert_int_equal(collector_take(collector, bytes, 2000, 1000).outcome, TAKEN);
    free(bytes);
}

/* Spec: opentelemetry-proto collector/trace/v1/trace_service.proto */
static void an_empty_request_is_valid(void **state) {
    struct collector *collector = *state;

    assert_int_equal(collector_take(collector, (const uint8_t *)"", 0, 1000).outcome, TAKEN);
    assert_int_equal(collector->trace_count, 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        COLLECTOR_TEST(a_complete_trace_is_shown_when_no_more_spans_arrive),
        COLLECTOR_TEST(a_late_span_restarts_the_delay_of_a_complete_trace),
        COLLECTOR_TEST(an_incomplete_trace_is_shown_after_a_longer_delay),
        COLLECTOR_TEST(the_trace_without_new_spans_for_longest_is_shown_first),
        COLLECTOR_TEST(traces_of_one_request_are_shown_in_the_order_of_their_start_times),
        COLLECTOR_TEST(with_too_many_traces_the_oldest_are_shown_early),
        COLLECTOR_TEST(traces_over_the_memory_limit_are_shown_early),
        COLLECTOR_TEST(a_request_over_the_memory_limit_gets_a_retryable_response),
        COLLECTOR_TEST(the_limit_counts_memory_and_not_bytes_on_the_wire),
        COLLECTOR_TEST(spans_left_out_of_a_request_are_counted),
        COLLECTOR_TEST(a_flush_returns_all_pending_traces),
        COLLECTOR_TEST(spans_with_ids_of_a_wrong_length_or_of_zeros_are_rejected_and_counted),
        COLLECTOR_TEST(a_parent_id_of_zeros_or_of_a_wrong_length_is_no_parent),
        COLLECTOR_TEST(a_span_is_shown_as_it_was_sent),
        COLLECTOR_TEST(every_value_type_has_a_text),
        COLLECTOR_TEST(arrays_are_shown_with_their_items),
        COLLECTOR_TEST(an_array_that_is_too_long_is_cut),
        COLLECTOR_TEST(malformed_requests_are_refused),
        COLLECTOR_TEST(a_value_that_is_nested_too_deep_is_refused),
        COLLECTOR_TEST(a_request_that_would_need_too_much_memory_is_refused),
        COLLECTOR_TEST(an_empty_request_is_valid),
    };

    return RUN_TESTS(tests, argc, argv);
}
