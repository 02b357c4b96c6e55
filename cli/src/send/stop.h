/* SPDX-License-Identifier: MIT */
/*
 * stop.h - SIGINT and SIGTERM stop a sender after the request in flight
 *
 * A receiver may have a request that is in flight. If the sender ended at once, another one would
 * send the same spans again.
 */
#ifndef TOTE_CLI_STOP_H
#define TOTE_CLI_STOP_H

#include <signal.h>
#include <stdbool.h>

/* The first SIGINT or SIGTERM since stop_begin(); 0: none. */
extern volatile sig_atomic_t stop_signal;

/*
 * Handle SIGINT and SIGTERM, unless they are ignored. A second signal ends the process. It comes at
 * least 200 ms after the first one: some programs, for example timeout(1), send each signal twice.
 */
void stop_begin(void);

/*
 * End the process by the signal that stopped it, so that a shell ends its script. Returns if there
 * was none.
 */
void stop_end(void);

#endif
