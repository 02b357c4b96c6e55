/* SPDX-License-Identifier: MIT */
/*
 * exporter_metrics.c - counts the outcomes and durations of exports
 *
 * The tables are bounded: a receiver can respond with any status. Spec: semantic-conventions
 * docs/otel/sdk-metrics.md
 *
 * Tests: tests/unit/test_metrics.c
 */
#include <stdio.h>
#include <string.h>

#include "tote/internal/metrics.h"
#include "tote/internal/shared.h"

/* The value of error.type for further types. */
static const char other[] = "_OTHER";

static const char *name_of_failure(const tote_export_outcome *outcome) {
    static const char *const names[] = {
        [TOTE_EXPORT_FAILURE_UNKNOWN] = other,
        [TOTE_EXPORT_FAILURE_UNREACHABLE] = "unreachable",
        [TOTE_EXPORT_FAILURE_UNAVAILABLE] = "unavailable",
        [TOTE_EXPORT_FAILURE_STREAM_RESET] = "stream_reset",
        [TOTE_EXPORT_FAILURE_TOO_LARGE] = "too_large",
        [TOTE_EXPORT_FAILURE_NOT_ACCEPTED] = "not_accepted",
        [TOTE_EXPORT_FAILURE_REJECTED] = "rejected",
        [TOTE_EXPORT_FAILURE_LOST] = other,
        [TOTE_EXPORT_FAILURE_INTERRUPTED] = "shutdown",
    };

    if (outcome->result == TOTE_RESULT_TIMEOUT) {
        return "timeout";
    }
    return outcome->failure < TOTE_COUNT_OF(names) ? names[outcome->failure] : other;
}

/* Write the error type of a failed export: a status of the receiver, or else the kind of failure.
 */
static void name_error(const tote_export_outcome *outcome, char name[TOTE__ERROR_TYPE_BYTES]) {
    const char *rpc = outcome->rpc_status_code;

    if (rpc && strcmp(rpc, "OK") != 0) {
        snprintf(name, TOTE__ERROR_TYPE_BYTES, "%s", rpc);
    } else if (!rpc && outcome->http_status_code >= 300) {
        snprintf(name, TOTE__ERROR_TYPE_BYTES, "%u", (unsigned)outcome->http_status_code);
    } else {
        snprintf(name, TOTE__ERROR_TYPE_BYTES, "%s", name_of_failure(outcome));
    }
}

void tote__metrics_add_exported(struct tote__exporter_metrics *metrics, const char *error_type,
                                uint64_t count) {
    size_t i = 0;

    if (!count) {
        return;
    }
    while (i < metrics->exported_count &&
           strcmp(metrics->exported[i].error_type, error_type) != 0) {
        i++;
    }
    if (i == TOTE__MOST_ERROR_TYPES) {
        i--;
    } else if (i == metrics->exported_count) {
        bool is_last = ++metrics->exported_count == TOTE__MOST_ERROR_TYPES;
        snprintf(metrics->exported[i].error_type, TOTE__ERROR_TYPE_BYTES, "%s",
                 is_last && *error_type ? other : error_type);
    }
    metrics->exported[i].count += count;
}

static bool is_alike(const struct tote__operations *operations,
                     const struct tote__operations *one) {
    return strcmp(operations->error_type, one->error_type) == 0 &&
           operations->http_status_code == one->http_status_code &&
           operations->rpc_status_code == one->rpc_status_code;
}

static void add_operation(struct tote__exporter_metrics *metrics, struct tote__operations one,
                          double seconds) {
    size_t i = 0;

    while (i < metrics->operation_count && !is_alike(&metrics->operations[i], &one)) {
        i++;
    }
    if (i == TOTE__MOST_OPERATIONS) {
        i--;
    } else if (i == metrics->operation_count) {
        if (++metrics->operation_count == TOTE__MOST_OPERATIONS) {
            one = (struct tote__operations){.error_type = "_OTHER"};
        }
        metrics->operations[i] = one;
    }
    struct tote__operations *operations = &metrics->operations[i];
    operations->min = operations->count && operations->min < seconds ? operations->min : seconds;
    operations->max = operations->max > seconds ? operations->max : seconds;
    operations->sum += seconds;
    operations->count++;
}

void tote__metrics_add_outcome(struct tote__exporter_metrics *metrics,
                               const tote_export_outcome *outcome, uint64_t duration_ns) {
    bool is_success = outcome->result == TOTE_RESULT_SUCCESS;
    size_t counted = outcome->rejected + outcome->too_large + outcome->shut_down + outcome->saved;
    size_t left = outcome->span_count - tote__min(counted, outcome->span_count);
    size_t delivered = is_success ? left : tote__min(outcome->delivered, left);
    struct tote__operations one = {.http_status_code = outcome->http_status_code,
                                   .rpc_status_code = outcome->rpc_status_code};

    if (!is_success) {
        name_error(outcome, one.error_type);
    }
    const char *rejected = is_success ? "rejected" : one.error_type;
    metrics->in_flight -=
        metrics->in_flight < outcome->span_count ? metrics->in_flight : outcome->span_count;
    tote__metrics_add_exported(metrics, "", delivered);
    tote__metrics_add_exported(metrics, rejected, outcome->rejected);
    tote__metrics_add_exported(metrics, "too_large", outcome->too_large);
    tote__metrics_add_exported(metrics, "shutdown", outcome->shut_down);
    if (!is_success) {
        tote__metrics_add_exported(metrics, one.error_type, left - delivered);
    } else if (counted) {
        const char *cause = outcome->rejected    ? rejected
                            : outcome->too_large ? "too_large"
                            : outcome->shut_down ? "shutdown"
                                                 : "unavailable"; /* saved */
        snprintf(one.error_type, sizeof one.error_type, "%s", cause);
    }
    if (duration_ns != UINT64_MAX) {
        add_operation(metrics, one, (double)duration_ns / 1e9);
    }
}
