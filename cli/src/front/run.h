/* SPDX-License-Identifier: MIT */
/*
 * run.h - tote run and tote test: a command under a viewer of its own
 */
#ifndef TOTE_CLI_RUN_H
#define TOTE_CLI_RUN_H

/*
 * Run the command "run" or "test", which argv[0] names. argv[-1] is the program. Returns the exit
 * status.
 */
int run_command(int argc, char **argv);

#endif
