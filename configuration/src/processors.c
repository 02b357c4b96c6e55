/* SPDX-License-Identifier: MIT */
/*
 * processors.c - creates processors from options and environment variables
 *
 * Tests: tests/unit/test_processors.c
 */
#include "tote/processors.h"

#include <errno.h>

#include "configuration.h"
#include "tote/delivery.h"
#include "tote/internal/cancel.h"
#include "tote/internal/tracer.h"

tote_span_processor *tote__processor_make(tote_span_exporter *exporter,
                                          const struct tote__configuration *configuration,
                                          bool is_simple) {
    if (exporter && exporter->ops.deliver && !exporter->extras) { /* an exporter of the program */
        exporter = tote_span_exporter_delivery_new(exporter, NULL);
    }
    return is_simple ? tote__simple_processor_new(exporter, configuration->batch.export_timeout_ms)
                     : tote__batch_processor_new(exporter, &configuration->batch);
}

/* Creating crash-safe memory may contain cancellation points. */
static tote_span_processor *make(tote_span_exporter *exporter, const tote_batch_options *given,
                                 bool is_simple) {
    tote_batch_options options = TOTE_BATCH_OPTIONS_INIT;
    int error = errno;
    int cancel = tote__cancel_disable();

    TOTE__COPY_OPTIONS(tote_batch_options, &options, given);
    if (!options.ignore_environment) {
        tote__environment_set_log_level();
    }
    struct tote__configuration configuration = {.reads_environment = !options.ignore_environment};
    tote__configuration_resolve_batch(&options, &configuration);
    is_simple |= configuration.mode == TOTE_EXPORT_MODE_SIMPLE;
    tote_span_processor *processor = tote__processor_make(exporter, &configuration, is_simple);
    tote__cancel_restore(cancel);
    errno = error;
    return processor;
}

tote_span_processor *tote_span_processor_batch_new(tote_span_exporter *exporter,
                                                   const tote_batch_options *options) {
    return make(exporter, options, false);
}

tote_span_processor *tote_span_processor_simple_new(tote_span_exporter *exporter) {
    return make(exporter, NULL, true);
}
