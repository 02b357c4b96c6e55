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
    JITTER_PERCENT = 20, /* more or less */
    MOST_AT_ONCE = 10,   /* attempts in a row that a receiver can ask for without a wait */
    SLICE_MS = 50        /* so that meanwhile others are looked after, too */
};

static const uint64_t ns_per_ms = 1000000;

/* Doubled with each failure, with jitter, so that not all clients come back at the same time. */
static uint64_t backoff_ms(struct tote__delivery *delivery) {
    unsigned doublings = (unsigned)tote__min(delivery->failures - 1, MOST_DOUBLINGS);
    uint64_t wait_ms = (uint64_t)delivery->settings->retry_first_ms << doublings;
    uint64_t longest_ms = delivery->settings->retry_longest_ms;
    tote_span_id random;

    tote__random_span_id(&delivery->random, &random);
    uint64_t percent = 100 - JITTER_PERCENT + random.bytes[0] % (2 * JITTER_PERCENT + 1);
    return (wait_ms < longest_ms ? wait_ms : longest_ms) * percent / 100;
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

static void note_failure(struct tote__delivery *delivery, const struct tote__verdict *verdict) {
    const struct tote__response *response = &verdict->response;

    delivery->failures++;
    delivery->is_asked_to_wait = response->names_wait && response->wait_ms;
    bool is_at_once = response->names_wait && !response->wait_ms
                          ? delivery->failures <= MOST_AT_ONCE
                          : verdict->has_lost_status && delivery->failures == 1;
    uint64_t wait_ms = 0;
    if (delivery->is_asked_to_wait) {
        uint64_t most_ms = delivery->settings->max_retry_after_ms;
        wait_ms = response->wait_ms < most_ms ? response->wait_ms : most_ms;
    } else if (!is_at_once) {
        wait_ms = backoff_ms(delivery);
    }
    delivery->retry_at = tote__clock_monotonic() + wait_ms * ns_per_ms;
    if (!verdict->has_lost_status || !is_at_once) { /* a connection that was closed is no news */
        report_failure(delivery, verdict, wait_ms);
    }
}

static void note_answer(struct tote__delivery *delivery) {
    if (delivery->is_reported) {
        tote_diagnose(TOTE_LEVEL_INFO, "otlp", "%s answers again", delivery->settings->shown_url);
    }
    delivery->failures = 0;
    delivery->retry_at = 0;
    delivery->is_asked_to_wait = false;
    delivery->is_reported = false;
}

static enum tote__progress end(struct tote__delivery *delivery) {
    delivery->is_sending = false;
    delivery->deadline = 0;
    delivery->resets = 0;
    return TOTE__OVER;
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
                                 struct tote__verdict *verdict) {
    delivery->is_sending = false;
    tote__otlp_judge(delivery->settings, answer, verdict);
    if (verdict->fate != TOTE__TRY_AGAIN) {
        if (answer->outcome == TOTE__ANSWERED) {
            note_answer(delivery);
        }
        return end(delivery);
    }
    if (answer->outcome == TOTE__INTERRUPTED) {
        return end(delivery);
    }
    if (verdict->is_reset && is_reset_too_often(delivery, request, manner.most_resets)) {
        verdict->fate = TOTE__TOO_LARGE;
        delivery->failures = 0; /* the receiver can be reached */
        delivery->retry_at = 0;
        return end(delivery);
    }
    delivery->is_gone = answer->outcome == TOTE__NOT_CONNECTED;
    note_failure(delivery, verdict);
    bool is_given_up = manner.is_only_attempt || (manner.is_last_chance && delivery->is_gone) ||
                       delivery->retry_at >= delivery->deadline;
    return is_given_up ? end(delivery) : TOTE__PAUSED;
}

static uint64_t deadline_of(const struct tote__delivery *delivery, uint32_t timeout_ms) {
    uint32_t own_ms = delivery->settings->timeout_ms;

    return tote__deadline_in(timeout_ms < own_ms ? timeout_ms : own_ms);
}

/* Between two attempts, or before the first one while the receiver is away. */
static enum tote__progress hold_back(struct tote__delivery *delivery, bool is_last_chance,
                                     uint64_t deadline, struct tote__verdict *verdict) {
    bool is_late = delivery->retry_at >= deadline;

    if (!(is_late && (delivery->deadline || is_last_chance)) &&
        !(is_last_chance && delivery->is_gone)) {
        return TOTE__PAUSED;
    }
    *verdict = (struct tote__verdict){
        .fate = TOTE__TRY_AGAIN,
        .is_late = is_late,
        .reason = delivery->is_asked_to_wait ? "the receiver asked to wait for longer"
                                             : "the receiver has been away",
        .detail = "",
        .advice = "",
    };
    return end(delivery);
}

enum tote__progress tote__delivery_step(struct tote__delivery *delivery,
                                        const struct tote__request *request,
                                        struct tote__manner manner, struct tote__verdict *verdict) {
    uint64_t deadline = deadline_of(delivery, manner.timeout_ms);
    struct tote__answer answer;

    if (delivery->deadline && delivery->deadline < deadline) {
        deadline = delivery->deadline;
    }
    if (!delivery->is_sending) {
        if (tote__clock_monotonic() < delivery->retry_at) {
            return hold_back(delivery, manner.is_last_chance, deadline, verdict);
        }
        delivery->deadline = deadline;
        struct tote__request timed = *request;
        timed.deadline = deadline;
        delivery->is_sending = tote__transport_begin(delivery->transport, &timed, &answer);
        if (!delivery->is_sending) {
            return judge(delivery, request, &answer, manner, verdict);
        }
    }
    uint32_t wait_ms = manner.may_wait ? tote__ms_until(deadline, SLICE_MS) : 0;
    return tote__transport_step(delivery->transport, wait_ms, &answer)
               ? judge(delivery, request, &answer, manner, verdict)
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
