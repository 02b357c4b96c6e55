/* SPDX-License-Identifier: MIT */
/*
 * server.c - a request as a server span tells it. Spec: http-spans.md#http-server
 */
#include <stdlib.h>
#include <string.h>

#include "tote/instrumentation/http.h"
#include "tote/internal/propagator.h"
#include "tote/internal/text.h"
#include "tote/internal/tracer.h"

enum { MOST_HEADER = 512, HTTP_PORT = 80, HTTPS_PORT = 443 };

/* Attributes that are being put together. */
struct writer {
    const tote_http_request *request;
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

/* Text that does not outlive the call goes to the buffer. */
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

/* The first header of this name, up to MOST_HEADER bytes of it; empty when there is none. */
static struct tote__part header(const struct writer *writer, const char *name,
                                char room[MOST_HEADER]) {
    const tote_http_request *request = writer->request;
    size_t length =
        tote__getter_get_first(request->getter, request->carrier, name, room, MOST_HEADER);

    return (struct tote__part){room, tote__min(length, MOST_HEADER)};
}

static struct tote__part first_of_list(struct tote__part list) {
    struct tote__part first;

    tote__split(list.at, list.length, ',', &first, 1);
    tote__trim(&first.at, &first.length);
    return first;
}

/* The value of a parameter of a Forwarded element, without quotes. Spec: RFC 7239 section 4 */
static struct tote__part forwarded_parameter(struct tote__part element, const char *name) {
    struct tote__part parts[8];
    size_t count = tote__split(element.at, element.length, ';', parts, TOTE_COUNT_OF(parts));

    for (size_t i = 0; i < tote__min(count, TOTE_COUNT_OF(parts)); i++) {
        struct tote__part part = parts[i];
        const char *equals = memchr(part.at, '=', part.length);
        if (!equals) {
            continue;
        }
        struct tote__part key = {part.at, (size_t)(equals - part.at)};
        struct tote__part value = {equals + 1, part.length - key.length - 1};
        tote__trim(&key.at, &key.length);
        tote__trim(&value.at, &value.length);
        if (tote__equals_ignoring_case(key.at, key.length, name, strlen(name))) {
            if (value.length > 1 && value.at[0] == '"' && value.at[value.length - 1] == '"') {
                value.at++;
                value.length -= 2;
            }
            return value;
        }
    }
    return (struct tote__part){NULL, 0};
}

/* A parameter of Forwarded, else the first of the other header, for those who believe them. */
static struct tote__part forwarded(const struct writer *writer, const char *parameter,
                                   const char *other, char room[MOST_HEADER]) {
    struct tote__part none = {NULL, 0};

    if (writer->request->ignore_forwarded) {
        return none;
    }
    struct tote__part element = first_of_list(header(writer, "forwarded", room));
    struct tote__part value = forwarded_parameter(element, parameter);
    return value.length ? value : first_of_list(header(writer, other, room));
}

/* Host and port of "host", "host:port", "[v6]", "[v6]:port" or a bare IPv6 address. Port 0: none. */
static struct tote__part split_host(struct tote__part text, unsigned *port) {
    struct tote__part host = text;
    const char *end = text.at + text.length;
    const char *colon = NULL;

    *port = 0;
    if (!text.length) {
        return host;
    }
    if (text.at[0] == '[') {
        const char *bracket = memchr(text.at, ']', text.length);
        if (bracket) {
            host = (struct tote__part){text.at + 1, (size_t)(bracket - text.at) - 1};
            colon = bracket + 1 < end && bracket[1] == ':' ? bracket + 1 : NULL;
        }
    } else {
        colon = memchr(text.at, ':', text.length);
        if (colon && memchr(colon + 1, ':', (size_t)(end - colon) - 1)) {
            colon = NULL; /* more than one: an address */
        }
        host.length = colon ? (size_t)(colon - text.at) : text.length;
    }
    for (const char *at = colon ? colon + 1 : end; at < end && *at >= '0' && *at <= '9'; at++) {
        *port = *port < 100000 ? *port * 10 + (unsigned)(*at - '0') : *port;
    }
    *port = *port <= UINT16_MAX ? *port : 0;
    return host;
}

static void add_method(struct writer *writer) {
    const char *method = tote_http_known_method(writer->request->method);

    add(writer, "http.request.method", tote_string(method));
    if (method != writer->request->method) {
        add_text(writer, "http.request.method_original", writer->request->method);
    }
}

static void add_target(struct writer *writer) {
    const char *target = writer->request->target ? writer->request->target : "";
    size_t path_length = strcspn(target, "?");
    const char *query = writer->request->query;

    add(writer, "url.path", tote_string_of(target, path_length));
    query = query || !target[path_length] ? query : target + path_length + 1;
    if (query && *query && writer->size) {
        size_t length = tote_http_redact_query(writer->buffer, writer->size / 2, query);
        length = tote__min(length, writer->size / 2 ? writer->size / 2 - 1 : 0);
        length = tote__utf8_cut(writer->buffer, length, length);
        add(writer, "url.query", tote_string_of(writer->buffer, length));
        writer->buffer += length;
        writer->size -= length;
    }
}

/* Returns: whether it is https. */
static bool add_scheme(struct writer *writer) {
    char room[MOST_HEADER];
    struct tote__part scheme = forwarded(writer, "proto", "x-forwarded-proto", room);

    if (!scheme.length) {
        const char *own = writer->request->scheme ? writer->request->scheme : "http";
        scheme = (struct tote__part){own, strlen(own)};
    }
    bool is_https = tote__equals_ignoring_case(scheme.at, scheme.length, "https", 5);
    if (is_https) {
        add(writer, "url.scheme", tote_string("https"));
    } else {
        add_copy(writer, "url.scheme", scheme);
    }
    return is_https;
}

static void add_server(struct writer *writer, bool is_https) {
    char room[MOST_HEADER];
    unsigned port;
    struct tote__part authority = forwarded(writer, "host", "x-forwarded-host", room);

    if (!authority.length) {
        authority = header(writer, "host", room);
    }
    struct tote__part host = split_host(authority, &port);
    if (host.length) {
        add_copy(writer, "server.address", host);
        add(writer, "server.port", tote_int(port ? port : is_https ? HTTPS_PORT : HTTP_PORT));
    }
}

static void add_client(struct writer *writer) {
    char room[MOST_HEADER];
    unsigned port;
    struct tote__part client = forwarded(writer, "for", "x-forwarded-for", room);

    client = split_host(client, &port);
    if (client.length) {
        add_copy(writer, "client.address", client);
    } else {
        add_text(writer, "client.address", writer->request->peer_address);
    }
    add_text(writer, "network.peer.address", writer->request->peer_address);
    if (writer->request->peer_address && writer->request->peer_port) {
        add(writer, "network.peer.port", tote_int(writer->request->peer_port));
    }
    add_copy(writer, "user_agent.original", header(writer, "user-agent", room));
}

static size_t write_attributes(const tote_http_request *request, tote_attribute *attributes,
                               size_t capacity, char *buffer, size_t size) {
    struct writer writer = {request, attributes,       0, attributes ? capacity : 0,
                            buffer,  buffer ? size : 0};

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

    tote__copy_options(&request, sizeof request, given);
    return write_attributes(&request, attributes, capacity, buffer, size);
}

tote_scope *tote_http_server_open(tote_tracer *tracer, const tote_http_request *given) {
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    tote_attribute attributes[TOTE_HTTP_SERVER_ATTRIBUTES];
    char buffer[TOTE_HTTP_SERVER_BYTES];
    char name[256];

    tote__copy_options(&request, sizeof request, given);
    tote_context *remote = tote_extract(tote_context_root(), request.carrier, request.getter);
    tote_http_span_name(name, sizeof name, request.method, request.route);
    options.parent = remote;
    options.kind = TOTE_SPAN_KIND_SERVER;
    options.attributes = attributes;
    options.attribute_count =
        write_attributes(&request, attributes, TOTE_COUNT_OF(attributes), buffer, sizeof buffer);
    tote_scope *scope = tote_scope_open(tracer, name, &options);
    tote_context_unref(remote);
    return scope;
}
