/* SPDX-License-Identifier: MIT */
/*
 * export_result.c - the export result of a response
 *
 * Tests: tests/unit/test_otlp_export_result.c
 */
#include "export_result.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "body.h"
#include "tote/internal/text.h"

enum { LONGEST_WAIT_S = 86400, MS_PER_S = 1000 };

static const char protobuf[] = "application/x-protobuf";

bool tote__otlp_retry_after(const char *text, int64_t now, uint64_t *retry_after_ms) {
    size_t digits = strspn(text, "0123456789");
    bool is_number = digits && !text[digits];
    int64_t date = *text >= 'A' ? (int64_t)curl_getdate(text, NULL) : -1;
    int64_t seconds = is_number    ? strtoll(text, NULL, 10) /* the largest value on overflow */
                      : date > now ? date - now
                                   : 0;

    seconds = seconds < LONGEST_WAIT_S ? seconds : LONGEST_WAIT_S;
    *retry_after_ms = (uint64_t)seconds * MS_PER_S;
    return seconds > 0 || is_number;
}

static bool is_success(const struct tote__response *response) {
    return response->status >= TOTE__FIRST_FINAL_STATUS && response->status < 300;
}

static const char see_log[] = "; see the log of the receiver";
static const char credentials[] =
    "; check the credentials in the headers (OTEL_EXPORTER_OTLP_HEADERS or the configuration file)";
static const char path[] =
    "; check the path: /v1/traces is added to OTEL_EXPORTER_OTLP_ENDPOINT, and not to "
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or the endpoint of a configuration file";

enum { GRPC_UNKNOWN = 2, GRPC_RESOURCE_EXHAUSTED = 8, GRPC_OUT_OF_RANGE = 11 };

/*
 * gRPC status codes. Some concern the endpoint, the credentials or the protocol, regardless of the
 * request.
 */
static const struct grpc_code {
    const char *name;
    enum tote__result_kind kind;
    const char *advice;
} grpc_codes[] = {
    {"OK", TOTE__SUCCESS, ""},
    {"CANCELLED", TOTE__RETRYABLE, see_log},
    {"UNKNOWN", TOTE__REJECTED, see_log},
    {"INVALID_ARGUMENT", TOTE__REJECTED, see_log},
    {"DEADLINE_EXCEEDED", TOTE__RETRYABLE, see_log},
    {"NOT_FOUND", TOTE__REJECTED, see_log},
    {"ALREADY_EXISTS", TOTE__REJECTED, see_log},
    {"PERMISSION_DENIED", TOTE__NOT_ACCEPTED, credentials},
    {"RESOURCE_EXHAUSTED", TOTE__REJECTED, "; send less, or raise the receiver's limits"},
    {"FAILED_PRECONDITION", TOTE__REJECTED, see_log},
    {"ABORTED", TOTE__RETRYABLE, see_log},
    {"OUT_OF_RANGE", TOTE__RETRYABLE, see_log},
    {"UNIMPLEMENTED", TOTE__NOT_ACCEPTED,
     "; check the port: the server there does not receive OTLP/gRPC traces"},
    {"INTERNAL", TOTE__REJECTED, see_log},
    {"UNAVAILABLE", TOTE__RETRYABLE, see_log},
    {"DATA_LOSS", TOTE__RETRYABLE, see_log},
    {"UNAUTHENTICATED", TOTE__NOT_ACCEPTED, credentials},
};

/*
 * HTTP statuses. `code` is the gRPC status if a gRPC response has no grpc-status. Spec:
 * protocol/otlp.md#failures-1, grpc/grpc doc/http-grpc-status-mapping.md
 */
static const struct http_status {
    long status;
    enum tote__result_kind kind;
    unsigned code;
    const char *advice;
} http_statuses[] = {
    {300, TOTE__NOT_ACCEPTED, GRPC_UNKNOWN, /* and all other 3xx */
     "; redirects are not followed: set the endpoint to the target of the redirect"},
    {400, TOTE__REJECTED, 13, see_log},
    {401, TOTE__NOT_ACCEPTED, 16, credentials},
    {402, TOTE__NOT_ACCEPTED, GRPC_UNKNOWN, see_log},
    {403, TOTE__NOT_ACCEPTED, 7, credentials},
    {404, TOTE__NOT_ACCEPTED, 12, path},
    {405, TOTE__NOT_ACCEPTED, GRPC_UNKNOWN, path},
    {407, TOTE__NOT_ACCEPTED, GRPC_UNKNOWN, "; check the credentials in http_proxy or https_proxy"},
    {410, TOTE__NOT_ACCEPTED, GRPC_UNKNOWN, path},
    {413, TOTE__TOO_LARGE, GRPC_UNKNOWN, "; raise the receiver's limit for the size of a request"},
    {415, TOTE__NOT_ACCEPTED, GRPC_UNKNOWN,
     "; check whether the receiver accepts the protocol and the compression "
     "(OTEL_EXPORTER_OTLP_PROTOCOL and _COMPRESSION, or the configuration file)"},
    {421, TOTE__NOT_ACCEPTED, GRPC_UNKNOWN, path},
    {426, TOTE__NOT_ACCEPTED, GRPC_UNKNOWN, see_log},
    {429, TOTE__RETRYABLE, 14, see_log},
    {501, TOTE__NOT_ACCEPTED, GRPC_UNKNOWN, path},
    {502, TOTE__RETRYABLE, 14, see_log},
    {503, TOTE__RETRYABLE, 14, see_log},
    {504, TOTE__RETRYABLE, 14, see_log},
    {505, TOTE__NOT_ACCEPTED, GRPC_UNKNOWN, see_log},
    {511, TOTE__NOT_ACCEPTED, GRPC_UNKNOWN, see_log},
    {0, TOTE__REJECTED, GRPC_UNKNOWN, see_log}, /* any other status */
};

static const struct http_status *find_status(long status) {
    const struct http_status *row = http_statuses;
    long first = status >= 300 && status < 400 ? 300 : status;

    while (row->status && row->status != first) {
        row++;
    }
    return row;
}

static void read_retry_after(const struct tote__response *response,
                             struct tote__export_response *export_response) {
    export_response->has_retry_after =
        tote__otlp_retry_after(response->retry_after, time(NULL), &export_response->retry_after_ms);
    export_response->asks_to_wait = export_response->has_retry_after;
}

/*
 * Set the result of a failure from its HTTP status, also for gRPC without a grpc-status. The path
 * is not configurable for gRPC, so a wrong path means another kind of server.
 */
static void judge_failure(const struct tote__otlp_settings *settings,
                          const struct tote__response *response,
                          struct tote__export_result *export_result) {
    const struct http_status *row = find_status(response->status);
    bool is_grpc = tote__otlp_is_grpc(settings);

    tote__otlp_read_error(response->body, response->content_type, &export_result->export_response);
    export_result->kind = row->kind;
    export_result->advice =
        is_grpc && row->advice == path
            ? "; check the endpoint's host and port: the server there is not an OTLP/gRPC "
              "receiver; for OTLP/HTTP set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or write "
              "otlp_http in the configuration file"
            : row->advice;
    if (is_grpc) {
        export_result->reason = export_result->rpc_status = grpc_codes[row->code].name;
    }
    if (export_result->kind == TOTE__RETRYABLE) {
        read_retry_after(response, &export_result->export_response);
    }
}

static void judge_http(const struct tote__otlp_settings *settings,
                       const struct tote__response *response,
                       struct tote__export_result *export_result) {
    snprintf(export_result->digits, sizeof export_result->digits, "%ld", response->status);
    export_result->reason = export_result->digits;
    if (is_success(response)) {
        export_result->kind = TOTE__SUCCESS;
        export_result->is_readable = tote__otlp_read_response(
            response->body, response->content_type, &export_result->export_response);
    } else {
        judge_failure(settings, response, export_result);
    }
}

/*
 * The response is not read to its end. An OTLP receiver does not send so much, so the endpoint may
 * be wrong. With a disk queue the spans are kept until it is corrected.
 */
static void judge_too_large(const struct tote__otlp_settings *settings,
                            struct tote__export_result *export_result) {
    bool can_wait = settings->delivery.disk_queue_directory;

    export_result->kind = can_wait ? TOTE__NOT_ACCEPTED : TOTE__PERMANENT_FAILURE;
    export_result->reason = can_wait ? "more than max_response_bytes"
                                     : "the response is larger than max_response_bytes";
    export_result->advice = "; check the endpoint's port and path, or raise max_response_bytes";
}

static void judge_grpc_message(const struct tote__otlp_settings *settings,
                               const struct tote__response *response,
                               struct tote__export_result *export_result) {
    struct tote__buffer whole = {.bytes = NULL};
    struct tote__slice message;
    enum tote__grpc_reading reading =
        tote__grpc_read(response->body, settings->max_response_bytes, &whole, &message);

    if (reading == TOTE__GRPC_READ) {
        export_result->is_readable =
            tote__otlp_read_response(message, protobuf, &export_result->export_response);
    } else if (reading == TOTE__GRPC_TOO_LARGE) {
        judge_too_large(settings, export_result);
    }
    tote__buffer_clear(&whole);
}

/* An invalid code is UNKNOWN. */
static unsigned read_grpc_code(const char *text) {
    size_t digits = strspn(text, "0123456789");
    unsigned code = digits && digits <= 2 && !text[digits] ? (unsigned)atoi(text) : GRPC_UNKNOWN;

    return code < TOTE_COUNT_OF(grpc_codes) ? code : GRPC_UNKNOWN;
}

static bool contains_ignoring_case(const char *text, const char *word) {
    size_t size = strlen(word);

    for (size_t left = strlen(text); left >= size; text++, left--) {
        if (tote__equals_ignoring_case(text, size, word, size)) {
            return true;
        }
    }
    return false;
}

/*
 * Return whether an error means that the request is too large. gRPC has no code for that: servers
 * send RESOURCE_EXHAUSTED or OUT_OF_RANGE, and name the cause in the message.
 */
static bool is_too_large(unsigned code, const char *message) {
    static const char *const words[] = {"larger than max", "too large", "exceeds max",
                                        "exceeds the max"};
    bool is_found = false;

    for (size_t i = 0; i < TOTE_COUNT_OF(words) && !is_found; i++) {
        is_found = contains_ignoring_case(message, words[i]);
    }
    return is_found && (code == GRPC_RESOURCE_EXHAUSTED || code == GRPC_OUT_OF_RANGE);
}

/*
 * Without a grpc-status the HTTP status decides. A success without it was truncated: libcurl before
 * 8 loses trailers that arrive with a GOAWAY.
 */
static void judge_grpc(const struct tote__otlp_settings *settings,
                       const struct tote__response *response,
                       struct tote__export_result *export_result) {
    unsigned code = read_grpc_code(response->grpc_status);

    if (!*response->grpc_status && is_success(response)) {
        export_result->kind = TOTE__RETRYABLE;
        export_result->has_lost_status = true;
        export_result->reason = "the response has no grpc-status";
        return;
    }
    if (!*response->grpc_status) {
        judge_failure(settings, response, export_result);
        return;
    }
    export_result->reason = export_result->rpc_status = grpc_codes[code].name;
    export_result->kind = grpc_codes[code].kind;
    export_result->advice = grpc_codes[code].advice;
    if (export_result->kind == TOTE__SUCCESS) {
        judge_grpc_message(settings, response, export_result);
        return;
    }
    tote__otlp_read_grpc_error(response->grpc_message, response->grpc_details,
                               &export_result->export_response);
    if (!export_result->export_response.asks_to_wait &&
        is_too_large(code, export_result->export_response.message)) {
        export_result->kind = TOTE__TOO_LARGE;
    } else if (export_result->export_response.asks_to_wait && code == GRPC_RESOURCE_EXHAUSTED) {
        export_result->kind = TOTE__RETRYABLE;
    }
}

/* A response without a final status counts as no response. */
static enum tote__outcome outcome_of(const struct tote__response *response) {
    bool is_final = response->status >= TOTE__FIRST_FINAL_STATUS || *response->grpc_status;

    return response->outcome == TOTE__RESPONDED && !is_final ? TOTE__NO_RESPONSE
                                                             : response->outcome;
}

/*
 * A receiver may respond, and reset the stream with NO_ERROR, before it has the whole request.
 * libcurl before 8 loses such a response, and reports this reset without details, unlike others.
 * The response to a smaller request is not lost. Spec: RFC 9113 section 8.1
 */
static void note_lost_response(const struct tote__response *response,
                               struct tote__export_result *export_result) {
    if (export_result->is_reset && response->error &&
        strcmp(response->error, curl_easy_strerror(CURLE_HTTP2_STREAM)) == 0) {
        export_result->has_lost_status = true;
        export_result->reason =
            "the receiver responded before it had the whole request, and libcurl "
            "before 8 lost the response";
        export_result->detail = "";
        export_result->advice = "; use libcurl 8, or lower max_request_bytes";
    }
}

void tote__otlp_judge(const struct tote__otlp_settings *settings,
                      const struct tote__response *response,
                      struct tote__export_result *export_result) {
    static const struct {
        const char *reason;
        const char *advice;
    } failures[] = {
        [TOTE__NOT_CONNECTED] = {"no connection",
                                 "; start a collector, correct the endpoint "
                                 "(OTEL_EXPORTER_OTLP_ENDPOINT or the configuration file), or "
                                 "remove the exporter (OTEL_TRACES_EXPORTER=none)"},
        [TOTE__NO_RESPONSE] = {"the connection was closed without a response",
                               "; check that the endpoint is an OTLP receiver for the protocol "
                               "(OTEL_EXPORTER_OTLP_PROTOCOL or the configuration file)"},
        [TOTE__STREAM_RESET] = {"the receiver reset the stream",
                                "; see the log of the receiver, or lower max_request_bytes"},
        [TOTE__TIMED_OUT] = {"no response in time",
                             "; check the receiver and the network, or raise the timeout "
                             "(OTEL_EXPORTER_OTLP_TIMEOUT or the configuration file)"},
        [TOTE__INTERRUPTED] = {"interrupted by shutdown", ""},
        [TOTE__TLS_FAILED] =
            {"TLS failed",
             "; check the endpoint's scheme and the CA file (OTEL_EXPORTER_OTLP_CERTIFICATE "
             "or ca_file)"},
        [TOTE__NOT_HTTP2] =
            {"the receiver does not support HTTP/2, which gRPC needs",
             "; check the endpoint's port and the protocol (OTEL_EXPORTER_OTLP_PROTOCOL or "
             "the configuration file)"},
        [TOTE__NOT_SENT] = {"the request could not be created", ""},
    };
    const enum tote__outcome outcome = outcome_of(response);

    *export_result = (struct tote__export_result){
        .kind = TOTE__PERMANENT_FAILURE, .reason = "", .detail = response->error, .advice = ""};
    if (outcome == TOTE__RESPONSE_TOO_LARGE) {
        judge_too_large(settings, export_result);
    } else if (outcome != TOTE__RESPONDED) {
        export_result->kind = TOTE__RETRYABLE;
        export_result->reason = failures[outcome].reason;
        export_result->advice =
            response->advice && *response->advice ? response->advice : failures[outcome].advice;
        export_result->is_late = outcome == TOTE__TIMED_OUT;
        export_result->is_reset = outcome == TOTE__STREAM_RESET;
        note_lost_response(response, export_result);
    } else if (tote__otlp_is_grpc(settings)) {
        judge_grpc(settings, response, export_result);
    } else {
        judge_http(settings, response, export_result);
    }
}
