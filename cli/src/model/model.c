/* SPDX-License-Identifier: MIT */
/*
 * model.c - the received traces: one store for every display
 *
 * A table finds traces by their id, another one finds spans by their trace and id. A parent that
 * was not received has an entry that is marked as missing, and becomes the span when that arrives.
 * So a trace always knows how many parents are missing.
 *
 * A request is read without the lock. Its spans are added in batches, so that displays wait little.
 *
 * Tests: tests/unit/test_model.c
 */
#include "model.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "decode.h"
#include "intern.h"
#include "tote/internal/buffer.h"
#include "tote/internal/text.h"

enum {
    BATCH = 256,
    MOST_TWINS = 16,       /* different spans of a trace with the same id */
    ALLOCATION_BYTES = 16, /* overhead of an allocation, estimated */
    FIRST_SERVICES = 4,
    LEAST_PREFIX = 4,
    BUSY_PART = 2,   /* awaited traces take this part of a limit: requests are BUSY */
    CROWDED_PART = 4 /* and here they are drawn early */
};

#define DEFAULT_BYTES ((size_t)512 << 20)

struct usage {
    size_t traces;
    size_t spans;
    size_t bytes;
};

struct model {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct model_limits limits;
    struct model_counts counts;
    struct usage used;    /* by traces and spans; bytes of tables and shared texts are extra */
    struct usage awaited; /* the part of it that is awaited */
    struct table traces;
    struct table spans;
    struct intern intern;
    struct trace *newest;
    struct trace *oldest;
    struct trace_list awaited_traces; /* by their last span */
    struct trace_list evictable;      /* by their last span or last use */
    uint64_t seed; /* of hashes: a sender cannot choose ids that all have the same one */
};

static void init_wait(struct model *model) {
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&model->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct model *model_new(const struct model_limits *limits) {
    struct model *model = tote__allocate_zeroed(sizeof *model);

    if (!model) {
        return NULL;
    }
    model->limits = limits ? *limits : (struct model_limits){.bytes = 0};
    model->limits.bytes = model->limits.bytes ? model->limits.bytes : DEFAULT_BYTES;
    model->limits.spans = model->limits.spans ? model->limits.spans : SIZE_MAX;
    model->limits.traces = model->limits.traces ? model->limits.traces : SIZE_MAX;
    if (getrandom(&model->seed, sizeof model->seed, GRND_NONBLOCK) != sizeof model->seed) {
        model->seed = (uint64_t)(uintptr_t)model;
    }
    model->intern.seed = ~model->seed;
    pthread_mutex_init(&model->lock, NULL);
    init_wait(model);
    return model;
}

void model_lock(struct model *model) {
    pthread_mutex_lock(&model->lock);
}

void model_unlock(struct model *model) {
    pthread_mutex_unlock(&model->lock);
}

static void note_change(struct model *model) {
    model->counts.version++;
    pthread_cond_broadcast(&model->changed);
}

uint64_t model_wait(struct model *model, uint64_t seen, unsigned timeout_ms) {
    struct timespec end;
    int error = 0;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += timeout_ms / 1000;
    end.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    model_lock(model);
    while (model->counts.version == seen && error == 0) {
        error = pthread_cond_timedwait(&model->changed, &model->lock, &end);
    }
    uint64_t version = model->counts.version;
    model_unlock(model);
    return version;
}

/* Return the memory of everything, estimated. */
static size_t bytes_of(const struct model *model) {
    size_t buckets =
        model->traces.bucket_count + model->spans.bucket_count + model->intern.table.bucket_count;

    return model->used.bytes + model->intern.bytes + buckets * sizeof(struct table_entry *);
}

struct model_counts model_counts(const struct model *model) {
    struct model_counts counts = model->counts;

    counts.traces = model->used.traces;
    counts.spans = model->used.spans;
    counts.bytes = bytes_of(model);
    return counts;
}

/* Lists. */

static void unlist(struct trace *trace) {
    struct trace_list *list = trace->list;

    if (list) {
        *(trace->previous ? &trace->previous->next : &list->first) = trace->next;
        *(trace->next ? &trace->next->previous : &list->last) = trace->previous;
        trace->list = NULL;
    }
}

/* Move a trace to the end of the list where it belongs. */
static void enlist(struct trace *trace) {
    struct model *model = trace->model;

    unlist(trace);
    if (trace->pin_count && !trace->is_awaited) {
        return;
    }
    struct trace_list *list = trace->is_awaited ? &model->awaited_traces : &model->evictable;
    trace->list = list;
    trace->next = NULL;
    trace->previous = list->last;
    *(trace->previous ? &trace->previous->next : &list->first) = trace;
    list->last = trace;
}

static void unlink_age(struct trace *trace) {
    struct model *model = trace->model;

    *(trace->newer ? &trace->newer->older : &model->newest) = trace->older;
    *(trace->older ? &trace->older->newer : &model->oldest) = trace->newer;
}

static void link_newest(struct trace *trace) {
    struct model *model = trace->model;

    trace->newer = NULL;
    trace->older = model->newest;
    *(trace->older ? &trace->older->newer : &model->oldest) = trace;
    model->newest = trace;
}

static void add_usage(struct usage *usage, size_t traces, size_t spans, size_t bytes) {
    usage->traces += traces;
    usage->spans += spans;
    usage->bytes += bytes;
}

static void subtract_usage(struct usage *usage, size_t traces, size_t spans, size_t bytes) {
    usage->traces -= traces;
    usage->spans -= spans;
    usage->bytes -= bytes;
}

static void set_awaited(struct trace *trace, bool is_awaited) {
    struct usage *usage = &trace->model->awaited;

    if (trace->is_awaited != is_awaited) {
        (is_awaited ? add_usage : subtract_usage)(usage, 1, trace->span_count, trace->bytes);
        trace->is_awaited = is_awaited;
    }
}

/* Count memory that a trace got or gave back; `spans`: those in its list. */
static void grow_trace(struct trace *trace, size_t spans, size_t bytes) {
    trace->span_count += spans;
    trace->bytes += bytes;
    add_usage(&trace->model->used, 0, spans, bytes);
    if (trace->is_awaited) {
        add_usage(&trace->model->awaited, 0, spans, bytes);
    }
}

static void shrink_trace(struct trace *trace, size_t bytes) {
    trace->bytes -= bytes;
    subtract_usage(&trace->model->used, 0, 0, bytes);
    if (trace->is_awaited) {
        subtract_usage(&trace->model->awaited, 0, 0, bytes);
    }
}

/* Traces. */

static uint64_t hash_trace(const struct model *model, const uint8_t id[16]) {
    uint64_t words[2];

    memcpy(words, id, sizeof words);
    return tote__mix_last(tote__mix(model->seed, words[0]), words[1]);
}

static uint64_t hash_span(const struct trace *trace, const uint8_t id[8]) {
    uint64_t word;

    memcpy(&word, id, sizeof word);
    return tote__mix_last(trace->entry.hash, word);
}

struct trace *model_find(const struct model *model, const uint8_t id[16]) {
    struct table_entry *entry = table_find(&model->traces, hash_trace(model, id));
    struct trace *trace = TABLE_OF(entry, struct trace, entry);

    while (trace && memcmp(trace->id, id, sizeof trace->id) != 0) {
        trace = TABLE_OF(table_next(&trace->entry), struct trace, entry);
    }
    return trace;
}

static struct trace *add_trace(struct model *model, const uint8_t id[16]) {
    struct trace *trace = tote__allocate_zeroed(sizeof *trace);

    if (!trace || !table_add(&model->traces, &trace->entry, hash_trace(model, id))) {
        tote__release(trace, sizeof *trace);
        return NULL;
    }
    memcpy(trace->id, id, sizeof trace->id);
    trace->model = model;
    model->used.traces++;
    grow_trace(trace, 0, sizeof *trace + ALLOCATION_BYTES);
    link_newest(trace);
    return trace;
}

static size_t block_cost(const struct trace_span *block) {
    return block->block_bytes + ALLOCATION_BYTES;
}

static void free_block(struct trace_span *block) {
    tote__release(block, block->block_bytes);
}

/* Release what a span shares with others. */
static void release_shared(struct model *model, const struct trace_span *span) {
    if (span->name) {
        intern_release_text(&model->intern, span->name);
    }
    if (span->resource) {
        intern_release_resource(&model->intern, span->resource);
    }
    if (span->scope) {
        intern_release_scope(&model->intern, span->scope);
    }
}

static void free_span(struct model *model, struct trace_span *span) {
    table_remove(&model->spans, &span->entry);
    release_shared(model, span);
    if (span->content != span) {
        free_block(span->content);
    }
    free_block(span);
}

/* Remove a trace and its spans. */
static void free_trace(struct trace *trace) {
    struct model *model = trace->model;

    for (struct trace_span *next, *span = trace->spans; span; span = next) {
        next = span->next;
        free_span(model, span);
    }
    for (struct trace_span *next, *span = trace->missing; span; span = next) {
        next = span->next;
        free_span(model, span);
    }
    for (size_t i = 0; i < trace->service_count; i++) {
        intern_release_text(&model->intern, trace->services[i]);
    }
    tote__release(trace->services, trace->service_capacity * sizeof *trace->services);
    set_awaited(trace, false);
    unlist(trace);
    unlink_age(trace);
    table_remove(&model->traces, &trace->entry);
    subtract_usage(&model->used, 1, trace->span_count, trace->bytes);
    tote__release(trace, sizeof *trace);
}

void model_free(struct model *model) {
    if (!model) {
        return;
    }
    while (model->newest) {
        free_trace(model->newest);
    }
    table_clear(&model->traces);
    table_clear(&model->spans);
    table_clear(&model->intern.table);
    pthread_cond_destroy(&model->changed);
    pthread_mutex_destroy(&model->lock);
    tote__release(model, sizeof *model);
}

static bool has_room(const struct model *model, size_t traces, size_t spans, size_t bytes) {
    return model->used.traces + traces <= model->limits.traces &&
           model->used.spans + spans <= model->limits.spans &&
           bytes_of(model) + bytes <= model->limits.bytes;
}

/* Evict traces until this fits; `kept` is not evicted. Returns false if it cannot fit. */
static bool make_room(struct model *model, const struct trace *kept, size_t traces, size_t bytes) {
    while (!has_room(model, traces, 1, bytes)) {
        struct trace *trace = model->evictable.first;
        if (trace == kept) {
            trace = kept ? kept->next : NULL;
        }
        if (!trace) {
            return false;
        }
        model->counts.evicted_traces++;
        model->counts.evicted_spans += trace->span_count;
        free_trace(trace);
    }
    return true;
}

/* Spans. */

static struct trace_span *first_with_id(const struct trace *trace, const uint8_t id[8]) {
    struct table_entry *entry = table_find(&trace->model->spans, hash_span(trace, id));

    return TABLE_OF(entry, struct trace_span, entry);
}

static struct trace_span *next_with_id(const struct trace_span *span) {
    return TABLE_OF(table_next(&span->entry), struct trace_span, entry);
}

static bool has_id(const struct trace_span *span, const struct trace *trace, const uint8_t id[8]) {
    return span->trace == trace && memcmp(span->id, id, sizeof span->id) == 0;
}

struct trace_span *model_find_span(const struct trace *trace, const uint8_t id[8]) {
    struct trace_span *span = first_with_id(trace, id);

    while (span && (!has_id(span, trace, id) || span->is_missing)) {
        span = next_with_id(span);
    }
    return span;
}

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

    for (struct trace_span *span = first_with_id(trace, arriving->id); span && !place.same;
         span = next_with_id(span)) {
        if (has_id(span, trace, arriving->id)) {
            place.same = span->is_missing || is_same_span(span, arriving) ? span : NULL;
            twins++;
        }
    }
    place.is_crowded = !place.same && twins >= MOST_TWINS;
    return place;
}

/* Find or add the entry of the parent. NULL: out of memory. */
static struct trace_span *find_parent(struct trace *trace, const uint8_t id[8]) {
    struct trace_span *parent = first_with_id(trace, id);

    while (parent && !has_id(parent, trace, id)) {
        parent = next_with_id(parent);
    }
    if (parent) {
        return parent;
    }
    parent = tote__allocate_zeroed(sizeof *parent);
    if (!parent || !table_add(&trace->model->spans, &parent->entry, hash_span(trace, id))) {
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
    grow_trace(trace, 0, block_cost(parent));
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
        grow_trace(trace, 0, (larger - capacity) * sizeof *services);
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
    grow_trace(trace, 1, 0);
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
    release_shared(trace->model, &before);
    if (before.content != span) {
        shrink_trace(trace, block_cost(before.content));
        free_block(before.content);
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
        if (!table_add(&trace->model->spans, &block->entry, hash_span(trace, block->id))) {
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
    grow_trace(trace, 0, block_cost(block));
    return PLACED;
}

/* Note that a trace got a span. */
static void note_news(struct trace *trace, uint64_t now_ms) {
    struct model *model = trace->model;

    trace->is_complete = trace->root && !trace->root->has_parent && trace->missing_count == 0;
    trace->last_news_ms = now_ms;
    trace->version = model->counts.version + 1;
    if (model->newest != trace) {
        unlink_age(trace);
        link_newest(trace);
    }
    set_awaited(trace, model->limits.is_awaited);
    enlist(trace);
}

/* Add a span. Returns false if it does not fit. */
static bool add_arrival(struct model *model, struct arrival *arrival, uint64_t now_ms) {
    struct trace *trace = model_find(model, arrival->parts.trace_id);
    /* The entry of a missing parent, and a new trace, may be needed too. */
    size_t bytes = block_cost(arrival->span) + sizeof(struct trace_span) + sizeof(struct trace);

    if (!make_room(model, trace, trace == NULL, bytes)) {
        return false;
    }
    bool is_new = !trace;
    trace = trace ? trace : add_trace(model, arrival->parts.trace_id);
    if (!trace) {
        return false;
    }
    enum placing placing = place_in_trace(trace, arrival);
    if (placing == PLACED) {
        arrival->span = NULL;
        note_news(trace, now_ms);
    } else if (is_new) {
        free_trace(trace);
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
            release_shared(model, arrival->span);
        }
    }
    note_change(model);
    model_unlock(model);
    for (size_t i = 0; i < taking->count; i++) {
        if (taking->arrivals[i].span) {
            free_block(taking->arrivals[i].span);
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
        free_block(span);
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

/* Whether awaited traces take this part of a limit. */
static bool awaits_part(const struct model *model, size_t part) {
    return model->awaited.traces > model->limits.traces / part ||
           model->awaited.spans > model->limits.spans / part ||
           model->awaited.bytes > model->limits.bytes / part;
}

bool model_is_crowded(const struct model *model) {
    return awaits_part(model, CROWDED_PART);
}

struct receipt model_take(struct model *model, const uint8_t *bytes, size_t size, uint64_t now_ms) {
    struct taking taking = {.model = model, .now_ms = now_ms};
    struct decoded request;
    struct tote__field field;

    model_lock(model);
    bool is_busy = awaits_part(model, BUSY_PART);
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
        note_change(model);
        model_unlock(model);
    }
    return taking.receipt;
}

/* Questions. */

struct trace *model_newest(const struct model *model) {
    return model->newest;
}

static int digit_of(char c) {
    c = tote__lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool has_prefix(const struct trace *trace, const uint8_t *digits, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = trace->id[i / 2];
        if (digits[i] != (i % 2 ? byte & 0xF : byte >> 4)) {
            return false;
        }
    }
    return true;
}

struct trace *model_find_text(const struct model *model, const char *hex) {
    uint8_t digits[2 * sizeof model->newest->id];
    struct trace *found = NULL;
    size_t count = strlen(hex);

    if (count < LEAST_PREFIX || count > sizeof digits) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (digit_of(hex[i]) < 0) {
            return NULL;
        }
        digits[i] = (uint8_t)digit_of(hex[i]);
    }
    for (struct trace *trace = model->newest; trace; trace = trace->older) {
        if (has_prefix(trace, digits, count)) {
            if (found) {
                return NULL;
            }
            found = trace;
        }
    }
    return found;
}

/* An awaited trace keeps its place, so that a caller may pin while it follows the list. */
static void enlist_again(struct trace *trace) {
    if (!trace->is_awaited) {
        enlist(trace);
    }
}

void model_pin(struct trace *trace) {
    trace->pin_count++;
    enlist_again(trace);
}

void model_unpin(struct trace *trace) {
    trace->pin_count--;
    enlist_again(trace);
}

void model_clear(struct model *model) {
    for (struct trace *older, *trace = model->newest; trace; trace = older) {
        older = trace->older;
        if (!trace->pin_count) {
            free_trace(trace);
        }
    }
    note_change(model);
}

struct trace *model_awaited(const struct model *model) {
    return model->awaited_traces.first;
}

void model_done(struct trace *trace) {
    set_awaited(trace, false);
    enlist(trace);
}
