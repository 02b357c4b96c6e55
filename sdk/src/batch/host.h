/* SPDX-License-Identifier: MIT */
/*
 * host.h - export by the host event loop, without a worker thread
 */
#ifndef TOTE_SDK_BATCH_HOST_H
#define TOTE_SDK_BATCH_HOST_H

#include "queue.h"

/* Let the host drive the queue. */
void tote__batch_start_host(struct batch_queue *queue);

/* Drive the queue until `is_done`, or until the deadline. */
void tote__batch_drive_until(struct batch_queue *queue, const _Atomic(bool) *is_done,
                             uint64_t deadline);

/*
 * Finish the queue. Returns false if another thread drives it and does not return before the
 * deadline.
 */
bool tote__batch_end_host(struct batch_queue *queue, uint64_t deadline);

/* Do the work of tote_sdk_poll(), for a queue that was started. */
void tote__batch_poll(struct batch_queue *queue);

/* Add the queue's descriptors to a group. Returns false on failure. */
bool tote__batch_watch(struct batch_queue *queue, const struct tote__os_event *group);

/* Return whether the group still watches them. */
bool tote__batch_is_watched(struct batch_queue *queue, const struct tote__os_event *group);

#endif
