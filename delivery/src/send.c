/* SPDX-License-Identifier: MIT */
/*
 * send.c - what is in a disk queue, delivered without an SDK
 */
#include <errno.h>
#include <string.h>

#include "outbox.h"
#include "tote/context.h"
#include "tote/diagnostics.h"
#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/journal.h"
#include "tote/internal/os.h"
#include "tote/internal/spool_entry.h"
#include "tote/internal/spool_lock.h"
#include "tote/internal/tracer.h"

enum { LONGEST_PAUSE_MS = 60000 };

struct sending {
    struct tote__outbox outbox;
    uint64_t deadline;
    bool has_last_attempt; /* the pause before it was shortened */
};

/* Or nobody has looked yet. */
static bool is_something_left(const struct sending *sending) {
    return !tote__spool_trouble(sending->outbox.spool).is_locked_out &&
           (sending->outbox.is_sending_batch || sending->outbox.look_at == 0 ||
            tote__spool_count(sending->outbox.spool));
}

static void make_step(struct sending *sending) {
    const tote_export_step step = {
        .struct_size = sizeof step,
        .timeout_ms = tote__ms_until(sending->deadline, UINT32_MAX),
        .deadline_ns = TOTE__NEVER,
        .may_wait = true,
    };
    tote_export_outcome outcome = TOTE_EXPORT_OUTCOME_INIT;

    if (tote__outbox_step(&sending->outbox, &step, &outcome) == TOTE_EXPORT_STATE_IDLE &&
        is_something_left(sending)) {
        sending->has_last_attempt =
            sending->has_last_attempt ||
            tote__retry_shorten_pause(&sending->outbox.retry, sending->deadline);
        uint64_t due = tote__outbox_due(&sending->outbox);
        due = due < sending->deadline ? due : sending->deadline;
        tote__os_wait_readable(NULL, 0, tote__ms_until(due, LONGEST_PAUSE_MS));
    }
}

/* The answer to the next batch would be the same where the receiver does not accept any here. */
static int send_all(void *arg) {
    struct sending *sending = arg;

    while (is_something_left(sending) && !sending->outbox.retry.is_not_accepted &&
           tote__clock_monotonic() < sending->deadline) {
        make_step(sending);
    }
    return is_something_left(sending);
}

static bool is_name_of_queue(const char *name) {
    struct tote__spool_entry entry;

    return strcmp(name, TOTE__SPOOL_LOCK_NAME) == 0 || tote__spool_entry_read(name, "", &entry) ||
           tote__recovery_is_journal(name);
}

static bool holds_queue(const char *journals, int spool) {
    struct tote__folder folder;
    struct tote__listing listing;
    const char *name = NULL;

    if (!tote__journal_open_directory(journals, spool, false, &folder) ||
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
 * A mistyped directory must stay as it is: no lock is created in it. Returns false, with a
 * diagnostic, if neither the directory nor that of the journals contains anything to send.
 */
static bool is_disk_queue(const struct tote__delivery_settings *settings,
                          const struct tote__spool *spool) {
    const char *journals = settings->journal_directory;
    int descriptor = tote__spool_descriptor(spool);

    if (holds_queue(NULL, descriptor) || (journals && holds_queue(journals, descriptor))) {
        return true;
    }
    tote_diagnose(TOTE_LEVEL_ERROR, "spool",
                  "%s is not a disk queue: it contains no batch, no journal and no %s; nothing is "
                  "sent, and nothing was created in it",
                  settings->spool_directory, TOTE__SPOOL_LOCK_NAME);
    return false;
}

/* What came of it. */
static tote_result fill_report(const struct tote__outbox *outbox, tote_spool_report *report) {
    const struct tote__spool_trouble trouble = tote__spool_trouble(outbox->spool);
    const struct tote__recovery *recovery = outbox->recovery;

    report->delivered = outbox->recovered;
    report->rejected = outbox->others_rejected;
    report->batches_left = tote__spool_count(outbox->spool);
    report->lost = recovery ? tote__recovery_lost(recovery) : 0;
    report->unreadable = trouble.unreadable + trouble.is_locked_out;
    report->damaged = trouble.damaged + (recovery ? tote__recovery_damaged(recovery) : 0);
    report->not_accepted = outbox->retry.is_not_accepted ? outbox->batch.span_count : 0;
    report->gone = recovery ? tote__recovery_gone(recovery) : 0;
    report->unattached = recovery ? tote__recovery_unattached(recovery) : 0;
    if (report->unreadable || report->damaged || report->not_accepted || report->unattached) {
        return TOTE_FAILURE;
    }
    return report->batches_left ? TOTE_TIMED_OUT : TOTE_SUCCESS;
}

static tote_result send_from(const tote_span_exporter *receiver,
                             const struct tote__delivery_settings *settings, uint32_t timeout_ms,
                             tote_spool_report *report) {
    struct sending sending = {.deadline = tote__deadline_in(timeout_ms)};
    struct tote__spool *spool =
        tote__spool_open_existing(settings->spool_directory, &settings->spool_limits);

    if (!spool || !is_disk_queue(settings, spool)) {
        report->unreadable = !spool; /* the directory */
        tote__spool_close(spool);
        return TOTE_FAILURE;
    }
    tote_context *context = tote_context_with_suppression(tote_context_root());
    tote__outbox_begin(&sending.outbox, settings, receiver, spool);
    bool is_over = tote_context_run(context, send_all, &sending) == 0;
    tote_result result = fill_report(&sending.outbox, report);
    tote__outbox_drop(&sending.outbox);
    tote__outbox_clear(&sending.outbox);
    tote_context_unref(context);
    return result == TOTE_SUCCESS && !is_over ? TOTE_TIMED_OUT : result;
}

tote_result tote__delivery_send(tote_span_exporter *receiver,
                                const struct tote__delivery_settings *settings, uint32_t timeout_ms,
                                tote_spool_report *report) {
    tote_spool_report own = {.struct_size = sizeof own};
    tote_result result = TOTE_FAILURE;
    int error = errno;
    int cancel = tote__cancel_disable();

    if (settings->spool_directory) {
        result = send_from(receiver, settings, timeout_ms, &own);
    } else {
        tote_diagnose(TOTE_LEVEL_ERROR, "spool", "which disk queue? spool_directory is not set");
    }
    tote_span_exporter_free(receiver);
    if (report && report->struct_size >= sizeof report->struct_size) {
        tote__copy_options("tote_spool_report", report, report->struct_size, &own);
    }
    tote__cancel_restore(cancel);
    errno = error;
    return result;
}
