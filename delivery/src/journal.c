/* SPDX-License-Identifier: MIT */
/*
 * journal.c - memory for ended spans that outlives the process
 *
 * A thread fills a chunk from its start on; each record ends with one that is empty, until the next
 * takes its place.
 *
 * `map` is shared memory, or private memory whose every change is also written to the file. In the
 * file a record is first written as an empty one and then made live, so that one whose write was
 * cut short is not there.
 */
#include "tote/internal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "journal_format.h"
#include "segment.h"
#include "tote/diagnostics.h"
#include "tote/internal/claim.h"
#include "tote/internal/fork.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"

enum { NAME_BYTES = 64, ABANDONED_AFTER_S = 3600, MOST_RESOURCES = 256, MOST_SCOPES = 1025 };

static const char *const component = "spool";

struct tote__journal {
    struct tote__safe_memory memory;
    struct tote__journal *older; /* the parent process's */
    uint32_t generation;
    struct tote__claim claim; /* on the file */
    uint8_t *map;
    size_t size;
    struct tote__segment segment; /* id -1: the journal is in the file */
    _Atomic(int) failure; /* errno of a write to the file that failed; 0: none, or reported */
    _Atomic(bool) has_reported;
    _Atomic(int) file;
    struct tote__folder directory;
    char name[NAME_BYTES];
    uint32_t chunk_count;
    _Atomic(bool) knows_resource[MOST_RESOURCES];
    _Atomic(bool) knows_scope[MOST_SCOPES];
    struct tote__lock lock; /* guards what follows */
    uint32_t *free_chunks;
    uint32_t free_count;
    size_t definitions_used;
};

static struct tote__claims files;

static struct tote__journal_head *head_of(const struct tote__journal *journal) {
    return (struct tote__journal_head *)journal->map;
}

static struct tote__record *record_at(const struct tote__journal *journal, size_t offset) {
    return (struct tote__record *)(journal->map + offset);
}

static size_t chunk_at(uint32_t chunk) {
    return TOTE__JOURNAL_CHUNKS_AT + (size_t)chunk * TOTE__SAFE_CHUNK_BYTES;
}

static bool is_in_file(const struct tote__journal *journal) {
    return journal->segment.id < 0;
}

bool tote__journal_is_open(const struct tote__journal *journal) {
    return tote__os_is_same_file(journal->file, journal->claim.device, journal->claim.inode);
}

/* Copy a part of the map to the file. Returns: false with errno set. */
static bool write_part_to(int file, const struct tote__journal *journal, const void *from,
                          size_t size) {
    return tote__os_write_at(file, from, size, (uint64_t)((const uint8_t *)from - journal->map));
}

static bool write_part(const struct tote__journal *journal, const void *from, size_t size) {
    errno = EBADF;
    return tote__journal_is_open(journal) && write_part_to(journal->file, journal, from, size);
}

/* Copy it to the file. Keeps errno. */
static bool keep_in_file(struct tote__journal *journal, const void *from, size_t size) {
    int error = errno;
    bool is_kept = write_part(journal, from, size);

    if (!is_kept) {
        atomic_store_explicit(&journal->failure, errno, memory_order_relaxed);
    }
    errno = error;
    return is_kept;
}

/* Copy to the file what of the map is not shared memory. Keeps errno. */
static inline bool keep(struct tote__journal *journal, const void *from, size_t size) {
    return !is_in_file(journal) || keep_in_file(journal, from, size);
}

/* No lock is held. */
static void report_failure(struct tote__journal *journal) {
    int failure = atomic_load_explicit(&journal->failure, memory_order_relaxed);

    if (failure && !atomic_exchange_explicit(&journal->has_reported, true, memory_order_relaxed)) {
        tote_diagnose(TOTE_LEVEL_ERROR, component,
                      "spans that end will not outlive this process, and count as unsecured: the "
                      "journal %s cannot be written: %s; make room there or see journal_directory",
                      journal->name, tote__os_error(failure).text);
    }
}

static bool set_state(struct tote__journal *journal, struct tote__record *record, uint32_t state,
                      memory_order order) {
    atomic_store_explicit(&record->state, state, order);
    return keep(journal, (const void *)&record->state, sizeof record->state);
}

/*
 * The record is complete except for its state: end the run behind it, and have it be there.
 * Returns: false when it cannot be written to the file.
 */
static bool write_record(struct tote__journal *journal, struct tote__record *record, uint32_t state,
                         bool has_next) {
    size_t size = tote__record_size(record->size);

    record->checksum = tote__record_checksum(record);
    atomic_store_explicit(&record->state, TOTE__RECORD_EMPTY, memory_order_relaxed);
    if (has_next) {
        struct tote__record *next = (struct tote__record *)(void *)((uint8_t *)record + size);
        atomic_store_explicit(&next->state, TOTE__RECORD_EMPTY, memory_order_relaxed);
        size += sizeof next->state;
    }
    if (keep(journal, record, size) && set_state(journal, record, state, memory_order_release)) {
        return true;
    }
    atomic_store_explicit(&record->state, TOTE__RECORD_EMPTY, memory_order_relaxed);
    return false;
}

/* The definition's fields are in the buffer. Returns: false when there is no room for them. */
static bool add_definition(struct tote__journal *journal, uint32_t resource, uint32_t scope,
                           const struct tote__buffer *fields) {
    size_t size = tote__record_size(fields->size);
    size_t left = TOTE__JOURNAL_DEFINITION_BYTES - journal->definitions_used;

    if (size + sizeof(struct tote__record) > left) {
        return false;
    }
    struct tote__record *record =
        record_at(journal, TOTE__JOURNAL_HEAD_BYTES + journal->definitions_used);
    record->size = (uint32_t)fields->size;
    record->resource = resource;
    record->scope = scope;
    memcpy(record->bytes, fields->bytes, fields->size);
    if (!write_record(journal, record, TOTE__RECORD_LIVE, true)) {
        return false;
    }
    journal->definitions_used += size;
    return true;
}

static bool define(struct tote__journal *journal, _Atomic(bool) *is_known, uint32_t resource,
                   uint32_t scope) {
    struct tote__buffer fields = {NULL, 0, 0};

    tote__lock_take(&journal->lock);
    bool is_done = atomic_load_explicit(is_known, memory_order_relaxed);
    if (!is_done) {
        bool is_encoded = scope == TOTE__NO_INDEX ? tote__define_resource(&fields, resource)
                                                  : tote__define_scope(&fields, scope);
        is_done = is_encoded && add_definition(journal, resource, scope, &fields);
        atomic_store_explicit(is_known, is_done, memory_order_release);
    }
    tote__lock_drop(&journal->lock);
    tote__buffer_clear(&fields);
    return is_done;
}

/* Whether who reads a span of them can tell what they are. */
static bool knows(struct tote__journal *journal, uint32_t resource, uint32_t scope) {
    if (resource >= MOST_RESOURCES || scope >= MOST_SCOPES) {
        return false;
    }
    _Atomic(bool) *knows_resource = &journal->knows_resource[resource];
    _Atomic(bool) *knows_scope = &journal->knows_scope[scope];
    return (atomic_load_explicit(knows_resource, memory_order_acquire) ||
            define(journal, knows_resource, resource, TOTE__NO_INDEX)) &&
           (atomic_load_explicit(knows_scope, memory_order_acquire) ||
            define(journal, knows_scope, TOTE__NO_INDEX, scope));
}

static void put_free(struct tote__journal *journal, uint32_t chunk) {
    tote__lock_take(&journal->lock);
    journal->free_chunks[journal->free_count++] = chunk;
    tote__lock_drop(&journal->lock);
}

/*
 * Note in the head that the chunk has records from now on, so that a reader need not look at chunks
 * that were never used. The lock is held. Returns: false when it cannot be written to the file.
 */
static bool note_use(struct tote__journal *journal, uint32_t chunk) {
    _Atomic(uint64_t) *mark = &head_of(journal)->used_chunks;
    uint64_t before = atomic_load_explicit(mark, memory_order_relaxed);

    if (chunk < (uint32_t)before) {
        return true;
    }
    atomic_store_explicit(mark, tote__used_chunks_mark(chunk + 1), memory_order_relaxed);
    if (keep(journal, (const void *)mark, sizeof *mark)) {
        return true;
    }
    atomic_store_explicit(mark, before, memory_order_relaxed);
    return false;
}

/* Returns: false when there is none. */
static bool take_free(struct tote__journal *journal, uint32_t *chunk) {
    tote__lock_take(&journal->lock);
    bool has_some = journal->free_count != 0 &&
                    note_use(journal, journal->free_chunks[journal->free_count - 1]);
    if (has_some) {
        *chunk = journal->free_chunks[--journal->free_count];
    }
    tote__lock_drop(&journal->lock);
    return has_some;
}

static uint8_t *journal_take(void *self, uint32_t *number) {
    struct tote__journal *journal = self;
    uint32_t chunk;

    if (!take_free(journal, &chunk)) {
        return NULL;
    }
    *number = chunk + 1;
    return journal->map + chunk_at(chunk);
}

static void journal_give_back(void *self, uint32_t number) {
    put_free(self, number - 1);
}

static enum tote__safety journal_commit(void *self, struct tote__record *record, bool has_next) {
    struct tote__journal *journal = self;
    bool is_known = knows(journal, record->resource, record->scope);
    uint32_t state = is_known ? TOTE__RECORD_LIVE : TOTE__RECORD_SKIPPED;

    if (!write_record(journal, record, state, has_next)) {
        return TOTE__CHUNK_BROKEN;
    }
    return is_known ? TOTE__SAFE : TOTE__NOT_SAFE;
}

static void journal_settle(void *self, struct tote__record *record) {
    set_state(self, record, TOTE__RECORD_SETTLED, memory_order_relaxed);
}

/* Add to one of the counters in the head. */
static void count(struct tote__journal *journal, _Atomic(uint64_t) *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
    if (is_in_file(journal)) { /* the last value that is written is the greatest */
        tote__lock_take(&journal->lock);
        keep(journal, (const void *)counter, sizeof *counter);
        tote__lock_drop(&journal->lock);
        report_failure(journal);
    }
}

/* What another process did to the file does not show in this one's memory. */
static bool journal_is_live(void *self, struct tote__record *record) {
    struct tote__journal *journal = self;
    uint64_t at = (uint64_t)((uint8_t *)record - journal->map);
    uint32_t state = 0;

    if (is_in_file(journal) && tote__journal_is_open(journal) &&
        tote__os_read_at(journal->file, &state, sizeof state, at)) {
        atomic_store(&record->state, state);
    }
    return atomic_load(&record->state) == TOTE__RECORD_LIVE;
}

static void journal_note_unsafe(void *self) {
    count(self, &head_of(self)->unsecured);
}

static void journal_note_drop(void *self) {
    count(self, &head_of(self)->dropped);
}

static const struct tote__safe_memory journal_memory = {
    .take = journal_take,
    .give_back = journal_give_back,
    .commit = journal_commit,
    .settle = journal_settle,
    .is_live = journal_is_live,
    .note_unsafe = journal_note_unsafe,
    .note_drop = journal_note_drop,
};

const struct tote__safe_memory *tote__journal_memory(const struct tote__journal *journal) {
    return &journal->memory;
}

uint64_t tote__journal_unsecured(const struct tote__journal *journal) {
    return atomic_load_explicit(&head_of(journal)->unsecured, memory_order_relaxed);
}

bool tote__journal_open_directory(const char *path, int spool, bool may_make,
                                  struct tote__folder *folder) {
    char problem[TOTE__FOLDER_PROBLEM_BYTES];
    struct tote__folder queue;

    tote__folder_borrow(spool, &queue);
    if (!path) {
        return tote__folder_reopen(&queue, folder);
    }
    bool is_open = tote__folder_open(path, queue.owner, may_make, folder, problem);
    if (!is_open && errno != ENOENT) {
        tote_diagnose(TOTE_LEVEL_ERROR, component, "journal_directory %s cannot be used: %s", path,
                      problem);
    }
    return is_open;
}

static void fill_head(struct tote__journal *journal, uint32_t nonce) {
    struct tote__journal_head *head = head_of(journal);

    memcpy(head->magic, TOTE__JOURNAL_MAGIC, sizeof head->magic);
    head->byte_order = 1;
    head->process = tote__os_process_id();
    head->chunk_count = journal->chunk_count;
    head->nonce = nonce;
    head->used_chunks = tote__used_chunks_mark(0);
    head->checksum = tote__journal_head_checksum(head);
}

/* Returns: false, with a diagnostic, when the system has no shared memory for it. */
static bool take_segment(struct tote__journal *journal) {
    if (tote__segment_make(&journal->segment, journal->size)) {
        tote__segment_note_file(&journal->segment, journal->directory.descriptor, journal->name);
        return true;
    }
    tote_diagnose(TOTE_LEVEL_WARN, component,
                  "no shared memory of %zu bytes: %s; each span that ends is written to a file "
                  "instead, by system calls",
                  journal->size, tote__os_error(errno).text);
    return false;
}

static bool make_memory(struct tote__journal *journal, bool is_shared) {
    uint64_t random = 0;

    tote__os_random(&random, sizeof random);
    snprintf(journal->name, sizeof journal->name, "%08x-%016llx%s", tote__os_process_id(),
             (unsigned long long)random, TOTE__JOURNAL_SUFFIX);
    journal->map =
        is_shared && take_segment(journal) ? journal->segment.at : tote__os_map(journal->size);
    if (journal->map) {
        fill_head(journal, (uint32_t)(random >> 32) ^ (uint32_t)random);
    }
    return journal->map;
}

/* Returns: false with errno set. */
static bool fill_file(const struct tote__journal *journal, int file) {
    struct tote__segment_reference reference;

    if (is_in_file(journal)) {
        return tote__os_reserve(file, journal->size) &&
               write_part_to(file, journal, journal->map, sizeof(struct tote__journal_head));
    }
    tote__segment_refer(&journal->segment, head_of(journal)->nonce, &reference);
    return tote__os_write_at(file, &reference, sizeof reference, 0);
}

/*
 * Make the file under another name, and rename it once it is whole and locked: whoever finds one
 * without a lock has found a dead one. Returns: -1 with errno set.
 */
static int make_file(struct tote__journal *journal, const struct tote__folder *folder) {
    const struct tote__claim before = journal->claim;
    char aside[NAME_BYTES + 8];
    struct tote__folder made;

    snprintf(aside, sizeof aside, "%s.tmp", journal->name);
    int file = tote__folder_create_file(folder, aside, O_RDWR);
    if (file < 0) {
        return -1;
    }
    bool is_made = tote__folder_borrow(file, &made);
    tote__claim_share(&files, &journal->claim, made.device, made.inode);
    if (is_made && tote__os_lock(file) && fill_file(journal, file) &&
        tote__folder_rename(folder, aside, journal->name)) {
        return file;
    }
    tote__claim_share(&files, &journal->claim, before.device, before.inode);
    tote__folder_remove(folder, aside);
    tote__os_close(file);
    return -1;
}

/* What was written to the map alone, as records that were settled. */
static bool write_all(int file, const struct tote__journal *journal) {
    uint32_t used = tote__used_chunks(head_of(journal));
    bool is_written = write_part_to(file, journal, journal->map, chunk_at(0));

    for (uint32_t i = 0; i < used && is_written; i++) {
        is_written =
            write_part_to(file, journal, journal->map + chunk_at(i), TOTE__SAFE_CHUNK_BYTES);
    }
    return is_written;
}

/*
 * The same file, if no other process has taken it over meanwhile. Returns: -1 with errno set.
 */
static int reopen_file(struct tote__journal *journal, const struct tote__folder *folder) {
    struct stat status;
    int file = tote__folder_open_file(folder, journal->name, O_RDWR, &status);
    bool is_same = file >= 0 && status.st_dev == journal->claim.device &&
                   status.st_ino == journal->claim.inode;

    if (is_same && tote__os_lock(file) && write_all(file, journal)) {
        atomic_store(&journal->failure, 0);
        return file;
    }
    if (file >= 0) {
        errno = is_same ? errno : EBUSY;
        tote__os_close(file);
    }
    return -1;
}

/* Returns: false with errno set. */
static bool renew(struct tote__journal *journal, const char *path, int spool) {
    const struct tote__claim before = journal->claim;
    struct tote__folder folder;

    if (!tote__journal_open_directory(path, spool, false, &folder)) {
        return false;
    }
    int file = is_in_file(journal) ? reopen_file(journal, &folder) : make_file(journal, &folder);
    if (file < 0) {
        tote__os_close(folder.descriptor);
        return false;
    }
    if (!is_in_file(journal)) {
        tote__os_close_same_file(journal->file, before.device, before.inode);
        tote__segment_note_file(&journal->segment, folder.descriptor, journal->name);
    }
    tote__folder_close(&journal->directory);
    journal->file = file;
    journal->directory = folder;
    return true;
}

void tote__journal_renew(struct tote__journal *journal, const char *directory, int spool) {
    bool needs_nothing = is_in_file(journal) && tote__journal_is_open(journal);

    if (!needs_nothing && !renew(journal, is_in_file(journal) ? directory : NULL, spool)) {
        tote_diagnose(TOTE_LEVEL_ERROR, component,
                      "spans that end will not outlive this process: the journal's file, or its "
                      "directory, was removed, or this process has closed its descriptor, and it "
                      "cannot be made or opened again now: %s",
                      tote__os_error(errno).text);
    }
}

static bool make_chunks(struct tote__journal *journal) {
    size_t count = journal->chunk_count;

    journal->free_chunks = tote__allocate(count * sizeof *journal->free_chunks);
    if (!journal->free_chunks) {
        errno = ENOMEM;
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        journal->free_chunks[i] = (uint32_t)count - 1 - i; /* the first one is on top */
    }
    journal->free_count = (uint32_t)count;
    return true;
}

bool tote__journal_is_own(const struct stat *status) {
    return tote__is_claimed(&files, status->st_dev, status->st_ino);
}

struct tote__journal *tote__journal_new(const char *directory, int spool, size_t bytes,
                                        struct tote__journal *older) {
    struct tote__journal *journal = tote__allocate_zeroed(sizeof *journal);
    size_t chunks = bytes / TOTE__SAFE_CHUNK_BYTES;

    if (!journal) {
        return NULL;
    }
    journal->memory = journal_memory;
    journal->memory.self = journal;
    journal->generation = tote__generation();
    journal->directory.descriptor = journal->segment.id = -1;
    journal->file = -1;
    journal->chunk_count = (uint32_t)(chunks ? chunks : 1);
    journal->size = chunk_at(journal->chunk_count);
    bool is_made = tote__journal_open_directory(directory, spool, true, &journal->directory) &&
                   make_chunks(journal);
    if (!directory && !older) { /* not in a child: its first span would wait for it */
        tote__segments_clear_away(ABANDONED_AFTER_S);
    }
    if (is_made && make_memory(journal, !directory)) {
        journal->file = make_file(journal, &journal->directory);
    }
    if (journal->file < 0) {
        tote_diagnose(TOTE_LEVEL_ERROR, component,
                      "spans that end will not outlive this process: no journal of %zu bytes in "
                      "%s: %s; see journal_bytes and journal_directory",
                      journal->size, directory ? directory : "the directory of the disk queue",
                      tote__os_error(errno).text);
        tote__journal_free(journal);
        journal = NULL;
    } else {
        journal->older = older;
    }
    return journal;
}

static bool is_chunk_empty(const struct tote__journal *journal, uint32_t chunk) {
    size_t used = 0;

    while (TOTE__SAFE_CHUNK_BYTES - used >= sizeof(struct tote__record)) {
        const struct tote__record *record = record_at(journal, chunk_at(chunk) + used);
        uint32_t state = atomic_load_explicit(&record->state, memory_order_relaxed);
        if (state == TOTE__RECORD_LIVE) {
            return false;
        }
        if (state == TOTE__RECORD_EMPTY) {
            break;
        }
        used += tote__record_size(record->size);
    }
    return true;
}

static bool is_empty(const struct tote__journal *journal) {
    for (uint32_t i = 0; journal->map && i < journal->chunk_count; i++) {
        if (!is_chunk_empty(journal, i)) {
            return false;
        }
    }
    return true;
}

static void release(struct tote__journal *journal) {
    bool is_own = journal->generation == tote__generation();

    if (is_own && is_empty(journal)) {
        if (journal->file >= 0 && tote__folder_is_open(&journal->directory)) {
            tote__folder_remove(&journal->directory, journal->name);
        }
        if (!is_in_file(journal)) {
            tote__segment_remove(&journal->segment);
        }
    }
    tote__os_close_same_file(journal->file, journal->claim.device, journal->claim.inode);
    tote__folder_close(&journal->directory);
    tote__claim_drop(&files, &journal->claim);
    if (is_in_file(journal) && journal->map) {
        tote__os_unmap(journal->map, journal->size);
    }
    tote__segment_detach(&journal->segment);
    tote__release(journal->free_chunks, journal->chunk_count * sizeof *journal->free_chunks);
    tote__release(journal, sizeof *journal);
}

void tote__journal_free(struct tote__journal *journal) {
    while (journal) {
        struct tote__journal *older = journal->older;
        release(journal);
        journal = older;
    }
}
