/* SPDX-License-Identifier: MIT */
/*
 * address.h - the two sockets of the agent: one for connections, one for the lines of the log
 */
#ifndef TOTE_HAPROXY_ADDRESS_H
#define TOTE_HAPROXY_ADDRESS_H

#include <stdbool.h>

/* For an IP address: TCP and UDP with one port. For a Unix socket: PATH and PATH.log. */
struct address_sockets {
    int listener; /* -1: none */
    int log;
    char text[160];        /* what is listened on, for people */
    const char *unix_path; /* borrowed; NULL: none */
};

/*
 * Open both sockets, non-blocking. The address is HOST:PORT or [HOST]:PORT with a numeric host, or
 * unix:PATH. Port 0 selects a free one. Returns NULL, or what is wrong.
 */
const char *address_open(const char *address, struct address_sockets *sockets);

/* Close the socket for connections, which other processes may then listen on. */
void address_close_listener(struct address_sockets *sockets);

/* Close both sockets, and remove the files of Unix sockets. */
void address_close(struct address_sockets *sockets);

#endif
