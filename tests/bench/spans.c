/* SPDX-License-Identifier: MIT */
/*
 * spans.c - the rows about spans: W1 to W4
 */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tote/sdk/sampler.h"
#include "tote/sdk/span_exporter.h"
#include "tote/sdk/span_processor.h"
#include "tote/tote.h"

static tote_sdk *sdk;
static tote_tracer *tracer;
static tote_span *parent;
static tote_context *context; /* over `parent` */
static _Atomic(uint64_t) exported;

/* A processor that is there and does nothing. */
static void ignore(void *self, const tote_span_data *span) {
    (void)self;
    bench_sink = (uint64_t)(uintptr_t)span;
}

static tote_result count_spans(void *self, const tote_span_data *const *spans, size_t count,
                               uint32_t timeout_ms, tote_export_report *report) {
    (void)self, (void)spans, (void)timeout_ms, (void)report;
    atomic_fetch_add(&exported, count);
    return TOTE_SUCCESS;
}

static void start_sdk(tote_sdk_options *options) {
    options->ignore_environment = true;
    options->service_name = "bench";
    sdk = tote_sdk_start(options);
    tracer = tote_get_tracer("bench", "1.0");
    tote_span_options root = TOTE_SPAN_OPTIONS_INIT;
    root.root = true;
    parent = tote_tracer_start_span(tracer, "parent", &root);
    context = tote_context_with_span(tote_context_root(), parent);
}

static void start_with_processor(void) {
    static const tote_span_processor_ops ops = {.struct_size = sizeof ops, .on_end = ignore};
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_span_processor *processor = tote_span_processor_new(&ops, NULL);
    tote_span_exporter *no_exporter = NULL;

    options.processors = &processor;
    options.processor_count = 1;
    options.exporters = &no_exporter;
    options.exporter_count = 1;
    start_sdk(&options);
}

static void start_sampled_out(void) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_span_exporter *no_exporter = NULL;

    options.sampler = tote_sampler_new_always_off();
    options.exporters = &no_exporter;
    options.exporter_count = 1;
    start_sdk(&options);
}

static void start_with_batches(void) {
    static const tote_span_exporter_ops ops = {.struct_size = sizeof ops,
                                               .export_spans = count_spans};
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_span_exporter *exporter = tote_span_exporter_new(&ops, NULL);

    atomic_store(&exported, 0);
    options.exporters = &exporter;
    options.exporter_count = 1;
    start_sdk(&options);
}

static void stop(void) {
    tote_context_unref(context);
    tote_span_close(&parent);
    tote_sdk_close(&sdk, 10000);
}

static const tote_attribute *five_attributes(void) {
    static tote_attribute attributes[5];

    attributes[0] = (tote_attribute){"http.request.method", tote_string("GET-0123456789ab")};
    attributes[1] = (tote_attribute){"url.path", tote_string("/checkout/012345")};
    attributes[2] = (tote_attribute){"http.response.status_code", tote_int(200)};
    attributes[3] = (tote_attribute){"request.size", tote_int(123456)};
    attributes[4] = (tote_attribute){"cache.hit", tote_bool(true)};
    return attributes;
}

static void api_only(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(tracer, "work", NULL);
        tote_span_set_attribute(span, "key", tote_int((int64_t)i));
        tote_span_close(&span);
    }
}

static void get_tracer_only(void) {
    tracer = tote_get_tracer("bench", "1.0");
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

    options.parent = context;
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(tracer, "work", &options);
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

static void recorded_child(size_t count) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = context;
    options.attributes = five_attributes();
    options.attribute_count = 5;
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(tracer, "work", &options);
        tote_span_close(&span);
    }
}

static void recorded_child_by_calls(size_t count) {
    const tote_attribute *attributes = five_attributes();
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = context;
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(tracer, "work", &options);
        for (size_t a = 0; a < 5; a++) {
            tote_span_set_attribute(span, attributes[a].key, attributes[a].value);
        }
        tote_span_close(&span);
    }
}

static void local_root(size_t count) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.root = true;
    options.attributes = five_attributes();
    options.attribute_count = 5;
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(tracer, "work", &options);
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

    options.parent = context;
    options.attributes = five_attributes();
    options.attribute_count = 5;
    for (size_t i = 0; i < count; i++) {
        tote_run_scoped(tracer, "work", &options, add_three, NULL);
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
 * Spans as fast as the exporter takes them: after each burst the clock stands still until the
 * queue is empty. Returns: ns a span on this thread, waiting not counted.
 */
static double paced(size_t count) {
    enum { BURST = 1024 };
    uint64_t spent = 0;

    for (size_t done = 0; done < count; done += BURST) {
        uint64_t before = floor_clock();
        recorded_child(BURST);
        spent += floor_clock() - before;
        tote_sdk_force_flush(sdk, 10000);
    }
    return (double)spent / (double)count;
}

enum { REPETITIONS = 9, PACED_SPANS = 500 * 1024 };

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The median of what a repetition costs, with batches. */
static double median_with_batches(double (*repetition)(size_t count)) {
    double times[REPETITIONS];

    start_with_batches();
    repetition(PACED_SPANS / 10);
    for (int i = 0; i < REPETITIONS; i++) {
        times[i] = repetition(PACED_SPANS);
    }
    stop();
    qsort(times, REPETITIONS, sizeof *times, compare);
    return times[REPETITIONS / 2];
}

static double batch_cost(void) {
    return median_with_batches(paced);
}

/* One of two threads: bursts that begin together, and the time this one spent in them. */
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
        recorded_child(BURST);
        producer->spent += floor_clock() - before;
        pthread_barrier_wait(producer->barrier);
        if (producer->flushes) {
            tote_sdk_force_flush(sdk, 10000);
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

static double batch_cost_of_two(void) {
    return median_with_batches(paced_by_two);
}

enum { UNPACED_SPANS = 1000000 };

static double dropped_percent(void) {
    tote_stats stats = TOTE_STATS_INIT;

    start_with_batches();
    recorded_child(UNPACED_SPANS);
    tote_sdk_force_flush(sdk, 10000);
    tote_sdk_get_stats(sdk, &stats);
    stop();
    return 100.0 * (double)stats.dropped_queue_full / (double)UNPACED_SPANS;
}

enum { MILLION = 1000000 };

const struct bench_row bench_spans[] = {
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
     .tear_down = stop,
     .floor = sampled_out_floor},
    {.id = "W3",
     .name = "recorded child, 5 attributes at start, end",
     .count = MILLION,
     .set_up = start_with_processor,
     .work = recorded_child,
     .tear_down = stop,
     .floor = child_floor},
    {.id = "W3b",
     .name = "the same, five set_attribute calls",
     .count = MILLION,
     .set_up = start_with_processor,
     .work = recorded_child_by_calls,
     .tear_down = stop,
     .floor = child_floor},
    {.id = "W3r",
     .name = "W3 as a local root",
     .count = MILLION,
     .set_up = start_with_processor,
     .work = local_root,
     .tear_down = stop,
     .floor = root_floor},
    {.id = "W3a",
     .name = "W3 without attributes",
     .count = MILLION,
     .set_up = start_with_processor,
     .work = child,
     .tear_down = stop,
     .floor = bare_child_floor},
    {.id = "W3s",
     .name = "W3 as a scoped run, 3 store entries exported",
     .count = MILLION,
     .set_up = start_with_processor,
     .work = scoped_run,
     .tear_down = stop,
     .floor = scoped_floor},
    {.id = "W4",
     .name = "W3 with batches, paced: cost on the producing thread",
     .value = batch_cost,
     .unit = "ns"},
    {.id = "W4t",
     .name = "W4 on 2 threads: cost on each",
     .value = batch_cost_of_two,
     .unit = "ns"},
    {.id = "W4b",
     .name = "W4 unpaced, default queue: dropped",
     .value = dropped_percent,
     .unit = "%"},
};
const size_t bench_span_count = sizeof bench_spans / sizeof *bench_spans;
