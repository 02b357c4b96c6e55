/* SPDX-License-Identifier: MIT */
/*
 * exec.h - tote exec: a span around a command
 */
#ifndef TOTE_CLI_EXEC_H
#define TOTE_CLI_EXEC_H

/* Run the command. Returns the exit status. */
int exec_run(int argc, char **argv);

#endif
