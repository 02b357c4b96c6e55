/* SPDX-License-Identifier: MIT */
/**
 * @file tote/exporters/otlp_file.h
 * OTLP in files: a request a line, as JSON, to stdout or to a file. Spec: protocol/file-exporter.md
 *
 * What collectors read with their otlpjsonfile receiver, and `tote view FILE` draws.
 * OTEL_TRACES_EXPORTER=otlp/stdout is the same with no options.
 *
 * Threads:  any.
 * Lifetime: options are copied.
 */
#ifndef TOTE_EXPORTERS_OTLP_FILE_H
#define TOTE_EXPORTERS_OTLP_FILE_H

#include "tote/sdk/span_exporter.h"

TOTE_BEGIN_DECLS

typedef struct tote_otlp_file_options {
    size_t struct_size;
    /**
     * Appended to, and made if it is not there; by convention *.jsonl; made absolute. NULL: stdout
     */
    const char *path;
    /** Before a line would go over it, PATH becomes PATH.1, that one PATH.2 and so on; 0: never */
    uint64_t max_bytes;
    uint32_t max_files; /**< how many of those are kept; 4 */
} tote_otlp_file_options;

#define TOTE_OTLP_FILE_OPTIONS_INIT                                                                \
    { sizeof(tote_otlp_file_options), NULL, 0, 0 }

/**
 * NULL options: stdout. A file that was moved or removed is created again; several processes
 * may write to one, whole lines each, but one of them at most should move it. NULL when it cannot
 * be opened.
 */
TOTE_API TOTE_MUST_USE tote_span_exporter *
tote_span_exporter_otlp_file_new(const tote_otlp_file_options *options);

TOTE_END_DECLS

#define TOTE__OFF_EXPORTERS_OTLP_FILE
#include "tote/disabled.h"

#endif
