/* SPDX-License-Identifier: MIT */
/*
 * ring.h - encoded spans on their way from the backends to the background worker
 *
 * The postmaster creates the ring, and all processes of the server inherit it. It is not part of
 * the server's own shared memory, so its content survives when a backend crashes and the server
 * initializes that memory again.
 *
 * An entry is an OTLP request in protobuf. Writers hold an LWLock. The reader has no lock: a writer
 * stores `head` after the entry is complete, and only the reader stores `tail`. A writer that is
 * killed has changed nothing, because bytes behind `head` are not part of the ring.
 */
#ifndef TOTE_POSTGRESQL_RING_H
#define TOTE_POSTGRESQL_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Counts since the start of the server. */
struct ring_counts {
    uint64_t written; /* spans */
    uint64_t dropped; /* spans that found the ring full */
    uint64_t read;    /* spans that are in the disk queue */
    uint64_t size;    /* of the ring, in bytes */
    uint64_t used;    /* bytes */
};

/* A larger request is dropped. The buffer of ring_read() has at least this size. */
enum { RING_MOST_ENTRY_BYTES = 256 << 10 };

/* Create the ring. It is never freed. Returns false with errno set. */
bool ring_create(size_t size);

/*
 * Add a request with one span. The caller holds the lock of the writers. Returns false, and counts
 * the span, if the ring is full. `is_half_full` is set by the entry that fills the first half.
 */
bool ring_write(const uint8_t *request, size_t size, bool *is_half_full);

/*
 * Copy complete entries without removing them. The requests are concatenated, which is one request
 * with all their spans. Returns the size. `end` is for ring_remove().
 */
size_t ring_read(uint8_t *buffer, size_t size, uint32_t *span_count, uint64_t *end);
void ring_remove(uint32_t span_count, uint64_t end);

struct ring_counts ring_get_counts(void);

#endif
