/* SPDX-License-Identifier: MIT */
/*
 * crash_file_format.h - format of a crash-safe file: a head, definitions, and chunks of spans
 *
 * Shared memory and files have the same format. segment.c uses the rest of the head's page.
 * Definitions and chunks are sequences of records, each with a head and bytes, up to an empty one.
 * A record exists once its state says so, which is stored last. Numbers are in the machine's byte
 * order: a crash-safe file is read on the machine that wrote it.
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
    uint32_t nonce;    /* random; a reference to shared memory has the same value */
    uint64_t checksum; /* of the fields above */
    /* Spans that ended and are not in the file: */
    _Atomic(uint64_t) not_crash_safe; /* it was full */
    _Atomic(uint64_t) dropped;        /* the queue was full */
    /* See tote__used_chunks(); stored before the first record of a chunk. */
    _Atomic(uint64_t) used_chunks;
};

/*
 * Return the mark for the number of chunks that may have records. It includes the complement, so
 * that damage is detected.
 */
static inline uint64_t tote__used_chunks_mark(uint32_t count) {
    return (uint64_t)~count << 32 | count;
}

/* Return the number from the head: all chunks, if the mark is damaged or was never stored. */
static inline uint32_t tote__used_chunks(const struct tote__crash_file_head *head) {
    uint32_t count = (uint32_t)head->used_chunks;

    return head->used_chunks == tote__used_chunks_mark(count) && count < head->chunk_count
               ? count
               : head->chunk_count;
}

/*
 * A record is a span or a definition. A definition has one of the indexes, and the fields of a
 * ResourceSpans or ScopeSpans without the spans.
 */
#define TOTE__NO_INDEX UINT32_MAX

/* Detects partial writes and damage; it is no protection against an attacker. */
uint64_t tote__crash_file_checksum(const uint8_t *bytes, size_t size, uint64_t start);

static inline uint64_t tote__record_checksum(const struct tote__record *record) {
    return tote__crash_file_checksum(record->bytes, record->size,
                                     (uint64_t)record->resource << 32 | record->scope);
}

static inline uint64_t tote__crash_file_head_checksum(const struct tote__crash_file_head *head) {
    return tote__crash_file_checksum((const uint8_t *)head,
                                     offsetof(struct tote__crash_file_head, checksum), 0);
}

/* For the bytes of a file of any kind: */

/* Read the head of a file of this size. Returns false if it is not a crash-safe file. */
bool tote__crash_file_read_head(struct tote__slice bytes, uint64_t file_size,
                                struct tote__crash_file_head *head);

/* One record of a sequence. */
struct tote__found {
    size_t at;
    uint32_t state;
    uint32_t resource;
    uint32_t scope;
    struct tote__slice bytes;
    bool is_broken; /* and `bytes` are invalid */
};

/* Read the record at `*at`, and advance it to the next one. Returns false at the end. */
bool tote__crash_file_read_record(struct tote__slice run, size_t *at, struct tote__found *found);

#endif
