/* SPDX-License-Identifier: MIT */
/*
 * outbox.h - pending requests, in memory and in a disk queue
 *
 * The ring has requests that are in flight or wait for their retry, up to max_concurrent_requests,
 * and one that is ready. They are started in their order and may complete in any order, but leave
 * the ring in their order: a complete request stays until those before it are complete.
 *
 * With a disk queue, a request moves to disk after its first failed attempt. Requests that arrive
 * while the receiver is unavailable go to disk directly. They are sent from there when it is
 * available, oldest first and one at a time, alternating with new ones. A request that cannot be
 * saved stays in memory and is retried.
 *
 * Threads: not thread-safe. The counts may be read by any thread.
 */
#ifndef TOTE_DELIVERY_OUTBOX_H
#define TOTE_DELIVERY_OUTBOX_H

#include <stdatomic.h>

#include "retry.h"
#include "size_limit.h"
#include "tote/internal/disk_queue.h"
#include "tote/internal/recovery.h"

/* The parts of a request. */
struct tote__sent_part {
    tote_export_outcome done; /* outcome of the completed parts */
    struct tote__range range; /* the current part; empty: the whole request */
    size_t next_count;        /* spans of the part after a probe; 0: not a probe */
    struct tote__buffer request;
};

/* An encoded request. */
struct tote__kept {
    struct tote__buffer request;
    size_t count;
    struct tote__sent_part part;
    struct tote__attempts attempts; /* of the request, or of its current part */
    uint64_t began;                 /* when its first attempt was due to start; 0: not yet */
    bool is_complete;
    uint64_t duration_ns;        /* from `began` until it was complete */
    tote_export_outcome outcome; /* of a complete request */
};

struct tote__outbox {
    struct tote__kept *kept; /* ring of requests */
    size_t capacity;         /* of the ring; 0: out of memory */
    size_t first;
    size_t count;
    uint64_t duration_ns; /* of the request that the last step completed */
    struct tote__retry retry;
    struct tote__size_limit limit;
    struct tote__disk_queue *disk_queue;  /* NULL: none */
    struct tote__recovery *recovery;      /* recovery of crash-safe files; NULL: none */
    struct tote__batch batch;             /* the taken batch of the disk queue */
    struct tote__attempts batch_attempts; /* of the taken batch */
    bool is_sending_batch;                /* `batch` is in flight, or waits for its attempt */
    bool is_batchs_turn;
    uint64_t look_at;                /* when to check the disk queue */
    uint64_t disk_queue_fails_until; /* when to try to write to it again */
    /* Spans of this process that went to the disk queue, by outcome */
    _Atomic(uint64_t) delivered;
    _Atomic(uint64_t) rejected;
    _Atomic(uint64_t) lost;
    /* and spans of other processes */
    _Atomic(uint64_t) recovered;
    _Atomic(uint64_t) others_rejected;
};

static inline bool tote__outbox_has_disk_queue(const struct tote__outbox *outbox) {
    return TOTE_HAS_DISK_QUEUE && outbox->disk_queue;
}

/*
 * Begin with an empty outbox. It is initially zero; in a child, that of the parent process. If out
 * of memory, the ring stays full.
 */
void tote__outbox_begin(struct tote__outbox *outbox, const struct tote__delivery_settings *settings,
                        const tote_span_exporter *receiver, struct tote__disk_queue *disk_queue);

/* Set the disk queue of an outbox that has none, and take ownership of it. NULL is ignored. */
void tote__outbox_set_disk_queue(struct tote__outbox *outbox, struct tote__disk_queue *disk_queue);

/*
 * Return the largest size of a request of several spans, from the settings and what the receiver
 * accepts.
 */
size_t tote__outbox_most_bytes(const struct tote__outbox *outbox);

/*
 * Return the place for the next request, or NULL if the ring is full. tote__outbox_add() adds it,
 * unless it is empty.
 */
struct tote__kept *tote__outbox_next(struct tote__outbox *outbox);
void tote__outbox_add(struct tote__outbox *outbox);

/* Continue. Returns TOTE_EXPORT_STATE_COMPLETED with the outcome of a request of the ring. */
tote_export_state tote__outbox_step(struct tote__outbox *outbox, const tote_export_step *step,
                                    tote_export_outcome *outcome);

/*
 * Return when the next step is due even if the receiver's descriptor is not readable; TOTE__NEVER.
 */
uint64_t tote__outbox_due(const struct tote__outbox *outbox);

/*
 * Save the first request if possible, else drop it, after a shutdown. Returns whether there was
 * one.
 */
bool tote__outbox_end_first(struct tote__outbox *outbox, tote_export_outcome *outcome);

/*
 * Return whether a request that is added now starts in the next step, beside those in flight: the
 * receiver is available and fewer than max_concurrent_requests are pending.
 */
bool tote__outbox_may_start(const struct tote__outbox *outbox);

/* Return whether a request is in the ring or in flight. */
bool tote__outbox_has_request(const struct tote__outbox *outbox);

/* Save all requests of the ring as far as possible. Returns the number of their spans. */
size_t tote__outbox_spill(struct tote__outbox *outbox);

/* Drop all requests of the ring, and the one in flight. */
void tote__outbox_drop(struct tote__outbox *outbox);

void tote__outbox_clear(struct tote__outbox *outbox);

#endif
