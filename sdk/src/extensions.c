/* SPDX-License-Identifier: MIT */
/*
 * extensions.c - exporters and processors of the program's own
 *
 * What is kept is a copy of the functions, with zero where the caller's struct ended.
 */
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

void tote_span_processor_free(tote_span_processor *processor) {
    if (!processor) {
        return;
    }
    if (processor->ops.destroy) {
        processor->ops.destroy(processor->self);
    }
    tote__release(processor, sizeof *processor);
}
