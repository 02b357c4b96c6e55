/* SPDX-License-Identifier: MIT */
/**
 * @file tote/span_context.h
 * SpanContext: what of a span goes over the wire. Spec: trace/api.md#spancontext
 *
 * Threads:  any; immutable.
 * Lifetime: counted; what a getter returns is borrowed from its argument. A NULL
 *           context has all-zero ids and is not valid.
 */
#ifndef TOTE_SPAN_CONTEXT_H
#define TOTE_SPAN_CONTEXT_H

#include "tote/trace_state.h"

TOTE_BEGIN_DECLS

typedef struct tote_trace_id {
    uint8_t bytes[16];
} tote_trace_id;

typedef struct tote_span_id {
    uint8_t bytes[8];
} tote_span_id;

/** Room for an id as hex and the NUL behind it. */
#define TOTE_TRACE_ID_HEX_SIZE 33
#define TOTE_SPAN_ID_HEX_SIZE 17

enum { TOTE_TRACE_FLAG_SAMPLED = 1 << 0, TOTE_TRACE_FLAG_RANDOM = 1 << 1 };

typedef struct tote_span_context tote_span_context;

/** Invalid ids are kept as they are. NULL if out of memory. */
TOTE_API TOTE_MUST_USE tote_span_context *
tote_span_context_new(const tote_trace_id *trace_id, const tote_span_id *span_id,
                      uint8_t trace_flags, const tote_trace_state *trace_state, bool is_remote);

/**
 * One more reference, or an equal copy where `context` is part of a span. NULL if out of memory.
 */
TOTE_API tote_span_context *tote_span_context_copy(const tote_span_context *context);
TOTE_API void tote_span_context_unref(tote_span_context *context);

TOTE_API const tote_trace_id *tote_span_context_get_trace_id(const tote_span_context *context);
TOTE_API const tote_span_id *tote_span_context_get_span_id(const tote_span_context *context);
TOTE_API uint8_t tote_span_context_get_trace_flags(const tote_span_context *context);
TOTE_API const tote_trace_state *
tote_span_context_get_trace_state(const tote_span_context *context);
TOTE_API bool tote_span_context_is_valid(const tote_span_context *context);
TOTE_API bool tote_span_context_is_remote(const tote_span_context *context);
TOTE_API bool tote_span_context_is_sampled(const tote_span_context *context);

/** Lower-case hex into `hex`, which has TOTE_TRACE_ID_HEX_SIZE bytes. */
TOTE_API void tote_trace_id_to_hex(const tote_trace_id *id, char *hex);
TOTE_API void tote_span_id_to_hex(const tote_span_id *id, char *hex);

/**
 * Exactly 32 (16) lower-case digits, not all zero. Returns: false, and `id` as it was, otherwise.
 */
TOTE_API bool tote_trace_id_from_hex(tote_trace_id *id, const char *hex);
TOTE_API bool tote_span_id_from_hex(tote_span_id *id, const char *hex);

TOTE_END_DECLS

#define TOTE__OFF_SPAN_CONTEXT
#include "tote/disabled.h"

#endif
