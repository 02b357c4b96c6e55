/* SPDX-License-Identifier: MIT */
/*
 * disk_queue.h - the disk queue: batches that could not be delivered, one file each
 *
 * Several processes of one user may put batches into a directory; the process that holds its lock
 * takes them. The lock is released when its process ends, even by SIGKILL. The directory is read a
 * few files at a time, so that the time of a call does not depend on the number of files.
 *
 * Threads: not thread-safe. errno is not preserved.
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

/* The content of a file: an ExportTraceServiceRequest in protobuf. */
struct tote__batch {
    struct tote__slice message;
    uint32_t span_count;
    bool is_own; /* spans of this process */
};

/* Batches that stay in the directory and are not sent, as far as known. */
struct tote__disk_queue_trouble {
    uint64_t unreadable; /* files that cannot be opened or are another user's */
    uint64_t damaged;    /* files that were renamed since the queue was opened */
    bool is_locked_out;  /* the lock cannot be opened */
};

/*
 * Open the directory of this user, and create it if it is missing. The path is borrowed, and should
 * be absolute. Returns NULL, with a diagnostic, if it cannot be used.
 */
struct tote__disk_queue *tote__disk_queue_open(const char *directory,
                                               const struct tote__disk_queue_limits *limits);

/*
 * The same for an existing directory. For root, it may belong to any user; files keep that owner.
 */
struct tote__disk_queue *
tote__disk_queue_open_existing(const char *directory, const struct tote__disk_queue_limits *limits);

/*
 * The same as tote__disk_queue_open(), to put batches only. The directory is not read, so that
 * opening takes the same time with any number of files; the limits apply to new batches only.
 */
struct tote__disk_queue *tote__disk_queue_open_to_put(const char *directory,
                                                      const struct tote__disk_queue_limits *limits);

/* Evict batches until the limits apply to the whole directory. Reads all of it. */
void tote__disk_queue_trim(struct tote__disk_queue *disk_queue);

/*
 * Return the descriptor of the directory, borrowed until the next put or take. Returns -1 if the
 * host has closed it: its number may be reused.
 */
int tote__disk_queue_descriptor(const struct tote__disk_queue *disk_queue);

/* Return how often the directory was created again after it had been removed. */
uint32_t tote__disk_queue_renewals(const struct tote__disk_queue *disk_queue);

/* Try to take the lock. Returns whether this process takes batches from the queue. */
bool tote__disk_queue_may_send(struct tote__disk_queue *disk_queue);

/*
 * Open the same directory in a forked child. Returns NULL, with a diagnostic, on failure. If the
 * child runs as another user, the directory must belong to that user.
 */
struct tote__disk_queue *tote__disk_queue_reopen(const struct tote__disk_queue *inherited,
                                                 const char *path);

void tote__disk_queue_close(struct tote__disk_queue *disk_queue);

/* Set whether put waits until a batch is on the disk; initially it does. */
void tote__disk_queue_set_sync(struct tote__disk_queue *disk_queue, bool does_sync);

/*
 * Put a batch, and evict the oldest ones if the limits are exceeded. Returns false, with a
 * diagnostic and no file left, on failure.
 */
bool tote__disk_queue_put(struct tote__disk_queue *disk_queue, const struct tote__batch *batch);

/*
 * Put a batch that is a complete file of the directory, by renaming it. Returns false with errno
 * set on failure: ENOENT if another process did it.
 */
bool tote__disk_queue_adopt(struct tote__disk_queue *disk_queue, const char *name,
                            uint32_t span_count);

/* Return whether the file of the last batch of this process that was put still exists. */
bool tote__disk_queue_has_last(const struct tote__disk_queue *disk_queue);

/*
 * Return how many spans of this process were evicted (count, size or age limit), or became
 * unreadable.
 */
uint64_t tote__disk_queue_lost(const struct tote__disk_queue *disk_queue);

/*
 * Take the oldest batch, borrowed until the next call. Returns false if there is none, if another
 * process holds the lock, or if the work limit of a call is reached: see
 * tote__disk_queue_next_look(). Damaged files are renamed.
 */
bool tote__disk_queue_take(struct tote__disk_queue *disk_queue, struct tote__batch *batch);

/* Remove the batch that was taken last. */
void tote__disk_queue_remove(struct tote__disk_queue *disk_queue);

/* Leave the taken batch in place, and take it again only after all others. */
void tote__disk_queue_skip(struct tote__disk_queue *disk_queue);

/*
 * Replace the taken batch by two with its spans. Returns false, without changes, if they cannot be
 * written.
 */
bool tote__disk_queue_split(struct tote__disk_queue *disk_queue,
                            const struct tote__batch halves[2]);

/* Return how many batches are left to send, as far as known. */
size_t tote__disk_queue_count(const struct tote__disk_queue *disk_queue);

struct tote__disk_queue_trouble tote__disk_queue_trouble(const struct tote__disk_queue *disk_queue);

/* Return when the next take has work, by the monotonic clock; 0: now. */
uint64_t tote__disk_queue_next_look(const struct tote__disk_queue *disk_queue);

/* Parse the bytes of a file. Returns false if it is not a batch. */
bool tote__disk_queue_parse(struct tote__slice file, struct tote__batch *batch);

#endif
