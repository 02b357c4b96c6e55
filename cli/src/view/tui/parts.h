/* SPDX-License-Identifier: MIT */
/*
 * parts.h - the parts of the interactive display, for each other
 *
 * Functions with an `argument` are actions of keys: see keys.c.
 */
#ifndef TOTE_CLI_PARTS_H
#define TOTE_CLI_PARTS_H

#include "ui.h"

enum move { MOVE_UP, MOVE_DOWN, MOVE_PAGE_UP, MOVE_PAGE_DOWN, MOVE_FIRST, MOVE_LAST };

/* An area of the surface. */
struct area {
    size_t row;
    size_t column;
    size_t rows;
    size_t columns;
};

/* ui.c */
void ui_move(struct ui *ui, int move);
void ui_help(struct ui *ui, int argument);
void ui_leave(struct ui *ui, int argument);
void ui_escape(struct ui *ui, int argument);
void ui_redraw(struct ui *ui, int argument);
void ui_back(struct ui *ui, int argument);
size_t ui_page(const struct ui *ui); /* rows of the content */
struct area ui_area(const struct ui *ui);
unsigned ui_service_style(struct ui *ui, const char *service);
const char *ui_span_name(const struct trace_span *span); /* never empty */

/* Move within `count` rows. */
void scroll_move(struct scroll *scroll, size_t count, size_t page, int move);

/* Scroll so that the selected row is one of `rows` that are shown. */
void scroll_show(struct scroll *scroll, size_t count, size_t rows);

/* prompt.c */
void prompt_open(struct ui *ui, const char *label, prompt_done *done, const char *text);
void prompt_key(struct ui *ui, int key);
void prompt_draw(struct ui *ui);

/* Return the query of a text, NULL without one. The caller frees it. */
struct query *prompt_query(const char *text);

/* overview.c */
void overview_open(struct ui *ui, int argument);
void overview_edit_filter(struct ui *ui, int argument);
void overview_sort_by(struct ui *ui, int argument);
void overview_sort_next(struct ui *ui, int argument);
void overview_reverse(struct ui *ui, int argument);
void overview_next_error(struct ui *ui, int argument);
void overview_follow(struct ui *ui, int argument);
void overview_pause(struct ui *ui, int argument);
void overview_clear(struct ui *ui, int argument);
void overview_set_filter(struct ui *ui, const char *text);
void overview_select(struct ui *ui, size_t row);
void overview_refresh(struct ui *ui);
void overview_draw(struct ui *ui, struct area area);
void overview_end(struct overview *list);

/* spans.c */
bool trace_show(struct ui *ui, const uint8_t trace_id[16], const uint8_t *span_id);
void trace_close(struct ui *ui);
void trace_refresh(struct ui *ui);
void trace_move(struct ui *ui, int move, size_t page);
void trace_select(struct ui *ui, size_t row); /* and unfold what hides it */
void trace_set_search(struct ui *ui, const char *text);
void trace_fold(struct ui *ui, int argument);
void trace_unfold(struct ui *ui, int argument);
void trace_toggle_fold(struct ui *ui, int argument);
void trace_show_levels(struct ui *ui, int argument);
void trace_fold_level(struct ui *ui, int argument);
void trace_fold_all(struct ui *ui, int argument);
void trace_zoom(struct ui *ui, int argument);
void trace_pan(struct ui *ui, int argument);
void trace_zoom_fit(struct ui *ui, int argument);
void trace_zoom_reset(struct ui *ui, int argument);
void trace_edit_search(struct ui *ui, int argument);
void trace_next_match(struct ui *ui, int argument);
void trace_next_error(struct ui *ui, int argument);
void trace_toggle_critical(struct ui *ui, int argument);

/* spans_draw.c */
enum trace_panes { PANES_SPANS, PANES_DETAILS, PANES_BESIDE, PANES_BELOW };

/* Divide the area between the spans and the details. */
enum trace_panes trace_panes(const struct ui *ui, struct area area, struct area *spans,
                             struct area *details);
void trace_draw(struct ui *ui, struct area area);
void trace_draw_head(struct ui *ui, struct pen *pen);
void trace_click(struct ui *ui, struct area area, size_t row, size_t column);

/* details_pane.c */
void details_show(struct ui *ui, int argument);
void details_focus(struct ui *ui, int argument);
void details_sort(struct ui *ui, int argument);
void details_follow(struct ui *ui, int argument);
void details_copy(struct ui *ui, int argument);
void details_draw(struct ui *ui, struct area area);
void details_end(struct details_view *details);

/* map.c */
void map_show(struct ui *ui, int argument);
void map_open(struct ui *ui, int argument);
void map_refresh(struct ui *ui);
void map_draw(struct ui *ui, struct area area);
void map_end(struct map_view *map);

#endif
