/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the system's clocks, in nanoseconds
 */
#ifndef TOTE_INTERNAL_CLOCK_H
#define TOTE_INTERNAL_CLOCK_H

#include "tote/internal/shared.h"

TOTE_SHARED uint64_t tote__clock_realtime(void);
TOTE_SHARED uint64_t tote__clock_monotonic(void);

#endif
