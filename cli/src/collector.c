/* SPDX-License-Identifier: MIT */
/*
 * collector.c - spans by their traces
 */
#include "collector.h"

#include <string.h>

#include "decode.h"

enum { MOST_TRACES = 1000, MOST_SPANS = 100000, SETTLED_MS = 300 };

/* A request on its way in. */
struct taking {
    struct collector *collector;
    uint64_t now_ms;
};

static struct trace *find_trace(struct collector *collector, const uint8_t id[16]) {
    struct trace *trace = collector->traces;

    while (trace && memcmp(trace->id, id, sizeof trace->id) != 0) {
        trace = trace->next;
    }
    if (!trace) {
        trace = tote__allocate_zeroed(sizeof *trace);
        if (trace) {
            memcpy(trace->id, id, sizeof trace->id);
            trace->next = collector->traces;
            collector->traces = trace;
            collector->trace_count++;
        }
    }
    return trace;
}

static struct trace_span *place_span(void *arg, const uint8_t trace_id[16],
                                     struct tote__arena **arena) {
    struct taking *taking = arg;
    struct trace *trace = find_trace(taking->collector, trace_id);
    struct trace_span *span = trace ? tote__arena_allocate(&trace->arena, sizeof *span) : NULL;

    if (!span) {
        return NULL;
    }
    memset(span, 0, sizeof *span);
    span->next = trace->spans;
    trace->spans = span;
    trace->span_count++;
    trace->last_news_ms = taking->now_ms;
    taking->collector->span_count++;
    *arena = &trace->arena;
    return span;
}

bool collector_take(struct collector *collector, const uint8_t *bytes, size_t size,
                    uint64_t now_ms) {
    struct taking taking = {collector, now_ms};

    return decode_request(bytes, size, place_span, &taking);
}

static bool has_span(const struct trace *trace, const uint8_t id[8]) {
    for (const struct trace_span *span = trace->spans; span; span = span->next) {
        if (memcmp(span->id, id, sizeof span->id) == 0) {
            return true;
        }
    }
    return false;
}

/* A root is there, and every parent. */
static bool is_complete(const struct trace *trace) {
    bool has_root = false;

    for (const struct trace_span *span = trace->spans; span; span = span->next) {
        if (span->has_parent && !has_span(trace, span->parent_id)) {
            return false;
        }
        has_root |= !span->has_parent;
    }
    return has_root;
}

static bool is_due(const struct collector *collector, const struct trace *trace, uint64_t now_ms) {
    uint64_t quiet_for = now_ms - trace->last_news_ms;

    return quiet_for >= collector->quiet_ms || (quiet_for >= SETTLED_MS && is_complete(trace));
}

struct trace *collector_next(struct collector *collector, uint64_t now_ms, bool all) {
    bool is_full = collector->trace_count > MOST_TRACES || collector->span_count > MOST_SPANS;
    struct trace **chosen = NULL;

    for (struct trace **link = &collector->traces; *link; link = &(*link)->next) {
        bool is_older = !chosen || (*link)->last_news_ms < (*chosen)->last_news_ms;
        if (is_older && (all || is_full || is_due(collector, *link, now_ms))) {
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
    return trace;
}

void trace_free(struct trace *trace) {
    tote__arena_clear(&trace->arena);
    tote__release(trace, sizeof *trace);
}
