/* SPDX-License-Identifier: MIT */
/*
 * listen.c - a listening socket on loopback
 *
 * Tests: tests/cli/test_view.sh
 */
#include "listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli_os.h"

int listen_on_loopback(unsigned port) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int yes = 1;
    int listener = os_tcp_socket();

    if (listener < 0) {
        return -1;
    }
    /* Allow connections in TIME_WAIT; a second listener still fails. */
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, SOMAXCONN) != 0) {
        int error = errno;
        close(listener);
        errno = error;
        return -1;
    }
    return listener;
}

unsigned listen_port(int listener) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    getsockname(listener, (struct sockaddr *)&address, &size);
    return ntohs(address.sin_port);
}
