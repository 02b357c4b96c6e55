/* SPDX-License-Identifier: MIT */
/*
 * barrier.c - a memory barrier on all threads
 *
 * Tests: tests/unit/test_span.c, tests/schedule/test_schedule_core.c
 */
#include "barrier.h"

#include <errno.h>
#include <time.h>

#include "tote/internal/cancel.h"
#include "tote/internal/os.h"

bool tote__barrier_is_available(void) {
    return tote__os_prepare_barrier();
}

bool tote__barrier_all_threads(void) {
    return tote__os_barrier();
}

void tote__barrier_pause(void) {
    const struct timespec pause = {0, 50000};
    int error = errno;
    int cancel = tote__cancel_disable();

    nanosleep(&pause, NULL);
    tote__cancel_restore(cancel);
    errno = error;
}
