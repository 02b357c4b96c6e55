/* SPDX-License-Identifier: MIT */
/*
 * sdk_settings.c - from a resolved configuration to the settings of an SDK, except its processors
 *
 * It creates no exporter, so that a program without libcurl can link it.
 *
 * Tests: tests/unit/test_start.c, tests/unit/test_configuration.c
 */
#include <string.h>

#include "configuration.h"
#include "create.h"
#include "tote/diagnostics.h"
#include "tote/internal/env.h"
#include "tote/internal/left_out.h"
#include "tote/internal/memory.h"
#include "tote/internal/resource.h"

static tote_sampler *make_sampler(const char *name, double ratio) {
    static const char prefix[] = "parentbased_";
    bool is_parent_based = strncmp(name, prefix, sizeof prefix - 1) == 0;
    const char *root_name = is_parent_based ? name + sizeof prefix - 1 : name;
    tote_parent_based_options options = TOTE_PARENT_BASED_OPTIONS_INIT;

    if (strcmp(root_name, "always_off") == 0) {
        options.root = tote_sampler_always_off_new();
    } else if (strcmp(root_name, "probability") == 0) {
        options.root = tote_sampler_probability_new(ratio);
    } else if (strcmp(root_name, "traceidratio") == 0) {
        options.root = tote_sampler_trace_id_ratio_new(ratio);
    } else {
        options.root = tote_sampler_always_on_new();
    }
    return is_parent_based ? tote_sampler_parent_based_new(&options) : options.root;
}

static tote_sampler *choose_sampler(const tote_sdk_options *options,
                                    const struct tote__configuration *configuration) {
    tote_sampler *sampler = configuration->sampler
                                ? make_sampler(configuration->sampler, configuration->sampler_ratio)
                                : options->sampler;

    if (tote__check) {
        tote_sampler_free(sampler);
        sampler = tote_sampler_always_on_new();
    }
    return sampler;
}

static tote_resource *parse_entities(const struct tote__configuration *configuration) {
    if (configuration->environment_entities && !configuration->with_entities) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "OTEL_ENTITIES",
                                "the variable is ignored: entities are experimental; set "
                                "OTEL_EXPERIMENTAL_ENTITIES_ENABLED=true to use them");
        return NULL;
    }
    if (!TOTE_HAS_RESOURCE_DETECTORS && configuration->environment_entities) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "OTEL_ENTITIES", "the variable is ignored: %s",
            TOTE__LEFT_OUT("built-in detectors", "TOTE_WITH_RESOURCE_DETECTORS"));
        return NULL;
    }
    return TOTE_HAS_RESOURCE_DETECTORS && configuration->environment_entities
               ? tote__parse_entities(configuration->environment_entities)
               : NULL;
}

static void show_resource(const tote_resource *resource) {
    for (size_t i = 0; tote__check && resource && i < resource->attribute_count; i++) {
        const tote_attribute *attribute = &resource->attributes[i];
        char value[512];
        tote_value_to_text(attribute->value, value, sizeof value);
        tote__check->observe(tote__check->self, &(struct tote__shown){
                                                    .part = TOTE__SHOWN_RESOURCE,
                                                    .name = attribute->key,
                                                    .value = value,
                                                });
    }
}

/* Return the index of the resource. */
static uint32_t make_resource(const tote_sdk_options *options,
                              const struct tote__configuration *configuration) {
    static const struct tote__creation no_file = {.errors = 0};
    const struct tote__creation *file = configuration->file ? configuration->file : &no_file;
    const char *variable = configuration->environment_resource_attributes;
    struct tote__arena arena = {NULL, NULL, 0};
    tote_attribute *attributes = NULL;
    size_t count = 0;

    if (options->resource) {
        if (options->service_name || options->resource_attribute_count ||
            options->own_resource_detector_count) {
            tote_diagnostics_report(
                TOTE_LEVEL_WARN, "configuration",
                "tote_sdk_options.resource is used as it is: service_name, resource_attributes and "
                "own_resource_detectors are ignored; merge them into it with "
                "tote_resource_merge()");
        }
        return tote__resource_intern(options->resource);
    }
    if (variable) {
        tote__parse_resource_attributes(variable, &arena, &attributes, &count);
    }
    tote_resource *entities = parse_entities(configuration);
    tote_resource *resource = tote__resource_build(&(struct tote__resource_sources){
        .service_name = configuration->service_name,
        .default_service_name = options->default_service_name,
        .attributes = options->resource_attributes,
        .attribute_count = options->resource_attribute_count,
        .schema_url = options->resource_schema_url,
        .environment_service_name = configuration->environment_service_name,
        .environment_attributes = attributes,
        .environment_attribute_count = count,
        .environment_entities = entities,
        .with_entities = configuration->with_entities,
        .detectors = configuration->resource_detectors,
        .own_detectors = options->own_resource_detectors,
        .own_detector_count = options->own_resource_detector_count,
        .detected_service_name = configuration->file ? file->detected_service_name
                                 : configuration->service_name
                                     ? configuration->service_name
                                     : configuration->environment_service_name,
        .included = file->included.items,
        .included_count = file->included.count,
        .excluded = file->excluded.items,
        .excluded_count = file->excluded.count,
    });
    show_resource(resource);
    uint32_t index = tote__resource_intern(resource);
    tote_resource_unref(resource);
    tote_resource_unref(entities);
    tote__arena_clear(&arena);
    return index;
}

struct tote__sdk_settings tote__sdk_settings_of(const tote_sdk_options *options,
                                                const struct tote__configuration *configuration) {
    return (struct tote__sdk_settings){
        .is_disabled = configuration->is_disabled,
        .is_global = configuration->is_global,
        .has_process_context = configuration->has_process_context,
        .sampler = choose_sampler(options, configuration),
        .id_generator = options->id_generator,
        .resource = make_resource(options, configuration),
        .limits = configuration->limits,
        .store_export = (tote_store_export)tote__known_value(
            "tote_sdk_options.store_export", options->store_export, TOTE_STORE_EXPORT_NONE),
        .store_export_keys = options->store_export_keys,
        .store_export_key_count = options->store_export_key_count,
        .metrics = configuration->metrics,
        .thread_factory = configuration->thread_factory,
        .now_unix_nano = options->now_unix_nano,
        .clock = options->clock,
        .tracer_configurator = options->tracer_configurator,
    };
}
