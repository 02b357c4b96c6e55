/* SPDX-License-Identifier: MIT */
/*
 * helper.h - the helper programs, in ../libexec/tote beside the folder of this program
 */
#ifndef TOTE_CLI_HELPER_H
#define TOTE_CLI_HELPER_H

#include <limits.h>
#include <stdbool.h>

/*
 * Store the path of a part of the installation: `part` is relative to the folder above that of this
 * program. Returns false with errno set.
 */
bool helper_beside(const char *part, char path[PATH_MAX]);

/* Store the path of a helper program. Returns false with errno set. */
bool helper_path(const char *name, char path[PATH_MAX]);

/*
 * Remove the preload objects of Tote from LD_PRELOAD of this process: the requests of its helper
 * programs are not part of a trace.
 */
void helper_clear_preload(void);

/* Replace this process by a helper program. Returns the exit status if that fails. */
int helper_run(const char *name, char **argv);

#endif
