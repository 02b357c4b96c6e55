/* SPDX-License-Identifier: MIT */
/*
 * diagnostics.h - what only libtote may tell the diagnostics
 */
#ifndef TOTE_INTERNAL_DIAGNOSTICS_H
#define TOTE_INTERNAL_DIAGNOSTICS_H

#include "tote/diagnostics.h"
#include "tote/internal/shared.h"

/* Set the level and keep the handler: OTEL_LOG_LEVEL. */
TOTE_SHARED void tote__set_diagnostics_level(tote_level level);

/*
 * tote_diagnostics_report() where each text counts for itself and not each format: for what is
 * wrong with a configuration, of which there is a little of many kinds.
 */
TOTE_SHARED void tote__diagnose_each(tote_level level, const char *component, const char *format,
                                     ...) TOTE_PRINTF(3, 4);

/* Report how many diagnostics of each kind were suppressed, and reset the counts: at shutdown. */
TOTE_SHARED void tote__report_suppressed(void);

#endif
