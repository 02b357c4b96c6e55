/* SPDX-License-Identifier: MIT */
/*
 * disk_queue.h - the disk queue: batches that could not be delivered, a file each
 *
 * Many processes of one user may put batches into one directory; the process that holds its lock
 * takes them out. The lock is released when its process ends, even by SIGKILL. The directory is
 * read a few files at a time, so that no call takes longer with more files in it.
 *
 * Threads: one at a time. errno is the caller's to keep.
 */
#ifndef TOTE_DELIVERY_DISK_QUEUE_H
#define TOTE_DELIVERY_DISK_QUEUE_H

#include "tote/internal/buffer.h"

struct tote__disk_queue;

struct tote__disk_queue_limits {
    uint64_t max_bytes;
    uint32_t max_files;
    uint32_t max_age_s;
};

/* What was in a file: an ExportTraceServiceRequest in protobuf, whatever is sent of it. */
struct tote__batch {
    struct tote__slice message;
    uint32_t span_count;
    bool is_own; /* the spans are of this process */
};

/* Batches that stay in the directory and are not sent, as far as this process knows. */
struct tote__disk_queue_trouble {
    uint64_t unreadable; /* files that cannot be opened, or belong to another user; as of the last
                            look */
    uint64_t damaged;    /* files that were set aside since the queue was opened */
    bool is_locked_out;  /* the lock cannot be opened */
};

/*
 * Open the directory of this user, and create it if it is missing. Its path is borrowed, and should
 * be absolute. NULL, with a diagnostic, if it
 * cannot be used.
 */
struct tote__disk_queue *tote__disk_queue_open(const char *directory,
                                               const struct tote__disk_queue_limits *limits);

/*
 * The same for a directory that has to be there already. If this process runs as root, the
 * directory may belong to any user: files stay that user's.
 */
struct tote__disk_queue *
tote__disk_queue_open_existing(const char *directory, const struct tote__disk_queue_limits *limits);

/*
 * The descriptor of the directory; borrowed until the next call of put or take. -1 if the host has
 * closed it: the number may be another file's by now.
 */
int tote__disk_queue_descriptor(const struct tote__disk_queue *disk_queue);

/* Return how often the directory was created again after it had been removed. */
uint32_t tote__disk_queue_renewals(const struct tote__disk_queue *disk_queue);

/* Return whether this process takes batches out; try to become the one that does. */
bool tote__disk_queue_may_send(struct tote__disk_queue *disk_queue);

/*
 * Open the same directory in a forked child. NULL likewise. If the child runs as another user than
 * its parent, the directory has to belong to that user.
 */
struct tote__disk_queue *tote__disk_queue_reopen(const struct tote__disk_queue *inherited,
                                                 const char *path);

void tote__disk_queue_close(struct tote__disk_queue *disk_queue);

/* Set whether put waits until a batch is on the disk; it does at first. */
void tote__disk_queue_set_sync(struct tote__disk_queue *disk_queue, bool does_sync);

/*
 * Put a batch there, and evict the oldest ones if the limits are exceeded. Returns false, with a
 * diagnostic and no file left, if it cannot be written.
 */
bool tote__disk_queue_put(struct tote__disk_queue *disk_queue, const struct tote__batch *batch);

/*
 * Return how many of this process's spans were evicted (count, size or age limit), or could not be
 * read again.
 */
uint64_t tote__disk_queue_lost(const struct tote__disk_queue *disk_queue);

/*
 * Find the oldest batch; it is borrowed until the next call. Returns false if there is none, if
 * another process takes them out, or if tote__disk_queue_next_look() has passed and there is more
 * to look at. Damaged files are set aside.
 */
bool tote__disk_queue_take(struct tote__disk_queue *disk_queue, struct tote__batch *batch);

/* Remove the batch that was taken last. */
void tote__disk_queue_remove(struct tote__disk_queue *disk_queue);

/* Leave the batch that was taken last where it is, and take it again only after all others. */
void tote__disk_queue_skip(struct tote__disk_queue *disk_queue);

/*
 * Replace the batch that was taken last by two that hold its spans. Returns false, and nothing has
 * changed, if they cannot be written.
 */
bool tote__disk_queue_split(struct tote__disk_queue *disk_queue,
                            const struct tote__batch halves[2]);

/* Return how many batches there are to send, as far as this process knows. */
size_t tote__disk_queue_count(const struct tote__disk_queue *disk_queue);

struct tote__disk_queue_trouble tote__disk_queue_trouble(const struct tote__disk_queue *disk_queue);

/* Return when the next take has something to look at, by the monotonic clock; 0: now. */
uint64_t tote__disk_queue_next_look(const struct tote__disk_queue *disk_queue);

/* Parse the bytes of a file. Returns false if it is not a batch. */
bool tote__disk_queue_parse(struct tote__slice file, struct tote__batch *batch);

#endif
