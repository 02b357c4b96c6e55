/* SPDX-License-Identifier: MIT */
/*
 * worker_thread.h - a thread of Tote's own in the host's process
 *
 * All signals are blocked in it, its name is "tote-worker", and its current context suppresses
 * tracing, so that nothing it calls is traced.
 */
#ifndef TOTE_SDK_WORKER_THREAD_H
#define TOTE_SDK_WORKER_THREAD_H

#include <pthread.h>

#include "tote/sdk.h"

struct worker_thread {
    tote_thread_factory factory; /* `start` NULL: pthreads */
    void (*work)(void *arg);
    void *arg;
    pthread_t thread;
    void *handle; /* what the factory gave */
};

/*
 * Start a thread that runs `work(arg)`; `thread` must stay where it is until `work` returns, which
 * may free it. Returns: false when there is no thread to be had.
 */
bool tote__worker_thread_start(struct worker_thread *thread, const tote_thread_factory *factory,
                               void (*work)(void *arg), void *arg);

/* Wait for its end. */
void tote__worker_thread_join(struct worker_thread *thread);

/* Let it end on its own. Returns: false for a factory's, that can only be joined. */
bool tote__worker_thread_detach(struct worker_thread *thread);

#endif
