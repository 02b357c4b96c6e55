/* SPDX-License-Identifier: MIT */
/* read_span.h - each accessor of a span is called, and its result is read */
#ifndef TOTE_FUZZ_READ_SPAN_H
#define TOTE_FUZZ_READ_SPAN_H

#include "fuzz.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/span.h"

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

/* Returns how many parts there are. */
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
    MUST(tote_span_data_get_status_code(span) <= TOTE_STATUS_CODE_ERROR);
    read_context(tote_span_data_get_context(span));
    read_context(tote_span_data_get_parent(span));
    return read_parts(span);
}

#endif
