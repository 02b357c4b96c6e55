/* SPDX-License-Identifier: MIT */
/*
 * retry.h - one request at a time to one receiver, again and again while it may still arrive
 *
 * Backoff is per receiver: a new request does not reset it. Spec: protocol/exporter.md#retry,
 * protocol/otlp.md#otlphttp-throttling
 */
#ifndef TOTE_DELIVERY_RETRY_H
#define TOTE_DELIVERY_RETRY_H

#include "tote/internal/delivery.h"
#include "tote/internal/random.h"
#include "tote/internal/request.h"
#include "tote/internal/sdk.h"

static inline const char *tote__or_empty(const char *text) {
    return text ? text : "";
}

/* All zero at first, except for the first two. */
struct tote__retry {
    const struct tote__delivery_settings *settings;
    const tote_span_exporter *receiver;
    bool is_sending;   /* the request, at this moment */
    uint64_t deadline; /* when the request is given up; 0: it was not tried yet */
    uint64_t retry_at; /* nothing is tried before */
    unsigned failures; /* attempts in a row that the receiver did not answer, or put off */
    unsigned at_once;  /* of these, the attempts that were followed by one without a pause, ... */
    unsigned pauses;   /* ... and by a pause of the schedule, which doubles */
    bool is_asked_to_wait; /* by the receiver */
    bool is_gone;          /* no connection was possible, last time */
    bool is_reset;         /* the receiver reset the stream, last time */
    bool is_cut_short; /* the request was given up for a deadline of the step's, not for its own */
    bool is_reported;  /* a diagnostic says that the receiver fails */
    bool is_not_accepted;  /* the receiver does not accept requests, and that is reported */
    bool has_last_attempt; /* the pause before it was shortened, for this request */
    unsigned resets;       /* streams of this request that the receiver reset */
    struct tote__random random;
    char cause[256];  /* of the last failure, for a log, ... */
    char advice[256]; /* ... and its cure */
    char reason[384]; /* of giving up between two attempts */
};

/* How an attempt is made. */
struct tote__manner {
    tote_export_step step;
    bool is_only_attempt; /* given up whatever fails */
    unsigned
        most_resets; /* of the stream of a large request, before it counts as too large; 0: any */
};

/* No receiver has a limit that low: a smaller request is not refused for its size. */
enum { TOTE__NEVER_TOO_LARGE_BYTES = 16 << 10 };

/* Return why an export failed, for a log. */
const char *tote__reason_of(const tote_export_outcome *outcome);

/* Whether the same spans may arrive another time. */
bool tote__is_retryable(const tote_export_outcome *outcome);

/*
 * Go on with the request: the same each time until it is over. Returns TOTE_EXPORT_STATE_COMPLETED
 * with an outcome, which is retryable if the request was given up; TOTE_EXPORT_STATE_IDLE until the
 * retry is due.
 */
tote_export_state tote__retry_step(struct tote__retry *retry, const tote_span_batch *request,
                                   const struct tote__manner *manner, tote_export_outcome *outcome);

/* When the next step has something to do, whatever the receiver's descriptor says; TOTE__NEVER. */
uint64_t tote__retry_due(const struct tote__retry *retry);

/*
 * A request that this endpoint does not accept stays in the disk queue: pause for as long as the
 * schedule allows, and report it once.
 */
void tote__retry_put_off(struct tote__retry *retry, const tote_export_outcome *outcome,
                         size_t span_count);

/*
 * If the pause would pass the deadline, shorten it, so that an attempt is made at most a second
 * before the deadline. A wait that the receiver asked for is not shortened. Returns whether it was.
 */
bool tote__retry_shorten_pause(struct tote__retry *retry, uint64_t deadline);

/* Somebody waits: try again now, unless the receiver asked for time. */
void tote__retry_now(struct tote__retry *retry);

/* Forget the request, which is not being sent; or whether it is or not. */
void tote__retry_forget(struct tote__retry *retry);
void tote__retry_cancel(struct tote__retry *retry);

#endif
