/* SPDX-License-Identifier: MIT */
/*
 * encoding.c - the rows about spans to bytes: W7, and W7j in JSON
 */
#include <pthread.h>
#include <stdlib.h>

#include "bench.h"
#include "encode.h"
#include "tote/sdk/span_exporter.h"
#include "tote/sdk/span_processor.h"

enum { WARM_SPANS = 512, COLD_SPANS = 4096, MOST_SPANS = 8192, MILLION = 1000000 };

static tote_span *spans[MOST_SPANS];
static const tote_span_data *ended[MOST_SPANS];
static tote_otlp_buffer buffer;

static void *record(void *arg) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    size_t count = *(const size_t *)arg;

    options.parent = bench_sdk.context;
    options.attributes = bench_five_attributes();
    options.attribute_count = 5;
    for (size_t i = 0; i < count; i++) {
        spans[i] = tote_tracer_start_span(bench_sdk.tracer, "work", &options);
        tote_span_add_event(spans[i], "retry", NULL, 0, 0);
        ended[i] = tote_span_get_data(spans[i]);
        tote_span_end(spans[i], 0);
    }
    return NULL;
}

static void make_spans(void) {
    bench_start_with_processor();
    record(&bench_argument);
}

static void drop_spans(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_span_close(&spans[i]);
    }
}

static void stop(void) {
    drop_spans(bench_argument);
    tote_otlp_buffer_clear(&buffer);
    bench_stop();
}

/* `count` spans, in batches as large as the row says. */
static void encode(size_t count) {
    for (size_t done = 0; done < count; done += bench_argument) {
        buffer.size = 0;
        tote_otlp_encode(TOTE_OTLP_PROTOBUF, ended, bench_argument, &buffer);
        bench_sink = buffer.size;
    }
}

static void encode_json(size_t count) {
    for (size_t done = 0; done < count; done += bench_argument) {
        buffer.size = 0;
        tote_otlp_encode(TOTE_OTLP_JSON, ended, bench_argument, &buffer);
        bench_sink = buffer.size;
    }
}

/* The bytes, copied. */
static void encode_floor(size_t count) {
    for (size_t i = 0; i < count; i++) {
        floor_copy(252);
    }
}

static void encode_json_floor(size_t count) {
    for (size_t i = 0; i < count; i++) {
        floor_copy(607);
    }
}

/* Spans that another thread has just written, each of them encoded once. */
static double cold(size_t count) {
    uint64_t spent = 0;

    for (size_t done = 0; done < count; done += COLD_SPANS) {
        pthread_t thread;
        pthread_create(&thread, NULL, record, &bench_argument);
        pthread_join(thread, NULL);
        uint64_t start = floor_clock();
        encode(COLD_SPANS);
        spent += floor_clock() - start;
        drop_spans(COLD_SPANS);
    }
    return (double)spent / (double)count;
}

static void stop_cold(void) {
    tote_otlp_buffer_clear(&buffer);
    bench_stop();
}

static double gigabytes_a_second_of(bench_work work) {
    enum { REPETITIONS = 999 };
    double rates[REPETITIONS];

    bench_argument = WARM_SPANS;
    make_spans();
    work(WARM_SPANS);
    for (int i = 0; i < REPETITIONS; i++) {
        uint64_t start = floor_clock();
        work(WARM_SPANS);
        rates[i] = (double)buffer.size / (double)(floor_clock() - start);
    }
    stop();
    return bench_median(rates, REPETITIONS);
}

static double gigabytes_a_second(void) {
    return gigabytes_a_second_of(encode);
}

static double gigabytes_a_second_of_json(void) {
    return gigabytes_a_second_of(encode_json);
}

#define BATCH(n)                                                                                   \
    {                                                                                              \
        .id = "B" #n, .name = "a span, in batches of " #n, .count = MILLION / 10, .argument = (n), \
        .set_up = make_spans, .work = encode, .tear_down = stop, .floor = encode_floor             \
    }

static const struct bench_row rows[] = {
    {.id = "W7",
     .name = "a span of 5 attributes and 1 event to OTLP, 512 at once",
     .count = MILLION,
     .argument = WARM_SPANS,
     .set_up = make_spans,
     .work = encode,
     .tear_down = stop,
     .floor = encode_floor},
    {.id = "W7c",
     .name = "the same, 4,096 that another thread wrote",
     .count = 10 * COLD_SPANS,
     .argument = COLD_SPANS,
     .set_up = bench_start_with_processor,
     .timed = cold,
     .tear_down = stop_cold,
     .floor = encode_floor},
    {.id = "W7g", .name = "W7 in bytes", .value = gigabytes_a_second, .unit = "GB/s"},
    {.id = "W7j",
     .name = "W7 to JSON",
     .count = MILLION,
     .argument = WARM_SPANS,
     .set_up = make_spans,
     .work = encode_json,
     .tear_down = stop,
     .floor = encode_json_floor},
    {.id = "W7jg", .name = "W7j in bytes", .value = gigabytes_a_second_of_json, .unit = "GB/s"},
    BATCH(1),
    BATCH(8),
    BATCH(64),
    BATCH(512),
    BATCH(4096),
    BATCH(8192),
};
const struct bench_table bench_encoding = BENCH_TABLE(rows);
