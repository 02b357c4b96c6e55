/* SPDX-License-Identifier: MIT */
/*
 * request_groups.h - groups the spans of a request by resource and scope
 *
 * Used by all encodings: one ResourceSpans for each resource, with one ScopeSpans for each scope,
 * in the order of their first spans.
 */
#ifndef TOTE_SDK_REQUEST_GROUPS_H
#define TOTE_SDK_REQUEST_GROUPS_H

#include "tote/internal/record.h"
#include "tote/internal/sdk.h"

/* The spans of one resource and scope. */
struct tote__span_group {
    const struct tote__resource *resource;
    const tote_instrumentation_scope *scope;
    struct tote__slice scope_message; /* the fields of an InstrumentationScope */
    size_t spans_size;                /* used by the encoding, initially 0: the size of its spans */
};

/* Valid as long as the arena. */
struct tote__grouping {
    struct tote__arena *arena;
    struct tote__span_group *groups;
    size_t count;
    size_t capacity;
    uint32_t *group_of; /* group index of each added span */
};

/* Start a grouping of that many spans. Returns false if out of memory. */
bool tote__grouping_start(struct tote__grouping *grouping, struct tote__arena *arena,
                          size_t span_count);

/* Add the span with this index. Returns its group, or NULL if out of memory. */
struct tote__span_group *tote__grouping_add(struct tote__grouping *grouping, size_t index,
                                            const struct tote__span_bytes *span);

/* Return whether the group is the first one of its resource. */
bool tote__is_first_of_resource(const struct tote__grouping *grouping, size_t group);

#endif
