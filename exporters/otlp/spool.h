/* SPDX-License-Identifier: MIT */
/*
 * spool.h - batches on disk that could not be delivered, a file each
 *
 * A file is written aside and renamed, so that whoever looks sees all of it or nothing; its name says how old it is. Many
 * processes may put batches into one directory; one of them at a time takes them out, whoever has the lock. Which is gone
 * with its process, however that ends.
 *
 * Threads: one at a time.
 */
#ifndef TOTE_OTLP_SPOOL_H
#define TOTE_OTLP_SPOOL_H

#include "tote/exporters/otlp.h"
#include "tote/internal/wire.h"

struct tote__spool;

struct tote__spool_limits {
    uint64_t max_bytes;
    uint32_t max_files;
    uint32_t max_age_s;
};

/* What was in a file. */
struct tote__batch {
    struct tote__slice message;
    uint32_t span_count;
    tote_otlp_encoding encoding;
    bool is_own; /* the spans are of this process */
};

/* Make the directory, if need be, and look what there is. NULL, with a diagnostic, when it cannot be used. */
struct tote__spool *tote__spool_open(const char *directory,
                                     const struct tote__spool_limits *limits);

/* Of the directory. Returns: -1 when the host has closed it: the number may be another file's by now. */
int tote__spool_descriptor(const struct tote__spool *spool);

/* Whether this is the one that takes batches out; it is, if nobody else does. */
bool tote__spool_may_send(struct tote__spool *spool);

/* The same directory, for a forked child. NULL likewise. */
struct tote__spool *tote__spool_reopen(const struct tote__spool *inherited, const char *path);

void tote__spool_close(struct tote__spool *spool);

/*
 * Put a batch there, and take the oldest ones off when it gets too much. Returns: false, with a diagnostic and nothing
 * there, when it cannot be written.
 */
bool tote__spool_put(struct tote__spool *spool, const struct tote__batch *batch);

/* How many of this process's spans were taken off, because they were too many, or too old, or could not be read again. */
uint64_t tote__spool_lost(const struct tote__spool *spool);

/*
 * Look for the oldest batch in one of the encodings, a bit for each; it is borrowed until the next call. Returns: false when there is none, or
 * another process takes them out. What cannot be read is set aside.
 */
bool tote__spool_take(struct tote__spool *spool, unsigned encodings, struct tote__batch *batch);

/* Take off the one that was taken last. */
void tote__spool_remove(struct tote__spool *spool);

/* How many there are, as far as this process knows. */
size_t tote__spool_count(const struct tote__spool *spool);

/* When it is worth while to look again for what others left there; of the monotonic clock. */
uint64_t tote__spool_next_look(const struct tote__spool *spool);

/* The bytes of a file. Returns: false when that is not what such a file is. */
bool tote__spool_parse(struct tote__slice file, struct tote__batch *batch);

#endif
