/* SPDX-License-Identifier: MIT */
/*
 * send.h - tote send: deliver the batches of a disk queue
 */
#ifndef TOTE_CLI_SEND_H
#define TOTE_CLI_SEND_H

#include "open_record.h"
#include "tote/delivery.h"

enum {
    EXIT_UNREADABLE = 3, /* a file cannot be opened or attached, or is damaged */
    EXIT_REJECTED = 4    /* the receiver rejected spans, or does not accept requests here */
};

struct send_options {
    const char *directory;   /* of the disk queue */
    const char *crash_files; /* directory of crash-safe files, or NULL */
    unsigned timeout_ms;
    bool ends_open; /* end the spans that are open, too */
};

struct send_outcome {
    tote_result result;
    tote_disk_queue_report report;
    struct open_record_counts records;
};

/* Deliver to the endpoint of OTEL_EXPORTER_OTLP_*, also the open records of dead processes. */
struct send_outcome send_queue(const struct send_options *options);

/* Deliver, and print the outcome. Returns the exit status. EXIT_SUCCESS: nothing is left. */
int send_run(const struct send_options *options);

#endif
