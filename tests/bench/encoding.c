/* SPDX-License-Identifier: MIT */
/* encoding.c - the rows about encoding of spans: W7, its parts W7f and W7c, and W7j in JSON */
#include <pthread.h>
#include <stdlib.h>

#include "bench.h"
#include "otlp/encode/encode.h"
#include "span.h"
#include "tote/internal/request.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"
#include "tote/sdk/span_exporter.h"
#include "tote/sdk/span_processor.h"

enum {
    WARM_SPANS = 512,
    COLD_SPANS = 4096,
    MOST_SPANS = 8192,
    MOST_BYTES = 512, /* of a span */
    MILLION = 1000000
};

static tote_span *spans[MOST_SPANS];
static const tote_span_data *ended[MOST_SPANS];
static struct tote__span_bytes records[MOST_SPANS];
static _Alignas(8) uint8_t bytes_of_records[MOST_SPANS * MOST_BYTES];
static struct tote__buffer buffer;

/* The work at the end of a span. */
static void write_records(size_t count) {
    uint8_t *at = bytes_of_records;

    for (size_t i = 0; i < count; i++) {
        const struct span *span = tote__span_of_data(ended[i]);
        size_t size = tote__record_put_span(at, span);
        records[i] = (struct tote__span_bytes){tote__resource_at(span->origin.resource),
                                               &tote__tracer_at(span->scope)->scope,
                                               {at, size}};
        at += (size + 7) & ~(size_t)7;
    }
}

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
    write_records(count);
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
    tote__buffer_clear(&buffer);
    bench_stop();
}

/* `count` records, joined in batches of the row's size. */
static void join(size_t count) {
    for (size_t done = 0; done < count; done += bench_argument) {
        buffer.size = 0;
        tote__request_encode(&buffer, records, bench_argument);
        bench_sink = buffer.size;
    }
}

/* The same, with the records written first. */
static void encode(size_t count) {
    for (size_t done = 0; done < count; done += bench_argument) {
        write_records(bench_argument);
        join(bench_argument);
    }
}

/* The request is created first, as for a receiver. */
static void encode_json(size_t count) {
    static struct tote__buffer request;

    for (size_t done = 0; done < count; done += bench_argument) {
        request.size = buffer.size = 0;
        tote__request_encode(&request, records, bench_argument);
        tote__otlp_json_of(&buffer, (struct tote__slice){request.bytes, request.size});
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

/* Records that another thread has just written, each joined once. */
static double cold(size_t count) {
    uint64_t spent = 0;

    for (size_t done = 0; done < count; done += COLD_SPANS) {
        pthread_t thread;
        pthread_create(&thread, NULL, record, &bench_argument);
        pthread_join(thread, NULL);
        uint64_t start = floor_clock();
        join(COLD_SPANS);
        spent += floor_clock() - start;
        drop_spans(COLD_SPANS);
    }
    return (double)spent / (double)count;
}

static void stop_cold(void) {
    tote__buffer_clear(&buffer);
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
    {.id = "W7f",
     .name = "W7, its records joined alone",
     .count = MILLION,
     .argument = WARM_SPANS,
     .set_up = make_spans,
     .work = join,
     .tear_down = stop,
     .floor = encode_floor},
    {.id = "W7c",
     .name = "the same, 4,096 records that another thread wrote",
     .count = 10 * COLD_SPANS,
     .argument = COLD_SPANS,
     .set_up = bench_start_with_processor,
     .timed = cold,
     .tear_down = stop_cold,
     .floor = encode_floor},
    {.id = "W7g", .name = "W7 in bytes", .value = gigabytes_a_second, .unit = "GB/s"},
    {.id = "W7j",
     .name = "the records of W7 to JSON",
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
