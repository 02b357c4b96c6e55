/* SPDX-License-Identifier: MIT */
/*
 * span_wire.h - an ended span as its parts of an OTLP Span, for encoders
 */
#ifndef TOTE_INTERNAL_SPAN_WIRE_H
#define TOTE_INTERNAL_SPAN_WIRE_H

#include "tote/internal/sdk.h"
#include "tote/internal/span.h"
#include "tote/internal/wire.h"
#include "tote/sdk/span_data.h"

/* Everything is borrowed from the span. */
struct tote__span_wire {
    const struct tote_span_context *context;
    const struct tote_span_context *parent; /* NULL: a root */
    struct tote__slice name;
    struct tote__slice attributes; /* fields 9 of Span, ready */
    struct tote__slice events;     /* fields 11 */
    struct tote__slice links;      /* fields 13 */
    struct tote__slice status_description;
    uint32_t dropped_attribute_count;
    uint32_t dropped_event_count;
    uint32_t dropped_link_count;
    tote_span_kind kind;
    tote_status_code status_code;
    uint64_t start_time_unix_nano;
    uint64_t end_time_unix_nano;
    uint32_t scope;    /* a tracer's index */
    uint32_t resource; /* a resource's index */
};

struct tote__span_wire tote__span_get_wire(const tote_span_data *span);

/* Set by the thread that ends the span, before it is queued, and read by who exports it. */
struct tote__secured tote__span_secured(const tote_span_data *span);
void tote__span_set_secured(tote_span_data *span, struct tote__secured secured);

/* Span.flags. Requirement G19 */
static inline uint32_t tote__span_flags(const struct tote__span_wire *span) {
    uint32_t flags = 0x100U | span->context->trace_flags;

    return span->parent && span->parent->is_remote ? flags | 0x200U : flags;
}

#endif
