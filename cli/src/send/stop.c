/* SPDX-License-Identifier: MIT */
/*
 * stop.c - SIGINT and SIGTERM stop a sender after the request in flight
 *
 * Tests: tests/cli/test_send_stop.sh
 */
#include "stop.h"

#include <stdint.h>
#include <stdio.h>

#include "tote/internal/clock.h"

volatile sig_atomic_t stop_signal;

static const uint64_t same_signal_ns = 200000000;
static uint64_t stopped_at; /* only the handler uses it */

static void handle(int number) {
    uint64_t now = tote__clock_monotonic();

    if (!stop_signal) {
        stopped_at = now;
        stop_signal = number;
    } else if (now - stopped_at >= same_signal_ns) {
        signal(number, SIG_DFL);
        raise(number); /* after the handler has returned */
    }
}

void stop_begin(void) {
    static const int signals[] = {SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    struct sigaction inherited;

    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        if (sigaction(signals[i], NULL, &inherited) == 0 && inherited.sa_handler != SIG_IGN) {
            sigaction(signals[i], &action, NULL);
        }
    }
}

void stop_end(void) {
    int number = stop_signal;

    if (number) {
        fflush(NULL);
        signal(number, SIG_DFL);
        raise(number);
    }
}
