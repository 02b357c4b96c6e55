/* SPDX-License-Identifier: MIT */
/**
 * @file tote/exporters/console.h
 * Console exporter: writes spans as text for debugging. Spec: trace/sdk_exporters/stdout.md
 *
 * The format may change with any version; do not parse it.
 *
 * With OTEL_TRACES_EXPORTER=console or TOTE_EXPORT_MODE_SIMPLE each span is written on the thread
 * that ends it. That thread blocks until the text is written; do not use this in a service. In
 * tote_sdk_options.exporters the exporter gets batches from the worker.
 *
 * Threads: thread-safe.
 */
#ifndef TOTE_EXPORTERS_CONSOLE_H
#define TOTE_EXPORTERS_CONSOLE_H

#include <stdio.h>

#include "tote/sdk/span_exporter.h"

TOTE_BEGIN_DECLS

/**
 * Create a console exporter. `out` must stay open until the SDK is released; NULL is stdout.
 * Returns NULL, with a diagnostic, if out of memory.
 */
TOTE_API TOTE_MUST_USE tote_span_exporter *tote_span_exporter_console_new(FILE *out);

TOTE_END_DECLS

#define TOTE__OFF_EXPORTERS_CONSOLE
#include "tote/disabled.h"

#endif
