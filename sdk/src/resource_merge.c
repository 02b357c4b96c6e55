/* SPDX-License-Identifier: MIT */
/*
 * resource_merge.c - merges attributes, entities and schema URLs
 *
 * Two entities may share an attribute if both have the same value for it. If the values differ, the
 * entity with the lower priority is removed. Spec: resource/sdk.md#merge,
 * resource/data-model.md#merging-resources
 *
 * Tests: tests/unit/test_resource.c, tests/unit/test_resource_entities.c
 */
#include <string.h>

#include "resource_builder.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/sdk.h"

enum { FEWEST_ATTRIBUTES = 8 };

/* A resource whose memory the builder borrows. */
struct tote__kept_resource {
    struct tote__kept_resource *next;
    tote_resource *resource;
};

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

static const tote_value *find(const tote_attribute *attributes, size_t count, const char *key) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(attributes[i].key, key) == 0) {
            return &attributes[i].value;
        }
    }
    return NULL;
}

const tote_value *tote__attribute_list_find(const struct tote__attribute_list *list,
                                            const char *key) {
    return find(list->items, list->count, key);
}

static const tote_value *find_in_entity(const tote_entity *entity, const char *key) {
    const tote_value *value = find(entity->id, entity->id_count, key);

    return value ? value : find(entity->description, entity->description_count, key);
}

static void remove_entity(struct tote__resource_builder *builder, size_t index, const char *key) {
    tote_entity *entity = &builder->entities[index];

    tote__diagnose_each(TOTE_LEVEL_WARN, "resource",
                        "the entity '%s' and its attributes are removed: another source sets its "
                        "attribute '%s' to another value",
                        entity->type, key);
    builder->entity_count--;
    memmove(entity, entity + 1, (builder->entity_count - index) * sizeof *entity);
}

/*
 * The attribute is also kept if an entity has the same value: another attribute may remove the
 * entity.
 */
void tote__resource_set(struct tote__resource_builder *builder, const char *key, tote_value value) {
    if (!key || !*key) {
        return;
    }
    for (size_t i = builder->entity_count; i-- > 0;) {
        const tote_value *other = find_in_entity(&builder->entities[i], key);
        if (other && !tote_value_equals(*other, value)) {
            remove_entity(builder, i, key);
        }
    }
    if (!tote__attribute_list_set(&builder->attributes, (tote_attribute){key, value})) {
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

/*
 * Copy attributes with a key that is not in `other`; the last one of a key counts. Returns NULL if
 * out of memory.
 */
static tote_attribute *copy_attributes(struct tote__arena *arena, const tote_attribute *attributes,
                                       size_t *count, const tote_attribute *other,
                                       size_t other_count) {
    size_t given = attributes ? *count : 0;
    tote_attribute *copies = tote__arena_allocate(arena, given * sizeof *copies);

    *count = 0;
    for (size_t i = 0; copies && i < given; i++) {
        const char *key = tote__utf8_valid_string(arena, attributes[i].key);
        size_t place = 0;
        if (!key) {
            return NULL;
        }
        while (place < *count && strcmp(copies[place].key, key) != 0) {
            place++;
        }
        if (*key && !find(other, other_count, key)) {
            copies[place] = (tote_attribute){key, attributes[i].value};
            *count += place == *count;
        }
    }
    return copies;
}

/* Copy an entity, without its values. Returns false if out of memory. */
static bool copy_entity(struct tote__arena *arena, const tote_entity *entity, tote_entity *copy) {
    *copy = (tote_entity){.type = tote__utf8_valid_string(arena, entity->type),
                          .schema_url = tote__utf8_valid_string(arena, entity->schema_url),
                          .id_count = entity->id_count,
                          .description_count = entity->description_count};
    copy->id = copy_attributes(arena, entity->id, &copy->id_count, NULL, 0);
    copy->description = copy->id
                            ? copy_attributes(arena, entity->description, &copy->description_count,
                                              copy->id, copy->id_count)
                            : NULL;
    return copy->type && copy->schema_url && copy->description;
}

static bool is_same_entity(const tote_entity *a, const tote_entity *b) {
    bool is_same = a->id_count == b->id_count && strcmp(a->schema_url, b->schema_url) == 0;

    for (size_t i = 0; is_same && i < a->id_count; i++) {
        const tote_value *value = find(b->id, b->id_count, a->id[i].key);
        is_same = value && tote_value_equals(*value, a->id[i].value);
    }
    return is_same;
}

/* Returns whether an entity other than `except` has another value for this attribute. */
static bool is_conflict(const struct tote__resource_builder *builder, const tote_entity *except,
                        const tote_attribute *attribute) {
    for (size_t i = 0; i < builder->entity_count; i++) {
        const tote_entity *entity = &builder->entities[i];
        const tote_value *value = find_in_entity(entity, attribute->key);
        if (entity != except && value && !tote_value_equals(*value, attribute->value)) {
            return true;
        }
    }
    return false;
}

/* Extend the description of an entity by that of the same entity from another source. */
static void extend_entity(struct tote__resource_builder *builder, tote_entity *entity,
                          const tote_entity *updating) {
    size_t count = entity->description_count + updating->description_count;
    tote_attribute *all = tote__arena_allocate(&builder->attributes.memory, count * sizeof *all);

    if (!all) {
        builder->is_out_of_memory = true;
        return;
    }
    count = 0;
    for (size_t i = 0; i < entity->description_count; i++) {
        if (!find(updating->description, updating->description_count, entity->description[i].key)) {
            all[count++] = entity->description[i];
        }
    }
    for (size_t i = 0; i < updating->description_count; i++) {
        if (!is_conflict(builder, entity, &updating->description[i])) {
            all[count++] = updating->description[i];
        }
    }
    entity->description = all;
    entity->description_count = count;
}

static bool has_conflict(const struct tote__resource_builder *builder, const tote_entity *entity) {
    bool has_one = false;

    for (size_t i = 0; i < entity->id_count; i++) {
        has_one |= is_conflict(builder, NULL, &entity->id[i]);
    }
    for (size_t i = 0; i < entity->description_count; i++) {
        has_one |= is_conflict(builder, NULL, &entity->description[i]);
    }
    return has_one;
}

static bool append_entity(struct tote__resource_builder *builder, const tote_entity *entity) {
    if (builder->entity_count == builder->entity_capacity) {
        size_t capacity = builder->entity_capacity ? 2 * builder->entity_capacity : 8;
        tote_entity *grown =
            tote__arena_allocate(&builder->attributes.memory, capacity * sizeof *grown);
        if (!grown) {
            return false;
        }
        if (builder->entity_count) {
            memcpy(grown, builder->entities, builder->entity_count * sizeof *grown);
        }
        builder->entities = grown;
        builder->entity_capacity = capacity;
    }
    builder->entities[builder->entity_count++] = *entity;
    return true;
}

/* Remove attributes that are in an entity. */
static void remove_plain(struct tote__resource_builder *builder, const tote_entity *entity) {
    struct tote__attribute_list *list = &builder->attributes;
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (!find_in_entity(entity, list->items[i].key)) {
            list->items[kept++] = list->items[i];
        }
    }
    list->count = kept;
}

void tote__resource_add_entity(struct tote__resource_builder *builder, const tote_entity *entity) {
    tote_entity copy;
    size_t same = 0;

    if (!copy_entity(&builder->attributes.memory, entity, &copy)) {
        builder->is_out_of_memory = true;
        return;
    }
    if (!*copy.type || !copy.id_count) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "resource",
                            "an entity '%s' without %s is left out; set it", copy.type,
                            *copy.type ? "an identifying attribute" : "a type");
        return;
    }
    while (same < builder->entity_count && strcmp(builder->entities[same].type, copy.type) != 0) {
        same++;
    }
    bool is_new = same == builder->entity_count;
    if (is_new ? has_conflict(builder, &copy) : !is_same_entity(&builder->entities[same], &copy)) {
        tote__diagnose_each(TOTE_LEVEL_INFO, "resource",
                            "an entity '%s' is left out: %s with a higher priority %s", copy.type,
                            is_new ? "an entity" : "one of this type",
                            is_new ? "has another value for an attribute" : "is another one");
        return;
    }
    if (!is_new) {
        extend_entity(builder, &builder->entities[same], &copy);
    } else if (!append_entity(builder, &copy)) {
        builder->is_out_of_memory = true;
        return;
    }
    remove_plain(builder, &builder->entities[same]);
}

/* Spec: resource/sdk.md#merge-behavior-without-entities */
static void merge_url(struct tote__resource_builder *builder, const char *schema_url) {
    const char *old = builder->schema_url;

    if (!*schema_url || builder->has_url_conflict) {
        return;
    }
    if (!old || !*old) {
        builder->schema_url = schema_url;
    } else if (strcmp(old, schema_url) != 0) {
        tote__diagnose_each(TOTE_LEVEL_ERROR, "resource",
                            "resources with the schema URLs '%s' and '%s' are merged: the result "
                            "has all attributes and no schema URL; use one version of the "
                            "semantic conventions",
                            old, schema_url);
        builder->schema_url = NULL;
        builder->has_url_conflict = true;
    }
}

static bool is_entity_attribute(const tote_resource *resource, const char *key) {
    for (size_t i = 0; i < resource->entity_count; i++) {
        if (find_in_entity(&resource->entities[i], key)) {
            return true;
        }
    }
    return false;
}

void tote__resource_add(struct tote__resource_builder *builder, const tote_resource *resource,
                        bool with_entities) {
    struct tote__kept_resource *kept =
        resource ? tote__arena_allocate(&builder->attributes.memory, sizeof *kept) : NULL;
    tote_resource *own = kept ? tote_resource_ref(resource) : NULL;

    if (!own) {
        builder->is_out_of_memory |= resource != NULL;
        return;
    }
    *kept = (struct tote__kept_resource){builder->kept, own};
    builder->kept = kept;
    for (size_t i = 0; i < own->attribute_count; i++) {
        if (!with_entities || !is_entity_attribute(own, own->attributes[i].key)) {
            tote__resource_set(builder, own->attributes[i].key, own->attributes[i].value);
        }
    }
    for (size_t i = 0; with_entities && i < own->entity_count; i++) {
        tote__resource_add_entity(builder, &own->entities[i]);
    }
    if (!with_entities || !own->entity_count) {
        merge_url(builder, own->schema_url);
    }
}

/* Spec: resource/data-model.md#merging-entities-into-a-resource */
static const char *url_of_entities(const struct tote__resource_builder *builder) {
    const char *url = builder->entities[0].schema_url;

    for (size_t i = 1; i < builder->entity_count; i++) {
        url = strcmp(url, builder->entities[i].schema_url) == 0 ? url : "";
    }
    return url;
}

tote_resource *tote__resource_finish(struct tote__resource_builder *builder) {
    struct tote__attribute_list *list = &builder->attributes;
    const char *own = builder->own_schema_url;
    const char *url = own && *own             ? own
                      : builder->entity_count ? url_of_entities(builder)
                                              : builder->schema_url;
    bool is_complete = !builder->is_out_of_memory;

    for (size_t i = 0; i < builder->entity_count; i++) {
        const tote_entity *entity = &builder->entities[i];
        for (size_t j = 0; is_complete && j < entity->id_count; j++) {
            is_complete = tote__attribute_list_set(list, entity->id[j]);
        }
        for (size_t j = 0; is_complete && j < entity->description_count; j++) {
            is_complete = tote__attribute_list_set(list, entity->description[j]);
        }
    }
    tote_resource *made = is_complete
                              ? tote__resource_make(list->items, list->count, builder->entities,
                                                    builder->entity_count, url ? url : "")
                              : NULL;
    for (const struct tote__kept_resource *kept = builder->kept; kept; kept = kept->next) {
        tote_resource_unref(kept->resource);
    }
    tote__arena_clear(&list->memory);
    *builder = (struct tote__resource_builder){.kept = NULL};
    return made;
}
