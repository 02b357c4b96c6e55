/* SPDX-License-Identifier: MIT */
/*
 * possible.c - whether the interactive display can be used
 *
 * A file of its own, because <term.h> defines macros such as `columns`.
 *
 * Tests: tests/cli/test_tui.sh
 */
#include "tui.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>

bool tui_is_possible(void) {
    const char *term = getenv("TERM");
    int error;

    /* A background process must not change the terminal. */
    if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() || !isatty(STDOUT_FILENO) ||
        !term || !*term || strcmp(term, "dumb") == 0) {
        return false;
    }
    /* A terminfo entry that can move the cursor is needed. */
    bool has_entry = setupterm(NULL, STDOUT_FILENO, &error) == OK;
    bool can_move = has_entry && cursor_address;
    if (has_entry) {
        del_curterm(cur_term);
    }
    return can_move;
}
