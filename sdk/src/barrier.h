/* SPDX-License-Identifier: MIT */
/*
 * barrier.h - a memory barrier on all threads
 *
 * Many threads store without a fence; the one thread that rarely must see these stores runs the
 * barrier for all of them.
 */
#ifndef TOTE_SDK_BARRIER_H
#define TOTE_SDK_BARRIER_H

#include "tote/internal/shared.h"

/* Return whether the system supports it, and register this process. */
bool tote__barrier_is_available(void);

/* Run a full memory barrier on each running thread of the process. Returns false on failure. */
bool tote__barrier_all_threads(void);

/* Yield to other threads. */
void tote__barrier_pause(void);

#endif
