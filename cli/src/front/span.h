/* SPDX-License-Identifier: MIT */
/*
 * span.h - tote span: a span from options, or from several commands
 */
#ifndef TOTE_CLI_SPAN_H
#define TOTE_CLI_SPAN_H

/* Returns the exit status. */
int span_run(int argc, char **argv);

#endif
