/* SPDX-License-Identifier: MIT */
/*
 * delivery.h - one request at a time to one receiver, again and again while it may still arrive
 *
 * How long to wait between attempts belongs to the receiver, not to the request: who comes next
 * does not begin anew to knock at a door that is closed. Spec: protocol/exporter.md#retry,
 * protocol/otlp.md#otlphttp-throttling
 */
#ifndef TOTE_OTLP_DELIVERY_H
#define TOTE_OTLP_DELIVERY_H

#include "otlp/transport/transport.h"
#include "otlp/transport/verdict.h"
#include "tote/internal/random.h"

/* All zero but for the first two, at first. */
struct tote__delivery {
    const struct tote__otlp_settings *settings;
    struct tote__transport *transport;
    bool is_sending;   /* the request, at this moment */
    uint64_t deadline; /* when the request is given up; 0: it was not tried yet */
    uint64_t retry_at; /* nothing is tried before */
    unsigned failures; /* attempts in a row that the receiver did not answer, or put off */
    unsigned at_once;  /* of these, the attempts that were followed by one without a pause, ... */
    unsigned pauses;   /* ... and by a pause of the schedule, which doubles */
    bool is_asked_to_wait; /* by the receiver */
    bool is_gone;          /* there was no connection to be had, last time */
    bool is_reported;      /* a diagnostic says that the receiver fails */
    bool is_not_here;      /* the receiver does not accept requests here, and that is reported */
    bool has_last_attempt; /* the pause before it was shortened, for this request */
    unsigned resets;       /* streams of this request that the receiver reset */
    struct tote__random random;
    char cause[256];  /* of the last failure, for a log, ... */
    char advice[256]; /* ... and its cure */
};

/* How an attempt is made. */
struct tote__manner {
    uint32_t timeout_ms; /* of the request with all its attempts, if the settings do not say less */
    uint64_t stop_deadline; /* the end of a shutdown that is under way; 0: none is */
    bool may_wait;          /* for the receiver, a moment; never between attempts */
    bool is_last_chance;    /* given up now: what cannot be tried again within the timeout, or finds
                               nobody there; ... */
    bool is_only_attempt;   /* ... or whatever fails */
    bool begins_nothing;    /* only what is under way is looked at */
    unsigned
        most_resets; /* of the stream of a large request, before it counts as too large; 0: any */
};

/* No receiver of OTLP has a limit that low: a smaller request is not refused for its size. */
enum { TOTE__NEVER_TOO_LARGE_BYTES = 16 << 10 };

enum tote__progress {
    TOTE__OVER,      /* there is a verdict; with TRY_AGAIN the request was given up */
    TOTE__UNDER_WAY, /* the receiver has the word */
    TOTE__PAUSED     /* until the delivery is due */
};

/*
 * Go on with the request, of which the deadline is not looked at: the same each time until it is
 * over.
 */
enum tote__progress tote__delivery_step(struct tote__delivery *delivery,
                                        const struct tote__request *request,
                                        struct tote__manner manner, struct tote__verdict *verdict);

/* When the next step has something to do, whatever the transport's descriptor says; TOTE__NEVER. */
uint64_t tote__delivery_due(const struct tote__delivery *delivery);

/*
 * A request that this endpoint does not accept stays in the disk queue: pause for as long as the
 * schedule allows, and report it once.
 */
void tote__delivery_put_off(struct tote__delivery *delivery, const struct tote__verdict *verdict,
                            size_t span_count);

/*
 * If the pause would pass the deadline, shorten it, so that an attempt is made at most a second
 * before the deadline. A wait that the receiver asked for is not shortened. Returns whether it was.
 */
bool tote__delivery_shorten_pause(struct tote__delivery *delivery, uint64_t deadline);

/* Somebody waits: try again now, unless the receiver asked for time. */
void tote__delivery_hurry(struct tote__delivery *delivery);

/* Forget the request, which is not being sent; or whether it is or not. */
void tote__delivery_forget(struct tote__delivery *delivery);
void tote__delivery_cancel(struct tote__delivery *delivery);

#endif
