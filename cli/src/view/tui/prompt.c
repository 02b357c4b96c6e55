/* SPDX-License-Identifier: MIT */
/*
 * prompt.c - the line in which a query is edited
 *
 * Tests: tests/unit/test_tui.c
 */
#include "parts.h"

#include <string.h>

#include "terminal.h"
#include "tote/internal/text.h"

enum { CONTROL_A = 1, CONTROL_E = 5, CONTROL_K = 11, CONTROL_U = 21, CONTROL_W = 23 };

struct query *prompt_query(const char *text) {
    struct query_problem problem;
    struct query *query = query_parse(text, &problem);

    if (query && query_is_empty(query)) {
        query_free(query);
        query = NULL;
    }
    return query;
}

static void check(struct prompt *prompt) {
    struct query *query = query_parse(prompt->text, &prompt->problem);

    prompt->has_problem = !query;
    query_free(query);
}

void prompt_open(struct ui *ui, const char *label, prompt_done *done, const char *text) {
    struct prompt *prompt = &ui->prompt;

    *prompt = (struct prompt){.is_open = true, .label = label, .done = done};
    prompt->length = prompt->cursor = tote__utf8_cut(text, strlen(text), PROMPT_BYTES - 1);
    memcpy(prompt->text, text, prompt->length);
    check(prompt);
}

/* Return where the code point before the cursor begins. */
static size_t before(const struct prompt *prompt, size_t at) {
    while (at > 0 && ((unsigned char)prompt->text[--at] & 0xC0) == 0x80) {
    }
    return at;
}

static size_t after(const struct prompt *prompt, size_t at) {
    return at < prompt->length
               ? (size_t)(terminal_after_code_point(prompt->text + at) - prompt->text)
               : at;
}

/* Return where the word before the cursor begins. */
static size_t word_before(const struct prompt *prompt) {
    size_t at = prompt->cursor;

    while (at > 0 && prompt->text[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && prompt->text[at - 1] != ' ') {
        at--;
    }
    return at;
}

static void erase(struct prompt *prompt, size_t from, size_t to) {
    memmove(prompt->text + from, prompt->text + to, prompt->length - to + 1);
    prompt->length -= to - from;
    prompt->cursor = from;
}

/* Write a code point as UTF-8. Returns its size; 0: it is none. */
static size_t encode(int key, char out[4]) {
    static const unsigned char marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    unsigned code_point = (unsigned)key;
    size_t size = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;

    if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000)) {
        return 0;
    }
    for (size_t i = size; i-- > 1; code_point >>= 6) {
        out[i] = (char)(0x80 | (code_point & 0x3F));
    }
    out[0] = (char)(size == 1 ? code_point : marks[size] | code_point);
    return size;
}

/* Insert what is typed, except control characters. */
static void insert(struct prompt *prompt, int key) {
    char bytes[4];
    char clean[16];
    struct tote__arena arena = tote__arena_over(clean, sizeof clean);
    size_t size = encode(key, bytes);
    const char *text = size ? terminal_clean(&arena, bytes, size) : "";

    if (size && strlen(text) == size && memcmp(text, bytes, size) == 0 &&
        prompt->length + size < PROMPT_BYTES) {
        memmove(prompt->text + prompt->cursor + size, prompt->text + prompt->cursor,
                prompt->length - prompt->cursor + 1);
        memcpy(prompt->text + prompt->cursor, bytes, size);
        prompt->cursor += size;
        prompt->length += size;
    }
    tote__arena_clear(&arena);
}

static void finish(struct ui *ui) {
    struct prompt *prompt = &ui->prompt;

    if (prompt->has_problem) {
        return; /* it is shown */
    }
    prompt->is_open = false;
    prompt->done(ui, prompt->text);
}

void prompt_key(struct ui *ui, int key) {
    struct prompt *prompt = &ui->prompt;
    size_t cursor = prompt->cursor;

    switch (key) {
    case KEY_OF_ESCAPE:
        prompt->is_open = false;
        return;
    case KEY_OF_ENTER:
        finish(ui);
        return;
    case KEY_OF_LEFT:
        prompt->cursor = before(prompt, cursor);
        break;
    case KEY_OF_RIGHT:
        prompt->cursor = after(prompt, cursor);
        break;
    case KEY_OF_HOME:
    case CONTROL_A:
        prompt->cursor = 0;
        break;
    case KEY_OF_END:
    case CONTROL_E:
        prompt->cursor = prompt->length;
        break;
    case KEY_OF_BACKSPACE:
        erase(prompt, before(prompt, cursor), cursor);
        break;
    case KEY_OF_DELETE:
        erase(prompt, cursor, after(prompt, cursor));
        break;
    case CONTROL_U:
        erase(prompt, 0, cursor);
        break;
    case CONTROL_K:
        erase(prompt, cursor, prompt->length);
        break;
    case CONTROL_W:
        erase(prompt, word_before(prompt), cursor);
        break;
    default:
        insert(prompt, key);
    }
    check(prompt);
}

/* Return the columns of the first `size` bytes of the text. */
static size_t columns_of(const struct prompt *prompt, size_t size) {
    size_t columns = 0;

    for (size_t at = 0; at < size && at < prompt->length; at = after(prompt, at)) {
        columns += terminal_next_columns(prompt->text + at);
    }
    return columns;
}

/*
 * Draw the text in the last row, scrolled so that the cursor is visible. A problem is in the row
 * above it, below an arrow to its column if it fits there.
 */
void prompt_draw(struct ui *ui) {
    const struct prompt *prompt = &ui->prompt;
    struct surface *surface = &ui->surface;
    size_t row = surface->rows - 1;
    struct pen pen = pen_at(surface, row, 0, surface->columns);
    size_t from = 0;

    pen_put(&pen, STYLE_BOLD, prompt->label);
    size_t label = pen.column;
    while (from < prompt->cursor &&
           columns_of(prompt, prompt->cursor) - columns_of(prompt, from) + 1 > pen_left(&pen)) {
        from = after(prompt, from);
    }
    pen_put(&pen, STYLE_PLAIN, prompt->text + from);
    size_t cursor = label + columns_of(prompt, prompt->cursor) - columns_of(prompt, from);
    surface_add_style(surface, row, cursor, 1, STYLE_REVERSE);
    if (!prompt->has_problem || !row) {
        return;
    }
    size_t at = label + columns_of(prompt, prompt->problem.column ? prompt->problem.column - 1 : 0);
    size_t hidden = columns_of(prompt, from);
    pen = pen_at(surface, row - 1, 0, surface->columns);
    pen_field(&pen, STYLE_PLAIN, "", surface->columns);
    size_t needed = terminal_columns(prompt->problem.text) + 2;
    at = at > hidden ? at - hidden : 0;
    if (at + needed > surface->columns) { /* the text is before the arrow, or instead of it */
        size_t text = at >= needed ? at - needed + 1 : 0;
        pen = pen_at(surface, row - 1, text, surface->columns);
        pen_put(&pen, STYLE_ERROR, prompt->problem.text);
        pen_skip(&pen, 1);
        pen_glyph(&pen, STYLE_ERROR, "\u25be", "v");
        return;
    }
    pen = pen_at(surface, row - 1, at, surface->columns);
    pen_glyph(&pen, STYLE_ERROR, "\u25be", "v");
    pen_skip(&pen, 1);
    pen_put(&pen, STYLE_ERROR, prompt->problem.text);
}
