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

#include "tote/internal/wire.h"
#include "tote/sdk/span_data.h"

/* The fields of an OTLP Span, and of its Status, by their tags. */
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
    TOTE__STATUS_CODE = 3 << 3
};

/* SpanFlags: the low byte has the trace flags; whether the parent is remote, if that is known. */
enum { TOTE__FLAG_HAS_IS_REMOTE = 0x100, TOTE__FLAG_IS_REMOTE = 0x200 };

/* A record exists once its state, which is stored last, is not EMPTY. */
enum tote__record_state {
    TOTE__RECORD_EMPTY = 0,
    TOTE__RECORD_LIVE = 0x4C495645,
    TOTE__RECORD_SETTLED = 0x444F4E45
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

/* What encoders see of a span; `bytes` are borrowed. */
struct tote__span_bytes {
    uint32_t resource;
    uint32_t scope;
    struct tote__slice bytes;
};

/*
 * Get the bytes of an ended span, encoded into the arena. Returns: false if out of memory.
 */
bool tote__span_data_bytes(const tote_span_data *data, struct tote__arena *arena,
                           struct tote__span_bytes *out);

#endif
