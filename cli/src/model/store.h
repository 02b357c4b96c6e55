/* SPDX-License-Identifier: MIT */
/*
 * store.h - the inside of the model, for model.c and arrivals.c
 *
 * Everything here needs the lock.
 */
#ifndef TOTE_CLI_STORE_H
#define TOTE_CLI_STORE_H

#include <pthread.h>

#include "intern.h"
#include "model.h"

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

void store_note_change(struct model *model);

/* Count memory that a trace got, and `spans` of its list, or memory that it gave back. */
void store_grow(struct trace *trace, size_t spans, size_t bytes);
void store_shrink(struct trace *trace, size_t bytes);

/* Add an empty trace. NULL: out of memory. */
struct trace *store_add_trace(struct model *model, const uint8_t id[16]);

/* Remove a trace and its spans. */
void store_free_trace(struct trace *trace);

/* Evict traces until this fits; `kept` is not evicted. Returns false if it cannot fit. */
bool store_make_room(struct model *model, const struct trace *kept, size_t traces, size_t bytes);

/* Note that a trace got a span. */
void store_note_news(struct trace *trace, uint64_t now_ms);

/* Whether awaited traces take this part of a limit. */
bool store_awaits_part(const struct model *model, size_t part);

/* Iterate over entries that may have an id. Compare with store_has_id(). */
uint64_t store_hash_span(const struct trace *trace, const uint8_t id[8]);
struct trace_span *store_first_span(const struct trace *trace, const uint8_t id[8]);
struct trace_span *store_next_span(const struct trace_span *span);
bool store_has_id(const struct trace_span *span, const struct trace *trace, const uint8_t id[8]);

/* The memory of a block of a span, and what it shares with others. */
size_t store_block_cost(const struct trace_span *block);
void store_free_block(struct trace_span *block);
void store_release_shared(struct model *model, const struct trace_span *span);

#endif
