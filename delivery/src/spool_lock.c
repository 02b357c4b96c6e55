/* SPDX-License-Identifier: MIT */
/*
 * spool_lock.c - the lock of a disk queue's directory: one sender at a time
 *
 * A record lock does not exclude a second queue of the same process, and closing any descriptor of
 * a file releases all record locks that the process has on it. So a file is opened and closed only
 * while `held_lock` is taken, and never while another queue of this process holds its lock.
 */
#include "tote/internal/spool_lock.h"
#include "tote/internal/os.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tote/internal/fork.h"
#include "tote/internal/lock.h"

static struct tote__lock held_lock; /* guards the list and the descriptors in it */
static struct tote__spool_lock *held;

static bool is_held_here(const struct tote__folder *folder) {
    for (const struct tote__spool_lock *other = held; other; other = other->next) {
        if (other->generation == tote__generation() && other->device == folder->device &&
            other->inode == folder->inode) {
            return true;
        }
    }
    return false;
}

static int open_file(const struct tote__folder *folder, struct stat *status) {
    int fd = tote__folder_open_file(folder, TOTE__SPOOL_LOCK_NAME, O_RDWR, status);

    if (fd < 0 && errno == ENOENT) {
        fd = tote__folder_create_file(folder, TOTE__SPOOL_LOCK_NAME, O_RDWR);
        if (fd < 0 && errno == EEXIST) {
            fd = tote__folder_open_file(folder, TOTE__SPOOL_LOCK_NAME, O_RDWR, status);
        } else if (fd >= 0 && fstat(fd, status) != 0) {
            close(fd);
            fd = -1;
        }
    }
    return fd;
}

/* Call with `held_lock` taken. */
static int take(struct tote__spool_lock *lock, const struct tote__folder *folder) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat status;

    if (is_held_here(folder)) {
        return EAGAIN;
    }
    int fd = open_file(folder, &status);
    if (fd < 0) {
        return errno;
    }
    if (fcntl(fd, F_SETLK, &whole) != 0) {
        close(fd);
        return EAGAIN;
    }
    *lock = (struct tote__spool_lock){
        .next = held,
        .descriptor = fd,
        .generation = tote__generation(),
        .device = folder->device,
        .inode = folder->inode,
        .file_device = status.st_dev,
        .file_inode = status.st_ino,
    };
    held = lock;
    return 0;
}

int tote__spool_lock_take(struct tote__spool_lock *lock, const struct tote__folder *folder) {
    if (tote__os_is_same_file(lock->descriptor, lock->file_device, lock->file_inode)) {
        return 0;
    }
    tote__spool_lock_drop(lock);
    tote__lock_take(&held_lock);
    int error = take(lock, folder);
    tote__lock_drop(&held_lock);
    return error;
}

void tote__spool_lock_drop(struct tote__spool_lock *lock) {
    if (lock->descriptor < 0) {
        return;
    }
    tote__lock_take(&held_lock);
    for (struct tote__spool_lock **link = &held; *link; link = &(*link)->next) {
        if (*link == lock) {
            *link = lock->next;
            break;
        }
    }
    tote__os_close_same_file(lock->descriptor, lock->file_device, lock->file_inode);
    lock->descriptor = -1;
    tote__lock_drop(&held_lock);
}
