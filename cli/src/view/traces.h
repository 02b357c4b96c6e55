/* SPDX-License-Identifier: MIT */
/*
 * traces.h - tote traces and tote trace: questions to a running viewer, or to files
 */
#ifndef TOTE_CLI_TRACES_H
#define TOTE_CLI_TRACES_H

/* Each runs the command that argv[0] names, and returns the exit status. */
int traces_command(int argc, char **argv);
int trace_command(int argc, char **argv);

#endif
