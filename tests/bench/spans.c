/* SPDX-License-Identifier: MIT */
/*
 * spans.c - the rows about spans: W1 to W4
 */
#include "bench.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tote/exporters/otlp.h"
#include "tote/sdk/sampler.h"
#include "tote/sdk/span_exporter.h"
#include "tote/sdk/span_processor.h"

static _Atomic(uint64_t) exported;

static tote_result count_spans(void *self, const tote_span_data *const *spans, size_t count,
                               uint32_t timeout_ms, tote_export_outcome *report) {
    (void)self, (void)spans, (void)timeout_ms, (void)report;
    atomic_fetch_add(&exported, count);
    return TOTE_RESULT_SUCCESS;
}

static void start_sampled_out(void) {
    tote_sdk_options options = bench_options();
    tote_span_exporter *no_exporter = NULL;

    options.sampler = tote_sampler_always_off_new();
    options.exporters = &no_exporter;
    options.exporter_count = 1;
    bench_start(&options);
}

static void start_with_batches(void) {
    static const tote_span_exporter_ops ops = {.struct_size = sizeof ops,
                                               .export_spans = count_spans};
    tote_sdk_options options = bench_options();
    tote_span_exporter *exporter = tote_span_exporter_new(&ops, NULL);

    atomic_store(&exported, 0);
    options.exporters = &exporter;
    options.exporter_count = 1;
    bench_start(&options);
}

static void take_all(void *self, const tote_otlp_request *request, tote_otlp_response *response) {
    (void)self, (void)request;
    response->status = 200;
}

/* To OTLP, with a transport that does nothing, and optionally a disk queue. */
static void start_with_transport(bool is_crash_safe) {
    static const tote_otlp_transport transport = {.struct_size = sizeof transport,
                                                  .send = take_all};
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_sdk_options options = bench_options();

    otlp.delivery = &delivery;
    otlp.ignore_environment = true;
    otlp.transport = &transport;
    delivery.disk_queue_directory = is_crash_safe ? "bench-disk_queue" : NULL;
    delivery.crash_safe = is_crash_safe;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&otlp);
    options.exporters = &exporter;
    options.exporter_count = 1;
    bench_start(&options);
}

static void start_without_crash_file(void) {
    start_with_transport(false);
}

static void start_with_crash_file(void) {
    start_with_transport(true);
}

static void stop_with_crash_file(void) {
    bench_stop();
    unlink("bench-disk_queue/tote.lock");
    rmdir("bench-disk_queue");
}

static void api_only(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(bench_sdk.tracer, "work", NULL);
        tote_span_set_attribute(span, "key", tote_int((int64_t)i));
        tote_span_close(&span);
    }
}

static void get_tracer_only(void) {
    bench_sdk.tracer = tote_get_tracer("bench", "1.0");
}

static void three_calls(size_t count) {
    for (size_t i = 0; i < count; i++) {
        floor_call();
        floor_call();
        floor_call();
    }
}

static void child(size_t count) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = bench_sdk.context;
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(bench_sdk.tracer, "work", &options);
        tote_span_close(&span);
    }
}

static void sampled_out_floor(size_t count) {
    for (size_t i = 0; i < count; i++) {
        bench_sink = floor_draw();
        floor_block();
        floor_call();
    }
}

static void recorded_child_by_calls(size_t count) {
    const tote_attribute *attributes = bench_five_attributes();
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = bench_sdk.context;
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(bench_sdk.tracer, "work", &options);
        for (size_t a = 0; a < 5; a++) {
            tote_span_set_attribute(span, attributes[a].key, attributes[a].value);
        }
        tote_span_close(&span);
    }
}

static void local_root(size_t count) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.root = true;
    options.attributes = bench_five_attributes();
    options.attribute_count = 5;
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(bench_sdk.tracer, "work", &options);
        tote_span_close(&span);
    }
}

static int add_three(void *arg) {
    tote_store *store = tote_store_current();

    (void)arg;
    tote_store_add(store, "user.id", tote_string("u_0123456789"));
    tote_store_add(store, "tenant", tote_string("acme"));
    tote_store_add(store, "attempt", tote_int(1));
    return 0;
}

static void scoped_run(size_t count) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = bench_sdk.context;
    options.attributes = bench_five_attributes();
    options.attribute_count = 5;
    for (size_t i = 0; i < count; i++) {
        tote_run_scoped(bench_sdk.tracer, "work", &options, add_three, NULL);
    }
}

/* Two readings of the clock, an id, a block, and the bytes. */
static void span_floor(size_t count, size_t bytes) {
    for (size_t i = 0; i < count; i++) {
        bench_sink = floor_clock();
        bench_sink = floor_draw();
        floor_block();
        floor_copy(bytes);
        bench_sink = floor_clock();
    }
}

static void child_floor(size_t count) {
    span_floor(count, 200);
}

static void bare_child_floor(size_t count) {
    span_floor(count, 64);
}

static void scoped_floor(size_t count) {
    span_floor(count, 320);
}

static void root_floor(size_t count) {
    for (size_t i = 0; i < count; i++) {
        bench_sink = floor_clock();
        bench_sink = floor_draw();
        bench_sink = floor_draw();
    }
    span_floor(count, 200);
}

/*
 * Spans as fast as the exporter accepts them: after each burst the measurement pauses until the
 * queue is empty. Returns ns per span on this thread, without the pauses.
 */
static double paced(size_t count) {
    enum { BURST = 1024 };
    uint64_t spent = 0;

    for (size_t done = 0; done < count; done += BURST) {
        uint64_t before = floor_clock();
        bench_record(BURST);
        spent += floor_clock() - before;
        tote_sdk_force_flush(bench_sdk.sdk, 10000);
    }
    return (double)spent / (double)count;
}

enum { REPETITIONS = 9, PACED_SPANS = 500 * 1024 };

/* The floor of a span, and a slot in a ring. */
static void batch_floor(size_t count) {
    child_floor(count);
    for (size_t i = 0; i < count; i++) {
        floor_push();
    }
}

/* The floor of W4, and a second copy of the bytes. */
static void crash_file_floor(size_t count) {
    batch_floor(count);
    for (size_t i = 0; i < count; i++) {
        floor_copy(320);
    }
}

static void start_warm(void) {
    start_with_batches();
    paced(PACED_SPANS);
}

/* One of two threads: bursts that begin together, and the time that this one spent in them. */
struct producer {
    pthread_barrier_t *barrier;
    size_t count;
    uint64_t spent;
    bool flushes;
};

static void *produce(void *arg) {
    enum { BURST = 512 };
    struct producer *producer = arg;

    for (size_t done = 0; done < producer->count; done += BURST) {
        pthread_barrier_wait(producer->barrier);
        uint64_t before = floor_clock();
        bench_record(BURST);
        producer->spent += floor_clock() - before;
        pthread_barrier_wait(producer->barrier);
        if (producer->flushes) {
            tote_sdk_force_flush(bench_sdk.sdk, 10000);
        }
    }
    return NULL;
}

static double paced_by_two(size_t count) {
    pthread_barrier_t barrier;
    pthread_t thread;

    pthread_barrier_init(&barrier, NULL, 2);
    struct producer first = {&barrier, count / 2, 0, true};
    struct producer second = {&barrier, count / 2, 0, false};
    if (pthread_create(&thread, NULL, produce, &second) != 0) {
        return 0;
    }
    produce(&first);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&barrier);
    return (double)(first.spent + second.spent) / (double)count;
}

/* How many times the spans of one thread two threads make, from the time of each. */
static double paced_two_to_one(void) {
    double best = 0;
    double best_of_two = 0;

    start_with_batches();
    for (int i = 0; i < REPETITIONS; i++) {
        double one = paced(PACED_SPANS);
        double two = paced_by_two(PACED_SPANS);
        best = best == 0 || one < best ? one : best;
        best_of_two = best_of_two == 0 || two < best_of_two ? two : best_of_two;
    }
    bench_stop();
    return 2 * best / best_of_two;
}

/* A thread that sleeps until it is woken, like the worker. */
enum { WAKES = 501, WAKES_BATCH = 512 };
enum sleeper_state { SLEEPER_WAKES, SLEEPER_SLEEPS, SLEEPER_ENDS };

static void *sleep_until_woken(void *arg) {
    _Atomic(uint32_t) *state = arg;
    uint32_t seen = SLEEPER_WAKES;

    while (atomic_load(state) != SLEEPER_ENDS) {
        seen = SLEEPER_WAKES;
        if (!atomic_compare_exchange_strong(state, &seen, SLEEPER_SLEEPS)) {
            continue;
        }
        while (atomic_load(state) == SLEEPER_SLEEPS) {
            syscall(SYS_futex, state, FUTEX_WAIT_PRIVATE, SLEEPER_SLEEPS, NULL, NULL, 0);
        }
    }
    return NULL;
}

/* The cost of waking a thread, per span of a batch: it is part of W4 and W4o. */
static double wake_for_a_span(void) {
    static double costs[WAKES];
    const struct timespec pause = {0, 100000}; /* until the thread sleeps */
    _Atomic(uint32_t) state = SLEEPER_WAKES;
    pthread_t thread;

    if (pthread_create(&thread, NULL, sleep_until_woken, &state) != 0) {
        return 0;
    }
    for (size_t i = 0; i < WAKES; i++) {
        while (atomic_load(&state) != SLEEPER_SLEEPS) {
            nanosleep(&pause, NULL);
        }
        nanosleep(&pause, NULL);
        uint64_t before = floor_clock();
        atomic_store(&state, i + 1 < WAKES ? SLEEPER_WAKES : SLEEPER_ENDS);
        syscall(SYS_futex, &state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        costs[i] = (double)(floor_clock() - before);
    }
    pthread_join(thread, NULL);
    return bench_median(costs, WAKES) / WAKES_BATCH;
}

enum { UNPACED_SPANS = 1000000 };

static double dropped_percent(void) {
    tote_stats stats = TOTE_STATS_INIT;

    start_with_batches();
    bench_record(UNPACED_SPANS);
    tote_sdk_force_flush(bench_sdk.sdk, 10000);
    tote_sdk_get_stats(bench_sdk.sdk, &stats);
    bench_stop();
    return 100.0 * (double)stats.dropped_queue_full / (double)UNPACED_SPANS;
}

enum { MILLION = 1000000 };

static const struct bench_row rows[] = {
    {.id = "W1",
     .name = "API only, no SDK: start, 1 attribute, end",
     .count = 10 * MILLION,
     .set_up = get_tracer_only,
     .work = api_only,
     .floor = three_calls},
    {.id = "W2",
     .name = "sampled out: child start, end",
     .count = 5 * MILLION,
     .set_up = start_sampled_out,
     .work = child,
     .tear_down = bench_stop,
     .floor = sampled_out_floor},
    {.id = "W3",
     .name = "recorded child, 5 attributes at start, end",
     .count = MILLION,
     .set_up = bench_start_with_processor,
     .work = bench_record,
     .tear_down = bench_stop,
     .floor = child_floor},
    {.id = "W3b",
     .name = "the same, five set_attribute calls",
     .count = MILLION,
     .set_up = bench_start_with_processor,
     .work = recorded_child_by_calls,
     .tear_down = bench_stop,
     .floor = child_floor},
    {.id = "W3r",
     .name = "W3 as a local root",
     .count = MILLION,
     .set_up = bench_start_with_processor,
     .work = local_root,
     .tear_down = bench_stop,
     .floor = root_floor},
    {.id = "W3a",
     .name = "W3 without attributes",
     .count = MILLION,
     .set_up = bench_start_with_processor,
     .work = child,
     .tear_down = bench_stop,
     .floor = bare_child_floor},
    {.id = "W3s",
     .name = "W3 as a scoped run, 3 store entries exported",
     .count = MILLION,
     .set_up = bench_start_with_processor,
     .work = scoped_run,
     .tear_down = bench_stop,
     .floor = scoped_floor},
    {.id = "W4",
     .name = "W3 with batches, paced: cost on the producing thread",
     .count = PACED_SPANS,
     .set_up = start_with_batches,
     .timed = paced,
     .tear_down = bench_stop,
     .floor = batch_floor},
    {.id = "W4t",
     .name = "W4 on 2 threads: cost on each",
     .count = PACED_SPANS,
     .set_up = start_with_batches,
     .timed = paced_by_two,
     .tear_down = bench_stop,
     .floor = batch_floor},
    {.id = "S2p",
     .name = "W4 on 2 threads, spans against one",
     .value = paced_two_to_one,
     .unit = "times"},
    {.id = "M2",
     .name = "W4 with the allocations of both threads, in the steady state",
     .count = PACED_SPANS,
     .set_up = start_warm,
     .timed = paced,
     .tear_down = bench_stop,
     .floor = batch_floor},
    {.id = "W4o",
     .name = "W4 to OTLP, by a transport that does nothing",
     .count = PACED_SPANS,
     .set_up = start_without_crash_file,
     .timed = paced,
     .tear_down = bench_stop,
     .floor = batch_floor},
    {.id = "W4j",
     .name = "W4o in crash-safe mode",
     .count = PACED_SPANS,
     .set_up = start_with_crash_file,
     .timed = paced,
     .tear_down = stop_with_crash_file,
     .floor = crash_file_floor},
    {.id = "W4w",
     .name = "waking a sleeping thread, per span of a batch of 512",
     .value = wake_for_a_span,
     .unit = "ns"},
    {.id = "W4b",
     .name = "W4 unpaced, default queue: dropped",
     .value = dropped_percent,
     .unit = "%"},
};
const struct bench_table bench_spans = BENCH_TABLE(rows);
