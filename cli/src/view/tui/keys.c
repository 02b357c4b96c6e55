/* SPDX-License-Identifier: MIT */
/*
 * keys.c - the table of keys
 *
 * Tests: tests/unit/test_tui.c
 */
#include "keys.h"

#include "parts.h"

#define CONTROL(letter) ((letter) - 'A' + 1)

enum {
    ROWS = SCREEN_LIST | SCREEN_TRACE | SCREEN_DETAILS | SCREEN_MAP | SCREEN_HELP,
    SPANS = SCREEN_TRACE | SCREEN_DETAILS,
    VIEWS = SCREEN_LIST | SCREEN_TRACE | SCREEN_DETAILS | SCREEN_MAP
};

static const struct key_binding everywhere[] = {
    {ROWS, {KEY_OF_UP, 'k'}, 0, "Up k", ui_move, MOVE_UP, "previous row"},
    {ROWS, {KEY_OF_DOWN, 'j'}, 0, "Down j", ui_move, MOVE_DOWN, "next row"},
    {ROWS,
     {KEY_OF_PAGE_UP, CONTROL('B')},
     0,
     "PgUp Ctrl+B",
     ui_move,
     MOVE_PAGE_UP,
     "previous page"},
    {ROWS,
     {KEY_OF_PAGE_DOWN, CONTROL('F')},
     0,
     "PgDn Ctrl+F",
     ui_move,
     MOVE_PAGE_DOWN,
     "next page"},
    {ROWS, {KEY_OF_HOME, 'g'}, 0, "Home g", ui_move, MOVE_FIRST, "first row"},
    {ROWS, {KEY_OF_END, 'G'}, 0, "End G", ui_move, MOVE_LAST, "last row"},
    {ROWS, {'?'}, 0, "?", ui_help, 0, "this help"},
    {ROWS, {'q'}, 0, "q", ui_leave, 0, "back; in the list: quit"},
    {ROWS, {KEY_OF_ESCAPE}, 0, "Esc", ui_escape, 0, "clear the filter or the search; back"},
    {ROWS, {CONTROL('L')}, 0, "Ctrl+L", ui_redraw, 0, "draw the screen again"},
};

static const struct key_binding in_list[] = {
    {SCREEN_LIST, {KEY_OF_ENTER}, 0, "Enter", overview_open, 0, "show the trace"},
    {SCREEN_LIST, {'/'}, 0, "/", overview_edit_filter, 0, "filter: show the traces that match"},
    {SCREEN_LIST, {'s'}, 0, "s", overview_sort_next, 1, "sort by the next column"},
    {SCREEN_LIST, {'S'}, 0, "S", overview_sort_next, -1, "sort by the previous column"},
    {SCREEN_LIST, {'1'}, '6', "1 to 6", overview_sort_by, 0, "sort by this column"},
    {SCREEN_LIST, {'r'}, 0, "r", overview_reverse, 0, "reverse the order"},
    {SCREEN_LIST, {'e'}, 0, "e", overview_next_error, 1, "next trace with an error"},
    {SCREEN_LIST, {'E'}, 0, "E", overview_next_error, -1, "previous trace with an error"},
    {SCREEN_LIST, {'f'}, 0, "f", overview_follow, 0, "follow the newest trace"},
    {SCREEN_LIST, {'p'}, 0, "p", overview_pause, 0, "pause: keep the list as it is"},
    {SCREEN_LIST, {'X'}, 0, "X", overview_clear, 0, "remove all traces"},
    {VIEWS, {'m'}, 0, "m", map_show, 0, "service map"},
};

static const struct key_binding in_trace[] = {
    {SCREEN_TRACE, {KEY_OF_LEFT, 'h'}, 0, "Left h", trace_fold, 0, "fold, or go to the parent"},
    {SCREEN_TRACE,
     {KEY_OF_RIGHT, 'l'},
     0,
     "Right l",
     trace_unfold,
     0,
     "unfold, or go to the first child"},
    {SCREEN_TRACE, {' '}, 0, "Space", trace_toggle_fold, 0, "fold or unfold"},
    {SPANS, {'1'}, '9', "1 to 9", trace_show_levels, 0, "show this many levels"},
    {SPANS, {'-'}, 0, "-", trace_fold_level, -1, "fold the level of the span"},
    {SPANS, {'+', '='}, 0, "+ =", trace_fold_level, 1, "unfold the level of the span"},
    {SPANS, {'_'}, 0, "_", trace_fold_all, 1, "fold all"},
    {SPANS, {'*'}, 0, "*", trace_fold_all, 0, "unfold all"},
    {SPANS, {'i'}, 0, "i", trace_zoom, 1, "zoom in at the span"},
    {SPANS, {'o'}, 0, "o", trace_zoom, -1, "zoom out"},
    {SPANS, {'<', ','}, 0, "< ,", trace_pan, -1, "show earlier times"},
    {SPANS, {'>', '.'}, 0, "> .", trace_pan, 1, "show later times"},
    {SPANS, {'z'}, 0, "z", trace_zoom_fit, 0, "zoom to the span"},
    {SPANS, {'Z', '0'}, 0, "Z 0", trace_zoom_reset, 0, "show all times"},
    {SPANS, {'/'}, 0, "/", trace_edit_search, 0, "search spans"},
    {SPANS, {'n'}, 0, "n", trace_next_match, 1, "next span that matches"},
    {SPANS, {'N'}, 0, "N", trace_next_match, -1, "previous span that matches"},
    {SPANS, {'e'}, 0, "e", trace_next_error, 1, "next span with an error"},
    {SPANS, {'E'}, 0, "E", trace_next_error, -1, "previous span with an error"},
    {SPANS, {'c'}, 0, "c", trace_toggle_critical, 0, "critical path on or off"},
    {SPANS, {'b', KEY_OF_BACKSPACE}, 0, "b Backspace", ui_back, 0, "back to before a link"},
};

static const struct key_binding in_details[] = {
    {SCREEN_TRACE,
     {KEY_OF_ENTER, 'd'},
     0,
     "Enter d",
     details_show,
     0,
     "show or hide the details of the span"},
    {SPANS, {KEY_OF_TAB}, 0, "Tab", details_focus, 0, "go to the details, and back"},
    {SPANS, {'a'}, 0, "a", details_sort, 0, "sort the attributes, or not"},
    {SCREEN_DETAILS, {KEY_OF_ENTER}, 0, "Enter", details_follow, 0, "go to the linked span"},
    {SCREEN_DETAILS, {KEY_OF_LEFT, 'h'}, 0, "Left h", details_focus, 0, "back to the spans"},
    {SCREEN_DETAILS, {'d'}, 0, "d", details_show, 0, "hide the details"},
    {SCREEN_DETAILS, {'y'}, 0, "y", details_copy, 0, "copy the value to the clipboard (OSC 52)"},
};

static const struct key_binding in_map[] = {
    {SCREEN_MAP, {KEY_OF_ENTER}, 0, "Enter", map_open, 0, "list the traces of the service"},
};

const struct key_group key_groups[] = {
    {"Everywhere", everywhere, TOTE_COUNT_OF(everywhere)},
    {"List of traces", in_list, TOTE_COUNT_OF(in_list)},
    {"Trace", in_trace, TOTE_COUNT_OF(in_trace)},
    {"Details of a span", in_details, TOTE_COUNT_OF(in_details)},
    {"Service map", in_map, TOTE_COUNT_OF(in_map)},
};
const size_t key_group_count = TOTE_COUNT_OF(key_groups);

static bool has_key(const struct key_binding *binding, int key) {
    if (binding->last) {
        return key >= binding->keys[0] && key <= binding->last;
    }
    for (size_t i = 0; i < MOST_KEYS && binding->keys[i]; i++) {
        if (binding->keys[i] == key) {
            return true;
        }
    }
    return false;
}

const struct key_binding *key_find(enum ui_screen screen, int key) {
    for (size_t i = 0; i < key_group_count; i++) {
        for (size_t j = 0; j < key_groups[i].count; j++) {
            const struct key_binding *binding = &key_groups[i].bindings[j];
            if (binding->screens & screen && has_key(binding, key)) {
                return binding;
            }
        }
    }
    return NULL;
}
