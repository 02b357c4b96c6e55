/* SPDX-License-Identifier: MIT */
/*
 * run_viewer.h - the viewer of tote run and tote test
 */
#ifndef TOTE_CLI_RUN_VIEWER_H
#define TOTE_CLI_RUN_VIEWER_H

/* Run the command "run" or "test", which argv[0] names, as a child of the front program. */
int run_viewer(int argc, char **argv);

#endif
