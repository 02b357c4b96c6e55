/* SPDX-License-Identifier: MIT */
/*
 * crash_file_format.h - what stands in a crash-safe file: a head, definitions, and chunks of spans
 *
 * It is the same in shared memory and in a file. The rest of the head's page is segment.c's.
 * Definitions and chunks are runs of records, each of a head and its bytes, up to one that is
 * empty. A record is there once its state says so, which is stored last. Numbers are as the machine
 * has them: a crash-safe file is read where it was written.
 */
#ifndef TOTE_DELIVERY_CRASH_FILE_FORMAT_H
#define TOTE_DELIVERY_CRASH_FILE_FORMAT_H

#include <stdatomic.h>

#include "tote/internal/record.h"

enum {
    TOTE__CRASH_FILE_HEAD_BYTES = 4096,
    TOTE__CRASH_FILE_DEFINITION_BYTES = 256 << 10,
    TOTE__CRASH_FILE_CHUNKS_AT = TOTE__CRASH_FILE_HEAD_BYTES + TOTE__CRASH_FILE_DEFINITION_BYTES
};

#define TOTE__CRASH_FILE_MAGIC "TOTEJNL2"
#define TOTE__CRASH_FILE_SUFFIX ".crash-safe"

struct tote__crash_file_head {
    char magic[8];
    uint32_t byte_order; /* 1 */
    uint32_t process;
    uint32_t chunk_count;
    uint32_t nonce;    /* random: a reference to a crash-safe file in shared memory has it too */
    uint64_t checksum; /* of what is above */
    /* Spans that ended and are not here, ... */
    _Atomic(uint64_t) not_crash_safe; /* ... because there was no room, */
    _Atomic(uint64_t) dropped;        /* ... and which the queue had no room for */
    /* See tote__used_chunks(); stored before the first record of a chunk. */
    _Atomic(uint64_t) used_chunks;
};

/*
 * The number of chunks from the first one on that may have records, as the head has it: with its
 * complement, so that damage is found.
 */
static inline uint64_t tote__used_chunks_mark(uint32_t count) {
    return (uint64_t)~count << 32 | count;
}

/* The same from the head: all chunks, if the mark is damaged or was never stored. */
static inline uint32_t tote__used_chunks(const struct tote__crash_file_head *head) {
    uint32_t count = (uint32_t)head->used_chunks;

    return head->used_chunks == tote__used_chunks_mark(count) && count < head->chunk_count
               ? count
               : head->chunk_count;
}

/*
 * A record is a span; or a definition, which has one of the indexes: the fields of ResourceSpans or
 * ScopeSpans but what is in them.
 */
#define TOTE__NO_INDEX UINT32_MAX

/* It finds writes that were cut short and damage; it is no defence against an attacker. */
uint64_t tote__crash_file_checksum(const uint8_t *bytes, size_t size, uint64_t start);

static inline uint64_t tote__record_checksum(const struct tote__record *record) {
    return tote__crash_file_checksum(record->bytes, record->size,
                                     (uint64_t)record->resource << 32 | record->scope);
}

static inline uint64_t tote__crash_file_head_checksum(const struct tote__crash_file_head *head) {
    return tote__crash_file_checksum((const uint8_t *)head,
                                     offsetof(struct tote__crash_file_head, checksum), 0);
}

/* Of the bytes of a file, of whatever kind they are: */

/* The head of one of this size. Returns: false when it is not what a crash-safe file has there. */
bool tote__crash_file_read_head(struct tote__slice bytes, uint64_t file_size,
                                struct tote__crash_file_head *head);

/* One record of a run. */
struct tote__found {
    size_t at;
    uint32_t state;
    uint32_t resource;
    uint32_t scope;
    struct tote__slice bytes;
    bool is_broken; /* and `bytes` mean nothing */
};

/*
 * The record at `*at`, which is that of the next one afterwards. Returns: false at the end of the
 * run.
 */
bool tote__crash_file_read_record(struct tote__slice run, size_t *at, struct tote__found *found);

#endif
