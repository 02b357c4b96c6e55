/* SPDX-License-Identifier: MIT */
/*
 * disk_queue_lock.c - the lock of a disk queue's directory: one sender at a time
 *
 * Only the queue that claimed the directory opens and closes the file: closing it in another queue
 * of this process would release the lock.
 *
 * Tests: tests/unit/test_otlp_disk_queue.c
 */
#include "tote/internal/disk_queue_lock.h"

#include <errno.h>
#include <fcntl.h>

#include "tote/internal/os.h"

static struct tote__claims held;

static int open_file(const struct tote__folder *folder, struct stat *status) {
    int fd = tote__folder_open_file(folder, TOTE__DISK_QUEUE_LOCK_NAME, O_RDWR, status);

    if (fd < 0 && errno == ENOENT) {
        int made = tote__folder_create_file(folder, TOTE__DISK_QUEUE_LOCK_NAME, O_RDWR);
        tote__os_close(made);
        if (made >= 0 || errno == EEXIST) {
            fd = tote__folder_open_file(folder, TOTE__DISK_QUEUE_LOCK_NAME, O_RDWR, status);
        }
    }
    return fd;
}

/* The claim is taken. */
static int take(struct tote__disk_queue_lock *lock, const struct tote__folder *folder) {
    struct stat status;
    int fd = open_file(folder, &status);

    if (fd < 0) {
        return errno;
    }
    if (!tote__os_lock(fd)) {
        tote__os_close(fd);
        return EAGAIN;
    }
    lock->descriptor = fd;
    lock->device = status.st_dev;
    lock->inode = status.st_ino;
    return 0;
}

int tote__disk_queue_lock_take(struct tote__disk_queue_lock *lock,
                               const struct tote__folder *folder) {
    if (tote__os_is_same_file(lock->descriptor, lock->device, lock->inode)) {
        return 0;
    }
    tote__disk_queue_lock_drop(lock);
    if (!tote__claim_take(&held, &lock->claim, folder->device, folder->inode)) {
        return EAGAIN;
    }
    int error = take(lock, folder);
    if (error) {
        tote__claim_drop(&held, &lock->claim);
    }
    return error;
}

void tote__disk_queue_lock_drop(struct tote__disk_queue_lock *lock) {
    if (lock->descriptor < 0) {
        return;
    }
    tote__os_close_same_file(lock->descriptor, lock->device, lock->inode);
    lock->descriptor = -1;
    tote__claim_drop(&held, &lock->claim);
}
