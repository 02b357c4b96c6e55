/* SPDX-License-Identifier: MIT */
/*
 * server.c - a server span around a request of libmicrohttpd. Spec: http-spans.md#http-server
 *
 * libmicrohttpd keeps one pointer for each request. It points to Tote's `struct request`, which
 * holds the handler's pointer. If out of memory, the request is served without a span, and the
 * pointer is the handler's.
 * Invariant: the pointer is Tote's if and only if it is in the table of live requests. No other
 * pointer is dereferenced.
 *
 * Tests: tests/unit/test_microhttpd.c
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/instrumentation/microhttpd.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"
#include "tote/internal/text.h"
#include "tote/internal/tracer.h"

enum { MOST_QUERY = 2048, BUCKETS = 64 };

struct request {
    tote_scope *scope;
    void *state; /* the pointer of the handler */
    unsigned status;
    _Atomic(struct request *) next; /* in its bucket */
};

/*
 * The live requests, by address. The lock guards changes and searches. Each change is one store, so
 * a child that is forked during a change has a consistent list.
 */
static struct bucket {
    struct tote__lock lock;
    _Atomic(struct request *) first;
} buckets[BUCKETS];

static struct bucket *bucket_of(const void *pointer) {
    return &buckets[tote__mix_last(0, (uintptr_t)pointer) % BUCKETS];
}

/* Allocate a request and enter it into the table. Returns NULL if out of memory. */
static struct request *request_new(void) {
    struct request *request = tote__allocate_zeroed(sizeof *request);

    if (!request) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "microhttpd",
                                "out of memory: a request is served without a span");
        return NULL;
    }
    struct bucket *bucket = bucket_of(request);
    tote__lock_take(&bucket->lock);
    atomic_init(&request->next, atomic_load_explicit(&bucket->first, memory_order_relaxed));
    atomic_store_explicit(&bucket->first, request, memory_order_release);
    tote__lock_drop(&bucket->lock);
    return request;
}

/*
 * Return the link to the request with this address; its value is NULL if there is none. The caller
 * holds the lock.
 */
static _Atomic(struct request *) *find_link(struct bucket *bucket, const void *pointer) {
    _Atomic(struct request *) *link = &bucket->first;
    struct request *at;

    while ((at = atomic_load_explicit(link, memory_order_acquire)) != NULL && at != pointer) {
        link = &at->next;
    }
    return link;
}

/* Return the pointer as a request; NULL if it is the handler's. */
static struct request *request_of(void *pointer) {
    struct bucket *bucket = bucket_of(pointer);

    if (!pointer) {
        return NULL;
    }
    tote__lock_take(&bucket->lock);
    struct request *request =
        atomic_load_explicit(find_link(bucket, pointer), memory_order_relaxed);
    tote__lock_drop(&bucket->lock);
    return request;
}

static void request_free(struct request *request) {
    struct bucket *bucket = bucket_of(request);

    tote__lock_take(&bucket->lock);
    atomic_store_explicit(find_link(bucket, request),
                          atomic_load_explicit(&request->next, memory_order_relaxed),
                          memory_order_release);
    tote__lock_drop(&bucket->lock);
    tote__release(request, sizeof *request);
}

/* A query that is rebuilt from its parameters, because libmicrohttpd has parsed it. */
struct query {
    char text[MOST_QUERY];
    size_t length;
};

static void put_encoded(struct query *query, const char *text) {
    for (; *text && query->length + 4 < sizeof query->text; text++) {
        char *end = query->text + query->length;
        query->length =
            (size_t)(tote__percent_encode(end, text, 1, TOTE__UNRESERVED) - query->text);
    }
}

static enum MHD_Result put_argument(void *cls, enum MHD_ValueKind kind, const char *name,
                                    const char *value) {
    struct query *query = cls;

    (void)kind;
    if (query->length + 4 < sizeof query->text && query->length) {
        query->text[query->length++] = '&';
    }
    put_encoded(query, name);
    if (value && query->length + 4 < sizeof query->text) {
        query->text[query->length++] = '=';
        put_encoded(query, value);
    }
    return MHD_YES;
}

/* Write the address of the peer, "" if it is unknown. Returns its port, or 0. */
static uint16_t read_peer(struct MHD_Connection *connection, char address[INET6_ADDRSTRLEN]) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *peer = info ? info->client_addr : NULL;

    address[0] = '\0';
    if (peer && peer->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)peer;
        inet_ntop(AF_INET, &in->sin_addr, address, INET6_ADDRSTRLEN);
        return ntohs(in->sin_port);
    }
    if (peer && peer->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)peer;
        inet_ntop(AF_INET6, &in->sin6_addr, address, INET6_ADDRSTRLEN);
        return ntohs(in->sin6_port);
    }
    return 0;
}

static tote_scope *open_scope(const tote_microhttpd_server *server,
                              struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version) {
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;
    struct query query = {.length = 0};
    char address[INET6_ADDRSTRLEN];

    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, put_argument, &query);
    query.text[query.length] = '\0';
    request.method = method;
    request.target = url;
    request.path = url[0] == '/' ? url : NULL; /* decoded */
    request.query = query.text;
    request.scheme =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_PROTOCOL) ? "https" : "http";
    request.protocol_version = strncmp(version, "HTTP/", 5) == 0 ? version + 5 : NULL;
    request.route =
        server->get_route ? server->get_route(server->get_route_cls, method, url) : NULL;
    request.peer_port = read_peer(connection, address);
    request.peer_address = address;
    request.carrier = connection;
    request.getter = tote_microhttpd_getter();
    request.ignore_forwarded = server->ignore_forwarded;
    request.public_endpoint = server->public_endpoint;
    request.captured_headers = server->captured_headers;
    request.captured_header_count = server->captured_header_count;
    return tote_http_server_open(server->tracer, &request);
}

/* Keep the status of the queued response. libmicrohttpd may not report it later. */
static void keep_status(struct request *request, struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);

    if (info && info->http_status) {
        request->status = info->http_status;
    }
}

enum MHD_Result tote_microhttpd_handle(void *cls, struct MHD_Connection *connection,
                                       const char *url, const char *method, const char *version,
                                       const char *upload_data, size_t *upload_data_size,
                                       void **state) {
    tote_microhttpd_server server = TOTE_MICROHTTPD_SERVER_INIT;
    bool is_new = !*state;
    bool is_current = true;

    TOTE__COPY_OPTIONS(tote_microhttpd_server, &server, cls);
    if (!server.handle) {
        return MHD_NO;
    }
    struct request *request = is_new ? request_new() : request_of(*state);
    if (!request) {
        return server.handle(server.handle_cls, connection, url, method, version, upload_data,
                             upload_data_size, state);
    }
    if (is_new) {
        *state = request;
        request->scope = open_scope(&server, connection, url, method, version);
    } else {
        is_current = tote_scope_resume(request->scope);
    }
    enum MHD_Result result = server.handle(server.handle_cls, connection, url, method, version,
                                           upload_data, upload_data_size, &request->state);
    keep_status(request, connection);
    if (is_current) {
        tote_scope_suspend(request->scope);
    }
    return result;
}

/* Return the error.type of an incomplete response; NULL if it was sent completely. */
static const char *error_of(enum MHD_RequestTerminationCode how) {
    switch (how) {
    case MHD_REQUEST_TERMINATED_COMPLETED_OK:
        return NULL;
    case MHD_REQUEST_TERMINATED_TIMEOUT_REACHED:
        return "timeout";
    case MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN:
        return "shutdown";
    case MHD_REQUEST_TERMINATED_READ_ERROR:
        return "read_error";
    case MHD_REQUEST_TERMINATED_CLIENT_ABORT:
        return "client_abort";
    case MHD_REQUEST_TERMINATED_WITH_ERROR:
    default:
        return "connection_lost";
    }
}

void tote_microhttpd_completed(void *cls, struct MHD_Connection *connection, void **state,
                               enum MHD_RequestTerminationCode how) {
    tote_microhttpd_server server = TOTE_MICROHTTPD_SERVER_INIT;
    struct request *request = request_of(*state);

    TOTE__COPY_OPTIONS(tote_microhttpd_server, &server, cls);
    if (!request) {
        if (server.completed) {
            server.completed(server.completed_cls, connection, state, how);
        }
        return;
    }
    keep_status(request, connection);
    bool is_current = tote_scope_resume(request->scope);
    if (server.completed) {
        server.completed(server.completed_cls, connection, &request->state, how);
    }
    if (is_current) {
        tote_scope_suspend(request->scope);
    }
    tote_http_server_set_status(tote_scope_get_span(request->scope), request->status,
                                error_of(how));
    tote_scope_close(&request->scope);
    request_free(request);
    *state = NULL;
}
