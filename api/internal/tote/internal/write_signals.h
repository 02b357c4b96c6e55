/* SPDX-License-Identifier: MIT */
/*
 * write_signals.h - blocking of the signals that a write may raise
 *
 * A write to a pipe or socket with no reader raises SIGPIPE. A write beyond RLIMIT_FSIZE raises
 * SIGXFSZ. Both end the process by default. Every write of Tote that may raise one is made between
 * these two calls and fails with EPIPE or EFBIG instead. The kernel sends both signals only to the
 * writing thread, so it is enough to block them on that thread.
 *
 * Threads: thread-safe. Not reentrant on one thread for the same object.
 */
#ifndef TOTE_INTERNAL_WRITE_SIGNALS_H
#define TOTE_INTERNAL_WRITE_SIGNALS_H

#include <signal.h>

#include "tote/internal/shared.h"

struct tote__held_signals {
    sigset_t mask; /* previous mask of the thread, restored at the end */
    bool was_pending[2];
    bool is_worker; /* a worker thread already blocks them: nothing to undo */
};

/* Block SIGPIPE and SIGXFSZ on this thread. Keeps errno. */
TOTE_SHARED void tote__hold_write_signals(struct tote__held_signals *held);

/* Discard signals raised by the writes, and restore the thread's mask. Keeps errno of the write. */
TOTE_SHARED void tote__release_write_signals(const struct tote__held_signals *held);

/*
 * Block the signals on a worker thread for its whole run. The two calls above then need no system
 * call on this thread. For a thread that blocks all signals. A fork in between ends it in the
 * child.
 */
TOTE_SHARED void tote__hold_write_signals_of_worker(struct tote__held_signals *held);
TOTE_SHARED void tote__release_write_signals_of_worker(const struct tote__held_signals *held);

#endif
