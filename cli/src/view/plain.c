/* SPDX-License-Identifier: MIT */
/*
 * plain.c - the plain display: draws each trace when it is complete or quiet
 *
 * Tests: tests/unit/test_plain.c, tests/cli/test_view.sh
 */
#include "plain.h"

#include <stdio.h>
#include <stdlib.h>

#include "terminal.h"
#include "tote/internal/memory.h"
#include "waterfall.h"

enum { SETTLED_MS = 300 };

static bool is_due(const struct plain *plain, const struct trace *trace, uint64_t now_ms,
                   bool all) {
    uint64_t age_ms = now_ms - trace->last_news_ms;

    return all || age_ms >= plain->quiet_ms || (trace->is_complete && age_ms >= SETTLED_MS);
}

static int compare_ages(const void *a, const void *b) {
    const struct trace *x = *(struct trace *const *)a;
    const struct trace *y = *(struct trace *const *)b;

    if (x->last_news_ms != y->last_news_ms) {
        return x->last_news_ms < y->last_news_ms ? -1 : 1;
    }
    return x->start_unix_nano < y->start_unix_nano ? -1 : x->start_unix_nano > y->start_unix_nano;
}

/* The traces to be drawn, pinned. */
struct due {
    struct trace **traces;
    size_t count;
};

/*
 * Find the traces that are due, and sort them. Awaited traces are ordered by their last span. If
 * none is due, but they take too much memory, the first is drawn early. Out of memory: none is due.
 */
static struct due find_due(const struct plain *plain, uint64_t now_ms, bool all) {
    struct trace *first = model_awaited(plain->model);
    struct due due = {NULL, 0};
    size_t count = 0;

    for (struct trace *trace = first; trace; trace = trace->next) {
        count += is_due(plain, trace, now_ms, all);
    }
    bool is_early = first && !count && model_is_crowded(plain->model);
    count += is_early;
    due.traces = count ? tote__allocate(count * sizeof(struct trace *)) : NULL;
    for (struct trace *trace = first; due.traces && due.count < count; trace = trace->next) {
        if (is_early || is_due(plain, trace, now_ms, all)) {
            model_pin(trace);
            due.traces[due.count++] = trace;
        }
    }
    if (due.count > 1) {
        qsort(due.traces, due.count, sizeof(struct trace *), compare_ages);
    }
    return due;
}

/* Draw a trace unless nothing is new. Returns whether it was drawn for the first time. */
static bool draw_trace(const struct plain *plain, struct trace *trace) {
    struct terminal terminal = terminal_of(stdout); /* each time: it may be resized */

    model_lock(plain->model);
    bool is_first = trace->drawn_count == 0;
    bool is_new = trace->drawn_version != trace->version;
    model_done(trace);
    model_unlock(plain->model);
    if (is_new) {
        fputc('\n', stdout);
        waterfall_draw(&terminal, plain->model, trace);
    }
    return is_first;
}

/* Draw traces and unpin all of them. Returns how many were drawn for the first time. */
static unsigned draw_due(const struct plain *plain, struct due due, unsigned most) {
    unsigned drawn = 0;

    for (size_t i = 0; i < due.count; i++) {
        if (drawn < most && !ferror(stdout)) {
            drawn += draw_trace(plain, due.traces[i]);
        }
        model_lock(plain->model);
        model_unpin(due.traces[i]);
        model_unlock(plain->model);
    }
    tote__release(due.traces, due.count * sizeof(struct trace *));
    return drawn;
}

unsigned plain_draw(const struct plain *plain, uint64_t now_ms, bool all, unsigned most) {
    unsigned drawn = 0;
    bool is_over = false;

    while (!is_over && drawn < most && !ferror(stdout)) {
        model_lock(plain->model);
        struct due due = find_due(plain, now_ms, all);
        model_unlock(plain->model);
        is_over = due.count == 0;
        drawn += draw_due(plain, due, most - drawn);
    }
    fflush(stdout);
    return drawn;
}
