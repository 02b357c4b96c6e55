/* SPDX-License-Identifier: MIT */
/*
 * analysis.c - what takes the time of a trace
 *
 * Tests: tests/unit/test_analysis.c
 */
#include "analysis.h"

#include <stdlib.h>
#include <string.h>

#include "tote/internal/text.h"

/* A span that the critical path is walking through. */
struct frame {
    struct frame *caller;
    struct tree_node *node;
    uint64_t from; /* the part of the span that counts */
    uint64_t at;   /* what is later is done */
    uint64_t to;
    struct tree_node **children; /* the last to end first */
    size_t child_count;
    size_t next_child;
};

struct walk {
    struct tote__arena frames;
    struct critical_part *parts;
    size_t count;
    bool is_failed;
};

static int compare_ends(const void *a, const void *b) {
    const struct tree_node *x = *(struct tree_node *const *)a;
    const struct tree_node *y = *(struct tree_node *const *)b;

    if (x->span->end_unix_nano != y->span->end_unix_nano) {
        return x->span->end_unix_nano > y->span->end_unix_nano ? -1 : 1;
    }
    return x < y ? -1 : x > y;
}

/* Enter a span for the part of its time that counts. Returns the caller if out of memory. */
static struct frame *enter(struct walk *walk, struct frame *caller, struct tree_node *node,
                           uint64_t from, uint64_t to) {
    struct frame *frame = tote__arena_allocate(&walk->frames, sizeof *frame);
    size_t count = 0;

    for (const struct tree_node *child = node->first; child; child = child->next) {
        count++;
    }
    struct tree_node **children =
        frame && count ? tote__arena_allocate(&walk->frames, count * sizeof(void *)) : NULL;
    if (!frame || (count && !children)) {
        walk->is_failed = true;
        return caller;
    }
    *frame = (struct frame){
        .caller = caller, .node = node, .from = from, .at = to, .to = to, .children = children};
    for (struct tree_node *child = node->first; child; child = child->next) {
        children[frame->child_count++] = child;
    }
    if (count > 1) {
        qsort(children, count, sizeof *children, compare_ends);
    }
    node->is_critical = true;
    return frame;
}

/* The span itself is on the path from `from` up to where the walk is. */
static void add_part(struct walk *walk, struct frame *frame, uint64_t from) {
    if (from < frame->at || (!walk->count && !frame->caller && frame->from == frame->to)) {
        walk->parts[walk->count++] = (struct critical_part){frame->node, from, frame->at};
    }
    frame->at = from;
}

/* Continue in the last child that ended by now, or else in the caller. */
static struct frame *step(struct walk *walk, struct frame *frame) {
    while (frame->next_child < frame->child_count) {
        struct tree_node *child = frame->children[frame->next_child++];
        uint64_t end = child->span->end_unix_nano;
        end = end < frame->to ? end : frame->to;
        uint64_t start = child->span->start_unix_nano;
        start = start > frame->from ? start : frame->from;
        if (end <= frame->at && start < end) {
            add_part(walk, frame, end);
            frame->at = start;
            return enter(walk, frame, child, start, end);
        }
    }
    add_part(walk, frame, frame->from);
    return frame->caller;
}

struct critical_part *critical_path(struct tree *tree, struct tote__arena *arena, size_t *count) {
    struct walk walk = {.parts = NULL};

    *count = 0;
    for (size_t i = 0; i < tree->count; i++) {
        tree->nodes[i].is_critical = false;
    }
    /* Each step into a child adds at most one part before it, and each span one at its end. */
    walk.parts = tree->count
                     ? tote__arena_allocate(arena, 2 * tree->nodes->size * sizeof *walk.parts)
                     : NULL;
    if (!walk.parts) {
        return NULL;
    }
    struct tree_node *root = tree->nodes;
    struct frame *frame =
        enter(&walk, NULL, root, root->span->start_unix_nano, root->span->end_unix_nano);
    while (frame && !walk.is_failed) {
        frame = step(&walk, frame);
    }
    tote__arena_clear(&walk.frames);
    if (walk.is_failed) {
        return NULL;
    }
    *count = walk.count;
    return walk.parts;
}

/* A row of the table of names while it is built. */
struct name_row {
    struct table_entry entry;
    struct name_time times;
    const struct tree_node *end; /* nodes before it are inside a span of this row */
};

static uint64_t hash_pointers(const void *a, const void *b) {
    return tote__mix_last(tote__mix(0, (uint64_t)(uintptr_t)a), (uint64_t)(uintptr_t)b);
}

/* Find or add the row of a span. Its texts are shared by all spans that have them. */
static struct name_row *find_row(struct table *table, struct tote__arena *arena,
                                 const struct trace_span *span) {
    uint64_t hash = hash_pointers(span->service, span->name);
    struct name_row *row = TABLE_OF(table_find(table, hash), struct name_row, entry);

    while (row && (row->times.service != span->service || row->times.name != span->name)) {
        row = TABLE_OF(table_next(&row->entry), struct name_row, entry);
    }
    if (row) {
        return row;
    }
    row = tote__arena_allocate(arena, sizeof *row);
    if (!row) {
        return NULL;
    }
    *row = (struct name_row){.times = {.service = span->service, .name = span->name}};
    return table_add(table, &row->entry, hash) ? row : NULL;
}

static void add_span(struct name_row *row, const struct tree_node *node) {
    uint64_t duration = span_duration(node->span);

    row->times.count++;
    row->times.error_count += node->span->is_error;
    row->times.self_ns += node->self_ns;
    if (duration > row->times.longest_ns) {
        row->times.longest_ns = duration;
    }
    if (node >= row->end) {
        row->times.total_ns += duration;
        row->end = node + node->size;
    }
}

static int compare_self_times(const void *a, const void *b) {
    const struct name_time *x = a;
    const struct name_time *y = b;

    if (x->self_ns != y->self_ns) {
        return x->self_ns > y->self_ns ? -1 : 1;
    }
    int order = strcmp(x->service, y->service);
    return order ? order : strcmp(x->name, y->name);
}

struct name_time *name_times(const struct tree *tree, struct tote__arena *arena, size_t *count) {
    struct tote__arena rows = {NULL, NULL, 0};
    struct table table = {.buckets = NULL};
    bool is_failed = false;

    *count = 0;
    for (size_t i = 0; i < tree->count && !is_failed; i++) {
        struct name_row *row = find_row(&table, &rows, tree->nodes[i].span);
        is_failed = !row;
        if (row) {
            add_span(row, &tree->nodes[i]);
        }
    }
    struct name_time *times =
        table.count && !is_failed ? tote__arena_allocate(arena, table.count * sizeof *times) : NULL;
    for (size_t i = 0; times && i < table.bucket_count; i++) {
        for (struct table_entry *entry = table.buckets[i]; entry; entry = entry->next) {
            times[(*count)++] = TABLE_OF(entry, struct name_row, entry)->times;
        }
    }
    if (*count > 1) {
        qsort(times, *count, sizeof *times, compare_self_times);
    }
    table_clear(&table);
    tote__arena_clear(&rows);
    return times;
}
