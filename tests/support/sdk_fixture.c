/* SPDX-License-Identifier: MIT */
/* sdk_fixture.c - an SDK for a test */
#include "sdk_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Callbacks may run on all threads that start and end spans. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_started(void *self, tote_span *span, const tote_context *parent) {
    struct sdk_fixture *fixture = self;

    (void)span, (void)parent;
    pthread_mutex_lock(&lock);
    fixture->started++;
    pthread_mutex_unlock(&lock);
}

static void keep_ended(void *self, const tote_span_data *span) {
    struct sdk_fixture *fixture = self;

    pthread_mutex_lock(&lock);
    if (fixture->ended < FIXTURE_MOST_SPANS) {
        fixture->spans[fixture->ended] = tote_span_data_copy(span);
    }
    fixture->ended++;
    pthread_mutex_unlock(&lock);
}

static uint64_t read_clock(void *clock) {
    const struct sdk_fixture *fixture = clock;

    return fixture->now;
}

static void keep_diagnostic(tote_level level, const char *component, const char *message,
                            void *user_data) {
    struct sdk_fixture *fixture = user_data;

    (void)level;
    pthread_mutex_lock(&lock);
    fixture->diagnostics++;
    snprintf(fixture->last_diagnostic, sizeof fixture->last_diagnostic, "%s: %s", component,
             message);
    pthread_mutex_unlock(&lock);
}

int sdk_fixture_set_up(void **state) {
    struct sdk_fixture *fixture = calloc(1, sizeof *fixture);

    assert_non_null(fixture);
    fixture->now = 1000;
    fixture->settings = (struct tote__sdk_settings){
        .is_global = true,
        .limits = {.struct_size = sizeof(tote_span_limits),
                   .attribute_count = 128,
                   .attribute_value_length = TOTE_OPTION_UNLIMITED,
                   .attribute_value_depth = 64,
                   .event_count = 128,
                   .link_count = 128,
                   .attribute_count_per_event = 128,
                   .attribute_count_per_link = 128},
        .store_export = TOTE_STORE_EXPORT_ALL,
        .now_unix_nano = read_clock,
        .clock = fixture,
    };
    tote_diagnostics_set_handler(keep_diagnostic, TOTE_LEVEL_DEBUG, fixture);
    *state = fixture;
    return 0;
}

struct sdk_fixture *sdk_fixture_start(void **state) {
    struct sdk_fixture *fixture = *state;
    const tote_span_processor_ops ops = {
        .struct_size = sizeof ops,
        .on_start = fixture->ignores_start ? NULL : keep_started,
        .on_end = keep_ended,
    };
    tote_span_processor *processors[8];
    size_t count = fixture->settings.processor_count;

    for (size_t i = 0; i < count; i++) {
        processors[i] = fixture->settings.processors[i];
    }
    processors[count] = tote_span_processor_new(&ops, fixture);
    fixture->settings.processors = processors;
    fixture->settings.processor_count = count + 1;
    fixture->sdk = tote__sdk_new(&fixture->settings);
    assert_non_null(fixture->sdk);
    fixture->tracer = tote_get_tracer("test", "1.0");
    return fixture;
}

const tote_span_data *sdk_fixture_only_span(struct sdk_fixture *fixture) {
    assert_int_equal(fixture->ended, 1);
    return fixture->spans[0];
}

int sdk_fixture_tear_down(void **state) {
    struct sdk_fixture *fixture = *state;

    tote_sdk_close(&fixture->sdk, 1000);
    for (size_t i = 0; i < fixture->ended && i < FIXTURE_MOST_SPANS; i++) {
        tote_span_data_free(fixture->spans[i]);
    }
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    free(fixture);
    return 0;
}

uint32_t sdk_fixture_resource(const tote_attribute *attributes, size_t count,
                              const char *schema_url) {
    tote_resource *resource = tote_resource_new(attributes, count, schema_url);
    uint32_t index = tote__resource_intern(resource);

    tote_resource_unref(resource);
    return index;
}
