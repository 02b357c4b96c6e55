/* SPDX-License-Identifier: MIT */
/*
 * delivery.c - the rows about spans that are sent to a receiver over HTTP: W9
 *
 * The receiver is a process of its own, so that its work is not measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.h"
#include "raw.h"
#include "sink.h"
#include "tote/exporters/otlp.h"

enum {
    SPANS = 200000,
    BURST = 32000,
    PACE = 1024,
    WARM = 64 * PACE, /* after this many, memory is reused */
    BATCH = 512,
    ROUNDS = 5,
    RAW_FACTOR = 3
};

static void pace(size_t count) {
    for (size_t done = 0; done < count; done += PACE) {
        bench_record(done + PACE <= count ? PACE : count - done);
        tote_sdk_force_flush(bench_sdk.sdk, 10000);
    }
}

static void start_concurrent(const struct sink *sink, uint32_t concurrent) {
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_sdk_options options = bench_options();

    otlp.ignore_environment = true;
    otlp.endpoint = sink->url;
    otlp.max_concurrent_requests = concurrent;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&otlp);
    options.exporters = &exporter;
    options.exporter_count = 1;
    bench_start(&options);
}

static void start(const struct sink *sink) {
    start_concurrent(sink, 1);
}

static uint64_t exported(void) {
    tote_stats stats = TOTE_STATS_INIT;

    tote_sdk_get_stats(bench_sdk.sdk, &stats);
    return stats.exported;
}

static double cpu_ms(void) {
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* The results for the rows of W9. */
static struct {
    bool is_measured;
    double wall_ms;
    double cpu_ms;
    double raw_ms;
    double lost;
} delivery;

/* Spans at the pace of the worker: nothing is dropped. */
static void deliver_once(const struct sink *sink, double *wall_ms, double *used_ms) {
    start(sink);
    pace(WARM);
    uint64_t before = exported();
    double cpu = cpu_ms();
    uint64_t wall = floor_clock();
    pace(SPANS);
    *wall_ms = (double)(floor_clock() - wall) / 1e6;
    *used_ms = cpu_ms() - cpu;
    delivery.lost += (double)SPANS - (double)(exported() - before);
    bench_stop();
}

/* As many requests, with the same bytes. */
static double post_raw(const struct sink *sink) {
    double cpu = cpu_ms();

    if (!raw_post(sink->url, (SPANS + BATCH - 1) / BATCH)) {
        fprintf(stderr, "bench: the raw client failed\n");
    }
    return cpu_ms() - cpu;
}

/* Alternating, so that both run under the same conditions. */
static void deliver(void) {
    double walls[ROUNDS];
    double used[ROUNDS];
    double raw[ROUNDS];
    struct sink sink = {0};

    if (delivery.is_measured || !raw_encode(BATCH) || !sink_start(&sink)) {
        return;
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        deliver_once(&sink, &walls[i], &used[i]);
        raw[i] = post_raw(&sink);
    }
    sink_stop(&sink);
    delivery.wall_ms = bench_median(walls, ROUNDS);
    delivery.cpu_ms = bench_median(used, ROUNDS);
    delivery.raw_ms = bench_median(raw, ROUNDS);
    delivery.is_measured = true;
}

static double wall(void) {
    deliver();
    return delivery.wall_ms;
}

static double cpu(void) {
    deliver();
    return delivery.cpu_ms;
}

static double raw(void) {
    deliver();
    return delivery.raw_ms;
}

static double lost(void) {
    deliver();
    return delivery.lost;
}

/* The median of a row, in ns, of a program next to this one. 0 if it failed. */
static double median_of(const char *program, const char *id) {
    static const char name[] = "\"median_ns\": ";
    char path[4096];
    char command[sizeof path + 64];
    char text[1024];

    if (!bench_beside(program, path, sizeof path)) {
        return 0;
    }
    snprintf(command, sizeof command, "%s --rows --json %s", path, id);
    FILE *rows = popen(command, "r");
    size_t size = rows ? fread(text, 1, sizeof text - 1, rows) : 0;
    text[size] = '\0';
    const char *at = strstr(text, name);
    double median = at ? strtod(at + sizeof name - 1, NULL) : 0;
    return rows && pclose(rows) == 0 ? median : 0;
}

/* The limit for W9c: making the spans, encoding them, and three times the requests. */
static double goal(void) {
    double spans_ms = (median_of("bench", "W3") + median_of("bench-static", "W7")) * SPANS / 1e6;

    deliver();
    return spans_ms + RAW_FACTOR * delivery.raw_ms;
}

/* How many of this many spans arrive, made as fast as possible, with the default queue. */
static double received_percent(size_t count) {
    struct sink sink = {0};

    if (!sink_start(&sink)) {
        return 0;
    }
    start(&sink);
    bench_record(1);
    tote_sdk_force_flush(bench_sdk.sdk, 10000);
    uint64_t before = exported();
    bench_record(count);
    tote_sdk_force_flush(bench_sdk.sdk, 10000);
    double percent = 100.0 * (double)(exported() - before) / (double)count;
    bench_stop();
    sink_stop(&sink);
    return percent;
}

static double burst(void) {
    return received_percent(BURST);
}

static double flood(void) {
    return received_percent(SPANS);
}

/* Spans per second to a receiver that is 50 ms away, with so many requests in flight. */
static double distant(uint32_t concurrent) {
    struct sink sink = {.delay_ms = 50};

    if (!sink_start(&sink)) {
        return 0;
    }
    start_concurrent(&sink, concurrent);
    bench_record(BATCH);
    tote_sdk_force_flush(bench_sdk.sdk, 10000);
    uint64_t before = exported();
    uint64_t began = floor_clock();
    bench_record(BURST);
    tote_sdk_force_flush(bench_sdk.sdk, 60000);
    double seconds = (double)(floor_clock() - began) / 1e9;
    double per_second = (double)(exported() - before) / seconds;
    bench_stop();
    sink_stop(&sink);
    return per_second;
}

static double distant_1(void) {
    return distant(1);
}

static double distant_4(void) {
    return distant(4);
}

static double distant_16(void) {
    return distant(16);
}

/* The share that can arrive: what is sent while the producer makes one more, all measured here. */
static double possible_percent(void) {
    struct sink sink = {0};

    if (!sink_start(&sink)) {
        return 0;
    }
    start(&sink);
    bench_record(PACE);
    tote_sdk_force_flush(bench_sdk.sdk, 10000);
    uint64_t making = 0;
    uint64_t sending = 0;
    for (size_t i = 0; i < 100; i++) {
        uint64_t before = floor_clock();
        bench_record(PACE);
        uint64_t made = floor_clock();
        tote_sdk_force_flush(bench_sdk.sdk, 10000);
        making += made - before;
        sending += floor_clock() - made;
    }
    bench_stop();
    sink_stop(&sink);
    double percent = 100.0 * (double)making / (double)sending;
    return percent < 100 ? percent : 100;
}

static const struct bench_row rows[] = {
    {.id = "W9", .name = "200,000 spans over OTLP/HTTP, paced: wall", .value = wall, .unit = "ms"},
    {.id = "W9c", .name = "CPU of the process in W9", .value = cpu, .unit = "ms"},
    {.id = "W9r",
     .name = "a raw client that posts the same bytes: CPU",
     .value = raw,
     .unit = "ms"},
    {.id = "W9g", .name = "the goal of W9c: W3 + W7 + 3 x W9r", .value = goal, .unit = "ms"},
    {.id = "W9l", .name = "spans lost in W9", .value = lost, .unit = "spans"},
    {.id = "W9b", .name = "200,000 at full speed: received", .value = flood, .unit = "%"},
    {.id = "W9p",
     .name = "the share of those that can be received: producer / (encode + send)",
     .value = possible_percent,
     .unit = "%"},
    {.id = "W9s", .name = "a burst of 32,000: received", .value = burst, .unit = "%"},
    {.id = "W9d1",
     .name = "that burst at 50 ms round-trip time, 1 request in flight",
     .value = distant_1,
     .unit = "spans/s"},
    {.id = "W9d4", .name = "the same, 4 in flight", .value = distant_4, .unit = "spans/s"},
    {.id = "W9d16", .name = "the same, 16 in flight", .value = distant_16, .unit = "spans/s"},
};
const struct bench_table bench_delivery = BENCH_TABLE(rows);
