/* SPDX-License-Identifier: MIT */
/*
 * moment.h - times of a command line
 */
#ifndef TOTE_CLI_MOMENT_H
#define TOTE_CLI_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Read a time in nanoseconds since the epoch: "now"; relative to now, such as -1.5s or +2m; a
 * number of seconds since the epoch with an optional fraction; with 12 digits or more, of
 * milliseconds, microseconds (15) or nanoseconds (18); or RFC 3339, such as 2026-11-28T21:04:05Z.
 * Returns false if it is none of them, or out of range.
 */
bool moment_read(const char *text, uint64_t now, uint64_t *time_unix_nano);

#endif
