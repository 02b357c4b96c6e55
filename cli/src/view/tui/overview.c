/* SPDX-License-Identifier: MIT */
/*
 * overview.c - the list of traces
 *
 * Tests: tests/unit/test_tui.c
 */
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "terminal.h"

enum { ID_BYTES = 16 };

static const struct {
    const char *title;
    uint8_t columns; /* 0: what is left */
    uint8_t least;   /* columns of the terminal, to be shown */
    bool is_number;
    bool is_descending; /* at first */
} columns[LIST_COLUMNS] = {
    [COLUMN_AGE] = {"Age", 5, 50, true, false},
    [COLUMN_ROOT] = {"Root span", 0, 0, false, false},
    [COLUMN_SERVICES] = {"Services", 20, 70, false, false},
    [COLUMN_SPANS] = {"Spans", 7, 50, true, true},
    [COLUMN_ERRORS] = {"Errors", 7, 36, true, true},
    [COLUMN_DURATION] = {"Duration", 10, 0, true, true},
};

static void release(void *memory, size_t count, size_t size) {
    tote__release(memory, count * size);
}

void overview_end(struct overview *list) {
    release(list->entries, list->entry_count, sizeof *list->entries);
    release(list->ids, list->id_capacity, ID_BYTES);
    query_free(list->query);
}

/* A trace that is sorted. */
struct sorted {
    const struct trace *trace;
    const struct overview *list;
    size_t order; /* by the last span */
};

static int compare_numbers(uint64_t a, uint64_t b) {
    return a < b ? -1 : a > b;
}

static uint64_t duration_of(const struct trace *trace) {
    return trace->end_unix_nano - trace->start_unix_nano;
}

static int compare_by(enum list_column column, const struct trace *a, const struct trace *b) {
    switch (column) {
    case COLUMN_ROOT:
        return strcmp(a->root->name, b->root->name);
    case COLUMN_SERVICES:
        return strcmp(a->root->service, b->root->service);
    case COLUMN_SPANS:
        return compare_numbers(a->span_count, b->span_count);
    case COLUMN_ERRORS:
        return compare_numbers(a->error_count, b->error_count);
    case COLUMN_DURATION:
        return compare_numbers(duration_of(a), duration_of(b));
    case COLUMN_AGE:
    case LIST_COLUMNS:
        break;
    }
    return 0;
}

static bool is_descending(const struct overview *list) {
    return columns[list->column].is_descending != list->is_reversed;
}

static int compare_traces(const void *a, const void *b) {
    const struct sorted *x = a;
    const struct sorted *y = b;
    int order = compare_by(x->list->column, x->trace, y->trace);

    if (order == 0) {
        order = compare_numbers(x->order, y->order);
        return x->list->column == COLUMN_AGE && x->list->is_reversed ? -order : order;
    }
    return is_descending(x->list) ? -order : order;
}

static int compare_entries(const void *a, const void *b) {
    return memcmp(a, b, ID_BYTES);
}

/* Whether a trace matches the filter; the result of the last time is used if it did not change. */
static bool matches(const struct overview *list, const struct trace *trace) {
    if (!list->query) {
        return true;
    }
    const struct list_entry *entry = list->entry_count
                                         ? bsearch(trace->id, list->entries, list->entry_count,
                                                   sizeof *list->entries, compare_entries)
                                         : NULL;
    return entry && entry->version == trace->version ? entry->is_shown
                                                     : query_matches_trace(list->query, trace);
}

/* Choose the traces that are shown. Returns how many; SIZE_MAX: out of memory. */
static size_t choose(struct ui *ui, struct sorted *sorted, size_t most) {
    struct overview *list = &ui->list;
    struct list_entry *entries = list->query ? tote__allocate(most * sizeof *entries) : NULL;
    size_t count = 0;
    size_t order = 0;

    if (list->query && !entries) {
        return SIZE_MAX;
    }
    for (const struct trace *trace = model_newest(ui->model); trace && order < most;
         trace = trace->older, order++) {
        bool is_shown = trace->root && matches(list, trace);
        if (entries) {
            entries[order].version = trace->version;
            entries[order].is_shown = is_shown;
            memcpy(entries[order].id, trace->id, ID_BYTES);
        }
        if (is_shown) {
            sorted[count++] = (struct sorted){trace, list, order};
        }
    }
    release(list->entries, list->entry_count, sizeof *entries);
    list->entries = entries;
    list->entry_count = entries ? most : 0;
    if (entries) {
        qsort(entries, order, sizeof *entries, compare_entries);
        for (size_t i = order; i < most; i++) {
            memset(&entries[i], 0xFF, sizeof *entries);
        }
    }
    return count;
}

/* Select the trace that was selected, or the one in the same row. */
static void keep_selection(struct overview *list) {
    if (list->is_following) {
        list->scroll.selected = list->is_reversed && list->count ? list->count - 1 : 0;
    } else {
        for (size_t i = 0; list->has_selection && i < list->count; i++) {
            if (memcmp(list->ids[i], list->selected, ID_BYTES) == 0) {
                size_t above =
                    list->scroll.selected - tote__min(list->scroll.selected, list->scroll.top);
                list->scroll.selected = i;
                list->scroll.top = i > above ? i - above : 0;
                return;
            }
        }
    }
    list->scroll.selected = tote__min(list->scroll.selected, list->count ? list->count - 1 : 0);
    list->has_selection = list->count > 0;
    if (list->count) {
        memcpy(list->selected, list->ids[list->scroll.selected], ID_BYTES);
    }
}

void overview_refresh(struct ui *ui) {
    struct overview *list = &ui->list;
    struct model_counts counts = model_counts(ui->model);

    struct sorted *sorted = tote__allocate((counts.traces + 1) * sizeof *sorted);
    uint8_t(*ids)[ID_BYTES] = tote__allocate((counts.traces + 1) * ID_BYTES);
    size_t count = sorted && ids ? choose(ui, sorted, counts.traces) : SIZE_MAX;
    list->version = counts.version;
    list->is_stale = false;
    if (count == SIZE_MAX) {
        ui_message(ui, true, "out of memory");
        release(ids, counts.traces + 1, ID_BYTES);
    } else {
        qsort(sorted, count, sizeof *sorted, compare_traces);
        for (size_t i = 0; i < count; i++) {
            memcpy(ids[i], sorted[i].trace->id, ID_BYTES);
        }
        release(list->ids, list->id_capacity, ID_BYTES);
        list->ids = ids;
        list->id_capacity = counts.traces + 1;
        list->count = count;
    }
    release(sorted, counts.traces + 1, sizeof *sorted);
    keep_selection(list);
}

void overview_select(struct ui *ui, size_t row) {
    struct overview *list = &ui->list;

    if (row < list->count) {
        list->scroll.selected = row;
        list->has_selection = true;
        memcpy(list->selected, list->ids[row], ID_BYTES);
    }
}

void overview_open(struct ui *ui, int argument) {
    (void)argument;
    if (ui->list.has_selection && ui->list.count) {
        ui->back_count = 0;
        trace_show(ui, ui->list.selected, NULL);
    }
}

void overview_set_filter(struct ui *ui, const char *text) {
    struct overview *list = &ui->list;

    snprintf(list->filter, sizeof list->filter, "%s", text);
    query_free(list->query);
    list->query = prompt_query(text);
    release(list->entries, list->entry_count, sizeof *list->entries);
    list->entries = NULL;
    list->entry_count = 0;
    list->is_stale = true;
}

void overview_edit_filter(struct ui *ui, int argument) {
    (void)argument;
    prompt_open(ui, "filter: ", overview_set_filter, ui->list.filter);
}

/* `argument`: 1 or -1: the next or previous column. */
void overview_sort_next(struct ui *ui, int argument) {
    overview_sort_by(ui, ((int)ui->list.column + argument + LIST_COLUMNS) % LIST_COLUMNS + 1);
}

void overview_sort_by(struct ui *ui, int argument) {
    ui->list.is_reversed =
        ui->list.column == (enum list_column)(argument - 1) ? !ui->list.is_reversed : false;
    ui->list.column = (enum list_column)(argument - 1);
    ui->list.is_stale = true;
    ui->list.is_following &= ui->list.column == COLUMN_AGE;
}

void overview_reverse(struct ui *ui, int argument) {
    (void)argument;
    ui->list.is_reversed = !ui->list.is_reversed;
    ui->list.is_stale = true;
}

void overview_next_error(struct ui *ui, int argument) {
    struct overview *list = &ui->list;
    size_t at = list->scroll.selected;

    for (size_t i = 0; i < list->count; i++) {
        at = (at + list->count + (argument > 0 ? 1 : list->count - 1)) % list->count;
        const struct trace *trace = model_find(ui->model, list->ids[at]);
        if (trace && trace->error_count) {
            list->is_following = false;
            overview_select(ui, at);
            return;
        }
    }
    ui_message(ui, false, "no trace has an error");
}

void overview_follow(struct ui *ui, int argument) {
    (void)argument;
    ui->list.is_following = !ui->list.is_following;
    if (ui->list.is_following) {
        ui->list.column = COLUMN_AGE;
        ui->list.is_paused = false;
        ui->list.is_stale = true;
    }
}

void overview_pause(struct ui *ui, int argument) {
    (void)argument;
    ui->list.is_paused = !ui->list.is_paused;
    ui->list.is_stale = true;
}

void overview_clear(struct ui *ui, int argument) {
    (void)argument;
    model_clear(ui->model);
    ui->list.is_stale = true;
}

/* Return the width of a column; 0: it is not shown. */
static size_t width_of(const struct ui *ui, enum list_column column) {
    size_t width = ui->surface.columns;

    if (width < columns[column].least) {
        return 0;
    }
    if (columns[column].columns) {
        return columns[column].columns;
    }
    for (int i = 0; i < LIST_COLUMNS; i++) {
        size_t other = columns[i].columns && ui->surface.columns >= columns[i].least
                           ? columns[i].columns + 1U
                           : 0;
        width -= tote__min(width, other);
    }
    return width > 2 ? width - 2 : width; /* the mark of the selection */
}

static void draw_titles(struct ui *ui, size_t row) {
    struct pen pen = pen_at(&ui->surface, row, 2, ui->surface.columns);

    for (int i = 0; i < LIST_COLUMNS; i++) {
        size_t width = width_of(ui, (enum list_column)i);
        char title[16];
        bool is_sorted = ui->list.column == (enum list_column)i;
        const char *arrow = !is_sorted                 ? ""
                            : is_descending(&ui->list) ? (ui->surface.is_utf8 ? "\u25bc" : "v")
                                                       : (ui->surface.is_utf8 ? "\u25b2" : "^");
        snprintf(title, sizeof title, "%s%s", columns[i].title, arrow);
        if (!width) {
            continue;
        }
        (columns[i].is_number ? pen_right : pen_field)(
            &pen, STYLE_UNDERLINE | (is_sorted ? STYLE_BOLD : STYLE_PLAIN), title, width);
        pen_skip(&pen, 1);
    }
}

static void put_root(struct pen *pen, unsigned style, const struct trace *trace, size_t width) {
    size_t end = pen->column + width;
    bool is_marked = trace->error_count || trace->open_count || !trace->is_complete;

    if (trace->error_count) {
        pen_glyph(pen, STYLE_ERROR | STYLE_BOLD, "\u2717", "!");
    } else if (trace->open_count) {
        pen_glyph(pen, STYLE_ACCENT, "\u2026", "~");
    } else if (!trace->is_complete) {
        pen_glyph(pen, STYLE_DIM, "?", "?");
    }
    if (is_marked) {
        pen_skip(pen, 1);
    }
    pen_field(pen, style, ui_span_name(trace->root), end > pen->column ? end - pen->column : 0);
}

static void put_services(struct ui *ui, struct pen *pen, const struct trace *trace, size_t width) {
    char more[24] = "";
    const char *service = trace->root->service;

    if (trace->service_count > 1) {
        snprintf(more, sizeof more, " +%zu", trace->service_count - 1);
    }
    size_t left = width - tote__min(width, strlen(more));
    size_t used = tote__min(terminal_columns(service), left);
    size_t end = pen->column + width;
    pen_field(pen, ui_service_style(ui, service), service, used);
    pen_put(pen, STYLE_DIM, more);
    pen_skip(pen, end - tote__min(end, pen->column));
}

static void put_value(struct ui *ui, struct pen *pen, enum list_column column,
                      const struct trace *trace, size_t width) {
    char text[32] = "";
    unsigned style = STYLE_PLAIN;

    switch (column) {
    case COLUMN_AGE:
        format_age(text, sizeof text,
                   ui->now_ms -
                       (trace->last_news_ms < ui->now_ms ? trace->last_news_ms : ui->now_ms));
        style = STYLE_DIM;
        break;
    case COLUMN_SPANS:
        snprintf(text, sizeof text, "%zu", trace->span_count);
        break;
    case COLUMN_ERRORS:
        if (trace->error_count) {
            snprintf(text, sizeof text, "%zu", trace->error_count);
        }
        style = STYLE_ERROR | STYLE_BOLD;
        break;
    case COLUMN_DURATION:
        format_duration(text, sizeof text, duration_of(trace), ui->surface.is_utf8);
        break;
    case COLUMN_ROOT:
        put_root(pen, STYLE_PLAIN, trace, width);
        return;
    case COLUMN_SERVICES:
        put_services(ui, pen, trace, width);
        return;
    case LIST_COLUMNS:
        return;
    }
    pen_right(pen, style, text, width);
}

static void draw_row(struct ui *ui, size_t row, size_t at) {
    const struct trace *trace = model_find(ui->model, ui->list.ids[at]);
    struct pen pen = pen_at(&ui->surface, row, 2, ui->surface.columns);

    for (int i = 0; trace && trace->root && i < LIST_COLUMNS; i++) {
        size_t width = width_of(ui, (enum list_column)i);
        if (width) {
            put_value(ui, &pen, (enum list_column)i, trace, width);
            pen_skip(&pen, 1);
        }
    }
    if (!trace) {
        pen_put(&pen, STYLE_DIM, "(evicted)");
    }
    if (at == ui->list.scroll.selected) {
        pen = pen_at(&ui->surface, row, 0, 1);
        pen_glyph(&pen, STYLE_BOLD, "\u203a", ">");
        surface_add_style(&ui->surface, row, 0, ui->surface.columns, STYLE_REVERSE);
    }
}

void overview_draw(struct ui *ui, struct area area) {
    struct overview *list = &ui->list;

    if (!area.rows) {
        return;
    }
    draw_titles(ui, area.row);
    size_t rows = area.rows - 1;
    scroll_show(&list->scroll, list->count, rows);
    for (size_t i = 0; i < rows && list->scroll.top + i < list->count; i++) {
        draw_row(ui, area.row + 1 + i, list->scroll.top + i);
    }
    if (!list->count && rows) {
        struct pen pen = pen_at(&ui->surface, area.row + 1, 2, ui->surface.columns);
        pen_put(&pen, STYLE_DIM,
                list->query ? "no trace matches the filter" : "no traces were received yet");
    }
}
