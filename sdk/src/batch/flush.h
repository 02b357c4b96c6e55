/* SPDX-License-Identifier: MIT */
/*
 * flush.h - those who wait for the worker, or work in its place where it is the host
 */
#ifndef TOTE_SDK_BATCH_FLUSH_H
#define TOTE_SDK_BATCH_FLUSH_H

#include "queue.h"

enum { TOTE__SHUTDOWN_GRACE_MS = 50 }; /* for a worker to come back once its exporter was stopped */

tote_result tote__batch_flush(struct batch_queue *queue, uint32_t timeout_ms);

/* For the call that set is_shut_down. */
tote_result tote__batch_stop(struct batch_queue *queue, uint32_t timeout_ms);

#endif
