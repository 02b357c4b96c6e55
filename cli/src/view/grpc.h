/* SPDX-License-Identifier: MIT */
/*
 * grpc.h - OTLP/gRPC without TLS, on loopback
 *
 * One thread serves all connections.
 */
#ifndef TOTE_CLI_GRPC_H
#define TOTE_CLI_GRPC_H

#include "requests.h"

struct grpc_server;

/*
 * Listen on this port; 0 selects a free one. `take` and `note` are called on the server's thread.
 * On failure: NULL, and errno is set.
 */
struct grpc_server *grpc_start(unsigned port, requests_take *take, receipt_note *note);

unsigned grpc_port(const struct grpc_server *server);

void grpc_stop(struct grpc_server *server);

#endif
