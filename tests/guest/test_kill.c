/* SPDX-License-Identifier: MIT */
/*
 * test_kill.c - a service under load is killed repeatedly: no span is lost whose tote_span_end()
 * had returned
 *
 * Services with one disk queue die one after the other; the next one delivers what was left, and
 * finally a separate process delivers the rest. Meanwhile the receiver is up, down, or alternating.
 */
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "received.h"
#include "tote/diagnostics.h"
#include "tote/exporters/otlp.h"
#include "tote/tote.h"

enum {
    GROUPS = 20,
    KILLS = 10, /* in a group: one receiver, one disk queue */
    THREADS = 2,
    MOST_SPANS = 20000, /* of a thread */
    BATCH = 64,
    MOST_TWICE = 512, /* after a kill: one request, from the queue or from the disk queue */
    TIMEOUT_MS = 30000
};

/* The progress of a service, in memory that survives it. */
struct progress {
    _Atomic(uint32_t) ended[KILLS][THREADS];
};

static struct {
    char directory[64];
    struct receiver *receiver;
    struct progress *progress;
    tote_otlp_options otlp;
    tote_delivery_options delivery; /* of `otlp` */
    uint8_t seen[KILLS][THREADS][MOST_SPANS];
    size_t killed, ended, twice;
} f;

static int set_up(void **state) {
    (void)state;
    snprintf(f.directory, sizeof f.directory, "/tmp/tote-kill-XXXXXX");
    f.receiver = receiver_start();
    f.progress =
        mmap(NULL, sizeof *f.progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    f.otlp = (tote_otlp_options)TOTE_OTLP_OPTIONS_INIT;
    f.delivery = (tote_delivery_options)TOTE_DELIVERY_OPTIONS_INIT;
    f.otlp.delivery = &f.delivery;
    f.otlp.ignore_environment = true;
    f.otlp.endpoint = receiver_url(f.receiver);
    f.delivery.disk_queue_directory = f.directory;
    f.delivery.crash_safe = true;
    f.delivery.initial_backoff_ms = 5;
    f.delivery.max_backoff_ms = 20;
    f.delivery.timeout_ms = 10000;
    memset(f.seen, 0, sizeof f.seen);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE, NULL);
    return f.receiver && f.progress != MAP_FAILED && mkdtemp(f.directory) ? 0 : -1;
}

static int tear_down(void **state) {
    char command[160];

    (void)state;
    receiver_stop(f.receiver);
    munmap(f.progress, sizeof *f.progress);
    snprintf(command, sizeof command, "rm -rf %s", f.directory);
    return system(command);
}

static void pause_us(long us) {
    const struct timespec time = {us / 1000000, us % 1000000 * 1000};

    nanosleep(&time, NULL);
}

/* One thread of a service. */
struct worker {
    unsigned kill;
    unsigned thread;
};

static void *work(void *arg) {
    const struct worker *worker = arg;
    tote_tracer *tracer = tote_get_tracer(worker->thread ? "two" : "one", NULL);

    for (uint32_t i = 0; i < MOST_SPANS; i++) {
        char name[64];
        snprintf(name, sizeof name, "%u %u %u", worker->kill, worker->thread, i);
        tote_span *span = tote_tracer_start_span(tracer, name, NULL);
        tote_span_set_attribute(span, "answer", tote_int(42));
        tote_span_close(&span);
        atomic_store_explicit(&f.progress->ended[worker->kill][worker->thread], i + 1,
                              memory_order_release);
        if (i % 16 == 0) {
            pause_us(100);
        }
    }
    return NULL;
}

static void serve(unsigned number) {
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&f.otlp);
    struct worker workers[THREADS];
    pthread_t thread;

    batch.schedule_delay_ms = 5;
    batch.max_export_batch_size = BATCH;
    batch.max_queue_size = THREADS * MOST_SPANS;
    options.ignore_environment = true;
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.batch = &batch;
    if (!tote_sdk_start(&options)) {
        _exit(1);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){number, i};
        pthread_create(&thread, NULL, work, &workers[i]);
    }
    for (;;) {
        pause();
    }
}

/* The states of the receiver over time. */
static void be_up(long us) {
    receiver_set_response(f.receiver, (struct receiver_response){.manner = RECEIVER_RESPONSES});
    pause_us(us);
}

static void be_down(long us) {
    receiver_set_response(f.receiver, (struct receiver_response){.manner = RECEIVER_CLOSES});
    pause_us(us);
}

static void be_now_this_now_that(long us) {
    static const struct receiver_response responses[] = {
        {.manner = RECEIVER_RESPONSES},
        {.manner = RECEIVER_CLOSES},
        {.manner = RECEIVER_RESPONSES, .status = 503},
        {.manner = RECEIVER_CLOSES_MIDWAY, .body_size = 100},
        {.manner = RECEIVER_RESPONSES, .delay_ms = 3},
    };

    for (long left = us; left > 0; left -= 2000) {
        receiver_set_response(f.receiver, responses[(size_t)random() % TOTE_COUNT_OF(responses)]);
        pause_us(2000);
    }
}

static void run_and_kill(unsigned number) {
    static void (*const days[])(long us) = {be_up, be_down, be_now_this_now_that};
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        serve(number);
    }
    days[(size_t)random() % TOTE_COUNT_OF(days)](5000 + random() % 120000);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void see(const Tote__Otlp__Span *span) {
    unsigned number = 0;
    unsigned thread = 0;
    unsigned index = 0;

    assert_int_equal(sscanf(span->name, "%u %u %u", &number, &thread, &index), 3);
    assert_true(number < KILLS && thread < THREADS && index < MOST_SPANS);
    f.twice += f.seen[number][thread][index] != 0;
    f.seen[number][thread][index] = 1;
}

/* Return how many had ended and were never acknowledged. */
static size_t count_missing(void) {
    size_t missing = 0;

    for (size_t i = 0; i < KILLS; i++) {
        for (size_t j = 0; j < THREADS; j++) {
            uint32_t ended = f.progress->ended[i][j];
            for (uint32_t k = 0; k < ended; k++) {
                missing += !f.seen[i][j][k];
            }
            f.ended += ended;
        }
    }
    return missing;
}

/* Except spans that the counters in the crash-safe file contain. */
static void no_span_that_had_ended_before_a_kill_is_lost(void **state) {
    tote_disk_queue_report report = {.struct_size = sizeof report};

    (void)state;
    f.twice = 0;
    for (unsigned i = 0; i < KILLS; i++) {
        run_and_kill(i);
    }
    be_up(0);
    f.delivery.timeout_ms = TIMEOUT_MS; /* the receiver may be slow now */
    assert_int_equal(tote_otlp_disk_queue_send(&f.otlp, TIMEOUT_MS, &report), TOTE_RESULT_SUCCESS);
    assert_int_equal(report.lost, 0);
    received_accepted_spans(f.receiver, see);
    assert_int_equal(count_missing(), 0);
    assert_in_range(f.twice, 0, KILLS * MOST_TWICE);
    f.killed += KILLS;
    print_message(
        "%zu kills, %zu spans had ended, none is lost; of the last %d kills %zu came twice\n",
        f.killed, f.ended, (int)KILLS, f.twice);
}

int main(int argc, char **argv) {
    struct CMUnitTest tests[GROUPS];

    for (size_t i = 0; i < GROUPS; i++) {
        tests[i] = (struct CMUnitTest)cmocka_unit_test_setup_teardown(
            no_span_that_had_ended_before_a_kill_is_lost, set_up, tear_down);
    }
    srandom((unsigned)time(NULL));
    return RUN_TESTS(tests, argc, argv);
}
