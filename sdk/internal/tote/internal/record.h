/* SPDX-License-Identifier: MIT */
/*
 * record.h - an ended span as a record: a head, and the encoded fields of an OTLP Span
 *
 * A record has the same format in memory, in shared memory and in a file. Numbers of the head are
 * in the machine's byte order: a record is read on the machine that wrote it. The bytes are those
 * that a collector receives; an exporter concatenates them.
 */
#ifndef TOTE_INTERNAL_RECORD_H
#define TOTE_INTERNAL_RECORD_H

#include <stdatomic.h>

#include "tote/internal/buffer.h"
#include "tote/internal/lock.h"
#include "tote/internal/span.h"
#include "tote/internal/wire.h"
#include "tote/sdk/span_data.h"

struct tote__request_spans;
struct tote__resource;

/* Tags of the fields of an OTLP Span, Status, Event and Link. */
enum {
    TOTE__SPAN_TRACE_ID = 1 << 3 | 2,
    TOTE__SPAN_SPAN_ID = 2 << 3 | 2,
    TOTE__SPAN_TRACE_STATE = 3 << 3 | 2,
    TOTE__SPAN_PARENT_SPAN_ID = 4 << 3 | 2,
    TOTE__SPAN_NAME = 5 << 3 | 2,
    TOTE__SPAN_KIND = 6 << 3,
    TOTE__SPAN_START_TIME = 7 << 3 | 1,
    TOTE__SPAN_END_TIME = 8 << 3 | 1,
    TOTE__SPAN_ATTRIBUTE = 9 << 3 | 2,
    TOTE__SPAN_DROPPED_ATTRIBUTES = 10 << 3,
    TOTE__SPAN_EVENT = 11 << 3 | 2,
    TOTE__SPAN_DROPPED_EVENTS = 12 << 3,
    TOTE__SPAN_LINK = 13 << 3 | 2,
    TOTE__SPAN_DROPPED_LINKS = 14 << 3,
    TOTE__SPAN_STATUS = 15 << 3 | 2,
    TOTE__SPAN_FLAGS = 16 << 3 | 5, /* the only tag of two bytes */
    TOTE__STATUS_MESSAGE = 2 << 3 | 2,
    TOTE__STATUS_CODE = 3 << 3,
    TOTE__EVENT_TIME = 1 << 3 | 1,
    TOTE__EVENT_NAME = 2 << 3 | 2,
    TOTE__EVENT_DROPPED = 4 << 3,
    TOTE__LINK_TRACE_ID = 1 << 3 | 2,
    TOTE__LINK_SPAN_ID = 2 << 3 | 2,
    TOTE__LINK_TRACE_STATE = 3 << 3 | 2,
    TOTE__LINK_DROPPED = 5 << 3,
    TOTE__LINK_FLAGS = 6 << 3 | 5
};

/*
 * SpanFlags: the low byte contains the trace flags; two bits tell whether the parent is remote, if
 * known.
 */
enum { TOTE__FLAG_HAS_IS_REMOTE = 0x100, TOTE__FLAG_IS_REMOTE = 0x200 };

/* A record exists once its state is not EMPTY. The state is stored last. */
enum tote__record_state {
    TOTE__RECORD_EMPTY = 0,
    TOTE__RECORD_LIVE = 0x4C495645,
    TOTE__RECORD_SETTLED = 0x444F4E45,
    TOTE__RECORD_SKIPPED =
        0x534B4950 /* was never LIVE: its resource or scope is not known to other processes */
};

struct tote__record {
    _Atomic(uint32_t) state;
    uint32_t size;     /* of `bytes`, without padding to 8 */
    uint32_t resource; /* index of the resource */
    uint32_t scope;    /* index of the tracer */
    uint64_t checksum; /* in crash-safe mode, else 0 */
    uint8_t bytes[];   /* the fields of an OTLP Span */
};

/* Return the size of a record with that many bytes. */
static inline size_t tote__record_size(size_t bytes) {
    return sizeof(struct tote__record) + ((bytes + 7) & ~(size_t)7);
}

/* Values that getters return directly. */
struct tote__span_facts {
    struct tote_span_context parent; /* not valid for a root span */
    uint64_t start_time_unix_nano;
    uint8_t kind;
    uint64_t end_time_unix_nano;
    uint32_t dropped_attribute_count;
    uint32_t dropped_event_count;
    uint32_t dropped_link_count;
    uint8_t status_code;
};

/*
 * A span that is decoded from its bytes; a tote_span_data like a recording span. Bounds are checked
 * and unreadable fields are ignored, because the bytes may come from a file. Threads: thread-safe.
 */
struct tote__read_span {
    struct tote_span base; /* references: 0, or those of a copy */
    const struct tote__resource *resource;
    const tote_instrumentation_scope *scope;
    struct tote__request_spans *owner; /* owns `resource` and `scope`; NULL: they are never freed */
    struct tote__slice bytes;          /* borrowed; a copy has them behind the struct */
    /*
     * Protects the following fields and the context in `base`, which are decoded on first access.
     */
    struct tote__lock lock;
    _Atomic(bool) has_fields; /* stored last */
    struct span_view *view;
    struct tote__span_facts facts;
    struct tote__slice name;
    struct tote__slice description;
};

/* Initialize a span of these bytes, which must outlive it. Decodes nothing yet. */
void tote__read_span_set(struct tote__read_span *span, const struct tote__resource *resource,
                         const tote_instrumentation_scope *scope, struct tote__slice bytes);

/* Release decoded data. No thread reads the span any more. */
void tote__read_span_clear(struct tote__read_span *span);

/* A span as encoders use it; `bytes` are borrowed. */
struct tote__span_bytes {
    const struct tote__resource *resource;
    const tote_instrumentation_scope *scope;
    struct tote__slice bytes;
};

/*
 * Return the bytes of an ended span, encoded into the arena if it is a recording span. Returns
 * false if out of memory.
 */
bool tote__span_data_bytes(const tote_span_data *data, struct tote__arena *arena,
                           struct tote__span_bytes *out);

/* Encode the fields of an InstrumentationScope into the arena. Returns false if out of memory. */
bool tote__scope_message(const tote_instrumentation_scope *scope, struct tote__arena *arena,
                         struct tote__slice *message);

/*
 * Append the fields of a ResourceSpans or ScopeSpans, without the spans. Returns false if out of
 * memory.
 */
bool tote__define_resource(struct tote__buffer *buffer, uint32_t index);
bool tote__define_scope(struct tote__buffer *buffer, uint32_t index);

#endif
