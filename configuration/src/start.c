/* SPDX-License-Identifier: MIT */
/*
 * start.c - starts an SDK from its resolved configuration
 *
 * What the options own is passed on or released in every case. Spec:
 * trace/sdk.md#tracer-provider-creation
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "configuration.h"
#include "create.h"
#include "file/file.h"
#include "tote/diagnostics.h"
#include "tote/exporters/console.h"
#include "tote/exporters/otlp.h"
#include "tote/exporters/otlp_file.h"
#include "tote/internal/cancel.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/env.h"
#include "tote/internal/left_out.h"
#include "tote/internal/memory.h"
#include "tote/internal/propagators.h"
#include "tote/internal/resource.h"
#include "tote/internal/tracer.h"
#include "tote/start.h"

static void release_exporters(const tote_sdk_options *options) {
    for (size_t i = 0; i < options->exporter_count; i++) {
        tote_span_exporter_free(options->exporters[i]);
    }
}

static void release_detectors(const tote_sdk_options *options) {
    for (size_t i = 0; i < options->own_resource_detector_count; i++) {
        tote_resource_detector_free(options->own_resource_detectors[i]);
    }
}

/* Release everything the options own. */
static void release_options(const tote_sdk_options *options) {
    tote_sampler_free(options->sampler);
    tote_id_generator_free(options->id_generator);
    tote_propagator_unref(options->propagator);
    for (size_t i = 0; i < options->processor_count; i++) {
        tote_span_processor_free(options->processors[i]);
    }
    release_exporters(options);
    release_detectors(options);
}

/* Show what differs from the variables. */
static void show_effective(const struct tote__configuration *configuration) {
    bool is_otlp =
        configuration->exporter_count == 1 && strcmp(configuration->exporters[0], "otlp") == 0;
    char value[24];

    snprintf(value, sizeof value, "%u", configuration->batch.max_export_batch_size);
    tote__check_effective("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", value);
    if (is_otlp && configuration->batch.may_exceed_queue_size) {
        tote__check_effective("OTEL_BSP_MAX_QUEUE_SIZE", "no limit");
    }
}

static tote_result lose_spans(void *self, const tote_span_data *const *spans, size_t count,
                              uint32_t timeout_ms, tote_export_outcome *report) {
    (void)self, (void)spans, (void)count, (void)timeout_ms, (void)report;
    return TOTE_RESULT_FAILURE;
}

/* Replaces an exporter that could not be created, so that its spans count as dropped. */
static tote_span_exporter *make_losing_exporter(void) {
    static const tote_span_exporter_ops ops = {.struct_size = sizeof ops,
                                               .export_spans = lose_spans};

    return tote_span_exporter_new(&ops, NULL);
}

static tote_span_exporter *make_otlp_exporter(const struct tote__configuration *configuration) {
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;

    options.ignore_environment = !configuration->reads_environment;
    return tote_span_exporter_otlp_new(&options);
}

/* Create the exporter of this name. Failures are reported. Returns NULL if out of memory. */
static tote_span_exporter *make_exporter(const char *name,
                                         const struct tote__configuration *configuration) {
    tote_span_exporter *exporter =
        TOTE_HAS_CONSOLE && strcmp(name, "console") == 0    ? tote_span_exporter_console_new(NULL)
        : TOTE_HAS_JSON && strcmp(name, "otlp/stdout") == 0 ? tote_span_exporter_otlp_file_new(NULL)
                                                            : make_otlp_exporter(configuration);

    return exporter ? exporter : make_losing_exporter();
}

/* The processors of an SDK that is being created. */
struct processors {
    tote_span_processor **items;
    size_t count;
};

/* Add a processor for the exporter, and take ownership of it. NULL is ignored. */
static void add_exporter(struct processors *processors, tote_span_exporter *exporter,
                         const struct tote__configuration *configuration, bool is_simple) {
    if (!exporter) {
        return;
    }
    tote_span_processor *processor = tote__processor_make(exporter, configuration, is_simple);
    if (processor) {
        processors->items[processors->count++] = processor;
    }
}

static void add_all(struct processors *processors, const tote_sdk_options *options,
                    const struct tote__configuration *configuration) {
    bool is_simple = configuration->mode == TOTE_EXPORT_MODE_SIMPLE;

    for (size_t i = 0; i < options->processor_count; i++) {
        if (options->processors[i]) {
            processors->items[processors->count++] = options->processors[i];
        }
    }
    if (configuration->is_disabled) { /* a disabled SDK needs no worker */
        release_exporters(options);
        return;
    }
    for (size_t i = 0; i < options->exporter_count; i++) {
        add_exporter(processors, options->exporters[i], configuration, is_simple);
    }
    for (size_t i = 0; i < configuration->exporter_count; i++) {
        const char *name = configuration->exporters[i];
        /* Spec: trace/sdk_exporters/stdout.md: the console is paired with the simple processor */
        add_exporter(processors, make_exporter(name, configuration), configuration,
                     is_simple || strcmp(name, "console") == 0);
    }
}

/* Create the SDK. Takes ownership of what the options own, except the propagator. */
static tote_sdk *make_sdk(const tote_sdk_options *options,
                          const struct tote__configuration *configuration,
                          struct processors *processors) {
    add_all(processors, options, configuration);
    struct tote__sdk_settings settings = tote__sdk_settings_of(options, configuration);
    settings.processors = processors->items;
    settings.processor_count = processors->count;
    return tote__sdk_new(&settings);
}

/* Set the global propagator, unless the SDK is private. */
static void set_propagator(const tote_sdk_options *options,
                           const struct tote__configuration *configuration) {
    if (!configuration->is_global) {
        if (options->propagator) {
            tote_diagnostics_report(
                TOTE_LEVEL_WARN, "configuration",
                "tote_sdk_options.propagator is ignored, because skip_global_registration is set: "
                "pass the propagator to tote_propagator_inject() and tote_propagator_extract()");
        }
        return;
    }
    tote_propagator *propagator =
        configuration->propagators
            ? tote__propagator_from_names("OTEL_PROPAGATORS", configuration->propagators)
            : tote_propagator_ref(options->propagator);

    if (configuration->allowed_hosts) {
        propagator = tote__propagator_allow_hosts("OTEL_C_PROPAGATION_ALLOWED_HOSTS", propagator,
                                                  configuration->allowed_hosts);
    }
    if (configuration->file && configuration->file->own.allowed_hosts.count) {
        const struct tote__texts *hosts = &configuration->file->own.allowed_hosts;
        propagator = tote_propagator_allowed_hosts_new(propagator, hosts->items, hosts->count);
    }
    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
}

/* Report the configuration at level debug. Exporters report their own. */
static void report_started(const tote_sdk_options *options,
                           const struct tote__configuration *configuration) {
    static const char own[] = "the program's own";
    const struct tote__batch_settings *batch = &configuration->batch;

    if (configuration->is_disabled) {
        tote_diagnostics_report(TOTE_LEVEL_DEBUG, "sdk", "%s: nothing is recorded",
                                configuration->file ? "the configuration file disables the SDK, or "
                                                      "has no tracer_provider"
                                                    : "OTEL_SDK_DISABLED is true");
        return;
    }
    if (configuration->file) {
        tote_diagnostics_report(TOTE_LEVEL_DEBUG, "sdk",
                                "version " TOTE_VERSION " started from %s; 'tote check %s' prints "
                                "the settings",
                                configuration->file->problems.name,
                                configuration->file->problems.name);
        return;
    }
    tote_diagnostics_report(
        TOTE_LEVEL_DEBUG, "sdk",
        "version " TOTE_VERSION " started: sampler %s (ratio %g), propagators %s, "
        "exporters %s%s%s and %zu of the program's, %zu processors of the program's",
        configuration->sampler ? configuration->sampler : own, configuration->sampler_ratio,
        !configuration->is_global    ? "none"
        : configuration->propagators ? configuration->propagators
                                     : own,
        configuration->exporter_count ? configuration->exporters[0] : "none",
        configuration->exporter_count > 1 ? "," : "",
        configuration->exporter_count > 1 ? configuration->exporters[1] : "",
        options->exporter_count, options->processor_count);
    if (configuration->allowed_hosts) {
        tote_diagnostics_report(TOTE_LEVEL_DEBUG, "sdk", "headers are sent only to these hosts: %s",
                                configuration->allowed_hosts);
    }
    if (configuration->mode == TOTE_EXPORT_MODE_SIMPLE) {
        tote_diagnostics_report(TOTE_LEVEL_DEBUG, "sdk", "each span is exported when it ends");
        return;
    }
    if (!options->exporter_count && !configuration->exporter_count) {
        return;
    }
    tote_diagnostics_report(
        TOTE_LEVEL_DEBUG, "sdk",
        "%s (except the console of OTEL_TRACES_EXPORTER): queue of %u spans and %zu bytes, batches "
        "of %u spans, every %u ms, export timeout %u ms",
        batch->is_host_driven ? "the host event loop exports" : "a worker exports",
        batch->max_queue_size, batch->max_queue_bytes, batch->max_export_batch_size,
        batch->schedule_delay_ms, batch->export_timeout_ms);
}

static tote_sdk *start_resolved(const tote_sdk_options *options,
                                const struct tote__creation *file) {
    struct tote__configuration configuration;
    struct processors processors = {NULL, 0};

    tote__configuration_resolve(options, file, &configuration);
    if (tote__check && !file) {
        show_effective(&configuration);
    }
    size_t most = options->processor_count + options->exporter_count + TOTE__MOST_EXPORTERS;
    processors.items = tote__allocate_zeroed(most * sizeof(*processors.items));
    if (!processors.items) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "sdk", "not started: out of memory");
        release_options(options);
        return NULL;
    }
    tote_sdk *sdk = make_sdk(options, &configuration, &processors);
    tote__release(processors.items, most * sizeof(*processors.items));
    if (sdk) {
        set_propagator(options, &configuration);
        report_started(options, &configuration);
    }
    tote_propagator_unref(options->propagator);
    release_detectors(options);
    return sdk;
}

/* The file fills the options that the program has not set. An error in it starts nothing. */
static tote_sdk *start_file(tote_sdk_options *options, const tote_configuration *file,
                            const char *name) {
    struct tote__creation creation = {.errors = 0};
    tote_sdk *sdk = NULL;

    if (file && tote__create(file, &creation, options)) {
        sdk = start_resolved(options, &creation);
    } else {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "configuration",
            "no SDK is started, because %s has an error: correct the file%s%s%s", name,
            tote__check ? "" : "; 'tote check ", tote__check ? "" : name,
            tote__check ? "" : "' shows the configuration");
        release_options(options);
    }
    tote__creation_clear(&creation);
    return sdk;
}

static tote_sdk *start(tote_sdk_options *options) {
    const char *path = options->config_file          ? options->config_file
                       : options->ignore_environment ? NULL
                                                     : tote__env("OTEL_CONFIG_FILE");

    if (TOTE_HAS_YAML && options->configuration) {
        return start_file(options, options->configuration, options->configuration->name);
    }
    if (path) {
        tote_configuration *file = tote_configuration_parse_file(path, NULL);
        tote_sdk *sdk = start_file(options, file, path);
        tote_configuration_unref(file);
        return sdk;
    }
    if (!options->ignore_environment && !tote__check) {
        tote__environment_set_log_level(); /* first, because it applies to the following diagnostics
                                            */
    }
    return start_resolved(options, NULL);
}

/* Return the options of this version. Arrays that are NULL have no elements. */
static tote_sdk_options complete(const tote_sdk_options *given) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    TOTE__COPY_OPTIONS(tote_sdk_options, &options, given);
    options.resource_attribute_count *= options.resource_attributes != NULL;
    options.own_resource_detector_count *= options.own_resource_detectors != NULL;
    options.store_export_key_count *= options.store_export_keys != NULL;
    options.processor_count *= options.processors != NULL;
    options.exporter_count *= options.exporters != NULL;
    return options;
}

tote_sdk *tote_sdk_start(const tote_sdk_options *given) {
    tote_sdk_options options = complete(given);
    int error = errno;
    int cancel = tote__cancel_disable();

    tote_sdk *sdk = options.skip_global_registration ? NULL : tote__sdk_ref_global();
    if (sdk) {
        tote_diagnostics_report(
            given ? TOTE_LEVEL_WARN : TOTE_LEVEL_INFO, "sdk",
            "an SDK is running already: tote_sdk_start() returns another reference to it, and the "
            "options have no effect; close each reference");
        release_options(&options);
    } else {
        sdk = start(&options);
    }
    tote__cancel_restore(cancel);
    errno = error;
    return sdk;
}
