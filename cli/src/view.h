/* SPDX-License-Identifier: MIT */
/*
 * view.h - a local receiver that draws the traces it gets
 */
#ifndef TOTE_CLI_VIEW_H
#define TOTE_CLI_VIEW_H

#include <stdbool.h>
#include <stddef.h>

struct view_options {
    unsigned port; /* of HTTP; 0: a free one; 65535 at most */
    unsigned grpc_port;
    bool is_grpc_port_wanted; /* false: if it is in use, a free one will do */
    unsigned count;           /* end after so many traces; 0: never */
    unsigned quiet_ms;
};

/* Receive and draw until a signal or the count ends it. Returns: the program's exit code. */
int view_run(const struct view_options *options);

/* Draw what is in files of OTLP: see requests_from_file(). Returns: the same. */
int view_files(const struct view_options *options, char *const *files, size_t count);

#endif
