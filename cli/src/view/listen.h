/* SPDX-License-Identifier: MIT */
/*
 * listen.h - a listening socket on loopback
 */
#ifndef TOTE_CLI_LISTEN_H
#define TOTE_CLI_LISTEN_H

/*
 * Listen on 127.0.0.1; port 0 selects a free one. The socket is non-blocking. Returns its
 * descriptor, or -1 with errno.
 */
int listen_on_loopback(unsigned port);

/* Return the port of a listening socket. */
unsigned listen_port(int listener);

#endif
