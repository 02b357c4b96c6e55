/* SPDX-License-Identifier: MIT */
/*
 * fuzz_spans.c - spans with any content are encoded byte for byte as by protobuf-c, and equally in
 * JSON
 */
#include "fuzz.h"
#include "otlp/encode/encode.h"
#include "otlp/request.pb-c.h"
#include "request_from_json.h"
#include "tote/sdk/span_exporter.h"
#include "tote/tote.h"

/* Input, consumed piece by piece. */
struct input {
    const uint8_t *at;
    size_t left;
};

static unsigned take(struct input *input) {
    if (!input->left) {
        return 0;
    }
    input->left--;
    return *input->at++;
}

/* A text of up to 255 bytes of any value except NUL. */
static const char *take_text(struct input *input, char *text) {
    size_t length = take(input);

    length = length < input->left ? length : input->left;
    memcpy(text, input->at, length);
    text[length] = '\0';
    input->at += length;
    input->left -= length;
    return text;
}

static tote_value take_value(struct input *input, tote_value *items, tote_attribute *field,
                             char *text) {
    switch (take(input) % 7) {
    case 0:
        return tote_bool(take(input) & 1);
    case 1:
        return tote_int((int64_t)(((uint64_t)take(input) << take(input) % 64) - 1));
    case 2:
        return tote_double(take(input) / 7.0);
    case 3:
        return tote_bytes(take_text(input, text), strlen(text));
    case 4:
        items[0] = tote_string(take_text(input, text));
        items[1] = tote_array(items, 1);
        return tote_array(items, 2);
    case 5:
        *field = (tote_attribute){"field", tote_string(take_text(input, text))};
        return tote_map(field, 1);
    default:
        return tote_string(take_text(input, text));
    }
}

static void record_from_input(tote_span *span, struct input *input) {
    char key[256];
    char text[256];
    tote_value items[2];
    tote_attribute field;

    while (input->left) {
        unsigned what = take(input);
        tote_attribute attribute = {take_text(input, key), take_value(input, items, &field, text)};
        switch (what % 8) {
        case 0:
            tote_span_add_event(span, key, &attribute, 1, take(input));
            break;
        case 1:
            tote_span_add_link(span, tote_span_get_context(span), &attribute, 1);
            break;
        case 2:
            tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, key);
            break;
        case 3:
            tote_span_update_name(span, key);
            break;
        default:
            tote_span_set_attribute(span, key, attribute.value);
            break;
        }
    }
}

/* A message is packed to these bytes. */
static void check_packed(const Tote__Otlp__ExportTraceServiceRequest *request,
                         const tote_otlp_buffer *buffer) {
    MUST(tote__otlp__export_trace_service_request__get_packed_size(request) == buffer->size);
    uint8_t *packed = malloc(buffer->size);
    MUST(packed);
    tote__otlp__export_trace_service_request__pack(request, packed);
    MUST(memcmp(packed, buffer->bytes, buffer->size) == 0);
    free(packed);
}

/* The JSON of the span equals its protobuf. */
static void check_json(const tote_span_data *span, const tote_otlp_buffer *protobuf) {
    tote_otlp_buffer buffer = {NULL, 0, 0};
    struct tote__arena arena = {NULL, NULL, 0};
    const char *surprise;

    MUST(tote_otlp_encode(TOTE_OTLP_ENCODING_JSON, &span, 1, &buffer));
    Tote__Otlp__ExportTraceServiceRequest *request =
        request_from_json(buffer.bytes, buffer.size, &arena, &surprise);
    MUST(request);
    check_packed(request, protobuf);
    tote__arena_clear(&arena);
    tote_otlp_buffer_clear(&buffer);
}

static void check(const tote_span_data *span) {
    tote_otlp_buffer buffer = {NULL, 0, 0};

    MUST(tote_otlp_encode(TOTE_OTLP_ENCODING_PROTOBUF, &span, 1, &buffer));
    Tote__Otlp__ExportTraceServiceRequest *request =
        tote__otlp__export_trace_service_request__unpack(NULL, buffer.size, buffer.bytes);
    MUST(request);
    check_packed(request, &buffer);
    check_json(span, &buffer);
    tote__otlp__export_trace_service_request__free_unpacked(request, NULL);
    tote_otlp_buffer_clear(&buffer);
}

static tote_result check_spans(void *self, const tote_span_data *const *spans, size_t count,
                               uint32_t timeout_ms, tote_export_outcome *report) {
    (void)self, (void)timeout_ms, (void)report;
    for (size_t i = 0; i < count; i++) {
        check(spans[i]);
    }
    return TOTE_RESULT_SUCCESS;
}

static void ignore(tote_level level, const char *component, const char *message, void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

static void start_sdk(void) {
    static const tote_span_exporter_ops ops = {.struct_size = sizeof ops,
                                               .export_spans = check_spans};
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_span_exporter *exporter = tote_span_exporter_new(&ops, NULL);

    tote_diagnostics_set_handler(ignore, TOTE_LEVEL_ERROR, NULL);
    options.ignore_environment = true;
    batch.mode = TOTE_EXPORT_MODE_SIMPLE;
    options.batch = &batch;
    options.exporters = &exporter;
    options.exporter_count = 1;
    MUST(tote_sdk_start(&options));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool is_started;
    struct input input = {data, size};

    if (!is_started) {
        start_sdk();
        is_started = true;
    }
    tote_span *span = tote_tracer_start_span(tote_get_tracer("fuzz", NULL), "work", NULL);
    record_from_input(span, &input);
    tote_span_close(&span);
    return 0;
}
