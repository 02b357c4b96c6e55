/* SPDX-License-Identifier: MIT */
/*
 * fuzz_record.c - any bytes are read as a span, by accessors and by encoders
 */
#include "fuzz.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/record.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

static void read_value(tote_value value) {
    char text[64];

    tote_value_to_text(value, text, sizeof text);
    MUST(memchr(text, '\0', sizeof text));
}

static void read_attributes(const tote_attribute *attributes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        MUST(strlen(attributes[i].key) < SIZE_MAX);
        read_value(attributes[i].value);
    }
}

static void read_context(const tote_span_context *context) {
    char header[64];

    MUST(context->trace_id.bytes[0] <= UINT8_MAX && context->span_id.bytes[0] <= UINT8_MAX);
    tote_trace_state_to_header(context->trace_state, header, sizeof header);
    MUST(memchr(header, '\0', sizeof header));
}

/* Returns: how many parts there are. */
static size_t read_parts(const tote_span_data *span) {
    size_t attribute_count, event_count, link_count;
    const tote_attribute *attributes = tote_span_data_get_attributes(span, &attribute_count);
    const tote_event *events = tote_span_data_get_events(span, &event_count);
    const tote_link *links = tote_span_data_get_links(span, &link_count);

    read_attributes(attributes, attribute_count);
    for (size_t i = 0; i < event_count; i++) {
        MUST(strlen(events[i].name) < SIZE_MAX);
        read_attributes(events[i].attributes, events[i].attribute_count);
    }
    for (size_t i = 0; i < link_count; i++) {
        read_context(links[i].context);
        read_attributes(links[i].attributes, links[i].attribute_count);
    }
    return attribute_count + event_count + link_count;
}

static size_t read_all(const tote_span_data *span) {
    MUST(strlen(tote_span_data_get_name(span)) < SIZE_MAX);
    MUST(strlen(tote_span_data_get_status_description(span)) < SIZE_MAX);
    MUST(tote_span_data_get_kind(span) <= TOTE_SPAN_KIND_CONSUMER);
    MUST(tote_span_data_get_status_code(span) <= TOTE_STATUS_ERROR);
    read_context(tote_span_data_get_context(span));
    read_context(tote_span_data_get_parent(span));
    return read_parts(span);
}

static void encode(tote_otlp_encoding encoding, const tote_span_data *span) {
    tote_otlp_buffer buffer = {NULL, 0, 0};

    MUST(tote_otlp_encode(encoding, &span, 1, &buffer));
    MUST(buffer.size);
    tote_otlp_buffer_clear(&buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct tote__read_span span;
    const tote_span_data *borrowed = (const tote_span_data *)&span;

    tote__read_span_set(&span, tote__resource_at(0), &tote__tracer_at(UINT32_MAX)->scope,
                        (struct tote__slice){data, size});
    encode(TOTE_OTLP_PROTOBUF, borrowed);
    encode(TOTE_OTLP_JSON, borrowed);
    size_t parts = read_all(borrowed);
    tote_span_data *copy = tote_span_data_ref(borrowed);
    MUST(copy);
    tote__read_span_clear(&span);
    MUST(read_all(copy) == parts);
    tote_span_data_unref(copy);
    return 0;
}
