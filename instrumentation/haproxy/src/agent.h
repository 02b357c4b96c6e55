/* SPDX-License-Identifier: MIT */
/*
 * agent.h - the event loop: connections of HAProxy, lines of its log, and signals
 */
#ifndef TOTE_HAPROXY_AGENT_H
#define TOTE_HAPROXY_AGENT_H

#include "address.h"
#include "request.h"
#include "tote/sdk.h"

struct agent_options {
    struct address_sockets *sockets;
    struct requests *requests;
    tote_sdk *sdk; /* exports what is queued on SIGHUP; NULL is allowed */
    unsigned most_connections;
    uint64_t drain_ns; /* how long requests may end after SIGTERM */
};

/* Block the signals that agent_run() handles: call it before any thread is started. */
void agent_block_signals(void);

/* Serve until SIGTERM or SIGINT. Returns 0, or an errno. */
int agent_run(const struct agent_options *options);

#endif
