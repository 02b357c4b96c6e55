/* SPDX-License-Identifier: MIT */
/*
 * address.c - the sockets of the agent
 *
 * Tests: tests/unit/test_haproxy_address.c, tests/hosts/haproxy/test_agent.py
 */
#include "address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LOG_BUFFER = 4 << 20, MOST_HOST = 64 };

union any_address {
    struct sockaddr head;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    struct sockaddr_storage storage;
};

static int open_socket(const union any_address *address, socklen_t size, int type) {
    const int yes = 1;
    int descriptor = socket(address->head.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (descriptor < 0) {
        return -1;
    }
    if (type == SOCK_STREAM) { /* connections in TIME_WAIT do not count */
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    }
    if (bind(descriptor, &address->head, size) != 0 ||
        (type == SOCK_STREAM && listen(descriptor, SOMAXCONN) != 0)) {
        int error = errno;
        close(descriptor);
        errno = error;
        return -1;
    }
    return descriptor;
}

/* Lines that wait in the kernel: many requests may end while this process does not run. */
static void enlarge_buffer(int descriptor) {
    const int size = LOG_BUFFER;

    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
}

/*
 * Remove a socket that a killed process has left: nothing accepts connections there. connect()
 * fails in the same way with any other file, which is kept.
 */
static void remove_stale(const union any_address *address, socklen_t size, int type) {
    int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct stat status;

    if (lstat(address->un.sun_path, &status) == 0 && S_ISSOCK(status.st_mode) &&
        connect(descriptor, &address->head, size) != 0 && errno == ECONNREFUSED) {
        unlink(address->un.sun_path);
    }
    close(descriptor);
}

static int open_unix(const char *path, const char *suffix, int type) {
    union any_address address = {.un = {.sun_family = AF_UNIX}};
    int length = snprintf(address.un.sun_path, sizeof address.un.sun_path, "%s%s", path, suffix);

    if (length < 0 || (size_t)length >= sizeof address.un.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    remove_stale(&address, sizeof address.un, type);
    return open_socket(&address, sizeof address.un, type);
}

static void open_both_unix(const char *path, struct address_sockets *sockets) {
    sockets->listener = open_unix(path, "", SOCK_STREAM);
    if (sockets->listener < 0) {
        return;
    }
    sockets->unix_path = path;
    sockets->log = open_unix(path, ".log", SOCK_DGRAM);
    snprintf(sockets->text, sizeof sockets->text, "unix:%s and %s.log", path, path);
}

/* getaddrinfo() of glibc also accepts larger numbers, and uses the lower 16 bits. */
static bool is_port(const char *text) {
    char *end = NULL;

    return *text >= '0' && *text <= '9' && strtoul(text, &end, 10) <= UINT16_MAX && !*end;
}

/* Split HOST:PORT or [HOST]:PORT, and read it. Returns the size of the address, or 0. */
static socklen_t read_address(const char *text, union any_address *address) {
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    const char *colon = strrchr(text, ':');
    size_t length = colon ? (size_t)(colon - text) : 0;
    struct addrinfo *found = NULL;
    char host[MOST_HOST];

    if (length > 2 && *text == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    if (!length || length >= sizeof host || !is_port(colon + 1)) {
        return 0;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        return 0;
    }
    socklen_t size = found->ai_addrlen;
    memcpy(address, found->ai_addr, size);
    freeaddrinfo(found);
    return size;
}

/* A free port of TCP may be used with UDP: then another one is tried. */
static void open_both_ip(const union any_address *wanted, socklen_t size,
                         struct address_sockets *sockets) {
    enum { ATTEMPTS = 16 };
    bool is_any = ((const struct sockaddr_in *)(const void *)wanted)->sin_port == 0;
    char host[MOST_HOST] = "";
    char port[16] = "";

    for (int i = 0; i < (is_any ? ATTEMPTS : 1); i++) {
        union any_address address = *wanted;
        socklen_t bound = sizeof address;
        address_close_listener(sockets);
        sockets->listener = open_socket(wanted, size, SOCK_STREAM);
        if (sockets->listener < 0 || getsockname(sockets->listener, &address.head, &bound) != 0) {
            return;
        }
        sockets->log = open_socket(&address, size, SOCK_DGRAM);
        if (sockets->log >= 0) {
            getnameinfo(&address.head, size, host, sizeof host, port, sizeof port,
                        NI_NUMERICHOST | NI_NUMERICSERV);
            snprintf(sockets->text, sizeof sockets->text, strchr(host, ':') ? "[%s]:%s" : "%s:%s",
                     host, port);
            return;
        }
    }
}

const char *address_open(const char *address, struct address_sockets *sockets) {
    static const char scheme[] = "unix:";
    union any_address wanted = {.head = {.sa_family = AF_UNSPEC}};

    *sockets = (struct address_sockets){.listener = -1, .log = -1};
    if (strncmp(address, scheme, sizeof scheme - 1) == 0) {
        open_both_unix(address + sizeof scheme - 1, sockets);
    } else {
        socklen_t size = read_address(address, &wanted);
        if (!size) {
            return "is not HOST:PORT with a numeric host, nor unix:PATH";
        }
        open_both_ip(&wanted, size, sockets);
    }
    if (sockets->listener < 0 || sockets->log < 0) {
        const char *problem = strerror(errno);
        address_close(sockets);
        return problem;
    }
    enlarge_buffer(sockets->log);
    return NULL;
}

void address_close_listener(struct address_sockets *sockets) {
    if (sockets->listener >= 0) {
        close(sockets->listener);
        sockets->listener = -1;
        if (sockets->unix_path) {
            unlink(sockets->unix_path);
        }
    }
}

void address_close(struct address_sockets *sockets) {
    char path[sizeof((struct sockaddr_un *)0)->sun_path];

    address_close_listener(sockets);
    if (sockets->log >= 0) {
        close(sockets->log);
        sockets->log = -1;
        if (sockets->unix_path) {
            snprintf(path, sizeof path, "%s.log", sockets->unix_path);
            unlink(path);
        }
    }
}
