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

enum { LONGEST_WAIT_S = 86400, MS_PER_S = 1000, CONTENT_TOO_LARGE = 413 };

static const char protobuf[] = "application/x-protobuf";

bool tote__otlp_retry_after(const char *text, int64_t now, uint64_t *wait_ms) {
    size_t digits = strspn(text, "0123456789");
    bool is_number = digits && !text[digits];
    int64_t seconds = 0;

    if (is_number) {
        for (size_t i = 0; i < digits && seconds < LONGEST_WAIT_S; i++) {
            seconds = 10 * seconds + (text[i] - '0');
        }
    } else {
        int64_t date = *text >= 'A' ? (int64_t)curl_getdate(text, NULL) : -1;
        seconds = date > now ? date - now : 0;
    }
    seconds = seconds < LONGEST_WAIT_S ? seconds : LONGEST_WAIT_S;
    *wait_ms = (uint64_t)seconds * MS_PER_S;
    return seconds > 0 || is_number;
}

static bool is_success(const struct tote__answer *answer) {
    return answer->status >= TOTE__FIRST_FINAL_STATUS && answer->status < 300;
}

/* Requirement G8 */
static bool is_retryable(long status) {
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/* An answer about the endpoint, the credentials or the protocol, whatever the request contains. */
static bool is_not_here(long status) {
    switch (status) {
    case 401:
    case 402:
    case 403:
    case 404:
    case 405:
    case 407:
    case 410:
    case 415:
    case 421:
    case 426:
    case 501:
    case 505:
    case 511:
        return true;
    default:
        return status >= 300 && status < 400;
    }
}

/* What to do about a status that is not retryable. */
static const char *advice_of_status(long status) {
    if (status >= 300 && status < 400) {
        return "; redirects are not followed: set the endpoint to the place that it names";
    }
    switch (status) {
    case 401:
    case 403:
        return "; check the credentials in OTEL_EXPORTER_OTLP_HEADERS or headers";
    case 404:
    case 405:
    case 410:
    case 421:
    case 501:
        return "; check the path: /v1/traces is added to OTEL_EXPORTER_OTLP_ENDPOINT, and not to "
               "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    case 407:
        return "; check the credentials in http_proxy or https_proxy";
    case CONTENT_TOO_LARGE:
        return "; raise the receiver's limit for the size of a request";
    case 415:
        return "; check whether the receiver accepts OTEL_EXPORTER_OTLP_PROTOCOL and _COMPRESSION";
    default:
        return "; see the log of the receiver";
    }
}

/* A path is no setting of gRPC: what has none there is another kind of server. */
static const char *advice_of_grpc_status(long status) {
    switch (status) {
    case 404:
    case 405:
    case 410:
    case 421:
    case 501:
        return "; check the endpoint's host and port: what listens there is no OTLP/gRPC receiver; "
               "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf is for one of OTLP/HTTP";
    default:
        return advice_of_status(status);
    }
}

static const char *advice_of_code(unsigned code) {
    switch (code) {
    case TOTE__GRPC_PERMISSION_DENIED:
    case TOTE__GRPC_UNAUTHENTICATED:
        return "; check the credentials in OTEL_EXPORTER_OTLP_HEADERS or headers";
    case TOTE__GRPC_UNIMPLEMENTED:
        return "; check the port: what listens there is no OTLP/gRPC receiver of traces";
    case TOTE__GRPC_RESOURCE_EXHAUSTED:
        return "; send less, or raise the receiver's limits";
    default:
        return "; see the log of the receiver";
    }
}

static void read_retry_after(const struct tote__answer *answer, struct tote__response *response) {
    response->names_wait =
        tote__otlp_retry_after(answer->retry_after, time(NULL), &response->wait_ms);
    response->asks_to_wait = response->names_wait;
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
    verdict->advice = advice_of_status(answer->status);
    verdict->fate = answer->status == CONTENT_TOO_LARGE ? TOTE__TOO_LARGE
                    : is_retryable(answer->status)      ? TOTE__TRY_AGAIN
                    : is_not_here(answer->status)       ? TOTE__NOT_HERE
                                                        : TOTE__REFUSED;
    if (verdict->fate == TOTE__TRY_AGAIN) {
        read_retry_after(answer, &verdict->response);
    }
}

/*
 * The rest of the response is not read. A receiver of OTLP has no reason to send so much: what
 * listens there may be something else. With a disk queue the spans wait until that is corrected.
 */
static void judge_too_large(const struct tote__otlp_settings *settings,
                            struct tote__verdict *verdict) {
    bool can_wait = settings->spool_directory;

    verdict->fate = can_wait ? TOTE__NOT_HERE : TOTE__LOST;
    verdict->reason = can_wait ? "with more than max_response_bytes"
                               : "the answer is larger than max_response_bytes";
    verdict->advice = "; check the endpoint's port and path, or raise max_response_bytes";
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
        judge_too_large(settings, verdict);
        break;
    default:
        break;
    }
    tote__arena_clear(&arena);
}

/*
 * Without a grpc-status the HTTP status decides. A success without it was cut off: libcurl before 8
 * loses the trailers when a GOAWAY comes with them. Spec: grpc/grpc doc/http-grpc-status-mapping.md
 */
static void judge_grpc_without_status(const struct tote__answer *answer,
                                      struct tote__verdict *verdict) {
    unsigned code = tote__grpc_code("", answer->status);

    if (is_success(answer)) {
        verdict->fate = TOTE__TRY_AGAIN;
        verdict->has_lost_status = true;
        verdict->reason = "the response has no grpc-status";
        return;
    }
    verdict->reason = tote__grpc_code_name(code);
    verdict->advice = advice_of_grpc_status(answer->status);
    tote__otlp_read_error(answer->body, answer->content_type, &verdict->response);
    read_retry_after(answer, &verdict->response);
    verdict->fate = answer->status == CONTENT_TOO_LARGE ? TOTE__TOO_LARGE
                    : tote__grpc_is_retryable(code, verdict->response.asks_to_wait)
                        ? TOTE__TRY_AGAIN
                    : is_not_here(answer->status) ? TOTE__NOT_HERE
                                                  : TOTE__REFUSED;
}

static bool is_code_not_here(unsigned code) {
    return code == TOTE__GRPC_PERMISSION_DENIED || code == TOTE__GRPC_UNIMPLEMENTED ||
           code == TOTE__GRPC_UNAUTHENTICATED;
}

static void judge_grpc(const struct tote__otlp_settings *settings,
                       const struct tote__answer *answer, struct tote__verdict *verdict) {
    unsigned code = tote__grpc_code(answer->grpc_status, answer->status);

    if (!*answer->grpc_status) {
        judge_grpc_without_status(answer, verdict);
        return;
    }
    verdict->reason = tote__grpc_code_name(code);
    if (code == TOTE__GRPC_OK) {
        verdict->fate = TOTE__TAKEN;
        judge_grpc_message(settings, answer, verdict);
        return;
    }
    verdict->advice = advice_of_code(code);
    tote__otlp_read_grpc_error(answer->grpc_message, answer->grpc_details, &verdict->response);
    bool asks_to_wait = verdict->response.asks_to_wait;
    verdict->fate = tote__grpc_says_too_large(code, asks_to_wait, verdict->response.remark)
                        ? TOTE__TOO_LARGE
                    : tote__grpc_is_retryable(code, asks_to_wait) ? TOTE__TRY_AGAIN
                    : is_code_not_here(code)                      ? TOTE__NOT_HERE
                                                                  : TOTE__REFUSED;
}

/* An answer without a final status is none. */
static enum tote__outcome outcome_of(const struct tote__answer *answer) {
    bool is_final = answer->status >= TOTE__FIRST_FINAL_STATUS || *answer->grpc_status;

    return answer->outcome == TOTE__ANSWERED && !is_final ? TOTE__NO_ANSWER : answer->outcome;
}

/*
 * A receiver may respond, and reset the stream with NO_ERROR, before it has the whole request.
 * libcurl before 8 loses such a response, and has no words for this reset, as it has for the
 * others. The response to a smaller request is not lost. Spec: RFC 9113 section 8.1
 */
static void note_lost_answer(const struct tote__answer *answer, struct tote__verdict *verdict) {
    if (verdict->is_reset && answer->error &&
        strcmp(answer->error, curl_easy_strerror(CURLE_HTTP2_STREAM)) == 0) {
        verdict->has_lost_status = true;
        verdict->reason = "the receiver responded before it had the whole request, and libcurl "
                          "before 8 lost the response";
        verdict->detail = "";
        verdict->advice = "; use libcurl 8, or lower max_request_bytes";
    }
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
        [TOTE__STREAM_RESET] = {TOTE__TRY_AGAIN, "the receiver reset the stream",
                                "; see the log of the receiver, or lower max_request_bytes"},
        [TOTE__TIMED_OUT] = {TOTE__TRY_AGAIN, "no answer in time",
                             "; see to the receiver and the network, or raise "
                             "OTEL_EXPORTER_OTLP_TIMEOUT"},
        [TOTE__INTERRUPTED] = {TOTE__TRY_AGAIN, "interrupted by shutdown", ""},
        [TOTE__TLS_FAILED] = {TOTE__TRY_AGAIN, "TLS failed",
                              "; check the endpoint's scheme and OTEL_EXPORTER_OTLP_CERTIFICATE"},
        [TOTE__NOT_HTTP2] = {TOTE__TRY_AGAIN,
                             "the receiver does not speak HTTP/2, as gRPC needs it",
                             "; check the endpoint's port and OTEL_EXPORTER_OTLP_PROTOCOL"},
        [TOTE__NOT_SENT] = {TOTE__TRY_AGAIN, "the request could not be made", ""},
    };
    const enum tote__outcome outcome = outcome_of(answer);

    *verdict = (struct tote__verdict){
        .fate = TOTE__LOST, .reason = "", .detail = answer->error, .advice = ""};
    if (outcome == TOTE__ANSWER_TOO_LARGE) {
        judge_too_large(settings, verdict);
    } else if (outcome != TOTE__ANSWERED) {
        verdict->fate = failures[outcome].fate;
        verdict->reason = failures[outcome].reason;
        verdict->advice =
            answer->advice && *answer->advice ? answer->advice : failures[outcome].advice;
        verdict->is_late = outcome == TOTE__TIMED_OUT;
        verdict->is_reset = outcome == TOTE__STREAM_RESET;
        note_lost_answer(answer, verdict);
    } else if (settings->protocol == TOTE_OTLP_GRPC) {
        judge_grpc(settings, answer, verdict);
    } else {
        judge_http(answer, verdict);
    }
}
