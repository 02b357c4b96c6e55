/* SPDX-License-Identifier: MIT */
/*
 * worker_thread.c - a thread of Tote in the host's process
 *
 * Tests: tests/unit/test_batch_fork.c, tests/unit/test_batch_threads.c
 */
#include "worker_thread.h"

#include <errno.h>
#include <signal.h>

#include "tote/internal/cancel.h"
#include "tote/internal/context.h"
#include "tote/internal/os.h"
#include "tote/internal/write_signals.h"

static const char *const name = "tote-worker";

static int run(void *arg) {
    struct worker_thread *thread = arg;

    thread->stack = tote__thread.stack; /* NULL if the host stores it */
    thread->work(thread->arg);
    return 0;
}

/* All signals are blocked. */
static void run_suppressed(void *arg) {
    struct worker_thread *thread = arg;
    struct tote__held_signals signals; /* a factory's thread continues afterwards */
    tote_context *context = tote_context_with_suppression(tote_context_root());
    int cancel = tote__cancel_disable(); /* the host may cancel its threads */

    thread->context = context;
    tote__hold_write_signals_of_worker(&signals);
    tote_context_run(context, run, arg);
    tote__release_write_signals_of_worker(&signals);
    tote_context_unref(context);
    tote__cancel_restore(cancel);
}

/* Runs on a thread of the factory. */
static void run_for_factory(void *arg) {
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    run_suppressed(arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Runs on a POSIX thread that was created with all signals blocked. */
static void *run_thread(void *arg) {
    tote__os_name_thread(name);
    run_suppressed(arg);
    return NULL;
}

/* Start it with the root context, so that it does not inherit the caller's. */
static bool start_thread(struct worker_thread *thread) {
    sigset_t all;
    sigset_t before;
    int error = errno;
    tote_context_token token = tote_context_attach(tote_context_root());

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = pthread_create(&thread->thread, NULL, run_thread, thread) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (token) {
        tote_context_detach(token);
    }
    errno = error;
    return is_started;
}

bool tote__worker_thread_start(struct worker_thread *thread, const tote_thread_factory *factory,
                               void (*work)(void *arg), void *arg) {
    *thread = (struct worker_thread){.factory = *factory, .work = work, .arg = arg};
    if (!thread->factory.start) {
        return start_thread(thread);
    }
    thread->handle = thread->factory.start(thread->factory.self, name, run_for_factory, thread);
    return thread->handle != NULL;
}

void tote__worker_thread_join(struct worker_thread *thread) {
    int error = errno;

    if (!thread->factory.start) {
        pthread_join(thread->thread, NULL);
    } else if (thread->factory.join) {
        thread->factory.join(thread->factory.self, thread->handle);
    }
    errno = error;
}

void tote__worker_thread_leave(struct worker_thread *thread) {
    thread->context = NULL;
    thread->stack = NULL;
}

/*
 * The stack is consistent at any time, because signal handlers read it, too. If the worker itself
 * forked, it is the current thread and still uses its stack.
 */
void tote__worker_thread_release_inherited(struct worker_thread *thread) {
    if (thread->stack && thread->stack != tote__thread.stack) {
        tote_context_stack_free(thread->stack);
        tote_context_unref(thread->context);
    }
    tote__worker_thread_leave(thread);
}

bool tote__worker_thread_detach(struct worker_thread *thread) {
    return !thread->factory.start && pthread_detach(thread->thread) == 0;
}
