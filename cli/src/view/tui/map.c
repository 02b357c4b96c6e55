/* SPDX-License-Identifier: MIT */
/*
 * map.c - the services of all traces, and their calls
 *
 * Tests: tests/unit/test_tui.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "parts.h"
#include "terminal.h"

enum { NUMBER_COLUMNS = 9, LEAST_NAME = 20, FIGURES = 5, FIGURE_BYTES = 32 };

void map_end(struct map_view *map) {
    tote__arena_clear(&map->arena);
    *map = (struct map_view){.scroll = map->scroll};
}

/* Edges are ordered by the service that calls, then by the number of calls. */
static int compare_edges(const void *a, const void *b) {
    const struct map_edge *x = a;
    const struct map_edge *y = b;

    if (x->from != y->from) {
        return x->from < y->from ? -1 : 1;
    }
    return x->call_count > y->call_count ? -1 : x->call_count < y->call_count;
}

/* Put the calls of a service below it. */
static void make_lines(struct map_view *view) {
    const struct service_map *map = &view->map;
    size_t most = map->service_count + map->edge_count;
    size_t edge = 0;

    view->lines = most ? tote__arena_allocate(&view->arena, most * sizeof *view->lines) : NULL;
    if (!view->lines) {
        return;
    }
    if (map->edge_count) {
        qsort(map->edges, map->edge_count, sizeof *map->edges, compare_edges);
    }
    for (size_t i = 0; i < map->service_count; i++) {
        view->lines[view->count++] = (struct map_line){&map->services[i], NULL};
        for (; edge < map->edge_count && map->edges[edge].from == i; edge++) {
            const struct map_edge *at = &map->edges[edge];
            view->lines[view->count++] = (struct map_line){&map->services[at->to], at};
        }
    }
}

void map_refresh(struct ui *ui) {
    struct map_view *view = &ui->map;

    map_end(view);
    view->version = model_counts(ui->model).version;
    view->map = service_map(ui->model, NULL, &view->arena);
    make_lines(view);
}

void map_show(struct ui *ui, int argument) {
    (void)argument;
    if (ui->screen == SCREEN_MAP) {
        return;
    }
    trace_close(ui);
    ui->screen = SCREEN_MAP;
    map_refresh(ui);
}

void map_open(struct ui *ui, int argument) {
    const struct map_view *view = &ui->map;
    char filter[PROMPT_BYTES] = "service=\"";
    size_t length = strlen(filter);

    (void)argument;
    if (view->scroll.selected >= view->count) {
        return;
    }
    const struct map_service *service = view->lines[view->scroll.selected].service;
    if (service->is_peer) {
        ui_message(ui, false, "it has no spans of its own");
        return;
    }
    for (const char *at = service->name; *at && length < sizeof filter - 3; at++) {
        if (*at == '"' || *at == '\\') {
            filter[length++] = '\\';
        }
        filter[length++] = *at;
    }
    filter[length++] = '"';
    filter[length] = '\0';
    ui->screen = SCREEN_LIST;
    overview_set_filter(ui, filter);
}

/* The columns of a figure: times have a space before them. */
static size_t figure_columns(size_t figure) {
    return NUMBER_COLUMNS + (figure >= 3);
}

/* Return how many figures fit, and how many columns they leave for names. */
static size_t count_figures(const struct area *area, size_t *names) {
    size_t count = 0;
    size_t left = area->columns;

    while (count < FIGURES && left >= LEAST_NAME + figure_columns(count)) {
        left -= figure_columns(count++);
    }
    *names = left;
    return count;
}

static void put_figures(struct ui *ui, struct pen *pen, const struct map_line *line, size_t count) {
    const struct map_edge *edge = line->edge;
    size_t calls = edge ? edge->call_count : line->service->call_count;
    size_t errors = edge ? edge->error_count : line->service->error_count;
    double seconds = (double)ui->map.map.duration_ns / 1e9;
    double rate = edge ? (seconds > 0 ? (double)calls / seconds : 0) : line->service->rate;
    uint64_t times[] = {edge ? edge->p50_ns : line->service->p50_ns,
                        edge ? edge->p99_ns : line->service->p99_ns};
    char texts[FIGURES][FIGURE_BYTES] = {""};

    snprintf(texts[0], FIGURE_BYTES, "%zu", calls);
    snprintf(texts[1], FIGURE_BYTES, rate < 1e5 ? "%.1f/s" : "%.0e/s", rate);
    if (errors && calls) {
        snprintf(texts[2], FIGURE_BYTES, "%.1f%%", 100.0 * (double)errors / (double)calls);
    }
    for (size_t i = 0; calls && i < TOTE_COUNT_OF(times); i++) {
        format_duration(texts[3 + i], FIGURE_BYTES, times[i], ui->surface.is_utf8);
    }
    for (size_t i = 0; i < count; i++) {
        pen_right(pen, i == 2 ? STYLE_ERROR | STYLE_BOLD : STYLE_PLAIN, texts[i],
                  figure_columns(i));
    }
}

static void draw_line(struct ui *ui, struct area area, size_t row, size_t at) {
    const struct map_line *line = &ui->map.lines[at];
    bool is_selected = at == ui->map.scroll.selected;
    struct pen pen = pen_at(&ui->surface, row, area.column, area.columns);
    size_t names;
    size_t count = count_figures(&area, &names);
    size_t end = pen.column + names;
    unsigned style = ui_service_style(ui, line->service->name);

    pen_glyph(&pen, STYLE_BOLD, is_selected ? "\u203a" : " ", is_selected ? ">" : " ");
    if (line->edge) {
        pen_glyph(&pen, STYLE_DIM, "   \u2192 ", "  -> ");
    }
    pen_field(&pen, line->edge ? style : style | STYLE_BOLD, line->service->name,
              end - tote__min(end, pen.column));
    put_figures(ui, &pen, line, count);
    if (is_selected) {
        surface_add_style(&ui->surface, row, area.column, area.columns, STYLE_REVERSE);
    }
}

void map_draw(struct ui *ui, struct area area) {
    static const char *const titles[FIGURES] = {"Calls", "Rate", "Errors", "p50", "p99"};
    struct map_view *view = &ui->map;
    struct pen pen = pen_at(&ui->surface, area.row, area.column, area.columns);

    if (!area.rows) {
        return;
    }
    size_t names;
    size_t count = count_figures(&area, &names);
    pen_skip(&pen, 1);
    pen_field(&pen, STYLE_UNDERLINE, "Service and what it calls", names - (names > 0));
    for (size_t i = 0; i < count; i++) {
        pen_right(&pen, STYLE_UNDERLINE, titles[i], figure_columns(i));
    }
    size_t rows = area.rows - 1;
    scroll_show(&view->scroll, view->count, rows);
    for (size_t i = 0; i < rows && view->scroll.top + i < view->count; i++) {
        draw_line(ui, area, area.row + 1 + i, view->scroll.top + i);
    }
    if (!view->count && rows) {
        pen = pen_at(&ui->surface, area.row + 1, 1, area.columns);
        pen_put(&pen, STYLE_DIM, "no traces were received yet");
    }
}
