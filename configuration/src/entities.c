/* SPDX-License-Identifier: MIT */
/*
 * entities.c - parses OTEL_ENTITIES
 *
 * A malformed entity is left out, with a warning; the others are used. Later entities override
 * earlier ones. Spec:
 * entities/entity-propagation.md#specifying-entity-information-via-an-environment-variable
 *
 * Tests: tests/unit/test_resource_entities.c, tests/fuzz/fuzz_resource.c
 */
#include <string.h>

#include "configuration.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/text.h"

static const char *const component = "OTEL_ENTITIES";

enum { MOST_ENTITIES = 64, REPORTED_BYTES = 256 };

struct entities {
    struct tote__arena arena;
    tote_entity items[MOST_ENTITIES];
    size_t count;
};

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The name of a type or of an attribute. */
static bool is_name(struct tote__part text) {
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        bool is_inner = (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
        if (!is_letter(c) && !(i && is_inner)) {
            return false;
        }
    }
    return text.length > 0;
}

/* Parse `key=value`. Returns what is wrong with it, or NULL. */
static const char *parse_attribute(struct tote__arena *arena, struct tote__part text,
                                   tote_attribute *attribute) {
    struct tote__part key = {text.at, 0};
    bool is_malformed = false;

    while (key.length < text.length && text.at[key.length] != '=') {
        key.length++;
    }
    if (key.length == text.length) {
        return "an attribute without =";
    }
    if (!is_name(key)) {
        return "an attribute whose key is not a letter and then letters, digits, '.', '_' or '-'";
    }
    const char *value = key.at + key.length + 1;
    size_t length = text.length - key.length - 1;
    for (size_t i = 0; i < length; i++) {
        if (strchr("{}[]@;,=", value[i])) {
            return "a value with one of {}[]@;,= that is not percent-encoded";
        }
    }
    char *decoded = tote__arena_text(arena, value, length);
    attribute->key = tote__arena_text(arena, key.at, key.length);
    if (!decoded || !attribute->key) {
        return "out of memory";
    }
    length = tote__percent_decode(decoded, value, length, &is_malformed);
    decoded[length] = '\0';
    attribute->value = tote_string_of(decoded, length);
    return is_malformed ? "a % that is not followed by two hexadecimal digits" : NULL;
}

/* Remove `open`, a list of attributes and `close` from the text, if it begins with `open`. */
static const char *take_list(struct tote__arena *arena, struct tote__part *text, char open,
                             char close, const tote_attribute **attributes, size_t *count) {
    if (!text->length || *text->at != open) {
        return NULL;
    }
    const char *end = memchr(text->at, close, text->length);
    if (!end) {
        return "a bracket that is not closed";
    }
    struct tote__part list = {text->at + 1, (size_t)(end - text->at) - 1};
    size_t most = tote__split(list.at, list.length, ',', NULL, 0);
    tote_attribute *taken = tote__arena_allocate(arena, most * sizeof *taken);
    struct tote__part part;
    const char *problem = taken ? NULL : "out of memory";

    text->length -= list.length + 2;
    text->at = end + 1;
    while (!problem && tote__next_part(&list, ',', &part)) {
        problem = parse_attribute(arena, part, &taken[(*count)++]);
    }
    *attributes = taken;
    return problem;
}

/* Return whether a text is an absolute URI. Spec: RFC 3986 section 3 */
static bool is_uri(const char *text) {
    const char *colon = strchr(text, ':');
    bool is_uri = colon && colon[1] && is_letter(*text);

    for (const char *at = text; is_uri && *at; at++) {
        bool is_scheme = is_letter(*at) || (*at >= '0' && *at <= '9') || strchr("+-.", *at);
        is_uri = at < colon ? is_scheme
                            : tote__is_in(TOTE__HEADER, *at) && !tote__is_in(TOTE__BLANK, *at);
    }
    return is_uri;
}

/* Returns what is wrong with the entity, or NULL. */
static const char *parse_entity(struct tote__arena *arena, struct tote__part text,
                                tote_entity *entity) {
    struct tote__part type = {text.at, 0};

    *entity = (tote_entity){.schema_url = ""};
    while (type.length < text.length && text.at[type.length] != '{') {
        type.length++;
    }
    if (!is_name(type)) {
        return "a type that is not a letter and then letters, digits, '.', '_' or '-'";
    }
    text = (struct tote__part){text.at + type.length, text.length - type.length};
    entity->type = tote__arena_text(arena, type.at, type.length);
    const char *problem = entity->type
                              ? take_list(arena, &text, '{', '}', &entity->id, &entity->id_count)
                              : "out of memory";
    if (!problem && !entity->id_count) {
        problem = "no identifying attribute in {}";
    }
    if (!problem) {
        problem =
            take_list(arena, &text, '[', ']', &entity->description, &entity->description_count);
    }
    if (problem || !text.length) {
        return problem;
    }
    if (*text.at != '@') {
        return "text behind a bracket";
    }
    entity->schema_url = tote__arena_text(arena, text.at + 1, text.length - 1);
    return entity->schema_url ? NULL : "out of memory";
}

static void check_url(tote_entity *entity) {
    if (*entity->schema_url && !is_uri(entity->schema_url)) {
        tote__diagnose_each(TOTE_LEVEL_WARN, component,
                            "the schema URL '%.*s' of the entity '%s' is ignored: it is not an "
                            "absolute URI",
                            REPORTED_BYTES, entity->schema_url, entity->type);
        entity->schema_url = "";
    }
}

static void remove_at(struct entities *entities, size_t index) {
    entities->count--;
    memmove(&entities->items[index], &entities->items[index + 1],
            (entities->count - index) * sizeof entities->items[0]);
}

static void add(struct entities *entities, const tote_entity *entity) {
    for (size_t i = 0; i < entities->count; i++) {
        if (strcmp(entities->items[i].type, entity->type) == 0) {
            tote__diagnose_each(TOTE_LEVEL_WARN, component,
                                "there are several entities '%s': the last one is used",
                                entity->type);
            remove_at(entities, i);
            break;
        }
    }
    if (entities->count == MOST_ENTITIES) {
        tote__diagnose_each(TOTE_LEVEL_WARN, component,
                            "the entity '%s' is left out: there are more than %d, which is the "
                            "limit",
                            entity->type, MOST_ENTITIES);
        return;
    }
    entities->items[entities->count++] = *entity;
}

static const tote_value *find(const tote_attribute *attributes, size_t count, const char *key) {
    const tote_value *found = NULL;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(attributes[i].key, key) == 0) {
            found = &attributes[i].value;
        }
    }
    return found;
}

/* Return the entity behind `index` that describes itself by this attribute, or NULL. */
static const tote_entity *find_later(const struct entities *entities, size_t index, const char *key,
                                     const tote_value **value) {
    for (size_t i = entities->count; i-- > index + 1;) {
        const tote_entity *later = &entities->items[i];
        *value = find(later->description, later->description_count, key);
        if (*value) {
            return later;
        }
    }
    return NULL;
}

/* An attribute that describes several entities belongs to the last one. */
static void remove_shared(struct entities *entities, size_t index) {
    tote_entity *entity = &entities->items[index];
    tote_attribute *attributes = (tote_attribute *)entity->description; /* in the arena */
    size_t kept = 0;

    for (size_t i = 0; i < entity->description_count; i++) {
        const tote_value *value = NULL;
        const tote_entity *later = find_later(entities, index, attributes[i].key, &value);
        if (!later) {
            attributes[kept++] = attributes[i];
        } else if (!tote_value_equals(*value, attributes[i].value)) {
            tote__diagnose_each(TOTE_LEVEL_WARN, component,
                                "the attribute '%s' of the entity '%s' is left out: the later "
                                "entity '%s' has another value for it",
                                attributes[i].key, entity->type, later->type);
        }
    }
    entity->description_count = kept;
}

tote_resource *tote__parse_entities(const char *text) {
    struct entities *entities = tote__allocate_zeroed(sizeof *entities);
    struct tote__part list = {text, strlen(text)};
    struct tote__part part;

    while (entities && tote__next_part(&list, ';', &part)) {
        tote_entity entity;
        tote__trim(&part.at, &part.length);
        const char *problem = part.length ? parse_entity(&entities->arena, part, &entity) : NULL;
        if (problem) {
            tote__diagnose_each(TOTE_LEVEL_WARN, component, "the entity '%.*s' is left out: %s",
                                (int)tote__min(part.length, REPORTED_BYTES), part.at, problem);
        } else if (part.length) {
            check_url(&entity);
            add(entities, &entity);
        }
    }
    if (!entities) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "out of memory: the variable is ignored");
        return NULL;
    }
    for (size_t i = 0; i < entities->count; i++) {
        remove_shared(entities, i);
    }
    for (size_t i = 0; i < entities->count / 2; i++) { /* the last one has the highest priority */
        tote_entity *other = &entities->items[entities->count - 1 - i];
        tote_entity first = entities->items[i];
        entities->items[i] = *other;
        *other = first;
    }
    tote_resource *resource = tote_resource_from_entities(entities->items, entities->count);
    tote__arena_clear(&entities->arena);
    tote__release(entities, sizeof *entities);
    return resource;
}
