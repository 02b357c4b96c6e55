/* SPDX-License-Identifier: MIT */
/*
 * ui.c - the interactive display: keys, the frame around the screens, and the help
 *
 * Tests: tests/unit/test_tui.c, tests/cli/test_tui.sh
 */
#include "ui.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "keys.h"
#include "parts.h"
#include "terminal.h"
#include "tote/internal/text.h"

enum { HEAD_ROWS = 1, FOOT_ROWS = 1, LEAST_HELP_KEYS = 14 };

void ui_begin(struct ui *ui, struct model *model, const char *source) {
    *ui = (struct ui){.model = model,
                      .source = source,
                      .screen = SCREEN_LIST,
                      .list = {.is_stale = true, .is_following = true},
                      .trace = {.has_critical = true}};
}

void ui_end(struct ui *ui) {
    trace_close(ui);
    overview_end(&ui->list);
    details_end(&ui->trace.details);
    map_end(&ui->map);
    surface_free(&ui->surface);
}

void ui_message(struct ui *ui, bool is_bad, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(ui->message, sizeof ui->message, format, arguments);
    va_end(arguments);
    ui->is_message_bad = is_bad;
}

/* The colours of services are given in the order in which they are seen. */
unsigned ui_service_style(struct ui *ui, const char *service) {
    uint64_t hash = tote__hash(service, strlen(service));
    size_t most = TOTE_COUNT_OF(ui->services);
    size_t i = 0;

    while (i < ui->service_count && ui->services[i] != hash) {
        i++;
    }
    if (i == ui->service_count && i < most) {
        ui->services[ui->service_count++] = hash;
    }
    return STYLE_SERVICE + (unsigned)(i < most ? i : hash % SERVICE_COLOURS) % SERVICE_COLOURS;
}

const char *ui_span_name(const struct trace_span *span) {
    return *span->name ? span->name : "(no name)";
}

size_t ui_page(const struct ui *ui) {
    size_t frame = HEAD_ROWS + FOOT_ROWS + 1;
    return ui->surface.rows > frame ? ui->surface.rows - frame : 1;
}

void scroll_move(struct scroll *scroll, size_t count, size_t page, int move) {
    size_t at = scroll->selected;
    size_t last = count ? count - 1 : 0;

    switch ((enum move)move) {
    case MOVE_UP:
        at -= at > 0;
        break;
    case MOVE_DOWN:
        at++;
        break;
    case MOVE_PAGE_UP:
        at -= tote__min(at, page);
        break;
    case MOVE_PAGE_DOWN:
        at += page;
        break;
    case MOVE_FIRST:
        at = 0;
        break;
    case MOVE_LAST:
        at = last;
        break;
    }
    scroll->selected = tote__min(at, last);
}

void scroll_show(struct scroll *scroll, size_t count, size_t rows) {
    scroll->selected = tote__min(scroll->selected, count ? count - 1 : 0);
    scroll->top = tote__min(scroll->top, count > rows ? count - rows : 0);
    if (scroll->selected < scroll->top) {
        scroll->top = scroll->selected;
    }
    if (rows && scroll->selected >= scroll->top + rows) {
        scroll->top = scroll->selected - rows + 1;
    }
}

struct area ui_area(const struct ui *ui) {
    size_t rows = ui->surface.rows;
    size_t frame = HEAD_ROWS + FOOT_ROWS;

    return (struct area){HEAD_ROWS, 0, rows > frame ? rows - frame : 0, ui->surface.columns};
}

/* Return how many lines the help has. */
static size_t help_count(void) {
    size_t count = 0;

    for (size_t i = 0; i < key_group_count; i++) {
        count += key_groups[i].count + 2; /* the title, and an empty line */
    }
    return count - 1;
}

void ui_move(struct ui *ui, int move) {
    switch (ui->screen) {
    case SCREEN_LIST:
        ui->list.is_following = false;
        scroll_move(&ui->list.scroll, ui->list.count, ui_page(ui), move);
        overview_select(ui, ui->list.scroll.selected);
        break;
    case SCREEN_TRACE:
        trace_move(ui, move, ui_page(ui));
        break;
    case SCREEN_DETAILS:
        scroll_move(&ui->trace.details.scroll, ui->trace.details.count, ui_page(ui), move);
        break;
    case SCREEN_MAP:
        scroll_move(&ui->map.scroll, ui->map.count, ui_page(ui), move);
        break;
    case SCREEN_HELP:
        ui->help.top += move == MOVE_DOWN ? 1 : 0;
        ui->help.top -= move == MOVE_UP && ui->help.top ? 1 : 0;
        if (move != MOVE_UP && move != MOVE_DOWN) {
            ui->help.selected = ui->help.top;
            scroll_move(&ui->help, help_count(), ui_page(ui), move);
            ui->help.top = ui->help.selected;
        }
        break;
    }
}

void ui_help(struct ui *ui, int argument) {
    (void)argument;
    if (ui->screen == SCREEN_HELP) {
        ui->screen = ui->before_help;
        return;
    }
    ui->before_help = ui->screen;
    ui->screen = SCREEN_HELP;
    ui->help = (struct scroll){0, 0};
}

void ui_leave(struct ui *ui, int argument) {
    (void)argument;
    switch (ui->screen) {
    case SCREEN_LIST:
        ui->is_done = true;
        break;
    case SCREEN_HELP:
        ui->screen = ui->before_help;
        break;
    case SCREEN_DETAILS:
        details_focus(ui, 0);
        break;
    case SCREEN_TRACE:
    case SCREEN_MAP:
        trace_close(ui);
        ui->screen = SCREEN_LIST;
        break;
    }
}

void ui_escape(struct ui *ui, int argument) {
    if (ui->screen == SCREEN_TRACE && ui->trace.query) {
        trace_set_search(ui, "");
    } else if (ui->screen == SCREEN_LIST) {
        overview_set_filter(ui, ""); /* does not quit */
    } else {
        ui_leave(ui, argument);
    }
}

void ui_redraw(struct ui *ui, int argument) {
    (void)argument;
    ui->is_redrawn = true;
}

void ui_back(struct ui *ui, int argument) {
    (void)argument;
    if (!ui->back_count) {
        ui_message(ui, false, "no link was followed");
        return;
    }
    const struct position *position = &ui->back[--ui->back_count];
    trace_show(ui, position->trace_id, position->span_id);
}

static void act(struct ui *ui, int key) {
    const struct key_binding *binding = key_find(ui->screen, key);

    if (!binding) {
        ui_message(ui, false, "this key has no function here; ? shows the keys");
        return;
    }
    binding->act(ui, binding->last ? key - binding->keys[0] + 1 : binding->argument);
}

void ui_key(struct ui *ui, int key) {
    *ui->message = '\0';
    if (ui->prompt.is_open) {
        prompt_key(ui, key);
    } else {
        act(ui, key);
    }
    if (ui->screen == SCREEN_LIST && ui->list.is_stale) {
        overview_refresh(ui);
    }
    ui_draw(ui); /* the next key may refer to what is visible then */
}

void ui_wheel(struct ui *ui, int rows) {
    for (; rows > 0; rows--) {
        ui_move(ui, MOVE_DOWN);
    }
    for (; rows < 0; rows++) {
        ui_move(ui, MOVE_UP);
    }
}

void ui_click(struct ui *ui, size_t row, size_t column) {
    if (ui->prompt.is_open || row <= HEAD_ROWS) {
        return;
    }
    size_t content = row - HEAD_ROWS - 1;
    if (ui->screen == SCREEN_LIST && ui->list.scroll.top + content < ui->list.count) {
        size_t at = ui->list.scroll.top + content;
        bool is_open = ui->list.scroll.selected == at;
        ui->list.is_following = false;
        overview_select(ui, at);
        if (is_open) {
            overview_open(ui, 0);
        }
    } else if (ui->screen == SCREEN_MAP && ui->map.scroll.top + content < ui->map.count) {
        ui->map.scroll.selected = ui->map.scroll.top + content;
    } else if (ui->screen == SCREEN_TRACE || ui->screen == SCREEN_DETAILS) {
        trace_click(ui, ui_area(ui), row, column);
    }
}

bool ui_is_behind(const struct ui *ui) {
    uint64_t version = model_counts(ui->model).version;

    switch (ui->screen) {
    case SCREEN_LIST:
        return ui->list.is_stale || (!ui->list.is_paused && ui->list.version != version);
    case SCREEN_TRACE:
    case SCREEN_DETAILS:
        return ui->trace.version != ui->trace.trace->version;
    case SCREEN_MAP:
        return ui->map.version != version;
    case SCREEN_HELP:
        break;
    }
    return false;
}

int ui_tick_ms(const struct ui *ui) {
    const struct trace *newest = model_newest(ui->model);

    if (ui->screen != SCREEN_LIST || !newest) {
        return -1;
    }
    return ui->now_ms < newest->last_news_ms + 60000 ? 1000 : 30000;
}

void ui_refresh(struct ui *ui) {
    if (!ui_is_behind(ui)) {
        return;
    }
    switch (ui->screen) {
    case SCREEN_LIST:
        overview_refresh(ui);
        break;
    case SCREEN_TRACE:
    case SCREEN_DETAILS:
        trace_refresh(ui);
        break;
    case SCREEN_MAP:
        map_refresh(ui);
        break;
    case SCREEN_HELP:
        break;
    }
}

/* Describe what the model has, as in "2 traces, 8 spans, 0.1 MB". */
static void describe_counts(const struct ui *ui, char *text, size_t size) {
    struct model_counts counts = model_counts(ui->model);
    const char *dot = ui->surface.is_utf8 ? " \u00b7 " : ", ";
    uint64_t rejected = counts.left_out_spans + counts.invalid_spans;
    size_t length = (size_t)snprintf(text, size, "%zu trace%s%s%zu span%s", counts.traces,
                                     counts.traces == 1 ? "" : "s", dot, counts.spans,
                                     counts.spans == 1 ? "" : "s");

    if (counts.evicted_traces) {
        length += (size_t)snprintf(text + length, size - length, "%s%" PRIu64 " evicted", dot,
                                   counts.evicted_traces);
    }
    if (rejected) {
        length +=
            (size_t)snprintf(text + length, size - length, "%s%" PRIu64 " rejected", dot, rejected);
    }
    snprintf(text + length, size - length, "%s%.1f MB", dot, (double)counts.bytes / 1e6);
}

/* Draw the title, the source as far as it fits, and the counts at the right edge. */
static void draw_head(struct ui *ui) {
    static const char *const titles[] = {
        [SCREEN_LIST] = "Traces",
        [SCREEN_MAP] = "Services",
        [SCREEN_HELP] = "Keys",
    };
    const char *mode = ui->screen != SCREEN_LIST ? ""
                       : ui->list.is_paused      ? "paused"
                       : ui->list.is_following   ? "follow"
                                                 : "";
    const char *source = ui->is_loading ? "reading files" : ui->source;
    struct pen pen = pen_at(&ui->surface, 0, 0, ui->surface.columns);
    char counts[160];

    if (ui->screen == SCREEN_TRACE || ui->screen == SCREEN_DETAILS) {
        trace_draw_head(ui, &pen);
        return;
    }
    describe_counts(ui, counts, sizeof counts);
    pen_put(&pen, STYLE_BOLD, titles[ui->screen]);
    pen_skip(&pen, 2);
    pen_put(&pen, STYLE_ACCENT | STYLE_BOLD, mode);
    pen_skip(&pen, *mode ? 2 : 0);
    size_t needed = terminal_columns(counts) + 2;
    size_t left = pen_left(&pen);
    pen_field(&pen, STYLE_DIM, source, left > needed ? left - needed : 0);
    pen_skip(&pen, left > needed ? 2 : 0);
    pen_right(&pen, STYLE_PLAIN, counts, pen_left(&pen));
}

/* Draw the state of the filter or of the search. Returns false if there is none. */
static bool draw_status(struct ui *ui, struct pen *pen) {
    const struct trace_view *trace = &ui->trace;

    if (ui->screen == SCREEN_LIST && ui->list.query) {
        pen_print(pen, STYLE_BOLD, "%zu of %zu traces match", ui->list.count,
                  model_counts(ui->model).traces);
        pen_skip(pen, 2);
        pen_put(pen, STYLE_PLAIN, ui->list.filter);
        return true;
    }
    if (ui->screen == SCREEN_TRACE && trace->query && trace->count) {
        uint32_t match = trace->rows[trace->scroll.selected].match;
        if (match) {
            pen_print(pen, STYLE_BOLD, "%" PRIu32 " of %zu", match, trace->match_count);
        } else {
            pen_print(pen, STYLE_BOLD, "%zu match%s", trace->match_count,
                      trace->match_count == 1 ? "" : "es");
        }
        pen_skip(pen, 2);
        pen_put(pen, STYLE_PLAIN, trace->search);
        return true;
    }
    return false;
}

/* Draw the message, or which keys are useful here. */
static void draw_foot(struct ui *ui) {
    static const char *const hints[] = {
        [SCREEN_LIST] =
            "Enter show  / filter  s sort  f follow  p pause  m services  ? keys  q quit",
        [SCREEN_TRACE] =
            "Enter details  / search  e error  Space fold  z zoom  c critical path  ? keys  q back",
        [SCREEN_DETAILS] = "Enter go to link  a sort  y copy  Tab spans  ? keys  q back",
        [SCREEN_MAP] = "Enter traces of the service  ? keys  q back",
        [SCREEN_HELP] = "? or q: back",
    };
    size_t row = ui->surface.rows - 1;
    struct pen pen = pen_at(&ui->surface, row, 0, ui->surface.columns);

    if (ui->prompt.is_open) {
        prompt_draw(ui);
    } else if (*ui->message) {
        pen_glyph(&pen, STYLE_ERROR | STYLE_BOLD, ui->is_message_bad ? "\u2717 " : "",
                  ui->is_message_bad ? "! " : "");
        pen_put(&pen, ui->is_message_bad ? STYLE_ERROR : STYLE_BOLD, ui->message);
    } else if (!draw_status(ui, &pen)) {
        pen_put(&pen, STYLE_DIM, hints[ui->screen]);
    }
}

static void draw_help(struct ui *ui, struct area area) {
    size_t line = 0;
    size_t keys = LEAST_HELP_KEYS;

    ui->help.top = tote__min(ui->help.top, help_count() > area.rows ? help_count() - area.rows : 0);
    for (size_t i = 0; i < key_group_count; i++) {
        const struct key_group *group = &key_groups[i];
        for (size_t j = 0; j < group->count + 2; j++, line++) {
            if (line < ui->help.top || line >= ui->help.top + area.rows) {
                continue;
            }
            struct pen pen =
                pen_at(&ui->surface, area.row + line - ui->help.top, area.column, area.columns);
            if (j == 0) {
                pen_put(&pen, STYLE_BOLD, group->title);
            } else if (j <= group->count) {
                pen_skip(&pen, 2);
                pen_field(&pen, STYLE_ACCENT, group->bindings[j - 1].shown,
                          tote__min(keys, area.columns / 3));
                pen_put(&pen, STYLE_PLAIN, group->bindings[j - 1].help);
            }
        }
    }
}

void ui_draw(struct ui *ui) {
    struct surface *surface = &ui->surface;
    struct area area = ui_area(ui);

    surface_clear(surface);
    if (!surface->rows) {
        return;
    }
    draw_head(ui);
    switch (ui->screen) {
    case SCREEN_LIST:
        overview_draw(ui, area);
        break;
    case SCREEN_TRACE:
    case SCREEN_DETAILS:
        trace_draw(ui, area);
        break;
    case SCREEN_MAP:
        map_draw(ui, area);
        break;
    case SCREEN_HELP:
        draw_help(ui, area);
        break;
    }
    draw_foot(ui);
}
