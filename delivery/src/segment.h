/* SPDX-License-Identifier: MIT */
/*
 * segment.h - shared memory for a crash-safe file
 *
 * A System V segment outlives its process, costs no system call per span, and has a size that never
 * changes. A mapped file has not: another process can truncate it or punch a hole into it, and a
 * file system that copies on write may have no room for a page that is stored to. Then the kernel
 * raises SIGBUS in the thread that ends a span.
 *
 * A file in the directory of the disk queue refers to the segment. The file's record lock tells
 * whether its process lives.
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
    TOTE__SEGMENT_GONE,     /* removed, or the machine was restarted */
    TOTE__SEGMENT_ELSEWHERE /* of another IPC namespace, or not attachable now */
};

/* The content of the file that refers to a segment. Numbers are as the machine has them. */
struct tote__segment_reference {
    char magic[8];
    uint32_t byte_order; /* 1 */
    int32_t id;
    uint64_t size;
    uint64_t boot;      /* hash of the boot's id; 0: unknown */
    uint64_t ipc_space; /* inode of the IPC namespace; 0: unknown */
    uint32_t process;
    uint32_t nonce; /* the segment's head has it too */
    uint64_t checksum;
};

/* Make a segment of zeros and attach it. Returns: false with errno set. */
bool tote__segment_make(struct tote__segment *segment, size_t size);

/* Note in the segment's head page which file of which directory refers to it. */
void tote__segment_note_file(const struct tote__segment *segment, int directory, const char *name);

void tote__segment_refer(const struct tote__segment *segment, uint32_t nonce,
                         struct tote__segment_reference *reference);

/* Whether the bytes are a reference. */
bool tote__segment_read_reference(const uint8_t *bytes, size_t size,
                                  struct tote__segment_reference *reference);

/* Attach the segment of a reference that a file of this owner contains. */
enum tote__segment_found tote__segment_attach(const struct tote__segment_reference *reference,
                                              uid_t owner, struct tote__segment *segment);

/* Detach; its content stays. */
void tote__segment_detach(struct tote__segment *segment);

/* Have the kernel free it once no process is attached. */
void tote__segment_remove(const struct tote__segment *segment);

/*
 * Remove this user's crash-safe files in memory that no process is attached to and whose file is
 * gone, if they were left at least that long ago. Report, once, those whose file cannot be looked
 * for from here; they stay.
 */
void tote__segments_clean_up(uint32_t age_s);

#endif
