/* SPDX-License-Identifier: MIT */
/*
 * safe_memory.h - memory that outlives the process, for the records of crash-safe mode
 *
 * Spans are encoded into it directly. It is allocated in chunks, each a sequence of records up to
 * an EMPTY one. After this process has died, another process reads the LIVE records.
 */
#ifndef TOTE_INTERNAL_SAFE_MEMORY_H
#define TOTE_INTERNAL_SAFE_MEMORY_H

#include "tote/internal/record.h"

enum { TOTE__SAFE_CHUNK_BYTES = 32 << 10 };

/* Result of making a record crash-safe. */
enum tote__safety {
    TOTE__SAFE,
    TOTE__NOT_SAFE, /* the record is SKIPPED: other processes ignore it, and read the following ones
                     */
    TOTE__CHUNK_BROKEN /* the following records of the chunk are not found either */
};

/* Threads: thread-safe, except that `settle` is not called concurrently. */
struct tote__crash_safe_memory {
    void *self;

    /*
     * Return a chunk of TOTE__SAFE_CHUNK_BYTES and its number, from 1 on. Returns NULL if there is
     * none.
     */
    uint8_t *(*take)(void *self, uint32_t *number);

    /* Return a chunk whose records are all settled. */
    void (*give_back)(void *self, uint32_t number);

    /* Make a complete record LIVE, and make what follows it EMPTY if it `has_next`. */
    enum tote__safety (*commit)(void *self, struct tote__record *record, bool has_next);

    /* The record need not outlive the process any more. */
    void (*settle)(void *self, struct tote__record *record);

    /*
     * In a forked child, for a record of its parent: return false if another process has recovered
     * it.
     */
    bool (*is_live)(void *self, struct tote__record *record);

    /* Count a span that ended and is not crash-safe, or that was dropped. */
    void (*note_unsafe)(void *self);
    void (*note_drop)(void *self);
};

#endif
