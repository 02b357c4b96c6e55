/* SPDX-License-Identifier: MIT */
/*
 * worker_thread.h - a thread of Tote in the host's process
 *
 * All signals are blocked, the name is "tote-worker", and the current context suppresses tracing of
 * the libraries that the thread calls.
 */
#ifndef TOTE_SDK_WORKER_THREAD_H
#define TOTE_SDK_WORKER_THREAD_H

#include <pthread.h>

#include "tote/sdk.h"

struct worker_thread {
    tote_thread_factory factory; /* `start` NULL: POSIX threads */
    void (*work)(void *arg);
    void *arg;
    pthread_t thread;
    void *handle;          /* returned by the factory */
    tote_context *context; /* suppresses tracing; NULL once the work is done */
    void *stack;           /* the thread's context stack; NULL once the work is done */
};

/*
 * Start a thread that runs `work(arg)`. `thread` must stay in place until `work` returns, which may
 * free it. Returns false on failure.
 */
bool tote__worker_thread_start(struct worker_thread *thread, const tote_thread_factory *factory,
                               void (*work)(void *arg), void *arg);

/* Join the thread. */
void tote__worker_thread_join(struct worker_thread *thread);

/* Called by `work` before it releases `thread`: the thread releases its context itself. */
void tote__worker_thread_leave(struct worker_thread *thread);

/* In a forked child: release the memory of the parent's thread. */
void tote__worker_thread_release_inherited(struct worker_thread *thread);

/* Detach the thread. Returns false for a thread of a factory, which can only be joined. */
bool tote__worker_thread_detach(struct worker_thread *thread);

#endif
