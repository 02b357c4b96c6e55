/* SPDX-License-Identifier: MIT */
/*
 * request_groups.c - groups the spans of a request by resource and scope
 *
 * Most requests have one or two groups, and a span is usually in the last one, so groups are
 * searched from the end.
 *
 * Tests: tests/unit/test_otlp_encode.c
 */
#include "request_groups.h"

#include <string.h>

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
    return tote__scope_message(span->scope, grouping->arena, &group->scope_message) ? group : NULL;
}

bool tote__is_first_of_resource(const struct tote__grouping *grouping, size_t group) {
    for (size_t i = 0; i < group; i++) {
        if (grouping->groups[i].resource == grouping->groups[group].resource) {
            return false;
        }
    }
    return true;
}
