/* SPDX-License-Identifier: MIT */
/*
 * chunk.c - allocation and reuse of chunks
 *
 * Tests: tests/unit/test_thread_queues.c
 */
#include "chunk.h"

#include "tote/internal/clock.h"
#include "tote/internal/memory.h"

/*
 * Measured: memory that a producer refills less than about 8 MiB after its reader finished is still
 * in the reader's cache, so writing it is slow. After a second of other work it is not.
 */
enum { BLOCK_BYTES = 32 << 10, SMALL_BLOCK_BYTES = 4 << 10, REUSE_DISTANCE = 8 << 20 };
static const uint64_t cold_after_ns = 1000000000;

/* Small chunks beside crash-safe memory and those of one large record are not reused. */
static bool is_usual(const struct chunk *chunk) {
    return chunk->number || chunk->capacity == BLOCK_BYTES - sizeof *chunk;
}

/*
 * Return a free chunk; without `may_be_hot`, one that its last reader's cache has evicted. Returns
 * NULL if there is none.
 */
static struct chunk *take_free(struct chunk_pool *pool, bool may_be_hot) {
    uint64_t now = tote__clock_monotonic();

    tote__lock_take(&pool->lock);
    struct chunk *chunk = pool->first_free;
    bool is_taken =
        chunk && (may_be_hot || pool->is_read_here || pool->count >= REUSE_DISTANCE / BLOCK_BYTES ||
                  now - chunk->free_since >= cold_after_ns);
    if (is_taken) {
        pool->first_free = chunk->next;
    }
    tote__lock_drop(&pool->lock);
    return is_taken ? chunk : NULL;
}

/* Returns NULL if no crash-safe memory is left. */
static struct chunk *make_safe(const struct tote__crash_safe_memory *safe) {
    struct chunk *chunk = tote__allocate(sizeof *chunk);

    if (!chunk) {
        return NULL;
    }
    chunk->bytes = safe->take(safe->self, &chunk->number);
    if (!chunk->bytes) {
        tote__release(chunk, sizeof *chunk);
        chunk = NULL;
    }
    return chunk;
}

static struct chunk *make_ordinary(size_t block) {
    struct chunk *chunk = tote__allocate(block);

    if (chunk) {
        chunk->bytes = (uint8_t *)(chunk + 1);
        chunk->capacity = (uint32_t)(block - sizeof *chunk);
        chunk->number = 0;
    }
    return chunk;
}

static struct chunk *take_usual(struct chunk_pool *pool) {
    struct chunk *chunk = take_free(pool, false);

    if (chunk) {
        return chunk;
    }
    chunk = pool->safe ? make_safe(pool->safe) : make_ordinary(BLOCK_BYTES);
    if (!chunk) {
        return take_free(pool, true);
    }
    tote__lock_take(&pool->lock);
    pool->count++;
    tote__lock_drop(&pool->lock);
    return chunk;
}

static struct chunk *begin(struct chunk *chunk) {
    if (chunk && chunk->number) {
        struct tote__record *first = (struct tote__record *)(void *)chunk->bytes;
        chunk->capacity = TOTE__SAFE_CHUNK_BYTES; /* a broken chunk had less */
        atomic_store_explicit(&first->state, TOTE__RECORD_EMPTY, memory_order_relaxed);
        atomic_thread_fence(memory_order_release); /* orders it before the next store */
    }
    if (chunk) {
        chunk->next = NULL;
        chunk->unsettled = 0;
        chunk->is_read_out = false;
        atomic_store_explicit(&chunk->filled, TOTE__CHUNK_OPEN, memory_order_relaxed);
    }
    return chunk;
}

/* If crash-safe memory is full, ordinary chunks are small: the next one may be crash-safe again. */
struct chunk *tote__chunk_take(struct chunk_pool *pool, size_t least) {
    size_t usual = pool->safe ? TOTE__SAFE_CHUNK_BYTES : BLOCK_BYTES - sizeof(struct chunk);
    size_t block = sizeof(struct chunk) + least;
    struct chunk *chunk = least <= usual ? take_usual(pool) : NULL;

    if (!chunk && (pool->safe || least > usual)) {
        chunk = make_ordinary(block < SMALL_BLOCK_BYTES ? SMALL_BLOCK_BYTES : block);
    }
    return begin(chunk);
}

void tote__chunk_release(struct chunk *chunk) {
    tote__release(chunk, sizeof *chunk + (chunk->number ? 0 : chunk->capacity));
}

void tote__chunk_give_back(struct chunk_pool *pool, struct chunk *chunk) {
    if (!is_usual(chunk)) {
        tote__chunk_release(chunk);
        return;
    }
    chunk->next = NULL;
    chunk->free_since = tote__clock_monotonic();
    tote__lock_take(&pool->lock);
    *(pool->first_free ? &pool->last_free->next : &pool->first_free) = chunk;
    pool->last_free = chunk;
    tote__lock_drop(&pool->lock);
}

static void release_all(const struct chunk_pool *pool, struct chunk *chunk) {
    while (chunk) {
        struct chunk *next = chunk->next;
        if (chunk->number) {
            pool->safe->give_back(pool->safe->self, chunk->number);
        }
        tote__chunk_release(chunk);
        chunk = next;
    }
}

void tote__chunk_pool_trim(struct chunk_pool *pool, uint64_t unused_ns) {
    uint64_t now = tote__clock_monotonic();

    tote__lock_take(&pool->lock);
    struct chunk *first = pool->first_free;
    struct chunk *last = NULL; /* to be released */
    for (struct chunk *at = first; at && now - at->free_since >= unused_ns; at = at->next) {
        last = at;
        pool->count--;
    }
    if (last) {
        pool->first_free = last->next;
        last->next = NULL;
    }
    tote__lock_drop(&pool->lock);
    release_all(pool, last ? first : NULL);
}

void tote__chunk_pool_clear(struct chunk_pool *pool) {
    while (pool->first_free) {
        struct chunk *next = pool->first_free->next;
        tote__chunk_release(pool->first_free);
        pool->first_free = next;
    }
}
