/* SPDX-License-Identifier: MIT */
/*
 * relay.c - an HTTP service that passes the trace of a request on to the services that it calls
 *
 *   relay [--port N]              listens on 127.0.0.1; without N on a free port
 *
 *   GET  /ctx                     respond with the context of the request, as JSON
 *   GET  /hop?url=URL             GET URL, and respond with its response
 *   POST /test                    [{"url": URL, "arguments": ANY}, ...]: POST each ANY to its URL,
 *                                 then respond with 200
 *
 * OTEL_PROPAGATORS selects the headers, OTEL_EXPORTER_OTLP_ENDPOINT the receiver of spans.
 */
#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tote/instrumentation/curl.h>
#include <tote/instrumentation/microhttpd.h>
#include <tote/tote.h>

enum { MOST_BODY = 1 << 20, MOST_HEADERS = 256 << 10, CALL_TIMEOUT_MS = 10000 };

static tote_tracer *tracer;

/* Bytes that are received in pieces. */
struct text {
    char *bytes;
    size_t size;
};

/* Returns false if there are too many bytes, or if out of memory. */
static bool append(struct text *text, const char *bytes, size_t size) {
    char *longer = size <= MOST_BODY - text->size ? realloc(text->bytes, text->size + size) : NULL;

    if (!longer) {
        return false;
    }
    memcpy(longer + text->size, bytes, size);
    text->bytes = longer;
    text->size += size;
    return true;
}

/* A request and its response. */
struct request {
    struct MHD_Connection *connection;
    struct text body;
    bool is_too_large;
    unsigned status;
    const char *type;
    struct text response;
};

static void respond_json(struct request *request, unsigned status, json_t *value) {
    char *text = json_dumps(value, JSON_INDENT(2));

    json_decref(value);
    request->status = text ? status : 500;
    request->type = "application/json";
    if (text) {
        append(&request->response, text, strlen(text));
        append(&request->response, "\n", 1);
    }
    free(text);
}

static void respond_error(struct request *request, unsigned status, const char *why) {
    respond_json(request, status, json_pack("{s:s}", "error", why));
}

static size_t take_body(char *bytes, size_t size, size_t count, void *arg) {
    return append(arg, bytes, size * count) ? size * count : 0;
}

/*
 * POST `body`, which is JSON, to `url`; with a NULL body, GET `url`. Makes a client span and sends
 * its headers. Returns the status, or 0 without a response.
 */
static unsigned call(const char *url, const char *body, struct text *response) {
    CURL *easy = curl_easy_init();
    struct curl_slist *headers =
        body ? curl_slist_append(NULL, "Content-Type: application/json") : NULL;
    long status = 0;

    if (!easy) {
        return 0;
    }
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, response);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)CALL_TIMEOUT_MS);
    if (body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    }
    tote_curl_options options = TOTE_CURL_OPTIONS_INIT;
    options.headers = headers;
    if (tote_curl_perform(easy, &options) == CURLE_OK) {
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return (unsigned)status;
}

/* Add the baggage: objects of values and of metadata, by name. */
static void add_baggage(json_t *object) {
    tote_entries *entries = tote_context_get_all_baggage(tote_context_current());
    json_t *values = json_object(), *metadata = json_object();

    for (size_t i = 0; i < tote_entries_get_count(entries); i++) {
        const tote_entry *entry = tote_entries_get_at(entries, i);
        char text[8192];
        tote_value_to_text(entry->value, text, sizeof text);
        json_object_set_new(values, entry->key, json_string(text));
        if (*entry->metadata) {
            json_object_set_new(metadata, entry->key, json_string(entry->metadata));
        }
    }
    tote_entries_free(entries);
    json_object_set_new(object, "baggage", values);
    json_object_set_new(object, "baggage_metadata", metadata);
}

/* Extract again, for the id of the parent: the current span is the server span, its child. */
static void read_parent_id(const struct request *request, char parent_id[TOTE_SPAN_ID_HEX_SIZE]) {
    tote_context *remote =
        tote_extract(tote_context_root(), request->connection, tote_microhttpd_getter());

    tote_span_id_to_hex(
        tote_span_context_get_span_id(tote_span_get_context(tote_context_get_span(remote))),
        parent_id);
    tote_context_unref(remote);
}

static void serve_context(struct request *request) {
    const tote_span_context *span = tote_span_get_context(tote_span_current());
    char trace_id[TOTE_TRACE_ID_HEX_SIZE], span_id[TOTE_SPAN_ID_HEX_SIZE];
    char parent_id[TOTE_SPAN_ID_HEX_SIZE], flags[3], trace_state[TOTE_INJECT_BUFFER_BYTES];

    tote_trace_id_to_hex(tote_span_context_get_trace_id(span), trace_id);
    tote_span_id_to_hex(tote_span_context_get_span_id(span), span_id);
    read_parent_id(request, parent_id);
    snprintf(flags, sizeof flags, "%02x", tote_span_context_get_trace_flags(span));
    tote_trace_state_to_header(tote_span_context_get_trace_state(span), trace_state,
                               sizeof trace_state);
    json_t *object = json_pack("{s:s,s:s,s:s,s:s,s:s}", "trace_id", trace_id, "span_id", span_id,
                               "parent_id", parent_id, "flags", flags, "tracestate", trace_state);
    add_baggage(object);
    respond_json(request, 200, object);
}

static void serve_hop(struct request *request) {
    const char *url =
        MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "url");

    if (!url) {
        respond_error(request, 400, "the parameter url is missing");
        return;
    }
    request->status = call(url, NULL, &request->response);
    if (!request->status) {
        free(request->response.bytes);
        request->response = (struct text){NULL, 0};
        respond_error(request, 502, "no response");
    }
}

static void serve_test(struct request *request) {
    json_error_t error;
    json_t *calls = json_loadb(request->body.bytes ? request->body.bytes : "", request->body.size,
                               JSON_DECODE_ANY, &error);
    json_t *one, *statuses;
    size_t i;

    if (!json_is_array(calls)) {
        json_decref(calls);
        respond_error(request, 400, "the body is not a JSON array");
        return;
    }
    statuses = json_array();
    json_array_foreach(calls, i, one) {
        const char *url = json_string_value(json_object_get(one, "url"));
        char *body = json_dumps(json_object_get(one, "arguments"), JSON_ENCODE_ANY | JSON_COMPACT);
        struct text ignored = {NULL, 0};
        unsigned status = url ? call(url, body ? body : "null", &ignored) : 0;
        json_array_append_new(statuses, json_integer(status));
        free(ignored.bytes);
        free(body);
    }
    json_decref(calls);
    respond_json(request, 200, statuses);
}

static const struct route {
    const char *method;
    const char *path;
    void (*serve)(struct request *request);
} routes[] = {
    {"GET", "/ctx", serve_context},
    {"GET", "/hop", serve_hop},
    {"POST", "/test", serve_test},
};

static enum MHD_Result reply(struct request *request) {
    struct MHD_Response *response = MHD_create_response_from_buffer(
        request->response.size, request->response.bytes, MHD_RESPMEM_MUST_COPY);

    if (!response) {
        return MHD_NO;
    }
    if (request->type) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, request->type);
    }
    enum MHD_Result result = MHD_queue_response(request->connection, request->status, response);
    MHD_destroy_response(response);
    return result;
}

static const char *get_route(void *cls, const char *method, const char *path) {
    (void)cls;
    for (size_t i = 0; i < TOTE_COUNT_OF(routes); i++) {
        if (strcmp(method, routes[i].method) == 0 && strcmp(path, routes[i].path) == 0) {
            return routes[i].path;
        }
    }
    return NULL;
}

/*
 * The handler. libmicrohttpd calls it after the headers, for each piece of the body, and after the
 * body. libtote-microhttpd makes each call in the scope of the request.
 */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **state) {
    struct request *request = *state;

    (void)cls, (void)version;
    if (!request) {
        *state = request = calloc(1, sizeof *request);
        return request ? MHD_YES : MHD_NO;
    }
    if (*body_size) {
        request->is_too_large |= !append(&request->body, body, *body_size);
        *body_size = 0;
        return MHD_YES;
    }
    request->connection = connection;
    for (size_t i = 0; !request->is_too_large && i < TOTE_COUNT_OF(routes); i++) {
        if (strcmp(method, routes[i].method) == 0 && strcmp(url, routes[i].path) == 0) {
            routes[i].serve(request);
        }
    }
    if (!request->status) {
        respond_error(request, request->is_too_large ? 413 : 404,
                      request->is_too_large ? "the body is too large" : "not found");
    }
    return reply(request);
}

static void on_done(void *cls, struct MHD_Connection *connection, void **state,
                    enum MHD_RequestTerminationCode how) {
    struct request *request = *state;

    (void)cls, (void)connection, (void)how;
    if (request) {
        free(request->body.bytes);
        free(request->response.bytes);
        free(request);
    }
}

static int run(uint16_t port) {
    sigset_t signals;
    int caught;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL); /* on all threads; sigwait() waits for them */

    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    options.service_name = "relay";
    tote_sdk *sdk = tote_sdk_start(&options);
    tracer = tote_get_tracer("relay", tote_version());

    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    tote_microhttpd_server server = TOTE_MICROHTTPD_SERVER_INIT;
    server.tracer = tracer;
    server.handle = on_request;
    server.completed = on_done;
    server.get_route = get_route;
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, port,
                         NULL, NULL, tote_microhttpd_handle, &server, MHD_OPTION_NOTIFY_COMPLETED,
                         tote_microhttpd_completed, &server, MHD_OPTION_SOCK_ADDR, &address,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MOST_HEADERS, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "relay: cannot listen on port %u: %s\n", port, strerror(errno));
        tote_sdk_close(&sdk, 0);
        return 1;
    }
    printf("listening on 127.0.0.1:%u\n",
           MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    sigwait(&signals, &caught);
    MHD_stop_daemon(daemon);
    tote_sdk_close(&sdk, 5000); /* a diagnostic reports spans that were not sent */
    return 0;
}

int main(int argc, char **argv) {
    unsigned long port = 0;
    char *end = "";

    if (argc == 3 && strcmp(argv[1], "--port") == 0) {
        port = strtoul(argv[2], &end, 10);
    }
    if ((argc != 1 && argc != 3) || *end || port > UINT16_MAX ||
        (argc == 3 && (strcmp(argv[1], "--port") != 0 || !*argv[2]))) {
        fprintf(stderr, "usage: relay [--port N]\n");
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int result = run((uint16_t)port);
    curl_global_cleanup();
    return result;
}
