/* SPDX-License-Identifier: MIT */
/*
 * record.c - encodes an OTLP Span
 *
 * A span stores attributes, events and links as encoded fields, so encoding concatenates them. The
 * result equals protobuf's own encoding: fields in the order of their numbers, default values
 * omitted. Spec: opentelemetry-proto trace/v1/trace.proto
 */
#include "tote/internal/record.h"

#include <string.h>

#include "read_span.h"
#include "span.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

/*
 * Size of all fields except the variable-length ones, and of the heads of these: no field exceeds 4
 * GB.
 */
enum {
    MOST_HEAD = 1 + 5,
    MOST_FIXED_BYTES = 2 + sizeof(tote_trace_id) + 2 * (2 + sizeof(tote_span_id)) + 2 /* kind */ +
                       2 * (1 + sizeof(uint64_t)) + 3 * MOST_HEAD /* dropped */ +
                       2 /* tag of the flags */ + sizeof(uint32_t),
    MOST_HEADS = 4 * MOST_HEAD /* trace state, name, status, its message */ + 2 /* its code */
};

static inline size_t trace_state_length(const struct span *span) {
    const tote_trace_state *state = span->base.context.trace_state;

    return tote__unlikely(state) ? tote_trace_state_to_header(state, NULL, 0) : 0;
}

size_t tote__record_most_bytes(const struct span *span) {
    return MOST_FIXED_BYTES + MOST_HEADS + trace_state_length(span) + (size_t)span->name.size +
           span->attributes.size + span->events.size + span->links.size + span->description.size;
}

static inline uint8_t *put_time(uint8_t *out, uint8_t tag, uint64_t time) {
    if (!time) {
        return out;
    }
    *out = tag;
    return tote__put_fixed64(out + 1, time);
}

static inline uint8_t *put_region(uint8_t *out, const struct span *span,
                                  const struct region *region) {
    return tote__put_bytes(out, tote__span_at(span, region), region->size);
}

static inline uint8_t *put_text(uint8_t *out, uint8_t tag, const struct span *span,
                                const struct region *text) {
    return text->size ? put_region(tote__put_head(out, tag, text->size), span, text) : out;
}

/* Also writes a NUL, which the next field overwrites. */
static uint8_t *put_trace_state(uint8_t *out, const struct span *span, size_t length) {
    out = tote__put_head(out, TOTE__SPAN_TRACE_STATE, length);
    tote_trace_state_to_header(span->base.context.trace_state, (char *)out, length + 1);
    return out + length;
}

static uint8_t *put_status(uint8_t *out, const struct span *span) {
    size_t message = span->description.size;
    size_t size = message ? tote__run_size(message) : 0;

    out = tote__put_head(out, TOTE__SPAN_STATUS, size + (span->facts.status_code ? 2 : 0));
    out = put_text(out, TOTE__STATUS_MESSAGE, span, &span->description);
    return tote__put_number(out, TOTE__STATUS_CODE, span->facts.status_code);
}

static uint32_t flags_of(const struct span *span) {
    uint32_t flags = (uint32_t)TOTE__FLAG_HAS_IS_REMOTE | span->base.context.trace_flags;

    return span->has_parent && span->facts.parent.is_remote ? flags | TOTE__FLAG_IS_REMOTE : flags;
}

size_t tote__record_put_span(uint8_t *bytes, const struct span *span) {
    const struct tote_span_context *context = &span->base.context;
    uint8_t *out =
        tote__put_run(bytes, TOTE__SPAN_TRACE_ID, &context->trace_id, sizeof context->trace_id);
    size_t state = trace_state_length(span);

    out = tote__put_run(out, TOTE__SPAN_SPAN_ID, &context->span_id, sizeof context->span_id);
    if (tote__unlikely(state)) {
        out = put_trace_state(out, span, state);
    }
    if (span->has_parent) {
        out = tote__put_run(out, TOTE__SPAN_PARENT_SPAN_ID, &span->facts.parent.span_id,
                            sizeof(tote_span_id));
    }
    out = put_text(out, TOTE__SPAN_NAME, span, &span->name);
    out = tote__put_head(out, TOTE__SPAN_KIND, span->facts.kind + 1U); /* OTLP's 0 is UNSPECIFIED */
    out = put_time(out, TOTE__SPAN_START_TIME, span->facts.start_time_unix_nano);
    out = put_time(out, TOTE__SPAN_END_TIME, span->facts.end_time_unix_nano);
    out = put_region(out, span, &span->attributes);
    out = tote__put_number(out, TOTE__SPAN_DROPPED_ATTRIBUTES, span->facts.dropped_attribute_count);
    out = put_region(out, span, &span->events);
    out = tote__put_number(out, TOTE__SPAN_DROPPED_EVENTS, span->facts.dropped_event_count);
    out = put_region(out, span, &span->links);
    out = tote__put_number(out, TOTE__SPAN_DROPPED_LINKS, span->facts.dropped_link_count);
    if (span->facts.status_code || span->description.size) {
        out = put_status(out, span);
    }
    out = tote__put_fixed32(tote__put_varint(out, TOTE__SPAN_FLAGS), flags_of(span));
    return (size_t)(out - bytes);
}

bool tote__span_data_bytes(const tote_span_data *data, struct tote__arena *arena,
                           struct tote__span_bytes *out) {
    const struct tote__read_span *read = tote__as_read_span(data);
    if (read) {
        *out = (struct tote__span_bytes){read->resource, read->scope, read->bytes};
        return true;
    }
    const struct span *span = tote__span_of_data(data);
    uint8_t *bytes = tote__arena_allocate(arena, tote__record_most_bytes(span));

    if (!bytes) {
        return false;
    }
    *out = (struct tote__span_bytes){tote__resource_at(span->origin.resource),
                                     &tote__tracer_at(span->scope)->scope,
                                     {bytes, tote__record_put_span(bytes, span)}};
    return true;
}
