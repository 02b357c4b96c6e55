/* SPDX-License-Identifier: MIT */
/* Exporting processors that a program creates: wrapped, and with their own settings. */
#include "batch_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tote/exporters/in_memory.h"
#include "tote/processors.h"

/* A processor that wraps another one, and drops spans whose names begin with "health". */
struct filter {
    tote_span_processor *inner;
    tote_span_data *kept;
    bool keeps;
    size_t destroyed;
};

/* An SDK with the program's processors; the environment applies unless a test sets otherwise. */
struct fixture {
    tote_in_memory_spans *memory;
    tote_sdk_options options;
    struct filter filter;
    tote_batch_options batch; /* driven by the host, so that nothing is exported by itself */
    tote_sdk *sdk;
    tote_tracer *tracer;
    size_t diagnostics;
    char diagnostic[512];
};

static void keep_diagnostic(tote_level level, const char *component, const char *message,
                            void *user_data) {
    struct fixture *f = user_data;

    (void)level, (void)component;
    f->diagnostics++;
    snprintf(f->diagnostic, sizeof f->diagnostic, "%s", message);
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->memory = tote_in_memory_spans_new();
    f->options = (tote_sdk_options)TOTE_SDK_OPTIONS_INIT;
    f->options.skip_global_registration = true;
    f->options.resource_detectors = "none";
    f->batch = (tote_batch_options)TOTE_BATCH_OPTIONS_INIT;
    f->batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    f->batch.schedule_delay_ms = AN_HOUR_MS;
    tote_diagnostics_set_handler(keep_diagnostic, TOTE_LEVEL_INFO, f);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    tote_sdk_close(&f->sdk, SAFETY_NET_MS);
    tote_in_memory_spans_unref(f->memory);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    unsetenv("OTEL_BSP_MAX_QUEUE_SIZE");
    unsetenv("OTEL_SDK_DISABLED");
    free(f);
    return 0;
}

#define PROCESSORS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void start(struct fixture *f, tote_span_processor *const *processors, size_t count) {
    f->options.processors = processors;
    f->options.processor_count = count;
    f->sdk = tote_sdk_start(&f->options);
    assert_non_null(f->sdk);
    tote_tracer_provider *provider = tote_sdk_ref_tracer_provider(f->sdk);
    f->tracer = tote_tracer_provider_get_tracer(provider, "test", NULL);
    tote_tracer_provider_unref(provider);
}

static void end_span(const struct fixture *f, const char *name) {
    tote_span *span = tote_tracer_start_span(f->tracer, name, NULL);

    tote_span_set_attribute(span, "secret", tote_string("s3cr3t"));
    tote_span_close(&span);
}

static tote_stats stats_of(const struct fixture *f) {
    tote_stats stats = TOTE_STATS_INIT;

    assert_true(tote_sdk_get_stats(f->sdk, &stats));
    assert_true(accounting_closes(&stats));
    return stats;
}

static tote_span_processor *memory_batch(const struct fixture *f) {
    return tote_span_processor_batch_new(tote_span_exporter_in_memory_new(f->memory), &f->batch);
}

static void redact(void *self, tote_span *span) {
    (void)self;
    tote_span_set_attribute(span, "secret", tote_string("redacted"));
}

static void pass_on(void *self, const tote_span_data *span) {
    struct filter *filter = self;

    if (filter->keeps) {
        filter->kept = tote_span_data_copy(span);
    } else if (strncmp(tote_span_data_get_name(span), "health", 6) != 0) {
        tote_span_processor_on_end(filter->inner, span);
    }
}

static void count_destroyed(void *self) {
    struct filter *filter = self;

    filter->destroyed++;
}

static const tote_span_processor_ops filter_ops = {
    .struct_size = sizeof filter_ops,
    .on_ending = redact,
    .on_end = pass_on,
    .destroy = count_destroyed,
};

static tote_span_processor *wrapped(struct filter *filter, tote_span_processor *inner) {
    filter->inner = inner;
    return tote_span_processor_wrapper_new(inner, &filter_ops, filter);
}

/* Spec: trace/sdk.md#onending, trace/sdk.md#onendspan */
static void a_wrapping_processor_drops_and_redacts_before_the_queue(void **state) {
    struct fixture *f = *state;
    tote_span_processor *processor = wrapped(&f->filter, memory_batch(f));
    start(f, &processor, 1);

    end_span(f, "health");
    end_span(f, "work");
    assert_int_equal(stats_of(f).ended, 1);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 1);
    const tote_value *secret =
        tote_span_data_get_attribute(tote_in_memory_spans_find(f->memory, "work"), "secret");
    char text[32];
    assert_non_null(secret);
    tote_value_to_text(*secret, text, sizeof text);
    assert_string_equal(text, "redacted");
    tote_sdk_close(&f->sdk, SAFETY_NET_MS);
    assert_int_equal(f->filter.destroyed, 1);
}

/* A processor that counts its calls, and records whether its wrapper was destroyed first. */
struct counting {
    size_t starts, endings, ends, flushes, shutdowns, destroys;
};

static void count_start(void *self, tote_span *span, const tote_context *parent) {
    (void)span, (void)parent;
    ((struct counting *)self)->starts++;
}

static void count_ending(void *self, tote_span *span) {
    (void)span;
    ((struct counting *)self)->endings++;
}

static void count_end(void *self, const tote_span_data *span) {
    (void)span;
    ((struct counting *)self)->ends++;
}

static tote_result count_flush(void *self, uint32_t timeout_ms) {
    (void)timeout_ms;
    ((struct counting *)self)->flushes++;
    return TOTE_RESULT_FAILURE;
}

static tote_result count_shutdown(void *self, uint32_t timeout_ms) {
    (void)timeout_ms;
    ((struct counting *)self)->shutdowns++;
    return TOTE_RESULT_TIMEOUT;
}

static void count_destroy(void *self) {
    ((struct counting *)self)->destroys++;
}

static const tote_span_processor_ops counting_ops = {
    sizeof counting_ops, count_start,    count_ending, count_end,
    count_flush,         count_shutdown, count_destroy};

/* A function that is NULL passes everything on. */
static void a_wrapping_processor_without_functions_passes_everything_on(void **state) {
    static const tote_span_processor_ops nothing = {.struct_size = sizeof nothing};
    struct fixture *f = *state;
    struct counting counts = {0};
    tote_span_processor *inner = tote_span_processor_new(&counting_ops, &counts);
    tote_span_processor *middle = tote_span_processor_wrapper_new(inner, &nothing, NULL);
    tote_span_processor *outer = tote_span_processor_wrapper_new(middle, &nothing, NULL);
    f->options.exporters = &(tote_span_exporter *){NULL};
    f->options.exporter_count = 1;
    start(f, &outer, 1);

    end_span(f, "work");
    assert_int_equal(counts.starts, 1);
    assert_int_equal(counts.endings, 1);
    assert_int_equal(counts.ends, 1);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_FAILURE);
    assert_int_equal(counts.flushes, 1);
    assert_int_equal(tote_sdk_close(&f->sdk, SAFETY_NET_MS), TOTE_RESULT_TIMEOUT);
    assert_int_equal(counts.shutdowns, 1);
    assert_int_equal(counts.destroys, 1);
}

/* Each function of the wrapped processor can be called. */
static void a_wrapping_processor_can_call_each_function_of_the_wrapped_one(void **state) {
    struct fixture *f = *state;
    struct counting counts = {0};
    tote_span_processor *inner = tote_span_processor_new(&counting_ops, &counts);
    tote_span_processor *batch = memory_batch(f);
    start(f, &batch, 1);
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);

    tote_span_processor_on_start(inner, span, tote_context_root());
    tote_span_processor_on_ending(inner, span);
    tote_span_data *data = tote_span_data_copy(tote_span_get_data(span));
    tote_span_close(&span);
    tote_span_processor_on_end(inner, data);
    tote_span_data_free(data);
    assert_int_equal(counts.starts + counts.endings + counts.ends, 3);
    assert_int_equal(tote_span_processor_force_flush(inner, 0), TOTE_RESULT_FAILURE);
    assert_int_equal(tote_span_processor_shutdown(inner, 0), TOTE_RESULT_TIMEOUT);
    assert_int_equal(counts.flushes + counts.shutdowns, 2);
    tote_span_processor_free(inner);
    assert_int_equal(counts.destroys, 1);
}

/* Each exporter has its own queue: one exports each span at once, the other by the host loop. */
static void two_exporters_have_their_own_settings(void **state) {
    struct fixture *f = *state;
    tote_in_memory_spans *later = tote_in_memory_spans_new();
    tote_span_processor *processors[] = {
        tote_span_processor_simple_new(tote_span_exporter_in_memory_new(f->memory)),
        tote_span_processor_batch_new(tote_span_exporter_in_memory_new(later), &f->batch),
    };
    start(f, processors, TOTE_COUNT_OF(processors));

    end_span(f, "work");
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 1);
    assert_int_equal(tote_in_memory_spans_get_count(later), 0);
    tote_stats stats = stats_of(f);
    assert_int_equal(stats.ended, 2);
    assert_int_equal(stats.exported, 1);
    assert_int_equal(stats.queued, 1);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_in_memory_spans_get_count(later), 1);
    tote_in_memory_spans_unref(later);
}

/* TOTE_EXPORT_MODE_SIMPLE. */
static void a_batch_processor_in_simple_mode_is_a_simple_processor(void **state) {
    struct fixture *f = *state;
    f->batch.mode = TOTE_EXPORT_MODE_SIMPLE;
    tote_span_processor *processor = memory_batch(f);
    start(f, &processor, 1);

    end_span(f, "work");
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 1);
}

/* tote_sdk_poll() drives each batch processor, wrapped or not. */
static void the_host_drives_a_wrapped_processor(void **state) {
    struct fixture *f = *state;
    f->batch.schedule_delay_ms = TOTE_OPTION_ZERO;
    tote_span_processor *processor = wrapped(&f->filter, memory_batch(f));
    start(f, &processor, 1);

    assert_true(tote_sdk_get_poll_fd(f->sdk) >= 0);
    assert_true(tote_sdk_get_poll_timeout_ms(f->sdk) >= 0);
    end_span(f, "work");
    assert_int_equal(stats_of(f).queued, 1);
    for (int i = 0; i < 100 && stats_of(f).queued; i++) {
        tote_sdk_poll(f->sdk);
    }
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 1);
    assert_int_equal(stats_of(f).exported, 1);
}

/* Threads that the host creates. */
struct host_thread {
    pthread_t thread;
    void (*work)(void *arg);
    void *arg;
    size_t started, joined;
};

static void *run_host_thread(void *arg) {
    struct host_thread *host = arg;

    host->work(host->arg);
    return NULL;
}

static void *start_host_thread(void *self, const char *name, void (*work)(void *arg), void *arg) {
    struct host_thread *host = self;

    (void)name;
    host->started++;
    host->work = work;
    host->arg = arg;
    return pthread_create(&host->thread, NULL, run_host_thread, host) == 0 ? host : NULL;
}

static void join_host_thread(void *self, void *thread) {
    struct host_thread *host = self;

    (void)thread;
    pthread_join(host->thread, NULL);
    host->joined++;
}

/* The worker starts with the SDK. */
static void a_wrapped_processor_gets_its_thread_from_the_sdks_factory(void **state) {
    struct host_thread host = {.started = 0};
    const tote_thread_factory factory = {sizeof factory, start_host_thread, join_host_thread,
                                         &host};
    struct fixture *f = *state;
    f->batch.mode = TOTE_EXPORT_MODE_WORKER;
    f->options.thread_factory = &factory;
    tote_span_processor *processor = wrapped(&f->filter, memory_batch(f));

    assert_int_equal(host.started, 0);
    start(f, &processor, 1);
    assert_int_equal(host.started, 1);
    end_span(f, "work");
    assert_int_equal(tote_sdk_close(&f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(host.started, 1);
    assert_int_equal(host.joined, 1);
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 1);
}

/* Spec: configuration/sdk-environment-variables.md#general-sdk-configuration */
static void a_disabled_sdk_creates_no_thread(void **state) {
    struct host_thread host = {.started = 0};
    const tote_thread_factory factory = {sizeof factory, start_host_thread, join_host_thread,
                                         &host};
    struct fixture *f = *state;
    f->batch.mode = TOTE_EXPORT_MODE_WORKER;
    f->options.thread_factory = &factory;
    setenv("OTEL_SDK_DISABLED", "true", 1);
    tote_span_processor *processor = memory_batch(f);
    start(f, &processor, 1);

    end_span(f, "work");
    assert_int_equal(tote_sdk_prepare(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_sdk_after_fork_child(f->sdk, false), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_sdk_close(&f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(host.started, 0);
}

static size_t prepared;

static tote_result prepare_exporter(void *self, uint32_t timeout_ms, bool may_make_thread) {
    (void)self, (void)timeout_ms, (void)may_make_thread;
    prepared++;
    return TOTE_RESULT_TIMEOUT;
}

/* tote_sdk_prepare() reaches each exporter. */
static void the_exporter_of_a_wrapped_processor_is_prepared(void **state) {
    static const struct tote__exporter_extras extras = {.prepare = prepare_exporter};
    struct fixture *f = *state;
    tote_span_exporter *exporter = tote_span_exporter_in_memory_new(f->memory);
    exporter->extras = &extras;
    tote_span_processor *processor =
        wrapped(&f->filter, tote_span_processor_batch_new(exporter, &f->batch));
    start(f, &processor, 1);

    prepared = 0;
    assert_int_equal(tote_sdk_prepare(f->sdk, SAFETY_NET_MS), TOTE_RESULT_TIMEOUT);
    assert_int_equal(prepared, 1);
}

/* A forked child may adopt queued spans. */
static void a_child_adopts_the_queue_of_a_wrapped_processor(void **state) {
    struct fixture *f = *state;
    tote_span_processor *processor = wrapped(&f->filter, memory_batch(f));
    start(f, &processor, 1);

    end_span(f, "work");
    pid_t child = fork();
    if (child == 0) {
        bool is_adopted = tote_sdk_after_fork_child(f->sdk, true) == TOTE_RESULT_SUCCESS &&
                          tote_sdk_force_flush(f->sdk, SAFETY_NET_MS) == TOTE_RESULT_SUCCESS;
        _exit(is_adopted ? (int)tote_in_memory_spans_get_count(f->memory) : 99);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 0);
}

/* How many of three spans do not fit into the queue. */
static uint64_t dropped_of_three(struct fixture *f) {
    tote_span_processor *processor = memory_batch(f);

    start(f, &processor, 1);
    for (int i = 0; i < 3; i++) {
        end_span(f, "work");
    }
    uint64_t dropped = stats_of(f).dropped_queue_full;
    tote_sdk_close(&f->sdk, SAFETY_NET_MS);
    return dropped;
}

/* Spec: configuration/sdk-environment-variables.md#batch-span-processor */
static void the_variables_apply_unless_options_are_given(void **state) {
    struct fixture *f = *state;
    setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1", 1);

    assert_int_equal(dropped_of_three(f), 2);
    f->batch.max_queue_size = 2;
    assert_int_equal(dropped_of_three(f), 1);
    f->batch.max_queue_size = 0;
    f->batch.ignore_environment = true;
    assert_int_equal(dropped_of_three(f), 0);
}

/* A program with its own exporting processor gets no default exporter. */
static void no_exporter_is_added_to_a_processor_that_exports(void **state) {
    struct fixture *f = *state;
    tote_span_processor *processor = wrapped(&f->filter, memory_batch(f));
    start(f, &processor, 1);

    end_span(f, "work");
    assert_int_equal(stats_of(f).ended, 1);
}

/* Spans that the missing filter would have dropped are not exported. */
static void no_exporter_is_added_for_a_processor_that_could_not_be_created(void **state) {
    struct fixture *f = *state;
    tote_span_processor *processor = wrapped(&f->filter, tote_span_processor_batch_new(NULL, NULL));
    assert_null(processor);
    assert_int_equal(f->filter.destroyed, 1);
    start(f, &processor, 1);

    end_span(f, "work");
    assert_int_equal(stats_of(f).ended, 0);
}

static void *pass_kept_on(void *arg) {
    struct filter *filter = arg;

    tote_span_processor_on_end(filter->inner, filter->kept);
    tote_span_data_free(filter->kept);
    return NULL;
}

/* A span that is kept may be passed on later, by any thread. */
static void a_kept_span_is_passed_on_by_another_thread(void **state) {
    struct fixture *f = *state;
    tote_span_processor *processor = wrapped(&f->filter, memory_batch(f));
    pthread_t thread;
    f->filter.keeps = true;
    start(f, &processor, 1);

    end_span(f, "work");
    assert_int_equal(stats_of(f).ended, 0);
    assert_int_equal(pthread_create(&thread, NULL, pass_kept_on, &f->filter), 0);
    pthread_join(thread, NULL);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    assert_non_null(tote_in_memory_spans_find(f->memory, "work"));
}

/* Only ended spans of processors are passed on. */
static void open_spans_and_spans_read_from_records_are_not_processed(void **state) {
    struct fixture *f = *state;
    tote_span_processor *processor = memory_batch(f);
    start(f, &processor, 1);
    tote_span *span = tote_tracer_start_span(f->tracer, "open", NULL);

    tote_span_processor_on_end(processor, tote_span_get_data(span));
    assert_int_equal(f->diagnostics, 1);
    assert_non_null(strstr(f->diagnostic, "has not ended"));
    assert_int_equal(stats_of(f).ended, 0);
    tote_span_close(&span);
    assert_int_equal(tote_sdk_force_flush(f->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    tote_span_processor_on_end(processor, tote_in_memory_spans_find(f->memory, "open"));
    assert_int_equal(f->diagnostics, 2);
    assert_non_null(strstr(f->diagnostic, "comes from an exporter"));
    assert_int_equal(stats_of(f).ended, 1);
}

static void without_a_processor_nothing_happens(void **state) {
    struct filter filter = {.keeps = false};

    (void)state;
    tote_span_processor_on_start(NULL, NULL, NULL);
    tote_span_processor_on_ending(NULL, NULL);
    tote_span_processor_on_end(NULL, NULL);
    assert_int_equal(tote_span_processor_force_flush(NULL, 1), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_span_processor_shutdown(NULL, 1), TOTE_RESULT_SUCCESS);
    assert_null(tote_span_processor_simple_new(NULL));
    assert_null(tote_span_processor_batch_new(NULL, NULL));
    assert_null(tote_span_processor_wrapper_new(NULL, &filter_ops, &filter));
    assert_int_equal(filter.destroyed, 1);
    assert_null(tote_span_processor_wrapper_new(NULL, NULL, NULL));
}

static void the_wrapped_processor_is_released_if_its_wrapper_is_not_created(void **state) {
    struct counting counts = {0};

    (void)state;
    assert_null(tote_span_processor_wrapper_new(tote_span_processor_new(&counting_ops, &counts),
                                                NULL, NULL));
    assert_int_equal(counts.destroys, 1);
}

/* A processor that is never given to an SDK has no thread, and releases its exporter. */
static void an_unused_processor_is_released_with_its_exporter(void **state) {
    struct test_exporter exporter = {.destroys = 0};
    tote_span_processor *made[2];

    (void)state;
    test_exporter_init(&exporter);
    made[0] = tote_span_processor_batch_new(test_exporter_new(&exporter), NULL);
    made[1] = tote_span_processor_simple_new(test_exporter_new(&exporter));
    tote_span_processor_free(made[0]);
    tote_span_processor_free(made[1]);
    assert_int_equal(exporter.destroys, 2);
    assert_int_equal(exporter.shutdowns, 2);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        PROCESSORS_TEST(a_wrapping_processor_drops_and_redacts_before_the_queue),
        PROCESSORS_TEST(a_wrapping_processor_without_functions_passes_everything_on),
        PROCESSORS_TEST(a_wrapping_processor_can_call_each_function_of_the_wrapped_one),
        PROCESSORS_TEST(two_exporters_have_their_own_settings),
        PROCESSORS_TEST(a_batch_processor_in_simple_mode_is_a_simple_processor),
        PROCESSORS_TEST(the_host_drives_a_wrapped_processor),
        PROCESSORS_TEST(a_wrapped_processor_gets_its_thread_from_the_sdks_factory),
        PROCESSORS_TEST(a_disabled_sdk_creates_no_thread),
        PROCESSORS_TEST(the_exporter_of_a_wrapped_processor_is_prepared),
        PROCESSORS_TEST(a_child_adopts_the_queue_of_a_wrapped_processor),
        PROCESSORS_TEST(the_variables_apply_unless_options_are_given),
        PROCESSORS_TEST(no_exporter_is_added_to_a_processor_that_exports),
        PROCESSORS_TEST(no_exporter_is_added_for_a_processor_that_could_not_be_created),
        PROCESSORS_TEST(a_kept_span_is_passed_on_by_another_thread),
        PROCESSORS_TEST(open_spans_and_spans_read_from_records_are_not_processed),
        PROCESSORS_TEST(without_a_processor_nothing_happens),
        PROCESSORS_TEST(the_wrapped_processor_is_released_if_its_wrapper_is_not_created),
        PROCESSORS_TEST(an_unused_processor_is_released_with_its_exporter),
    };

    return RUN_TESTS(tests, argc, argv);
}
