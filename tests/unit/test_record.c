/* SPDX-License-Identifier: MIT */
#include "sdk_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "span.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/record.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

enum { CANARY = 0xA5, THREADS = 4 };

/* A value of each type, and of arrays and maps in each other. */
static tote_value everything(void) {
    static tote_value numbers[2];
    static tote_attribute inner[2];
    static tote_value mixed[6];
    static tote_attribute outer[3];

    numbers[0] = tote_int(-1);
    numbers[1] = tote_int(INT64_MAX);
    inner[0] = (tote_attribute){"numbers", tote_array(numbers, 2)};
    inner[1] = (tote_attribute){"none", tote_array(NULL, 0)};
    mixed[0] = tote_string("text \xC3\xA9");
    mixed[1] = tote_bool(true);
    mixed[2] = tote_double(0.5);
    mixed[3] = tote_bytes("\0\xFF", 2);
    mixed[4] = tote_map(inner, 2);
    mixed[5] = tote_string(NULL);
    outer[0] = (tote_attribute){"mixed", tote_array(mixed, 6)};
    outer[1] = (tote_attribute){"zero", tote_int(0)};
    outer[2] = (tote_attribute){"empty", tote_map(NULL, 0)};
    return tote_map(outer, 3);
}

/* End a span that has every kind of data, and more events and attributes than its limits allow. */
static void end_full_span(struct sdk_fixture *f) {
    const tote_trace_id trace_id = {{0x0A, 0xF7}};
    const tote_span_id span_id = {{0xB7}};
    tote_trace_state *trace_state = tote_trace_state_from_header("foo=1,bar=2", 11);
    tote_span_context *remote = tote_span_context_new(&trace_id, &span_id, 3, trace_state, true);
    tote_span *parent = tote_span_non_recording_new(remote);
    tote_context *context = tote_context_with_span(tote_context_root(), parent);
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    const tote_attribute of_event = {"key", everything()};
    options.parent = context;
    options.kind = TOTE_SPAN_KIND_CONSUMER;
    options.start_time_unix_nano = 17;
    tote_span *span = tote_tracer_start_span(f->tracer, "GET /\xC3\xA9", &options);

    tote_span_set_attribute(span, "everything", everything());
    tote_span_set_attribute(span, "text", tote_string("value"));
    tote_span_set_attribute(span, "over the limit", tote_int(1));
    tote_span_add_event(span, "event", &of_event, 1, 18);
    tote_span_add_event(span, "", NULL, 0, 0);
    tote_span_add_event(span, "over the limit", NULL, 0, 0);
    tote_span_add_link(span, remote, &of_event, 1);
    tote_span_add_link(span, tote_span_get_context(span), NULL, 0);
    tote_span_add_link(span, remote, NULL, 0);
    tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, "bad");
    tote_span_end(span, 19);
    tote_span_unref(span);
    tote_context_unref(context);
    tote_span_unref(parent);
    tote_span_context_unref(remote);
    tote_trace_state_unref(trace_state);
}

static struct sdk_fixture *start_with_limits(void **state) {
    struct sdk_fixture *f = *state;
    const tote_attribute resource = {"service.name", tote_string("shop")};

    f->settings.resource = sdk_fixture_resource(&resource, 1, "https://schema/resource");
    f->settings.limits.attribute_count = 2;
    f->settings.limits.event_count = 2;
    f->settings.limits.link_count = 2;
    return sdk_fixture_start(state);
}

static void assert_same_attributes(const tote_attribute *a, size_t a_count, const tote_attribute *b,
                                   size_t b_count) {
    assert_int_equal(a_count, b_count);
    for (size_t i = 0; i < a_count; i++) {
        assert_string_equal(a[i].key, b[i].key);
        assert_true(tote_value_equals(a[i].value, b[i].value));
    }
}

static void assert_same_state(const tote_trace_state *a, const tote_trace_state *b) {
    char headers[2][64];

    tote_trace_state_to_header(a, headers[0], sizeof headers[0]);
    tote_trace_state_to_header(b, headers[1], sizeof headers[1]);
    assert_string_equal(headers[0], headers[1]);
}

static void assert_same_context(const tote_span_context *a, const tote_span_context *b) {
    assert_memory_equal(&a->trace_id, &b->trace_id, sizeof a->trace_id);
    assert_memory_equal(&a->span_id, &b->span_id, sizeof a->span_id);
    assert_int_equal(a->trace_flags, b->trace_flags);
    assert_int_equal(a->is_remote, b->is_remote);
    assert_same_state(a->trace_state, b->trace_state);
}

static void assert_same_events(const tote_span_data *a, const tote_span_data *b) {
    size_t a_count, b_count;
    const tote_event *as = tote_span_data_get_events(a, &a_count);
    const tote_event *bs = tote_span_data_get_events(b, &b_count);

    assert_int_equal(a_count, b_count);
    for (size_t i = 0; i < a_count; i++) {
        assert_string_equal(as[i].name, bs[i].name);
        assert_int_equal(as[i].time_unix_nano, bs[i].time_unix_nano);
        assert_int_equal(as[i].dropped_attribute_count, bs[i].dropped_attribute_count);
        assert_same_attributes(as[i].attributes, as[i].attribute_count, bs[i].attributes,
                               bs[i].attribute_count);
    }
}

static void assert_same_links(const tote_span_data *a, const tote_span_data *b) {
    size_t a_count, b_count;
    const tote_link *as = tote_span_data_get_links(a, &a_count);
    const tote_link *bs = tote_span_data_get_links(b, &b_count);

    assert_int_equal(a_count, b_count);
    for (size_t i = 0; i < a_count; i++) {
        assert_same_context(as[i].context, bs[i].context);
        assert_int_equal(as[i].dropped_attribute_count, bs[i].dropped_attribute_count);
        assert_same_attributes(as[i].attributes, as[i].attribute_count, bs[i].attributes,
                               bs[i].attribute_count);
    }
}

/* A Span contains the id of the parent, and whether it is remote. */
static void assert_same_parent(const tote_span_data *a, const tote_span_data *b) {
    const tote_span_context *as = tote_span_data_get_parent(a);
    const tote_span_context *bs = tote_span_data_get_parent(b);

    assert_memory_equal(&as->trace_id, &bs->trace_id, sizeof as->trace_id);
    assert_memory_equal(&as->span_id, &bs->span_id, sizeof as->span_id);
    assert_int_equal(as->is_remote, bs->is_remote);
}

static void assert_same_span(const tote_span_data *a, const tote_span_data *b) {
    size_t a_count, b_count;
    const tote_attribute *as = tote_span_data_get_attributes(a, &a_count);
    const tote_attribute *bs = tote_span_data_get_attributes(b, &b_count);

    assert_same_attributes(as, a_count, bs, b_count);
    assert_string_equal(tote_span_data_get_name(a), tote_span_data_get_name(b));
    assert_int_equal(tote_span_data_get_kind(a), tote_span_data_get_kind(b));
    assert_int_equal(tote_span_data_get_status_code(a), tote_span_data_get_status_code(b));
    assert_string_equal(tote_span_data_get_status_description(a),
                        tote_span_data_get_status_description(b));
    assert_same_context(tote_span_data_get_context(a), tote_span_data_get_context(b));
    assert_same_parent(a, b);
    assert_int_equal(tote_span_data_get_start_time_unix_nano(a),
                     tote_span_data_get_start_time_unix_nano(b));
    assert_int_equal(tote_span_data_get_end_time_unix_nano(a),
                     tote_span_data_get_end_time_unix_nano(b));
    assert_same_events(a, b);
    assert_same_links(a, b);
    assert_int_equal(tote_span_data_get_dropped_attribute_count(a),
                     tote_span_data_get_dropped_attribute_count(b));
    assert_int_equal(tote_span_data_get_dropped_event_count(a),
                     tote_span_data_get_dropped_event_count(b));
    assert_int_equal(tote_span_data_get_dropped_link_count(a),
                     tote_span_data_get_dropped_link_count(b));
    assert_ptr_equal(tote_span_data_get_resource(a), tote_span_data_get_resource(b));
    assert_ptr_equal(tote_span_data_get_instrumentation_scope(a),
                     tote_span_data_get_instrumentation_scope(b));
}

static struct tote__span_bytes bytes_of(const tote_span_data *span, struct tote__arena *arena) {
    struct tote__span_bytes bytes;

    assert_true(tote__span_data_bytes(span, arena, &bytes));
    return bytes;
}

static void read_span(struct tote__read_span *read, const tote_span_data *span,
                      struct tote__arena *arena) {
    struct tote__span_bytes bytes = bytes_of(span, arena);

    tote__read_span_set(read, bytes.resource, bytes.scope, bytes.bytes);
}

static const tote_span_data *data_of(const struct tote__read_span *read) {
    return (const tote_span_data *)read;
}

static void a_span_is_read_from_its_bytes_as_it_was_recorded(void **state) {
    struct sdk_fixture *f = start_with_limits(state);
    struct tote__arena arena = {.chunks = NULL};
    struct tote__read_span read;
    end_full_span(f);
    const tote_span_data *span = sdk_fixture_only_span(f);

    assert_int_equal(tote_span_data_get_dropped_attribute_count(span), 1);
    assert_int_equal(tote_span_data_get_dropped_event_count(span), 1);
    assert_int_equal(tote_span_data_get_dropped_link_count(span), 1);
    read_span(&read, span, &arena);
    assert_same_span(span, data_of(&read));
    const tote_value *value = tote_span_data_get_attribute(data_of(&read), "everything");
    assert_non_null(value);
    assert_true(tote_value_equals(*value, everything()));
    assert_true(tote_span_data_get_parent(data_of(&read))->is_remote);
    tote__read_span_clear(&read);
    tote__arena_clear(&arena);
}

static void an_empty_span_is_read_from_its_bytes(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    struct tote__arena arena = {.chunks = NULL};
    struct tote__read_span read;
    tote_span *span = tote_tracer_start_span(f->tracer, "", NULL);
    tote_span_close(&span);

    read_span(&read, f->spans[0], &arena);
    assert_same_span(f->spans[0], data_of(&read));
    assert_false(tote_span_context_is_valid(tote_span_data_get_parent(data_of(&read))));
    tote__read_span_clear(&read);
    tote__arena_clear(&arena);
}

static void assert_same_encoding(tote_otlp_encoding encoding, const tote_span_data *a,
                                 const tote_span_data *b) {
    tote_otlp_buffer buffers[2] = {{NULL, 0, 0}, {NULL, 0, 0}};

    assert_true(tote_otlp_encode(encoding, &a, 1, &buffers[0]));
    assert_true(tote_otlp_encode(encoding, &b, 1, &buffers[1]));
    assert_int_equal(buffers[0].size, buffers[1].size);
    assert_memory_equal(buffers[0].bytes, buffers[1].bytes, buffers[0].size);
    tote_otlp_buffer_clear(&buffers[0]);
    tote_otlp_buffer_clear(&buffers[1]);
}

static void ended_spans_and_spans_read_from_records_are_encoded_alike(void **state) {
    struct sdk_fixture *f = start_with_limits(state);
    struct tote__arena arena = {.chunks = NULL};
    struct tote__read_span read;
    end_full_span(f);

    read_span(&read, f->spans[0], &arena);
    assert_same_encoding(TOTE_OTLP_ENCODING_PROTOBUF, f->spans[0], data_of(&read));
    assert_same_encoding(TOTE_OTLP_ENCODING_JSON, f->spans[0], data_of(&read));
    tote__arena_clear(&arena);
}

/* A span with texts of this length, in a buffer of exactly the bound. */
static void assert_within_bound(struct sdk_fixture *f, size_t length) {
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, 'x', length);
    text[length] = '\0';
    tote_span *span = tote_tracer_start_span(f->tracer, text, NULL);
    tote_span_set_attribute(span, "text", tote_string(text));
    tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, text);
    const struct span *ended = tote__span_of_data(tote_span_get_data(span));
    tote_span_end(span, UINT64_MAX);
    size_t most = tote__record_most_bytes(ended);
    uint8_t *bytes = malloc(most + 1);
    assert_non_null(bytes);
    memset(bytes, CANARY, most + 1);

    size_t size = tote__record_put_span(bytes, ended);
    assert_true(size <= most);
    assert_true(most - size < 100);
    assert_int_equal(bytes[most], CANARY);
    free(bytes);
    free(text);
    tote_span_unref(span);
}

static void a_span_is_written_within_its_size_bound(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    const size_t lengths[] = {0, 1, 127, 128, 16383, 16384, 2097151, 2097152};

    for (size_t i = 0; i < TOTE_COUNT_OF(lengths); i++) {
        assert_within_bound(f, lengths[i]);
    }
}

static void a_reference_outlives_the_bytes_that_were_borrowed(void **state) {
    struct sdk_fixture *f = start_with_limits(state);
    struct tote__arena arena = {.chunks = NULL};
    struct tote__read_span read;
    end_full_span(f);
    read_span(&read, f->spans[0], &arena);
    assert_string_equal(tote_span_data_get_name(data_of(&read)), "GET /\xC3\xA9");

    tote_span_data *kept = tote_span_data_copy(data_of(&read));
    assert_non_null(kept);
    assert_ptr_not_equal(kept, data_of(&read));
    tote_span_data_free((tote_span_data *)&read); /* has no effect */
    tote__read_span_clear(&read);
    memset(&read, CANARY, sizeof read);
    tote__arena_clear(&arena);
    assert_same_span(f->spans[0], kept);
    tote_span_data *again = tote_span_data_copy(kept);
    assert_ptr_equal(again, kept);
    tote_span_data_free(kept);
    assert_same_span(f->spans[0], again);
    tote_span_data_free(again);
}

static void *compare_in_thread(void *arg) {
    const tote_span_data *const *spans = arg;

    assert_same_span(spans[0], spans[1]);
    return NULL;
}

static void many_threads_can_read_one_span(void **state) {
    struct sdk_fixture *f = start_with_limits(state);
    struct tote__arena arena = {.chunks = NULL};
    struct tote__read_span read;
    pthread_t threads[THREADS];
    end_full_span(f);
    read_span(&read, f->spans[0], &arena);
    const tote_span_data *spans[] = {f->spans[0], data_of(&read)};

    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, compare_in_thread, spans), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    tote__read_span_clear(&read);
    tote__arena_clear(&arena);
}

/* A reader is set up once and reused for other bytes. */
static void read_bytes(struct tote__read_span *read, const char *bytes, size_t size) {
    tote__read_span_set(read, tote__resource_at(UINT32_MAX), &tote__tracer_at(UINT32_MAX)->scope,
                        (struct tote__slice){(const uint8_t *)bytes, size});
}

#define READ(read, bytes) read_bytes(read, bytes, sizeof(bytes) - 1)

static void malformed_bytes_are_read_up_to_the_first_error(void **state) {
    const tote_span_id span_id = {{'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}};
    struct tote__read_span read;
    size_t count = 1;
    (void)state;

    READ(&read, "");
    const tote_span_data *span = data_of(&read);
    assert_string_equal(tote_span_data_get_name(span), "");
    assert_false(tote_span_context_is_valid(tote_span_data_get_context(span)));
    assert_non_null(tote_span_data_get_resource(span));
    assert_non_null(tote_span_data_get_instrumentation_scope(span));
    tote_span_data_get_events(span, &count);
    assert_int_equal(count, 0);
    tote__read_span_clear(&read);

    /* A trace id of 3 bytes, a span id, an unknown field, kind 9, status code 7, half a name. */
    READ(&read, "\x0A\x03xyz\x12\x08"
                "abcdefgh\xA2\x06\x02..\x30\x09\x7A\x02\x18\x07\x2A\x05yz");
    const tote_span_context *context = tote_span_data_get_context(span);
    assert_false(tote__trace_id_is_valid(&context->trace_id));
    assert_memory_equal(&context->span_id, &span_id, sizeof span_id);
    assert_int_equal(tote_span_data_get_kind(span), TOTE_SPAN_KIND_INTERNAL);
    assert_int_equal(tote_span_data_get_status_code(span), TOTE_STATUS_CODE_UNSET);
    assert_string_equal(tote_span_data_get_name(span), "");
    tote__read_span_clear(&read);

    /* Two trace states of a link and of the span: the last one is used, and none leaks. */
    READ(&read, "\x1A\x03"
                "a=1"
                "\x1A\x03"
                "b=2"
                "\x6A\x0A\x1A\x03"
                "a=1"
                "\x1A\x03"
                "b=2"
                "\x6A");
    assert_string_equal(tote_trace_state_get(tote_span_data_get_context(span)->trace_state, "b"),
                        "2");
    const tote_link *links = tote_span_data_get_links(span, &count);
    assert_int_equal(count, 1);
    assert_string_equal(tote_trace_state_get(links[0].context->trace_state, "b"), "2");
    tote__read_span_clear(&read);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(a_span_is_read_from_its_bytes_as_it_was_recorded),
        SDK_TEST(an_empty_span_is_read_from_its_bytes),
        SDK_TEST(ended_spans_and_spans_read_from_records_are_encoded_alike),
        SDK_TEST(a_span_is_written_within_its_size_bound),
        SDK_TEST(a_reference_outlives_the_bytes_that_were_borrowed),
        SDK_TEST(many_threads_can_read_one_span),
        cmocka_unit_test(malformed_bytes_are_read_up_to_the_first_error),
    };
    return RUN_TESTS(tests, argc, argv);
}
