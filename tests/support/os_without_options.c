/* SPDX-License-Identifier: MIT */
/*
 * os_without_options.c - os_posix.c as on a system that lacks options of POSIX, as macOS does
 */
#include <unistd.h>

/* NOLINTBEGIN(bugprone-reserved-identifier): these are the names of POSIX */
#undef _POSIX_CLOCK_SELECTION
#define _POSIX_CLOCK_SELECTION (-1)
#undef _POSIX_ADVISORY_INFO
#define _POSIX_ADVISORY_INFO (-1)
/* NOLINTEND(bugprone-reserved-identifier) */

#include "../../sdk/src/os_posix.c" /* NOLINT(bugprone-suspicious-include) */
