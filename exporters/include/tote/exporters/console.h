/* SPDX-License-Identifier: MIT */
/**
 * @file tote/exporters/console.h
 * Console: spans as text, for people. Spec: trace/sdk_exporters/stdout.md
 *
 * The format may change with any version: let no program read it.
 *
 * OTEL_TRACES_EXPORTER=console and TOTE_EXPORT_MODE_SIMPLE write each span on the thread that ends
 * it, which waits until `out` has taken it, and for its turn: while you watch, not in a service. As
 * one of the options' exporters it gets batches, from the worker.
 */
#ifndef TOTE_EXPORTERS_CONSOLE_H
#define TOTE_EXPORTERS_CONSOLE_H

#include <stdio.h>

#include "tote/sdk/span_exporter.h"

TOTE_BEGIN_DECLS

/** Writes to `out`, which must live as long; NULL is stdout. NULL on failure. */
TOTE_API TOTE_MUST_USE tote_span_exporter *tote_span_exporter_console_new(FILE *out);

TOTE_END_DECLS

#define TOTE__OFF_EXPORTERS_CONSOLE
#include "tote/disabled.h"

#endif
