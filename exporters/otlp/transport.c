/* SPDX-License-Identifier: MIT */
/*
 * transport.c - requests to one receiver, one at a time
 */
#include "transport.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "tote/internal/clock.h"
#include "tote/internal/fork.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"

enum { LONGEST_WAIT_MS = 60000 }; /* when there is no deadline */

struct tote__transport {
    const struct tote__otlp_settings *settings;
    struct tote__connection *connection; /* NULL until the first send */
    uint64_t deadline;                   /* of the request that is under way, ... */
    bool is_busy;                        /* ... if one is */
    struct tote__lock lock;       /* guards making the next three, and an interrupt meanwhile */
    _Atomic(uint32_t) generation; /* of the process that they are of; 0: of none */
    int epoll;                    /* all that is waited for */
    int wake;                     /* an eventfd, for interrupts */
    atomic_bool is_interrupted;
    struct tote__prepared prepared;
    atomic_bool is_prepared; /* once, and for good */
};

/* SIGPIPE, kept from the host: a TLS library may raise it, and the thread may be the host's. */
struct held_signal {
    sigset_t mask;
    bool was_pending;
};

static void hold_sigpipe(struct held_signal *held) {
    sigset_t sigpipe;
    sigset_t pending;

    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    sigpending(&pending);
    held->was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &sigpipe, &held->mask);
}

static void release_sigpipe(const struct held_signal *held) {
    static const struct timespec at_once;
    sigset_t sigpipe;

    if (!held->was_pending) {
        sigemptyset(&sigpipe);
        sigaddset(&sigpipe, SIGPIPE);
        while (sigtimedwait(&sigpipe, NULL, &at_once) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &held->mask, NULL);
}

static void close_both(int a, int b) {
    if (a >= 0) {
        close(a);
    }
    if (b >= 0) {
        close(b);
    }
}

/* A parent's are left open: the host may have closed them itself, and given the numbers to something else. */
static bool make_descriptors(struct tote__transport *transport) {
    struct epoll_event wakes = {.events = EPOLLIN, .data.fd = -1};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (epoll < 0 || wake < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &wakes) != 0) {
        close_both(epoll, wake);
        return false;
    }
    transport->epoll = epoll;
    transport->wake = wake;
    atomic_store(&transport->generation, tote__generation());
    return true;
}

int tote__transport_descriptor(struct tote__transport *transport) {
    int error = errno;
    bool is_made = atomic_load(&transport->generation) == tote__generation();

    if (!is_made) {
        tote__lock_take(&transport->lock);
        is_made = atomic_load(&transport->generation) == tote__generation() ||
                  make_descriptors(transport);
        tote__lock_drop(&transport->lock);
    }
    errno = error;
    return is_made ? transport->epoll : -1;
}

/* The connection of this process. NULL when memory or descriptors are out. */
static struct tote__connection *connection_of(struct tote__transport *transport) {
    struct tote__connection *old = transport->connection;
    bool is_own = old && old->generation == tote__generation();
    bool is_prepared = atomic_load(&transport->is_prepared);

    if (is_own && old->is_prepared == is_prepared) {
        return old;
    }
    int epoll = tote__transport_descriptor(transport);
    transport->connection =
        epoll < 0 ? NULL
                  : tote__connection_new(transport->settings,
                                         is_prepared ? &transport->prepared : NULL, epoll);
    if (is_own) {
        tote__connection_free(old);
    } else if (old) {
        tote__connection_leave_behind(old);
    }
    return transport->connection;
}

/* In a child the request is its parent's. */
static bool is_busy(const struct tote__transport *transport) {
    return transport->is_busy && transport->connection &&
           transport->connection->generation == tote__generation();
}

static bool begin(struct tote__transport *transport, const uint8_t *bytes, size_t size,
                  uint64_t deadline) {
    struct tote__slice request = {size ? bytes : (const uint8_t *)"", size};
    struct tote__connection *connection = connection_of(transport);

    if (connection && transport->settings->is_gzip) {
        request = tote__gzip_compress(&connection->gzip, request.at, request.size);
    }
    transport->deadline = deadline;
    transport->is_busy =
        connection && request.at && tote__connection_begin(connection, request, deadline);
    return transport->is_busy;
}

static void end(struct tote__transport *transport, bool is_done, struct tote__answer *answer) {
    tote__connection_end(transport->connection, is_done, answer);
    transport->is_busy = false;
}

/* Returns: whether it is over, and `answer` is filled. */
static bool advance(struct tote__transport *transport, uint32_t wait_ms,
                    struct tote__answer *answer) {
    bool is_done = false;

    if (atomic_load(&transport->is_interrupted)) {
        answer->outcome = TOTE__INTERRUPTED;
        end(transport, false, answer);
        return true;
    }
    if (!tote__connection_run(transport->connection, wait_ms, &is_done)) {
        end(transport, false, answer);
        return true;
    }
    if (!is_done && tote__clock_monotonic() < transport->deadline) {
        return false;
    }
    answer->outcome = TOTE__TIMED_OUT;
    end(transport, is_done, answer);
    return true;
}

static void no_answer(struct tote__answer *answer) {
    *answer = (struct tote__answer){
        .outcome = TOTE__NOT_SENT,
        .content_type = "",
        .retry_after = "",
        .error = "memory is out",
    };
}

bool tote__transport_begin(struct tote__transport *transport, const uint8_t *bytes, size_t size,
                           uint64_t deadline, struct tote__answer *answer) {
    int error = errno;
    struct held_signal sigpipe;

    no_answer(answer);
    hold_sigpipe(&sigpipe);
    bool has_begun = begin(transport, bytes, size, deadline);
    release_sigpipe(&sigpipe);
    errno = error;
    return has_begun;
}

bool tote__transport_step(struct tote__transport *transport, uint32_t wait_ms,
                          struct tote__answer *answer) {
    int error = errno;
    struct held_signal sigpipe;

    no_answer(answer);
    if (!is_busy(transport)) {
        return true;
    }
    hold_sigpipe(&sigpipe);
    bool is_over = advance(transport, wait_ms, answer);
    release_sigpipe(&sigpipe);
    errno = error;
    return is_over;
}

void tote__transport_send(struct tote__transport *transport, const uint8_t *bytes, size_t size,
                          uint64_t deadline, struct tote__answer *answer) {
    int error = errno;
    struct held_signal sigpipe;

    no_answer(answer);
    hold_sigpipe(&sigpipe);
    if (begin(transport, bytes, size, deadline)) {
        while (!advance(transport, tote__ms_until(deadline, LONGEST_WAIT_MS), answer)) {
        }
    }
    release_sigpipe(&sigpipe);
    errno = error;
}

uint64_t tote__transport_due(const struct tote__transport *transport) {
    if (!is_busy(transport)) {
        return TOTE__NEVER;
    }
    uint64_t timer = transport->connection->timer;
    return timer < transport->deadline ? timer : transport->deadline;
}

/* Each event is one that comes once, but for an interrupt's. */
void tote__transport_hush(struct tote__transport *transport) {
    struct epoll_event events[TOTE__MAX_WATCHES];
    int error = errno;

    if (atomic_load(&transport->generation) == tote__generation() && !is_busy(transport)) {
        epoll_wait(transport->epoll, events, TOTE__MAX_WATCHES, 0);
    }
    errno = error;
}

void tote__transport_cancel(struct tote__transport *transport) {
    struct tote__answer answer;

    if (is_busy(transport)) {
        end(transport, false, &answer);
    }
    if (atomic_load(&transport->generation) == tote__generation()) { /* an interrupt has come */
        eventfd_t count;
        int error = errno;
        eventfd_read(transport->wake, &count);
        errno = error;
    }
}

tote_result tote__transport_prepare(struct tote__transport *transport, uint64_t deadline,
                                    bool may_make_thread) {
    struct tote__prepared prepared;
    int error = errno;

    if (atomic_load(&transport->is_prepared)) {
        return TOTE_SUCCESS;
    }
    tote_result result = tote__prepare(transport->settings, deadline, may_make_thread, &prepared);
    if (result == TOTE_SUCCESS) {
        tote__lock_take(&transport->lock);
        bool is_first = !atomic_load(&transport->is_prepared);
        if (is_first) {
            transport->prepared = prepared;
            atomic_store(&transport->is_prepared, true);
        }
        tote__lock_drop(&transport->lock);
        if (!is_first) {
            tote__prepared_clear(&prepared);
        }
    }
    errno = error;
    return result;
}

void tote__transport_interrupt(struct tote__transport *transport) {
    int error = errno;

    atomic_store(&transport->is_interrupted, true);
    tote__lock_take(&transport->lock);
    if (atomic_load(&transport->generation) == tote__generation()) {
        eventfd_write(transport->wake, 1);
    }
    tote__lock_drop(&transport->lock);
    errno = error;
}

static void initialise_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT); /* a failure shows when handles are made */
}

struct tote__transport *tote__transport_new(const struct tote__otlp_settings *settings) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct tote__transport *transport = tote__allocate(sizeof *transport);

    if (!transport) {
        return NULL;
    }
    pthread_once(&once, initialise_curl);
    *transport = (struct tote__transport){.settings = settings};
    return transport;
}

void tote__transport_free(struct tote__transport *transport) {
    int error = errno;
    struct held_signal sigpipe;

    if (!transport) {
        return;
    }
    struct tote__connection *connection = transport->connection;
    if (connection && connection->generation != tote__generation()) {
        tote__connection_leave_behind(connection);
        connection = NULL;
    }
    hold_sigpipe(&sigpipe);
    tote__connection_free(connection);
    release_sigpipe(&sigpipe);
    if (atomic_load(&transport->generation) == tote__generation()) {
        close_both(transport->epoll, transport->wake);
    }
    tote__prepared_clear(&transport->prepared);
    tote__release(transport, sizeof *transport);
    errno = error;
}
