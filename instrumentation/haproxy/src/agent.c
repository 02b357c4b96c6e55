/* SPDX-License-Identifier: MIT */
/*
 * agent.c - the event loop
 *
 * Connections are served before the log, because the message of a request precedes its line: so a
 * request that has ended while this process did not run is not left in the table.
 *
 * Tests: tests/hosts/haproxy/test_agent.py
 */
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "tote/internal/clock.h"

enum {
    MOST_LINE = 16384,
    MOST_LINES = 1024, /* in one turn of the loop */
    MOST_ACCEPTED = 64,
    LONGEST_WAIT_MS = 60000,
    FLUSH_MS = 2000,
    OTHER_SOURCES = 3 /* besides connections */
};

struct agent {
    const struct agent_options *options;
    struct address_sockets *sockets;
    struct requests *requests;
    int epoll;
    int signals;
    unsigned count;
    struct connection *oldest;
    struct connection *newest;
    struct epoll_event *events;
    unsigned event_count;
    bool is_draining;
    uint64_t drain_deadline;
    char line[MOST_LINE];
};

static void make_set(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

void agent_block_signals(void) {
    sigset_t set;

    make_set(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static bool watch(struct agent *agent, int descriptor, int operation, uint32_t events, void *data) {
    struct epoll_event event = {.events = events, .data.ptr = data};

    return epoll_ctl(agent->epoll, operation, descriptor, &event) == 0;
}

static void unlink_connection(struct agent *agent, struct connection *connection) {
    *(connection->older ? &connection->older->newer : &agent->oldest) = connection->newer;
    *(connection->newer ? &connection->newer->older : &agent->newest) = connection->older;
}

static void link_newest(struct agent *agent, struct connection *connection) {
    connection->older = agent->newest;
    connection->newer = NULL;
    *(agent->newest ? &agent->newest->newer : &agent->oldest) = connection;
    agent->newest = connection;
}

/* Events of this turn that are not handled yet no longer refer to the connection. */
static void close_connection(struct agent *agent, struct connection *connection) {
    for (unsigned i = 0; i < agent->event_count; i++) {
        if (agent->events[i].data.ptr == connection) {
            agent->events[i].data.ptr = NULL;
        }
    }
    unlink_connection(agent, connection);
    close(connection->descriptor);
    free(connection);
    agent->count--;
}

/* Make room: the connection that has been silent for the longest time has to go. */
static bool close_oldest(struct agent *agent) {
    if (!agent->oldest) {
        return false;
    }
    connection_stop(agent->oldest, SPOP_NO_RESOURCES);
    close_connection(agent, agent->oldest);
    return true;
}

static void add_connection(struct agent *agent, int descriptor) {
    if (agent->count >= agent->options->most_connections) {
        close_oldest(agent);
    }
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        close(descriptor);
        return;
    }
    connection->descriptor = descriptor;
    connection->events = EPOLLIN;
    link_newest(agent, connection);
    agent->count++;
    if (!watch(agent, descriptor, EPOLL_CTL_ADD, EPOLLIN, connection)) {
        close_connection(agent, connection);
    }
}

static void accept_connections(struct agent *agent) {
    for (int i = 0; i < MOST_ACCEPTED; i++) {
        int descriptor =
            accept4(agent->sockets->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (descriptor >= 0) {
            add_connection(agent, descriptor);
        } else if ((errno != EMFILE && errno != ENFILE) || !close_oldest(agent)) {
            return;
        }
    }
}

static void update_connection(struct agent *agent, struct connection *connection) {
    uint32_t events = connection_events(connection);

    if (events != connection->events &&
        watch(agent, connection->descriptor, EPOLL_CTL_MOD, events, connection)) {
        connection->events = events;
    }
}

static void serve(struct agent *agent, struct connection *connection) {
    bool has_frames;

    if (!connection_serve(connection, agent->requests, &has_frames)) {
        close_connection(agent, connection);
        return;
    }
    if (has_frames) {
        unlink_connection(agent, connection);
        link_newest(agent, connection);
    }
    update_connection(agent, connection);
}

static void read_log(struct agent *agent) {
    for (int i = 0; i < MOST_LINES; i++) {
        ssize_t size = recv(agent->sockets->log, agent->line, sizeof agent->line, 0);
        if (size < 0) {
            return;
        }
        requests_log(agent->requests, agent->line, (size_t)size);
    }
}

/* Accept no more; requests that HAProxy still serves have until the deadline to end. */
static void drain(struct agent *agent) {
    agent->is_draining = true;
    agent->drain_deadline = tote__clock_monotonic() + agent->options->drain_ns;
    address_close_listener(agent->sockets);
    for (struct connection *connection = agent->oldest, *next; connection; connection = next) {
        next = connection->newer;
        connection_stop(connection, SPOP_NORMAL);
        if (!connection->out_end) {
            close_connection(agent, connection);
        } else {
            update_connection(agent, connection);
        }
    }
}

/* A second signal ends the drain. */
static void read_signals(struct agent *agent) {
    struct signalfd_siginfo info;

    while (read(agent->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            tote_sdk_force_flush(agent->options->sdk, FLUSH_MS);
        } else if (agent->is_draining) {
            agent->drain_deadline = 0;
        } else {
            drain(agent);
        }
    }
}

/* Handle one turn: connections, new connections, the log, signals. */
static void handle_events(struct agent *agent, unsigned count) {
    void *const sources[OTHER_SOURCES] = {&agent->sockets->listener, &agent->sockets->log,
                                          &agent->signals};
    static void (*const handlers[OTHER_SOURCES])(struct agent *) = {accept_connections, read_log,
                                                                    read_signals};
    bool is_ready[OTHER_SOURCES] = {false};

    agent->event_count = count;
    for (unsigned i = 0; i < count; i++) {
        void *source = agent->events[i].data.ptr;
        bool is_other = false;
        for (size_t other = 0; other < OTHER_SOURCES; other++) {
            if (source == sources[other]) {
                is_ready[other] = is_other = true;
            }
        }
        if (source && !is_other) {
            serve(agent, source);
        }
    }
    agent->event_count = 0;
    for (size_t other = 0; other < OTHER_SOURCES; other++) {
        if (is_ready[other]) {
            handlers[other](agent);
        }
    }
}

static bool is_drained(const struct agent *agent) {
    return agent->is_draining && ((!agent->count && !requests_pending(agent->requests)) ||
                                  tote__clock_monotonic() >= agent->drain_deadline);
}

static int wait_ms(const struct agent *agent) {
    int most = LONGEST_WAIT_MS;

    if (agent->is_draining) {
        uint64_t now = tote__clock_monotonic();
        uint64_t left =
            agent->drain_deadline > now ? (agent->drain_deadline - now) / 1000000 + 1 : 0;
        most = left < LONGEST_WAIT_MS ? (int)left : LONGEST_WAIT_MS;
    }
    return requests_expire(agent->requests, most);
}

static bool set_up(struct agent *agent) {
    sigset_t set;

    make_set(&set);
    agent->epoll = epoll_create1(EPOLL_CLOEXEC);
    agent->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    agent->events = calloc(agent->options->most_connections + OTHER_SOURCES, sizeof *agent->events);
    return agent->epoll >= 0 && agent->signals >= 0 && agent->events &&
           watch(agent, agent->sockets->listener, EPOLL_CTL_ADD, EPOLLIN,
                 &agent->sockets->listener) &&
           watch(agent, agent->sockets->log, EPOLL_CTL_ADD, EPOLLIN, &agent->sockets->log) &&
           watch(agent, agent->signals, EPOLL_CTL_ADD, EPOLLIN, &agent->signals);
}

static int run(struct agent *agent) {
    int most = (int)(agent->options->most_connections + OTHER_SOURCES);

    while (!is_drained(agent)) {
        int count = epoll_wait(agent->epoll, agent->events, most, wait_ms(agent));
        if (count < 0 && errno != EINTR) {
            return errno;
        }
        handle_events(agent, count > 0 ? (unsigned)count : 0);
    }
    return 0;
}

int agent_run(const struct agent_options *options) {
    struct agent *agent = calloc(1, sizeof *agent);

    if (!agent) {
        return ENOMEM;
    }
    agent->options = options;
    agent->sockets = options->sockets;
    agent->requests = options->requests;
    int error = set_up(agent) ? run(agent) : errno;
    while (agent->oldest) {
        close_connection(agent, agent->oldest);
    }
    close(agent->epoll);
    close(agent->signals);
    free(agent->events);
    free(agent);
    return error;
}
