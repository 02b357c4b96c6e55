/* SPDX-License-Identifier: MIT */
/*
 * metrics.c - sends the SDK's metrics about itself
 *
 * Tests: tests/unit/test_otlp_metrics.c
 */
#include "metrics.h"

#include <inttypes.h>

#include "otlp/encode/encode_metrics.h"
#include "otlp/transport/export_result.h"
#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/env.h"
#include "tote/internal/fork.h"

static const char *const component = "metrics";

/* In a child, the request in flight belongs to the parent. */
static void forget_parent(struct tote__otlp_metrics *metrics) {
    if (metrics->source.sdk && metrics->generation != tote__generation()) {
        metrics->generation = tote__generation();
        metrics->is_sending = false;
        metrics->due = tote__deadline_in(metrics->source.interval_ms);
    }
}

/* Only cumulative figures are sent, so that a lost request loses nothing. */
static void check_temporality(void) {
    const char *value = tote__env("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE");

    if (value && !tote__env_is_word(value, strlen(value), "cumulative")) {
        tote__diagnose_each(
            TOTE_LEVEL_WARN, component,
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: '%s' is ignored: the "
            "metrics are cumulative; convert them in the collector "
            "(cumulativetodelta)",
            value);
    }
}

bool tote__otlp_metrics_start(struct tote__otlp_metrics *metrics,
                              const struct tote__metric_source *source) {
    struct tote__otlp_settings *settings = metrics->settings;
    bool reads_environment = settings->reads_environment;
    const char *endpoint =
        reads_environment ? tote__env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") : NULL;

    const char *obstacle = settings->transport.send
                               ? "tote_otlp_options.transport sends only spans"
                               : tote__otlp_take_metrics_endpoint(settings, endpoint);
    if (obstacle) {
        tote__diagnose_each(TOTE_LEVEL_WARN, component, "no metrics are sent to %s: %s",
                            settings->shown_url, obstacle);
        return false;
    }
    if (reads_environment) {
        check_temporality();
    }
    metrics->source = *source;
    metrics->generation = tote__generation();
    metrics->due = tote__deadline_in(source->interval_ms);
    return true;
}

uint64_t tote__otlp_metrics_due(const struct tote__otlp_metrics *metrics) {
    return !metrics->source.sdk   ? TOTE__NEVER
           : !metrics->is_sending ? metrics->due
                                  : tote__transport_due(metrics->transport);
}

static void report(struct tote__otlp_metrics *metrics, const struct tote__export_result *result) {
    const struct tote__export_response *response = &result->export_response;
    const char *url = metrics->settings->metrics_url;
    bool is_delivered = result->kind == TOTE__SUCCESS && !response->rejected;

    if (!is_delivered) {
        tote_diagnostics_report(
            metrics->is_reported ? TOTE_LEVEL_DEBUG : TOTE_LEVEL_WARN, component,
            "the metrics were not delivered to %s: %s%s%s; the next attempt is in %" PRIu32
            " s; set OTEL_METRICS_EXPORTER or metrics_exporter to none if the receiver accepts "
            "only "
            "spans",
            url, result->kind == TOTE__SUCCESS ? "some were rejected" : result->reason,
            *response->message ? ": " : "", response->message, metrics->source.interval_ms / 1000);
    } else if (metrics->is_reported) {
        tote_diagnostics_report(TOTE_LEVEL_INFO, component, "the metrics are delivered to %s again",
                                url);
    }
    metrics->is_reported = !is_delivered;
}

void tote__otlp_metrics_end(struct tote__otlp_metrics *metrics,
                            const struct tote__response *response) {
    struct tote__export_result result;

    metrics->is_sending = false;
    tote__otlp_judge(metrics->settings, response, &result);
    if (response->outcome != TOTE__INTERRUPTED) {
        report(metrics, &result);
    }
}

static bool encode(struct tote__otlp_metrics *metrics) {
    struct tote__metrics_encoding encoding = {.is_failed = false};
    const struct tote__metric_source *source = &metrics->source;
    uint32_t resource = 0;
    bool is_read = tote__sdk_read_metrics(source->sdk, source->run, tote__metrics_encoding_add,
                                          &encoding, &resource);
    bool is_encoded =
        tote__metrics_encoding_end(&encoding, tote__resource_at(resource), &metrics->request);

    return is_read && is_encoded;
}

/* Start a request with the figures of now. */
static void begin(struct tote__otlp_metrics *metrics, uint64_t deadline) {
    uint32_t own_ms = metrics->settings->delivery.timeout_ms;
    uint32_t timeout_ms = metrics->source.timeout_ms < own_ms ? metrics->source.timeout_ms : own_ms;
    uint64_t own_deadline = tote__deadline_in(timeout_ms);
    struct tote__response response;

    metrics->due = tote__deadline_in(metrics->source.interval_ms);
    if (!encode(metrics)) {
        return; /* out of memory, or the SDK was released */
    }
    const struct tote__request request = {.message = tote__buffer_slice(&metrics->request),
                                          .deadline =
                                              deadline < own_deadline ? deadline : own_deadline,
                                          .lane = tote__transport_metrics_lane(metrics->settings),
                                          .is_metrics = true};
    metrics->is_sending = tote__transport_begin(metrics->transport, &request, &response);
    if (!metrics->is_sending) {
        tote__otlp_metrics_end(metrics, &response);
    }
}

bool tote__otlp_metrics_step(struct tote__otlp_metrics *metrics, bool is_alone, uint64_t until) {
    struct tote__response response;

    forget_parent(metrics);
    if (metrics->source.sdk && !metrics->is_sending && tote__clock_monotonic() >= metrics->due) {
        begin(metrics, TOTE__NEVER);
    }
    if (metrics->is_sending && is_alone &&
        tote__transport_step(metrics->transport, until, &response)) {
        tote__otlp_metrics_end(metrics, &response);
    }
    return metrics->is_sending;
}

static void complete(struct tote__otlp_metrics *metrics, uint64_t deadline) {
    while (metrics->is_sending && tote__clock_monotonic() < deadline) {
        tote__otlp_metrics_step(metrics, true, deadline);
    }
    if (metrics->is_sending) {
        tote__transport_cancel(metrics->transport);
        metrics->is_sending = false;
    }
}

void tote__otlp_metrics_finish(struct tote__otlp_metrics *metrics, uint64_t deadline) {
    forget_parent(metrics);
    complete(metrics, deadline);
    if (metrics->source.sdk && tote__clock_monotonic() < deadline) {
        begin(metrics, deadline);
        complete(metrics, deadline);
    }
}
