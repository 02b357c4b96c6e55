/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format.h"
#include "terminal.h"
#include "test_model.h"
#include "waterfall.h"

enum { MOST_SPANS = 2001 };

/* The spans of a trace that a test builds, and its last drawing as text. */
struct fixture {
    struct test_span spans[MOST_SPANS];
    size_t count;
    struct tote__arena arena;
    char *text;
};

static const uint64_t base = 1700000000000000000; /* 2023-11-14 22:13:20 */
static const uint64_t ms = 1000000;

static int set_up(void **state) {
    *state = calloc(1, sizeof(struct fixture));
    setenv("TZ", "UTC0", 1);
    tzset();
    return *state ? 0 : -1;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;

    tote__arena_clear(&fixture->arena);
    free(fixture->text);
    free(fixture);
    return 0;
}

#define DRAWING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* A span of the service "shop" from `start` on for `length`; no parent: 0. */
static struct test_span *add(struct fixture *fixture, unsigned id, unsigned parent,
                             const char *name, uint64_t start, uint64_t length) {
    struct test_span *span = &fixture->spans[fixture->count++];

    assert_true(fixture->count <= MOST_SPANS);
    *span = (struct test_span){
        .trace = 1,
        .id = id,
        .parent = parent,
        .name = name,
        .service = "shop",
        .start_unix_nano = base + start,
        .end_unix_nano = base + start + length,
    };
    return span;
}

/* Draw the newest trace. */
static const char *draw_newest(struct fixture *fixture, struct terminal terminal,
                               struct model *model) {
    size_t size;

    free(fixture->text);
    fixture->text = NULL;
    terminal.out = open_memstream(&fixture->text, &size);
    assert_non_null(terminal.out);
    waterfall_draw(&terminal, model, model_newest(model));
    fclose(terminal.out);
    return fixture->text;
}

static const char *draw_on(struct fixture *fixture, struct terminal terminal) {
    struct model *model = model_new(NULL);

    assert_non_null(model);
    send_spans(model, fixture->spans, fixture->count);
    draw_newest(fixture, terminal, model);
    model_free(model);
    return fixture->text;
}

static const char *draw(struct fixture *fixture, size_t width) {
    return draw_on(fixture, (struct terminal){.width = width, .is_utf8 = true});
}

static const char *draw_ascii(struct fixture *fixture, size_t width) {
    return draw_on(fixture, (struct terminal){.width = width});
}

/* The columns of the longest line. */
static size_t widest(const char *text) {
    size_t most = 0;

    while (*text) {
        size_t length = strcspn(text, "\n");
        char *line = strndup(text, length);
        size_t columns = terminal_columns(line);
        most = columns > most ? columns : most;
        free(line);
        text += length + (text[length] == '\n');
    }
    return most;
}

static void spans_are_nested_and_in_the_order_of_their_start_times(void **state) {
    struct fixture *f = *state;

    add(f, 4, 2, "deep", 30 * ms, 10 * ms);
    add(f, 3, 1, "second", 50 * ms, 50 * ms);
    add(f, 1, 0, "root", 0, 100 * ms);
    add(f, 2, 1, "first", 20 * ms, 30 * ms);

    assert_string_equal(draw(f, 60),
                        "trace 00000000000000000000000000000001 · 4 spans · 1 service · 100.0 ms\n"
                        "root            shop █████████████████████████████  100.0 ms\n"
                        "├─ first        shop      ████████▊                  30.0 ms\n"
                        "│  └─ deep      shop         ██▉                     10.0 ms\n"
                        "└─ second       shop               ██████████████▌   50.0 ms\n");
}

static void a_terminal_without_utf8_gets_ascii(void **state) {
    struct fixture *f = *state;

    add(f, 1, 0, "root", 0, 100 * ms);
    add(f, 2, 1, "na\xC3\xAFve", 20 * ms, 30 * ms)->status = TOTE_STATUS_CODE_ERROR;
    add(f, 3, 2, "a name that is too long for its cell", 20 * ms, 30 * ms);
    add(f, 4, 1, "last", 50 * ms, 50 * ms);

    assert_string_equal(draw_ascii(f, 60),
                        "trace 00000000000000000000000000000001, 4 spans, 1 service, 100.0 ms\n"
                        "root                      shop ###################  100.0 ms\n"
                        "|- na?ve                  shop    ######             30.0 ms\n"
                        "|  |  ! error\n"
                        "|  `- a name that is to~  shop    ######             30.0 ms\n"
                        "`- last                   shop          ##########   50.0 ms\n");
}

static void short_names_keep_their_indentation(void **state) {
    struct fixture *f = *state;

    add(f, 1, 0, "a", 0, 10);
    add(f, 2, 1, "b", 1, 5);
    add(f, 3, 2, "c", 2, 2);
    const char *text = draw(f, 80);

    assert_non_null(strstr(text, "\na "));
    assert_non_null(strstr(text, "\n└─ b "));
    assert_non_null(strstr(text, "\n   └─ c "));
}

static void an_error_is_shown_with_or_without_its_message(void **state) {
    struct fixture *f = *state;
    struct test_span *told = add(f, 1, 0, "told", 0, 100);
    struct test_span *untold = add(f, 2, 1, "untold", 10, 100);

    told->status = TOTE_STATUS_CODE_ERROR;
    told->status_message = "no unicorns left";
    untold->status = TOTE_STATUS_CODE_ERROR;
    const char *text = draw(f, 80);

    assert_non_null(strstr(text, "\n│  ✗ no unicorns left\n"));
    assert_non_null(strstr(text, "\n      ✗ error\n"));
}

static void attributes_and_events_are_shown_below_their_span(void **state) {
    struct fixture *f = *state;
    struct test_attribute attributes[] = {
        {"user.id", "u_1"}, {"url.full", "http://127.0.0.1/a/long/path"}, {"empty", ""}};
    struct test_event events[] = {{.name = "early", .time_unix_nano = base - 5},
                                  {.name = "retry", .time_unix_nano = base + 1500000}};
    struct test_attribute attempt = {"attempt", "2"};
    struct test_span *span = add(f, 1, 0, "root", 0, 10 * ms);

    events[1].attributes = &attempt;
    events[1].attribute_count = 1;
    span->attributes = attributes;
    span->attribute_count = 3;
    span->events = events;
    span->event_count = 2;
    span->dropped_attribute_count = 3;
    span->dropped_link_count = events[1].dropped_attribute_count = 1;
    const char *text = draw(f, 60);

    assert_non_null(strstr(text, "\n   user.id=u_1  url.full=http://127.0.0.1/a/long/path\n"
                                 "   empty=\n"
                                 "   -5 ns  early\n"
                                 "   +1.5 ms  retry  dropped 1 attribute  attempt=2\n"
                                 "   dropped 3 attributes  1 link\n"));
}

static void a_long_note_is_wrapped(void **state) {
    struct fixture *f = *state;
    struct test_span *span = add(f, 1, 0, "root", 0, 10);

    span->status = TOTE_STATUS_CODE_ERROR;
    span->status_message = "0123456789 0123456789 0123456789 0123456789";

    assert_non_null(strstr(draw(f, 40), "\n   \u2717 0123456789 0123456789 0123456789 01"
                                        "\n   23456789\n"));
}

static void durations_have_a_suitable_unit(void **state) {
    static const struct {
        uint64_t nanoseconds;
        const char *text;
    } rows[] = {
        {999, "  999 ns\n"},          {1000, "  1.0 \u00b5s\n"},
        {999960, "  1.0 ms\n"},       {999940000, "  999.9 ms\n"},
        {999960000, "  1.00 s\n"},    {59996000000, "  1.0 min\n"},
        {7200000000000, "  2.0 h\n"}, {UINT64_MAX - 1700000000000000000, "  5e+06 h\n"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        f->count = 0;
        add(f, 1, 0, "root", 0, rows[i].nanoseconds);
        assert_non_null(strstr(draw(f, 80), rows[i].text));
    }
}

static void orphans_are_shown_last_below_a_note(void **state) {
    struct fixture *f = *state;

    add(f, 5, 99, "orphan", 0, 10);
    add(f, 6, 5, "its child", 1, 1);
    add(f, 7, 98, "another", 4, 1);
    add(f, 1, 0, "root", 5, 10);
    const char *text = draw(f, 80);
    const char *note = strstr(text, "\nspans whose parent was not received:\n");

    assert_non_null(note);
    assert_true(strstr(text, "\nroot") < note);
    assert_true(strstr(text, "\norphan") > note);
    assert_non_null(strstr(note, "\n└─ its child"));
    assert_non_null(strstr(note, "\nanother"));
    assert_int_equal(count_of(text, "spans whose parent"), 1);
}

static void a_child_outside_the_time_of_its_parent_is_drawn(void **state) {
    struct fixture *f = *state;

    add(f, 1, 0, "root", 50 * ms, 10 * ms);
    add(f, 2, 1, "before", 0, 10 * ms);
    add(f, 3, 1, "after", 90 * ms, 10 * ms);

    assert_string_equal(strchr(draw_ascii(f, 50), '\n'),
                        "\n"
                        "root          shop           ###           10.0 ms\n"
                        "|- before     shop ###                     10.0 ms\n"
                        "`- after      shop                   ###   10.0 ms\n");
}

static void a_span_that_ended_before_it_started_has_no_duration(void **state) {
    struct fixture *f = *state;
    struct test_span *back = add(f, 2, 1, "back", 3600 * 1000 * ms, 0);

    back->end_unix_nano = base;
    add(f, 1, 0, "root", 0, 1);
    const char *text = draw_ascii(f, 80);

    assert_non_null(strstr(text, "#      0 ns\n"));
    assert_in_range(widest(strchr(text, '\n') + 1), 80, 80);
}

static void times_at_the_ends_of_the_range_are_drawn(void **state) {
    struct fixture *f = *state;
    struct test_span *whole = add(f, 1, 0, "whole", 0, 0);
    struct test_span *last = add(f, 2, 1, "last", 0, 0);

    whole->start_unix_nano = 0;
    whole->end_unix_nano = 1;
    last->start_unix_nano = UINT64_MAX;
    last->end_unix_nano = 0;

    assert_int_equal(count_of(draw_ascii(f, 80), "#"), 2);
}

static void positions_are_exact(void **state) {
    (void)state;
    assert_int_equal(format_position(50000000, 100000000, 58), 29); /* doubles result in 28 */
    assert_int_equal(format_position(999, 1000, 10), 9);
    assert_int_equal(format_position(1000, 1000, 10), 10);
    assert_int_equal(format_position(1001, 1000, 10), 10);
    assert_int_equal(format_position(0, 0, 10), 0);
    assert_int_equal(format_position(5, 10, 0), 0);
    assert_int_equal(format_position(UINT64_MAX / 2, UINT64_MAX, 1000), 499);
}

static void the_heading_shows_as_much_of_the_start_time_as_fits(void **state) {
    struct fixture *f = *state;

    add(f, 1, 0, "root", 0, 100 * ms);

    assert_non_null(strstr(draw(f, 120), "100.0 ms · 2023-11-14 22:13:20.000\n"));
    assert_non_null(strstr(draw(f, 88), "100.0 ms · 22:13:20.000\n"));
    assert_non_null(strstr(draw(f, 80), "100.0 ms\n"));
}

static void spans_without_duration_have_a_bar(void **state) {
    struct fixture *f = *state;

    add(f, 1, 0, "root", 0, 0);
    add(f, 2, 1, "child", 0, 0);

    assert_non_null(strstr(draw(f, 60), "2 spans · 1 service · 0 ns\n"));
    assert_int_equal(count_of(f->text, "▏"), 2);
}

/* Text of another program must not control the terminal. */
static void control_characters_of_a_span_are_escaped(void **state) {
    /* One per line; \x9B of the C1 set means the same as \033[. */
    static const char *const harmful[] = {
        "\033[2J",          "\033]0;title\a", "a\r\nb\tc",      "\x7F",          "\xC2\x9B[1m",
        "\xE2\x80\xAE",     "\xE2\x81\xA6",   "\x9B\x84 bytes", "\xE2\x80\xAA.", "\xE2\x80\xA8",
        "\xE2\x80\xA9",     "\xE2\x80\x8F",   "\xE2\x80\x8B",   "\xE2\x81\xA9",  "\xD8\x9C",
        "\xEF\xBB\xBF",     "\xEF\xBF\xB9",   "\xC2\x85",       "\xC2\x80",      "\xC2\xAD",
        "\xF3\xA0\x81\x81",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < TOTE_COUNT_OF(harmful); i++) {
        const char *clean = terminal_clean(&f->arena, harmful[i], strlen(harmful[i]));
        assert_non_null(strstr(clean, "\xEF\xBF\xBD"));
        for (const char *at = clean; *at; at++) {
            assert_true((unsigned char)*at >= 0x20 && *at != 0x7F);
        }
        assert_true(i < 9 || strcmp(clean, "\xEF\xBF\xBD") == 0);
        assert_null(strstr(clean, "\xC2\x9B"));
        assert_null(strstr(clean, "\xE2\x80"));
        assert_null(strstr(clean, "\xE2\x81"));
    }
}

static void harmless_text_is_unchanged(void **state) {
    static const char text[] = "GET /\xC3\xA4 \xE2\x9C\x97 \xF0\x9F\x90\x8E \xC2\xA0 \xE2\x80\xA6 "
                               "\xE2\x80\x8D \xE2\x80\x93 \xEF\xBF\xBD";
    struct fixture *f = *state;

    assert_string_equal(terminal_clean(&f->arena, text, strlen(text)), text);
    assert_string_equal(terminal_clean(&f->arena, "", 0), "");
}

static void without_utf8_no_byte_of_a_control_sequence_is_written(void **state) {
    struct fixture *f = *state;
    struct test_attribute attribute = {"k\xC4\x9B", "\xE2\x9C\x97\xC4\x9B"};
    struct test_span *span = add(f, 1, 0, "\xC4\x9B[31m", 0, 10);

    span->service = "\xC4\x9B";
    span->status = TOTE_STATUS_CODE_ERROR;
    span->status_message = "\xC4\x9B";
    span->attributes = &attribute;
    span->attribute_count = 1;
    draw_ascii(f, 80);

    for (const char *at = f->text; *at; at++) {
        assert_true((unsigned char)*at < 0x80);
    }
    assert_non_null(strstr(f->text, "k?=??"));
}

static void two_hundred_spans_have_one_row_each(void **state) {
    struct fixture *f = *state;
    char names[200][16];

    for (unsigned i = 0; i < 200; i++) {
        snprintf(names[i], sizeof names[i], "span %03u.", i);
        add(f, i + 1, i ? i / 3 + 1 : 0, names[i], i * ms, ms);
    }
    draw(f, 100);

    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(count_of(f->text, names[i]), 1);
    }
    assert_int_equal(count_of(f->text, "\n"), 201);
    assert_in_range(widest(strchr(f->text, '\n') + 1), 100, 100);
}

static void long_texts_are_truncated_on_a_narrow_terminal(void **state) {
    struct fixture *f = *state;
    char longest[1001];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    struct test_attribute attributes[] = {{longest, longest}, {"key", longest}, {longest, ""}};
    struct test_event event = {.name = longest, .time_unix_nano = base};
    struct test_span *span = NULL;

    for (unsigned i = 0; i < 10; i++) {
        span = add(f, i + 1, i, longest, i, 100);
        span->service = longest;
    }
    span->status = TOTE_STATUS_CODE_ERROR;
    span->status_message = longest;
    span->attributes = attributes;
    span->attribute_count = 3;
    span->events = &event;
    span->event_count = 1;
    draw(f, 40);

    assert_in_range(widest(strchr(f->text, '\n') + 1), 40, 40);
    /* Names and services, depths without space to indent, and notes. */
    assert_in_range(count_of(f->text, "…"), 10 * 2 + 8 + 4, 10 * 2 + 9 + 6);
}

static void spans_that_are_their_own_ancestors_are_drawn_once(void **state) {
    struct fixture *f = *state;

    add(f, 1, 0, "root", 0, 10);
    add(f, 2, 4, "one", 1, 1);
    add(f, 3, 2, "two", 2, 1);
    add(f, 4, 3, "three", 3, 1);
    add(f, 5, 5, "itself", 4, 1);
    draw(f, 80);

    assert_int_equal(count_of(f->text, "root"), 1);
    assert_int_equal(count_of(f->text, "one"), 1);
    assert_int_equal(count_of(f->text, "two"), 1);
    assert_int_equal(count_of(f->text, "three"), 1);
    assert_int_equal(count_of(f->text, "itself"), 1);
}

static void spans_that_share_an_id_are_all_drawn(void **state) {
    struct fixture *f = *state;

    add(f, 1, 0, "root", 0, 10);
    add(f, 1, 0, "root", 1, 10);
    add(f, 2, 1, "child", 1, 1);
    draw(f, 80);

    assert_int_equal(count_of(f->text, "root"), 2);
    assert_int_equal(count_of(f->text, "child"), 1);
}

static void a_chain_of_two_thousand_spans_is_drawn_completely(void **state) {
    struct fixture *f = *state;

    for (unsigned i = 0; i < 2000; i++) {
        add(f, i + 1, i, "link.", i, 1);
    }
    draw(f, 80);
    assert_int_equal(count_of(f->text, "link."), 2000);
    assert_int_equal(count_of(f->text, "spans whose parent"), 0);
    assert_in_range(widest(strchr(f->text, '\n') + 1), 80, 80);
}

static void a_span_that_is_too_deep_to_be_indented_has_its_depth_before_its_name(void **state) {
    struct fixture *f = *state;

    for (unsigned i = 0; i <= 10; i++) {
        add(f, i + 1, i, "link", i, 1);
    }
    draw(f, 60);
    assert_non_null(strstr(f->text, "\nlink "));
    assert_non_null(strstr(f->text, "\n└─ link "));
    assert_non_null(strstr(f->text, "\n   └─ link "));
    assert_non_null(strstr(f->text, "\n      └─ link "));
    for (unsigned depth = 4; depth <= 10; depth++) {
        char row[64];
        snprintf(row, sizeof row, "\n      └─ …%u link ", depth);
        assert_non_null(strstr(f->text, row));
    }
    assert_non_null(strstr(draw_ascii(f, 60), "\n      `- ~10 link "));
}

/* SDKs name services without a name by program, and companies use common prefixes. */
static void truncated_service_names_keep_the_part_that_differs(void **state) {
    static const char *const services[] = {
        "unknown_service:frontend",  "unknown_service:checkout", "company-production-cart-1",
        "company-production-cart-2", "company-of-another-name",  "shop",
    };
    struct fixture *f = *state;

    for (unsigned i = 0; i < TOTE_COUNT_OF(services); i++) {
        add(f, i + 1, 0, "root", i, 1)->service = services[i];
    }
    draw(f, 72);
    assert_non_null(strstr(f->text, " …ce:frontend "));
    assert_non_null(strstr(f->text, " …ce:checkout "));
    assert_non_null(strstr(f->text, " …tion-cart-1 "));
    assert_non_null(strstr(f->text, " …tion-cart-2 "));
    assert_non_null(strstr(f->text, " …of-another… "));
    assert_non_null(strstr(f->text, " shop "));
}

/* There is no other service to differ from. */
static void the_only_service_keeps_the_name_of_its_program(void **state) {
    struct fixture *f = *state;

    add(f, 1, 0, "root", 0, 1)->service = "unknown_service:frontend";
    assert_non_null(strstr(draw(f, 72), " …ce:frontend "));
    add(f, 2, 0, "root", 0, 1)->service = "unknown_service:a program of a very long name";
    assert_non_null(strstr(draw(f, 72), "…a program … "));
}

static void a_chain_with_decreasing_times_is_drawn_completely(void **state) {
    struct fixture *f = *state;

    for (unsigned i = 0; i < 2000; i++) {
        add(f, i + 1, i, "link.", 2000 - i, 1);
    }
    assert_int_equal(count_of(draw(f, 80), "link."), 2000);
}

static void colour_marks_services_and_errors(void **state) {
    struct fixture *f = *state;
    struct test_span *span = add(f, 1, 0, "root", 0, 10);
    struct terminal coloured = {.width = 80, .is_utf8 = true, .has_colour = true};

    span->status = TOTE_STATUS_CODE_ERROR;
    draw_on(f, coloured);
    assert_non_null(strstr(f->text, "\033[1;31mroot"));
    assert_non_null(strstr(f->text, "\033[31m✗ error\033[0m"));

    span->status = TOTE_STATUS_CODE_UNSET;
    draw_on(f, coloured);
    assert_null(strstr(f->text, "31m"));
    assert_non_null(strstr(f->text, "\033[36mshop"));
    assert_null(strchr(draw(f, 80), '\033'));
}

static void kinds_have_marks_in_their_own_column(void **state) {
    struct fixture *f = *state;

    add(f, 1, 0, "root", 0, 100 * ms)->kind = TOTE_SPAN_KIND_SERVER;
    add(f, 2, 1, "inside", 0, 100 * ms);
    add(f, 3, 2, "call", 0, 100 * ms)->kind = TOTE_SPAN_KIND_CLIENT;
    add(f, 4, 2, "send", 0, 100 * ms)->kind = TOTE_SPAN_KIND_PRODUCER;
    add(f, 5, 4, "receive", 0, 100 * ms)->kind = TOTE_SPAN_KIND_CONSUMER;

    assert_string_equal(strchr(draw(f, 50), '\n'),
                        "\n"
                        "root               ← shop ██████████████  100.0 ms\n"
                        "└─ inside            shop ██████████████  100.0 ms\n"
                        "   ├─ call         → shop ██████████████  100.0 ms\n"
                        "   └─ send         ⇢ shop ██████████████  100.0 ms\n"
                        "      └─ receive   ⇠ shop ██████████████  100.0 ms\n");
    assert_int_equal(count_of(draw_ascii(f, 50), "  > shop #"), 1);
    assert_int_equal(count_of(f->text, "  < shop #"), 1);
    assert_int_equal(count_of(f->text, "  } shop #"), 1);
    assert_int_equal(count_of(f->text, "  { shop #"), 1);
}

static void wide_characters_take_two_columns_and_accents_none(void **state) {
    struct fixture *f = *state;
    struct test_attribute note = {"\u6ce8", "\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587"
                                            "\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587"
                                            "\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587"};
    struct test_span *span = add(f, 1, 0, "\u4e2d\u6587", 0, 100 * ms);

    span->attributes = &note;
    span->attribute_count = 1;
    add(f, 2, 1, "\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587\u4e2d\u6587", 0, 100 * ms);
    add(f, 3, 1, "e\u0301", 0, 100 * ms);

    const char *rows = strchr(draw(f, 40), '\n');
    assert_int_equal(count_of(rows, "\n中文              shop ███████  100.0 ms\n"), 1);
    assert_int_equal(count_of(rows, "\n├─ 中文中文中文…  shop ███████  100.0 ms\n"), 1);
    assert_int_equal(count_of(rows, "\n└─ e\u0301              shop ███████  100.0 ms\n"), 1);
    assert_int_equal(widest(rows), 40);
}

static void an_error_without_a_message_is_shown_with_its_type(void **state) {
    struct fixture *f = *state;
    struct test_attribute type = {"error.type", "409"};
    struct test_span *span = add(f, 1, 0, "root", 0, 100);

    span->status = TOTE_STATUS_CODE_ERROR;
    span->attributes = &type;
    span->attribute_count = 1;
    assert_int_equal(count_of(draw(f, 80), "✗ error 409\n"), 1);

    span->status_message = "out of stock";
    assert_int_equal(count_of(draw(f, 80), "✗ out of stock\n"), 1);
}

static void a_link_is_shown_with_its_trace_if_that_is_another_one(void **state) {
    static const struct test_link links[] = {{1, 7}, {2, 8}};
    struct fixture *f = *state;
    struct test_span *span = add(f, 1, 0, "root", 0, 100);

    span->links = links;
    span->link_count = 2;
    assert_non_null(strstr(draw(f, 100), "\n   link to span 0000000000000007\n"
                                         "   link to span 0000000000000008 of trace "
                                         "00000000000000000000000000000002\n"));
}

static void an_unfinished_span_is_marked(void **state) {
    struct fixture *f = *state;

    add(f, 1, 0, "root", 0, 100);
    add(f, 2, 1, "child", 0, 0)->end_unix_nano = 0;
    assert_non_null(strstr(draw(f, 80), "0 ns\n      unfinished\n"));
    assert_int_equal(count_of(f->text, "unfinished"), 1);
}

static void a_trace_that_is_drawn_again_has_the_number_of_late_spans_in_its_heading(void **state) {
    struct fixture *f = *state;
    struct model *model = model_new(NULL);
    const struct terminal terminal = {.width = 100, .is_utf8 = true};

    add(f, 1, 0, "root", 0, 100);
    add(f, 2, 1, "late", 10, 100);
    add(f, 3, 1, "late too", 20, 100);
    send_spans(model, f->spans, 1);
    assert_null(strstr(draw_newest(f, terminal, model), "again"));
    send_spans(model, f->spans, 3);
    assert_non_null(
        strstr(draw_newest(f, terminal, model), "1 \u00b7 again, 2 more \u00b7 3 spans"));
    assert_int_equal(count_of(f->text, "root"), 1);
    model_free(model);
}

/* The drawing is written in parts. */
static void a_large_drawing_is_complete(void **state) {
    struct fixture *f = *state;

    for (unsigned i = 0; i < 2000; i++) {
        add(f, i + 1, 0, "name.", i, 1);
    }
    draw(f, 400);
    assert_int_equal(count_of(f->text, "name."), 2000);
    assert_int_equal(count_of(f->text, "\n"), 2001);
}

static void terminal_features_are_those_of_the_environment(void **state) {
    FILE *file = tmpfile();

    (void)state;
    assert_non_null(file);
    setenv("COLUMNS", "72", 1);
    assert_int_equal(terminal_of(file).width, 72);
    setenv("COLUMNS", "3", 1);
    assert_int_equal(terminal_of(file).width, 40);
    setenv("COLUMNS", "100000", 1);
    assert_int_equal(terminal_of(file).width, 400);
    unsetenv("COLUMNS");
    assert_int_equal(terminal_of(file).width, 100);
    assert_false(terminal_of(file).has_colour);
    fclose(file);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        DRAWING(spans_are_nested_and_in_the_order_of_their_start_times),
        DRAWING(a_terminal_without_utf8_gets_ascii),
        DRAWING(short_names_keep_their_indentation),
        DRAWING(an_error_is_shown_with_or_without_its_message),
        DRAWING(attributes_and_events_are_shown_below_their_span),
        DRAWING(a_long_note_is_wrapped),
        DRAWING(durations_have_a_suitable_unit),
        DRAWING(orphans_are_shown_last_below_a_note),
        DRAWING(a_child_outside_the_time_of_its_parent_is_drawn),
        DRAWING(a_span_that_ended_before_it_started_has_no_duration),
        DRAWING(times_at_the_ends_of_the_range_are_drawn),
        DRAWING(the_heading_shows_as_much_of_the_start_time_as_fits),
        DRAWING(spans_without_duration_have_a_bar),
        DRAWING(control_characters_of_a_span_are_escaped),
        DRAWING(harmless_text_is_unchanged),
        DRAWING(without_utf8_no_byte_of_a_control_sequence_is_written),
        DRAWING(two_hundred_spans_have_one_row_each),
        DRAWING(long_texts_are_truncated_on_a_narrow_terminal),
        DRAWING(spans_that_are_their_own_ancestors_are_drawn_once),
        DRAWING(spans_that_share_an_id_are_all_drawn),
        DRAWING(a_chain_of_two_thousand_spans_is_drawn_completely),
        DRAWING(the_only_service_keeps_the_name_of_its_program),
        DRAWING(truncated_service_names_keep_the_part_that_differs),
        DRAWING(a_span_that_is_too_deep_to_be_indented_has_its_depth_before_its_name),
        DRAWING(a_chain_with_decreasing_times_is_drawn_completely),
        DRAWING(colour_marks_services_and_errors),
        DRAWING(kinds_have_marks_in_their_own_column),
        DRAWING(wide_characters_take_two_columns_and_accents_none),
        DRAWING(an_error_without_a_message_is_shown_with_its_type),
        DRAWING(a_link_is_shown_with_its_trace_if_that_is_another_one),
        DRAWING(an_unfinished_span_is_marked),
        DRAWING(a_trace_that_is_drawn_again_has_the_number_of_late_spans_in_its_heading),
        DRAWING(a_large_drawing_is_complete),
        TEST(positions_are_exact),
        TEST(terminal_features_are_those_of_the_environment),
    };

    setlocale(LC_CTYPE, "C.UTF-8");
    return RUN_TESTS(tests, argc, argv);
}
