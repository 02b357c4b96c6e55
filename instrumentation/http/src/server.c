/* SPDX-License-Identifier: MIT */
/*
 * server.c - server spans and their attributes. Spec: http-spans.md#http-server
 *
 * Tests: tests/unit/test_http.c, tests/unit/test_http_public_endpoint.c
 */
#include <stdlib.h>
#include <string.h>

#include "http_parts.h"
#include "tote/instrumentation/http.h"
#include "tote/internal/memory.h"
#include "tote/internal/propagator.h"
#include "tote/internal/tracer.h"

enum { MOST_HEADER = 512 };

/* The attributes that are written so far, and what is left of the buffer. */
struct writer {
    const tote_http_request *request;
    struct tote__http_target target;
    tote_attribute *attributes;
    size_t count;
    size_t capacity;
    char *buffer;
    size_t size;
};

static void add(struct writer *writer, const char *key, tote_value value) {
    if (writer->count < writer->capacity) {
        writer->attributes[writer->count++] = (tote_attribute){key, value};
    }
}

/* Add text that is not valid after the call. It is copied to the buffer. */
static void add_copy(struct writer *writer, const char *key, struct tote__part text) {
    size_t length = tote__utf8_cut(text.at, text.length, tote__min(text.length, writer->size));

    if (!length || !writer->buffer) {
        return;
    }
    memcpy(writer->buffer, text.at, length);
    add(writer, key, tote_string_of(writer->buffer, length));
    writer->buffer += length;
    writer->size -= length;
}

static void add_text(struct writer *writer, const char *key, const char *text) {
    if (text && *text) {
        add(writer, key, tote_string(text));
    }
}

/*
 * Copy up to MOST_HEADER bytes of the first header with this name to `storage`. Returns an empty
 * part if there is none.
 */
static struct tote__part header(const struct writer *writer, const char *name,
                                char storage[MOST_HEADER]) {
    const tote_http_request *request = writer->request;
    size_t length = tote__text_map_getter_get_first(request->getter, request->carrier, name,
                                                    storage, MOST_HEADER);

    return (struct tote__part){storage, tote__min(length, MOST_HEADER)};
}

static struct tote__part first_of_list(struct tote__part list) {
    struct tote__part first;

    tote__split(list.at, list.length, ',', &first, 1);
    tote__trim(&first.at, &first.length);
    return first;
}

/*
 * Return the parameter of Forwarded, else the first element of the header `other`; an empty part if
 * the server ignores both.
 */
static struct tote__part forwarded(const struct writer *writer, const char *parameter,
                                   const char *other, char storage[MOST_HEADER]) {
    if (writer->request->ignore_forwarded) {
        return (struct tote__part){NULL, 0};
    }
    size_t length = header(writer, "forwarded", storage).length;
    struct tote__part value = tote__http_forwarded_parameter(storage, length, parameter);
    return value.length ? value : first_of_list(header(writer, other, storage));
}

static void add_method(struct writer *writer) {
    const char *method = tote_http_known_method(writer->request->method);

    add(writer, "http.request.method", tote_string(method));
    if (method != writer->request->method) {
        add_text(writer, "http.request.method_original", writer->request->method);
    }
}

static void add_target(struct writer *writer) {
    struct tote__part query = writer->target.query;

    add(writer, "url.path", tote_string_of(writer->target.path.at, writer->target.path.length));
    if (query.length && writer->size) {
        size_t full = tote__http_redact(writer->buffer, writer->size / 2, query);
        size_t most = writer->size / 2 ? writer->size / 2 - 1 : 0;
        size_t length = tote__written(&(struct tote__writer){writer->buffer, most, full});
        add(writer, "url.query", tote_string_of(writer->buffer, length));
        writer->buffer += length;
        writer->size -= length;
    }
}

/*
 * Add the scheme that the client used: as a proxy reports it, else of an absolute-form target, else
 * of the connection. Returns the default port of the scheme; 0 if it has none.
 */
static unsigned add_scheme(struct writer *writer) {
    char storage[MOST_HEADER];
    struct tote__part scheme = forwarded(writer, "proto", "x-forwarded-proto", storage);

    if (!tote__http_is_scheme(scheme)) {
        scheme = writer->target.scheme;
    }
    if (!scheme.length) {
        const char *own = writer->request->scheme ? writer->request->scheme : "http";
        scheme = (struct tote__part){own, strlen(own)};
    }
    const struct tote__http_scheme *known = tote__http_known_scheme(scheme);
    if (known) {
        add(writer, "url.scheme", tote_string(known->name));
        return known->port;
    }
    add_copy(writer, "url.scheme", scheme);
    return 0;
}

/* Add the host of the request. The target precedes Host. Spec: RFC 9112 section 3.2.2 */
static void add_server(struct writer *writer, unsigned default_port) {
    char storage[MOST_HEADER];
    unsigned port;
    struct tote__part authority = forwarded(writer, "host", "x-forwarded-host", storage);

    if (!authority.length) {
        authority = writer->target.authority;
    }
    if (!authority.length) {
        authority = header(writer, ":authority", storage);
    }
    if (!authority.length) {
        authority = header(writer, "host", storage);
    }
    authority = tote__http_without_credentials(authority);
    struct tote__part host = tote__http_split_host(authority, &port);
    port = port ? port : default_port;
    if (host.length) {
        add_copy(writer, "server.address", host);
        if (port) {
            add(writer, "server.port", tote_int(port));
        }
    }
}

/* Whether a proxy hides the client: "unknown" or "_NAME". Spec: RFC 7239 section 6 */
static bool is_hidden(struct tote__part client) {
    return client.length && (client.at[0] == '_' ||
                             tote__equals_ignoring_case(client.at, client.length, "unknown", 7));
}

static void add_client(struct writer *writer) {
    char storage[MOST_HEADER];
    unsigned port;
    struct tote__part client = forwarded(writer, "for", "x-forwarded-for", storage);

    client = tote__http_split_host(client, &port);
    if (client.length && !is_hidden(client)) {
        add_copy(writer, "client.address", client);
    } else {
        add_text(writer, "client.address", writer->request->peer_address);
    }
    add_text(writer, "network.peer.address", writer->request->peer_address);
    if (writer->request->peer_address && writer->request->peer_port) {
        add(writer, "network.peer.port", tote_int(writer->request->peer_port));
    }
    add_copy(writer, "user_agent.original", header(writer, "user-agent", storage));
}

static struct tote__http_target read_target(const tote_http_request *request) {
    const char *path = request->path;

    if (!path) {
        return tote__http_read_target(request->method, request->target, request->query);
    }
    return (struct tote__http_target){
        .path = {path, strlen(path)},
        .query = {request->query, request->query ? strlen(request->query) : 0}};
}

static size_t write_attributes(const tote_http_request *request, tote_attribute *attributes,
                               size_t capacity, char *buffer, size_t size) {
    struct writer writer = {
        .request = request,
        .target = read_target(request),
        .attributes = attributes,
        .capacity = attributes ? capacity : 0,
        .buffer = buffer,
        .size = buffer ? size : 0,
    };

    add_method(&writer);
    add_target(&writer);
    add_server(&writer, add_scheme(&writer));
    add_client(&writer);
    add_text(&writer, "network.protocol.version", request->protocol_version);
    add_text(&writer, "http.route", request->route);
    return writer.count;
}

size_t tote_http_server_attributes(const tote_http_request *given, tote_attribute *attributes,
                                   size_t capacity, char *buffer, size_t size) {
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;

    TOTE__COPY_OPTIONS(tote_http_request, &request, given);
    return write_attributes(&request, attributes, capacity, buffer, size);
}

/*
 * Set the parent: the incoming context, or the root context if the headers are not to be trusted.
 * `link` points to the incoming span, if there is one; it borrows from `incoming`.
 */
static void set_parent(tote_span_options *options, const tote_http_request *request,
                       const tote_context *incoming, tote_link *link) {
    if (!request->public_endpoint) {
        options->parent = incoming;
        return;
    }
    options->parent = tote_context_root();
    link->context = tote_span_get_context(tote_context_get_span(incoming));
    if (tote_span_context_is_valid(link->context)) {
        options->links = link;
        options->link_count = 1;
    }
}

/* Allocated, because stacks may be small. If out of memory, the span has no attributes. */
struct start {
    tote_attribute attributes[TOTE_HTTP_SERVER_MAX_ATTRIBUTES];
    char buffer[TOTE_HTTP_SERVER_BUFFER_BYTES];
};

/*
 * Return the attributes and those of captured headers, in the arena. Returns `attributes` if there
 * are none or out of memory.
 */
static const tote_attribute *with_captured(const tote_http_request *request,
                                           struct tote__arena *memory,
                                           const tote_attribute *attributes, size_t *count) {
    const struct tote__http_headers headers = {
        .names = request->captured_headers,
        .name_count = request->captured_headers ? request->captured_header_count : 0,
        .carrier = request->carrier,
        .getter = request->getter,
    };
    tote_attribute *all =
        headers.name_count
            ? tote__arena_allocate(memory, (*count + headers.name_count) * sizeof *all)
            : NULL;

    if (!all) {
        return attributes;
    }
    memcpy(all, attributes, *count * sizeof *all);
    *count += tote__http_capture(memory, TOTE__HTTP_REQUEST_HEADER, &headers, all + *count);
    return all;
}

/* The options of the span of a request, and what they borrow from. */
struct opening {
    tote_span_options options;
    tote_link link;
    struct start *start;
    struct tote__arena memory;
    tote_context *incoming;
    char name[256];
};

static void prepare(struct opening *opening, const tote_http_request *given) {
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;
    tote_span_options *options = &opening->options;

    TOTE__COPY_OPTIONS(tote_http_request, &request, given);
    *options = (tote_span_options)TOTE_SPAN_OPTIONS_INIT;
    opening->link = (tote_link){.context = NULL};
    opening->memory = (struct tote__arena){.chunks = NULL};
    opening->start = tote__allocate(sizeof *opening->start);
    opening->incoming = request.ignore_context
                            ? tote_context_ref(tote_context_root())
                            : tote_extract(tote_context_root(), request.carrier, request.getter);
    tote_http_span_name(opening->name, sizeof opening->name, request.method, request.route);
    set_parent(options, &request, opening->incoming, &opening->link);
    options->kind = TOTE_SPAN_KIND_SERVER;
    options->start_time_unix_nano = request.start_time_unix_nano;
    if (opening->start) {
        struct start *start = opening->start;
        options->attribute_count =
            write_attributes(&request, start->attributes, TOTE_COUNT_OF(start->attributes),
                             start->buffer, sizeof start->buffer);
        options->attributes =
            with_captured(&request, &opening->memory, start->attributes, &options->attribute_count);
    }
}

static void finish(struct opening *opening) {
    tote__arena_clear(&opening->memory);
    tote__release(opening->start, sizeof *opening->start);
    tote_context_unref(opening->incoming);
}

tote_scope *tote_http_server_open(tote_tracer *tracer, const tote_http_request *request) {
    struct opening opening;

    prepare(&opening, request);
    tote_scope *scope = tote_scope_open(tracer, opening.name, &opening.options);
    finish(&opening);
    return scope;
}

tote_context *tote_http_server_start(tote_tracer *tracer, const tote_http_request *request) {
    struct opening opening;

    prepare(&opening, request);
    tote_span *span = tote_tracer_start_span(tracer, opening.name, &opening.options);
    tote_context *context = tote_context_with_span(opening.options.parent, span);
    tote_span_unref(span);
    finish(&opening);
    return context;
}
