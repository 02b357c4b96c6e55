/* SPDX-License-Identifier: MIT */
/*
 * send.h - tote send: deliver the batches of a disk queue
 */
#ifndef TOTE_CLI_SEND_H
#define TOTE_CLI_SEND_H

enum {
    EXIT_UNREADABLE = 3, /* a file cannot be opened or attached, or is damaged */
    EXIT_REJECTED = 4    /* the receiver rejected spans, or does not accept requests here */
};

/*
 * Deliver to the endpoint of OTEL_EXPORTER_OTLP_*. `crash_files` is the directory of crash-safe
 * files, or NULL. Returns the exit status. EXIT_SUCCESS: nothing is left.
 */
int send_run(const char *directory, const char *crash_files, unsigned timeout_ms);

#endif
