/* SPDX-License-Identifier: MIT */
/*
 * http.c - OTLP/HTTP without TLS, on loopback, and the paths of web.h
 *
 * libmicrohttpd's thread calls everything here except http_start() and http_stop(). Connections are
 * in a list by their last activity. If there are too many, the one that was idle longest is closed,
 * so that idle connections cannot block others. Streams of events are not in the list: they are
 * idle most of the time, and have a limit of their own.
 *
 * Tests: tests/cli/test_view.sh, tests/cli/test_web.sh
 */
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gunzip.h"
#include "listen.h"
#include "tote/internal/clock.h"
#include "web.h"

enum {
    MOST_CONNECTIONS = 256,
    EVICTED_CONNECTIONS = 32, /* that are being closed, in addition to the limit */
    IDLE_SECONDS = 60,
    MOST_BODY_SECONDS = 60
};

/* A connection. */
struct peer {
    struct peer *previous;
    struct peer *next;
    int socket;
    bool is_listed;
};

struct http_server {
    struct MHD_Daemon *daemon;
    unsigned port;
    requests_take *take;
    receipt_note *note;
    struct web *web;
    struct peer *oldest; /* by the last activity */
    struct peer *newest;
    size_t peer_count; /* in that list */
};

/* A request whose body is being received. */
struct request {
    struct bytes body;
    unsigned status; /* of an error in the headers; 0: no error */
    bool is_foreign; /* from a web page of another origin */
    bool is_web;     /* for a path of web.h; its body is ignored */
    struct receipt receipt;
    uint64_t start; /* of now_seconds() */
};

static const char protobuf[] = "application/x-protobuf";
static const char json[] = "application/json";

static uint64_t now_seconds(void) {
    return tote__clock_monotonic() / 1000000000;
}

static void unlist(struct http_server *server, struct peer *peer) {
    if (peer->is_listed) {
        *(peer->previous ? &peer->previous->next : &server->oldest) = peer->next;
        *(peer->next ? &peer->next->previous : &server->newest) = peer->previous;
        peer->is_listed = false;
        server->peer_count--;
    }
}

static void list_newest(struct http_server *server, struct peer *peer) {
    peer->previous = server->newest;
    peer->next = NULL;
    *(peer->previous ? &peer->previous->next : &server->oldest) = peer;
    server->newest = peer;
    peer->is_listed = true;
    server->peer_count++;
}

/* Close a connection: libmicrohttpd reads the end of the stream, and closes it. */
static void evict_oldest(struct http_server *server) {
    struct peer *peer = server->oldest;

    unlist(server, peer);
    shutdown(peer->socket, SHUT_RDWR);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code) {
    struct http_server *server = cls;
    struct peer *peer = *context;

    if (code == MHD_CONNECTION_NOTIFY_CLOSED && peer) {
        unlist(server, peer);
        free(peer);
        *context = NULL;
    } else if (code == MHD_CONNECTION_NOTIFY_STARTED && (peer = calloc(1, sizeof *peer))) {
        peer->socket =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        list_newest(server, peer);
        *context = peer;
        if (server->peer_count > MOST_CONNECTIONS) {
            evict_oldest(server);
        }
    }
}

/* NULL: out of memory when the connection began. */
static struct peer *peer_of(struct MHD_Connection *connection) {
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void note_activity(struct http_server *server, struct MHD_Connection *connection) {
    struct peer *peer = peer_of(connection);

    if (peer) {
        unlist(server, peer);
        list_newest(server, peer);
    }
}

/* Respond to a request for a path of web.h. */
static enum MHD_Result respond_web(struct http_server *server, struct MHD_Connection *connection,
                                   const char *url, const char *method, bool is_from_foreign) {
    struct peer *peer = peer_of(connection);
    enum MHD_Result result = web_respond(server->web, connection, url, method, is_from_foreign);

    if (peer && web_is_stream(server->web, connection)) {
        unlist(server, peer);
    }
    return result;
}

/* Whether a header has this value, optionally followed by parameters. */
static bool is_header(struct MHD_Connection *connection, const char *name, const char *word) {
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    size_t length = strlen(word);

    return value && strncasecmp(value, word, length) == 0 &&
           (!value[length] || strchr("; \t", value[length]));
}

static bool is_json(struct MHD_Connection *connection) {
    return is_header(connection, MHD_HTTP_HEADER_CONTENT_TYPE, json);
}

static bool is_protobuf(struct MHD_Connection *connection) {
    return is_header(connection, MHD_HTTP_HEADER_CONTENT_TYPE, protobuf);
}

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status, const char *type,
                               const void *body, size_t size) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    char seconds[12];

    if (!response) {
        return MHD_NO;
    }
    web_add_headers(response);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "POST");
    }
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE) {
        snprintf(seconds, sizeof seconds, "%d", RETRY_AFTER_SECONDS);
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* Respond with a Status in the encoding of the request. Spec: protocol/otlp.md#failures */
static enum MHD_Result respond_failure(struct MHD_Connection *connection, unsigned status,
                                       const char *message) {
    char body[RECEIPT_RESPONSE_BYTES];

    if (is_json(connection)) {
        int size = snprintf(body, sizeof body, "{\"message\":\"%s\"}", message);
        return respond(connection, status, json, body, (size_t)size);
    }
    if (is_protobuf(connection)) {
        size_t size = receipt_status_to_protobuf(message, (uint8_t *)body);
        return respond(connection, status, protobuf, body, size);
    }
    int size = snprintf(body, sizeof body, "%s\n", message);
    return respond(connection, status, "text/plain", body, (size_t)size);
}

static enum MHD_Result respond_success(struct MHD_Connection *connection,
                                       const struct receipt *receipt) {
    char body[RECEIPT_RESPONSE_BYTES];

    if (is_json(connection)) {
        return respond(connection, MHD_HTTP_OK, json, body, receipt_to_json(receipt, body));
    }
    return respond(connection, MHD_HTTP_OK, protobuf, body,
                   receipt_to_protobuf(receipt, (uint8_t *)body));
}

static const char *message_of(unsigned status, bool is_foreign) {
    switch (status) {
    case MHD_HTTP_NOT_FOUND:
        return "the paths are /v1/traces and those of /api";
    case MHD_HTTP_METHOD_NOT_ALLOWED:
        return "the only method is POST";
    case MHD_HTTP_FORBIDDEN:
        return is_foreign ? WEB_FOREIGN : "the Host header must be an IP address or localhost";
    default:
        return "the content type must be application/x-protobuf or application/json, and the "
               "content encoding gzip, x-gzip, identity or none";
    }
}

static enum MHD_Result respond_to(struct http_server *server, struct MHD_Connection *connection,
                                  const struct request *request) {
    static const unsigned statuses[] = {
        [TAKEN] = MHD_HTTP_OK,
        [MALFORMED] = MHD_HTTP_BAD_REQUEST,
        [TOO_LARGE] = MHD_HTTP_CONTENT_TOO_LARGE,
        [BUSY] = MHD_HTTP_SERVICE_UNAVAILABLE,
    };
    const struct receipt *receipt = &request->receipt;
    char text[RECEIPT_TEXT_BYTES];

    if (request->status) {
        return respond_failure(connection, request->status,
                               message_of(request->status, request->is_foreign));
    }
    server->note(receipt);
    if (receipt->outcome == TAKEN) {
        return respond_success(connection, receipt);
    }
    receipt_describe(receipt, text);
    return respond_failure(connection, statuses[receipt->outcome], text);
}

static struct receipt take_plain(const struct http_server *server,
                                 struct MHD_Connection *connection, const struct bytes *body) {
    return is_json(connection) ? requests_from_json(body->at, body->size, server->take, NULL)
                               : server->take(NULL, body->at, body->size);
}

/* Spec: RFC 9110 section 8.4.1.3: x-gzip is the same as gzip. */
static bool is_gzip(struct MHD_Connection *connection) {
    return is_header(connection, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip") ||
           is_header(connection, MHD_HTTP_HEADER_CONTENT_ENCODING, "x-gzip");
}

static struct receipt take_body(const struct http_server *server, struct MHD_Connection *connection,
                                const struct bytes *body) {
    struct bytes plain = {.at = NULL};
    struct receipt receipt = {.outcome = TAKEN};

    if (!is_gzip(connection)) {
        return take_plain(server, connection, body);
    }
    receipt.outcome = gunzip(body->at, body->size, &plain);
    if (receipt.outcome == TAKEN) {
        receipt = take_plain(server, connection, &plain);
    }
    bytes_clear(&plain);
    return receipt;
}

/* Whether the body is not encoded, or compressed with gzip. */
static bool has_known_encoding(struct MHD_Connection *connection) {
    const char *name = MHD_HTTP_HEADER_CONTENT_ENCODING;

    return !MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name) || is_gzip(connection) ||
           is_header(connection, name, "identity");
}

/*
 * Whether the Host header is an IP address or localhost. A web page whose host name an attacker
 * made resolve to this machine (DNS rebinding) sends that name.
 */
static bool is_local(const char *host) {
    static const char localhost[] = "localhost";
    static const char below[] = ".localhost";
    char name[256];
    unsigned char address[sizeof(struct in6_addr)];
    size_t length = host[0] == '[' ? strcspn(host, "]") : strcspn(host, ":");

    if (length >= sizeof name) {
        return false;
    }
    memcpy(name, host, length);
    name[length] = '\0';
    if (name[0] == '[') {
        return inet_pton(AF_INET6, name + 1, address) == 1;
    }
    size_t below_length = sizeof below - 1;
    return inet_pton(AF_INET, name, address) == 1 || strcasecmp(name, localhost) == 0 ||
           (length > below_length && strcasecmp(name + length - below_length, below) == 0);
}

/*
 * Whether a browser sent the request for a web page of another origin. Other programs send neither
 * of the headers. Spec: https://www.w3.org/TR/fetch-metadata/
 */
static bool is_foreign(struct MHD_Connection *connection, const char *host) {
    static const char scheme[] = "http://";
    const size_t length = sizeof scheme - 1;
    const char *origin =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ORIGIN);
    const char *site = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Sec-Fetch-Site");

    return (origin && !(host && strncasecmp(origin, scheme, length) == 0 &&
                        strcasecmp(origin + length, host) == 0)) ||
           (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0);
}

/* Return the status for an error in the headers of a request; 0: no error. */
static unsigned check(struct MHD_Connection *connection, struct request *request, const char *url,
                      const char *method) {
    const char *host =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);

    if (host && !is_local(host)) {
        return MHD_HTTP_FORBIDDEN;
    }
    request->is_foreign = is_foreign(connection, host);
    if (web_has_path(url)) {
        request->is_web = true;
        return 0;
    }
    if (request->is_foreign) {
        return MHD_HTTP_FORBIDDEN;
    }
    if (strcmp(url, "/v1/traces") != 0) {
        return MHD_HTTP_NOT_FOUND;
    }
    if (strcmp(method, MHD_HTTP_METHOD_POST) != 0) {
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    }
    if (!(is_protobuf(connection) || is_json(connection)) || !has_known_encoding(connection)) {
        return MHD_HTTP_UNSUPPORTED_MEDIA_TYPE;
    }
    return 0;
}

/* Append a part of the body. Beyond the limits it is read and ignored. A body has a time limit. */
static enum MHD_Result receive(struct request *request, const char *bytes, size_t size) {
    if (now_seconds() - request->start > MOST_BODY_SECONDS) {
        return MHD_NO;
    }
    if (!request->status && !request->is_web && request->receipt.outcome == TAKEN) {
        request->receipt.outcome = bytes_append(&request->body, bytes, size);
        if (request->receipt.outcome != TAKEN) {
            bytes_clear(&request->body);
        }
    }
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *size, void **state) {
    struct http_server *server = cls;
    struct request *request = *state;

    (void)version;
    note_activity(server, connection);
    if (!request) {
        request = calloc(1, sizeof *request);
        if (!request) {
            return MHD_NO;
        }
        request->status = check(connection, request, url, method);
        request->receipt.outcome = TAKEN;
        request->start = now_seconds();
        *state = request;
        return MHD_YES;
    }
    if (*size) {
        enum MHD_Result result = receive(request, bytes, *size);
        *size = 0;
        return result;
    }
    if (request->is_web && !request->status) {
        return respond_web(server, connection, url, method, request->is_foreign);
    }
    if (!request->status && request->receipt.outcome == TAKEN) {
        request->receipt = take_body(server, connection, &request->body);
    }
    return respond_to(server, connection, request);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code) {
    struct request *request = *state;

    (void)code;
    note_activity(cls, connection);
    if (request) {
        bytes_clear(&request->body);
        free(request);
    }
}

/* The socket is opened here, because libmicrohttpd does not keep errno if it cannot listen. */
static struct MHD_Daemon *start_daemon(struct http_server *server, int listener) {
    return MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, server,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket)listener, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)(MOST_CONNECTIONS + EVICTED_CONNECTIONS + WEB_MOST_STREAMS),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
}

/* Keeps errno. */
static void free_server(struct http_server *server) {
    int error = errno;

    web_free(server->web);
    free(server);
    errno = error;
}

struct http_server *http_start(unsigned port, requests_take *take, receipt_note *note,
                               struct model *model, bool has_page) {
    struct http_server *server = calloc(1, sizeof *server);

    if (!server) {
        return NULL;
    }
    server->web = web_new(model, has_page);
    int listener = server->web ? listen_on_loopback(port) : -1;
    if (listener < 0) {
        free_server(server);
        return NULL;
    }
    server->port = listen_port(listener);
    server->take = take;
    server->note = note;
    server->daemon = start_daemon(server, listener);
    if (!server->daemon) {
        close(listener);
        free_server(server);
        errno = ENOMEM;
        return NULL;
    }
    return server;
}

unsigned http_port(const struct http_server *server) {
    return server->port;
}

/* libmicrohttpd closes the listening socket. */
void http_stop(struct http_server *server) {
    if (server) {
        web_stop(server->web);
        MHD_stop_daemon(server->daemon);
        free_server(server);
    }
}
