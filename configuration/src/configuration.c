/* SPDX-License-Identifier: MIT */
/*
 * configuration.c - resolves options, environment variables and defaults
 *
 * Field by field. A variable whose option is set is not read, so it is not reported either.
 */
#include "configuration.h"

#include "create.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/env.h"
#include "tote/internal/left_out.h"
#include "tote/internal/tracer.h"

enum {
    DEFAULT_COUNT = 128,
    DEFAULT_DEPTH = 64,
    DEFAULT_QUEUE_SIZE = 2048,
    DEFAULT_QUEUE_BYTES = 14 << 20,
    DEFAULT_BATCH_SIZE = 512,
    DEFAULT_DELAY_MS = 5000,
    DEFAULT_EXPORT_TIMEOUT_MS = 30000,
    DEFAULT_POLL_BUDGET_US = 1000,
    MOST_BATCH_SIZE = 1 << 16 /* memory is allocated for it */
};

/* Return an option as in tote/sdk.h, else its variables, else the default. In the result 0 is 0. */
static uint32_t choose(const struct tote__configuration *result, uint32_t option,
                       const char *variable, const char *general, uint32_t fallback) {
    if (option == TOTE_OPTION_ZERO) {
        return 0;
    }
    if (option) {
        return option;
    }
    return result->reads_environment ? tote__environment_number(variable, general, 0, fallback)
                                     : fallback;
}

static void resolve_limits(const tote_span_limits *options, struct tote__configuration *result) {
    tote_span_limits given = TOTE_SPAN_LIMITS_INIT;
    tote_span_limits *limits = &result->limits;

    TOTE__COPY_OPTIONS(tote_span_limits, &given, options);
    *limits = (tote_span_limits)TOTE_SPAN_LIMITS_INIT;
    limits->attribute_count =
        choose(result, given.attribute_count, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
               "OTEL_ATTRIBUTE_COUNT_LIMIT", DEFAULT_COUNT);
    limits->attribute_value_length =
        choose(result, given.attribute_value_length, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
               "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", TOTE_OPTION_UNLIMITED);
    limits->attribute_value_depth =
        choose(result, given.attribute_value_depth, NULL, NULL, DEFAULT_DEPTH);
    limits->event_count =
        choose(result, given.event_count, "OTEL_SPAN_EVENT_COUNT_LIMIT", NULL, DEFAULT_COUNT);
    limits->link_count =
        choose(result, given.link_count, "OTEL_SPAN_LINK_COUNT_LIMIT", NULL, DEFAULT_COUNT);
    limits->attribute_count_per_event =
        choose(result, given.attribute_count_per_event, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", NULL,
               DEFAULT_COUNT);
    limits->attribute_count_per_link =
        choose(result, given.attribute_count_per_link, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", NULL,
               DEFAULT_COUNT);
}

/* Return a number of spans, at least 1. */
static uint32_t choose_size(const struct tote__configuration *result, const char *name,
                            uint32_t option, const char *variable, uint32_t fallback) {
    if (option == TOTE_OPTION_ZERO) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "configuration",
                            "tote_batch_options.%s: TOTE_OPTION_ZERO counts as 1", name);
        return 1;
    }
    if (option) {
        return option;
    }
    return result->reads_environment ? tote__environment_number(variable, NULL, 1, fallback)
                                     : fallback;
}

/* The value 0 of the variable is no limit. Spec: configuration/common.md#timeout */
static uint32_t choose_timeout(const struct tote__configuration *result, uint32_t option) {
    if (option || !result->reads_environment) {
        return choose(result, option, NULL, NULL, DEFAULT_EXPORT_TIMEOUT_MS);
    }
    uint32_t timeout =
        tote__environment_number("OTEL_BSP_EXPORT_TIMEOUT", NULL, 0, DEFAULT_EXPORT_TIMEOUT_MS);
    return timeout ? timeout : TOTE_OPTION_UNLIMITED;
}

/*
 * Limit the batch size to the queue size. Reported unless the batch size is the default. Spec:
 * configuration/sdk-environment-variables.md#batch-span-processor
 */
static void fit_batch(const tote_batch_options *given, struct tote__configuration *result) {
    struct tote__batch_settings *batch = &result->batch;

    uint32_t most = (uint32_t)tote__min(batch->max_queue_size, MOST_BATCH_SIZE);

    if (batch->max_export_batch_size <= most) {
        return;
    }
    if (given->max_export_batch_size || batch->max_export_batch_size != DEFAULT_BATCH_SIZE) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "configuration",
            "a batch size of %u spans (%s) is reduced to %s of %u", batch->max_export_batch_size,
            given->max_export_batch_size ? "tote_batch_options.max_export_batch_size"
                                         : "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
            most < MOST_BATCH_SIZE ? "the queue size" : "the maximum", most);
    }
    batch->max_export_batch_size = most;
}

void tote__configuration_resolve_batch(const tote_batch_options *options,
                                       struct tote__configuration *result) {
    tote_batch_options given = TOTE_BATCH_OPTIONS_INIT;
    struct tote__batch_settings *batch = &result->batch;
    bool reads_environment = result->reads_environment;

    TOTE__COPY_OPTIONS(tote_batch_options, &given, options);
    result->reads_environment &= !given.ignore_environment;
    result->mode = (tote_export_mode)tote__known_value("tote_batch_options.mode", given.mode,
                                                       TOTE_EXPORT_MODE_SIMPLE);
    batch->is_host_driven = result->mode == TOTE_EXPORT_MODE_HOST_DRIVEN;
    batch->poll_budget_us = given.poll_budget_us ? given.poll_budget_us : DEFAULT_POLL_BUDGET_US;
    batch->max_queue_size = choose_size(result, "max_queue_size", given.max_queue_size,
                                        "OTEL_BSP_MAX_QUEUE_SIZE", DEFAULT_QUEUE_SIZE);
    batch->may_exceed_queue_size = !given.max_queue_size && !(result->reads_environment &&
                                                              tote__env("OTEL_BSP_MAX_QUEUE_SIZE"));
    batch->max_queue_bytes = given.max_queue_bytes ? given.max_queue_bytes : DEFAULT_QUEUE_BYTES;
    batch->max_export_batch_size =
        choose_size(result, "max_export_batch_size", given.max_export_batch_size,
                    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", DEFAULT_BATCH_SIZE);
    batch->schedule_delay_ms =
        choose(result, given.schedule_delay_ms, "OTEL_BSP_SCHEDULE_DELAY", NULL, DEFAULT_DELAY_MS);
    batch->export_timeout_ms = choose_timeout(result, given.export_timeout_ms);
    fit_batch(&given, result);
    result->reads_environment = reads_environment;
}

static void resolve_thread_factory(const tote_thread_factory *options,
                                   struct tote__configuration *result) {
    tote_thread_factory given = {.struct_size = sizeof given};

    TOTE__COPY_OPTIONS(tote_thread_factory, &given, options);
    if (options && !(given.start && given.join)) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "configuration",
            "tote_sdk_options.thread_factory lacks %s and is ignored: the worker is a "
            "POSIX thread",
            given.start  ? "join"
            : given.join ? "start"
                         : "start and join");
        given = (tote_thread_factory){.struct_size = sizeof given};
    }
    result->thread_factory = given;
}

static void resolve_sampler(const tote_sdk_options *options, struct tote__configuration *result) {
    result->sampler_ratio = 1;
    if (options->sampler) {
        result->sampler = NULL;
        return;
    }
    result->sampler = "parentbased_always_on";
    if (result->reads_environment) {
        tote__environment_sampler(result);
    }
}

bool tote__options_export(const tote_sdk_options *options) {
    bool has_one = options->exporters && options->exporter_count;

    for (size_t i = 0; options->processors && i < options->processor_count && !has_one; i++) {
        const tote_span_processor *innermost = tote__innermost(options->processors[i]);
        has_one = !innermost || innermost->exporter;
    }
    return has_one;
}

static void resolve_exporters(const tote_sdk_options *options, struct tote__configuration *result) {
    if (result->file || tote__options_export(options)) {
        return;
    }
    if (result->reads_environment) {
        tote__environment_exporters(result);
        return;
    }
    result->exporters[result->exporter_count++] = "otlp";
}

static void resolve_resource(const tote_sdk_options *options, struct tote__configuration *result) {
    result->service_name = options->service_name;
    result->resource_detectors = options->resource_detectors;
    if (result->reads_environment) {
        result->environment_service_name = tote__env("OTEL_SERVICE_NAME");
        result->environment_resource_attributes = tote__env("OTEL_RESOURCE_ATTRIBUTES");
        result->environment_entities = tote__env("OTEL_ENTITIES");
        result->with_entities = tote__env_boolean("OTEL_EXPERIMENTAL_ENTITIES_ENABLED");
        if (!result->resource_detectors) {
            result->resource_detectors = tote__env("OTEL_C_RESOURCE_DETECTORS");
        }
    }
}

/* Only the global SDK has a propagator. */
static void resolve_propagators(const tote_sdk_options *options,
                                struct tote__configuration *result) {
    if (!result->is_global) {
        return;
    }
    if (!options->propagator) {
        result->propagators =
            result->reads_environment ? tote__environment_propagators() : "tracecontext,baggage";
    }
    if (result->reads_environment) { /* also for the program's propagator: it only limits more */
        result->allowed_hosts = tote__env("OTEL_C_PROPAGATION_ALLOWED_HOSTS");
    }
}

/* Position in the words of the setting. */
enum { METRICS_OTLP = 1 };

/* A timeout of 0 in the environment is no limit. */
static void resolve_metrics(const tote_sdk_options *options, struct tote__configuration *result) {
    static const struct tote__own_settings none;
    const struct tote__own_settings *own = result->file ? &result->file->own : &none;
    struct tote__metric_source *metrics = &result->metrics;
    bool reads_environment = result->reads_environment;

    if (!options->export_metrics && own->metrics_exporter != METRICS_OTLP &&
        !(reads_environment && tote__environment_sends_metrics())) {
        return;
    }
    if (!TOTE_HAS_METRICS) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "configuration", "no metrics are sent: %s",
                                TOTE__LEFT_OUT("export of metrics", "TOTE_WITH_METRICS"));
        return;
    }
    metrics->interval_ms = options->metric_export_interval_ms ? options->metric_export_interval_ms
                                                              : own->metric_export_interval_ms;
    metrics->timeout_ms = options->metric_export_timeout_ms ? options->metric_export_timeout_ms
                                                            : own->metric_export_timeout_ms;
    if (!metrics->interval_ms) {
        metrics->interval_ms = tote__environment_number(
            reads_environment ? "OTEL_METRIC_EXPORT_INTERVAL" : NULL, NULL, 1, 60000);
    }
    if (!metrics->timeout_ms) {
        metrics->timeout_ms = tote__environment_number(
            reads_environment ? "OTEL_METRIC_EXPORT_TIMEOUT" : NULL, NULL, 0, 30000);
    }
    metrics->timeout_ms = metrics->timeout_ms ? metrics->timeout_ms : UINT32_MAX;
}

void tote__configuration_resolve(const tote_sdk_options *options, const struct tote__creation *file,
                                 struct tote__configuration *result) {
    *result = (struct tote__configuration){
        .reads_environment = !options->ignore_environment,
        .is_global = !options->skip_global_registration,
        .file = file,
    };
    result->is_disabled = (file && file->is_disabled) ||
                          (result->reads_environment && tote__env_boolean("OTEL_SDK_DISABLED"));
    result->has_process_context =
        result->is_global && !result->is_disabled && !options->skip_process_context &&
        !(file ? file->own.skip_process_context
               : result->reads_environment && tote__env_boolean("OTEL_C_PROCESS_CONTEXT_DISABLED"));
    resolve_resource(options, result);
    resolve_sampler(options, result);
    resolve_propagators(options, result);
    resolve_limits(options->limits, result);
    tote__configuration_resolve_batch(options->batch, result);
    resolve_thread_factory(options->thread_factory, result);
    resolve_exporters(options, result);
    resolve_metrics(options, result);
}
