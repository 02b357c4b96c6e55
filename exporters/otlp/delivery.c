/* SPDX-License-Identifier: MIT */
/*
 * delivery.c - attempts, and the time between them
 */
#include "delivery.h"

#include <stdio.h>

#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/random.h"

enum {
    MOST_DOUBLINGS = 16,
    JITTER_PERCENT = 20,    /* more or less */
    MOST_AT_ONCE = 10,      /* attempts in a row that a receiver can ask for without a wait */
    MOST_LOST = 2,          /* attempts in a row at once whose response libcurl lost */
    SLICE_MS = 50,          /* so that meanwhile others are looked after, too */
    LAST_ATTEMPT_MS = 1000, /* before the deadline, ... */
    SHORTEST_MS = 10        /* ... unless less time is left */
};

static const uint64_t ns_per_ms = 1000000;

/* With jitter, so that not all clients come back at the same time. */
static uint64_t with_jitter(struct tote__delivery *delivery, uint64_t wait_ms) {
    tote_span_id random;

    tote__random_span_id(&delivery->random, &random);
    return wait_ms * (100 - JITTER_PERCENT + random.bytes[0] % (2 * JITTER_PERCENT + 1)) / 100;
}

/* Doubled with each pause of the schedule; attempts at once have none. */
static uint64_t backoff_ms(struct tote__delivery *delivery) {
    unsigned doublings = (unsigned)tote__min(delivery->pauses++, MOST_DOUBLINGS);
    uint64_t wait_ms = (uint64_t)delivery->settings->retry_first_ms << doublings;
    uint64_t longest_ms = delivery->settings->retry_longest_ms;

    return with_jitter(delivery, wait_ms < longest_ms ? wait_ms : longest_ms);
}

static void report_failure(struct tote__delivery *delivery, const struct tote__verdict *verdict,
                           uint64_t wait_ms) {
    const char *remark = verdict->response.remark;
    const uint64_t asked_ms = verdict->response.wait_ms;
    char limit[96] = "";

    if (delivery->is_asked_to_wait && asked_ms > wait_ms) {
        snprintf(limit, sizeof limit, " (it asks for %llu ms, max_retry_after_ms is %u)",
                 (unsigned long long)asked_ms, delivery->settings->max_retry_after_ms);
    }
    tote_diagnose(delivery->is_reported && !limit[0] ? TOTE_LEVEL_DEBUG : TOTE_LEVEL_WARN, "otlp",
                  "%s: %s%s%s%s%s%s; nothing is sent for %llu ms%s", delivery->settings->shown_url,
                  verdict->reason, *verdict->detail ? " (" : "", verdict->detail,
                  *verdict->detail ? ")" : "", *remark ? ": " : "", remark,
                  (unsigned long long)wait_ms, limit);
    delivery->is_reported = true;
}

bool tote__delivery_shorten_pause(struct tote__delivery *delivery, uint64_t deadline) {
    uint64_t now = tote__clock_monotonic();
    uint64_t left = deadline > now ? deadline - now : 0;
    uint64_t reserve = LAST_ATTEMPT_MS * ns_per_ms;

    if (delivery->retry_at < deadline || delivery->is_asked_to_wait ||
        left < SHORTEST_MS * ns_per_ms) {
        return false;
    }
    delivery->retry_at = deadline - (left / 2 < reserve ? left / 2 : reserve);
    return true;
}

/* If this is the last chance, make a last attempt before the deadline. */
static void shorten_pause(struct tote__delivery *delivery, struct tote__manner manner,
                          uint64_t deadline) {
    if (manner.is_last_chance && !manner.is_only_attempt && !delivery->is_gone &&
        !delivery->has_last_attempt) {
        delivery->has_last_attempt = tote__delivery_shorten_pause(delivery, deadline);
    }
}

/* For requests that are given up without an attempt of their own. */
static void keep_cause(struct tote__delivery *delivery, const struct tote__verdict *verdict) {
    const char *remark = verdict->response.remark;

    snprintf(delivery->cause, sizeof delivery->cause, "%.60s%s%.180s", verdict->reason,
             *verdict->detail || *remark ? ": " : "", *verdict->detail ? verdict->detail : remark);
    snprintf(delivery->advice, sizeof delivery->advice, "%.255s", verdict->advice);
}

static void note_failure(struct tote__delivery *delivery, const struct tote__verdict *verdict,
                         struct tote__manner manner, uint64_t deadline) {
    const struct tote__response *response = &verdict->response;

    keep_cause(delivery, verdict);
    delivery->failures++;
    delivery->is_asked_to_wait = response->names_wait && response->wait_ms;
    bool is_at_once = response->names_wait && !response->wait_ms
                          ? delivery->at_once < MOST_AT_ONCE
                          : verdict->has_lost_status &&
                                delivery->failures <= (verdict->is_reset ? MOST_LOST : 1U);
    delivery->at_once = is_at_once ? delivery->at_once + 1 : delivery->at_once;
    uint64_t wait_ms = 0;
    if (delivery->is_asked_to_wait) {
        uint64_t most_ms = delivery->settings->max_retry_after_ms;
        wait_ms = response->wait_ms < most_ms ? response->wait_ms : most_ms;
    } else if (!is_at_once) {
        wait_ms = backoff_ms(delivery);
    }
    uint64_t now = tote__clock_monotonic();
    delivery->retry_at = now + wait_ms * ns_per_ms;
    shorten_pause(delivery, manner, deadline);
    wait_ms = (delivery->retry_at - now) / ns_per_ms;
    if (!verdict->has_lost_status || !is_at_once) { /* a connection that was closed is no news */
        report_failure(delivery, verdict, wait_ms);
    }
}

/* The receiver can be reached. */
static void forget_failures(struct tote__delivery *delivery) {
    delivery->failures = 0;
    delivery->at_once = 0;
    delivery->pauses = 0;
    delivery->retry_at = 0;
}

static void note_answer(struct tote__delivery *delivery) {
    if (delivery->is_reported) {
        tote_diagnose(TOTE_LEVEL_INFO, "otlp", "%s answers again", delivery->settings->shown_url);
    } else if (delivery->is_not_here) {
        tote_diagnose(TOTE_LEVEL_INFO, "otlp", "%s accepts requests again",
                      delivery->settings->shown_url);
    }
    forget_failures(delivery);
    delivery->is_asked_to_wait = false;
    delivery->is_reported = false;
    delivery->is_not_here = false;
}

void tote__delivery_put_off(struct tote__delivery *delivery, const struct tote__verdict *verdict,
                            size_t span_count) {
    const struct tote__otlp_settings *settings = delivery->settings;
    const char *remark = verdict->response.remark;
    uint64_t wait_ms = with_jitter(delivery, settings->retry_longest_ms);

    keep_cause(delivery, verdict);
    delivery->failures++;
    delivery->is_asked_to_wait = false;
    delivery->retry_at = tote__clock_monotonic() + wait_ms * ns_per_ms;
    tote_diagnose(
        delivery->is_not_here ? TOTE_LEVEL_DEBUG : TOTE_LEVEL_ERROR, "otlp",
        "%s answered %s%s%s: %zu spans are not accepted here; they stay in the disk queue "
        "%s within its limits until they are%s",
        settings->shown_url, verdict->reason, *remark ? ": " : "", remark, span_count,
        settings->spool_directory, verdict->advice);
    delivery->is_not_here = true;
}

static enum tote__progress end(struct tote__delivery *delivery) {
    delivery->is_sending = false;
    delivery->deadline = 0;
    delivery->resets = 0;
    delivery->has_last_attempt = false;
    return TOTE__OVER;
}

/*
 * Give the request up at a deadline: at a shutdown's, if its own leaves time to wait for an answer
 * or for the next attempt.
 */
static enum tote__progress give_up(struct tote__delivery *delivery, struct tote__manner manner,
                                   bool has_timed_out, struct tote__verdict *verdict) {
    uint64_t own_deadline = delivery->deadline ? delivery->deadline : TOTE__NEVER;

    verdict->is_cut_short =
        manner.stop_deadline &&
        (has_timed_out ? manner.stop_deadline : delivery->retry_at) < own_deadline;
    return end(delivery);
}

static bool is_reset_too_often(struct tote__delivery *delivery, const struct tote__request *request,
                               unsigned most_resets) {
    delivery->resets++;
    return most_resets && delivery->resets >= most_resets &&
           request->message.size > TOTE__NEVER_TOO_LARGE_BYTES;
}

/* An attempt is over. */
static enum tote__progress judge(struct tote__delivery *delivery,
                                 const struct tote__request *request,
                                 const struct tote__answer *answer, struct tote__manner manner,
                                 uint64_t deadline, struct tote__verdict *verdict) {
    delivery->is_sending = false;
    delivery->is_gone = answer->outcome == TOTE__NOT_CONNECTED;
    tote__otlp_judge(delivery->settings, answer, verdict);
    if (verdict->fate != TOTE__TRY_AGAIN) {
        if (answer->outcome == TOTE__ANSWERED && verdict->fate != TOTE__NOT_HERE) {
            note_answer(delivery);
        }
        return end(delivery);
    }
    if (answer->outcome == TOTE__INTERRUPTED) {
        return end(delivery);
    }
    if (verdict->is_reset && is_reset_too_often(delivery, request, manner.most_resets)) {
        verdict->fate = TOTE__TOO_LARGE;
        forget_failures(delivery);
        return end(delivery);
    }
    note_failure(delivery, verdict, manner, deadline);
    bool is_given_up = manner.is_only_attempt || (manner.is_last_chance && delivery->is_gone) ||
                       delivery->retry_at >= deadline;
    return is_given_up ? give_up(delivery, manner, verdict->is_late, verdict) : TOTE__PAUSED;
}

static uint64_t deadline_of(const struct tote__delivery *delivery, uint32_t timeout_ms) {
    uint32_t own_ms = delivery->settings->timeout_ms;

    return tote__deadline_in(timeout_ms < own_ms ? timeout_ms : own_ms);
}

/* Between two attempts, or before the first one while the receiver is away. */
static enum tote__progress hold_back(struct tote__delivery *delivery, struct tote__manner manner,
                                     uint64_t deadline, struct tote__verdict *verdict) {
    shorten_pause(delivery, manner, deadline);
    bool is_late = delivery->retry_at >= deadline;

    if (!(is_late && (delivery->deadline || manner.is_last_chance)) &&
        !(manner.is_last_chance && delivery->is_gone)) {
        return TOTE__PAUSED;
    }
    *verdict = (struct tote__verdict){
        .fate = TOTE__TRY_AGAIN,
        .is_late = is_late,
        .reason = delivery->is_asked_to_wait ? "the receiver asked to wait for longer"
                                             : "the receiver has been away",
        .detail = delivery->cause,
        .advice = delivery->advice,
    };
    return give_up(delivery, manner, false, verdict);
}

enum tote__progress tote__delivery_step(struct tote__delivery *delivery,
                                        const struct tote__request *request,
                                        struct tote__manner manner, struct tote__verdict *verdict) {
    uint64_t own_deadline =
        delivery->deadline ? delivery->deadline : deadline_of(delivery, manner.timeout_ms);
    uint64_t deadline = manner.stop_deadline && manner.stop_deadline < own_deadline
                            ? manner.stop_deadline
                            : own_deadline;
    struct tote__answer answer;

    if (!delivery->is_sending) {
        if (tote__clock_monotonic() < delivery->retry_at) {
            return hold_back(delivery, manner, deadline, verdict);
        }
        delivery->deadline = own_deadline;
        struct tote__request timed = *request;
        timed.deadline = deadline;
        delivery->is_sending = tote__transport_begin(delivery->transport, &timed, &answer);
        if (!delivery->is_sending) {
            return judge(delivery, request, &answer, manner, deadline, verdict);
        }
    }
    uint32_t wait_ms = manner.may_wait ? tote__ms_until(deadline, SLICE_MS) : 0;
    return tote__transport_step(delivery->transport, wait_ms, &answer)
               ? judge(delivery, request, &answer, manner, deadline, verdict)
               : TOTE__UNDER_WAY;
}

uint64_t tote__delivery_due(const struct tote__delivery *delivery) {
    if (delivery->is_sending) {
        return tote__transport_due(delivery->transport);
    }
    return delivery->retry_at;
}

void tote__delivery_hurry(struct tote__delivery *delivery) {
    if (!delivery->is_asked_to_wait) {
        delivery->retry_at = 0;
    }
}

void tote__delivery_forget(struct tote__delivery *delivery) {
    end(delivery);
}

void tote__delivery_cancel(struct tote__delivery *delivery) {
    tote__transport_cancel(delivery->transport);
    end(delivery);
}
