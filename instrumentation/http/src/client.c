/* SPDX-License-Identifier: MIT */
/*
 * client.c - client spans, and the context of their requests. Spec: http-spans.md#http-client
 *
 * Tests: tests/unit/test_http_client.c
 */
#include <string.h>

#include "http_parts.h"
#include "tote/instrumentation/http.h"
#include "tote/internal/tracer.h"

enum { MOST_ATTRIBUTES = 10, LONGEST_HOST = 255 };

/* A URL as a span reports it. */
struct url {
    struct tote__part full; /* without secrets; empty if `text` is not an absolute URL */
    struct tote__part host; /* without the brackets of an IPv6 address */
    unsigned port;          /* 0: unknown */
};

/*
 * Return the text without credentials and secrets: itself, or a copy in the arena. Empty if out of
 * memory.
 */
static struct tote__part redact(struct tote__arena *memory, const char *text,
                                const struct tote__http_target *target) {
    bool has_credentials =
        target->authority.at != target->scheme.at + target->scheme.length + strlen("://");

    if (!has_credentials && !target->query.length) {
        return (struct tote__part){text, strlen(text)};
    }
    size_t length = tote__http_redact_url(NULL, 0, text, target);
    char *full = tote__arena_allocate(memory, length + 1);
    if (!full) {
        return (struct tote__part){NULL, 0};
    }
    tote__http_redact_url(full, length + 1, text, target);
    return (struct tote__part){full, length};
}

static struct url read_url(struct tote__arena *memory, const char *text) {
    struct tote__http_target target = tote__http_read_target(NULL, text, NULL);
    struct url url = {.full = {NULL, 0}};

    if (!target.scheme.length || !target.authority.length) {
        return url;
    }
    url.host = tote__http_split_host(target.authority, &url.port);
    const struct tote__http_scheme *scheme = tote__http_known_scheme(target.scheme);
    url.port = url.port || !scheme ? url.port : scheme->port;
    url.full = redact(memory, text, &target);
    return url;
}

static void add_text(tote_span_options *options, tote_attribute *attributes, const char *key,
                     const char *text) {
    if (text && *text) {
        attributes[options->attribute_count++] = (tote_attribute){key, tote_string(text)};
    }
}

static void add_number(tote_span_options *options, tote_attribute *attributes, const char *key,
                       unsigned number) {
    if (number) {
        attributes[options->attribute_count++] = (tote_attribute){key, tote_int(number)};
    }
}

static void add_server(tote_span_options *options, tote_attribute *attributes,
                       const tote_http_client_request *request, const struct url *url) {
    if (url->full.length) {
        attributes[options->attribute_count++] =
            (tote_attribute){"url.full", tote_string_of(url->full.at, url->full.length)};
    }
    if (request->server_address) {
        add_text(options, attributes, "server.address", request->server_address);
        add_number(options, attributes, "server.port", request->server_port);
    } else if (url->host.length) {
        attributes[options->attribute_count++] =
            (tote_attribute){"server.address", tote_string_of(url->host.at, url->host.length)};
        add_number(options, attributes, "server.port", url->port);
    }
}

static void add_method(tote_span_options *options, tote_attribute *attributes, const char *method) {
    const char *known = tote_http_known_method(method);

    if (method) {
        add_text(options, attributes, "http.request.method", known);
        add_text(options, attributes, "http.request.method_original",
                 known == method ? NULL : method);
    }
}

tote_span *tote_http_client_start(tote_tracer *tracer, const tote_http_client_request *given) {
    tote_http_client_request request = TOTE_HTTP_CLIENT_REQUEST_INIT;
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    tote_attribute attributes[MOST_ATTRIBUTES];
    char name[256];
    struct tote__arena memory = {.chunks = NULL};

    TOTE__COPY_OPTIONS(tote_http_client_request, &request, given);
    struct url url = read_url(&memory, request.url);
    add_method(&options, attributes, request.method);
    add_server(&options, attributes, &request, &url);
    add_text(&options, attributes, "url.template", request.url_template);
    add_text(&options, attributes, "network.peer.address", request.peer_address);
    if (request.peer_address) {
        add_number(&options, attributes, "network.peer.port", request.peer_port);
    }
    add_text(&options, attributes, "network.protocol.version", request.protocol_version);
    add_number(&options, attributes, "http.request.resend_count", request.resend_count);
    tote_http_span_name(name, sizeof name, request.method, request.url_template);
    options.kind = TOTE_SPAN_KIND_CLIENT;
    options.parent = request.parent;
    options.attributes = attributes;
    options.start_time_unix_nano = request.start_time_unix_nano;
    tote_span *span = tote_tracer_start_span(tracer, name, &options);
    tote__arena_clear(&memory);
    return span;
}

tote_context *tote_http_client_context(const tote_context *parent, tote_span *span,
                                       const char *url) {
    char host[LONGEST_HOST + 1];
    struct tote__part authority = tote__http_read_target(NULL, url, NULL).authority;
    unsigned port;
    struct tote__part name = tote__http_split_host(authority, &port);
    bool is_bracketed = name.length && name.at != authority.at;
    tote_context *with_span = tote_context_with_span(parent, span);

    if (is_bracketed) {
        name = (struct tote__part){name.at - 1, name.length + 2};
    }
    if (!name.length || name.length > LONGEST_HOST) {
        return with_span;
    }
    memcpy(host, name.at, name.length);
    host[name.length] = '\0';
    tote_context *context = tote_context_with_destination(with_span, host);
    tote_context_unref(with_span);
    return context;
}
