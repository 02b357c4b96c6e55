/* SPDX-License-Identifier: MIT */
/**
 * @file tote/instrumentation/http.h
 * HTTP by the conventions: names, attributes and statuses of spans, for servers and clients of any kind: a module of nginx, a
 * filter of HAProxy, a FastCGI program. libtote-microhttpd and libtote-curl are made of this.
 * Spec: semantic-conventions http-spans.md
 *
 * A server opens a scope as a request's headers are there, and closes it when it has been answered:
 *
 *     tote_http_request request = TOTE_HTTP_REQUEST_INIT;
 *     request.method = "GET";
 *     request.target = "/orders/7?full=1";
 *     request.carrier = headers, request.getter = &getter;
 *     tote_scope *scope = tote_http_server_open(tracer, &request);
 *     ...
 *     tote_http_server_set_route(tote_scope_get_span(scope), "GET", "/orders/{id}");
 *     tote_http_server_set_status(tote_scope_get_span(scope), 200, NULL);
 *     tote_scope_close(&scope);
 *
 * Threads:  any.
 * Lifetime: text is borrowed during the call.
 */
#ifndef TOTE_INSTRUMENTATION_HTTP_H
#define TOTE_INSTRUMENTATION_HTTP_H

#include "tote/propagator.h"
#include "tote/scope.h"

TOTE_BEGIN_DECLS

/** A request as a server gets it. NULL and 0: not known. */
typedef struct tote_http_request {
    size_t struct_size;
    const char *method;           /**< as it came, case and all */
    const char *target;           /**< the path, and `?` and the query if there is one */
    const char *query;            /**< instead, where the server has taken it off the path; without `?` */
    const char *scheme;           /**< of the connection, as "https"; NULL: http */
    const char *protocol_version; /**< "1.0", "1.1", "2" or "3" */
    const char *route;            /**< as "/orders/{id}", if it is known already */
    const char *peer_address;     /**< who is at the other end of the connection */
    uint16_t peer_port;
    const void *carrier; /**< its headers: the trace, and who asked whom */
    const tote_text_map_getter *getter;

    /**
     * Do not believe Forwarded, X-Forwarded-For, -Host and -Proto: for a server that has no proxy before it, because
     * anybody can send them.
     */
    bool ignore_forwarded;
} tote_http_request;

#define TOTE_HTTP_REQUEST_INIT \
    { sizeof(tote_http_request), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, false }

/**
 * A scope with a server span in the trace that the headers tell, current here; as tote_scope_open(). The
 * carrier's baggage is in its store.
 */
TOTE_API TOTE_MUST_USE tote_scope *tote_http_server_open(tote_tracer *tracer,
                                           const tote_http_request *request);

/** The route, once it is known, and the span's name by it. A path is no route: it has ids in it. */
TOTE_API void tote_http_server_set_route(tote_span *span, const char *method, const char *route);

/**
 * The answer's status; an error from 500 on. `error_type`, few words, is for what went wrong otherwise, as
 * "timeout": NULL when nothing did. A status of 0: there was no answer.
 */
TOTE_API void tote_http_server_set_status(tote_span *span, unsigned status, const char *error_type);

/** The same for who asked: an error from 400 on. */
TOTE_API void tote_http_client_set_status(tote_span *span, unsigned status, const char *error_type);

/** Enough for tote_http_server_attributes(). */
#define TOTE_HTTP_SERVER_ATTRIBUTES 16
#define TOTE_HTTP_SERVER_BYTES 4096

/**
 * What a server span is to have as it starts, for who makes the span otherwise; text that has to be made goes to
 * `buffer`, and long text is cut. Returns: how many attributes there are; what does not fit is left out.
 */
TOTE_API size_t tote_http_server_attributes(const tote_http_request *request,
                                            tote_attribute *attributes, size_t capacity,
                                            char *buffer, size_t size);

/**
 * The method for http.request.method: itself where it is one that is known, else "_OTHER". Case counts. Known are those of
 * RFC 9110, PATCH and QUERY, or instead those in OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS, which is read once.
 */
TOTE_API const char *tote_http_known_method(const char *method);

/**
 * The name of a span: "GET /orders/{id}", or "GET" when `target` is NULL, "HTTP" for a method that is not known. It is cut
 * to `size`, NUL and all. Returns: its whole length.
 */
TOTE_API size_t tote_http_span_name(char *buffer, size_t size, const char *method,
                                    const char *target);

/**
 * A query with REDACTED for the values of signatures and credentials, as X-Amz-Signature and sig. It is cut to `size`, NUL and
 * all. Returns: its whole length.
 */
TOTE_API size_t tote_http_redact_query(char *buffer, size_t size, const char *query);

TOTE_END_DECLS

#ifdef TOTE_DISABLED /* see tote/common.h; what only computes stays */
#define tote_http_server_open(...)                                                                \
    (TOTE__OFF((tote_http_server_open)(__VA_ARGS__)), (tote_scope *)tote__off_pointer())
#define tote_http_server_set_route(...) TOTE__OFF((tote_http_server_set_route)(__VA_ARGS__))
#define tote_http_server_set_status(...) TOTE__OFF((tote_http_server_set_status)(__VA_ARGS__))
#define tote_http_client_set_status(...) TOTE__OFF((tote_http_client_set_status)(__VA_ARGS__))
#define tote_http_server_attributes(...)                                                          \
    (TOTE__OFF((tote_http_server_attributes)(__VA_ARGS__)), tote__off_size(0))
#define tote_http_known_method(...)                                                               \
    (TOTE__OFF((tote_http_known_method)(__VA_ARGS__)), tote__off_string())
#define tote_http_span_name(buffer, size, method, target)                                         \
    (TOTE__OFF((tote_http_span_name)(buffer, size, method, target)),                              \
     tote__off_text(buffer, size), tote__off_size(0))
#define tote_http_redact_query(buffer, size, query)                                               \
    (TOTE__OFF((tote_http_redact_query)(buffer, size, query)), tote__off_text(buffer, size),      \
     tote__off_size(0))
#endif

#endif
