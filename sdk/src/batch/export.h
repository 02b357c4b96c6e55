/* SPDX-License-Identifier: MIT */
/*
 * export.h - moves spans from the queue to the exporter
 *
 * Threads: one at a time: the worker, or the caller that drives the queue.
 */
#ifndef TOTE_SDK_BATCH_EXPORT_H
#define TOTE_SDK_BATCH_EXPORT_H

#include "queue.h"

/* Start the schedule of exports with an empty queue. */
void tote__batch_start_schedule(struct batch_queue *queue);

/* Return what may wake the worker now. */
enum worker_sleep tote__batch_sleep(const struct batch_queue *queue);

/* Do what is due. Returns whether there may be more. */
bool tote__batch_step(struct batch_queue *queue, bool may_block);

/* Return whether a step has work, apart from timers and a request in flight. */
bool tote__batch_has_work(struct batch_queue *queue);

/* Return when the next step is due even if nothing else happens. */
uint64_t tote__batch_due(struct batch_queue *queue);

/*
 * Let the exporter drop events that need no step, for example a closed connection, so that they do
 * not wake the host.
 */
void tote__batch_drain(struct batch_queue *queue);

/* Return whether a flush is requested or in progress. */
bool tote__batch_is_flushing(struct batch_queue *queue);

/* Save or drop the remaining spans, and complete all flushes. No span is taken after that. */
void tote__batch_leave(struct batch_queue *queue);

#endif
