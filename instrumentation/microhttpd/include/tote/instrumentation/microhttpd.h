/* SPDX-License-Identifier: MIT */
/**
 * @file tote/instrumentation/microhttpd.h
 * Server spans for GNU libmicrohttpd, and its requests and responses as carriers.
 * Spec: semantic-conventions http-spans.md#http-server
 *
 * Your handler is called by Tote's, in a scope of the request: its store has the baggage that came in, and what is added in
 * one call is there in the next one, whichever thread that is on.
 *
 *     static tote_microhttpd_server server = TOTE_MICROHTTPD_SERVER_INIT;
 *     server.tracer = tote_get_tracer("shop", "1.0");
 *     server.handle = on_request;
 *     MHD_start_daemon(flags, port, NULL, NULL, tote_microhttpd_handle, &server,
 *                      MHD_OPTION_NOTIFY_COMPLETED, tote_microhttpd_completed, &server, MHD_OPTION_END);
 *
 * A connection that is suspended goes on in its scope as it is resumed; a thread that works for it meanwhile takes
 * tote_context_ref(tote_context_current()) along.
 *
 * Threads: as libmicrohttpd's.
 */
#ifndef TOTE_INSTRUMENTATION_MICROHTTPD_H
#define TOTE_INSTRUMENTATION_MICROHTTPD_H

#include <microhttpd.h>

#include "tote/instrumentation/http.h"

TOTE_BEGIN_DECLS

/** What answers requests. It must live as long as the daemon. */
typedef struct tote_microhttpd_server {
    size_t struct_size;
    tote_tracer *tracer;
    MHD_AccessHandlerCallback handle; /**< yours, with its own `cls` and its own place for state */
    void *handle_cls;
    MHD_RequestCompletedCallback completed; /**< yours; NULL: none */
    void *completed_cls;

    /**
     * The route of a path, as "/orders/{id}"; NULL where it has none, or a handler will set it with
     * tote_http_server_set_route(). What it returns must live until the call after. NULL: none has.
     */
    const char *(*get_route)(void *cls, const char *method, const char *path);
    void *get_route_cls;
    bool ignore_forwarded; /**< as in tote_http_request */
} tote_microhttpd_server;

#define TOTE_MICROHTTPD_SERVER_INIT \
    { sizeof(tote_microhttpd_server), NULL, NULL, NULL, NULL, NULL, NULL, NULL, false }

/** Give both to MHD_start_daemon(), with the server as their `cls`: the span ends as the request has been completed. */
TOTE_API enum MHD_Result tote_microhttpd_handle(void *server, struct MHD_Connection *connection,
                                                const char *url, const char *method,
                                                const char *version, const char *upload_data,
                                                size_t *upload_data_size, void **state);
TOTE_API void tote_microhttpd_completed(void *server, struct MHD_Connection *connection,
                                        void **state, enum MHD_RequestTerminationCode how);

/** Reads the headers of a request: the carrier is its `struct MHD_Connection *`. */
TOTE_API const tote_text_map_getter *tote_microhttpd_getter(void);

/**
 * Writes headers of a response: the carrier is a `struct MHD_Response *`. Mind that whoever asked gets what the
 * store says.
 */
TOTE_API const tote_text_map_setter *tote_microhttpd_setter(void);

TOTE_END_DECLS

#ifdef TOTE_DISABLED /* see tote/common.h */
#define tote_microhttpd_getter(...)                                                               \
    (TOTE__OFF((tote_microhttpd_getter)(__VA_ARGS__)),                                            \
     (const tote_text_map_getter *)tote__off_pointer())
#define tote_microhttpd_setter(...)                                                               \
    (TOTE__OFF((tote_microhttpd_setter)(__VA_ARGS__)),                                            \
     (const tote_text_map_setter *)tote__off_pointer())
#endif

#endif
