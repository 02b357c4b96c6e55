/* SPDX-License-Identifier: MIT */
/*
 * recovery.c - recovers crash-safe files of dead processes into the disk queue
 *
 * A file is read, not mapped: concurrent changes only cause read errors. Parts of shared memory are
 * copied before they are parsed, for the same reason. Spans are settled after they are in the disk
 * queue, so that a crash in between duplicates them instead of losing them.
 *
 * Tests: tests/unit/test_otlp_crash_file.c, tests/fuzz/fuzz_crash_file.c
 */
#include "tote/internal/recovery.h"
#include "tote/internal/os.h"

#include <fcntl.h>
#include <stdio.h>

#include "crash_file_format.h"
#include "segment.h"
#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/crash_file.h"
#include "tote/internal/memory.h"
#include "tote/internal/request.h"
#include "tote/internal/sdk.h"

enum {
    MOST_SPANS = 512, /* limit of a batch */
    MOST_BYTES = 1 << 20,
    MOST_DEFINITIONS = 2048,
    NAME_BYTES = 256,
    LOOK_AGAIN_MS = 5000,
    STEP_NAMES = 512,    /* files examined in one step */
    UNFINISHED_FOR_S = 3 /* a file in creation is unlocked for a moment */
};

static const char *const component = "disk queue";

/* A resource or scope of the dead process; the other one is NULL. */
struct definition {
    uint32_t index;
    const struct tote__resource *resource;
    const tote_instrumentation_scope *scope;
};

/* A crash-safe file that is being read, and the batch that is created from it. */
struct reading {
    char name[NAME_BYTES];
    struct tote__segment segment; /* id -1: not in shared memory */
    struct tote__crash_file_head head;
    uint32_t chunk_count; /* chunks that were used */
    uint32_t chunk;       /* current chunk */
    size_t at;            /* position in it */
    uint64_t recovered;
    uint64_t broken;
    size_t definition_count;
    size_t item_count;
    struct tote__buffer request;
    struct tote__arena memory; /* memory of the definitions */
    struct definition definitions[MOST_DEFINITIONS];
    struct tote__span_bytes items[MOST_SPANS]; /* spans of the batch */
    uint64_t item_at[MOST_SPANS];              /* their places in the file */
    uint8_t definition_bytes[TOTE__CRASH_FILE_DEFINITION_BYTES];
    uint8_t bytes[MOST_BYTES + TOTE__SAFE_CHUNK_BYTES];
};

struct tote__recovery {
    const char *path; /* NULL: the directory of the disk queue */
    size_t most_bytes;
    uint64_t look_at;
    uint64_t lost;
    uint64_t damaged; /* number of crash-safe files */
    uint64_t missing; /* number of those whose shared memory no longer exists */
    /* Crash-safe files in shared memory that cannot be attached from here: */
    uint64_t unattached_now; /* found by the current scan */
    uint64_t unattached;     /* found by the last scan */
    uint64_t reported_unattached;
    struct tote__listing listing;
    int file;
    dev_t file_device;
    ino_t file_inode;
    struct reading *reading; /* NULL: none */
};

bool tote__crash_file_read_head(struct tote__slice bytes, uint64_t file_size,
                                struct tote__crash_file_head *head) {
    if (bytes.size < sizeof *head) {
        return false;
    }
    memcpy(head, bytes.at, sizeof *head);
    return memcmp(head->magic, TOTE__CRASH_FILE_MAGIC, sizeof head->magic) == 0 &&
           head->byte_order == 1 && head->checksum == tote__crash_file_head_checksum(head) &&
           file_size ==
               TOTE__CRASH_FILE_CHUNKS_AT + (uint64_t)head->chunk_count * TOTE__SAFE_CHUNK_BYTES;
}

bool tote__crash_file_read_record(struct tote__slice run, size_t *at, struct tote__found *found) {
    struct tote__record head;
    size_t left = run.size - *at;

    if (*at > run.size || left < sizeof head) {
        return false;
    }
    memcpy(&head, run.at + *at, sizeof head);
    *found = (struct tote__found){.at = *at,
                                  .state = head.state,
                                  .resource = head.resource,
                                  .scope = head.scope,
                                  .bytes = {run.at + *at + sizeof head, head.size}};
    if (found->state == TOTE__RECORD_EMPTY) {
        return false;
    }
    if ((found->state != TOTE__RECORD_LIVE && found->state != TOTE__RECORD_SETTLED &&
         found->state != TOTE__RECORD_SKIPPED) ||
        head.size > left - sizeof head) {
        found->is_broken = true;
        *at = run.size; /* the position of the next record is unknown */
        return true;
    }
    uint64_t start = (uint64_t)head.resource << 32 | head.scope;
    found->is_broken =
        found->state == TOTE__RECORD_LIVE &&
        head.checksum != tote__crash_file_checksum(found->bytes.at, head.size, start);
    size_t size = tote__record_size(head.size);
    *at += size < left ? size : left;
    return true;
}

struct tote__recovery *tote__recovery_new(const char *directory, size_t most_bytes) {
    struct tote__recovery *recovery = tote__allocate(sizeof *recovery);

    if (recovery) {
        *recovery = (struct tote__recovery){
            .path = directory,
            .most_bytes = tote__min(most_bytes / 2, (size_t)MOST_BYTES),
            .file = -1,
        };
    }
    return recovery;
}

/* Close the file, which unlocks it. */
static void close_file(struct tote__recovery *recovery) {
    struct reading *reading = recovery->reading;

    tote__os_close_same_file(recovery->file, recovery->file_device, recovery->file_inode);
    if (reading) {
        tote__segment_detach(&reading->segment);
        tote__buffer_clear(&reading->request);
        tote__arena_clear(&reading->memory);
        tote__release(reading, sizeof *reading);
    }
    recovery->file = -1;
    recovery->reading = NULL;
}

static void close_crash_file(struct tote__recovery *recovery) {
    close_file(recovery);
    tote__listing_close(&recovery->listing);
}

void tote__recovery_free(struct tote__recovery *recovery) {
    if (recovery) {
        close_crash_file(recovery);
        tote__release(recovery, sizeof *recovery);
    }
}

uint64_t tote__recovery_lost(const struct tote__recovery *recovery) {
    return recovery->lost;
}

uint64_t tote__recovery_damaged(const struct tote__recovery *recovery) {
    return recovery->damaged;
}

uint64_t tote__recovery_missing(const struct tote__recovery *recovery) {
    return recovery->missing;
}

uint64_t tote__recovery_unattached(const struct tote__recovery *recovery) {
    return recovery->unattached_now > recovery->unattached ? recovery->unattached_now
                                                           : recovery->unattached;
}

/* Read a part of the crash-safe file, from memory or file. Returns false if it is incomplete. */
static bool read_at(const struct tote__recovery *recovery, uint8_t *bytes, size_t size,
                    uint64_t at) {
    const struct tote__segment *segment = &recovery->reading->segment;

    if (!segment->at) {
        return tote__os_read_at(recovery->file, bytes, size, at);
    }
    if (at > segment->size || size > segment->size - (size_t)at) {
        return false;
    }
    memcpy(bytes, segment->at + at, size);
    return true;
}

static const char *path_of(const struct tote__recovery *recovery) {
    return recovery->path ? recovery->path : "the disk queue";
}

/* Finish the crash-safe file: remove its file and shared memory. */
static void remove_crash_file(const struct tote__recovery *recovery) {
    const struct reading *reading = recovery->reading;

    tote__folder_remove(&recovery->listing.folder, reading->name);
    if (reading->segment.at) {
        tote__segment_remove(&reading->segment);
    }
}

/* Damaged shared memory is removed. */
static void set_aside(struct tote__recovery *recovery, const char *why) {
    const struct reading *reading = recovery->reading;
    char aside[NAME_BYTES + 16];

    recovery->damaged++;
    if (reading->segment.at) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "the crash-safe file %s in %s %s; it is removed", reading->name,
                                path_of(recovery), why);
        remove_crash_file(recovery);
        return;
    }
    snprintf(aside, sizeof aside, "%s.corrupt", reading->name);
    tote__folder_rename(&recovery->listing.folder, reading->name, aside);
    tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                            "the crash-safe file %s in %s %s; it is renamed to %s", reading->name,
                            path_of(recovery), why, aside);
}

/* Returns false if out of memory. */
static bool read_definition(struct reading *reading, const struct tote__found *found) {
    struct definition *definition = &reading->definitions[reading->definition_count];

    *definition = (struct definition){.index = found->resource};
    if (found->scope == TOTE__NO_INDEX) {
        definition->resource = tote__read_resource(found->bytes, &reading->memory);
    } else {
        definition->index = found->scope;
        definition->scope = tote__read_scope(found->bytes, &reading->memory);
    }
    return definition->resource || definition->scope;
}

static void read_definitions(struct reading *reading) {
    const struct tote__slice run = {reading->definition_bytes, TOTE__CRASH_FILE_DEFINITION_BYTES};
    size_t at = 0;
    struct tote__found found;

    while (reading->definition_count < MOST_DEFINITIONS &&
           tote__crash_file_read_record(run, &at, &found)) {
        reading->broken += found.is_broken;
        reading->definition_count += !found.is_broken && read_definition(reading, &found);
    }
}

static int64_t age_of(const struct stat *status) {
    return (int64_t)(tote__clock_realtime() / 1000000000U) - (int64_t)status->st_mtime;
}

/* The file refers to shared memory that no longer exists. */
static void give_up_reference(struct tote__recovery *recovery) {
    recovery->missing++;
    tote_diagnostics_report(
        TOTE_LEVEL_WARN, component,
        "the shared memory of the crash-safe file %s in %s no longer exists, and the undelivered "
        "spans of its process are lost: shared memory does not survive a restart of the machine or "
        "container; see crash_safe_directory",
        recovery->reading->name, path_of(recovery));
    tote__folder_remove(&recovery->listing.folder, recovery->reading->name);
}

/* Reported again only if there are more of them. */
static void report_unattached(struct tote__recovery *recovery) {
    if (recovery->unattached > recovery->reported_unattached) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, component,
            "%llu crash-safe files in %s are kept and not sent: their shared memory cannot be "
            "attached from here, for example because it belongs to another container or IPC "
            "namespace; run the program or 'tote send' there ('nsenter --ipc'), let the containers "
            "share one IPC namespace, or set crash_safe_directory. If that namespace has ended, "
            "the spans are lost, and the files can be removed",
            (unsigned long long)recovery->unattached, path_of(recovery));
        recovery->reported_unattached = recovery->unattached;
    }
}

/*
 * Attach the shared memory that the file refers to, if any. Returns false if it cannot be attached.
 */
static bool follow_reference(struct tote__recovery *recovery, const struct stat *status) {
    struct tote__segment_reference reference;
    uint8_t bytes[sizeof reference];
    struct tote__segment *segment = &recovery->reading->segment;

    *segment = (struct tote__segment){.id = -1, .size = (size_t)status->st_size};
    if (status->st_size != (off_t)sizeof bytes ||
        !tote__os_read_at(recovery->file, bytes, sizeof bytes, 0) ||
        !tote__segment_read_reference(bytes, sizeof bytes, &reference)) {
        return true;
    }
    enum tote__segment_found found = tote__segment_attach(&reference, status->st_uid, segment);
    if (found == TOTE__SEGMENT_GONE) {
        give_up_reference(recovery);
    }
    recovery->unattached_now +=
        found == TOTE__SEGMENT_ELSEWHERE; /* its namespace may still exist */
    return found == TOTE__SEGMENT_ATTACHED;
}

static bool read_crash_file(struct tote__recovery *recovery, const struct stat *status) {
    struct reading *reading = recovery->reading;
    uint8_t head[sizeof(struct tote__crash_file_head)];

    if (!follow_reference(recovery, status)) {
        return false;
    }
    if (!read_at(recovery, head, sizeof head, 0) ||
        !tote__crash_file_read_head((struct tote__slice){head, sizeof head}, reading->segment.size,
                                    &reading->head) ||
        !read_at(recovery, reading->definition_bytes, TOTE__CRASH_FILE_DEFINITION_BYTES,
                 TOTE__CRASH_FILE_HEAD_BYTES)) {
        set_aside(recovery, "is not a valid crash-safe file");
        return false;
    }
    reading->chunk_count = tote__used_chunks(&reading->head);
    read_definitions(reading);
    return true;
}

/*
 * Return whether tote__crash_file_new() creates names like this: PROCESS-RANDOM.crash-safe in hex,
 * with this suffix.
 */
static bool is_name(const char *name, const char *end) {
    static const char digits[] = "0123456789abcdef";
    size_t process = strspn(name, digits);
    const char *random = name + process + (name[process] == '-');
    size_t length = strspn(random, digits);

    return process && random > name + process && length && strlen(name) < NAME_BYTES &&
           strncmp(random + length, TOTE__CRASH_FILE_SUFFIX, strlen(TOTE__CRASH_FILE_SUFFIX)) ==
               0 &&
           strcmp(random + length + strlen(TOTE__CRASH_FILE_SUFFIX), end) == 0;
}

/*
 * Open and lock a file that this owner's Tote wrote and no process uses. Returns -1 if it is not
 * one.
 */
static int open_unused(const struct tote__recovery *recovery, const char *name, const char *end,
                       int64_t age_s, struct stat *status) {
    const struct tote__folder *folder = &recovery->listing.folder;

    if (!is_name(name, end) || !tote__folder_has_file(folder, name, status) ||
        tote__crash_file_is_own(status) || age_of(status) < age_s) {
        return -1;
    }
    int file = tote__folder_open_file(folder, name, O_RDWR, status);
    if (file >= 0 && tote__os_lock(file)) {
        return file;
    }
    tote__os_close(file);
    return -1;
}

/* Remove an unfinished file of a dead process. */
static void clear_away(const struct tote__recovery *recovery, const char *name) {
    struct stat status;
    int file = open_unused(recovery, name, ".tmp", UNFINISHED_FOR_S, &status);

    if (file >= 0) {
        tote__folder_remove(&recovery->listing.folder, name);
        tote__os_close(file);
    }
}

/*
 * Open a file if it is a crash-safe file of a dead process. Returns whether it is; then this
 * process owns it.
 */
static bool open_crash_file(struct tote__recovery *recovery, const char *name) {
    struct stat status;

    recovery->file = open_unused(recovery, name, "", INT64_MIN, &status);
    if (recovery->file < 0) {
        return false;
    }
    recovery->file_device = status.st_dev;
    recovery->file_inode = status.st_ino;
    /* It may have been removed before it was locked. */
    if (tote__folder_has_file(&recovery->listing.folder, name, &status) &&
        status.st_dev == recovery->file_device && status.st_ino == recovery->file_inode) {
        recovery->reading = tote__allocate_zeroed(sizeof *recovery->reading);
    }
    if (recovery->reading) {
        snprintf(recovery->reading->name, sizeof recovery->reading->name, "%s", name);
        if (read_crash_file(recovery, &status)) {
            return true;
        }
    }
    close_file(recovery);
    return false;
}

static bool open_listing(struct tote__recovery *recovery,
                         const struct tote__disk_queue *disk_queue) {
    struct tote__folder folder;

    recovery->unattached_now = 0;
    return tote__crash_file_open_directory(recovery->path, tote__disk_queue_descriptor(disk_queue),
                                           false, &folder) &&
           tote__listing_begin(&folder, &recovery->listing);
}

static void end_look(struct tote__recovery *recovery) {
    close_crash_file(recovery);
    recovery->unattached = recovery->unattached_now;
    report_unattached(recovery);
}

bool tote__recovery_is_crash_file(const char *name) {
    return is_name(name, "");
}

enum search { FOUND, NOT_YET, NONE };

/* Scan a few more files of the directory, which may contain very many batches. */
static enum search find_crash_file(struct tote__recovery *recovery,
                                   const struct tote__disk_queue *disk_queue) {
    if (!recovery->listing.directory && !open_listing(recovery, disk_queue)) {
        return NONE;
    }
    for (int i = 0; i < STEP_NAMES; i++) {
        const char *name = tote__listing_next(&recovery->listing);
        if (!name) {
            end_look(recovery);
            return NONE;
        }
        if (open_crash_file(recovery, name)) {
            return FOUND;
        }
        clear_away(recovery, name);
    }
    return NOT_YET;
}

/* Find the definitions of the record. Returns false if they are unknown. */
static bool find_definitions(const struct reading *reading, const struct tote__found *found,
                             struct tote__span_bytes *span) {
    *span = (struct tote__span_bytes){.bytes = found->bytes};
    for (size_t i = 0; i < reading->definition_count; i++) {
        const struct definition *definition = &reading->definitions[i];
        if (definition->resource && definition->index == found->resource) {
            span->resource = definition->resource;
        } else if (definition->scope && definition->index == found->scope) {
            span->scope = definition->scope;
        }
    }
    return span->resource && span->scope;
}

/* Add records of one chunk to the batch, up to its limit. Returns how much of `bytes` is used. */
static size_t gather_from(struct tote__recovery *recovery, size_t used) {
    struct reading *reading = recovery->reading;
    uint64_t chunk_at =
        TOTE__CRASH_FILE_CHUNKS_AT + (uint64_t)reading->chunk * TOTE__SAFE_CHUNK_BYTES;
    const struct tote__slice run = {reading->bytes + used, TOTE__SAFE_CHUNK_BYTES};
    size_t taken = 0;
    struct tote__found found;

    if (!read_at(recovery, reading->bytes + used, TOTE__SAFE_CHUNK_BYTES, chunk_at)) {
        reading->broken++;
        reading->chunk = reading->chunk_count;
        return used;
    }
    for (size_t next = reading->at; tote__crash_file_read_record(run, &next, &found);
         reading->at = next) {
        bool is_live = found.state == TOTE__RECORD_LIVE;
        bool is_full =
            reading->item_count == MOST_SPANS ||
            (reading->item_count && used + taken + found.bytes.size > recovery->most_bytes);
        if (!found.is_broken && is_live && is_full) {
            return used + TOTE__SAFE_CHUNK_BYTES;
        }
        struct tote__span_bytes *item =
            &reading->items[tote__min(reading->item_count, MOST_SPANS - 1)];
        if (found.is_broken || (is_live && !find_definitions(reading, &found, item))) {
            reading->broken++;
        } else if (is_live) {
            reading->item_at[reading->item_count++] = chunk_at + found.at;
            taken += found.bytes.size;
        }
    }
    reading->chunk++;
    reading->at = 0;
    return taken ? used + TOTE__SAFE_CHUNK_BYTES : used;
}

static void gather(struct tote__recovery *recovery) {
    size_t used = 0;

    recovery->reading->item_count = 0;
    while (recovery->reading->chunk < recovery->reading->chunk_count &&
           used < recovery->most_bytes && recovery->reading->item_count < MOST_SPANS) {
        uint32_t chunk = recovery->reading->chunk;
        used = gather_from(recovery, used);
        if (recovery->reading->chunk == chunk) {
            break; /* the batch is full */
        }
    }
}

/* Settle the spans of the batch. A span that cannot be settled may be sent twice. */
static void settle(const struct tote__recovery *recovery) {
    const struct reading *reading = recovery->reading;
    const uint32_t state = TOTE__RECORD_SETTLED;

    for (size_t i = 0; i < reading->item_count; i++) {
        uint64_t at = reading->item_at[i];
        if (reading->segment.at) {
            struct tote__record *record = (struct tote__record *)(void *)(reading->segment.at + at);
            atomic_store(&record->state, state);
        } else if (!tote__os_write_at(recovery->file, &state, sizeof state, at)) {
            break;
        }
    }
}

/* All its spans are in the disk queue. */
static void finish(struct tote__recovery *recovery) {
    uint64_t not_crash_safe = recovery->reading->head.not_crash_safe;
    uint64_t dropped = recovery->reading->head.dropped;

    recovery->lost += not_crash_safe + dropped + recovery->reading->broken;
    if (recovery->reading->recovered || not_crash_safe || dropped) {
        tote_diagnostics_report(
            not_crash_safe || dropped ? TOTE_LEVEL_WARN : TOTE_LEVEL_INFO, component,
            "process %u died: %llu ended spans were recovered into the disk queue; %llu more did "
            "not fit into its crash-safe file, and %llu not into its queue",
            recovery->reading->head.process, (unsigned long long)recovery->reading->recovered,
            (unsigned long long)not_crash_safe, (unsigned long long)dropped);
    }
    if (recovery->reading->broken) {
        set_aside(recovery, "is damaged: what could be read is in the disk queue");
    } else {
        remove_crash_file(recovery);
    }
    close_file(recovery);
}

static bool put_batch(struct reading *reading, struct tote__disk_queue *disk_queue) {
    reading->request.size = 0;
    if (!tote__request_encode(&reading->request, reading->items, reading->item_count)) {
        return false;
    }
    const struct tote__batch batch = {
        .message = tote__buffer_slice(&reading->request),
        .span_count = (uint32_t)reading->item_count,
    };
    return tote__disk_queue_put(disk_queue, &batch);
}

/* The host may have closed the descriptors: then start another scan. */
static void check_descriptors(struct tote__recovery *recovery) {
    bool is_file_lost =
        recovery->file >= 0 &&
        !tote__os_is_same_file(recovery->file, recovery->file_device, recovery->file_inode);
    bool is_listing_lost =
        recovery->listing.directory && !tote__listing_is_open(&recovery->listing);

    if (is_file_lost || is_listing_lost) {
        close_crash_file(recovery);
    }
}

bool tote__recovery_step(struct tote__recovery *recovery, struct tote__disk_queue *disk_queue) {
    check_descriptors(recovery);
    if (recovery->file < 0) {
        if (!recovery->listing.directory && tote__clock_monotonic() < recovery->look_at) {
            return false;
        }
        enum search search = find_crash_file(recovery, disk_queue);
        if (search != FOUND) {
            recovery->look_at = search == NONE ? tote__deadline_in(LOOK_AGAIN_MS) : 0;
            return search == NOT_YET;
        }
    }
    gather(recovery);
    if (!recovery->reading->item_count) {
        finish(recovery);
    } else if (put_batch(recovery->reading, disk_queue)) {
        recovery->reading->recovered += recovery->reading->item_count;
        settle(recovery);
        if (recovery->reading->chunk == recovery->reading->chunk_count) {
            finish(recovery);
        }
    } else {
        close_crash_file(recovery);
        recovery->look_at = tote__deadline_in(LOOK_AGAIN_MS);
        return false;
    }
    return true;
}
