/* SPDX-License-Identifier: MIT */
/*
 * spool.c - the disk queue: batches that could not be delivered, a file each
 *
 * `known` holds what a look at the directory found, and what was put there since. A look goes on
 * from call to call, into an index of its own, which replaces `known` at its end. So every call
 * makes a bounded number of steps, however many files there are. What other processes do meanwhile
 * is noticed when a file is not there any more, or by the next look.
 */
#include "tote/internal/spool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "spool_file.h"
#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/folder.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"
#include "tote/internal/spool_entry.h"
#include "tote/internal/spool_lock.h"

enum {
    LOOK_AGAIN_MS = 5000,
    NOBODYS_TAG = 0,        /* of spans of a process that died */
    ABANDONED_AFTER_S = 60, /* a file that somebody began to write and did not finish */
    /* Bounds of one call: */
    STEP_NAMES = 512,
    STEP_FILES = 64,
    OPEN_FILES = 4096,
    MOST_EVICTED = 64,
    MOST_ATTEMPTS = 16
};

static const char *const component = "spool";
static const char corrupt_suffix[] = ".corrupt";

/* A look at the directory. */
struct scan {
    struct tote__listing listing;
    struct tote__spool_index found;
    uint32_t
        first_sequence; /* own files from this one on are put into `found` when they are written */
    uint64_t unreadable;
};

struct tote__spool {
    struct tote__spool_limits limits;
    const char *path;
    struct tote__folder folder;
    uid_t user; /* effective, when the folder was opened */
    struct tote__spool_lock lock;
    bool is_locked_out;
    bool does_sync;
    uint32_t renewals; /* of the directory, after it was removed */
    struct tote__spool_clock clock;
    uint32_t tag; /* of this process's files */
    uint32_t sequence;
    uint64_t last_time; /* of the newest file */
    struct tote__spool_index known;
    struct tote__spool_index skipped; /* taken again when `known` is empty */
    struct scan scan;
    uint64_t next_look;
    bool has_more; /* the last take did not get through */
    uint64_t lost;
    uint64_t unreadable;
    uint64_t damaged;
    struct tote__spool_entry taken; /* last, in no index, */
    bool has_taken;                 /* and not removed yet */
    struct tote__buffer file;
};

static bool is_too_old(const struct tote__spool *spool, const struct tote__spool_entry *entry) {
    uint64_t age = tote__spool_clock_age(&spool->clock, entry->time);
    char name[TOTE__SPOOL_NAME_BYTES];
    struct tote__boot_time written;

    if (age <= spool->limits.max_age_s && !tote__spool_clock_is_unsure(entry->time)) {
        return false;
    }
    tote__spool_entry_name(entry, name);
    tote__spool_read_head(&spool->folder, name, &written);
    return tote__spool_clock_true_age(&spool->clock, age, written) > spool->limits.max_age_s;
}

static bool is_same(const struct tote__spool_entry *a, const struct tote__spool_entry *b) {
    return !tote__spool_entry_is_older(a, b) && !tote__spool_entry_is_older(b, a);
}

static bool is_taken(const struct tote__spool *spool, const struct tote__spool_entry *entry) {
    return spool->has_taken && is_same(entry, &spool->taken);
}

static uint64_t total_bytes(const struct tote__spool *spool) {
    return spool->known.bytes + spool->skipped.bytes + (spool->has_taken ? spool->taken.size : 0);
}

static size_t total_count(const struct tote__spool *spool) {
    return spool->known.count + spool->skipped.count + spool->has_taken;
}

/* Out of memory, the next look finds it. */
static void note_file(struct tote__spool *spool, const struct tote__spool_entry *entry) {
    tote__spool_index_add(&spool->known, entry);
    if (spool->scan.listing.directory) {
        tote__spool_index_add(&spool->scan.found, entry);
    }
}

static void report_unreadable(const char *name, int error) {
    tote_diagnose(TOTE_LEVEL_ERROR, component, "%s stays in the disk queue and is not sent: %s",
                  name,
                  error == EPERM ? "it is not a regular file of the directory's owner, or other "
                                   "users may write to it; change its owner and mode, or remove it"
                                 : tote__os_error(error).text);
}

/* Keep the bytes of a damaged file for whoever looks into it. */
static void set_aside(struct tote__spool *spool, const struct tote__spool_entry *entry) {
    char name[TOTE__SPOOL_NAME_BYTES];
    char aside[TOTE__SPOOL_NAME_BYTES + sizeof corrupt_suffix];

    tote__spool_entry_name(entry, name);
    snprintf(aside, sizeof aside, "%s%s", name, corrupt_suffix);
    tote__folder_rename(&spool->folder, name, aside);
    tote_diagnose(TOTE_LEVEL_ERROR, component,
                  "%s is damaged: its %u spans are lost, and it is kept as %s", name,
                  entry->span_count, aside);
    spool->damaged++;
    spool->lost += entry->tag == spool->tag ? entry->span_count : 0;
}

/* Remove what nobody will finish, or look at any more. */
static void clear_away(struct tote__spool *spool, const char *name, const struct stat *status) {
    uint64_t age =
        tote__spool_clock_age(&spool->clock, (uint64_t)status->st_mtim.tv_sec * 1000000000U);
    struct tote__spool_entry entry;
    struct tote__boot_time written;

    if (tote__spool_entry_read(name, TOTE__SPOOL_ASIDE_SUFFIX, &entry)) {
        if (age > ABANDONED_AFTER_S) {
            tote__spool_remove_unfinished(&spool->folder, name);
        }
    } else if (age > spool->limits.max_age_s) {
        enum tote__spool_head head = tote__spool_read_head(&spool->folder, name, &written);
        if (head == TOTE__HEAD_OURS || head == TOTE__HEAD_BLANK) {
            tote__folder_remove(&spool->folder, name);
        }
    }
}

static void enter_found(struct tote__spool *spool, const char *name,
                        struct tote__spool_entry *entry, const struct stat *status) {
    if (!tote__folder_owns(&spool->folder, status) ||
        status->st_size > TOTE__SPOOL_MOST_FILE_BYTES) {
        report_unreadable(name, status->st_size > TOTE__SPOOL_MOST_FILE_BYTES ? EFBIG : EPERM);
        spool->scan.unreadable++;
        return;
    }
    entry->size = (uint32_t)status->st_size;
    tote__spool_index_add(&spool->scan.found, entry);
    if (entry->time > spool->last_time && entry->time < UINT64_MAX / 2) {
        spool->last_time = entry->time; /* new ones are newer, also after the clock was set back */
    }
}

/* Only names that a queue writes are looked at. Returns whether the file was. */
static bool look_at(struct tote__spool *spool, const char *name) {
    struct tote__spool_entry entry;
    struct stat status;
    bool is_batch = tote__spool_entry_read(name, "", &entry);

    if (!is_batch && !tote__spool_entry_read(name, TOTE__SPOOL_ASIDE_SUFFIX, &entry) &&
        !tote__spool_entry_read(name, corrupt_suffix, &entry)) {
        return false;
    }
    if (is_batch && (is_taken(spool, &entry) ||
                     (entry.tag == spool->tag && entry.sequence >= spool->scan.first_sequence))) {
        return false;
    }
    if (tote__folder_has_file(&spool->folder, name, &status)) {
        if (is_batch) {
            enter_found(spool, name, &entry, &status);
        } else if (tote__folder_owns(&spool->folder, &status)) {
            clear_away(spool, name, &status);
        }
    }
    return true;
}

static void drop_scan(struct tote__spool *spool) {
    tote__listing_close(&spool->scan.listing);
    tote__spool_index_clear(&spool->scan.found);
    spool->scan = (struct scan){.listing.directory = NULL};
}

static void end_scan(struct tote__spool *spool) {
    tote__spool_index_clear(&spool->known);
    tote__spool_index_clear(&spool->skipped);
    spool->known = spool->scan.found;
    spool->unreadable = spool->scan.unreadable;
    spool->scan.found = (struct tote__spool_index){.entries = NULL};
    drop_scan(spool);
    spool->next_look = tote__deadline_in(LOOK_AGAIN_MS);
}

/* Look at so many files more. */
static void go_on_looking(struct tote__spool *spool, unsigned most_files) {
    unsigned most_names = most_files * (STEP_NAMES / STEP_FILES);
    unsigned files = 0;

    for (unsigned names = 0; names < most_names && files < most_files; names++) {
        const char *name = tote__listing_next(&spool->scan.listing);
        if (!name) {
            end_scan(spool);
            return;
        }
        files += look_at(spool, name);
    }
}

static bool open_folder(struct tote__spool *spool, uid_t owner, bool may_make) {
    char problem[TOTE__FOLDER_PROBLEM_BYTES];

    if (tote__folder_open(spool->path, owner, may_make, &spool->folder, problem)) {
        return true;
    }
    tote_diagnose(TOTE_LEVEL_ERROR, component, "the disk queue %s cannot be used: %s", spool->path,
                  problem);
    return false;
}

/* This process's batches in it went with the directory. */
static void forget_all(struct tote__spool *spool) {
    struct tote__spool_index *indexes[] = {&spool->known, &spool->skipped};

    for (size_t i = 0; i < TOTE_COUNT_OF(indexes); i++) {
        for (size_t j = 0; j < indexes[i]->count; j++) {
            const struct tote__spool_entry *entry = &indexes[i]->entries[j];
            spool->lost += entry->tag == spool->tag ? entry->span_count : 0;
        }
        tote__spool_index_clear(indexes[i]);
    }
}

/*
 * Open the directory again, and use nothing of the old one any more. The same directory keeps what
 * is known of it. Returns false, with a diagnostic, and nothing has changed, if it cannot be
 * opened.
 */
static bool open_again(struct tote__spool *spool, uid_t owner) {
    struct tote__folder old = spool->folder;

    if (!open_folder(spool, owner, true)) {
        spool->folder = old;
        return false;
    }
    if (old.device != spool->folder.device || old.inode != spool->folder.inode) {
        forget_all(spool);
    }
    tote__folder_close(&old);
    drop_scan(spool);
    tote__spool_lock_drop(&spool->lock);
    spool->user = tote__os_user_id();
    spool->renewals++;
    spool->next_look = 0;
    return true;
}

/*
 * Open the directory again as the user that this process runs as now. Returns false, with errno as
 * it was, if the process has not changed its user, or if the directory does not belong to the new
 * one.
 */
static bool follow_user(struct tote__spool *spool) {
    int error = errno;
    bool has_followed = (error == EACCES || error == EPERM) && tote__os_user_id() != spool->user &&
                        open_again(spool, tote__os_user_id());

    errno = error;
    return has_followed;
}

/* Create a directory again that was removed. Returns false if it was not, or cannot be created. */
static bool renew(struct tote__spool *spool) {
    uint64_t lost = spool->lost;

    if (!tote__folder_is_removed(&spool->folder) || !open_again(spool, spool->folder.owner)) {
        return false;
    }
    tote_diagnose(TOTE_LEVEL_WARN, component,
                  "the directory of the disk queue %s was removed, with %llu spans of this process "
                  "in it; it is created again",
                  spool->path, (unsigned long long)(spool->lost - lost));
    return true;
}

/*
 * Have the directory open, before each use. The host may have closed the descriptor, and the number
 * may be another file's. Returns false, with a diagnostic, if the directory cannot be opened again.
 */
static bool check_folder(struct tote__spool *spool) {
    if (!tote__folder_is_open(&spool->folder)) {
        return open_again(spool, spool->folder.owner);
    }
    if (spool->scan.listing.directory && !tote__listing_is_open(&spool->scan.listing)) {
        drop_scan(spool);
    }
    return true;
}

static bool open_listing(struct tote__spool *spool) {
    struct tote__folder folder;

    return tote__folder_reopen(&spool->folder, &folder) &&
           tote__listing_begin(&folder, &spool->scan.listing);
}

static void begin_scan(struct tote__spool *spool) {
    spool->scan = (struct scan){.first_sequence = spool->sequence};
    if (!open_listing(spool) && follow_user(spool)) {
        open_listing(spool);
    }
    spool->next_look = tote__deadline_in(LOOK_AGAIN_MS);
}

/* Begin a look when it is time, and go on with one that is under way. */
static void look(struct tote__spool *spool, unsigned most_files) {
    if (!spool->scan.listing.directory && tote__clock_monotonic() >= spool->next_look) {
        renew(spool);
        begin_scan(spool);
    }
    if (spool->scan.listing.directory) {
        go_on_looking(spool, most_files);
    }
}

/* What a call evicted. */
struct evicted {
    unsigned batches;
    uint64_t spans;
};

/* Remove the oldest file of the index. */
static void evict(struct tote__spool *spool, struct tote__spool_index *index,
                  struct evicted *evicted) {
    const struct tote__spool_entry entry = tote__spool_index_pop(index);
    char name[TOTE__SPOOL_NAME_BYTES];
    struct tote__boot_time written;

    if (is_taken(spool, &entry)) {
        return; /* it is in flight, and in no need of an index */
    }
    evicted->batches++;
    tote__spool_entry_name(&entry, name);
    switch (tote__spool_read_head(&spool->folder, name, &written)) {
    case TOTE__HEAD_OURS:
        if (tote__folder_remove(&spool->folder, name)) {
            evicted->spans += entry.span_count;
            spool->lost += entry.tag == spool->tag ? entry.span_count : 0;
        }
        break;
    case TOTE__HEAD_UNKNOWN: /* removed by another process, which counts it, or unreadable */
        break;
    default:
        set_aside(spool, &entry);
    }
}

static void report_evicted(const struct evicted *evicted, const char *why) {
    if (evicted->spans) {
        tote_diagnose(TOTE_LEVEL_ERROR, component,
                      "%llu spans in %u batches were evicted from the disk queue: %s",
                      (unsigned long long)evicted->spans, evicted->batches, why);
    }
}

static void evict_old(struct tote__spool *spool, struct tote__spool_index *index) {
    struct evicted evicted = {0, 0};

    while (index->count && evicted.batches < MOST_EVICTED &&
           is_too_old(spool, &index->entries[0])) {
        evict(spool, index, &evicted);
    }
    report_evicted(&evicted, "they are older than spool_max_age_s");
}

static void drop_old(struct tote__spool *spool) {
    evict_old(spool, &spool->known);
    evict_old(spool, &spool->skipped);
}

static struct tote__spool_index *index_of_oldest(struct tote__spool *spool) {
    bool is_known = spool->known.count && (!spool->skipped.count ||
                                           tote__spool_entry_is_older(&spool->known.entries[0],
                                                                      &spool->skipped.entries[0]));

    return is_known ? &spool->known : &spool->skipped;
}

static void make_room(struct tote__spool *spool, size_t size) {
    struct evicted evicted = {0, 0};

    drop_old(spool);
    while ((total_bytes(spool) + size > spool->limits.max_bytes ||
            total_count(spool) + 1 > spool->limits.max_files) &&
           evicted.batches < MOST_EVICTED) {
        struct tote__spool_index *index = index_of_oldest(spool);
        if (!index->count) {
            break;
        }
        evict(spool, index, &evicted);
    }
    report_evicted(&evicted, "there are more than spool_max_bytes or spool_max_files allow");
}

static void remove_batch(const struct tote__spool *spool, const struct tote__spool_entry *entry) {
    char name[TOTE__SPOOL_NAME_BYTES];

    tote__spool_entry_name(entry, name);
    tote__folder_remove(&spool->folder, name);
}

static bool write_batch(struct tote__spool *spool, const struct tote__spool_entry *entry,
                        const struct tote__batch *batch) {
    char name[TOTE__SPOOL_NAME_BYTES];

    tote__spool_entry_name(entry, name);
    return tote__spool_write_file(&spool->folder, name, batch, tote__spool_clock_now(&spool->clock),
                                  spool->does_sync);
}

bool tote__spool_put(struct tote__spool *spool, const struct tote__batch *batch) {
    uint64_t now = tote__clock_realtime();
    size_t size = TOTE__SPOOL_HEAD_BYTES + batch->message.size;

    if (size > spool->limits.max_bytes || size > TOTE__SPOOL_MOST_FILE_BYTES) {
        tote_diagnose(TOTE_LEVEL_ERROR, component, "a batch of %zu bytes is over spool_max_bytes",
                      size);
        return false;
    }
    if (!check_folder(spool)) {
        return false;
    }
    look(spool, STEP_FILES);
    make_room(spool, size);
    const struct tote__spool_entry entry = {
        .time = now > spool->last_time ? now : spool->last_time + 1,
        .tag = batch->is_own ? spool->tag : NOBODYS_TAG,
        .sequence = spool->sequence++,
        .span_count = batch->span_count,
        .size = (uint32_t)size,
    };
    bool is_put = write_batch(spool, &entry, batch) ||
                  (((errno == ENOENT && renew(spool)) || follow_user(spool)) &&
                   write_batch(spool, &entry, batch));
    if (is_put) {
        spool->last_time = entry.time;
        note_file(spool, &entry);
    } else {
        tote_diagnose(TOTE_LEVEL_ERROR, component,
                      "a batch of %u spans cannot be written to the disk queue %s: %s",
                      batch->span_count, spool->path, tote__os_error(errno).text);
    }
    return is_put;
}

uint64_t tote__spool_lost(const struct tote__spool *spool) {
    return spool->lost;
}

bool tote__spool_may_send(struct tote__spool *spool) {
    if (!check_folder(spool)) {
        return false;
    }
    int error = tote__spool_lock_take(&spool->lock, &spool->folder);
    bool is_locked_out = error && error != EAGAIN && error != ENOENT;
    if (is_locked_out && !spool->is_locked_out) {
        tote_diagnose(TOTE_LEVEL_ERROR, component,
                      "nothing is sent from the disk queue %s: its file '%s' cannot be opened: %s; "
                      "it has to be a regular file of user %u with mode 0600",
                      spool->path, TOTE__SPOOL_LOCK_NAME, tote__os_error(error).text,
                      (unsigned)spool->folder.owner);
    }
    spool->is_locked_out = is_locked_out;
    return !error;
}

/* Returns whether the batch is there. */
static bool try_to_take(struct tote__spool *spool, const struct tote__spool_entry *entry,
                        struct tote__batch *batch) {
    char name[TOTE__SPOOL_NAME_BYTES];

    tote__spool_entry_name(entry, name);
    int error = tote__spool_read_file(&spool->folder, name, &spool->file);
    if (error == ENOENT || error == ENOMEM) {
        return false; /* another process was quicker; or the next look finds it */
    }
    if (error) {
        report_unreadable(name, error);
        spool->unreadable++;
        return false;
    }
    if (!tote__spool_parse(tote__buffer_slice(&spool->file), batch)) {
        set_aside(spool, entry);
        return false;
    }
    batch->is_own = entry->tag == spool->tag;
    return true;
}

static bool take(struct tote__spool *spool, struct tote__batch *batch) {
    renew(spool); /* then what was in it is lost, and not another process's */
    for (unsigned i = 0; i < MOST_ATTEMPTS && spool->known.count; i++) {
        const struct tote__spool_entry entry = tote__spool_index_pop(&spool->known);
        if (try_to_take(spool, &entry, batch)) {
            spool->taken = entry;
            spool->has_taken = true;
            return true;
        }
    }
    spool->has_more = spool->known.count != 0;
    return false;
}

/* The batch that was taken is not removed. */
static void put_back(struct tote__spool *spool) {
    if (spool->has_taken) {
        tote__spool_index_add(&spool->known, &spool->taken);
        spool->has_taken = false;
    }
}

static void take_up_skipped(struct tote__spool *spool) {
    struct tote__spool_index empty = spool->known;

    spool->known = spool->skipped;
    spool->skipped = empty;
}

bool tote__spool_take(struct tote__spool *spool, struct tote__batch *batch) {
    bool has_found = false;

    put_back(spool);
    spool->has_more = false;
    if (!check_folder(spool)) {
        spool->next_look = tote__deadline_in(LOOK_AGAIN_MS);
        return false;
    }
    if (!spool->known.count) {
        look(spool, STEP_FILES);
        spool->has_more = spool->scan.listing.directory != NULL;
    }
    if (!spool->known.count && !spool->has_more) {
        take_up_skipped(spool);
    }
    drop_old(spool);
    if (spool->known.count) {
        has_found = tote__spool_may_send(spool) && take(spool, batch);
        if (!has_found && !spool->has_more) {
            spool->next_look = tote__deadline_in(LOOK_AGAIN_MS);
        }
    }
    return has_found;
}

void tote__spool_remove(struct tote__spool *spool) {
    if (spool->has_taken && check_folder(spool)) {
        remove_batch(spool, &spool->taken);
        spool->has_taken = false;
    }
}

void tote__spool_skip(struct tote__spool *spool) {
    if (spool->has_taken && tote__spool_index_add(&spool->skipped, &spool->taken)) {
        spool->has_taken = false;
    }
}

/* As old as the whole, with a number of its own among the files of that time. */
static struct tote__spool_entry half_of(struct tote__spool *spool, uint32_t which,
                                        const struct tote__batch *batch) {
    const struct tote__spool_entry *whole = &spool->taken;
    bool is_own = whole->tag == spool->tag;

    return (struct tote__spool_entry){
        .time = whole->time,
        .tag = whole->tag,
        .sequence = is_own ? spool->sequence++ : 2 * whole->sequence + 1 + which,
        .span_count = batch->span_count,
        .size = (uint32_t)(TOTE__SPOOL_HEAD_BYTES + batch->message.size),
    };
}

bool tote__spool_split(struct tote__spool *spool, const struct tote__batch halves[2]) {
    struct tote__spool_entry entries[2];
    bool is_split = spool->has_taken && check_folder(spool);

    for (uint32_t i = 0; i < 2 && is_split; i++) {
        entries[i] = half_of(spool, i, &halves[i]);
        is_split = write_batch(spool, &entries[i], &halves[i]);
        if (!is_split && i == 1) {
            remove_batch(spool, &entries[0]);
        }
    }
    if (is_split) {
        tote__spool_remove(spool);
        note_file(spool, &entries[0]);
        note_file(spool, &entries[1]);
    }
    return is_split;
}

size_t tote__spool_count(const struct tote__spool *spool) {
    return spool->known.count + spool->skipped.count + spool->has_taken +
           (spool->known.count ? 0 : spool->scan.found.count);
}

struct tote__spool_trouble tote__spool_trouble(const struct tote__spool *spool) {
    return (struct tote__spool_trouble){
        .unreadable =
            spool->scan.unreadable > spool->unreadable ? spool->scan.unreadable : spool->unreadable,
        .damaged = spool->damaged,
        .is_locked_out = spool->is_locked_out,
    };
}

uint64_t tote__spool_next_look(const struct tote__spool *spool) {
    return spool->has_more ? 0 : spool->next_look;
}

int tote__spool_descriptor(const struct tote__spool *spool) {
    return tote__folder_is_open(&spool->folder) ? spool->folder.descriptor : -1;
}

uint32_t tote__spool_renewals(const struct tote__spool *spool) {
    return spool->renewals;
}

void tote__spool_set_sync(struct tote__spool *spool, bool does_sync) {
    spool->does_sync = does_sync;
}

void tote__spool_close(struct tote__spool *spool) {
    if (!spool) {
        return;
    }
    tote__spool_lock_drop(&spool->lock);
    drop_scan(spool);
    tote__folder_close(&spool->folder);
    tote__spool_index_clear(&spool->known);
    tote__spool_index_clear(&spool->skipped);
    tote__buffer_clear(&spool->file);
    tote__release(spool, sizeof *spool);
}

static struct tote__spool *make(const char *path, const struct tote__spool_limits *limits) {
    struct tote__spool *spool = tote__allocate(sizeof *spool);
    uint32_t tag = 0;

    if (!spool || !tote__os_random(&tag, sizeof tag)) {
        tote_diagnose(TOTE_LEVEL_ERROR, component, "the disk queue %s cannot be used: %s", path,
                      spool ? "no random number is available" : "out of memory");
        tote__release(spool, sizeof *spool);
        return NULL;
    }
    *spool = (struct tote__spool){
        .limits = *limits,
        .path = path,
        .folder = {.descriptor = -1},
        .user = tote__os_user_id(),
        .lock = TOTE__SPOOL_LOCK_INIT,
        .does_sync = true,
        .clock = tote__spool_clock_start(),
        .tag = tag == NOBODYS_TAG ? 1 : tag,
    };
    return spool;
}

static struct tote__spool *open_spool(const char *path, const struct tote__spool_limits *limits,
                                      uid_t owner, bool may_make) {
    struct tote__spool *spool = make(path, limits);

    if (spool && !open_folder(spool, owner, may_make)) {
        tote__spool_close(spool);
        spool = NULL;
    }
    if (spool) {
        look(spool, OPEN_FILES);
    }
    return spool;
}

struct tote__spool *tote__spool_open(const char *path, const struct tote__spool_limits *limits) {
    return open_spool(path, limits, tote__os_user_id(), true);
}

struct tote__spool *tote__spool_open_existing(const char *path,
                                              const struct tote__spool_limits *limits) {
    uid_t user = tote__os_user_id();

    return open_spool(path, limits, user ? user : TOTE__ANY_OWNER, false);
}

/* The descriptor may be another one's by now: the host closes what it does not know. */
struct tote__spool *tote__spool_reopen(const struct tote__spool *inherited, const char *path) {
    struct tote__folder folder;
    struct tote__spool *spool = NULL;

    if (inherited->user != tote__os_user_id() ||
        !tote__folder_reopen(&inherited->folder, &folder)) {
        return tote__spool_open(path, &inherited->limits);
    }
    spool = make(inherited->path, &inherited->limits);
    if (spool) {
        spool->folder = folder;
        spool->does_sync = inherited->does_sync;
        look(spool, STEP_FILES);
    } else {
        tote__folder_close(&folder);
    }
    return spool;
}
