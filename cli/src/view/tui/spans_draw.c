/* SPDX-License-Identifier: MIT */
/*
 * spans_draw.c - the waterfall of a trace
 *
 * Only the rows on the screen are laid out.
 *
 * Tests: tests/unit/test_tui.c
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "format.h"
#include "parts.h"
#include "spans.h"
#include "terminal.h"

enum {
    DURATION_COLUMNS = 10,
    GUIDE_COLUMNS = 2,
    MOST_GUIDES = 24,
    LEAST_NAME = 8,
    MOST_NAME = 60,
    KIND_COLUMNS = 2,
    MOST_SERVICE = 16,
    TICK_COLUMNS = 13, /* at least, between two ticks */
    BARS_FROM = 50,    /* columns of the area, to show bars */
    SERVICES_FROM = 70
};

/* The columns of a row. */
struct layout {
    size_t name;
    size_t kind;
    size_t service;
    size_t bars;
    size_t base;   /* depth at the left edge */
    size_t guides; /* at most, before a name */
};

static struct layout lay_out(const struct trace_view *view, struct area area) {
    struct layout layout = {0};
    size_t width = area.columns > 1 + DURATION_COLUMNS ? area.columns - 1 - DURATION_COLUMNS : 1;

    layout.name = width;
    if (area.columns >= BARS_FROM) {
        layout.name = tote__min(width * 2 / 5, MOST_NAME);
        if (area.columns >= SERVICES_FROM) {
            layout.kind = view->has_kinds ? KIND_COLUMNS : 0;
            layout.service = tote__min(width / 6, MOST_SERVICE);
        }
        layout.bars = width - layout.name - layout.kind - layout.service - 2;
    }
    layout.guides = layout.name > LEAST_NAME ? (layout.name - LEAST_NAME) / GUIDE_COLUMNS : 0;
    layout.guides = tote__min(layout.guides, MOST_GUIDES);
    size_t depth = view->count ? view->tree.nodes[view->scroll.selected].depth : 0;
    layout.base = depth > layout.guides ? depth - layout.guides / 2 : 0;
    return layout;
}

/* Draw the lines from a node to its ancestors, and the mark of a fold. */
static void put_tree(struct pen *pen, const struct trace_view *view, size_t index,
                     const struct layout *layout) {
    const struct tree_node *node = &view->tree.nodes[index];
    size_t above = node->depth > layout->base ? node->depth - layout->base : 0;
    size_t guides = tote__min(above, layout->guides);
    bool continues[MOST_GUIDES];
    const struct tree_node *at = node;

    for (size_t i = guides; i-- > 0; at = at->parent) {
        continues[i] = at->next != NULL;
    }
    for (size_t i = 0; i < guides; i++) {
        if (i + 1 < guides) {
            pen_glyph(pen, STYLE_DIM, continues[i] ? "\u2502 " : "  ", continues[i] ? "| " : "  ");
        } else {
            pen_glyph(pen, STYLE_DIM, continues[i] ? "\u251c\u2500" : "\u2514\u2500",
                      continues[i] ? "|-" : "`-");
        }
    }
    if (above > guides || (layout->base && node->depth <= layout->base)) {
        char depth[24];
        snprintf(depth, sizeof depth, "%zu ", node->depth);
        pen_glyph(pen, STYLE_DIM, "\u2026", "~");
        pen_put(pen, STYLE_DIM, depth);
    }
    if (node->size == 1) {
        pen_glyph(pen, STYLE_DIM, guides ? "\u2500" : " ", guides ? "-" : " ");
    } else if (view->rows[index].is_folded) {
        pen_glyph(pen, STYLE_BOLD, "\u25b8", "+");
    } else {
        pen_glyph(pen, STYLE_PLAIN, "\u25be", "-");
    }
    pen_skip(pen, 1);
}

static void put_name(struct pen *pen, const struct trace_view *view, size_t index,
                     const struct layout *layout) {
    const struct span_row *row = &view->rows[index];
    const struct trace_span *span = view->tree.nodes[index].span;
    struct pen name = *pen;
    unsigned style = span->is_error ? STYLE_ERROR | STYLE_BOLD : STYLE_PLAIN;

    name.end = tote__min(pen->end, pen->column + layout->name);
    put_tree(&name, view, index, layout);
    if (span->is_error || (row->is_folded && row->errors)) {
        pen_glyph(&name, STYLE_ERROR | STYLE_BOLD, "\u2717 ", "! ");
    }
    if (span->is_open) {
        pen_glyph(&name, STYLE_ACCENT, "\u2026 ", "~ ");
    }
    if (!view->tree.nodes[index].parent && span->has_parent) {
        pen_glyph(&name, STYLE_ACCENT, "? ", "? ");
    }
    if (view->has_critical && row->part != NO_ROW) {
        style |= STYLE_BOLD;
    }
    pen_put(&name, style | (row->match ? STYLE_UNDERLINE : 0), ui_span_name(span));
    if (row->is_folded) {
        pen_print(&name, STYLE_DIM, " +%zu", spans_last(view, index) - index);
    }
    pen_skip(pen, layout->name);
}

/* The part of a bar that a row of cells shows. */
struct bar {
    const struct trace_view *view;
    const struct span_row *row;
    double scale;   /* eighths of a column for each nanosecond */
    uint64_t first; /* in eighths of a column */
    uint64_t end;
};

/* Whether the critical path has a part of the span between these times. */
static bool is_critical(const struct bar *bar, uint64_t from, uint64_t to) {
    const struct trace_view *view = bar->view;
    size_t low = bar->row->part;
    size_t high = view->part_count;
    uint32_t row = (uint32_t)(bar->row - view->rows);

    if (!view->has_critical || bar->row->part == NO_ROW) {
        return false;
    }
    while (low < high) { /* find the first part that ends after `from` */
        size_t middle = low + (high - low) / 2;
        if (view->parts[middle].row == row && view->parts[middle].to <= from) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < view->part_count && view->parts[low].row == row && view->parts[low].from < to;
}

/*
 * Draw one cell. With the critical path, blocks are on it, and lines are not; otherwise a bar has a
 * resolution of an eighth of a column.
 */
static void put_bar_cell(struct pen *pen, unsigned style, const struct bar *bar, size_t cell,
                         bool is_utf8) {
    uint64_t left = cell * 8;
    uint64_t first = bar->first > left ? bar->first - left : 0;
    uint64_t end = bar->end < left + 8 ? bar->end - left : 8;

    if (bar->view->has_critical && bar->view->part_count) {
        uint64_t from = bar->view->from + (uint64_t)((double)left / bar->scale);
        uint64_t to = bar->view->from + (uint64_t)((double)(left + 8) / bar->scale) + 1;
        bool is_on = is_critical(bar, from, to);
        pen_glyph(pen, is_on ? style | STYLE_BOLD : style, is_on ? "\u2588" : "\u2501",
                  is_on ? "#" : "=");
    } else if (first >= 4 && end == 8) {
        pen_glyph(pen, style, "\u2590", "#");
    } else {
        pen_put(pen, style, format_block((unsigned)end, is_utf8));
    }
}

/* Return a time in eighths of a column; it is between 0 and the width. */
static uint64_t eighths_of(const struct bar *bar, uint64_t time, size_t columns) {
    const struct trace_view *view = bar->view;
    uint64_t part = time > view->from ? time - view->from : 0;

    return format_position(part, view->to - view->from, columns * 8);
}

static void put_bar(struct ui *ui, struct pen *pen, size_t index, size_t columns) {
    const struct trace_view *view = &ui->trace;
    const struct trace_span *span = view->tree.nodes[index].span;
    struct bar bar = {.view = view, .row = &view->rows[index]};
    unsigned style = span->is_error ? STYLE_ERROR : ui_service_style(ui, span->service);
    size_t end = pen->column + columns;

    bar.scale = (double)columns * 8 / (double)(view->to - view->from);
    uint64_t from = span->start_unix_nano - view->start;
    uint64_t to = span->end_unix_nano - view->start;
    if (to < view->from || from > view->to) {
        bool is_before = to < view->from;
        pen_skip(pen, is_before ? 0 : columns - 1);
        pen_glyph(pen, STYLE_DIM, is_before ? "\u2039" : "\u203a", is_before ? "<" : ">");
        pen_skip(pen, end - tote__min(end, pen->column));
        return;
    }
    bar.first = eighths_of(&bar, from, columns);
    bar.end = eighths_of(&bar, to, columns);
    bar.first = bar.first < columns * 8 ? bar.first : columns * 8 - 1;
    bar.end = bar.end > bar.first ? bar.end : bar.first + 1;
    size_t cell = (size_t)bar.first / 8;
    pen_skip(pen, cell);
    for (; cell * 8 < bar.end; cell++) {
        put_bar_cell(pen, style, &bar, cell, ui->surface.is_utf8);
    }
    for (; span->is_open && cell < columns; cell++) {
        pen_glyph(pen, STYLE_DIM, "\u2591", ".");
    }
    pen_skip(pen, end - tote__min(end, pen->column));
}

static void draw_row(struct ui *ui, struct area area, size_t screen_row, size_t index,
                     const struct layout *layout) {
    struct trace_view *view = &ui->trace;
    const struct trace_span *span = view->tree.nodes[index].span;
    bool is_selected = index == view->scroll.selected;
    struct pen pen = pen_at(&ui->surface, screen_row, area.column, area.columns);
    char duration[32];

    if (is_selected) {
        pen_glyph(&pen, STYLE_BOLD, "\u203a", ">");
    } else {
        pen_put(&pen, STYLE_ACCENT | STYLE_BOLD, view->rows[index].match ? "*" : " ");
    }
    put_name(&pen, view, index, layout);
    if (layout->bars) {
        unsigned style = ui_service_style(ui, span->service);
        pen_skip(&pen, 1);
        if (layout->kind) {
            pen_put(&pen, style, format_kind(span->kind, ui->surface.is_utf8));
            pen_skip(&pen, 1);
        }
        pen_field(&pen, style, span->service, layout->service);
        pen_skip(&pen, 1);
        put_bar(ui, &pen, index, layout->bars);
    }
    format_duration(duration, sizeof duration, span_duration(span), ui->surface.is_utf8);
    pen_right(&pen, span->is_open ? STYLE_ACCENT : STYLE_PLAIN,
              span->is_open && !span_duration(span) ? "unfinished" : duration, DURATION_COLUMNS);
    if (is_selected) {
        surface_add_style(&ui->surface, screen_row, area.column, 1 + layout->name, STYLE_REVERSE);
    }
}

/* Return the time between two ticks: 1, 2 or 5 times a power of ten. */
static uint64_t tick_of(uint64_t time, size_t columns) {
    static const uint64_t steps[] = {1, 2, 5};
    uint64_t least = (uint64_t)((double)time * TICK_COLUMNS / (double)columns) + 1;
    uint64_t power = 1;

    while (power <= UINT64_MAX / 100 && power * 10 <= least) {
        power *= 10;
    }
    for (size_t i = 0; i < TOTE_COUNT_OF(steps); i++) {
        if (power * steps[i] >= least) {
            return power * steps[i];
        }
    }
    return power * 10;
}

/* Remove ".0" and ".00" before the unit. */
static void shorten(char *text) {
    char *point = strchr(text, '.');
    size_t zeros = point ? strspn(point + 1, "0") : 0;

    if (zeros && point[1 + zeros] == ' ') {
        memmove(point, point + 1 + zeros, strlen(point + 1 + zeros) + 1);
    }
}

static void draw_axis(struct ui *ui, struct area area, const struct layout *layout) {
    struct trace_view *view = &ui->trace;
    struct pen pen = pen_at(&ui->surface, area.row, area.column, area.columns);

    pen_skip(&pen, 1);
    pen_print(&pen, STYLE_DIM, "%zu/%zu", view->count ? view->scroll.selected + 1 : 0, view->count);
    if (!layout->bars) {
        return;
    }
    size_t bars = area.column + 1 + layout->name + 1 + layout->kind + layout->service + 1;
    uint64_t step = tick_of(view->to - view->from, layout->bars);
    uint64_t time = (view->from + step - 1) / step * step;
    for (; time <= view->to && time + step > time; time += step) {
        char text[32];
        size_t column = format_position(time - view->from, view->to - view->from, layout->bars);
        format_duration(text, sizeof text, time, ui->surface.is_utf8);
        shorten(text);
        size_t width = terminal_columns(text) + 1;
        if (column + width <= layout->bars + DURATION_COLUMNS) {
            pen = pen_at(&ui->surface, area.row, bars + column, width);
            pen_glyph(&pen, STYLE_DIM, "\u2502", "|");
            pen_put(&pen, STYLE_DIM, time ? text : "0");
        }
    }
}

static void draw_rows(struct ui *ui, struct area area) {
    struct trace_view *view = &ui->trace;
    size_t rows = area.rows > 0 ? area.rows - 1 : 0;

    spans_scroll(view, rows);
    struct layout layout = lay_out(view, area);
    draw_axis(ui, area, &layout);
    size_t at = view->scroll.top;
    for (size_t i = 0; i < rows && at < view->count; i++) {
        draw_row(ui, area, area.row + 1 + i, at, &layout);
        at = spans_next(view, at);
    }
}

enum trace_panes trace_panes(const struct ui *ui, struct area area, struct area *spans,
                             struct area *details) {
    enum { BESIDE_FROM = 110, MOST_BESIDE = 90, BELOW_FROM = 14, BELOW_COLUMNS = 40 };

    *spans = *details = area;
    if (!ui->trace.details.is_shown) {
        return PANES_SPANS;
    }
    if (area.columns >= BESIDE_FROM) {
        details->columns = tote__min(area.columns * 2 / 5, MOST_BESIDE);
        spans->columns = area.columns - details->columns - 1;
        details->column = area.column + spans->columns + 1;
        return PANES_BESIDE;
    }
    if (area.rows >= BELOW_FROM && area.columns >= BELOW_COLUMNS) {
        details->rows = area.rows / 2;
        spans->rows = area.rows - details->rows - 1;
        details->row = area.row + spans->rows + 1;
        return PANES_BELOW;
    }
    return PANES_DETAILS;
}

void trace_draw(struct ui *ui, struct area area) {
    struct area spans;
    struct area details;
    enum trace_panes panes = trace_panes(ui, area, &spans, &details);

    if (panes != PANES_DETAILS) {
        draw_rows(ui, spans);
    }
    if (panes != PANES_SPANS) {
        details_draw(ui, details);
    }
    for (size_t i = 0; panes == PANES_BESIDE && i < area.rows; i++) {
        struct pen pen = pen_at(&ui->surface, area.row + i, details.column - 1, 1);
        pen_glyph(&pen, STYLE_DIM, "\u2502", "|");
    }
    for (size_t i = 0; panes == PANES_BELOW && i < area.columns; i++) {
        struct pen pen = pen_at(&ui->surface, details.row - 1, area.column + i, 1);
        pen_glyph(&pen, STYLE_DIM, "\u2500", "-");
    }
}

void trace_click(struct ui *ui, struct area area, size_t row, size_t column) {
    struct trace_view *view = &ui->trace;
    struct area spans;
    struct area details;
    enum trace_panes panes = trace_panes(ui, area, &spans, &details);

    if (panes != PANES_SPANS && row >= details.row && column >= details.column) {
        ui->screen = SCREEN_DETAILS;
        view->details.scroll.selected = view->details.scroll.top + row - details.row;
        return;
    }
    ui->screen = SCREEN_TRACE;
    if (panes == PANES_DETAILS || row <= spans.row || row >= spans.row + spans.rows) {
        return;
    }
    size_t at = view->scroll.top;
    for (size_t i = spans.row + 1; i < row && at < view->count; i++) {
        at = spans_next(view, at);
    }
    if (at == view->scroll.selected && at < view->count) {
        trace_toggle_fold(ui, 0);
    }
    view->scroll.selected = at < view->count ? at : view->scroll.selected;
}

static void format_start(char *text, size_t size, uint64_t start_unix_nano) {
    time_t seconds = (time_t)(start_unix_nano / 1000000000);
    struct tm parts;
    char when[16];

    *text = '\0';
    if (localtime_r(&seconds, &parts) && strftime(when, sizeof when, "%H:%M:%S", &parts)) {
        snprintf(text, size, "%s.%03u", when, (unsigned)(start_unix_nano / 1000000 % 1000));
    }
}

static void add_figure(char *text, size_t size, const char *dot, size_t count, const char *noun) {
    size_t length = strlen(text);

    if (count) {
        snprintf(text + length, size - length, "%s%zu %s%s", dot, count, noun,
                 count == 1 ? "" : "s");
    }
}

void trace_draw_head(struct ui *ui, struct pen *pen) {
    const struct trace_view *view = &ui->trace;
    const struct trace *trace = view->trace;
    const char *dot = ui->surface.is_utf8 ? " \u00b7 " : ", ";
    char figures[256];
    char duration[32];
    char when[32];

    format_duration(duration, sizeof duration, view->end - view->start, ui->surface.is_utf8);
    format_start(when, sizeof when, view->start);
    snprintf(figures, sizeof figures, "%zu span%s", view->count, view->count == 1 ? "" : "s");
    add_figure(figures, sizeof figures, dot, trace->service_count, "service");
    add_figure(figures, sizeof figures, dot, trace->error_count, "error");
    add_figure(figures, sizeof figures, dot, view->orphans, "missing parent");
    size_t length = strlen(figures);
    if (trace->open_count) {
        length += (size_t)snprintf(figures + length, sizeof figures - length, "%s%zu unfinished",
                                   dot, trace->open_count);
    }
    snprintf(figures + length, sizeof figures - length, "%s%s%s%s", dot, duration, dot, when);
    size_t width = terminal_columns(figures);
    size_t left = pen_left(pen);
    size_t name = left > width + 2 ? left - width - 2 : left / 2;
    pen_field(pen, STYLE_BOLD, ui_span_name(trace->root), tote__min(name, left));
    pen_skip(pen, 2);
    pen_right(pen, STYLE_PLAIN, figures, pen_left(pen));
}
