/* SPDX-License-Identifier: MIT */
/*
 * crash_file.c - memory for ended spans that outlives the process
 *
 * A thread fills a chunk from its start. Each record is followed by an empty one until the next
 * record replaces it. `map` is shared memory, or private memory whose changes are also written to
 * the file. In the file a record is first written as an empty one and then made live, so that a
 * partial write leaves no record.
 *
 * Tests: tests/unit/test_otlp_crash_file.c, tests/fuzz/fuzz_crash_file.c
 */
#include "tote/internal/crash_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "crash_file_format.h"
#include "segment.h"
#include "tote/diagnostics.h"
#include "tote/internal/claim.h"
#include "tote/internal/fork.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"

enum { NAME_BYTES = 64, ABANDONED_AFTER_S = 3600, MOST_RESOURCES = 256, MOST_SCOPES = 1025 };

static const char *const component = "disk queue";

struct tote__crash_file {
    struct tote__crash_safe_memory memory;
    struct tote__crash_file *older; /* of the parent process */
    uint32_t generation;
    struct tote__claim claim; /* claim on the file */
    uint8_t *map;
    size_t size;
    struct tote__segment segment; /* id -1: not in shared memory */
    _Atomic(int) failure;         /* errno of a failed write to the file; 0: none, or reported */
    _Atomic(bool) has_reported;
    _Atomic(int) file;
    struct tote__folder directory;
    char name[NAME_BYTES];
    uint32_t chunk_count;
    _Atomic(bool) knows_resource[MOST_RESOURCES];
    _Atomic(bool) knows_scope[MOST_SCOPES];
    struct tote__lock lock; /* protects the following fields */
    uint32_t *free_chunks;
    uint32_t free_count;
    size_t definitions_used;
};

static struct tote__claims files;

static struct tote__crash_file_head *head_of(const struct tote__crash_file *crash_file) {
    return (struct tote__crash_file_head *)crash_file->map;
}

static struct tote__record *record_at(const struct tote__crash_file *crash_file, size_t offset) {
    return (struct tote__record *)(crash_file->map + offset);
}

static size_t chunk_at(uint32_t chunk) {
    return TOTE__CRASH_FILE_CHUNKS_AT + (size_t)chunk * TOTE__SAFE_CHUNK_BYTES;
}

static bool is_in_file(const struct tote__crash_file *crash_file) {
    return crash_file->segment.id < 0;
}

bool tote__crash_file_is_open(const struct tote__crash_file *crash_file) {
    return tote__os_is_same_file(crash_file->file, crash_file->claim.device,
                                 crash_file->claim.inode);
}

/* Return the place in the file that an address has in the map. */
static uint64_t place_of(const struct tote__crash_file *crash_file, const void *address) {
    return (uint64_t)((const uint8_t *)address - crash_file->map);
}

/* Copy a part of the map to the file. Returns false with errno set. */
static bool write_part_to(int file, const struct tote__crash_file *crash_file, const void *from,
                          size_t size) {
    return tote__os_write_at(file, from, size, place_of(crash_file, from));
}

/* Write bytes to the place in the file that `to` has in the map. Preserves errno. */
static bool keep_in_file(struct tote__crash_file *crash_file, const void *to, const void *bytes,
                         size_t size) {
    int error = errno;

    errno = EBADF;
    bool is_kept = tote__crash_file_is_open(crash_file) &&
                   tote__os_write_at(crash_file->file, bytes, size, place_of(crash_file, to));

    if (!is_kept) {
        atomic_store_explicit(&crash_file->failure, errno, memory_order_relaxed);
    }
    errno = error;
    return is_kept;
}

/* Copy it to the file unless the map is shared memory. Preserves errno. */
static inline bool keep(struct tote__crash_file *crash_file, const void *from, size_t size) {
    return !is_in_file(crash_file) || keep_in_file(crash_file, from, from, size);
}

/* No lock is held. */
static void report_failure(struct tote__crash_file *crash_file) {
    int failure = atomic_load_explicit(&crash_file->failure, memory_order_relaxed);

    if (failure &&
        !atomic_exchange_explicit(&crash_file->has_reported, true, memory_order_relaxed)) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "spans are not crash-safe: the crash-safe file %s cannot be "
                                "written: %s; free disk space there, or set crash_safe_directory",
                                crash_file->name, tote__os_error(failure).text);
    }
}

static bool set_state(struct tote__crash_file *crash_file, struct tote__record *record,
                      uint32_t state, memory_order order) {
    atomic_store_explicit(&record->state, state, order);
    return keep(crash_file, (const void *)&record->state, sizeof record->state);
}

/*
 * Make a complete record live, and end the sequence behind it. Returns false if it cannot be
 * written to the file.
 */
static bool write_record(struct tote__crash_file *crash_file, struct tote__record *record,
                         uint32_t state, bool has_next) {
    size_t size = tote__record_size(record->size);

    record->checksum = tote__record_checksum(record);
    atomic_store_explicit(&record->state, TOTE__RECORD_EMPTY, memory_order_relaxed);
    if (has_next) {
        struct tote__record *next = (struct tote__record *)(void *)((uint8_t *)record + size);
        atomic_store_explicit(&next->state, TOTE__RECORD_EMPTY, memory_order_relaxed);
        size += sizeof next->state;
    }
    if (keep(crash_file, record, size) &&
        set_state(crash_file, record, state, memory_order_release)) {
        return true;
    }
    atomic_store_explicit(&record->state, TOTE__RECORD_EMPTY, memory_order_relaxed);
    return false;
}

/* Add a definition from the buffer. Returns false if there is no space for it. */
static bool add_definition(struct tote__crash_file *crash_file, uint32_t resource, uint32_t scope,
                           const struct tote__buffer *fields) {
    size_t size = tote__record_size(fields->size);
    size_t left = TOTE__CRASH_FILE_DEFINITION_BYTES - crash_file->definitions_used;

    if (size + sizeof(struct tote__record) > left) {
        return false;
    }
    struct tote__record *record =
        record_at(crash_file, TOTE__CRASH_FILE_HEAD_BYTES + crash_file->definitions_used);
    record->size = (uint32_t)fields->size;
    record->resource = resource;
    record->scope = scope;
    memcpy(record->bytes, fields->bytes, fields->size);
    if (!write_record(crash_file, record, TOTE__RECORD_LIVE, true)) {
        return false;
    }
    crash_file->definitions_used += size;
    return true;
}

static bool define(struct tote__crash_file *crash_file, _Atomic(bool) *is_known, uint32_t resource,
                   uint32_t scope) {
    struct tote__buffer fields = {NULL, 0, 0};

    tote__lock_take(&crash_file->lock);
    bool is_done = atomic_load_explicit(is_known, memory_order_relaxed);
    if (!is_done) {
        bool is_encoded = scope == TOTE__NO_INDEX ? tote__define_resource(&fields, resource)
                                                  : tote__define_scope(&fields, scope);
        is_done = is_encoded && add_definition(crash_file, resource, scope, &fields);
        atomic_store_explicit(is_known, is_done, memory_order_release);
    }
    tote__lock_drop(&crash_file->lock);
    tote__buffer_clear(&fields);
    return is_done;
}

/* Return whether a reader finds the definitions of the span. */
static bool knows(struct tote__crash_file *crash_file, uint32_t resource, uint32_t scope) {
    if (resource >= MOST_RESOURCES || scope >= MOST_SCOPES) {
        return false;
    }
    _Atomic(bool) *knows_resource = &crash_file->knows_resource[resource];
    _Atomic(bool) *knows_scope = &crash_file->knows_scope[scope];
    return (atomic_load_explicit(knows_resource, memory_order_acquire) ||
            define(crash_file, knows_resource, resource, TOTE__NO_INDEX)) &&
           (atomic_load_explicit(knows_scope, memory_order_acquire) ||
            define(crash_file, knows_scope, TOTE__NO_INDEX, scope));
}

static void put_free(struct tote__crash_file *crash_file, uint32_t chunk) {
    tote__lock_take(&crash_file->lock);
    crash_file->free_chunks[crash_file->free_count++] = chunk;
    tote__lock_drop(&crash_file->lock);
}

/*
 * Note in the head that the chunk has records, so that readers skip chunks that were never used.
 * The lock is held. Returns false if it cannot be written to the file.
 */
static bool note_use(struct tote__crash_file *crash_file, uint32_t chunk) {
    _Atomic(uint64_t) *mark = &head_of(crash_file)->used_chunks;
    uint64_t before = atomic_load_explicit(mark, memory_order_relaxed);

    if (chunk < (uint32_t)before) {
        return true;
    }
    atomic_store_explicit(mark, tote__used_chunks_mark(chunk + 1), memory_order_relaxed);
    if (keep(crash_file, (const void *)mark, sizeof *mark)) {
        return true;
    }
    atomic_store_explicit(mark, before, memory_order_relaxed);
    return false;
}

/* Returns false if there is none. */
static bool take_free(struct tote__crash_file *crash_file, uint32_t *chunk) {
    tote__lock_take(&crash_file->lock);
    bool has_some = crash_file->free_count != 0 &&
                    note_use(crash_file, crash_file->free_chunks[crash_file->free_count - 1]);
    if (has_some) {
        *chunk = crash_file->free_chunks[--crash_file->free_count];
    }
    tote__lock_drop(&crash_file->lock);
    return has_some;
}

static uint8_t *crash_file_take(void *self, uint32_t *number) {
    struct tote__crash_file *crash_file = self;
    uint32_t chunk;

    if (!take_free(crash_file, &chunk)) {
        return NULL;
    }
    *number = chunk + 1;
    return crash_file->map + chunk_at(chunk);
}

static void crash_file_give_back(void *self, uint32_t number) {
    put_free(self, number - 1);
}

static enum tote__safety crash_file_commit(void *self, struct tote__record *record, bool has_next) {
    struct tote__crash_file *crash_file = self;
    bool is_known = knows(crash_file, record->resource, record->scope);
    uint32_t state = is_known ? TOTE__RECORD_LIVE : TOTE__RECORD_SKIPPED;

    if (!write_record(crash_file, record, state, has_next)) {
        return TOTE__CHUNK_BROKEN;
    }
    return is_known ? TOTE__SAFE : TOTE__NOT_SAFE;
}

static void crash_file_settle(void *self, struct tote__record *record) {
    set_state(self, record, TOTE__RECORD_SETTLED, memory_order_relaxed);
}

/* Increment a counter in the head. Other threads do, too, while its value is written. */
static void count(struct tote__crash_file *crash_file, _Atomic(uint64_t) *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
    if (is_in_file(crash_file)) { /* the last value written is the largest */
        tote__lock_take(&crash_file->lock);
        uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
        keep_in_file(crash_file, (const void *)counter, &value, sizeof value);
        tote__lock_drop(&crash_file->lock);
        report_failure(crash_file);
    }
}

/* Changes of the file by other processes do not affect this process's memory. */
static bool crash_file_is_live(void *self, struct tote__record *record) {
    struct tote__crash_file *crash_file = self;
    uint64_t at = (uint64_t)((uint8_t *)record - crash_file->map);
    uint32_t state = 0;

    if (is_in_file(crash_file) && tote__crash_file_is_open(crash_file) &&
        tote__os_read_at(crash_file->file, &state, sizeof state, at)) {
        atomic_store(&record->state, state);
    }
    return atomic_load(&record->state) == TOTE__RECORD_LIVE;
}

static void crash_file_note_unsafe(void *self) {
    count(self, &head_of(self)->not_crash_safe);
}

static void crash_file_note_drop(void *self) {
    count(self, &head_of(self)->dropped);
}

static const struct tote__crash_safe_memory crash_file_memory = {
    .take = crash_file_take,
    .give_back = crash_file_give_back,
    .commit = crash_file_commit,
    .settle = crash_file_settle,
    .is_live = crash_file_is_live,
    .note_unsafe = crash_file_note_unsafe,
    .note_drop = crash_file_note_drop,
};

const struct tote__crash_safe_memory *
tote__crash_file_memory(const struct tote__crash_file *crash_file) {
    return &crash_file->memory;
}

uint64_t tote__crash_file_not_saved(const struct tote__crash_file *crash_file) {
    return atomic_load_explicit(&head_of(crash_file)->not_crash_safe, memory_order_relaxed);
}

bool tote__crash_file_open_directory(const char *path, int disk_queue, bool may_make,
                                     struct tote__folder *folder) {
    char problem[TOTE__FOLDER_PROBLEM_BYTES];
    struct tote__folder queue;

    tote__folder_borrow(disk_queue, &queue);
    if (!path) {
        return tote__folder_reopen(&queue, folder);
    }
    bool is_open = tote__folder_open(path, queue.owner, may_make, folder, problem);
    if (!is_open && errno != ENOENT) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "crash_safe_directory %s cannot be used: %s", path, problem);
    }
    return is_open;
}

static void fill_head(struct tote__crash_file *crash_file, uint32_t nonce) {
    struct tote__crash_file_head *head = head_of(crash_file);

    memcpy(head->magic, TOTE__CRASH_FILE_MAGIC, sizeof head->magic);
    head->byte_order = 1;
    head->process = tote__os_process_id();
    head->chunk_count = crash_file->chunk_count;
    head->nonce = nonce;
    head->used_chunks = tote__used_chunks_mark(0);
    head->checksum = tote__crash_file_head_checksum(head);
}

/* Returns false, with a diagnostic, if no shared memory is available. */
static bool take_segment(struct tote__crash_file *crash_file) {
    if (tote__segment_make(&crash_file->segment, crash_file->size)) {
        tote__segment_note_file(&crash_file->segment, crash_file->directory.descriptor,
                                crash_file->name);
        return true;
    }
    tote_diagnostics_report(TOTE_LEVEL_WARN, component,
                            "shared memory of %zu bytes is not available: %s; each ended span is "
                            "written to a file instead, by system calls",
                            crash_file->size, tote__os_error(errno).text);
    return false;
}

static bool make_memory(struct tote__crash_file *crash_file, bool is_shared) {
    uint64_t random = 0;

    tote__os_random(&random, sizeof random);
    snprintf(crash_file->name, sizeof crash_file->name, "%08x-%016llx%s", tote__os_process_id(),
             (unsigned long long)random, TOTE__CRASH_FILE_SUFFIX);
    bool has_segment = is_shared && tote__os_has_segments() && take_segment(crash_file);
    crash_file->map = has_segment ? crash_file->segment.at : tote__os_map(crash_file->size);
    if (crash_file->map) {
        fill_head(crash_file, (uint32_t)(random >> 32) ^ (uint32_t)random);
    }
    return crash_file->map;
}

/* Returns false with errno set. */
static bool fill_file(const struct tote__crash_file *crash_file, int file) {
    struct tote__segment_reference reference;

    if (is_in_file(crash_file)) {
        return tote__os_reserve(file, crash_file->size) &&
               write_part_to(file, crash_file, crash_file->map,
                             sizeof(struct tote__crash_file_head));
    }
    tote__segment_refer(&crash_file->segment, head_of(crash_file)->nonce, &reference);
    return tote__os_write_at(file, &reference, sizeof reference, 0);
}

/*
 * Create the file under a temporary name, and rename it once it is complete and locked: a file
 * without a lock belongs to a dead process. Returns -1 with errno set.
 */
static int make_file(struct tote__crash_file *crash_file, const struct tote__folder *folder) {
    const struct tote__claim before = crash_file->claim;
    char aside[NAME_BYTES + 8];
    struct tote__folder made;

    snprintf(aside, sizeof aside, "%s.tmp", crash_file->name);
    int file = tote__folder_create_file(folder, aside, O_RDWR);
    if (file < 0) {
        return -1;
    }
    bool is_made = tote__folder_borrow(file, &made);
    tote__claim_share(&files, &crash_file->claim, made.device, made.inode);
    if (is_made && tote__os_lock(file) && fill_file(crash_file, file) &&
        tote__folder_rename(folder, aside, crash_file->name)) {
        return file;
    }
    tote__claim_share(&files, &crash_file->claim, before.device, before.inode);
    tote__folder_remove(folder, aside);
    tote__os_close(file);
    return -1;
}

/* Write to the file what only the map contains, as settled records. */
static bool write_all(int file, const struct tote__crash_file *crash_file) {
    uint32_t used = tote__used_chunks(head_of(crash_file));
    bool is_written = write_part_to(file, crash_file, crash_file->map, chunk_at(0));

    for (uint32_t i = 0; i < used && is_written; i++) {
        is_written =
            write_part_to(file, crash_file, crash_file->map + chunk_at(i), TOTE__SAFE_CHUNK_BYTES);
    }
    return is_written;
}

/* Open the same file again, if no other process has recovered it. Returns -1 with errno set. */
static int reopen_file(struct tote__crash_file *crash_file, const struct tote__folder *folder) {
    struct stat status;
    int file = tote__folder_open_file(folder, crash_file->name, O_RDWR, &status);
    bool is_same = file >= 0 && status.st_dev == crash_file->claim.device &&
                   status.st_ino == crash_file->claim.inode;

    if (is_same && tote__os_lock(file) && write_all(file, crash_file)) {
        atomic_store(&crash_file->failure, 0);
        return file;
    }
    if (file >= 0) {
        errno = is_same ? errno : EBUSY;
        tote__os_close(file);
    }
    return -1;
}

/* Returns false with errno set. */
static bool renew(struct tote__crash_file *crash_file, const char *path, int disk_queue) {
    const struct tote__claim before = crash_file->claim;
    struct tote__folder folder;

    if (!tote__crash_file_open_directory(path, disk_queue, false, &folder)) {
        return false;
    }
    int file =
        is_in_file(crash_file) ? reopen_file(crash_file, &folder) : make_file(crash_file, &folder);
    if (file < 0) {
        tote__os_close(folder.descriptor);
        return false;
    }
    if (!is_in_file(crash_file)) {
        tote__os_close_same_file(crash_file->file, before.device, before.inode);
        tote__segment_note_file(&crash_file->segment, folder.descriptor, crash_file->name);
    }
    tote__folder_close(&crash_file->directory);
    crash_file->file = file;
    crash_file->directory = folder;
    return true;
}

void tote__crash_file_renew(struct tote__crash_file *crash_file, const char *directory,
                            int disk_queue) {
    bool needs_nothing = is_in_file(crash_file) && tote__crash_file_is_open(crash_file);

    if (!needs_nothing &&
        !renew(crash_file, is_in_file(crash_file) ? directory : NULL, disk_queue)) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, component,
            "spans are not crash-safe: the crash-safe file or its directory was removed, or this "
            "process has closed its descriptor; it cannot be created or opened again: %s",
            tote__os_error(errno).text);
    }
}

static bool make_chunks(struct tote__crash_file *crash_file) {
    size_t count = crash_file->chunk_count;

    crash_file->free_chunks = tote__allocate(count * sizeof *crash_file->free_chunks);
    if (!crash_file->free_chunks) {
        errno = ENOMEM;
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        crash_file->free_chunks[i] = (uint32_t)count - 1 - i; /* the newest one is first */
    }
    crash_file->free_count = (uint32_t)count;
    return true;
}

bool tote__crash_file_is_own(const struct stat *status) {
    return tote__is_claimed(&files, status->st_dev, status->st_ino);
}

struct tote__crash_file *tote__crash_file_new(const char *directory, int disk_queue, size_t bytes,
                                              struct tote__crash_file *older) {
    struct tote__crash_file *crash_file = tote__allocate_zeroed(sizeof *crash_file);
    size_t chunks = bytes / TOTE__SAFE_CHUNK_BYTES;

    if (!crash_file) {
        return NULL;
    }
    crash_file->memory = crash_file_memory;
    crash_file->memory.self = crash_file;
    crash_file->generation = tote__generation();
    crash_file->directory.descriptor = crash_file->segment.id = -1;
    crash_file->file = -1;
    crash_file->chunk_count = (uint32_t)(chunks ? chunks : 1);
    crash_file->size = chunk_at(crash_file->chunk_count);
    bool is_made =
        tote__crash_file_open_directory(directory, disk_queue, true, &crash_file->directory) &&
        make_chunks(crash_file);
    if (!directory && !older) { /* not in a child, whose first span would wait for it */
        tote__segments_clean_up(ABANDONED_AFTER_S);
    }
    if (is_made && make_memory(crash_file, !directory)) {
        crash_file->file = make_file(crash_file, &crash_file->directory);
    }
    if (crash_file->file < 0) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "spans are not crash-safe: no crash-safe file of %zu bytes can be "
                                "created in %s: %s; see crash_safe_bytes and crash_safe_directory",
                                crash_file->size,
                                directory ? directory : "the directory of the disk queue",
                                tote__os_error(errno).text);
        tote__crash_file_free(crash_file);
        crash_file = NULL;
    } else {
        crash_file->older = older;
    }
    return crash_file;
}

static bool is_chunk_empty(const struct tote__crash_file *crash_file, uint32_t chunk) {
    size_t used = 0;

    while (TOTE__SAFE_CHUNK_BYTES - used >= sizeof(struct tote__record)) {
        const struct tote__record *record = record_at(crash_file, chunk_at(chunk) + used);
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

static bool is_empty(const struct tote__crash_file *crash_file) {
    for (uint32_t i = 0; crash_file->map && i < crash_file->chunk_count; i++) {
        if (!is_chunk_empty(crash_file, i)) {
            return false;
        }
    }
    return true;
}

static void release(struct tote__crash_file *crash_file) {
    bool is_own = crash_file->generation == tote__generation();

    if (is_own && is_empty(crash_file)) {
        if (crash_file->file >= 0 && tote__folder_is_open(&crash_file->directory)) {
            tote__folder_remove(&crash_file->directory, crash_file->name);
        }
        if (!is_in_file(crash_file)) {
            tote__segment_remove(&crash_file->segment);
        }
    }
    tote__os_close_same_file(crash_file->file, crash_file->claim.device, crash_file->claim.inode);
    tote__folder_close(&crash_file->directory);
    tote__claim_drop(&files, &crash_file->claim);
    if (is_in_file(crash_file) && crash_file->map) {
        tote__os_unmap(crash_file->map, crash_file->size);
    }
    tote__segment_detach(&crash_file->segment);
    tote__release(crash_file->free_chunks,
                  crash_file->chunk_count * sizeof *crash_file->free_chunks);
    tote__release(crash_file, sizeof *crash_file);
}

void tote__crash_file_free(struct tote__crash_file *crash_file) {
    while (crash_file) {
        struct tote__crash_file *older = crash_file->older;
        release(crash_file);
        crash_file = older;
    }
}
