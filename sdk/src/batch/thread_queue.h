/* SPDX-License-Identifier: MIT */
/*
 * thread_queue.h - records on their way from the threads that end spans to the one that exports
 * them
 *
 * Each thread has a per-thread queue of its own: a list of chunks. Its owner writes records into
 * the last one, the reader takes them out from the first one on; `tail` and `head` say how many
 * ever went in and out. A span that ends writes no cache line that another thread writes.
 *
 * Threads: push by the per-thread queue's owner, what takes and settles by one reader at a time.
 */
#ifndef TOTE_SDK_BATCH_THREAD_QUEUE_H
#define TOTE_SDK_BATCH_THREAD_QUEUE_H

#include "../thread_state.h"
#include "chunk.h"
#include "limit.h"

struct span;

/* Why a span was not queued. */
enum drop_cause {
    DROP_NONE,
    DROP_QUEUE_FULL,
    DROP_TOO_LARGE,
    DROP_SHUTDOWN,
    DROP_MEMORY, /* also: no worker could be made */
    DROP_CAUSES
};

/* Where the reader is in a per-thread queue. */
struct cursor {
    struct chunk *chunk; /* NULL: nothing was ever taken */
    uint32_t at;
    uint64_t head;
};

struct thread_queue {
    struct thread_queue *next; /* of the queue, in no order; none is taken off */
    struct thread_queues *thread_queues;
    struct thread_state *home;
    struct credit spans;
    struct credit bytes;
    struct chunk *first; /* set before the first record is there, and never again */
    struct chunk *open;  /* the chunk that is being filled, ... */
    uint32_t used;       /* ... as far as this */
    uint64_t check_at;   /* the tail at which a batch may wait */
    _Atomic(uint64_t) dropped[DROP_CAUSES];
    _Atomic(uint64_t) tail;
    char apart[64];
    _Atomic(uint64_t) head; /* as the cursor has it, for others */
    /*
     * The reader's: one cursor is in use, the other one is prepared, so that at each moment, also
     * that of a fork, one of them is right.
     */
    struct cursor cursors[2];
    _Atomic(uint32_t) cursor;
    uint64_t tail_seen; /* at the last sweep, ... */
    uint64_t flush_to;  /* ... and at the start of the flush */
};

/* The per-thread queues of one queue, in one process. */
struct thread_queues {
    _Atomic(struct thread_queue *) first;
    _Atomic(uint32_t) count;
    bool counts_spans; /* the queue is bounded in spans, too */
    char apart_from_spans[64];
    struct limit spans;
    char apart_from_bytes[64];
    struct limit bytes;
    char apart_from_pool[64];
    struct chunk_pool pool;
};

/* A record that was taken out, until it is settled. */
struct taken {
    struct tote__record *record;
    struct chunk *chunk;
};

/* `most_spans` UINT32_MAX: the per-thread queues are bounded in bytes alone. */
void tote__thread_queues_init(struct thread_queues *thread_queues, uint32_t most_spans,
                              size_t most_bytes, const struct tote__crash_safe_memory *safe);

/* Release the per-thread queues with what is in them. */
void tote__thread_queues_clear(struct thread_queues *thread_queues);

/* A per-thread queue for the thread of this state. NULL if out of memory. */
struct thread_queue *tote__thread_queue_new(struct thread_queues *thread_queues,
                                            struct thread_state *home);

/* Write the span down. Returns: DROP_NONE, or why it is not. */
enum drop_cause tote__thread_queue_push(struct thread_queue *thread_queue, const struct span *span);

/*
 * In a forked child: move what waits in a per-thread queue of the parent process, whose memory this
 * is and whose threads are not here. `lost` gets what does not fit.
 */
void tote__thread_queue_adopt(struct thread_queue *thread_queue, struct thread_queue *from,
                              uint64_t lost[DROP_CAUSES]);

/*
 * What was pushed is seen by whoever goes to sleep after this, if it looks at the tail in
 * sequentially consistent order once it has said so.
 */
static inline void tote__thread_queue_announce(struct thread_queue *thread_queue) {
    atomic_store(&thread_queue->tail,
                 atomic_load_explicit(&thread_queue->tail, memory_order_relaxed));
}

/* How many records wait in all per-thread queues; not all are counted beyond `enough`. Any thread.
 */
uint64_t tote__thread_queues_waiting(const struct thread_queues *thread_queues, uint64_t enough);

/* The reader's: note the tail of every per-thread queue. Returns: how many records wait. */
uint64_t tote__thread_queues_sweep(struct thread_queues *thread_queues);

/* The reader's: take out at most so many, as of the last sweep. Returns: how many. */
size_t tote__thread_queue_take(struct thread_queue *thread_queue, struct taken *taken, size_t most);

/* The reader's: the record is delivered, or given up; its memory can be used again. */
void tote__thread_queues_settle(struct thread_queues *thread_queues, const struct taken *taken);

/* The same at the end of the queue: in crash-safe memory the record stays as it is. */
void tote__thread_queues_forget(const struct taken *taken);

/* Whether the record outlives the process. */
static inline bool tote__is_safe(const struct taken *taken) {
    return taken->chunk->number &&
           atomic_load_explicit(&taken->record->state, memory_order_relaxed) == TOTE__RECORD_LIVE;
}

#endif
