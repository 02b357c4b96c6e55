/* SPDX-License-Identifier: MIT */
/*
 * send.c - sends a disk queue without an SDK
 *
 * Tests: tests/unit/test_otlp_crash_file.c, tests/cli/test_send.sh
 */
#include <errno.h>
#include <string.h>

#include "outbox.h"
#include "tote/context.h"
#include "tote/diagnostics.h"
#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/crash_file.h"
#include "tote/internal/disk_queue_entry.h"
#include "tote/internal/disk_queue_lock.h"
#include "tote/internal/os.h"
#include "tote/internal/tracer.h"

enum { LONGEST_PAUSE_MS = 60000, LOOK_EVERY_MS = 50 /* for a stop */ };

struct sending {
    struct tote__outbox outbox;
    uint64_t deadline;
    const volatile sig_atomic_t *stop; /* NULL: none */
    bool is_stopping;
    bool has_last_attempt; /* the backoff before it was shortened */
};

/* Return whether something is left, or was not checked yet. */
static bool is_something_left(const struct sending *sending) {
    return !tote__disk_queue_trouble(sending->outbox.disk_queue).is_locked_out &&
           (sending->outbox.is_sending_batch || sending->outbox.look_at == 0 ||
            tote__disk_queue_count(sending->outbox.disk_queue));
}

static void make_step(struct sending *sending) {
    const tote_export_step step = {
        .struct_size = sizeof step,
        .timeout_ms = tote__ms_until(sending->deadline, UINT32_MAX),
        .deadline_ns = TOTE__NEVER,
        .may_block = true,
        .drain_only = sending->is_stopping,
    };
    tote_export_outcome outcome = TOTE_EXPORT_OUTCOME_INIT;

    if (tote__outbox_step(&sending->outbox, &step, &outcome) == TOTE_EXPORT_STATE_IDLE &&
        is_something_left(sending)) {
        sending->has_last_attempt =
            sending->has_last_attempt ||
            tote__retry_shorten_pause(&sending->outbox.retry, sending->deadline);
        uint64_t due = tote__outbox_due(&sending->outbox);
        due = due < sending->deadline ? due : sending->deadline;
        tote__os_wait_readable(
            NULL, 0, tote__ms_until(due, sending->stop ? LOOK_EVERY_MS : LONGEST_PAUSE_MS));
    }
}

static void note_stop(struct sending *sending) {
    if (!sending->is_stopping && sending->stop && *sending->stop) {
        uint64_t deadline = tote__deadline_in(TOTE__SEND_STOP_MS);
        sending->is_stopping = true;
        sending->deadline = deadline < sending->deadline ? deadline : sending->deadline;
    }
}

/*
 * Return whether to make another step. If the receiver does not accept requests, the response to
 * the next batch would be the same.
 */
static bool is_going_on(const struct sending *sending) {
    if (tote__clock_monotonic() >= sending->deadline) {
        return false;
    }
    return sending->is_stopping
               ? sending->outbox.retry.in_flight > 0
               : is_something_left(sending) && !sending->outbox.retry.is_not_accepted;
}

static int send_all(void *arg) {
    struct sending *sending = arg;

    for (note_stop(sending); is_going_on(sending); note_stop(sending)) {
        make_step(sending);
    }
    return is_something_left(sending);
}

static bool is_name_of_queue(const char *name) {
    struct tote__disk_queue_entry entry;

    return strcmp(name, TOTE__DISK_QUEUE_LOCK_NAME) == 0 ||
           strcmp(name, TOTE__DISK_QUEUE_SENDER_NAME) == 0 ||
           tote__disk_queue_entry_read(name, "", &entry) || tote__recovery_is_crash_file(name);
}

static bool holds_queue(const char *crash_files, int disk_queue) {
    struct tote__folder folder;
    struct tote__listing listing;
    const char *name = NULL;

    if (!tote__crash_file_open_directory(crash_files, disk_queue, false, &folder) ||
        !tote__listing_begin(&folder, &listing)) {
        return false;
    }
    do {
        name = tote__listing_next(&listing);
    } while (name && !is_name_of_queue(name));
    bool holds_some = name;
    tote__listing_close(&listing);
    return holds_some;
}

/*
 * Return whether the directory is a disk queue, so that nothing is created in a mistyped directory.
 * Returns false, with a diagnostic, if neither the directory nor that of the crash-safe files
 * contains anything to send.
 */
static bool is_disk_queue(const struct tote__delivery_settings *settings,
                          const struct tote__disk_queue *disk_queue) {
    const char *crash_files = settings->crash_safe_directory;
    int descriptor = tote__disk_queue_descriptor(disk_queue);

    if (holds_queue(NULL, descriptor) || (crash_files && holds_queue(crash_files, descriptor))) {
        return true;
    }
    tote_diagnostics_report(
        TOTE_LEVEL_ERROR, "disk queue",
        "%s is not a disk queue: it contains no batch, no crash-safe file and no %s; nothing is "
        "sent, and nothing was created in it",
        settings->disk_queue_directory, TOTE__DISK_QUEUE_LOCK_NAME);
    return false;
}

/* Fill the report. Returns the result. */
static tote_result fill_report(const struct tote__outbox *outbox, tote_disk_queue_report *report) {
    const struct tote__disk_queue_trouble trouble = tote__disk_queue_trouble(outbox->disk_queue);
    const struct tote__recovery *recovery = outbox->recovery;

    report->delivered = outbox->recovered;
    report->rejected = outbox->others_rejected;
    report->batches_pending = tote__disk_queue_count(outbox->disk_queue);
    report->lost = recovery ? tote__recovery_lost(recovery) : 0;
    report->unreadable = trouble.unreadable + trouble.is_locked_out;
    report->damaged = trouble.damaged + (recovery ? tote__recovery_damaged(recovery) : 0);
    report->not_accepted = outbox->retry.is_not_accepted ? outbox->batch.span_count : 0;
    report->missing = recovery ? tote__recovery_missing(recovery) : 0;
    report->unattached = recovery ? tote__recovery_unattached(recovery) : 0;
    if (report->unreadable || report->damaged || report->not_accepted || report->unattached) {
        return TOTE_RESULT_FAILURE;
    }
    return report->batches_pending ? TOTE_RESULT_TIMEOUT : TOTE_RESULT_SUCCESS;
}

static tote_result send_from(const tote_span_exporter *receiver,
                             const struct tote__delivery_settings *settings, uint32_t timeout_ms,
                             const volatile sig_atomic_t *stop, tote_disk_queue_report *report) {
    struct sending sending = {.deadline = tote__deadline_in(timeout_ms), .stop = stop};
    struct tote__disk_queue *disk_queue = tote__disk_queue_open_existing(
        settings->disk_queue_directory, &settings->disk_queue_limits);

    if (!disk_queue || !is_disk_queue(settings, disk_queue)) {
        report->unreadable = !disk_queue; /* the directory is unreadable */
        tote__disk_queue_close(disk_queue);
        return TOTE_RESULT_FAILURE;
    }
    tote_context *context = tote_context_with_suppression(tote_context_root());
    tote__outbox_begin(&sending.outbox, settings, receiver, disk_queue);
    bool is_over = tote_context_run(context, send_all, &sending) == 0;
    tote_result result = fill_report(&sending.outbox, report);
    tote__outbox_drop(&sending.outbox);
    tote__outbox_clear(&sending.outbox);
    tote_context_unref(context);
    return result == TOTE_RESULT_SUCCESS && !is_over ? TOTE_RESULT_TIMEOUT : result;
}

tote_result tote__delivery_send(tote_span_exporter *receiver,
                                const struct tote__delivery_settings *settings, uint32_t timeout_ms,
                                const volatile sig_atomic_t *stop, tote_disk_queue_report *report) {
    tote_disk_queue_report own = {.struct_size = sizeof own};
    tote_result result = TOTE_RESULT_FAILURE;
    int error = errno;
    int cancel = tote__cancel_disable();

    if (settings->disk_queue_directory) {
        result = send_from(receiver, settings, timeout_ms, stop, &own);
    } else {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "disk queue",
                                "nothing is sent: disk_queue_directory is not set");
    }
    tote_span_exporter_free(receiver);
    if (report && report->struct_size >= sizeof report->struct_size) {
        tote__copy_options("tote_disk_queue_report", report, report->struct_size, &own);
    }
    tote__cancel_restore(cancel);
    errno = error;
    return result;
}
