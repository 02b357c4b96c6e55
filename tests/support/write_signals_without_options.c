/* SPDX-License-Identifier: MIT */
/*
 * write_signals_without_options.c - write_signals.c as on a system without sigtimedwait(), as macOS
 */
#include <unistd.h>

/* NOLINTBEGIN(bugprone-reserved-identifier): this is the name of POSIX */
#undef _POSIX_REALTIME_SIGNALS
#define _POSIX_REALTIME_SIGNALS (-1)
/* NOLINTEND(bugprone-reserved-identifier) */

#include "../../api/src/base/write_signals.c" /* NOLINT(bugprone-suspicious-include) */
