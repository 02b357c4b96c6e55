/* SPDX-License-Identifier: MIT */
/*
 * extensions.c - exporters and processors of the program
 *
 * The SDK keeps a copy of the functions; fields behind the end of the caller's struct are zero.
 *
 * Tests: tests/unit/test_processors.c
 */
#include <errno.h>

#include "read_span.h"
#include "span.h"
#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"
#include "tote/internal/request.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

enum { LONGEST_WAIT_MS = 60000 };

static const char *const component = "sdk";

tote_span_exporter *tote_span_exporter_new(const tote_span_exporter_ops *ops, void *self) {
    tote_span_exporter *exporter = tote__allocate(sizeof *exporter);
    tote_span_exporter_ops copy = {.struct_size = sizeof copy};

    TOTE__COPY_OPTIONS(tote_span_exporter_ops, &copy, ops);
    bool is_usable = copy.export_spans || (copy.deliver && copy.step && copy.due && copy.save);
    if (!exporter || !is_usable) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component, "no exporter is created: %s",
                                exporter ? "it needs export_spans, or deliver, step, due and save"
                                         : "out of memory");
        if (copy.destroy) {
            copy.destroy(self);
        }
        tote__release(exporter, sizeof *exporter);
        return NULL;
    }
    *exporter = (tote_span_exporter){.ops = copy, .self = self};
    return exporter;
}

tote_span_exporter *tote__span_exporter_set_extras(tote_span_exporter *exporter,
                                                   const struct tote__exporter_extras *extras) {
    if (exporter) {
        exporter->extras = extras;
    }
    return exporter;
}

static size_t *counts_of(tote_export_outcome *outcome, size_t index) {
    size_t *const counts[TOTE__OUTCOME_COUNTS] = {&outcome->rejected, &outcome->too_large,
                                                  &outcome->shut_down, &outcome->saved,
                                                  &outcome->delivered};

    return counts[index];
}

/* An exporter may set any value. */
static void check_values(tote_export_outcome *outcome) {
    if (outcome->result > TOTE_RESULT_TIMEOUT ||
        outcome->failure > TOTE_EXPORT_FAILURE_INTERRUPTED) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, component,
            "an exporter returned the unknown result %u or failure %u: it counts "
            "as a failure; see tote_result and tote_export_failure",
            (unsigned)outcome->result, (unsigned)outcome->failure);
        outcome->result = TOTE_RESULT_FAILURE;
        outcome->failure = TOTE_EXPORT_FAILURE_UNKNOWN;
    }
}

size_t tote__outcome_complete(tote_export_outcome *outcome, size_t span_count) {
    size_t left = span_count;

    check_values(outcome);
    outcome->span_count = span_count;
    outcome->delivered = outcome->result == TOTE_RESULT_SUCCESS ? 0 : outcome->delivered;
    for (size_t i = 0; i < TOTE__OUTCOME_COUNTS; i++) {
        size_t *count = counts_of(outcome, i);
        *count = tote__min(*count, left);
        left -= *count;
    }
    if (outcome->result == TOTE_RESULT_SUCCESS) {
        outcome->delivered = left;
        left = 0;
    }
    return left;
}

void tote__outcome_add(tote_export_outcome *sum, const tote_export_outcome *outcome) {
    tote_export_outcome added = *outcome;

    sum->span_count += added.span_count;
    sum->http_status_code = added.http_status_code;
    sum->rpc_status_code = added.rpc_status_code;
    for (size_t i = 0; i < TOTE__OUTCOME_COUNTS; i++) {
        *counts_of(sum, i) += *counts_of(&added, i);
    }
    if (added.result != TOTE_RESULT_SUCCESS) {
        sum->result = added.result;
        sum->failure = added.failure;
        sum->has_retry_after = added.has_retry_after;
        sum->retry_after_ms = added.retry_after_ms;
        sum->retry_at_once = added.retry_at_once;
        sum->reason = added.reason;
        sum->advice = added.advice;
    }
}

void tote__span_exporter_wait(const tote_span_exporter *exporter, uint64_t deadline) {
    uint64_t due = exporter->ops.due(exporter->self);
    int descriptor = exporter->ops.descriptor ? exporter->ops.descriptor(exporter->self) : -1;

    uint64_t unwatched = tote__os_unwatched_due();

    due = due < deadline ? due : deadline;
    due = due < unwatched ? due : unwatched;
    tote__os_wait_readable(&descriptor, 1, tote__ms_until(due, LONGEST_WAIT_MS));
}

/* Step until `count` spans are completed, or until the deadline plus a grace period. */
static void step_until_over(const tote_span_exporter *exporter, size_t count, uint64_t deadline,
                            tote_export_outcome *sum) {
    const tote_export_step step = {.struct_size = sizeof step,
                                   .timeout_ms = tote__ms_until(deadline, UINT32_MAX),
                                   .deadline_ns = TOTE__NEVER,
                                   .is_final = true,
                                   .may_block = true};
    uint64_t last =
        deadline < TOTE__NEVER - TOTE__STEP_GRACE_NS ? deadline + TOTE__STEP_GRACE_NS : TOTE__NEVER;
    tote_export_outcome outcome = TOTE_EXPORT_OUTCOME_INIT;

    while (exporter->ops.step(exporter->self, &step, &outcome) != TOTE_EXPORT_STATE_COMPLETED) {
        uint64_t now = tote__clock_monotonic();
        if (now >= last) {
            outcome = (tote_export_outcome)TOTE_EXPORT_OUTCOME_INIT;
            outcome.result = TOTE_RESULT_TIMEOUT;
            outcome.saved = exporter->ops.save(exporter->self);
            break;
        }
        uint64_t slice = now + TOTE__STEP_SLICE_NS;
        tote__span_exporter_wait(exporter, slice < last ? slice : last);
        outcome = (tote_export_outcome)TOTE_EXPORT_OUTCOME_INIT;
    }
    tote__outcome_complete(&outcome, count);
    tote__outcome_add(sum, &outcome);
}

/* Export with a non-blocking exporter. Stop after a failure. */
static void export_in_steps(const tote_span_exporter *exporter, const tote_span_data *const *spans,
                            size_t count, uint32_t timeout_ms, tote_export_outcome *sum) {
    uint64_t deadline = tote__deadline_in(timeout_ms);

    for (size_t done = 0; done < count && sum->result == TOTE_RESULT_SUCCESS;) {
        tote_span_batch batch = tote__batch_of_spans(spans + done, count - done);
        tote_export_outcome over = TOTE_EXPORT_OUTCOME_INIT;
        size_t taken = tote__min(exporter->ops.deliver(exporter->self, &batch, &over), batch.count);
        if (taken) {
            step_until_over(exporter, taken, deadline, sum);
        } else if (over.span_count) {
            taken = tote__min(over.span_count, batch.count);
            tote__outcome_complete(&over, taken);
            tote__outcome_add(sum, &over);
        } else {
            tote_diagnostics_report(
                TOTE_LEVEL_ERROR, component,
                "an exporter accepts no spans, or out of memory: %zu spans are lost", batch.count);
            sum->result = TOTE_RESULT_FAILURE;
        }
        done += taken;
        tote__span_batch_clear(&batch);
    }
    bool is_refused = sum->rejected || sum->too_large || sum->shut_down;
    sum->result =
        is_refused && sum->result == TOTE_RESULT_SUCCESS ? TOTE_RESULT_FAILURE : sum->result;
}

tote_result tote_span_exporter_export(tote_span_exporter *exporter,
                                      const tote_span_data *const *spans, size_t count,
                                      uint32_t timeout_ms, tote_export_outcome *outcome) {
    tote_export_outcome own = TOTE_EXPORT_OUTCOME_INIT;
    int error = errno;

    if (!exporter || (count && !spans)) {
        own.result = TOTE_RESULT_FAILURE;
    } else if (exporter->ops.export_spans) {
        own.result = exporter->ops.export_spans(exporter->self, spans, count, timeout_ms, &own);
    } else {
        export_in_steps(exporter, spans, count, timeout_ms, &own);
    }
    own.struct_size = sizeof own;
    tote__outcome_complete(&own, count);
    if (outcome && outcome->struct_size >= sizeof outcome->struct_size) {
        tote__copy_options("tote_export_outcome", outcome, outcome->struct_size, &own);
    }
    errno = error;
    return (tote_result)own.result;
}

tote_result tote_span_exporter_force_flush(tote_span_exporter *exporter, uint32_t timeout_ms) {
    return exporter && exporter->ops.force_flush
               ? exporter->ops.force_flush(exporter->self, timeout_ms)
               : TOTE_RESULT_SUCCESS;
}

tote_result tote_span_exporter_shutdown(tote_span_exporter *exporter, uint32_t timeout_ms) {
    return exporter && exporter->ops.shutdown ? exporter->ops.shutdown(exporter->self, timeout_ms)
                                              : TOTE_RESULT_SUCCESS;
}

void tote_span_exporter_free(tote_span_exporter *exporter) {
    if (!exporter) {
        return;
    }
    if (exporter->ops.destroy) {
        exporter->ops.destroy(exporter->self);
    }
    tote__release(exporter, sizeof *exporter);
}

tote_span_processor *tote_span_processor_new(const tote_span_processor_ops *ops, void *self) {
    tote_span_processor *processor = tote__allocate(sizeof *processor);
    tote_span_processor_ops copy = {.struct_size = sizeof copy};

    TOTE__COPY_OPTIONS(tote_span_processor_ops, &copy, ops);
    if (!processor || !ops) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component, "no processor is created: %s",
                                processor ? "its functions are NULL" : "out of memory");
        if (copy.destroy) {
            copy.destroy(self);
        }
        tote__release(processor, sizeof *processor);
        return NULL;
    }
    *processor = (tote_span_processor){.ops = copy, .self = self};
    return processor;
}

tote_span_processor *tote_span_processor_wrapper_new(tote_span_processor *inner,
                                                     const tote_span_processor_ops *ops,
                                                     void *self) {
    tote_span_processor *processor = tote_span_processor_new(ops, self);

    if (!inner || !processor) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component, "no processor is created: %s",
                                inner ? "the wrapped processor is released"
                                      : "the processor to wrap is NULL");
        tote_span_processor_free(processor);
        tote_span_processor_free(inner);
        return NULL;
    }
    processor->inner = inner;
    return processor;
}

void tote_span_processor_on_start(tote_span_processor *processor, tote_span *span,
                                  const tote_context *parent) {
    tote_span_processor *called = TOTE__PROCESSOR_WITH(processor, on_start);

    if (called && span) {
        called->ops.on_start(called->self, span, parent);
    }
}

void tote_span_processor_on_ending(tote_span_processor *processor, tote_span *span) {
    tote_span_processor *called = TOTE__PROCESSOR_WITH(processor, on_ending);

    if (called && span) {
        called->ops.on_ending(called->self, span);
    }
}

/* Spans of an exporter are decoded from records; processors need the recorded span. */
void tote_span_processor_on_end(tote_span_processor *processor, const tote_span_data *span) {
    tote_span_processor *called = TOTE__PROCESSOR_WITH(processor, on_end);
    bool is_readable = span && !tote__as_read_span(span);
    int error = errno;

    if (called && is_readable && tote__span_is_ended(tote__span_of_data(span))) {
        called->ops.on_end(called->self, span);
    } else if (called && span) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, component,
                                "tote_span_processor_on_end: span \"%.64s\" %s: not processed; "
                                "pass on the span that on_end received",
                                tote_span_data_get_name(span),
                                is_readable ? "has not ended" : "comes from an exporter");
    }
    errno = error;
}

tote_result tote_span_processor_force_flush(tote_span_processor *processor, uint32_t timeout_ms) {
    tote_span_processor *called = TOTE__PROCESSOR_WITH(processor, force_flush);
    int error = errno;
    int cancel = tote__cancel_disable();

    tote_result result =
        called ? called->ops.force_flush(called->self, timeout_ms) : TOTE_RESULT_SUCCESS;
    tote__cancel_restore(cancel);
    errno = error;
    return result;
}

tote_result tote_span_processor_shutdown(tote_span_processor *processor, uint32_t timeout_ms) {
    tote_span_processor *called = TOTE__PROCESSOR_WITH(processor, shutdown);
    int error = errno;
    int cancel = tote__cancel_disable();

    tote_result result =
        called ? called->ops.shutdown(called->self, timeout_ms) : TOTE_RESULT_SUCCESS;
    tote__cancel_restore(cancel);
    errno = error;
    return result;
}

void tote_span_processor_free(tote_span_processor *processor) {
    while (processor) {
        tote_span_processor *inner = processor->inner;
        if (processor->ops.destroy) {
            processor->ops.destroy(processor->self);
        }
        tote__release(processor, sizeof *processor);
        processor = inner;
    }
}
