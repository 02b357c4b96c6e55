/* SPDX-License-Identifier: MIT */
/*
 * flush.h - flush and shutdown of a batch processor
 */
#ifndef TOTE_SDK_BATCH_FLUSH_H
#define TOTE_SDK_BATCH_FLUSH_H

#include "queue.h"

enum { TOTE__SHUTDOWN_GRACE_MS = 50 }; /* for a worker to return after its exporter was stopped */

tote_result tote__batch_flush(struct batch_queue *queue, uint32_t timeout_ms);

/* Stop the queue. Only for the call that set is_shut_down. */
tote_result tote__batch_stop(struct batch_queue *queue, uint32_t timeout_ms);

#endif
