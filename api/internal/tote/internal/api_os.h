/* SPDX-License-Identifier: MIT */
/*
 * api_os.h - what libtote-api needs from the operating system beyond POSIX
 *
 * It is in one file for each system: api_os_linux.c, or api_os_posix.c, which needs nothing beyond
 * POSIX. See docs/porting.md.
 *
 * Threads: thread-safe.
 */
#ifndef TOTE_INTERNAL_API_OS_H
#define TOTE_INTERNAL_API_OS_H

#include <stdatomic.h>

#include "tote/internal/shared.h"

/*
 * Return whether the kernel started the program as setuid, setgid or with file capabilities. A user
 * with fewer privileges controls its environment. That user must not choose the files and endpoints
 * it uses.
 */
TOTE_SHARED bool tote__is_privileged(void);

/* Return the environment of the process. May be NULL. */
TOTE_SHARED char **tote__environment(void);

/*
 * Return a word of zero that the system zeroes in each child, however it was forked. Returns NULL
 * if the system does not support it. The memory is never freed.
 */
_Atomic(uint32_t) *tote__map_wiped_word(void);

/* Keep the shared object with this code mapped until the process ends, if the system can do it. */
void tote__stay_mapped(void);

/* Write a finite number like the format %.*g of printf(); `digits` is below 20. */
void tote__format_double(char *text, size_t size, int digits, double real);

#endif
