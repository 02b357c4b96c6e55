/* SPDX-License-Identifier: MIT */
/* sink.c - a receiver on libmicrohttpd, in a forked process that is killed at the end */
#include "sink.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static enum MHD_Result response(void *arg, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *body,
                                size_t *body_size, void **request) {
    const unsigned *delay_ms = arg;
    static int seen;

    (void)url, (void)method, (void)version, (void)body;
    if (!*request) {
        *request = &seen;
        return MHD_YES;
    }
    if (*body_size) {
        *body_size = 0;
        return MHD_YES;
    }
    usleep(*delay_ms * 1000);
    struct MHD_Response *nothing = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, nothing);
    MHD_destroy_response(nothing);
    return result;
}

/* Write the port, and accept requests until the end. */
static void serve(int to_parent, unsigned delay_ms) {
    unsigned mode = delay_ms ? MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD
                             : MHD_USE_EPOLL_INTERNAL_THREAD;
    struct MHD_Daemon *daemon =
        MHD_start_daemon(mode, 0, NULL, NULL, response, &delay_ms,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)1 << 20, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    unsigned short port = info ? info->port : 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (write(to_parent, &port, sizeof port) == sizeof port && port) {
        for (;;) {
            pause();
        }
    }
    _exit(1);
}

bool sink_start(struct sink *sink) {
    unsigned short port = 0;
    int ends[2];

    if (pipe(ends) != 0) {
        return false;
    }
    sink->process = fork();
    if (sink->process == 0) {
        serve(ends[1], sink->delay_ms);
    }
    close(ends[1]);
    bool is_ready = sink->process > 0 && read(ends[0], &port, sizeof port) == sizeof port && port;
    close(ends[0]);
    snprintf(sink->url, sizeof sink->url, "http://127.0.0.1:%u", (unsigned)port);
    if (!is_ready) {
        fprintf(stderr, "bench: no receiver\n");
        sink_stop(sink);
    }
    return is_ready;
}

void sink_stop(struct sink *sink) {
    if (sink->process > 0) {
        kill(sink->process, SIGKILL);
        waitpid(sink->process, NULL, 0);
        sink->process = 0;
    }
}
