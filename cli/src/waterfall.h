/* SPDX-License-Identifier: MIT */
/*
 * waterfall.h - a trace as people like to read it
 */
#ifndef TOTE_CLI_WATERFALL_H
#define TOTE_CLI_WATERFALL_H

#include "terminal.h"
#include "trace.h"

/* Draw it. What it needs for that it takes from the trace's arena. */
void waterfall_draw(const struct terminal *terminal, struct trace *trace);

#endif
