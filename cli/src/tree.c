/* SPDX-License-Identifier: MIT */
/*
 * tree.c - the spans of a trace, each below its parent
 */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

/* Deeper is taken for a circle. */
enum { MOST_LEVELS = 1000 };

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

/* Whether `node` would be above itself under `parent`, or so deep that it could be. */
static bool is_circle(const struct tree_node *node, const struct tree_node *parent) {
    size_t depth = 0;

    for (; parent && parent != node && depth < MOST_LEVELS; parent = parent->parent) {
        depth++;
    }
    return parent != NULL;
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
    for (i = size; i-- > 0;) { /* the last first: each goes in front of the later ones */
        struct tree_node *node = &nodes[i];
        struct tree_node *parent =
            node->span->has_parent ? find_node(by_id, size, node->span->parent_id) : NULL;
        if (parent && !is_circle(node, parent)) {
            node->parent = parent;
            node->next = parent->first;
            parent->first = node;
        }
    }
    return (struct tree){nodes, size};
}

size_t tree_depth(const struct tree_node *node, size_t most) {
    size_t depth = 0;

    while (depth < most && (node = node->parent)) {
        depth++;
    }
    return depth;
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
