/* SPDX-License-Identifier: MIT */
#include "tui_fixture.h"

#include <locale.h>

static void the_list_shows_root_services_spans_errors_and_duration(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    assert_shows(f, "\u2717 checkout ");
    assert_shows(f, "shop +1 ");
    assert_shows(f, "      4       1   100.0 ms\n");
    assert_shows(f, "1 trace \u00b7 4 spans");
}

static void traces_are_sorted_by_each_column_and_an_arrow_shows_it(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *keys;
        const char *title;
        const char *first;
        const char *second;
    } cases[] = {
        {"", "Age\u25b2", "beta", "alpha"},        {"1", "Age\u25bc", "alpha", "beta"},
        {"2", "Root span\u25b2", "alpha", "beta"}, {"2", "Root span\u25bc", "beta", "alpha"},
        {"3", "Services\u25b2", "beta", "alpha"},  {"4", "Spans\u25bc", "alpha", "beta"},
        {"5", "Errors\u25bc", "beta", "alpha"},    {"6", "Duration\u25bc", "alpha", "beta"},
        {"r", "Duration\u25b2", "beta", "alpha"},  {"s", "Age\u25b2", "beta", "alpha"},
        {"S", "Duration\u25bc", "alpha", "beta"},
    };

    add(f, 1, "zoo", (struct span){1, 0, "alpha", 0, 100, NULL});
    add(f, 1, "zoo", (struct span){2, 1, "inner", 0, 10, NULL});
    add(f, 2, "ant", (struct span){1, 0, "beta", 0, 50, ERROR});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        keys(f, cases[i].keys);
        assert_shows(f, cases[i].title);
        assert_above(f, cases[i].first, cases[i].second);
    }
}

static void a_filter_keeps_the_traces_that_match(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    add(f, 2, "shop", (struct span){1, 0, "browse", 0, 10, NULL});
    keys(f, "/service=bank\n");
    assert_shows(f, "checkout");
    assert_hides(f, "browse");
    assert_shows(f, "1 of 2 traces match  service=bank");
    add(f, 3, "bank", (struct span){1, 0, "balance", 0, 10, NULL});
    assert_shows(f, "2 of 3 traces match");
    key(f, KEY_OF_ESCAPE);
    assert_shows(f, "browse");
}

static void a_problem_of_a_filter_is_shown_at_its_column(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    keys(f, "/pay duration>fast\n");
    const char *text = screen(f);
    const char *mark = strstr(text, "\u25be");
    assert_non_null(mark);
    while (mark > text && mark[-1] != '\n') {
        mark--;
    }
    assert_in_range(strspn(mark, " "), strlen("filter: pay "), strlen("filter: pay duration>"));
    assert_shows(f, "filter: pay duration>fast"); /* it is still edited */
    key(f, KEY_OF_ESCAPE);
    assert_shows(f, "checkout");
}

static void the_text_of_a_filter_is_edited(void **state) {
    struct fixture *f = *state;

    keys(f, "/ab cd");
    key(f, 23); /* Ctrl+W */
    keys(f, "x");
    key(f, KEY_OF_LEFT);
    key(f, 0x65E5); /* a character of two columns */
    key(f, KEY_OF_HOME);
    key(f, KEY_OF_DELETE);
    assert_shows(f, "filter: b \u65e5x");
    key(f, KEY_OF_END);
    key(f, KEY_OF_BACKSPACE);
    key(f, KEY_OF_BACKSPACE);
    key(f, 0x202E); /* a character that is not safe */
    key(f, 0x07);
    assert_shows(f, "filter: b\n");
}

static void the_selection_stays_on_its_trace_while_others_arrive(void **state) {
    struct fixture *f = *state;

    add(f, 1, "shop", (struct span){1, 0, "one", 0, 10, NULL});
    add(f, 2, "shop", (struct span){1, 0, "two", 0, 10, NULL});
    keys(f, "j");
    assert_selected(f, "one");
    for (unsigned i = 3; i < 60; i++) {
        add(f, i, "shop", (struct span){1, 0, "more", 0, 10, NULL});
        assert_selected(f, "one");
    }
}

static void the_newest_trace_is_selected_until_another_one_is(void **state) {
    struct fixture *f = *state;

    add(f, 1, "shop", (struct span){1, 0, "one", 0, 10, NULL});
    assert_selected(f, "one");
    add(f, 2, "shop", (struct span){1, 0, "two", 0, 10, NULL});
    assert_selected(f, "two");
    keys(f, "j");
    add(f, 3, "shop", (struct span){1, 0, "three", 0, 10, NULL});
    assert_selected(f, "one");
    keys(f, "f");
    assert_selected(f, "three");
}

static void a_paused_list_stays_while_traces_arrive_and_are_removed(void **state) {
    struct fixture *f = *state;

    add(f, 1, "shop", (struct span){1, 0, "one", 0, 10, NULL});
    keys(f, "p");
    add(f, 2, "shop", (struct span){1, 0, "two", 0, 10, NULL});
    assert_hides(f, "two");
    assert_shows(f, "2 traces");
    model_lock(f->model);
    model_clear(f->model);
    model_unlock(f->model);
    assert_shows(f, "(evicted)");
    keys(f, "\n");
    assert_shows(f, "was not received, or was evicted");
    keys(f, "p");
    assert_shows(f, "no traces");
}

static void a_waterfall_shows_the_tree_the_services_and_the_times(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    keys(f, "\n");
    assert_shows(f, "checkout ");
    assert_shows(f, "4 spans \u00b7 2 services \u00b7 1 error \u00b7 100.0 ms \u00b7 22:13:20.000");
    assert_shows(f, "\u25be checkout");
    assert_shows(f, "\u251c\u2500\u25be pay");
    assert_shows(f, "\u2502 \u2514\u2500\u2500 \u2717 charge");
    assert_shows(f, "\u2514\u2500\u2500 mail");
    assert_shows(f, "\u2190 shop");
    assert_shows(f, "30.0 ms\n");
    assert_shows(f, "\u25020 ");
    assert_shows(f, "\u250250 ms");
}

static void spans_are_folded_and_unfolded(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    keys(f, "\nj");
    key(f, KEY_OF_LEFT);
    assert_hides(f, "charge");
    assert_shows(f, "\u25b8 \u2717 pay +1"); /* an error is inside */
    key(f, KEY_OF_DOWN);
    assert_selected(f, "mail");
    key(f, KEY_OF_UP);
    assert_selected(f, "pay");
    key(f, KEY_OF_RIGHT);
    assert_shows(f, "charge");
    keys(f, "_");
    assert_hides(f, "pay");
    assert_selected(f, "checkout +3");
    keys(f, "2");
    assert_shows(f, "pay +1");
    assert_hides(f, "charge");
    keys(f, "*");
    assert_shows(f, "charge");
    keys(f, "j-");
    assert_hides(f, "charge");
    keys(f, "+");
    assert_shows(f, "charge");
}

static void late_spans_join_and_keep_the_selection_and_the_folds(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    keys(f, "\nj ");
    assert_hides(f, "charge");
    key(f, KEY_OF_DOWN);
    assert_selected(f, "mail");
    add(f, 1, "shop", (struct span){5, 1, "early", 5, 3, NULL});
    add(f, 1, "shop", (struct span){6, 2, "inner", 15, 3, NULL});
    assert_above(f, "early", "pay +2");
    assert_hides(f, "inner");
    assert_selected(f, "mail");
}

static void a_trace_stays_while_it_is_shown(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    keys(f, "\n");
    model_lock(f->model);
    model_clear(f->model);
    model_unlock(f->model);
    assert_shows(f, "charge");
    keys(f, "q");
    assert_shows(f, "checkout"); /* it was pinned */
}

static void a_search_goes_to_the_spans_that_match_and_counts_them(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    keys(f, "\n");
    keys(f, "/service=shop -checkout\n");
    assert_selected(f, "pay");
    assert_shows(f, "1 of 2  service=shop -checkout");
    keys(f, "n");
    assert_selected(f, "mail");
    assert_shows(f, "2 of 2");
    keys(f, "n");
    assert_selected(f, "pay");
    keys(f, "N");
    assert_selected(f, "mail");
    keys(f, "g");
    assert_shows(f, "2 matches");
    key(f, KEY_OF_ESCAPE);
    assert_hides(f, "matches");
    assert_shows(f, "checkout");
}

static void the_next_error_is_unfolded(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    keys(f, "\n_e");
    assert_selected(f, "charge");
    keys(f, "q/mail\n");
    assert_shows(f, "1 of 1 traces match");
}

static void the_critical_path_is_drawn_in_blocks(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    add(f, 1, "shop", (struct span){7, 1, "aside", 10, 5, NULL});
    keys(f, "\n");
    keys(f, "/aside\n");
    assert_selected(f, "\u2501");
    keys(f, "/charge\n");
    assert_selected(f, "\u2588");
    keys(f, "/aside\n");
    keys(f, "c");
    assert_hides(f, "\u2501");
}

static void the_time_is_zoomed_and_reset(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    keys(f, "\nG");
    assert_selected(f, "mail");
    keys(f, "z");
    assert_shows(f, "\u250275 ms");
    assert_hides(f, "\u250250 ms");
    keys(f, "Z");
    assert_shows(f, "\u250250 ms");
    for (int i = 0; i < 80; i++) {
        keys(f, i < 40 ? "i" : ">"); /* to the limits */
    }
    for (int i = 0; i < 80; i++) {
        keys(f, i < 40 ? "<" : "o");
    }
    assert_shows(f, "\u250250 ms");
}

static void details_show_everything_that_a_span_contains(void **state) {
    struct fixture *f = *state;

    add(f, 1, "shop",
        (struct span){1, 0, "order", 0, 100,
                      ",\"kind\":3,\"traceState\":\"a=b\",\"status\":{\"code\":2,\"message\":\"no "
                      "way\"},"
                      "\"attributes\":[{\"key\":\"zulu\",\"value\":{\"intValue\":\"7\"}},"
                      "{\"key\":\"alpha\",\"value\":{\"stringValue\":\"first\"}}],"
                      "\"droppedAttributesCount\":2,"
                      "\"events\":[{\"timeUnixNano\":\"1700000000005000000\",\"name\":\"retry\","
                      "\"attributes\":[{\"key\":\"try\",\"value\":{\"intValue\":\"2\"}}]}]"});
    resize(f, 40, COLUMNS);
    keys(f, "\n\n");
    static const char *const lines[] = {"name         order",    "kind         client",
                                        "status       error",    "message      no way",
                                        "trace state  a=b",      "scope        demo",
                                        "duration     100.0 ms", "span id      0000000000000001",
                                        "Attributes (2)",        "dropped  2 attributes"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        key(f, KEY_OF_TAB);
        key(f, KEY_OF_HOME);
        for (int j = 0; j < 40 && !strstr(screen(f), lines[i]); j++) {
            key(f, KEY_OF_DOWN);
        }
        assert_shows(f, lines[i]);
        key(f, KEY_OF_TAB);
    }
    key(f, KEY_OF_TAB);
    key(f, KEY_OF_END);
    assert_shows(f, "service.name  shop");
    assert_above(f, "+5.0 ms  retry", "  try  2");
    assert_above(f, "zulu  7", "alpha  first");
    keys(f, "a");
    key(f, KEY_OF_END);
    assert_above(f, "alpha  first", "zulu  7");
}

static void a_link_is_followed_and_back(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    add(f, 2, "mail",
        (struct span){9, 0, "deliver", 0, 10,
                      ",\"links\":[{\"traceId\":\"00000000000000000000000000000001\",\"spanId\":"
                      "\"0000000000000003\"}]"});
    keys(f, "\n\n");
    key(f, KEY_OF_TAB);
    keys(f, "\n");
    assert_shows(f, "there is no link in this line");
    for (int i = 0; i < 40; i++) {
        const char *mark = strstr(screen(f), "\u203a\u2192");
        if (mark) {
            break;
        }
        key(f, KEY_OF_DOWN);
    }
    keys(f, "\n");
    assert_selected(f, "charge");
    keys(f, "b");
    assert_selected(f, "deliver");
    keys(f, "b");
    assert_shows(f, "no link was followed");
}

static void the_value_of_a_line_is_copied_if_asked(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    keys(f, "\n\n");
    key(f, KEY_OF_TAB);
    assert_null(f->ui.copied);
    keys(f, "y");
    assert_string_equal(f->ui.copied, "checkout");
}

static void roots_orphans_and_unfinished_spans_are_marked(void **state) {
    struct fixture *f = *state;

    add(f, 1, "shop", (struct span){1, 0, "first", 0, 10, NULL});
    add(f, 1, "shop", (struct span){2, 0, "second", 20, 10, NULL});
    add(f, 1, "shop", (struct span){3, 99, "orphan", 5, 10, NULL});
    add(f, 1, "shop",
        (struct span){4, 1, "open", 5, 0,
                      ",\"attributes\":[{\"key\":\"tote.span.unfinished\",\"value\":{\"boolValue\":"
                      "true}}]"});
    keys(f, "\n");
    assert_shows(f, "1 missing parent");
    assert_shows(f, "1 unfinished");
    assert_shows(f, "? orphan");
    assert_shows(f, "\u2026 open");
    assert_shows(f, "unfinished\n");
    assert_above(f, "second", "orphan");
}

static void the_map_shows_services_and_calls_and_filters_the_list(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    add(f, 2, "other", (struct span){1, 0, "alone", 0, 10, NULL});
    keys(f, "m");
    assert_shows(f, "p50");
    assert_above(f, "shop", "\u2192 bank");
    assert_shows(f, "100.0%");
    for (size_t columns = 20; columns <= 120; columns += 20) { /* no figure is cut */
        resize(f, ROWS, columns);
        assert_shows(f, "shop");
        assert_hides(f, "0 m\u2026");
        assert_true(columns < 80 || strstr(screen(f), "  100.0 ms  100.0 ms\n"));
    }
    keys(f, "g\n"); /* bank is the first by name */
    assert_shows(f, "service=\"bank\"");
    assert_shows(f, "checkout");
    assert_hides(f, "alone");
}

static void a_span_without_a_name_can_be_seen(void **state) {
    struct fixture *f = *state;

    add(f, 1, "shop", (struct span){1, 0, "", 0, 10, NULL});
    for (size_t i = 0; i < 2; i++) { /* in the list, and in the waterfall */
        assert_shows(f, "(no name)  ");
        keys(f, "\n");
    }
    assert_shows(f, "name         (no name)");
}

static void names_cannot_control_the_terminal(void **state) {
    struct fixture *f = *state;
    static const char name[] = "a\\u001b[2J\\n\\u202Eb\\u200D\\u0301\\u009b\\u2066c\\uFEFF";

    add(f, 1, name, (struct span){1, 0, name, 0, 10, NULL});
    add(f, 1, name,
        (struct span){2, 1, name, 0, 10,
                      ",\"attributes\":[{\"key\":\"\\u001b]0;x\\u0007\",\"value\":{\"stringValue\":"
                      "\"\\u001b[31m\\r\\u202E\"}}]"});
    for (size_t i = 0; i < 4; i++) {
        static const char *const steps[] = {"", "m", "q\n", "j\n"};
        keys(f, steps[i]);
        for (const char *at = screen(f); *at; at++) {
            assert_true((unsigned char)*at >= 0x20 || *at == '\n');
        }
        assert_null(strstr(f->text, "\u202e"));
        assert_null(strstr(f->text, "\u2066"));
        assert_null(strstr(f->text, "\xC2\x9B"));
        assert_non_null(strstr(f->text, "\uFFFD"));
    }
}

/* Assert that a row has the columns of the surface. */
static void assert_widths(struct fixture *f) {
    for (size_t row = 0; row < f->ui.surface.rows; row++) {
        size_t columns = 0;
        for (size_t i = 0; i < f->ui.surface.columns; i++) {
            const char *text = surface_cell(&f->ui.surface, row, i)->text;
            columns += *text ? terminal_columns(text) : 0;
        }
        assert_int_equal(columns, f->ui.surface.columns);
    }
}

static void every_screen_fits_every_size(void **state) {
    struct fixture *f = *state;
    static const size_t sizes[][2] = {{5, 20},    {1, 1},    {2, 3},   {3, 10},
                                      {24, 80},   {10, 39},  {14, 60}, {30, 120},
                                      {100, 300}, {50, 200}, {6, 45}};
    static const char *const steps[] = {"", "/word x", "\n", "m", "q\n", "\n", "\t", "?", "q"};

    add_checkout(f);
    add(f, 1, "\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e",
        (struct span){8, 1, "\u65e5\u672c\u8a9ee\u0301\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e", 1, 9,
                      NULL});
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        resize(f, sizes[i][0], sizes[i][1]);
        for (size_t j = 0; j < sizeof steps / sizeof *steps; j++) {
            keys(f, steps[j]);
            if (*steps[j] == '\t') {
                key(f, KEY_OF_TAB);
            }
            screen(f);
            assert_widths(f);
        }
        f->ui.prompt.is_open = false;
        for (int j = 0; j < 4; j++) {
            key(f, KEY_OF_ESCAPE);
        }
    }
}

static void without_utf8_the_picture_is_ascii(void **state) {
    struct fixture *f = *state;
    static const char *const steps[] = {"", "\n", "\n", "m", "q?"};

    f->ui.surface.is_utf8 = false;
    add_checkout(f);
    add(f, 1, "shop", (struct span){8, 1, "caf\u00e9", 1, 9, NULL});
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        keys(f, steps[i]);
        for (const char *at = screen(f); *at; at++) {
            assert_true((unsigned char)*at < 0x80);
        }
        if (i == 1) {
            assert_shows(f, "caf?");
            assert_shows(f, "|-- pay");
            assert_shows(f, "! charge");
            assert_shows(f, "#");
        }
    }
}

static void a_hundred_thousand_spans_are_folded_and_searched(void **state) {
    struct fixture *f = *state;
    enum { SPANS = 100000, EACH = 500 };
    char *json = malloc(EACH * 256);

    assert_non_null(json);
    for (unsigned i = 0; i < SPANS; i += EACH) {
        size_t length = (size_t)sprintf(json, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[");
        for (unsigned j = i; j < i + EACH; j++) {
            length += (size_t)sprintf(
                json + length,
                "%s{\"traceId\":\"%032x\",\"spanId\":\"%016x\",\"parentSpanId\":\"%016x\",\"name\":"
                "\"span %u\",\"startTimeUnixNano\":\"%u\",\"endTimeUnixNano\":\"%u\"}",
                j > i ? "," : "", 1U, j + 1, j ? j / 3 + 1 : 0x7FFFFFFF, j, 1000 + j, 900000 - j);
        }
        length += (size_t)sprintf(json + length, "]}]}]}");
        assert_int_equal(requests_from_json(json, length, take, f->model).outcome, TAKEN);
    }
    free(json);
    keys(f, "\nG");
    assert_shows(f, "100000/100000");
    keys(f, "_");
    assert_shows(f, "1/100000");
    keys(f, "*/name=\"span 77777\"\n");
    assert_selected(f, "span 77777");
    assert_shows(f, "1 of 1");
    key(f, KEY_OF_LEFT);
    key(f, KEY_OF_LEFT);
    key(f, KEY_OF_PAGE_DOWN);
    key(f, KEY_OF_PAGE_UP);
    assert_shows(f, "span ");
}

/* A cycle and a chain that is deeper than any screen. */
static void deep_and_cyclic_traces_are_shown(void **state) {
    struct fixture *f = *state;

    for (unsigned i = 1; i <= 300; i++) {
        add(f, 1, "shop", (struct span){i, i == 1 ? 0 : i - 1, "deep", i, 1000 - i, NULL});
    }
    add(f, 1, "shop", (struct span){1001, 1002, "cycle", 0, 1, NULL});
    add(f, 1, "shop", (struct span){1002, 1001, "cycle", 0, 1, NULL});
    keys(f, "\n");
    for (int i = 0; i < 299; i++) {
        key(f, KEY_OF_DOWN);
        assert_selected(f, "deep");
    }
    assert_shows(f, " 300/302 ");
    keys(f, "G");
    assert_selected(f, "cycle");
}

static void a_click_selects_a_row_and_the_wheel_goes_on(void **state) {
    struct fixture *f = *state;

    add_checkout(f);
    add(f, 2, "shop", (struct span){1, 0, "browse", 0, 10, NULL});
    assert_selected(f, "browse");
    model_lock(f->model);
    ui_click(&f->ui, 3, 10);
    model_unlock(f->model);
    assert_selected(f, "checkout");
    model_lock(f->model);
    ui_click(&f->ui, 3, 10); /* the selected row is opened */
    model_unlock(f->model);
    assert_selected(f, "\u25be checkout");
    model_lock(f->model);
    ui_wheel(&f->ui, 2);
    model_unlock(f->model);
    assert_selected(f, "charge");
}

static unsigned next_random(unsigned *seed) {
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 16;
}

static void any_keys_in_any_order_leave_a_picture(void **state) {
    struct fixture *f = *state;
    unsigned seed = 7;

    for (int i = 0; i < 20000; i++) {
        unsigned what = next_random(&seed) % 40;
        if (what == 0) {
            unsigned id = next_random(&seed) % 30 + 1;
            add(f, next_random(&seed) % 5 + 1, next_random(&seed) % 2 ? "shop" : "bank",
                (struct span){id, next_random(&seed) % 30, "a", id, id,
                              next_random(&seed) % 3 ? NULL : ERROR});
        } else if (what == 1) {
            resize(f, next_random(&seed) % 30 + 1, next_random(&seed) % 150 + 1);
        } else if (what == 2) {
            model_lock(f->model);
            ui_click(&f->ui, next_random(&seed) % f->ui.surface.rows,
                     next_random(&seed) % f->ui.surface.columns);
            ui_wheel(&f->ui, (int)(next_random(&seed) % 7) - 3);
            model_unlock(f->model);
        } else if (what < 20) {
            key(f, KEY_OF_UP + (int)(next_random(&seed) % (KEY_OF_ESCAPE - KEY_OF_UP + 1)));
        } else {
            key(f, (int)(next_random(&seed) % 96 + 32));
        }
        f->ui.is_done = false;
        screen(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SHOWING(the_list_shows_root_services_spans_errors_and_duration),
        SHOWING(traces_are_sorted_by_each_column_and_an_arrow_shows_it),
        SHOWING(a_filter_keeps_the_traces_that_match),
        SHOWING(a_problem_of_a_filter_is_shown_at_its_column),
        SHOWING(the_text_of_a_filter_is_edited),
        SHOWING(the_selection_stays_on_its_trace_while_others_arrive),
        SHOWING(the_newest_trace_is_selected_until_another_one_is),
        SHOWING(a_paused_list_stays_while_traces_arrive_and_are_removed),
        SHOWING(a_waterfall_shows_the_tree_the_services_and_the_times),
        SHOWING(spans_are_folded_and_unfolded),
        SHOWING(late_spans_join_and_keep_the_selection_and_the_folds),
        SHOWING(a_trace_stays_while_it_is_shown),
        SHOWING(a_search_goes_to_the_spans_that_match_and_counts_them),
        SHOWING(the_next_error_is_unfolded),
        SHOWING(the_critical_path_is_drawn_in_blocks),
        SHOWING(the_time_is_zoomed_and_reset),
        SHOWING(details_show_everything_that_a_span_contains),
        SHOWING(a_link_is_followed_and_back),
        SHOWING(the_value_of_a_line_is_copied_if_asked),
        SHOWING(roots_orphans_and_unfinished_spans_are_marked),
        SHOWING(the_map_shows_services_and_calls_and_filters_the_list),
        SHOWING(a_span_without_a_name_can_be_seen),
        SHOWING(names_cannot_control_the_terminal),
        SHOWING(every_screen_fits_every_size),
        SHOWING(without_utf8_the_picture_is_ascii),
        SHOWING(a_hundred_thousand_spans_are_folded_and_searched),
        SHOWING(deep_and_cyclic_traces_are_shown),
        SHOWING(a_click_selects_a_row_and_the_wheel_goes_on),
        SHOWING(any_keys_in_any_order_leave_a_picture),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
