/* SPDX-License-Identifier: MIT */
/*
 * journal.c - ended spans, written down in a mapped file
 *
 * A thread fills a chunk from its start on; each record ends with one that is empty, until the next takes its place. A chunk is free
 * again once all that was added to it is settled: its owner sees that when it is full, and else who settles the last one.
 */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "encode.h"
#include "journal_format.h"
#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/fork.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"

enum {
    NAME_BYTES = 64,
    RECORD_UNIT = 8,
    PAGE_BYTES = 4096,
    MOST_RESOURCES = 256,
    MOST_SCOPES = 1025,
    OPEN_CHUNK =
        1 << 30 /* a chunk's `left` begins here, so that it is not 0 while it is being filled */
};

static const char *const component = "spool";
static const char *const link_name = "journals";

struct tote__journal {
    struct tote__journal *next;  /* of those that are open */
    struct tote__journal *older; /* the parent process's */
    uint32_t generation;
    uint8_t *map;
    size_t size;
    int file;
    int directory;
    dev_t device; /* of the file, ... */
    ino_t inode;
    char name[NAME_BYTES];
    char path[TOTE__JOURNAL_PATH_BYTES]; /* of its folder; "" when it is the program's own */
    uint32_t chunk_count;
    _Atomic(int32_t) *left; /* of each chunk: see OPEN_CHUNK */
    _Atomic(bool) knows_resource[MOST_RESOURCES];
    _Atomic(bool) knows_scope[MOST_SCOPES];
    struct tote__lock lock; /* guards what follows */
    uint32_t *free_chunks;
    uint32_t free_count;
    size_t definitions_used;
};

static struct tote__lock registry_lock;
static struct tote__journal *registry;

static struct tote__journal_head *head_of(const struct tote__journal *journal) {
    return (struct tote__journal_head *)journal->map;
}

static struct tote__record *record_at(const struct tote__journal *journal, size_t offset) {
    return (struct tote__record *)(journal->map + offset);
}

static size_t chunk_at(uint32_t chunk) {
    return TOTE__JOURNAL_CHUNKS_AT + (size_t)chunk * TOTE__JOURNAL_CHUNK_BYTES;
}

/* The record is whole but for its state: end the run behind it, and have it be there. */
static void commit(struct tote__record *record, bool has_next) {
    record->checksum = tote__record_checksum(record);
    if (has_next) {
        uint8_t *next = (uint8_t *)record + tote__record_size(record->size);
        atomic_store_explicit(&((struct tote__record *)next)->state, TOTE__RECORD_EMPTY,
                              memory_order_relaxed);
    }
    atomic_store_explicit(&record->state, TOTE__RECORD_LIVE, memory_order_release);
}

/* The definition's fields are in the buffer. Returns: false when there is no room for them. */
static bool add_definition(struct tote__journal *journal, uint32_t resource, uint32_t scope,
                           const tote_otlp_buffer *fields) {
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
    commit(record, true);
    journal->definitions_used += size;
    return true;
}

static bool define(struct tote__journal *journal, _Atomic(bool) *is_known, uint32_t resource,
                   uint32_t scope) {
    tote_otlp_buffer fields = {NULL, 0, 0};

    tote__lock_take(&journal->lock);
    bool is_done = atomic_load_explicit(is_known, memory_order_relaxed);
    if (!is_done) {
        bool is_encoded = scope == TOTE__NO_INDEX ? tote__otlp_encode_resource(&fields, resource)
                                                  : tote__otlp_encode_scope(&fields, scope);
        is_done = is_encoded && add_definition(journal, resource, scope, &fields);
        atomic_store_explicit(is_known, is_done, memory_order_release);
    }
    tote__lock_drop(&journal->lock);
    tote_otlp_buffer_clear(&fields);
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

/* Returns: false when there is none. */
static bool take_free(struct tote__journal *journal, uint32_t *chunk) {
    tote__lock_take(&journal->lock);
    bool has_some = journal->free_count != 0;
    if (has_some) {
        *chunk = journal->free_chunks[--journal->free_count];
    }
    tote__lock_drop(&journal->lock);
    return has_some;
}

/* Let the full chunk go, and get another one; or the same, if nobody needs what is in it. */
static bool change_chunk(struct tote__journal *journal, struct tote__journal_place *place) {
    uint32_t chunk = place->chunk - 1;

    if (place->chunk) {
        int32_t change = OPEN_CHUNK - (int32_t)place->count;
        bool is_settled = atomic_fetch_sub_explicit(&journal->left[chunk], change,
                                                    memory_order_acq_rel) == change;
        if (!is_settled && !take_free(journal, &chunk)) {
            *place = (struct tote__journal_place){0};
            return false;
        }
    } else if (!take_free(journal, &chunk)) {
        return false;
    }
    atomic_store_explicit(&journal->left[chunk], OPEN_CHUNK, memory_order_relaxed);
    atomic_store_explicit(&record_at(journal, chunk_at(chunk))->state, TOTE__RECORD_EMPTY,
                          memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* what is stored next is not there before */
    *place = (struct tote__journal_place){.chunk = chunk + 1};
    return true;
}

/* Room for a record of so many bytes. NULL when there is none. */
static struct tote__record *take_room(struct tote__journal *journal,
                                      struct tote__journal_place *place, size_t size) {
    if (size > TOTE__JOURNAL_CHUNK_BYTES) {
        return NULL;
    }
    if ((!place->chunk || TOTE__JOURNAL_CHUNK_BYTES - place->used < size) &&
        !change_chunk(journal, place)) {
        return NULL;
    }
    return record_at(journal, chunk_at(place->chunk - 1) + place->used);
}

static bool add(struct tote__journal *journal, struct tote__journal_place *place,
                tote_span_data *span) {
    struct tote__span_wire wire = tote__span_get_wire(span);
    size_t size = tote__otlp_span_size(&wire);

    if (!knows(journal, wire.resource, wire.scope)) {
        return false;
    }
    struct tote__record *record = take_room(journal, place, tote__record_size(size + 1));
    if (!record) {
        return false;
    }
    record->size = (uint32_t)size;
    record->resource = wire.resource;
    record->scope = wire.scope;
    tote__otlp_put_span(record->bytes, &wire);
    place->used += (uint32_t)tote__record_size(size);
    place->count++;
    commit(record, TOTE__JOURNAL_CHUNK_BYTES - place->used >= sizeof *record);
    size_t offset = (size_t)((uint8_t *)record - journal->map);
    tote__span_set_secured(span, (struct tote__secured){journal, (uint32_t)(offset / RECORD_UNIT)});
    return true;
}

/* It stands in the journal of the parent, who may be dead, and others at it. */
static bool add_adopted(struct tote__journal *journal, struct tote__journal_place *place,
                        tote_span_data *span, const struct tote__secured *before) {
    struct tote__record *record = record_at(before->journal, (size_t)before->record * RECORD_UNIT);

    if (atomic_load(&record->state) == TOTE__RECORD_LIVE && !add(journal, place, span)) {
        atomic_fetch_add_explicit(&head_of(journal)->unsecured, 1, memory_order_relaxed);
        return true;
    }
    if (atomic_exchange(&record->state, TOTE__RECORD_SETTLED) == TOTE__RECORD_LIVE) {
        return true;
    }
    const struct tote__secured now = tote__span_secured(span);
    if (now.journal == journal) {
        tote__journal_settle(&now, 1);
    }
    return false;
}

bool tote__journal_add(struct tote__journal *journal, struct tote__journal_place *place,
                       tote_span_data *span) {
    const struct tote__secured before = tote__span_secured(span);

    if (before.journal && before.journal->generation == journal->generation) {
        return true; /* another exporter's */
    }
    if (before.journal) {
        return add_adopted(journal, place, span, &before);
    }
    if (!add(journal, place, span)) {
        atomic_fetch_add_explicit(&head_of(journal)->unsecured, 1, memory_order_relaxed);
    }
    return true;
}

void tote__journal_note_drop(struct tote__journal *journal) {
    atomic_fetch_add_explicit(&head_of(journal)->dropped, 1, memory_order_relaxed);
}

uint64_t tote__journal_unsecured(const struct tote__journal *journal) {
    return atomic_load_explicit(&head_of(journal)->unsecured, memory_order_relaxed);
}

void tote__journal_settle(const struct tote__secured *spans, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct tote__journal *journal = spans[i].journal;
        size_t offset = (size_t)spans[i].record * RECORD_UNIT;
        if (!journal) {
            continue;
        }
        uint32_t chunk = (uint32_t)((offset - TOTE__JOURNAL_CHUNKS_AT) / TOTE__JOURNAL_CHUNK_BYTES);
        atomic_store_explicit(&record_at(journal, offset)->state, TOTE__RECORD_SETTLED,
                              memory_order_relaxed);
        if (atomic_fetch_sub_explicit(&journal->left[chunk], 1, memory_order_acq_rel) == 1) {
            put_free(journal, chunk);
        }
    }
}

static bool read_link(int spool, char path[TOTE__JOURNAL_PATH_BYTES]) {
    ssize_t length = readlinkat(spool, link_name, path, TOTE__JOURNAL_PATH_BYTES - 1);

    path[length > 0 ? length : 0] = '\0';
    return length > 0;
}

bool tote__journal_directory(const char *directory, int spool, bool may_make,
                             char path[TOTE__JOURNAL_PATH_BYTES]) {
    uint64_t random = 0;

    if (directory) {
        return snprintf(path, TOTE__JOURNAL_PATH_BYTES, "%s", directory) < TOTE__JOURNAL_PATH_BYTES;
    }
    if (read_link(spool, path)) {
        return true;
    }
    if (!may_make || !tote__os_random(&random, sizeof random)) {
        return false;
    }
    snprintf(path, TOTE__JOURNAL_PATH_BYTES, "/dev/shm/tote-%016llx", (unsigned long long)random);
    return symlinkat(path, spool, link_name) == 0 || read_link(spool, path);
}

void tote__journal_leave_directory(const char *directory, const char *path) {
    if (!directory) {
        rmdir(path);
    }
}

/* Others write to where the default is: what somebody else prepared is not used. */
int tote__journal_open_directory(const char *path, bool may_make) {
    struct stat status;

    if (may_make && mkdir(path, S_IRWXU) != 0 && errno != EEXIST) {
        return -1;
    }
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    bool is_safe = directory >= 0 && fstat(directory, &status) == 0 &&
                   (status.st_uid == geteuid() || geteuid() == 0) &&
                   !(status.st_mode & (S_IWGRP | S_IWOTH));
    if (directory >= 0 && !is_safe) {
        close(directory);
        errno = EACCES;
        return -1;
    }
    return directory;
}

static bool enter(struct tote__journal *journal, const struct stat *status) {
    journal->device = status->st_dev;
    journal->inode = status->st_ino;
    tote__lock_take(&registry_lock);
    journal->next = registry;
    registry = journal;
    tote__lock_drop(&registry_lock);
    return true;
}

/* Touched, so that no thread has to wait for a page. */
static bool map_file(struct tote__journal *journal) {
    journal->map = mmap(NULL, journal->size, PROT_READ | PROT_WRITE, MAP_SHARED, journal->file, 0);
    if (journal->map == MAP_FAILED) {
        journal->map = NULL;
        return false;
    }
    for (size_t at = 0; at < journal->size; at += PAGE_BYTES) {
        ((volatile uint8_t *)journal->map)[at] = 0;
    }
    struct tote__journal_head *head = head_of(journal);
    memcpy(head->magic, TOTE__JOURNAL_MAGIC, sizeof head->magic);
    head->byte_order = 1;
    head->process = tote__os_process_id();
    head->chunk_count = journal->chunk_count;
    head->checksum = tote__journal_head_checksum(head);
    return true;
}

/* Make the file under another name, and rename it once it is whole and locked: whoever finds one without a lock has found a dead one. */
static bool make_file(struct tote__journal *journal) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char aside[NAME_BYTES + 8];
    struct stat status;
    uint64_t random = 0;

    tote__os_random(&random, sizeof random);
    snprintf(journal->name, sizeof journal->name, "%08x-%016llx%s", tote__os_process_id(),
             (unsigned long long)random, TOTE__JOURNAL_SUFFIX);
    snprintf(aside, sizeof aside, "%s.tmp", journal->name);
    journal->file = openat(journal->directory, aside,
                           O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (journal->file < 0) {
        return false;
    }
    int error = fstat(journal->file, &status) == 0 && enter(journal, &status) &&
                        fcntl(journal->file, F_SETLKW, &whole) == 0
                    ? posix_fallocate(journal->file, 0, (off_t)journal->size)
                    : errno;
    if (error || !map_file(journal) ||
        renameat(journal->directory, aside, journal->directory, journal->name) != 0) {
        error = error ? error : errno;
        unlinkat(journal->directory, aside, 0);
        errno = error;
        return false;
    }
    return true;
}

static bool make_chunks(struct tote__journal *journal) {
    size_t count = journal->chunk_count;

    journal->left = tote__allocate_zeroed(count * sizeof *journal->left);
    journal->free_chunks = tote__allocate(count * sizeof *journal->free_chunks);
    if (!journal->left || !journal->free_chunks) {
        errno = ENOMEM;
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        journal->free_chunks[i] = (uint32_t)count - 1 - i; /* the first one is on top */
    }
    journal->free_count = (uint32_t)count;
    return true;
}

static void leave(const struct tote__journal *journal) {
    tote__lock_take(&registry_lock);
    for (struct tote__journal **link = &registry; *link; link = &(*link)->next) {
        if (*link == journal) {
            *link = journal->next;
            break;
        }
    }
    tote__lock_drop(&registry_lock);
}

bool tote__journal_is_own(const struct stat *status) {
    bool is_own = false;

    tote__lock_take(&registry_lock);
    for (const struct tote__journal *journal = registry; journal && !is_own;
         journal = journal->next) {
        is_own = journal->generation == tote__generation() && journal->device == status->st_dev &&
                 journal->inode == status->st_ino;
    }
    tote__lock_drop(&registry_lock);
    return is_own;
}

/* The folder may go as we come: who is the last one there takes it with him. */
static bool make_file_in(struct tote__journal *journal, const char *path) {
    enum { TIMES = 3 };

    for (int i = 0; i < TIMES; i++) {
        journal->directory = tote__journal_open_directory(path, true);
        if (journal->directory < 0) {
            return false;
        }
        if (make_file(journal)) {
            return true;
        }
        if (errno != ENOENT) {
            return false;
        }
        close(journal->directory);
        journal->directory = -1;
    }
    return false;
}

struct tote__journal *tote__journal_new(const char *directory, int spool, size_t bytes,
                                        struct tote__journal *older) {
    struct tote__journal *journal = tote__allocate_zeroed(sizeof *journal);
    size_t chunks = bytes / TOTE__JOURNAL_CHUNK_BYTES;
    char path[TOTE__JOURNAL_PATH_BYTES] = "";
    int error = errno;

    if (!journal) {
        return NULL;
    }
    journal->generation = tote__generation();
    journal->directory = journal->file = -1;
    journal->chunk_count = (uint32_t)(chunks ? chunks : 1);
    journal->size = chunk_at(journal->chunk_count);
    if (!tote__journal_directory(directory, spool, true, path) || !make_chunks(journal) ||
        !make_file_in(journal, path)) {
        char text[TOTE__OS_ERROR_BYTES];
        tote_diagnose(TOTE_LEVEL_ERROR, component,
                      "spans that end will not outlive this process: no file of %zu bytes in %s: "
                      "%s; see journal_bytes and journal_directory",
                      journal->size, path, tote__os_error(errno, text));
        tote__journal_free(journal);
        journal = NULL;
    } else {
        journal->older = older;
        snprintf(journal->path, sizeof journal->path, "%s", directory ? "" : path);
    }
    errno = error;
    return journal;
}

static bool is_chunk_empty(const struct tote__journal *journal, uint32_t chunk) {
    size_t used = 0;

    while (TOTE__JOURNAL_CHUNK_BYTES - used >= sizeof(struct tote__record)) {
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

/* A descriptor that was inherited may be another one's by now: the host closes what it does not know. */
static void close_descriptors(const struct tote__journal *journal) {
    struct stat status;
    bool is_ours = journal->generation == tote__generation() ||
                   (journal->file >= 0 && fstat(journal->file, &status) == 0 &&
                    status.st_dev == journal->device && status.st_ino == journal->inode);

    if (is_ours && journal->file >= 0) {
        close(journal->file);
    }
    if (is_ours && journal->directory >= 0) {
        close(journal->directory);
    }
}

static void release(struct tote__journal *journal) {
    if (journal->generation == tote__generation() && journal->file >= 0 && is_empty(journal)) {
        unlinkat(journal->directory, journal->name, 0);
        tote__journal_leave_directory(*journal->path ? NULL : "", journal->path);
    }
    close_descriptors(journal);
    leave(journal);
    if (journal->map) {
        munmap(journal->map, journal->size);
    }
    tote__release(journal->left, journal->chunk_count * sizeof *journal->left);
    tote__release(journal->free_chunks, journal->chunk_count * sizeof *journal->free_chunks);
    tote__release(journal, sizeof *journal);
}

void tote__journal_free(struct tote__journal *journal) {
    int error = errno;

    while (journal) {
        struct tote__journal *older = journal->older;
        release(journal);
        journal = older;
    }
    errno = error;
}
