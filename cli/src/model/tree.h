/* SPDX-License-Identifier: MIT */
/*
 * tree.h - the spans of a trace as trees
 *
 * The result is a forest for any parent ids: in a cycle, the earliest span becomes a top.
 */
#ifndef TOTE_CLI_TREE_H
#define TOTE_CLI_TREE_H

#include "tote/internal/memory.h"
#include "trace.h"

struct tree_node {
    const struct trace_span *span;
    struct tree_node *first; /* the first child; children are ordered by their start */
    struct tree_node *next;
    struct tree_node *parent; /* NULL: a root, or its parent was not received */
    size_t depth;             /* number of ancestors */
    size_t size;              /* number of nodes of its subtree, with itself */
    uint64_t self_ns;         /* of its duration, the part without any child */
    bool is_critical;         /* set by critical_path() */
};

struct tree {
    struct tree_node
        *nodes; /* depth first: roots by their start, then spans without their parent */
    size_t count;
};

/*
 * Build the trees in the arena, in n log n steps. Needs the lock of the model. Returns an empty
 * tree if out of memory. Nodes refer to the spans of the trace.
 */
struct tree tree_make(const struct trace *trace, struct tote__arena *arena);

static inline uint64_t span_duration(const struct trace_span *span) {
    return span->end_unix_nano - span->start_unix_nano;
}

#endif
