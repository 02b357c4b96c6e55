/* SPDX-License-Identifier: MIT */
/*
 * run_viewer.c - the viewer of tote run and tote test
 *
 * A child of the front program: see run_options.h for the socket between the two. The servers'
 * threads receive spans; the main thread waits for the end of the command, then for late spans, and
 * displays or checks what there is. Keys of the terminal, such as Ctrl-C, are for the command.
 *
 * The disk queue of the command is in a directory of this process, which outlives a kill of the
 * front program and removes it.
 *
 * Tests: tests/cli/test_run.sh, tests/cli/test_test.sh
 */
#include "run_viewer.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "grpc.h"
#include "http.h"
#include "list.h"
#include "model.h"
#include "requests.h"
#include "run_options.h"
#include "terminal.h"
#include "waterfall.h"

enum { EXIT_OWN_FAILURE = 125, SETTLED_MS = 100, NS_PER_MS = 1000000 };

struct run_view {
    const struct run_options *options;
    const struct program_command *command;
    char *const *argv;
    struct model *model;
    struct http_server *http;
    struct grpc_server *grpc;
    char queue[PATH_MAX]; /* "": not created */
    int status;           /* of the command */
    uint64_t duration_ns;
};

static struct model *received; /* for the servers' threads */

static uint64_t now_ns(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* A requests_take, for the servers' threads. */
static struct receipt take(void *arg, const uint8_t *bytes, size_t size) {
    (void)arg;
    return model_take(received, bytes, size, now_ns() / NS_PER_MS);
}

/* A receipt_note. The model counts what is rejected. */
static void note(const struct receipt *receipt) {
    (void)receipt;
}

/* --- the directory of the disk queue --- */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *level) {
    (void)status, (void)type, (void)level;
    remove(path);
    return 0;
}

static bool make_queue(struct run_view *view) {
    const char *folder = getenv("TMPDIR");
    bool is_usable = folder && *folder == '/' && !strchr(folder, '\n') &&
                     strlen(folder) < sizeof view->queue - 32;

    snprintf(view->queue, sizeof view->queue, "%s/tote-run-XXXXXX", is_usable ? folder : "/tmp");
    if (!mkdtemp(view->queue)) {
        program_report(view->command, "cannot create %s: %s", view->queue, strerror(errno));
        *view->queue = '\0';
        return false;
    }
    return true;
}

static void remove_queue(const struct run_view *view) {
    enum { OPEN_FOLDERS = 8 };

    if (*view->queue) {
        nftw(view->queue, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
    }
}

/* --- start --- */

static bool start_servers(struct run_view *view) {
    errno = 0;
    view->http = http_start(view->options->port, take, note, view->model, view->options->is_web);
    view->grpc = view->http ? grpc_start(0, take, note) : NULL;
    if (!view->grpc) {
        program_report(view->command, "cannot listen on 127.0.0.1:%u: %s", view->options->port,
                       errno ? strerror(errno) : "unknown error");
        return false;
    }
    return true;
}

static bool start(struct run_view *view) {
    received = view->model = model_new(NULL);
    if (!view->model) {
        program_report(view->command, "out of memory");
        return false;
    }
    return make_queue(view) && start_servers(view) &&
           dprintf(RUN_CONTROL, "%u %u %s\n", http_port(view->http), grpc_port(view->grpc),
                   view->queue) > 0;
}

static void stop(struct run_view *view) {
    http_stop(view->http);
    grpc_stop(view->grpc);
    remove_queue(view);
    model_free(view->model);
}

/* --- the command --- */

/* Read from the front program. Returns false at the end of the stream. */
static bool read_control(char *text, size_t size) {
    while (true) {
        ssize_t length = read(RUN_CONTROL, text, size - 1);
        if (length > 0) {
            text[length] = '\0';
            return true;
        }
        if (length == 0 || errno != EINTR) {
            return false;
        }
    }
}

/* Wait for the end of the command. Returns false if the front program was killed. */
static bool await_command(struct run_view *view) {
    uint64_t start_ns = now_ns();
    char line[16];

    if (!read_control(line, sizeof line)) {
        return false;
    }
    view->status = (int)strtol(line, NULL, 10);
    view->duration_ns = now_ns() - start_ns;
    return true;
}

/* Whether nothing is missing that is certain to come. */
static bool is_complete(const struct run_view *view) {
    const struct trace *trace = model_newest(view->model);

    if (!trace) {
        return false;
    }
    for (; trace; trace = trace->older) {
        if (!trace->is_complete || trace->open_count) {
            return false;
        }
    }
    return true;
}

/* Wait until no span arrived for a moment and the traces are complete, or until the time is over.
 */
static void await_late_spans(const struct run_view *view) {
    uint64_t end_ns = now_ns() + view->options->late_ns;
    uint64_t version = 0;
    bool is_settled = false;

    while (!is_settled && now_ns() < end_ns) {
        uint64_t left_ms = (end_ns - now_ns()) / NS_PER_MS + 1;
        uint64_t seen = version;
        version =
            model_wait(view->model, seen, (unsigned)(left_ms < SETTLED_MS ? left_ms : SETTLED_MS));
        model_lock(view->model);
        is_settled = version == seen && is_complete(view);
        model_unlock(view->model);
    }
}

/* --- the result --- */

/* The traces to be drawn: the first ones by their start, pinned. */
struct drawn {
    struct trace **traces; /* the last one first */
    size_t count;
};

/* Select the traces; needs the lock. */
static struct drawn pin_drawn(const struct run_view *view, const struct list *list) {
    size_t limit = view->options->limit;
    size_t count = limit && limit < list->count ? limit : list->count;
    struct drawn drawn = {list->traces + (list->count - count), count};

    for (size_t i = 0; i < count; i++) {
        model_pin(drawn.traces[i]);
    }
    return drawn;
}

/* Draw traces, without the lock. */
static void draw(const struct run_view *view, const struct drawn *drawn) {
    const struct terminal terminal = terminal_of(stderr);

    for (size_t i = drawn->count; i; i--) {
        fputc('\n', stderr);
        waterfall_draw(&terminal, view->model, drawn->traces[i - 1]);
    }
}

static void unpin_drawn(const struct drawn *drawn) {
    for (size_t i = 0; i < drawn->count; i++) {
        model_unpin(drawn->traces[i]);
    }
}

/* Report spans that are not in the model, and a reason for an empty one. */
static void report_counts(const struct run_view *view) {
    const struct model_counts counts = model_counts(view->model);
    const char *disabled = getenv("OTEL_SDK_DISABLED");
    const char *file = getenv("OTEL_CONFIG_FILE");

    if (counts.evicted_spans || counts.left_out_spans || counts.invalid_spans) {
        program_report(view->command,
                       "%llu spans are not shown: %llu over the memory limit, %llu invalid",
                       (unsigned long long)(counts.evicted_spans + counts.left_out_spans +
                                            counts.invalid_spans),
                       (unsigned long long)(counts.evicted_spans + counts.left_out_spans),
                       (unsigned long long)counts.invalid_spans);
    }
    if (!counts.traces && !counts.evicted_traces) {
        program_report(view->command, "no span arrived%s",
                       disabled && strcasecmp(disabled, "true") == 0 ? ": OTEL_SDK_DISABLED is true"
                       : file && *file
                           ? ": OTEL_CONFIG_FILE is set, and replaces the other variables"
                           : "");
    }
}

/* Draw what was received. Returns the exit status. */
static int show(struct run_view *view) {
    const struct list_options options = {.service = "", .sort = LIST_START};
    struct drawn drawn = {NULL, 0};
    struct list list;
    bool is_drawn;

    model_lock(view->model);
    bool is_listed = list_select(&list, view->model, &options, 0);
    report_counts(view);
    is_drawn = !view->options->is_quiet && !view->options->is_web;
    if (is_drawn) {
        drawn = pin_drawn(view, &list);
    }
    model_unlock(view->model);
    draw(view, &drawn);
    if (is_drawn && drawn.count < list.count) {
        program_report(view->command, "%zu more traces; --limit 0 draws all",
                       list.count - drawn.count);
    }
    model_lock(view->model);
    unpin_drawn(&drawn);
    model_unlock(view->model);
    list_clear(&list);
    return is_listed ? 0 : 1;
}

/* Receive until the command has ended. Returns the exit status. */
static int serve(struct run_view *view) {
    char rest[16];

    if (!await_command(view)) {
        return EXIT_OWN_FAILURE;
    }
    await_late_spans(view);
    int status = show(view);
    if (view->options->is_web) {
        read_control(rest, sizeof rest);
    }
    return status;
}

static void ignore_signals(void) {
    static const int signals[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGPIPE, SIGTSTP};

    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        signal(signals[i], SIG_IGN);
    }
}

int run_viewer(int argc, char **argv) {
    struct run_options options;
    struct program_command command;
    struct run_view view = {.options = &options, .command = &command, .model = NULL};
    int status;
    int first = run_options_parse(&options, &command, argc, argv, &status);

    if (first < 0) {
        return status;
    }
    view.argv = argv + first;
    if (fcntl(RUN_CONTROL, F_SETFD, FD_CLOEXEC) != 0) {
        program_report(&command, "this program is started by 'tote %s'", command.name);
        status = PROGRAM_USAGE;
    } else {
        ignore_signals();
        status = start(&view) ? serve(&view) : EXIT_OWN_FAILURE;
    }
    stop(&view);
    return status;
}
