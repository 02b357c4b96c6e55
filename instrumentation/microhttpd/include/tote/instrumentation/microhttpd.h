/* SPDX-License-Identifier: MIT */
/**
 * @file tote/instrumentation/microhttpd.h
 * Server spans for GNU libmicrohttpd, and its requests and responses as carriers.
 * Spec: semantic-conventions http-spans.md#http-server
 *
 * Tote calls your handler in a scope of the request. The store of the scope contains the baggage of
 * the request; entries that one call adds are visible in the next call, on any thread. If Tote is
 * out of memory, the request is served without a scope.
 *
 *     static tote_microhttpd_server server = TOTE_MICROHTTPD_SERVER_INIT;
 *     server.tracer = tote_get_tracer("shop", "1.0");
 *     server.handle = on_request;
 *     struct MHD_Daemon *daemon =
 *         MHD_start_daemon(flags, port, NULL, NULL, tote_microhttpd_handle, &server,
 *                          MHD_OPTION_NOTIFY_COMPLETED, tote_microhttpd_completed, &server,
 *                          MHD_OPTION_END);
 *
 * A suspended connection continues in its scope after MHD_resume_connection(). Pass
 * tote_context_ref(tote_context_current()) to a thread that works for the connection meanwhile.
 *
 * Threads: any thread of libmicrohttpd.
 */
#ifndef TOTE_INSTRUMENTATION_MICROHTTPD_H
#define TOTE_INSTRUMENTATION_MICROHTTPD_H

#include <microhttpd.h>

#include "tote/instrumentation/http.h"

TOTE_BEGIN_DECLS

/** The server. It must live as long as the daemon. */
typedef struct tote_microhttpd_server {
    size_t struct_size;
    tote_tracer *tracer;
    MHD_AccessHandlerCallback handle; /**< yours; it has its own `cls` and its own state pointer */
    void *handle_cls;
    MHD_RequestCompletedCallback completed; /**< yours; NULL: none */
    void *completed_cls;

    /**
     * Return the route of a path, for example "/orders/{id}"; NULL if the path has none or the
     * handler calls tote_http_server_set_route(). The text must live until the next call. NULL: no
     * path has a route.
     */
    const char *(*get_route)(void *cls, const char *method, const char *path);
    void *get_route_cls;
    bool ignore_forwarded; /**< as in tote_http_request */
    bool public_endpoint;  /**< as in tote_http_request */
} tote_microhttpd_server;

#define TOTE_MICROHTTPD_SERVER_INIT                                                                \
    { sizeof(tote_microhttpd_server), NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, false }

/**
 * Pass both to MHD_start_daemon(), with the server as `cls`. The span ends when the request is
 * completed.
 */
TOTE_API enum MHD_Result tote_microhttpd_handle(void *server, struct MHD_Connection *connection,
                                                const char *url, const char *method,
                                                const char *version, const char *upload_data,
                                                size_t *upload_data_size, void **state);
TOTE_API void tote_microhttpd_completed(void *server, struct MHD_Connection *connection,
                                        void **state, enum MHD_RequestTerminationCode how);

/** Reads the headers of a request: the carrier is its `struct MHD_Connection *`. */
TOTE_API const tote_text_map_getter *tote_microhttpd_getter(void);

/**
 * Writes headers of a response: the carrier is a `struct MHD_Response *`. The client receives the
 * baggage of the store.
 */
TOTE_API const tote_text_map_setter *tote_microhttpd_setter(void);

TOTE_END_DECLS

#define TOTE__OFF_INSTRUMENTATION_MICROHTTPD
#include "tote/disabled.h"

#endif
