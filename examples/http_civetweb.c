/* SPDX-License-Identifier: MIT */
/*
 * http_civetweb.c - a server on civetweb, with spans by the semantic conventions
 *
 *   http_civetweb REQUESTS     serves this number of requests on a free port, then ends
 *
 * A thread of civetweb's pool serves a request from its start to its end. So the scope of a request
 * is opened and closed by one function, which calls the handler of the route between the two.
 *
 * If untrusted clients can reach the server, set request.public_endpoint: see docs/propagation.md.
 */
#include <civetweb.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tote/instrumentation/http.h>
#include <tote/tote.h>

/* A route, and the function that responds. It returns the status of its response. */
struct route {
    const char *path;
    const char *name; /* NULL: none, because any path matches */
    unsigned (*handle)(struct mg_connection *connection);
};

static tote_tracer *tracer;
static sem_t served;

static void get_headers(const void *carrier, const char *key, tote_header_visitor visit,
                        void *arg) {
    const struct mg_request_info *info = carrier;

    (void)key; /* Tote compares names */
    for (int i = 0; i < info->num_headers; i++) {
        const struct mg_header *header = &info->http_headers[i];
        if (!visit(arg, header->name, strlen(header->name), header->value, strlen(header->value))) {
            return;
        }
    }
}

static tote_scope *open_scope(const struct mg_request_info *info, const char *route) {
    static const tote_text_map_getter getter = {sizeof getter, get_headers};
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;

    request.method = info->request_method;
    request.path = info->local_uri_raw; /* decoded; NULL: the target is that of a proxy */
    request.target = info->request_uri;
    request.query = info->query_string;
    request.scheme = info->is_ssl ? "https" : "http";
    request.protocol_version = info->http_version;
    request.route = route;
    request.peer_address = info->remote_addr;
    request.peer_port = (uint16_t)info->remote_port;
    request.carrier = info;
    request.getter = &getter;
    return tote_http_server_open(tracer, &request);
}

/* Serve a request in its scope. `arg` is the route. */
static int serve(struct mg_connection *connection, void *arg) {
    const struct route *route = arg;

    tote_scope *scope = open_scope(mg_get_request_info(connection), route->name);
    unsigned status = route->handle(connection);
    tote_http_server_set_status(tote_scope_get_span(scope), status, NULL);
    tote_scope_close(&scope);
    sem_post(&served);
    return (int)status;
}

static unsigned respond(struct mg_connection *connection, unsigned status, const char *text) {
    mg_printf(connection, "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
              status, mg_get_response_code_text(connection, (int)status), strlen(text), text);
    return status;
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

static unsigned hello(struct mg_connection *connection) {
    tote_run_scoped(tracer, "greet", NULL, greet, connection);
    return 200;
}

static unsigned not_found(struct mg_connection *connection) {
    return respond(connection, 404, "not found\n");
}

int main(int argc, char **argv) {
    static const struct route routes[] = {{"/hello$", "/hello", hello}, {"/", NULL, not_found}};
    const char *options[] = {"listening_ports", "127.0.0.1:0", "num_threads", "4", NULL};
    struct mg_server_port port;
    long left = argc == 2 ? strtol(argv[1], NULL, 10) : 0;

    if (left <= 0) {
        fprintf(stderr, "usage: http_civetweb REQUESTS\n");
        return 2;
    }
    tote_sdk *sdk = tote_sdk_start(NULL);
    tracer = tote_get_tracer("http_civetweb", "1.0");
    sem_init(&served, 0, 0);
    mg_init_library(0);
    struct mg_context *server = mg_start(NULL, NULL, options);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        mg_set_request_handler(server, routes[i].path, serve, (void *)&routes[i]);
    }
    mg_get_server_ports(server, 1, &port);
    printf("listening on 127.0.0.1:%d\n", port.port);
    fflush(stdout);
    while (left-- > 0) {
        sem_wait(&served);
    }
    mg_stop(server);
    mg_exit_library();
    return tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS ? 0 : 1;
}
