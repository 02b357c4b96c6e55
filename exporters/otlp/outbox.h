/* SPDX-License-Identifier: MIT */
/*
 * outbox.h - requests that wait for their receiver: in memory, and with a spool on disk
 *
 * In memory one waits for its turn, and, without a spool, for its next attempt. With a spool the
 * first attempt that fails sends it, and all that come while the receiver is away, to disk; from
 * there they are sent when it is back, the oldest one first, in turn with new ones. A request that
 * the disk queue cannot save stays in memory and is retried as without one.
 *
 * Threads: one at a time. The counts may be read by any thread.
 */
#ifndef TOTE_OTLP_OUTBOX_H
#define TOTE_OTLP_OUTBOX_H

#include <stdatomic.h>

#include "delivery.h"
#include "otlp/encode/cut.h"
#include "tote/internal/recovery.h"
#include "tote/internal/spool.h"

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
    size_t delivered;
    size_t rejected;
    struct tote__range range; /* empty: the whole request is sent */
    size_t next_count;        /* of the spans in the part behind a probe; 0: this is none */
    struct tote__buffer request;
};

struct tote__outbox {
    struct tote__kept kept[TOTE__MOST_KEPT]; /* a ring */
    size_t first;
    size_t count;
    struct tote__sent_part part;    /* of the first */
    struct tote__delivery delivery; /* of the first, or of the batch */
    struct tote__size_limit limit;
    struct tote__spool *spool;       /* NULL: none */
    struct tote__recovery *recovery; /* of what dead processes left; NULL: none */
    struct tote__batch batch;        /* of the spool, ... */
    bool is_sending_batch;           /* ... that is under way */
    bool is_batchs_turn;
    uint64_t look_at;           /* when to look into the spool, */
    uint64_t spool_fails_until; /* and when to try again to write to it */
    /* What became of this process's spans that went to the spool, ... */
    _Atomic(uint64_t) delivered;
    _Atomic(uint64_t) rejected;
    _Atomic(uint64_t) lost;
    /* ... and of others' */
    _Atomic(uint64_t) recovered;
    _Atomic(uint64_t) others_rejected;
};

/* What came of a step. */
struct tote__step {
    size_t count;     /* of the spans whose request is over; 0: none is */
    size_t delivered; /* of these, when the request was sent in parts, before the last one; ... */
    size_t rejected;  /* ... the verdict is about the others */
    bool is_spooled;  /* they are in the spool; else the verdict tells */
    bool is_paused;   /* there is nothing to do until the outbox is due */
    struct tote__verdict verdict;
};

void tote__outbox_begin(struct tote__outbox *outbox, const struct tote__otlp_settings *settings,
                        struct tote__transport *transport, struct tote__spool *spool);

/* Add a disk queue to an outbox that has none; the outbox takes ownership. NULL: nothing happens.
 */
void tote__outbox_set_spool(struct tote__outbox *outbox, struct tote__spool *spool);

/*
 * How large a request of several spans may become: what the settings allow, and what the receiver
 * accepts.
 */
size_t tote__outbox_most_bytes(const struct tote__outbox *outbox);

/* A request of so many bytes was refused for its size. */
void tote__outbox_note_too_large(struct tote__outbox *outbox, size_t bytes, const char *reason);

bool tote__outbox_has_room(const struct tote__outbox *outbox);

/*
 * Where to put the next request; NULL when the ring is full. Added, it is in, unless it is empty.
 */
struct tote__kept *tote__outbox_next(struct tote__outbox *outbox);
void tote__outbox_add(struct tote__outbox *outbox);

/* Do what can be done. */
void tote__outbox_step(struct tote__outbox *outbox, struct tote__manner manner,
                       struct tote__step *outcome);

/* Whether a step has something to do although nothing is kept. */
bool tote__outbox_has_backlog(const struct tote__outbox *outbox);

/* When the next step has something to do, whatever the transport's descriptor says; TOTE__NEVER. */
uint64_t tote__outbox_due(const struct tote__outbox *outbox);

/* Return whether a request with this verdict belongs into the disk queue, if there is one. */
bool tote__outbox_may_save(const struct tote__verdict *verdict);

/* Put a request into the spool. Returns: false when there is none, or it cannot be. */
bool tote__outbox_spool(struct tote__outbox *outbox, const struct tote__buffer *request,
                        size_t count);

/* All that is kept, as far as that can be. Returns: of how many spans. */
size_t tote__outbox_spill(struct tote__outbox *outbox);

/* Forget the first, when one is kept; all that is kept, and what is under way. */
void tote__outbox_drop_first(struct tote__outbox *outbox);
void tote__outbox_drop(struct tote__outbox *outbox);

void tote__outbox_clear(struct tote__outbox *outbox);

#endif
