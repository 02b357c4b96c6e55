/* SPDX-License-Identifier: MIT */
/*
 * outbox.h - requests that wait for their receiver: in memory, and with a disk queue on disk
 *
 * In memory one waits for its turn, and, without a disk queue, for its next attempt. With a disk
 * queue the first attempt that fails sends it, and all that come while the receiver is away, to
 * disk; from there they are sent when it is back, the oldest one first, in turn with new ones. A
 * request that the disk queue cannot save stays in memory and is retried as without one.
 *
 * Threads: one at a time. The counts may be read by any thread.
 */
#ifndef TOTE_DELIVERY_OUTBOX_H
#define TOTE_DELIVERY_OUTBOX_H

#include <stdatomic.h>

#include "retry.h"
#include "tote/internal/disk_queue.h"
#include "tote/internal/recovery.h"

/* One is sent, and one is ready when that is over. */
enum { TOTE__MOST_KEPT = 2 };

/* A request that is ready, of so many spans. */
struct tote__kept {
    struct tote__buffer request;
    size_t count;
};

/*
 * What is known of the receiver's limit on the size of a request. A stream that is reset says
 * nothing about the cause: a proxy without a receiver does it, too. Only if a smaller request is
 * accepted while larger ones are reset, the size is the cause. If no smaller one is there, one span
 * of a large request is sent alone, as a probe.
 */
struct tote__size_limit {
    size_t accepted_bytes;   /* a larger request is split; SIZE_MAX: none was too large */
    size_t reset_bytes;      /* the smallest request that may be too large; 0: none */
    unsigned resets;         /* of requests at least that large, of which none was accepted */
    unsigned strikes;        /* the same, only those before which a smaller request was accepted */
    bool has_accepted;       /* a smaller request, since the first reset, ... */
    bool has_accepted_since; /* ... or since the last one */
    bool has_probe;          /* one was made, and none is accepted since */
};

/* What became of the spans of the first request that are over, and what is sent of the others. */
struct tote__sent_part {
    tote_export_outcome done; /* of the parts that are over */
    struct tote__range range; /* empty: the whole request is sent */
    size_t next_count;        /* of the spans in the part behind a probe; 0: this is none */
    struct tote__buffer request;
};

struct tote__outbox {
    struct tote__kept kept[TOTE__MOST_KEPT]; /* a ring */
    size_t first;
    size_t count;
    struct tote__sent_part part; /* of the first */
    struct tote__retry retry;    /* of the first, or of the batch */
    tote_span_batch sent;        /* what the receiver has */
    struct tote__size_limit limit;
    struct tote__disk_queue *disk_queue; /* NULL: none */
    struct tote__recovery *recovery;     /* of what dead processes left; NULL: none */
    struct tote__batch batch;            /* of the disk queue, ... */
    bool is_sending_batch;               /* ... that is under way */
    bool is_batchs_turn;
    uint64_t look_at;                /* when to look into the disk queue, */
    uint64_t disk_queue_fails_until; /* and when to try again to write to it */
    /* What became of this process's spans that went to the disk queue, ... */
    _Atomic(uint64_t) delivered;
    _Atomic(uint64_t) rejected;
    _Atomic(uint64_t) lost;
    /* ... and of others' */
    _Atomic(uint64_t) recovered;
    _Atomic(uint64_t) others_rejected;
};

void tote__outbox_begin(struct tote__outbox *outbox, const struct tote__delivery_settings *settings,
                        const tote_span_exporter *receiver, struct tote__disk_queue *disk_queue);

/* Add a disk queue to an outbox that has none; the outbox takes ownership. NULL: nothing happens.
 */
void tote__outbox_set_disk_queue(struct tote__outbox *outbox, struct tote__disk_queue *disk_queue);

/*
 * How large a request of several spans may become: what the settings allow, and what the receiver
 * accepts.
 */
size_t tote__outbox_most_bytes(const struct tote__outbox *outbox);

/*
 * Where to put the next request; NULL when the ring is full. Added, it is in, unless it is empty.
 */
struct tote__kept *tote__outbox_next(struct tote__outbox *outbox);
void tote__outbox_add(struct tote__outbox *outbox);

/*
 * Do what can be done. Returns TOTE_EXPORT_STATE_COMPLETED with the outcome of the spans of a
 * request that was kept.
 */
tote_export_state tote__outbox_step(struct tote__outbox *outbox, const tote_export_step *step,
                                    tote_export_outcome *outcome);

/* When the next step has something to do, whatever the receiver's descriptor says; TOTE__NEVER. */
uint64_t tote__outbox_due(const struct tote__outbox *outbox);

/*
 * After a shutdown the first is saved, if that can be, and else forgotten. Returns whether one was
 * kept.
 */
bool tote__outbox_end_first(struct tote__outbox *outbox, tote_export_outcome *outcome);

/* Whether a request is kept, or under way. */
bool tote__outbox_has_request(const struct tote__outbox *outbox);

/* All that is kept, as far as that can be. Returns: of how many spans. */
size_t tote__outbox_spill(struct tote__outbox *outbox);

/* Forget all that is kept, and what is under way. */
void tote__outbox_drop(struct tote__outbox *outbox);

void tote__outbox_clear(struct tote__outbox *outbox);

#endif
