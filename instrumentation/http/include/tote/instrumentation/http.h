/* SPDX-License-Identifier: MIT */
/**
 * @file tote/instrumentation/http.h
 * Names, attributes and statuses of HTTP spans, for servers and clients of any kind: for example a
 * module of nginx, a filter of HAProxy or a FastCGI program. libtote-microhttpd and libtote-curl
 * use it.
 * Spec: semantic-conventions http-spans.md
 *
 * A server opens a scope when it has the headers of a request, and closes it after the response:
 *
 *     tote_http_request request = TOTE_HTTP_REQUEST_INIT;
 *     request.method = "GET";
 *     request.target = "/orders/7?full=1";
 *     request.carrier = &headers;
 *     request.getter = tote_header_array_getter();
 *     tote_scope *scope = tote_http_server_open(tracer, &request);
 *     handle_request();
 *     tote_http_server_set_route(tote_scope_get_span(scope), "GET", "/orders/{id}");
 *     tote_http_server_set_status(tote_scope_get_span(scope), 200, NULL);
 *     tote_scope_close(&scope);
 *
 * Threads:  thread-safe; no function blocks.
 * Lifetime: arguments are borrowed during the call, except in tote_http_server_attributes().
 * On failure: a NULL span or an ended span is a no-op. If out of memory, attributes are missing.
 */
#ifndef TOTE_INSTRUMENTATION_HTTP_H
#define TOTE_INSTRUMENTATION_HTTP_H

#include "tote/propagator.h"
#include "tote/scope.h"

TOTE_BEGIN_DECLS

/** A request, as the server received it. NULL and 0: unknown. */
typedef struct tote_http_request {
    size_t struct_size;
    const char *method; /**< as received; case-sensitive */

    /**
     * As received, percent-encoded, in any form of RFC 9112 section 3.2. The user name and the
     * password of a URL are never recorded. The query is recorded as by tote_http_redact_query().
     * If the server does not have it, set `path` and `query` instead.
     */
    const char *target;
    const char *query;            /**< percent-encoded, without `?`; NULL: that of `target` */
    const char *scheme;           /**< of the connection, for example "https"; NULL: http */
    const char *protocol_version; /**< "1.0", "1.1", "2" or "3" */
    const char *route;            /**< for example "/orders/{id}", if it is already known */
    const char *peer_address;     /**< the IP address of the other end of the connection */
    uint16_t peer_port;
    const void *carrier;                /**< the headers; `:authority` of HTTP/2 precedes Host */
    const tote_text_map_getter *getter; /**< reads `carrier`; NULL: no headers */

    /**
     * Ignore Forwarded, X-Forwarded-For, X-Forwarded-Host and X-Forwarded-Proto. Set it if no proxy
     * is in front of the server: any client can send these headers.
     */
    bool ignore_forwarded;

    /**
     * Start a new trace, link its root span to the incoming span and drop remote baggage. Set it if
     * untrusted clients can reach the server: see docs/propagation.md#at-the-edge-which-mode. The
     * incoming sampling decision and tracestate are not continued. Without a valid incoming span
     * there is no link.
     */
    bool public_endpoint;

    /**
     * Names of headers of `carrier` that tote_http_server_open() records, as by
     * tote_http_capture_request_headers(). Samplers see them.
     */
    const char *const *captured_headers;
    size_t captured_header_count;
    uint64_t start_time_unix_nano; /**< 0: now */

    /** Do the same as `public_endpoint`, without a link: the incoming context is not read. */
    bool ignore_context;

    /**
     * The path that the server has split from the target and has decoded. It is recorded as it is:
     * a `?` is a character of the path. `target` is ignored, and there is no query without `query`.
     */
    const char *path;
} tote_http_request;

#define TOTE_HTTP_REQUEST_INIT                                                                     \
    {                                                                                              \
        sizeof(tote_http_request), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, false, \
            false, NULL, 0, 0, false, NULL                                                         \
    }

/**
 * Open a scope with a server span, and make it current. Close it with tote_scope_close(). The span
 * continues the trace of the headers, and the store of the scope contains their baggage, except
 * with `public_endpoint`. The current context of the thread is not used. A NULL tracer: a scope
 * without a span. Never NULL: see tote_scope_open().
 */
TOTE_API TOTE_MUST_USE tote_scope *tote_http_server_open(tote_tracer *tracer,
                                                         const tote_http_request *request);

/**
 * Start the same span without a scope, for a server that needs no store. Returns a context with the
 * span and the incoming baggage. Pass tote_context_get_span() of it to the functions below, end the
 * span with tote_span_end(), then release the context. Never NULL: if out of memory, it may have no
 * span.
 */
TOTE_API TOTE_MUST_USE tote_context *tote_http_server_start(tote_tracer *tracer,
                                                            const tote_http_request *request);

/**
 * Set http.route and the span name that is made of it. Do not pass a path: a path contains ids.
 * Without a route (NULL or "") nothing changes.
 */
TOTE_API void tote_http_server_set_route(tote_span *span, const char *method, const char *route);

/**
 * Set the status of the response: http.response.status_code. A status of 500 and above is an error.
 * `error_type` names another cause of failure in a few words, for example "timeout"; NULL: none. It
 * makes the span an error with any status. A status of 0: no response was sent.
 */
TOTE_API void tote_http_server_set_status(tote_span *span, unsigned status, const char *error_type);

/** One try of a request, as the client sends it. NULL and 0: unknown. */
typedef struct tote_http_client_request {
    size_t struct_size;
    const char *method; /**< case-sensitive */

    /**
     * Absolute. The user name and the password are recorded as REDACTED, the query as by
     * tote_http_redact_query(). It gives server.address and server.port.
     */
    const char *url;
    const char *url_template;   /**< of low cardinality, for example "/orders/{id}" */
    const char *server_address; /**< instead of that of `url`, together with `server_port` */
    uint16_t server_port;
    uint16_t peer_port;
    const char *peer_address;      /**< the IP address of the other end of the connection */
    const char *protocol_version;  /**< "1.0", "1.1", "2" or "3" */
    uint32_t resend_count;         /**< number of tries of the same request before this one */
    const tote_context *parent;    /**< TOTE_CONTEXT_CURRENT by TOTE_HTTP_CLIENT_REQUEST_INIT */
    uint64_t start_time_unix_nano; /**< 0: now */
} tote_http_client_request;

#define TOTE_HTTP_CLIENT_REQUEST_INIT                                                              \
    {                                                                                              \
        sizeof(tote_http_client_request), NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, 0,             \
            TOTE_CONTEXT_CURRENT, 0                                                                \
    }

/**
 * Start the client span of one try. Close it with tote_span_close(), after
 * tote_http_client_set_status(). Never NULL: see tote_tracer_start_span().
 *
 *     tote_span *span = tote_http_client_start(tracer, &request);
 *     tote_context *context = tote_http_client_context(request.parent, span, request.url);
 *     tote_inject(context, &headers, setter);
 *     tote_context_unref(context);
 */
TOTE_API TOTE_MUST_USE tote_span *tote_http_client_start(tote_tracer *tracer,
                                                         const tote_http_client_request *request);

/**
 * Return the context that is injected into the headers of a try: `parent` with the span, and with
 * the host of `url` as its destination. Without a host, hosts that are not listed get no headers:
 * see tote_context_with_destination().
 */
TOTE_API TOTE_MUST_USE tote_context *tote_http_client_context(const tote_context *parent,
                                                              tote_span *span, const char *url);

/** Set the status of a client span as of a server span: a status of 400 and above is an error. */
TOTE_API void tote_http_client_set_status(tote_span *span, unsigned status, const char *error_type);

/**
 * Record headers of a request or a response as http.request.header.NAME and
 * http.response.header.NAME, with the name in lower case: an array of up to 16 values. Headers can
 * contain secrets, so only those in `names` are recorded, and none by default. A header that is
 * missing has no attribute. `getter` reads `carrier`.
 */
TOTE_API void tote_http_capture_request_headers(tote_span *span, const char *const *names,
                                                size_t name_count, const void *carrier,
                                                const tote_text_map_getter *getter);
TOTE_API void tote_http_capture_response_headers(tote_span *span, const char *const *names,
                                                 size_t name_count, const void *carrier,
                                                 const tote_text_map_getter *getter);

/** Sizes that are enough for tote_http_server_attributes(). */
#define TOTE_HTTP_SERVER_MAX_ATTRIBUTES 16
#define TOTE_HTTP_SERVER_BUFFER_BYTES 4096

/**
 * Write the attributes that a server span has at its start, for callers that make the span
 * themselves. Returns the number of attributes; attributes that do not fit are left out. The
 * attributes borrow text from `request` and from `buffer`, which has `size` bytes. A query is cut
 * to half of `buffer`, the text of a header to 512 bytes.
 */
TOTE_API size_t tote_http_server_attributes(const tote_http_request *request,
                                            tote_attribute *attributes, size_t capacity,
                                            char *buffer, size_t size);

/**
 * Return the value of http.request.method: `method` itself if it is known, else "_OTHER". The
 * comparison is case-sensitive. Known methods are those of RFC 9110, PATCH and QUERY. The variable
 * OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS replaces the list with up to 32 methods, separated by
 * commas. It is read once, at the first use of this library.
 */
TOTE_API const char *tote_http_known_method(const char *method);

/**
 * Write the name of a span: "GET /orders/{id}", "GET" if `target` is NULL or "", "HTTP" instead of
 * an unknown method. The name is cut to `size` bytes, including the NUL. Returns its full length.
 */
TOTE_API size_t tote_http_span_name(char *buffer, size_t size, const char *method,
                                    const char *target);

/**
 * Write a query with REDACTED as the value of signatures and credentials. Their names are
 * AWSAccessKeyId, sig, Signature, X-Amz-Credential, X-Amz-Security-Token, X-Amz-Signature and
 * X-Goog-Signature; case-sensitive. The text is cut to `size` bytes, including the NUL. Returns its
 * full length. A NULL query is empty.
 */
TOTE_API size_t tote_http_redact_query(char *buffer, size_t size, const char *query);

/**
 * Write an absolute URL with REDACTED as its user name and its password, and its query as by
 * tote_http_redact_query(). The text is cut as there. Returns its full length. A text that is not
 * an absolute URL with a host has no result: 0 and "".
 */
TOTE_API size_t tote_http_redact_url(char *buffer, size_t size, const char *url);

TOTE_END_DECLS

#define TOTE__OFF_INSTRUMENTATION_HTTP
#include "tote/disabled.h"

#endif
