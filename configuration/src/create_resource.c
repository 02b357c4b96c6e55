/* SPDX-License-Identifier: MIT */
/*
 * create_resource.c - the resource of a configuration file
 *
 * Tests: tests/unit/test_configuration_create.c, tests/unit/test_configuration_create_resource.c
 */
#include <stdio.h>
#include <string.h>

#include "create.h"
#include "tote/internal/env.h"
#include "tote/internal/resource.h"
#include "tote/internal/text.h"

/* Read one value. Returns false if the node has another type. */
static bool read_value(const tote_configuration_node *node, tote_configuration_type type,
                       tote_value *value) {
    const char *text = NULL;
    int64_t integer = 0;
    double real = 0;
    bool boolean = false;
    bool is_read = false;

    if (type == TOTE_CONFIGURATION_TYPE_STRING) {
        is_read = tote_configuration_node_read_string(node, &text);
        *value = tote_string(text);
    } else if (type == TOTE_CONFIGURATION_TYPE_BOOL) {
        is_read = tote_configuration_node_read_bool(node, &boolean);
        *value = tote_bool(boolean);
    } else if (type == TOTE_CONFIGURATION_TYPE_INT) {
        is_read = tote_configuration_node_read_int(node, &integer);
        *value = tote_int(integer);
    } else {
        is_read = tote_configuration_node_read_double(node, &real);
        *value = tote_double(real);
    }
    return is_read;
}

static bool read_array(struct tote__creation *creation, const tote_configuration_node *node,
                       tote_configuration_type type, tote_value *value) {
    size_t count = tote_configuration_node_get_count(node);
    tote_value *items = tote__create_memory(creation, count * sizeof *items);
    bool is_read =
        items && tote_configuration_node_get_type(node) == TOTE_CONFIGURATION_TYPE_SEQUENCE;

    for (size_t i = 0; i < count && is_read; i++) {
        is_read = read_value(tote_configuration_node_get_at(node, i), type, &items[i]);
    }
    *value = tote_array(items, is_read ? count : 0);
    return is_read;
}

static const struct value_type {
    const char *name;
    tote_configuration_type type;
    bool is_array;
} value_types[] = {
    {"string", TOTE_CONFIGURATION_TYPE_STRING, false},
    {"bool", TOTE_CONFIGURATION_TYPE_BOOL, false},
    {"int", TOTE_CONFIGURATION_TYPE_INT, false},
    {"double", TOTE_CONFIGURATION_TYPE_DOUBLE, false},
    {"string_array", TOTE_CONFIGURATION_TYPE_STRING, true},
    {"bool_array", TOTE_CONFIGURATION_TYPE_BOOL, true},
    {"int_array", TOTE_CONFIGURATION_TYPE_INT, true},
    {"double_array", TOTE_CONFIGURATION_TYPE_DOUBLE, true},
};

/* Read an attribute. Returns false if it is ignored, because its value is null, or wrong. */
static bool read_attribute(struct tote__creation *creation, const tote_configuration_node *node,
                           tote_attribute *attribute) {
    const tote_configuration_node *value = tote_configuration_node_get(node, "value");
    const char *name = NULL;
    const char *type_name = NULL;
    const struct value_type *type = &value_types[0];
    char shown[512];

    tote_configuration_node_read_string(tote_configuration_node_get(node, "name"), &name);
    tote_configuration_node_read_string(tote_configuration_node_get(node, "type"), &type_name);
    for (size_t i = 0; type_name && i < TOTE_COUNT_OF(value_types); i++) {
        type = strcmp(type_name, value_types[i].name) == 0 ? &value_types[i] : type;
    }
    attribute->key = name;
    if (!name || tote_configuration_node_get_type(value) == TOTE_CONFIGURATION_TYPE_NULL) {
        return false;
    }
    bool is_read = type->is_array ? read_array(creation, value, type->type, &attribute->value)
                                  : read_value(value, type->type, &attribute->value);
    if (!is_read) {
        tote__create_error(
            creation, value, "the value of '%s' is not of type %s; correct the value or the type%s",
            name, type->name, type_name ? "" : " (without a type it must be a string: quote it)");
        return false;
    }
    size_t used = (size_t)snprintf(shown, sizeof shown, "%s=", name);
    if (used < sizeof shown) {
        tote_value_to_text(attribute->value, shown + used, sizeof shown - used);
    }
    tote__note(creation, node, shown);
    return true;
}

/* In increasing order of precedence: attributes_list, attributes, those of the program. */
static void read_attributes(struct tote__creation *creation, const tote_configuration_node *node,
                            tote_sdk_options *options) {
    const char *list = tote__read_text(creation, node, "attributes_list", TOTE__SETTING_TEXT, "");
    const tote_configuration_node *pairs = tote_configuration_node_get(node, "attributes");
    size_t pair_count = tote_configuration_node_get_count(pairs);
    tote_attribute *listed = NULL;
    size_t count = 0;
    struct tote__part entry;

    const char *problem =
        list ? tote__parse_list(list, &creation->memory, &listed, &count, &entry) : NULL;
    if (problem) {
        tote__create_error(creation, tote_configuration_node_get(node, "attributes_list"),
                           "entry %zu: %s; write key=value,key=value with %%HH for special "
                           "characters",
                           tote__split(list, (size_t)(entry.at - list), ',', NULL, 0), problem);
    }
    size_t most = count + pair_count + options->resource_attribute_count;
    tote_attribute *attributes = tote__create_memory(creation, most * sizeof *attributes);
    if (!attributes) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        attributes[i] = listed[i];
    }
    for (size_t i = 0; i < pair_count; i++) {
        count +=
            read_attribute(creation, tote_configuration_node_get_at(pairs, i), &attributes[count]);
    }
    for (size_t i = 0; i < options->resource_attribute_count; i++) {
        attributes[count++] = options->resource_attributes[i];
    }
    options->resource_attributes = attributes;
    options->resource_attribute_count = count;
}

/* A built-in detector is used by its name, which is the result. */
static void *name_detector(struct tote__creation *creation, const tote_configuration_node *node) {
    const char *name = tote_configuration_node_get_key(node);

    if (strcmp(name, "service") == 0) {
        creation->detected_service_name = tote__env("OTEL_SERVICE_NAME");
    }
    return (void *)(uintptr_t)name;
}

/* The names of the detectors that run, separated by commas. */
struct names {
    char text[4096];
    size_t used;
};

static void add_name(struct names *names, const char *name) {
    if (names->used < sizeof names->text) {
        names->used += (size_t)snprintf(names->text + names->used, sizeof names->text - names->used,
                                        "%s%s", names->used ? "," : "", name);
    }
}

/* Return whether a detector of the program has this name; then the file need not create it. */
static bool is_of_program(const struct tote__creation *creation, const char *name) {
    const tote_sdk_options *given = creation->given;
    bool is_found = false;

    for (size_t i = 0; name && i < given->own_resource_detector_count && !is_found; i++) {
        const char *own = tote__resource_detector_name(given->own_resource_detectors[i]);
        is_found = own && strcmp(own, name) == 0;
    }
    return is_found;
}

static bool is_named(const tote_configuration_node *list, const char *name) {
    bool is_found = false;

    for (size_t i = 0; i < tote_configuration_node_get_count(list) && !is_found; i++) {
        is_found = tote_configuration_node_get(tote_configuration_node_get_at(list, i), name);
    }
    return is_found;
}

/* The detectors of the program run last, so that theirs have precedence, unless they are named. */
static void add_own_names(const struct tote__creation *creation,
                          const tote_configuration_node *list, struct names *names) {
    for (size_t i = 0; i < creation->given->own_resource_detector_count; i++) {
        const char *own = tote__resource_detector_name(creation->given->own_resource_detectors[i]);
        if (own && !is_named(list, own)) {
            add_name(names, own);
        }
    }
}

/* Returns NULL, with a counted error, on failure. */
static void *create_detector(struct tote__creation *creation,
                             const tote_configuration_node *mapping) {
    static const struct tote__builder builders[] = {
        {"container", name_detector}, {"host", name_detector},    {"os", name_detector},
        {"process", name_detector},   {"service", name_detector}, {NULL, NULL},
    };

    return tote__create_component(creation, TOTE__COMPONENT_RESOURCE_DETECTOR, builders, mapping);
}

static void read_detectors(struct tote__creation *creation, const tote_configuration_node *list,
                           tote_sdk_options *options) {
    size_t count = tote_configuration_node_get_count(list);
    size_t own_count = options->own_resource_detector_count;
    tote_resource_detector **own =
        tote__create_memory(creation, (own_count + count) * sizeof(tote_resource_detector *));
    struct names names = {.used = 0};

    if (!own) {
        return;
    }
    if (own_count) {
        memcpy(own, options->own_resource_detectors, own_count * sizeof(tote_resource_detector *));
    }
    for (size_t i = 0; i < count; i++) {
        const tote_configuration_node *mapping = tote_configuration_node_get_at(list, i);
        const char *name =
            tote_configuration_node_get_key(tote_configuration_node_get_at(mapping, 0));
        bool is_of_file = !is_of_program(creation, name);
        void *made = is_of_file ? create_detector(creation, mapping) : NULL;
        if (made && tote__component_is_registered(TOTE__COMPONENT_RESOURCE_DETECTOR, name)) {
            own[own_count++] = made;
        }
        if (made || !is_of_file) {
            add_name(&names, name);
        }
    }
    if (!count) {
        tote__note_default("resource.detection/development.detectors", "none");
    }
    add_own_names(creation, list, &names);
    options->own_resource_detectors = own; /* those of the program, and those that are registered */
    options->own_resource_detector_count = own_count;
    if (!options->resource_detectors) {
        options->resource_detectors =
            names.used ? tote__arena_text(&creation->memory, names.text, strlen(names.text))
                       : "none";
    }
}

void tote__create_resource(struct tote__creation *creation, const tote_configuration_node *node,
                           tote_sdk_options *options) {
    const tote_configuration_node *detection =
        tote_configuration_node_get(node, "detection/development");
    const tote_configuration_node *filter = tote_configuration_node_get(detection, "attributes");
    const char *schema_url = tote__read_text(creation, node, "schema_url", TOTE__SETTING_TEXT, "");

    read_attributes(creation, node, options);
    if (!options->resource_schema_url) {
        options->resource_schema_url = schema_url;
    }
    creation->included = tote__read_texts(creation, filter, "included");
    creation->excluded = tote__read_texts(creation, filter, "excluded");
    read_detectors(creation, tote_configuration_node_get(detection, "detectors"), options);
}
