/* SPDX-License-Identifier: MIT */
/*
 * ui.h - the interactive display: state and layout, independent of a terminal
 *
 * A key changes the state; ui_draw() fills a surface from it. Both need the lock of the model.
 *
 * Threads: not thread-safe.
 */
#ifndef TOTE_CLI_UI_H
#define TOTE_CLI_UI_H

#include "analysis.h"
#include "cells.h"
#include "details.h"
#include "model.h"
#include "query.h"
#include "tree.h"

/* Keys without a code point. Other keys are code points. */
enum {
    KEY_OF_UP = 0x110000,
    KEY_OF_DOWN,
    KEY_OF_LEFT,
    KEY_OF_RIGHT,
    KEY_OF_PAGE_UP,
    KEY_OF_PAGE_DOWN,
    KEY_OF_HOME,
    KEY_OF_END,
    KEY_OF_ENTER,
    KEY_OF_TAB,
    KEY_OF_BACKSPACE,
    KEY_OF_DELETE,
    KEY_OF_ESCAPE
};

#define NO_ROW UINT32_MAX

enum { PROMPT_BYTES = 512, MESSAGE_BYTES = 320, MOST_BACK = 32 };

/* The screens; a bit each, for the table of keys. */
enum ui_screen {
    SCREEN_LIST = 1,
    SCREEN_TRACE = 2,
    SCREEN_DETAILS = 4, /* the details of a span have the focus */
    SCREEN_MAP = 8,
    SCREEN_HELP = 16
};

struct ui;

/* Use a text without problems. */
typedef void prompt_done(struct ui *ui, const char *text);

/* A line of text that is edited: the filter of the list, or the search in a trace. */
struct prompt {
    bool is_open;
    const char *label;
    prompt_done *done;
    char text[PROMPT_BYTES];
    size_t length;
    size_t cursor; /* in bytes */
    struct query_problem problem;
    bool has_problem;
};

/* What a list of rows shows. */
struct scroll {
    size_t selected;
    size_t top;
};

enum list_column {
    COLUMN_AGE,
    COLUMN_ROOT,
    COLUMN_SERVICES,
    COLUMN_SPANS,
    COLUMN_ERRORS,
    COLUMN_DURATION,
    LIST_COLUMNS
};

/* A trace that was compared with the filter. */
struct list_entry {
    uint8_t id[16];
    uint64_t version; /* of the trace, at that time */
    bool is_shown;
};

/* The list of traces. It contains ids, because traces may be evicted. */
struct overview {
    struct list_entry *entries; /* all, by their id */
    size_t entry_count;
    uint8_t (*ids)[16]; /* that are shown, in their order */
    size_t count;
    size_t id_capacity;
    uint64_t version; /* of the model */
    bool is_stale;    /* the filter or the order has changed */
    struct scroll scroll;
    uint8_t selected[16];
    bool has_selection;
    enum list_column column;
    bool is_reversed;
    bool is_following;
    bool is_paused;
    char filter[PROMPT_BYTES];
    struct query *query;
};

/* The state of a row of the waterfall. Rows are numbered like the nodes of the tree. */
struct span_row {
    uint32_t errors; /* of its subtree */
    uint32_t part;   /* the first of its parts of the critical path; NO_ROW: none */
    uint32_t match;  /* its number among the spans that match the search; 0: it does not */
    bool is_folded;
};

/* A part of the critical path, since the start of the trace. */
struct row_part {
    uint32_t row;
    uint64_t from;
    uint64_t to;
};

/* A line of the details of a span. */
struct detail_line {
    const char *label; /* NULL: a heading, or the rest of a long value */
    const char *text;
    size_t length; /* of the text, in bytes */
    uint16_t style;
    uint8_t indent;
    const char *value;             /* complete; NULL: none */
    const struct trace_link *link; /* NULL: none */
};

struct details_view {
    struct tote__arena arena;
    const struct trace_span *span; /* NULL: none was read */
    uint64_t version;
    size_t width;
    struct span_details details;
    struct detail_line *lines;
    size_t count;
    size_t capacity;
    struct scroll scroll;
    bool is_shown;
    bool is_sorted;
    bool is_stale;
    bool is_utf8;
};

/* One trace: its waterfall and the details of a span. The trace is pinned. */
struct trace_view {
    struct trace *trace; /* NULL: none */
    uint64_t version;    /* of the trace, when the rows were made */
    struct tote__arena arena;
    struct tree tree;
    struct span_row *rows;
    size_t count;
    struct row_part *parts; /* by row and time */
    size_t part_count;
    uint64_t start;
    uint64_t end;
    size_t orphans;
    bool has_kinds;
    struct scroll scroll; /* of rows */
    uint64_t from;        /* the part of the time that is shown, since the start */
    uint64_t to;
    bool is_zoomed;
    bool has_critical;
    char search[PROMPT_BYTES];
    struct query *query;
    size_t match_count;
    struct details_view details;
};

/* A row of the service map: a service, or one of its calls. */
struct map_line {
    const struct map_service *service;
    const struct map_edge *edge; /* NULL: the service itself */
};

struct map_view {
    struct tote__arena arena;
    struct service_map map;
    uint64_t version; /* of the model */
    struct scroll scroll;
    struct map_line *lines;
    size_t count;
};

/* Where to return to. */
struct position {
    uint8_t trace_id[16];
    uint8_t span_id[8];
};

struct ui {
    struct model *model;
    const char *source; /* what is received or read, for the first row */
    struct surface surface;
    bool is_done;
    bool is_redrawn; /* the terminal may show something else */
    bool is_loading; /* files are being read */
    enum ui_screen screen;
    enum ui_screen before_help;
    struct scroll help;
    struct overview list;
    struct trace_view trace;
    struct map_view map;
    struct prompt prompt;
    char message[MESSAGE_BYTES];
    bool is_message_bad;
    uint64_t now_ms; /* CLOCK_MONOTONIC */
    struct position back[MOST_BACK];
    size_t back_count;
    uint64_t services[256]; /* hashes of names, by the order in which they were seen */
    size_t service_count;
    const char *copied; /* text for the clipboard; NULL: none */
};

void ui_begin(struct ui *ui, struct model *model, const char *source);
void ui_end(struct ui *ui);

/* Handle a key or a character, and draw. */
void ui_key(struct ui *ui, int key);

/* Handle a click on a cell, or the wheel: `rows` down. */
void ui_click(struct ui *ui, size_t row, size_t column);
void ui_wheel(struct ui *ui, int rows);

/* Whether the model has changes that are not shown. */
bool ui_is_behind(const struct ui *ui);

/* Return after how many ms the ages in the list change; -1: there are none. */
int ui_tick_ms(const struct ui *ui);

/* Take changes of the model over. It takes time in proportion to the number of spans. */
void ui_refresh(struct ui *ui);

/* Fill the surface. It takes time in proportion to its size. */
void ui_draw(struct ui *ui);

/* Show a message in the last row until the next key. */
void ui_message(struct ui *ui, bool is_bad, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
