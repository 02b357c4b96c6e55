/* SPDX-License-Identifier: MIT */
/*
 * open_record.c - a span that several commands create: a file in the disk queue
 *
 * Tests: tests/unit/test_open_record.c, tests/cli/test_span.sh
 */
#include "open_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "disk_queue_file.h"
#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/os.h"

enum { LOCK_TIMEOUT_MS = 5000, LOCK_PAUSE_MS = 2 };

static const char suffix[] = ".open";

const char *open_record_problem(enum open_record_result result, int error) {
    static char text[TOTE__OS_ERROR_BYTES];

    switch (result) {
    case OPEN_RECORD_DONE:
        return "success";
    case OPEN_RECORD_GONE:
        return "the span has ended, or its owner process has ended";
    case OPEN_RECORD_BUSY:
        return "another process holds its lock";
    case OPEN_RECORD_DAMAGED:
        return "the record is damaged";
    case OPEN_RECORD_FULL:
        return "the record is full (8 MiB)";
    case OPEN_RECORD_FAILED:
        break;
    }
    snprintf(text, sizeof text, "%s", tote__os_error(error).text);
    return text;
}

/* Name: span id, owner process, its start, boot, PID namespace. */
static void write_name(const tote_span_id *span_id, const struct owner *owner,
                       char name[OPEN_RECORD_NAME_BYTES]) {
    char id[17] = "";

    tote_span_id_to_hex(span_id, id);
    snprintf(name, OPEN_RECORD_NAME_BYTES,
             "%.16s-%" PRIx32 "-%" PRIx64 "-%" PRIx32 "-%" PRIx64 "%s", id, owner->process,
             owner->started, owner->boot, owner->pid_space, suffix);
}

/* A name is exactly what write_name() would write. */
bool open_record_read_name(const char *name, struct owner *owner) {
    char id_text[17];
    char again[OPEN_RECORD_NAME_BYTES];
    tote_span_id id;

    if (sscanf(name, "%16[0-9a-f]-%8" SCNx32 "-%16" SCNx64 "-%8" SCNx32 "-%16" SCNx64, id_text,
               &owner->process, &owner->started, &owner->boot, &owner->pid_space) != 5 ||
        !tote_span_id_from_hex(&id, id_text)) {
        return false;
    }
    write_name(&id, owner, again);
    return strcmp(name, again) == 0;
}

static struct tote__boot_time boot_time(void) {
    const struct tote__disk_queue_clock clock = tote__disk_queue_clock_start();

    return tote__disk_queue_clock_now(&clock);
}

enum open_record_result open_record_create(const struct tote__folder *folder,
                                           const struct owner *owner, const tote_span_id *span_id,
                                           struct tote__slice request,
                                           char name[OPEN_RECORD_NAME_BYTES]) {
    const struct tote__batch part = {.message = request};

    write_name(span_id, owner, name);
    return tote__disk_queue_write_file(folder, name, &part, boot_time(), false)
               ? OPEN_RECORD_DONE
               : OPEN_RECORD_FAILED;
}

/* Open the file and lock it. `waits`: wait for the lock. The file still has its name then. */
static enum open_record_result open_locked(const struct tote__folder *folder, const char *name,
                                           bool waits, int *file) {
    uint64_t deadline = tote__deadline_in(waits ? LOCK_TIMEOUT_MS : 0);
    struct stat status;
    struct stat named;

    *file = tote__folder_open_file(folder, name, O_RDWR, &status);
    if (*file < 0) {
        return errno == ENOENT ? OPEN_RECORD_GONE : OPEN_RECORD_FAILED;
    }
    bool is_locked = tote__os_lock_open_file(*file);
    while (!is_locked && tote__clock_monotonic() < deadline) {
        tote__os_wait_readable(NULL, 0, LOCK_PAUSE_MS);
        is_locked = tote__os_lock_open_file(*file);
    }
    if (is_locked && tote__folder_has_file(folder, name, &named) && named.st_ino == status.st_ino &&
        named.st_dev == status.st_dev) {
        return OPEN_RECORD_DONE;
    }
    close(*file);
    return is_locked ? OPEN_RECORD_GONE : OPEN_RECORD_BUSY;
}

static enum open_record_result read_all(int file, struct tote__buffer *content) {
    struct stat status;

    if (!tote__os_status(file, &status)) {
        return OPEN_RECORD_FAILED;
    }
    if (status.st_size > 2 * OPEN_RECORD_MOST_BYTES) {
        return OPEN_RECORD_DAMAGED;
    }
    if (!tote__buffer_reserve(content, (size_t)status.st_size)) {
        errno = ENOMEM;
        return OPEN_RECORD_FAILED;
    }
    content->size = tote__os_read(file, content->bytes, (size_t)status.st_size);
    return OPEN_RECORD_DONE;
}

/* Return the size of the complete parts. */
static size_t complete_size(struct tote__slice file) {
    struct tote__slice rest = file;
    struct tote__batch part;

    while (tote__disk_queue_parse_next(&rest, &part)) {
    }
    return file.size - rest.size;
}

/* Write a part at the end. Leaves no incomplete part after an error. */
static enum open_record_result write_part(int file, size_t end, struct tote__slice request) {
    const struct tote__batch part = {.message = request};
    struct tote__buffer bytes = {NULL, 0, 0};
    bool is_written = false;

    if (!tote__buffer_reserve(&bytes, TOTE__DISK_QUEUE_HEAD_BYTES + request.size)) {
        errno = ENOMEM;
        return OPEN_RECORD_FAILED;
    }
    tote__disk_queue_put_head(bytes.bytes, &part, boot_time());
    memcpy(bytes.bytes + TOTE__DISK_QUEUE_HEAD_BYTES, request.at, request.size);
    bytes.size = TOTE__DISK_QUEUE_HEAD_BYTES + request.size;
    if (tote__os_truncate(file, end)) {
        is_written = tote__os_write_at(file, bytes.bytes, bytes.size, end);
        int error = errno;
        if (!is_written) {
            tote__os_truncate(file, end);
        }
        errno = error;
    }
    tote__buffer_clear(&bytes);
    return is_written ? OPEN_RECORD_DONE : OPEN_RECORD_FAILED;
}

enum open_record_result open_record_add(const struct tote__folder *folder, const char *name,
                                        struct tote__slice request) {
    struct tote__buffer content = {NULL, 0, 0};
    int file;
    enum open_record_result result = open_locked(folder, name, true, &file);

    if (result != OPEN_RECORD_DONE) {
        return result;
    }
    result = read_all(file, &content);
    if (result == OPEN_RECORD_DONE) {
        size_t end = complete_size(tote__buffer_slice(&content));
        result = !end                                          ? OPEN_RECORD_DAMAGED
                 : end + request.size > OPEN_RECORD_MOST_BYTES ? OPEN_RECORD_FULL
                                                               : write_part(file, end, request);
    }
    int error = errno;
    tote__buffer_clear(&content);
    close(file);
    errno = error;
    return result;
}

/* Replace the file by one batch. */
static enum open_record_result replace(const struct tote__folder *folder, const char *name,
                                       struct tote__slice request) {
    const struct tote__batch batch = {.message = request, .span_count = 1};
    char aside[OPEN_RECORD_NAME_BYTES + sizeof TOTE__DISK_QUEUE_ASIDE_SUFFIX];

    snprintf(aside, sizeof aside, "%s%s", name, TOTE__DISK_QUEUE_ASIDE_SUFFIX);
    tote__folder_remove(folder, aside); /* of a process that was killed; the lock is held */
    return tote__disk_queue_write_file(folder, name, &batch, boot_time(), false)
               ? OPEN_RECORD_DONE
               : OPEN_RECORD_FAILED;
}

/* Rename a damaged record, so that it can be examined. */
static void set_aside(const struct tote__folder *folder, const char *name) {
    char aside[OPEN_RECORD_NAME_BYTES + 16];

    snprintf(aside, sizeof aside, "%s.corrupt", name);
    tote__folder_rename(folder, name, aside);
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "disk queue",
                            "%s is damaged: its span is lost, and it is kept as %s", name, aside);
}

static enum open_record_result end_locked(struct tote__disk_queue *queue,
                                          const struct tote__folder *folder, const char *name,
                                          const struct open_record_end *end, int file) {
    struct tote__buffer content = {NULL, 0, 0};
    struct tote__buffer request = {NULL, 0, 0};
    struct tote__batch batch;
    enum open_record_result result = read_all(file, &content);
    struct tote__slice slice = tote__buffer_slice(&content);
    bool has_ended = result == OPEN_RECORD_DONE && tote__disk_queue_parse(slice, &batch) &&
                     batch.span_count == 1;

    if (result == OPEN_RECORD_DONE && !has_ended) {
        result = open_record_merge(slice, end, &request)
                     ? replace(folder, name, tote__buffer_slice(&request))
                     : OPEN_RECORD_DAMAGED;
    }
    if (result == OPEN_RECORD_DONE && !tote__disk_queue_adopt(queue, name, 1) && errno != ENOENT) {
        result = OPEN_RECORD_FAILED;
    }
    int error = errno;
    if (result == OPEN_RECORD_DAMAGED) {
        set_aside(folder, name);
    }
    tote__buffer_clear(&request);
    tote__buffer_clear(&content);
    errno = error;
    return result;
}

enum open_record_result open_record_end(struct tote__disk_queue *queue,
                                        const struct tote__folder *folder, const char *name,
                                        const struct open_record_end *end) {
    int file;
    enum open_record_result result = open_locked(folder, name, true, &file);

    if (result == OPEN_RECORD_DONE) {
        result = end_locked(queue, folder, name, end, file);
        int error = errno;
        close(file);
        errno = error;
    }
    return result;
}

static uint64_t complete_unfinished(void *self, tote_span *span, uint64_t last) {
    (void)self;
    tote_span_set_attribute(span, "tote.span.unfinished", tote_bool(true));
    tote_span_set_status(span, TOTE_STATUS_CODE_ERROR,
                         "the process that began the span ended without 'tote span end'");
    return last;
}

static bool is_old(const struct stat *status) {
    time_t now = time(NULL);

    return now > status->st_mtime && now - status->st_mtime > OPEN_RECORD_LONGEST_S;
}

/* Return whether a file is one batch with the whole span: the process that ended it was killed. */
static bool has_ended(int file) {
    uint8_t head[TOTE__DISK_QUEUE_HEAD_BYTES];

    return tote__os_read_at(file, head, sizeof head, 0) && head[12] == 1;
}

static void recover(struct tote__disk_queue *queue, const struct tote__folder *folder,
                    const char *name, bool of_all_owners, struct open_record_counts *counts) {
    static const struct open_record_end end = {complete_unfinished, NULL};
    struct owner owner;
    struct stat status;
    int file;

    if (!open_record_read_name(name, &owner)) {
        return;
    }
    enum owner_state state = owner_look(&owner);
    if (open_locked(folder, name, false, &file) != OPEN_RECORD_DONE) {
        counts->open++;
        return;
    }
    bool is_over = of_all_owners || state == OWNER_DEAD || has_ended(file) ||
                   (state == OWNER_UNKNOWN && tote__os_status(file, &status) && is_old(&status));
    enum open_record_result result =
        is_over ? end_locked(queue, folder, name, &end, file) : OPEN_RECORD_BUSY;
    counts->unfinished += result == OPEN_RECORD_DONE;
    counts->damaged += result == OPEN_RECORD_DAMAGED;
    counts->open += result != OPEN_RECORD_DONE && result != OPEN_RECORD_DAMAGED;
    close(file);
}

struct open_record_counts open_record_recover(struct tote__disk_queue *queue,
                                              const struct tote__folder *folder,
                                              bool of_all_owners) {
    struct open_record_counts counts = {0, 0, 0};
    struct tote__listing listing;
    struct tote__folder opened;

    if (!tote__folder_reopen(folder, &opened) || !tote__listing_begin(&opened, &listing)) {
        return counts;
    }
    for (const char *name; (name = tote__listing_next(&listing));) {
        recover(queue, folder, name, of_all_owners, &counts);
    }
    tote__listing_close(&listing);
    return counts;
}
