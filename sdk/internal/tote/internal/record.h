/* SPDX-License-Identifier: MIT */
/*
 * record.h - an ended span as a record: a head, and the bytes of an OTLP Span
 *
 * A record means the same in memory, in a mapped file and on disk. Numbers of the head are in the
 * byte order of the machine: a record is read where it was written. The bytes are what a collector
 * receives; an exporter joins them and encodes nothing.
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

/* The fields of an OTLP Span, and of its Status, Event and Link, by their tags. */
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
    TOTE__SPAN_FLAGS = 16 << 3 | 5, /* the one tag of two bytes */
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

/* SpanFlags: the low byte has the trace flags; whether the parent is remote, if that is known. */
enum { TOTE__FLAG_HAS_IS_REMOTE = 0x100, TOTE__FLAG_IS_REMOTE = 0x200 };

/* A record exists once its state, which is stored last, is not EMPTY. */
enum tote__record_state {
    TOTE__RECORD_EMPTY = 0,
    TOTE__RECORD_LIVE = 0x4C495645,
    TOTE__RECORD_SETTLED = 0x444F4E45,
    TOTE__RECORD_SKIPPED = 0x534B4950 /* was never LIVE: nobody could tell its resource or scope */
};

struct tote__record {
    _Atomic(uint32_t) state;
    uint32_t size;     /* of `bytes`, before they are filled up to eights */
    uint32_t resource; /* a resource's index */
    uint32_t scope;    /* a tracer's index */
    uint64_t checksum; /* in crash-safe mode; else 0 */
    uint8_t bytes[];   /* the fields of an OTLP Span */
};

/* The size of a record with so many bytes. */
static inline size_t tote__record_size(size_t bytes) {
    return sizeof(struct tote__record) + ((bytes + 7) & ~(size_t)7);
}

/* What accessors return as it is. */
struct tote__span_facts {
    struct tote_span_context parent; /* of a root: not valid */
    uint64_t start_time_unix_nano;
    uint8_t kind;
    uint64_t end_time_unix_nano;
    uint32_t dropped_attribute_count;
    uint32_t dropped_event_count;
    uint32_t dropped_link_count;
    uint8_t status_code;
};

/*
 * A span that is read from its bytes: a tote_span_data like a recording span. Bounds are checked,
 * and what is not readable is left out, for the bytes may come from a file. Any number of threads
 * may read it at once.
 */
struct tote__read_span {
    struct tote_span base; /* `ops` tells it from a recording span; references: 0, or of a copy */
    const struct tote__resource *resource;
    const tote_instrumentation_scope *scope;
    struct tote__request_spans *owner; /* of the two, if they were read; NULL: they are for ever */
    struct tote__slice bytes;          /* borrowed; those of a copy stand behind it */
    /* Guards what follows, and the context in `base`: read when an accessor is first called. */
    struct tote__lock lock;
    _Atomic(bool) has_fields; /* stored last */
    struct span_view *view;
    struct tote__span_facts facts;
    struct tote__slice name;
    struct tote__slice description;
};

/* Make it the span of these bytes, which have to outlive it. Reads nothing yet. */
void tote__read_span_set(struct tote__read_span *span, const struct tote__resource *resource,
                         const tote_instrumentation_scope *scope, struct tote__slice bytes);

/* Release what accessors allocated. Nobody reads the span any more. */
void tote__read_span_clear(struct tote__read_span *span);

/* What encoders see of a span; `bytes` are borrowed. */
struct tote__span_bytes {
    const struct tote__resource *resource;
    const tote_instrumentation_scope *scope;
    struct tote__slice bytes;
};

/*
 * Get the bytes of an ended span: its own, or encoded into the arena if it is a recording span.
 * Returns: false if out of memory.
 */
bool tote__span_data_bytes(const tote_span_data *data, struct tote__arena *arena,
                           struct tote__span_bytes *out);

/* The fields of an InstrumentationScope, in the arena. Returns: false if out of memory. */
bool tote__scope_message(const tote_instrumentation_scope *scope, struct tote__arena *arena,
                         struct tote__slice *message);

/*
 * Append a definition of what records refer to: the fields of ResourceSpans, or of ScopeSpans, but
 * what they hold. Returns: false if out of memory.
 */
bool tote__define_resource(struct tote__buffer *buffer, uint32_t index);
bool tote__define_scope(struct tote__buffer *buffer, uint32_t index);

#endif
