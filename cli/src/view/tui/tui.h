/* SPDX-License-Identifier: MIT */
/*
 * tui.h - the interactive display in a terminal
 */
#ifndef TOTE_CLI_TUI_H
#define TOTE_CLI_TUI_H

#include <stdatomic.h>
#include <stdbool.h>

#include "model.h"

/*
 * Whether standard input and output are a terminal that can be controlled, and the process is not
 * in the background.
 */
bool tui_is_possible(void);

/* Block the signals that tui_run() handles. Call it before threads are started. */
void tui_block_signals(void);

/*
 * Show the model until the user quits, or until SIGINT, SIGTERM or SIGHUP. `source` describes what
 * is received or read. Other threads may add spans. Meanwhile, text on standard error is shown as
 * a message; the last lines are written again at the end.
 *
 * `is_loading`, if not NULL: whether files are being read. Returns false, after a message on
 * standard error, if the display cannot be started.
 */
bool tui_run(struct model *model, const char *source, const atomic_bool *is_loading);

#endif
