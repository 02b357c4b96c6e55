/* SPDX-License-Identifier: MIT */
/*
 * open_spans.c - names of the spans that are open at a shutdown
 *
 * Each block is in a list from its first use as a recording span until its memory is released, so
 * spans do not pay for it. The list's lock prevents the release of its blocks. A span that is
 * SPAN_OPEN while its own lock is held keeps its content: ending and releasing it take that lock.
 * There are several lists to avoid contention.
 */
#include "span.h"

enum { LISTS = 16, CACHE_LINE = 64 };

static struct block_list {
    struct tote__lock lock;
    uint32_t generation; /* the process that owns the blocks */
    struct span *first;
    char apart[CACHE_LINE - sizeof(struct span *) - 2 * sizeof(uint32_t)];
} lists[LISTS];

static struct block_list *list_of(const struct span *span) {
    return &lists[(uintptr_t)span / SPAN_BLOCK_BYTES % LISTS];
}

/* Forget the blocks of a parent process. The lock is held. */
static void forget_inherited(struct block_list *list) {
    if (list->generation != tote__generation()) {
        list->generation = tote__generation();
        list->first = NULL;
    }
}

void tote__span_list_block(struct span *span) {
    struct block_list *list = list_of(span);

    tote__lock_take(&list->lock);
    forget_inherited(list);
    span->listed_in = list->generation;
    span->previous_listed = NULL;
    span->next_listed = list->first;
    if (list->first) {
        list->first->previous_listed = span;
    }
    list->first = span;
    tote__lock_drop(&list->lock);
}

static void unlist(struct span *span) {
    struct block_list *list = list_of(span);

    if (span->listed_in != tote__generation()) {
        return;
    }
    tote__lock_take(&list->lock);
    *(span->previous_listed ? &span->previous_listed->next_listed : &list->first) =
        span->next_listed;
    if (span->next_listed) {
        span->next_listed->previous_listed = span->previous_listed;
    }
    tote__lock_drop(&list->lock);
    span->listed_in = 0;
}

void tote__span_release_block(void *block) {
    unlist(block);
    tote__span_clear_buffer(block);
}

static void add_name(const struct span_origin *origin, struct span *span,
                     struct tote__few_names *names) {
    bool is_open = atomic_load_explicit(&span->state, memory_order_acquire) == SPAN_OPEN;

    if (!is_open || !tote__span_lock_try(&span->lock)) {
        return; /* skip a span that is locked, instead of waiting */
    }
    if (atomic_load_explicit(&span->state, memory_order_acquire) == SPAN_OPEN &&
        tote__span_lock_is_shared(&span->lock) && span->generation == tote__generation() &&
        span->origin.slot == origin->slot && span->origin.run == origin->run) {
        struct tote__slice name = tote__span_slice(span, &span->name);
        tote__few_names_add(names, name.size ? (const char *)name.at : "", name.size);
    }
    tote__span_lock_drop(&span->lock);
}

void tote__open_span_names(const struct span_origin *origin, struct tote__few_names *names) {
    for (size_t i = 0; i < LISTS; i++) {
        tote__lock_take(&lists[i].lock);
        forget_inherited(&lists[i]);
        struct span *span = lists[i].first;
        for (; span && names->count < TOTE__FEW_NAMES; span = span->next_listed) {
            add_name(origin, span, names);
        }
        tote__lock_drop(&lists[i].lock);
    }
}
