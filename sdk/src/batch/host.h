/* SPDX-License-Identifier: MIT */
/*
 * host.h - the host in the worker's place
 */
#ifndef TOTE_SDK_BATCH_HOST_H
#define TOTE_SDK_BATCH_HOST_H

#include "queue.h"

/* From here on the host drives. */
void tote__batch_start_host(struct batch_queue *queue);

/* Work in the host's place until `is_done`, or the deadline. */
void tote__batch_drive_until(struct batch_queue *queue, const _Atomic(bool) *is_done,
                             uint64_t deadline);

/*
 * Leave in the host's place. Returns: false when somebody works there and does not come back until
 * the deadline.
 */
bool tote__batch_part_host(struct batch_queue *queue, uint64_t deadline);

/* Do what tote_sdk_poll() asks for, of a queue whose host has started. */
void tote__batch_poll(struct batch_queue *queue);

/* Add what is to be waited for to an epoll instance. Returns: false when that cannot be. */
bool tote__batch_watch(struct batch_queue *queue, int epoll);

/* Whether the epoll instance still waits for all that. */
bool tote__batch_is_watched(struct batch_queue *queue, int epoll);

#endif
