/* SPDX-License-Identifier: MIT */
/*
 * unrecorded.h - spans that are started while no SDK is running
 *
 * They are counted, and the names of the first few are kept. An SDK can therefore report at its
 * start the spans that were started too early. The first span after a shutdown is reported at once.
 */
#ifndef TOTE_INTERNAL_UNRECORDED_H
#define TOTE_INTERNAL_UNRECORDED_H

#include <stdint.h>

#include "tote/internal/few_names.h"
#include "tote/tracer.h"

/* Count a span that a tracer of the global provider starts while no SDK is running. */
void tote__unrecorded_add(const char *name);

/* Return the number of spans counted in this process. */
TOTE_SHARED uint64_t tote__unrecorded_count(void);

/*
 * Return the number of spans counted since the last call, and the names of the first ones. For an
 * SDK that starts.
 */
TOTE_SHARED uint64_t tote__unrecorded_take(struct tote__few_names *names);

/*
 * Let the next call of tote__unrecorded_report_late() for this provider report. Called after the
 * shutdown of its SDK. NULL: the global provider.
 */
TOTE_SHARED void tote__unrecorded_expect_late(tote_tracer_provider *provider);

/* Report a span that is started after the shutdown of its SDK, once per shutdown. */
TOTE_SHARED void tote__unrecorded_report_late(tote_tracer_provider *provider, const char *name);

#endif
