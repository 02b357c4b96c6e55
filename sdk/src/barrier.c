/* SPDX-License-Identifier: MIT */
/*
 * barrier.c - membarrier(2)
 *
 * Tests: tests/unit/test_span.c, tests/schedule/test_schedule_core.c
 */
#include "barrier.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tote/internal/cancel.h"

static bool membarrier(int command) {
    int error = errno;
    bool is_done = syscall(SYS_membarrier, command, 0, 0) == 0;

    errno = error;
    return is_done;
}

bool tote__barrier_is_available(void) {
    return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

bool tote__barrier_all_threads(void) {
    /* A forked child is not registered, and may be the process that stops the SDK. */
    return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
           membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

void tote__barrier_pause(void) {
    const struct timespec pause = {0, 50000};
    int error = errno;
    int cancel = tote__cancel_disable();

    nanosleep(&pause, NULL);
    tote__cancel_restore(cancel);
    errno = error;
}
