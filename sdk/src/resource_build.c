/* SPDX-License-Identifier: MIT */
/*
 * resource_build.c - merges the sources of a resource
 *
 * Sources are merged in increasing order of precedence; an empty value replaces earlier values,
 * too. An empty service.name counts as unset. The program's schema URL replaces the detectors'.
 * Spec: resource/sdk.md#merge
 *
 * Tests: tests/unit/test_resource.c
 */
#include "tote/internal/resource.h"

#include <stdio.h>
#include <string.h>

#include "resource_detect.h"
#include "tote/diagnostics.h"
#include "tote/internal/sdk.h"
#include "tote/internal/text.h"

enum { NAME_BYTES = 512, FEWEST_ATTRIBUTES = 8 };

bool tote__attribute_list_set(struct tote__attribute_list *list, tote_attribute attribute) {
    size_t place = 0;

    while (place < list->count && strcmp(list->items[place].key, attribute.key) != 0) {
        place++;
    }
    if (place == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : FEWEST_ATTRIBUTES;
        tote_attribute *grown = tote__arena_allocate(&list->memory, capacity * sizeof *grown);
        if (!grown) {
            return false;
        }
        if (list->count) {
            memcpy(grown, list->items, list->count * sizeof *grown);
        }
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[place] = attribute;
    list->count += place == list->count;
    return true;
}

void tote__resource_set(struct tote__resource_builder *builder, const char *key, tote_value value) {
    if (key && *key &&
        !tote__attribute_list_set(&builder->attributes, (tote_attribute){key, value})) {
        builder->is_out_of_memory = true;
    }
}

void tote__resource_set_text(struct tote__resource_builder *builder, const char *key,
                             const char *text, size_t length) {
    const char *copy = tote__arena_text(&builder->attributes.memory, text, length);

    if (!copy) {
        builder->is_out_of_memory = true;
        return;
    }
    tote__resource_set(builder, key, tote_string_of(copy, length));
}

/* Only the official SDK may use "opentelemetry". Spec: semantic conventions, resource/README.md */
static void set_own(struct tote__resource_builder *builder) {
    tote__resource_set(builder, "telemetry.sdk.name", tote_string("tote"));
    tote__resource_set(builder, "telemetry.sdk.language", tote_string("c"));
    tote__resource_set(builder, "telemetry.sdk.version", tote_string(TOTE_VERSION));
}

static void set_default_service_name(struct tote__resource_builder *builder) {
    char executable[NAME_BYTES];
    char name[sizeof executable + 32];

    tote__resource_executable_name(executable, sizeof executable);
    snprintf(name, sizeof name, "unknown_service%s%s", *executable ? ":" : "", executable);
    tote__resource_set_text(builder, "service.name", name, strlen(name));
}

static bool is_blank(const char *text, size_t length) {
    tote__trim_lines(&text, &length);
    return length == 0;
}

/* Spec: semantic conventions, resource/service.md: service.name is never empty */
static bool is_empty_name(const tote_attribute *attribute) {
    return attribute->key && strcmp(attribute->key, "service.name") == 0 &&
           attribute->value.type == TOTE_VALUE_TYPE_STRING &&
           is_blank(attribute->value.as.string, attribute->value.size);
}

static void set_all(struct tote__resource_builder *builder, const tote_attribute *attributes,
                    size_t count) {
    for (size_t i = 0; attributes && i < count; i++) {
        if (!is_empty_name(&attributes[i])) {
            tote__resource_set(builder, attributes[i].key, attributes[i].value);
        }
    }
}

static void set_service_name(struct tote__resource_builder *builder, const char *name) {
    if (name && !is_blank(name, strlen(name))) {
        tote__resource_set(builder, "service.name", tote_string(name));
    }
}

uint32_t tote__resource_build(const struct tote__resource_sources *sources) {
    struct tote__resource_builder builder = {.is_out_of_memory = false};

    set_own(&builder);
    set_default_service_name(&builder);
    const char *detected_url = tote__resource_detect(&builder, sources->detectors);
    set_all(&builder, sources->environment_attributes, sources->environment_attribute_count);
    set_service_name(&builder, sources->environment_service_name);
    set_all(&builder, sources->attributes, sources->attribute_count);
    set_service_name(&builder, sources->service_name);
    if (builder.is_out_of_memory) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "resource",
            "out of memory: attributes are missing in the resource of all spans");
    }
    bool has_own_url = sources->schema_url && *sources->schema_url;
    uint32_t index = tote__resource_intern(builder.attributes.items, builder.attributes.count,
                                           has_own_url ? sources->schema_url : detected_url);
    tote__arena_clear(&builder.attributes.memory);
    return index;
}
