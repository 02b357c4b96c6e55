/* SPDX-License-Identifier: MIT */
/*
 * delivery.c - the rows about spans that go to a receiver over HTTP: W9
 *
 * The receiver is a process of its own, so that its work is not counted as ours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.h"
#include "sink.h"
#include "tote/exporters/otlp.h"

enum { SPANS = 200000, BURST = 32000, PACE = 1024 };

static void start(const struct sink *sink) {
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_sdk_options options = bench_options();

    otlp.ignore_environment = true;
    otlp.endpoint = sink->url;
    tote_span_exporter *exporter = tote_otlp_exporter_new(&otlp);
    options.exporters = &exporter;
    options.exporter_count = 1;
    bench_start(&options);
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

/* What W9 found, for its three rows. */
static struct {
    bool is_measured;
    double wall_ms;
    double cpu_ms;
    double lost;
} delivery;

/* Spans at the pace of the worker: nothing is dropped. */
static void deliver(void) {
    struct sink sink = {0};

    if (delivery.is_measured || !sink_start(&sink)) {
        return;
    }
    start(&sink);
    bench_record(PACE);
    tote_sdk_force_flush(bench_sdk.sdk, 10000);
    uint64_t before = exported();
    double cpu = cpu_ms();
    uint64_t wall = floor_clock();
    for (size_t done = 0; done < SPANS; done += PACE) {
        size_t count = done + PACE <= SPANS ? PACE : SPANS - done;
        bench_record(count);
        tote_sdk_force_flush(bench_sdk.sdk, 10000);
    }
    delivery.wall_ms = (double)(floor_clock() - wall) / 1e6;
    delivery.cpu_ms = cpu_ms() - cpu;
    delivery.lost = (double)SPANS - (double)(exported() - before);
    delivery.is_measured = true;
    bench_stop();
    sink_stop(&sink);
}

static double wall(void) {
    deliver();
    return delivery.wall_ms;
}

static double cpu(void) {
    deliver();
    return delivery.cpu_ms;
}

static double lost(void) {
    deliver();
    return delivery.lost;
}

/* Of so many spans as fast as they can be made, with the default queue: how many arrived. */
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

/* What can arrive: the share that leaves while the producer makes one more, all measured here. */
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
    {.id = "W9c", .name = "the same: CPU of the process", .value = cpu, .unit = "ms"},
    {.id = "W9l", .name = "the same: lost", .value = lost, .unit = "spans"},
    {.id = "W9b", .name = "200,000 at full speed: received", .value = flood, .unit = "%"},
    {.id = "W9p",
     .name = "what of those could be received: producer / (encode + send)",
     .value = possible_percent,
     .unit = "%"},
    {.id = "W9s", .name = "a burst of 32,000: received", .value = burst, .unit = "%"},
};
const struct bench_table bench_delivery = BENCH_TABLE(rows);
