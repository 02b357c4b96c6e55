/* SPDX-License-Identifier: MIT */
/*
 * cancel.h - no call of Tote is a cancellation point
 *
 * A thread that pthread_cancel() ends in the middle of a call would leave locks taken, the host's
 * loop claimed, and entries in lists that lie on its stack. Code that calls what POSIX lists as a
 * cancellation point stands between these two; the request stays pending, and takes effect at the
 * thread's next cancellation point after the call.
 *
 * Threads: thread-safe, nests.
 */
#ifndef TOTE_INTERNAL_CANCEL_H
#define TOTE_INTERNAL_CANCEL_H

#include <pthread.h>

/* Return what to restore. */
static inline int tote__cancel_disable(void) {
    int before = PTHREAD_CANCEL_ENABLE;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

static inline void tote__cancel_restore(int before) {
    pthread_setcancelstate(before, &before);
}

#endif
