/* SPDX-License-Identifier: MIT */
/*
 * sender.h - the background sender of a disk queue: one at a time, and what became of its delivery
 *
 * The file `tote.sender` of the queue is locked by flock(). The lock belongs to the open file, so
 * that the program `tote` takes it and passes it on to the sender that it starts. The kernel
 * releases it when the sender ends. The file contains why the last delivery failed: see
 * docs/file-formats.md. Only the holder of the lock reads or writes it.
 *
 * No batch is left behind: the program writes a batch first, and then tries to take the lock. A
 * sender releases the lock first, and then looks for batches again, unless a signal stops it.
 */
#ifndef TOTE_CLI_SENDER_H
#define TOTE_CLI_SENDER_H

#include "tote/internal/disk_queue.h"
#include "tote/internal/folder.h"

enum { SENDER_TEXT_BYTES = 512, SENDER_DESCRIPTOR = 3 /* of the lock in the sender */ };

/* The limits of the queue. The program only puts batches; the sender applies the limits. */
extern const struct tote__disk_queue_limits sender_limits;

/* Times are seconds since the epoch. */
struct sender_status {
    uint64_t since;               /* of the first failure; 0: the last delivery succeeded */
    uint64_t reported;            /* when it was reported last; 0: never */
    char text[SENDER_TEXT_BYTES]; /* one line, without control characters */
};

/* Open the file, created if it is missing. Returns -1 with errno set. */
int sender_open(const struct tote__folder *folder);

/* Try to take the lock. Returns false if another process has it. */
bool sender_lock(int file);
void sender_unlock(int file);

/* Return whether the queue has a batch. */
bool sender_has_batch(const struct tote__folder *folder);

/* Read the status. It is empty if the file is damaged. */
void sender_read(int file, struct sender_status *status);

/* Write the status. An empty one removes the content. Returns false with errno set. */
bool sender_write(int file, const struct sender_status *status);

#endif
