/* SPDX-License-Identifier: MIT */
/*
 * disk_queue_file.c - one file of the disk queue: a head and an encoded request
 *
 * Head: magic 8, encoding 4, spans 4, size 8, checksum of the message 4, boot 4, seconds since boot
 * 4, checksum of the head 4.
 *
 * Tests: tests/unit/test_otlp_disk_queue.c
 */
#include "disk_queue_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "checksum.h"
#include "tote/internal/disk_queue_entry.h"
#include "tote/internal/os.h"

enum { PROTOBUF = 0 }; /* the only encoding */

static const char magic[8] = {'T', 'O', 'T', 'E', 'S', 'P', 'L', '2'};

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
    return (uint32_t)tote__checksum(bytes, size);
}

void tote__disk_queue_put_head(uint8_t *head, const struct tote__batch *batch,
                               struct tote__boot_time now) {
    memcpy(head, magic, sizeof magic);
    put_number(head + 8, PROTOBUF, 4);
    put_number(head + 12, batch->span_count, 4);
    put_number(head + 16, batch->message.size, 8);
    put_number(head + 24, checksum(batch->message.at, batch->message.size), 4);
    put_number(head + 28, now.boot, 4);
    put_number(head + 32, now.seconds, 4);
    put_number(head + 36, checksum(head, 36), 4);
}

static bool is_head_whole(const uint8_t *head) {
    return memcmp(head, magic, sizeof magic) == 0 && get_number(head + 36, 4) == checksum(head, 36);
}

bool tote__disk_queue_parse_next(struct tote__slice *rest, struct tote__batch *batch) {
    const uint8_t *head = rest->at;

    if (rest->size < TOTE__DISK_QUEUE_HEAD_BYTES || !is_head_whole(head) ||
        get_number(head + 16, 8) > rest->size - TOTE__DISK_QUEUE_HEAD_BYTES ||
        get_number(head + 8, 4) != PROTOBUF) {
        return false;
    }
    const struct tote__slice message = {head + TOTE__DISK_QUEUE_HEAD_BYTES,
                                        (size_t)get_number(head + 16, 8)};
    if (get_number(head + 24, 4) != checksum(message.at, message.size)) {
        return false;
    }
    *batch =
        (struct tote__batch){.message = message, .span_count = (uint32_t)get_number(head + 12, 4)};
    rest->at += TOTE__DISK_QUEUE_HEAD_BYTES + message.size;
    rest->size -= TOTE__DISK_QUEUE_HEAD_BYTES + message.size;
    return true;
}

bool tote__disk_queue_parse(struct tote__slice file, struct tote__batch *batch) {
    return tote__disk_queue_parse_next(&file, batch) && !file.size;
}

static bool write_all(int fd, const struct tote__batch *batch, struct tote__boot_time now,
                      bool does_sync) {
    uint8_t head[TOTE__DISK_QUEUE_HEAD_BYTES];

    tote__disk_queue_put_head(head, batch, now);
    return tote__os_write(fd, head, sizeof head) == sizeof head &&
           tote__os_write(fd, batch->message.at, batch->message.size) == batch->message.size &&
           (!does_sync || tote__os_sync(fd));
}

bool tote__disk_queue_write_file(const struct tote__folder *folder, const char *name,
                                 const struct tote__batch *batch, struct tote__boot_time now,
                                 bool does_sync) {
    char aside[TOTE__DISK_QUEUE_NAME_BYTES + sizeof TOTE__DISK_QUEUE_ASIDE_SUFFIX];
    const char *made = aside;

    snprintf(aside, sizeof aside, "%s%s", name, TOTE__DISK_QUEUE_ASIDE_SUFFIX);
    int fd = tote__folder_create_file(folder, aside, O_WRONLY);
    if (fd < 0) {
        return false;
    }
    tote__os_lock_open_file(fd); /* see tote__disk_queue_remove_unfinished() */
    bool is_written =
        write_all(fd, batch, now, does_sync) && tote__folder_rename(folder, aside, name);
    if (is_written) {
        made = name;
        is_written = !does_sync || tote__folder_sync(folder);
    }
    if (!tote__os_close(fd) || !is_written) {
        is_written = false;
        tote__folder_remove(folder, made);
    }
    return is_written;
}

int tote__disk_queue_read_file(const struct tote__folder *folder, const char *name,
                               struct tote__buffer *buffer) {
    struct stat status;
    int fd = tote__folder_open_file(folder, name, O_RDONLY, &status);
    int error = 0;

    if (fd < 0) {
        return errno;
    }
    buffer->size = 0;
    if (status.st_size > TOTE__DISK_QUEUE_MOST_FILE_BYTES) {
        error = EFBIG;
    } else if (!tote__buffer_reserve(buffer, (size_t)status.st_size)) {
        error = ENOMEM;
    } else {
        buffer->size = tote__os_read(fd, buffer->bytes, (size_t)status.st_size);
        error = buffer->size < (size_t)status.st_size ? errno : 0;
    }
    tote__os_close(fd);
    return error;
}

static enum tote__disk_queue_head judge_head(const uint8_t *head, size_t size) {
    static const uint8_t zeros[sizeof magic];
    size_t compared = size < sizeof magic ? size : sizeof magic;

    if (!size || memcmp(head, zeros, compared) == 0) {
        return TOTE__HEAD_BLANK;
    }
    return memcmp(head, magic, compared) == 0 ? TOTE__HEAD_OURS : TOTE__HEAD_FOREIGN;
}

static enum tote__disk_queue_head read_head(int fd, struct tote__boot_time *written) {
    uint8_t head[TOTE__DISK_QUEUE_HEAD_BYTES];
    size_t size = fd < 0 ? 0 : tote__os_read(fd, head, sizeof head);
    bool is_whole = size == sizeof head && is_head_whole(head);

    *written = (struct tote__boot_time){0};
    if (is_whole) {
        *written = (struct tote__boot_time){(uint32_t)get_number(head + 28, 4),
                                            (uint32_t)get_number(head + 32, 4)};
    }
    return fd < 0 ? TOTE__HEAD_UNKNOWN : judge_head(head, size);
}

enum tote__disk_queue_head tote__disk_queue_read_head(const struct tote__folder *folder,
                                                      const char *name,
                                                      struct tote__boot_time *written) {
    struct stat status;
    int fd = tote__folder_open_file(folder, name, O_RDONLY, &status);
    enum tote__disk_queue_head head = read_head(fd, written);

    tote__os_close(fd);
    return head;
}

/* A writer locks its file from the start, also against other threads of its process. */
void tote__disk_queue_remove_unfinished(const struct tote__folder *folder, const char *name) {
    struct tote__boot_time written;
    struct stat status;
    int fd = tote__folder_open_file(folder, name, O_RDWR, &status);
    enum tote__disk_queue_head head = read_head(fd, &written);

    if ((head == TOTE__HEAD_OURS || head == TOTE__HEAD_BLANK) && tote__os_lock_open_file(fd)) {
        tote__folder_remove(folder, name);
    }
    tote__os_close(fd);
}
