/* SPDX-License-Identifier: MIT */
#include "sdk_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/encode/encode.h"
#include "otlp/request.pb-c.h"

typedef Tote__Otlp__ExportTraceServiceRequest request_message;
typedef Tote__Otlp__Span span_message;
typedef Tote__Otlp__AnyValue any_value_message;

/*
 * Encode the ended spans, decode them with protobuf-c, and check that protobuf-c encodes them to
 * the same bytes.
 */
static request_message *encode_and_unpack(const struct sdk_fixture *f) {
    tote_otlp_buffer buffer = {NULL, 0, 0};

    assert_true(tote_otlp_encode(TOTE_OTLP_ENCODING_PROTOBUF,
                                 (const tote_span_data *const *)f->spans, f->ended, &buffer));
    request_message *request =
        tote__otlp__export_trace_service_request__unpack(NULL, buffer.size, buffer.bytes);
    assert_non_null(request);
    size_t size = tote__otlp__export_trace_service_request__get_packed_size(request);
    uint8_t *packed = malloc(size + 1);
    assert_non_null(packed);
    tote__otlp__export_trace_service_request__pack(request, packed);
    assert_int_equal(buffer.size, size);
    assert_memory_equal(buffer.bytes, packed, size);
    free(packed);
    tote_otlp_buffer_clear(&buffer);
    return request;
}

static void free_request(request_message *request) {
    tote__otlp__export_trace_service_request__free_unpacked(request, NULL);
}

static const span_message *only_span(const request_message *request) {
    assert_int_equal(request->n_resource_spans, 1);
    assert_int_equal(request->resource_spans[0]->n_scope_spans, 1);
    assert_int_equal(request->resource_spans[0]->scope_spans[0]->n_spans, 1);
    return request->resource_spans[0]->scope_spans[0]->spans[0];
}

static const any_value_message *attribute_of(const span_message *span, const char *key) {
    for (size_t i = 0; i < span->n_attributes; i++) {
        if (strcmp(span->attributes[i]->key, key) == 0) {
            return span->attributes[i]->value;
        }
    }
    fail_msg("no attribute %s", key);
    return NULL;
}

/* Compliance: TR-26, EX-06 */
static void every_field_of_a_span_is_encoded_in_its_otlp_field(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    const tote_trace_id trace_id = {{0x0a, 0xf7}};
    const tote_span_id span_id = {{0xb7}};
    tote_trace_state *trace_state = tote_trace_state_from_header("foo=1,bar=2", 11);
    tote_span_context *remote = tote_span_context_new(&trace_id, &span_id, 3, trace_state, true);
    tote_span *parent = tote_span_non_recording_new(remote);
    tote_context *context = tote_context_with_span(tote_context_root(), parent);
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    options.parent = context;
    options.kind = TOTE_SPAN_KIND_SERVER;
    options.start_time_unix_nano = 17;
    tote_span *span = tote_tracer_start_span(f->tracer, "GET /", &options);
    tote_span_add_event(span, "event", NULL, 0, 18);
    tote_span_add_link(span, remote, NULL, 0);
    tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, "bad");
    tote_span_end(span, 19);

    request_message *request = encode_and_unpack(f);
    const span_message *message = only_span(request);
    assert_memory_equal(message->trace_id.data, &trace_id, 16);
    assert_int_equal(message->span_id.len, 8);
    assert_memory_equal(message->parent_span_id.data, &span_id, 8);
    assert_string_equal(message->trace_state, "foo=1,bar=2");
    assert_string_equal(message->name, "GET /");
    assert_int_equal(message->kind, TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_SERVER);
    assert_int_equal(message->start_time_unix_nano, 17);
    assert_int_equal(message->end_time_unix_nano, 19);
    assert_int_equal(message->flags, 0x303);
    assert_int_equal(message->status->code, 2);
    assert_string_equal(message->status->message, "bad");
    assert_string_equal(message->events[0]->name, "event");
    assert_int_equal(message->events[0]->time_unix_nano, 18);
    assert_int_equal(message->links[0]->flags, 0x303);
    assert_string_equal(message->links[0]->trace_state, "foo=1,bar=2");
    free_request(request);
    tote_span_unref(span);
    tote_context_unref(context);
    tote_span_unref(parent);
    tote_span_context_unref(remote);
    tote_trace_state_unref(trace_state);
}

/*
 * Zero values are encoded, and an empty value has no field. Compliance: TR-38, TR-39, TR-40, TR-41
 */
static void zero_values_are_encoded(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = tote_tracer_start_span(f->tracer, "", NULL);
    tote_span_set_attribute(span, "bool", tote_bool(false));
    tote_span_set_attribute(span, "int", tote_int(0));
    tote_span_set_attribute(span, "double", tote_double(0.0));
    tote_span_set_attribute(span, "string", tote_string(""));
    tote_span_set_attribute(span, "empty", tote_string(NULL));
    tote_span_close(&span);

    request_message *request = encode_and_unpack(f);
    const span_message *message = only_span(request);
    assert_int_equal(attribute_of(message, "bool")->value_case,
                     TOTE__OTLP__ANY_VALUE__VALUE_BOOL_VALUE);
    assert_int_equal(attribute_of(message, "int")->value_case,
                     TOTE__OTLP__ANY_VALUE__VALUE_INT_VALUE);
    assert_int_equal(attribute_of(message, "double")->value_case,
                     TOTE__OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE);
    assert_int_equal(attribute_of(message, "string")->value_case,
                     TOTE__OTLP__ANY_VALUE__VALUE_STRING_VALUE);
    assert_int_equal(attribute_of(message, "empty")->value_case,
                     TOTE__OTLP__ANY_VALUE__VALUE__NOT_SET);
    assert_int_equal(message->flags, 0x103);
    assert_int_equal(message->parent_span_id.len, 0);
    free_request(request);
}

/*
 * One ResourceSpans per resource, one ScopeSpans per scope, with their schema URLs. Compliance:
 * TR-03, TR-04, TR-05, EX-16
 */
static void spans_are_grouped_by_instrumentation_scope(void **state) {
    const tote_attribute resource = {"service.name", tote_string("shop")};
    const tote_attribute about = {"team", tote_string("a")};
    struct sdk_fixture *f = *state;
    f->settings.resource = sdk_fixture_resource(&resource, 1, "https://schema/resource");
    sdk_fixture_start(state);
    tote_tracer_options options = TOTE_TRACER_OPTIONS_INIT;
    options.version = "2";
    options.schema_url = "https://schema/scope";
    options.attributes = &about;
    options.attribute_count = 1;
    tote_tracer *other =
        tote_tracer_provider_get_tracer(TOTE_TRACER_PROVIDER_GLOBAL, "other", &options);
    for (int i = 0; i < 5; i++) {
        tote_span *span = tote_tracer_start_span(i % 2 ? other : f->tracer, "s", NULL);
        tote_span_close(&span);
    }

    request_message *request = encode_and_unpack(f);
    assert_int_equal(request->n_resource_spans, 1);
    const Tote__Otlp__ResourceSpans *of_resource = request->resource_spans[0];
    assert_string_equal(of_resource->schema_url, "https://schema/resource");
    assert_string_equal(of_resource->resource->attributes[0]->value->string_value, "shop");
    assert_int_equal(of_resource->n_scope_spans, 2);
    assert_int_equal(of_resource->scope_spans[0]->n_spans, 3);
    assert_int_equal(of_resource->scope_spans[1]->n_spans, 2);
    assert_string_equal(of_resource->scope_spans[1]->schema_url, "https://schema/scope");
    assert_string_equal(of_resource->scope_spans[1]->scope->version, "2");
    assert_string_equal(of_resource->scope_spans[1]->scope->attributes[0]->key, "team");
    free_request(request);
}

/* Pseudo-random numbers that are the same in each run, so that a failure can be reproduced. */
static uint32_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*seed >> 33);
}

static const char *random_text(uint64_t *seed, char *buffer) {
    static const char *const pieces[] = {"a", "\xC3\xA9", "\xFF", "\xF0\x9F\x92\xBC", "long text "};
    size_t length = 0;

    for (uint32_t count = next_random(seed) % 24; count > 0; count--) {
        const char *piece = pieces[next_random(seed) % 5];
        memcpy(buffer + length, piece, strlen(piece));
        length += strlen(piece);
    }
    buffer[length] = '\0';
    return buffer;
}

/* A value of any type; `items` and `text` hold the data that it points to. */
static tote_value random_value(uint64_t *seed, tote_value *items, char *text) {
    switch (next_random(seed) % 7) {
    case 0:
        return tote_bool(next_random(seed) & 1);
    case 1:
        return tote_int((int64_t)((uint64_t)next_random(seed) << (next_random(seed) % 33)) -
                        (int64_t)next_random(seed));
    case 2:
        return tote_double(next_random(seed) / 7.0);
    case 3:
        return tote_bytes(random_text(seed, text), strlen(text));
    case 4:
        items[0] = tote_string(random_text(seed, text));
        items[1] = tote_int(next_random(seed));
        items[2] = tote_array(items, next_random(seed) % 3);
        return tote_array(items, 3);
    case 5:
        return tote_string(NULL);
    default:
        return tote_string(random_text(seed, text));
    }
}

static void fill_randomly(tote_span *span, uint64_t *seed) {
    char key[16];
    char text[512];
    tote_value items[3];

    for (uint32_t count = next_random(seed) % 40; count > 0; count--) {
        snprintf(key, sizeof key, "k%u", (unsigned)(next_random(seed) % 30));
        tote_attribute attribute = {key, random_value(seed, items, text)};
        switch (next_random(seed) % 6) {
        case 0:
            tote_span_add_event(span, random_text(seed, text + 256), &attribute, 1,
                                next_random(seed) % 3);
            break;
        case 1:
            tote_span_add_link(span, tote_span_get_context(span), &attribute, 1);
            break;
        case 2:
            tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, random_text(seed, text + 256));
            break;
        case 3:
            tote_span_update_name(span, random_text(seed, text + 256));
            break;
        default:
            tote_span_set_attribute(span, key, attribute.value);
            break;
        }
    }
}

/* The oracle is protobuf-c's own packing. */
static void random_spans_are_encoded_byte_for_byte_as_protobuf_c_does(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.limits.attribute_count = 12;
    f->settings.limits.attribute_count_per_event = 0;
    f->settings.limits.event_count = 3;
    f->settings.limits.link_count = 3;
    sdk_fixture_start(state);
    tote_tracer *tracers[] = {f->tracer, tote_get_tracer("b", NULL), tote_get_tracer("c", "3")};
    uint64_t seed = 42;

    for (int i = 0; i < FIXTURE_MOST_SPANS; i++) {
        tote_span *span = tote_tracer_start_span(tracers[next_random(&seed) % 3], "s", NULL);
        fill_randomly(span, &seed);
        tote_span_close(&span);
    }
    free_request(encode_and_unpack(f));
}

/* The encoded attributes equal those that the accessors return. */
static void encoded_attributes_equal_those_of_the_accessors(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    uint64_t seed = 7;
    tote_span *span = tote_tracer_start_span(f->tracer, "s", NULL);
    fill_randomly(span, &seed);
    tote_span_close(&span);

    request_message *request = encode_and_unpack(f);
    const span_message *message = only_span(request);
    size_t count;
    const tote_attribute *attributes = tote_span_data_get_attributes(f->spans[0], &count);
    assert_true(count > 0);
    assert_int_equal(message->n_attributes, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(message->attributes[i]->key, attributes[i].key);
        if (attributes[i].value.type == TOTE_VALUE_TYPE_STRING) {
            assert_string_equal(message->attributes[i]->value->string_value,
                                attributes[i].value.as.string);
        }
    }
    free_request(request);
}

static void no_spans_are_encoded_as_no_bytes(void **state) {
    tote_otlp_buffer buffer = {NULL, 0, 0};

    (void)state;
    assert_true(tote_otlp_encode(TOTE_OTLP_ENCODING_PROTOBUF, NULL, 0, &buffer));
    assert_int_equal(buffer.size, 0);
    tote_otlp_buffer_clear(&buffer);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(every_field_of_a_span_is_encoded_in_its_otlp_field),
        SDK_TEST(zero_values_are_encoded),
        SDK_TEST(spans_are_grouped_by_instrumentation_scope),
        SDK_TEST(random_spans_are_encoded_byte_for_byte_as_protobuf_c_does),
        SDK_TEST(encoded_attributes_equal_those_of_the_accessors),
        SDK_TEST(no_spans_are_encoded_as_no_bytes),
    };
    return RUN_TESTS(tests, argc, argv);
}
