/* SPDX-License-Identifier: MIT */
/*
 * verdict.c - what an answer means for the spans of a request
 */
#include "verdict.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "grpc.h"

enum { LONGEST_WAIT_S = 86400, MS_PER_S = 1000 };

static const char protobuf[] = "application/x-protobuf";

bool tote__otlp_retry_after(const char *text, int64_t now, uint64_t *wait_ms) {
    size_t digits = strspn(text, "0123456789");
    int64_t seconds = 0;

    if (digits && !text[digits]) {
        for (size_t i = 0; i < digits && seconds < LONGEST_WAIT_S; i++) {
            seconds = 10 * seconds + (text[i] - '0');
        }
    } else {
        int64_t date = *text >= 'A' ? (int64_t)curl_getdate(text, NULL) : -1;
        seconds = date > now ? date - now : 0;
    }
    seconds = seconds < LONGEST_WAIT_S ? seconds : LONGEST_WAIT_S;
    *wait_ms = (uint64_t)seconds * MS_PER_S;
    return seconds > 0;
}

static bool is_success(const struct tote__answer *answer) {
    return answer->status >= 200 && answer->status < 300;
}

/* Requirement G8 */
static bool is_retryable(long status) {
    return status == 429 || status == 502 || status == 503 || status == 504;
}

static void judge_http(const struct tote__answer *answer, struct tote__verdict *verdict) {
    snprintf(verdict->digits, sizeof verdict->digits, "%ld", answer->status);
    verdict->reason = verdict->digits;
    if (is_success(answer)) {
        verdict->fate = TOTE__TAKEN;
        verdict->is_readable =
            tote__otlp_read_response(answer->body, answer->content_type, &verdict->response);
        return;
    }
    tote__otlp_read_error(answer->body, answer->content_type, &verdict->response);
    verdict->fate = is_retryable(answer->status) ? TOTE__TRY_AGAIN : TOTE__REFUSED;
    verdict->response.asks_to_wait =
        verdict->fate == TOTE__TRY_AGAIN &&
        tote__otlp_retry_after(answer->retry_after, time(NULL), &verdict->response.wait_ms);
}

static void judge_grpc_message(const struct tote__otlp_settings *settings,
                               const struct tote__answer *answer, struct tote__verdict *verdict) {
    struct tote__arena arena = {.chunks = NULL};
    struct tote__slice message;

    switch (tote__grpc_read(answer->body, settings->max_response_bytes, &arena, &message)) {
    case TOTE__GRPC_READ:
        verdict->is_readable = tote__otlp_read_response(message, protobuf, &verdict->response);
        break;
    case TOTE__GRPC_TOO_LARGE:
        verdict->fate = TOTE__LOST;
        verdict->reason = "the answer is larger than max_response_bytes";
        break;
    default:
        break;
    }
    tote__arena_clear(&arena);
}

static void judge_grpc(const struct tote__otlp_settings *settings,
                       const struct tote__answer *answer, struct tote__verdict *verdict) {
    unsigned code = tote__grpc_code(answer->grpc_status, answer->status);

    verdict->reason = tote__grpc_code_name(code);
    if (code == TOTE__GRPC_OK) {
        verdict->fate = TOTE__TAKEN;
        judge_grpc_message(settings, answer, verdict);
        return;
    }
    if (*answer->grpc_status) {
        tote__otlp_read_grpc_error(answer->grpc_message, answer->grpc_details, &verdict->response);
    } else {
        tote__otlp_read_error(answer->body, answer->content_type, &verdict->response);
        verdict->response.asks_to_wait =
            tote__otlp_retry_after(answer->retry_after, time(NULL), &verdict->response.wait_ms);
    }
    bool asks_to_wait = verdict->response.asks_to_wait;
    verdict->fate = tote__grpc_is_retryable(code, asks_to_wait) ? TOTE__TRY_AGAIN : TOTE__REFUSED;
}

void tote__otlp_judge(const struct tote__otlp_settings *settings, const struct tote__answer *answer,
                      struct tote__verdict *verdict) {
    static const struct {
        enum tote__fate fate;
        const char *reason;
        const char *advice;
    } failures[] = {
        [TOTE__NOT_CONNECTED] = {TOTE__TRY_AGAIN, "no connection",
                                 "; start a collector there, or set OTEL_EXPORTER_OTLP_ENDPOINT to "
                                 "where one is, or OTEL_TRACES_EXPORTER=none"},
        [TOTE__NO_ANSWER] = {TOTE__TRY_AGAIN, "the connection was closed without an answer",
                             "; see whether that endpoint speaks OTLP, and by the protocol of "
                             "OTEL_EXPORTER_OTLP_PROTOCOL"},
        [TOTE__TIMED_OUT] = {TOTE__TRY_AGAIN, "no answer in time",
                             "; see to the receiver and the network, or raise "
                             "OTEL_EXPORTER_OTLP_TIMEOUT"},
        [TOTE__INTERRUPTED] = {TOTE__TRY_AGAIN, "interrupted by shutdown", ""},
        [TOTE__TLS_FAILED] = {TOTE__TRY_AGAIN, "TLS failed",
                              "; check the endpoint's scheme and OTEL_EXPORTER_OTLP_CERTIFICATE"},
        [TOTE__ANSWER_TOO_LARGE] = {TOTE__LOST, "the answer is larger than max_response_bytes", ""},
        [TOTE__NOT_HTTP2] = {TOTE__TRY_AGAIN,
                             "the receiver does not speak HTTP/2, as gRPC needs it",
                             "; check the endpoint's port and OTEL_EXPORTER_OTLP_PROTOCOL"},
        [TOTE__NOT_SENT] = {TOTE__TRY_AGAIN, "the request could not be made", ""},
    };

    *verdict = (struct tote__verdict){
        .fate = TOTE__LOST, .reason = "", .detail = answer->error, .advice = ""};
    if (answer->outcome != TOTE__ANSWERED) {
        verdict->fate = failures[answer->outcome].fate;
        verdict->reason = failures[answer->outcome].reason;
        verdict->advice = failures[answer->outcome].advice;
        verdict->is_late = answer->outcome == TOTE__TIMED_OUT;
    } else if (settings->protocol == TOTE_OTLP_GRPC) {
        judge_grpc(settings, answer, verdict);
    } else {
        judge_http(answer, verdict);
    }
}
