/* SPDX-License-Identifier: MIT */
/*
 * span.h - the recording span, which is also the span that exporters read
 *
 * Until it ends, `lock` guards what it was told; afterwards nothing changes and nobody locks.
 * Attributes, events and links are kept as the fields of an OTLP Span that they will be:
 * writing one is the copy that has to be made anyway, and export joins them.
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

/* Each set by one release store. */
enum span_state {
    SPAN_FREE,
    SPAN_OPEN,
    SPAN_ENDING, /* the end time is fixed; only the thread in end() may write */
    SPAN_ENDED,  /* frozen */
    SPAN_SENT    /* on its way home */
};

/* Why an attribute, an event or a link was left out. */
enum span_loss { LOST_TO_LIMIT = 1, LOST_TO_KEY = 2, LOST_TO_MEMORY = 4 };

/*
 * A growing run of bytes of a span. Its place is an offset: below SPAN_BUFFER_BYTES into the
 * block's room, from there on into the overflow.
 */
struct region {
    uint32_t offset;
    uint32_t size;
    uint32_t capacity;
};

enum { SPAN_KEY_FILTER_WORDS = 8 };

/* The limits of the span's SDK, literal: UINT32_MAX is none. */
struct span_limits {
    struct tote__wire_limits value;
    uint32_t attributes;
    uint32_t events;
    uint32_t links;
    uint32_t attributes_per_event;
    uint32_t attributes_per_link;
};

/* What all spans of one run of an SDK have. */
struct span_origin {
    uint32_t slot;     /* of the SDK, */
    uint32_t run;      /* and which run of it */
    uint32_t resource; /* a resource's index */
    struct span_limits limits;
};

struct span {
    struct tote_span base; /* what the API sees; first */
    _Atomic(uint32_t) state;
    struct span_lock lock;

    /*
     * What is looked at as the span goes through the queue and home, from the start up to here, is
     * together.
     */
    uint32_t generation; /* of the process that started it: only that one records and exports it */
    uint32_t listed_in;  /* the process in whose list of blocks this one is; see open_spans.c */
    uint32_t overflow_size;   /* stays from use to use, ... */
    uint8_t *overflow;        /* ... and so does this */
    tote_store *store;        /* one reference, until the end; NULL, like the view and the trace
                               states, while the block is free */
    struct span *next_listed; /* these two stay from use to use, too */
    struct span *previous_listed;
    struct span_view *view; /* unpacked for readers; see span_view.h */

    const void *ender; /* the thread in end() */
    uint32_t scope;    /* a tracer's index */
    struct span_origin origin;
    bool has_parent;
    bool has_given_start; /* by the program, not by a clock */
    /* Both clocks, read at one time: at the start of the local root, or of a later local ancestor.
     * anchor_monotonic 0: the program gives the time. */
    uint64_t anchor_realtime;
    uint64_t anchor_monotonic;

    struct region name; /* ends with NUL, which is not in its size; so does the description */
    struct region attributes;
    struct tote__span_facts facts; /* from its end time to the room a new span is zero */
    struct region description;
    struct region events;
    struct region links;
    uint32_t attribute_count;
    uint32_t event_count;
    uint32_t link_count;
    uint32_t
        store_attributes_start; /* offset in `attributes` from which on the store's stand, ... */
    uint32_t store_attribute_count; /* ... and how many */
    uint32_t room_used;             /* from the end of the room */
    uint32_t overflow_used;
    struct span_index *index; /* of very many attributes, see attribute_index.h; else NULL */
    uint8_t loss_causes;      /* of enum span_loss, why something was left out */
    bool drop_reported;
    uint64_t key_filter[SPAN_KEY_FILTER_WORDS]; /* bits for each attribute's key: most keys are
                                                   seen to be new without a search */

    uint8_t room[];
};

/*
 * A span with all that it was told lives in one block and, when that is not enough, in one overflow
 * that stays with the block. Places inside are offsets, so that a block means the same wherever it
 * is mapped.
 */
enum { SPAN_BLOCK_BYTES = 1024, SPAN_BUFFER_BYTES = SPAN_BLOCK_BYTES - sizeof(struct span) };

_Static_assert(SPAN_BUFFER_BYTES >= 512, "a block has room for a usual span");

/* Release the overflow, of a block that is not in use. */
void tote__span_clear_buffer(void *block);

/* open_spans.c: the block's memory is released next. */
void tote__span_release_block(void *block);

static const struct tote__pool_kind tote__span_pool = {.index = TOTE__POOL_SPANS,
                                                       .kept = 4096,
                                                       .kept_most = 4096,
                                                       .size = SPAN_BLOCK_BYTES,
                                                       .clear = tote__span_release_block};

/* The first byte of a region. */
static inline uint8_t *tote__span_at(const struct span *span, const struct region *region) {
    struct span *self = (struct span *)span;

    return region->offset < SPAN_BUFFER_BYTES
               ? self->room + region->offset
               : self->overflow + (region->offset - SPAN_BUFFER_BYTES);
}

static inline struct tote__slice tote__span_slice(const struct span *span,
                                                  const struct region *region) {
    return (struct tote__slice){region->size ? tote__span_at(span, region) : NULL, region->size};
}

static inline const struct span *tote__span_of_data(const tote_span_data *data) {
    return (const struct span *)data;
}

/* Count something that was left out, and note why. */
static inline void tote__span_lose(struct span *span, uint32_t *counter, enum span_loss cause) {
    ++*counter;
    span->loss_causes |= (uint8_t)cause;
}

/* How much memory the span takes, for bounds in bytes. */
static inline size_t tote__span_bytes(const struct span *span) {
    return SPAN_BLOCK_BYTES + span->overflow_size;
}

/*
 * record.c: an ended span as the fields of an OTLP Span. `most` is an upper bound that takes no
 * walk through the span; writing returns the size, and may use bytes behind it, but never over the
 * bound.
 */
size_t tote__record_most_bytes(const struct span *span);
size_t tote__record_put_span(uint8_t *bytes, const struct span *span);

/* Whether nothing changes any more. */
static inline bool tote__span_is_ended(const struct span *span) {
    return atomic_load_explicit(&span->state, memory_order_acquire) >= SPAN_ENDED;
}

/* Take the lock; of a span that has ended, which its owner leaves alone, without a barrier. */
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

/*
 * open_spans.c: add a block to the list of those that may hold an open span, until it is released.
 */
void tote__span_list_block(struct span *span);

/* Keep the names of the first few spans of this run that are open. */
void tote__open_span_names(const struct span_origin *origin, struct tote__few_names *names);

/* Release what readers unpacked. */
void tote__span_drop_view(struct span *span);

extern const struct tote__span_ops tote__recording_ops;

#endif
