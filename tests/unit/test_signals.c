/* SPDX-License-Identifier: MIT */
/*
 * test_signals.c - a signal handler that reads the current span, at any moment of the interrupted
 * code
 */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#include "tote/exporters/in_memory.h"
#include "tote/sdk/id_generator.h"
#include "tote/tote.h"

enum { ROUNDS = 5000 };

/* What the handlers read. All bytes of an id are equal, so a mix of two ids is detected. */
static atomic_size_t calls;
static atomic_size_t current; /* calls in which there was a span */
static atomic_size_t torn;    /* ids of no span, or an errno that was changed */
static atomic_bool is_over;
static atomic_uint next_byte;

static bool is_of_one_byte(const uint8_t *bytes, size_t size) {
    return bytes[0] != 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static void look(int number) {
    tote_trace_id trace;
    tote_span_id span;
    uint8_t flags;
    int error = errno;

    (void)number;
    errno = 77;
    if (tote_context_get_current_ids(&trace, &span, &flags)) {
        bool is_whole = is_of_one_byte(trace.bytes, sizeof trace.bytes) &&
                        is_of_one_byte(span.bytes, sizeof span.bytes);
        atomic_fetch_add(&torn, !is_whole);
        atomic_fetch_add(&current, 1);
    }
    atomic_fetch_add(&torn, errno != 77);
    atomic_fetch_add(&calls, 1);
    errno = error;
}

static void ignore(tote_level level, const char *component, const char *message, void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

static void new_trace_id(void *self, tote_trace_id *id) {
    (void)self;
    memset(id, (int)(atomic_fetch_add(&next_byte, 1) % 255) + 1, sizeof *id);
}

static void new_span_id(void *self, tote_span_id *id) {
    (void)self;
    memset(id, (int)(atomic_fetch_add(&next_byte, 1) % 255) + 1, sizeof *id);
}

static tote_sdk *start(void) {
    static const tote_id_generator_ops ids = {
        .struct_size = sizeof ids, .new_trace_id = new_trace_id, .new_span_id = new_span_id};
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_span_exporter *exporter = tote_span_exporter_in_memory_new(memory);

    tote_in_memory_spans_unref(memory); /* the exporter holds a reference */
    batch.max_queue_size = 64;          /* spans beyond it are dropped */
    options.ignore_environment = true;
    options.id_generator = tote_id_generator_new(&ids, NULL);
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.batch = &batch;
    return tote_sdk_start(&options);
}

static int work_inside(void *arg) {
    tote_scope *scope = tote_scope_open(arg, "inner", NULL);

    tote_store_add(tote_store_current(), "key", tote_string("value"));
    tote_span_set_attribute(tote_span_current(), "key", tote_int(1));
    tote_scope_close(&scope);
    return 0;
}

/* Scopes, stores and spans start and end; a signal may interrupt any of it. */
static void *work(void *arg) {
    tote_tracer *tracer = tote_get_tracer("test", NULL);

    for (size_t round = 0; round < ROUNDS; round++) {
        tote_run_scoped(tracer, "outer", NULL, work_inside, tracer);
    }
    return arg;
}

static void *disturb(void *arg) {
    const pthread_t *threads = arg;

    while (!atomic_load(&is_over)) {
        pthread_kill(threads[0], SIGUSR1);
        pthread_kill(threads[1], SIGUSR1);
        sched_yield();
    }
    return NULL;
}

/* tote_context_get_current_ids() is async-signal-safe. */
static void a_signal_handler_reads_one_whole_span_or_none_at_any_moment(void **state) {
    struct sigaction action = {.sa_handler = look};
    struct sigaction before;
    tote_sdk *sdk = start();
    pthread_t threads[2];
    pthread_t disturber;

    (void)state;
    assert_non_null(sdk);
    tote_diagnostics_set_handler(ignore, TOTE_LEVEL_WARN, NULL);
    sigaction(SIGUSR1, &action, &before);
    threads[0] = pthread_self();
    pthread_create(&threads[1], NULL, work, NULL);
    pthread_create(&disturber, NULL, disturb, threads);
    do {
        work(NULL);
    } while (atomic_load(&current) < 100);
    atomic_store(&is_over, true);
    pthread_join(disturber, NULL);
    pthread_join(threads[1], NULL);
    sigaction(SIGUSR1, &before, NULL);
    assert_true(atomic_load(&calls) > 0);
    assert_int_equal(atomic_load(&torn), 0);
    tote_sdk_close(&sdk, 10000);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_signal_handler_reads_one_whole_span_or_none_at_any_moment),
    };
    return RUN_TESTS(tests, argc, argv);
}
