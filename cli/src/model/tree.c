/* SPDX-License-Identifier: MIT */
/*
 * tree.c - the spans of a trace as trees
 *
 * Spans are sorted by their start. Then each one has a rank, and the arrays of `struct draft` are
 * indexed by it. Each step is linear, except for the sorting.
 *
 * Tests: tests/unit/test_waterfall.c, tests/unit/test_analysis.c
 */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct ranked {
    uint64_t start;
    uint8_t id[8];
    struct trace_span *span;
};

/* A node before it has its place. Nodes are ranks. */
struct draft {
    uint32_t parent;
    uint32_t first; /* child */
    uint32_t next;  /* sibling */
    uint32_t walk;  /* the walk from a node to its top that visited it; 0: not yet */
};

static int compare_starts(const void *a, const void *b) {
    const struct ranked *x = a;
    const struct ranked *y = b;

    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    return memcmp(x->id, y->id, sizeof x->id);
}

/* Sort the spans and give each its rank. */
static void rank_spans(struct ranked *ranked, const struct trace *trace) {
    size_t i = 0;

    for (struct trace_span *span = trace->spans; span; span = span->next, i++) {
        ranked[i] = (struct ranked){.start = span->start_unix_nano, .span = span};
        memcpy(ranked[i].id, span->id, sizeof span->id);
    }
    qsort(ranked, trace->span_count, sizeof *ranked, compare_starts);
    for (i = 0; i < trace->span_count; i++) {
        ranked[i].span->index = (uint32_t)i;
    }
}

/* Make the earliest node of a cycle a top. */
static void cut_cycle(struct draft *drafts, uint32_t node) {
    uint32_t earliest = node;

    for (uint32_t at = drafts[node].parent; at != node; at = drafts[at].parent) {
        earliest = at < earliest ? at : earliest;
    }
    drafts[earliest].parent = NONE;
}

/* Walk from each node to its top, up to a node that an earlier walk visited. */
static void cut_cycles(struct draft *drafts, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t walk = i + 1;
        uint32_t at = i;
        while (at != NONE && !drafts[at].walk) {
            drafts[at].walk = walk;
            at = drafts[at].parent;
        }
        if (at != NONE && drafts[at].walk == walk) {
            cut_cycle(drafts, at);
        }
    }
}

static void link_nodes(struct draft *drafts, const struct ranked *ranked, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const struct trace_span *parent = ranked[i].span->parent;
        drafts[i] = (struct draft){
            .parent = parent && !parent->is_missing ? parent->index : NONE,
            .first = NONE,
            .next = NONE,
        };
    }
    cut_cycles(drafts, count);
    for (uint32_t i = count; i-- > 0;) { /* in reverse, because each is inserted in front */
        if (drafts[i].parent != NONE) {
            drafts[i].next = drafts[drafts[i].parent].first;
            drafts[drafts[i].parent].first = i;
        }
    }
}

/* A tree while nodes get their place. */
struct placing {
    const struct ranked *ranked;
    const struct draft *drafts;
    struct tree tree;
};

static struct tree_node *place_node(struct placing *placing, uint32_t rank,
                                    struct tree_node *parent) {
    struct tree_node *node = &placing->tree.nodes[placing->tree.count++];

    *node = (struct tree_node){
        .span = placing->ranked[rank].span,
        .parent = parent,
        .depth = parent ? parent->depth + 1 : 0,
        .size = 1,
    };
    return node;
}

/* Place a top and its subtree, without recursion: it may be deep. */
static void place_tree(struct placing *placing, uint32_t top) {
    const struct draft *drafts = placing->drafts;
    struct tree_node *node = place_node(placing, top, NULL);
    uint32_t rank = top;

    for (;;) {
        if (drafts[rank].first != NONE) {
            rank = drafts[rank].first;
            node->first = place_node(placing, rank, node);
            node = node->first;
            continue;
        }
        while (node->parent && drafts[rank].next == NONE) {
            rank = drafts[rank].parent;
            node = node->parent;
        }
        if (!node->parent) {
            return;
        }
        rank = drafts[rank].next;
        node->next = place_node(placing, rank, node->parent);
        node = node->next;
    }
}

static void place_trees(struct placing *placing, uint32_t count, bool are_roots) {
    for (uint32_t i = 0; i < count; i++) {
        if (placing->drafts[i].parent == NONE && placing->ranked[i].span->has_parent != are_roots) {
            place_tree(placing, i);
        }
    }
}

/* Return the time of a span in which no child runs. Children are ordered by their start. */
static uint64_t self_time(const struct tree_node *node) {
    uint64_t at = node->span->start_unix_nano; /* all before it is counted */
    const uint64_t end = node->span->end_unix_nano;
    uint64_t self = 0;

    for (const struct tree_node *child = node->first; child && at < end; child = child->next) {
        uint64_t start = child->span->start_unix_nano;
        start = start < end ? start : end;
        self += start > at ? start - at : 0;
        at = child->span->end_unix_nano > at ? child->span->end_unix_nano : at;
    }
    return self + (at < end ? end - at : 0);
}

/* Descendants are behind their ancestors. */
static void add_up(struct tree *tree) {
    for (size_t i = tree->count; i-- > 0;) {
        struct tree_node *node = &tree->nodes[i];
        node->self_ns = self_time(node);
        if (node->parent) {
            node->parent->size += node->size;
        }
    }
}

struct tree tree_make(const struct trace *trace, struct tote__arena *arena) {
    size_t count = trace->span_count;
    size_t ranked_size = count * sizeof(struct ranked);
    size_t drafts_size = count * sizeof(struct draft);
    struct tree_node *nodes =
        count < NONE ? tote__arena_allocate(arena, count * sizeof *nodes) : NULL;
    struct ranked *ranked = nodes ? tote__allocate(ranked_size) : NULL;
    struct draft *drafts = ranked ? tote__allocate(drafts_size) : NULL;
    struct placing placing = {ranked, drafts, {nodes, 0}};

    if (drafts) {
        rank_spans(ranked, trace);
        link_nodes(drafts, ranked, (uint32_t)count);
        place_trees(&placing, (uint32_t)count, true);
        place_trees(&placing, (uint32_t)count, false);
        add_up(&placing.tree);
    }
    tote__release(drafts, drafts_size);
    tote__release(ranked, ranked_size);
    return placing.tree;
}
