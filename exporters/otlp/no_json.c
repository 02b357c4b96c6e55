/* SPDX-License-Identifier: MIT */
/*
 * no_json.c - replaces the writers and the reader of OTLP/JSON in a build without them
 *
 * Only tote_span_exporter_otlp_file_new() is called. Without optimization, callers that are never
 * reached refer to the other functions.
 *
 * Tests: tests/unit/test_parts.c
 */
#include "otlp/encode/encode.h"
#include "otlp/transport/json_reader.h"
#include "tote/diagnostics.h"
#include "tote/exporters/otlp_file.h"
#include "tote/internal/left_out.h"

tote_span_exporter *tote_span_exporter_otlp_file_new(const tote_otlp_file_options *options) {
    (void)options;
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "otlp_file", "no exporter is created: %s",
                            TOTE__LEFT_OUT("JSON", "TOTE_WITH_JSON"));
    return NULL;
}

bool tote__otlp_json_of(struct tote__buffer *buffer, struct tote__slice request) {
    (void)buffer, (void)request;
    return false;
}

bool tote__otlp_json_of_metrics(struct tote__buffer *buffer, struct tote__slice request) {
    (void)buffer, (void)request;
    return false;
}

bool tote__json_find(struct tote__slice text, struct tote__json_wanted *wanted, size_t count) {
    (void)text, (void)wanted, (void)count;
    return false;
}

size_t tote__json_string(struct tote__slice value, char *out, size_t size) {
    (void)value, (void)out, (void)size;
    return 0;
}

bool tote__json_integer(struct tote__slice value, int64_t *integer) {
    (void)value, (void)integer;
    return false;
}
