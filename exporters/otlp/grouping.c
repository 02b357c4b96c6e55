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

static uint8_t *put_text(uint8_t *out, uint8_t tag, const char *text) {
    return *text ? tote__put_run(out, tag, text, strlen(text)) : out;
}

/* The attributes of a tracer have unique keys. */
static bool make_scope_message(const tote_instrumentation_scope *scope, struct tote__arena *arena,
                               struct tote__slice *message) {
    struct tote__slice attributes;

    if (!tote__encode_attributes(arena, TOTE__TAG_SCOPE_ATTRIBUTE, scope->attributes,
                                 scope->attribute_count, &attributes)) {
        return false;
    }
    size_t most = tote__run_size(strlen(scope->name)) + tote__run_size(strlen(scope->version)) +
                  attributes.size;
    uint8_t *start = tote__arena_allocate(arena, most);
    if (!start) {
        return false;
    }
    uint8_t *out = put_text(start, SCOPE_NAME, scope->name);
    out = put_text(out, SCOPE_VERSION, scope->version);
    out = tote__put_bytes(out, attributes.at, attributes.size);
    *message = (struct tote__slice){start, (size_t)(out - start)};
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
