/* SPDX-License-Identifier: MIT */
/*
 * export.h - a trace as OTLP/JSON
 */
#ifndef TOTE_CLI_EXPORT_H
#define TOTE_CLI_EXPORT_H

#include "tote/internal/buffer.h"
#include "trace.h"

/*
 * Append one OTLP/JSON request with all spans of a trace, grouped by resource and scope, in the
 * order of their starts. Needs the lock of the model. Nothing is lost except fields that are
 * unknown to this version of OTLP. Returns false, leaving the size unchanged, if out of memory.
 */
bool export_otlp_json(const struct trace *trace, struct tote__buffer *out);

#endif
