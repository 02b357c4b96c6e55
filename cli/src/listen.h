/* SPDX-License-Identifier: MIT */
/*
 * listen.h - a listening socket on loopback
 */
#ifndef TOTE_CLI_LISTEN_H
#define TOTE_CLI_LISTEN_H

/*
 * Listen on 127.0.0.1; port 0 is a free one. The socket does not block. Returns: its descriptor;
 * -1, and errno says why.
 */
int listen_on_loopback(unsigned port);

/* The port of a listening socket. */
unsigned listen_port(int listener);

#endif
