/* SPDX-License-Identifier: MIT */
/*
 * chunk.h - memory for records, written by one thread and read by one other
 *
 * A chunk is in ordinary memory or, in crash-safe mode, in memory that outlives the process. Chunks
 * are reused in the order in which the reader finished them, and not too soon: memory in the cache
 * of another core is slow to write.
 */
#ifndef TOTE_SDK_BATCH_CHUNK_H
#define TOTE_SDK_BATCH_CHUNK_H

#include <stdatomic.h>

#include "tote/internal/lock.h"
#include "tote/internal/safe_memory.h"

#define TOTE__CHUNK_OPEN UINT32_MAX /* value of `filled` while the chunk is being written */

struct chunk {
    struct chunk *next; /* next chunk of the per-thread queue, set by its owner; or in the list of
                           free chunks */
    uint8_t *bytes;
    uint32_t capacity;
    uint32_t number;          /* number in crash-safe memory, from 1 on; 0: ordinary memory */
    _Atomic(uint32_t) filled; /* end of the records, once there is a next chunk */
    uint32_t unsettled;       /* records taken and not settled; only the reader uses it */
    bool is_read_out;         /* all records were taken; only the reader uses it */
    uint64_t free_since;
};

/* The chunks of one queue. Initially zero, except `safe` and `is_read_here`. */
struct chunk_pool {
    const struct tote__crash_safe_memory *safe; /* NULL: not in crash-safe mode */
    bool
        is_read_here; /* usually by the thread that writes: reuse memory while it is in the cache */
    struct tote__lock lock;   /* protects the following fields */
    struct chunk *first_free; /* free for the longest time */
    struct chunk *last_free;
    uint32_t count; /* chunks of the usual size, free or not */
};

/*
 * Return an empty chunk for at least that many bytes. Returns NULL if out of memory. Thread-safe.
 */
struct chunk *tote__chunk_take(struct chunk_pool *pool, size_t least);

/* Put a chunk that is no longer read into the list of free chunks. Thread-safe. */
void tote__chunk_give_back(struct chunk_pool *pool, struct chunk *chunk);

/* Release chunks that were free for that long. Thread-safe. */
void tote__chunk_pool_trim(struct chunk_pool *pool, uint64_t unused_ns);

/* Release a chunk with its records. In crash-safe memory the records stay. */
void tote__chunk_release(struct chunk *chunk);
void tote__chunk_pool_clear(struct chunk_pool *pool);

#endif
