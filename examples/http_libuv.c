/* SPDX-License-Identifier: MIT */
/*
 * http_libuv.c - a server on libuv, with spans by the semantic conventions
 *
 *   http_libuv REQUESTS        serves this number of requests on a free port, then ends
 *
 * libuv has no HTTP: this program reads heads of requests itself. Bodies and pipelines are out of
 * its scope: use a parser, and open the scope when it has the headers.
 *
 * One thread serves all requests, so the scope of a request is suspended at the end of each
 * callback and resumed at the start of the next. It is closed when the response has been sent, or
 * when the connection is lost.
 *
 * If untrusted clients can reach the server, set request.public_endpoint: see docs/propagation.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tote/instrumentation/http.h>
#include <tote/tote.h>
#include <uv.h>

enum { MOST_HEADERS = 64 };

struct connection {
    uv_tcp_t tcp;
    uv_timer_t timer; /* simulates I/O of the request */
    uv_write_t write;
    unsigned open_handles;
    char head[8192]; /* of the request */
    size_t length;
    tote_header headers[MOST_HEADERS];
    tote_header_array array;
    tote_scope *scope; /* NULL: between requests */
    unsigned status;   /* 0: no response yet */
    char response[256];
};

static uv_tcp_t listener;
static tote_tracer *tracer;
static long left;

static void on_closed(uv_handle_t *handle) {
    struct connection *connection = handle->data;

    if (--connection->open_handles == 0) {
        free(connection);
    }
}

static void close_connection(struct connection *connection) {
    if (!uv_is_closing((uv_handle_t *)&connection->tcp)) {
        uv_close((uv_handle_t *)&connection->tcp, on_closed);
        uv_close((uv_handle_t *)&connection->timer, on_closed);
    }
}

/* End the request. `error` names what went wrong, or is NULL. */
static void close_request(struct connection *connection, const char *error) {
    if (!connection->scope) {
        return;
    }
    tote_http_server_set_status(tote_scope_get_span(connection->scope), connection->status, error);
    tote_scope_close(&connection->scope);
    connection->length = connection->status = 0;
    if (--left == 0) {
        uv_close((uv_handle_t *)&listener, NULL);
        close_connection(connection);
    }
}

static void on_written(uv_write_t *write, int result) {
    struct connection *connection = write->data;

    close_request(connection, result ? uv_err_name(result) : NULL);
    if (result) {
        close_connection(connection);
    }
}

static void respond(struct connection *connection, unsigned status, const char *text) {
    uv_buf_t buffer = {.base = connection->response};

    connection->status = status;
    buffer.len = (size_t)snprintf(connection->response, sizeof connection->response,
                                  "HTTP/1.1 %u %s\r\nContent-Length: %zu\r\n\r\n%s", status,
                                  status == 200 ? "OK" : "Error", strlen(text), text);
    uv_write(&connection->write, (uv_stream_t *)&connection->tcp, &buffer, 1, on_written);
}

static int greet(void *arg) {
    char user[64];
    char text[80];

    if (tote_store_get(tote_store_current(), "user.id", user, sizeof user) < 0) { /* baggage */
        strcpy(user, "nobody");
    }
    snprintf(text, sizeof text, "hello, %s\n", user);
    respond(arg, 200, text);
    return 0;
}

/* The scope is current again: spans are below that of the request. */
static void on_timer(uv_timer_t *timer) {
    struct connection *connection = timer->data;

    tote_scope_resume(connection->scope);
    tote_run_scoped(tracer, "greet", NULL, greet, connection);
    tote_scope_suspend(connection->scope);
}

static void open_scope(struct connection *connection, const char *method, const char *target,
                       const char *version) {
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;
    struct sockaddr_in peer;
    char address[INET_ADDRSTRLEN];
    int size = sizeof peer;

    if (uv_tcp_getpeername(&connection->tcp, (struct sockaddr *)&peer, &size) == 0) {
        uv_ip4_name(&peer, address, sizeof address);
        request.peer_address = address;
        request.peer_port = ntohs(peer.sin_port);
    }
    request.method = method;
    request.target = target;
    request.protocol_version = version;
    request.carrier = &connection->array;
    request.getter = tote_header_array_getter();
    connection->scope = tote_http_server_open(tracer, &request);
}

/* Split the head of a request. Returns false if it is not one of HTTP. */
static bool parse(struct connection *connection, char **method, char **target, char **version) {
    char *rest = NULL;
    char *line = strtok_r(connection->head, "\r\n", &rest);

    *method = line;
    *target = line ? strchr(line, ' ') : NULL;
    *version = *target ? strchr(*target + 1, ' ') : NULL;
    if (!*version || strncmp(*version, " HTTP/1.", 8) != 0) {
        return false;
    }
    *(*target)++ = **version = '\0';
    *version += strlen(" HTTP/");
    connection->array = (tote_header_array){.headers = connection->headers};
    while ((line = strtok_r(NULL, "\r\n", &rest))) {
        char *colon = strchr(line, ':');
        if (!colon || connection->array.count == MOST_HEADERS) {
            return false;
        }
        char *value = colon + 1 + strspn(colon + 1, " \t");
        connection->headers[connection->array.count++] =
            (tote_header){line, (size_t)(colon - line), value, strlen(value)};
    }
    return true;
}

static void serve(struct connection *connection) {
    char *method;
    char *target;
    char *version;

    if (!parse(connection, &method, &target, &version)) {
        close_connection(connection);
        return;
    }
    open_scope(connection, method, target, version);
    if (strncmp(target, "/hello", 6) == 0 && (!target[6] || target[6] == '?')) {
        tote_http_server_set_route(tote_scope_get_span(connection->scope), method, "/hello");
        uv_timer_start(&connection->timer, on_timer, 20, 0);
    } else {
        respond(connection, 404, "not found\n");
    }
    tote_scope_suspend(connection->scope);
}

static void give_buffer(uv_handle_t *handle, size_t size, uv_buf_t *buffer) {
    struct connection *connection = handle->data;

    (void)size;
    buffer->base = connection->head + connection->length;
    buffer->len = connection->scope ? 0 : sizeof connection->head - 1 - connection->length;
}

static void on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
    struct connection *connection = stream->data;

    (void)buffer;
    if (length < 0) { /* also if there was no room: UV_ENOBUFS */
        close_request(connection, "connection_lost");
        close_connection(connection);
        return;
    }
    connection->length += (size_t)length;
    connection->head[connection->length] = '\0';
    char *end = strstr(connection->head, "\r\n\r\n");
    if (end) {
        *end = '\0';
        serve(connection);
    }
}

static void on_connection(uv_stream_t *server, int result) {
    struct connection *connection = result ? NULL : calloc(1, sizeof *connection);

    if (!connection) {
        return;
    }
    connection->tcp.data = connection->timer.data = connection->write.data = connection;
    connection->open_handles = 2;
    uv_tcp_init(server->loop, &connection->tcp);
    uv_timer_init(server->loop, &connection->timer);
    uv_accept(server, (uv_stream_t *)&connection->tcp);
    uv_read_start((uv_stream_t *)&connection->tcp, give_buffer, on_read);
}

static unsigned listen_on_free_port(uv_loop_t *loop) {
    struct sockaddr_in address;
    int size = sizeof address;

    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &listener);
    uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0);
    uv_listen((uv_stream_t *)&listener, 64, on_connection);
    uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}

int main(int argc, char **argv) {
    left = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    if (left <= 0) {
        fprintf(stderr, "usage: http_libuv REQUESTS\n");
        return 2;
    }
    tote_sdk *sdk = tote_sdk_start(NULL);
    tracer = tote_get_tracer("http_libuv", "1.0");
    printf("listening on 127.0.0.1:%u\n", listen_on_free_port(uv_default_loop()));
    fflush(stdout);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    uv_loop_close(uv_default_loop());
    return tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS ? 0 : 1;
}
