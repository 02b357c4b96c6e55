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

#include "tote/exporters/otlp.h"

static bool is_directory(const char *path) {
    struct stat status;
    bool is_one = stat(path, &status) == 0 && S_ISDIR(status.st_mode);

    if (!is_one) {
        fprintf(stderr, "tote: send: the directory %s does not exist\n", path);
    }
    return is_one;
}

int send_run(const char *directory, const char *crash_files, unsigned timeout_ms) {
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_disk_queue_report report = {.struct_size = sizeof report};

    options.delivery = &delivery;
    if (!is_directory(directory) || (crash_files && !is_directory(crash_files))) {
        return EXIT_FAILURE;
    }
    delivery.disk_queue_directory = directory;
    delivery.crash_safe_directory = crash_files;
    tote_result result = tote_otlp_disk_queue_send(&options, timeout_ms, &report);
    bool is_unreadable = report.unreadable || report.damaged || report.unattached;
    bool is_rejected = report.rejected || report.not_accepted;
    if (result == TOTE_RESULT_FAILURE && !is_unreadable && !is_rejected) {
        return EXIT_FAILURE; /* nothing was tried, and a diagnostic reported why */
    }
    printf("%" PRIu64 " spans delivered, %" PRIu64 " rejected, %" PRIu64 " batches left\n",
           report.delivered, report.rejected, report.batches_pending);
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
    if (report.unreadable || report.damaged) {
        printf("%" PRIu64 " files cannot be opened, %" PRIu64 " files are damaged\n",
               report.unreadable, report.damaged);
    }
    if (is_unreadable) {
        return EXIT_UNREADABLE;
    }
    if (is_rejected) {
        return EXIT_REJECTED;
    }
    return result == TOTE_RESULT_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE;
}
