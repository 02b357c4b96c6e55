/* SPDX-License-Identifier: MIT */
/*
 * collector.c - received spans, grouped by trace
 */
#include "collector.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "decode.h"
#include "tote/internal/text.h"

/*
 * Over these limits, the oldest traces are drawn early. Over BUSY_FACTOR times the limits, requests
 * are refused. Over LEFT_OUT_FACTOR times the limits, spans of a request are left out.
 */
enum {
    MOST_TRACES = 10000,
    MOST_SPANS = 100000,
    MOST_BYTES = 64 << 20,
    BUSY_FACTOR = 2,
    LEFT_OUT_FACTOR = 4,
    SETTLED_MS = 300,
    ID_BYTES = 8,
    TRACE_BYTES = 4096 /* the memory of a trace with one small span */
};

/* A request that is being added. */
struct taking {
    struct collector *collector;
    uint64_t now_ms;
    struct receipt receipt;
};

static void unlink_trace(struct trace *trace) {
    struct trace_list *list = trace->list;

    *(trace->previous ? &trace->previous->next : &list->first) = trace->next;
    *(trace->next ? &trace->next->previous : &list->last) = trace->previous;
    trace->list = NULL;
}

/* Insert a trace into a list after `previous`; NULL: as the first. */
static void link_trace(struct trace_list *list, struct trace *trace, struct trace *previous) {
    trace->list = list;
    trace->previous = previous;
    trace->next = previous ? previous->next : list->first;
    *(trace->previous ? &trace->previous->next : &list->first) = trace;
    *(trace->next ? &trace->next->previous : &list->last) = trace;
}

/* The seed prevents a sender from choosing ids that all have the same hash. */
static struct trace **bucket_of(struct collector *collector, const uint8_t id[16]) {
    uint64_t words[2];

    if (!collector->seed &&
        (getrandom(&collector->seed, sizeof collector->seed, GRND_NONBLOCK) < 0 ||
         !collector->seed)) {
        collector->seed = 1;
    }
    memcpy(words, id, sizeof words);
    uint64_t hash = tote__mix_last(tote__mix(collector->seed, words[0]), words[1]);
    return &collector->buckets[hash % COLLECTOR_BUCKETS];
}

static bool exceeds(const struct collector *collector, size_t factor) {
    return collector->trace_count > factor * MOST_TRACES ||
           collector->span_count > factor * MOST_SPANS || collector->bytes > factor * MOST_BYTES;
}

bool collector_is_full(const struct collector *collector) {
    return exceeds(collector, 1);
}

/* Find the trace with this id, or create it. NULL: out of memory. */
static struct trace *find_trace(struct collector *collector, const uint8_t id[16]) {
    struct trace **bucket = bucket_of(collector, id);
    struct trace *trace = *bucket;

    while (trace && memcmp(trace->id, id, sizeof trace->id) != 0) {
        trace = trace->next_in_bucket;
    }
    if (trace) {
        return trace;
    }
    trace = tote__allocate_zeroed(sizeof *trace);
    if (trace) {
        memcpy(trace->id, id, sizeof trace->id);
        trace->bytes = TRACE_BYTES;
        trace->next_in_bucket = *bucket;
        *bucket = trace;
        collector->trace_count++;
        collector->bytes += trace->bytes;
    }
    return trace;
}

/* Move a trace that got a span to the end of the fresh ones. */
static void note_news(struct collector *collector, struct trace *trace, uint64_t now_ms) {
    if (trace->list == &collector->fresh && trace->last_news_ms == now_ms) {
        return;
    }
    if (trace->list) {
        unlink_trace(trace);
    }
    trace->last_news_ms = now_ms;
    link_trace(&collector->fresh, trace, collector->fresh.last);
}

static struct trace_span *place_span(void *arg, const uint8_t trace_id[16],
                                     uint64_t start_unix_nano, size_t bytes,
                                     struct tote__arena **arena) {
    struct taking *taking = arg;
    struct collector *collector = taking->collector;
    bool has_room = !exceeds(collector, LEFT_OUT_FACTOR);
    struct trace *trace = has_room ? find_trace(collector, trace_id) : NULL;

    if (!trace) {
        return NULL;
    }
    note_news(collector, trace, taking->now_ms);
    struct trace_span *span = tote__arena_allocate(&trace->arena, sizeof *span);
    if (!span) {
        return NULL;
    }
    memset(span, 0, sizeof *span);
    span->next = trace->spans;
    trace->spans = span;
    if (!trace->span_count++ || start_unix_nano < trace->start_unix_nano) {
        trace->start_unix_nano = start_unix_nano;
    }
    trace->bytes += bytes;
    collector->span_count++;
    collector->bytes += bytes;
    *arena = &trace->arena;
    return span;
}

struct receipt collector_take(struct collector *collector, const uint8_t *bytes, size_t size,
                              uint64_t now_ms) {
    struct taking taking = {collector, now_ms, {.outcome = BUSY}};

    if (!exceeds(collector, BUSY_FACTOR)) {
        decode_request(bytes, size, place_span, &taking, &taking.receipt);
    }
    return taking.receipt;
}

static int compare_ids(const void *a, const void *b) {
    return memcmp(a, b, ID_BYTES);
}

/* Whether the trace has a root and all parents. Out of memory: false, until it is quiet. */
static bool find_complete(const struct trace *trace) {
    size_t size = trace->span_count * ID_BYTES;
    uint8_t *ids = tote__allocate(size);
    uint8_t *at = ids;
    bool has_root = false;
    bool has_parents = true;

    if (!ids) {
        return false;
    }
    for (const struct trace_span *span = trace->spans; span; span = span->next, at += ID_BYTES) {
        memcpy(at, span->id, ID_BYTES);
        has_root |= !span->has_parent;
    }
    qsort(ids, trace->span_count, ID_BYTES, compare_ids);
    for (const struct trace_span *span = trace->spans; span && has_parents; span = span->next) {
        has_parents = !span->has_parent ||
                      bsearch(span->parent_id, ids, trace->span_count, ID_BYTES, compare_ids);
    }
    tote__release(ids, size);
    return has_root && has_parents;
}

/* Compare the time of the last span, then the start. */
static bool is_older(const struct trace *a, const struct trace *b) {
    return a->last_news_ms < b->last_news_ms ||
           (a->last_news_ms == b->last_news_ms && a->start_unix_nano < b->start_unix_nano);
}

static int compare_ages(const void *a, const void *b) {
    const struct trace *x = *(struct trace *const *)a;
    const struct trace *y = *(struct trace *const *)b;

    return is_older(x, y) ? -1 : is_older(y, x);
}

static void move_to_end(struct trace_list *list, struct trace *trace) {
    unlink_trace(trace);
    link_trace(list, trace, list->last);
}

/* Append the traces to the ready ones, the oldest first; if out of memory, in their order of
 * arrival. */
static void make_ready(struct collector *collector, struct trace_list *due, size_t count) {
    size_t size = count * sizeof(struct trace *);
    struct trace **sorted = count > 1 ? tote__allocate(size) : NULL;
    size_t i = 0;

    if (sorted) {
        for (struct trace *trace = due->first; trace; trace = trace->next) {
            sorted[i++] = trace;
        }
        qsort(sorted, count, sizeof *sorted, compare_ages);
        for (i = 0; i < count; i++) {
            move_to_end(&collector->ready, sorted[i]);
        }
        tote__release(sorted, size);
    }
    while (due->first) {
        move_to_end(&collector->ready, due->first);
    }
}

/* Find the traces that are due. A trace is checked once after it got spans. */
static void settle(struct collector *collector, uint64_t now_ms, bool all) {
    uint64_t settled_ms = tote__min(SETTLED_MS, collector->quiet_ms);
    struct trace_list due = {NULL, NULL};
    struct trace *trace;
    size_t count = 0;

    while ((trace = collector->fresh.first) &&
           (all || now_ms - trace->last_news_ms >= settled_ms)) {
        bool is_quiet = now_ms - trace->last_news_ms >= collector->quiet_ms;
        bool is_due = all || is_quiet || find_complete(trace);
        move_to_end(is_due ? &due : &collector->waiting, trace);
        count += is_due;
    }
    while ((trace = collector->waiting.first) &&
           (all || now_ms - trace->last_news_ms >= collector->quiet_ms)) {
        move_to_end(&due, trace);
        count++;
    }
    make_ready(collector, &due, count);
}

static void forget(struct collector *collector, struct trace *trace) {
    struct trace **link = bucket_of(collector, trace->id);

    while (*link != trace) {
        link = &(*link)->next_in_bucket;
    }
    *link = trace->next_in_bucket;
    unlink_trace(trace);
    collector->trace_count--;
    collector->span_count -= trace->span_count;
    collector->bytes -= trace->bytes;
}

struct trace *collector_next(struct collector *collector, uint64_t now_ms, bool all) {
    settle(collector, now_ms, all);
    struct trace *trace = collector->ready.first;
    if (!trace && collector_is_full(collector)) {
        struct trace *fresh = collector->fresh.first;
        trace = collector->waiting.first;
        trace = trace && (!fresh || is_older(trace, fresh)) ? trace : fresh;
    }
    if (trace) {
        forget(collector, trace);
    }
    return trace;
}

void trace_free(struct trace *trace) {
    tote__arena_clear(&trace->arena);
    tote__release(trace, sizeof *trace);
}
