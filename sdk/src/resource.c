/* SPDX-License-Identifier: MIT */
/*
 * resource.c - resources as objects
 *
 * A resource consists of its OTLP encoding and of what is decoded from it, in one arena. Spec:
 * resource/sdk.md#resource-creation
 *
 * Tests: tests/unit/test_resource.c, tests/unit/test_resource_entities.c
 */
#include "tote/sdk/resource.h"

#include <stdatomic.h>
#include <string.h>

#include "resource_builder.h"
#include "tote/internal/sdk.h"

/* Tags of Resource.entity_refs and of the fields of an EntityRef. */
enum {
    ENTITY_REF = 0x1A,
    ENTITY_SCHEMA_URL = 0x0A,
    ENTITY_TYPE = 0x12,
    ENTITY_ID_KEY = 0x1A,
    ENTITY_DESCRIPTION_KEY = 0x22
};

/* More in a request are ignored: finding an attribute takes linear time. */
enum { MOST_ENTITIES = 64, MOST_KEYS = 128 };

struct tote__resource tote__resource_empty = {.resource = {.schema_url = ""}};

/* Each function writes to `out`, or only adds up the size if `out` is NULL. */
static size_t put_text(uint8_t *out, uint8_t tag, const char *text) {
    size_t length = strlen(text);

    if (out) {
        tote__put_run(out, tag, text, length);
    }
    return tote__run_size(length);
}

static size_t put_keys(uint8_t *out, uint8_t tag, const tote_attribute *attributes, size_t count) {
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        size += put_text(out ? out + size : NULL, tag, attributes[i].key);
    }
    return size;
}

static size_t put_entity(uint8_t *out, const tote_entity *entity) {
    size_t size = *entity->schema_url ? put_text(out, ENTITY_SCHEMA_URL, entity->schema_url) : 0;

    size += put_text(out ? out + size : NULL, ENTITY_TYPE, entity->type);
    size += put_keys(out ? out + size : NULL, ENTITY_ID_KEY, entity->id, entity->id_count);
    return size + put_keys(out ? out + size : NULL, ENTITY_DESCRIPTION_KEY, entity->description,
                           entity->description_count);
}

/* Append the encoded entities to encoded attributes. Returns false if out of memory. */
static bool append_entities(struct tote__arena *arena, const tote_entity *entities, size_t count,
                            struct tote__slice *encoded) {
    size_t size = encoded->size;

    for (size_t i = 0; i < count; i++) {
        size += tote__run_size(put_entity(NULL, &entities[i]));
    }
    if (size == encoded->size) {
        return true;
    }
    uint8_t *start = tote__arena_allocate(arena, size);
    if (!start) {
        return false;
    }
    size_t end = encoded->size;
    tote__put_bytes(start, encoded->at, encoded->size);
    for (size_t i = 0; i < count; i++) {
        size_t length = put_entity(NULL, &entities[i]);
        tote__put_head(start + end, ENTITY_REF, length);
        end += tote__run_size(length);
        put_entity(start + end - length, &entities[i]);
    }
    *encoded = (struct tote__slice){start, size};
    return true;
}

/* Unpack the keys of this tag, with their values. Returns NULL if out of memory. */
static const tote_attribute *unpack_keys(struct tote__slice message, uint32_t tag,
                                         const tote_resource *resource, struct tote__arena *arena,
                                         size_t *count) {
    size_t most = tote__min(tote__count_fields(message, tag >> 3), MOST_KEYS);
    tote_attribute *found = tote__arena_allocate(arena, most * sizeof *found);
    struct tote__field field;

    *count = 0;
    while (found && *count < most && tote__next_field(&message, &field)) {
        size_t i = tote__field_tag(&field) == tag ? 0 : resource->attribute_count;
        struct tote__part key = {(const char *)field.content.at, field.content.size};
        while (i < resource->attribute_count && !tote__part_is(key, resource->attributes[i].key)) {
            i++;
        }
        if (i < resource->attribute_count) {
            found[(*count)++] = resource->attributes[i];
        }
    }
    return found;
}

static bool unpack_entity(struct tote__slice message, const tote_resource *resource,
                          struct tote__arena *arena, tote_entity *entity) {
    struct tote__slice rest = message;
    struct tote__field field;

    *entity = (tote_entity){.type = "", .schema_url = ""};
    while (entity->type && entity->schema_url && tote__next_field(&rest, &field)) {
        uint32_t tag = tote__field_tag(&field);
        const char **text = tag == ENTITY_TYPE         ? &entity->type
                            : tag == ENTITY_SCHEMA_URL ? &entity->schema_url
                                                       : NULL;
        if (text) {
            *text = tote__arena_text(arena, (const char *)field.content.at, field.content.size);
        }
    }
    entity->id = unpack_keys(message, ENTITY_ID_KEY, resource, arena, &entity->id_count);
    entity->description =
        unpack_keys(message, ENTITY_DESCRIPTION_KEY, resource, arena, &entity->description_count);
    return entity->type && entity->schema_url && entity->id && entity->description;
}

bool tote__resource_unpack(struct tote__slice encoded, struct tote__arena *arena,
                           tote_resource *resource) {
    size_t most = tote__min(tote__count_fields(encoded, ENTITY_REF >> 3), MOST_ENTITIES);
    tote_entity *entities = tote__arena_allocate(arena, most * sizeof *entities);
    tote_attribute *attributes;
    struct tote__field field;
    bool is_read =
        entities && tote__unpack_attributes(encoded, TOTE__TAG_RESOURCE_ATTRIBUTE >> 3, arena,
                                            &attributes, &resource->attribute_count);

    resource->attributes = is_read ? attributes : NULL;
    resource->entities = entities;
    resource->entity_count = 0;
    while (is_read && resource->entity_count < most && tote__next_field(&encoded, &field)) {
        if (tote__field_tag(&field) == ENTITY_REF) {
            is_read =
                unpack_entity(field.content, resource, arena, &entities[resource->entity_count++]);
        }
    }
    return is_read;
}

static void free_resource(struct tote__resource *resource) {
    struct tote__arena memory = resource->memory;

    tote__release(resource, sizeof *resource);
    tote__arena_clear(&memory);
}

tote_resource *tote__resource_make(const tote_attribute *attributes, size_t count,
                                   const tote_entity *entities, size_t entity_count,
                                   const char *schema_url) {
    if (!count && !entity_count && !*schema_url) {
        return &tote__resource_empty.resource;
    }
    struct tote__resource *made = tote__allocate_zeroed(sizeof *made);
    if (!made) {
        return NULL;
    }
    atomic_init(&made->references, 1);
    bool is_complete = tote__encode_attributes(&made->memory, TOTE__TAG_RESOURCE_ATTRIBUTE,
                                               attributes, count, &made->encoded) &&
                       append_entities(&made->memory, entities, entity_count, &made->encoded) &&
                       tote__resource_unpack(made->encoded, &made->memory, &made->resource);
    const char *url = tote__utf8_valid_string(&made->memory, schema_url);
    made->resource.schema_url =
        is_complete && url ? tote__arena_text(&made->memory, url, strlen(url)) : NULL;
    if (!made->resource.schema_url) {
        free_resource(made);
        return NULL;
    }
    return &made->resource;
}

tote_resource *tote_resource_new(const tote_attribute *attributes, size_t attribute_count,
                                 const char *schema_url) {
    return tote__resource_make(attributes, attributes ? attribute_count : 0, NULL, 0,
                               schema_url ? schema_url : "");
}

tote_resource *tote_resource_from_entities(const tote_entity *entities, size_t entity_count) {
    struct tote__resource_builder builder = {.attributes = {.count = 0}};

    for (size_t i = 0; entities && i < entity_count; i++) {
        tote__resource_add_entity(&builder, &entities[i]);
    }
    return tote__resource_finish(&builder);
}

tote_resource *tote_resource_merge(const tote_resource *old, const tote_resource *updating) {
    struct tote__resource_builder builder = {.attributes = {.count = 0}};

    tote__resource_add(&builder, old, true);
    tote__resource_add(&builder, updating, true);
    return tote__resource_finish(&builder);
}

tote_resource *tote_resource_ref(const tote_resource *resource) {
    struct tote__resource *self = (struct tote__resource *)resource;

    if (!self || self == &tote__resource_empty) {
        return resource ? &self->resource : NULL;
    }
    if (atomic_load_explicit(&self->references, memory_order_relaxed) == 0) {
        return tote__resource_make(resource->attributes, resource->attribute_count,
                                   resource->entities, resource->entity_count,
                                   resource->schema_url);
    }
    atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    return &self->resource;
}

void tote_resource_unref(tote_resource *resource) {
    struct tote__resource *self = (struct tote__resource *)resource;

    if (self && atomic_load_explicit(&self->references, memory_order_relaxed) != 0 &&
        atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) == 1) {
        free_resource(self);
    }
}
