/* SPDX-License-Identifier: MIT */
/*
 * http.h - OTLP/HTTP without TLS, on loopback
 *
 * One thread serves all connections.
 */
#ifndef TOTE_CLI_HTTP_H
#define TOTE_CLI_HTTP_H

#include "requests.h"

struct http_server;

/*
 * On this port, 0 is a free one. `take` and `note` are called on the server's thread. NULL, and
 * errno says why.
 */
struct http_server *http_start(unsigned port, requests_take *take, receipt_note *note);

unsigned http_port(const struct http_server *server);

void http_stop(struct http_server *server);

#endif
