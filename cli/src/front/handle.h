/* SPDX-License-Identifier: MIT */
/*
 * handle.h - the variable TOTE_SPAN: the spans that a script has begun and not ended
 *
 * It contains an entry for each span, the innermost first, separated by blanks. An entry has the
 * path of the open record (empty if the span is not recorded), and the variables of the context
 * around the span: ",NAME=VALUE", or ",NAME" if the variable was not set. Values are
 * percent-encoded, so that it contains no character that is special to a shell.
 */
#ifndef TOTE_CLI_HANDLE_H
#define TOTE_CLI_HANDLE_H

#include <limits.h>

#include "variables.h"

#define HANDLE_VARIABLE "TOTE_SPAN"

/*
 * Return "TOTE_SPAN=..." with a new innermost span, to be freed. `outer` is the old value, or NULL.
 * Returns NULL if out of memory.
 */
char *handle_push(const char *outer, const char *path, const struct variables *around);

struct handle {
    char path[PATH_MAX];     /* "": the span is not recorded */
    struct variables around; /* to be cleared */
    char *outer;             /* "TOTE_SPAN=...", or "TOTE_SPAN" without a span; in `around` */
};

/* Read the innermost span. Returns false if the value is malformed, or if out of memory. */
bool handle_read(const char *value, struct handle *handle);

#endif
