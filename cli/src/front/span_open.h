/* SPDX-License-Identifier: MIT */
/*
 * span_open.h - tote span begin, event, set and end: a span of several commands
 */
#ifndef TOTE_CLI_SPAN_OPEN_H
#define TOTE_CLI_SPAN_OPEN_H

/* All return the exit status. */
int span_begin(int argc, char **argv);
int span_event(int argc, char **argv);
int span_set(int argc, char **argv);
int span_end(int argc, char **argv);

#endif
