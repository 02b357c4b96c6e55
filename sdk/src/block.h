/* SPDX-License-Identifier: MIT */
/*
 * block.h - the memory of spans: recycled blocks, a pool a thread
 *
 * A span with all that it was told lives in one block and, when that is not enough, in one
 * overflow that stays with the block. Places inside are offsets, so that a block means the
 * same wherever it is mapped. The owner takes blocks without an atomic operation; other threads
 * send them home through `returned`, many in one go.
 */
#ifndef TOTE_SDK_BLOCK_H
#define TOTE_SDK_BLOCK_H

#include <stdatomic.h>

#include "tote/internal/shared.h"

struct span;

/* One thread's. All zero at first. */
struct block_pool {
    struct span *free;               /* the owner's own */
    _Atomic(struct span *) returned; /* sent home by others */
    struct block_slab *slabs;        /* what all blocks were cut from */
};

/* A block with nothing in it, but what stays from its last use: see span.h. NULL when memory is
 * out. */
struct span *tote__block_take(struct block_pool *pool);

/* Send one home. */
void tote__block_put(struct span *span);

/*
 * Spans on their way home, gathered so that those of one owner in a row go in one step. All zero at
 * first; flush it at the end.
 */
struct block_return {
    struct block_pool *pool;
    struct span *first;
    struct span *last;
};
void tote__block_give_back(struct block_return *gathered, struct span *span);
void tote__block_flush(struct block_return *gathered);

#endif
