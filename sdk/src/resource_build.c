/* SPDX-License-Identifier: MIT */
/*
 * resource_build.c - merges the sources of a resource
 *
 * Sources are merged in increasing order of precedence; an empty value replaces earlier values,
 * too. An empty service.name counts as unset. The program's schema URL replaces those of sources.
 * Spec: resource/sdk.md#merge
 *
 * Tests: tests/unit/test_resource.c
 */
#include "tote/internal/resource.h"

#include <stdio.h>
#include <string.h>

#include "resource_builder.h"
#include "tote/diagnostics.h"
#include "tote/internal/sdk.h"
#include "tote/internal/text.h"

enum { NAME_BYTES = 512 };

/* Only the official SDK may use "opentelemetry". Spec: semantic conventions, resource/README.md */
static void set_own(struct tote__resource_builder *builder) {
    tote__resource_set(builder, "telemetry.sdk.name", tote_string("tote"));
    tote__resource_set(builder, "telemetry.sdk.language", tote_string("c"));
    tote__resource_set(builder, "telemetry.sdk.version", tote_string(TOTE_VERSION));
}

static bool is_blank(const char *text, size_t length) {
    tote__trim_lines(&text, &length);
    return length == 0;
}

bool tote__resource_has_name(const char *name) {
    return name && !is_blank(name, strlen(name));
}

/* Set the service name that all sources override. */
static void set_default_service_name(struct tote__resource_builder *builder, const char *given) {
    char executable[NAME_BYTES];
    char name[sizeof executable + 32];

    if (tote__resource_has_name(given)) {
        tote__resource_set(builder, "service.name", tote_string(given));
        return;
    }
    tote__resource_executable_name(executable, sizeof executable);
    snprintf(name, sizeof name, "unknown_service%s%s", *executable ? ":" : "", executable);
    tote__resource_set_text(builder, "service.name", name, strlen(name));
}

/*
 * Return whether the attribute is an unusable service.name. Spec: semantic conventions,
 * resource/service.md: service.name is never empty
 */
static bool is_unusable_name(const tote_attribute *attribute, bool is_overridden) {
    return attribute->key && strcmp(attribute->key, "service.name") == 0 &&
           (is_overridden || (attribute->value.type == TOTE_VALUE_TYPE_STRING &&
                              is_blank(attribute->value.as.string, attribute->value.size)));
}

/* An attribute service.name is left out if `service_name` follows, which overrides it. */
static void set_all(struct tote__resource_builder *builder, const tote_attribute *attributes,
                    size_t count, const char *service_name) {
    bool has_name = tote__resource_has_name(service_name);

    for (size_t i = 0; attributes && i < count; i++) {
        if (!is_unusable_name(&attributes[i], has_name)) {
            tote__resource_set(builder, attributes[i].key, attributes[i].value);
        }
    }
}

static void set_service_name(struct tote__resource_builder *builder, const char *name) {
    if (tote__resource_has_name(name)) {
        tote__resource_set(builder, "service.name", tote_string(name));
    }
}

tote_resource *tote__resource_build(const struct tote__resource_sources *sources) {
    struct tote__resource_builder builder = {.is_out_of_memory = false};

    set_own(&builder);
    set_default_service_name(&builder, sources->default_service_name);
    if (sources->with_entities) { /* first: they have a higher priority than detected ones */
        tote__resource_add(&builder, sources->environment_entities, true);
    }
    tote__resource_detect(&builder, sources);
    set_all(&builder, sources->environment_attributes, sources->environment_attribute_count,
            sources->environment_service_name);
    set_service_name(&builder, sources->environment_service_name);
    set_all(&builder, sources->attributes, sources->attribute_count, sources->service_name);
    set_service_name(&builder, sources->service_name);
    if (builder.is_out_of_memory) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "resource",
            "out of memory: attributes are missing in the resource of all spans");
        builder.is_out_of_memory = false;
    }
    builder.own_schema_url = sources->schema_url;
    return tote__resource_finish(&builder);
}
