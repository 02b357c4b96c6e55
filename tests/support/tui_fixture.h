/* SPDX-License-Identifier: MIT */
/*
 * tui_fixture.h - the interactive display of tote view without a terminal: keys in, a screen out
 */
#ifndef TOTE_TESTS_TUI_FIXTURE_H
#define TOTE_TESTS_TUI_FIXTURE_H

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "keys.h"
#include "requests.h"
#include "terminal.h"
#include "ui.h"

enum { ROWS = 24, COLUMNS = 100, TEXT_BYTES = 1 << 18 };

struct fixture {
    struct model *model;
    struct ui ui;
    char text[TEXT_BYTES]; /* of the screen */
};

static const uint64_t base = 1700000000000000000; /* 2023-11-14 22:13:20 */

static inline int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);

    *state = f;
    setenv("TZ", "UTC0", 1);
    tzset();
    if (!f || !(f->model = model_new(NULL))) {
        return -1;
    }
    ui_begin(&f->ui, f->model, "http://127.0.0.1:4318");
    f->ui.surface.is_utf8 = true;
    return surface_resize(&f->ui.surface, ROWS, COLUMNS) ? 0 : -1;
}

static inline int tear_down(void **state) {
    struct fixture *f = *state;

    ui_end(&f->ui);
    model_free(f->model);
    free(f);
    return 0;
}

#define SHOWING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static inline struct receipt take(void *arg, const uint8_t *bytes, size_t size) {
    return model_take(arg, bytes, size, 1000);
}

/* A span in JSON; times are in milliseconds. No parent: 0. */
struct span {
    unsigned id;
    unsigned parent;
    const char *name;
    unsigned start;
    unsigned length;
    const char *more; /* members, beginning with a comma; NULL: none */
};

/* Add a span of a trace and a service. */
static inline void add(struct fixture *f, unsigned trace, const char *service, struct span span) {
    char json[4096];
    char parent[64] = "";

    if (span.parent) {
        snprintf(parent, sizeof parent, ",\"parentSpanId\":\"%016x\"", span.parent);
    }
    int length = snprintf(
        json, sizeof json,
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
        "{\"stringValue\":\"%s\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"demo\"},\"spans\":[{"
        "\"traceId\":\"%032x\",\"spanId\":\"%016x\",\"name\":\"%s\",\"startTimeUnixNano\":\"%llu\","
        "\"endTimeUnixNano\":\"%llu\"%s%s}]}]}]}",
        service, trace, span.id, span.name, (unsigned long long)(base + span.start * 1000000ULL),
        (unsigned long long)(base + (span.start + span.length) * 1000000ULL), parent,
        span.more ? span.more : "");
    assert_in_range(length, 1, sizeof json - 1);
    struct receipt receipt = requests_from_json(json, (size_t)length, take, f->model);
    assert_int_equal(receipt.outcome, TAKEN);
    assert_int_equal(receipt.left_out + receipt.invalid_ids + receipt.invalid_values, 0);
}

#define ERROR ",\"status\":{\"code\":2,\"message\":\"no such item\"}"

/* The trace of most tests. */
static inline void add_checkout(struct fixture *f) {
    add(f, 1, "shop", (struct span){1, 0, "checkout", 0, 100, ",\"kind\":2"});
    add(f, 1, "shop", (struct span){2, 1, "pay", 10, 50, NULL});
    add(f, 1, "bank", (struct span){3, 2, "charge", 20, 30, ERROR});
    add(f, 1, "shop", (struct span){4, 1, "mail", 70, 10, NULL});
}

/* Take changes over, and draw. Returns the screen as text; rows end with a newline. */
static const char *screen(struct fixture *f) {
    char *out = f->text;

    model_lock(f->model);
    ui_refresh(&f->ui);
    ui_draw(&f->ui);
    model_unlock(f->model);
    for (size_t row = 0; row < f->ui.surface.rows; row++) {
        surface_row_text(&f->ui.surface, row, out, (size_t)(f->text + TEXT_BYTES - 1 - out));
        out += strlen(out);
        *out++ = '\n';
    }
    *out = '\0';
    return f->text;
}

static inline void key(struct fixture *f, int key) {
    model_lock(f->model);
    ui_key(&f->ui, key);
    model_unlock(f->model);
}

/* Press keys: a newline is Enter. */
static inline void keys(struct fixture *f, const char *text) {
    screen(f);
    for (; *text; text++) {
        key(f, *text == '\n' ? KEY_OF_ENTER : *text);
    }
}

static inline void resize(struct fixture *f, size_t rows, size_t columns) {
    assert_true(surface_resize(&f->ui.surface, rows, columns));
}

static inline void assert_shows(struct fixture *f, const char *text) {
    if (!strstr(screen(f), text)) {
        fail_msg("'%s' is not on the screen:\n%s", text, f->text);
    }
}

static inline void assert_hides(struct fixture *f, const char *text) {
    if (strstr(screen(f), text)) {
        fail_msg("'%s' is on the screen:\n%s", text, f->text);
    }
}

/* Assert that one text is on the screen above the other one. */
static inline void assert_above(struct fixture *f, const char *first, const char *second) {
    const char *a = strstr(screen(f), first);
    const char *b = strstr(f->text, second);

    if (!a || !b || a >= b) {
        fail_msg("'%s' is not above '%s':\n%s", first, second, f->text);
    }
}

/* Assert what the selected row contains. */
static inline void assert_selected(struct fixture *f, const char *text) {
    const char *mark = strstr(screen(f), "\n\u203a");
    const char *end = mark ? strchr(mark + 1, '\n') : NULL;
    const char *at = mark ? strstr(mark, text) : NULL;

    if (!at || at > end) {
        fail_msg("'%s' is not selected:\n%s", text, f->text);
    }
}

#endif
