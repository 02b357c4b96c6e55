/* SPDX-License-Identifier: MIT */
/*
 * waterfall.h - drawing a trace
 */
#ifndef TOTE_CLI_WATERFALL_H
#define TOTE_CLI_WATERFALL_H

#include "terminal.h"
#include "trace.h"

/* Draw a trace; memory is allocated from its arena. */
void waterfall_draw(const struct terminal *terminal, struct trace *trace);

#endif
