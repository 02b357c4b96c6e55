/* SPDX-License-Identifier: MIT */
/*
 * worker.h - the thread that exports, or the host event loop instead
 */
#ifndef TOTE_SDK_BATCH_WORKER_H
#define TOTE_SDK_BATCH_WORKER_H

#include "queue.h"
#include "tote/internal/context.h"

/* Start the worker if it is not started. Returns false if it cannot be started. */
bool tote__batch_start_worker(struct batch_queue *queue);

/*
 * Join the worker; detach it if it does not finish before the deadline. Returns whether it has
 * finished.
 */
bool tote__batch_end_worker(struct batch_queue *queue, uint64_t deadline);

/* Return whether the caller is the exporting thread. */
static inline bool tote__batch_is_worker(struct batch_queue *queue) {
    return atomic_load_explicit(&queue->worker, memory_order_relaxed) == &tote__thread;
}

/* Wait until `word` differs from `value`. Returns false at the deadline. */
bool tote__batch_wait_for_change(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline);

#endif
