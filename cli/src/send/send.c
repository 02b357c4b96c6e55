/* SPDX-License-Identifier: MIT */
/*
 * send.c - tote send: deliver the batches of a disk queue
 *
 * Tests: tests/cli/test_send.sh
 */
#include "send.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "background.h"
#include "sender.h"
#include "stop.h"
#include "tote/internal/os.h"
#include "tote/internal/otlp.h"

static bool is_directory(const char *path) {
    struct stat status;
    bool is_one = stat(path, &status) == 0 && S_ISDIR(status.st_mode);

    if (!is_one) {
        fprintf(stderr, "tote: send: the directory %s does not exist\n", path);
    }
    return is_one;
}

/*
 * Put the open records of dead processes, or all, into the queue. A directory with open records is
 * a disk queue, and has the file of the sender.
 */
static struct open_record_counts recover(const char *directory, bool of_all_owners) {
    struct open_record_counts counts = {0, 0, 0};
    struct tote__disk_queue *queue = tote__disk_queue_open_existing(directory, &sender_limits);
    struct tote__folder folder;

    if (queue && tote__folder_borrow(tote__disk_queue_descriptor(queue), &folder)) {
        counts = open_record_recover(queue, &folder, of_all_owners);
        if (counts.unfinished || counts.open || counts.damaged) {
            tote__os_close(sender_open(&folder));
        }
    }
    tote__disk_queue_close(queue);
    return counts;
}

struct send_outcome send_queue(const struct send_options *options) {
    tote_otlp_options exporter = TOTE_OTLP_OPTIONS_INIT;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    struct send_outcome outcome = {.report = TOTE_DISK_QUEUE_REPORT_INIT};

    exporter.delivery = &delivery;
    delivery.disk_queue_directory = options->directory;
    delivery.crash_safe_directory = options->crash_files;
    outcome.records = recover(options->directory, options->ends_open);
    outcome.result =
        tote__otlp_disk_queue_send(&exporter, options->timeout_ms, &stop_signal, &outcome.report);
    return outcome;
}

int send_run(const struct send_options *options) {
    if (!is_directory(options->directory) ||
        (options->crash_files && !is_directory(options->crash_files))) {
        return EXIT_FAILURE;
    }
    const struct send_outcome outcome = send_queue(options);
    const tote_disk_queue_report report = outcome.report;
    uint64_t damaged = report.damaged + outcome.records.damaged;
    bool is_unreadable = report.unreadable || damaged || report.unattached;
    bool is_rejected = report.rejected || report.not_accepted;
    if (outcome.result == TOTE_RESULT_FAILURE && !is_unreadable && !is_rejected) {
        return EXIT_FAILURE; /* nothing was tried, and a diagnostic reported why */
    }
    printf("%" PRIu64 " spans delivered, %" PRIu64 " rejected, %" PRIu64 " batches left\n",
           report.delivered, report.rejected, report.batches_pending);
    if (outcome.records.unfinished) {
        printf("%" PRIu64 " spans are unfinished: %s\n", outcome.records.unfinished,
               options->ends_open ? "no command ended them"
                                  : "the process that began them has ended");
    }
    if (outcome.records.open) {
        printf("%" PRIu64 " spans are still open\n", outcome.records.open);
    }
    if (report.lost) {
        printf("%" PRIu64 " more spans ended in programs that were killed and are lost\n",
               report.lost);
    }
    if (report.missing) {
        printf(
            "%" PRIu64
            " crash-safe files refer to shared memory that no longer exists, for example after a "
            "restart; the number of lost spans is unknown\n",
            report.missing);
    }
    if (report.unattached) {
        printf(
            "%" PRIu64
            " crash-safe files are left: their shared memory belongs to another container or IPC "
            "namespace; run tote send there\n",
            report.unattached);
    }
    if (report.not_accepted) {
        puts("the receiver does not accept requests at this endpoint: the rest stays in the queue");
    }
    if (report.unreadable || damaged) {
        printf("%" PRIu64 " files cannot be opened, %" PRIu64 " files are damaged\n",
               report.unreadable, damaged);
    }
    if (outcome.result != TOTE_RESULT_SUCCESS && stop_signal) {
        puts("stopped by a signal: what is left stays in the queue");
        stop_end();
    }
    if (outcome.result == TOTE_RESULT_SUCCESS) {
        background_forget(options->directory);
    }
    if (is_unreadable) {
        return EXIT_UNREADABLE;
    }
    if (is_rejected) {
        return EXIT_REJECTED;
    }
    return outcome.result == TOTE_RESULT_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE;
}
