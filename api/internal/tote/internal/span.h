/* SPDX-License-Identifier: MIT */
/*
 * span.h - the layout of a span, and the operations that the SDK implements
 *
 * The API checks for NULL and calls `ops`. A span without ops only carries a span context.
 */
#ifndef TOTE_INTERNAL_SPAN_H
#define TOTE_INTERNAL_SPAN_H

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "tote/internal/pool.h"
#include "tote/span.h"

/*
 * Hints of formats other than W3C, in addition to the ids. TOTE__DEBUG: a debug trace; the spans of
 * the trace inherit it. TOTE__DEFERRED: the caller made no sampling decision. TOTE__PARTIAL: there
 * is no remote span, but a decision (in the flags, unless deferred), or a trace id, or both. The
 * next root span that is started under the context uses them. Spec:
 * context/api-propagators.md#b3-requirements
 */
enum { TOTE__DEBUG = 1 << 0, TOTE__DEFERRED = 1 << 1, TOTE__PARTIAL = 1 << 2 };

/*
 * The first 28 bytes are a thread context record, which profilers read. `is_valid` and
 * `attributes_size` are only set in a span; `is_valid` is 1 if neither id is zero. Constant after
 * the span was started. Spec: oteps/profiles/4947-thread-ctx.md#thread-local-context-record
 */
struct tote_span_context {
    tote_trace_id trace_id;
    tote_span_id span_id;
    uint8_t is_valid;
    uint8_t trace_flags;
    uint16_t attributes_size;     /* 0: the record has no attributes */
    _Atomic(uint32_t) references; /* 0: part of a span, or static; never counted */
    uint8_t hints;                /* TOTE__DEBUG, TOTE__DEFERRED, TOTE__PARTIAL */
    bool is_remote;
    tote_trace_state *trace_state; /* owns one reference; NULL: empty */
};

_Static_assert(offsetof(struct tote_span_context, span_id) == 16 &&
                   offsetof(struct tote_span_context, is_valid) == 24 &&
                   offsetof(struct tote_span_context, trace_flags) == 25 &&
                   offsetof(struct tote_span_context, attributes_size) == 26,
               "the layout of a thread context record");

static inline bool tote__trace_id_is_valid(const tote_trace_id *id) {
    uint64_t halves[2];

    memcpy(halves, id->bytes, sizeof halves);
    return halves[0] | halves[1];
}

/* Return whether neither of the ids is zero. */
static inline bool tote__span_context_is_valid(const tote_span_context *context) {
    uint64_t span_id;

    memcpy(&span_id, context->span_id.bytes, sizeof span_id);
    return tote__trace_id_is_valid(&context->trace_id) && span_id;
}

/* The invalid span context: all zero. */
extern TOTE_SHARED const tote_span_context tote__invalid_span_context;

/* Make `to` an uncounted copy that owns a reference to the trace state. */
tote__always_inline void tote__span_context_copy(struct tote_span_context *to,
                                                 const struct tote_span_context *from) {
    to->trace_id = from->trace_id;
    to->span_id = from->span_id;
    atomic_init(&to->references, 0);
    to->trace_flags = from->trace_flags;
    to->hints = from->hints;
    to->is_remote = from->is_remote;
    to->trace_state = from->trace_state ? tote_trace_state_ref(from->trace_state) : NULL;
}

struct tote__span_ops {
    bool (*is_recording)(const tote_span *span);
    void (*set_attributes)(tote_span *span, const tote_attribute *attributes,
                           size_t attribute_count);
    void (*add_event)(tote_span *span, const char *name, const tote_attribute *attributes,
                      size_t attribute_count, uint64_t time_unix_nano);
    void (*add_link)(tote_span *span, const tote_span_context *context,
                     const tote_attribute *attributes, size_t attribute_count);
    void (*set_status)(tote_span *span, tote_status_code code, const char *description);
    void (*update_name)(tote_span *span, const char *name);
    void (*end)(tote_span *span, uint64_t end_time_unix_nano);
    void (*discard)(tote_span *span); /* see tote__span_discard(); NULL: nothing is to be done */
    void (*destroy)(tote_span *span); /* called when the last reference is dropped */
    /*
     * Set the status ERROR and `error.type` unless a status was set. Called if the function of
     * tote_run_scoped() returned `code`, which is not 0.
     */
    void (*fail)(tote_span *span, int code);
    /* Copy the name, cut to the size. Returns false if it is not available. NULL: it never is. */
    bool (*get_name)(const tote_span *span, char *name, size_t size);
};

struct tote_span {
    const struct tote__span_ops *ops;
    _Atomic(uint32_t) references; /* 0: static, never counted */
    struct tote_span_context context;
};

/*
 * Close a span that is not to be exported, because what it was started for does not happen. It is
 * released. It counts as never ended, without a diagnostic.
 */
static inline void tote__span_discard(tote_span *span) {
    if (span && span->ops && span->ops->discard) {
        span->ops->discard(span);
    }
    tote_span_unref(span);
}

enum { TOTE__SPAN_NAME_BYTES = 65, TOTE__SPAN_LABEL_BYTES = TOTE__SPAN_NAME_BYTES + 8 };

/* Write a span's name for a diagnostic: its name, else its id, or "no span". Returns `label`. */
TOTE_SHARED const char *tote__span_label(const tote_span *span, char label[TOTE__SPAN_LABEL_BYTES]);

/* The pool of spans without ops. */
static const struct tote__pool_kind tote__plain_span_pool = {.index = TOTE__POOL_PLAIN_SPANS,
                                                             .kept = 1024,
                                                             .kept_most = 4096,
                                                             .size = sizeof(struct tote_span)};

/* The invalid span: static, non-recording. */
extern TOTE_SHARED tote_span tote__invalid_span;

#endif
