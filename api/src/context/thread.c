/* SPDX-License-Identifier: MIT */
/*
 * thread.c - threads that start in their creator's context
 *
 * tote_thread_create() is for a thread with one task: its context is current until the thread ends.
 * A thread of tote__thread_create_in_scope() may belong to a thread pool and outlive the request in
 * which it was created. Its context is therefore only current until that scope is closed.
 *
 * The context is attached instead of run, so that a thread that calls pthread_exit() releases it
 * with its stack. If out of memory, the start data is on the creator's stack. The creator then
 * waits until the new thread has copied it. Out of memory in Tote never prevents the thread.
 *
 * Tests: tests/unit/test_scope_threads.c
 */
#include "tote/thread.h"

#include <errno.h>
#include <semaphore.h>

#include "context_stack.h"
#include "tote/diagnostics.h"
#include "tote/internal/memory.h"

struct thread_start {
    tote_context *context;
    void *(*run)(void *arg);
    void *arg;
    sem_t *is_copied; /* NULL: the struct is allocated, and the new thread frees it */
};

static void *begin(void *arg) {
    struct thread_start start = *(struct thread_start *)arg;

    if (start.is_copied) {
        sem_post(start.is_copied);
    } else {
        tote__release(arg, sizeof start);
    }
    tote_context_token token = tote_context_attach(start.context);
    tote_context_unref(start.context);
    if (!token) {
        tote__stack_push_void();
    }
    void *result = start.run(start.arg);
    if (token) {
        tote_context_detach(token);
    } else {
        tote__stack_pop_void(TOTE__TAKE_OFF);
    }
    return result;
}

/* Create the thread without an allocation by Tote. */
static int create_and_wait(pthread_t *thread, const pthread_attr_t *attributes,
                           struct thread_start start) {
    sem_t is_copied;

    if (sem_init(&is_copied, 0, 0) != 0) {
        return EAGAIN;
    }
    start.is_copied = &is_copied;
    int result = pthread_create(thread, attributes, begin, &start);
    while (!result && sem_wait(&is_copied) != 0) {
        /* interrupted by a signal handler */
    }
    sem_destroy(&is_copied);
    return result;
}

int tote_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *arg),
                       void *arg) {
    int error = errno;

    if (!thread || !run) {
        return EINVAL;
    }
    struct thread_start given = {tote_context_ref(tote_context_current()), run, arg, NULL};
    struct thread_start *start = tote__allocate(sizeof *start);
    int result;
    if (start) {
        *start = given;
        result = pthread_create(thread, attributes, begin, start);
    } else {
        result = create_and_wait(thread, attributes, given);
    }
    if (result) {
        tote_context_unref(given.context);
        tote__release(start, sizeof *start);
    }
    errno = error;
    return result;
}

void tote__inherited_free(struct tote__inherited *inherited) {
    if (inherited) {
        tote_context_unref(inherited->context);
        tote_context_unref(&inherited->scope->context);
        tote__release(inherited, sizeof *inherited);
    }
}

/* Start a thread with inherited context. The argument is freed when the thread ends. */
static void *begin_inheriting(void *arg) {
    struct tote__inherited *inherited = arg;

    tote__thread.inherited = inherited;
    tote__thread_watch_end();
    return inherited->run(inherited->arg);
}

int tote__thread_create_in_scope(tote__thread_create_function create, pthread_t *thread,
                                 const pthread_attr_t *attributes, void *(*run)(void *arg),
                                 void *arg) {
    int error = errno;
    tote_scope *scope = tote__stack_innermost_scope();
    struct tote__inherited *inherited = scope ? tote__allocate(sizeof *inherited) : NULL;

    if (scope && !inherited) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "context",
            "out of memory: a thread starts without the context of its creator");
    }
    errno = error;
    if (!inherited) {
        return create(thread, attributes, run, arg);
    }
    *inherited = (struct tote__inherited){
        .context = tote_context_ref(tote_context_current()),
        .scope = (tote_scope *)tote_context_ref(&scope->context),
        .run = run,
        .arg = arg,
    };
    int result = create(thread, attributes, begin_inheriting, inherited);
    if (result) {
        tote__inherited_free(inherited);
    }
    errno = error;
    return result;
}
