/* SPDX-License-Identifier: MIT */
/*
 * web.h - the page of the viewer, and its HTTP API
 *
 *   GET /                 the page, with --web
 *   GET /api/traces       the list; the query has its options, see list.h
 *   GET /api/traces/ID    one trace, as an OTLP/JSON request
 *   GET /api/map          the services and their calls
 *   GET /api/events       server-sent events: {"version":N} after each change of the model
 *
 * Responses are built while the lock of the model is held, and sent without it.
 */
#ifndef TOTE_CLI_WEB_H
#define TOTE_CLI_WEB_H

#include <microhttpd.h>
#include <stdbool.h>

#include "model.h"

/* Refuses requests of web pages of other origins. */
#define WEB_FOREIGN "requests of web pages of other origins are refused"

enum { WEB_MOST_STREAMS = 256 }; /* connections that receive events */

struct web;

/* `has_page`: serve the page. Returns NULL if out of memory. */
struct web *web_new(struct model *model, bool has_page);

/* Wake all streams, before the daemon stops. They end. */
void web_stop(struct web *web);

/* Only after the daemon has stopped. */
void web_free(struct web *web);

/* Whether this path belongs to the page or to the API. */
bool web_has_path(const char *path);

/*
 * Respond to a request for such a path: GET or HEAD. `is_foreign`: it comes from a page of another
 * origin. On the daemon's thread.
 */
enum MHD_Result web_respond(struct web *web, struct MHD_Connection *connection, const char *path,
                            const char *method, bool is_foreign);

/* Whether this connection receives events. On the daemon's thread. */
bool web_is_stream(struct web *web, const struct MHD_Connection *connection);

/* Add the headers that every response has. */
void web_add_headers(struct MHD_Response *response);

#endif
