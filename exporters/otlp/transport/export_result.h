/* SPDX-License-Identifier: MIT */
/*
 * export_result.h - what an answer means for the spans of a request
 *
 * The status tables of OTLP, over HTTP and gRPC alike. Spec: protocol/otlp.md#failures, #failures-1
 */
#ifndef TOTE_OTLP_EXPORT_RESULT_H
#define TOTE_OTLP_EXPORT_RESULT_H

#include "response.h"
#include "transport.h"

enum tote__result_kind {
    TOTE__SUCCESS,      /* by the receiver, but for those it rejected */
    TOTE__REJECTED,     /* by the receiver, for good */
    TOTE__NOT_ACCEPTED, /* not accepted by this endpoint as it is configured: the same request may
                       be accepted once the credentials, the path or the protocol are corrected */
    TOTE__TOO_LARGE,    /* refused for the size of the request: smaller ones may be accepted */
    TOTE__RETRYABLE,    /* they may arrive another time */
    TOTE__PERMANENT_FAILURE /* for good, and nobody refused them */
};

struct tote__export_result {
    enum tote__result_kind kind;
    bool is_late;         /* there is no response because the time was over */
    bool is_reset;        /* the stream was reset; with a large request its size may be the cause */
    bool has_lost_status; /* of gRPC: a response of which libcurl lost the trailers, or all of it */
    bool is_readable;     /* a success says nothing, or what can be read */
    const char *reason;   /* "503", "UNAVAILABLE", "no connection" */
    const char *detail;   /* what curl has to say; "" */
    const char *advice;   /* what to do about it; "" when the reason says that */
    char digits[12];      /* for the reason */
    struct tote__export_response
        export_response; /* when to try again is only told with TRY_AGAIN */
};

void tote__otlp_judge(const struct tote__otlp_settings *settings,
                      const struct tote__response *response,
                      struct tote__export_result *export_result);

/*
 * How long a Retry-After asks to wait, from `now` on: seconds, where 0 is at once, or a date.
 * Returns: false when it asks for nothing: no number, or a time in the past, as clocks differ.
 */
bool tote__otlp_retry_after(const char *text, int64_t now, uint64_t *retry_after_ms);

#endif
