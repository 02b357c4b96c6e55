/* SPDX-License-Identifier: MIT */
/*
 * model.c - the received traces: one store for every display
 *
 * A table finds traces by their id, another one finds spans by their trace and id. A parent that
 * was not received has an entry that is marked as missing, and becomes the span when that arrives.
 * So a trace always knows how many parents are missing.
 *
 * arrivals.c adds spans.
 *
 * Tests: tests/unit/test_model.c
 */
#include "model.h"

#include <string.h>

#include "store.h"
#include "tote/internal/clock.h"
#include "tote/internal/hex.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"
#include "tote/internal/text.h"

enum {
    ALLOCATION_BYTES = 16, /* overhead of an allocation, estimated */
    LEAST_PREFIX = 4,
    CROWDED_PART = 4 /* awaited traces take this part of a limit: they are drawn early */
};

#define DEFAULT_BYTES ((size_t)512 << 20)

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
    if (!tote__os_random(&model->seed, sizeof model->seed)) {
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

void store_note_change(struct model *model) {
    model->counts.version++;
    pthread_cond_broadcast(&model->changed);
}

uint64_t model_wait(struct model *model, uint64_t seen, unsigned timeout_ms) {
    const uint64_t deadline = tote__deadline_in(timeout_ms);
    const struct timespec end = {(time_t)(deadline / 1000000000), (long)(deadline % 1000000000)};
    int error = 0;

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
void store_grow(struct trace *trace, size_t spans, size_t bytes) {
    trace->span_count += spans;
    trace->bytes += bytes;
    add_usage(&trace->model->used, 0, spans, bytes);
    if (trace->is_awaited) {
        add_usage(&trace->model->awaited, 0, spans, bytes);
    }
}

void store_shrink(struct trace *trace, size_t bytes) {
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

uint64_t store_hash_span(const struct trace *trace, const uint8_t id[8]) {
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

struct trace *store_add_trace(struct model *model, const uint8_t id[16]) {
    struct trace *trace = tote__allocate_zeroed(sizeof *trace);

    if (!trace || !table_add(&model->traces, &trace->entry, hash_trace(model, id))) {
        tote__release(trace, sizeof *trace);
        return NULL;
    }
    memcpy(trace->id, id, sizeof trace->id);
    trace->model = model;
    model->used.traces++;
    store_grow(trace, 0, sizeof *trace + ALLOCATION_BYTES);
    link_newest(trace);
    return trace;
}

size_t store_block_cost(const struct trace_span *block) {
    return block->block_bytes + ALLOCATION_BYTES;
}

void store_free_block(struct trace_span *block) {
    tote__release(block, block->block_bytes);
}

/* Release what a span shares with others. */
void store_release_shared(struct model *model, const struct trace_span *span) {
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
    store_release_shared(model, span);
    if (span->content != span) {
        store_free_block(span->content);
    }
    store_free_block(span);
}

/* Remove a trace and its spans. */
void store_free_trace(struct trace *trace) {
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
        store_free_trace(model->newest);
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
bool store_make_room(struct model *model, const struct trace *kept, size_t traces, size_t bytes) {
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
        store_free_trace(trace);
    }
    return true;
}

/* Spans. */

struct trace_span *store_first_span(const struct trace *trace, const uint8_t id[8]) {
    struct table_entry *entry = table_find(&trace->model->spans, store_hash_span(trace, id));

    return TABLE_OF(entry, struct trace_span, entry);
}

struct trace_span *store_next_span(const struct trace_span *span) {
    return TABLE_OF(table_next(&span->entry), struct trace_span, entry);
}

bool store_has_id(const struct trace_span *span, const struct trace *trace, const uint8_t id[8]) {
    return span->trace == trace && memcmp(span->id, id, sizeof span->id) == 0;
}

struct trace_span *model_find_span(const struct trace *trace, const uint8_t id[8]) {
    struct trace_span *span = store_first_span(trace, id);

    while (span && (!store_has_id(span, trace, id) || span->is_missing)) {
        span = store_next_span(span);
    }
    return span;
}

/* Note that a trace got a span. */
void store_note_news(struct trace *trace, uint64_t now_ms) {
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

/* Limits. */

/* Whether awaited traces take this part of a limit. */
bool store_awaits_part(const struct model *model, size_t part) {
    return model->awaited.traces > model->limits.traces / part ||
           model->awaited.spans > model->limits.spans / part ||
           model->awaited.bytes > model->limits.bytes / part;
}

bool model_is_crowded(const struct model *model) {
    return store_awaits_part(model, CROWDED_PART);
}

/* Questions. */

struct trace *model_newest(const struct model *model) {
    return model->newest;
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
        unsigned digit = tote__hex_digit(tote__lower(hex[i]));
        if (digit > 15) {
            return NULL;
        }
        digits[i] = (uint8_t)digit;
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
            store_free_trace(trace);
        }
    }
    store_note_change(model);
}

struct trace *model_awaited(const struct model *model) {
    return model->awaited_traces.first;
}

void model_done(struct trace *trace) {
    set_awaited(trace, false);
    enlist(trace);
}
