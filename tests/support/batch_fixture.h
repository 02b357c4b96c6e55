/* SPDX-License-Identifier: MIT */
/* batch_fixture.h - an SDK with one exporting processor, and an exporter that tests control */
#ifndef TOTE_TESTS_BATCH_FIXTURE_H
#define TOTE_TESTS_BATCH_FIXTURE_H

#include "support.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "tote/internal/sdk.h"
#include "tote/tote.h"

enum { AN_HOUR_MS = 3600000, SAFETY_NET_MS = 60000 }; /* neither ever passes in a test */

/* What the exporter does, and what it saw. */
struct test_exporter {
    atomic_bool is_gated;       /* an export waits until the gate is posted */
    atomic_bool heeds_shutdown; /* the exporter's shutdown posts the gate */
    atomic_int result;          /* of an export, a tote_result */
    atomic_size_t reports_rejected;
    atomic_size_t reports_delivered;
    void (*on_export)(struct test_exporter *exporter); /* NULL, or called in each export */
    void *user_data;

    sem_t gate;
    sem_t has_begun; /* posted by each export as it begins, ... */
    sem_t has_ended; /* ... and as it ends */
    sem_t is_destroyed;
    atomic_size_t exports;
    atomic_size_t spans;
    atomic_size_t largest;  /* batch */
    atomic_size_t overlaps; /* exports that began during another one */
    atomic_size_t running;
    atomic_size_t flushes;
    atomic_size_t shutdowns;
    atomic_size_t destroys;
};

/* Initialize the semaphores and zero everything else: exports succeed at once. */
void test_exporter_init(struct test_exporter *exporter);
tote_span_exporter *test_exporter_new(struct test_exporter *exporter);

/* Let all exports pass from now on. */
void test_exporter_open_gate(struct test_exporter *exporter);

/* Wait for a post. Returns false if there is none. */
bool wait_for_post(sem_t *semaphore);

struct batch_fixture {
    struct tote__batch_settings batch; /* the specification's defaults, except a delay of an hour */
    tote_thread_factory thread_factory;
    tote_sampler *sampler;
    struct test_exporter exporter;
    tote_sdk *sdk;
    tote_tracer *tracer;
    atomic_size_t diagnostics;
    char first_diagnostic[256];
    char last_diagnostic[512];
};

int batch_fixture_set_up(void **state);
int batch_fixture_tear_down(void **state);

/* Start an SDK with a batch processor with the current settings. Returns *state. */
struct batch_fixture *batch_fixture_start(void **state);

/* The same with the simple processor. */
struct batch_fixture *batch_fixture_start_simple(void **state);

/* The same with the test's own processor. */
struct batch_fixture *batch_fixture_start_with(void **state, tote_span_processor *processor);

void end_spans(struct batch_fixture *fixture, size_t count);

tote_stats get_stats(struct batch_fixture *fixture);

/*
 * Wait until no span is queued or in flight: the worker settles them, also after the deadline of a
 * shutdown.
 */
tote_stats get_settled_stats(struct batch_fixture *fixture);

/* Whether every ended span is counted once in the statistics. */
bool accounting_closes(const tote_stats *stats);

/* For the table of tests. */
#define BATCH_TEST(test)                                                                           \
    cmocka_unit_test_setup_teardown(test, batch_fixture_set_up, batch_fixture_tear_down)

#endif
