/* SPDX-License-Identifier: MIT */
/*
 * details.h - everything a span contains, decoded on demand
 *
 * Text is UTF-8 without control characters: it is safe to display. Long values are cut at
 * TERMINAL_LONGEST bytes.
 */
#ifndef TOTE_CLI_DETAILS_H
#define TOTE_CLI_DETAILS_H

#include "terminal.h"
#include "tote/internal/memory.h"
#include "trace.h"

enum trace_value_type {
    TRACE_VALUE_EMPTY,
    TRACE_VALUE_STRING,
    TRACE_VALUE_BOOL,
    TRACE_VALUE_INT,
    TRACE_VALUE_DOUBLE,
    TRACE_VALUE_ARRAY,
    TRACE_VALUE_MAP,
    TRACE_VALUE_BYTES
};

struct trace_attribute {
    const char *key;
    const char *value; /* arrays and maps like JSON, without quotation marks */
    enum trace_value_type type;
};

struct trace_attributes {
    struct trace_attribute *items;
    size_t count;
    uint32_t dropped_count; /* reported by the sender */
};

struct trace_event {
    const char *name;
    uint64_t time_unix_nano;
    struct trace_attributes attributes;
};

struct trace_link {
    uint8_t trace_id[16]; /* zeros if it is invalid */
    uint8_t span_id[8];
    const char *trace_state;
    struct trace_attributes attributes;
};

struct span_details {
    const char *status_message; /* "" if none */
    const char *trace_state;
    uint32_t flags;
    struct trace_attributes attributes;
    struct trace_event *events;
    size_t event_count;
    uint32_t dropped_event_count;
    struct trace_link *links;
    size_t link_count;
    uint32_t dropped_link_count;
    struct trace_attributes resource;
    const char *scope_name;
    const char *scope_version;
    struct trace_attributes scope;
};

/* Decode a span into the arena. Returns false if out of memory; the details are incomplete then. */
bool span_details_read(const struct trace_span *span, struct tote__arena *arena,
                       struct span_details *details);

/* Return "server", "client" and so on; "unset", "ok" or "error". */
const char *trace_kind_name(tote_span_kind kind);
const char *trace_status_name(tote_status_code code);

/* Write the text of an AnyValue, not cleaned and without NUL. Returns its length. */
size_t trace_value_text(struct tote__slice any_value, char text[TERMINAL_LONGEST]);

/* Return the value of the attribute with this key; NULL: there is none. */
const char *trace_attribute_find(const struct trace_attributes *attributes, const char *key);

#endif
