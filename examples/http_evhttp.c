/* SPDX-License-Identifier: MIT */
/*
 * http_evhttp.c - a server on libevent's evhttp, with spans by the semantic conventions
 *
 *   http_evhttp REQUESTS       serves this number of requests on a free port, then ends
 *
 * One thread serves all requests, so the scope of a request is suspended at the end of each
 * callback and resumed at the start of the next. It is closed when the response has been sent, or
 * when the connection is lost.
 *
 * If untrusted clients can reach the server, set request.public_endpoint: see docs/propagation.md.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <tote/instrumentation/http.h>
#include <tote/tote.h>

struct request {
    struct evhttp_request *http;
    struct event *timer; /* simulates I/O of the request */
    tote_scope *scope;
    int status; /* 0: no response yet */
    bool is_lost;
};

static struct event_base *base;
static tote_tracer *tracer;
static long left;

static const char *method_of(struct evhttp_request *http) {
    switch (evhttp_request_get_command(http)) {
    case EVHTTP_REQ_GET:
        return "GET";
    case EVHTTP_REQ_HEAD:
        return "HEAD";
    case EVHTTP_REQ_POST:
        return "POST";
    default: /* allow others by evhttp_set_allowed_methods() */
        return "_OTHER";
    }
}

static void get_headers(const void *carrier, const char *key, tote_header_visitor visit,
                        void *arg) {
    const struct evkeyvalq *headers = carrier;
    const struct evkeyval *header;

    (void)key; /* Tote compares names */
    TAILQ_FOREACH(header, headers, next) {
        if (!visit(arg, header->key, strlen(header->key), header->value, strlen(header->value))) {
            return;
        }
    }
}

static tote_scope *open_scope(struct evhttp_request *http) {
    static const tote_text_map_getter getter = {sizeof getter, get_headers};
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;
    char *peer = NULL;

    evhttp_connection_get_peer(evhttp_request_get_connection(http), &peer, &request.peer_port);
    request.method = method_of(http);
    request.target = evhttp_request_get_uri(http);
    request.peer_address = peer;
    request.carrier = evhttp_request_get_input_headers(http);
    request.getter = &getter;
    return tote_http_server_open(tracer, &request);
}

/* End the request. `error` names what went wrong, or is NULL. */
static void close_request(struct request *request, const char *error) {
    tote_http_server_set_status(tote_scope_get_span(request->scope), (unsigned)request->status,
                                error);
    tote_scope_close(&request->scope);
    if (request->timer) {
        event_free(request->timer);
    }
    free(request);
    if (--left == 0) {
        event_base_loopexit(base, NULL);
    }
}

/* The response has been sent, and the connection may serve the next request. */
static void on_complete(struct evhttp_request *http, void *arg) {
    evhttp_connection_set_closecb(evhttp_request_get_connection(http), NULL, NULL);
    close_request(arg, NULL);
}

static void on_lost(struct evhttp_connection *connection, void *arg) {
    struct request *request = arg;

    (void)connection;
    request->is_lost = true;
    if (request->status) {
        close_request(request, "connection_lost");
    }
}

/* Respond. evhttp frees its request, also if the connection is lost. */
static void respond(struct request *request, int status, const char *text) {
    struct evbuffer *body = evbuffer_new();

    request->status = status;
    evbuffer_add_printf(body, "%s\n", text);
    evhttp_send_reply(request->http, status, NULL, body);
    evbuffer_free(body);
}

static int greet(void *arg) {
    char user[64];
    char text[80];

    if (tote_store_get(tote_store_current(), "user.id", user, sizeof user) < 0) { /* baggage */
        strcpy(user, "nobody");
    }
    snprintf(text, sizeof text, "hello, %s", user);
    respond(arg, 200, text);
    return 0;
}

/* The scope is current again: spans are below that of the request. */
static void on_timer(evutil_socket_t none, short events, void *arg) {
    struct request *request = arg;

    (void)none, (void)events;
    tote_scope_resume(request->scope);
    tote_run_scoped(tracer, "greet", NULL, greet, request);
    tote_scope_suspend(request->scope);
    if (request->is_lost) {
        close_request(request, "connection_lost");
    }
}

static void on_request(struct evhttp_request *http, void *arg) {
    struct request *request = calloc(1, sizeof *request);
    struct timeval soon = {0, 20000};
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(http));

    (void)arg;
    if (!request) {
        evhttp_send_error(http, HTTP_INTERNAL, NULL);
        return;
    }
    request->http = http;
    request->scope = open_scope(http);
    evhttp_request_set_on_complete_cb(http, on_complete, request);
    evhttp_connection_set_closecb(evhttp_request_get_connection(http), on_lost, request);
    if (path && strcmp(path, "/hello") == 0) {
        tote_http_server_set_route(tote_scope_get_span(request->scope), method_of(http), "/hello");
        request->timer = evtimer_new(base, on_timer, request);
        evtimer_add(request->timer, &soon);
    } else {
        respond(request, 404, "not found");
    }
    tote_scope_suspend(request->scope);
}

static uint16_t port_of(struct evhttp_bound_socket *listener) {
    struct sockaddr_in address = {.sin_port = 0};
    socklen_t size = sizeof address;

    getsockname(evhttp_bound_socket_get_fd(listener), (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}

int main(int argc, char **argv) {
    left = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    if (left <= 0) {
        fprintf(stderr, "usage: http_evhttp REQUESTS\n");
        return 2;
    }
    tote_sdk *sdk = tote_sdk_start(NULL);
    tracer = tote_get_tracer("http_evhttp", "1.0");
    base = event_base_new();
    struct evhttp *server = evhttp_new(base);
    evhttp_set_gencb(server, on_request, NULL);
    printf("listening on 127.0.0.1:%u\n",
           port_of(evhttp_bind_socket_with_handle(server, "127.0.0.1", 0)));
    fflush(stdout);
    event_base_dispatch(base);
    evhttp_free(server);
    event_base_free(base);
    return tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS ? 0 : 1;
}
