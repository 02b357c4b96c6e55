/* SPDX-License-Identifier: MIT */
/*
 * api_os_posix.c - what libtote-api needs from a POSIX system without a file of its own
 *
 * It uses POSIX.1-2008 alone. A port starts with a copy of this file: docs/porting.md describes
 * what a system can do better.
 *
 * Tests: tests/unit/test_fork.c, tests/host/test_dead_readers.c
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "tote/internal/api_os.h"

extern char **environ;

/* The ids may have been changed since the start. */
bool tote__is_privileged(void) {
    return getuid() != geteuid() || getgid() != getegid();
}

char **tote__environment(void) {
    return environ;
}

_Atomic(uint32_t) *tote__map_wiped_word(void) {
    return NULL;
}

#if defined(_POSIX_REALTIME_SIGNALS) && _POSIX_REALTIME_SIGNALS > 0
void tote__discard_signals(const sigset_t *signals) {
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
void tote__discard_signals(const sigset_t *signals) {
    static const int numbers[] = {SIGPIPE, SIGXFSZ};
    sigset_t pending;
    sigset_t one;
    int number = 0;

    sigemptyset(&pending);
    sigpending(&pending);
    for (size_t i = 0; i < TOTE_COUNT_OF(numbers); i++) {
        if (sigismember(signals, numbers[i]) == 1 && sigismember(&pending, numbers[i]) == 1) {
            sigemptyset(&one);
            sigaddset(&one, numbers[i]);
            pthread_kill(pthread_self(), numbers[i]);
            sigwait(&one, &number);
        }
    }
}
#endif

void tote__stay_mapped(void) {}

void tote__format_double(char *text, size_t size, int digits, double real) {
    snprintf(text, size, "%.*g", digits, real);
}
