/* SPDX-License-Identifier: MIT */
/*
 * export.h - from the queue to the exporter
 *
 * Threads: one at a time, the worker or who drives in its place.
 */
#ifndef TOTE_SDK_BATCH_EXPORT_H
#define TOTE_SDK_BATCH_EXPORT_H

#include "queue.h"

/* Start the schedule of exports, with an empty queue. */
void tote__batch_start_schedule(struct batch_queue *queue);

/* How the worker is to sleep now. */
enum worker_sleep tote__batch_sleep(const struct batch_queue *queue);

/* Do what is due. Returns: whether there may be more of that. */
bool tote__batch_step(struct batch_queue *queue, bool may_block);

/*
 * Whether a step has something to do, other than for the time or for a request that is under way.
 */
bool tote__batch_has_work(struct batch_queue *queue);

/* When the next step has something to do, whatever else comes up. */
uint64_t tote__batch_due(struct batch_queue *queue);

/* The host is to be woken for nothing that is of no interest, as a connection that was closed. */
void tote__batch_quiet(struct batch_queue *queue);

/* Whether somebody waits for a flush. */
bool tote__batch_is_flushing(struct batch_queue *queue);

/* Save or drop what is left, answer everybody, and say so: nothing is taken out any more. */
void tote__batch_leave(struct batch_queue *queue);

#endif
