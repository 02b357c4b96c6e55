/* SPDX-License-Identifier: MIT */
/*
 * connection.c - kept connections of libcurl to one receiver
 *
 * Tests: tests/unit/test_otlp_transport.c
 */
#include "connection.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "multi.h"
#include "proxy.h"
#include "request_options.h"
#include "tote/internal/clock.h"
#include "tote/internal/fork.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"

enum {
    CONNECT_TIMEOUT_MS = 30000,
    GRACE_MS = 100,       /* for curl to detect the end of a response */
    FREE_IDLE_WRITES = 8, /* initial time without watching a socket for writing: 1 ms */
    MOST_DOUBLINGS = 8    /* longest such time: 256 ms */
};
/*
 * CURLMOPT_QUICK_EXIT of libcurl 8.21 and later. Earlier versions do not wait for resolver threads,
 * and do not know the option.
 */
static const CURLMoption multi_quick_exit = (CURLMoption)21;

static const uint64_t ns_per_ms = 1000000;

/*
 * Connections of parent processes, or without descriptors: unusable, but still referenced, so that
 * no leak is reported.
 */
static _Atomic(struct tote__connection *) left_behind;

uint64_t tote__socket_inode(int fd) {
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) ? (uint64_t)status.st_ino : 0;
}

/* Return the socket of this descriptor; -1 finds a free entry. Returns NULL if there is none. */
static struct tote__watch *find_watch(struct tote__connection *connection, int fd) {
    for (size_t i = 0; i < connection->watch_count; i++) {
        if (connection->watches[i].fd == fd) {
            return &connection->watches[i];
        }
    }
    return NULL;
}

/* A number that curl closed silently is still in the table: see arm(). */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    struct tote__stream *stream = arg;
    struct tote__connection *connection = stream->connection;
    int fd = tote__os_socket(address->family, address->socktype, address->protocol);

    (void)purpose;
    stream->socket_error = fd < 0 ? errno : 0;
    if (fd < 0) {
        return CURL_SOCKET_BAD;
    }
    struct tote__watch *stale = find_watch(connection, fd);
    struct tote__watch *watch = stale ? stale : find_watch(connection, -1);
    if (watch) {
        watch->inode = tote__socket_inode(fd);
        watch->armed = 0;
        watch->fd = fd;
    }
    return fd;
}

/* Return the first socket; NULL: none. */
static struct tote__watch *first_socket(struct tote__connection *connection) {
    for (size_t i = 0; i < connection->watch_count; i++) {
        if (connection->watches[i].fd >= 0 && connection->watches[i].inode) {
            return &connection->watches[i];
        }
    }
    return NULL;
}

static size_t count_sockets(const struct tote__connection *connection) {
    size_t count = 0;

    for (size_t i = 0; i < connection->watch_count; i++) {
        count += connection->watches[i].fd >= 0 && connection->watches[i].inode;
    }
    return count;
}

/*
 * Without a socket curl resolves names, which may open descriptors: they must be 3 or above, too.
 */
static void hold_stdio(struct tote__connection *connection) {
    size_t wanted =
        tote__otlp_is_grpc(connection->settings) || !connection->busy ? 1 : connection->busy;

    if (count_sockets(connection) < wanted) {
        tote__os_hold_stdio();
        if (connection->holds_stdio) { /* the host may have closed one */
            tote__os_release_stdio();
        }
        connection->holds_stdio = true;
    }
}

/* Removed from the table before it is closed: otherwise a child might close a reused number. */
static int close_socket(void *arg, curl_socket_t fd) {
    struct tote__connection *connection = arg;
    struct tote__watch *watch = find_watch(connection, fd);

    if (watch) {
        *watch = (struct tote__watch){.fd = -1};
    }
    tote__os_poller_forget(connection->poller, fd); /* a child may have it open, too */
    int result = close(fd);
    if (connection->is_in_timer) {
        hold_stdio(connection);
    }
    return result;
}

/* Set in `armed` in addition to the events. */
#define ARMED (1U << 31)

static struct pollfd watched_by(const struct tote__watch *watch) {
    return (struct pollfd){.fd = watch->fd, .events = (short)(watch->armed & ~ARMED)};
}

/*
 * Watch for one event. While it connects, libcurl closes sockets silently and unwatches them
 * afterwards; such a number may be reused and is left alone. One event: a socket that a forked
 * child keeps open is also reported only once.
 */
static void arm(struct tote__connection *connection, struct tote__watch *watch) {
    uint32_t left_out = watch->write_at ? POLLOUT : 0;
    uint32_t wanted = (watch->events & ~left_out) | ARMED;

    if (watch->armed != wanted) {
        watch->armed = wanted;
        tote__os_poller_watch(connection->poller, watched_by(watch));
    }
}

/* Called by curl when it starts or stops to wait for a socket. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused) {
    struct tote__connection *connection = arg;
    struct tote__watch *watch = find_watch(connection, fd);

    (void)easy, (void)unused;
    if (!watch && what != CURL_POLL_REMOVE) {
        watch = find_watch(connection, -1);
    }
    if (!watch) {
        return what == CURL_POLL_REMOVE ? 0 : -1;
    }
    watch->idle_writes = 0;
    watch->write_at = 0;
    watch->events = (what & CURL_POLL_IN ? (uint32_t)POLLIN : 0U) |
                    (what & CURL_POLL_OUT ? (uint32_t)POLLOUT : 0U);
    if (what == CURL_POLL_REMOVE) {
        watch->armed = 0;
        watch->fd = watch->inode ? fd : -1;
        connection->has_unwatched = true;
        return 0;
    }
    if (!watch->inode) { /* curl closes these without the callback */
        watch->armed = 0;
    }
    watch->fd = fd;
    arm(connection, watch);
    return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg) {
    struct tote__connection *connection = arg;

    (void)multi;
    connection->timer =
        timeout_ms < 0 ? TOTE__NEVER : tote__clock_monotonic() + (uint64_t)timeout_ms * ns_per_ms;
    return 0;
}

static void free_stream(struct tote__stream *stream) {
    if (stream) {
        curl_easy_cleanup(stream->easy);
        tote__packer_clear(&stream->packer);
        tote__buffer_clear(&stream->incoming.body);
        tote__release(stream, sizeof *stream);
    }
}

void tote__connection_free(struct tote__connection *connection) {
    if (!connection) {
        return;
    }
    for (size_t i = 0; connection->streams && i < connection->stream_count; i++) {
        free_stream(connection->streams[i]);
    }
    curl_multi_cleanup(connection->multi);
    curl_slist_free_all(connection->headers);
    tote__release(connection->streams, connection->stream_count * sizeof *connection->streams);
    tote__release(connection->watches, connection->watch_count * sizeof *connection->watches);
    tote__release(connection, sizeof *connection);
}

/* The host may have closed the descriptor, and its number may be reused. */
static bool is_own_socket(const struct tote__watch *watch) {
    return watch->fd >= 0 && watch->inode && tote__socket_inode(watch->fd) == watch->inode;
}

bool tote__connection_is_open(const struct tote__connection *connection) {
    bool is_open = true;
    int error = errno;

    for (size_t i = 0; i < connection->watch_count && is_open; i++) {
        const struct tote__watch *watch = &connection->watches[i];
        is_open = watch->fd < 0 || !watch->inode || is_own_socket(watch);
    }
    errno = error;
    return is_open;
}

/*
 * Forget sockets that curl has closed without the callback, because they were not connected yet:
 * the connections of other streams are open. With one stream, the next request has a new
 * connection.
 */
static void forget_closed(struct tote__connection *connection) {
    bool has_unwatched = connection->has_unwatched && connection->stream_count > 1;

    connection->has_unwatched = false;
    for (size_t i = 0; has_unwatched && i < connection->watch_count; i++) {
        struct tote__watch *watch = &connection->watches[i];
        if (watch->fd >= 0 && watch->inode && !watch->armed && !is_own_socket(watch)) {
            *watch = (struct tote__watch){.fd = -1};
        }
    }
}

bool tote__connection_watch_response(struct tote__connection *connection) {
    struct tote__watch *watch = first_socket(connection);
    uint32_t before = watch ? watch->armed : 0;

    if (!watch) {
        return false;
    }
    watch->armed = before ? before : POLLIN | ARMED;
    if (!tote__os_poller_rewatch(connection->poller, watched_by(watch))) {
        watch->armed = before;
        return false;
    }
    watch->events = before ? watch->events : POLLIN;
    return true;
}

void tote__connection_leave_behind(struct tote__connection *connection) {
    for (size_t i = 0; i < connection->watch_count; i++) {
        if (is_own_socket(&connection->watches[i])) {
            close(connection->watches[i].fd);
        }
    }
    connection->next = atomic_load(&left_behind);
    while (!atomic_compare_exchange_weak(&left_behind, &connection->next, connection)) {
    }
}

static int set_guest_options(struct tote__stream *stream) {
    CURL *easy = stream->easy;
    int failed = 0;

    failed |= (int)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    failed |=
        (int)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* do not wait for a name lookup */
    failed |= (int)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, stream->error);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, tote__response_reader_take_body);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_WRITEDATA, &stream->incoming);
    failed |=
        (int)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, tote__response_reader_take_header);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_HEADERDATA, &stream->incoming);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, stream);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, stream->connection);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_PRIVATE, stream);
    return failed;
}

static int set_multi_options(struct tote__connection *connection) {
    CURLM *multi = connection->multi;
    const struct tote__otlp_settings *settings = connection->settings;
    long kept =
        tote__otlp_is_grpc(settings) ? 1L : (long)settings->delivery.max_concurrent_requests;
    int failed = 0;

    failed |= (int)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, kept);
    failed |= (int)curl_multi_setopt(
        multi, CURLMOPT_PIPELINING,
        tote__can_reuse_connection(connection->settings) ? CURLPIPE_MULTIPLEX : CURLPIPE_NOTHING);
    if (tote__otlp_is_grpc(settings) && tote__can_reuse_connection(settings)) {
        /* Not CURLOPT_PIPEWAIT: libcurl 8.14 waits forever if the first stream was reset. */
        failed |= (int)curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
    }
    failed |= (int)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    failed |= (int)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, connection);
    failed |= (int)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    failed |= (int)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, connection);
    (void)curl_multi_setopt(multi, multi_quick_exit, 1L);
    return failed;
}

struct tote__connection *tote__connection_new(const struct tote__otlp_settings *settings,
                                              const struct tote__prepared *prepared, int poller) {
    struct tote__connection *connection = tote__allocate(sizeof *connection);
    size_t streams = settings->delivery.max_concurrent_requests + (settings->metrics_url != NULL);
    size_t watches = TOTE__SHARED_WATCHES + streams * TOTE__STREAM_WATCHES;

    if (!connection) {
        return NULL;
    }
    *connection = (struct tote__connection){
        .generation = tote__generation(),
        .multi = tote__make_multi(poller),
        .poller = poller,
        .timer = TOTE__NEVER,
        .streams = tote__allocate_zeroed(streams * sizeof *connection->streams),
        .stream_count = streams,
        .watches = tote__allocate_zeroed(watches * sizeof *connection->watches),
        .watch_count = watches,
        .settings = settings,
        .prepared = prepared,
    };
    for (size_t i = 0; connection->watches && i < watches; i++) {
        connection->watches[i].fd = -1;
    }
    if (!connection->multi || !connection->streams || !connection->watches ||
        set_multi_options(connection) ||
        !tote__add_request_headers(&connection->headers, settings) ||
        !tote__connection_stream(connection, 0)) {
        tote__connection_free(connection);
        return NULL;
    }
    return connection;
}

static struct tote__stream *make_stream(struct tote__connection *connection) {
    const struct tote__otlp_settings *settings = connection->settings;
    struct tote__stream *stream = tote__allocate(sizeof *stream);

    if (!stream) {
        return NULL;
    }
    *stream = (struct tote__stream){
        .connection = connection,
        .easy = curl_easy_init(),
        .cut_at = TOTE__NEVER,
        .incoming = {.max_size = settings->max_response_bytes,
                     .is_grpc = tote__otlp_is_grpc(settings)},
    };
    if (!stream->easy || tote__set_request_options(stream->easy, settings) ||
        set_guest_options(stream) ||
        (connection->prepared && tote__prepared_apply(connection->prepared, stream->easy))) {
        free_stream(stream);
        return NULL;
    }
    return stream;
}

struct tote__stream *tote__connection_stream(struct tote__connection *connection, size_t lane) {
    struct tote__stream **stream = &connection->streams[lane];

    *stream = *stream ? *stream : make_stream(connection);
    return *stream;
}

bool tote__connection_begin(struct tote__stream *stream, const char *url,
                            struct tote__slice request, uint64_t deadline) {
    uint32_t connect_ms = tote__ms_until(deadline, CONNECT_TIMEOUT_MS);
    struct tote__connection *connection = stream->connection;
    CURL *easy = stream->easy;

    tote__response_reader_begin(&stream->incoming);
    stream->error[0] = '\0';
    stream->socket_error = 0;
    stream->cut_at = TOTE__NEVER;
    stream->deadline = deadline;
    stream->is_busy =
        !curl_easy_setopt(easy, CURLOPT_URL, url) &&
        !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, connection->headers) &&
        !curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)request.at) &&
        !curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request.size) &&
        !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms ? (long)connect_ms : 1L) &&
        curl_multi_add_handle(connection->multi, easy) == CURLM_OK;
    connection->busy += stream->is_busy;
    return stream->is_busy;
}

/* Return a busy stream from this lane on; NULL if there is none. Advances the lane behind it. */
static struct tote__stream *next_busy(const struct tote__connection *connection, size_t *lane) {
    while (*lane < connection->stream_count) {
        struct tote__stream *stream = connection->streams[(*lane)++];
        if (stream && stream->is_busy) {
            return stream;
        }
    }
    return NULL;
}

/* Return a value that changes when curl sends or receives bytes of a request. */
static uint64_t progress_of(const struct tote__connection *connection) {
    const struct tote__stream *stream;
    uint64_t progress = 0;

    for (size_t lane = 0; (stream = next_busy(connection, &lane));) {
        curl_off_t sent = 0;
        curl_easy_getinfo(stream->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
        progress += (uint64_t)sent + stream->incoming.body.size;
    }
    return progress;
}

/*
 * libcurl before 8 polls for a writable socket while the receiver's HTTP/2 window is full. A socket
 * that is writable without progress is not watched for writing for a while. A window update makes
 * it readable.
 */
static void note_use(struct tote__watch *watch, bool is_idle_write) {
    watch->write_at = 0;
    if (!is_idle_write) {
        watch->idle_writes = 0;
    } else if (++watch->idle_writes > FREE_IDLE_WRITES) {
        unsigned doublings = watch->idle_writes - FREE_IDLE_WRITES - 1;
        watch->write_at = tote__deadline_in(1U << tote__min(doublings, MOST_DOUBLINGS));
    }
}

static void watch_writes_again(struct tote__connection *connection) {
    for (size_t i = 0; i < connection->watch_count; i++) {
        struct tote__watch *watch = &connection->watches[i];
        if (watch->fd >= 0 && watch->write_at && tote__clock_monotonic() >= watch->write_at) {
            watch->write_at = 0;
            arm(connection, watch);
        }
    }
}

static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t tote__connection_due(const struct tote__connection *connection) {
    const struct tote__stream *stream;
    uint64_t due = connection->has_done ? 0 : connection->timer;

    for (size_t lane = 0; (stream = next_busy(connection, &lane));) {
        due = sooner(due, sooner(stream->cut_at, stream->deadline));
    }
    for (size_t i = 0; i < connection->watch_count; i++) {
        const struct tote__watch *watch = &connection->watches[i];
        if (watch->fd >= 0 && watch->write_at) {
            due = sooner(due, watch->write_at);
        }
    }
    return due;
}

static int action_of(short events) {
    return (events & POLLIN ? CURL_CSELECT_IN : 0) | (events & POLLOUT ? CURL_CSELECT_OUT : 0) |
           (events & (POLLERR | POLLHUP) ? CURL_CSELECT_ERR : 0);
}

/* An event of a descriptor that is not curl's only wakes. */
static bool handle_event(struct tote__connection *connection, struct pollfd ready, int *running) {
    int fd = ready.fd;
    struct tote__watch *watch = fd >= 0 ? find_watch(connection, fd) : NULL;

    if (!watch || !watch->events) {
        return true;
    }
    watch->armed = 0;
    bool is_write = ready.revents == POLLOUT;
    uint64_t before = is_write ? progress_of(connection) : 0;
    if (curl_multi_socket_action(connection->multi, fd, action_of(ready.revents), running) !=
        CURLM_OK) {
        return false;
    }
    watch = find_watch(connection, fd);
    if (watch && watch->events && !watch->armed) {
        note_use(watch, is_write && progress_of(connection) == before);
        arm(connection, watch);
    }
    return true;
}

/*
 * A receiver may respond before the request has ended. libcurl before 8 then sends the rest of the
 * request, and waits for data that has already arrived. Returns whether to end the transfer.
 */
static bool is_cut(struct tote__stream *stream) {
    long status = 0;

    curl_easy_getinfo(stream->easy, CURLINFO_RESPONSE_CODE, &status);
    if (stream->cut_at == TOTE__NEVER && stream->incoming.is_grpc &&
        tote__response_reader_is_response(&stream->incoming, status)) {
        stream->cut_at = tote__deadline_in(GRACE_MS);
    }
    return tote__clock_monotonic() >= stream->cut_at;
}

/* Run curl's timers. Returns false if curl fails. */
static bool run_timer(struct tote__connection *connection, int *running) {
    if (tote__clock_monotonic() < connection->timer) {
        return true;
    }
    connection->timer = TOTE__NEVER;
    connection->is_in_timer = true;
    hold_stdio(connection);
    CURLMcode code = curl_multi_socket_action(connection->multi, CURL_SOCKET_TIMEOUT, 0, running);
    if (connection->holds_stdio) {
        tote__os_release_stdio();
    }
    connection->holds_stdio = false;
    connection->is_in_timer = false;
    return code == CURLM_OK;
}

/* List what is watched. Returns the number. */
static size_t list_watched(const struct tote__connection *connection, struct pollfd *watched) {
    size_t count = 0;

    for (size_t i = 0; i < connection->watch_count; i++) {
        const struct tote__watch *watch = &connection->watches[i];
        if (watch->fd >= 0 && watch->armed) {
            watched[count++] = watched_by(watch);
        }
    }
    return count;
}

static bool run_sockets(struct tote__connection *connection, uint64_t until, int *running) {
    struct pollfd watched[TOTE__MOST_WATCHES + 1];
    struct pollfd ready[TOTE__OS_MOST_READY];

    watch_writes_again(connection);
    uint64_t due = sooner(tote__connection_due(connection), until);
    size_t count =
        tote__os_poller_wait(connection->poller, watched, list_watched(connection, watched), ready,
                             tote__ms_until(due, INT_MAX));
    for (size_t i = 0; i < count; i++) {
        if (!handle_event(connection, ready[i], running)) {
            return false;
        }
    }
    return true;
}

/*
 * Start requests: their timer is due, so curl sends before the wait for a response. Returns false
 * if curl fails. `running` is the number of requests that are not complete.
 */
static bool run(struct tote__connection *connection, uint64_t until, int *running) {
    uint64_t now = tote__clock_monotonic();
    bool is_due = now >= connection->timer;

    *running = (int)connection->busy;
    if (is_due && !run_timer(connection, running)) {
        return false;
    }
    bool is_over =
        is_due && (*running < (int)connection->busy || now >= until); /* the next run polls */
    return is_over || (run_sockets(connection, until, running) && run_timer(connection, running));
}

/*
 * Return curl's error text, unless it may contain credentials: it quotes an unusable proxy
 * variable.
 */
static void describe_error(struct tote__stream *stream, CURLcode result,
                           struct tote__response *response) {
    const struct tote__otlp_settings *settings = stream->connection->settings;
    bool may_have_secrets = result == CURLE_COULDNT_RESOLVE_PROXY || strchr(stream->error, '@') ||
                            strstr(stream->error, "Unsupported proxy");

    response->error = stream->error;
    if (result != CURLE_OK && (may_have_secrets || !stream->error[0])) {
        response->error = curl_easy_strerror(result);
    }
    const char *advice = tote__proxy_advice(settings, stream->easy, result, stream->error,
                                            stream->advice, sizeof stream->advice);
    response->advice = advice ? advice : tote__response_reader_advice(result, stream->error);
    if (!tote__describe_descriptors(stream->socket_error, stream->error, sizeof stream->error,
                                    response) &&
        settings->unix_path && response->outcome == TOTE__NOT_CONNECTED) {
        long error = 0;
        curl_easy_getinfo(stream->easy, CURLINFO_OS_ERRNO, &error);
        snprintf(stream->error, sizeof stream->error, "socket %s: %s", settings->unix_path,
                 tote__os_error((int)error).text);
        response->advice = "; start a receiver that listens there, or check the path";
    }
}

bool tote__describe_descriptors(int error, char *text, size_t size,
                                struct tote__response *response) {
    if (error != EMFILE && error != ENFILE) {
        return false;
    }
    snprintf(text, size, "no descriptor: %s", tote__os_error(error).text);
    response->error = text;
    response->advice = error == EMFILE ? "; raise the process's limit of open files (RLIMIT_NOFILE)"
                                       : "; raise the system's limit of open files (fs.file-max)";
    return true;
}

static void describe_course(CURL *easy, CURLcode result, struct tote__course *course) {
    const struct {
        CURLINFO info;
        uint64_t *us;
    } steps[] = {
        {CURLINFO_NAMELOOKUP_TIME_T, &course->looked_up_us},
        {CURLINFO_CONNECT_TIME_T, &course->connected_us},
        {CURLINFO_APPCONNECT_TIME_T, &course->secured_us},
        {CURLINFO_STARTTRANSFER_TIME_T, &course->responded_us},
        {CURLINFO_TOTAL_TIME_T, &course->ended_us},
    };
    const char *address = NULL;

    course->curl_code = (int)result;
    for (size_t i = 0; i < TOTE_COUNT_OF(steps); i++) {
        curl_off_t us = 0;
        curl_easy_getinfo(easy, steps[i].info, &us);
        *steps[i].us = (uint64_t)us;
    }
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
    snprintf(course->address, sizeof course->address, "%s", address ? address : "");
}

static void set_lane(const struct tote__stream *stream, struct tote__response *response) {
    while (stream->connection->streams[response->lane] != stream) {
        response->lane++;
    }
}

/* `result` is the result of the transfer; CURLE_OK if it was not completed. */
static void end(struct tote__stream *stream, CURLcode result, struct tote__response *response) {
    struct tote__connection *connection = stream->connection;

    tote__response_reader_read(&stream->incoming, response);
    curl_easy_getinfo(stream->easy, CURLINFO_RESPONSE_CODE, &response->status);
    describe_error(stream, result, response);
    describe_course(stream->easy, result, &response->course);
    curl_multi_remove_handle(connection->multi, stream->easy);
    stream->is_busy = false;
    connection->busy--;
    set_lane(stream, response);
    forget_closed(connection);
}

/* Return a stream whose transfer is complete, with its result; NULL if there is none. */
static struct tote__stream *next_done(struct tote__connection *connection, CURLcode *result) {
    struct tote__stream *stream = NULL;
    const CURLMsg *message;
    int left = 0;

    do {
        message = curl_multi_info_read(connection->multi, &left);
    } while (message && message->msg != CURLMSG_DONE);
    connection->has_done = left > 0;
    if (message) {
        *result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&stream);
    }
    return stream;
}

/* Return a stream that must end although its transfer is not complete; NULL if there is none. */
static struct tote__stream *next_overdue(const struct tote__connection *connection,
                                         struct tote__response *response, CURLcode *result) {
    struct tote__stream *stream;

    for (size_t lane = 0; (stream = next_busy(connection, &lane));) {
        if (is_cut(stream)) {
            *result = CURLE_HTTP2_STREAM;
            response->outcome =
                tote__response_reader_outcome(&stream->incoming, stream->easy, *result);
            return stream;
        }
        if (tote__clock_monotonic() >= stream->deadline) {
            response->outcome = TOTE__TIMED_OUT;
            return stream;
        }
    }
    return NULL;
}

bool tote__connection_step(struct tote__connection *connection, uint64_t until,
                           struct tote__response *response) {
    CURLcode result = CURLE_OK;
    size_t first = 0;
    int running = 1;
    bool is_good = true;
    struct tote__stream *stream = next_done(connection, &result);

    if (!stream) {
        is_good = run(connection, until, &running);
        stream = is_good ? next_done(connection, &result) : NULL;
    }
    if (stream) {
        response->outcome = tote__response_reader_outcome(&stream->incoming, stream->easy, result);
    } else if (is_good && running) {
        stream = next_overdue(connection, response, &result);
    } else { /* curl has failed: it has no request in flight */
        response->outcome = TOTE__NOT_SENT;
        result = is_good ? CURLE_OUT_OF_MEMORY : CURLE_OK;
        stream = next_busy(connection, &first);
    }
    if (stream) {
        end(stream, result, response);
    }
    forget_closed(connection);
    return stream;
}

void tote__connection_cancel(struct tote__connection *connection, struct tote__response *response) {
    size_t first = 0;
    struct tote__stream *stream = next_busy(connection, &first);

    if (!connection->is_lost) {
        end(stream, CURLE_OK, response);
        return;
    }
    stream->is_busy = false;
    connection->busy--;
    set_lane(stream, response);
}
