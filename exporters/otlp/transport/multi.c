/* SPDX-License-Identifier: MIT */
/*
 * multi.c - creates a multi handle of libcurl
 *
 * Tests: tests/unit/test_otlp_transport.c
 */
#include "multi.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tote/internal/memory.h"
#include "tote/internal/os.h"

/* Return whether bytes can be read, or were written and are not yet read by the peer. */
static bool holds_bytes(int fd) {
    int incoming = 0;
    int outgoing = 0;

    ioctl(fd, FIONREAD, &incoming);
    ioctl(fd, TIOCOUTQ, &outgoing);
    return incoming > 0 || outgoing > 0;
}

/*
 * Return a multi handle whose descriptors have FD_CLOEXEC. libcurl before 8 creates two wake-up
 * sockets without it and does not expose them. They have the lowest free numbers, but another
 * thread may get such a number meanwhile: only a descriptor that a wake-up makes readable belongs
 * to libcurl. The wake-up has no other effect, because curl_multi_poll() is not used.
 */
static CURLM *make_uninherited_multi(int epoll) {
    int low[2] = {fcntl(epoll, F_DUPFD_CLOEXEC, 0), fcntl(epoll, F_DUPFD_CLOEXEC, 0)};
    bool may_be_own[2] = {false, false};

    for (size_t i = 0; i < TOTE_COUNT_OF(low); i++) {
        if (low[i] >= 0) {
            close(low[i]);
        }
    }
    CURLM *multi = curl_multi_init();
    for (size_t i = 0; i < TOTE_COUNT_OF(low); i++) {
        may_be_own[i] = fcntl(low[i], F_GETFD) == 0 && !holds_bytes(low[i]);
    }
    if (!multi || (!may_be_own[0] && !may_be_own[1])) {
        return multi;
    }
    curl_multi_wakeup(multi);
    for (size_t i = 0; i < TOTE_COUNT_OF(low); i++) {
        if (may_be_own[i] && holds_bytes(low[i])) {
            fcntl(low[i], F_SETFD, FD_CLOEXEC);
        }
    }
    return multi;
}

/* The wake-up descriptors of libcurl must be 3 or above, too. */
CURLM *tote__make_multi(int epoll) {
    unsigned held = tote__os_hold_stdio();
    CURLM *multi = make_uninherited_multi(epoll);

    tote__os_release_stdio(held);
    return multi;
}
