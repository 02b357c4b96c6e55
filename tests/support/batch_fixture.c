/* SPDX-License-Identifier: MIT */
/* batch_fixture.c - an SDK with one exporting processor, and an exporter that tests control */
#include "batch_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

bool wait_for_post(sem_t *semaphore) {
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SAFETY_NET_MS / 1000;
    int result;
    while ((result = sem_timedwait(semaphore, &until)) != 0 && errno == EINTR) {
    }
    return result == 0;
}

static tote_result test_export(void *self, const tote_span_data *const *spans, size_t count,
                               uint32_t timeout_ms, tote_export_outcome *report) {
    struct test_exporter *exporter = self;

    (void)spans, (void)timeout_ms;
    exporter->overlaps += atomic_fetch_add(&exporter->running, 1) != 0;
    exporter->exports++;
    exporter->spans += count;
    if (count > exporter->largest) {
        exporter->largest = count;
    }
    sem_post(&exporter->has_begun);
    if (exporter->on_export) {
        exporter->on_export(exporter);
    }
    if (exporter->is_gated) {
        wait_for_post(&exporter->gate);
    }
    report->rejected = exporter->reports_rejected;
    report->delivered = exporter->reports_delivered;
    tote_result result = (tote_result)atomic_load(&exporter->result);
    exporter->running--;
    sem_post(&exporter->has_ended);
    return result;
}

static tote_result test_flush(void *self, uint32_t timeout_ms) {
    struct test_exporter *exporter = self;

    (void)timeout_ms;
    exporter->flushes++;
    return TOTE_RESULT_SUCCESS;
}

static tote_result test_shutdown(void *self, uint32_t timeout_ms) {
    struct test_exporter *exporter = self;

    (void)timeout_ms;
    exporter->shutdowns++;
    if (exporter->heeds_shutdown && exporter->is_gated) {
        exporter->result = TOTE_RESULT_FAILURE;
        test_exporter_open_gate(exporter);
    }
    return TOTE_RESULT_SUCCESS;
}

static void test_destroy(void *self) {
    struct test_exporter *exporter = self;

    exporter->destroys++;
    sem_post(&exporter->is_destroyed);
}

void test_exporter_init(struct test_exporter *exporter) {
    sem_init(&exporter->gate, 0, 0);
    sem_init(&exporter->has_begun, 0, 0);
    sem_init(&exporter->has_ended, 0, 0);
    sem_init(&exporter->is_destroyed, 0, 0);
}

tote_span_exporter *test_exporter_new(struct test_exporter *exporter) {
    static const tote_span_exporter_ops ops = {
        .struct_size = sizeof ops,
        .export_spans = test_export,
        .force_flush = test_flush,
        .shutdown = test_shutdown,
        .destroy = test_destroy,
    };

    return tote_span_exporter_new(&ops, exporter);
}

void test_exporter_open_gate(struct test_exporter *exporter) {
    exporter->is_gated = false;
    sem_post(&exporter->gate);
}

static pthread_mutex_t diagnostics_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_diagnostic(tote_level level, const char *component, const char *message,
                            void *user_data) {
    struct batch_fixture *fixture = user_data;

    (void)level;
    pthread_mutex_lock(&diagnostics_lock);
    snprintf(fixture->last_diagnostic, sizeof fixture->last_diagnostic, "%s: %s", component,
             message);
    if (atomic_fetch_add(&fixture->diagnostics, 1) == 0) {
        snprintf(fixture->first_diagnostic, sizeof fixture->first_diagnostic, "%s: %s", component,
                 message);
    }
    pthread_mutex_unlock(&diagnostics_lock);
}

int batch_fixture_set_up(void **state) {
    struct batch_fixture *fixture = calloc(1, sizeof *fixture);

    assert_non_null(fixture);
    test_exporter_init(&fixture->exporter);
    fixture->batch = (struct tote__batch_settings){
        .max_queue_size = 2048,
        .max_queue_bytes = 32 * 1024 * 1024,
        .max_export_batch_size = 512,
        .schedule_delay_ms = AN_HOUR_MS,
        .export_timeout_ms = 30000,
    };
    tote_diagnostics_set_handler(keep_diagnostic, TOTE_LEVEL_INFO, fixture);
    *state = fixture;
    return 0;
}

struct batch_fixture *batch_fixture_start_with(void **state, tote_span_processor *processor) {
    struct batch_fixture *fixture = *state;
    const struct tote__sdk_settings settings = {
        .sampler = fixture->sampler,
        .limits = {.struct_size = sizeof(tote_span_limits),
                   .attribute_count = 128,
                   .attribute_value_length = TOTE_OPTION_UNLIMITED,
                   .attribute_value_depth = 64,
                   .event_count = 128,
                   .link_count = 128,
                   .attribute_count_per_event = 128,
                   .attribute_count_per_link = 128},
        .processors = &processor,
        .processor_count = 1,
        .thread_factory = fixture->thread_factory,
    };

    assert_non_null(processor);
    fixture->sdk = tote__sdk_new(&settings);
    assert_non_null(fixture->sdk);
    tote_tracer_provider *provider = tote_sdk_ref_tracer_provider(fixture->sdk);
    fixture->tracer = tote_tracer_provider_get_tracer(provider, "test", NULL);
    tote_tracer_provider_unref(provider);
    return fixture;
}

struct batch_fixture *batch_fixture_start(void **state) {
    struct batch_fixture *fixture = *state;

    return batch_fixture_start_with(
        state, tote__batch_processor_new(test_exporter_new(&fixture->exporter), &fixture->batch));
}

struct batch_fixture *batch_fixture_start_simple(void **state) {
    struct batch_fixture *fixture = *state;

    return batch_fixture_start_with(
        state, tote__simple_processor_new(test_exporter_new(&fixture->exporter),
                                          fixture->batch.export_timeout_ms));
}

int batch_fixture_tear_down(void **state) {
    struct batch_fixture *fixture = *state;

    test_exporter_open_gate(&fixture->exporter);
    tote_sdk_close(&fixture->sdk, SAFETY_NET_MS);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    free(fixture);
    return 0;
}

void end_spans(struct batch_fixture *fixture, size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(fixture->tracer, "work", NULL);
        tote_span_close(&span);
    }
}

tote_stats get_stats(struct batch_fixture *fixture) {
    tote_stats stats = TOTE_STATS_INIT;

    tote_sdk_get_stats(fixture->sdk, &stats);
    return stats;
}

tote_stats get_settled_stats(struct batch_fixture *fixture) {
    tote_stats stats = get_stats(fixture);

    for (int i = 0; i < SAFETY_NET_MS && stats.queued + stats.in_flight; i++) {
        const struct timespec moment = {.tv_nsec = 1000000};
        nanosleep(&moment, NULL);
        stats = get_stats(fixture);
    }
    return stats;
}

bool accounting_closes(const tote_stats *stats) {
    uint64_t dropped = stats->dropped_queue_full + stats->dropped_too_large +
                       stats->dropped_retries_exhausted + stats->dropped_shutdown +
                       stats->dropped_out_of_memory + stats->dropped_disk_queue_full;

    return stats->ended == stats->exported + stats->rejected + dropped + stats->queued +
                               stats->in_flight + stats->in_disk_queue;
}
