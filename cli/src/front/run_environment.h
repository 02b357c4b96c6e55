/* SPDX-License-Identifier: MIT */
/*
 * run_environment.h - the environment of a command whose spans go to a viewer
 */
#ifndef TOTE_CLI_RUN_ENVIRONMENT_H
#define TOTE_CLI_RUN_ENVIRONMENT_H

#include <stdbool.h>

struct run_viewer {
    unsigned port; /* of OTLP over HTTP */
    unsigned grpc_port;
    const char *queue; /* directory of the disk queue of tote exec and tote span */
};

/* Set the variables that send the spans of `command` to the viewer. Returns false if out of memory.
 */
bool run_environment_set(const struct run_viewer *viewer, const char *command);

/*
 * Add the preload objects to LD_PRELOAD, after those that are there, if they fit the command: it is
 * a script, or a program of the same platform as this one that is not static.
 */
bool run_environment_preload(const char *command);

#endif
