/* SPDX-License-Identifier: MIT */
/*
 * segment.c - shared memory for a crash-safe file
 *
 * Access to a segment is decided by the file that refers to it: only the owner can write to its
 * directory, and the segment must have been created by that owner.
 */
#include "segment.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crash_file_format.h"
#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/os.h"

enum {
    OWNER_AT = 1024, /* offset in the head page, behind the head */
    PATH_BYTES = 2048,
    MOST_SEGMENTS = 32768 /* segments examined by one call */
};

#define MAGIC "TOTESHM2"

/*
 * The place of the file that refers to the segment. A path is valid only in one root of one mount
 * namespace.
 */
struct owner {
    uint64_t mount_space;
    uint64_t root_device;
    uint64_t root_inode;
    uint64_t device; /* identifies the directory */
    char path[PATH_BYTES];
};

static uint64_t checksum(const struct tote__segment_reference *reference) {
    return tote__crash_file_checksum((const uint8_t *)reference,
                                     offsetof(struct tote__segment_reference, checksum), 0);
}

static bool attach(struct tote__segment *segment, bool is_read_only) {
    segment->at = tote__os_segment_attach(segment->id, is_read_only);
    return segment->at;
}

bool tote__segment_make(struct tote__segment *segment, size_t size) {
    int id = tote__os_segment_make(size);

    *segment = (struct tote__segment){.id = id, .size = size};
    if (id >= 0 && !attach(segment, false)) {
        int error = errno;
        tote__segment_remove(segment);
        segment->id = -1;
        errno = error;
    }
    return segment->at;
}

void tote__segment_note_file(const struct tote__segment *segment, int directory, const char *name) {
    struct owner *owner = (struct owner *)(void *)(segment->at + OWNER_AT);
    struct stat root;
    struct stat status;

    bool is_known = tote__os_descriptor_path(directory, owner->path, sizeof owner->path) &&
                    owner->path[0] == '/' && stat("/", &root) == 0 &&
                    fstat(directory, &status) == 0;
    size_t length = is_known ? strlen(owner->path) : 0;
    if (!is_known || length + strlen(name) + 2 > sizeof owner->path) {
        owner->path[0] = '\0'; /* then the segment is never removed */
        return;
    }
    owner->mount_space = tote__os_space(TOTE__OS_MOUNT_SPACE);
    owner->root_device = (uint64_t)root.st_dev;
    owner->root_inode = (uint64_t)root.st_ino;
    owner->device = (uint64_t)status.st_dev;
    snprintf(owner->path + length, sizeof owner->path - length, "/%s", name);
}

void tote__segment_refer(const struct tote__segment *segment, uint32_t nonce,
                         struct tote__segment_reference *reference) {
    *reference = (struct tote__segment_reference){
        .byte_order = 1,
        .id = segment->id,
        .size = segment->size,
        .boot = tote__os_boot(),
        .ipc_space = tote__os_space(TOTE__OS_IPC_SPACE),
        .process = tote__os_process_id(),
        .nonce = nonce,
    };
    memcpy(reference->magic, MAGIC, sizeof reference->magic);
    reference->checksum = checksum(reference);
}

bool tote__segment_read_reference(const uint8_t *bytes, size_t size,
                                  struct tote__segment_reference *reference) {
    if (size != sizeof *reference) {
        return false;
    }
    memcpy(reference, bytes, sizeof *reference);
    return memcmp(reference->magic, MAGIC, sizeof reference->magic) == 0 &&
           reference->byte_order == 1 && reference->checksum == checksum(reference);
}

/* Return whether both are known and differ. */
static bool differs(uint64_t a, uint64_t b) {
    return a && b && a != b;
}

enum tote__segment_found tote__segment_attach(const struct tote__segment_reference *reference,
                                              uid_t owner, struct tote__segment *segment) {
    struct tote__os_segment status;
    struct tote__crash_file_head head;

    *segment = (struct tote__segment){.id = -1};
    if (differs(reference->boot, tote__os_boot())) {
        return TOTE__SEGMENT_GONE;
    }
    if (differs(reference->ipc_space, tote__os_space(TOTE__OS_IPC_SPACE))) {
        return TOTE__SEGMENT_ELSEWHERE;
    }
    *segment = (struct tote__segment){.id = reference->id, .size = (size_t)reference->size};
    if (!tote__os_segment_status(segment->id, &status)) {
        return errno == EINVAL || errno == EIDRM ? TOTE__SEGMENT_GONE : TOTE__SEGMENT_ELSEWHERE;
    }
    if (status.creator != owner || status.size != reference->size ||
        reference->size < sizeof head) {
        return TOTE__SEGMENT_GONE; /* the id was reused by another program */
    }
    if (!attach(segment, false)) {
        return TOTE__SEGMENT_ELSEWHERE;
    }
    memcpy(&head, segment->at, sizeof head);
    if (head.nonce != reference->nonce) {
        tote__segment_detach(segment);
        return TOTE__SEGMENT_GONE;
    }
    return TOTE__SEGMENT_ATTACHED;
}

void tote__segment_detach(struct tote__segment *segment) {
    if (segment->at) {
        tote__os_segment_detach(segment->at);
    }
    segment->at = NULL;
}

void tote__segment_remove(const struct tote__segment *segment) {
    tote__os_segment_remove(segment->id);
}

/* Remove the last component; the parent of the root is "". */
static void leave_directory(char *path) {
    char *slash = strrchr(path, '/');

    *slash = '\0';
}

/* State of the file that refers to a segment. */
enum reference_state { EXISTS, DELETED, UNKNOWN };

/*
 * Check whether the file or its directory was deleted. That is unknown if its file system is not
 * mounted: then the closest existing directory is on another device.
 */
static enum reference_state look_for_file(const struct owner *owner) {
    char path[PATH_BYTES];
    struct stat status;

    memcpy(path, owner->path, sizeof path);
    if (path[0] != '/' || !memchr(path, '\0', sizeof path)) {
        return UNKNOWN;
    }
    if (lstat(path, &status) == 0) {
        return EXISTS;
    }
    while (errno == ENOENT && path[0]) {
        leave_directory(path);
        if (lstat(path[0] ? path : "/", &status) == 0) {
            return (uint64_t)status.st_dev == owner->device ? DELETED : UNKNOWN;
        }
    }
    return UNKNOWN;
}

/* Return whether its path has the same meaning here. */
static bool is_of_this_root(const struct owner *owner) {
    struct stat root;

    return owner->mount_space == tote__os_space(TOTE__OS_MOUNT_SPACE) && stat("/", &root) == 0 &&
           owner->root_device == (uint64_t)root.st_dev &&
           owner->root_inode == (uint64_t)root.st_ino;
}

/* A segment that is not a crash-safe file is kept, as if its file existed. */
static enum reference_state look_for_reference(int id) {
    struct tote__segment segment = {.id = id};
    struct tote__crash_file_head head;
    struct owner owner;

    if (!attach(&segment, true)) {
        return EXISTS;
    }
    memcpy(&head, segment.at, sizeof head);
    memcpy(&owner, segment.at + OWNER_AT, sizeof owner);
    tote__segment_detach(&segment);
    if (memcmp(head.magic, TOTE__CRASH_FILE_MAGIC, sizeof head.magic) != 0 ||
        head.checksum != tote__crash_file_head_checksum(&head)) {
        return EXISTS;
    }
    return is_of_this_root(&owner) ? look_for_file(&owner) : UNKNOWN;
}

/* Segments whose file cannot be checked from here. */
struct unknown {
    unsigned count;
    uint64_t bytes;
    size_t length;
    char ids[256]; /* arguments of ipcrm, as many as fit */
};

static void note_unknown(struct unknown *unknown, int id, size_t size) {
    char text[32];
    size_t length = (size_t)snprintf(text, sizeof text, " -m %d", id);

    unknown->count++;
    unknown->bytes += size;
    if (unknown->length + length < sizeof unknown->ids) {
        memcpy(unknown->ids + unknown->length, text, length + 1);
        unknown->length += length;
    }
}

/* Reported once, and again if there are more of them. */
static void report_unknown(const struct unknown *unknown) {
    static _Atomic(unsigned) reported;

    if (unknown->count > atomic_exchange(&reported, unknown->count)) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "disk queue",
            "%u crash-safe files in shared memory (%llu bytes) are kept, although no process is "
            "attached to them: their disk queues are not visible from here (another container, or "
            "a file system that is not mounted); if these no longer exist, remove the memory with "
            "'ipcrm%s'",
            unknown->count, (unsigned long long)unknown->bytes, unknown->ids);
    }
}

void tote__segments_clean_up(uint32_t age_s) {
    struct unknown unknown = {.count = 0};
    int last = tote__os_segment_last();
    int64_t now = (int64_t)(tote__clock_realtime() / 1000000000U);

    for (int i = 0; i <= last && i < MOST_SEGMENTS; i++) {
        struct tote__os_segment status;
        int id = tote__os_segment_at(i, &status);
        if (id < 0 || status.creator != tote__os_user_id() || status.is_attached ||
            status.size < TOTE__CRASH_FILE_CHUNKS_AT || now - status.detached_at < (int64_t)age_s) {
            continue;
        }
        enum reference_state state = look_for_reference(id);
        if (state == DELETED) {
            tote__segment_remove(&(struct tote__segment){.id = id});
        } else if (state == UNKNOWN) {
            note_unknown(&unknown, id, status.size);
        }
    }
    report_unknown(&unknown);
}
