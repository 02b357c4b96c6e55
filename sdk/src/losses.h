/* SPDX-License-Identifier: MIT */
/*
 * losses.h - report lost spans at a shutdown
 */
#ifndef TOTE_SDK_LOSSES_H
#define TOTE_SDK_LOSSES_H

#include "tote/internal/metrics.h"
#include "tote/sdk.h"

/* Report how many spans were lost, by cause, if any were. */
void tote__report_losses(const char *component, const tote_stats *stats);

/* Add the spans that the exporter saved, and what became of them. */
void tote__add_saved(const tote_span_exporter *exporter, uint64_t saved, tote_stats *stats);

/* The same for the metrics: spans in the disk queue are in flight. */
void tote__add_saved_metrics(const tote_span_exporter *exporter, uint64_t saved,
                             struct tote__exporter_metrics *metrics);

#endif
