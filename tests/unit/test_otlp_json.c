/* SPDX-License-Identifier: MIT */
#include "sdk_fixture.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/encode/encode.h"
#include "request_from_json.h"

/* As a text that the caller frees. */
static char *text_of(const tote_otlp_buffer *buffer) {
    char *text = calloc(1, buffer->size + 1);

    assert_non_null(text);
    return memcpy(text, buffer->bytes, buffer->size);
}

/*
 * The ended spans in JSON, as a text that the caller frees. It is one line, and equals the request
 * that protobuf-c packs from what tote_otlp_encode() makes of the same spans.
 */
static char *encode(const struct sdk_fixture *f) {
    const tote_span_data *const *spans = (const tote_span_data *const *)f->spans;
    tote_otlp_buffer json = {NULL, 0, 0};
    tote_otlp_buffer protobuf = {NULL, 0, 0};
    struct tote__arena arena = {NULL, NULL, 0};
    const char *surprise;

    assert_true(tote_otlp_encode(TOTE_OTLP_ENCODING_JSON, spans, f->ended, &json));
    assert_true(tote_otlp_encode(TOTE_OTLP_ENCODING_PROTOBUF, spans, f->ended, &protobuf));
    assert_null(memchr(json.bytes, '\n', json.size));
    Tote__Otlp__ExportTraceServiceRequest *request =
        request_from_json(json.bytes, json.size, &arena, &surprise);
    assert_string_equal(surprise ? surprise : "none", "none");
    size_t size = tote__otlp__export_trace_service_request__get_packed_size(request);
    uint8_t *packed = malloc(size + 1);
    assert_non_null(packed);
    tote__otlp__export_trace_service_request__pack(request, packed);
    assert_int_equal(size, protobuf.size);
    assert_memory_equal(packed, protobuf.bytes, size);
    char *text = text_of(&json);
    free(packed);
    tote__arena_clear(&arena);
    tote_otlp_buffer_clear(&json);
    tote_otlp_buffer_clear(&protobuf);
    return text;
}

static void assert_has(const char *json, const char *part) {
    if (!strstr(json, part)) {
        fail_msg("no %s in %s", part, json);
    }
}

/* Encode the ended spans, and check that this text is a part of the result. */
static void assert_encoded_has(const struct sdk_fixture *f, const char *part) {
    char *json = encode(f);

    assert_has(json, part);
    free(json);
}

/* A span with one attribute "k" of this value. */
static void end_span_with(struct sdk_fixture *f, tote_value value) {
    tote_span *span = tote_tracer_start_span(f->tracer, "s", NULL);

    tote_span_set_attribute(span, "k", value);
    tote_span_close(&span);
}

/* The value is encoded as this text. */
static void assert_value_is(struct sdk_fixture *f, tote_value value, const char *text) {
    char part[512];

    end_span_with(f, value);
    snprintf(part, sizeof part, "{\"key\":\"k\",\"value\":%s}", text);
    assert_encoded_has(f, part);
}

/* Start a span with this remote parent. */
static tote_span *start_child_of(const struct sdk_fixture *f, tote_span_context *remote,
                                 tote_span_kind kind) {
    tote_span *parent = tote_span_non_recording_new(remote);
    tote_context *context = tote_context_with_span(tote_context_root(), parent);
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = context;
    options.kind = kind;
    options.start_time_unix_nano = 1544712660000000000U;
    tote_span *span = tote_tracer_start_span(f->tracer, "GET /", &options);
    tote_context_unref(context);
    tote_span_unref(parent);
    return span;
}

static tote_span_context *make_remote(uint8_t flags, const char *trace_state) {
    const tote_trace_id trace_id = {{0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48,
                                     0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c}};
    const tote_span_id span_id = {{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31}};
    tote_trace_state *state = tote_trace_state_from_header(trace_state, strlen(trace_state));
    tote_span_context *context = tote_span_context_new(&trace_id, &span_id, flags, state, true);

    tote_trace_state_unref(state);
    return context;
}

/* The whole text of a small request. Compliance: EX-07 */
static void a_request_has_exactly_this_text(void **state) {
    struct sdk_fixture *f = *state;
    const tote_attribute service = {"service.name", tote_string("shop")};
    f->settings.resource = sdk_fixture_resource(&service, 1, "https://schema/resource");
    f->settings.limits.event_count = 1;
    sdk_fixture_start(state);
    const tote_attribute attempt = {"attempt", tote_int(0)};
    tote_span_context *remote = make_remote(0x03, "foo=1,bar=\"2\\");
    tote_span *span = start_child_of(f, remote, TOTE_SPAN_KIND_SERVER);
    tote_span_set_attribute(span, "http.response.status_code", tote_int(404));
    tote_span_add_event(span, "retry", &attempt, 1, 18);
    tote_span_add_event(span, "too many", NULL, 0, 18);
    tote_span_add_link(span, remote, NULL, 0);
    tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, "bad \"luck\"");
    tote_span_end(span, 1544712661000000000U);
    char expected[2048];
    char span_id[17];
    tote_span_id_to_hex(tote_span_context_get_span_id(tote_span_get_context(span)), span_id);

    snprintf(
        expected, sizeof expected,
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
        "\"value\":{\"stringValue\":\"shop\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":"
        "\"test\",\"version\":\"1.0\"},\"spans\":[{\"traceId\":"
        "\"0af7651916cd43dd8448eb211c80319c\",\"spanId\":\"%s\",\"traceState\":"
        "\"foo=1,bar=\\\"2\\\\\",\"parentSpanId\":\"b7ad6b7169203331\",\"name\":\"GET /\","
        "\"kind\":2,\"startTimeUnixNano\":\"1544712660000000000\",\"endTimeUnixNano\":"
        "\"1544712661000000000\",\"attributes\":[{\"key\":\"http.response.status_code\","
        "\"value\":{\"intValue\":\"404\"}}],\"events\":[{\"timeUnixNano\":\"18\",\"name\":"
        "\"retry\",\"attributes\":[{\"key\":\"attempt\",\"value\":{\"intValue\":\"0\"}}]}],"
        "\"droppedEventsCount\":1,\"links\":[{\"traceId\":\"0af7651916cd43dd8448eb211c80319c\","
        "\"spanId\":\"b7ad6b7169203331\",\"traceState\":\"foo=1,bar=\\\"2\\\\\",\"flags\":771}],"
        "\"status\":{\"message\":\"bad \\\"luck\\\"\",\"code\":2},\"flags\":771}]}],"
        "\"schemaUrl\":\"https://schema/resource\"}]}",
        span_id);
    char *json = encode(f);
    assert_string_equal(json, expected);
    free(json);
    tote_span_unref(span);
    tote_span_context_unref(remote);
}

/*
 * Default values are left out; resource and scope are written even if empty. Spec:
 * protocol/otlp.md#json-protobuf-encoding
 */
static void fields_with_default_values_are_left_out(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = tote_tracer_start_span(tote_get_tracer("", NULL), "", NULL);
    tote_span_close(&span);

    char *json = encode(f);
    assert_has(json,
               "{\"resourceSpans\":[{\"resource\":{},\"scopeSpans\":[{\"scope\":{},\"spans\":[{");
    assert_has(json, "\",\"kind\":1,\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"1000\","
                     "\"flags\":259}]}]}]}");
    assert_null(strstr(json, "parentSpanId"));
    free(json);
}

/*
 * Members of a oneof are written even if zero; the empty value is {}. Spec: opentelemetry-proto
 * common/v1/common.proto
 */
static void zero_values_are_encoded(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    assert_value_is(f, tote_bool(false), "{\"boolValue\":false}");
    assert_value_is(f, tote_int(0), "{\"intValue\":\"0\"}");
    assert_value_is(f, tote_double(0.0), "{\"doubleValue\":0}");
    assert_value_is(f, tote_string(""), "{\"stringValue\":\"\"}");
    assert_value_is(f, tote_bytes("", 0), "{\"bytesValue\":\"\"}");
    assert_value_is(f, tote_array(NULL, 0), "{\"arrayValue\":{}}");
    assert_value_is(f, tote_map(NULL, 0), "{\"kvlistValue\":{}}");
    assert_value_is(f, tote_string(NULL), "{}");
}

/*
 * Flags are 0x103 and 0x303, and undefined W3C bits are not passed on. Spec: opentelemetry-proto
 * trace/v1/trace.proto, SpanFlags
 */
static void flags_contain_whether_the_parent_is_remote(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *root = tote_tracer_start_span(f->tracer, "root", NULL);
    tote_span_close(&root);
    assert_encoded_has(f, "\"flags\":259}");

    tote_span_context *remote = make_remote(0xFF, "");
    tote_span *child = start_child_of(f, remote, TOTE_SPAN_KIND_INTERNAL);
    tote_span_close(&child);
    assert_encoded_has(f, "\"flags\":771}");
    tote_span_context_unref(remote);
}

/* Spec: protocol/otlp.md#json-protobuf-encoding */
static void ids_are_hex_kinds_are_numbers_and_times_are_strings(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span_context *remote = make_remote(1, "");
    tote_span *span = start_child_of(f, remote, TOTE_SPAN_KIND_SERVER);
    tote_span_close(&span);

    char *json = encode(f);
    assert_has(json, "\"traceId\":\"0af7651916cd43dd8448eb211c80319c\"");
    assert_has(json, "\"parentSpanId\":\"b7ad6b7169203331\"");
    assert_has(json, "\"kind\":2,");
    assert_has(json, "\"startTimeUnixNano\":\"1544712660000000000\"");
    free(json);
    tote_span_context_unref(remote);
}

/* Spec: protocol/otlp.md#json-protobuf-encoding */
static void integers_are_decimal_strings_over_their_whole_range(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    assert_value_is(f, tote_int(INT64_MAX), "{\"intValue\":\"9223372036854775807\"}");
    assert_value_is(f, tote_int(INT64_MIN), "{\"intValue\":\"-9223372036854775808\"}");
    assert_value_is(f, tote_int(-1), "{\"intValue\":\"-1\"}");
    for (int64_t power = 1; power < INT64_MAX / 10; power *= 10) {
        char text[64];
        snprintf(text, sizeof text, "{\"intValue\":\"%lld\"}", (long long)power);
        assert_value_is(f, tote_int(power), text);
        snprintf(text, sizeof text, "{\"intValue\":\"%lld\"}", (long long)power - 1);
        assert_value_is(f, tote_int(power - 1), text);
    }
}

static void doubles_have_the_fewest_digits_that_keep_their_value(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    assert_value_is(f, tote_double(1), "{\"doubleValue\":1}");
    assert_value_is(f, tote_double(-2.5), "{\"doubleValue\":-2.5}");
    assert_value_is(f, tote_double(0.1), "{\"doubleValue\":0.1}");
    assert_value_is(f, tote_double(0.05), "{\"doubleValue\":0.05}");
    assert_value_is(f, tote_double(1234.000001), "{\"doubleValue\":1234.000001}");
    assert_value_is(f, tote_double(1.0 / 3), "{\"doubleValue\":0.3333333333333333}");
    assert_value_is(f, tote_double(1e300), "{\"doubleValue\":1e+300}");
    assert_value_is(f, tote_double(DBL_MAX), "{\"doubleValue\":1.7976931348623157e+308}");
    assert_value_is(f, tote_double(9007199254740993.0), "{\"doubleValue\":9007199254740992}");
}

/* Spec: protocol/otlp.md#json-protobuf-encoding */
static void nan_and_infinity_are_strings(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    assert_value_is(f, tote_double((double)NAN), "{\"doubleValue\":\"NaN\"}");
    assert_value_is(f, tote_double((double)INFINITY), "{\"doubleValue\":\"Infinity\"}");
    assert_value_is(f, tote_double(-(double)INFINITY), "{\"doubleValue\":\"-Infinity\"}");
}

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return *seed ^ *seed >> 29;
}

static void negative_zero_keeps_its_sign(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    assert_value_is(f, tote_double(-0.0), "{\"doubleValue\":-0.0}");
}

/* A locale with a decimal comma changes nothing. */
static void numbers_do_not_depend_on_the_locale(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8"};
    bool has_comma = false;

    for (size_t i = 0; i < TOTE_COUNT_OF(names) && !has_comma; i++) {
        has_comma = setlocale(LC_NUMERIC, names[i]) != NULL;
    }
    end_span_with(f, tote_double(2.5e-7));
    end_span_with(f, tote_double(2.5e+200));
    tote_otlp_buffer buffer = {NULL, 0, 0};
    bool is_done = tote_otlp_encode(TOTE_OTLP_ENCODING_JSON,
                                    (const tote_span_data *const *)f->spans, f->ended, &buffer);
    setlocale(LC_NUMERIC, "C");
    assert_true(is_done);
    char *text = text_of(&buffer);
    assert_has(text, "{\"doubleValue\":0.00000025}");
    assert_has(text, "{\"doubleValue\":2.5e+200}");
    free(text);
    tote_otlp_buffer_clear(&buffer);
}

/* With its padding. Spec: protocol/otlp.md#json-protobuf-encoding */
static void bytes_are_base64(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    assert_value_is(f, tote_bytes("f", 1), "{\"bytesValue\":\"Zg==\"}");
    assert_value_is(f, tote_bytes("fo", 2), "{\"bytesValue\":\"Zm8=\"}");
    assert_value_is(f, tote_bytes("foo", 3), "{\"bytesValue\":\"Zm9v\"}");
    assert_value_is(f, tote_bytes("\0\xFF\xFE\xFB", 4), "{\"bytesValue\":\"AP/++w==\"}");
}

static void arrays_and_maps_keep_their_nesting(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    const tote_value inner[] = {tote_string("x"), tote_string(NULL), tote_array(NULL, 0)};
    const tote_attribute fields[] = {{"list", tote_array(inner, 3)}, {"yes", tote_bool(true)}};
    const tote_value outer[] = {tote_int(1), tote_map(fields, 2)};

    assert_value_is(
        f, tote_array(outer, 2),
        "{\"arrayValue\":{\"values\":[{\"intValue\":\"1\"},{\"kvlistValue\":{\"values\":[{\"key\":"
        "\"list\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"x\"},{},"
        "{\"arrayValue\":{}}]}}},{\"key\":\"yes\",\"value\":{\"boolValue\":true}}]}}]}}");
}

/* In arrays and in maps. */
static void values_are_nested_up_to_the_limit(void **state) {
    enum { LEVELS = 70 };
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_value arrays[LEVELS + 1] = {tote_int(1)};
    tote_value maps[LEVELS + 1] = {tote_int(1)};
    tote_attribute fields[LEVELS];

    for (size_t i = 0; i < LEVELS; i++) {
        fields[i] = (tote_attribute){"k", maps[i]};
        arrays[i + 1] = tote_array(&arrays[i], 1);
        maps[i + 1] = tote_map(&fields[i], 1);
    }
    end_span_with(f, arrays[63]);
    end_span_with(f, maps[63]);
    end_span_with(f, arrays[LEVELS]);
    end_span_with(f, maps[LEVELS]);
    free(encode(f));
}

/* Spec: RFC 8259 section 7 */
static void control_characters_quotes_and_backslashes_are_escaped(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    for (unsigned c = 1; c < 0x80; c++) {
        const char text[] = {'a', (char)c, 'b', '\0'};
        const char *const of_their_own = strchr("\b\f\n\r\t\"\\", (int)c);
        char part[64];
        if (of_their_own) {
            snprintf(part, sizeof part, "{\"stringValue\":\"a\\%cb\"}",
                     "bfnrt\"\\"[of_their_own - "\b\f\n\r\t\"\\"]);
        } else {
            snprintf(part, sizeof part,
                     c < 0x20 ? "{\"stringValue\":\"a\\u%04xb\"}" : "{\"stringValue\":\"a%cb\"}",
                     c);
        }
        assert_value_is(f, tote_string(text), part);
    }
}

/* A text with a length may contain NUL. Spec: RFC 8259 section 7 */
static void nul_is_escaped(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_otlp_buffer buffer = {NULL, 0, 0};

    end_span_with(f, tote_string_of("a\0b", 3));
    assert_true(tote_otlp_encode(TOTE_OTLP_ENCODING_JSON, (const tote_span_data *const *)f->spans,
                                 1, &buffer));
    char *text = text_of(&buffer);
    assert_has(text, "{\"stringValue\":\"a\\u0000b\"}");
    assert_has(text, "]}]}]}");
    free(text);
    tote_otlp_buffer_clear(&buffer);
}

/* Spec: RFC 8259 section 8.1 */
static void invalid_utf_8_is_repaired(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    assert_value_is(f, tote_string("\xC3(h\xC3\xA9"),
                    "{\"stringValue\":\"\xEF\xBF\xBD(h\xC3\xA9\"}");
}

/*
 * One ResourceSpans per resource, one ScopeSpans per scope, with their schema URLs. Compliance:
 * EX-16
 */
static void spans_are_grouped_by_resource_and_scope(void **state) {
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

    char *json = encode(f);
    assert_has(json,
               "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\"");
    assert_has(json, "}],\"schemaUrl\":\"https://schema/resource\"}]}");
    assert_has(json,
               "\"scopeSpans\":[{\"scope\":{\"name\":\"test\",\"version\":\"1.0\"},\"spans\":");
    assert_has(json, "]},{\"scope\":{\"name\":\"other\",\"version\":\"2\",\"attributes\":[{\"key\":"
                     "\"team\",\"value\":{\"stringValue\":\"a\"}}]},\"spans\":[");
    assert_has(json, "\"flags\":259}],\"schemaUrl\":\"https://schema/scope\"}]");
    free(json);
}

/* Spans of two SDKs, one after the other, each with its own resource. */
static void each_resource_has_its_own_resource_spans(void **state) {
    struct sdk_fixture *f = *state;
    const tote_attribute first = {"service.name", tote_string("first")};
    const tote_attribute second = {"service.name", tote_string("second")};
    f->settings.resource = sdk_fixture_resource(&first, 1, "");
    sdk_fixture_start(state);
    end_span_with(f, tote_int(1));
    tote_sdk_close(&f->sdk, 1000);
    f->settings.resource = sdk_fixture_resource(&second, 1, "");
    f->settings.processor_count = 0;
    sdk_fixture_start(state);
    end_span_with(f, tote_int(2));

    char *json = encode(f);
    const char *of_first = strstr(json, "{\"stringValue\":\"first\"}");
    assert_non_null(of_first);
    assert_has(of_first, "}]}]},{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
                         "{\"stringValue\":\"second\"}}]},\"scopeSpans\":[{");
    free(json);
}

static const char *random_text(uint64_t *seed, char *buffer) {
    static const char *const pieces[] = {
        "a", "\xC3\xA9", "\xFF", "\xF0\x9F\x92\xBC", "long text ", "\n", "\"", "\\", "\x01"};
    size_t length = 0;

    for (uint64_t count = next_random(seed) % 24; count > 0; count--) {
        const char *piece = pieces[next_random(seed) % TOTE_COUNT_OF(pieces)];
        memcpy(buffer + length, piece, strlen(piece));
        length += strlen(piece);
    }
    buffer[length] = '\0';
    return buffer;
}

/* A value of any type; `items`, `field` and `text` hold the data that it points to. */
static tote_value random_value(uint64_t *seed, tote_value *items, tote_attribute *field,
                               char *text) {
    switch (next_random(seed) % 8) {
    case 0:
        return tote_bool(next_random(seed) & 1);
    case 1:
        return tote_int((int64_t)(next_random(seed) >> next_random(seed) % 64));
    case 2:
        return tote_double((double)next_random(seed) / 7.0);
    case 3:
        return tote_bytes(random_text(seed, text), strlen(text));
    case 4:
        items[0] = tote_string(random_text(seed, text));
        items[1] = tote_int((int64_t)next_random(seed));
        items[2] = tote_array(items, (size_t)(next_random(seed) % 3));
        return tote_array(items, 3);
    case 5:
        *field = (tote_attribute){"field", tote_string(random_text(seed, text))};
        return tote_map(field, (size_t)(next_random(seed) % 2));
    case 6:
        return tote_string(NULL);
    default:
        return tote_string(random_text(seed, text));
    }
}

static void fill_randomly(tote_span *span, uint64_t *seed) {
    char key[16];
    char text[512];
    tote_value items[3];
    tote_attribute field;

    for (uint64_t count = next_random(seed) % 40; count > 0; count--) {
        snprintf(key, sizeof key, "k%u", (unsigned)(next_random(seed) % 30));
        tote_attribute attribute = {key, random_value(seed, items, &field, text)};
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

/*
 * The oracle is jansson, protobuf-c's packing and the encoder for protobuf: see encode().
 * Compliance: EX-07
 */
static void random_spans_are_equal_in_json_and_protobuf(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.limits.attribute_count = 12;
    f->settings.limits.attribute_count_per_event = 0;
    f->settings.limits.event_count = 3;
    f->settings.limits.link_count = 3;
    sdk_fixture_start(state);
    tote_tracer *tracers[] = {f->tracer, tote_get_tracer("b", NULL), tote_get_tracer("c", "3")};
    tote_span_context *remote = make_remote(3, "foo=1,bar=2");
    uint64_t seed = 42;

    for (int i = 0; i < FIXTURE_MOST_SPANS; i++) {
        tote_span *span = i % 4
                              ? tote_tracer_start_span(tracers[next_random(&seed) % 3], "s", NULL)
                              : start_child_of(f, remote, (tote_span_kind)(next_random(&seed) % 5));
        fill_randomly(span, &seed);
        tote_span_close(&span);
    }
    free(encode(f));
    tote_span_context_unref(remote);
}

/* JSON is appended to the buffer, and no spans append nothing. */
static void encoding_is_appended(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_otlp_buffer buffer = {NULL, 0, 0};
    const tote_span_data *const *spans = (const tote_span_data *const *)f->spans;
    end_span_with(f, tote_int(1));

    assert_true(tote_otlp_encode(TOTE_OTLP_ENCODING_JSON, NULL, 0, &buffer));
    assert_int_equal(buffer.size, 0);
    assert_true(tote_otlp_encode(TOTE_OTLP_ENCODING_JSON, spans, 1, &buffer));
    size_t size = buffer.size;
    assert_true(tote_otlp_encode(TOTE_OTLP_ENCODING_JSON, spans, 1, &buffer));
    assert_int_equal(buffer.size, 2 * size);
    assert_memory_equal(buffer.bytes, buffer.bytes + size, size);
    tote_otlp_buffer_clear(&buffer);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(a_request_has_exactly_this_text),
        SDK_TEST(fields_with_default_values_are_left_out),
        SDK_TEST(zero_values_are_encoded),
        SDK_TEST(flags_contain_whether_the_parent_is_remote),
        SDK_TEST(ids_are_hex_kinds_are_numbers_and_times_are_strings),
        SDK_TEST(integers_are_decimal_strings_over_their_whole_range),
        SDK_TEST(doubles_have_the_fewest_digits_that_keep_their_value),
        SDK_TEST(nan_and_infinity_are_strings),
        SDK_TEST(negative_zero_keeps_its_sign),
        SDK_TEST(numbers_do_not_depend_on_the_locale),
        SDK_TEST(bytes_are_base64),
        SDK_TEST(arrays_and_maps_keep_their_nesting),
        SDK_TEST(values_are_nested_up_to_the_limit),
        SDK_TEST(control_characters_quotes_and_backslashes_are_escaped),
        SDK_TEST(nul_is_escaped),
        SDK_TEST(invalid_utf_8_is_repaired),
        SDK_TEST(spans_are_grouped_by_resource_and_scope),
        SDK_TEST(each_resource_has_its_own_resource_spans),
        SDK_TEST(random_spans_are_equal_in_json_and_protobuf),
        SDK_TEST(encoding_is_appended),
    };
    return RUN_TESTS(tests, argc, argv);
}
