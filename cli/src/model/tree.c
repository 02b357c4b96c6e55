/* SPDX-License-Identifier: MIT */
/*
 * tree.c - the spans of a trace as trees
 *
 * Tests: tests/unit/test_waterfall.c
 */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

/* The depth is not known yet; the node is on the path that is being followed. */
#define UNKNOWN SIZE_MAX
#define FOLLOWED (SIZE_MAX - 1)

static int compare_starts(const void *a, const void *b) {
    const struct trace_span *x = ((const struct tree_node *)a)->span;
    const struct trace_span *y = ((const struct tree_node *)b)->span;

    if (x->start_unix_nano != y->start_unix_nano) {
        return x->start_unix_nano < y->start_unix_nano ? -1 : 1;
    }
    return memcmp(x->id, y->id, sizeof x->id);
}

static int compare_ids(const void *a, const void *b) {
    const struct tree_node *const *x = a;
    const struct tree_node *const *y = b;

    return memcmp((*x)->span->id, (*y)->span->id, sizeof(*x)->span->id);
}

static struct tree_node *find_node(struct tree_node **by_id, size_t count, const uint8_t id[8]) {
    size_t low = 0;

    while (low < count) {
        size_t middle = low + (count - low) / 2;
        int order = memcmp(by_id[middle]->span->id, id, 8);
        if (order == 0) {
            return by_id[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return NULL;
}

/* Make the earliest node of a cycle a top. Nodes are ordered by their start. */
static void cut_circle(struct tree_node *node) {
    struct tree_node *earliest = node;
    struct tree_node *at = node;

    do {
        earliest = at < earliest ? at : earliest;
        at->depth = UNKNOWN;
        at = at->parent;
    } while (at != node);
    earliest->parent = NULL;
}

/* Mark this node and its ancestors. Returns the first that is known or marked, or NULL. */
static struct tree_node *follow(struct tree_node *node) {
    while (node && node->depth == UNKNOWN) {
        node->depth = FOLLOWED;
        node = node->parent;
    }
    return node;
}

/* Set the depth of a node and of its ancestors. */
static void find_depth(struct tree_node *node) {
    struct tree_node *top = follow(node);
    size_t depth = 0;

    if (top && top->depth == FOLLOWED) {
        cut_circle(top);
        for (struct tree_node *at = node; at->depth == FOLLOWED; at = at->parent) {
            at->depth = UNKNOWN;
        }
        top = follow(node);
    }
    for (const struct tree_node *at = node; at != top; at = at->parent) {
        depth++;
    }
    depth += top ? top->depth + 1 : 0;
    for (struct tree_node *at = node; at != top; at = at->parent) {
        at->depth = --depth;
    }
}

struct tree tree_make(struct trace *trace) {
    size_t size = trace->span_count;
    struct tree_node **by_id = tote__arena_allocate(&trace->arena, size * sizeof *by_id);
    struct tree_node *nodes = tote__arena_allocate(&trace->arena, size * sizeof *nodes);
    size_t i = 0;

    if (!by_id || !nodes) {
        return (struct tree){NULL, 0};
    }
    for (const struct trace_span *span = trace->spans; span; span = span->next) {
        nodes[i++] = (struct tree_node){.span = span};
    }
    qsort(nodes, size, sizeof *nodes, compare_starts);
    for (i = 0; i < size; i++) {
        by_id[i] = &nodes[i];
    }
    qsort(by_id, size, sizeof *by_id, compare_ids);
    for (i = 0; i < size; i++) {
        const struct trace_span *span = nodes[i].span;
        nodes[i].depth = UNKNOWN;
        nodes[i].parent = span->has_parent ? find_node(by_id, size, span->parent_id) : NULL;
    }
    for (i = 0; i < size; i++) {
        find_depth(&nodes[i]);
    }
    for (i = size; i-- > 0;) { /* in reverse, because each is inserted in front */
        struct tree_node *parent = nodes[i].parent;
        if (parent) {
            nodes[i].next = parent->first;
            parent->first = &nodes[i];
        }
    }
    return (struct tree){nodes, size};
}

struct tree_node *tree_next(struct tree_node *node) {
    if (node->first) {
        return node->first;
    }
    while (node && !node->next) {
        node = node->parent;
    }
    return node ? node->next : NULL;
}
