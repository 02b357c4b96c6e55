/* SPDX-License-Identifier: MIT */
/*
 * spans.h - rows of a trace that are visible
 */
#ifndef TOTE_CLI_SPANS_H
#define TOTE_CLI_SPANS_H

#include "ui.h"

/* Return the row of the parent; NO_ROW: it has none. */
size_t spans_parent(const struct trace_view *view, size_t row);

/* Return the row of the last descendant, or the row itself. */
size_t spans_last(const struct trace_view *view, size_t row);

/* Return the next visible row, or the count. */
size_t spans_next(const struct trace_view *view, size_t row);

/* Return the previous visible row; the row is visible, and not the first. */
size_t spans_previous(const struct trace_view *view, size_t row);

/* Scroll so that the selected row is one of `rows` that are shown. */
void spans_scroll(struct trace_view *view, size_t rows);

#endif
