/* SPDX-License-Identifier: MIT */
/*
 * send.h - tote send: deliver what is in a spool
 */
#ifndef TOTE_CLI_SEND_H
#define TOTE_CLI_SEND_H

/* Something in the directory cannot be opened, or is damaged. */
enum { EXIT_UNREADABLE = 3 };

/*
 * `journals` may be NULL. Send to where OTEL_EXPORTER_OTLP_* say. Returns the exit status:
 * EXIT_SUCCESS if nothing is left, EXIT_UNREADABLE, or EXIT_FAILURE.
 */
int send_run(const char *directory, const char *journals, unsigned timeout_ms);

#endif
