/* SPDX-License-Identifier: MIT */
/**
 * @file tote/exporters/console.h
 * Console: spans as text, for people. Spec: trace/sdk_exporters/stdout.md
 *
 * The format may change with any version: let no program read it.
 */
#ifndef TOTE_EXPORTERS_CONSOLE_H
#define TOTE_EXPORTERS_CONSOLE_H

#include <stdio.h>

#include "tote/sdk/span_exporter.h"

TOTE_BEGIN_DECLS

/** Writes to `out`, which must live as long; NULL is stdout. NULL on failure. */
TOTE_API tote_span_exporter *tote_console_exporter_new(FILE *out);

TOTE_END_DECLS
#endif
