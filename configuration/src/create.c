/* SPDX-License-Identifier: MIT */
/*
 * create.c - from a configuration file to the options of an SDK
 *
 * Tests: tests/unit/test_configuration_create.c
 */
#include "create.h"

#include <stdio.h>
#include <string.h>

#include "tote/internal/diagnostics.h"
#include "tote/internal/propagators.h"
#include "tote/internal/text.h"
#include "tote/internal/tracer.h"

/* Spec: logs/data-model.md#severity-fields; the digit of a level is ignored. */
static void set_log_level(struct tote__creation *creation, const tote_configuration_node *root) {
    static const struct {
        const char *name;
        tote_level level;
    } levels[] = {{"trace", TOTE_LEVEL_DEBUG}, {"debug", TOTE_LEVEL_DEBUG},
                  {"info", TOTE_LEVEL_INFO},   {"warn", TOTE_LEVEL_WARN},
                  {"error", TOTE_LEVEL_ERROR}, {"fatal", TOTE_LEVEL_ERROR}};
    const char *text = tote__read_text(creation, root, "log_level", TOTE__SETTING_TEXT, "info");

    for (size_t i = 0; text && !tote__check && i < TOTE_COUNT_OF(levels); i++) {
        if (strncmp(text, levels[i].name, strlen(levels[i].name)) == 0) {
            tote__set_diagnostics_level(levels[i].level);
        }
    }
}

static void report_ignored(struct tote__creation *creation, const tote_configuration_node *root) {
    static const struct {
        const char *key;
        const char *why;
    } ignored[] = {
        {"meter_provider", "Tote has no metrics API"},
        {"logger_provider", "Tote has no logs API"},
        {"instrumentation/development", "Tote's instrumentation has options of its own"},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(ignored); i++) {
        const tote_configuration_node *node = tote_configuration_node_get(root, ignored[i].key);
        if (node) {
            tote__create_report(creation, TOTE_LEVEL_INFO, node, "ignored: %s", ignored[i].why);
        }
    }
}

/* A key of the limits of spans overrides the same key of attribute_limits. */
static void read_limits(struct tote__creation *creation, const tote_configuration_node *root,
                        const tote_configuration_node *provider) {
#define LIMIT(key, field, fallback)                                                                \
    { key, offsetof(tote_span_limits, field), TOTE_OPTION_ZERO, fallback }
    static const struct tote__option table[] = {
        LIMIT("attribute_count_limit", attribute_count, "128"),
        LIMIT("attribute_value_length_limit", attribute_value_length, "no limit"),
        LIMIT("attribute_value_depth_limit", attribute_value_depth, "64"),
        LIMIT("event_count_limit", event_count, "128"),
        LIMIT("link_count_limit", link_count, "128"),
        LIMIT("event_attribute_count_limit", attribute_count_per_event, "128"),
        LIMIT("link_attribute_count_limit", attribute_count_per_link, "128"),
    };
#undef LIMIT
    enum { GENERAL = 3 }; /* the first ones are also in attribute_limits */
    tote_span_limits *limits = &creation->limits;

    const tote_configuration_node *own = tote_configuration_node_get(provider, "limits");
    const tote_configuration_node *general = tote_configuration_node_get(root, "attribute_limits");

    *limits = (tote_span_limits)TOTE_SPAN_LIMITS_INIT;
    TOTE__COPY_OPTIONS(tote_span_limits, limits, creation->given->limits);
    creation->missing = "tracer_provider.limits";
    for (size_t i = 0; i < TOTE_COUNT_OF(table); i++) {
        bool is_general = i < GENERAL && !tote__read_node(own, table[i].key) &&
                          tote__read_node(general, table[i].key);
        tote__read_options(creation, is_general ? general : own, &table[i], 1, limits);
    }
    creation->missing = NULL;
}

static void read_tracer_configurator(struct tote__creation *creation,
                                     const tote_configuration_node *node,
                                     tote_sdk_options *options) {
    static const tote_tracer_config disabled = {sizeof disabled, true};
    static const tote_tracer_config enabled = {sizeof enabled, false};
    const tote_configuration_node *list = tote_configuration_node_get(node, "tracers");
    size_t count = tote_configuration_node_get_count(list);
    tote_tracer_rule *rules = tote__create_memory(creation, count * sizeof *rules);

    if (!node || !rules) {
        return;
    }
    const tote_configuration_node *default_config =
        tote_configuration_node_get(node, "default_config");
    creation->configurator = (tote_tracer_configurator){
        .struct_size = sizeof creation->configurator,
        .default_config =
            tote__read_bool(creation, default_config, "enabled", true) ? &enabled : &disabled,
        .rules = rules,
        .rule_count = count,
    };
    for (size_t i = 0; i < count; i++) {
        const tote_configuration_node *item = tote_configuration_node_get_at(list, i);
        const tote_configuration_node *config = tote_configuration_node_get(item, "config");
        rules[i].name = tote__read_text(creation, item, "name", TOTE__SETTING_TEXT, "");
        rules[i].config = tote__read_bool(creation, config, "enabled", true) ? &enabled : &disabled;
    }
    if (!options->tracer_configurator) {
        options->tracer_configurator = &creation->configurator;
    }
}

enum { MOST_PROPAGATORS = 16 };

/* The propagators of a file so far; each name once. */
struct propagators {
    const char *names[MOST_PROPAGATORS];
    tote_propagator *items[MOST_PROPAGATORS];
    size_t count;
};

/* `properties` is NULL for a name in composite_list. */
static void add_propagator(struct tote__creation *creation, struct propagators *list,
                           const tote_configuration_node *node, const char *name,
                           const tote_configuration_node *properties) {
    size_t length = strlen(name);
    tote_propagator_constructor make = tote__propagator_constructor(name, length);

    for (size_t i = 0; i < list->count; i++) {
        if (tote__equals_ignoring_case(name, length, list->names[i], strlen(list->names[i]))) {
            return;
        }
    }
    unsigned errors = creation->errors;
    if (list->count == MOST_PROPAGATORS) {
        tote__create_error(creation, node, "there are more than %d propagators", MOST_PROPAGATORS);
        return;
    }
    tote_propagator *made = NULL;
    if (tote__component_is_registered(TOTE__COMPONENT_PROPAGATOR, name)) {
        made = tote__create_registered(creation, TOTE__COMPONENT_PROPAGATOR, name, properties);
    } else if (make) {
        made = make();
    } else {
        tote__create_unknown(creation, node, TOTE__COMPONENT_PROPAGATOR, name);
        return;
    }
    if (!made && creation->errors == errors) {
        tote__create_error(creation, node, "the propagator '%s' could not be created", name);
    }
    if (made) {
        list->names[list->count] = name;
        list->items[list->count++] = made;
    }
}

/* Without a propagator the result does nothing. */
static tote_propagator *create_propagator(struct tote__creation *creation,
                                          const tote_configuration_node *node) {
    const tote_configuration_node *composite = tote_configuration_node_get(node, "composite");
    const char *text = tote__read_text(creation, node, "composite_list", TOTE__SETTING_TEXT, "");
    struct propagators list = {.count = 0};
    struct tote__part rest = {text, text ? strlen(text) : 0};
    struct tote__part name;

    for (size_t i = 0; i < tote_configuration_node_get_count(composite); i++) {
        const tote_configuration_node *entry =
            tote_configuration_node_get_at(tote_configuration_node_get_at(composite, i), 0);
        const char *key = tote_configuration_node_get_key(entry);
        if (key) {
            tote__note(creation, tote_configuration_node_get_at(composite, i), key);
            add_propagator(creation, &list, entry, key, entry);
        }
    }
    while (text && tote__next_part(&rest, ',', &name)) {
        tote__trim(&name.at, &name.length);
        char *copy = name.length ? tote__arena_text(&creation->memory, name.at, name.length) : NULL;
        if (copy && strcmp(copy, "none") != 0) {
            add_propagator(creation, &list, tote_configuration_node_get(node, "composite_list"),
                           copy, NULL);
        }
    }
    if (!list.count) {
        tote__note_default("propagator", "none");
    }
    return tote_propagator_composite_new(list.items, list.count);
}

static void create_provider(struct tote__creation *creation, const tote_configuration_node *root,
                            tote_sdk_options *options) {
    static const struct tote__builder id_generators[] = {{NULL, NULL}};
    const tote_configuration_node *provider = tote_configuration_node_get(root, "tracer_provider");
    const tote_configuration_node *sampler_node = tote_configuration_node_get(provider, "sampler");
    const tote_configuration_node *generator =
        tote_configuration_node_get(provider, "id_generator");
    const char *generator_name =
        tote_configuration_node_get_key(tote_configuration_node_get_at(generator, 0));

    tote__create_resource(creation, tote_configuration_node_get(root, "resource"), options);
    read_limits(creation, root, provider);
    options->limits = &creation->limits;
    if (!sampler_node) {
        tote__note_default("tracer_provider.sampler", "parent_based, root: always_on");
    }
    tote_sampler *sampler = sampler_node ? tote__create_sampler(creation, sampler_node) : NULL;
    if (!options->sampler) {
        options->sampler = sampler;
    } else {
        tote_sampler_free(sampler);
    }
    if (generator_name && strcmp(generator_name, "random") != 0) {
        tote_id_generator *made = tote__create_component(creation, TOTE__COMPONENT_ID_GENERATOR,
                                                         id_generators, generator);
        if (!options->id_generator) {
            options->id_generator = made;
        } else {
            tote_id_generator_free(made);
        }
    }
    read_tracer_configurator(
        creation, tote_configuration_node_get(provider, "tracer_configurator/development"),
        options);
    tote__create_processors(creation, tote_configuration_node_get(provider, "processors"), options);
}

static void use_own(const struct tote__creation *creation, tote_sdk_options *options) {
    const struct tote__own_settings *own = &creation->own;

    if (options->store_export == TOTE_STORE_EXPORT_ALL) {
        options->store_export = own->store_export;
    }
    if (!options->store_export_key_count) {
        options->store_export_keys = own->store_export_keys.items;
        options->store_export_key_count = own->store_export_keys.count;
    }
}

/* Free the processors of the file. */
static void free_processors(const tote_sdk_options *given, const tote_sdk_options *options) {
    for (size_t i = given->processor_count; i < options->processor_count; i++) {
        tote_span_processor_free(options->processors[i]);
    }
}

/* Free what the file has created in `options`. */
static void undo(const tote_sdk_options *given, const tote_sdk_options *options) {
    for (size_t i = given->own_resource_detector_count; i < options->own_resource_detector_count;
         i++) {
        tote_resource_detector_free(options->own_resource_detectors[i]);
    }
    if (options->sampler != given->sampler) {
        tote_sampler_free(options->sampler);
    }
    if (options->id_generator != given->id_generator) {
        tote_id_generator_free(options->id_generator);
    }
    if (options->propagator != given->propagator) {
        tote_propagator_unref(options->propagator);
    }
    free_processors(given, options);
}

/* The program exports itself. */
static void keep_processors(const tote_sdk_options *given, tote_sdk_options *options) {
    free_processors(given, options);
    options->processors = given->processors;
    options->processor_count = given->processor_count;
}

bool tote__create(const tote_configuration *file, struct tote__creation *creation,
                  tote_sdk_options *options) {
    const tote_configuration_node *root = tote_configuration_get_root(file);
    const tote_configuration_node *distribution = tote_configuration_node_get(root, "distribution");
    tote_sdk_options filled = *options;
    bool exports = tote__options_export(options);

    creation->given = options;
    creation->problems.name = file->name;
    creation->own.delivery = (tote_delivery_options)TOTE_DELIVERY_OPTIONS_INIT;
    set_log_level(creation, root);
    bool is_off = tote__read_bool(creation, root, "disabled", false);
    creation->is_disabled =
        is_off || (!tote_configuration_node_get(root, "tracer_provider") && !exports);
    creation->missing = "distribution.tote";
    creation->own_node = tote_configuration_node_get(distribution, "tote");
    tote__create_own(creation, creation->own_node);
    creation->missing = NULL;
    tote_propagator *propagator =
        create_propagator(creation, tote_configuration_node_get(root, "propagator"));
    if (filled.propagator || filled.skip_global_registration) {
        tote_propagator_unref(propagator);
    } else {
        filled.propagator = propagator;
    }
    if (!creation->is_disabled) {
        create_provider(creation, root, &filled);
        use_own(creation, &filled);
    } else if (tote__check) { /* to show it */
        tote__create_resource(creation, tote_configuration_node_get(root, "resource"), &filled);
    }
    report_ignored(creation, root);
    if (!tote_configuration_node_get(root, "tracer_provider") && !exports && !is_off) {
        tote__create_report(creation, TOTE_LEVEL_WARN, root,
                            "no span is recorded, because there is no tracer_provider: "
                            "add one, or set disabled: true");
    }
    creation->errors += creation->problems.is_out_of_memory;
    tote__file_report(&creation->problems, NULL);
    if (creation->errors) {
        undo(options, &filled);
        return false;
    }
    if (exports) {
        keep_processors(options, &filled);
    }
    filled.ignore_environment = true;
    *options = filled;
    return true;
}

void tote__creation_clear(struct tote__creation *creation) {
    tote__arena_clear(&creation->memory);
}
