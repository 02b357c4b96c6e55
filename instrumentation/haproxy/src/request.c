/* SPDX-License-Identifier: MIT */
/*
 * request.c - from messages and log lines to spans
 *
 * Tests: tests/unit/test_haproxy_request.c, tests/hosts/haproxy/test_haproxy.py
 */
#include "request.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pending.h"
#include "tote/instrumentation/http.h"
#include "tote/internal/clock.h"
#include "tote/internal/span.h"
#include "tote/internal/text.h"

enum { MOST_HEADERS = 128, MOST_FIELDS = 16 };

enum { EARLY_LINES = 512, EARLY_BYTES = 768, EARLY_SECONDS = 5 };

/*
 * A line whose request is not in the table. If HAProxy does not wait for a slow agent, the line may
 * be read before the message of the request.
 */
struct early {
    struct pending_key key;
    uint64_t since;
    size_t size; /* 0: none */
    char line[EARLY_BYTES];
};

struct requests {
    enum trust trust;
    uint64_t timeout_ns;
    size_t capacity;
    struct pending *pending;
    tote_tracer *tracer;
    tote_propagator *propagator;
    char texts[SPOP_MOST_FRAME + 64]; /* the texts of one message, with NULs */
    char url[SPOP_MOST_FRAME + 64];
    tote_header headers[MOST_HEADERS];
    char injected[TOTE_INJECT_BUFFER_BYTES];
    struct early early[EARLY_LINES]; /* by key: the last one of each place */
};

struct requests *requests_new(enum trust trust, size_t capacity, uint64_t timeout_ns) {
    struct requests *requests = calloc(1, sizeof *requests);

    if (!requests) {
        return NULL;
    }
    requests->trust = trust;
    requests->timeout_ns = timeout_ns;
    requests->capacity = capacity;
    requests->pending = pending_new(capacity);
    tote_tracer_options tracer = TOTE_TRACER_OPTIONS_INIT;
    tracer.version = TOTE_VERSION;
    tracer.schema_url = TOTE__SCHEMA_URL;
    requests->tracer =
        tote_tracer_provider_get_tracer(TOTE_TRACER_PROVIDER_GLOBAL, "tote-haproxy", &tracer);
    requests->propagator = tote_propagator_ref_global();
    if (!requests->pending) {
        requests_free(requests, NULL);
        return NULL;
    }
    return requests;
}

size_t requests_pending(const struct requests *requests) {
    return pending_count(requests->pending);
}

/* The arguments of a message, by name. NULL: missing. */
struct arguments {
    const char *method;
    const char *target;
    const char *version;
    const char *route;
    char peer[INET6_ADDRSTRLEN];
    uint64_t port;
    bool is_tls;
    size_t header_count;
    unsigned fields; /* a bit for each header of the propagator that the client sent */
};

/* A buffer that texts are copied to. */
struct copies {
    char *at;
    const char *end;
};

/* Return a copy with a NUL; NULL if the buffer is full or the text is empty. */
static const char *copy_text(struct copies *copies, struct spop_text text) {
    char *copy = copies->at;

    if (!text.length || text.length >= (size_t)(copies->end - copies->at)) {
        return NULL;
    }
    memcpy(copy, text.bytes, text.length);
    copy[text.length] = '\0';
    copies->at += text.length + 1;
    return copy;
}

/* Return a header of the global propagator; NULL: there are no more. */
static const char *field_of(const struct requests *requests, size_t index) {
    return index < MOST_FIELDS ? tote_propagator_get_field(requests->propagator, index) : NULL;
}

/* Return the bit of a header of the global propagator; 0: it is another one. */
static unsigned field_bit(const struct requests *requests, struct spop_text name) {
    const char *field;

    for (size_t i = 0; (field = field_of(requests, i)) != NULL; i++) {
        if (strlen(field) == name.length && strncasecmp(field, name.bytes, name.length) == 0) {
            return 1U << i;
        }
    }
    return 0;
}

static bool read_headers(struct requests *requests, struct spop_text bytes,
                         struct arguments *arguments) {
    const unsigned char *start = (const unsigned char *)bytes.bytes;
    struct spop_cursor cursor = {start, start + bytes.length, false};
    struct spop_text name;
    struct spop_text value;

    while (arguments->header_count < MOST_HEADERS && spop_next_header(&cursor, &name, &value)) {
        arguments->fields |= field_bit(requests, name);
        requests->headers[arguments->header_count++] =
            (tote_header){name.bytes, name.length, value.bytes, value.length};
    }
    return !cursor.is_wrong;
}

static const struct argument {
    const char *name;
    size_t offset;
} text_arguments[] = {
    {"method", offsetof(struct arguments, method)},
    {"path", offsetof(struct arguments, target)},
    {"http", offsetof(struct arguments, version)},
    {"route", offsetof(struct arguments, route)},
};

static bool read_argument(struct requests *requests, struct copies *copies, struct spop_text name,
                          const struct spop_value *value, struct arguments *arguments) {
    int family = value->kind == SPOP_IPV4 ? AF_INET : AF_INET6;

    if (spop_is(name, "headers")) {
        return value->kind != SPOP_BINARY || read_headers(requests, value->text, arguments);
    }
    if (spop_is(name, "ip") && (value->kind == SPOP_IPV4 || value->kind == SPOP_IPV6)) {
        inet_ntop(family, value->text.bytes, arguments->peer, sizeof arguments->peer);
    } else if (spop_is(name, "port")) {
        arguments->port = value->number;
    } else if (spop_is(name, "tls")) {
        arguments->is_tls = value->number;
    } else if (value->kind == SPOP_STRING) {
        for (size_t i = 0; i < sizeof text_arguments / sizeof *text_arguments; i++) {
            if (spop_is(name, text_arguments[i].name)) {
                const char *text = copy_text(copies, value->text);
                memcpy((char *)arguments + text_arguments[i].offset, &text, sizeof text);
            }
        }
    }
    return true;
}

/* Read the arguments of one message. Returns false if they are not valid. */
static bool read_arguments(struct requests *requests, struct spop_cursor *cursor, size_t count,
                           struct arguments *arguments) {
    struct copies copies = {requests->texts, requests->texts + sizeof requests->texts};
    struct spop_text name;
    struct spop_value value;

    *arguments = (struct arguments){.method = NULL};
    for (size_t i = 0; i < count; i++) {
        if (!spop_next_pair(cursor, &name, &value) ||
            !read_argument(requests, &copies, name, &value, arguments)) {
            return false;
        }
    }
    return true;
}

static tote_context *start_server(struct requests *requests, const struct arguments *arguments) {
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;
    const tote_header_array headers = {.headers = requests->headers,
                                       .count = arguments->header_count};
    const char *version = arguments->version;
    const char major[] = {version ? *version : '\0', '\0'};

    request.method = arguments->method;
    request.target = arguments->target;
    request.scheme = arguments->is_tls ? "https" : "http";
    /* HAProxy names HTTP/2 "2.0". */
    request.protocol_version =
        version && *version > '1' && strcmp(version + 1, ".0") == 0 ? major : version;
    request.route = arguments->route;
    request.peer_address = *arguments->peer ? arguments->peer : NULL;
    request.peer_port = (uint16_t)arguments->port;
    request.carrier = &headers;
    request.getter = tote_header_array_getter();
    request.public_endpoint = requests->trust == TRUST_LINK;
    request.ignore_context = requests->trust == TRUST_IGNORE;
    return tote_http_server_start(requests->tracer, &request);
}

/* Return the first header with this name, or NULL. */
static const tote_header *find_header(const tote_header *headers, size_t count, const char *name) {
    size_t length = strlen(name);

    for (size_t i = 0; i < count; i++) {
        if (headers[i].name_length == length && strncasecmp(headers[i].name, name, length) == 0) {
            return &headers[i];
        }
    }
    return NULL;
}

/* Write the URL of the request to the server: the same host and path. */
static void make_url(struct requests *requests, const struct arguments *arguments) {
    const char *target = arguments->target;
    const tote_header *host = find_header(requests->headers, arguments->header_count, "host");

    snprintf(requests->url, sizeof requests->url, "http://%.*s%s",
             host ? (int)host->value_length : 0, host ? host->value : "",
             target && *target == '/' ? target : "/");
}

/* Start the span of the request to a server, which HAProxy has not chosen yet. */
static tote_span *start_client(struct requests *requests, const struct arguments *arguments,
                               const tote_context *server) {
    tote_http_client_request request = TOTE_HTTP_CLIENT_REQUEST_INIT;

    make_url(requests, arguments);
    request.method = arguments->method;
    request.url = requests->url;
    request.parent = server;
    return tote_http_client_start(requests->tracer, &request);
}

/* Set the variable of a header: HAProxy allows no dash in names. */
static void set_header(struct spop_writer *ack, const char *name, size_t length, const char *value,
                       size_t value_length) {
    char variable[64];

    if (length >= sizeof variable) {
        return;
    }
    for (size_t i = 0; i < length; i++) {
        variable[i] = name[i] == '-' ? '_' : name[i];
    }
    variable[length] = '\0';
    spop_set_text(ack, variable, value, value_length);
}

/*
 * Write the variables of a request: its headers, and ids for the log. A header that the client sent
 * and that is not continued gets an empty value.
 */
static void set_variables(struct requests *requests, unsigned sent,
                          const struct pending_spans *spans, struct spop_writer *ack) {
    tote_header fields[MOST_FIELDS];
    char trace_id[TOTE_TRACE_ID_HEX_SIZE];
    char span_id[TOTE_SPAN_ID_HEX_SIZE];
    const char *field;
    tote_context *context = tote_http_client_context(spans->server, spans->client, requests->url);
    size_t count = tote_inject_headers(context, fields, MOST_FIELDS, requests->injected,
                                       sizeof requests->injected);

    for (size_t i = 0; i < count; i++) {
        set_header(ack, fields[i].name, fields[i].name_length, fields[i].value,
                   fields[i].value_length);
    }
    for (size_t i = 0; (field = field_of(requests, i)) != NULL; i++) {
        if (sent & 1U << i && !find_header(fields, count, field)) {
            set_header(ack, field, strlen(field), "", 0);
        }
    }
    const tote_span_context *ids = tote_span_get_context(tote_context_get_span(spans->server));
    tote_context_unref(context);
    if (!tote_span_context_is_valid(ids)) {
        return; /* no SDK runs */
    }
    tote_trace_id_to_hex(tote_span_context_get_trace_id(ids), trace_id);
    tote_span_id_to_hex(tote_span_context_get_span_id(ids), span_id);
    spop_set_text(ack, "trace_id", trace_id, strlen(trace_id));
    spop_set_text(ack, "span_id", span_id, strlen(span_id));
    spop_set_bool(ack, "sampled", tote_span_context_is_sampled(ids));
}

static void end_server(tote_context *server, unsigned status, const char *error_type) {
    tote_span *span = tote_context_get_span(server);

    tote_http_server_set_status(span, status, error_type);
    tote_span_end(span, 0);
    tote_context_unref(server);
}

static void end_with_error(struct pending_spans *spans, const char *error_type) {
    tote_http_client_set_status(spans->client, 0, error_type);
    tote_span_close(&spans->client);
    end_server(spans->server, 0, error_type);
}

/* End the oldest request with an error. Returns false if there is none. */
static bool end_oldest(struct requests *requests, const char *error_type) {
    struct pending_spans spans;
    struct pending_key key;
    uint64_t since;

    if (!pending_oldest(requests->pending, &key, &since)) {
        return false;
    }
    pending_take(requests->pending, key, &spans);
    end_with_error(&spans, error_type);
    return true;
}

static struct early *early_of(struct requests *requests, struct pending_key key) {
    return &requests->early[tote__mix_last(key.stream, key.port) % EARLY_LINES];
}

/* Keep a line for a message that is read soon. The element is at its start, so it may be cut. */
static void keep_early(struct requests *requests, struct pending_key key, const char *bytes,
                       size_t size) {
    struct early *early = early_of(requests, key);

    early->key = key;
    early->since = tote__clock_monotonic();
    early->size = size < EARLY_BYTES ? size : EARLY_BYTES;
    memcpy(early->line, bytes, early->size);
}

/* End a request whose line was read before its message. */
static void end_early(struct requests *requests, struct pending_key key) {
    struct early *early = early_of(requests, key);
    size_t size = early->size;

    if (!size || early->key.stream != key.stream || early->key.port != key.port) {
        return;
    }
    early->size = 0;
    if (tote__clock_monotonic() - early->since < EARLY_SECONDS * UINT64_C(1000000000)) {
        requests_log(requests, early->line, size);
    }
}

/* Keep the spans to their end. The table has no second entry for a request. */
static void keep(struct requests *requests, struct pending_key key, struct pending_spans spans) {
    struct pending_spans replaced;

    if (pending_take(requests->pending, key, &replaced)) {
        end_with_error(&replaced, "unfinished");
    }
    if (pending_count(requests->pending) == requests->capacity) {
        end_oldest(requests, "unfinished");
    }
    pending_add(requests->pending, key, spans, tote__clock_monotonic());
    end_early(requests, key);
}

static void begin(struct requests *requests, uint64_t stream, const struct arguments *arguments,
                  struct spop_writer *ack) {
    struct pending_spans spans = {.server = start_server(requests, arguments)};

    spans.client = start_client(requests, arguments, spans.server);
    set_variables(requests, arguments->fields, &spans, ack);
    if (tote_span_is_recording(tote_context_get_span(spans.server)) ||
        tote_span_is_recording(spans.client)) {
        keep(requests, (struct pending_key){stream, arguments->port}, spans);
    } else {
        end_with_error(&spans, NULL);
    }
}

bool requests_notify(struct requests *requests, const struct spop_frame *frame,
                     struct spop_writer *ack) {
    struct spop_cursor cursor = frame->payload;
    struct arguments arguments;
    struct spop_text name;
    bool has_begun = false;
    size_t count;

    while (spop_next_message(&cursor, &name, &count)) {
        if (!read_arguments(requests, &cursor, count, &arguments)) {
            return false;
        }
        if (spop_is(name, "tote-request") && !has_begun) {
            has_begun = true;
            begin(requests, frame->stream, &arguments, ack);
        }
    }
    return !cursor.is_wrong;
}

/*
 * The error of a termination state: its first two characters, where '*' is any.
 * Spec: HAProxy, configuration.txt section 8.5
 */
static const struct failure {
    char state[3];
    const char *error_type;
    const char *without_server; /* NULL: the same */
} failures[] = {
    {"C*", "client_abort", NULL},
    {"c*", "client_timeout", NULL},
    {"SC", "connection_failed", "no_server"},
    {"sC", "connect_timeout", NULL},
    {"sQ", "queue_timeout", NULL},
    {"sH", "response_timeout", NULL},
    {"s*", "server_timeout", NULL},
    {"S*", "server_abort", NULL},
    {"PC", "connection_failed", NULL},
    {"PH", "invalid_response", NULL},
    {"PD", "invalid_response", NULL},
    {"R*", "resources_exhausted", NULL},
    {"I*", "internal_error", NULL},
    {"D*", "server_down", NULL},
    {"U*", "server_up", NULL},
    {"K*", "killed", NULL},
};

/* HAProxy names no server in angle brackets if it has chosen none, or responds itself. */
static bool has_server(const struct log_line *line) {
    return line->server.length && *line->server.bytes != '<';
}

/* Return the error of a request; NULL: none but that of its status. */
static const char *error_of(const struct log_line *line) {
    const struct spop_text state = line->state;

    for (size_t i = 0; state.length > 1 && i < sizeof failures / sizeof *failures; i++) {
        const struct failure *failure = &failures[i];
        if (failure->state[0] == state.bytes[0] &&
            (failure->state[1] == '*' || failure->state[1] == state.bytes[1])) {
            return failure->without_server && !has_server(line) ? failure->without_server
                                                                : failure->error_type;
        }
    }
    return NULL;
}

static void set_text(tote_span *span, const char *key, struct spop_text text) {
    tote_span_set_attribute(span, key, tote_string_of(text.bytes, text.length));
}

static void set_duration(tote_span *span, const char *key, uint64_t milliseconds) {
    if (milliseconds != UINT64_MAX) {
        tote_span_set_attribute(span, key, tote_double((double)milliseconds / 1000));
    }
}

/* The status is that of the server only if its headers were received. */
static void end_client(tote_span **span, const struct log_line *line, const char *error_type) {
    bool has_response = line->response_ms != UINT64_MAX;

    if (!has_server(line)) {
        tote__span_discard(*span); /* nothing was sent */
        *span = NULL;
        return;
    }
    set_text(*span, "haproxy.backend", line->backend);
    set_text(*span, "haproxy.server", line->server);
    if (line->server_port) {
        set_text(*span, "server.address", line->address);
        tote_span_set_attribute(*span, "server.port", tote_int((int64_t)line->server_port));
        set_text(*span, "network.peer.address", line->address);
        tote_span_set_attribute(*span, "network.peer.port", tote_int((int64_t)line->server_port));
    }
    if (line->retries) {
        tote_span_set_attribute(*span, "http.request.resend_count",
                                tote_int((int64_t)line->retries));
    }
    if (line->is_redispatched) {
        tote_span_set_attribute(*span, "haproxy.redispatched", tote_bool(true));
    }
    set_duration(*span, "haproxy.queue.duration", line->queue_ms);
    set_duration(*span, "haproxy.connect.duration", line->connect_ms);
    set_duration(*span, "haproxy.response.duration", line->response_ms);
    tote_http_client_set_status(*span, has_response ? (unsigned)line->status : 0, error_type);
    tote_span_close(span);
}

/* End a server span by its line. */
static void end_logged(tote_context *server, const struct log_line *line, const char *error_type) {
    tote_span *span = tote_context_get_span(server);

    set_text(span, "haproxy.frontend", line->frontend);
    set_text(span, "haproxy.termination_state", line->state);
    end_server(server, (unsigned)line->status, error_type);
}

/* A request that HAProxy cannot parse has no message. Its line of the log is all there is. */
static void record_bad_request(struct requests *requests, const struct log_line *line) {
    const struct arguments arguments = {.port = line->port};

    if (line->status < 400) {
        return;
    }
    end_logged(start_server(requests, &arguments), line, error_of(line));
}

void requests_log(struct requests *requests, const char *bytes, size_t size) {
    struct pending_spans spans;
    struct log_line line;

    if (!log_line_read(bytes, size, &line)) {
        return;
    }
    const struct pending_key key = {line.stream, line.port};
    if (spop_is(line.method, "<BADREQ>")) {
        record_bad_request(requests, &line);
        return;
    }
    if (!pending_take(requests->pending, key, &spans)) {
        keep_early(requests, key, bytes, size);
        return;
    }
    const char *error_type = error_of(&line);
    end_client(&spans.client, &line, error_type);
    end_logged(spans.server, &line, error_type);
}

int requests_expire(struct requests *requests, int most) {
    struct pending_key key;
    uint64_t since;

    while (pending_oldest(requests->pending, &key, &since)) {
        uint64_t age = tote__clock_monotonic() - since;
        if (age < requests->timeout_ns) {
            uint64_t left_ms = (requests->timeout_ns - age) / 1000000 + 1;
            return left_ms < (uint64_t)most ? (int)left_ms : most;
        }
        end_oldest(requests, "unfinished");
    }
    return most;
}

void requests_free(struct requests *requests, const char *error_type) {
    if (!requests) {
        return;
    }
    while (requests->pending && end_oldest(requests, error_type)) {
    }
    pending_free(requests->pending);
    tote_propagator_unref(requests->propagator);
    free(requests);
}
