/* SPDX-License-Identifier: MIT */
/*
 * extensions.c - exporters and processors of the program's own
 *
 * What is kept is a copy of the functions, with zero where the caller's struct ended.
 */
#include <errno.h>

#include "read_span.h"
#include "span.h"
#include "tote/internal/cancel.h"
#include "tote/internal/memory.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

static const char *const component = "sdk";

tote_span_exporter *tote_span_exporter_new(const tote_span_exporter_ops *ops, void *self) {
    tote_span_exporter *exporter = tote__allocate(sizeof *exporter);
    tote_span_exporter_ops copy = {.struct_size = sizeof copy};

    TOTE__COPY_OPTIONS(tote_span_exporter_ops, &copy, ops);
    if (!exporter || !copy.export_spans) {
        tote_diagnose(TOTE_LEVEL_ERROR, component, "span exporter not made: %s",
                      exporter ? "it has no export_spans" : "no memory");
        if (copy.destroy) {
            copy.destroy(self);
        }
        tote__release(exporter, sizeof *exporter);
        return NULL;
    }
    *exporter = (tote_span_exporter){.ops = copy, .self = self};
    return exporter;
}

tote_span_exporter *tote__span_exporter_set_ahead(tote_span_exporter *exporter,
                                                  const struct tote__ahead_ops *ahead) {
    if (exporter) {
        exporter->ahead = ahead;
    }
    return exporter;
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
        tote_diagnose(TOTE_LEVEL_ERROR, component, "span processor not made: %s",
                      processor ? "it has no functions" : "no memory");
        if (copy.destroy) {
            copy.destroy(self);
        }
        tote__release(processor, sizeof *processor);
        return NULL;
    }
    *processor = (tote_span_processor){.ops = copy, .self = self};
    return processor;
}

tote_span_processor *tote_span_processor_wrap(tote_span_processor *inner,
                                              const tote_span_processor_ops *ops, void *self) {
    tote_span_processor *processor = tote_span_processor_new(ops, self);

    if (!inner || !processor) {
        tote_diagnose(TOTE_LEVEL_ERROR, component, "span processor not made: %s",
                      inner ? "what it wraps is released" : "there is nothing to wrap");
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

/* Exporters get spans that are read from records, which is what processors make of a span. */
void tote_span_processor_on_end(tote_span_processor *processor, const tote_span_data *span) {
    tote_span_processor *called = TOTE__PROCESSOR_WITH(processor, on_end);
    bool is_readable = span && !tote__as_read_span(span);
    int error = errno;

    if (called && is_readable && tote__span_is_ended(tote__span_of_data(span))) {
        called->ops.on_end(called->self, span);
    } else if (called && span) {
        tote_diagnose(TOTE_LEVEL_WARN, component,
                      "tote_span_processor_on_end: span \"%.64s\" %s: not processed; pass on what "
                      "on_end got",
                      tote_span_data_get_name(span),
                      is_readable ? "has not ended" : "comes from an exporter");
    }
    errno = error;
}

tote_result tote_span_processor_force_flush(tote_span_processor *processor, uint32_t timeout_ms) {
    tote_span_processor *called = TOTE__PROCESSOR_WITH(processor, force_flush);
    int error = errno;
    int cancel = tote__cancel_disable();

    tote_result result = called ? called->ops.force_flush(called->self, timeout_ms) : TOTE_SUCCESS;
    tote__cancel_restore(cancel);
    errno = error;
    return result;
}

tote_result tote_span_processor_shutdown(tote_span_processor *processor, uint32_t timeout_ms) {
    tote_span_processor *called = TOTE__PROCESSOR_WITH(processor, shutdown);
    int error = errno;
    int cancel = tote__cancel_disable();

    tote_result result = called ? called->ops.shutdown(called->self, timeout_ms) : TOTE_SUCCESS;
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
