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
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect.h"
#include "export.h"
#include "grpc.h"
#include "http.h"
#include "list.h"
#include "model.h"
#include "requests.h"
#include "run_options.h"
#include "terminal.h"
#include "tote/internal/clock.h"
#include "waterfall.h"

enum {
    EXIT_OWN_FAILURE = 125,
    EXIT_NOT_EXECUTABLE = 126, /* of the command, as in shells */
    EXIT_NOT_FOUND = 127,
    SETTLED_MS = 100,
    NS_PER_MS = 1000000
};

struct run_view {
    const struct run_options *options;
    const struct program_command *command;
    char *const *argv;
    struct model *model;
    struct http_server *http;
    struct grpc_server *grpc;
    FILE *output; /* NULL: none */
    FILE *junit;
    struct expect_result *results;
    char queue[PATH_MAX]; /* "": not created */
    int status;           /* of the command */
    uint64_t duration_ns;
};

static struct model *received; /* for the servers' threads */

/* A requests_take, for the servers' threads. */
static struct receipt take(void *arg, const uint8_t *bytes, size_t size) {
    (void)arg;
    return model_take(received, bytes, size, tote__clock_monotonic() / NS_PER_MS);
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

static bool open_output(const struct run_view *view, const char *path, FILE **out) {
    *out = path ? fopen(path, "we") : NULL;
    if (path && !*out) {
        program_report(view->command, "cannot write %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

static bool close_output(const struct run_view *view, const char *path, FILE *out) {
    bool is_written = out && !ferror(out);

    if (out && (fclose(out) != 0 || !is_written)) {
        program_report(view->command, "cannot write %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

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
    return open_output(view, view->options->output, &view->output) &&
           open_output(view, view->options->junit, &view->junit) && make_queue(view) &&
           start_servers(view) &&
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
    uint64_t start_ns = tote__clock_monotonic();
    char line[16];

    if (!read_control(line, sizeof line)) {
        return false;
    }
    view->status = (int)strtol(line, NULL, 10);
    view->duration_ns = tote__clock_monotonic() - start_ns;
    return true;
}

static bool are_expectations_met(const struct run_view *view) {
    return !view->results ||
           expect_check(view->results, view->options->expectation_count, view->model) == 0;
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
    return are_expectations_met(view);
}

/* Wait until no span arrived for a moment and the traces are complete, or until the time is over.
 */
static void await_late_spans(const struct run_view *view) {
    uint64_t end_ns = tote__clock_monotonic() + view->options->late_ns;
    uint64_t version = 0;
    bool is_settled = false;

    while (!is_settled && tote__clock_monotonic() < end_ns) {
        uint64_t left_ms = (end_ns - tote__clock_monotonic()) / NS_PER_MS + 1;
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

static bool write_traces(const struct run_view *view, const struct list *list) {
    struct tote__buffer json = {.bytes = NULL};
    bool is_exported = true;

    for (size_t i = list->count; i && is_exported && !ferror(view->output); i--) {
        json.size = 0;
        is_exported = export_otlp_json(list->traces[i - 1], &json);
        if (is_exported) {
            fwrite(json.bytes, 1, json.size, view->output);
            fputc('\n', view->output);
        }
    }
    tote__buffer_clear(&json);
    if (!is_exported) {
        program_report(view->command, "out of memory");
    }
    return is_exported;
}

/* Report spans that are not in the model, and a reason for an empty one. Returns whether all are.
 */
static bool report_counts(const struct run_view *view) {
    const struct model_counts counts = model_counts(view->model);
    const char *disabled = getenv("OTEL_SDK_DISABLED");
    const char *file = getenv("OTEL_CONFIG_FILE");

    uint64_t over = counts.evicted_spans + counts.left_out_spans;
    if (over || counts.invalid_spans) {
        program_report(view->command,
                       "%" PRIu64 " spans are over the memory limit, %" PRIu64
                       " are invalid: they are not %s",
                       over, counts.invalid_spans, view->options->is_test ? "checked" : "shown");
    }
    bool was_run =
        view->argv && view->status != EXIT_NOT_FOUND && view->status != EXIT_NOT_EXECUTABLE;
    if (was_run && !counts.traces && !counts.evicted_traces) {
        program_report(view->command, "no span arrived%s",
                       disabled && strcasecmp(disabled, "true") == 0 ? ": OTEL_SDK_DISABLED is true"
                       : file && *file
                           ? ": OTEL_CONFIG_FILE is set, and replaces the other variables"
                           : ": the command exports none, or not by OTLP to "
                             "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    }
    return !over && !counts.invalid_spans;
}

/* Write and check what was received; needs the lock. Returns whether everything is as wanted. */
static bool check(struct run_view *view, const struct list *list, bool *is_drawn) {
    const struct run_options *options = view->options;
    const struct expect_command command = {view->argv, view->status, (int)options->exit_status,
                                           view->duration_ns};
    size_t failed = 0;
    bool is_written = !view->output || write_traces(view, list);

    if (view->argv && options->is_test && view->status != command.wanted_status) {
        program_report(view->command, "the exit status is %d, not %d", view->status,
                       command.wanted_status);
    }
    if (view->results) {
        failed = expect_check(view->results, options->expectation_count, view->model);
        expect_print(stderr, view->results, options->expectation_count, view->model);
    }
    if (view->junit) {
        is_written &= expect_write_junit(view->junit, view->results, options->expectation_count,
                                         &command, view->model);
    }
    *is_drawn =
        !options->is_quiet && !options->is_web &&
        (!options->is_test || failed || (view->argv && view->status != command.wanted_status));
    return is_written && !failed;
}

/* Draw, write and check what was received. Returns the exit status. */
static int show(struct run_view *view) {
    const struct list_options options = {.service = "", .sort = LIST_START};
    struct drawn drawn = {NULL, 0};
    struct list list;
    bool is_drawn;

    model_lock(view->model);
    bool is_listed = list_select(&list, view->model, &options, 0);
    bool is_whole = report_counts(view);
    bool is_good =
        check(view, &list, &is_drawn) && is_listed && (is_whole || !view->options->is_test);
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
    bool is_output_closed = close_output(view, view->options->output, view->output);
    bool is_junit_closed = close_output(view, view->options->junit, view->junit);
    return is_good && is_output_closed && is_junit_closed ? 0 : 1;
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

/* Check the traces of a file. Returns the exit status. */
static int check_file(struct run_view *view) {
    struct receipt receipt = {.outcome = TAKEN};

    view->model = model_new(NULL);
    if (!view->model || !open_output(view, view->options->output, &view->output) ||
        !open_output(view, view->options->junit, &view->junit) ||
        !requests_from_file(view->options->file, model_take_file, view->model, &receipt)) {
        return 1;
    }
    return show(view);
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
    view.argv = options.file ? NULL : argv + first;
    if (options.is_test && !(view.results = expect_parse(&command, &options))) {
        return PROGRAM_USAGE;
    }
    if (options.file) {
        status = check_file(&view);
    } else if (fcntl(RUN_CONTROL, F_SETFD, FD_CLOEXEC) != 0) {
        program_report(&command, "this program is started by 'tote %s'", command.name);
        status = PROGRAM_USAGE;
    } else {
        ignore_signals();
        status = start(&view) ? serve(&view) : EXIT_OWN_FAILURE;
    }
    stop(&view);
    expect_free(view.results, options.expectation_count);
    return status;
}
