/* SPDX-License-Identifier: MIT */
/**
 * @file tote/processors.h
 * The span processors that export, for tote_sdk_options.processors.
 * Spec: trace/sdk.md#built-in-span-processors
 *
 * tote_sdk_start() makes a processor of its own for each of tote_sdk_options.exporters. Make them
 * here if two exporters need different settings, or if a processor is to filter or redact spans
 * before they are queued: tote_span_processor_wrapper_new(), examples/filter.c. If one of the
 * processors exports, the SDK adds no exporter for the environment's OTEL_TRACES_EXPORTER.
 *
 * Threads:  any. The worker starts with the SDK, by its thread factory.
 * Lifetime: sole owner; whoever is given a processor takes it, always. Both take the exporter,
 * always. Errors:   NULL, with a diagnostic, if the exporter is NULL, and if out of memory.
 */
#ifndef TOTE_PROCESSORS_H
#define TOTE_PROCESSORS_H

#include "tote/sdk/span_processor.h"
#include "tote/start.h"

TOTE_BEGIN_DECLS

/**
 * Batches for the exporter. NULL options are the defaults and the OTEL_BSP_* variables, as in
 * tote_sdk_start(); options override variables, field by field. TOTE_EXPORT_MODE_SIMPLE makes a
 * simple processor. At most 16 may exist at a time, with those of tote_sdk_start().
 */
TOTE_API TOTE_MUST_USE tote_span_processor *
tote_span_processor_batch_new(tote_span_exporter *exporter, const tote_batch_options *options);

/**
 * Each span as it ends, on the thread that ends it: for tests, not for services. The export timeout
 * is 30 s, or OTEL_BSP_EXPORT_TIMEOUT. Spec: trace/sdk.md#simple-processor
 */
TOTE_API TOTE_MUST_USE tote_span_processor *
tote_span_processor_simple_new(tote_span_exporter *exporter);

TOTE_END_DECLS

#define TOTE__OFF_PROCESSORS
#include "tote/disabled.h"

#endif
