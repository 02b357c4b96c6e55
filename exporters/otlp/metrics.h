/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - sends the SDK's metrics about itself over the connection of the spans
 *
 * Periodically, and once at the shutdown. A failed request is not retried: the next one has the
 * same cumulative figures. It has a lane of its own, so spans do not wait for it.
 *
 * Threads: the thread that exports. Only tote__otlp_metrics_start() is called before there is one.
 */
#ifndef TOTE_OTLP_METRICS_H
#define TOTE_OTLP_METRICS_H

#include "otlp/transport/transport.h"
#include "tote/internal/buffer.h"
#include "tote/internal/sdk.h"

/* Initially zero, except the first two fields. */
struct tote__otlp_metrics {
    struct tote__otlp_settings *settings;
    struct tote__transport *transport;
    struct tote__metric_source source; /* sdk NULL: not started */
    struct tote__buffer request;
    uint64_t due;        /* when to send next */
    uint32_t generation; /* the process that the request belongs to */
    bool is_sending;
    bool is_reported; /* the failure is reported */
};

/* Start. Returns false, with a diagnostic, if this exporter cannot send metrics. */
bool tote__otlp_metrics_start(struct tote__otlp_metrics *metrics,
                              const struct tote__metric_source *source);

/* Return when the next step is due even without an event. */
uint64_t tote__otlp_metrics_due(const struct tote__otlp_metrics *metrics);

/*
 * Start a request if one is due. Continue it if `is_alone`: no spans are in flight. Returns whether
 * one is in flight.
 */
bool tote__otlp_metrics_step(struct tote__otlp_metrics *metrics, bool is_alone, uint64_t until);

/* Complete the request: the transport has its response. */
void tote__otlp_metrics_end(struct tote__otlp_metrics *metrics,
                            const struct tote__response *response);

/* Send the final figures. Blocks until the deadline at most. No spans are in flight. */
void tote__otlp_metrics_finish(struct tote__otlp_metrics *metrics, uint64_t deadline);

#endif
