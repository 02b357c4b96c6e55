/* SPDX-License-Identifier: MIT */
/*
 * grouping.c - the spans of a request by resource and instrumentation scope
 *
 * Most requests have one or two groups, and a span is mostly of the one that came last: groups are
 * looked through from the end.
 */
#include "grouping.h"

#include <string.h>

#include "tote/internal/tracer.h"

enum { SCOPE_NAME = 0x0A, SCOPE_VERSION = 0x12 };

static const tote_instrumentation_scope *scope_of(const struct tote__span_group *group) {
    return &tote__tracer_at(group->scope)->scope;
}

const char *tote__group_schema_url(const struct tote__span_group *group) {
    return scope_of(group)->schema_url;
}

static size_t text_size(size_t length) {
    return length ? 1 + tote__varint_size(length) + length : 0;
}

static uint8_t *put_text(uint8_t *out, uint8_t tag, const char *text, size_t length) {
    if (!length) {
        return out;
    }
    *out++ = tag;
    out = tote__put_varint(out, length);
    memcpy(out, text, length);
    return out + length;
}

static bool make_scope_message(const tote_instrumentation_scope *scope, struct tote__arena *arena,
                               struct tote__slice *message) {
    size_t name = strlen(scope->name);
    size_t version = strlen(scope->version);
    size_t size = text_size(name) + text_size(version);

    for (size_t i = 0; i < scope->attribute_count; i++) {
        const tote_attribute *attribute = &scope->attributes[i];
        size += tote__attribute_size(attribute->key, strlen(attribute->key), attribute->value,
                                     &tote__wire_no_limits);
    }
    uint8_t *out = tote__arena_allocate(arena, size);
    if (!out) {
        return false;
    }
    *message = (struct tote__slice){out, size};
    out = put_text(out, SCOPE_NAME, scope->name, name);
    out = put_text(out, SCOPE_VERSION, scope->version, version);
    for (size_t i = 0; i < scope->attribute_count; i++) {
        const tote_attribute *attribute = &scope->attributes[i];
        out = tote__put_attribute(out, TOTE__TAG_SCOPE_ATTRIBUTE, attribute->key,
                                  strlen(attribute->key), attribute->value, &tote__wire_no_limits);
    }
    return true;
}

bool tote__group_describe(struct tote__span_group *group, struct tote__arena *arena) {
    return make_scope_message(scope_of(group), arena, &group->scope_message);
}

bool tote__grouping_start(struct tote__grouping *grouping, struct tote__arena *arena,
                          size_t span_count) {
    *grouping = (struct tote__grouping){.arena = arena};
    grouping->group_of = tote__arena_allocate(arena, span_count * sizeof *grouping->group_of);
    return grouping->group_of != NULL;
}

static bool grow(struct tote__grouping *grouping) {
    size_t capacity = grouping->capacity ? 4 * grouping->capacity : 8;
    struct tote__span_group *groups =
        tote__arena_allocate(grouping->arena, capacity * sizeof *groups);

    if (!groups) {
        return false;
    }
    if (grouping->count) {
        memcpy(groups, grouping->groups, grouping->count * sizeof *groups);
    }
    grouping->groups = groups;
    grouping->capacity = capacity;
    return true;
}

struct tote__span_group *tote__grouping_add(struct tote__grouping *grouping, size_t index,
                                            const struct tote__span_bytes *span) {
    for (size_t i = grouping->count; i-- > 0;) {
        struct tote__span_group *group = &grouping->groups[i];
        if (group->resource == span->resource && group->scope == span->scope) {
            grouping->group_of[index] = (uint32_t)i;
            return group;
        }
    }
    if (grouping->count == grouping->capacity && !grow(grouping)) {
        return NULL;
    }
    struct tote__span_group *group = &grouping->groups[grouping->count];
    *group = (struct tote__span_group){.resource = span->resource, .scope = span->scope};
    grouping->group_of[index] = (uint32_t)grouping->count++;
    return tote__group_describe(group, grouping->arena) ? group : NULL;
}

bool tote__is_first_of_resource(const struct tote__grouping *grouping, size_t group) {
    for (size_t i = 0; i < group; i++) {
        if (grouping->groups[i].resource == grouping->groups[group].resource) {
            return false;
        }
    }
    return true;
}
