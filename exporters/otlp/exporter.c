/* SPDX-License-Identifier: MIT */
/*
 * exporter.c - OTLP exporter: sends requests to a collector, one attempt each
 *
 * Up to max_concurrent_requests are in flight. They may complete in any order, unlike those of
 * exporters of the program: `completed` returns which one did. Retries and the disk queue are
 * implemented by delivery/, which wraps it. Spec:
 * protocol/exporter.md
 *
 * Tests: tests/unit/test_otlp_exporter.c
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "metrics.h"
#include "options.h"
#include "otlp/attempt.h"
#include "otlp/transport/export_result.h"
#include "otlp/transport/transport.h"
#include "tote/diagnostics.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/delivery.h"
#include "tote/internal/fork.h"
#include "tote/internal/request.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

/* A delivered batch, in its lane of the transport. */
struct delivered {
    const tote_span_batch *batch; /* NULL: the lane is free */
    bool is_sending;
};

struct exporter {
    struct tote__otlp_settings settings;
    struct tote__transport *transport;
    struct tote__otlp_metrics metrics;
    struct delivered *delivered;      /* max_concurrent_requests lanes */
    size_t count;                     /* of delivered batches */
    const tote_span_batch *completed; /* by the last step; only compared */
    uint32_t generation;              /* the process that the batches belong to */
    _Atomic(bool) is_in_step;
    struct tote__export_result export_result; /* of the last attempt */
    char reason[640];
};

/* Report the message of a successful response, and count rejected spans. */
static void count_accepted(const struct exporter *exporter, size_t count,
                           tote_export_outcome *outcome) {
    const struct tote__export_result *export_result = &exporter->export_result;
    const struct tote__export_response *export_response = &export_result->export_response;
    const char *url = exporter->settings.shown_url;

    if (!export_result->is_readable) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "otlp",
                                "%s responded with %s and an unreadable body: it counts as success",
                                url, export_result->reason);
    } else if (export_response->rejected) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "otlp", "%s rejected %llu of %zu spans: %s", url,
                                (unsigned long long)export_response->rejected, count,
                                *export_response->message ? export_response->message
                                                          : "without a reason");
    } else if (*export_response->message) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "otlp", "%s accepted the spans with a message: %s",
                                url, export_response->message);
    }
    outcome->rejected =
        export_response->rejected < count ? (size_t)export_response->rejected : count;
}

static tote_export_failure failure_of(const struct tote__export_result *export_result,
                                      enum tote__outcome attempt) {
    switch (export_result->kind) {
    case TOTE__REJECTED:
        return TOTE_EXPORT_FAILURE_REJECTED;
    case TOTE__NOT_ACCEPTED:
        return TOTE_EXPORT_FAILURE_NOT_ACCEPTED;
    case TOTE__TOO_LARGE:
        return TOTE_EXPORT_FAILURE_TOO_LARGE;
    case TOTE__PERMANENT_FAILURE:
        return TOTE_EXPORT_FAILURE_LOST;
    default:
        return attempt == TOTE__NOT_CONNECTED ? TOTE_EXPORT_FAILURE_UNREACHABLE
               : attempt == TOTE__INTERRUPTED ? TOTE_EXPORT_FAILURE_INTERRUPTED
               : export_result->is_reset      ? TOTE_EXPORT_FAILURE_STREAM_RESET
                                              : TOTE_EXPORT_FAILURE_UNAVAILABLE;
    }
}

static _Atomic(tote__attempt_observer *) observer;
static _Atomic(uint32_t) observed_most_ms;

void tote__observe_attempts(tote__attempt_observer *observe, uint32_t most_ms) {
    atomic_store(&observed_most_ms, most_ms);
    atomic_store(&observer, observe);
}

/* Complete an attempt. */
static tote_export_state end_attempt(struct exporter *exporter,
                                     const struct tote__response *response,
                                     tote_export_outcome *outcome) {
    struct tote__export_result *export_result = &exporter->export_result;
    const char *message = export_result->export_response.message;
    struct delivered *delivered = &exporter->delivered[response->lane];

    tote__otlp_judge(&exporter->settings, response, export_result);
    outcome->http_status_code = (uint32_t)response->status;
    outcome->rpc_status_code = export_result->rpc_status;
    const char *detail = export_result->detail ? export_result->detail : "";
    if (export_result->kind == TOTE__SUCCESS) {
        count_accepted(exporter, delivered->batch->count, outcome);
    } else {
        snprintf(exporter->reason, sizeof exporter->reason, "%s%s%s%s%s%s", export_result->reason,
                 *detail ? " (" : "", detail, *detail ? ")" : "", *message ? ": " : "", message);
        outcome->result = export_result->is_late ? TOTE_RESULT_TIMEOUT : TOTE_RESULT_FAILURE;
        outcome->failure = failure_of(export_result, response->outcome);
        outcome->has_retry_after = export_result->export_response.has_retry_after;
        outcome->retry_after_ms = export_result->export_response.retry_after_ms;
        outcome->retry_at_once = export_result->has_lost_status;
        outcome->reason = exporter->reason;
        outcome->advice = export_result->advice;
    }
    tote__attempt_observer *observe = atomic_load(&observer);
    if (observe) {
        observe(&exporter->settings, response, export_result);
    }
    exporter->completed = delivered->batch;
    *delivered = (struct delivered){.batch = NULL};
    exporter->count--;
    return TOTE_EXPORT_STATE_COMPLETED;
}

static size_t lanes(const struct exporter *exporter) {
    return exporter->settings.delivery.max_concurrent_requests;
}

static void forget_batches(struct exporter *exporter) {
    for (size_t lane = 0; lane < lanes(exporter); lane++) {
        exporter->delivered[lane] = (struct delivered){.batch = NULL};
    }
    exporter->count = 0;
}

/* In a forked child, requests in flight belong to the parent. */
static void forget_parent(struct exporter *exporter) {
    if (exporter->generation != tote__generation()) {
        exporter->generation = tote__generation();
        forget_batches(exporter);
    }
}

static size_t otlp_deliver(void *self, const tote_span_batch *batch, tote_export_outcome *outcome) {
    struct exporter *exporter = self;
    size_t lane = 0;

    (void)outcome;
    forget_parent(exporter);
    if (exporter->count == lanes(exporter) || !tote_span_batch_get_request(batch, NULL)) {
        return 0;
    }
    while (exporter->delivered[lane].batch) {
        lane++;
    }
    exporter->delivered[lane].batch = batch;
    exporter->count++;
    return batch->count;
}

/* Start the requests of new batches. Returns false, with a response, if one is complete at once. */
static bool begin_requests(const struct exporter *exporter, const tote_export_step *step,
                           struct tote__response *response) {
    for (size_t lane = 0; lane < lanes(exporter); lane++) {
        struct delivered *delivered = &exporter->delivered[lane];
        const tote_span_batch *batch = delivered->batch;
        if (!batch || delivered->is_sending) {
            continue;
        }
        uint64_t deadline = batch->deadline ? batch->deadline : step->deadline_ns;
        const struct tote__request request = {batch->request, batch->count, deadline, lane, false};
        delivered->is_sending = tote__transport_begin(exporter->transport, &request, response);
        if (!delivered->is_sending) {
            return false;
        }
    }
    return true;
}

static tote_export_state go_on(struct exporter *exporter, const tote_export_step *step,
                               tote_export_outcome *outcome) {
    struct tote__response response;

    if (!exporter->count) {
        if (!exporter->metrics.is_sending) {
            tote__transport_drain(exporter->transport);
        }
        return TOTE_EXPORT_STATE_IDLE;
    }
    if (!begin_requests(exporter, step, &response)) {
        return end_attempt(exporter, &response, outcome);
    }
    uint64_t slice_ns = tote__delivery_slice(&exporter->settings.delivery, exporter->count);
    uint64_t slice = step->may_block ? tote__clock_monotonic() + slice_ns : 0;
    uint64_t until = slice < step->deadline_ns ? slice : step->deadline_ns;
    if (!tote__transport_step(exporter->transport, until, &response)) {
        return TOTE_EXPORT_STATE_IN_FLIGHT;
    }
    if (TOTE_HAS_METRICS && response.lane == tote__transport_metrics_lane(&exporter->settings)) {
        tote__otlp_metrics_end(&exporter->metrics, &response);
        return TOTE_EXPORT_STATE_IN_FLIGHT;
    }
    return end_attempt(exporter, &response, outcome);
}

static tote_export_state otlp_step(void *self, const tote_export_step *step,
                                   tote_export_outcome *outcome) {
    struct exporter *exporter = self;

    forget_parent(exporter);
    atomic_store(&exporter->is_in_step, true);
    tote_export_state state = go_on(exporter, step, outcome);
    atomic_store(&exporter->is_in_step, false);
    return state;
}

static uint64_t otlp_due(void *self) {
    return tote__transport_due(((const struct exporter *)self)->transport);
}

static int otlp_descriptor(void *self) {
    return tote__transport_descriptor(((struct exporter *)self)->transport);
}

static size_t otlp_save(void *self) {
    struct exporter *exporter = self;

    tote__transport_cancel(exporter->transport);
    exporter->metrics.is_sending = false;
    forget_batches(exporter);
    return 0;
}

static tote_result otlp_prepare(void *self, uint32_t timeout_ms, bool may_make_thread) {
    return tote__transport_prepare(((const struct exporter *)self)->transport,
                                   tote__deadline_in(timeout_ms), may_make_thread);
}

static void otlp_identify(void *self, struct tote__exporter_identity *identity) {
    static const char *const types[] = {
        [TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF] = "otlp_http_span_exporter",
        [TOTE_OTLP_PROTOCOL_HTTP_JSON] = "otlp_http_json_span_exporter",
        [TOTE_OTLP_PROTOCOL_GRPC] = "otlp_grpc_span_exporter",
    };
    const struct tote__otlp_settings *settings = &((const struct exporter *)self)->settings;

    identity->type = types[settings->protocol];
    identity->server_address = settings->unix_path ? settings->unix_path : settings->host;
    identity->server_port = settings->unix_path ? 0 : (uint32_t)strtoul(settings->port, NULL, 10);
}

static const tote_span_batch *otlp_completed(void *self) {
    return ((const struct exporter *)self)->completed;
}

static bool otlp_start_metrics(void *self, const struct tote__metric_source *source) {
    return tote__otlp_metrics_start(&((struct exporter *)self)->metrics, source);
}

static uint64_t otlp_metrics_due(void *self) {
    return tote__otlp_metrics_due(&((const struct exporter *)self)->metrics);
}

static void otlp_send_metrics_now(void *self) {
    ((struct exporter *)self)->metrics.due = 0;
}

/* While spans are in flight, their steps also continue the request of metrics. */
static bool otlp_step_metrics(void *self, bool may_block) {
    struct exporter *exporter = self;
    uint64_t until = may_block ? tote__clock_monotonic() + TOTE__STEP_SLICE_NS : 0;

    forget_parent(exporter);
    atomic_store(&exporter->is_in_step, true);
    bool is_sending = tote__otlp_metrics_step(&exporter->metrics, exporter->count == 0, until);
    atomic_store(&exporter->is_in_step, false);
    return is_sending;
}

static void otlp_finish_metrics(void *self, uint64_t deadline) {
    struct exporter *exporter = self;

    forget_parent(exporter);
    if (!exporter->count) {
        atomic_store(&exporter->is_in_step, true);
        tote__otlp_metrics_finish(&exporter->metrics, deadline);
        atomic_store(&exporter->is_in_step, false);
    }
}

static const struct tote__metric_sender_ops metric_sender_ops = {
    .start = otlp_start_metrics,
    .due = otlp_metrics_due,
    .send_now = otlp_send_metrics_now,
    .step = otlp_step_metrics,
    .finish = otlp_finish_metrics,
};

static struct tote__metric_sender otlp_metric_sender(void *self) {
    return (struct tote__metric_sender){&metric_sender_ops, self};
}

static const struct tote__exporter_extras otlp_extras = {
    .prepare = otlp_prepare,
    .identify = otlp_identify,
    .completed = otlp_completed,
    .metric_sender = TOTE_HAS_METRICS ? otlp_metric_sender : NULL,
};

/* Interrupt only a step in progress: otherwise the interrupt would keep the descriptor readable. */
static tote_result otlp_shutdown(void *self, uint32_t timeout_ms) {
    struct exporter *exporter = self;

    (void)timeout_ms;
    if (atomic_load(&exporter->is_in_step)) {
        tote__transport_interrupt(exporter->transport);
    }
    return TOTE_RESULT_SUCCESS;
}

static void otlp_destroy(void *self) {
    struct exporter *exporter = self;

    tote__transport_free(exporter->transport);
    tote__buffer_clear(&exporter->metrics.request);
    if (exporter->settings.transport.destroy) {
        exporter->settings.transport.destroy(exporter->settings.transport.self);
    }
    tote__release(exporter->delivered, lanes(exporter) * sizeof *exporter->delivered);
    tote__otlp_settings_clear(&exporter->settings);
    tote__release(exporter, sizeof *exporter);
}

/* Release what the options own, after a failure. */
static tote_span_exporter *refuse(const tote_otlp_options *options) {
    tote_otlp_transport transport = {.send = NULL};

    if (options && options->struct_size > offsetof(tote_otlp_options, transport)) {
        TOTE__COPY_OPTIONS(tote_otlp_transport, &transport, options->transport);
    }
    if (transport.destroy) {
        transport.destroy(transport.self);
    }
    return NULL;
}

static const tote_span_exporter_ops otlp_ops = {
    .struct_size = sizeof otlp_ops,
    .shutdown = otlp_shutdown,
    .destroy = otlp_destroy,
    .deliver = otlp_deliver,
    .step = otlp_step,
    .due = otlp_due,
    .descriptor = otlp_descriptor,
    .save = otlp_save,
};

/*
 * Create an exporter that makes one attempt for each batch. Returns NULL, with a diagnostic, on
 * failure.
 */
static tote_span_exporter *make_exporter(const tote_otlp_options *options,
                                         const struct tote__option_reporter *reporter) {
    struct exporter *exporter = tote__allocate_zeroed(sizeof *exporter);

    if (!exporter) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "otlp", "out of memory, no exporter is created");
        return refuse(options);
    }
    if (!tote__otlp_settings_resolve(&exporter->settings, options, reporter)) {
        tote__release(exporter, sizeof *exporter);
        return refuse(options);
    }
    if (atomic_load(&observer)) {
        uint32_t *timeout_ms = &exporter->settings.delivery.timeout_ms;
        *timeout_ms = (uint32_t)tote__min(*timeout_ms, atomic_load(&observed_most_ms));
    }
    exporter->transport = tote__transport_new(&exporter->settings);
    exporter->delivered = tote__allocate_zeroed(lanes(exporter) * sizeof *exporter->delivered);
    if (!exporter->transport || !exporter->delivered) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "otlp", "out of memory, no exporter is created");
        otlp_destroy(exporter);
        return NULL;
    }
    exporter->metrics.settings = &exporter->settings;
    exporter->metrics.transport = exporter->transport;
    return tote__span_exporter_set_extras(tote_span_exporter_new(&otlp_ops, exporter),
                                          &otlp_extras);
}

tote_span_exporter *tote__span_exporter_otlp_new(const tote_otlp_options *options,
                                                 const struct tote__option_reporter *reporter) {
    static const char *const protocols[] = {
        [TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF] = "http/protobuf",
        [TOTE_OTLP_PROTOCOL_HTTP_JSON] = "http/json",
        [TOTE_OTLP_PROTOCOL_GRPC] = "grpc",
    };
    tote_span_exporter *made = make_exporter(options, reporter);

    if (!made) {
        return NULL;
    }
    const struct tote__otlp_settings *settings = &((const struct exporter *)made->self)->settings;
    tote_diagnostics_report(TOTE_LEVEL_DEBUG, "otlp", "exports to %s by %s, %s, within %u ms",
                            settings->shown_url, protocols[settings->protocol],
                            settings->is_gzip ? "with gzip" : "not compressed",
                            settings->delivery.timeout_ms);
    return tote__delivery_exporter_new(made, &settings->delivery);
}

tote_span_exporter *tote_span_exporter_otlp_new(const tote_otlp_options *options) {
    return tote__span_exporter_otlp_new(options, NULL);
}

tote_result tote__otlp_disk_queue_send(const tote_otlp_options *options, uint32_t timeout_ms,
                                       const volatile sig_atomic_t *stop,
                                       tote_disk_queue_report *report) {
    int error = errno;
    int cancel = tote__cancel_disable();
    tote_span_exporter *exporter = make_exporter(options, NULL);
    tote_result result = TOTE_RESULT_FAILURE;

    if (exporter) {
        const struct tote__otlp_settings *settings =
            &((const struct exporter *)exporter->self)->settings;
        result = tote__delivery_send(exporter, &settings->delivery, timeout_ms, stop, report);
    }
    tote__cancel_restore(cancel);
    errno = error;
    return result;
}

tote_result tote_otlp_disk_queue_send(const tote_otlp_options *options, uint32_t timeout_ms,
                                      tote_disk_queue_report *report) {
    return tote__otlp_disk_queue_send(options, timeout_ms, NULL, report);
}
