/* SPDX-License-Identifier: MIT */
/*
 * deliver.h - start the delivery of a disk queue
 */
#ifndef TOTE_CLI_DELIVER_H
#define TOTE_CLI_DELIVER_H

#include "tote/internal/disk_queue.h"

struct deliver {
    const char *command; /* for messages */
    const char *path;    /* of the disk queue */
    struct tote__disk_queue *queue;
    bool is_quiet;
    uint32_t timeout_ms;
};

/*
 * Start a sender in the background, unless one is running. Reports an earlier failure, at most once
 * a minute.
 */
void deliver_start(const struct deliver *deliver);

/*
 * Deliver the batch that was put last, by a sender that is running or by a new one. Returns false,
 * after a report, if it was not delivered.
 */
bool deliver_wait(const struct deliver *deliver);

#endif
