/* SPDX-License-Identifier: MIT */
/*
 * transport.c - HTTP by curl, over one kept connection
 *
 * All that curl holds is in one `struct connection`, which belongs to one
 * generation of the process. A forked child touches the inherited one no more: it closes the
 * sockets it knows of, so that no goodbye spoils the parent's TLS session, leaves the rest where it
 * is, and makes its own.
 */
#include "transport.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "gzip.h"
#include "prepare.h"
#include "tote/internal/clock.h"
#include "tote/internal/lock.h"

enum {
    CONNECT_TIMEOUT_MS = 30000,
    POLL_MS = 60000,            /* when there is no deadline */
    KEPT_BODY_BYTES = 64 << 10, /* more is given back after the answer */
    MAX_SOCKETS = 8             /* one kept, some more while connecting to several addresses */
};

static const uint64_t ns_per_ms = 1000000;

struct connection {
    struct connection *next; /* among those left behind */
    uint32_t generation;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    _Atomic(int) sockets[MAX_SOCKETS]; /* -1: none */
    struct tote__gzip gzip;
    uint8_t *body;
    size_t body_size;
    size_t body_capacity;
    size_t max_body_size;
    bool is_body_too_large;
    bool is_prepared; /* by the transport's preparations, which so must stay */
    char error[CURL_ERROR_SIZE];
};

struct tote__transport {
    const struct tote__otlp_settings *settings;
    struct connection *connection; /* NULL until the first send */
    struct tote__lock lock; /* of `connection`, against an interrupt while that is replaced */
    atomic_bool is_interrupted;
    struct tote__prepared prepared;
    atomic_bool is_prepared; /* once, and for good */
};

/* Connections of parent processes: unusable, but not forgotten, so that no leak is reported. */
static _Atomic(struct connection *) left_behind;

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

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    struct connection *connection = arg;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    (void)purpose;
    for (size_t i = 0; fd >= 0 && i < MAX_SOCKETS; i++) {
        if (connection->sockets[i] < 0) {
            connection->sockets[i] = fd;
            break;
        }
    }
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* Forgotten before it is closed: a child must not close what got the number afterwards. */
static int close_socket(void *arg, curl_socket_t fd) {
    struct connection *connection = arg;

    for (size_t i = 0; i < MAX_SOCKETS; i++) {
        if (connection->sockets[i] == fd) {
            connection->sockets[i] = -1;
        }
    }
    return close(fd);
}

static bool make_body_room(struct connection *connection, size_t size) {
    size_t capacity = connection->body_capacity ? connection->body_capacity : 1024;

    while (capacity < size) {
        capacity *= 2;
    }
    if (capacity == connection->body_capacity) {
        return true;
    }
    uint8_t *body = tote__reallocate(connection->body, connection->body_capacity, capacity);
    if (!body) {
        return false;
    }
    connection->body = body;
    connection->body_capacity = capacity;
    return true;
}

static size_t take_body(char *bytes, size_t one, size_t size, void *arg) {
    struct connection *connection = arg;

    (void)one;
    if (size > connection->max_body_size - connection->body_size) {
        connection->is_body_too_large = true;
        return 0;
    }
    if (!make_body_room(connection, connection->body_size + size)) {
        return 0;
    }
    memcpy(connection->body + connection->body_size, bytes, size);
    connection->body_size += size;
    return size;
}

static void give_back_body(struct connection *connection) {
    tote__release(connection->body, connection->body_capacity);
    connection->body = NULL;
    connection->body_size = 0;
    connection->body_capacity = 0;
}

static void connection_free(struct connection *connection) {
    if (!connection) {
        return;
    }
    curl_easy_cleanup(connection->easy);
    curl_multi_cleanup(connection->multi);
    curl_slist_free_all(connection->headers);
    tote__gzip_clear(&connection->gzip);
    give_back_body(connection);
    tote__release(connection, sizeof *connection);
}

static void connection_leave_behind(struct connection *connection) {
    for (size_t i = 0; i < MAX_SOCKETS; i++) {
        if (connection->sockets[i] >= 0) {
            close(connection->sockets[i]);
        }
    }
    connection->next = atomic_load(&left_behind);
    while (!atomic_compare_exchange_weak(&left_behind, &connection->next, connection)) {
    }
}

static bool add_header(struct connection *connection, const char *name, const char *value) {
    char buffer[256];
    struct tote__arena arena = tote__arena_over(buffer, sizeof buffer);
    size_t size = strlen(name) + strlen(value) + 3;
    char *line = tote__arena_allocate(&arena, size);
    struct curl_slist *headers = NULL;

    if (line) {
        /* "name:" alone would tell curl to leave the header out. */
        snprintf(line, size, *value ? "%s: %s" : "%s;%s", name, value);
        headers = curl_slist_append(connection->headers, line);
    }
    tote__arena_clear(&arena);
    connection->headers = headers ? headers : connection->headers;
    return headers;
}

static bool add_headers(struct connection *connection, const struct tote__otlp_settings *settings) {
    connection->headers = curl_slist_append(NULL, "Expect:"); /* do not wait for a 100 */
    if (!connection->headers || !add_header(connection, "Content-Type", "application/x-protobuf") ||
        (settings->is_gzip && !add_header(connection, "Content-Encoding", "gzip"))) {
        return false;
    }
    for (size_t i = 0; i < settings->headers.count; i++) {
        const struct tote__otlp_header *header = &settings->headers.items[i];
        if (!add_header(connection, header->name, header->value)) {
            return false;
        }
    }
    return true;
}

/* A user agent among the headers replaces this one. */
static int set_request_options(struct connection *connection,
                               const struct tote__otlp_settings *settings) {
    CURL *easy = connection->easy;
    int failed = 0;

    failed |= (int)curl_easy_setopt(easy, CURLOPT_URL, settings->url);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    failed |= (int)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_POST, 1L);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, connection->headers);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_USERAGENT, "OTel-OTLP-Exporter-C/" TOTE_VERSION);
    if (settings->ca_file) { /* NULL would mean none, and not the system's */
        failed |= (int)curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
    }
    failed |= (int)curl_easy_setopt(easy, CURLOPT_SSLCERT, settings->client_certificate_file);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_SSLKEY, settings->client_key_file);
    if (settings->unix_path) {
        failed |= (int)curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, settings->unix_path);
        failed |= (int)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    }
    return failed;
}

static int set_guest_options(struct connection *connection) {
    CURL *easy = connection->easy;
    int failed = 0;

    failed |= (int)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* waits for no name look-up */
    failed |= (int)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, connection->error);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_WRITEDATA, connection);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, connection);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, connection);
    return failed;
}

static struct connection *connection_new(const struct tote__transport *transport) {
    const struct tote__otlp_settings *settings = transport->settings;
    struct connection *connection = tote__allocate(sizeof *connection);

    if (!connection) {
        return NULL;
    }
    *connection = (struct connection){
        .generation = tote__generation(),
        .multi = curl_multi_init(),
        .easy = curl_easy_init(),
        .max_body_size = settings->max_response_bytes,
        .is_prepared = atomic_load(&transport->is_prepared),
    };
    for (size_t i = 0; i < MAX_SOCKETS; i++) {
        connection->sockets[i] = -1;
    }
    if (!connection->multi || !connection->easy || !add_headers(connection, settings) ||
        set_request_options(connection, settings) || set_guest_options(connection) ||
        (connection->is_prepared && tote__prepared_apply(&transport->prepared, connection->easy)) ||
        curl_multi_setopt(connection->multi, CURLMOPT_MAXCONNECTS, 1L)) {
        connection_free(connection);
        return NULL;
    }
    return connection;
}

/* The connection of this process. NULL when memory is out. */
static struct connection *connection_of(struct tote__transport *transport) {
    struct connection *old = transport->connection;
    bool is_own = old && old->generation == tote__generation();

    if (is_own && old->is_prepared == atomic_load(&transport->is_prepared)) {
        return old;
    }
    struct connection *fresh = connection_new(transport);
    tote__lock_take(&transport->lock);
    transport->connection = fresh;
    tote__lock_drop(&transport->lock);
    if (is_own) {
        connection_free(old);
    } else if (old) {
        connection_leave_behind(old);
    }
    return fresh;
}

static long ms_until(uint64_t deadline, long most) {
    uint64_t now = tote__clock_monotonic();
    uint64_t left = deadline > now ? deadline - now : 0;
    uint64_t ms = left / ns_per_ms + (left % ns_per_ms != 0);

    return ms < (uint64_t)most ? (long)ms : most;
}

/* Returns: false when the deadline came or an interrupt, which `outcome` then tells. */
static bool drive(struct tote__transport *transport, struct connection *connection,
                  uint64_t deadline, enum tote__outcome *outcome) {
    for (;;) {
        int running = 0;

        if (atomic_load(&transport->is_interrupted)) {
            *outcome = TOTE__INTERRUPTED;
            return false;
        }
        if (curl_multi_perform(connection->multi, &running) != CURLM_OK) {
            *outcome = TOTE__NOT_SENT;
            return false;
        }
        if (!running) {
            return true;
        }
        long wait_ms = ms_until(deadline, POLL_MS);
        if (!wait_ms) {
            *outcome = TOTE__TIMED_OUT;
            return false;
        }
        if (curl_multi_poll(connection->multi, NULL, 0, (int)wait_ms, NULL) != CURLM_OK) {
            *outcome = TOTE__NOT_SENT;
            return false;
        }
    }
}

static CURLcode result_of(struct connection *connection) {
    CURLcode result = CURLE_OUT_OF_MEMORY;
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(connection->multi, &left))) {
        if (message->msg == CURLMSG_DONE) {
            result = message->data.result;
        }
    }
    return result;
}

/* What the end of a transfer means. A status that came counts, even when the body was cut off. */
static enum tote__outcome outcome_of(const struct connection *connection, CURLcode result,
                                     long status) {
    switch (result) {
    case CURLE_OK:
        return TOTE__ANSWERED;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT: /* curl has a time limit for connecting only */
        return TOTE__NOT_CONNECTED;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
        return status ? TOTE__ANSWERED : TOTE__NO_ANSWER;
    case CURLE_WRITE_ERROR:
        return connection->is_body_too_large ? TOTE__ANSWER_TOO_LARGE : TOTE__NOT_SENT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_ENGINE_INITFAILED:
        return TOTE__TLS_FAILED;
    default:
        return TOTE__NOT_SENT;
    }
}

static const char *answer_header(struct connection *connection, const char *name) {
    struct curl_header *header = NULL;

    if (curl_easy_header(connection->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) {
        return "";
    }
    return header->value;
}

static void read_answer(struct connection *connection, struct tote__answer *answer) {
    curl_easy_getinfo(connection->easy, CURLINFO_RESPONSE_CODE, &answer->status);
    answer->body = (struct tote__slice){connection->body, connection->body_size};
    answer->content_type = answer_header(connection, "Content-Type");
    answer->retry_after = answer_header(connection, "Retry-After");
    answer->error = connection->error;
}

static bool load(struct connection *connection, struct tote__slice request, uint64_t deadline) {
    long connect_ms = ms_until(deadline, CONNECT_TIMEOUT_MS);
    CURL *easy = connection->easy;

    if (connection->body_capacity > KEPT_BODY_BYTES) {
        give_back_body(connection);
    }
    connection->body_size = 0;
    connection->is_body_too_large = false;
    connection->error[0] = '\0';
    return !curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)request.at) &&
           !curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request.size) &&
           !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms ? connect_ms : 1L);
}

static void transfer(struct tote__transport *transport, struct connection *connection,
                     struct tote__slice request, uint64_t deadline, struct tote__answer *answer) {
    if (transport->settings->is_gzip) {
        request = tote__gzip_compress(&connection->gzip, request.at, request.size);
    }
    if (!request.at || !load(connection, request, deadline) ||
        curl_multi_add_handle(connection->multi, connection->easy) != CURLM_OK) {
        return;
    }
    bool is_done = drive(transport, connection, deadline, &answer->outcome);
    CURLcode result = is_done ? result_of(connection) : CURLE_OK;

    read_answer(connection, answer);
    if (is_done) {
        answer->outcome = outcome_of(connection, result, answer->status);
        if (!connection->error[0] && result != CURLE_OK) {
            answer->error = curl_easy_strerror(result);
        }
    }
    curl_multi_remove_handle(connection->multi, connection->easy);
}

void tote__transport_send(struct tote__transport *transport, const uint8_t *bytes, size_t size,
                          uint64_t deadline, struct tote__answer *answer) {
    int error = errno;
    struct held_signal sigpipe;

    *answer = (struct tote__answer){
        .outcome = TOTE__NOT_SENT,
        .content_type = "",
        .retry_after = "",
        .error = "memory is out",
    };
    hold_sigpipe(&sigpipe);
    struct connection *connection = connection_of(transport);
    if (connection) {
        struct tote__slice request = {size ? bytes : (const uint8_t *)"", size};
        transfer(transport, connection, request, deadline, answer);
    }
    release_sigpipe(&sigpipe);
    errno = error;
}

tote_result tote__transport_prepare(struct tote__transport *transport, uint64_t deadline) {
    struct tote__prepared prepared;
    int error = errno;

    if (atomic_load(&transport->is_prepared)) {
        return TOTE_SUCCESS;
    }
    tote_result result = tote__prepare(transport->settings, deadline, &prepared);
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
    struct connection *connection = transport->connection;
    if (connection && connection->generation == tote__generation()) {
        curl_multi_wakeup(connection->multi);
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
    struct connection *connection = transport->connection;
    if (connection && connection->generation != tote__generation()) {
        connection_leave_behind(connection);
        connection = NULL;
    }
    hold_sigpipe(&sigpipe);
    connection_free(connection);
    release_sigpipe(&sigpipe);
    tote__prepared_clear(&transport->prepared);
    tote__release(transport, sizeof *transport);
    errno = error;
}
