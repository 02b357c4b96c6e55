/* SPDX-License-Identifier: MIT */
/**
 * @file tote/exporters/otlp_file.h
 * OTLP file exporter: writes one request per line, as JSON, to a file or stdout. Spec:
 * protocol/file-exporter.md
 *
 * The collector reads such a file with its otlpjsonfile receiver; `tote view FILE` displays it.
 * OTEL_TRACES_EXPORTER=otlp/stdout selects this exporter with default options.
 *
 * Threads:  thread-safe.
 * Lifetime: options are copied.
 */
#ifndef TOTE_EXPORTERS_OTLP_FILE_H
#define TOTE_EXPORTERS_OTLP_FILE_H

#include "tote/sdk/span_exporter.h"

TOTE_BEGIN_DECLS

/** The file, and when it is rotated. */
typedef struct tote_otlp_file_options {
    size_t struct_size;
    /**
     * A file to append to, by convention *.jsonl. It is created if it is missing. A relative path
     * is resolved once. Default: stdout
     */
    const char *path;
    /**
     * Rotate the file before a line would exceed this size: PATH is renamed to PATH.1, PATH.1 to
     * PATH.2, and so on. Default: never
     */
    uint64_t max_bytes;
    uint32_t max_files; /**< Number of rotated files to keep. Default: 4 */
} tote_otlp_file_options;

#define TOTE_OTLP_FILE_OPTIONS_INIT                                                                \
    { sizeof(tote_otlp_file_options), NULL, 0, 0 }

/**
 * Create an OTLP file exporter. NULL options select stdout. Returns NULL, with a diagnostic, if the
 * file cannot be opened.
 *
 * A file that was renamed or removed is created again. Several processes may append to one file;
 * each line is written whole. Only one of them may rotate it.
 */
TOTE_API TOTE_MUST_USE tote_span_exporter *
tote_span_exporter_otlp_file_new(const tote_otlp_file_options *options);

TOTE_END_DECLS

#define TOTE__OFF_EXPORTERS_OTLP_FILE
#include "tote/disabled.h"

#endif
