/* SPDX-License-Identifier: MIT */
/**
 * @file tote/instrumentation/microhttpd.h
 * Server spans for GNU libmicrohttpd, and its requests and responses as carriers.
 * Spec: semantic-conventions http-spans.md#http-server
 *
 * Tote calls your handler in a scope of the request. The store of the scope contains the baggage of
 * the request, and entries that one call adds are visible in the next call, on any thread. If out
 * of memory, the request is served without a scope, with a diagnostic.
 *
 *     static tote_microhttpd_server server = TOTE_MICROHTTPD_SERVER_INIT;
 *     server.tracer = tote_get_tracer("shop", "1.0");
 *     server.handle = on_request;
 *     struct MHD_Daemon *daemon =
 *         MHD_start_daemon(flags, port, NULL, NULL, tote_microhttpd_handle, &server,
 *                          MHD_OPTION_NOTIFY_COMPLETED, tote_microhttpd_completed, &server,
 *                          MHD_OPTION_END);
 *
 * A suspended connection continues in its scope after MHD_resume_connection(). If another thread
 * works for the suspended connection, pass it tote_context_ref(tote_context_current()).
 *
 * Threads: your functions run on threads of libmicrohttpd, concurrently for different connections.
 *          Tote does not block there, except to export in TOTE_EXPORT_MODE_SIMPLE.
 */
#ifndef TOTE_INSTRUMENTATION_MICROHTTPD_H
#define TOTE_INSTRUMENTATION_MICROHTTPD_H

#include <microhttpd.h>

#include "tote/instrumentation/http.h"

TOTE_BEGIN_DECLS

/** The options of a daemon. Keep the struct, unchanged, until MHD_stop_daemon() returns. */
typedef struct tote_microhttpd_server {
    size_t struct_size;
    tote_tracer *tracer; /**< NULL: scopes without spans */

    /**
     * Your handler, with a `cls` and a state pointer of its own. NULL: every request is refused.
     */
    MHD_AccessHandlerCallback handle;
    void *handle_cls;
    MHD_RequestCompletedCallback completed; /**< yours, called in the scope; NULL: none */
    void *completed_cls;

    /**
     * Return the route of a path, for example "/orders/{id}". Return NULL if the path has none, or
     * if the handler calls tote_http_server_set_route(). Called before the scope exists. The text
     * must stay valid until `handle` is called. NULL: no path has a route.
     */
    const char *(*get_route)(void *cls, const char *method, const char *path);
    void *get_route_cls;
    bool ignore_forwarded; /**< as in tote_http_request */
    bool public_endpoint;  /**< as in tote_http_request: set it if untrusted clients can connect */
    const char *const *captured_headers; /**< of the request, as in tote_http_request */
    size_t captured_header_count;
} tote_microhttpd_server;

#define TOTE_MICROHTTPD_SERVER_INIT                                                                \
    {                                                                                              \
        sizeof(tote_microhttpd_server), NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, false,    \
            NULL, 0                                                                                \
    }

/**
 * Pass both functions to MHD_start_daemon(), with the same server as `cls`. The span ends when
 * libmicrohttpd calls tote_microhttpd_completed(); without it, spans never end and leak. If the
 * response was not sent completely, the span is an error, and error.type is "timeout", "shutdown",
 * "read_error", "client_abort" or "connection_lost".
 */
TOTE_API enum MHD_Result tote_microhttpd_handle(void *server, struct MHD_Connection *connection,
                                                const char *url, const char *method,
                                                const char *version, const char *upload_data,
                                                size_t *upload_data_size, void **state);
TOTE_API void tote_microhttpd_completed(void *server, struct MHD_Connection *connection,
                                        void **state, enum MHD_RequestTerminationCode how);

/** Return the functions that read a request. The carrier is its `struct MHD_Connection *`. */
TOTE_API const tote_text_map_getter *tote_microhttpd_getter(void);

/**
 * Return the functions that write a response. The carrier is a `struct MHD_Response *`. If you
 * inject a context into a response, the client receives its baggage. A header that libmicrohttpd
 * rejects is missing, with a diagnostic.
 */
TOTE_API const tote_text_map_setter *tote_microhttpd_setter(void);

TOTE_END_DECLS

#define TOTE__OFF_INSTRUMENTATION_MICROHTTPD
#include "tote/disabled.h"

#endif
