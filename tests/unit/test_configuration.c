/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "configuration.h"
#include "reports.h"
#include "tote/internal/env.h"
#include "tote/start.h"

extern char **environ;

static void unset_all(void) {
    char *names[64];
    size_t count = 0;

    for (char **entry = environ; *entry && count < TOTE_COUNT_OF(names); entry++) {
        if (strncmp(*entry, "OTEL_", 5) == 0) {
            names[count++] = strndup(*entry, strcspn(*entry, "="));
        }
    }
    while (count) {
        unsetenv(names[--count]);
        free(names[count]);
    }
}

static int reset(void **state) {
    (void)state;
    unset_all();
    reports_reset(TOTE_LEVEL_DEBUG);
    return 0;
}

#define CONFIGURATION_TEST(test) cmocka_unit_test_setup(test, reset)

static const tote_sdk_options defaults = TOTE_SDK_OPTIONS_INIT;

static struct tote__configuration resolve(const tote_sdk_options *options) {
    struct tote__configuration result;

    tote__configuration_resolve(options, NULL, &result);
    return result;
}

/* Spec: configuration/sdk-environment-variables.md#boolean */
static void the_value_1_does_not_disable_the_sdk(void **state) {
    (void)state;
    setenv("OTEL_SDK_DISABLED", "1", 1);
    assert_false(resolve(&defaults).is_disabled);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.component, "OTEL_SDK_DISABLED");
}

static void assert_defaults(const struct tote__configuration *result) {
    assert_false(result->is_disabled);
    assert_true(result->is_global);
    assert_string_equal(result->sampler, "parentbased_always_on");
    assert_string_equal(result->propagators, "tracecontext,baggage");
    assert_int_equal(result->exporter_count, 1);
    assert_string_equal(result->exporters[0], "otlp");
    assert_int_equal(result->mode, TOTE_EXPORT_MODE_WORKER);
    assert_int_equal(result->batch.max_queue_size, 2048);
    assert_true(result->batch.may_exceed_queue_size);
    assert_int_equal(result->batch.max_queue_bytes, 14 << 20);
    assert_int_equal(result->batch.max_export_batch_size, 512);
    assert_int_equal(result->batch.schedule_delay_ms, 5000);
    assert_int_equal(result->batch.export_timeout_ms, 30000);
    assert_int_equal(result->limits.attribute_count, 128);
    assert_int_equal(result->limits.attribute_value_length, TOTE_OPTION_UNLIMITED);
    assert_int_equal(result->limits.attribute_value_depth, 64);
    assert_int_equal(result->limits.event_count, 128);
    assert_int_equal(result->limits.link_count, 128);
    assert_int_equal(result->limits.attribute_count_per_event, 128);
    assert_int_equal(result->limits.attribute_count_per_link, 128);
    assert_null(result->service_name);
    assert_null(result->environment_service_name);
    assert_null(result->environment_resource_attributes);
}

/* An empty variable is unset. Spec: configuration/sdk-environment-variables.md */
static void without_options_and_variables_the_defaults_apply(void **state) {
    struct tote__configuration result = resolve(&defaults);

    (void)state;
    assert_defaults(&result);
    setenv("OTEL_TRACES_SAMPLER", "", 1);
    setenv("OTEL_TRACES_EXPORTER", "", 1);
    setenv("OTEL_PROPAGATORS", "", 1);
    setenv("OTEL_SERVICE_NAME", "", 1);
    result = resolve(&defaults);
    assert_defaults(&result);
    setenv("OTEL_TRACES_EXPORTER", " ", 1);
    setenv("OTEL_PROPAGATORS", "\t", 1);
    setenv("OTEL_SERVICE_NAME", "  ", 1);
    result = resolve(&defaults);
    assert_defaults(&result);
    assert_int_equal(reports.count, 0);
}

/* A list without any item is reported. Spec: configuration/common.md */
static void a_list_of_commas_alone_leaves_the_default_and_is_reported(void **state) {
    (void)state;
    setenv("OTEL_PROPAGATORS", ",", 1);
    struct tote__configuration result = resolve(&defaults);
    assert_defaults(&result);
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.component, "OTEL_PROPAGATORS");
    unsetenv("OTEL_PROPAGATORS");
    setenv("OTEL_TRACES_EXPORTER", " ,, ", 1);
    result = resolve(&defaults);
    assert_defaults(&result);
    assert_int_equal(reports.count, 2);
    assert_string_equal(reports.component, "OTEL_TRACES_EXPORTER");
}

static void set_every_variable(void) {
    static const char *const variables[][2] = {
        {"OTEL_SDK_DISABLED", "true"},
        {"OTEL_SERVICE_NAME", "shop"},
        {"OTEL_RESOURCE_ATTRIBUTES", "a=b"},
        {"OTEL_PROPAGATORS", "baggage"},
        {"OTEL_TRACES_SAMPLER", "traceidratio"},
        {"OTEL_TRACES_SAMPLER_ARG", "0.25"},
        {"OTEL_BSP_SCHEDULE_DELAY", "11"},
        {"OTEL_BSP_EXPORT_TIMEOUT", "12"},
        {"OTEL_BSP_MAX_QUEUE_SIZE", "14"},
        {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "13"},
        {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "15"},
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "16"},
        {"OTEL_SPAN_EVENT_COUNT_LIMIT", "17"},
        {"OTEL_SPAN_LINK_COUNT_LIMIT", "0"},
        {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "19"},
        {"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "20"},
        {"OTEL_TRACES_EXPORTER", "console"},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(variables); i++) {
        setenv(variables[i][0], variables[i][1], 1);
    }
}

/* Compliance: EV-03, EV-06, EV-09, EV-10, EV-11, EV-12, EV-13, EV-14, EV-15, EV-16 */
static void every_variable_has_its_effect(void **state) {
    (void)state;
    set_every_variable();
    struct tote__configuration result = resolve(&defaults);
    assert_true(result.is_disabled);
    assert_string_equal(result.environment_service_name, "shop");
    assert_string_equal(result.environment_resource_attributes, "a=b");
    assert_string_equal(result.propagators, "baggage");
    assert_string_equal(result.sampler, "traceidratio");
    assert_true(result.sampler_ratio == 0.25);
    assert_int_equal(result.batch.schedule_delay_ms, 11);
    assert_int_equal(result.batch.export_timeout_ms, 12);
    assert_int_equal(result.batch.max_export_batch_size, 13);
    assert_int_equal(result.batch.max_queue_size, 14);
    assert_int_equal(result.limits.attribute_value_length, 15);
    assert_int_equal(result.limits.attribute_count, 16);
    assert_int_equal(result.limits.event_count, 17);
    assert_int_equal(result.limits.link_count, 0);
    assert_int_equal(result.limits.attribute_count_per_event, 19);
    assert_int_equal(result.limits.attribute_count_per_link, 20);
    assert_int_equal(result.exporter_count, 1);
    assert_string_equal(result.exporters[0], "console");
    assert_int_equal(reports.count, 0);
}

/* The option `ignore_environment`. */
static void a_program_that_ignores_the_environment_gets_the_default_settings(void **state) {
    tote_sdk_options options = defaults;

    (void)state;
    set_every_variable();
    setenv("OTEL_CONFIG_FILE", "/etc/otel.yaml", 1);
    setenv("OTEL_BSP_MAX_QUEUE_SIZE", "abc", 1);
    options.ignore_environment = true;
    struct tote__configuration result = resolve(&options);
    assert_defaults(&result);
    assert_int_equal(reports.count, 0);
}

/* Compliance: TR-58 */
static void options_override_variables_field_by_field(void **state) {
    tote_span_limits limits = TOTE_SPAN_LIMITS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_span_exporter *no_exporter = NULL;
    tote_sdk_options options = defaults;

    (void)state;
    set_every_variable();
    setenv("OTEL_BSP_SCHEDULE_DELAY", "wrong, but nobody asks", 1);
    limits.event_count = 5;
    batch.schedule_delay_ms = 6;
    options.limits = &limits;
    options.batch = &batch;
    options.service_name = "given";
    options.sampler = tote_sampler_always_off_new();
    options.exporters = &no_exporter;
    options.exporter_count = 1;
    struct tote__configuration result = resolve(&options);
    assert_int_equal(result.limits.event_count, 5);
    assert_int_equal(result.limits.attribute_count, 16);
    assert_int_equal(result.batch.schedule_delay_ms, 6);
    assert_int_equal(result.batch.export_timeout_ms, 12);
    assert_string_equal(result.service_name, "given");
    assert_null(result.sampler);
    assert_int_equal(result.exporter_count, 0);
    assert_int_equal(reports.count, 0);
}

static void unlimited_and_zero_are_resolved_to_numbers(void **state) {
    tote_span_limits limits = TOTE_SPAN_LIMITS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = defaults;

    (void)state;
    setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "3", 1);
    limits.attribute_count = TOTE_OPTION_UNLIMITED;
    limits.link_count = TOTE_OPTION_ZERO;
    batch.schedule_delay_ms = TOTE_OPTION_ZERO;
    batch.export_timeout_ms = TOTE_OPTION_UNLIMITED;
    options.limits = &limits;
    options.batch = &batch;
    struct tote__configuration result = resolve(&options);
    assert_int_equal(result.limits.attribute_count, UINT32_MAX);
    assert_int_equal(result.limits.link_count, 0);
    assert_int_equal(result.batch.schedule_delay_ms, 0);
    assert_int_equal(result.batch.export_timeout_ms, UINT32_MAX);
}

/* Spec: configuration/sdk-environment-variables.md#attribute-limits. Compliance: EV-18, EV-19 */
static void a_span_limit_falls_back_to_the_general_limit(void **state) {
    (void)state;
    setenv("OTEL_ATTRIBUTE_COUNT_LIMIT", "10", 1);
    setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "20", 1);
    struct tote__configuration result = resolve(&defaults);
    assert_int_equal(result.limits.attribute_count, 10);
    assert_int_equal(result.limits.attribute_value_length, 20);
    assert_int_equal(result.limits.attribute_count_per_event, 128);
    setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "-1", 1);
    assert_int_equal(resolve(&defaults).limits.attribute_count, 10);
    assert_int_equal(reports.count, 1);
}

/* Spec: configuration/sdk-environment-variables.md#batch-span-processor. Compliance: EV-06 */
static void a_batch_is_not_larger_than_the_queue(void **state) {
    (void)state;
    setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100", 1);
    assert_int_equal(resolve(&defaults).batch.max_export_batch_size, 100);
    assert_int_equal(reports.count, 0);
    setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "101", 1);
    assert_int_equal(resolve(&defaults).batch.max_export_batch_size, 100);
    assert_int_equal(reports.count, 1);
    setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "99", 1);
    assert_int_equal(resolve(&defaults).batch.max_export_batch_size, 99);
    assert_int_equal(reports.count, 1);
}

static void the_queue_size_is_at_least_one_and_always_bounded(void **state) {
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = defaults;

    (void)state;
    options.batch = &batch;
    batch.max_queue_size = TOTE_OPTION_UNLIMITED; /* the limit is the one in bytes */
    assert_int_equal(resolve(&options).batch.max_queue_size, UINT32_MAX);
    batch.max_export_batch_size = TOTE_OPTION_UNLIMITED;
    assert_int_equal(resolve(&options).batch.max_export_batch_size, 1 << 16);
    assert_int_equal(reports.count, 1);
    batch.max_export_batch_size = 0;
    batch.max_queue_size = TOTE_OPTION_ZERO;
    assert_int_equal(resolve(&options).batch.max_queue_size, 1);
    assert_int_equal(resolve(&options).batch.max_export_batch_size, 1);
    assert_int_equal(reports.count, 2);
}

/* OTEL_TRACES_SAMPLER_ARG, independent of the locale. Compliance: EV-17 */
static void a_ratio_is_a_decimal_number_from_0_to_1(void **state) {
    static const char *const right[] = {"0", "1", "0.5", ".5", "5e-1", " 0.5 ", "1.0"};
    static const char *const wrong[] = {"-0.1", "1.01", "nan", "inf", "0x1p-1",
                                        "0,5",  "0.5x", "1e",  "--1", "0.5 0.5"};

    (void)state;
    setlocale(LC_ALL, "de_DE.UTF-8");
    setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio", 1);
    for (size_t i = 0; i < TOTE_COUNT_OF(right); i++) {
        setenv("OTEL_TRACES_SAMPLER_ARG", right[i], 1);
        double ratio = resolve(&defaults).sampler_ratio;
        assert_true(ratio == 0 || ratio == 0.5 || ratio == 1);
        assert_int_equal(reports.count, 0);
    }
    for (size_t i = 0; i < TOTE_COUNT_OF(wrong); i++) {
        reports_reset(TOTE_LEVEL_DEBUG);
        setenv("OTEL_TRACES_SAMPLER_ARG", wrong[i], 1);
        assert_true(resolve(&defaults).sampler_ratio == 1);
        assert_int_equal(reports.count, 1);
    }
    setlocale(LC_ALL, "C");
}

static void the_names_of_probability_samplers_have_a_ratio(void **state) {
    static const char *const names[] = {"probability", "parentbased_probability"};

    (void)state;
    setenv("OTEL_TRACES_SAMPLER_ARG", "0.25", 1);
    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        setenv("OTEL_TRACES_SAMPLER", names[i], 1);
        struct tote__configuration result = resolve(&defaults);
        assert_string_equal(result.sampler, names[i]);
        assert_true(result.sampler_ratio == 0.25);
    }
    assert_int_equal(reports.count, 0);
}

/* The argument counts only with a sampler that has one. Compliance: EV-17 */
static void the_sampler_argument_is_ignored_without_its_sampler(void **state) {
    (void)state;
    setenv("OTEL_TRACES_SAMPLER_ARG", "abc", 1);
    assert_string_equal(resolve(&defaults).sampler, "parentbased_always_on");
    setenv("OTEL_TRACES_SAMPLER", "always_off", 1);
    assert_string_equal(resolve(&defaults).sampler, "always_off");
    assert_int_equal(reports.count, 0);
}

/* OTEL_TRACES_EXPORTER. Compliance: EV-09 */
static void the_exporter_list_is_deduplicated(void **state) {
    (void)state;
    setenv("OTEL_TRACES_EXPORTER", " Console ,otlp,,otlp", 1);
    struct tote__configuration result = resolve(&defaults);
    assert_int_equal(result.exporter_count, 2);
    assert_string_equal(result.exporters[0], "console");
    assert_string_equal(result.exporters[1], "otlp");
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    assert_int_equal(resolve(&defaults).exporter_count, 0);
    assert_int_equal(reports.count, 0);
    setenv("OTEL_TRACES_EXPORTER", "none,otlp", 1);
    assert_int_equal(resolve(&defaults).exporter_count, 1);
    assert_int_equal(reports.count, 1);
}

static void a_disk_queue_without_the_exporter_otlp_is_reported(void **state) {
    (void)state;
    setenv("OTEL_C_DISK_QUEUE_DIRECTORY", "/tmp/queue", 1);
    setenv("OTEL_TRACES_EXPORTER", "console,otlp", 1);
    resolve(&defaults);
    assert_int_equal(reports.count, 0);
    setenv("OTEL_TRACES_EXPORTER", "console", 1);
    resolve(&defaults);
    unsetenv("OTEL_C_DISK_QUEUE_DIRECTORY");
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.component, "OTEL_C_DISK_QUEUE_DIRECTORY");
    assert_non_null(strstr(reports.message, "is ignored: it needs the exporter otlp"));
}

/*
 * "logging" must not be supported, and zipkin is not. Spec:
 * configuration/sdk-environment-variables.md#exporter-selection
 */
static void an_unsupported_exporter_is_left_out_and_reported(void **state) {
    static const char *const names[] = {"zipkin", "logging", "foo"};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        char list[64];
        reset(NULL);
        snprintf(list, sizeof list, "%s,console", names[i]);
        setenv("OTEL_TRACES_EXPORTER", list, 1);
        struct tote__configuration result = resolve(&defaults);
        assert_int_equal(result.exporter_count, 1);
        assert_string_equal(result.exporters[0], "console");
        assert_int_equal(reports.count, 1);
        assert_non_null(strstr(reports.message, names[i]));
    }
    setenv("OTEL_TRACES_EXPORTER", "foo,bar", 1); /* no usable item: the variable is ignored */
    reports_reset(TOTE_LEVEL_DEBUG);
    assert_string_equal(resolve(&defaults).exporters[0], "otlp");
    assert_int_equal(reports.count, 3); /* one report for each */
    assert_non_null(strstr(reports.message, "'foo,bar'"));
    assert_non_null(strstr(reports.message, "otlp"));
}

/*
 * The exporter is deprecated and the sampler needs a server: both are reported, and the default
 * applies. Spec: configuration/sdk-environment-variables.md#zipkin-exporter. Compliance: EV-08,
 * TR-55
 */
static void zipkin_and_jaeger_remote_are_reported_and_ignored(void **state) {
    static const struct {
        const char *name;
        const char *value;
        const char *report;
    } rows[] = {
        {"OTEL_EXPORTER_ZIPKIN_ENDPOINT", "http://zipkin:9411/api/v2/spans", "no Zipkin exporter"},
        {"OTEL_EXPORTER_ZIPKIN_TIMEOUT", "10", "no Zipkin exporter"},
        {"OTEL_TRACES_EXPORTER", "zipkin,otlp", "'zipkin' is ignored"},
        {"OTEL_TRACES_SAMPLER", "jaeger_remote", "'jaeger_remote' is ignored"},
        {"OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote", "'parentbased_jaeger_remote' is"},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        reset(NULL);
        setenv(rows[i].name, rows[i].value, 1);
        struct tote__configuration result = resolve(&defaults);
        assert_string_equal(result.sampler, "parentbased_always_on");
        assert_int_equal(result.exporter_count, 1);
        assert_string_equal(result.exporters[0], "otlp");
        assert_int_equal(reports.count, 1);
        assert_string_equal(reports.component, rows[i].name);
        assert_non_null(strstr(reports.message, rows[i].report));
    }
}

/* OTEL_LOG_LEVEL. Compliance: EV-04 */
static void the_log_level_is_a_name(void **state) {
    static const struct {
        const char *word;
        tote_level level;
    } words[] = {{"none", TOTE_LEVEL_NONE},   {"ERROR", TOTE_LEVEL_ERROR},
                 {"Warn", TOTE_LEVEL_WARN},   {"info", TOTE_LEVEL_INFO},
                 {"debug", TOTE_LEVEL_DEBUG}, {"trace", TOTE_LEVEL_DEBUG}};
    tote_level level = TOTE_LEVEL_ERROR;

    (void)state;
    assert_false(tote__environment_log_level(&level));
    for (size_t i = 0; i < TOTE_COUNT_OF(words); i++) {
        setenv("OTEL_LOG_LEVEL", words[i].word, 1);
        assert_true(tote__environment_log_level(&level));
        assert_int_equal(level, words[i].level);
    }
    assert_int_equal(reports.count, 0);
    setenv("OTEL_LOG_LEVEL", "loud", 1);
    assert_false(tote__environment_log_level(&level));
    assert_int_equal(reports.count, 1);
}

/* The default that is set explicitly is a limit: without it a burst may use max_queue_bytes. */
static void a_queue_size_that_is_set_is_a_limit(void **state) {
    (void)state;
    assert_true(resolve(&defaults).batch.may_exceed_queue_size);
    setenv("OTEL_BSP_MAX_QUEUE_SIZE", "2048", 1);
    assert_false(resolve(&defaults).batch.may_exceed_queue_size);
}

static void *start_thread(void *self, const char *name, void (*work)(void *arg), void *arg) {
    (void)self, (void)name, (void)work, (void)arg;
    return NULL;
}

static void join_thread(void *self, void *thread) {
    (void)self, (void)thread;
}

static void a_thread_factory_needs_both_functions(void **state) {
    tote_thread_factory factory = {sizeof factory, start_thread, NULL, &factory};
    tote_sdk_options options = defaults;

    (void)state;
    options.thread_factory = &factory;
    struct tote__configuration result = resolve(&options);
    assert_null(result.thread_factory.start);
    assert_int_equal(reports.count, 1);
    factory.join = join_thread;
    result = resolve(&options);
    assert_ptr_equal(result.thread_factory.start, start_thread);
    assert_ptr_equal(result.thread_factory.self, &factory);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        CONFIGURATION_TEST(the_value_1_does_not_disable_the_sdk),
        CONFIGURATION_TEST(without_options_and_variables_the_defaults_apply),
        CONFIGURATION_TEST(a_list_of_commas_alone_leaves_the_default_and_is_reported),
        CONFIGURATION_TEST(every_variable_has_its_effect),
        CONFIGURATION_TEST(a_program_that_ignores_the_environment_gets_the_default_settings),
        CONFIGURATION_TEST(options_override_variables_field_by_field),
        CONFIGURATION_TEST(unlimited_and_zero_are_resolved_to_numbers),
        CONFIGURATION_TEST(a_span_limit_falls_back_to_the_general_limit),
        CONFIGURATION_TEST(a_batch_is_not_larger_than_the_queue),
        CONFIGURATION_TEST(the_queue_size_is_at_least_one_and_always_bounded),
        CONFIGURATION_TEST(a_ratio_is_a_decimal_number_from_0_to_1),
        CONFIGURATION_TEST(the_sampler_argument_is_ignored_without_its_sampler),
        CONFIGURATION_TEST(the_names_of_probability_samplers_have_a_ratio),
        CONFIGURATION_TEST(the_exporter_list_is_deduplicated),
        CONFIGURATION_TEST(a_disk_queue_without_the_exporter_otlp_is_reported),
        CONFIGURATION_TEST(an_unsupported_exporter_is_left_out_and_reported),
        CONFIGURATION_TEST(zipkin_and_jaeger_remote_are_reported_and_ignored),
        CONFIGURATION_TEST(the_log_level_is_a_name),
        CONFIGURATION_TEST(a_queue_size_that_is_set_is_a_limit),
        CONFIGURATION_TEST(a_thread_factory_needs_both_functions),
    };
    return RUN_TESTS(tests, argc, argv);
}
