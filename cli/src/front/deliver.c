/* SPDX-License-Identifier: MIT */
/*
 * deliver.c - start the delivery of a disk queue
 *
 * Tests: tests/cli/test_span.sh
 */
#include "deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli_os.h"
#include "helper.h"
#include "sender.h"
#include "tote/internal/api_os.h"
#include "tote/internal/clock.h"
#include "tote/internal/disk_queue_entry.h"
#include "tote/internal/os.h"

enum { REPORT_EVERY_S = 60, POLL_MS = 10 };

static void report(const struct deliver *deliver, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void report(const struct deliver *deliver, const char *format, ...) {
    va_list arguments;

    if (deliver->is_quiet) {
        return;
    }
    fprintf(stderr, "tote: %s: ", deliver->command);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* Open the file of the sender. Returns -1, after a report, on failure. */
static int open_sender(const struct deliver *deliver) {
    struct tote__folder folder;
    int file = -1;

    if (tote__folder_borrow(tote__disk_queue_descriptor(deliver->queue), &folder)) {
        file = sender_open(&folder);
    }
    if (file < 0) {
        report(deliver, "spans stay in %s: %s: %s", deliver->path, "tote.sender", strerror(errno));
    }
    return file;
}

/* Start the helper program with the locked file. Returns its id, or -1 with errno set. */
static pid_t start_sender(const struct deliver *deliver, int file, uint32_t timeout_ms,
                          bool is_background) {
    char path[PATH_MAX];
    char timeout[32];
    char *const arguments[] = {"tote",
                               "send",
                               "--timeout",
                               timeout,
                               "--linger",
                               is_background ? "2s" : "0",
                               "--background",
                               "--",
                               (char *)deliver->path,
                               NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t sender = -1;

    snprintf(timeout, sizeof timeout, "%" PRIu32 "ms", timeout_ms);
    if (!helper_path("tote-send", path)) {
        return -1;
    }
    /* A pipe of the caller would stay open until the sender ends. */
    os_close_on_exec_from(STDERR_FILENO + 1);
    helper_clear_preload();
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(
        &attributes, (short)(POSIX_SPAWN_SETSIGMASK | (is_background ? POSIX_SPAWN_SETSID : 0)));
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_adddup2(&actions, file, SENDER_DESCRIPTOR);
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
        posix_spawn_file_actions_addopen(&actions, i, "/dev/null", i ? O_WRONLY : O_RDONLY, 0);
    }
    int error = posix_spawn(&sender, path, &actions, &attributes, arguments, tote__environment());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    errno = error;
    return error ? -1 : sender;
}

/* Return the number of spans in the queue. */
static uint64_t count_spans(const struct deliver *deliver) {
    struct tote__disk_queue_entry entry;
    struct tote__listing listing;
    struct tote__folder queue;
    struct tote__folder folder;
    uint64_t count = 0;

    if (!tote__folder_borrow(tote__disk_queue_descriptor(deliver->queue), &queue) ||
        !tote__folder_reopen(&queue, &folder) || !tote__listing_begin(&folder, &listing)) {
        return 0;
    }
    for (const char *name; (name = tote__listing_next(&listing));) {
        count += tote__disk_queue_entry_read(name, "", &entry) ? entry.span_count : 0;
    }
    tote__listing_close(&listing);
    return count;
}

/* Report the failure of an earlier delivery. The lock is held. */
static void report_earlier(const struct deliver *deliver, int file) {
    uint64_t now = (uint64_t)time(NULL);
    struct sender_status status;
    char since[32] = "";
    struct tm local;

    sender_read(file, &status);
    if (!status.since || deliver->is_quiet ||
        (now >= status.reported && now - status.reported < REPORT_EVERY_S)) {
        return;
    }
    time_t begin = (time_t)status.since;
    if (localtime_r(&begin, &local)) {
        strftime(since, sizeof since, now - status.since < 86400 / 2 ? "%H:%M" : "%F %H:%M",
                 &local);
    }
    uint64_t count = count_spans(deliver);
    report(deliver, "%" PRIu64 " %s in %s: %s (since %s); 'tote send %s' delivers %s", count,
           count == 1 ? "span waits" : "spans wait", deliver->path, status.text, since,
           deliver->path, count == 1 ? "it" : "them");
    status.reported = now;
    sender_write(file, &status);
}

void deliver_start(const struct deliver *deliver) {
    int file = open_sender(deliver);

    if (file >= 0 && sender_lock(file)) {
        report_earlier(deliver, file);
        if (start_sender(deliver, file, deliver->timeout_ms, true) < 0) {
            report(deliver, "spans stay in %s: cannot run the helper program tote-send: %s",
                   deliver->path, strerror(errno));
        }
    }
    if (file >= 0) {
        close(file); /* the sender has the lock */
    }
}

/* Run a sender, and wait for its end. */
static void run_sender(const struct deliver *deliver, int file, uint64_t deadline) {
    pid_t sender = start_sender(deliver, file, tote__ms_until(deadline, UINT32_MAX), false);

    if (sender < 0) {
        report(deliver, "cannot run the helper program tote-send: %s", strerror(errno));
    }
    while (sender > 0 && waitpid(sender, NULL, 0) < 0 && errno == EINTR) {
    }
}

bool deliver_wait(const struct deliver *deliver) {
    uint64_t deadline = tote__deadline_in(deliver->timeout_ms);
    uint64_t begin = (uint64_t)time(NULL);
    struct sender_status status = {.since = 0};
    int file = open_sender(deliver);
    bool has_run = false;

    while (file >= 0 && !has_run && tote__disk_queue_has_last(deliver->queue) &&
           tote__clock_monotonic() < deadline) {
        has_run = sender_lock(file);
        if (has_run) {
            run_sender(deliver, file, deadline);
        } else {
            tote__os_wait_readable(NULL, 0, POLL_MS);
        }
    }
    if (file >= 0) {
        sender_read(file, &status);
        close(file);
    }
    bool is_left = tote__disk_queue_has_last(deliver->queue);
    if (is_left) {
        report(deliver, "not delivered: %s; the span stays in %s",
               status.since ? status.text : "no response before the timeout", deliver->path);
    } else if (status.since >= begin) {
        report(deliver, "not delivered: %s", status.text);
        is_left = true;
    }
    return !is_left;
}
