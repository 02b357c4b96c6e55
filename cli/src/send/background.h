/* SPDX-License-Identifier: MIT */
/*
 * background.h - the background sender of a disk queue, which the program `tote` starts
 */
#ifndef TOTE_CLI_BACKGROUND_H
#define TOTE_CLI_BACKGROUND_H

#include "send.h"

/*
 * Deliver the disk queue until it has been empty for `linger_ns`, or until a delivery fails; the
 * cause is then written for the next call of `tote`. Returns at once if another sender runs.
 * Returns the exit status.
 */
int background_run(const struct send_options *options, uint64_t linger_ns);

/* Forget the failure of an earlier delivery, unless a sender runs. */
void background_forget(const char *directory);

#endif
