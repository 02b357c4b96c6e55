/* SPDX-License-Identifier: MIT */
/*
 * received.c - requests, read by protobuf-c
 */
#include "received.h"

#include "support.h"

static size_t see_all(const Tote__Otlp__ScopeSpans *spans,
                      void (*see)(const Tote__Otlp__Span *span)) {
    for (size_t i = 0; see && i < spans->n_spans; i++) {
        see(spans->spans[i]);
    }
    return spans->n_spans;
}

static size_t see_request(struct received received, void (*see)(const Tote__Otlp__Span *span)) {
    size_t count = 0;
    Tote__Otlp__ExportTraceServiceRequest *request =
        tote__otlp__export_trace_service_request__unpack(NULL, received.body_size,
                                                         (const uint8_t *)received.body);

    assert_non_null(request);
    for (size_t r = 0; r < request->n_resource_spans; r++) {
        const Tote__Otlp__ResourceSpans *resource = request->resource_spans[r];
        for (size_t s = 0; s < resource->n_scope_spans; s++) {
            count += see_all(resource->scope_spans[s], see);
        }
    }
    tote__otlp__export_trace_service_request__free_unpacked(request, NULL);
    return count;
}

static size_t see_requests(struct receiver *receiver, void (*see)(const Tote__Otlp__Span *span),
                           bool only_taken) {
    size_t requests = receiver_wait(receiver, 0);
    size_t count = 0;

    for (size_t i = 0; i < requests; i++) {
        struct received received = receiver_request(receiver, i);
        if (received.is_taken || !only_taken) {
            count += see_request(received, see);
        }
    }
    return count;
}

size_t received_spans(struct receiver *receiver, void (*see)(const Tote__Otlp__Span *span)) {
    return see_requests(receiver, see, false);
}

size_t received_accepted_spans(struct receiver *receiver,
                               void (*see)(const Tote__Otlp__Span *span)) {
    return see_requests(receiver, see, true);
}
