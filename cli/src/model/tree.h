/* SPDX-License-Identifier: MIT */
/*
 * tree.h - the spans of a trace as trees
 *
 * The result is a forest for any parent ids: in a cycle, the earliest span becomes a top.
 */
#ifndef TOTE_CLI_TREE_H
#define TOTE_CLI_TREE_H

#include "trace.h"

struct tree_node {
    const struct trace_span *span;
    struct tree_node *first; /* the first child; children are ordered by their start */
    struct tree_node *next;
    struct tree_node *parent; /* NULL: a root, or its parent was not received */
    size_t depth;             /* number of ancestors */
};

struct tree {
    struct tree_node *nodes; /* ordered by their start */
    size_t count;
};

/* Build the trees in the trace's arena. Returns an empty tree if out of memory. */
struct tree tree_make(struct trace *trace);

/* Return the next node of the same tree, depth first; NULL after the last. */
struct tree_node *tree_next(struct tree_node *node);

#endif
