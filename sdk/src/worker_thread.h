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
    void *handle;          /* what the factory gave */
    tote_context *context; /* what runs in it is not traced; NULL once the work is done, ... */
    void *stack;           /* ... and so is what the thread has of its own for contexts */
};

/*
 * Start a thread that runs `work(arg)`; `thread` must stay where it is until `work` returns, which
 * may free it. Returns: false when there is no thread to be had.
 */
bool tote__worker_thread_start(struct worker_thread *thread, const tote_thread_factory *factory,
                               void (*work)(void *arg), void *arg);

/* Wait for its end. */
void tote__worker_thread_join(struct worker_thread *thread);

/* As the last of the work, which may let go of `thread`: what the thread has it releases itself. */
void tote__worker_thread_leave(struct worker_thread *thread);

/*
 * In a forked child, which has the memory of its parent's thread and not the thread: release that.
 */
void tote__worker_thread_release_inherited(struct worker_thread *thread);

/* Let it end on its own. Returns: false for a factory's, that can only be joined. */
bool tote__worker_thread_detach(struct worker_thread *thread);

#endif
