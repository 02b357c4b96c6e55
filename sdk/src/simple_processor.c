/* SPDX-License-Identifier: MIT */
/*
 * simple_processor.c - simple processor: exports each span when it ends
 *
 * For tests and debugging, not for services: on_end blocks for the exporter, and while another
 * thread exports. A span that ends inside an export on the same thread is dropped. Spec:
 * trace/sdk.md#simple-processor
 */
#include <stdatomic.h>

#include "losses.h"
#include "span.h"
#include "tote/context.h"
#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/context.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"
#include "tote/internal/sdk.h"

static const char *const component = "simple_processor";

enum result_kind {
    EXPORTED,
    REJECTED,
    TOO_LARGE,
    NOT_DELIVERED,
    SHUT_DOWN,
    ENDED_LATE, /* after the shutdown */
    SAVED,
    INSIDE_EXPORT,
    RESULT_KINDS
};

struct simple_processor {
    tote_span_exporter *exporter;
    uint32_t export_timeout_ms;
    _Atomic(bool) is_shut_down;
    tote_context *suppressed;     /* current context while the exporter runs */
    struct tote__lock lock;       /* held during an export and a reset of inherited counts */
    _Atomic(uint32_t) generation; /* the process that the counts belong to */
    _Atomic(uint64_t) counts[RESULT_KINDS];
    struct tote__lock metrics_lock; /* protects `metrics`; not held during an export */
    struct tote__exporter_metrics metrics;
};

struct export {
    struct simple_processor *processor;
    const tote_span_data *span;
    tote_export_outcome outcome;
};

static void count(struct simple_processor *processor, enum result_kind kind) {
    atomic_fetch_add_explicit(&processor->counts[kind], 1, memory_order_relaxed);
}

static bool is_inherited(struct simple_processor *processor) {
    return atomic_load_explicit(&processor->generation, memory_order_acquire) != tote__generation();
}

/* A forked child counts from zero. Only the first of its threads that get here forgets. */
static void forget_inherited_counts(struct simple_processor *processor) {
    tote__lock_take(&processor->lock);
    if (is_inherited(processor)) {
        for (size_t i = 0; i < RESULT_KINDS; i++) {
            atomic_store_explicit(&processor->counts[i], 0, memory_order_relaxed);
        }
        tote__lock_take(&processor->metrics_lock);
        processor->metrics = (struct tote__exporter_metrics){.in_flight = 0};
        tote__lock_drop(&processor->metrics_lock);
        atomic_store_explicit(&processor->generation, tote__generation(), memory_order_release);
    }
    tote__lock_drop(&processor->lock);
}

/* Count the outcome for the metrics. */
static void measure(struct export *export, uint64_t start) {
    struct simple_processor *processor = export->processor;
    uint64_t duration = tote__clock_monotonic() - start;

    tote__lock_take(&processor->metrics_lock);
    tote__metrics_add_outcome(&processor->metrics, &export->outcome, duration);
    tote__lock_drop(&processor->metrics_lock);
}

static int run_export(void *arg) {
    struct export *export = arg;
    struct simple_processor *processor = export->processor;
    uint64_t start = tote__clock_monotonic();

    tote__lock_take(&processor->metrics_lock);
    processor->metrics.in_flight++;
    tote__lock_drop(&processor->metrics_lock);
    tote_span_exporter_export(processor->exporter, &export->span, 1, processor->export_timeout_ms,
                              &export->outcome);
    measure(export, start);
    return 0;
}

static enum result_kind result_of(const struct export *export) {
    if (export->outcome.rejected) {
        return REJECTED;
    }
    if (export->outcome.too_large) {
        return TOO_LARGE;
    }
    if (export->outcome.shut_down) {
        return SHUT_DOWN;
    }
    if (export->outcome.saved) {
        return SAVED;
    }
    return export->outcome.result == TOTE_RESULT_SUCCESS || export->outcome.delivered
               ? EXPORTED
               : NOT_DELIVERED;
}

/* Return whether the span cannot be exported here, and count it. */
static bool is_refused(struct simple_processor *processor, const tote_span_data *span) {
    if (tote__thread.is_exporting) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, component,
            "span \"%.64s\" ended inside an export: dropped; an exporter's own calls must "
            "not be traced",
            tote_span_data_get_name(span));
        count(processor, INSIDE_EXPORT);
        return true;
    }
    if (atomic_load(&processor->is_shut_down)) {
        count(processor, ENDED_LATE);
        return true;
    }
    return false;
}

static void simple_on_end(void *self, const tote_span_data *span) {
    struct simple_processor *processor = self;
    struct export export = {processor, span, TOTE_EXPORT_OUTCOME_INIT};

    if (!tote__span_is_sampled(tote__span_of_data(span))) {
        return;
    }
    if (!tote__thread.is_exporting && is_inherited(processor)) {
        forget_inherited_counts(processor);
    }
    if (is_refused(processor, span)) {
        return;
    }
    int cancel = tote__cancel_disable();
    tote__lock_take(&processor->lock);
    tote__thread.is_exporting = true;
    tote_context_run(processor->suppressed, run_export, &export);
    tote__thread.is_exporting = false;
    tote__lock_drop(&processor->lock);
    tote__cancel_restore(cancel);
    count(processor, result_of(&export));
}

static tote_result simple_force_flush(void *self, uint32_t timeout_ms) {
    struct simple_processor *processor = self;

    return atomic_load(&processor->is_shut_down)
               ? TOTE_RESULT_SUCCESS
               : tote_span_exporter_force_flush(processor->exporter, timeout_ms);
}

static void simple_add_stats(void *self, tote_stats *stats) {
    struct simple_processor *processor = self;
    uint64_t counts[RESULT_KINDS];

    if (is_inherited(processor)) {
        return;
    }
    for (size_t i = 0; i < RESULT_KINDS; i++) {
        counts[i] = atomic_load_explicit(&processor->counts[i], memory_order_relaxed);
        stats->ended += counts[i];
    }
    stats->exported += counts[EXPORTED];
    stats->rejected += counts[REJECTED];
    stats->dropped_too_large += counts[TOO_LARGE];
    stats->dropped_retries_exhausted += counts[NOT_DELIVERED];
    stats->dropped_shutdown += counts[SHUT_DOWN] + counts[ENDED_LATE];
    stats->dropped_queue_full += counts[INSIDE_EXPORT];
    tote__add_saved(processor->exporter, counts[SAVED], stats);
}

static void simple_read_metrics(void *self, struct tote__processor_metrics *metrics) {
    struct simple_processor *processor = self;
    uint64_t *processed = metrics->processed;

    *metrics = (struct tote__processor_metrics){.type = "simple_span_processor"};
    if (is_inherited(processor)) {
        return;
    }
    for (size_t i = 0; i < RESULT_KINDS; i++) {
        size_t kind = i == ENDED_LATE      ? TOTE__PROCESSED_ALREADY_SHUTDOWN
                      : i == INSIDE_EXPORT ? TOTE__PROCESSED_INSIDE_EXPORT
                                           : TOTE__PROCESSED;
        processed[kind] += atomic_load_explicit(&processor->counts[i], memory_order_relaxed);
    }
    tote__lock_take(&processor->metrics_lock);
    metrics->exporter = processor->metrics;
    tote__lock_drop(&processor->metrics_lock);
    processed[TOTE__PROCESSED] += metrics->exporter.in_flight;
    tote__add_saved_metrics(processor->exporter,
                            atomic_load_explicit(&processor->counts[SAVED], memory_order_relaxed),
                            &metrics->exporter);
}

static tote_result simple_shutdown(void *self, uint32_t timeout_ms) {
    struct simple_processor *processor = self;
    tote_stats stats = TOTE_STATS_INIT;

    if (atomic_exchange(&processor->is_shut_down, true)) {
        return TOTE_RESULT_SUCCESS;
    }
    tote_result result = tote_span_exporter_shutdown(processor->exporter, timeout_ms);
    simple_add_stats(processor, &stats);
    tote__report_losses(component, &stats);
    return result;
}

static void simple_destroy(void *self) {
    struct simple_processor *processor = self;

    simple_shutdown(processor, 0);
    tote_span_exporter_free(processor->exporter);
    tote_context_unref(processor->suppressed);
    tote__release(processor, sizeof *processor);
}

static const tote_span_processor_ops simple_ops = {
    .struct_size = sizeof simple_ops,
    .on_end = simple_on_end,
    .force_flush = simple_force_flush,
    .shutdown = simple_shutdown,
    .destroy = simple_destroy,
};

tote_span_processor *tote__simple_processor_new(tote_span_exporter *exporter,
                                                uint32_t export_timeout_ms) {
    struct simple_processor *processor = tote__allocate_zeroed(sizeof *processor);
    tote_span_processor *made = tote__allocate(sizeof *made);

    if (!exporter || !processor || !made) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component, "no processor is created: %s",
                                exporter ? "out of memory" : "the exporter is NULL");
        tote__release(processor, sizeof *processor);
        tote__release(made, sizeof *made);
        tote_span_exporter_free(exporter);
        return NULL;
    }
    processor->exporter = exporter;
    processor->export_timeout_ms = export_timeout_ms;
    processor->suppressed = tote_context_with_suppression(tote_context_root());
    atomic_init(&processor->generation, tote__generation());
    *made = (tote_span_processor){.ops = simple_ops,
                                  .self = processor,
                                  .add_stats = simple_add_stats,
                                  .read_metrics = simple_read_metrics,
                                  .exporter = exporter};
    return made;
}
