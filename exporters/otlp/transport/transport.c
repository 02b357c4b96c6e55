/* SPDX-License-Identifier: MIT */
/*
 * transport.c - sends requests to one receiver
 *
 * Tests: tests/unit/test_otlp_transport.c, tests/unit/test_otlp_grpc.c
 */
#include "transport.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connection.h"
#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/fork.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"
#include "tote/internal/text.h"
#include "tote/internal/write_signals.h"

struct tote__transport {
    const struct tote__otlp_settings *settings;
    locale_t locale;                     /* locale of libcurl's calls; 0: out of memory */
    struct tote__connection *connection; /* NULL until the first send */
    bool is_checked;                     /* the connection was checked since the last wait */
    struct tote__lock lock; /* protects the creation of the next three fields, and interrupts */
    _Atomic(uint32_t) generation; /* the process that the descriptors belong to; 0: none */
    _Atomic(uint32_t) makes;      /* number of times they were created */
    uint32_t connection_make;     /* value of `makes` that the connection uses */
    int poller;                   /* for all descriptors */
    int wake;                     /* readable after an interrupt */
    int waker;                    /* the other socket of the pair */
    uint64_t wake_inode;          /* inodes of the sockets */
    uint64_t waker_inode;         /* unlike an eventfd, a socket has its own inode */
    atomic_bool is_interrupted;
    struct tote__prepared *prepared;          /* used by the connection */
    _Atomic(struct tote__prepared *) renewed; /* for the next connection; NULL: none */
    uint64_t files;                           /* state of the TLS files that the connection uses */
    _Atomic(int) error;                       /* errno of descriptors that could not be created */
    char error_text[TOTE__OS_ERROR_BYTES + 32];
};

/*
 * Return whether the descriptors are of this process and still open. A host may close descriptors
 * that it does not know, and reuse their numbers.
 */
static bool has_descriptors(const struct tote__transport *transport) {
    return atomic_load(&transport->generation) == tote__generation() &&
           tote__socket_inode(transport->wake) == transport->wake_inode &&
           tote__os_poller_is_open(transport->poller, transport->wake);
}

static void close_all(const int *descriptors, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (descriptors[i] >= 0) {
            close(descriptors[i]);
        }
    }
}

/* Return whether the waking socket is valid; the other descriptors are. */
static bool has_waker(const struct tote__transport *transport) {
    return tote__socket_inode(transport->waker) == transport->waker_inode;
}

/* A parent's descriptors stay open: their numbers may be reused by the host. */
static bool make_descriptors(struct tote__transport *transport) {
    int made[] = {-1, -1};
    int poller = -1;

    if (!tote__os_socketpair(made) || (made[0] = tote__os_above_stdio(made[0])) < 0 ||
        (made[1] = tote__os_above_stdio(made[1])) < 0 ||
        (poller = tote__os_poller_open(made[0])) < 0) {
        atomic_store(&transport->error, errno);
        close_all(made, TOTE_COUNT_OF(made));
        return false;
    }
    atomic_store(&transport->error, 0);
    transport->poller = poller;
    transport->wake = made[0];
    transport->waker = made[1];
    transport->wake_inode = tote__socket_inode(transport->wake);
    transport->waker_inode = tote__socket_inode(transport->waker);
    transport->makes++;
    atomic_store(&transport->generation, tote__generation());
    return true;
}

int tote__transport_descriptor(struct tote__transport *transport) {
    int error = errno;
    bool is_made = has_descriptors(transport);

    if (!is_made) {
        tote__lock_take(&transport->lock);
        is_made = has_descriptors(transport) || make_descriptors(transport);
        tote__lock_drop(&transport->lock);
    }
    errno = error;
    return is_made ? transport->poller : -1;
}

/*
 * Return whether the connection is of this process, and all its descriptors are open. A socket of
 * the connection is watched by no other poller.
 */
static bool is_own_connection(const struct tote__transport *transport) {
    struct tote__connection *connection = transport->connection;

    return connection && connection->generation == tote__generation() &&
           transport->connection_make == transport->makes && tote__connection_is_open(connection) &&
           (tote__connection_watch_response(connection) || has_descriptors(transport));
}

/*
 * Return a hash of the state of the TLS files. libcurl caches their content, partly for a day.
 * Returns the previous value if a file cannot be read: it may be in the process of being replaced.
 */
static uint64_t files_of(const struct tote__transport *transport) {
    const struct tote__otlp_settings *settings = transport->settings;
    const char *const files[] = {settings->ca_file, settings->client_certificate_file,
                                 settings->client_key_file};
    uint64_t fingerprint = 1;
    int error = errno;

    for (size_t i = 0; i < TOTE_COUNT_OF(files); i++) {
        struct stat status;
        if (!files[i]) {
            continue;
        }
        if (stat(files[i], &status) != 0) {
            errno = error;
            return transport->files;
        }
        const uint64_t parts[] = {(uint64_t)status.st_dev, (uint64_t)status.st_ino,
                                  (uint64_t)status.st_size, (uint64_t)status.st_mtim.tv_sec,
                                  (uint64_t)status.st_mtim.tv_nsec};
        fingerprint = fingerprint * 31 + tote__hash(parts, sizeof parts);
    }
    return fingerprint;
}

/* NULL is allowed. */
static void free_prepared(struct tote__prepared *prepared) {
    if (prepared) {
        tote__prepared_clear(prepared);
        tote__release(prepared, sizeof *prepared);
    }
}

/* In a child the requests belong to the parent. */
static bool is_busy(const struct tote__transport *transport) {
    return transport->connection && transport->connection->busy &&
           transport->connection->generation == tote__generation();
}

/*
 * Return the connection of this process. Returns NULL if out of memory or descriptors. It is not
 * replaced while requests are in flight.
 */
static struct tote__connection *connection_of(struct tote__transport *transport) {
    struct tote__connection *old = transport->connection;
    bool is_own = is_own_connection(transport);

    if (is_busy(transport)) {
        old->is_lost |= !is_own;
        return old;
    }
    struct tote__prepared *before = transport->prepared;
    struct tote__prepared *renewed = atomic_exchange(&transport->renewed, NULL);
    transport->prepared = renewed ? renewed : before;
    uint64_t files =
        transport->prepared ? 0 : files_of(transport); /* otherwise they are not readable */
    if (is_own && !renewed && transport->files == files) {
        return old;
    }
    transport->files = files;
    int poller = tote__transport_descriptor(transport);
    transport->connection_make = transport->makes;
    transport->connection =
        poller < 0 ? NULL : tote__connection_new(transport->settings, transport->prepared, poller);
    if (is_own) {
        tote__connection_free(old);
    } else if (old) {
        tote__connection_leave_behind(old);
    }
    if (renewed) {
        free_prepared(before);
    }
    return transport->connection;
}

static void no_response(struct tote__response *response) {
    *response = (struct tote__response){
        .outcome = TOTE__NOT_SENT,
        .content_type = "",
        .retry_after = "",
        .grpc_status = "",
        .grpc_message = "",
        .grpc_details = "",
        .error = "out of memory",
        .advice = "",
    };
}

static void read_own_response(const tote_otlp_response *own, size_t most,
                              struct tote__response *response) {
    response->error = "";
    response->status = own->status;
    response->content_type = own->content_type ? own->content_type : "";
    response->retry_after = own->retry_after ? own->retry_after : "";
    response->body = (struct tote__slice){own->body, own->body ? own->body_size : 0};
    response->outcome = own->status < TOTE__FIRST_FINAL_STATUS ? TOTE__NO_RESPONSE
                        : response->body.size > most           ? TOTE__RESPONSE_TOO_LARGE
                                                               : TOTE__RESPONDED;
}

/* Send by the program's transport, which blocks. */
static void send_by_own(const struct tote__otlp_settings *settings,
                        const struct tote__request *request, struct tote__response *response) {
    struct tote__packer packer = {.has_stream = false};
    struct tote__slice body = tote__pack(&packer, settings, request);
    tote_otlp_response own = {.struct_size = sizeof own};

    if (body.at) {
        const tote_otlp_request asked = {
            .struct_size = sizeof asked,
            .body = body.at,
            .body_size = body.size,
            .content_type = tote__otlp_content_type(settings),
            .content_encoding = settings->is_gzip ? "gzip" : NULL,
            .span_count = request->span_count,
            .timeout_ms = tote__ms_until(request->deadline, UINT32_MAX),
        };
        settings->transport.send(settings->transport.self, &asked, &own);
        read_own_response(&own, settings->max_response_bytes, response);
    }
    tote__packer_clear(&packer);
}

static void describe_closing(struct tote__response *response) {
    response->outcome = TOTE__NO_RESPONSE;
    response->error = "this process has closed the descriptors of the connection";
}

static bool begin(struct tote__transport *transport, const struct tote__request *request,
                  struct tote__response *response) {
    struct tote__connection *connection = connection_of(transport);
    struct tote__slice body = {NULL, 0};

    transport->is_checked = true;
    if (connection && connection->is_lost) {
        describe_closing(response);
        return false;
    }
    struct tote__stream *stream =
        connection ? tote__connection_stream(connection, request->lane) : NULL;
    if (stream) {
        body = tote__pack(&stream->packer, transport->settings, request);
    }
    const struct tote__otlp_settings *settings = transport->settings;
    const char *url = request->is_metrics ? settings->metrics_url : settings->url;
    return body.at && tote__connection_begin(stream, url, body, request->deadline);
}

/* The host has closed descriptors of requests in flight. Completes one of them. */
static void lose_connection(struct tote__transport *transport, struct tote__response *response) {
    struct tote__connection *connection = transport->connection;

    connection->is_lost = true;
    describe_closing(response);
    tote__connection_cancel(connection, response);
    if (!connection->busy) {
        tote__connection_leave_behind(connection);
        transport->connection = NULL;
    }
}

/* Returns true, and fills `response`, if a request is complete. */
static bool advance(struct tote__transport *transport, uint64_t until,
                    struct tote__response *response) {
    bool is_own =
        !transport->connection->is_lost && (transport->is_checked || is_own_connection(transport));

    transport->is_checked = false; /* the host may close descriptors until the next step */
    if (!is_own) {
        lose_connection(transport, response);
        return true;
    }
    if (atomic_load(&transport->is_interrupted)) {
        response->outcome = TOTE__INTERRUPTED;
        tote__connection_cancel(transport->connection, response);
        return true;
    }
    return tote__connection_step(transport->connection, until, response);
}

/* State around a call of libcurl. */
struct call {
    int error;
    bool may_raise_signals; /* libcurl sends without SIGPIPE; a TLS library may raise it */
    struct tote__held_signals signals;
    locale_t locale; /* locale of the thread; 0: not changed */
};

static struct call start_call(const struct tote__transport *transport) {
    const struct tote__otlp_settings *settings = transport->settings;
    bool has_proxy = settings->proxy && *settings->proxy; /* closing may use TLS */
    struct call call = {.error = errno, .may_raise_signals = has_proxy || settings->is_tls};

    if (call.may_raise_signals) {
        tote__hold_write_signals(&call.signals);
    }
    call.locale = transport->locale ? uselocale(transport->locale) : (locale_t)0;
    return call;
}

static void end_call(const struct call *call) {
    if (call->locale) {
        uselocale(call->locale);
    }
    if (call->may_raise_signals) {
        tote__release_write_signals(&call->signals);
    }
    errno = call->error;
}

bool tote__transport_begin(struct tote__transport *transport, const struct tote__request *request,
                           struct tote__response *response) {
    bool has_begun = false;

    no_response(response);
    response->lane = request->lane;
    if (transport->settings->transport.send) {
        int error = errno;
        send_by_own(transport->settings, request, response);
        errno = error;
        return false;
    }
    struct call call = start_call(transport);
    has_begun = begin(transport, request, response);
    if (!transport->connection) {
        tote__describe_descriptors(atomic_load(&transport->error), transport->error_text,
                                   sizeof transport->error_text, response);
    }
    end_call(&call);
    return has_begun;
}

bool tote__transport_step(struct tote__transport *transport, uint64_t until,
                          struct tote__response *response) {
    no_response(response);
    if (!is_busy(transport)) {
        return true;
    }
    struct call call = start_call(transport);
    bool is_over = advance(transport, until, response);
    end_call(&call);
    return is_over;
}

uint64_t tote__transport_due(const struct tote__transport *transport) {
    uint64_t due = TOTE__NEVER;

    if (is_busy(transport)) {
        uint64_t unwatched = tote__os_unwatched_due();
        due = tote__connection_due(transport->connection);
        due = unwatched < due ? unwatched : due;
    }
    return due;
}

/* Each event is reported once, except an interrupt. */
void tote__transport_drain(struct tote__transport *transport) {
    if (!is_busy(transport) && has_descriptors(transport)) {
        tote__os_poller_drain(transport->poller);
    }
}

void tote__transport_cancel(struct tote__transport *transport) {
    bool is_own = is_busy(transport) && is_own_connection(transport);

    while (is_busy(transport)) {
        struct tote__response response = {.outcome = TOTE__INTERRUPTED};
        if (is_own) {
            tote__connection_cancel(transport->connection, &response);
        } else {
            lose_connection(transport, &response);
        }
    }
    if (has_descriptors(transport)) { /* interrupted */
        char bytes[8];
        int error = errno;
        while (recv(transport->wake, bytes, sizeof bytes, 0) > 0) {
        }
        errno = error;
    }
}

tote_result tote__transport_prepare(struct tote__transport *transport, uint64_t deadline,
                                    bool may_make_thread) {
    struct tote__prepared *prepared = tote__allocate(sizeof *prepared);
    int error = errno;
    tote_result result = TOTE_RESULT_FAILURE;

    if (prepared) {
        result = tote__prepare(transport->settings, deadline, may_make_thread, prepared);
    } else {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "otlp", "not prepared: out of memory");
    }
    if (result == TOTE_RESULT_SUCCESS) {
        free_prepared(atomic_exchange(&transport->renewed, prepared));
    } else {
        tote__release(prepared, sizeof *prepared);
    }
    errno = error;
    return result;
}

void tote__transport_interrupt(struct tote__transport *transport) {
    int error = errno;

    atomic_store(&transport->is_interrupted, true);
    tote__lock_take(&transport->lock);
    if (has_descriptors(transport) && has_waker(transport)) {
        tote__os_send(transport->waker, "", 1); /* a full socket wakes, too */
    }
    tote__lock_drop(&transport->lock);
    errno = error;
}

/*
 * Return the host's locale with messages in English. libcurl describes errors by strerror_r(),
 * which would read LANGUAGE from the environment, on the worker thread.
 */
static locale_t make_locale(void) {
    locale_t host = duplocale(LC_GLOBAL_LOCALE);
    locale_t own = host ? newlocale(LC_MESSAGES_MASK, "C", host) : (locale_t)0;

    if (host && !own) {
        freelocale(host);
    }
    return own;
}

static void initialise_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT); /* a failure is detected when handles are created */
}

struct tote__transport *tote__transport_new(const struct tote__otlp_settings *settings) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct tote__transport *transport = tote__allocate(sizeof *transport);

    if (!transport) {
        return NULL;
    }
    pthread_once(&once, initialise_curl);
    *transport = (struct tote__transport){.settings = settings, .locale = make_locale()};
    return transport;
}

void tote__transport_free(struct tote__transport *transport) {
    if (!transport) {
        return;
    }
    struct call call = start_call(transport);
    struct tote__connection *connection = transport->connection;
    if (connection && !is_own_connection(transport)) {
        tote__connection_leave_behind(connection);
        connection = NULL;
    }
    tote__connection_free(connection);
    if (has_descriptors(transport)) {
        const int own[] = {transport->wake, has_waker(transport) ? transport->waker : -1};
        tote__os_poller_close(transport->poller, transport->wake);
        close_all(own, TOTE_COUNT_OF(own));
    }
    free_prepared(transport->prepared);
    free_prepared(atomic_load(&transport->renewed));
    end_call(&call);
    if (transport->locale) {
        freelocale(transport->locale);
    }
    tote__release(transport, sizeof *transport);
}
