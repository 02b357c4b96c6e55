/* SPDX-License-Identifier: MIT */
/*
 * server.c - server spans and their attributes. Spec: http-spans.md#http-server
 *
 * Tests: tests/unit/test_http.c, tests/unit/test_http_start.c
 */
#include <stdlib.h>
#include <string.h>

#include "http_parts.h"
#include "tote/instrumentation/http.h"
#include "tote/internal/keys.h"
#include "tote/internal/memory.h"
#include "tote/internal/propagator.h"
#include "tote/internal/tracer.h"

enum { MOST_HEADER = 512, USUAL_BUFFER_BYTES = 768 };

/* The attributes that are written so far, and what is left of the buffer. */
struct writer {
    const tote_http_request *request;
    struct tote__http_target target;
    tote_attribute *attributes;
    size_t count;
    size_t capacity;
    char *buffer;
    size_t size;
    size_t longest_query;     /* including the NUL */
    struct tote__arena *more; /* has another buffer; NULL: there is none, or it is in use */
};

static void add(struct writer *writer, const char *key, tote_value value) {
    if (writer->count < writer->capacity) {
        writer->attributes[writer->count++] = (tote_attribute){key, value};
    }
}

/* Make room for this number of bytes. What does not fit is cut if there is no other buffer. */
static void make_room(struct writer *writer, size_t size) {
    if (size <= writer->size || !writer->more) {
        return;
    }
    char *buffer = tote__arena_allocate(writer->more, TOTE_HTTP_SERVER_BUFFER_BYTES);
    writer->more = NULL;
    if (buffer) {
        writer->buffer = buffer;
        writer->size = TOTE_HTTP_SERVER_BUFFER_BYTES;
    }
}

static void use(struct writer *writer, const char *end) {
    writer->size -= (size_t)(end - writer->buffer);
    writer->buffer += end - writer->buffer;
}

/* Add text of the request, or text at the start of the buffer, which it takes. */
static void add_part(struct writer *writer, const char *key, struct tote__part text) {
    if (text.length) {
        add(writer, key, tote_string_of(text.at, text.length));
    }
    if (text.length && (uintptr_t)text.at - (uintptr_t)writer->buffer < writer->size) {
        use(writer, text.at + text.length);
    }
}

static void add_text(struct writer *writer, const char *key, const char *text) {
    if (text && *text) {
        add(writer, key, tote_string(text));
    }
}

/*
 * Read up to MOST_HEADER bytes of the first header with this name into the buffer, where the next
 * text replaces them. Returns an empty part if there is none.
 */
static struct tote__part header(struct writer *writer, const char *name) {
    const tote_http_request *request = writer->request;
    size_t most = tote__min(writer->size, (size_t)MOST_HEADER);
    size_t length = tote__text_map_getter_get_first(request->getter, request->carrier, name,
                                                    writer->buffer, most);

    if (length > most && most < MOST_HEADER && writer->more) {
        make_room(writer, MOST_HEADER);
        return header(writer, name);
    }
    return (struct tote__part){writer->buffer,
                               tote__written(&(struct tote__writer){writer->buffer, most, length})};
}

static struct tote__part first_of_list(struct tote__part list) {
    struct tote__part first = {list.at, 0};

    tote__split(list.at, list.length, ',', &first, 1);
    tote__trim(&first.at, &first.length);
    return first;
}

/*
 * Return the parameter of Forwarded, else the first element of the header `other`; an empty part if
 * the server ignores both.
 */
static struct tote__part forwarded(struct writer *writer, const char *parameter,
                                   const char *other) {
    if (writer->request->ignore_forwarded) {
        return (struct tote__part){NULL, 0};
    }
    size_t length = header(writer, "forwarded").length;
    struct tote__part value = tote__http_forwarded_parameter(writer->buffer, length, parameter);
    return value.length ? value : first_of_list(header(writer, other));
}

static void add_method(struct writer *writer) {
    const char *method = tote_http_known_method(writer->request->method);

    add(writer, TOTE__KEY(HTTP_REQUEST_METHOD), tote_string(method));
    if (method != writer->request->method) {
        add_text(writer, TOTE__KEY(HTTP_REQUEST_METHOD_ORIGINAL), writer->request->method);
    }
}

static void add_query(struct writer *writer) {
    struct tote__part query = writer->target.query;
    size_t size = tote__min(writer->size, writer->longest_query);
    size_t full = tote__http_redact(writer->buffer, size, query);

    if (full >= size && size < writer->longest_query && writer->more) {
        make_room(writer, writer->size + 1);
        size = tote__min(writer->size, writer->longest_query);
        full = tote__http_redact(writer->buffer, size, query);
    }
    size_t most = size ? size - 1 : 0;
    size_t length = tote__written(&(struct tote__writer){writer->buffer, most, full});
    add(writer, TOTE__KEY(URL_QUERY), tote_string_of(writer->buffer, length));
    use(writer, writer->buffer + length);
}

static void add_target(struct writer *writer) {
    add(writer, TOTE__KEY(URL_PATH),
        tote_string_of(writer->target.path.at, writer->target.path.length));
    if (writer->target.query.length && writer->size) {
        add_query(writer);
    }
}

/*
 * Add the scheme that the client used: as a proxy reports it, else of an absolute-form target, else
 * of the connection. Returns the default port of the scheme; 0 if it has none.
 */
static unsigned add_scheme(struct writer *writer) {
    struct tote__part scheme = forwarded(writer, "proto", "x-forwarded-proto");

    if (!tote__http_is_scheme(scheme)) {
        scheme = writer->target.scheme;
    }
    if (!scheme.length) {
        const char *own = writer->request->scheme ? writer->request->scheme : "http";
        scheme = (struct tote__part){own, strlen(own)};
    }
    const struct tote__http_scheme *known = tote__http_known_scheme(scheme);
    if (known) {
        add(writer, TOTE__KEY(URL_SCHEME), tote_string(known->name));
        return known->port;
    }
    add_part(writer, TOTE__KEY(URL_SCHEME), scheme);
    return 0;
}

/* Add the host of the request. The target precedes Host. Spec: RFC 9112 section 3.2.2 */
static void add_server(struct writer *writer, unsigned default_port) {
    unsigned port;
    struct tote__part authority = forwarded(writer, "host", "x-forwarded-host");

    if (!authority.length) {
        authority = writer->target.authority;
    }
    if (!authority.length) {
        authority = header(writer, ":authority");
    }
    if (!authority.length) {
        authority = header(writer, "host");
    }
    authority = tote__http_without_credentials(authority);
    struct tote__part host = tote__http_split_host(authority, &port);
    port = port ? port : default_port;
    if (host.length) {
        add_part(writer, TOTE__KEY(SERVER_ADDRESS), host);
        if (port) {
            add(writer, TOTE__KEY(SERVER_PORT), tote_int(port));
        }
    }
}

/* Whether a proxy hides the client: "unknown" or "_NAME". Spec: RFC 7239 section 6 */
static bool is_hidden(struct tote__part client) {
    return client.length && (client.at[0] == '_' ||
                             tote__equals_ignoring_case(client.at, client.length, "unknown", 7));
}

static void add_client(struct writer *writer) {
    unsigned port;
    struct tote__part client = forwarded(writer, "for", "x-forwarded-for");

    client = tote__http_split_host(client, &port);
    if (client.length && !is_hidden(client)) {
        add_part(writer, TOTE__KEY(CLIENT_ADDRESS), client);
    } else {
        add_text(writer, TOTE__KEY(CLIENT_ADDRESS), writer->request->peer_address);
    }
    add_text(writer, TOTE__KEY(NETWORK_PEER_ADDRESS), writer->request->peer_address);
    if (writer->request->peer_address && writer->request->peer_port) {
        add(writer, TOTE__KEY(NETWORK_PEER_PORT), tote_int(writer->request->peer_port));
    }
    add_part(writer, TOTE__KEY(USER_AGENT_ORIGINAL), header(writer, "user-agent"));
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

/*
 * Write the attributes. `more`: where another buffer is allocated if this one is too small; NULL:
 * text is cut.
 */
static size_t write_attributes(const tote_http_request *request, tote_attribute *attributes,
                               size_t capacity, char *buffer, size_t size,
                               struct tote__arena *more) {
    struct writer writer = {
        .request = request,
        .target = read_target(request),
        .attributes = attributes,
        .capacity = attributes ? capacity : 0,
        .buffer = buffer,
        .size = buffer ? size : 0,
        .longest_query = more ? TOTE_HTTP_SERVER_BUFFER_BYTES / 2 : size / 2,
        .more = more,
    };

    add_method(&writer);
    add_target(&writer);
    add_server(&writer, add_scheme(&writer));
    add_client(&writer);
    add_text(&writer, TOTE__KEY(NETWORK_PROTOCOL_VERSION), request->protocol_version);
    add_text(&writer, TOTE__KEY(HTTP_ROUTE), request->route);
    return writer.count;
}

size_t tote_http_server_attributes(const tote_http_request *given, tote_attribute *attributes,
                                   size_t capacity, char *buffer, size_t size) {
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;

    TOTE__COPY_OPTIONS(tote_http_request, &request, given);
    return write_attributes(&request, attributes, capacity, buffer, size, NULL);
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

/* The attributes of a request, and what they borrow from. */
struct described {
    const tote_attribute *attributes;
    size_t count;
    tote_attribute own[TOTE_HTTP_SERVER_MAX_ATTRIBUTES];
    char buffer[USUAL_BUFFER_BYTES];
    struct tote__arena memory;
};

static void describe(struct described *described, const tote_http_request *request) {
    described->memory = (struct tote__arena){.chunks = NULL};
    described->count =
        write_attributes(request, described->own, TOTE_COUNT_OF(described->own), described->buffer,
                         sizeof described->buffer, &described->memory);
    described->attributes =
        with_captured(request, &described->memory, described->own, &described->count);
}

/*
 * The options of the span of a request, and what they borrow from. Attributes that neither a
 * sampler nor a processor looks at are added after the start, if the span records.
 */
struct opening {
    tote_http_request request;
    tote_span_options options;
    tote_link link;
    tote_context *incoming;
    bool shows_attributes;
    struct described *described; /* allocated, because stacks may be small; NULL: out of memory */
    char name[256];
};

static void prepare(struct opening *opening, const tote_tracer *tracer,
                    const tote_http_request *given) {
    tote_http_request *request = &opening->request;
    tote_span_options *options = &opening->options;

    *request = (tote_http_request)TOTE_HTTP_REQUEST_INIT;
    TOTE__COPY_OPTIONS(tote_http_request, request, given);
    *options = (tote_span_options)TOTE_SPAN_OPTIONS_INIT;
    opening->link = (tote_link){.context = NULL};
    opening->incoming = request->ignore_context
                            ? tote_context_ref(tote_context_root())
                            : tote_extract(tote_context_root(), request->carrier, request->getter);
    tote_http_span_name(opening->name, sizeof opening->name, request->method, request->route);
    set_parent(options, request, opening->incoming, &opening->link);
    options->kind = TOTE_SPAN_KIND_SERVER;
    options->start_time_unix_nano = request->start_time_unix_nano;
    opening->shows_attributes = tote__tracer_shows_attributes(tracer);
    opening->described =
        opening->shows_attributes ? tote__allocate(sizeof *opening->described) : NULL;
    if (opening->described) {
        describe(opening->described, request);
        options->attributes = opening->described->attributes;
        options->attribute_count = opening->described->count;
    }
}

static void finish(struct opening *opening) {
    if (opening->described) {
        tote__arena_clear(&opening->described->memory);
        tote__release(opening->described, sizeof *opening->described);
    }
    tote_context_unref(opening->incoming);
}

/* Add the attributes to a span that has started without them, unless it records nothing. */
static void complete(const struct opening *opening, tote_span *span) {
    struct described described;

    if (opening->shows_attributes || !tote_span_is_recording(span)) {
        return;
    }
    describe(&described, &opening->request);
    tote_span_set_attributes(span, described.attributes, described.count);
    tote__arena_clear(&described.memory);
}

tote_scope *tote_http_server_open(tote_tracer *tracer, const tote_http_request *request) {
    struct opening opening;

    prepare(&opening, tracer, request);
    tote_scope *scope = tote_scope_open(tracer, opening.name, &opening.options);
    complete(&opening, tote_scope_get_span(scope));
    finish(&opening);
    return scope;
}

tote_context *tote_http_server_start(tote_tracer *tracer, const tote_http_request *request) {
    struct opening opening;

    prepare(&opening, tracer, request);
    tote_span *span = tote_tracer_start_span(tracer, opening.name, &opening.options);
    complete(&opening, span);
    tote_context *context = tote_context_with_span(opening.options.parent, span);
    tote_span_unref(span);
    finish(&opening);
    return context;
}
