/* SPDX-License-Identifier: MIT */
/* growth.c - the rows about work that grows: depth, entries, attributes, large spans, threads */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

enum { MILLION = 1000000, MOST = 1000, LONG_TEXT = 10000 };

static char names[MOST][16];

static void make_names(void) {
    for (int i = 0; i < MOST; i++) {
        snprintf(names[i], sizeof names[i], "key.%d", i);
    }
}

static tote_scope *scopes[MOST];

/* This many nested open scopes. */
static void open_scopes(void) {
    bench_start_with_processor();
    for (size_t i = 0; i < bench_argument; i++) {
        tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
        options.parent = i ? NULL : bench_sdk.context;
        scopes[i] = tote_scope_open(bench_sdk.tracer, "around", &options);
    }
}

static void close_scopes(void) {
    for (size_t i = bench_argument; i-- > 0;) {
        tote_scope_close(&scopes[i]);
    }
    bench_stop();
}

static int do_nothing(void *arg) {
    bench_sink = (uint64_t)(uintptr_t)arg;
    return 0;
}

static void run_scoped(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_run_scoped(bench_sdk.tracer, "work", NULL, do_nothing, NULL);
    }
}

static tote_context *around;

/* A context over a store of this many entries. */
static void fill_store(void) {
    bench_start_with_processor();
    make_names();
    tote_store *store = tote_store_new(tote_store_root());
    for (size_t i = 0; i < bench_argument; i++) {
        tote_store_add(store, names[i], tote_int((int64_t)i));
    }
    around = tote_context_with_store(bench_sdk.context, store);
    tote_store_unref(store);
}

static void drop_store(void) {
    tote_context_unref(around);
    bench_stop();
}

static void record_with_store(size_t count) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = around;
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(bench_sdk.tracer, "work", &options);
        tote_span_close(&span);
    }
}

static void start_with_names(void) {
    make_names();
    bench_start_with_processor();
}

/* This many attributes, each with its own key. */
static void record_attributes(size_t count) {
    static tote_attribute attributes[MOST];
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    for (size_t i = 0; i < bench_argument; i++) {
        attributes[i] = (tote_attribute){names[i], tote_int((int64_t)i)};
    }
    options.parent = bench_sdk.context;
    options.attributes = attributes;
    options.attribute_count = bench_argument;
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(bench_sdk.tracer, "work", &options);
        tote_span_close(&span);
    }
}

static void record_events(size_t count) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = bench_sdk.context;
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(bench_sdk.tracer, "work", &options);
        for (size_t event = 0; event < bench_argument; event++) {
            tote_span_add_event(span, "event", NULL, 0, 1);
        }
        tote_span_close(&span);
    }
}

static void record_long_text(size_t count) {
    static char text[LONG_TEXT + 1];
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    memset(text, 'x', LONG_TEXT);
    options.parent = bench_sdk.context;
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(bench_sdk.tracer, "work", &options);
        tote_span_set_attribute(span, "text", tote_string(text));
        tote_span_close(&span);
    }
}

/* One attribute of one span, repeatedly, each time with another size. */
static void overwrite(size_t count) {
    static const char *const texts[] = {"a", "a longer text", "", "the longest of these texts"};
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = bench_sdk.context;
    tote_span *span = tote_tracer_start_span(bench_sdk.tracer, "work", &options);
    for (size_t i = 0; i < count; i++) {
        tote_span_set_attribute(span, "key", tote_string(texts[i % 4]));
    }
    tote_span_close(&span);
}

enum { MOST_THREADS = 64 };

static void *record(void *count) {
    bench_record(*(const size_t *)count);
    return NULL;
}

/* Spans per nanosecond of this many threads together. */
static double throughput(size_t thread_count) {
    pthread_t threads[MOST_THREADS];
    size_t each = MILLION / thread_count;

    uint64_t start = floor_clock();
    for (size_t i = 0; i < thread_count; i++) {
        pthread_create(&threads[i], NULL, record, &each);
    }
    for (size_t i = 0; i < thread_count; i++) {
        pthread_join(threads[i], NULL);
    }
    return (double)(each * thread_count) / (double)(floor_clock() - start);
}

/*
 * One number of threads against another: the best of many short runs of each, alternating, because
 * other load of the machine can only slow a run down.
 */
static double ratio_of(size_t some, size_t others) {
    enum { REPETITIONS = 25 };
    double best = 0;
    double best_of_others = 0;

    bench_start_with_processor();
    for (int i = 0; i < REPETITIONS; i++) {
        double rate = throughput(some);
        double rate_of_others = throughput(others);
        best = rate > best ? rate : best;
        best_of_others = rate_of_others > best_of_others ? rate_of_others : best_of_others;
    }
    bench_stop();
    return best / best_of_others;
}

static double two_to_one(void) {
    return ratio_of(2, 1);
}

static double many_to_two(void) {
    return ratio_of(MOST_THREADS, 2);
}

#define DEPTH(n)                                                                                   \
    {                                                                                              \
        .id = "N" #n, .name = "a scoped run in " #n " open scopes", .count = MILLION / 5,          \
        .argument = (n), .set_up = open_scopes, .work = run_scoped, .tear_down = close_scopes      \
    }
#define ENTRIES(n)                                                                                 \
    {                                                                                              \
        .id = "E" #n, .name = "recorded child over a store of " #n " entries",                     \
        .count = MILLION / 5, .argument = (n), .set_up = fill_store, .work = record_with_store,    \
        .tear_down = drop_store                                                                    \
    }
#define ATTRIBUTES(n)                                                                              \
    {                                                                                              \
        .id = "A" #n, .name = "recorded child with " #n " attributes", .count = MILLION / 5,       \
        .argument = (n), .set_up = start_with_names, .work = record_attributes,                    \
        .tear_down = bench_stop                                                                    \
    }

static const struct bench_row rows[] = {
    {.id = "S2",
     .name = "W3 on 2 threads, spans against one",
     .value = two_to_one,
     .unit = "times"},
    {.id = "S64",
     .name = "W3 on 64 threads, spans against 2",
     .value = many_to_two,
     .unit = "times"},
    DEPTH(1),
    DEPTH(10),
    DEPTH(100),
    DEPTH(1000),
    ENTRIES(0),
    ENTRIES(10),
    ENTRIES(100),
    ATTRIBUTES(0),
    ATTRIBUTES(1),
    ATTRIBUTES(8),
    ATTRIBUTES(16),
    ATTRIBUTES(32),
    ATTRIBUTES(64),
    ATTRIBUTES(128),
    {.id = "V128",
     .name = "recorded child with 128 events",
     .count = MILLION / 10,
     .argument = 128,
     .set_up = bench_start_with_processor,
     .work = record_events,
     .tear_down = bench_stop},
    {.id = "T10K",
     .name = "recorded child with a text of 10 KB",
     .count = MILLION / 5,
     .set_up = bench_start_with_processor,
     .work = record_long_text,
     .tear_down = bench_stop},
    {.id = "O",
     .name = "overwriting one attribute",
     .count = MILLION,
     .set_up = bench_start_with_processor,
     .work = overwrite,
     .tear_down = bench_stop},
};
const struct bench_table bench_growth = BENCH_TABLE(rows);
