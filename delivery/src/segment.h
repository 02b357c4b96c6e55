/* SPDX-License-Identifier: MIT */
/*
 * segment.h - shared memory for a crash-safe file
 *
 * A System V segment outlives its process, needs no system call per span, and cannot change its
 * size. A mapped file can be truncated by another process, and a file system with copy-on-write may
 * have no space for a page: both raise SIGBUS in the thread that ends a span.
 *
 * A file in the directory of the disk queue refers to the segment. The record lock of the file
 * shows whether its process is alive.
 */
#ifndef TOTE_DELIVERY_SEGMENT_H
#define TOTE_DELIVERY_SEGMENT_H

#include <sys/stat.h>

#include "tote/internal/wire.h"

struct tote__segment {
    int id; /* -1: none */
    uint8_t *at;
    size_t size;
};

enum tote__segment_found {
    TOTE__SEGMENT_ATTACHED,
    TOTE__SEGMENT_GONE,     /* removed, or lost by a restart of the machine */
    TOTE__SEGMENT_ELSEWHERE /* in another IPC namespace, or not attachable now */
};

/* The content of the file that refers to a segment, in the machine's byte order. */
struct tote__segment_reference {
    char magic[8];
    uint32_t byte_order; /* 1 */
    int32_t id;
    uint64_t size;
    uint64_t boot;      /* hash of the boot id; 0: unknown */
    uint64_t ipc_space; /* inode of the IPC namespace; 0: unknown */
    uint32_t process;
    uint32_t nonce; /* equal to the nonce in the segment's head */
    uint64_t checksum;
};

/* Create a segment of zeros and attach it. Returns false with errno set. */
bool tote__segment_make(struct tote__segment *segment, size_t size);

/* Store in the head page which file of which directory refers to the segment. */
void tote__segment_note_file(const struct tote__segment *segment, int directory, const char *name);

void tote__segment_refer(const struct tote__segment *segment, uint32_t nonce,
                         struct tote__segment_reference *reference);

/* Read a reference. Returns false if the bytes are not one. */
bool tote__segment_read_reference(const uint8_t *bytes, size_t size,
                                  struct tote__segment_reference *reference);

/* Attach the segment of a reference from a file of this owner. */
enum tote__segment_found tote__segment_attach(const struct tote__segment_reference *reference,
                                              uid_t owner, struct tote__segment *segment);

/* Detach the segment; its content stays. */
void tote__segment_detach(struct tote__segment *segment);

/* Mark the segment for removal once no process is attached. */
void tote__segment_remove(const struct tote__segment *segment);

/*
 * Remove this user's crash-safe segments that no process is attached to, whose file was deleted,
 * and that are at least that old. Report, once, those whose file cannot be checked from here; they
 * are kept.
 */
void tote__segments_clean_up(uint32_t age_s);

#endif
