/* SPDX-License-Identifier: MIT */
/*
 * spans.c - the rows of a trace: folds, selection, search and zoom
 *
 * Only trace_refresh(), a search, and folding of levels take time in proportion to the number of
 * spans. A row that is hidden by a fold is skipped with the number of its last descendant.
 *
 * Tests: tests/unit/test_tui.c
 */
#include "spans.h"
#include "parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_TIME = 16, FIT_MARGIN = 20, PAN_PART = 4 };

size_t spans_parent(const struct trace_view *view, size_t row) {
    const struct tree_node *parent = view->tree.nodes[row].parent;
    return parent ? (size_t)(parent - view->tree.nodes) : NO_ROW;
}

size_t spans_last(const struct trace_view *view, size_t row) {
    return row + view->tree.nodes[row].size - 1;
}

static bool has_children(const struct trace_view *view, size_t row) {
    return view->tree.nodes[row].size > 1;
}

/* Return the row that represents this one: the outermost folded one above it, or itself. */
static size_t visible_of(const struct trace_view *view, size_t row) {
    size_t visible = row;

    for (size_t at = spans_parent(view, row); at != NO_ROW; at = spans_parent(view, at)) {
        visible = view->rows[at].is_folded ? at : visible;
    }
    return visible;
}

size_t spans_next(const struct trace_view *view, size_t row) {
    return view->rows[row].is_folded ? spans_last(view, row) + 1 : row + 1;
}

size_t spans_previous(const struct trace_view *view, size_t row) {
    size_t visible = row - 1;

    /* What contains the row is not folded. */
    for (size_t at = spans_parent(view, row - 1); at != NO_ROW && spans_last(view, at) < row;
         at = spans_parent(view, at)) {
        visible = view->rows[at].is_folded ? at : visible;
    }
    return visible;
}

/* Make the selected row visible, and choose the first row that is shown. */
void spans_scroll(struct trace_view *view, size_t rows) {
    struct scroll *scroll = &view->scroll;
    size_t shown = 0;

    if (!view->count) {
        return;
    }
    scroll->selected = visible_of(view, tote__min(scroll->selected, view->count - 1));
    scroll->top = visible_of(view, tote__min(scroll->top, view->count - 1));
    scroll->top = tote__min(scroll->top, scroll->selected);
    for (size_t at = scroll->top; at <= scroll->selected && shown <= rows; shown++) {
        at = spans_next(view, at);
    }
    if (shown > rows) { /* the selected one is below */
        scroll->top = scroll->selected;
        for (shown = 1; shown < rows && scroll->top > 0; shown++) {
            scroll->top = spans_previous(view, scroll->top);
        }
        return;
    }
    shown = 0;
    for (size_t at = scroll->top; at < view->count && shown < rows; shown++) {
        at = spans_next(view, at);
    }
    for (; shown < rows && scroll->top > 0; shown++) {
        scroll->top = spans_previous(view, scroll->top);
    }
}

void trace_select(struct ui *ui, size_t row) {
    struct trace_view *view = &ui->trace;

    view->scroll.selected = row;
    for (size_t at = spans_parent(view, row); at != NO_ROW; at = spans_parent(view, at)) {
        view->rows[at].is_folded = false;
    }
}

void trace_move(struct ui *ui, int move, size_t page) {
    struct trace_view *view = &ui->trace;
    size_t at = view->scroll.selected;

    if (!view->count) {
        return;
    }
    for (size_t i = move == MOVE_UP || move == MOVE_DOWN ? 1 : page; i > 0; i--) {
        bool is_up = move == MOVE_UP || move == MOVE_PAGE_UP;
        size_t to = is_up ? (at > 0 ? spans_previous(view, at) : 0) : spans_next(view, at);
        at = to < view->count ? to : at;
    }
    at = move == MOVE_FIRST ? 0 : move == MOVE_LAST ? visible_of(view, view->count - 1) : at;
    view->scroll.selected = at;
}

void trace_fold(struct ui *ui, int argument) {
    struct trace_view *view = &ui->trace;
    size_t at = view->scroll.selected;

    (void)argument;
    if (!view->count) {
        return;
    }
    if (has_children(view, at) && !view->rows[at].is_folded) {
        view->rows[at].is_folded = true;
    } else if (view->tree.nodes[at].parent) {
        view->scroll.selected = spans_parent(view, at);
    }
}

void trace_unfold(struct ui *ui, int argument) {
    struct trace_view *view = &ui->trace;
    size_t at = view->scroll.selected;

    (void)argument;
    if (!view->count || !has_children(view, at)) {
        return;
    }
    if (view->rows[at].is_folded) {
        view->rows[at].is_folded = false;
    } else {
        view->scroll.selected = at + 1;
    }
}

void trace_toggle_fold(struct ui *ui, int argument) {
    struct trace_view *view = &ui->trace;
    size_t at = view->scroll.selected;

    (void)argument;
    if (view->count && has_children(view, at)) {
        view->rows[at].is_folded = !view->rows[at].is_folded;
    }
}

/* Fold the rows with a depth from `from` on up to `to`, and unfold those before. */
static void fold_depths(struct trace_view *view, size_t from, size_t to, bool is_folded) {
    for (size_t i = 0; i < view->count; i++) {
        size_t depth = view->tree.nodes[i].depth;
        if (depth >= from && depth <= to) {
            view->rows[i].is_folded = is_folded && has_children(view, i);
        }
    }
}

void trace_show_levels(struct ui *ui, int argument) {
    size_t levels = (size_t)argument;

    fold_depths(&ui->trace, 0, SIZE_MAX, false);
    fold_depths(&ui->trace, levels - 1, SIZE_MAX, true);
}

void trace_fold_level(struct ui *ui, int argument) {
    struct trace_view *view = &ui->trace;

    if (view->count) {
        size_t depth = view->tree.nodes[view->scroll.selected].depth;
        fold_depths(view, depth, depth, argument < 0);
    }
}

void trace_fold_all(struct ui *ui, int argument) {
    fold_depths(&ui->trace, 0, SIZE_MAX, argument != 0);
}

static uint64_t total_of(const struct trace_view *view) {
    uint64_t total = view->end - view->start;
    return total ? total : 1;
}

/* Show the times from `from` on, at most to the end of the trace. */
static void show_time(struct trace_view *view, uint64_t from, uint64_t length) {
    uint64_t total = total_of(view);

    length = length < LEAST_TIME ? LEAST_TIME : length;
    view->is_zoomed = length < total;
    if (!view->is_zoomed) {
        view->from = 0;
        view->to = total;
        return;
    }
    view->from = from < total - length ? from : total - length;
    view->to = view->from + length;
}

static const struct trace_span *selected_span(const struct trace_view *view) {
    return view->count ? view->tree.nodes[view->scroll.selected].span : NULL;
}

void trace_zoom(struct ui *ui, int argument) {
    struct trace_view *view = &ui->trace;
    const struct trace_span *span = selected_span(view);
    uint64_t length = view->to - view->from;

    if (!span) {
        return;
    }
    /* Around the part of the span that is shown. */
    uint64_t from = span->start_unix_nano - view->start;
    uint64_t to = span->end_unix_nano - view->start;
    from = from > view->from ? from : view->from;
    to = to < view->to ? to : view->to;
    uint64_t middle = to >= from ? from + (to - from) / 2 : view->from + length / 2;
    length = argument > 0 ? length / 2 : length > UINT64_MAX / 2 ? UINT64_MAX : length * 2;
    show_time(view, middle > length / 2 ? middle - length / 2 : 0, length);
}

void trace_pan(struct ui *ui, int argument) {
    struct trace_view *view = &ui->trace;
    uint64_t length = view->to - view->from;
    uint64_t step = length / PAN_PART + 1;

    if (argument > 0) {
        show_time(view, view->from + step, length);
    } else {
        show_time(view, view->from > step ? view->from - step : 0, length);
    }
}

void trace_zoom_fit(struct ui *ui, int argument) {
    struct trace_view *view = &ui->trace;
    const struct trace_span *span = selected_span(view);

    (void)argument;
    if (span) {
        uint64_t length = span_duration(span);
        uint64_t from = span->start_unix_nano - view->start;
        uint64_t margin = length / FIT_MARGIN;
        show_time(view, from > margin ? from - margin : 0, length + 2 * margin);
    }
}

void trace_zoom_reset(struct ui *ui, int argument) {
    (void)argument;
    show_time(&ui->trace, 0, UINT64_MAX);
}

/* Select the next row for which a test is true, in a direction. Returns false if there is none. */
static bool select_next(struct ui *ui, int direction,
                        bool (*test)(const struct trace_view *view, size_t row)) {
    struct trace_view *view = &ui->trace;
    size_t at = view->scroll.selected;

    for (size_t i = 0; i < view->count; i++) {
        at = (at + (direction > 0 ? 1 : view->count - 1)) % view->count;
        if (test(view, at)) {
            trace_select(ui, at);
            return true;
        }
    }
    return false;
}

static bool is_match(const struct trace_view *view, size_t row) {
    return view->rows[row].match != 0;
}

static bool is_error(const struct trace_view *view, size_t row) {
    return view->tree.nodes[row].span->is_error;
}

void trace_next_match(struct ui *ui, int argument) {
    if (!ui->trace.query) {
        ui_message(ui, false, "press / to search");
    } else if (!select_next(ui, argument, is_match)) {
        ui_message(ui, false, "no span matches");
    }
}

void trace_next_error(struct ui *ui, int argument) {
    if (!select_next(ui, argument, is_error)) {
        ui_message(ui, false, "no span has an error");
    }
}

void trace_toggle_critical(struct ui *ui, int argument) {
    (void)argument;
    ui->trace.has_critical = !ui->trace.has_critical;
}

/* Number the rows that match. */
static void find_matches(struct trace_view *view) {
    view->match_count = 0;
    for (size_t i = 0; i < view->count; i++) {
        bool matches = view->query && query_matches_node(view->query, &view->tree.nodes[i]);
        view->match_count += matches;
        view->rows[i].match = matches ? (uint32_t)view->match_count : 0;
    }
}

void trace_set_search(struct ui *ui, const char *text) {
    struct trace_view *view = &ui->trace;

    snprintf(view->search, sizeof view->search, "%s", text);
    query_free(view->query);
    view->query = prompt_query(text);
    find_matches(view);
    if (view->query && view->count && !view->rows[view->scroll.selected].match) {
        trace_next_match(ui, 1);
    }
}

void trace_edit_search(struct ui *ui, int argument) {
    (void)argument;
    prompt_open(ui, "search: ", trace_set_search, "");
}

/* Count the errors of each subtree, and find out what the rows have. */
static void fill_rows(struct trace_view *view) {
    for (size_t i = view->count; i-- > 0;) {
        const struct tree_node *node = &view->tree.nodes[i];
        struct span_row *row = &view->rows[i];
        row->part = NO_ROW;
        row->errors += node->span->is_error;
        if (node->parent) {
            view->rows[spans_parent(view, i)].errors += row->errors;
        }
        view->orphans += !node->parent && node->span->has_parent;
        view->has_kinds |= node->span->kind != TOTE_SPAN_KIND_INTERNAL;
    }
}

/* A part of the critical path is found by its row. */
static int compare_parts(const void *a, const void *b) {
    const struct row_part *x = a;
    const struct row_part *y = b;

    if (x->row != y->row) {
        return x->row < y->row ? -1 : 1;
    }
    return x->from < y->from ? -1 : x->from > y->from;
}

static void find_critical_path(struct trace_view *view) {
    size_t count = 0;
    const struct critical_part *parts = critical_path(&view->tree, &view->arena, &count);
    struct row_part *sorted =
        parts ? tote__arena_allocate(&view->arena, count * sizeof *sorted) : NULL;

    view->part_count = sorted ? count : 0;
    for (size_t i = 0; i < view->part_count; i++) {
        sorted[i] = (struct row_part){(uint32_t)(parts[i].node - view->tree.nodes),
                                      parts[i].from_unix_nano - view->start,
                                      parts[i].to_unix_nano - view->start};
    }
    if (view->part_count) {
        qsort(sorted, count, sizeof *sorted, compare_parts);
    }
    view->parts = sorted;
    for (size_t i = view->part_count; i-- > 0;) {
        view->rows[sorted[i].row].part = (uint32_t)i;
    }
}

/* What is kept when the rows are made again. */
struct kept {
    const struct trace_span **folded; /* sorted by their address */
    size_t folded_count;
    size_t capacity;
    const struct trace_span *selected;
    const struct trace_span *top;
};

static int compare_spans(const void *a, const void *b) {
    uintptr_t x = (uintptr_t) * (const struct trace_span *const *)a;
    uintptr_t y = (uintptr_t) * (const struct trace_span *const *)b;

    return x < y ? -1 : x > y;
}

static struct kept keep(const struct trace_view *view) {
    struct kept kept = {.selected = selected_span(view)};

    kept.top = view->count ? view->tree.nodes[view->scroll.top].span : NULL;
    for (size_t i = 0; i < view->count; i++) {
        kept.capacity += view->rows[i].is_folded;
    }
    kept.folded = kept.capacity ? tote__allocate(kept.capacity * sizeof(void *)) : NULL;
    for (size_t i = 0; kept.folded && i < view->count; i++) {
        if (view->rows[i].is_folded) {
            kept.folded[kept.folded_count++] = view->tree.nodes[i].span;
        }
    }
    if (kept.folded) {
        qsort(kept.folded, kept.folded_count, sizeof(void *), compare_spans);
    }
    return kept;
}

static void restore(struct trace_view *view, const struct kept *kept) {
    for (size_t i = 0; i < view->count; i++) {
        const struct trace_span *span = view->tree.nodes[i].span;
        view->rows[i].is_folded =
            kept->folded_count && has_children(view, i) &&
            bsearch(&span, kept->folded, kept->folded_count, sizeof(void *), compare_spans);
        view->scroll.selected = span == kept->selected ? i : view->scroll.selected;
        view->scroll.top = span == kept->top ? i : view->scroll.top;
    }
    tote__release(kept->folded, kept->capacity * sizeof(void *));
}

static void clear_rows(struct trace_view *view) {
    tote__arena_clear(&view->arena);
    view->arena = (struct tote__arena){0};
    view->rows = NULL;
    view->parts = NULL;
    view->tree = (struct tree){0};
    view->count = view->part_count = view->orphans = view->match_count = 0;
    view->has_kinds = false;
}

void trace_refresh(struct ui *ui) {
    struct trace_view *view = &ui->trace;
    struct kept kept = keep(view);

    clear_rows(view);
    view->version = view->trace->version;
    view->start = view->trace->start_unix_nano;
    view->end = view->trace->end_unix_nano;
    if (!view->is_zoomed) {
        trace_zoom_reset(ui, 0);
    }
    view->tree = tree_make(view->trace, &view->arena);
    size_t size = view->tree.count * sizeof *view->rows;
    view->rows = view->tree.count ? tote__arena_allocate(&view->arena, size) : NULL;
    if (!view->rows) {
        ui_message(ui, true, "out of memory");
        clear_rows(view);
        tote__release(kept.folded, kept.capacity * sizeof(void *));
        return;
    }
    memset(view->rows, 0, size);
    view->count = view->tree.count;
    fill_rows(view);
    find_critical_path(view);
    restore(view, &kept);
    find_matches(view);
}

void trace_close(struct ui *ui) {
    struct trace_view *view = &ui->trace;

    clear_rows(view);
    details_end(&view->details);
    query_free(view->query);
    view->query = NULL;
    *view->search = '\0';
    view->is_zoomed = false;
    view->scroll = (struct scroll){0, 0};
    if (view->trace) {
        model_unpin(view->trace);
        view->trace = NULL;
    }
}

/* Select the span with this id. Returns false if it was not received. */
static bool select_id(struct ui *ui, const uint8_t id[8]) {
    struct trace_view *view = &ui->trace;

    for (size_t i = 0; i < view->count; i++) {
        if (memcmp(view->tree.nodes[i].span->id, id, 8) == 0) {
            trace_select(ui, i);
            return true;
        }
    }
    return false;
}

bool trace_show(struct ui *ui, const uint8_t trace_id[16], const uint8_t *span_id) {
    struct trace_view *view = &ui->trace;
    struct trace *trace = model_find(ui->model, trace_id);

    if (!trace || !trace->span_count) {
        ui_message(ui, true, "this trace was not received, or was evicted");
        return false;
    }
    if (trace != view->trace) {
        model_pin(trace); /* before the other one is released */
        trace_close(ui);
        view->trace = trace;
        trace_refresh(ui);
    }
    ui->screen = SCREEN_TRACE;
    if (span_id && !select_id(ui, span_id)) {
        ui_message(ui, true, "the span was not received; this is its trace");
    }
    return true;
}
