/* SPDX-License-Identifier: MIT */
/*
 * waterfall.c - drawing a trace
 *
 * Each span has a row: its place in the tree, its kind, its service, a bar on the time scale of the
 * trace, and its duration. Its attributes, events and links are below, dimmed. A parent is above
 * its children, which are ordered by their start.
 *
 * Spans are read while the lock of the model is held. So the drawing goes to memory first, and is
 * written without the lock, a part at a time.
 */
#include "waterfall.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "details.h"
#include "format.h"
#include "tree.h"

enum {
    DURATION_COLUMNS = 9,
    DEEPEST = 64,
    GUIDE_COLUMNS = 3,
    KIND_COLUMNS = 2,
    LEAST_NAME = 8,
    NOTE_LINES = 6,
    PORTION = 1 << 16 /* of the drawing, in memory */
};

struct service {
    const char *name;
    const char *shown; /* a part of it, without what it shares with others, if it is too long */
};

struct drawing {
    struct model *model;
    struct trace *trace;
    FILE *to; /* the output; the terminal's is in memory */
    struct terminal on_terminal;
    const struct terminal *terminal; /* that one */
    FILE *out;                       /* its output */
    char *text;                      /* of `out` */
    size_t text_size;
    struct tote__arena arena;
    struct tote__arena details_arena; /* of the current span */
    struct tree tree;
    uint64_t start;
    uint64_t end;
    size_t name_columns;
    size_t most_guides;  /* before a name */
    size_t kind_columns; /* 0: all spans are internal */
    size_t service_columns;
    size_t bar_columns;
    const struct service *services; /* unique, sorted; the index selects the colour */
    size_t service_count;
    const struct tree_node *path[DEEPEST]; /* from the top to the current row */
};

static int compare_services(const void *a, const void *b) {
    const char *x = ((const struct service *)a)->name;
    const char *y = ((const struct service *)b)->name;

    return x == y ? 0 : strcmp(x, y); /* equal names are usually the same text */
}

/* Return the maximum number of columns for the name of a service. */
static size_t most_service_columns(const struct drawing *drawing) {
    return drawing->terminal->width / 6;
}

/* Return the length of the common prefix of two names. */
static size_t shared_length(const char *a, const char *b) {
    size_t length = 0;

    while (a[length] && a[length] == b[length]) {
        length++;
    }
    return length;
}

/*
 * Return how much can be left out at the beginning of a name: what it shares with a neighbour among
 * the sorted names, and the prefix that SDKs put before the program's name for unnamed services.
 */
static size_t needless_length(const struct service *service, bool has_previous, bool has_next) {
    static const char unknown[] = "unknown_service:";
    size_t length = shared_length(service->name, unknown);
    size_t most = length == sizeof unknown - 1 ? length : 0;

    if (has_previous) {
        length = shared_length(service->name, service[-1].name);
        most = length > most ? length : most;
    }
    if (has_next) {
        length = shared_length(service->name, service[1].name);
        most = length > most ? length : most;
    }
    return most;
}

/*
 * If names do not fit into their column, show the part in which they differ. An ellipsis replaces
 * what is left out. No more is left out than necessary.
 */
static void shorten_services(const struct drawing *drawing, struct service *services) {
    size_t columns = most_service_columns(drawing);

    for (size_t i = 0; i < drawing->service_count; i++) {
        size_t needless = needless_length(&services[i], i > 0, i + 1 < drawing->service_count);
        const char *at = services[i].name;
        const char *most = at + needless;
        while (at < most && terminal_columns(at) + (at > services[i].name) > columns) {
            at = terminal_after_code_point(at);
        }
        services[i].shown = at < most ? at : most;
    }
}

/* Collect the services. Returns false if out of memory. */
static bool list_services(struct drawing *drawing) {
    size_t count = drawing->tree.count;
    struct service *services = tote__arena_allocate(&drawing->arena, count * sizeof *services);
    size_t last = 0;

    if (!services) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        services[i].name = services[i].shown = drawing->tree.nodes[i].span->service;
    }
    qsort(services, count, sizeof *services, compare_services);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(services[i].name, services[last].name) != 0) {
            services[++last] = services[i];
        }
    }
    drawing->services = services;
    drawing->service_count = last + 1;
    shorten_services(drawing, services);
    return true;
}

static const struct service *service_of(const struct drawing *drawing,
                                        const struct trace_span *span) {
    const struct service wanted = {span->service, NULL};

    return bsearch(&wanted, drawing->services, drawing->service_count, sizeof wanted,
                   compare_services);
}

static const char *colour_of(const struct drawing *drawing, const struct service *service) {
    static const char *const colours[] = {"36", "33", "35", "32", "34", "96", "93", "95"};

    return colours[(size_t)(service - drawing->services) % TOTE_COUNT_OF(colours)];
}

/*
 * Return how many guides fit before a name. If a node is deeper, its depth is printed in between
 * and needs columns, too.
 */
static size_t most_guides(size_t name_columns, size_t deepest) {
    size_t most = tote__min((name_columns - LEAST_NAME) / GUIDE_COLUMNS, DEEPEST);
    size_t depth_columns = 2; /* an ellipsis and a space */

    if (deepest <= most) {
        return most;
    }
    for (size_t depth = deepest; depth; depth /= 10) {
        depth_columns++;
    }
    size_t needed = (depth_columns + GUIDE_COLUMNS - 1) / GUIDE_COLUMNS;
    return most > needed ? most - needed : 0;
}

/* Compute the width of each column from its content. */
static void lay_out(struct drawing *drawing) {
    size_t name = 12;
    size_t service = 4;
    size_t deepest = 0;

    drawing->start = UINT64_MAX;
    for (size_t i = 0; i < drawing->tree.count; i++) {
        const struct trace_span *span = drawing->tree.nodes[i].span;
        size_t columns = terminal_columns(span->name);
        columns = (columns > LEAST_NAME ? columns : LEAST_NAME) +
                  GUIDE_COLUMNS * tote__min(drawing->tree.nodes[i].depth, DEEPEST);
        name = columns > name ? columns : name;
        deepest = drawing->tree.nodes[i].depth > deepest ? drawing->tree.nodes[i].depth : deepest;
        columns = terminal_columns(span->service);
        service = columns > service ? columns : service;
        drawing->start =
            span->start_unix_nano < drawing->start ? span->start_unix_nano : drawing->start;
        /* If a clock was set back, a span may start after all others have ended. */
        drawing->end = span->end_unix_nano > drawing->end ? span->end_unix_nano : drawing->end;
        if (span->kind != TOTE_SPAN_KIND_INTERNAL) {
            drawing->kind_columns = KIND_COLUMNS;
        }
    }
    size_t width = drawing->terminal->width;
    drawing->name_columns = tote__min(name, width * 2 / 5);
    drawing->most_guides = most_guides(drawing->name_columns, deepest);
    drawing->service_columns = tote__min(service, most_service_columns(drawing));
    drawing->bar_columns = width - drawing->name_columns - drawing->kind_columns -
                           drawing->service_columns - DURATION_COLUMNS - 4;
}

/* Format the start of the trace as far as it fits: date and time, the time, or nothing. */
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

static void draw_head(const struct drawing *drawing) {
    const struct trace *trace = drawing->trace;
    const char *dot = drawing->terminal->is_utf8 ? " \u00b7 " : ", ";
    size_t late = drawing->tree.count - tote__min(trace->drawn_count, drawing->tree.count);
    char duration[24];
    char again[64] = "";
    char figures[192];
    char when[40];
    char id[FORMAT_ID_BYTES];

    format_duration(duration, sizeof duration, drawing->end - drawing->start,
                    drawing->terminal->is_utf8);
    if (trace->drawn_count && late) {
        snprintf(again, sizeof again, "%sagain, %zu more", dot, late);
    } else if (trace->drawn_count) {
        snprintf(again, sizeof again, "%sagain", dot);
    }
    snprintf(figures, sizeof figures, "%s%s%zu span%s%s%zu service%s%s%s", again, dot,
             drawing->tree.count, drawing->tree.count == 1 ? "" : "s", dot, drawing->service_count,
             drawing->service_count == 1 ? "" : "s", dot, duration);
    size_t used =
        strlen("trace ") + 2 * sizeof trace->id + terminal_columns(figures) + terminal_columns(dot);
    size_t width = drawing->terminal->width;
    format_start(when, sizeof when, drawing->start, width > used ? width - used : 0);
    terminal_paint(drawing->terminal, "1");
    fprintf(drawing->out, "trace %s", format_id(id, trace->id, sizeof trace->id));
    terminal_paint(drawing->terminal, "0");
    fprintf(drawing->out, "%s%s%s\n", figures, *when ? dot : "", when);
}

/* Draw one guide of a row: the node's own, which leads to its name, or one that continues below. */
static void put_guide(const struct drawing *drawing, const struct tree_node *of, bool is_own) {
    static const char *const guides[2][2][2] = {
        {{"|  ", "   "}, {"|- ", "`- "}},
        {{"\u2502  ", "   "}, {"\u251c\u2500 ", "\u2514\u2500 "}},
    };

    fputs(guides[drawing->terminal->is_utf8][is_own][!of->next], drawing->out);
}

static size_t shown_guides(const struct drawing *drawing, const struct tree_node *node) {
    return tote__min(node->depth, drawing->most_guides);
}

/*
 * Draw the guides from the left edge to the node; `is_row`: in the row of its name. If it is too
 * deep, draw the outermost ones and its own. Returns their columns.
 */
static size_t draw_guides(const struct drawing *drawing, const struct tree_node *node,
                          bool is_row) {
    size_t shown = shown_guides(drawing, node);

    for (size_t level = 1; level < shown; level++) {
        put_guide(drawing, drawing->path[level], false);
    }
    if (shown) {
        put_guide(drawing, node, is_row);
    }
    return shown * GUIDE_COLUMNS;
}

/* Print the depth of a node that is too deep to be indented. Returns the columns. */
static size_t put_depth(const struct drawing *drawing, const struct tree_node *node) {
    char depth[24];

    if (node->depth == shown_guides(drawing, node)) {
        return 0;
    }
    int length = snprintf(depth, sizeof depth, "%zu ", node->depth);
    terminal_put_ellipsis(drawing->terminal);
    fputs(depth, drawing->out);
    return 1 + (size_t)length;
}

/* Draw the bar in eighths of a column: at least one, and never outside its cell. */
static void draw_bar(const struct drawing *drawing, const struct trace_span *span) {
    uint64_t total = drawing->end - drawing->start;
    size_t columns = drawing->bar_columns;
    size_t from = format_position(span->start_unix_nano - drawing->start, total, columns);
    size_t eighths = (format_position(span_duration(span), total, columns * 16) + 1) / 2;

    if (from >= drawing->bar_columns) {
        from = drawing->bar_columns - 1;
    }
    if (eighths == 0) {
        eighths = 1;
    }
    if (eighths > (drawing->bar_columns - from) * 8) {
        eighths = (drawing->bar_columns - from) * 8;
    }
    terminal_put_spaces(drawing->terminal, from);
    for (size_t left = eighths; left > 0; left -= tote__min(left, 8)) {
        fputs(format_block((unsigned)tote__min(left, 8), drawing->terminal->is_utf8), drawing->out);
    }
    terminal_put_spaces(drawing->terminal, drawing->bar_columns - from - (eighths + 7) / 8);
}

/* Notes below a span's row: texts, wrapped at the terminal's width. */
struct notes {
    const struct drawing *drawing;
    const struct tree_node *node;
    const char *colour;
    size_t indent;
    size_t column; /* 0: no line is open */
    size_t left;   /* columns that the current note may still use */
};

static void open_line(struct notes *notes) {
    notes->indent = draw_guides(notes->drawing, notes->node, false) + GUIDE_COLUMNS;
    fputs(notes->node->first ? (notes->drawing->terminal->is_utf8 ? "\u2502  " : "|  ") : "   ",
          notes->drawing->out);
    notes->column = notes->indent;
    terminal_paint(notes->drawing->terminal, notes->colour);
}

static void close_line(struct notes *notes) {
    if (notes->column) {
        terminal_paint(notes->drawing->terminal, "0");
        fputc('\n', notes->drawing->out);
        notes->column = 0;
    }
}

/* Print a part of a note, wrapped, up to the limit of lines. */
static void put_part(struct notes *notes, const char *text) {
    while (*text && notes->left > 0) {
        size_t columns = terminal_next_columns(text);
        if (notes->column + columns > notes->drawing->terminal->width) {
            close_line(notes);
            open_line(notes);
        }
        if (notes->left <= columns && terminal_columns(text) > notes->left) {
            terminal_put_ellipsis(notes->drawing->terminal);
            notes->column++;
            notes->left = 0;
        } else {
            text = terminal_put_code_point(notes->drawing->terminal, text);
            notes->column += columns;
            notes->left -= columns;
        }
    }
}

static void put_note(struct notes *notes, const char *first, const char *second,
                     const char *third) {
    size_t columns = terminal_columns(first) + terminal_columns(second) + terminal_columns(third);
    size_t width = notes->drawing->terminal->width;

    if (notes->column && notes->column + 2 + columns > width) {
        close_line(notes);
    }
    if (notes->column) {
        fputs("  ", notes->drawing->out);
        notes->column += 2;
    } else {
        open_line(notes);
    }
    notes->left = (width - notes->indent) * NOTE_LINES;
    put_part(notes, first);
    put_part(notes, second);
    put_part(notes, third);
}

static void put_attributes(struct notes *notes, const struct trace_attributes *attributes) {
    for (size_t i = 0; i < attributes->count; i++) {
        put_note(notes, attributes->items[i].key, "=", attributes->items[i].value);
    }
    close_line(notes);
}

/* "dropped 3 attributes  1 event" */
static void put_dropped(struct notes *notes, uint32_t attributes, uint32_t events, uint32_t links) {
    const struct {
        const char *noun;
        uint32_t count;
    } kinds[] = {{"attribute", attributes}, {"event", events}, {"link", links}};
    const char *before = "dropped ";

    for (size_t i = 0; i < TOTE_COUNT_OF(kinds); i++) {
        char text[32];
        if (kinds[i].count) {
            snprintf(text, sizeof text, "%u %s%s", kinds[i].count, kinds[i].noun,
                     kinds[i].count == 1 ? "" : "s");
            put_note(notes, before, text, "");
            before = "";
        }
    }
}

static void put_event(struct notes *notes, const struct trace_event *event, uint64_t start) {
    bool is_before = event->time_unix_nano < start;
    char offset[32];
    char mark[sizeof offset + 3];

    format_duration(offset, sizeof offset,
                    is_before ? start - event->time_unix_nano : event->time_unix_nano - start,
                    notes->drawing->terminal->is_utf8);
    snprintf(mark, sizeof mark, "%s%s  ", is_before ? "-" : "+", offset);
    put_note(notes, mark, event->name, "");
    put_dropped(notes, event->attributes.dropped_count, 0, 0);
    put_attributes(notes, &event->attributes);
}

/* "link to span 0102030405060708", with the trace if it is another one */
static void put_link(struct notes *notes, const struct trace_link *link) {
    char span_id[FORMAT_ID_BYTES];
    char trace_id[FORMAT_ID_BYTES];
    char of_trace[sizeof trace_id + 16] = "";

    if (memcmp(link->trace_id, notes->drawing->trace->id, sizeof link->trace_id) != 0) {
        snprintf(of_trace, sizeof of_trace, " of trace %s",
                 format_id(trace_id, link->trace_id, sizeof link->trace_id));
    }
    put_note(notes, "link to span ", format_id(span_id, link->span_id, sizeof link->span_id),
             of_trace);
    put_dropped(notes, link->attributes.dropped_count, 0, 0);
    put_attributes(notes, &link->attributes);
}

/* Print the message of an error, or else its type. */
static void put_error(struct notes *notes, const struct span_details *details) {
    const char *mark = notes->drawing->terminal->is_utf8 ? "\u2717 " : "! ";
    const char *type = trace_attribute_find(&details->attributes, "error.type");
    bool has_message = *details->status_message;

    if (type && !has_message) {
        put_note(notes, mark, "error ", type);
    } else {
        put_note(notes, mark, "", has_message ? details->status_message : "error");
    }
    close_line(notes);
}

static void draw_notes(struct drawing *drawing, const struct tree_node *node) {
    const struct trace_span *span = node->span;
    struct notes notes = {.drawing = drawing, .node = node, .colour = "31"};
    struct span_details details;

    span_details_read(span, &drawing->details_arena, &details); /* what fits into memory */
    if (span->is_error) {
        put_error(&notes, &details);
    }
    notes.colour = "2";
    if (span->is_open) {
        put_note(&notes, "unfinished", "", "");
        close_line(&notes);
    }
    put_attributes(&notes, &details.attributes);
    for (size_t i = 0; i < details.event_count; i++) {
        put_event(&notes, &details.events[i], span->start_unix_nano);
    }
    for (size_t i = 0; i < details.link_count; i++) {
        put_link(&notes, &details.links[i]);
    }
    put_dropped(&notes, details.attributes.dropped_count, details.dropped_event_count,
                details.dropped_link_count);
    close_line(&notes);
    tote__arena_clear(&drawing->details_arena);
}

/* Print an arrow: in for servers and consumers, out for clients and producers. */
static void put_kind(const struct drawing *drawing, tote_span_kind kind) {
    if (drawing->kind_columns) {
        fprintf(drawing->out, "%s ", format_kind(kind, drawing->terminal->is_utf8));
    }
}

static void put_service(const struct drawing *drawing, const struct service *service) {
    bool is_shortened = service->shown != service->name;

    if (is_shortened) {
        terminal_put_ellipsis(drawing->terminal);
    }
    terminal_put_cell(drawing->terminal, service->shown, drawing->service_columns - is_shortened);
}

static void draw_row(const struct drawing *drawing, const struct tree_node *node) {
    const struct trace_span *span = node->span;
    const struct service *service = service_of(drawing, span);
    const char *colour = colour_of(drawing, service);
    size_t used = draw_guides(drawing, node, true);
    char duration[24];

    used += put_depth(drawing, node);
    terminal_paint(drawing->terminal, span->is_error ? "1;31" : "1");
    terminal_put_cell(drawing->terminal, span->name, drawing->name_columns - used);
    terminal_paint(drawing->terminal, "0");
    fputs("  ", drawing->out);
    terminal_paint(drawing->terminal, colour);
    put_kind(drawing, span->kind);
    put_service(drawing, service);
    fputc(' ', drawing->out);
    terminal_paint(drawing->terminal, span->is_error ? "31" : colour);
    draw_bar(drawing, span);
    terminal_paint(drawing->terminal, "0");
    format_duration(duration, sizeof duration, span_duration(span), drawing->terminal->is_utf8);
    terminal_put_spaces(drawing->terminal, 1 + DURATION_COLUMNS - terminal_columns(duration));
    fprintf(drawing->out, "%s\n", duration);
}

/* Write what is drawn so far, without the lock. */
static void write_portion(struct drawing *drawing) {
    fflush(drawing->out);
    model_unlock(drawing->model);
    fwrite(drawing->text, 1, (size_t)ftello(drawing->out), drawing->to);
    model_lock(drawing->model);
    rewind(drawing->out);
}

static void draw_node(struct drawing *drawing, struct tree_node *node) {
    if (node->depth < DEEPEST) {
        drawing->path[node->depth] = node;
    }
    draw_row(drawing, node);
    draw_notes(drawing, node);
    if (ftello(drawing->out) >= PORTION) {
        write_portion(drawing);
    }
}

static void draw_tree(struct drawing *drawing) {
    bool has_orphans = false;

    for (size_t i = 0; i < drawing->tree.count && !ferror(drawing->to); i++) {
        struct tree_node *node = &drawing->tree.nodes[i];
        if (!node->parent && node->span->has_parent && !has_orphans) {
            has_orphans = true;
            terminal_paint(drawing->terminal, "2");
            fputs("spans whose parent was not received:\n", drawing->out);
            terminal_paint(drawing->terminal, "0");
        }
        draw_node(drawing, node);
    }
}

void waterfall_draw(const struct terminal *terminal, struct model *model, struct trace *trace) {
    struct drawing drawing = {
        .model = model, .trace = trace, .to = terminal->out, .on_terminal = *terminal};

    drawing.out = open_memstream(&drawing.text, &drawing.text_size);
    if (!drawing.out) {
        return;
    }
    drawing.on_terminal.out = drawing.out;
    drawing.terminal = &drawing.on_terminal;
    model_lock(model);
    drawing.tree = tree_make(trace, &drawing.arena);
    if (drawing.tree.count && list_services(&drawing)) {
        lay_out(&drawing);
        draw_head(&drawing);
        trace->drawn_count = drawing.tree.count;
        trace->drawn_version = trace->version;
        draw_tree(&drawing);
        write_portion(&drawing);
    }
    model_unlock(model);
    fclose(drawing.out);
    free(drawing.text);
    tote__arena_clear(&drawing.arena);
}
