/* SPDX-License-Identifier: MIT */
/*
 * open_record.h - a span that several commands create: a file in the disk queue
 *
 * The file has a part for each command: a batch in the format of the disk queue, with one span that
 * has what the command adds. A part has the span count 0, so that it is never a batch. When the
 * span ends, the file is replaced by one batch with the whole span, and then renamed to a batch of
 * the queue. docs/file-formats.md describes the format.
 *
 * Processes lock the file by flock() while they change it. A command that was killed while it wrote
 * leaves an incomplete part, which the next one removes.
 *
 * errno is not preserved.
 */
#ifndef TOTE_CLI_OPEN_RECORD_H
#define TOTE_CLI_OPEN_RECORD_H

#include "owner.h"
#include "tote/api.h"
#include "tote/internal/disk_queue.h"
#include "tote/internal/disk_queue_entry.h"
#include "tote/internal/folder.h"
#include "tote/internal/wire.h"

enum { OPEN_RECORD_MOST_BYTES = 8 << 20, OPEN_RECORD_NAME_BYTES = TOTE__DISK_QUEUE_NAME_BYTES };

/* The outcome of a call. */
enum open_record_result {
    OPEN_RECORD_DONE,
    OPEN_RECORD_GONE,    /* the span has ended, or was delivered as unfinished */
    OPEN_RECORD_BUSY,    /* another process holds the lock */
    OPEN_RECORD_DAMAGED, /* the first part is damaged */
    OPEN_RECORD_FULL,    /* the record would exceed OPEN_RECORD_MOST_BYTES */
    OPEN_RECORD_FAILED   /* errno is set */
};

/* Return what a result means, as the end of a sentence. `error` is errno. */
const char *open_record_problem(enum open_record_result result, int error);

/* Create the file, and store its name. */
enum open_record_result open_record_create(const struct tote__folder *folder,
                                           const struct owner *owner, const tote_span_id *span_id,
                                           struct tote__slice request,
                                           char name[OPEN_RECORD_NAME_BYTES]);

/* Add a part. */
enum open_record_result open_record_add(const struct tote__folder *folder, const char *name,
                                        struct tote__slice request);

/* Completes a span, and returns its end. `last` is the time of its last event, else its start. */
struct open_record_end {
    uint64_t (*complete)(void *self, tote_span *span, uint64_t last);
    void *self;
};

/* End the span, and put it into the queue. */
enum open_record_result open_record_end(struct tote__disk_queue *queue,
                                        const struct tote__folder *folder, const char *name,
                                        const struct open_record_end *end);

/* Counts of records. */
struct open_record_counts {
    uint64_t unfinished; /* spans whose owner is dead, put into the queue */
    uint64_t open;       /* spans whose owner is alive, or not known and not old enough */
    uint64_t damaged;    /* files that were renamed to .corrupt */
};

/* An owner that is not known counts as dead after this time without a change of the file. */
enum { OPEN_RECORD_LONGEST_S = 86400 };

/*
 * Put the spans of dead owners into the queue, or with `of_all_owners` all spans: they end with
 * their last event, with the status ERROR and the attribute tote.span.unfinished.
 */
struct open_record_counts open_record_recover(struct tote__disk_queue *queue,
                                              const struct tote__folder *folder,
                                              bool of_all_owners);

/* Return whether it is the name of an open record, and its owner. */
bool open_record_read_name(const char *name, struct owner *owner);

/*
 * Make the request of a part with what the function adds to a span. Appends it to the buffer.
 * Returns false if out of memory.
 */
bool open_record_part(void (*fill)(void *self, tote_span *span), void *self,
                      struct tote__buffer *request);

/* Read the id of the first span of a request. Returns false if there is none. */
bool open_record_span_id(struct tote__slice request, tote_span_id *id);

/*
 * Make one request of the parts of a record. Appends it to the buffer. Returns false if the first
 * part is damaged, or if out of memory.
 */
bool open_record_merge(struct tote__slice file, const struct open_record_end *end,
                       struct tote__buffer *request);

#endif
