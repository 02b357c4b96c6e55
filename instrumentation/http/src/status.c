/* SPDX-License-Identifier: MIT */
/*
 * status.c - statuses and routes on spans. Spec: http-spans.md#status
 *
 * Tests: tests/unit/test_http.c
 */
#include <stdio.h>

#include "tote/instrumentation/http.h"
#include "tote/internal/keys.h"

static void set_status(tote_span *span, unsigned status, const char *error_type,
                       unsigned first_error) {
    char text[16];

    if (status) {
        tote_span_set_attribute(span, TOTE__KEY(HTTP_RESPONSE_STATUS_CODE), tote_int(status));
    }
    if (!error_type && status >= first_error) {
        snprintf(text, sizeof text, "%u", status);
        error_type = text;
    }
    if (error_type) {
        tote_span_set_attribute(span, TOTE__KEY(ERROR_TYPE), tote_string(error_type));
        tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, NULL);
    }
}

void tote_http_server_set_status(tote_span *span, unsigned status, const char *error_type) {
    set_status(span, status, error_type, 500);
}

void tote_http_client_set_status(tote_span *span, unsigned status, const char *error_type) {
    set_status(span, status, error_type, 400);
}

void tote_http_server_set_route(tote_span *span, const char *method, const char *route) {
    char name[256];

    if (!route || !*route) {
        return;
    }
    tote_http_span_name(name, sizeof name, method, route);
    tote_span_update_name(span, name);
    tote_span_set_attribute(span, TOTE__KEY(HTTP_ROUTE), tote_string(route));
}
