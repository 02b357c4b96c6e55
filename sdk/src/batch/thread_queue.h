/* SPDX-License-Identifier: MIT */
/*
 * thread_queue.h - records from the threads that end spans to the thread that exports them
 *
 * Each thread has its own queue: a list of chunks. The owner writes records into the last chunk;
 * the reader takes them from the first one. `tail` and `head` count records that were added and
 * taken. Ending a span writes no cache line that another thread writes.
 *
 * Threads: only the owner pushes; one reader at a time takes and settles.
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
    DROP_MEMORY, /* also if no worker could be created */
    DROP_CAUSES
};

/* Position of the reader in a per-thread queue. */
struct cursor {
    struct chunk *chunk; /* NULL: nothing was taken yet */
    uint32_t at;
    uint64_t head;
};

struct thread_queue {
    struct thread_queue *next; /* in the list of all queues, unordered; none is removed */
    struct thread_queues *thread_queues;
    struct thread_state *home;
    struct credit spans;
    struct credit bytes;
    struct chunk *first; /* set once, before the first record */
    struct chunk *open;  /* the chunk that is being written */
    uint32_t used;       /* bytes written to it */
    uint64_t check_at;   /* tail at which a batch may be complete */
    _Atomic(uint64_t) dropped[DROP_CAUSES];
    _Atomic(uint64_t) tail;
    char apart[64];
    _Atomic(uint64_t) head; /* published copy of the cursor's head */
    /*
     * Used only by the reader. One cursor is current and the other is prepared, so that one of them
     * is consistent at any time, including during a fork.
     */
    struct cursor cursors[2];
    _Atomic(uint32_t) cursor;
    uint64_t tail_seen; /* tail at the last sweep */
    uint64_t flush_to;  /* tail at the start of the flush */
};

/* The per-thread queues of one batch queue, in one process. */
struct thread_queues {
    _Atomic(struct thread_queue *) first;
    _Atomic(uint32_t) count;
    bool counts_spans; /* the number of spans is limited, too */
    char apart_from_spans[64];
    struct limit spans;
    char apart_from_bytes[64];
    struct limit bytes;
    char apart_from_pool[64];
    struct chunk_pool pool;
};

/* A taken record, until it is settled. */
struct taken {
    struct tote__record *record;
    struct chunk *chunk;
};

/* With `most_spans` UINT32_MAX only the bytes are limited. */
void tote__thread_queues_init(struct thread_queues *thread_queues, uint32_t most_spans,
                              size_t most_bytes, const struct tote__crash_safe_memory *safe);

/* Release the per-thread queues and their records. */
void tote__thread_queues_clear(struct thread_queues *thread_queues);

/* Create a per-thread queue for the thread of this state. Returns NULL if out of memory. */
struct thread_queue *tote__thread_queue_new(struct thread_queues *thread_queues,
                                            struct thread_state *home);

/* Encode the span as a record. Returns DROP_NONE, or why it is dropped. */
enum drop_cause tote__thread_queue_push(struct thread_queue *thread_queue, const struct span *span);

/*
 * In a forked child: copy the queued records of a parent's per-thread queue, whose threads do not
 * exist here. Adds records that do not fit to `lost`.
 */
void tote__thread_queue_adopt(struct thread_queue *thread_queue, struct thread_queue *from,
                              uint64_t lost[DROP_CAUSES]);

/*
 * Publish the pushed records to a reader that is about to sleep. The reader announces its sleep and
 * then reads the tail, both in sequentially consistent order.
 */
static inline void tote__thread_queue_announce(struct thread_queue *thread_queue) {
    atomic_store(&thread_queue->tail,
                 atomic_load_explicit(&thread_queue->tail, memory_order_relaxed));
}

/* Return the number of queued records; counting stops at `enough`. Thread-safe. */
uint64_t tote__thread_queues_waiting(const struct thread_queues *thread_queues, uint64_t enough);

/* Note the tail of each per-thread queue. Returns the number of queued records. Reader only. */
uint64_t tote__thread_queues_sweep(struct thread_queues *thread_queues);

/* Take at most that many records of the last sweep. Returns their number. Reader only. */
size_t tote__thread_queue_take(struct thread_queue *thread_queue, struct taken *taken, size_t most);

/* Settle a record: its memory can be reused. Reader only. */
void tote__thread_queues_settle(struct thread_queues *thread_queues, const struct taken *taken);

/* Release a record at the end of the queue. In crash-safe memory the record stays. */
void tote__thread_queues_forget(const struct taken *taken);

/* Return whether the record is crash-safe. */
static inline bool tote__is_safe(const struct taken *taken) {
    return taken->chunk->number &&
           atomic_load_explicit(&taken->record->state, memory_order_relaxed) == TOTE__RECORD_LIVE;
}

#endif
