/* SPDX-License-Identifier: MIT */
/*
 * safe_memory.h - memory that outlives the process, for the records of crash-safe mode
 *
 * Spans are encoded into it directly. It is given out in chunks, each a run of records up to one
 * that is EMPTY; another process that finds the memory after this one's death reads the LIVE ones.
 */
#ifndef TOTE_INTERNAL_SAFE_MEMORY_H
#define TOTE_INTERNAL_SAFE_MEMORY_H

#include "tote/internal/record.h"

enum { TOTE__SAFE_CHUNK_BYTES = 32 << 10 };

/* What became of a record that was to be safe. */
enum tote__safety {
    TOTE__SAFE,
    TOTE__NOT_SAFE,    /* it is SKIPPED: another process will not read it, but what follows it */
    TOTE__CHUNK_BROKEN /* nor what follows it in its chunk */
};

/* Threads: thread-safe, except `settle`, which one thread calls at a time. */
struct tote__crash_safe_memory {
    void *self;

    /* A chunk of TOTE__SAFE_CHUNK_BYTES and its number, from 1 on. NULL: there is none. */
    uint8_t *(*take)(void *self, uint32_t *number);

    /* All that is in the chunk is settled. */
    void (*give_back)(void *self, uint32_t number);

    /*
     * The record is complete except for its state and checksum: make it LIVE, and, if it
     * `has_next`, EMPTY what follows it.
     */
    enum tote__safety (*commit)(void *self, struct tote__record *record, bool has_next);

    /* The record need not outlive the process any more. */
    void (*settle)(void *self, struct tote__record *record);

    /*
     * In a forked child, of a record in its parent's memory: false if another process has found it,
     * and delivers it.
     */
    bool (*is_live)(void *self, struct tote__record *record);

    /* A span ended, and its record is not safe; or it was dropped. */
    void (*note_unsafe)(void *self);
    void (*note_drop)(void *self);
};

#endif
