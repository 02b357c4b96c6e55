/* SPDX-License-Identifier: MIT */
/*
 * client.c - client spans, and the context of their requests. Spec: http-spans.md#http-client
 *
 * Tests: tests/unit/test_http_client.c
 */
#include <string.h>

#include "http_parts.h"
#include "tote/instrumentation/http.h"
#include "tote/internal/keys.h"
#include "tote/internal/tracer.h"

enum { MOST_ATTRIBUTES = 10, LONGEST_HOST = 255, USUAL_BUFFER_BYTES = 512 };

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

/* The attributes of a try, and what they borrow from. */
struct described {
    tote_attribute attributes[MOST_ATTRIBUTES];
    size_t count;
    struct tote__arena memory;
    unsigned char buffer[USUAL_BUFFER_BYTES];
};

static void add(struct described *described, const char *key, tote_value value) {
    described->attributes[described->count++] = (tote_attribute){key, value};
}

static void add_text(struct described *described, const char *key, const char *text) {
    if (text && *text) {
        add(described, key, tote_string(text));
    }
}

static void add_part(struct described *described, const char *key, struct tote__part text) {
    if (text.length) {
        add(described, key, tote_string_of(text.at, text.length));
    }
}

static void add_number(struct described *described, const char *key, unsigned number) {
    if (number) {
        add(described, key, tote_int(number));
    }
}

static void add_server(struct described *described, const tote_http_client_request *request,
                       const struct url *url) {
    add_part(described, TOTE__KEY(URL_FULL), url->full);
    if (request->server_address) {
        add_text(described, TOTE__KEY(SERVER_ADDRESS), request->server_address);
        add_number(described, TOTE__KEY(SERVER_PORT), request->server_port);
    } else if (url->host.length) {
        add_part(described, TOTE__KEY(SERVER_ADDRESS), url->host);
        add_number(described, TOTE__KEY(SERVER_PORT), url->port);
    }
}

static void add_method(struct described *described, const char *method) {
    const char *known = tote_http_known_method(method);

    if (method) {
        add_text(described, TOTE__KEY(HTTP_REQUEST_METHOD), known);
        add_text(described, TOTE__KEY(HTTP_REQUEST_METHOD_ORIGINAL),
                 known == method ? NULL : method);
    }
}

static void describe(struct described *described, const tote_http_client_request *request) {
    described->count = 0;
    described->memory = tote__arena_over(described->buffer, sizeof described->buffer);
    struct url url = read_url(&described->memory, request->url);
    add_method(described, request->method);
    add_server(described, request, &url);
    add_text(described, TOTE__KEY(URL_TEMPLATE), request->url_template);
    add_text(described, TOTE__KEY(NETWORK_PEER_ADDRESS), request->peer_address);
    if (request->peer_address) {
        add_number(described, TOTE__KEY(NETWORK_PEER_PORT), request->peer_port);
    }
    add_text(described, TOTE__KEY(NETWORK_PROTOCOL_VERSION), request->protocol_version);
    add_number(described, TOTE__KEY(HTTP_REQUEST_RESEND_COUNT), request->resend_count);
}

/* Start the span with its attributes, for samplers and processors that look at them. */
static tote_span *start_described(tote_tracer *tracer, const char *name, tote_span_options *options,
                                  const tote_http_client_request *request) {
    struct described *described = tote__allocate(sizeof *described); /* stacks may be small */

    if (described) {
        describe(described, request);
        options->attributes = described->attributes;
        options->attribute_count = described->count;
    }
    tote_span *span = tote_tracer_start_span(tracer, name, options);
    if (described) {
        tote__arena_clear(&described->memory);
    }
    tote__release(described, sizeof *described);
    return span;
}

/* Add the attributes to a span that has started without them. */
static void complete(tote_span *span, const tote_http_client_request *request) {
    struct described described;

    describe(&described, request);
    tote_span_set_attributes(span, described.attributes, described.count);
    tote__arena_clear(&described.memory);
}

tote_span *tote_http_client_start(tote_tracer *tracer, const tote_http_client_request *given) {
    tote_http_client_request request = TOTE_HTTP_CLIENT_REQUEST_INIT;
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    char name[256];

    TOTE__COPY_OPTIONS(tote_http_client_request, &request, given);
    tote_http_span_name(name, sizeof name, request.method, request.url_template);
    options.kind = TOTE_SPAN_KIND_CLIENT;
    options.parent = request.parent;
    options.start_time_unix_nano = request.start_time_unix_nano;
    if (tote__tracer_shows_attributes(tracer)) {
        return start_described(tracer, name, &options, &request);
    }
    tote_span *span = tote_tracer_start_span(tracer, name, &options);
    if (tote_span_is_recording(span)) {
        complete(span, &request);
    }
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
