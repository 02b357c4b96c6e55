/* SPDX-License-Identifier: MIT */
/*
 * barrier.h - a memory barrier on all threads at once
 *
 * The costly half of a bargain: many threads store without a fence, and the one that rarely has to
 * know what they stored pays for all.
 */
#ifndef TOTE_SDK_BARRIER_H
#define TOTE_SDK_BARRIER_H

#include "tote/internal/shared.h"

/* Whether the system has it; asks, and registers this process, each time. */
bool tote__barrier_is_available(void);

/* Have every running thread of the process pass a full barrier. Returns: false when that failed. */
bool tote__barrier_all_threads(void);

/* Let others run for a moment. */
void tote__barrier_pause(void);

#endif
