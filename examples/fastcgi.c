/* SPDX-License-Identifier: MIT */
/*
 * fastcgi.c - a FastCGI program behind any web server, with spans by the semantic conventions
 *
 *   fastcgi SOCKET REQUESTS       serves this number of requests on a Unix socket, then ends
 *
 * The web server passes each header in a variable whose name begins with HTTP_. The getter converts
 * these names to names of headers. libtote-http does the rest.
 *
 * If untrusted clients can reach the web server, set request.public_endpoint: see
 * docs/propagation.md.
 */
#include <ctype.h>
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tote/instrumentation/http.h>
#include <tote/tote.h>

/* HTTP_X_B3_TRACEID=... is the header x-b3-traceid. */
static void get_headers(const void *carrier, const char *key, tote_header_visitor visit,
                        void *arg) {
    char name[128];

    (void)key; /* Tote compares names */
    for (char *const *at = carrier; *at; at++) {
        const char *value = strchr(*at, '=');
        size_t length = strncmp(*at, "HTTP_", 5) == 0 && value ? (size_t)(value - *at) - 5 : 0;
        if (!length || length > sizeof name) {
            continue;
        }
        for (size_t i = 0; i < length; i++) {
            char c = (*at)[5 + i];
            name[i] = c == '_' ? '-' : (char)tolower((unsigned char)c);
        }
        if (!visit(arg, name, length, value + 1, strlen(value + 1))) {
            return;
        }
    }
}

static const tote_text_map_getter getter = {sizeof getter, get_headers};

/* Handle a request, in its scope. Returns the status. */
static unsigned handle(FCGX_Request *fcgi) {
    const char *uri = FCGX_GetParam("REQUEST_URI", fcgi->envp);
    char user[64];

    if (!uri || strncmp(uri, "/hello", 6) != 0) {
        FCGX_FPrintF(fcgi->out, "Status: 404\r\nContent-Type: text/plain\r\n\r\nnot found\n");
        return 404;
    }
    if (tote_store_get(tote_store_current(), "user.id", user, sizeof user) < 0) { /* baggage */
        strcpy(user, "nobody");
    }
    FCGX_FPrintF(fcgi->out, "Content-Type: text/plain\r\n\r\nhello, %s\n", user);
    return 200;
}

static void serve(tote_tracer *tracer, FCGX_Request *fcgi) {
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;
    const char *protocol = FCGX_GetParam("SERVER_PROTOCOL", fcgi->envp);

    request.method = FCGX_GetParam("REQUEST_METHOD", fcgi->envp);
    request.target = FCGX_GetParam("REQUEST_URI", fcgi->envp);
    request.scheme = FCGX_GetParam("HTTPS", fcgi->envp) ? "https" : "http";
    request.protocol_version = protocol && strncmp(protocol, "HTTP/", 5) == 0 ? protocol + 5 : NULL;
    request.peer_address = FCGX_GetParam("REMOTE_ADDR", fcgi->envp);
    request.carrier = fcgi->envp;
    request.getter = &getter;

    tote_scope *scope = tote_http_server_open(tracer, &request);
    unsigned status = handle(fcgi);
    if (status != 404) {
        tote_http_server_set_route(tote_scope_get_span(scope), request.method, "/hello");
    }
    tote_http_server_set_status(tote_scope_get_span(scope), status, NULL);
    FCGX_Finish_r(fcgi); /* sends the response, which is part of the request */
    tote_scope_close(&scope);
}

int main(int argc, char **argv) {
    FCGX_Request fcgi;

    if (argc != 3) {
        fprintf(stderr, "usage: fastcgi SOCKET REQUESTS\n");
        return 2;
    }
    FCGX_Init();
    int socket = FCGX_OpenSocket(argv[1], 16);
    FCGX_InitRequest(&fcgi, socket, 0);
    tote_sdk *sdk = tote_sdk_start(NULL);
    tote_tracer *tracer = tote_get_tracer("fastcgi", "1.0");
    puts("listening");
    fflush(stdout);
    for (long left = strtol(argv[2], NULL, 10); left > 0 && FCGX_Accept_r(&fcgi) == 0; left--) {
        serve(tracer, &fcgi);
    }
    return tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS ? 0 : 1;
}
