/* SPDX-License-Identifier: MIT */
/*
 * span_context.c - SpanContext and ids. Spec: trace/api.md#spancontext
 *
 * A span context that is part of a span has no reference count: a reference to it is a copy.
 */
#include <string.h>

#include "tote/internal/hex.h"
#include "tote/internal/memory.h"
#include "tote/internal/references.h"
#include "tote/internal/span.h"

const tote_span_context tote__invalid_span_context;

static const tote_span_context *or_invalid(const tote_span_context *context) {
    return context ? context : &tote__invalid_span_context;
}

tote_span_context *tote_span_context_new(const tote_trace_id *trace_id, const tote_span_id *span_id,
                                         uint8_t trace_flags, const tote_trace_state *trace_state,
                                         bool is_remote) {
    static const tote_trace_id no_trace_id;
    static const tote_span_id no_span_id;
    tote_span_context *context = tote__allocate(sizeof *context);

    if (!context) {
        return NULL;
    }
    *context = (tote_span_context){
        .trace_id = trace_id ? *trace_id : no_trace_id,
        .span_id = span_id ? *span_id : no_span_id,
        .references = 1,
        .trace_flags = trace_flags,
        .is_remote = is_remote,
        .trace_state = tote_trace_state_ref((tote_trace_state *)trace_state),
    };
    return context;
}

tote_span_context *tote_span_context_copy(const tote_span_context *context) {
    tote_span_context *counted = (tote_span_context *)context;

    if (!context) {
        return NULL;
    }
    if (atomic_load_explicit(&counted->references, memory_order_relaxed) == 0) {
        tote_span_context *copy =
            tote_span_context_new(&context->trace_id, &context->span_id, context->trace_flags,
                                  context->trace_state, context->is_remote);
        if (copy) {
            copy->hints = context->hints;
        }
        return copy;
    }
    tote__references_add(&counted->references);
    return counted;
}

void tote_span_context_unref(tote_span_context *context) {
    if (context && tote__references_drop(&context->references)) {
        tote_trace_state_unref(context->trace_state);
        tote__release(context, sizeof *context);
    }
}

const tote_trace_id *tote_span_context_get_trace_id(const tote_span_context *context) {
    return &or_invalid(context)->trace_id;
}

const tote_span_id *tote_span_context_get_span_id(const tote_span_context *context) {
    return &or_invalid(context)->span_id;
}

uint8_t tote_span_context_get_trace_flags(const tote_span_context *context) {
    return or_invalid(context)->trace_flags;
}

const tote_trace_state *tote_span_context_get_trace_state(const tote_span_context *context) {
    return or_invalid(context)->trace_state;
}

bool tote_span_context_is_valid(const tote_span_context *context) {
    return context && tote__span_context_is_valid(context);
}

bool tote_span_context_is_remote(const tote_span_context *context) {
    return or_invalid(context)->is_remote;
}

bool tote_span_context_is_sampled(const tote_span_context *context) {
    return or_invalid(context)->trace_flags & TOTE_TRACE_FLAG_SAMPLED;
}

static const uint8_t zeros[sizeof(tote_trace_id)];

static void to_hex(const void *id, size_t size, char *hex) {
    if (hex) {
        tote__hex_encode(hex, id ? id : zeros, size);
        hex[2 * size] = '\0';
    }
}

void tote_trace_id_to_hex(const tote_trace_id *id, char *hex) {
    to_hex(id, sizeof *id, hex);
}

void tote_span_id_to_hex(const tote_span_id *id, char *hex) {
    to_hex(id, sizeof *id, hex);
}

/* Parse an id. Returns false and writes nothing if the length is wrong or all digits are zero. */
static bool from_hex(void *id, size_t size, const char *hex) {
    uint8_t read[sizeof zeros];

    if (!id || !hex || strnlen(hex, 2 * size + 1) != 2 * size ||
        !tote__hex_decode(read, hex, size) || memcmp(read, zeros, size) == 0) {
        return false;
    }
    memcpy(id, read, size);
    return true;
}

bool tote_trace_id_from_hex(tote_trace_id *id, const char *hex) {
    return from_hex(id, sizeof *id, hex);
}

bool tote_span_id_from_hex(tote_span_id *id, const char *hex) {
    return from_hex(id, sizeof *id, hex);
}
