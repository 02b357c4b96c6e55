/* SPDX-License-Identifier: MIT */
/*
 * send.h - tote send: deliver what is in a spool
 */
#ifndef TOTE_CLI_SEND_H
#define TOTE_CLI_SEND_H

/* `journals` may be NULL. To where OTEL_EXPORTER_OTLP_* say. Returns: the exit status; 0 when nothing is left there. */
int send_run(const char *directory, const char *journals, unsigned timeout_ms);

#endif
