/* SPDX-License-Identifier: MIT */
/*
 * test_several_sdks.c - several SDKs in one process, each with its own settings
 * A private SDK is one with skip_global_registration. Spec: trace/sdk.md#tracer-provider-creation
 */
#include "batch_fixture.h"
#include "tree.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tote/delivery.h"
#include "tote/exporters/in_memory.h"
#include "tote/exporters/otlp.h"
#include "tote/processors.h"
#include "tote/propagators.h"
#include "tote/sdk/id_generator.h"
#include "tote/sdk/sampler.h"

enum { MOST_SDKS = 8 };

/* One SDK with its settings, and what it exported. */
struct unit {
    char name[16]; /* of the service and of the tracer */
    tote_batch_options batch;
    tote_sdk_options options;
    tote_in_memory_spans *memory;
    tote_sdk *sdk;
    tote_tracer *tracer;
};

static struct unit units[MOST_SDKS];
static char diagnostic[512];
static size_t diagnostics;
static pthread_mutex_t diagnostics_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep_diagnostic(tote_level level, const char *component, const char *message,
                            void *user_data) {
    (void)level, (void)component, (void)user_data;
    pthread_mutex_lock(&diagnostics_lock);
    diagnostics++;
    snprintf(diagnostic, sizeof diagnostic, "%s", message);
    pthread_mutex_unlock(&diagnostics_lock);
}

/* Private, without an environment; each span is exported when it ends. */
static void reset(struct unit *unit, size_t number) {
    *unit = (struct unit){.batch = TOTE_BATCH_OPTIONS_INIT, .options = TOTE_SDK_OPTIONS_INIT};
    snprintf(unit->name, sizeof unit->name, "service %c", 'a' + (char)number);
    unit->batch.mode = TOTE_EXPORT_MODE_SIMPLE;
    unit->batch.schedule_delay_ms = AN_HOUR_MS;
    unit->options.ignore_environment = true;
    unit->options.skip_global_registration = true;
    unit->options.service_name = unit->name;
    unit->options.resource_detectors = "none";
    unit->options.batch = &unit->batch;
}

static int set_up(void **state) {
    (void)state;
    for (size_t i = 0; i < MOST_SDKS; i++) {
        reset(&units[i], i);
    }
    diagnostics = 0;
    diagnostic[0] = '\0';
    tote_diagnostics_set_handler(keep_diagnostic, TOTE_LEVEL_INFO, NULL);
    return 0;
}

static int tear_down(void **state) {
    static const char *const variables[] = {"OTEL_SERVICE_NAME", "OTEL_SDK_DISABLED",
                                            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"};

    (void)state;
    for (size_t i = 0; i < MOST_SDKS; i++) {
        tote_sdk_close(&units[i].sdk, SAFETY_NET_MS);
        tote_in_memory_spans_unref(units[i].memory);
        units[i].memory = NULL;
    }
    for (size_t i = 0; i < TOTE_COUNT_OF(variables); i++) {
        unsetenv(variables[i]);
    }
    tote_propagator_set_global(NULL);
    return 0;
}

#define UNITS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static tote_tracer *tracer_of(tote_sdk *sdk, const char *name) {
    tote_tracer_provider *provider = tote_sdk_ref_tracer_provider(sdk);
    tote_tracer *tracer = tote_tracer_provider_get_tracer(provider, name, NULL);

    tote_tracer_provider_unref(provider);
    return tracer;
}

/* Start with this exporter and the settings of the unit. */
static void start_with(struct unit *unit, tote_span_exporter *exporter) {
    unit->options.exporters = &exporter;
    unit->options.exporter_count = 1;
    unit->sdk = tote_sdk_start(&unit->options);
    unit->options.exporters = NULL;
    assert_non_null(unit->sdk);
    unit->tracer = tracer_of(unit->sdk, unit->name);
    assert_non_null(unit->tracer);
}

static void start(struct unit *unit) {
    unit->memory = tote_in_memory_spans_new();
    assert_non_null(unit->memory);
    start_with(unit, tote_span_exporter_in_memory_new(unit->memory));
}

static void start_two(void) {
    start(&units[0]);
    start(&units[1]);
}

static void end_one(const struct unit *unit, const char *name) {
    tote_span *span = tote_tracer_start_span(unit->tracer, name, NULL);

    tote_span_set_attribute(span, "first", tote_int(1));
    tote_span_set_attribute(span, "second", tote_int(2));
    tote_span_close(&span);
}

static size_t count_of(const struct unit *unit) {
    return tote_in_memory_spans_get_count(unit->memory);
}

static const tote_span_data *find(const struct unit *unit, const char *name) {
    const tote_span_data *span = tote_in_memory_spans_find(unit->memory, name);

    assert_non_null(span);
    return span;
}

static tote_stats stats_of(const struct unit *unit) {
    tote_stats stats = TOTE_STATS_INIT;

    assert_true(tote_sdk_get_stats(unit->sdk, &stats));
    assert_true(accounting_closes(&stats));
    return stats;
}

static const char *service_of(const tote_span_data *span) {
    const tote_resource *resource = tote_span_data_get_resource(span);

    for (size_t i = 0; i < resource->attribute_count; i++) {
        if (strcmp(resource->attributes[i].key, "service.name") == 0) {
            return resource->attributes[i].value.as.string;
        }
    }
    return "";
}

/* The unit exported this many spans, all of its own tracer, with its own resource. */
static void assert_exported_own(const struct unit *unit, size_t count) {
    assert_int_equal(count_of(unit), count);
    for (size_t i = 0; i < count; i++) {
        const tote_span_data *span = tote_in_memory_spans_get_at(unit->memory, i);
        assert_string_equal(tote_span_data_get_instrumentation_scope(span)->name, unit->name);
        assert_string_equal(service_of(span), unit->name);
    }
}

static void spans_reach_only_the_exporter_of_their_own_sdk(void **state) {
    (void)state;
    start_two();
    end_one(&units[0], "one");
    end_one(&units[1], "two");
    end_one(&units[1], "three");
    assert_exported_own(&units[0], 1);
    assert_exported_own(&units[1], 2);
}

/* Start `count` SDKs: a third each with a worker, driven by the host, and simple. */
static void start_in_all_modes(size_t count) {
    for (size_t i = 0; i < count; i++) {
        units[i].batch.mode = (uint32_t)(i % 3);
        units[i].batch.max_export_batch_size = (uint32_t)(i + 1);
        start(&units[i]);
    }
}

static void eight_sdks_with_different_export_modes_export_and_count_apart(void **state) {
    (void)state;
    start_in_all_modes(MOST_SDKS);
    for (size_t i = 0; i < MOST_SDKS; i++) {
        for (size_t spans = 0; spans <= i; spans++) {
            end_one(&units[i], "span");
        }
    }
    for (size_t i = 0; i < MOST_SDKS; i++) {
        assert_int_equal(tote_sdk_force_flush(units[i].sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
        assert_exported_own(&units[i], i + 1);
        tote_stats stats = stats_of(&units[i]);
        assert_int_equal(stats.started, i + 1);
        assert_int_equal(stats.ended, i + 1);
        assert_int_equal(stats.exported, i + 1);
        assert_int_equal(tote_sdk_get_poll_fd(units[i].sdk) >= 0, i % 3 == 1);
    }
}

/*
 * It is not a tracer of the global SDK, which is the eighth here. Spec: trace/api.md#get-a-tracer
 */
static void a_ninth_sdk_is_refused_and_its_tracer_records_nothing(void **state) {
    (void)state;
    units[7].options.skip_global_registration = false;
    for (size_t i = 0; i < MOST_SDKS; i++) {
        start(&units[i]);
    }
    tote_sdk *ninth = tote_sdk_start(&(tote_sdk_options){.struct_size = sizeof(tote_sdk_options),
                                                         .ignore_environment = true,
                                                         .skip_global_registration = true});
    assert_null(ninth);
    assert_int_equal(diagnostics, 1);
    assert_non_null(strstr(diagnostic, "not started: 8 SDKs"));
    assert_null(tote_sdk_ref_tracer_provider(ninth));
    assert_null(tracer_of(ninth, "ninth"));
    tote_span *span = tote_tracer_start_span(tracer_of(ninth, "ninth"), "span", NULL);
    assert_false(tote_span_is_recording(span));
    tote_span_close(&span);
    assert_int_equal(count_of(&units[7]), 0);
    tote_sdk_close(&units[3].sdk, SAFETY_NET_MS); /* its place is free again */
    tote_in_memory_spans_unref(units[3].memory);
    start(&units[3]);
    end_one(&units[3], "of the new one");
    assert_exported_own(&units[3], 1);
}

static uint64_t fixed_clock(void *clock) {
    return *(uint64_t *)clock;
}

static void new_trace_id(void *self, tote_trace_id *id) {
    memset(id, *(int *)self, sizeof *id);
}

static void new_span_id(void *self, tote_span_id *id) {
    memset(id, *(int *)self, sizeof *id);
}

static void samplers_id_generators_and_limits_apply_to_their_own_sdk(void **state) {
    static const tote_id_generator_ops ops = {sizeof ops, false, new_trace_id, new_span_id, NULL};
    static int bytes[] = {0x17, 0x42};
    tote_span_limits limits = TOTE_SPAN_LIMITS_INIT;

    (void)state;
    limits.attribute_count = 1;
    units[0].options.id_generator = tote_id_generator_new(&ops, &bytes[0]);
    units[0].options.limits = &limits;
    units[1].options.id_generator = tote_id_generator_new(&ops, &bytes[1]);
    units[2].options.sampler = tote_sampler_always_off_new();
    for (size_t i = 0; i < 3; i++) {
        start(&units[i]);
        end_one(&units[i], "span");
    }
    for (size_t i = 0; i < 2; i++) {
        const tote_span_data *span = find(&units[i], "span");
        assert_int_equal(tote_span_context_get_trace_id(tote_span_data_get_context(span))->bytes[3],
                         bytes[i]);
        assert_int_equal(tote_span_data_get_dropped_attribute_count(span), i == 0);
    }
    assert_int_equal(count_of(&units[2]), 0);
}

static void count_start(void *self, tote_span *span, const tote_context *parent) {
    (void)parent;
    ++*(int *)self;
    tote_span_set_attribute(span, "processed", tote_bool(true));
}

static void count_end(void *self, const tote_span_data *span) {
    (void)span;
    ++*(int *)self;
}

static void processors_are_called_for_spans_of_their_own_sdk(void **state) {
    static const tote_span_processor_ops ops = {
        .struct_size = sizeof ops, .on_start = count_start, .on_end = count_end};
    int calls[2] = {0, 0};
    tote_span_processor *processors[2];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        processors[i] = tote_span_processor_new(&ops, &calls[i]);
        units[i].options.processors = &processors[i];
        units[i].options.processor_count = 1;
        start(&units[i]);
    }
    start(&units[2]);
    end_one(&units[0], "span");
    end_one(&units[2], "span");
    assert_int_equal(calls[0], 2);
    assert_int_equal(calls[1], 0);
    assert_non_null(tote_span_data_get_attribute(find(&units[0], "span"), "processed"));
    assert_null(tote_span_data_get_attribute(find(&units[2], "span"), "processed"));
}

static void queue_limits_apply_to_their_own_sdk(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        units[i].batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
        units[i].batch.max_queue_size = i == 0 ? 2 : 10;
        start(&units[i]);
        for (int spans = 0; spans < 5; spans++) {
            end_one(&units[i], "span");
        }
    }
    assert_int_equal(stats_of(&units[0]).dropped_queue_full, 3);
    assert_int_equal(stats_of(&units[1]).dropped_queue_full, 0);
    assert_int_equal(stats_of(&units[1]).queued, 5);
}

static bool is_readable(int fd) {
    struct pollfd polled = {.fd = fd, .events = POLLIN};

    return poll(&polled, 1, 0) == 1;
}

static void each_host_driven_sdk_has_its_own_descriptor_and_poll(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        units[i].batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
        units[i].batch.max_export_batch_size = 1;
        start(&units[i]);
    }
    int fds[] = {tote_sdk_get_poll_fd(units[0].sdk), tote_sdk_get_poll_fd(units[1].sdk)};
    assert_true(fds[0] >= 0 && fds[1] >= 0 && fds[0] != fds[1]);
    end_one(&units[1], "span");
    assert_false(is_readable(fds[0]));
    assert_true(is_readable(fds[1]));
    tote_sdk_poll(units[0].sdk);
    assert_int_equal(count_of(&units[1]), 0);
    tote_sdk_poll(units[1].sdk);
    assert_exported_own(&units[1], 1);
    assert_int_equal(count_of(&units[0]), 0);
}

/* Start a span of `unit` that is a child of `parent`. */
static tote_span *start_child(const struct unit *unit, const char *name, tote_span *parent) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    tote_context *context = tote_context_with_span(tote_context_current(), parent);

    options.parent = context;
    tote_span *span = tote_tracer_start_span(unit->tracer, name, &options);
    tote_context_unref(context);
    return span;
}

/* Spec: trace/api.md#determining-the-parent-span-from-a-context */
static void a_span_of_one_sdk_is_the_parent_of_a_span_of_another(void **state) {
    (void)state;
    start_two();
    tote_span *parent = tote_tracer_start_span(units[0].tracer, "parent", NULL);
    tote_span *child = start_child(&units[1], "child", parent);
    tote_span *grandchild = start_child(&units[0], "grandchild", child);
    tote_span_close(&grandchild);
    tote_span_close(&child);
    tote_span_close(&parent);

    assert_exported_own(&units[0], 2);
    assert_exported_own(&units[1], 1);
    const tote_span_context *outer = tote_span_data_get_context(find(&units[0], "parent"));
    const tote_span_context *inner = tote_span_data_get_context(find(&units[1], "child"));
    const tote_span_context *innermost = tote_span_data_get_context(find(&units[0], "grandchild"));
    assert_memory_equal(tote_span_context_get_trace_id(outer),
                        tote_span_context_get_trace_id(inner), sizeof(tote_trace_id));
    assert_memory_equal(tote_span_context_get_trace_id(outer),
                        tote_span_context_get_trace_id(innermost), sizeof(tote_trace_id));
    assert_memory_equal(
        tote_span_context_get_span_id(tote_span_data_get_parent(find(&units[1], "child"))),
        tote_span_context_get_span_id(outer), sizeof(tote_span_id));
    assert_memory_equal(
        tote_span_context_get_span_id(tote_span_data_get_parent(find(&units[0], "grandchild"))),
        tote_span_context_get_span_id(inner), sizeof(tote_span_id));
    assert_false(tote_span_context_is_remote(inner));
}

/* Spec: trace/sdk.md#parentbased */
static void a_parent_based_sampler_follows_a_parent_of_another_sdk(void **state) {
    (void)state;
    units[0].options.sampler = tote_sampler_always_off_new();
    units[2].options.sampler = tote_sampler_always_on_new();
    for (size_t i = 0; i < 3; i++) {
        start(&units[i]);
    }
    tote_span *parent = tote_tracer_start_span(units[0].tracer, "not sampled", NULL);
    for (size_t i = 1; i < 3; i++) {
        tote_span *child = start_child(&units[i], "child", parent);
        assert_int_equal(tote_span_is_recording(child), i == 2);
        tote_span_close(&child);
    }
    tote_span_close(&parent);
    assert_int_equal(count_of(&units[1]), 0);
    assert_exported_own(&units[2], 1);
}

/* Also if the parent's clock is ahead of the child's. */
static void times_of_a_span_are_those_of_its_own_clock(void **state) {
    static uint64_t early = 1000, late = UINT64_MAX / 2;
    static uint64_t *const clocks[] = {&late, &early, NULL};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        units[i].options.now_unix_nano = clocks[i] ? fixed_clock : NULL;
        units[i].options.clock = clocks[i];
        start(&units[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        tote_span *parent = tote_tracer_start_span(units[i].tracer, "parent", NULL);
        for (size_t j = 0; j < 3; j++) {
            tote_span *child = start_child(&units[j], "child", parent);
            tote_span_close(&child);
            const tote_span_data *span = find(&units[j], "child");
            uint64_t begin = tote_span_data_get_start_time_unix_nano(span);
            uint64_t end = tote_span_data_get_end_time_unix_nano(span);
            if (clocks[j]) {
                assert_true(begin == *clocks[j] && end == *clocks[j]);
            } else {
                assert_true(begin > early && begin <= end && end < late);
            }
            tote_in_memory_spans_clear(units[j].memory);
        }
        tote_span_close(&parent);
    }
}

/* An exporter of one SDK does not return. */
static void flush_and_shutdown_of_one_sdk_do_not_affect_the_others(void **state) {
    static struct test_exporter slow;

    (void)state;
    test_exporter_init(&slow);
    slow.is_gated = true;
    units[0].batch.mode = units[1].batch.mode = TOTE_EXPORT_MODE_WORKER;
    start_with(&units[0], test_exporter_new(&slow));
    start(&units[1]);
    start(&units[2]);
    end_one(&units[0], "stuck");
    assert_int_equal(tote_sdk_force_flush(units[0].sdk, 20), TOTE_RESULT_TIMEOUT);
    end_one(&units[1], "first");
    assert_int_equal(count_of(&units[1]), 0); /* the flush was not of this one */
    assert_int_equal(tote_sdk_force_flush(units[1].sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_exported_own(&units[1], 1);
    assert_int_equal(tote_sdk_shutdown(units[1].sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    end_one(&units[1], "late");
    end_one(&units[2], "second");
    assert_exported_own(&units[1], 1);
    assert_exported_own(&units[2], 1);
    assert_int_equal(stats_of(&units[1]).started_after_shutdown, 1);
    assert_int_equal(stats_of(&units[2]).started_after_shutdown, 0);
    test_exporter_open_gate(&slow);
    assert_int_equal(tote_sdk_force_flush(units[0].sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(stats_of(&units[0]).exported, 1);
    assert_int_equal(tote_sdk_close(&units[0].sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    end_one(&units[2], "third");
    assert_exported_own(&units[2], 2);
}

/* Slots of SDKs are reused: tracers and open spans of a closed SDK do not use its successor. */
static void tracers_and_open_spans_of_a_closed_sdk_record_nothing(void **state) {
    (void)state;
    start_two();
    tote_span *open = tote_tracer_start_span(units[0].tracer, "open", NULL);
    tote_tracer *closed = units[0].tracer;
    tote_sdk_close(&units[0].sdk, SAFETY_NET_MS);
    for (size_t i = 2; i < 5; i++) {
        start(&units[i]);
    }
    tote_span *span = tote_tracer_start_span(closed, "after the close", NULL);
    assert_false(tote_span_is_recording(span));
    assert_false(tote_tracer_is_enabled(closed, NULL));
    tote_span_close(&span);
    span = start_child(&units[2], "child", open);
    tote_span_close(&span);
    tote_span_close(&open);
    assert_int_equal(count_of(&units[0]), 0);
    assert_int_equal(count_of(&units[1]), 0);
    assert_exported_own(&units[2], 1);
    assert_int_equal(count_of(&units[3]) + count_of(&units[4]), 0);
}

static void a_private_sdk_may_start_before_and_end_after_the_global_one(void **state) {
    tote_tracer *global = tote_get_tracer("service b", NULL);

    (void)state;
    start(&units[0]);
    assert_null(tote_tracer_provider_ref_global());
    units[1].options.skip_global_registration = false;
    start(&units[1]);
    units[1].tracer = global; /* which was obtained before the SDK started */
    start(&units[2]);
    assert_true(units[0].sdk != units[1].sdk && units[1].sdk != units[2].sdk);
    for (size_t i = 0; i < 3; i++) {
        end_one(&units[i], "span");
        assert_exported_own(&units[i], 1);
    }
    tote_sdk_close(&units[0].sdk, SAFETY_NET_MS);
    end_one(&units[1], "still global");
    assert_exported_own(&units[1], 2);
    tote_sdk_close(&units[1].sdk, SAFETY_NET_MS);
    end_one(&units[1], "of no SDK");
    end_one(&units[2], "still private");
    assert_exported_own(&units[1], 2);
    assert_exported_own(&units[2], 2);
}

/* The first test, because the process has had no global SDK. */
static void the_shutdown_of_a_private_sdk_is_not_reported_for_global_tracers(void **state) {
    (void)state;
    start(&units[0]);
    tote_sdk_shutdown(units[0].sdk, SAFETY_NET_MS);
    tote_span *span = tote_tracer_start_span(tote_get_tracer("library", NULL), "early", NULL);
    tote_span_close(&span);
    assert_int_equal(diagnostics, 0);
    end_one(&units[0], "late");
    assert_int_equal(diagnostics, 1);
    assert_non_null(strstr(diagnostic, "\"late\" was started after the SDK was shut down"));
    units[1].options.skip_global_registration = false;
    start(&units[1]);
    assert_int_equal(stats_of(&units[1]).started_before_sdk, 1);
}

static const char *global_field(void) {
    tote_propagator *global = tote_propagator_ref_global();
    const char *field = tote_propagator_get_field(global, 0);

    tote_propagator_unref(global);
    return field;
}

/* The program passes a propagator to inject and extract: an SDK only sets the global one. */
static void the_propagator_of_a_private_sdk_is_released_and_reported(void **state) {
    (void)state;
    units[0].options.skip_global_registration = false;
    units[0].options.propagator = tote_propagator_baggage_new(NULL);
    start(&units[0]);
    assert_string_equal(global_field(), "baggage");
    diagnostics = 0; /* of early spans */
    units[1].options.propagator = tote_propagator_b3_new();
    start(&units[1]);
    assert_string_equal(global_field(), "baggage");
    assert_int_equal(diagnostics, 1);
    assert_non_null(strstr(diagnostic, "tote_sdk_options.propagator is ignored"));
}

static void variables_apply_to_each_sdk_that_does_not_ignore_them(void **state) {
    (void)state;
    setenv("OTEL_SERVICE_NAME", "of the environment", 1);
    setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1", 1);
    for (size_t i = 0; i < 3; i++) {
        units[i].options.ignore_environment = i == 2;
        units[i].options.service_name = i == 0 ? NULL : units[i].name;
        start(&units[i]);
        end_one(&units[i], "span");
        assert_int_equal(tote_span_data_get_dropped_attribute_count(find(&units[i], "span")),
                         i < 2);
        assert_string_equal(service_of(find(&units[i], "span")),
                            i == 0 ? "of the environment" : units[i].name);
    }
    setenv("OTEL_SDK_DISABLED", "true", 1);
    units[3].options.ignore_environment = false;
    for (size_t i = 3; i < 5; i++) {
        start(&units[i]);
        end_one(&units[i], "span");
        assert_int_equal(count_of(&units[i]), i == 4);
    }
    end_one(&units[0], "not disabled");
    assert_int_equal(count_of(&units[0]), 2);
}

static tote_result fail_export(void *self, const tote_span_data *const *spans, size_t count,
                               uint32_t timeout_ms, tote_export_outcome *outcome) {
    (void)self, (void)spans, (void)count, (void)timeout_ms;
    outcome->failure = TOTE_EXPORT_FAILURE_UNAVAILABLE;
    return TOTE_RESULT_FAILURE;
}

static tote_span_exporter *make_failing(void) {
    static const tote_span_exporter_ops ops = {.struct_size = sizeof ops,
                                               .export_spans = fail_export};

    return tote_span_exporter_new(&ops, NULL);
}

static void each_sdk_has_its_own_disk_queue_and_a_shared_directory_is_refused(void **state) {
    char top[] = "/tmp/tote-several-XXXXXX";
    char directories[2][64];
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;

    (void)state;
    assert_non_null(mkdtemp(top));
    for (size_t i = 0; i < 2; i++) {
        snprintf(directories[i], sizeof directories[i], "%s/%zu", top, i);
        delivery.disk_queue_directory = directories[i];
        units[i].batch.mode = TOTE_EXPORT_MODE_WORKER;
        start_with(&units[i], tote_span_exporter_delivery_new(make_failing(), &delivery));
        end_one(&units[i], "saved");
    }
    assert_null(tote_span_exporter_delivery_new(make_failing(), &delivery));
    assert_non_null(strstr(diagnostic, "another exporter of this process uses the directory"));
    assert_non_null(strstr(diagnostic, directories[1]));
    diagnostic[0] = '\0';
    otlp.delivery = &delivery;
    start_with(&units[2], tote_span_exporter_otlp_new(&otlp)); /* its queue is only in memory */
    assert_non_null(strstr(diagnostic, "another exporter of this process uses the directory"));
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(tote_sdk_close(&units[i].sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    }
    for (size_t i = 0; i < 2; i++) {
        units[i].memory = tote_in_memory_spans_new();
        delivery.disk_queue_directory = directories[i];
        assert_int_equal(tote_disk_queue_send(tote_span_exporter_in_memory_new(units[i].memory),
                                              &delivery, SAFETY_NET_MS, NULL),
                         TOTE_RESULT_SUCCESS);
        assert_exported_own(&units[i], 1);
    }
    remove_tree(top);
}

/* Returns 0, or the number of the step that failed. */
static int run_child(size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t before = count_of(&units[i]);
        tote_stats stats = stats_of(&units[i]);
        if (stats.started || stats.ended || stats.queued) {
            return 1;
        }
        end_one(&units[i], "of the child");
        if (tote_sdk_force_flush(units[i].sdk, SAFETY_NET_MS) != TOTE_RESULT_SUCCESS) {
            return 2;
        }
        if (count_of(&units[i]) != before + 1 || stats_of(&units[i]).exported != 1) {
            return 3;
        }
        if (strcmp(service_of(find(&units[i], "of the child")), units[i].name) != 0) {
            return 4;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (tote_sdk_close(&units[i].sdk, SAFETY_NET_MS) != TOTE_RESULT_SUCCESS) {
            return 5;
        }
    }
    return 0;
}

static void a_forked_child_exports_by_each_of_its_sdks(void **state) {
    enum { SDKS = 6 };
    int status = -1;

    (void)state;
    if (HAS_ADDRESS_SANITIZER || HAS_THREAD_SANITIZER || HAS_HELGRIND) {
        skip();
    }
    start_in_all_modes(SDKS);
    for (size_t i = 0; i < SDKS; i++) {
        end_one(&units[i], "of the parent");
    }
    pid_t child = fork();
    assert_return_code(child, 0);
    if (child == 0) {
        _exit(run_child(SDKS));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    for (size_t i = 0; i < SDKS; i++) {
        assert_int_equal(tote_sdk_force_flush(units[i].sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
        assert_exported_own(&units[i], 1);
    }
}

static atomic_bool is_over;
static sem_t is_running;

static void *use_the_others(void *arg) {
    (void)arg;
    do {
        for (size_t i = 1; i < 4; i++) {
            for (int spans = 0; spans < 16; spans++) {
                end_one(&units[i], "span");
            }
        }
        sem_post(&is_running);
    } while (!atomic_load(&is_over));
    return NULL;
}

static void sdks_start_and_close_while_threads_use_the_others(void **state) {
    enum { THREADS = 3, ROUNDS = 30 };
    pthread_t threads[THREADS];

    (void)state;
    for (size_t i = 1; i < 4; i++) {
        units[i].batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN; /* and never driven: the queue fills */
        units[i].batch.max_queue_size = 16;
        start(&units[i]);
    }
    atomic_store(&is_over, false);
    sem_init(&is_running, 0, 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_the_others, NULL), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_true(wait_for_post(&is_running));
    }
    for (int round = 0; round < ROUNDS; round++) {
        reset(&units[0], 0);
        start(&units[0]);
        end_one(&units[0], "span");
        assert_exported_own(&units[0], 1);
        tote_sdk_close(&units[0].sdk, SAFETY_NET_MS);
        tote_in_memory_spans_unref(units[0].memory);
        units[0].memory = NULL;
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 1; i < 4; i++) {
        tote_stats stats = stats_of(&units[i]);
        assert_int_equal(stats.queued, 16);
        assert_int_equal(stats.ended, stats.started);
        assert_int_equal(stats.ended, stats.queued + stats.dropped_queue_full);
        tote_sdk_force_flush(units[i].sdk, SAFETY_NET_MS);
        assert_exported_own(&units[i], 16);
    }
}

/* Return the tracer whose name is a mebibyte that begins with the number. */
static tote_tracer *large_tracer_of(tote_sdk *sdk, int number) {
    static char name[1 << 20];

    memset(name, 'x', sizeof name - 1);
    name[snprintf(name, sizeof name, "%d", number)] = ' ';
    return tracer_of(sdk, name);
}

/* The last test, because the memory of tracers is full afterwards. */
static void over_the_limit_of_tracers_spans_still_reach_their_own_sdk(void **state) {
    (void)state;
    start_two();
    units[2].options.skip_global_registration = false;
    start(&units[2]);
    for (int i = 0; i < 20; i++) {
        units[0].tracer = large_tracer_of(units[0].sdk, i);
    }
    units[1].tracer = large_tracer_of(units[1].sdk, 1);
    assert_ptr_equal(units[1].tracer, large_tracer_of(units[1].sdk, 2));
    for (size_t i = 0; i < 2; i++) {
        end_one(&units[i], "span");
        assert_int_equal(count_of(&units[i]), 1);
        assert_string_equal(service_of(find(&units[i], "span")), units[i].name);
        assert_string_equal(tote_span_data_get_instrumentation_scope(find(&units[i], "span"))->name,
                            "");
    }
    assert_int_equal(count_of(&units[2]), 0);
    tote_sdk_close(&units[0].sdk, SAFETY_NET_MS);
    reset(&units[3], 3);
    start(&units[3]); /* in the slot of the closed one */
    end_one(&units[0], "after the close");
    end_one(&units[3], "span");
    assert_int_equal(count_of(&units[3]), 1);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        UNITS_TEST(the_shutdown_of_a_private_sdk_is_not_reported_for_global_tracers),
        UNITS_TEST(spans_reach_only_the_exporter_of_their_own_sdk),
        UNITS_TEST(eight_sdks_with_different_export_modes_export_and_count_apart),
        UNITS_TEST(a_ninth_sdk_is_refused_and_its_tracer_records_nothing),
        UNITS_TEST(samplers_id_generators_and_limits_apply_to_their_own_sdk),
        UNITS_TEST(processors_are_called_for_spans_of_their_own_sdk),
        UNITS_TEST(queue_limits_apply_to_their_own_sdk),
        UNITS_TEST(each_host_driven_sdk_has_its_own_descriptor_and_poll),
        UNITS_TEST(a_span_of_one_sdk_is_the_parent_of_a_span_of_another),
        UNITS_TEST(a_parent_based_sampler_follows_a_parent_of_another_sdk),
        UNITS_TEST(times_of_a_span_are_those_of_its_own_clock),
        UNITS_TEST(flush_and_shutdown_of_one_sdk_do_not_affect_the_others),
        UNITS_TEST(tracers_and_open_spans_of_a_closed_sdk_record_nothing),
        UNITS_TEST(a_private_sdk_may_start_before_and_end_after_the_global_one),
        UNITS_TEST(the_propagator_of_a_private_sdk_is_released_and_reported),
        UNITS_TEST(variables_apply_to_each_sdk_that_does_not_ignore_them),
        UNITS_TEST(each_sdk_has_its_own_disk_queue_and_a_shared_directory_is_refused),
        UNITS_TEST(a_forked_child_exports_by_each_of_its_sdks),
        UNITS_TEST(sdks_start_and_close_while_threads_use_the_others),
        UNITS_TEST(over_the_limit_of_tracers_spans_still_reach_their_own_sdk),
    };
    return RUN_TESTS(tests, argc, argv);
}
