/* SPDX-License-Identifier: MIT */
/*
 * waterfall.h - drawing a trace
 */
#ifndef TOTE_CLI_WATERFALL_H
#define TOTE_CLI_WATERFALL_H

#include "model.h"
#include "terminal.h"

/*
 * Draw a trace that is pinned. Takes the lock of the model, and releases it while it writes. The
 * heading of a trace that was drawn before says how many spans joined it since then.
 */
void waterfall_draw(const struct terminal *terminal, struct model *model, struct trace *trace);

#endif
