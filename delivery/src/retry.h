/* SPDX-License-Identifier: MIT */
/*
 * retry.h - attempts to send requests to one receiver, with backoff
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

/* The attempts of one request. Initially zero, except `batch`. */
struct tote__attempts {
    tote_span_batch batch;       /* the request; the receiver refers to it while it is in flight */
    struct tote__attempts *next; /* the one in flight that was started next */
    bool is_sending;             /* an attempt is in flight */
    uint64_t deadline;           /* when the request is given up; 0: no attempt yet */
    uint64_t pause;              /* number of the receiver's pauses when the attempt was started */
    unsigned pauses;             /* retries of this request after backoff */
    unsigned resets;             /* resets of this request's stream */
    bool is_reset;               /* the last stream was reset */
    bool is_cut_short;           /* given up at the step's deadline instead of its own */
    bool has_last_attempt;       /* the backoff before the last attempt was shortened */
};

/*
 * The state of a receiver, which all requests share. Initially zero, except the first two fields.
 *
 * A pause applies to all requests: none is started, and those in flight continue. A request that
 * was started before the pause neither ends it nor extends it, unless the receiver asks to wait.
 */
struct tote__retry {
    const struct tote__delivery_settings *settings;
    const tote_span_exporter *receiver;
    struct tote__attempts *sending; /* list of attempts in flight, oldest first */
    size_t in_flight;               /* their number */
    uint64_t pause;                 /* number of the last pause */
    uint64_t retry_at;              /* no attempt before this time */
    unsigned failures;              /* consecutive retryable failures */
    unsigned at_once;               /* of these, followed by an immediate retry */
    unsigned pauses;                /* of these, followed by backoff */
    bool is_asked_to_wait;          /* the receiver asked to wait */
    bool is_gone;                   /* the last attempt could not connect */
    bool is_reported;               /* the failure is reported */
    bool is_not_accepted;           /* the receiver does not accept requests; reported */
    struct tote__random random;
    char cause[256];  /* of the last failure, for diagnostics */
    char advice[256]; /* its cure */
    char reason[384]; /* for a request given up between two attempts */
};

/* Parameters of an attempt. */
struct tote__manner {
    tote_export_step step;
    bool is_only_attempt; /* no retry */
    unsigned most_resets; /* resets before a large request counts as too large; 0: unlimited */
};

/* No receiver has a lower limit: a smaller request is not rejected because of its size. */
enum { TOTE__NEVER_TOO_LARGE_BYTES = 16 << 10 };

/* Return why an export failed, for diagnostics. */
const char *tote__reason_of(const tote_export_outcome *outcome);

/* Return whether an outcome is retryable. */
bool tote__is_retryable(const tote_export_outcome *outcome);

/*
 * Start an attempt. Returns TOTE_EXPORT_STATE_IN_FLIGHT; TOTE_EXPORT_STATE_IDLE until the retry is
 * due; TOTE_EXPORT_STATE_COMPLETED with an outcome if the request was given up.
 */
tote_export_state tote__retry_start(struct tote__retry *retry, struct tote__attempts *attempts,
                                    const struct tote__manner *manner,
                                    tote_export_outcome *outcome);

/*
 * Let the receiver continue with the attempts in flight. Returns the attempts of which one is over,
 * with its outcome, or NULL. The caller then calls tote__retry_judge().
 */
struct tote__attempts *tote__retry_step(struct tote__retry *retry, const tote_export_step *step,
                                        tote_export_outcome *outcome);

/*
 * Process the outcome of an attempt. Returns TOTE_EXPORT_STATE_IDLE if the request is retried;
 * TOTE_EXPORT_STATE_COMPLETED with an outcome, which is retryable if the request was given up.
 */
tote_export_state tote__retry_judge(struct tote__retry *retry, struct tote__attempts *attempts,
                                    const struct tote__manner *manner,
                                    tote_export_outcome *outcome);

/*
 * Return when the next step is due even if the receiver's descriptor is not readable; TOTE__NEVER.
 */
uint64_t tote__retry_due(const struct tote__retry *retry);

/*
 * Back off as long as possible after a request that the receiver does not accept, which stays in
 * the disk queue. Reported once.
 */
void tote__retry_put_off(struct tote__retry *retry, const tote_export_outcome *outcome,
                         size_t span_count);

/*
 * Shorten the backoff if it would pass the deadline, so that an attempt is made at most a second
 * before it. A wait that the receiver asked for is not shortened. Returns whether it was shortened.
 */
bool tote__retry_shorten_pause(struct tote__retry *retry, uint64_t deadline);

/* Retry now, unless the receiver asked to wait. */
void tote__retry_now(struct tote__retry *retry);

/* End the attempts of a request that is not in flight. */
void tote__attempts_end(struct tote__attempts *attempts);

/* Cancel all attempts in flight. */
void tote__retry_cancel(struct tote__retry *retry);

#endif
