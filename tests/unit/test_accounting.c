/* SPDX-License-Identifier: MIT */
/*
 * test_accounting.c - every span is counted once: the counters against what a receiver really got
 *
 * Random loads, settings, faults and shutdowns. Each round prints its seed; TOTE_SEED=N repeats
 * that round.
 */
#include "support.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "asleep.h"
#include "received.h"
#include "tote/diagnostics.h"
#include "tote/exporters/otlp.h"
#include "tote/tote.h"

enum { ROUNDS = 60, THREADS = 2, MOST_SPANS = 3000, LARGE = 3000, LONG_MS = 120000 };

static struct {
    unsigned seed; /* of rand_r() */
    char directory[64];
    struct receiver *receiver;
    tote_otlp_options otlp;
    tote_delivery_options delivery; /* of `otlp` */
    tote_batch_options batch;
    tote_sdk *sdk;
    size_t counts[THREADS]; /* of the spans that each thread ends */
    unsigned seeds[THREADS];
    bool is_over;
    bool is_lossless;    /* the receiver answers each request with a definite success or failure */
    char large[LARGE];   /* of a value */
    size_t acknowledged; /* spans, each once */
    uint8_t seen[THREADS][MOST_SPANS];
} f;

static size_t other_threads; /* of the test, the receiver and a sanitizer; 0: not yet counted */

static unsigned draw(unsigned below) {
    return (unsigned)rand_r(&f.seed) % below;
}

static void pause_us(unsigned us) {
    const struct timespec time = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};

    nanosleep(&time, NULL);
}

static void configure(bool disk_queues) {
    f.otlp = (tote_otlp_options)TOTE_OTLP_OPTIONS_INIT;
    f.delivery = (tote_delivery_options)TOTE_DELIVERY_OPTIONS_INIT;
    f.otlp.delivery = &f.delivery;
    f.otlp.ignore_environment = true;
    f.otlp.endpoint = receiver_url(f.receiver);
    f.otlp.max_concurrent_requests = draw(2) ? 1 : 1 + draw(8);
    f.delivery.initial_backoff_ms = 1 + draw(10);
    f.delivery.max_backoff_ms = 10 + draw(20);
    f.delivery.timeout_ms = f.is_lossless ? LONG_MS : 20 + draw(200);
    f.delivery.max_request_bytes = draw(2) ? 0 : 1000 + draw(4000);
    f.delivery.disk_queue_directory = disk_queues ? f.directory : NULL;
    f.delivery.disk_queue_max_files = draw(3) ? 0 : 2 + draw(4);
    f.delivery.crash_safe = disk_queues && draw(2);
    f.delivery.crash_safe_bytes = (size_t)65536 << draw(4);
    f.batch = (tote_batch_options)TOTE_BATCH_OPTIONS_INIT;
    f.batch.mode = draw(4) ? TOTE_EXPORT_MODE_WORKER : TOTE_EXPORT_MODE_HOST_DRIVEN;
    f.batch.max_queue_size = 16U << draw(8);
    f.batch.max_export_batch_size = 1 + draw(f.batch.max_queue_size);
    f.batch.schedule_delay_ms = 1 + draw(20);
    f.batch.export_timeout_ms = f.is_lossless ? LONG_MS : 20 + draw(300);
    f.delivery.crash_safe_directory = f.delivery.crash_safe && draw(2) ? f.directory : NULL;
}

static void start(void) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&f.otlp);

    options.ignore_environment = true;
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.batch = &f.batch;
    f.sdk = tote_sdk_start(&options);
    assert_non_null(f.sdk);
}

static void *work(void *arg) {
    const size_t *count = arg;
    size_t thread = (size_t)(count - f.counts);
    unsigned *seed = &f.seeds[thread];

    for (size_t i = 0; i < *count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%zu %zu", thread, i);
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), name, NULL);
        if (rand_r(seed) % 200 == 0) {
            tote_span_set_attribute(span, "large", tote_string_of(f.large, LARGE));
        }
        tote_span_close(&span);
        if (rand_r(seed) % 64 == 0) {
            pause_us((unsigned)rand_r(seed) % 2000);
        }
    }
    return NULL;
}

static void be_different(void) {
    static const struct receiver_response responses[] = {
        {.manner = RECEIVER_RESPONSES},
        {.manner = RECEIVER_RESPONSES},
        {.manner = RECEIVER_RESPONSES, .status = 503},
        {.manner = RECEIVER_RESPONSES, .status = 400},
        {.manner = RECEIVER_RESPONSES, .status = 429, .headers = {"Retry-After: 0"}},
        {.manner = RECEIVER_CLOSES},
        /* from here on the result of a request may be unknown */
        {.manner = RECEIVER_HANGS},
        {.manner = RECEIVER_CLOSES_MIDWAY, .body_size = 50},
        {.manner = RECEIVER_DRIPS, .body_size = 4},
        {.manner = RECEIVER_RESPONSES, .delay_ms = 60},
    };

    receiver_set_response(f.receiver,
                          responses[draw(f.is_lossless ? 6 : (unsigned)TOTE_COUNT_OF(responses))]);
}

/* The loads, while the receiver changes its responses and the host runs its loop. */
static void run(void) {
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        f.counts[i] = draw(MOST_SPANS);
        f.seeds[i] = draw(1000000);
        pthread_create(&threads[i], NULL, work, &f.counts[i]);
    }
    for (unsigned i = 5 + draw(20); i > 0; i--) {
        be_different();
        tote_sdk_poll(f.sdk);
        if (draw(8) == 0) {
            tote_sdk_force_flush(f.sdk, draw(30));
        }
        pause_us(draw(5000));
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void see(const Tote__Otlp__Span *span) {
    size_t thread = 0;
    size_t index = 0;

    assert_int_equal(sscanf(span->name, "%zu %zu", &thread, &index), 2);
    assert_true(thread < THREADS && index < f.counts[thread]);
    f.acknowledged += !f.seen[thread][index];
    f.seen[thread][index] = 1;
}

/* Return how many spans are in the requests that the receiver accepted, each counted once. */
static size_t count_acknowledged(void) {
    f.acknowledged = 0;
    memset(f.seen, 0, sizeof f.seen);
    received_accepted_spans(f.receiver, see);
    return f.acknowledged;
}

static uint64_t dropped(const tote_stats *stats) {
    return stats->dropped_queue_full + stats->dropped_too_large + stats->dropped_retries_exhausted +
           stats->dropped_shutdown + stats->dropped_out_of_memory + stats->dropped_disk_queue_full;
}

static tote_stats closed_stats(void) {
    tote_stats stats = TOTE_STATS_INIT;

    assert_true(tote_sdk_get_stats(f.sdk, &stats));
    assert_int_equal(stats.ended, stats.exported + stats.rejected + dropped(&stats) + stats.queued +
                                      stats.in_flight + stats.in_disk_queue);
    return stats;
}

static void shut_down(void) {
    if (f.is_lossless) {
        receiver_set_response(f.receiver, (struct receiver_response){.manner = RECEIVER_RESPONSES});
    }
    tote_result result = tote_sdk_shutdown(f.sdk, f.is_lossless ? LONG_MS : draw(300));
    /* A worker that was in a system call returns later, and may still save spans. */
    while (result == TOTE_RESULT_TIMEOUT && count_threads() > other_threads) {
        pause_us(1000);
        closed_stats();
    }
    tote_stats stats = closed_stats();
    assert_int_equal(stats.ended, f.counts[0] + f.counts[1]);
    assert_int_equal(stats.queued + stats.in_flight, 0);
}

/* Over all rounds: each case must have occurred. */
static tote_stats total;

static void add_to_total(const tote_stats *stats) {
    total.ended += stats->ended;
    total.exported += stats->exported;
    total.rejected += stats->rejected;
    total.dropped_queue_full += stats->dropped_queue_full;
    total.dropped_too_large += stats->dropped_too_large;
    total.dropped_retries_exhausted += stats->dropped_retries_exhausted;
    total.dropped_shutdown += stats->dropped_shutdown;
    total.dropped_disk_queue_full += stats->dropped_disk_queue_full;
    total.in_disk_queue += stats->in_disk_queue;
    total.not_crash_safe += stats->not_crash_safe;
}

static void print_stats(const char *what, const tote_stats *stats) {
    print_message(
        "%s: %" PRIu64 " ended: %" PRIu64 " exported, %" PRIu64 " rejected; dropped: queue full "
        "%" PRIu64 ", too large %" PRIu64 ", retries %" PRIu64 ", shutdown %" PRIu64
        ", disk queue full %" PRIu64 "; in disk queue %" PRIu64 ", not crash-safe %" PRIu64 "\n",
        what, stats->ended, stats->exported, stats->rejected, stats->dropped_queue_full,
        stats->dropped_too_large, stats->dropped_retries_exhausted, stats->dropped_shutdown,
        stats->dropped_disk_queue_full, stats->in_disk_queue, stats->not_crash_safe);
}

/* The counters must equal what the receiver has. */
static void compare(void) {
    tote_stats stats = closed_stats();
    size_t got = count_acknowledged();

    add_to_total(&stats);
    print_stats(f.is_lossless ? "the receiver tells" : "nobody knows", &stats);
    if (f.is_lossless) {
        assert_int_equal(got, stats.exported);
    } else { /* it may have accepted requests whose response was lost, but it has what was counted
              */
        assert_true(got >= stats.exported);
        assert_true(got <= stats.exported + stats.rejected + dropped(&stats) + stats.in_disk_queue);
    }
    if (!f.delivery.disk_queue_directory) {
        assert_int_equal(stats.in_disk_queue, 0);
        return;
    }
    tote_disk_queue_report report = {.struct_size = sizeof report};
    f.delivery.disk_queue_max_files = 0;
    receiver_set_response(f.receiver, (struct receiver_response){.manner = RECEIVER_RESPONSES});
    tote_sdk_close(&f.sdk, 0);
    assert_int_equal(tote_otlp_disk_queue_send(&f.otlp, LONG_MS, &report), TOTE_RESULT_SUCCESS);
    assert_int_equal(report.delivered, stats.in_disk_queue);
    got = count_acknowledged();
    assert_true(got >= stats.exported); /* and perhaps some of the disk queue */
    assert_int_equal(f.is_lossless ? got : 0,
                     f.is_lossless ? stats.exported + stats.in_disk_queue : 0);
}

static void run_round(unsigned seed) {
    char command[128];

    memset(&f, 0, sizeof f);
    memset(f.large, 'x', sizeof f.large);
    f.seed = seed;
    f.is_lossless = draw(2);
    snprintf(f.directory, sizeof f.directory, "/tmp/tote-accounting-XXXXXX");
    assert_non_null(mkdtemp(f.directory));
    f.receiver = receiver_start();
    assert_non_null(f.receiver);
    other_threads = other_threads ? other_threads : count_threads(); /* before any has ended */
    print_message("TOTE_SEED=%u\n", seed);
    configure(draw(2));
    start();
    run();
    shut_down();
    compare();
    tote_sdk_close(&f.sdk, 0);
    receiver_stop(f.receiver);
    snprintf(command, sizeof command, "rm -rf '%s'", f.directory);
    assert_int_equal(system(command), 0);
}

/*
 * ended = exported + rejected + dropped + queued + in_flight + in_disk_queue.
 * Compliance: SO-03, SO-05, SO-06, SO-07
 */
static void the_counters_equal_what_the_receiver_has(void **state) {
    const char *only = getenv("TOTE_SEED");
    unsigned first = only ? (unsigned)strtoul(only, NULL, 10) : (unsigned)time(NULL);

    (void)state;
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE, NULL);
    for (unsigned i = 0; i < (only ? 1 : ROUNDS); i++) {
        run_round(first + i);
    }
    print_stats("all", &total);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {TEST(the_counters_equal_what_the_receiver_has)};

    return RUN_TESTS(tests, argc, argv);
}
