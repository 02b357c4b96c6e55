/* SPDX-License-Identifier: MIT */
/*
 * export_result.h - the export result of a response
 *
 * The status tables of OTLP, for HTTP and gRPC. Spec: protocol/otlp.md#failures, #failures-1
 */
#ifndef TOTE_OTLP_EXPORT_RESULT_H
#define TOTE_OTLP_EXPORT_RESULT_H

#include "response.h"
#include "transport.h"

enum tote__result_kind {
    TOTE__SUCCESS,      /* accepted, except for the rejected spans in the response */
    TOTE__REJECTED,     /* permanent failure: the receiver rejects these spans */
    TOTE__NOT_ACCEPTED, /* not accepted from this exporter as configured: accepted once credentials,
                           path or protocol are corrected */
    TOTE__TOO_LARGE,    /* the request is too large: smaller ones may be accepted */
    TOTE__RETRYABLE,    /* retryable */
    TOTE__PERMANENT_FAILURE /* permanent failure, without a rejection by the receiver */
};

struct tote__export_result {
    enum tote__result_kind kind;
    bool is_late;           /* timed out */
    bool is_reset;          /* the stream was reset; a large request may be too large */
    bool has_lost_status;   /* gRPC: libcurl lost the trailers or all of the response */
    bool is_readable;       /* the body of a success is empty or readable */
    const char *rpc_status; /* the name of the gRPC status; NULL: none */
    const char *reason;     /* "503", "UNAVAILABLE", "no connection" */
    const char *detail;     /* curl's error text; "" */
    const char *advice;     /* the cure; "" if the reason includes it */
    char digits[12];        /* memory of `reason` */
    struct tote__export_response export_response; /* has a retry time only if retryable */
};

void tote__otlp_judge(const struct tote__otlp_settings *settings,
                      const struct tote__response *response,
                      struct tote__export_result *export_result);

/*
 * Parse Retry-After: seconds (0 is immediately) or a date, relative to `now`. Returns false if it
 * is invalid or in the past, because clocks differ.
 */
bool tote__otlp_retry_after(const char *text, int64_t now, uint64_t *retry_after_ms);

#endif
