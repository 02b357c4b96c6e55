/* SPDX-License-Identifier: MIT */
/*
 * collector.c - spans by their traces
 */
#include "collector.h"

#include <stdlib.h>
#include <string.h>

#include "decode.h"

/* Beyond the most, the oldest are shown early; beyond SLACK times that, what comes is left out. */
enum { MOST_TRACES = 1000, MOST_SPANS = 100000, SLACK = 4, SETTLED_MS = 300, ID_BYTES = 8 };
static const size_t most_bytes = (size_t)128 << 20;

/* A request on its way in. */
struct taking {
    struct collector *collector;
    uint64_t now_ms;
};

/* Only a request in which everything is a trace of its own gets as far as the limit. */
static struct trace *find_trace(struct collector *collector, const uint8_t id[16]) {
    struct trace *trace = collector->traces;

    while (trace && memcmp(trace->id, id, sizeof trace->id) != 0) {
        trace = trace->next;
    }
    if (trace || collector->trace_count >= (size_t)SLACK * MOST_TRACES) {
        return trace;
    }
    trace = tote__allocate_zeroed(sizeof *trace);
    if (trace) {
        memcpy(trace->id, id, sizeof trace->id);
        trace->next = collector->traces;
        collector->traces = trace;
        collector->trace_count++;
    }
    return trace;
}

static struct trace_span *place_span(void *arg, const uint8_t trace_id[16],
                                     uint64_t start_unix_nano, size_t bytes,
                                     struct tote__arena **arena) {
    struct taking *taking = arg;
    struct collector *collector = taking->collector;
    bool has_room =
        collector->span_count < (size_t)SLACK * MOST_SPANS && collector->bytes < SLACK * most_bytes;
    struct trace *trace = has_room ? find_trace(collector, trace_id) : NULL;
    struct trace_span *span = trace ? tote__arena_allocate(&trace->arena, sizeof *span) : NULL;

    if (!span) {
        collector->left_out++;
        return NULL;
    }
    memset(span, 0, sizeof *span);
    span->next = trace->spans;
    trace->spans = span;
    if (!trace->span_count++ || start_unix_nano < trace->start_unix_nano) {
        trace->start_unix_nano = start_unix_nano;
    }
    trace->bytes += bytes;
    trace->last_news_ms = taking->now_ms;
    trace->is_checked = false;
    collector->span_count++;
    collector->bytes += bytes;
    *arena = &trace->arena;
    return span;
}

bool collector_take(struct collector *collector, const uint8_t *bytes, size_t size,
                    uint64_t now_ms) {
    struct taking taking = {collector, now_ms};

    return decode_request(bytes, size, place_span, &taking);
}

static int compare_ids(const void *a, const void *b) {
    return memcmp(a, b, ID_BYTES);
}

/* A root is there, and every parent. Out of memory: the trace waits until it is quiet. */
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

/* Looks once after each piece of news, however often it is asked. */
static bool is_complete(struct trace *trace) {
    if (!trace->is_checked) {
        trace->is_checked = true;
        trace->is_complete = find_complete(trace);
    }
    return trace->is_complete;
}

static bool is_due(const struct collector *collector, struct trace *trace, uint64_t now_ms) {
    uint64_t quiet_for = now_ms - trace->last_news_ms;

    return quiet_for >= collector->quiet_ms || (quiet_for >= SETTLED_MS && is_complete(trace));
}

/* By the last news, and where those came together by the beginning. */
static bool is_older(const struct trace *a, const struct trace *b) {
    return a->last_news_ms < b->last_news_ms ||
           (a->last_news_ms == b->last_news_ms && a->start_unix_nano < b->start_unix_nano);
}

struct trace *collector_next(struct collector *collector, uint64_t now_ms, bool all) {
    bool is_full = collector->trace_count > MOST_TRACES || collector->span_count > MOST_SPANS ||
                   collector->bytes > most_bytes;
    struct trace **chosen = NULL;

    for (struct trace **link = &collector->traces; *link; link = &(*link)->next) {
        bool is_first = !chosen || is_older(*link, *chosen);
        if (is_first && (all || is_full || is_due(collector, *link, now_ms))) {
            chosen = link;
        }
    }
    if (!chosen) {
        return NULL;
    }
    struct trace *trace = *chosen;
    *chosen = trace->next;
    collector->trace_count--;
    collector->span_count -= trace->span_count;
    collector->bytes -= trace->bytes;
    return trace;
}

void trace_free(struct trace *trace) {
    tote__arena_clear(&trace->arena);
    tote__release(trace, sizeof *trace);
}
