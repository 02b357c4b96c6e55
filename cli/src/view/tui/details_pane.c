/* SPDX-License-Identifier: MIT */
/*
 * details_pane.c - everything that the selected span contains, as lines
 *
 * Tests: tests/unit/test_tui.c
 */
#include "parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format.h"
#include "terminal.h"

enum { MOST_LINES = 50000, CONTINUED = 2, LEAST_VALUE = 8 };

void details_end(struct details_view *details) {
    tote__arena_clear(&details->arena);
    details->arena = (struct tote__arena){0};
    tote__release(details->lines, details->capacity * sizeof *details->lines);
    details->lines = NULL;
    details->count = details->capacity = 0;
    details->span = NULL;
}

/* Add a line. Lines over the limit, or without memory, are left out. */
static void add_line(struct details_view *view, struct detail_line line) {
    if (view->count == view->capacity) {
        size_t capacity = view->capacity ? view->capacity * 2 : 64;
        struct detail_line *lines =
            capacity > 2 * MOST_LINES
                ? NULL
                : tote__reallocate(view->lines, view->capacity * sizeof *lines,
                                   capacity * sizeof *lines);
        if (!lines) {
            return;
        }
        view->lines = lines;
        view->capacity = capacity;
    }
    view->lines[view->count++] = line;
}

/* Return how many bytes of a text fit into these columns, at least one code point. */
static size_t fitting(const char *text, size_t columns) {
    const char *at = text;
    size_t used = 0;

    while (*at && (used + terminal_next_columns(at) <= columns || at == text)) {
        used += terminal_next_columns(at);
        at = terminal_after_code_point(at);
    }
    return (size_t)(at - text);
}

/* Add a label and its value, in as many lines as it takes. */
static void add_value(struct details_view *view, struct detail_line line) {
    size_t width = view->width > line.indent ? view->width - line.indent : 0;
    size_t label = terminal_columns(line.label) + 2;
    const char *text = line.text;
    size_t left = width > label ? width - label : 0;

    if (left < LEAST_VALUE && terminal_columns(text) > left) { /* the value is below its label */
        line.length = 0;
        line.value = text;
        add_line(view, line);
    } else {
        line.value = text;
        line.length = fitting(text, left);
        add_line(view, line);
        text += line.length;
    }
    line.label = NULL;
    line.indent = (uint8_t)(line.indent + CONTINUED);
    width = view->width > line.indent ? view->width - line.indent : 1;
    while (*text) {
        line.text = text;
        line.length = fitting(text, width);
        add_line(view, line);
        text += line.length;
    }
}

static void add(struct details_view *view, const char *label, const char *text, unsigned style) {
    if (text && *text) {
        add_value(view,
                  (struct detail_line){.label = label, .text = text, .style = (uint16_t)style});
    }
}

static void add_heading(struct details_view *view, const char *text, size_t count) {
    char heading[64];

    snprintf(heading, sizeof heading, count ? "%s (%zu)" : "%s", text, count);
    const char *copy = tote__arena_text(&view->arena, heading, strlen(heading));
    add_line(view, (struct detail_line){.text = ""});
    if (copy) {
        add_line(view, (struct detail_line){.text = copy,
                                            .length = strlen(copy),
                                            .style = STYLE_BOLD | STYLE_UNDERLINE});
    }
}

/* Add formatted text. */
static void add_print(struct details_view *view, const char *label, unsigned style,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));

static void add_print(struct details_view *view, const char *label, unsigned style,
                      const char *format, ...) {
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add(view, label,
        tote__arena_text(&view->arena, text, tote__min((size_t)length, sizeof text - 1)), style);
}

static void add_id(struct details_view *view, const char *label, const uint8_t *id, size_t size,
                   const char *note) {
    char hex[FORMAT_ID_BYTES];

    add_print(view, label, STYLE_PLAIN, "%s%s", format_id(hex, id, size), note);
}

static int compare_keys(const void *a, const void *b) {
    return strcmp(((const struct trace_attribute *)a)->key,
                  ((const struct trace_attribute *)b)->key);
}

static void add_dropped(struct details_view *view, uint32_t count, const char *noun) {
    if (count) {
        add_print(view, "dropped", STYLE_DIM, "%" PRIu32 " %s%s", count, noun,
                  count == 1 ? "" : "s");
    }
}

static void add_attributes(struct details_view *view, const struct trace_attributes *attributes,
                           unsigned indent) {
    struct trace_attribute *items = attributes->items;

    if (view->is_sorted && attributes->count) {
        size_t size = attributes->count * sizeof *items;
        struct trace_attribute *sorted = tote__arena_allocate(&view->arena, size);
        if (sorted) {
            memcpy(sorted, items, size);
            qsort(sorted, attributes->count, sizeof *sorted, compare_keys);
            items = sorted;
        }
    }
    for (size_t i = 0; i < attributes->count; i++) {
        add_value(view, (struct detail_line){.label = items[i].key,
                                             .text = items[i].value,
                                             .indent = (uint8_t)indent});
    }
    add_dropped(view, attributes->dropped_count, "attribute");
}

static void add_events(struct details_view *view) {
    const struct span_details *details = &view->details;
    uint64_t start = view->span->start_unix_nano;

    if (!details->event_count && !details->dropped_event_count) {
        return;
    }
    add_heading(view, "Events", details->event_count);
    for (size_t i = 0; i < details->event_count; i++) {
        const struct trace_event *event = &details->events[i];
        bool is_before = event->time_unix_nano < start;
        char offset[32];
        char label[40];
        format_duration(offset, sizeof offset,
                        is_before ? start - event->time_unix_nano : event->time_unix_nano - start,
                        view->is_utf8);
        snprintf(label, sizeof label, "%s%s", is_before ? "-" : "+", offset);
        const char *copy = tote__arena_text(&view->arena, label, strlen(label));
        add(view, copy ? copy : "", *event->name ? event->name : "(no name)", STYLE_BOLD);
        add_attributes(view, &event->attributes, CONTINUED);
    }
    add_dropped(view, details->dropped_event_count, "event");
}

static void add_links(struct details_view *view) {
    const struct span_details *details = &view->details;

    if (!details->link_count && !details->dropped_link_count) {
        return;
    }
    add_heading(view, "Links", details->link_count);
    for (size_t i = 0; i < details->link_count; i++) {
        const struct trace_link *link = &details->links[i];
        char text[2 * FORMAT_ID_BYTES];
        format_id(text, link->trace_id, sizeof link->trace_id);
        text[32] = ' ';
        format_id(text + 33, link->span_id, sizeof link->span_id);
        const char *copy = tote__arena_text(&view->arena, text, strlen(text));
        add_value(view, (struct detail_line){.label = view->is_utf8 ? "\u2192" : "->",
                                             .text = copy ? copy : "",
                                             .style = STYLE_ACCENT,
                                             .link = link});
        add_attributes(view, &link->attributes, CONTINUED);
    }
    add_dropped(view, details->dropped_link_count, "link");
}

static void add_times(struct details_view *view, const struct trace_view *trace) {
    const struct trace_span *span = view->span;
    time_t seconds = (time_t)(span->start_unix_nano / 1000000000);
    struct tm parts;
    char text[40];

    if (localtime_r(&seconds, &parts) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts)) {
        add_print(view, "start      ", STYLE_PLAIN, "%s.%09u", text,
                  (unsigned)(span->start_unix_nano % 1000000000));
    }
    format_duration(text, sizeof text, span->start_unix_nano - trace->start, view->is_utf8);
    add_print(view, "offset     ", STYLE_PLAIN, "+%s", text);
    format_duration(text, sizeof text, span_duration(span), view->is_utf8);
    add_print(view, "duration   ", STYLE_PLAIN, "%s%s", text, span->is_open ? " (unfinished)" : "");
    if (trace->count) {
        format_duration(text, sizeof text, trace->tree.nodes[trace->scroll.selected].self_ns,
                        view->is_utf8);
        add_print(view, "self time  ", STYLE_PLAIN, "%s", text);
    }
}

static void add_span(struct details_view *view, const struct trace_view *trace) {
    const struct trace_span *span = view->span;
    const struct span_details *details = &view->details;
    bool is_missing =
        span->has_parent && trace->count && !trace->tree.nodes[trace->scroll.selected].parent;

    add(view, "name       ", ui_span_name(span), STYLE_BOLD);
    add(view, "service    ", span->service, STYLE_PLAIN);
    add(view, "kind       ", trace_kind_name(span->kind), STYLE_PLAIN);
    add(view, "status     ", trace_status_name(span->status),
        span->is_error ? STYLE_ERROR : STYLE_PLAIN);
    add(view, "message    ", details->status_message, STYLE_ERROR);
    add_times(view, trace);
    add_id(view, "trace id   ", trace->trace->id, sizeof trace->trace->id, "");
    add_id(view, "span id    ", span->id, sizeof span->id, "");
    if (span->has_parent) {
        add_id(view, "parent id  ", span->parent_id, sizeof span->parent_id,
               is_missing ? " (not received)" : "");
    }
    add(view, "trace state", details->trace_state, STYLE_PLAIN);
    add(view, "scope      ", details->scope_name, STYLE_PLAIN);
    add(view, "version    ", details->scope_version, STYLE_PLAIN);
}

/* Read the selected span, if another one or another width was laid out. */
static void read_span(struct ui *ui, size_t width) {
    struct trace_view *trace = &ui->trace;
    struct details_view *view = &trace->details;
    const struct trace_span *span =
        trace->count ? trace->tree.nodes[trace->scroll.selected].span : NULL;

    if (view->span == span && view->version == trace->version && view->width == width &&
        !view->is_stale) {
        return;
    }
    struct scroll scroll = view->span == span ? view->scroll : (struct scroll){0, 0};
    details_end(view);
    *view = (struct details_view){.span = span,
                                  .version = trace->version,
                                  .width = width,
                                  .scroll = scroll,
                                  .is_shown = view->is_shown,
                                  .is_sorted = view->is_sorted,
                                  .is_utf8 = ui->surface.is_utf8};
    if (!span) {
        return;
    }
    if (!span_details_read(span, &view->arena, &view->details)) {
        ui_message(ui, true, "out of memory");
    }
    add_span(view, trace);
    if (view->details.attributes.count || view->details.attributes.dropped_count) {
        add_heading(view, "Attributes", view->details.attributes.count);
        add_attributes(view, &view->details.attributes, 0);
    }
    add_events(view);
    add_links(view);
    if (view->details.resource.count) {
        add_heading(view, "Resource", view->details.resource.count);
        add_attributes(view, &view->details.resource, 0);
    }
    if (view->details.scope.count) {
        add_heading(view, "Scope", view->details.scope.count);
        add_attributes(view, &view->details.scope, 0);
    }
    if (view->count >= MOST_LINES) {
        ui_message(ui, false, "the span has more than %u lines; the rest is not shown", MOST_LINES);
    }
}

static void draw_line(struct pen *pen, const struct detail_line *line) {
    char text[TERMINAL_LONGEST * 3 + 1];
    size_t length = tote__min(line->length, sizeof text - 1);

    memcpy(text, line->text, length);
    text[length] = '\0';
    pen_skip(pen, line->indent);
    if (line->label) {
        pen_put(pen, STYLE_DIM, line->label);
        pen_skip(pen, 2);
    }
    pen_put(pen, line->style, text);
}

void details_draw(struct ui *ui, struct area area) {
    struct details_view *view = &ui->trace.details;
    bool has_focus = ui->screen == SCREEN_DETAILS;

    read_span(ui, area.columns > 1 ? area.columns - 1 : 1);
    if (has_focus) {
        scroll_show(&view->scroll, view->count, area.rows);
    }
    view->scroll.top = tote__min(view->scroll.top, view->count ? view->count - 1 : 0);
    for (size_t i = 0; i < area.rows && view->scroll.top + i < view->count; i++) {
        size_t at = view->scroll.top + i;
        struct pen pen = pen_at(&ui->surface, area.row + i, area.column, area.columns);
        bool is_selected = has_focus && at == view->scroll.selected;
        pen_glyph(&pen, STYLE_BOLD, is_selected ? "\u203a" : " ", is_selected ? ">" : " ");
        draw_line(&pen, &view->lines[at]);
        if (is_selected) {
            surface_add_style(&ui->surface, area.row + i, area.column, area.columns, STYLE_REVERSE);
        }
    }
}

/* Whether the details hide the spans: the terminal is small. */
static bool has_one_pane(const struct ui *ui) {
    struct area spans;
    struct area details;

    return trace_panes(ui, ui_area(ui), &spans, &details) == PANES_DETAILS;
}

void details_show(struct ui *ui, int argument) {
    (void)argument;
    ui->trace.details.is_shown = !ui->trace.details.is_shown;
    ui->screen = has_one_pane(ui) ? SCREEN_DETAILS : SCREEN_TRACE;
}

void details_focus(struct ui *ui, int argument) {
    (void)argument;
    if (ui->screen == SCREEN_DETAILS) {
        ui->screen = SCREEN_TRACE;
        ui->trace.details.is_shown &= !has_one_pane(ui);
    } else {
        ui->trace.details.is_shown = true;
        ui->screen = SCREEN_DETAILS;
    }
}

void details_sort(struct ui *ui, int argument) {
    struct details_view *view = &ui->trace.details;

    (void)argument;
    view->is_sorted = !view->is_sorted;
    view->is_stale = true;
}

static const struct detail_line *selected_line(const struct details_view *view) {
    return view->scroll.selected < view->count ? &view->lines[view->scroll.selected] : NULL;
}

void details_follow(struct ui *ui, int argument) {
    const struct detail_line *line = selected_line(&ui->trace.details);
    const struct trace_view *view = &ui->trace;
    struct position from;

    (void)argument;
    if (!line || !line->link || !view->count) {
        ui_message(ui, false, "there is no link in this line");
        return;
    }
    struct trace_link link = *line->link; /* the line is freed with its trace */
    memcpy(from.trace_id, view->trace->id, sizeof from.trace_id);
    memcpy(from.span_id, view->tree.nodes[view->scroll.selected].span->id, sizeof from.span_id);
    if (trace_show(ui, link.trace_id, link.span_id)) {
        if (ui->back_count == MOST_BACK) {
            memmove(ui->back, ui->back + 1, (MOST_BACK - 1) * sizeof *ui->back);
            ui->back_count--;
        }
        ui->back[ui->back_count++] = from;
    }
}

void details_copy(struct ui *ui, int argument) {
    const struct detail_line *line = selected_line(&ui->trace.details);

    (void)argument;
    ui->copied = line ? line->value : NULL;
    ui_message(ui, false, ui->copied ? "copied" : "there is no value in this line");
}
