/* SPDX-License-Identifier: MIT */
/*
 * queue_path.h - the disk queue of the program `tote`
 */
#ifndef TOTE_CLI_QUEUE_PATH_H
#define TOTE_CLI_QUEUE_PATH_H

#include <limits.h>
#include <stdbool.h>

/*
 * Store the directory of the disk queue: OTEL_C_DISK_QUEUE_DIRECTORY, else a directory for this
 * receiver below tote/queue in XDG_STATE_HOME or in ~/.local/state: the spans for one receiver must
 * never reach another. With `may_make` the parents of the default are created. Returns false if no
 * variable is set, or if the path is too long.
 */
bool queue_path(bool may_make, char path[PATH_MAX]);

#endif
