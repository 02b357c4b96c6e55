/* SPDX-License-Identifier: MIT */
/*
 * send.h - tote send: deliver what is in a disk queue
 */
#ifndef TOTE_CLI_SEND_H
#define TOTE_CLI_SEND_H

enum {
    EXIT_UNREADABLE =
        3,            /* something in the directory cannot be opened or attached, or is damaged */
    EXIT_REJECTED = 4 /* the receiver rejected spans, or does not accept requests here */
};

/*
 * `crash-safe files` may be NULL. Send to where OTEL_EXPORTER_OTLP_* say. Returns the exit status:
 * EXIT_SUCCESS if nothing is left, EXIT_UNREADABLE, EXIT_REJECTED, or EXIT_FAILURE.
 */
int send_run(const char *directory, const char *crash_files, unsigned timeout_ms);

#endif
