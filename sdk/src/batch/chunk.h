/* SPDX-License-Identifier: MIT */
/*
 * chunk.h - memory for records, filled by one thread and read by one other
 *
 * A chunk is in ordinary memory or, in crash-safe mode, in memory that outlives the process. What
 * was read out is filled again in the order in which its reader finished with it, and not too soon:
 * memory that another core has in its cache is slow to write to.
 */
#ifndef TOTE_SDK_BATCH_CHUNK_H
#define TOTE_SDK_BATCH_CHUNK_H

#include <stdatomic.h>

#include "tote/internal/lock.h"
#include "tote/internal/safe_memory.h"

#define TOTE__CHUNK_OPEN UINT32_MAX /* `filled` while the chunk is being filled */

struct chunk {
    struct chunk *next; /* of the per-thread queue: set by the thread that fills; or in the list of
                           free ones */
    uint8_t *bytes;
    uint32_t capacity;
    uint32_t number;          /* in the crash-safe memory, from 1 on; 0: ordinary memory */
    _Atomic(uint32_t) filled; /* where the records end, once there is a next chunk */
    uint32_t unsettled;       /* records that were taken and are not settled; the reader's, ... */
    bool is_read_out;         /* ... as is this: there is nothing left to take */
    uint64_t free_since;
};

/* The chunks of one queue. All zero at first, except `safe`. */
struct chunk_pool {
    const struct tote__crash_safe_memory *safe; /* NULL: none */
    struct tote__lock lock;                     /* guards what follows */
    struct chunk *first_free;                   /* the one that is free for the longest time */
    struct chunk *last_free;
    uint32_t count; /* of the chunks of usual size, free or not */
};

/* An empty chunk with room for so many bytes at least. NULL if out of memory. Any thread. */
struct chunk *tote__chunk_take(struct chunk_pool *pool, size_t least);

/* Nobody reads it any more. Any thread. */
void tote__chunk_give_back(struct chunk_pool *pool, struct chunk *chunk);

/* Release what has been of no use for so long. Any thread. */
void tote__chunk_pool_trim(struct chunk_pool *pool, uint64_t unused_ns);

/* Release a chunk with its records; of crash-safe memory they stay. */
void tote__chunk_release(struct chunk *chunk);
void tote__chunk_pool_clear(struct chunk_pool *pool);

#endif
