/* SPDX-License-Identifier: MIT */
/*
 * write_signals.c - blocking of the signals that a write may raise
 *
 * A signal that was pending before belongs to the host and stays pending. A signal that became
 * pending meanwhile was raised by the write and is consumed.
 *
 * Tests: tests/host/test_dead_readers.c
 */
#include "tote/internal/write_signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "tote/internal/context.h"
#include "tote/internal/fork.h"

static const int write_signals[] = {SIGPIPE, SIGXFSZ};

/* Discard these signals if they are pending. This thread blocks them. */
#if defined(_POSIX_REALTIME_SIGNALS) && _POSIX_REALTIME_SIGNALS > 0
static void discard(const sigset_t *signals) {
    static const struct timespec at_once;

    do {
        errno = 0;
    } while (sigtimedwait(signals, NULL, &at_once) > 0 || errno == EINTR);
}
#else
/*
 * macOS has no sigtimedwait(). A pending signal may be one that was sent to the process, which
 * another thread can take first. So that sigwait() does not block, the signal is sent to this
 * thread, too.
 */
static void discard(const sigset_t *signals) {
    sigset_t pending;
    sigset_t one;
    int number = 0;

    sigemptyset(&pending);
    sigpending(&pending);
    for (size_t i = 0; i < TOTE_COUNT_OF(write_signals); i++) {
        if (sigismember(signals, write_signals[i]) == 1 &&
            sigismember(&pending, write_signals[i]) == 1) {
            sigemptyset(&one);
            sigaddset(&one, write_signals[i]);
            pthread_kill(pthread_self(), write_signals[i]);
            sigwait(&one, &number);
        }
    }
}
#endif

void tote__hold_write_signals(struct tote__held_signals *held) {
    int error = errno;
    sigset_t blocked;
    sigset_t pending;

    held->is_worker = tote__thread.masked_in == tote__generation();
    if (held->is_worker) {
        return;
    }
    sigemptyset(&blocked);
    sigemptyset(&pending);
    sigpending(&pending);
    for (size_t i = 0; i < TOTE_COUNT_OF(write_signals); i++) {
        sigaddset(&blocked, write_signals[i]);
        held->was_pending[i] = sigismember(&pending, write_signals[i]) == 1;
    }
    pthread_sigmask(SIG_BLOCK, &blocked, &held->mask);
    errno = error;
}

void tote__release_write_signals(const struct tote__held_signals *held) {
    int error = errno;
    sigset_t raised;

    if (held->is_worker) {
        return;
    }
    sigemptyset(&raised);
    for (size_t i = 0; i < TOTE_COUNT_OF(write_signals); i++) {
        if (!held->was_pending[i]) {
            sigaddset(&raised, write_signals[i]);
        }
    }
    discard(&raised);
    pthread_sigmask(SIG_SETMASK, &held->mask, NULL);
    errno = error;
}

void tote__hold_write_signals_of_worker(struct tote__held_signals *held) {
    tote__hold_write_signals(held);
    tote__thread.masked_in = tote__generation();
}

void tote__release_write_signals_of_worker(const struct tote__held_signals *held) {
    if (!held->is_worker) {
        tote__thread.masked_in = 0;
    }
    tote__release_write_signals(held);
}
