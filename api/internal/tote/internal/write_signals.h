/* SPDX-License-Identifier: MIT */
/*
 * write_signals.h - writes that raise no signal in the host
 *
 * A write to a pipe or socket whose reader is gone raises SIGPIPE, and a file that grows beyond
 * RLIMIT_FSIZE raises SIGXFSZ; both end the process by default. Every write of Tote that can meet
 * one of them stands between these two calls, and sees EPIPE or EFBIG instead. The kernel sends
 * both signals to the writing thread alone, so holding them on that thread is enough.
 *
 * Threads: thread-safe. Not reentrant on one thread for the same object.
 */
#ifndef TOTE_INTERNAL_WRITE_SIGNALS_H
#define TOTE_INTERNAL_WRITE_SIGNALS_H

#include <signal.h>

#include "tote/internal/shared.h"

struct tote__held_signals {
    sigset_t mask; /* the thread's own, restored at the end */
    bool was_pending[2];
    bool is_worker; /* the thread holds them anyway: there is nothing to undo */
};

/* Block SIGPIPE and SIGXFSZ on this thread. Keeps errno. */
TOTE_SHARED void tote__hold_write_signals(struct tote__held_signals *held);

/* Discard what the writes raised, and restore the thread's mask. Keeps errno: that of the write. */
TOTE_SHARED void tote__release_write_signals(const struct tote__held_signals *held);

/*
 * The same for all that a worker thread does: in between, the two calls above need no system call
 * on it. For a thread that blocks all signals. A fork in between ends it in the child.
 */
TOTE_SHARED void tote__hold_write_signals_of_worker(struct tote__held_signals *held);
TOTE_SHARED void tote__release_write_signals_of_worker(const struct tote__held_signals *held);

#endif
