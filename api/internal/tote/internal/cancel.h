/* SPDX-License-Identifier: MIT */
/*
 * cancel.h - protection from thread cancellation: no function of Tote is a cancellation point
 *
 * A thread cancelled in the middle of a call would leave locks held and the host's loop claimed. It
 * would also leave list entries that point to its stack. Code that calls a POSIX cancellation point
 * must therefore do so between these two functions. The request stays pending and takes effect at
 * the thread's next cancellation point after the call.
 *
 * Threads: thread-safe, nests.
 */
#ifndef TOTE_INTERNAL_CANCEL_H
#define TOTE_INTERNAL_CANCEL_H

#include <pthread.h>

/* Disable cancellation. Returns the previous state. */
static inline int tote__cancel_disable(void) {
    int before = PTHREAD_CANCEL_ENABLE;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

static inline void tote__cancel_restore(int before) {
    pthread_setcancelstate(before, &before);
}

#endif
