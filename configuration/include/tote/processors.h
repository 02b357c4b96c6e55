/* SPDX-License-Identifier: MIT */
/**
 * @file tote/processors.h
 * The built-in span processors, for tote_sdk_options.processors.
 * Spec: trace/sdk.md#built-in-span-processors
 *
 * tote_sdk_start() creates a processor for each of tote_sdk_options.exporters. Create processors
 * yourself if two exporters need different settings, or to filter or redact spans before they are
 * queued: tote_span_processor_wrapper_new(), examples/filter.c. If one of the processors exports,
 * the SDK ignores OTEL_TRACES_EXPORTER.
 *
 * Threads:  thread-safe. The worker is created when the SDK starts, by its thread factory.
 * Lifetime: one owner. A function or option that is given a processor takes ownership, also on
 *           failure. Both functions take ownership of the exporter, also on failure.
 * Errors:   both functions return NULL, with a diagnostic, if the exporter is NULL, or if out of
 *           memory.
 */
#ifndef TOTE_PROCESSORS_H
#define TOTE_PROCESSORS_H

#include "tote/sdk/span_processor.h"
#include "tote/start.h"

TOTE_BEGIN_DECLS

/**
 * Create a batch processor. NULL options select the OTEL_BSP_* variables and defaults; options
 * override variables, field by field. With TOTE_EXPORT_MODE_SIMPLE a simple processor is created.
 * At most 16 batch processors may exist at a time, including those of tote_sdk_start(); one more
 * fails.
 */
TOTE_API TOTE_MUST_USE tote_span_processor *
tote_span_processor_batch_new(tote_span_exporter *exporter, const tote_batch_options *options);

/**
 * Create a simple processor: each span is exported when it ends, on the thread that ends it. For
 * tests, not for services. The export timeout is 30 s, or OTEL_BSP_EXPORT_TIMEOUT. Spec:
 * trace/sdk.md#simple-processor
 */
TOTE_API TOTE_MUST_USE tote_span_processor *
tote_span_processor_simple_new(tote_span_exporter *exporter);

TOTE_END_DECLS

#define TOTE__OFF_PROCESSORS
#include "tote/disabled.h"

#endif
