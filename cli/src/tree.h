/* SPDX-License-Identifier: MIT */
/*
 * tree.h - the spans of a trace, each below its parent
 *
 * Whatever the spans say about their parents, it is a forest: the earliest span of a circle has no
 * parent.
 */
#ifndef TOTE_CLI_TREE_H
#define TOTE_CLI_TREE_H

#include "trace.h"

struct tree_node {
    const struct trace_span *span;
    struct tree_node *first; /* of its children, which are in the order of their start */
    struct tree_node *next;
    struct tree_node *parent; /* NULL: a root, or its parent was not seen */
    size_t depth;             /* how many nodes are above it */
};

struct tree {
    struct tree_node *nodes; /* in the order of their start */
    size_t count;
};

/* It lies in the trace's arena; empty if out of memory. */
struct tree tree_make(struct trace *trace);

/* The node below or after this one in its own tree; NULL after the last. */
struct tree_node *tree_next(struct tree_node *node);

#endif
