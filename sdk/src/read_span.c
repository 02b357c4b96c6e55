/* SPDX-License-Identifier: MIT */
/*
 * read_span.c - a span that is decoded from a record
 *
 * Tests: tests/unit/test_record.c, tests/fuzz/fuzz_record.c
 */
#include <string.h>

#include "read_span.h"
#include "span_view.h"

static void read_status(struct tote__read_span *span, struct tote__slice status) {
    struct tote__field field;

    while (tote__next_field(&status, &field)) {
        if (tote__field_tag(&field) == TOTE__STATUS_MESSAGE) {
            span->description = field.content;
        } else if (tote__field_tag(&field) == TOTE__STATUS_CODE) {
            bool is_known = field.value <= TOTE_STATUS_CODE_ERROR;
            span->facts.status_code = is_known ? (uint8_t)field.value : TOTE_STATUS_CODE_UNSET;
        }
    }
}

static void read_number(struct tote__read_span *span, const struct tote__field *field) {
    switch (tote__field_tag(field)) {
    case TOTE__SPAN_KIND: /* OTLP's 0 is UNSPECIFIED */
        span->facts.kind = field->value - 1 <= TOTE_SPAN_KIND_CONSUMER ? (uint8_t)(field->value - 1)
                                                                       : TOTE_SPAN_KIND_INTERNAL;
        break;
    case TOTE__SPAN_START_TIME:
        span->facts.start_time_unix_nano = field->value;
        break;
    case TOTE__SPAN_END_TIME:
        span->facts.end_time_unix_nano = field->value;
        break;
    case TOTE__SPAN_DROPPED_ATTRIBUTES:
        span->facts.dropped_attribute_count = (uint32_t)field->value;
        break;
    case TOTE__SPAN_DROPPED_EVENTS:
        span->facts.dropped_event_count = (uint32_t)field->value;
        break;
    case TOTE__SPAN_DROPPED_LINKS:
        span->facts.dropped_link_count = (uint32_t)field->value;
        break;
    case TOTE__SPAN_FLAGS:
        span->base.context.trace_flags = field->value & 0xFF;
        span->facts.parent.is_remote = field->value & TOTE__FLAG_IS_REMOTE;
        break;
    default:
        break;
    }
}

/* Decode everything that needs no memory, except the trace state. */
static void read_fields(struct tote__read_span *span) {
    struct tote_span_context *context = &span->base.context;
    struct tote_span_context *parent = &span->facts.parent;
    struct tote__slice trace_state = {NULL, 0};
    struct tote__slice rest = span->bytes;
    struct tote__field field;

    memset(context, 0, sizeof *context);
    memset(&span->facts, 0, sizeof span->facts);
    span->name = span->description = (struct tote__slice){NULL, 0};
    while (tote__next_field(&rest, &field)) {
        switch (tote__field_tag(&field)) {
        case TOTE__SPAN_TRACE_ID:
            tote__read_id(&context->trace_id, sizeof context->trace_id, field.content);
            break;
        case TOTE__SPAN_SPAN_ID:
            tote__read_id(&context->span_id, sizeof context->span_id, field.content);
            break;
        case TOTE__SPAN_TRACE_STATE:
            trace_state = field.content;
            break;
        case TOTE__SPAN_PARENT_SPAN_ID:
            tote__read_id(&parent->span_id, sizeof parent->span_id, field.content);
            break;
        case TOTE__SPAN_NAME:
            span->name = field.content;
            break;
        case TOTE__SPAN_STATUS:
            read_status(span, field.content);
            break;
        default:
            read_number(span, &field);
            break;
        }
    }
    parent->trace_id = context->trace_id;
    if (!tote__span_context_is_valid(parent)) {
        memset(parent, 0, sizeof *parent);
    }
    context->trace_state =
        tote_trace_state_from_header((const char *)trace_state.at, trace_state.size);
}

struct tote__read_span *tote__read_span_fields(struct tote__read_span *span) {
    if (!atomic_load_explicit(&span->has_fields, memory_order_acquire)) {
        tote__lock_take(&span->lock);
        if (!atomic_load_explicit(&span->has_fields, memory_order_relaxed)) {
            read_fields(span);
            atomic_store_explicit(&span->has_fields, true, memory_order_release);
        }
        tote__lock_drop(&span->lock);
    }
    return span;
}

const struct span_view *tote__read_span_view(struct tote__read_span *span) {
    tote__read_span_fields(span);
    tote__lock_take(&span->lock);
    if (!span->view) {
        const struct span_view_source source = {span->name, span->description, span->bytes,
                                                span->bytes, span->bytes};
        span->view = tote__span_view_new(&source);
    }
    const struct span_view *view = span->view;
    tote__lock_drop(&span->lock);
    return view;
}

void tote__read_span_set(struct tote__read_span *span, const struct tote__resource *resource,
                         const tote_instrumentation_scope *scope, struct tote__slice bytes) {
    span->base.ops = &tote__read_span_ops;
    atomic_init(&span->base.references, 0);
    span->resource = resource;
    span->scope = scope;
    span->owner = NULL;
    span->bytes = bytes;
    atomic_init(&span->lock.holder, 0);
    atomic_init(&span->has_fields, false);
    span->view = NULL;
}

void tote__read_span_clear(struct tote__read_span *span) {
    tote__span_view_free(span->view);
    span->view = NULL;
    if (atomic_load_explicit(&span->has_fields, memory_order_relaxed)) {
        tote_trace_state_unref(span->base.context.trace_state);
        atomic_store_explicit(&span->has_fields, false, memory_order_relaxed);
    }
}

tote_span *tote__read_span_ref(struct tote__read_span *span) {
    if (atomic_load_explicit(&span->base.references, memory_order_relaxed)) {
        return tote_span_ref(&span->base);
    }
    struct tote__read_span *copy = tote__allocate(sizeof *copy + span->bytes.size);
    if (!copy) {
        return NULL;
    }
    uint8_t *bytes = (uint8_t *)(copy + 1);
    tote__put_bytes(bytes, span->bytes.at, span->bytes.size);
    tote__read_span_set(copy, span->resource, span->scope,
                        (struct tote__slice){bytes, span->bytes.size});
    copy->owner = span->owner;
    tote__request_spans_ref(copy->owner);
    atomic_init(&copy->base.references, 1);
    return &copy->base;
}

static void destroy(tote_span *base) {
    struct tote__read_span *span = (struct tote__read_span *)base;

    tote__read_span_clear(span);
    tote__request_spans_unref(span->owner);
    tote__release(span, sizeof *span + span->bytes.size);
}

const struct tote__span_ops tote__read_span_ops = {.destroy = destroy};
