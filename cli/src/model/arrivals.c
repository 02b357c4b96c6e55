/* SPDX-License-Identifier: MIT */
/*
 * arrivals.c - adds the spans of a request to the model
 *
 * A request is read without the lock. Its spans are added in batches, so that displays wait little.
 *
 * Tests: tests/unit/test_model.c
 */
#include <string.h>

#include "decode.h"
#include "store.h"
#include "tote/internal/buffer.h"
#include "tote/internal/memory.h"

enum {
    BATCH = 256,
    MOST_TWINS = 16, /* different spans of a trace with the same id */
    FIRST_SERVICES = 4,
    OTHER_BYTES = 8192, /* at most for a name, a parent, a trace and its list of services */
    BUSY_PART = 2       /* awaited traces take this part of a limit: requests are BUSY */
};

/* Whether two spans with the same id are the same span in different states. */
static bool is_same_span(const struct trace_span *a, const struct trace_span *b) {
    return a->start_unix_nano == b->start_unix_nano && a->kind == b->kind &&
           a->has_parent == b->has_parent &&
           (!a->has_parent || memcmp(a->parent_id, b->parent_id, sizeof a->parent_id) == 0);
}

/* A span of a request that is not in the model yet. */
struct arrival {
    struct trace_span *span; /* NULL: invalid, or taken by the model */
    struct decoded_span parts;
    const struct trace_resource *resource;
    const struct trace_scope *scope;
};

/* Where an arriving span belongs. */
struct place {
    struct trace_span *same; /* an earlier state of it, or its entry as a missing parent */
    bool is_crowded;         /* too many other spans have its id */
};

static struct place find_place(const struct trace *trace, const struct trace_span *arriving) {
    struct place place = {NULL, false};
    unsigned twins = 0;

    for (struct trace_span *span = store_first_span(trace, arriving->id); span && !place.same;
         span = store_next_span(span)) {
        if (store_has_id(span, trace, arriving->id)) {
            place.same = span->is_missing || is_same_span(span, arriving) ? span : NULL;
            twins++;
        }
    }
    place.is_crowded = !place.same && twins >= MOST_TWINS;
    return place;
}

/* Find or add the entry of the parent. NULL: out of memory. */
static struct trace_span *find_parent(struct trace *trace, const uint8_t id[8]) {
    struct trace_span *parent = store_first_span(trace, id);

    while (parent && !store_has_id(parent, trace, id)) {
        parent = store_next_span(parent);
    }
    if (parent) {
        return parent;
    }
    parent = tote__allocate_zeroed(sizeof *parent);
    if (!parent || !table_add(&trace->model->spans, &parent->entry, store_hash_span(trace, id))) {
        tote__release(parent, sizeof *parent);
        return NULL;
    }
    parent->block_bytes = sizeof *parent;
    parent->content = parent;
    parent->trace = trace;
    parent->is_missing = true;
    memcpy(parent->id, id, sizeof parent->id);
    parent->next = trace->missing;
    *(parent->next ? &parent->next->previous : &trace->missing) = parent;
    trace->missing = parent;
    trace->missing_count++;
    store_grow(trace, 0, store_block_cost(parent));
    return parent;
}

/* Count a service of the trace; if out of memory, it is not counted. */
static void add_service(struct trace *trace, const char *service) {
    size_t capacity = trace->service_capacity;

    for (size_t i = 0; i < trace->service_count; i++) {
        if (trace->services[i] == service) {
            return;
        }
    }
    if (trace->service_count == TRACE_MOST_SERVICES) {
        return;
    }
    if (trace->service_count == capacity) {
        size_t larger = capacity ? 2 * capacity : FIRST_SERVICES;
        const char **services = tote__reallocate(trace->services, capacity * sizeof *services,
                                                 larger * sizeof *services);
        if (!services) {
            return;
        }
        trace->services = services;
        trace->service_capacity = larger;
        store_grow(trace, 0, (larger - capacity) * sizeof *services);
    }
    trace->services[trace->service_count++] = intern_ref_text(service);
}

static bool is_better_root(const struct trace_span *span, const struct trace_span *root) {
    return !root || (root->has_parent && !span->has_parent) ||
           (root->has_parent == span->has_parent && span->start_unix_nano < root->start_unix_nano);
}

/* Update the sums of a trace for a span that joined it, or got a new state. */
static void note_span(struct trace *trace, const struct trace_span *span) {
    if (trace->span_count == 1 || span->start_unix_nano < trace->start_unix_nano) {
        trace->start_unix_nano = span->start_unix_nano;
    }
    if (span->end_unix_nano > trace->end_unix_nano) {
        trace->end_unix_nano = span->end_unix_nano;
    }
    trace->error_count += span->is_error;
    trace->open_count += span->is_open;
    add_service(trace, span->service);
}

/* Share the names of an arriving span. Returns false if out of memory. */
static bool share_names(struct model *model, const struct arrival *arrival) {
    struct trace_span *span = arrival->span;
    const struct tote__slice *name = &arrival->parts.name;

    span->name = intern_text(&model->intern, (const char *)name->at, name->size);
    span->resource = intern_ref_resource(arrival->resource);
    span->scope = intern_ref_scope(arrival->scope);
    span->service = span->resource->service;
    return span->name != NULL;
}

/* Give an entry the content of a block, which it owns from now on. */
static void fill(struct trace_span *span, struct trace_span *block) {
    struct trace_span filled = *block;

    filled.entry = span->entry;
    filled.next = span->next;
    filled.previous = span->previous;
    filled.trace = span->trace;
    filled.parent = span->parent;
    filled.block_bytes = span->block_bytes;
    filled.index = span->index;
    filled.content = block;
    *span = filled;
}

static void link_span(struct trace *trace, struct trace_span *span) {
    span->previous = NULL;
    span->next = trace->spans;
    if (span->next) {
        span->next->previous = span;
    }
    trace->spans = span;
    store_grow(trace, 1, 0);
    if (is_better_root(span, trace->root)) {
        trace->root = span;
    }
    note_span(trace, span);
}

/* The span that was missing has arrived. */
static void fill_missing(struct trace *trace, struct trace_span *span, struct trace_span *block,
                         struct trace_span *parent) {
    *(span->previous ? &span->previous->next : &trace->missing) = span->next;
    if (span->next) {
        span->next->previous = span->previous;
    }
    trace->missing_count--;
    fill(span, block);
    span->parent = parent;
    span->is_missing = false;
    link_span(trace, span);
}

/* A later state of an unfinished span replaces it. Its parent and its start are the same. */
static void replace_open(struct trace *trace, struct trace_span *span, struct trace_span *block) {
    struct trace_span before = *span;

    trace->error_count -= span->is_error;
    trace->open_count -= span->is_open;
    fill(span, block);
    store_release_shared(trace->model, &before);
    if (before.content != span) {
        store_shrink(trace, store_block_cost(before.content));
        store_free_block(before.content);
    }
    note_span(trace, span);
}

enum placing { PLACED, IS_KNOWN, HAS_NO_ROOM };

/* Add a span to its trace; the model takes its block if it is PLACED. */
static enum placing place_in_trace(struct trace *trace, const struct arrival *arrival) {
    struct trace_span *block = arrival->span;
    struct place place = find_place(trace, block);
    struct trace_span *same = place.same;
    struct trace_span *parent = NULL;

    if (place.is_crowded) {
        return HAS_NO_ROOM;
    }
    if (same && !same->is_missing && (!same->is_open || block->is_open)) {
        return IS_KNOWN; /* sent again, or an earlier state */
    }
    if (!share_names(trace->model, arrival)) {
        return HAS_NO_ROOM;
    }
    bool is_own_parent = memcmp(block->parent_id, block->id, sizeof block->id) == 0;
    if (block->has_parent && !is_own_parent && !(parent = find_parent(trace, block->parent_id))) {
        return HAS_NO_ROOM;
    }
    if (!same) {
        if (!table_add(&trace->model->spans, &block->entry, store_hash_span(trace, block->id))) {
            return HAS_NO_ROOM;
        }
        block->trace = trace;
        block->parent = parent;
        link_span(trace, block);
    } else if (same->is_missing) {
        fill_missing(trace, same, block, parent);
    } else {
        replace_open(trace, same, block);
    }
    store_grow(trace, 0, store_block_cost(block));
    return PLACED;
}

/* Add a span. Returns false if it does not fit. */
static bool add_arrival(struct model *model, struct arrival *arrival, uint64_t now_ms) {
    struct trace *trace = model_find(model, arrival->parts.trace_id);
    size_t bytes = store_block_cost(arrival->span) + OTHER_BYTES + table_growth(&model->spans, 2) +
                   table_growth(&model->traces, 1) + table_growth(&model->intern.table, 1);

    if (!store_make_room(model, trace, trace == NULL, bytes)) {
        return false;
    }
    bool is_new = !trace;
    trace = trace ? trace : store_add_trace(model, arrival->parts.trace_id);
    if (!trace) {
        return false;
    }
    enum placing placing = place_in_trace(trace, arrival);
    if (placing == PLACED) {
        arrival->span = NULL;
        store_note_news(trace, now_ms);
    } else if (is_new) {
        store_free_trace(trace);
    }
    return placing != HAS_NO_ROOM;
}

/* A request that is being added. */
struct taking {
    struct model *model;
    uint64_t now_ms;
    struct receipt receipt;
    struct tote__buffer resource_message;
    struct tote__buffer scope_message;
    const struct trace_resource *resource; /* NULL: not shared yet */
    const struct trace_scope *scope;
    struct arrival arrivals[BATCH];
    size_t count;
};

/* Share the resource and the scope of the spans that follow. Returns false if out of memory. */
static bool share_origin(struct taking *taking) {
    struct intern *intern = &taking->model->intern;

    if (!taking->resource) {
        taking->resource = intern_resource(intern, tote__buffer_slice(&taking->resource_message));
    }
    if (!taking->scope) {
        taking->scope = intern_scope(intern, tote__buffer_slice(&taking->scope_message));
    }
    return taking->resource && taking->scope;
}

static void release_origin(struct taking *taking, bool is_resource) {
    if (taking->scope) {
        intern_release_scope(&taking->model->intern, taking->scope);
        taking->scope = NULL;
    }
    if (is_resource && taking->resource) {
        intern_release_resource(&taking->model->intern, taking->resource);
        taking->resource = NULL;
    }
}

/* Add the spans of the batch, which have the same resource and scope. */
static void add_batch(struct taking *taking) {
    struct model *model = taking->model;

    if (!taking->count) {
        return;
    }
    model_lock(model);
    bool is_shared = share_origin(taking);
    for (size_t i = 0; i < taking->count; i++) {
        struct arrival *arrival = &taking->arrivals[i];
        arrival->resource = taking->resource;
        arrival->scope = taking->scope;
        if (!is_shared || !add_arrival(model, arrival, taking->now_ms)) {
            taking->receipt.left_out++;
            model->counts.left_out_spans++;
        }
        if (arrival->span) {
            store_release_shared(model, arrival->span);
        }
    }
    store_note_change(model);
    model_unlock(model);
    for (size_t i = 0; i < taking->count; i++) {
        if (taking->arrivals[i].span) {
            store_free_block(taking->arrivals[i].span);
        }
    }
    taking->count = 0;
}

static void take_span(struct taking *taking, struct tote__slice message) {
    size_t size = sizeof(struct trace_span) + message.size;
    struct trace_span *span = tote__allocate(size);

    if (!span) {
        taking->receipt.left_out++;
        return;
    }
    uint8_t *copy = (uint8_t *)(span + 1);
    memcpy(copy, message.at, message.size);
    *span =
        (struct trace_span){.content = span, .block_bytes = size, .message = {copy, message.size}};
    struct arrival *arrival = &taking->arrivals[taking->count];
    *arrival = (struct arrival){.span = span};
    if (!decode_span(span, &arrival->parts)) {
        taking->receipt.invalid_ids++;
        store_free_block(span);
        return;
    }
    if (++taking->count == BATCH) {
        add_batch(taking);
    }
}

/* Copy all fields of a message except those with this number. Returns false if out of memory. */
static bool copy_without(struct tote__buffer *copy, struct tote__slice message, uint32_t number) {
    struct tote__field field;

    copy->size = 0;
    while (tote__next_field(&message, &field)) {
        if (field.number != number && !tote__buffer_append(copy, field.whole)) {
            return false;
        }
    }
    return true;
}

/* Count the spans of a ScopeSpans that cannot be taken. */
static void leave_out(struct taking *taking, struct tote__slice of_scope) {
    taking->receipt.left_out += tote__count_fields(of_scope, 2);
}

static void take_scope(struct taking *taking, struct tote__slice of_scope) {
    struct tote__field field;

    if (!copy_without(&taking->scope_message, of_scope, 2)) {
        leave_out(taking, of_scope);
        return;
    }
    while (tote__next_field(&of_scope, &field)) {
        if (field.number == 2) {
            take_span(taking, field.content);
        }
    }
    add_batch(taking);
    model_lock(taking->model);
    release_origin(taking, false);
    model_unlock(taking->model);
}

static void take_resource(struct taking *taking, struct tote__slice of_resource) {
    struct tote__field field;
    bool is_copied = copy_without(&taking->resource_message, of_resource, 2);

    while (tote__next_field(&of_resource, &field)) {
        if (field.number == 2) {
            (is_copied ? take_scope : leave_out)(taking, field.content);
        }
    }
    model_lock(taking->model);
    release_origin(taking, true);
    model_unlock(taking->model);
}

struct receipt model_take(struct model *model, const uint8_t *bytes, size_t size, uint64_t now_ms) {
    struct taking taking = {.model = model, .now_ms = now_ms};
    struct decoded request;
    struct tote__field field;

    model_lock(model);
    bool is_busy = store_awaits_part(model, BUSY_PART);
    model_unlock(model);
    if (is_busy) {
        return (struct receipt){.outcome = BUSY};
    }
    taking.receipt.outcome = decode_request(&request, bytes, size);
    while (taking.receipt.outcome == TAKEN && tote__next_field(&request.bytes, &field)) {
        if (field.number == 1) {
            take_resource(&taking, field.content);
        }
    }
    decode_clear(&request);
    tote__buffer_clear(&taking.resource_message);
    tote__buffer_clear(&taking.scope_message);
    if (taking.receipt.invalid_ids) {
        model_lock(model);
        model->counts.invalid_spans += taking.receipt.invalid_ids;
        store_note_change(model);
        model_unlock(model);
    }
    return taking.receipt;
}

struct receipt model_take_file(void *model, const uint8_t *bytes, size_t size) {
    return model_take(model, bytes, size, 0);
}
