/* SPDX-License-Identifier: MIT */
/*
 * worker.h - the thread that exports, or the host in its place
 */
#ifndef TOTE_SDK_BATCH_WORKER_H
#define TOTE_SDK_BATCH_WORKER_H

#include "queue.h"
#include "tote/internal/context.h"

/* Start the worker, if nobody has yet. Returns: false when there is none. */
bool tote__batch_start_worker(struct batch_queue *queue);

/*
 * Join the worker, or let it go if it does not come back until the deadline. Returns: whether it
 * has ended.
 */
bool tote__batch_part(struct batch_queue *queue, uint64_t deadline);

/* Whether this is the thread that exports at this moment. */
static inline bool tote__batch_is_worker(struct batch_queue *queue) {
    return atomic_load_explicit(&queue->worker, memory_order_relaxed) == &tote__thread;
}

/* Wait until the word changes from `value`. Returns: whether it did before the deadline. */
bool tote__batch_wait_for_change(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline);

#endif
