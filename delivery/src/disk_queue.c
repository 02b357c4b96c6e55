/* SPDX-License-Identifier: MIT */
/*
 * disk_queue.c - the disk queue: batches that could not be delivered, one file each
 *
 * `known` contains the files found by the last scan of the directory, and those that were put
 * since. A scan continues from call to call, into its own index, which replaces `known` at its end.
 * So the work of each call is bounded, regardless of the number of files. Changes by other
 * processes are noticed when a file does not exist any more, or by the next scan.
 *
 * Tests: tests/unit/test_otlp_disk_queue.c
 */
#include "tote/internal/disk_queue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "disk_queue_file.h"
#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/disk_queue_entry.h"
#include "tote/internal/disk_queue_lock.h"
#include "tote/internal/folder.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"

enum {
    LOOK_AGAIN_MS = 5000,
    NOBODYS_TAG = 0,        /* recovered spans of a dead process */
    ABANDONED_AFTER_S = 60, /* an unfinished file */
    /* Limits of one call: */
    STEP_NAMES = 512,
    STEP_FILES = 64,
    OPEN_FILES = 4096,
    MOST_EVICTED = 64,
    MOST_ATTEMPTS = 16
};

static const char *const component = "disk queue";
static const char corrupt_suffix[] = ".corrupt";

/* A scan of the directory. */
struct scan {
    struct tote__listing listing;
    struct tote__disk_queue_index found;
    uint32_t first_sequence; /* own files from this one on are added to `found` by put */
    uint64_t unreadable;
};

struct tote__disk_queue {
    struct tote__disk_queue_limits limits;
    const char *path;
    struct tote__folder folder;
    uid_t user; /* effective user when the folder was opened */
    struct tote__disk_queue_lock lock;
    bool is_locked_out;
    bool does_sync;
    uint32_t renewals; /* times the directory was created again */
    struct tote__disk_queue_clock clock;
    uint32_t tag; /* in names of this process's files */
    uint32_t sequence;
    uint64_t last_time;                 /* time of the newest file */
    struct tote__disk_queue_entry last; /* put last; span_count 0: none */
    struct tote__disk_queue_index known;
    struct tote__disk_queue_index skipped; /* tried again when `known` is empty */
    struct scan scan;
    uint64_t next_look;
    bool has_more; /* the last take stopped at its limit */
    uint64_t lost;
    uint64_t unreadable;
    uint64_t damaged;
    struct tote__disk_queue_entry taken; /* taken last, in no index */
    bool has_taken;                      /* and not removed yet */
    struct tote__buffer file;
};

static bool is_too_old(const struct tote__disk_queue *disk_queue,
                       const struct tote__disk_queue_entry *entry) {
    uint64_t age = tote__disk_queue_clock_age(&disk_queue->clock, entry->time);
    char name[TOTE__DISK_QUEUE_NAME_BYTES];
    struct tote__boot_time written;

    if (age <= disk_queue->limits.max_age_s && !tote__disk_queue_clock_is_unsure(entry->time)) {
        return false;
    }
    tote__disk_queue_entry_name(entry, name);
    tote__disk_queue_read_head(&disk_queue->folder, name, &written);
    return tote__disk_queue_clock_true_age(&disk_queue->clock, age, written) >
           disk_queue->limits.max_age_s;
}

static bool is_taken(const struct tote__disk_queue *disk_queue,
                     const struct tote__disk_queue_entry *entry) {
    return disk_queue->has_taken && !tote__disk_queue_entry_is_older(entry, &disk_queue->taken) &&
           !tote__disk_queue_entry_is_older(&disk_queue->taken, entry);
}

static uint64_t total_bytes(const struct tote__disk_queue *disk_queue) {
    return disk_queue->known.bytes + disk_queue->skipped.bytes +
           (disk_queue->has_taken ? disk_queue->taken.size : 0);
}

static size_t total_count(const struct tote__disk_queue *disk_queue) {
    return disk_queue->known.count + disk_queue->skipped.count + disk_queue->has_taken;
}

/* If out of memory, the next scan finds it. */
static void note_file(struct tote__disk_queue *disk_queue,
                      const struct tote__disk_queue_entry *entry) {
    tote__disk_queue_index_add(&disk_queue->known, entry);
    if (disk_queue->scan.listing.directory) {
        tote__disk_queue_index_add(&disk_queue->scan.found, entry);
    }
}

static void report_unreadable(const char *name, int error) {
    tote_diagnostics_report(
        TOTE_LEVEL_ERROR, component, "%s stays in the disk queue and is not sent: %s", name,
        error == EPERM ? "it is not a regular file of the directory's owner, or other "
                         "users may write to it; change its owner and mode, or remove it"
                       : tote__os_error(error).text);
}

/* Rename a damaged file, so that it can be examined. */
static void set_aside(struct tote__disk_queue *disk_queue,
                      const struct tote__disk_queue_entry *entry) {
    char name[TOTE__DISK_QUEUE_NAME_BYTES];
    char aside[TOTE__DISK_QUEUE_NAME_BYTES + sizeof corrupt_suffix];

    tote__disk_queue_entry_name(entry, name);
    snprintf(aside, sizeof aside, "%s%s", name, corrupt_suffix);
    tote__folder_rename(&disk_queue->folder, name, aside);
    tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                            "%s is damaged: its %u spans are lost, and it is kept as %s", name,
                            entry->span_count, aside);
    disk_queue->damaged++;
    disk_queue->lost += entry->tag == disk_queue->tag ? entry->span_count : 0;
}

/* Remove unfinished and expired damaged files. */
static void clear_away(struct tote__disk_queue *disk_queue, const char *name,
                       const struct stat *status) {
    uint64_t age = tote__disk_queue_clock_age(&disk_queue->clock,
                                              (uint64_t)status->st_mtim.tv_sec * 1000000000U);
    struct tote__disk_queue_entry entry;
    struct tote__boot_time written;

    if (tote__disk_queue_entry_read(name, TOTE__DISK_QUEUE_ASIDE_SUFFIX, &entry)) {
        if (age > ABANDONED_AFTER_S) {
            tote__disk_queue_remove_unfinished(&disk_queue->folder, name);
        }
    } else if (age > disk_queue->limits.max_age_s) {
        enum tote__disk_queue_head head =
            tote__disk_queue_read_head(&disk_queue->folder, name, &written);
        if (head == TOTE__HEAD_OURS || head == TOTE__HEAD_BLANK) {
            tote__folder_remove(&disk_queue->folder, name);
        }
    }
}

static void enter_found(struct tote__disk_queue *disk_queue, const char *name,
                        struct tote__disk_queue_entry *entry, const struct stat *status) {
    if (!tote__folder_owns(&disk_queue->folder, status) ||
        status->st_size > TOTE__DISK_QUEUE_MOST_FILE_BYTES) {
        report_unreadable(name, status->st_size > TOTE__DISK_QUEUE_MOST_FILE_BYTES ? EFBIG : EPERM);
        disk_queue->scan.unreadable++;
        return;
    }
    entry->size = (uint32_t)status->st_size;
    tote__disk_queue_index_add(&disk_queue->scan.found, entry);
    if (entry->time > disk_queue->last_time && entry->time < UINT64_MAX / 2) {
        disk_queue->last_time = entry->time; /* new files are newer, whatever the clock is */
    }
}

/* Examine a file if a queue wrote its name. Returns whether it did. */
static bool look_at(struct tote__disk_queue *disk_queue, const char *name) {
    struct tote__disk_queue_entry entry;
    struct stat status;
    bool is_batch = tote__disk_queue_entry_read(name, "", &entry);

    if (!is_batch && !tote__disk_queue_entry_read(name, TOTE__DISK_QUEUE_ASIDE_SUFFIX, &entry) &&
        !tote__disk_queue_entry_read(name, corrupt_suffix, &entry)) {
        return false;
    }
    if (is_batch &&
        (is_taken(disk_queue, &entry) ||
         (entry.tag == disk_queue->tag && entry.sequence >= disk_queue->scan.first_sequence))) {
        return false;
    }
    if (tote__folder_has_file(&disk_queue->folder, name, &status)) {
        if (is_batch) {
            enter_found(disk_queue, name, &entry, &status);
        } else if (tote__folder_owns(&disk_queue->folder, &status)) {
            clear_away(disk_queue, name, &status);
        }
    }
    return true;
}

static void drop_scan(struct tote__disk_queue *disk_queue) {
    tote__listing_close(&disk_queue->scan.listing);
    tote__disk_queue_index_clear(&disk_queue->scan.found);
    disk_queue->scan = (struct scan){.listing.directory = NULL};
}

static void end_scan(struct tote__disk_queue *disk_queue) {
    tote__disk_queue_index_clear(&disk_queue->known);
    tote__disk_queue_index_clear(&disk_queue->skipped);
    disk_queue->known = disk_queue->scan.found;
    disk_queue->unreadable = disk_queue->scan.unreadable;
    disk_queue->scan.found = (struct tote__disk_queue_index){.entries = NULL};
    drop_scan(disk_queue);
    disk_queue->next_look = tote__deadline_in(LOOK_AGAIN_MS);
}

/* Scan that many more files. */
static void go_on_looking(struct tote__disk_queue *disk_queue, unsigned most_files) {
    unsigned most_names = most_files * (STEP_NAMES / STEP_FILES);
    unsigned files = 0;

    for (unsigned names = 0; names < most_names && files < most_files; names++) {
        const char *name = tote__listing_next(&disk_queue->scan.listing);
        if (!name) {
            end_scan(disk_queue);
            return;
        }
        files += look_at(disk_queue, name);
    }
}

static bool open_folder(struct tote__disk_queue *disk_queue, uid_t owner, bool may_make) {
    char problem[TOTE__FOLDER_PROBLEM_BYTES];

    if (tote__folder_open(disk_queue->path, owner, may_make, &disk_queue->folder, problem)) {
        return true;
    }
    tote_diagnostics_report(TOTE_LEVEL_ERROR, component, "the disk queue %s cannot be used: %s",
                            disk_queue->path, problem);
    return false;
}

/* The directory was removed with this process's batches. */
static void forget_all(struct tote__disk_queue *disk_queue) {
    struct tote__disk_queue_index *indexes[] = {&disk_queue->known, &disk_queue->skipped};

    for (size_t i = 0; i < TOTE_COUNT_OF(indexes); i++) {
        for (size_t j = 0; j < indexes[i]->count; j++) {
            const struct tote__disk_queue_entry *entry = &indexes[i]->entries[j];
            disk_queue->lost += entry->tag == disk_queue->tag ? entry->span_count : 0;
        }
        tote__disk_queue_index_clear(indexes[i]);
    }
}

/*
 * Open the directory again. If it is the same, the known files are kept. Returns false, with a
 * diagnostic and without changes, if it cannot be opened.
 */
static bool open_again(struct tote__disk_queue *disk_queue, uid_t owner) {
    struct tote__folder old = disk_queue->folder;

    if (!open_folder(disk_queue, owner, true)) {
        disk_queue->folder = old;
        return false;
    }
    if (old.device != disk_queue->folder.device || old.inode != disk_queue->folder.inode) {
        forget_all(disk_queue);
    }
    tote__folder_close(&old);
    drop_scan(disk_queue);
    tote__disk_queue_lock_drop(&disk_queue->lock);
    disk_queue->user = tote__os_user_id();
    disk_queue->renewals++;
    disk_queue->next_look = 0;
    return true;
}

/*
 * Open the directory again as the user that this process now runs as. Returns false, preserving
 * errno, if the user has not changed, or if the directory does not belong to the new one.
 */
static bool follow_user(struct tote__disk_queue *disk_queue) {
    int error = errno;
    bool has_followed = (error == EACCES || error == EPERM) &&
                        tote__os_user_id() != disk_queue->user &&
                        open_again(disk_queue, tote__os_user_id());

    errno = error;
    return has_followed;
}

/* Create the directory again if it was removed. Returns false if not, or if that fails. */
static bool renew(struct tote__disk_queue *disk_queue) {
    uint64_t lost = disk_queue->lost;

    if (!tote__folder_is_removed(&disk_queue->folder) ||
        !open_again(disk_queue, disk_queue->folder.owner)) {
        return false;
    }
    tote_diagnostics_report(
        TOTE_LEVEL_WARN, component,
        "the directory of the disk queue %s was removed, with %llu spans of this process "
        "in it; it is created again",
        disk_queue->path, (unsigned long long)(disk_queue->lost - lost));
    return true;
}

/*
 * Ensure that the directory is open, before each use. The host may have closed the descriptor, and
 * its number may be reused. Returns false, with a diagnostic, if it cannot be opened again.
 */
static bool check_folder(struct tote__disk_queue *disk_queue) {
    if (!tote__folder_is_open(&disk_queue->folder)) {
        return open_again(disk_queue, disk_queue->folder.owner);
    }
    if (disk_queue->scan.listing.directory && !tote__listing_is_open(&disk_queue->scan.listing)) {
        drop_scan(disk_queue);
    }
    return true;
}

static bool open_listing(struct tote__disk_queue *disk_queue) {
    struct tote__folder folder;

    return tote__folder_reopen(&disk_queue->folder, &folder) &&
           tote__listing_begin(&folder, &disk_queue->scan.listing);
}

static void begin_scan(struct tote__disk_queue *disk_queue) {
    disk_queue->scan = (struct scan){.first_sequence = disk_queue->sequence};
    if (!open_listing(disk_queue) && follow_user(disk_queue)) {
        open_listing(disk_queue);
    }
    disk_queue->next_look = tote__deadline_in(LOOK_AGAIN_MS);
}

/* Start a scan if it is due, and continue one. */
static void look(struct tote__disk_queue *disk_queue, unsigned most_files) {
    if (!disk_queue->scan.listing.directory && tote__clock_monotonic() >= disk_queue->next_look) {
        renew(disk_queue);
        begin_scan(disk_queue);
    }
    if (disk_queue->scan.listing.directory) {
        go_on_looking(disk_queue, most_files);
    }
}

/* Batches that a call evicted. */
struct evicted {
    unsigned batches;
    uint64_t spans;
};

/* Evict the oldest file of the index. */
static void evict(struct tote__disk_queue *disk_queue, struct tote__disk_queue_index *index,
                  struct evicted *evicted) {
    const struct tote__disk_queue_entry entry = tote__disk_queue_index_pop(index);
    char name[TOTE__DISK_QUEUE_NAME_BYTES];
    struct tote__boot_time written;

    if (is_taken(disk_queue, &entry)) {
        return; /* it is in flight and in no index */
    }
    evicted->batches++;
    tote__disk_queue_entry_name(&entry, name);
    switch (tote__disk_queue_read_head(&disk_queue->folder, name, &written)) {
    case TOTE__HEAD_OURS:
        if (tote__folder_remove(&disk_queue->folder, name)) {
            evicted->spans += entry.span_count;
            disk_queue->lost += entry.tag == disk_queue->tag ? entry.span_count : 0;
        }
        break;
    case TOTE__HEAD_UNKNOWN: /* removed by another process, which counts it, or unreadable */
        break;
    default:
        set_aside(disk_queue, &entry);
    }
}

static void report_evicted(const struct evicted *evicted, const char *why) {
    if (evicted->spans) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "%llu spans in %u batches were evicted from the disk queue: %s",
                                (unsigned long long)evicted->spans, evicted->batches, why);
    }
}

static void evict_old(struct tote__disk_queue *disk_queue, struct tote__disk_queue_index *index) {
    struct evicted evicted = {0, 0};

    while (index->count && evicted.batches < MOST_EVICTED &&
           is_too_old(disk_queue, &index->entries[0])) {
        evict(disk_queue, index, &evicted);
    }
    report_evicted(&evicted, "they are older than disk_queue_max_age_s");
}

static void drop_old(struct tote__disk_queue *disk_queue) {
    evict_old(disk_queue, &disk_queue->known);
    evict_old(disk_queue, &disk_queue->skipped);
}

static struct tote__disk_queue_index *index_of_oldest(struct tote__disk_queue *disk_queue) {
    bool is_known = disk_queue->known.count &&
                    (!disk_queue->skipped.count ||
                     tote__disk_queue_entry_is_older(&disk_queue->known.entries[0],
                                                     &disk_queue->skipped.entries[0]));

    return is_known ? &disk_queue->known : &disk_queue->skipped;
}

static void make_room(struct tote__disk_queue *disk_queue, size_t size) {
    struct evicted evicted = {0, 0};

    drop_old(disk_queue);
    while ((total_bytes(disk_queue) + size > disk_queue->limits.max_bytes ||
            total_count(disk_queue) + 1 > disk_queue->limits.max_files) &&
           evicted.batches < MOST_EVICTED) {
        struct tote__disk_queue_index *index = index_of_oldest(disk_queue);
        if (!index->count) {
            break;
        }
        evict(disk_queue, index, &evicted);
    }
    report_evicted(&evicted,
                   "there are more than disk_queue_max_bytes or disk_queue_max_files allow");
}

void tote__disk_queue_trim(struct tote__disk_queue *disk_queue) {
    while (disk_queue->scan.listing.directory) {
        go_on_looking(disk_queue, STEP_FILES);
    }
    for (size_t count = 0; count != total_count(disk_queue);) {
        count = total_count(disk_queue);
        make_room(disk_queue, 0);
    }
}

static void remove_batch(const struct tote__disk_queue *disk_queue,
                         const struct tote__disk_queue_entry *entry) {
    char name[TOTE__DISK_QUEUE_NAME_BYTES];

    tote__disk_queue_entry_name(entry, name);
    tote__folder_remove(&disk_queue->folder, name);
}

static bool write_batch(struct tote__disk_queue *disk_queue,
                        const struct tote__disk_queue_entry *entry,
                        const struct tote__batch *batch) {
    char name[TOTE__DISK_QUEUE_NAME_BYTES];

    tote__disk_queue_entry_name(entry, name);
    return tote__disk_queue_write_file(&disk_queue->folder, name, batch,
                                       tote__disk_queue_clock_now(&disk_queue->clock),
                                       disk_queue->does_sync);
}

/* Return the entry of a new file, after the others were made to fit. */
static struct tote__disk_queue_entry next_entry(struct tote__disk_queue *disk_queue, size_t size,
                                                uint32_t span_count, bool is_own) {
    uint64_t now = tote__clock_realtime();

    look(disk_queue, STEP_FILES);
    make_room(disk_queue, size);
    return (struct tote__disk_queue_entry){
        .time = now > disk_queue->last_time ? now : disk_queue->last_time + 1,
        .tag = is_own ? disk_queue->tag : NOBODYS_TAG,
        .sequence = disk_queue->sequence++,
        .span_count = span_count,
        .size = (uint32_t)size,
    };
}

static void note_put(struct tote__disk_queue *disk_queue,
                     const struct tote__disk_queue_entry *entry) {
    disk_queue->last_time = entry->time;
    disk_queue->last = *entry;
    note_file(disk_queue, entry);
}

bool tote__disk_queue_adopt(struct tote__disk_queue *disk_queue, const char *name,
                            uint32_t span_count) {
    char made[TOTE__DISK_QUEUE_NAME_BYTES];
    struct stat status;

    if (!check_folder(disk_queue) || !tote__folder_has_file(&disk_queue->folder, name, &status)) {
        return false;
    }
    const struct tote__disk_queue_entry entry =
        next_entry(disk_queue, (size_t)status.st_size, span_count, true);
    tote__disk_queue_entry_name(&entry, made);
    if (!tote__folder_rename(&disk_queue->folder, name, made)) {
        return false;
    }
    note_put(disk_queue, &entry);
    return true;
}

bool tote__disk_queue_put(struct tote__disk_queue *disk_queue, const struct tote__batch *batch) {
    size_t size = TOTE__DISK_QUEUE_HEAD_BYTES + batch->message.size;

    if (size > disk_queue->limits.max_bytes || size > TOTE__DISK_QUEUE_MOST_FILE_BYTES) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, component,
            "a batch of %zu bytes exceeds disk_queue_max_bytes and is not saved; raise it", size);
        return false;
    }
    if (!check_folder(disk_queue)) {
        return false;
    }
    const struct tote__disk_queue_entry entry =
        next_entry(disk_queue, size, batch->span_count, batch->is_own);
    bool is_put = write_batch(disk_queue, &entry, batch) ||
                  (((errno == ENOENT && renew(disk_queue)) || follow_user(disk_queue)) &&
                   write_batch(disk_queue, &entry, batch));
    if (is_put) {
        note_put(disk_queue, &entry);
    } else {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "a batch of %u spans cannot be written to the disk queue %s: %s",
                                batch->span_count, disk_queue->path, tote__os_error(errno).text);
    }
    return is_put;
}

bool tote__disk_queue_has_last(const struct tote__disk_queue *disk_queue) {
    char name[TOTE__DISK_QUEUE_NAME_BYTES];
    struct stat status;

    tote__disk_queue_entry_name(&disk_queue->last, name);
    return disk_queue->last.span_count && tote__folder_has_file(&disk_queue->folder, name, &status);
}

uint64_t tote__disk_queue_lost(const struct tote__disk_queue *disk_queue) {
    return disk_queue->lost;
}

bool tote__disk_queue_may_send(struct tote__disk_queue *disk_queue) {
    if (!check_folder(disk_queue)) {
        return false;
    }
    int error = tote__disk_queue_lock_take(&disk_queue->lock, &disk_queue->folder);
    bool is_locked_out = error && error != EAGAIN && error != ENOENT;
    if (is_locked_out && !disk_queue->is_locked_out) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "nothing is sent from the disk queue %s: its file '%s' cannot be "
                                "opened: %s; it must be a regular file of user %u with mode 0600",
                                disk_queue->path, TOTE__DISK_QUEUE_LOCK_NAME,
                                tote__os_error(error).text, (unsigned)disk_queue->folder.owner);
    }
    disk_queue->is_locked_out = is_locked_out;
    return !error;
}

/* Returns whether the batch exists. */
static bool try_to_take(struct tote__disk_queue *disk_queue,
                        const struct tote__disk_queue_entry *entry, struct tote__batch *batch) {
    char name[TOTE__DISK_QUEUE_NAME_BYTES];

    tote__disk_queue_entry_name(entry, name);
    int error = tote__disk_queue_read_file(&disk_queue->folder, name, &disk_queue->file);
    if (error == ENOENT || error == ENOMEM) {
        return false; /* another process removed it, or the next scan finds it */
    }
    if (error) {
        report_unreadable(name, error);
        disk_queue->unreadable++;
        return false;
    }
    if (!tote__disk_queue_parse(tote__buffer_slice(&disk_queue->file), batch)) {
        set_aside(disk_queue, entry);
        return false;
    }
    batch->is_own = entry->tag == disk_queue->tag;
    return true;
}

static bool take(struct tote__disk_queue *disk_queue, struct tote__batch *batch) {
    renew(disk_queue); /* then its spans are lost, not another process's */
    for (unsigned i = 0; i < MOST_ATTEMPTS && disk_queue->known.count; i++) {
        const struct tote__disk_queue_entry entry = tote__disk_queue_index_pop(&disk_queue->known);
        if (try_to_take(disk_queue, &entry, batch)) {
            disk_queue->taken = entry;
            disk_queue->has_taken = true;
            return true;
        }
    }
    disk_queue->has_more = disk_queue->known.count != 0;
    return false;
}

/* The taken batch is not removed. */
static void put_back(struct tote__disk_queue *disk_queue) {
    if (disk_queue->has_taken) {
        tote__disk_queue_index_add(&disk_queue->known, &disk_queue->taken);
        disk_queue->has_taken = false;
    }
}

bool tote__disk_queue_take(struct tote__disk_queue *disk_queue, struct tote__batch *batch) {
    bool has_found = false;

    put_back(disk_queue);
    disk_queue->has_more = false;
    if (!check_folder(disk_queue)) {
        disk_queue->next_look = tote__deadline_in(LOOK_AGAIN_MS);
        return false;
    }
    if (!disk_queue->known.count) {
        look(disk_queue, STEP_FILES);
        disk_queue->has_more = disk_queue->scan.listing.directory != NULL;
    }
    if (!disk_queue->known.count && !disk_queue->has_more) {
        const struct tote__disk_queue_index empty = disk_queue->known;
        disk_queue->known = disk_queue->skipped;
        disk_queue->skipped = empty;
    }
    drop_old(disk_queue);
    if (disk_queue->known.count) {
        has_found = tote__disk_queue_may_send(disk_queue) && take(disk_queue, batch);
        if (!has_found && !disk_queue->has_more) {
            disk_queue->next_look = tote__deadline_in(LOOK_AGAIN_MS);
        }
    }
    return has_found;
}

void tote__disk_queue_remove(struct tote__disk_queue *disk_queue) {
    if (disk_queue->has_taken && check_folder(disk_queue)) {
        remove_batch(disk_queue, &disk_queue->taken);
        disk_queue->has_taken = false;
    }
}

void tote__disk_queue_skip(struct tote__disk_queue *disk_queue) {
    if (disk_queue->has_taken &&
        tote__disk_queue_index_add(&disk_queue->skipped, &disk_queue->taken)) {
        disk_queue->has_taken = false;
    }
}

/* With the time of the whole batch, and its own number. */
static struct tote__disk_queue_entry half_of(struct tote__disk_queue *disk_queue, uint32_t which,
                                             const struct tote__batch *batch) {
    const struct tote__disk_queue_entry *whole = &disk_queue->taken;
    bool is_own = whole->tag == disk_queue->tag;

    return (struct tote__disk_queue_entry){
        .time = whole->time,
        .tag = whole->tag,
        .sequence = is_own ? disk_queue->sequence++ : 2 * whole->sequence + 1 + which,
        .span_count = batch->span_count,
        .size = (uint32_t)(TOTE__DISK_QUEUE_HEAD_BYTES + batch->message.size),
    };
}

bool tote__disk_queue_split(struct tote__disk_queue *disk_queue,
                            const struct tote__batch halves[2]) {
    struct tote__disk_queue_entry entries[2];
    bool is_split = disk_queue->has_taken && check_folder(disk_queue);

    for (uint32_t i = 0; i < 2 && is_split; i++) {
        entries[i] = half_of(disk_queue, i, &halves[i]);
        is_split = write_batch(disk_queue, &entries[i], &halves[i]);
        if (!is_split && i == 1) {
            remove_batch(disk_queue, &entries[0]);
        }
    }
    if (is_split) {
        tote__disk_queue_remove(disk_queue);
        note_file(disk_queue, &entries[0]);
        note_file(disk_queue, &entries[1]);
    }
    return is_split;
}

size_t tote__disk_queue_count(const struct tote__disk_queue *disk_queue) {
    return disk_queue->known.count + disk_queue->skipped.count + disk_queue->has_taken +
           (disk_queue->known.count ? 0 : disk_queue->scan.found.count);
}

struct tote__disk_queue_trouble
tote__disk_queue_trouble(const struct tote__disk_queue *disk_queue) {
    return (struct tote__disk_queue_trouble){
        .unreadable = disk_queue->scan.unreadable > disk_queue->unreadable
                          ? disk_queue->scan.unreadable
                          : disk_queue->unreadable,
        .damaged = disk_queue->damaged,
        .is_locked_out = disk_queue->is_locked_out,
    };
}

uint64_t tote__disk_queue_next_look(const struct tote__disk_queue *disk_queue) {
    return disk_queue->has_more ? 0 : disk_queue->next_look;
}

int tote__disk_queue_descriptor(const struct tote__disk_queue *disk_queue) {
    return tote__folder_is_open(&disk_queue->folder) ? disk_queue->folder.descriptor : -1;
}

uint32_t tote__disk_queue_renewals(const struct tote__disk_queue *disk_queue) {
    return disk_queue->renewals;
}

void tote__disk_queue_set_sync(struct tote__disk_queue *disk_queue, bool does_sync) {
    disk_queue->does_sync = does_sync;
}

void tote__disk_queue_close(struct tote__disk_queue *disk_queue) {
    if (!disk_queue) {
        return;
    }
    tote__disk_queue_lock_drop(&disk_queue->lock);
    drop_scan(disk_queue);
    tote__folder_close(&disk_queue->folder);
    tote__disk_queue_index_clear(&disk_queue->known);
    tote__disk_queue_index_clear(&disk_queue->skipped);
    tote__buffer_clear(&disk_queue->file);
    tote__release(disk_queue, sizeof *disk_queue);
}

static struct tote__disk_queue *make(const char *path,
                                     const struct tote__disk_queue_limits *limits) {
    struct tote__disk_queue *disk_queue = tote__allocate(sizeof *disk_queue);
    uint32_t tag = 0;

    if (!disk_queue || !tote__os_random(&tag, sizeof tag)) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component, "the disk queue %s cannot be used: %s",
                                path,
                                disk_queue ? "no random number is available" : "out of memory");
        tote__release(disk_queue, sizeof *disk_queue);
        return NULL;
    }
    *disk_queue = (struct tote__disk_queue){
        .limits = *limits,
        .path = path,
        .folder = {.descriptor = -1},
        .user = tote__os_user_id(),
        .lock = TOTE__DISK_QUEUE_LOCK_INIT,
        .does_sync = true,
        .clock = tote__disk_queue_clock_start(),
        .tag = tag == NOBODYS_TAG ? 1 : tag,
    };
    return disk_queue;
}

static struct tote__disk_queue *open_disk_queue(const char *path,
                                                const struct tote__disk_queue_limits *limits,
                                                uid_t owner, bool may_make, uint64_t next_look) {
    struct tote__disk_queue *disk_queue = make(path, limits);

    if (disk_queue && !open_folder(disk_queue, owner, may_make)) {
        tote__disk_queue_close(disk_queue);
        disk_queue = NULL;
    }
    if (disk_queue) {
        disk_queue->next_look = next_look;
        look(disk_queue, OPEN_FILES);
    }
    return disk_queue;
}

struct tote__disk_queue *tote__disk_queue_open(const char *path,
                                               const struct tote__disk_queue_limits *limits) {
    return open_disk_queue(path, limits, tote__os_user_id(), true, 0);
}

struct tote__disk_queue *
tote__disk_queue_open_to_put(const char *path, const struct tote__disk_queue_limits *limits) {
    return open_disk_queue(path, limits, tote__os_user_id(), true, TOTE__NEVER);
}

struct tote__disk_queue *
tote__disk_queue_open_existing(const char *path, const struct tote__disk_queue_limits *limits) {
    uid_t user = tote__os_user_id();

    return open_disk_queue(path, limits, user ? user : TOTE__ANY_OWNER, false, 0);
}

/* The descriptor may be reused: the host closes descriptors that it does not know. */
struct tote__disk_queue *tote__disk_queue_reopen(const struct tote__disk_queue *inherited,
                                                 const char *path) {
    struct tote__folder folder;
    struct tote__disk_queue *disk_queue = NULL;

    if (inherited->user != tote__os_user_id() ||
        !tote__folder_reopen(&inherited->folder, &folder)) {
        return tote__disk_queue_open(path, &inherited->limits);
    }
    disk_queue = make(inherited->path, &inherited->limits);
    if (disk_queue) {
        disk_queue->folder = folder;
        disk_queue->does_sync = inherited->does_sync;
        look(disk_queue, STEP_FILES);
    } else {
        tote__folder_close(&folder);
    }
    return disk_queue;
}
