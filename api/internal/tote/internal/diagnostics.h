/* SPDX-License-Identifier: MIT */
/*
 * diagnostics.h - private functions of the diagnostics for libtote
 */
#ifndef TOTE_INTERNAL_DIAGNOSTICS_H
#define TOTE_INTERNAL_DIAGNOSTICS_H

#include "tote/diagnostics.h"
#include "tote/internal/shared.h"

/* Set the level and keep the handler: OTEL_LOG_LEVEL. */
TOTE_SHARED void tote__set_diagnostics_level(tote_level level);

/*
 * Like tote_diagnostics_report(), but rate-limited per text instead of per format. For errors in a
 * configuration, which are few but of many kinds.
 */
TOTE_SHARED void tote__diagnose_each(tote_level level, const char *component, const char *format,
                                     ...) TOTE_PRINTF(3, 4);

/* Report the number of suppressed diagnostics of each kind, and reset it. Called at shutdown. */
TOTE_SHARED void tote__report_suppressed(void);

#endif
