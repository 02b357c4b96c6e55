/* SPDX-License-Identifier: MIT */
/*
 * plain.h - the plain display: draws each trace when it is complete or quiet
 *
 * A trace is drawn again if spans join it later.
 */
#ifndef TOTE_CLI_PLAIN_H
#define TOTE_CLI_PLAIN_H

#include <stdbool.h>

#include "model.h"

struct plain {
    struct model *model; /* with awaited traces: see model_new() */
    unsigned quiet_ms;   /* a trace that got no span for so long is drawn, complete or not */
};

/*
 * Draw the traces that are due at `now_ms` on standard output: those that are complete and got no
 * span for a moment, those that are quiet, and the oldest of too many. `all`: every trace that is
 * not drawn yet. The oldest is first, by its last span and its start. At most `most` traces are
 * drawn for the first time. Returns how many were.
 */
unsigned plain_draw(const struct plain *plain, uint64_t now_ms, bool all, unsigned most);

#endif
