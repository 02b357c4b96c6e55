/* SPDX-License-Identifier: MIT */
/*
 * span.h - the recording span, which processors also read
 *
 * Until the span ends, `lock` protects its content; afterwards nothing changes and no lock is
 * needed. Attributes, events and links are stored as encoded fields of the OTLP Span: encoding is
 * the one copy that is needed anyway.
 */
#ifndef TOTE_SDK_SPAN_H
#define TOTE_SDK_SPAN_H

#include <stdatomic.h>

#include "span_lock.h"
#include "tote/internal/few_names.h"
#include "tote/internal/pool.h"
#include "tote/internal/record.h"
#include "tote/internal/sdk.h"
#include "tote/internal/span.h"
#include "tote/internal/wire.h"

/* Each state is set by one release store. */
enum span_state {
    SPAN_FREE,
    SPAN_OPEN,
    SPAN_ENDING, /* the end time is fixed; only the ending thread may write */
    SPAN_ENDED,  /* frozen */
    SPAN_SENT    /* being released */
};

/* Why an attribute, event or link was dropped. */
enum span_loss { LOST_TO_LIMIT = 1, LOST_TO_KEY = 2, LOST_TO_MEMORY = 4, LOST_EMPTY_LINK = 8 };

/*
 * A growing part of a span's bytes. Offsets below SPAN_BUFFER_BYTES are in the block's inline
 * buffer, larger ones in the overflow.
 */
struct region {
    uint32_t offset;
    uint32_t size;
    uint32_t capacity;
};

enum { SPAN_KEY_FILTER_WORDS = 8 };

/* Limits of the span's SDK; UINT32_MAX is no limit. */
struct span_limits {
    struct tote__wire_limits value;
    uint32_t attributes;
    uint32_t events;
    uint32_t links;
    uint32_t attributes_per_event;
    uint32_t attributes_per_link;
};

/* Data that all spans of one run of an SDK share. */
struct span_origin {
    uint32_t slot;     /* of the SDK */
    uint32_t run;      /* run of the SDK in this slot */
    uint32_t resource; /* a resource's index */
    struct span_limits limits;
};

struct span {
    struct tote_span base; /* public part; first member */
    _Atomic(uint32_t) state;
    struct span_lock lock;

    /* The fields up to here are adjacent, because queueing and releasing a span uses them. */
    uint32_t generation; /* the process that started the span; only it records and exports it */
    uint32_t listed_in;  /* the process whose list of blocks contains this one; see open_spans.c */
    uint32_t overflow_size;   /* kept when the block is reused */
    uint8_t *overflow;        /* kept when the block is reused */
    tote_store *store;        /* one reference, until the end; NULL while the block is free */
    struct span *next_listed; /* kept when the block is reused */
    struct span *previous_listed;
    struct span_view *view; /* decoded for readers; see span_view.h */

    const void *ender; /* the ending thread */
    uint32_t scope;    /* a tracer's index */
    struct span_origin origin;
    bool has_parent;
    bool has_given_start; /* the program gave the start time */
    /*
     * Readings of both clocks: at the start of the local root, or of a later local ancestor.
     * anchor_monotonic 0: the program's clock is used.
     */
    uint64_t anchor_realtime;
    uint64_t anchor_monotonic;

    struct region name; /* ends with NUL, which is not in its size; so does the description */
    struct region attributes;
    struct tote__span_facts
        facts; /* from end_time_unix_nano to `inline_bytes` a new span is zero */
    struct region description;
    struct region events;
    struct region links;
    uint32_t attribute_count;
    uint32_t event_count;
    uint32_t link_count;
    uint32_t store_attributes_start; /* offset in `attributes` of those from the store */
    uint32_t store_attribute_count;  /* number of attributes from the store */
    uint32_t inline_used;            /* bytes used at the end of `inline_bytes` */
    uint32_t overflow_used;
    struct span_index *index; /* only for very many attributes: attribute_index.h */
    uint8_t loss_causes;      /* bits of enum span_loss */
    bool drop_reported;
    uint64_t key_filter[SPAN_KEY_FILTER_WORDS]; /* Bloom filter of the keys: most keys are known to
                                                   be new without a search */

    uint8_t inline_bytes[];
};

/*
 * A span is in one block and, if needed, one overflow that stays with the block. Places are
 * offsets, so they remain valid when the overflow moves.
 */
enum { SPAN_BLOCK_BYTES = 1024, SPAN_BUFFER_BYTES = SPAN_BLOCK_BYTES - sizeof(struct span) };

_Static_assert(SPAN_BUFFER_BYTES >= 512, "a block is large enough for a usual span");

/* Release the overflow of an unused block. */
void tote__span_clear_buffer(void *block);

/* open_spans.c: prepare the release of the block's memory. */
void tote__span_release_block(void *block);

static const struct tote__pool_kind tote__span_pool = {.index = TOTE__POOL_SPANS,
                                                       .kept = 4096,
                                                       .kept_most = 4096,
                                                       .size = SPAN_BLOCK_BYTES,
                                                       .clear = tote__span_release_block};

/* Return the first byte of a region. */
static inline uint8_t *tote__span_at(const struct span *span, const struct region *region) {
    struct span *self = (struct span *)span;

    return region->offset < SPAN_BUFFER_BYTES
               ? self->inline_bytes + region->offset
               : self->overflow + (region->offset - SPAN_BUFFER_BYTES);
}

static inline struct tote__slice tote__span_slice(const struct span *span,
                                                  const struct region *region) {
    return (struct tote__slice){region->size ? tote__span_at(span, region) : NULL, region->size};
}

static inline const struct span *tote__span_of_data(const tote_span_data *data) {
    return (const struct span *)data;
}

/* Count a dropped item, and note the cause. */
static inline void tote__span_lose(struct span *span, uint32_t *counter, enum span_loss cause) {
    ++*counter;
    span->loss_causes |= (uint8_t)cause;
}

/* Return the memory that the span uses. */
static inline size_t tote__span_bytes(const struct span *span) {
    return SPAN_BLOCK_BYTES + span->overflow_size;
}

/*
 * record.c: encode an ended span as an OTLP Span. tote__record_most_bytes() is an upper bound that
 * needs no traversal. Encoding returns the size; it may write behind that, within the bound.
 */
size_t tote__record_most_bytes(const struct span *span);
size_t tote__record_put_span(uint8_t *bytes, const struct span *span);

/* Return whether the span is frozen. */
static inline bool tote__span_is_ended(const struct span *span) {
    return atomic_load_explicit(&span->state, memory_order_acquire) >= SPAN_ENDED;
}

/* Take the lock. For an ended span no barrier is needed: its owner does not access it. */
static inline void tote__span_lock_to_read(struct span *span) {
    if (tote__span_is_ended(span)) {
        tote__lock_take(&span->lock.shared);
    } else {
        tote__span_lock_take(&span->lock, tote__generation());
    }
}

static inline bool tote__span_is_sampled(const struct span *span) {
    return span->base.context.trace_flags & TOTE_TRACE_FLAG_SAMPLED;
}

/* open_spans.c: list a block that may contain an open span, until it is released. */
void tote__span_list_block(struct span *span);

/* Copy the names of the first few open spans of this run. */
void tote__open_span_names(const struct span_origin *origin, struct tote__few_names *names);

/* Release the decoded view. */
void tote__span_drop_view(struct span *span);

extern const struct tote__span_ops tote__recording_ops;

#endif
