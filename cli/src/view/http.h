/* SPDX-License-Identifier: MIT */
/*
 * http.h - OTLP/HTTP without TLS, on loopback, with the page and the API of web.h
 *
 * One thread serves all connections.
 */
#ifndef TOTE_CLI_HTTP_H
#define TOTE_CLI_HTTP_H

#include "model.h"
#include "requests.h"

struct http_server;

/*
 * Listen on this port; 0 selects a free one. `take` and `note` are called on the server's thread.
 * The API describes the model. `has_page`: serve the page.
 * On failure: NULL, and errno is set.
 */
struct http_server *http_start(unsigned port, requests_take *take, receipt_note *note,
                               struct model *model, bool has_page);

unsigned http_port(const struct http_server *server);

void http_stop(struct http_server *server);

#endif
