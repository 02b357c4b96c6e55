/* SPDX-License-Identifier: MIT */
/*
 * send.h - tote send: deliver what is in a spool
 */
#ifndef TOTE_CLI_SEND_H
#define TOTE_CLI_SEND_H

/* To where OTEL_EXPORTER_OTLP_* say. Returns: the exit status; 0 when nothing is left there. */
int send_run(const char *directory, unsigned timeout_ms);

#endif
