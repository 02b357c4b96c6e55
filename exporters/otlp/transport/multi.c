/* SPDX-License-Identifier: MIT */
/*
 * multi.c - creates a multi handle of libcurl
 *
 * Tests: tests/unit/test_otlp_transport.c
 */
#include "multi.h"

#include <fcntl.h>
#include <unistd.h>

#include "tote/internal/memory.h"
#include "tote/internal/os.h"

/*
 * Return a multi handle whose descriptors have FD_CLOEXEC. libcurl before 8 creates two wake-up
 * sockets without it and does not expose them. They have the lowest free numbers, but another
 * thread may get such a number meanwhile: only a descriptor that a wake-up makes readable belongs
 * to libcurl. The wake-up has no other effect, because curl_multi_poll() is not used.
 */
static CURLM *make_uninherited_multi(int descriptor) {
    int low[2] = {fcntl(descriptor, F_DUPFD_CLOEXEC, 0), fcntl(descriptor, F_DUPFD_CLOEXEC, 0)};
    bool may_be_own[2] = {false, false};

    for (size_t i = 0; i < TOTE_COUNT_OF(low); i++) {
        if (low[i] >= 0) {
            close(low[i]);
        }
    }
    CURLM *multi = curl_multi_init();
    for (size_t i = 0; i < TOTE_COUNT_OF(low); i++) {
        may_be_own[i] = fcntl(low[i], F_GETFD) == 0 && !tote__os_holds_bytes(low[i]);
    }
    if (!multi || (!may_be_own[0] && !may_be_own[1])) {
        return multi;
    }
    curl_multi_wakeup(multi);
    for (size_t i = 0; i < TOTE_COUNT_OF(low); i++) {
        if (may_be_own[i] && tote__os_holds_bytes(low[i])) {
            fcntl(low[i], F_SETFD, FD_CLOEXEC);
        }
    }
    return multi;
}

/* The wake-up descriptors of libcurl must be 3 or above, too. */
CURLM *tote__make_multi(int descriptor) {
    tote__os_hold_stdio();
    CURLM *multi = make_uninherited_multi(descriptor);

    tote__os_release_stdio();
    return multi;
}
