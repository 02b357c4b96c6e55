/* SPDX-License-Identifier: MIT */
/*
 * loop_epoll.c - a thousand concurrent requests on one thread, in callbacks of an epoll loop
 *
 *   loop_epoll [REQUESTS]
 *
 * A request opens a scope when it begins, suspends it at the end of each callback, resumes it at
 * the start of the next one, and closes it after the response. So each callback runs in the store
 * and span of its request.
 *
 * The loop also exports: Tote has no thread here. The loop watches Tote's descriptor, and waits no
 * longer than Tote's timeout.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <tote/tote.h>
#include <unistd.h>

/* An accepted connection, and its client. */
struct request {
    int descriptor;
    int client;
    tote_scope *scope;
    size_t lines;
};

static tote_tracer *tracer;
static tote_sdk *sdk;

static void on_accept(struct request *request, int number) {
    request->scope = tote_scope_open(tracer, "request", NULL);
    tote_store_add(tote_store_current(), "request.id", tote_int(number));
    tote_scope_suspend(request->scope);
}

/* Respond to each line with the id in the store. Returns: false when the client has finished. */
static bool on_readable(struct request *request) {
    char line[64], id[16];
    ssize_t size = read(request->descriptor, line, sizeof line);

    tote_scope_resume(request->scope);
    if (size <= 0) {
        tote_span_set_attribute(tote_span_current(), "lines", tote_int((int64_t)request->lines));
        tote_scope_close(&request->scope);
        close(request->descriptor);
        return false;
    }
    request->lines++;
    ptrdiff_t length = tote_store_get(tote_store_current(), "request.id", id, sizeof id);
    if (length >= 0 && write(request->descriptor, id, (size_t)length) != length) {
        tote_span_set_status(tote_span_current(), TOTE_STATUS_CODE_ERROR, "response not written");
    }
    tote_scope_suspend(request->scope);
    return true;
}

/*
 * Run all clients: each sends three lines, in turns. Returns: how many got a wrong response.
 */
static size_t ask(struct request *requests, size_t count) {
    size_t wrong = 0;
    char answer[16], expected[16];

    for (size_t i = 0; i < count; i++) {
        ssize_t size = read(requests[i].client, answer, sizeof answer);
        int length = snprintf(expected, sizeof expected, "%zu", i);
        wrong += size != length || memcmp(answer, expected, (size_t)length) != 0;
    }
    return wrong;
}

static void tell(struct request *requests, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (write(requests[i].client, "line\n", 5) != 5) {
            abort();
        }
    }
}

/* Run until this number of callbacks has run. */
static void run_loop(int loop, size_t callbacks) {
    struct epoll_event events[64];

    while (callbacks) {
        int count =
            epoll_wait(loop, events, TOTE_COUNT_OF(events), tote_sdk_get_poll_timeout_ms(sdk));
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) {
                on_readable(events[i].data.ptr);
                callbacks--;
            }
        }
        tote_sdk_poll(sdk); /* cheap if there is nothing to do */
    }
}

/* Watch Tote's descriptor, which belongs to no request. */
static void start_tote(int loop) {
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    options.batch = &batch;
    sdk = tote_sdk_start(&options);
    tracer = tote_get_tracer("loop", "1.0");
    epoll_ctl(loop, EPOLL_CTL_ADD, tote_sdk_get_poll_fd(sdk), &event);
}

/* Allow two descriptors per request, as far as the limit permits. */
static void allow_descriptors(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv) {
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    struct request *requests = calloc(count, sizeof *requests);
    int loop = epoll_create1(EPOLL_CLOEXEC);
    size_t wrong = 0;

    allow_descriptors();
    start_tote(loop);
    for (size_t i = 0; i < count; i++) {
        int ends[2];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &requests[i]};
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
            perror("loop_epoll: the limit of descriptors is too low for so many requests");
            exit(1);
        }
        requests[i].descriptor = ends[0];
        requests[i].client = ends[1];
        epoll_ctl(loop, EPOLL_CTL_ADD, ends[0], &event);
        on_accept(&requests[i], (int)i);
    }
    for (int line = 0; line < 3; line++) {
        tell(requests, count);
        run_loop(loop, count);
        wrong += ask(requests, count);
    }
    for (size_t i = 0; i < count; i++) {
        close(requests[i].client);
    }
    run_loop(loop, count);
    printf("%zu requests on one thread, %zu wrong responses\n", count, wrong);
    close(loop);
    free(requests);
    return tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS && !wrong ? 0 : 1;
}
