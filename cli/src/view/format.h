/* SPDX-License-Identifier: MIT */
/*
 * format.h - times, ids and kinds of spans as short text
 */
#ifndef TOTE_CLI_FORMAT_H
#define TOTE_CLI_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tote/span.h"

/* Format a duration in the unit that gives one to three digits before the point. */
void format_duration(char *text, size_t size, uint64_t nanoseconds, bool is_utf8);

enum { FORMAT_ID_BYTES = 2 * 16 + 1 };

/* Format an id of at most 16 bytes as hex digits. Returns the text. */
const char *format_id(char text[FORMAT_ID_BYTES], const uint8_t *id, size_t size);

/* Format an age in its largest unit, for example "12s" or "3h". */
void format_age(char *text, size_t size, uint64_t milliseconds);

/* Return an arrow: in for servers and consumers, out for clients and producers, else a space. */
const char *format_kind(tote_span_kind kind, bool is_utf8);

/* Return a block that fills this many eighths of a column from the left; "#" without UTF-8. */
const char *format_block(unsigned eighths, bool is_utf8);

/* Return the position of a time in a longer one, in steps: part * steps / whole, at most `steps`.
 */
size_t format_position(uint64_t part, uint64_t whole, size_t steps);

#endif
