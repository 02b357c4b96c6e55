/* SPDX-License-Identifier: MIT */
/*
 * no_console.c - replaces console.c in a build without the console exporter
 *
 * Tests: tests/unit/test_parts.c
 */
#include "tote/diagnostics.h"
#include "tote/exporters/console.h"
#include "tote/internal/left_out.h"

tote_span_exporter *tote_span_exporter_console_new(FILE *out) {
    (void)out;
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "console", "no exporter is created: %s",
                            TOTE__LEFT_OUT("console exporter", "TOTE_WITH_CONSOLE"));
    return NULL;
}
