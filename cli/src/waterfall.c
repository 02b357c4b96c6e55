/* SPDX-License-Identifier: MIT */
/*
 * waterfall.c - drawing a trace
 *
 * A row for each span: its place in the tree, its service, a bar to the scale of the trace's time, how
 * long it took; below it, dimmed, what it was told. Parents first, children as they started.
 */
#include "waterfall.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A span in the tree. */
struct node {
    const struct trace_span *span;
    struct node *first; /* children, by start; after the tree is made */
    struct node *next;
    struct node *parent;
    bool is_drawn;
};

struct drawing {
    const struct terminal *terminal;
    FILE *out;
    struct node *nodes;
    size_t count;
    uint64_t start;
    uint64_t end;
    size_t name_columns;
    size_t service_columns;
    size_t bar_columns;
    const char **services; /* each once; its index picks the colour */
    size_t service_count;
};

enum { DURATION_COLUMNS = 9, DEEPEST = 64, GUIDE_COLUMNS = 3, LEAST_NAME = 8, MOST_LEVELS = 1000 };

static const char *const service_colours[] = {"36", "33", "35", "32", "34", "96", "93", "95"};

/* Escape codes on a terminal that has colour, nothing elsewhere. */
static void paint(const struct drawing *drawing, const char *code) {
    if (drawing->terminal->has_colour) {
        fprintf(drawing->out, "\033[%sm", code);
    }
}

static void put_spaces(FILE *out, size_t count) {
    fprintf(out, "%*s", (int)count, "");
}

/* Bytes of clean text. Where UTF-8 is not understood they could be commands: '?' for each character. */
static void put_text(const struct drawing *drawing, const char *text, size_t bytes) {
    if (drawing->terminal->is_utf8) {
        fwrite(text, 1, bytes, drawing->out);
        return;
    }
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x80) {
            fputc(c, drawing->out);
        } else if (c >= 0xC0) {
            fputc('?', drawing->out);
        }
    }
}

/* The text in just so many columns: filled up, or cut with an ellipsis. */
static void put_cell(const struct drawing *drawing, const char *text, size_t columns) {
    size_t has = terminal_columns(text);
    size_t kept = has <= columns ? has : columns - (columns > 0);
    size_t bytes = 0;

    for (size_t seen = 0; text[bytes]; bytes++) {
        if (((unsigned char)text[bytes] & 0xC0) != 0x80 && seen++ == kept) {
            break;
        }
    }
    put_text(drawing, text, bytes);
    if (has <= columns) {
        put_spaces(drawing->out, columns - has);
    } else if (columns > 0) {
        fputs(drawing->terminal->is_utf8 ? "\u2026" : "~", drawing->out);
    }
}

static void format_duration(char *text, size_t size, uint64_t nanoseconds) {
    if (nanoseconds < 1000) {
        snprintf(text, size, "%" PRIu64 " ns", nanoseconds);
    } else if (nanoseconds < 1000000) {
        snprintf(text, size, "%.1f us", (double)nanoseconds / 1e3);
    } else if (nanoseconds < 1000000000) {
        snprintf(text, size, "%.1f ms", (double)nanoseconds / 1e6);
    } else if (nanoseconds < 60000000000) {
        snprintf(text, size, "%.2f s", (double)nanoseconds / 1e9);
    } else {
        snprintf(text, size, "%.1f min", (double)nanoseconds / 6e10);
    }
}

static uint64_t duration_of(const struct trace_span *span) {
    return span->end_unix_nano > span->start_unix_nano ? span->end_unix_nano - span->start_unix_nano
                                                       : 0;
}

static int compare_starts(const void *a, const void *b) {
    const struct trace_span *x = ((const struct node *)a)->span;
    const struct trace_span *y = ((const struct node *)b)->span;

    if (x->start_unix_nano != y->start_unix_nano) {
        return x->start_unix_nano < y->start_unix_nano ? -1 : 1;
    }
    return memcmp(x->id, y->id, sizeof x->id);
}

static int compare_ids(const void *a, const void *b) {
    const struct node *const *x = a;
    const struct node *const *y = b;

    return memcmp((*x)->span->id, (*y)->span->id, sizeof(*x)->span->id);
}

static struct node *find_node(struct node **by_id, size_t count, const uint8_t id[8]) {
    size_t low = 0;

    while (low < count) {
        size_t middle = low + (count - low) / 2;
        int order = memcmp(by_id[middle]->span->id, id, 8);
        if (order == 0) {
            return by_id[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return NULL;
}

/* Whether `node` would be above itself under `parent`, or so deep that it could be: a trace that is not sound. */
static bool is_circle(const struct node *node, const struct node *parent) {
    size_t depth = 0;

    for (; parent && parent != node && depth < MOST_LEVELS; parent = parent->parent) {
        depth++;
    }
    return parent != NULL;
}

/* Hang each node under its parent. Returns: false when memory is out. */
static bool make_tree(struct drawing *drawing, struct trace *trace) {
    size_t i = 0;
    struct node **by_id = tote__arena_allocate(&trace->arena, trace->span_count * sizeof *by_id);

    drawing->nodes = tote__arena_allocate(&trace->arena, trace->span_count * sizeof(struct node));
    if (!by_id || !drawing->nodes) {
        return false;
    }
    for (const struct trace_span *span = trace->spans; span; span = span->next) {
        drawing->nodes[i++] = (struct node){.span = span};
    }
    drawing->count = i;
    qsort(drawing->nodes, drawing->count, sizeof *drawing->nodes, compare_starts);
    for (i = 0; i < drawing->count; i++) {
        by_id[i] = &drawing->nodes[i];
    }
    qsort(by_id, drawing->count, sizeof *by_id, compare_ids);
    for (i = drawing->count; i-- > 0;) { /* the last first: each goes in front of the later ones */
        struct node *node = &drawing->nodes[i];
        struct node *parent =
            node->span->has_parent ? find_node(by_id, drawing->count, node->span->parent_id) : NULL;
        if (parent && !is_circle(node, parent)) {
            node->parent = parent;
            node->next = parent->first;
            parent->first = node;
        }
    }
    return true;
}

static size_t depth_of(const struct node *node) {
    size_t depth = 0;

    for (; node->parent && depth < DEEPEST; node = node->parent) {
        depth++;
    }
    return depth;
}

static size_t service_index(struct drawing *drawing, const char *service) {
    for (size_t i = 0; i < drawing->service_count; i++) {
        if (strcmp(drawing->services[i], service) == 0) {
            return i;
        }
    }
    drawing->services[drawing->service_count] = service;
    return drawing->service_count++;
}

/* The columns of the table, by what is to go into them. */
static void lay_out(struct drawing *drawing) {
    size_t name = 12;
    size_t service = 4;

    drawing->start = UINT64_MAX;
    for (size_t i = 0; i < drawing->count; i++) {
        const struct trace_span *span = drawing->nodes[i].span;
        size_t columns = terminal_columns(span->name);
        columns = (columns > LEAST_NAME ? columns : LEAST_NAME) +
                  GUIDE_COLUMNS * depth_of(&drawing->nodes[i]);
        name = columns > name ? columns : name;
        columns = terminal_columns(span->service);
        service = columns > service ? columns : service;
        drawing->start =
            span->start_unix_nano < drawing->start ? span->start_unix_nano : drawing->start;
        /* A clock may have been set back: a span may start after all have ended. */
        uint64_t end = span->start_unix_nano + duration_of(span);
        drawing->end = end > drawing->end ? end : drawing->end;
        service_index(drawing, span->service);
    }
    size_t width = drawing->terminal->width;
    drawing->name_columns = tote__min(name, width * 2 / 5);
    drawing->service_columns = tote__min(service, width / 6);
    drawing->bar_columns =
        width - drawing->name_columns - drawing->service_columns - DURATION_COLUMNS - 4;
}

static void put_id(FILE *out, const uint8_t *id, size_t size) {
    for (size_t i = 0; i < size; i++) {
        fprintf(out, "%02x", id[i]);
    }
}

/* When the trace began, as much of that as fits: date and time, the time, or nothing. */
static void format_start(char *text, size_t size, uint64_t start_unix_nano, size_t columns) {
    static const char *const formats[] = {"%Y-%m-%d %H:%M:%S", "%H:%M:%S"};
    time_t seconds = (time_t)(start_unix_nano / 1000000000);
    struct tm parts;
    char when[32];

    *text = '\0';
    for (size_t i = 0; i < TOTE_COUNT_OF(formats) && localtime_r(&seconds, &parts); i++) {
        size_t length = strftime(when, sizeof when, formats[i], &parts);
        if (length && length + strlen(".000") <= columns) {
            snprintf(text, size, "%s.%03u", when, (unsigned)(start_unix_nano / 1000000 % 1000));
            return;
        }
    }
}

static void draw_head(const struct drawing *drawing, const struct trace *trace) {
    const char *dot = drawing->terminal->is_utf8 ? " \u00b7 " : ", ";
    char duration[24];
    char figures[128];
    char when[40];

    format_duration(duration, sizeof duration, drawing->end - drawing->start);
    snprintf(figures, sizeof figures, "%s%zu span%s%s%zu service%s%s%s", dot, drawing->count,
             drawing->count == 1 ? "" : "s", dot, drawing->service_count,
             drawing->service_count == 1 ? "" : "s", dot, duration);
    size_t used =
        strlen("trace ") + 2 * sizeof trace->id + terminal_columns(figures) + terminal_columns(dot);
    size_t width = drawing->terminal->width;
    format_start(when, sizeof when, drawing->start, width > used ? width - used : 0);
    paint(drawing, "1");
    fputs("trace ", drawing->out);
    put_id(drawing->out, trace->id, sizeof trace->id);
    paint(drawing, "0");
    fprintf(drawing->out, "%s%s%s\n", figures, *when ? dot : "", when);
}

/* Guides from the left edge to the node; `is_row` for the row with its name. Returns: their columns. */
static size_t draw_guides(const struct drawing *drawing, const struct node *node, bool is_row) {
    const struct node *path[DEEPEST];
    bool is_utf8 = drawing->terminal->is_utf8;
    size_t depth = 0;

    for (const struct node *at = node; at->parent && depth < DEEPEST; at = at->parent) {
        path[depth++] = at;
    }
    size_t shown = tote__min(depth, (drawing->name_columns - LEAST_NAME) / GUIDE_COLUMNS);
    for (size_t i = depth; i-- > depth - shown;) {
        bool is_last = !path[i]->next;
        if (i == 0 && is_row) {
            fputs(is_last ? (is_utf8 ? "\u2514\u2500 " : "`- ")
                          : (is_utf8 ? "\u251c\u2500 " : "|- "),
                  drawing->out);
        } else {
            fputs(is_last ? "   " : (is_utf8 ? "\u2502  " : "|  "), drawing->out);
        }
    }
    return shown * GUIDE_COLUMNS;
}

static void put_block(const struct drawing *drawing, unsigned eighths) {
    static const char *const blocks[] = {"",       "\u258f", "\u258e", "\u258d", "\u258c",
                                         "\u258b", "\u258a", "\u2589", "\u2588"};

    fputs(drawing->terminal->is_utf8 ? blocks[eighths] : "#", drawing->out);
}

/* The bar, in eighths of a column; it takes one eighth at least, and stays in its cell. */
static void draw_bar(const struct drawing *drawing, const struct trace_span *span) {
    double total = (double)(drawing->end - drawing->start);
    double scale = total > 0 ? (double)drawing->bar_columns * 8 / total : 0;
    size_t from = (size_t)((double)(span->start_unix_nano - drawing->start) * scale) / 8;
    size_t eighths = (size_t)((double)duration_of(span) * scale + 0.5);

    if (from >= drawing->bar_columns) {
        from = drawing->bar_columns - 1;
    }
    if (eighths == 0) {
        eighths = 1;
    }
    if (eighths > (drawing->bar_columns - from) * 8) {
        eighths = (drawing->bar_columns - from) * 8;
    }
    put_spaces(drawing->out, from);
    for (size_t left = eighths; left > 0; left -= tote__min(left, 8)) {
        put_block(drawing, (unsigned)tote__min(left, 8));
    }
    put_spaces(drawing->out, drawing->bar_columns - from - (eighths + 7) / 8);
}

/* Notes below a span's row: pieces of text, wrapped at the terminal's width. */
struct notes {
    const struct drawing *drawing;
    const struct node *node;
    const char *colour;
    size_t column; /* 0: no line is open */
};

static void open_line(struct notes *notes) {
    notes->column = draw_guides(notes->drawing, notes->node, false);
    fputs(notes->node->first ? (notes->drawing->terminal->is_utf8 ? "\u2502  " : "|  ") : "   ",
          notes->drawing->out);
    notes->column += GUIDE_COLUMNS;
    paint(notes->drawing, notes->colour);
}

static void close_line(struct notes *notes) {
    if (notes->column) {
        paint(notes->drawing, "0");
        fputc('\n', notes->drawing->out);
        notes->column = 0;
    }
}

/* A piece of a note, cut so that `kept` columns stay for the rest of it. */
static void put_piece(struct notes *notes, const char *text, size_t kept) {
    size_t width = notes->drawing->terminal->width;
    size_t room = width > notes->column + kept ? width - notes->column - kept : 0;
    size_t columns = tote__min(terminal_columns(text), room);

    put_cell(notes->drawing, text, columns);
    notes->column += columns;
}

static void put_note(struct notes *notes, const char *first, const char *second,
                     const char *third) {
    size_t columns = terminal_columns(first) + terminal_columns(second) + terminal_columns(third);
    bool is_first = !notes->column;

    if (!is_first && notes->column + 2 + columns > notes->drawing->terminal->width) {
        close_line(notes);
        is_first = true;
    }
    if (is_first) {
        open_line(notes);
    } else {
        fputs("  ", notes->drawing->out);
        notes->column += 2;
    }
    put_piece(notes, first, terminal_columns(second) + 1);
    put_piece(notes, second, 1);
    put_piece(notes, third, 0);
}

static void draw_notes(const struct drawing *drawing, const struct node *node) {
    const struct trace_span *span = node->span;
    struct notes notes = {drawing, node, "31", 0};
    char offset[24];

    if (span->is_error) {
        put_note(&notes, drawing->terminal->is_utf8 ? "\u2717 " : "! ", "",
                 *span->status_message ? span->status_message : "error");
        close_line(&notes);
    }
    notes.colour = "2";
    for (size_t i = 0; i < span->attribute_count; i++) {
        put_note(&notes, span->attributes[i].key, "=", span->attributes[i].value);
    }
    close_line(&notes);
    for (size_t i = 0; i < span->event_count; i++) {
        uint64_t time = span->events[i].time_unix_nano;
        format_duration(offset, sizeof offset,
                        time > span->start_unix_nano ? time - span->start_unix_nano : 0);
        put_note(&notes, "+", offset, "");
        put_note(&notes, "", "", span->events[i].name);
        close_line(&notes);
    }
}

static void draw_row(struct drawing *drawing, const struct node *node) {
    const struct trace_span *span = node->span;
    size_t colour = service_index(drawing, span->service) % TOTE_COUNT_OF(service_colours);
    size_t used = draw_guides(drawing, node, true);
    char duration[24];

    paint(drawing, span->is_error ? "1;31" : "1");
    put_cell(drawing, span->name, drawing->name_columns - used);
    paint(drawing, "0");
    fputs("  ", drawing->out);
    paint(drawing, service_colours[colour]);
    put_cell(drawing, span->service, drawing->service_columns);
    fputc(' ', drawing->out);
    paint(drawing, span->is_error ? "31" : service_colours[colour]);
    draw_bar(drawing, span);
    paint(drawing, "0");
    format_duration(duration, sizeof duration, duration_of(span));
    fprintf(drawing->out, " %*s\n", DURATION_COLUMNS, duration);
}

/* A subtree, without recursion: down to the first child, on to the next, back up when there is none. */
static void draw_subtree(struct drawing *drawing, struct node *top) {
    struct node *node = top;

    while (node) {
        draw_row(drawing, node);
        draw_notes(drawing, node);
        node->is_drawn = true;
        if (node->first) {
            node = node->first;
            continue;
        }
        while (node != top && !node->next) {
            node = node->parent;
        }
        node = node == top ? NULL : node->next;
    }
}

void waterfall_draw(const struct terminal *terminal, struct trace *trace) {
    struct drawing drawing = {.terminal = terminal, .out = terminal->out};
    bool has_note = false;

    drawing.services =
        tote__arena_allocate(&trace->arena, (trace->span_count + 1) * sizeof(char *));
    if (!drawing.services || !trace->span_count || !make_tree(&drawing, trace)) {
        return;
    }
    lay_out(&drawing);
    draw_head(&drawing, trace);
    for (size_t i = 0; i < drawing.count; i++) {
        if (!drawing.nodes[i].parent && !drawing.nodes[i].span->has_parent) {
            draw_subtree(&drawing, &drawing.nodes[i]);
        }
    }
    for (size_t i = 0; i < drawing.count; i++) {
        if (!drawing.nodes[i].parent && !drawing.nodes[i].is_drawn) {
            if (!has_note) {
                paint(&drawing, "2");
                fputs("under a parent that was not seen:\n", drawing.out);
                paint(&drawing, "0");
                has_note = true;
            }
            draw_subtree(&drawing, &drawing.nodes[i]);
        }
    }
    fflush(drawing.out);
}
