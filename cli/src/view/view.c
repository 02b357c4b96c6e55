/* SPDX-License-Identifier: MIT */
/*
 * view.c - tote view: receive on loopback, or read files, and draw
 *
 * The threads of the HTTP and gRPC servers receive requests, the main thread draws. `lock` guards
 * the counts and the time of the last report.
 *
 * Tests: tests/cli/test_view.sh
 */
#include "view.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli_os.h"
#include "grpc.h"
#include "http.h"
#include "plain.h"
#include "requests.h"
#include "terminal.h"
#include "tote/internal/api_os.h"
#include "tote/internal/clock.h"
#include "tui.h"

enum { TICK_NS = 50000000, MOST_AT_A_TIME = 1000, REPORT_MS = 1000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct plain plain;
static struct receipt counts;    /* since the last report */
static size_t busy_count;        /* requests refused as BUSY since the last report */
static size_t failed_count;      /* requests that can never succeed since the last report */
static struct receipt failure;   /* of the last of them */
static uint64_t reported_ms;     /* the last report */
static bool is_reported_at_once; /* nothing else calls report() */

static uint64_t now_ms(void) {
    return tote__clock_monotonic() / 1000000;
}

/* For the plain display. More is evicted, if it is drawn. If so much is not drawn, requests are
 * refused. */
static const struct model_limits plain_limits = {
    .bytes = (size_t)256 << 20, .spans = 400000, .traces = 40000, .is_awaited = true};

/* A requests_take, for the servers' threads. */
static struct receipt collect(void *arg, const uint8_t *bytes, size_t size) {
    (void)arg;
    return model_take(plain.model, bytes, size, now_ms());
}

/* Report what was rejected, left out or refused since the last report. */
static void report(void) {
    char text[RECEIPT_TEXT_BYTES];

    pthread_mutex_lock(&lock);
    struct receipt receipt = counts;
    struct receipt failed = failure;
    size_t busy = busy_count;
    size_t failures = failed_count;
    counts = (struct receipt){.outcome = TAKEN};
    busy_count = failed_count = 0;
    pthread_mutex_unlock(&lock);
    receipt_describe(&receipt, text);
    if (*text) {
        fprintf(stderr, "tote: %s\n", text);
    }
    if (failures) {
        receipt_describe(&failed, text);
        fprintf(stderr, "tote: %zu request%s refused: %s\n", failures, failures == 1 ? "" : "s",
                text);
    }
    if (busy) {
        fprintf(stderr, "tote: %zu request%s refused: too many spans are pending; senders retry\n",
                busy, busy == 1 ? "" : "s");
    }
}

/* Whether the last report was long ago: then the caller reports. */
static bool is_report_due(void) {
    pthread_mutex_lock(&lock);
    bool is_due = now_ms() - reported_ms >= REPORT_MS;
    reported_ms = is_due ? now_ms() : reported_ms;
    pthread_mutex_unlock(&lock);
    return is_due;
}

/* Count the response of a server. */
static void note(const struct receipt *receipt) {
    pthread_mutex_lock(&lock);
    if (receipt->outcome == TAKEN) {
        receipt_add(&counts, receipt);
    }
    busy_count += receipt->outcome == BUSY;
    if (receipt->outcome == MALFORMED || receipt->outcome == TOO_LARGE) {
        failed_count++;
        failure = *receipt;
    }
    bool has_news = failed_count || busy_count || counts.invalid_ids || counts.left_out ||
                    counts.invalid_values;
    pthread_mutex_unlock(&lock);
    if (is_reported_at_once && has_news && is_report_due()) {
        report();
    }
}

/* Draw until a signal, the count, or a write error. Returns whether it was a signal. */
static bool draw_until_end(const sigset_t *signals, unsigned count) {
    unsigned left = count ? count : UINT_MAX;
    bool is_signalled = false;
    bool is_behind = false; /* more may be due */
    siginfo_t info;

    while (!is_signalled && left && !ferror(stdout)) {
        is_signalled = os_signals_wait(signals, is_behind ? 0 : TICK_NS, &info) != 0;
        unsigned most = left < MOST_AT_A_TIME ? left : MOST_AT_A_TIME;
        unsigned drawn = plain_draw(&plain, now_ms(), false, most);
        is_behind = drawn == most;
        left -= count ? drawn : 0;
        if (is_report_due()) {
            report();
        }
    }
    return is_signalled;
}

struct receivers {
    struct http_server *http;
    struct grpc_server *grpc;
};

static void report_cannot_listen(unsigned port, const char *option) {
    bool is_in_use = errno == EADDRINUSE;

    fprintf(stderr, "tote: cannot listen on 127.0.0.1:%u: %s%s%s%s\n", port,
            errno ? strerror(errno) : "unknown error", is_in_use ? "; " : "",
            is_in_use ? option : "", is_in_use ? " 0 selects a free port" : "");
}

static void stop(struct receivers *receivers) {
    http_stop(receivers->http);
    grpc_stop(receivers->grpc);
}

/* Listen on the gRPC port, or on a free one if the default port is in use. */
static struct grpc_server *start_grpc(const struct view_options *options) {
    struct grpc_server *server = grpc_start(options->grpc_port, collect, note);

    if (!server && errno == EADDRINUSE && !options->is_grpc_port_wanted) {
        fprintf(stderr, "tote: port %u is in use: gRPC uses a free port instead\n",
                options->grpc_port);
        server = grpc_start(0, collect, note);
    }
    return server;
}

/* Open the page in the browser of the desktop. It is not awaited, and is not a child for long. */
static void open_page(unsigned port) {
    char url[64];
    char *arguments[] = {(char[]){"xdg-open"}, url, NULL};
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t child;

    snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    signal(SIGCHLD, SIG_IGN);
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int error =
        posix_spawnp(&child, arguments[0], NULL, &attributes, arguments, tote__environment());
    posix_spawnattr_destroy(&attributes);
    if (error) {
        fprintf(stderr, "tote: cannot run xdg-open: %s\n", strerror(error));
    }
}

static bool start(struct receivers *receivers, const struct view_options *options) {
    errno = 0;
    receivers->http = http_start(options->port, collect, note, plain.model, options->has_page);
    if (!receivers->http) {
        report_cannot_listen(options->port, "--port");
        return false;
    }
    errno = 0;
    receivers->grpc = start_grpc(options);
    if (!receivers->grpc) {
        report_cannot_listen(options->grpc_port, "--grpc-port");
        stop(receivers);
        return false;
    }
    printf("listening on http://127.0.0.1:%u\nlistening on grpc://127.0.0.1:%u\n",
           http_port(receivers->http), grpc_port(receivers->grpc));
    if (options->has_page) {
        printf("open http://127.0.0.1:%u/ in a browser\n", http_port(receivers->http));
    }
    fflush(stdout);
    if (options->is_opened) {
        open_page(http_port(receivers->http));
    }
    return true;
}

/*
 * A requests_take, for files: traces over the limits are drawn at once, the others at the end.
 * `arg`: how many are still to be drawn.
 */
static struct receipt collect_from_file(void *arg, const uint8_t *bytes, size_t size) {
    unsigned *left = arg;

    *left -= plain_draw(&plain, 0, false, *left);
    if (!*left) {
        return (struct receipt){.outcome = TAKEN};
    }
    return model_take_file(plain.model, bytes, size);
}

/* Returns false if out of memory. */
static bool start_plain(const struct view_options *options, unsigned quiet_ms) {
    bool is_plain = !options->is_interactive && !options->has_page;
    struct model_limits limits = is_plain ? plain_limits : (struct model_limits){0};

    limits.bytes = options->memory ? options->memory : limits.bytes;
    plain = (struct plain){model_new(&limits), quiet_ms};
    if (!plain.model) {
        fputs("tote: out of memory\n", stderr);
    }
    return plain.model != NULL;
}

/* Files that are read while they are shown. */
struct loading {
    char *const *files;
    size_t count;
    bool are_read;
    atomic_bool is_loading;
};

static void *load(void *arg) {
    struct loading *loading = arg;

    for (size_t i = 0; i < loading->count; i++) {
        loading->are_read &= requests_from_file(loading->files[i], collect, NULL, &counts);
    }
    loading->are_read &= !counts.invalid_ids && !counts.left_out;
    report();
    atomic_store(&loading->is_loading, false);
    return NULL;
}

/* Describe the files in one line. */
static void describe_files(char *text, size_t size, char *const *files, size_t count) {
    struct tote__arena arena = {0};

    if (count > 1) {
        snprintf(text, size, "%zu files", count);
    } else {
        snprintf(text, size, "%s", terminal_clean(&arena, files[0], strlen(files[0])));
    }
    tote__arena_clear(&arena);
}

static int show_files(char *const *files, size_t count) {
    struct loading loading = {files, count, true, true};
    char source[256];
    pthread_t loader;

    describe_files(source, sizeof source, files, count);
    tui_block_signals();
    if (pthread_create(&loader, NULL, load, &loading) != 0) {
        fputs("tote: cannot start a thread\n", stderr);
        return 1;
    }
    bool is_shown = tui_run(plain.model, source, &loading.is_loading);
    if (atomic_load(&loading.is_loading)) { /* a large file: do not wait for its end */
        fflush(NULL);
        _exit(is_shown ? 0 : 1);
    }
    pthread_join(loader, NULL);
    return is_shown && loading.are_read ? 0 : 1;
}

int view_files(const struct view_options *options, char *const *files, size_t count) {
    unsigned left = options->count ? options->count : UINT_MAX;
    bool are_read = true;

    if (!start_plain(options, UINT_MAX)) {
        return 1;
    }
    if (options->is_interactive) {
        int status = show_files(files, count);
        model_free(plain.model);
        return status;
    }
    for (size_t i = 0; i < count && left; i++) {
        are_read &= requests_from_file(files[i], collect_from_file, &left, &counts);
    }
    plain_draw(&plain, 0, true, left);
    are_read &= !counts.invalid_ids && !counts.left_out;
    report();
    model_free(plain.model);
    return are_read && !ferror(stdout) ? 0 : 1;
}

/* Show what the receivers receive. Returns false, after a message, if that is not possible. */
static bool show_received(const struct receivers *receivers) {
    char source[128];

    snprintf(source, sizeof source, "http://127.0.0.1:%u  grpc://127.0.0.1:%u",
             http_port(receivers->http), grpc_port(receivers->grpc));
    return tui_run(plain.model, source, NULL);
}

int view_run(const struct view_options *options, char *const *files, size_t count) {
    struct receivers receivers = {NULL, NULL};
    bool are_read = true;
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* for os_signals_wait() */
    signal(SIGPIPE, SIG_IGN);
    is_reported_at_once = options->is_interactive;
    if (options->is_interactive) {
        tui_block_signals();
    }
    if (!start_plain(options, options->quiet_ms)) {
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        are_read &= requests_from_file(files[i], collect, NULL, &counts);
    }
    if (!are_read || !start(&receivers, options)) {
        model_free(plain.model);
        return 1;
    }
    bool is_signalled = false;
    bool has_failed = false;
    if (options->is_interactive) {
        has_failed = !show_received(&receivers);
    } else {
        is_signalled = draw_until_end(&signals, options->count);
    }
    stop(&receivers);
    if (is_signalled) {
        plain_draw(&plain, now_ms(), true, UINT_MAX);
    }
    report();
    model_free(plain.model);
    return has_failed || ferror(stdout) ? 1 : 0;
}
