/* SPDX-License-Identifier: MIT */
/*
 * spool.c - batches on disk that could not be delivered, a file each
 *
 * A file is a head and the bytes of a request. Its name is its time, who put it there, and how many spans it holds:
 * "TIME-TAG-SEQUENCE-SPANS.otlp" in hex, so that the oldest one is the first and none has to be opened to be counted.
 */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/fork.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"

enum {
    HEAD_BYTES = 40,
    NAME_BYTES = 64,
    MOST_FILE_BYTES = 256 << 20,
    LOOK_AGAIN_MS = 5000,
    NOBODYS_TAG = 0,       /* of spans of a process that died */
    ABANDONED_AFTER_S = 60 /* a file that somebody began to write and did not finish */
};

static const char *const component = "spool";
static const char magic[8] = {'T', 'O', 'T', 'E', 'S', 'P', 'L', '1'};
static const char suffix[] = ".otlp";
static const char aside_suffix[] = ".tmp";
static const char corrupt_suffix[] = ".corrupt";
static const char lock_name[] = "lock";

struct entry {
    uint64_t time; /* in nanoseconds since the epoch */
    uint32_t tag;
    uint32_t sequence;
    uint32_t span_count;
    uint32_t size;
};

struct tote__spool {
    struct tote__spool *next; /* of those that are open */
    struct tote__spool_limits limits;
    int directory;
    int lock; /* -1: not open */
    bool is_sender;
    struct stat status; /* of the directory */
    uint32_t generation;
    uint32_t tag; /* of this process's files */
    uint32_t sequence;
    uint64_t last_time;
    struct entry *entries; /* the oldest one first */
    size_t count;
    size_t capacity;
    uint64_t bytes;
    uint64_t lost;
    uint64_t next_look;
    struct entry taken; /* last, */
    bool has_taken;     /* and not removed yet */
    uint8_t *file;
    size_t file_capacity;
};

/* Those of this process: a record lock does not keep one of them from another. */
static struct tote__lock registry_lock;
static struct tote__spool *registry;

static void put_number(uint8_t *out, uint64_t number, unsigned size) {
    for (unsigned i = 0; i < size; i++) {
        out[i] = (uint8_t)(number >> (8 * i));
    }
}

static uint64_t get_number(const uint8_t *at, unsigned size) {
    uint64_t number = 0;

    for (unsigned i = 0; i < size; i++) {
        number |= (uint64_t)at[i] << (8 * i);
    }
    return number;
}

static uint32_t checksum(const uint8_t *bytes, size_t size) {
    return (uint32_t)crc32_z(0, bytes, size);
}

/* magic 8, encoding 4, spans 4, size 8, checksum of the message 4, of the head 4; the rest is zero */
static void put_head(uint8_t *head, const struct tote__batch *batch) {
    memset(head, 0, HEAD_BYTES);
    memcpy(head, magic, sizeof magic);
    put_number(head + 8, (uint64_t)batch->encoding, 4);
    put_number(head + 12, batch->span_count, 4);
    put_number(head + 16, batch->message.size, 8);
    put_number(head + 24, checksum(batch->message.at, batch->message.size), 4);
    put_number(head + HEAD_BYTES - 4, checksum(head, HEAD_BYTES - 4), 4);
}

bool tote__spool_parse(struct tote__slice file, struct tote__batch *batch) {
    const uint8_t *head = file.at;

    if (file.size < HEAD_BYTES || memcmp(head, magic, sizeof magic) != 0 ||
        get_number(head + HEAD_BYTES - 4, 4) != checksum(head, HEAD_BYTES - 4) ||
        get_number(head + 16, 8) != file.size - HEAD_BYTES ||
        get_number(head + 8, 4) > TOTE_OTLP_JSON) {
        return false;
    }
    *batch = (struct tote__batch){
        .message = {file.at + HEAD_BYTES, file.size - HEAD_BYTES},
        .span_count = (uint32_t)get_number(head + 12, 4),
        .encoding = (tote_otlp_encoding)get_number(head + 8, 4),
    };
    return get_number(head + 24, 4) == checksum(batch->message.at, batch->message.size);
}

static void name_of(const struct entry *entry, char name[NAME_BYTES]) {
    snprintf(name, NAME_BYTES, "%016llx-%08x-%08x-%x%s", (unsigned long long)entry->time,
             entry->tag, entry->sequence, entry->span_count, suffix);
}

static bool read_name(const char *name, struct entry *entry) {
    unsigned long long time = 0;
    char again[NAME_BYTES];

    if (sscanf(name, "%16llx-%8x-%8x-%8x", &time, &entry->tag, &entry->sequence,
               &entry->span_count) != 4) {
        return false;
    }
    entry->time = time;
    name_of(entry, again);
    return strcmp(name, again) == 0;
}

static int compare(const void *a, const void *b) {
    const struct entry *x = a;
    const struct entry *y = b;

    if (x->time != y->time) {
        return x->time < y->time ? -1 : 1;
    }
    if (x->tag != y->tag) {
        return x->tag < y->tag ? -1 : 1;
    }
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static bool append(struct tote__spool *spool, const struct entry *entry) {
    if (spool->count == spool->capacity) {
        size_t capacity = spool->capacity ? 2 * spool->capacity : 64;
        struct entry *entries = tote__reallocate(spool->entries, spool->capacity * sizeof *entries,
                                                 capacity * sizeof *entries);
        if (!entries) {
            return false;
        }
        spool->entries = entries;
        spool->capacity = capacity;
    }
    spool->entries[spool->count++] = *entry;
    spool->bytes += entry->size;
    return true;
}

static bool ends_with(const char *name, const char *end) {
    size_t length = strlen(name);
    size_t end_length = strlen(end);

    return length >= end_length && strcmp(name + length - end_length, end) == 0;
}

/* What nobody will finish, or look at any more. */
static void clear_away(struct tote__spool *spool, const char *name, const struct stat *status) {
    int64_t age = (int64_t)(tote__clock_realtime() / 1000000000U) - (int64_t)status->st_mtime;

    if ((ends_with(name, aside_suffix) && age > ABANDONED_AFTER_S) ||
        (ends_with(name, corrupt_suffix) && age > (int64_t)spool->limits.max_age_s)) {
        unlinkat(spool->directory, name, 0);
    }
}

/* Look what there is now. */
static void look(struct tote__spool *spool) {
    int fd = openat(spool->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *item;

    spool->next_look = tote__deadline_in(LOOK_AGAIN_MS);
    if (!directory) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    spool->count = 0;
    spool->bytes = 0;
    while ((item = readdir(directory))) {
        struct entry entry;
        struct stat status;
        if (fstatat(spool->directory, item->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(status.st_mode)) {
            continue;
        }
        if (read_name(item->d_name, &entry) && status.st_size <= MOST_FILE_BYTES) {
            entry.size = (uint32_t)status.st_size;
            append(spool, &entry);
        } else {
            clear_away(spool, item->d_name, &status);
        }
    }
    closedir(directory);
    if (spool->count) {
        qsort(spool->entries, spool->count, sizeof *spool->entries, compare);
    }
}

static bool is_taken(const struct tote__spool *spool, size_t index) {
    return spool->has_taken && compare(&spool->entries[index], &spool->taken) == 0;
}

static void forget_at(struct tote__spool *spool, size_t index) {
    spool->bytes -= spool->entries[index].size;
    spool->count--;
    memmove(spool->entries + index, spool->entries + index + 1,
            (spool->count - index) * sizeof *spool->entries);
}

/* One has to go. */
static void drop_at(struct tote__spool *spool, size_t index, const char *why) {
    const struct entry entry = spool->entries[index];
    char name[NAME_BYTES];

    name_of(&entry, name);
    forget_at(spool, index);
    if (unlinkat(spool->directory, name, 0) != 0) {
        return; /* somebody else was quicker, and has it on his account */
    }
    spool->lost += entry.tag == spool->tag ? entry.span_count : 0;
    tote_diagnose(TOTE_LEVEL_ERROR, component, "%u spans were dropped: %s", entry.span_count, why);
}

/* The oldest one that is not on its way. Returns: its index; `count` when there is none. */
static size_t oldest(const struct tote__spool *spool) {
    return spool->count && is_taken(spool, 0) ? 1 : 0;
}

static void drop_old(struct tote__spool *spool) {
    uint64_t limit = tote__clock_realtime() - (uint64_t)spool->limits.max_age_s * 1000000000U;
    size_t index = oldest(spool);

    while (index < spool->count && spool->entries[index].time < limit) {
        drop_at(spool, index, "they are older than spool_max_age_s");
    }
}

static void make_room(struct tote__spool *spool, size_t size) {
    drop_old(spool);
    size_t index = oldest(spool);
    while (index < spool->count && (spool->bytes + size > spool->limits.max_bytes ||
                                    spool->count + 1 > spool->limits.max_files)) {
        drop_at(spool, index, "there are more than spool_max_bytes or spool_max_files allow");
    }
}

static bool write_file(struct tote__spool *spool, const char *name,
                       const struct tote__batch *batch) {
    char aside[NAME_BYTES + sizeof aside_suffix];
    uint8_t head[HEAD_BYTES];

    put_head(head, batch);
    snprintf(aside, sizeof aside, "%s%s", name, aside_suffix);
    int fd = openat(spool->directory, aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                    S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return false;
    }
    bool is_written =
        tote__os_write(fd, head, sizeof head) == sizeof head &&
        tote__os_write(fd, batch->message.at, batch->message.size) == batch->message.size;
    is_written = close(fd) == 0 && is_written;
    if (!is_written || renameat(spool->directory, aside, spool->directory, name) != 0) {
        int error = errno;
        unlinkat(spool->directory, aside, 0);
        errno = error;
        return false;
    }
    return true;
}

bool tote__spool_put(struct tote__spool *spool, const struct tote__batch *batch) {
    uint64_t now = tote__clock_realtime();
    size_t size = HEAD_BYTES + batch->message.size;
    char name[NAME_BYTES];
    int error = errno;

    if (size > spool->limits.max_bytes || size > MOST_FILE_BYTES) {
        tote_diagnose(TOTE_LEVEL_ERROR, component, "a batch of %zu bytes is over spool_max_bytes",
                      size);
        return false;
    }
    if (tote__clock_monotonic() >= spool->next_look) {
        look(spool);
    }
    make_room(spool, size);
    const struct entry entry = {
        .time = now > spool->last_time ? now : spool->last_time + 1,
        .tag = batch->is_own ? spool->tag : NOBODYS_TAG,
        .sequence = spool->sequence++,
        .span_count = batch->span_count,
        .size = (uint32_t)size,
    };
    name_of(&entry, name);
    bool is_put = write_file(spool, name, batch);
    if (is_put) {
        spool->last_time = entry.time;
        append(spool, &entry); /* without memory the next look finds it */
    } else {
        char text[TOTE__OS_ERROR_BYTES];
        tote_diagnose(TOTE_LEVEL_ERROR, component, "a batch of %u spans cannot be written: %s",
                      batch->span_count, tote__os_error(errno, text));
    }
    errno = error;
    return is_put;
}

uint64_t tote__spool_lost(const struct tote__spool *spool) {
    return spool->lost;
}

static bool is_sent_by_another(const struct tote__spool *spool) {
    bool is_found = false;

    tote__lock_take(&registry_lock);
    for (const struct tote__spool *other = registry; other && !is_found; other = other->next) {
        is_found = other != spool && other->is_sender && other->generation == spool->generation &&
                   other->status.st_dev == spool->status.st_dev &&
                   other->status.st_ino == spool->status.st_ino;
    }
    tote__lock_drop(&registry_lock);
    return is_found;
}

bool tote__spool_may_send(struct tote__spool *spool) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (spool->is_sender) {
        return true;
    }
    if (is_sent_by_another(spool)) {
        return false;
    }
    if (spool->lock < 0) {
        spool->lock = openat(spool->directory, lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                             S_IRUSR | S_IWUSR);
    }
    spool->is_sender = spool->lock >= 0 && fcntl(spool->lock, F_SETLK, &whole) == 0;
    return spool->is_sender;
}

/* The bytes of a file. Returns: false when it is not there any more, or cannot be read now. */
static bool read_file(struct tote__spool *spool, const char *name, size_t size) {
    size_t done = 0;

    if (size > spool->file_capacity) {
        uint8_t *larger = tote__reallocate(spool->file, spool->file_capacity, size);
        if (!larger) {
            return false;
        }
        spool->file = larger;
        spool->file_capacity = size;
    }
    int fd = openat(spool->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    while (fd >= 0 && done < size) {
        ssize_t count = read(fd, spool->file + done, size - done);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            break;
        }
        done += (size_t)count;
    }
    if (fd < 0) {
        return false;
    }
    close(fd);
    memset(spool->file + done, 0, size - done);
    return true;
}

static void set_aside(struct tote__spool *spool, size_t index, const char *name) {
    char aside[NAME_BYTES + sizeof corrupt_suffix];
    const struct entry *entry = &spool->entries[index];

    snprintf(aside, sizeof aside, "%s%s", name, corrupt_suffix);
    renameat(spool->directory, name, spool->directory, aside);
    tote_diagnose(TOTE_LEVEL_ERROR, component,
                  "%s is not what was written: its %u spans are set aside, as %s", name,
                  entry->span_count, aside);
    spool->lost += entry->tag == spool->tag ? entry->span_count : 0;
    forget_at(spool, index);
}

static bool take(struct tote__spool *spool, unsigned encodings, struct tote__batch *batch) {
    for (size_t i = 0; i < spool->count;) {
        char name[NAME_BYTES];
        const struct entry *entry = &spool->entries[i];
        name_of(entry, name);
        if (!read_file(spool, name, entry->size)) {
            forget_at(spool, i);
        } else if (!tote__spool_parse((struct tote__slice){spool->file, entry->size}, batch)) {
            set_aside(spool, i, name);
        } else if (!(encodings >> batch->encoding & 1)) {
            i++;
        } else {
            batch->is_own = entry->tag == spool->tag;
            spool->taken = *entry;
            spool->has_taken = true;
            return true;
        }
    }
    return false;
}

bool tote__spool_take(struct tote__spool *spool, unsigned encodings, struct tote__batch *batch) {
    int error = errno;
    bool has_found = false;

    spool->has_taken = false;
    if (!spool->count && tote__clock_monotonic() >= spool->next_look) {
        look(spool);
    }
    drop_old(spool);
    if (spool->count) {
        has_found = tote__spool_may_send(spool) && take(spool, encodings, batch);
        if (!has_found) {
            spool->next_look = tote__deadline_in(LOOK_AGAIN_MS);
        }
    }
    errno = error;
    return has_found;
}

void tote__spool_remove(struct tote__spool *spool) {
    char name[NAME_BYTES];
    int error = errno;

    if (!spool->has_taken) {
        return;
    }
    name_of(&spool->taken, name);
    unlinkat(spool->directory, name, 0);
    for (size_t i = 0; i < spool->count; i++) {
        if (is_taken(spool, i)) {
            forget_at(spool, i);
            break;
        }
    }
    spool->has_taken = false;
    errno = error;
}

size_t tote__spool_count(const struct tote__spool *spool) {
    return spool->count;
}

uint64_t tote__spool_next_look(const struct tote__spool *spool) {
    return spool->next_look;
}

int tote__spool_descriptor(const struct tote__spool *spool) {
    struct stat status;
    bool is_same = fstat(spool->directory, &status) == 0 && status.st_dev == spool->status.st_dev &&
                   status.st_ino == spool->status.st_ino;

    return is_same ? spool->directory : -1;
}

static struct tote__spool *open_at(int directory, const struct tote__spool_limits *limits) {
    struct tote__spool *spool = tote__allocate(sizeof *spool);
    struct stat status;
    uint32_t tag = 0;

    if (!spool || fstat(directory, &status) != 0 || !tote__os_random(&tag, sizeof tag)) {
        tote__release(spool, sizeof *spool);
        close(directory);
        return NULL;
    }
    *spool = (struct tote__spool){
        .limits = *limits,
        .directory = directory,
        .lock = -1,
        .status = status,
        .generation = tote__generation(),
        .tag = tag == NOBODYS_TAG ? 1 : tag,
    };
    look(spool);
    tote__lock_take(&registry_lock);
    spool->next = registry;
    registry = spool;
    tote__lock_drop(&registry_lock);
    return spool;
}

struct tote__spool *tote__spool_open(const char *path, const struct tote__spool_limits *limits) {
    int error = errno;
    int directory = -1;

    if (mkdir(path, S_IRWXU) == 0 || errno == EEXIST) {
        directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    struct tote__spool *spool = directory < 0 ? NULL : open_at(directory, limits);
    if (!spool) {
        char text[TOTE__OS_ERROR_BYTES];
        tote_diagnose(TOTE_LEVEL_ERROR, component, "the spool %s cannot be used: %s", path,
                      directory < 0 ? tote__os_error(errno, text) : "no memory");
    }
    errno = error;
    return spool;
}

/* The descriptor may be another one's by now: the host closes what it does not know. */
struct tote__spool *tote__spool_reopen(const struct tote__spool *inherited, const char *path) {
    int error = errno;
    struct stat status;
    int directory = openat(inherited->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory >= 0 &&
        (fstat(directory, &status) != 0 || status.st_dev != inherited->status.st_dev ||
         status.st_ino != inherited->status.st_ino)) {
        close(directory);
        directory = -1;
    }
    struct tote__spool *spool = directory < 0 ? tote__spool_open(path, &inherited->limits)
                                              : open_at(directory, &inherited->limits);
    errno = error;
    return spool;
}

void tote__spool_close(struct tote__spool *spool) {
    int error = errno;

    if (!spool) {
        return;
    }
    tote__lock_take(&registry_lock);
    for (struct tote__spool **link = &registry; *link; link = &(*link)->next) {
        if (*link == spool) {
            *link = spool->next;
            break;
        }
    }
    tote__lock_drop(&registry_lock);
    close(spool->directory);
    if (spool->lock >= 0) {
        close(spool->lock);
    }
    tote__release(spool->entries, spool->capacity * sizeof *spool->entries);
    tote__release(spool->file, spool->file_capacity);
    tote__release(spool, sizeof *spool);
    errno = error;
}
