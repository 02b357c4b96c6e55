/* SPDX-License-Identifier: MIT */
/*
 * sender.c - the background sender of a disk queue: one at a time, and what became of its delivery
 *
 * Tests: tests/cli/test_span.sh
 */
#include "sender.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tote/internal/disk_queue_entry.h"
#include "tote/internal/disk_queue_lock.h"
#include "tote/internal/os.h"

const struct tote__disk_queue_limits sender_limits = TOTE__DISK_QUEUE_SENDER_LIMITS;

int sender_open(const struct tote__folder *folder) {
    struct stat status;
    int file = tote__folder_open_file(folder, TOTE__DISK_QUEUE_SENDER_NAME, O_RDWR, &status);

    if (file < 0 && errno == ENOENT) {
        file = tote__folder_create_file(folder, TOTE__DISK_QUEUE_SENDER_NAME, O_RDWR);
        if (file < 0 && errno == EEXIST) {
            file = tote__folder_open_file(folder, TOTE__DISK_QUEUE_SENDER_NAME, O_RDWR, &status);
        }
    }
    return file;
}

bool sender_lock(int file) {
    return tote__os_lock_open_file(file);
}

void sender_unlock(int file) {
    flock(file, LOCK_UN);
}

bool sender_has_batch(const struct tote__folder *folder) {
    struct tote__disk_queue_entry entry;
    struct tote__listing listing;
    struct tote__folder opened;
    bool has_one = false;

    if (!tote__folder_reopen(folder, &opened) || !tote__listing_begin(&opened, &listing)) {
        return false;
    }
    for (const char *name; !has_one && (name = tote__listing_next(&listing));) {
        has_one = tote__disk_queue_entry_read(name, "", &entry);
    }
    tote__listing_close(&listing);
    return has_one;
}

static void clean(char *text) {
    for (char *at = text; *at; at++) {
        *at = (unsigned char)*at < ' ' || (unsigned char)*at >= 0x7F ? '?' : *at;
    }
}

void sender_read(int file, struct sender_status *status) {
    char content[2 * 21 + SENDER_TEXT_BYTES];
    ssize_t size = pread(file, content, sizeof content - 1, 0);
    int length = 0;

    *status = (struct sender_status){.since = 0};
    content[size > 0 ? size : 0] = '\0';
    content[strcspn(content, "\n")] = '\0';
    if (sscanf(content, "%20" SCNu64 " %20" SCNu64 " %n", &status->since, &status->reported,
               &length) != 2 ||
        !content[length]) {
        *status = (struct sender_status){.since = 0};
        return;
    }
    snprintf(status->text, sizeof status->text, "%s", content + length);
    clean(status->text);
}

bool sender_write(int file, const struct sender_status *status) {
    char content[2 * 21 + SENDER_TEXT_BYTES];
    int length = 0;

    if (status->since) {
        length = snprintf(content, sizeof content, "%" PRIu64 " %" PRIu64 " %s\n", status->since,
                          status->reported, status->text);
    }
    return ftruncate(file, 0) == 0 && tote__os_write_at(file, content, (size_t)length, 0);
}
