/* SPDX-License-Identifier: MIT */
/*
 * unrecorded.h - spans that are started while no SDK is running
 *
 * They are counted, and the names of the first few are kept, so that an SDK can report at its start
 * what was started too early. The first one after a shutdown is reported at once.
 */
#ifndef TOTE_INTERNAL_UNRECORDED_H
#define TOTE_INTERNAL_UNRECORDED_H

#include <stdint.h>

#include "tote/internal/few_names.h"
#include "tote/tracer.h"

/* Count a span that a tracer of the global provider starts while no SDK is running. */
void tote__unrecorded_add(const char *name);

/* How many were counted in this process. */
TOTE_SHARED uint64_t tote__unrecorded_count(void);

/* For an SDK that starts: how many were counted since the last call, and the names of the first. */
TOTE_SHARED uint64_t tote__unrecorded_take(struct tote__few_names *names);

/*
 * The SDK of this provider was shut down: the next call of tote__unrecorded_report_late() for it
 * reports. NULL: the global provider.
 */
TOTE_SHARED void tote__unrecorded_expect_late(tote_tracer_provider *provider);

/* Report a span that is started after the shutdown of its SDK: once for each shutdown. */
TOTE_SHARED void tote__unrecorded_report_late(tote_tracer_provider *provider, const char *name);

#endif
