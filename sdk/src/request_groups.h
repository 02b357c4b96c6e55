/* SPDX-License-Identifier: MIT */
/*
 * request_groups.h - the spans of a request by resource and instrumentation scope
 *
 * What every encoding begins with. Requirement G20: one ResourceSpans a resource, in it one
 * ScopeSpans a scope, both in the order in which their first spans come.
 */
#ifndef TOTE_SDK_REQUEST_GROUPS_H
#define TOTE_SDK_REQUEST_GROUPS_H

#include "tote/internal/record.h"
#include "tote/internal/sdk.h"

/* The spans of one resource and one instrumentation scope. */
struct tote__span_group {
    const struct tote__resource *resource;
    const tote_instrumentation_scope *scope;
    struct tote__slice scope_message; /* the fields of an InstrumentationScope */
    size_t spans_size;                /* for the encoding, 0 at first: what its spans take */
};

/* Lives as long as the arena. */
struct tote__grouping {
    struct tote__arena *arena;
    struct tote__span_group *groups;
    size_t count;
    size_t capacity;
    uint32_t *group_of; /* of each span that was added */
};

/* For so many spans. Returns: false if out of memory. */
bool tote__grouping_start(struct tote__grouping *grouping, struct tote__arena *arena,
                          size_t span_count);

/* Add the span of this index. Returns: its group; NULL if out of memory. */
struct tote__span_group *tote__grouping_add(struct tote__grouping *grouping, size_t index,
                                            const struct tote__span_bytes *span);

/*
 * Whether the group is the first of its resource: the one that the resource's message is made for.
 */
bool tote__is_first_of_resource(const struct tote__grouping *grouping, size_t group);

#endif
