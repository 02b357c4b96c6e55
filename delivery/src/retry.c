/* SPDX-License-Identifier: MIT */
/*
 * retry.c - attempts and backoff
 */
#include "retry.h"

#include <stdio.h>

#include "tote/diagnostics.h"
#include "tote/internal/clock.h"

enum {
    MOST_DOUBLINGS = 16,
    JITTER_PERCENT = 20,    /* +-20 % jitter */
    MOST_AT_ONCE = 10,      /* consecutive immediate retries that a receiver can ask for */
    MOST_LOST = 2,          /* consecutive immediate retries after a lost response */
    LAST_ATTEMPT_MS = 1000, /* time of the last attempt before the deadline */
    SHORTEST_MS = 10        /* no last attempt if less time is left */
};

static const char *const component = "delivery";
static const uint64_t ns_per_ms = 1000000;

const char *tote__reason_of(const tote_export_outcome *outcome) {
    if (outcome->reason) {
        return outcome->reason;
    }
    return outcome->result == TOTE_RESULT_TIMEOUT ? "the export took too long"
                                                  : "the export failed";
}

/* An outcome with counts is not retried: the remaining spans are not identified. */
static bool has_counts(const tote_export_outcome *outcome) {
    return outcome->delivered || outcome->rejected || outcome->too_large || outcome->shut_down ||
           outcome->saved;
}

bool tote__is_retryable(const tote_export_outcome *outcome) {
    if (outcome->result == TOTE_RESULT_SUCCESS) {
        return false;
    }
    switch (outcome->failure) {
    case TOTE_EXPORT_FAILURE_UNKNOWN:
        return !has_counts(outcome);
    case TOTE_EXPORT_FAILURE_UNREACHABLE:
    case TOTE_EXPORT_FAILURE_UNAVAILABLE:
    case TOTE_EXPORT_FAILURE_STREAM_RESET:
    case TOTE_EXPORT_FAILURE_INTERRUPTED:
        return true;
    default:
        return false;
    }
}

/* Add jitter, so that clients do not retry at the same time. */
static uint64_t with_jitter(struct tote__retry *retry, uint64_t delay_ms) {
    tote_span_id random;

    tote__random_span_id(&retry->random, &random);
    return delay_ms * (100 - JITTER_PERCENT + random.bytes[0] % (2 * JITTER_PERCENT + 1)) / 100;
}

/* Return the backoff, which doubles; immediate retries do not count. */
static uint64_t backoff_ms(struct tote__retry *retry, struct tote__attempts *attempts) {
    unsigned pauses = retry->pauses > attempts->pauses ? retry->pauses : attempts->pauses;
    unsigned doublings = (unsigned)tote__min(pauses, MOST_DOUBLINGS);

    retry->pauses++;
    attempts->pauses++;
    uint64_t delay_ms = (uint64_t)retry->settings->initial_backoff_ms << doublings;
    uint64_t longest_ms = retry->settings->max_backoff_ms;

    return with_jitter(retry, delay_ms < longest_ms ? delay_ms : longest_ms);
}

static void report_failure(struct tote__retry *retry, const tote_export_outcome *outcome,
                           uint64_t delay_ms) {
    char limit[96] = "";

    if (retry->is_asked_to_wait && outcome->retry_after_ms > delay_ms) {
        snprintf(limit, sizeof limit, " (it asks for %llu ms, max_retry_after_ms is %u)",
                 (unsigned long long)outcome->retry_after_ms, retry->settings->max_retry_after_ms);
    }
    tote_diagnostics_report(retry->is_reported && !limit[0] ? TOTE_LEVEL_DEBUG : TOTE_LEVEL_WARN,
                            component, "%s: %s; nothing is sent for %llu ms%s",
                            retry->settings->destination, tote__reason_of(outcome),
                            (unsigned long long)delay_ms, limit);
    retry->is_reported = true;
}

bool tote__retry_shorten_pause(struct tote__retry *retry, uint64_t deadline) {
    uint64_t now = tote__clock_monotonic();
    uint64_t left = deadline > now ? deadline - now : 0;
    uint64_t reserve = LAST_ATTEMPT_MS * ns_per_ms;

    if (retry->retry_at < deadline || retry->is_asked_to_wait || left < SHORTEST_MS * ns_per_ms) {
        return false;
    }
    retry->retry_at = deadline - (left / 2 < reserve ? left / 2 : reserve);
    return true;
}

/* Schedule a last attempt before the deadline of a shutdown. */
static void shorten_pause(struct tote__retry *retry, struct tote__attempts *attempts,
                          const struct tote__manner *manner, uint64_t deadline) {
    if (manner->step.is_final && !manner->is_only_attempt && !retry->is_gone &&
        !attempts->has_last_attempt) {
        attempts->has_last_attempt = tote__retry_shorten_pause(retry, deadline);
    }
}

/* Keep the cause, for requests that are given up without an attempt. */
static void keep_cause(struct tote__retry *retry, const tote_export_outcome *outcome) {
    snprintf(retry->cause, sizeof retry->cause, "%.255s", tote__reason_of(outcome));
    snprintf(retry->advice, sizeof retry->advice, "%.255s", tote__or_empty(outcome->advice));
}

/* Return whether a pause began after this attempt: its outcome is older news. */
static bool is_outdated(const struct tote__retry *retry, const struct tote__attempts *attempts) {
    return attempts->pause != retry->pause;
}

static void note_failure(struct tote__retry *retry, struct tote__attempts *attempts,
                         const tote_export_outcome *outcome, const struct tote__manner *manner,
                         uint64_t deadline) {
    bool is_reset = outcome->failure == TOTE_EXPORT_FAILURE_STREAM_RESET;
    bool is_asked_to_wait = outcome->has_retry_after && outcome->retry_after_ms;

    bool is_old = is_outdated(retry, attempts);
    uint64_t earliest = is_old ? retry->retry_at : 0;

    keep_cause(retry, outcome);
    if (is_old && !is_asked_to_wait) {
        return;
    }
    retry->pause++;
    retry->failures++;
    retry->is_asked_to_wait = is_asked_to_wait;
    bool is_at_once =
        outcome->has_retry_after && !outcome->retry_after_ms
            ? retry->at_once < MOST_AT_ONCE
            : outcome->retry_at_once && retry->failures <= (is_reset ? MOST_LOST : 1U);
    retry->at_once = is_at_once ? retry->at_once + 1 : retry->at_once;
    uint64_t delay_ms = 0;
    if (retry->is_asked_to_wait) {
        uint64_t most_ms = retry->settings->max_retry_after_ms;
        delay_ms = outcome->retry_after_ms < most_ms ? outcome->retry_after_ms : most_ms;
    } else if (!is_at_once) {
        delay_ms = backoff_ms(retry, attempts);
    }
    uint64_t now = tote__clock_monotonic();
    retry->retry_at = now + delay_ms * ns_per_ms;
    retry->retry_at = retry->retry_at < earliest ? earliest : retry->retry_at;
    shorten_pause(retry, attempts, manner, deadline);
    if (!outcome->retry_at_once || !is_at_once) { /* an immediate retry is not reported */
        report_failure(retry, outcome, (retry->retry_at - now) / ns_per_ms);
    }
}

/* The receiver is available. */
static void forget_failures(struct tote__retry *retry) {
    retry->failures = 0;
    retry->at_once = 0;
    retry->pauses = 0;
    retry->retry_at = 0;
}

static void note_response(struct tote__retry *retry) {
    if (retry->is_reported) {
        tote_diagnostics_report(TOTE_LEVEL_INFO, component, "%s responds again",
                                retry->settings->destination);
    } else if (retry->is_not_accepted) {
        tote_diagnostics_report(TOTE_LEVEL_INFO, component, "%s accepts requests again",
                                retry->settings->destination);
    }
    forget_failures(retry);
    retry->is_asked_to_wait = false;
    retry->is_reported = false;
    retry->is_not_accepted = false;
}

void tote__retry_put_off(struct tote__retry *retry, const tote_export_outcome *outcome,
                         size_t span_count) {
    const struct tote__delivery_settings *settings = retry->settings;
    uint64_t delay_ms = with_jitter(retry, settings->max_backoff_ms);

    keep_cause(retry, outcome);
    retry->pause++;
    retry->failures++;
    retry->is_asked_to_wait = false;
    retry->retry_at = tote__clock_monotonic() + delay_ms * ns_per_ms;
    tote_diagnostics_report(retry->is_not_accepted ? TOTE_LEVEL_DEBUG : TOTE_LEVEL_ERROR, component,
                            "%s responded with %s: %zu spans are not accepted here; they stay in "
                            "the disk queue %s within its limits until they are%s",
                            settings->destination, tote__reason_of(outcome), span_count,
                            settings->disk_queue_directory, tote__or_empty(outcome->advice));
    retry->is_not_accepted = true;
}

void tote__attempts_end(struct tote__attempts *attempts) {
    tote__span_batch_clear(&attempts->batch);
    attempts->deadline = 0;
    attempts->pauses = 0;
    attempts->resets = 0;
    attempts->has_last_attempt = false;
}

/*
 * Give up the request at a deadline. If that is a shutdown's, its own timeout may have allowed a
 * response or another attempt.
 */
static tote_export_state give_up(const struct tote__retry *retry, struct tote__attempts *attempts,
                                 const struct tote__manner *manner, bool has_timed_out) {
    uint64_t own_deadline = attempts->deadline ? attempts->deadline : TOTE__NEVER;
    uint64_t given_up_at = has_timed_out ? manner->step.deadline_ns : retry->retry_at;

    attempts->is_cut_short = manner->step.deadline_ns != TOTE__NEVER && given_up_at < own_deadline;
    tote__attempts_end(attempts);
    return TOTE_EXPORT_STATE_COMPLETED;
}

static bool is_reset_too_often(struct tote__attempts *attempts, unsigned most_resets) {
    attempts->resets++;
    return most_resets && attempts->resets >= most_resets &&
           attempts->batch.request.size > TOTE__NEVER_TOO_LARGE_BYTES;
}

/* Return when the request is given up, also by the end of a shutdown. */
static uint64_t deadline_of(const struct tote__retry *retry, const struct tote__attempts *attempts,
                            const tote_export_step *step) {
    uint32_t own_ms = retry->settings->timeout_ms;
    uint64_t own = attempts->deadline
                       ? attempts->deadline
                       : tote__deadline_in(step->timeout_ms < own_ms ? step->timeout_ms : own_ms);

    return step->deadline_ns < own ? step->deadline_ns : own;
}

static tote_export_state complete(struct tote__attempts *attempts) {
    tote__attempts_end(attempts);
    return TOTE_EXPORT_STATE_COMPLETED;
}

tote_export_state tote__retry_judge(struct tote__retry *retry, struct tote__attempts *attempts,
                                    const struct tote__manner *manner,
                                    tote_export_outcome *outcome) {
    bool is_over = outcome->result == TOTE_RESULT_SUCCESS;

    tote__outcome_complete(outcome, attempts->batch.count);
    retry->is_gone = !is_over && outcome->failure == TOTE_EXPORT_FAILURE_UNREACHABLE;
    attempts->is_reset = !is_over && outcome->failure == TOTE_EXPORT_FAILURE_STREAM_RESET;
    if (!tote__is_retryable(outcome)) {
        bool has_responded = is_over || (outcome->failure != TOTE_EXPORT_FAILURE_NOT_ACCEPTED &&
                                         outcome->failure != TOTE_EXPORT_FAILURE_LOST);
        if (has_responded && !is_outdated(retry, attempts)) {
            note_response(retry);
        }
        return complete(attempts);
    }
    if (outcome->failure == TOTE_EXPORT_FAILURE_INTERRUPTED) {
        return complete(attempts);
    }
    if (outcome->failure == TOTE_EXPORT_FAILURE_STREAM_RESET &&
        is_reset_too_often(attempts, manner->most_resets)) {
        outcome->failure = TOTE_EXPORT_FAILURE_TOO_LARGE;
        forget_failures(retry);
        return complete(attempts);
    }
    uint64_t deadline = deadline_of(retry, attempts, &manner->step);
    note_failure(retry, attempts, outcome, manner, deadline);
    bool is_given_up = manner->is_only_attempt || (manner->step.is_final && retry->is_gone) ||
                       retry->retry_at >= deadline;
    return is_given_up ? give_up(retry, attempts, manner, outcome->result == TOTE_RESULT_TIMEOUT)
                       : TOTE_EXPORT_STATE_IDLE;
}

/* Wait between two attempts, or before the first one while the receiver is unavailable. */
static tote_export_state hold_back(struct tote__retry *retry, struct tote__attempts *attempts,
                                   const struct tote__manner *manner,
                                   tote_export_outcome *outcome) {
    uint64_t deadline = deadline_of(retry, attempts, &manner->step);
    bool is_final = manner->step.is_final;

    shorten_pause(retry, attempts, manner, deadline);
    bool is_late = retry->retry_at >= deadline;
    if (!(is_late && (attempts->deadline || is_final)) && !(is_final && retry->is_gone)) {
        return TOTE_EXPORT_STATE_IDLE;
    }
    snprintf(retry->reason, sizeof retry->reason, "%s (%s)",
             retry->is_asked_to_wait ? "the receiver asked to wait for longer"
                                     : "the receiver is unavailable",
             retry->cause);
    outcome->result = is_late ? TOTE_RESULT_TIMEOUT : TOTE_RESULT_FAILURE;
    outcome->failure = TOTE_EXPORT_FAILURE_UNAVAILABLE;
    outcome->reason = retry->reason;
    outcome->advice = retry->advice;
    tote__outcome_complete(outcome, attempts->batch.count);
    return give_up(retry, attempts, manner, false);
}

static void append(struct tote__retry *retry, struct tote__attempts *attempts) {
    struct tote__attempts **last = &retry->sending;

    while (*last) {
        last = &(*last)->next;
    }
    *last = attempts;
    attempts->next = NULL;
    attempts->is_sending = true;
    retry->in_flight++;
}

static void unlink_attempts(struct tote__retry *retry, struct tote__attempts *attempts) {
    struct tote__attempts **at = &retry->sending;

    while (*at && *at != attempts) {
        at = &(*at)->next;
    }
    *at = attempts->next;
    attempts->is_sending = false;
    retry->in_flight--;
}

/* Deliver the request. Returns false, with an outcome, if the receiver does not accept it. */
static bool begin(const struct tote__retry *retry, const tote_span_batch *request,
                  tote_export_outcome *outcome) {
    const tote_span_exporter *receiver = retry->receiver;
    size_t taken = receiver->ops.deliver ? receiver->ops.deliver(receiver->self, request, outcome)
                                         : request->count;

    if (taken >= request->count) {
        return true;
    }
    if (taken) {
        receiver->ops.save(receiver->self); /* discards the accepted part */
    }
    if (taken || (outcome->span_count && outcome->span_count < request->count)) {
        *outcome = (tote_export_outcome)TOTE_EXPORT_OUTCOME_INIT;
        outcome->failure = TOTE_EXPORT_FAILURE_TOO_LARGE;
        outcome->result = TOTE_RESULT_FAILURE;
        outcome->reason = "the exporter accepts only some of the spans";
    } else if (!outcome->span_count) {
        outcome->failure = TOTE_EXPORT_FAILURE_UNAVAILABLE;
        outcome->result = TOTE_RESULT_FAILURE;
        outcome->reason = "the exporter accepts no spans now";
    }
    return false;
}

tote_export_state tote__retry_start(struct tote__retry *retry, struct tote__attempts *attempts,
                                    const struct tote__manner *manner,
                                    tote_export_outcome *outcome) {
    *outcome = (tote_export_outcome)TOTE_EXPORT_OUTCOME_INIT;
    attempts->is_cut_short = attempts->is_reset = false;
    if (tote__clock_monotonic() < retry->retry_at) {
        return hold_back(retry, attempts, manner, outcome);
    }
    const tote_export_step without_end = {.timeout_ms = manner->step.timeout_ms,
                                          .deadline_ns = TOTE__NEVER};
    attempts->deadline = deadline_of(retry, attempts, &without_end);
    attempts->batch.deadline = deadline_of(retry, attempts, &manner->step);
    attempts->pause = retry->pause;
    if (!begin(retry, &attempts->batch, outcome)) {
        return tote__retry_judge(retry, attempts, manner, outcome);
    }
    append(retry, attempts);
    return TOTE_EXPORT_STATE_IN_FLIGHT;
}

/* Cancel all attempts, because one does not end. The others are started again. */
static void cancel_attempts(struct tote__retry *retry, tote_export_outcome *outcome) {
    struct tote__attempts *first = retry->sending;

    retry->receiver->ops.save(retry->receiver->self);
    while (first && first->next) {
        unlink_attempts(retry, first->next);
    }
    *outcome = (tote_export_outcome)TOTE_EXPORT_OUTCOME_INIT;
    outcome->result = TOTE_RESULT_TIMEOUT;
    outcome->failure = TOTE_EXPORT_FAILURE_UNAVAILABLE;
    outcome->reason = "the exporter did not end the export in time";
}

/* Return the attempts that the receiver has completed: the oldest, unless it is specified. */
static struct tote__attempts *completed(const struct tote__retry *retry) {
    const tote_span_exporter *receiver = retry->receiver;
    const tote_span_batch *batch = receiver->extras && receiver->extras->completed
                                       ? receiver->extras->completed(receiver->self)
                                       : &retry->sending->batch;
    struct tote__attempts *attempts = retry->sending;

    while (attempts && &attempts->batch != batch) {
        attempts = attempts->next;
    }
    return attempts;
}

static struct tote__attempts *step_receiver(struct tote__retry *retry, const tote_export_step *step,
                                            tote_export_outcome *outcome) {
    const tote_span_exporter *receiver = retry->receiver;
    uint64_t start = step->may_block ? tote__clock_monotonic() : 0;

    if (receiver->ops.step(receiver->self, step, outcome) == TOTE_EXPORT_STATE_COMPLETED) {
        return completed(retry);
    }
    uint64_t now = tote__clock_monotonic();
    if (step->deadline_ns < now && now - step->deadline_ns > TOTE__STEP_GRACE_NS) {
        cancel_attempts(retry, outcome);
        return retry->sending;
    }
    if (step->may_block && now - start < ns_per_ms) { /* the exporter did not wait */
        tote__span_exporter_wait(receiver,
                                 now + tote__delivery_slice(retry->settings, retry->in_flight));
    }
    return NULL;
}

/* Returns the attempts, which are over. */
static struct tote__attempts *export_and_wait(const struct tote__retry *retry,
                                              const tote_export_step *step,
                                              tote_export_outcome *outcome) {
    const tote_span_exporter *receiver = retry->receiver;
    const tote_span_batch *batch = &retry->sending->batch;
    const tote_span_data *const *spans = tote_span_batch_get_spans(batch);

    if (spans) {
        outcome->result = receiver->ops.export_spans(receiver->self, spans, batch->count,
                                                     step->timeout_ms, outcome);
    } else {
        outcome->result = TOTE_RESULT_FAILURE;
        outcome->reason = "out of memory, or the request is damaged";
    }
    return retry->sending;
}

struct tote__attempts *tote__retry_step(struct tote__retry *retry, const tote_export_step *step,
                                        tote_export_outcome *outcome) {
    tote_export_step own = *step;

    if (!retry->sending) {
        return NULL;
    }
    *outcome = (tote_export_outcome)TOTE_EXPORT_OUTCOME_INIT;
    for (const struct tote__attempts *at = retry->sending; at; at = at->next) {
        own.deadline_ns = at->deadline < own.deadline_ns ? at->deadline : own.deadline_ns;
    }
    own.timeout_ms = tote__ms_until(own.deadline_ns, UINT32_MAX);
    struct tote__attempts *over = retry->receiver->ops.step ? step_receiver(retry, &own, outcome)
                                                            : export_and_wait(retry, &own, outcome);
    if (over) {
        unlink_attempts(retry, over);
    }
    return over;
}

uint64_t tote__retry_due(const struct tote__retry *retry) {
    const tote_span_exporter *receiver = retry->receiver;

    return retry->sending && receiver->ops.due ? receiver->ops.due(receiver->self)
                                               : retry->retry_at;
}

void tote__retry_now(struct tote__retry *retry) {
    if (!retry->is_asked_to_wait) {
        retry->retry_at = 0;
    }
}

void tote__retry_cancel(struct tote__retry *retry) {
    if (retry->receiver->ops.save) { /* a blocking exporter has none */
        retry->receiver->ops.save(retry->receiver->self);
    }
    while (retry->sending) {
        struct tote__attempts *attempts = retry->sending;
        unlink_attempts(retry, attempts);
        tote__attempts_end(attempts);
    }
}
