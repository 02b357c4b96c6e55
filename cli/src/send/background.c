/* SPDX-License-Identifier: MIT */
/*
 * background.c - the background sender of a disk queue, which the program `tote` starts
 *
 * The protocol of its lock is in sender.h.
 *
 * Tests: tests/cli/test_span.sh
 */
#include "background.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sender.h"
#include "stop.h"
#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/delivery.h"
#include "tote/internal/disk_queue_lock.h"
#include "tote/internal/os.h"

static const uint64_t stop_ns = (uint64_t)TOTE__SEND_STOP_MS * 1000000;

enum { LOOK_EVERY_MS = 50, MOST_PART = SENDER_TEXT_BYTES / 2 - 2 };

/* Keep the last failure, without what follows from it. */
static void note_failure(tote_level level, const char *component, const char *message,
                         void *user_data) {
    char *text = user_data;

    (void)level, (void)component;
    snprintf(text, SENDER_TEXT_BYTES, "%s", message);
    text[strcspn(text, ";\n")] = '\0';
}

/*
 * Take the lock. Another sender that has been stopped has it until the end of its request, and does
 * not look for more batches. Returns false if the queue is empty, or after the time.
 */
static bool wait_for_lock(const struct tote__folder *folder, int file, uint64_t wait_ns) {
    uint64_t deadline = tote__clock_monotonic() + wait_ns;
    bool has_lock = sender_lock(file);

    while (!has_lock && !stop_signal && sender_has_batch(folder) &&
           tote__clock_monotonic() < deadline) {
        tote__os_wait_readable(NULL, 0, LOOK_EVERY_MS);
        has_lock = sender_lock(file);
    }
    return has_lock;
}

/* Return the locked file, or -1 if another sender runs. The lock may be inherited. */
static int take_lock(const struct tote__folder *folder, uint64_t wait_ns) {
    struct stat status;

    if (tote__folder_has_file(folder, TOTE__DISK_QUEUE_SENDER_NAME, &status) &&
        tote__os_is_same_file(SENDER_DESCRIPTOR, status.st_dev, status.st_ino)) {
        return sender_lock(SENDER_DESCRIPTOR) ? SENDER_DESCRIPTOR : -1;
    }
    int file = sender_open(folder);
    if (file >= 0 && !wait_for_lock(folder, file, wait_ns)) {
        close(file);
        file = -1;
    }
    return file;
}

/* Wait for a batch. Returns false after the time, or when the sender is stopped. */
static bool wait_for_batch(const struct tote__folder *folder, uint64_t linger_ns) {
    uint64_t deadline = tote__clock_monotonic() + linger_ns;
    bool has_one = sender_has_batch(folder);

    while (!has_one && !stop_signal && tote__clock_monotonic() < deadline) {
        tote__os_wait_readable(NULL, 0, LOOK_EVERY_MS);
        has_one = sender_has_batch(folder);
    }
    return has_one;
}

/*
 * Release the lock, and look again: a program that could not get the lock has written its batch
 * before. Returns whether this sender has the lock again, and a batch to send.
 */
static bool go_on(const struct tote__folder *folder, int file, uint64_t linger_ns) {
    if (wait_for_batch(folder, linger_ns)) {
        return true;
    }
    sender_unlock(file);
    return sender_has_batch(folder) && sender_lock(file);
}

/* Apply the limits of the queue. Stores what was evicted. */
static void trim(const char *directory, char evicted[SENDER_TEXT_BYTES]) {
    evicted[0] = '\0';
    tote_diagnostics_set_handler(note_failure, TOTE_LEVEL_WARN, evicted);
    struct tote__disk_queue *queue = tote__disk_queue_open_existing(directory, &sender_limits);
    if (queue) {
        tote__disk_queue_trim(queue);
    }
    tote__disk_queue_close(queue);
}

/* Write what became of a delivery. */
static void write_status(int file, const struct send_outcome *outcome, const char *cause,
                         const char *evicted) {
    uint64_t now = (uint64_t)time(NULL);
    struct sender_status status;

    sender_read(file, &status);
    if (outcome->report.rejected) {
        status = (struct sender_status){.since = now};
        snprintf(status.text, sizeof status.text, "the receiver rejected %" PRIu64 " spans: %.*s",
                 outcome->report.rejected, SENDER_TEXT_BYTES - 64, cause);
    } else if (outcome->result == TOTE_RESULT_SUCCESS) {
        status = (struct sender_status){.since = 0};
    } else if (*cause) { /* otherwise a service sends the queue */
        status.since = status.since ? status.since : now;
        snprintf(status.text, sizeof status.text, "%.*s%s%.*s", MOST_PART, cause,
                 *evicted ? "; " : "", MOST_PART, evicted);
    }
    sender_write(file, &status);
}

/*
 * Return whether to send again. The timeout ends a delivery that is slow, but makes progress: then
 * the rest would be left, because programs start no sender beside this one.
 */
static bool is_useful(const struct send_outcome *outcome, uint64_t linger_ns) {
    return outcome->result == TOTE_RESULT_SUCCESS ||
           (linger_ns && outcome->result == TOTE_RESULT_TIMEOUT && outcome->report.delivered);
}

int background_run(const struct send_options *options, uint64_t linger_ns) {
    char problem[TOTE__FOLDER_PROBLEM_BYTES];
    char cause[SENDER_TEXT_BYTES];
    char evicted[SENDER_TEXT_BYTES];
    struct send_outcome outcome;
    struct tote__folder folder;
    int file = -1;

    if (tote__folder_open(options->directory, tote__os_user_id(), false, &folder, problem)) {
        file = take_lock(&folder, stop_ns + linger_ns);
    }
    if (file < 0) {
        return EXIT_SUCCESS;
    }
    do {
        trim(options->directory, evicted);
        cause[0] = '\0';
        tote_diagnostics_set_handler(note_failure, TOTE_LEVEL_WARN, cause);
        outcome = send_queue(options);
        write_status(file, &outcome, cause, evicted);
    } while (!stop_signal && is_useful(&outcome, linger_ns) && go_on(&folder, file, linger_ns));
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE, NULL);
    tote__folder_close(&folder);
    if (outcome.result != TOTE_RESULT_SUCCESS) {
        stop_end();
    }
    return outcome.result == TOTE_RESULT_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE;
}

void background_forget(const char *directory) {
    const struct sender_status none = {.since = 0};
    char problem[TOTE__FOLDER_PROBLEM_BYTES];
    struct tote__folder folder;
    struct stat status;

    if (!tote__folder_open(directory, tote__os_user_id(), false, &folder, problem)) {
        return;
    }
    if (tote__folder_has_file(&folder, TOTE__DISK_QUEUE_SENDER_NAME, &status) && status.st_size) {
        int file = take_lock(&folder, 0);
        if (file >= 0) {
            sender_write(file, &none);
            close(file);
        }
    }
    tote__folder_close(&folder);
}
