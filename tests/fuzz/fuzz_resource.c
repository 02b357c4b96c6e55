/* SPDX-License-Identifier: MIT */
/*
 * fuzz_resource.c - the input as OTEL_ENTITIES, as OTEL_RESOURCE_ATTRIBUTES, and as a file of
 * /proc/self that may contain the id of a container
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "configuration.h"
#include "resource_builder.h"

static void ignore(tote_level level, const char *component, const char *message, void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

static bool has(const tote_resource *resource, const tote_attribute *attribute) {
    for (size_t i = 0; i < resource->attribute_count; i++) {
        if (strcmp(resource->attributes[i].key, attribute->key) == 0) {
            return tote_value_equals(resource->attributes[i].value, attribute->value);
        }
    }
    return false;
}

static void check_entities(const tote_resource *resource) {
    for (size_t i = 0; i < resource->entity_count; i++) {
        const tote_entity *entity = &resource->entities[i];
        MUST(*entity->type && entity->id_count);
        for (size_t j = 0; j < i; j++) {
            MUST(strcmp(entity->type, resource->entities[j].type) != 0);
        }
        for (size_t j = 0; j < entity->id_count; j++) {
            MUST(has(resource, &entity->id[j]));
        }
        for (size_t j = 0; j < entity->description_count; j++) {
            MUST(has(resource, &entity->description[j]));
        }
    }
}

/* A resource that is merged with itself does not change. */
static void check_merge(const tote_resource *resource) {
    tote_resource *merged = tote_resource_merge(resource, resource);

    MUST(merged && merged->attribute_count == resource->attribute_count);
    MUST(merged->entity_count == resource->entity_count);
    MUST(strcmp(merged->schema_url, resource->schema_url) == 0);
    check_entities(merged);
    tote_resource_unref(merged);
}

static void check_id(const char *id) {
    size_t length = strlen(id);

    MUST(length > 32 && length < TOTE__CONTAINER_ID_BYTES);
    MUST(strspn(id, "0123456789abcdef-") == length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    struct tote__arena arena = {NULL, NULL, 0};
    char id[TOTE__CONTAINER_ID_BYTES];
    tote_attribute *attributes;
    size_t count;

    memcpy(text, data, size);
    text[size] = '\0';
    tote_diagnostics_set_handler(ignore, TOTE_LEVEL_INFO, NULL);
    tote_resource *entities = tote__parse_entities(text);
    MUST(entities);
    check_entities(entities);
    check_merge(entities);
    if (tote__parse_resource_attributes(text, &arena, &attributes, &count)) {
        tote_resource *plain = tote_resource_new(attributes, count, NULL);
        tote_resource *both = tote_resource_merge(entities, plain);
        check_entities(both);
        for (size_t i = 0; i < plain->attribute_count; i++) {
            MUST(has(both, &plain->attributes[i]));
        }
        tote_resource_unref(plain);
        tote_resource_unref(both);
    }
    if (tote__container_id_of_cgroup(text, id)) {
        check_id(id);
    }
    if (tote__container_id_of_mounts(text, id)) {
        check_id(id);
    }
    tote__arena_clear(&arena);
    tote_resource_unref(entities);
    free(text);
    return 0;
}
