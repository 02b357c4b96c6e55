/* SPDX-License-Identifier: MIT */
/**
 * @file tote/span_context.h
 * SpanContext: the part of a span that is sent to other services. Spec: trace/api.md#spancontext
 *
 * Threads:  thread-safe; immutable.
 * Lifetime: reference counted. What a getter returns is borrowed from its argument. The ids of a
 *           NULL context are zero, and it is not valid.
 */
#ifndef TOTE_SPAN_CONTEXT_H
#define TOTE_SPAN_CONTEXT_H

#include "tote/trace_state.h"

TOTE_BEGIN_DECLS

/** The id of a trace, in the order of its bytes in headers. Frozen. All bytes 0: invalid. */
typedef struct tote_trace_id {
    uint8_t bytes[16];
} tote_trace_id;

/** The id of a span, in the order of its bytes in headers. Frozen. All bytes 0: invalid. */
typedef struct tote_span_id {
    uint8_t bytes[8];
} tote_span_id;

/** Bytes of an id in hex, with the NUL at its end. */
#define TOTE_TRACE_ID_HEX_SIZE 33
#define TOTE_SPAN_ID_HEX_SIZE 17

/** The flags of a trace, those of W3C Trace Context Level 2. */
enum { TOTE_TRACE_FLAG_SAMPLED = 1 << 0, TOTE_TRACE_FLAG_RANDOM = 1 << 1 };

/** The identity of a span: ids, flags, trace state, and whether it was extracted. Immutable. */
typedef struct tote_span_context tote_span_context;

/** Create a span context, also with invalid ids. Returns NULL if out of memory. */
TOTE_API TOTE_MUST_USE tote_span_context *
tote_span_context_new(const tote_trace_id *trace_id, const tote_span_id *span_id,
                      uint8_t trace_flags, const tote_trace_state *trace_state, bool is_remote);

/**
 * Return an equal span context that does not depend on a span; it may be the same object. Release
 * it with tote_span_context_unref(). NULL if out of memory.
 */
TOTE_API TOTE_MUST_USE tote_span_context *tote_span_context_copy(const tote_span_context *context);

/** Release a reference. The last one frees the span context. */
TOTE_API void tote_span_context_unref(tote_span_context *context);

/** Return the ids. Never NULL: all bytes of an invalid id are 0. */
TOTE_API const tote_trace_id *tote_span_context_get_trace_id(const tote_span_context *context);
TOTE_API const tote_span_id *tote_span_context_get_span_id(const tote_span_context *context);

/** Return the flags TOTE_TRACE_FLAG_*. */
TOTE_API uint8_t tote_span_context_get_trace_flags(const tote_span_context *context);

/** Return the trace state. NULL is the empty list. */
TOTE_API const tote_trace_state *
tote_span_context_get_trace_state(const tote_span_context *context);

/** Return whether both ids are valid: not all bytes are 0. */
TOTE_API bool tote_span_context_is_valid(const tote_span_context *context);

/** Return whether it was extracted from a message. */
TOTE_API bool tote_span_context_is_remote(const tote_span_context *context);

/** Return whether TOTE_TRACE_FLAG_SAMPLED is set. */
TOTE_API bool tote_span_context_is_sampled(const tote_span_context *context);

/** Write an id in lower-case hex. `hex` has TOTE_TRACE_ID_HEX_SIZE (TOTE_SPAN_ID_HEX_SIZE) bytes.
 */
TOTE_API void tote_trace_id_to_hex(const tote_trace_id *id, char *hex);
TOTE_API void tote_span_id_to_hex(const tote_span_id *id, char *hex);

/**
 * Read an id of exactly 32 (16) lower-case hex digits. Returns false, and does not change `id`, for
 * any other text and if all digits are 0.
 */
TOTE_API bool tote_trace_id_from_hex(tote_trace_id *id, const char *hex);
TOTE_API bool tote_span_id_from_hex(tote_span_id *id, const char *hex);

TOTE_END_DECLS

#define TOTE__OFF_SPAN_CONTEXT
#include "tote/disabled.h"

#endif
