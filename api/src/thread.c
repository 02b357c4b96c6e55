/* SPDX-License-Identifier: MIT */
/*
 * thread.c - threads that start in their creator's context
 *
 * The context is attached, not run in: a thread that leaves by pthread_exit() gives it back with
 * its stack.
 */
#include "tote/thread.h"

#include <errno.h>

#include "context_stack.h"
#include "tote/internal/memory.h"

struct thread_start {
    tote_context *context;
    void *(*run)(void *arg);
    void *arg;
};

static void *begin(void *arg) {
    struct thread_start start = *(struct thread_start *)arg;

    tote__release(arg, sizeof start);
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

int tote_thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *arg),
                       void *arg) {
    int error = errno;

    if (!thread || !run) {
        return EINVAL;
    }
    struct thread_start *start = tote__allocate(sizeof *start);
    if (!start) {
        errno = error;
        return EAGAIN;
    }
    *start = (struct thread_start){tote_context_ref(tote_context_current()), run, arg};
    int result = pthread_create(thread, attributes, begin, start);
    if (result) {
        tote_context_unref(start->context);
        tote__release(start, sizeof *start);
    }
    errno = error;
    return result;
}
