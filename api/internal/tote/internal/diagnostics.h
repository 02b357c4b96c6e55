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

#endif
