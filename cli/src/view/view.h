/* SPDX-License-Identifier: MIT */
/*
 * view.h - tote view: a local receiver that draws traces
 */
#ifndef TOTE_CLI_VIEW_H
#define TOTE_CLI_VIEW_H

#include <stdbool.h>
#include <stddef.h>

struct view_options {
    unsigned port; /* HTTP; 0: a free one; at most 65535 */
    unsigned grpc_port;
    bool is_grpc_port_wanted; /* false: use a free one if it is in use */
    unsigned count;           /* end after this many traces; 0: never */
    unsigned quiet_ms;
    size_t memory;       /* bytes that traces may use; 0: the default */
    bool has_page;       /* serve the page, and draw nothing */
    bool is_opened;      /* open the page in a browser */
    bool is_interactive; /* show the traces by tui_run(): count and quiet_ms are not used */
};

/*
 * Read the files, then receive and draw until a signal or the count. Returns the program's exit
 * status.
 */
int view_run(const struct view_options *options, char *const *files, size_t count);

/* Draw the traces of OTLP files: see requests_from_file(). Returns the exit status. */
int view_files(const struct view_options *options, char *const *files, size_t count);

#endif
