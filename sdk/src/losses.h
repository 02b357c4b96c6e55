/* SPDX-License-Identifier: MIT */
/*
 * losses.h - what a shutdown says about spans that were not delivered
 */
#ifndef TOTE_SDK_LOSSES_H
#define TOTE_SDK_LOSSES_H

#include "tote/sdk.h"

/* Report how many were lost, by each cause there was; nothing when none were. */
void tote__report_losses(const char *component, const tote_stats *stats);

/* Add the spans that the exporter saved: some may have been sent, or lost, since. */
void tote__add_saved(const tote_span_exporter *exporter, uint64_t saved, tote_stats *stats);

#endif
