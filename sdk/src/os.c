/* SPDX-License-Identifier: MIT */
/*
 * os.c - system calls of the SDK that all systems have
 *
 * Others are in os_linux.c, or in os_posix.c for systems without a file of their own.
 *
 * Tests: tests/unit/test_os.c, tests/unit/test_folder.c, tests/unit/test_resource.c
 */
#include "tote/internal/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tote/internal/cancel.h"
#include "tote/internal/lock.h"
#include "tote/internal/shared.h"
#include "tote/internal/write_signals.h"

int tote__os_above_stdio(int descriptor) {
    if (descriptor < 0 || descriptor > STDERR_FILENO) {
        return descriptor;
    }
    int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    tote__os_close(descriptor);
    return moved;
}

static struct {
    struct tote__lock lock;
    uint32_t generation; /* a forked child has no holders */
    unsigned holders;
    unsigned held; /* bit set of the placeholders */
} stdio;

static void take_stdio(void) {
    uint32_t generation = tote__generation();

    tote__lock_take_in(&stdio.lock, generation);
    if (stdio.generation != generation) {
        stdio.generation = generation;
        stdio.holders = 0;
    }
}

/* A new descriptor takes the lowest free number. */
void tote__os_hold_stdio(void) {
    int error = errno;

    take_stdio();
    stdio.holders++;
    for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++) {
        int made = fcntl(descriptor, F_GETFD) < 0 ? tote__os_placeholder() : -1;
        if (made > STDERR_FILENO) { /* the host has opened this one meanwhile */
            close(made);
        } else if (made >= 0) {
            stdio.held |= 1U << made;
        }
    }
    tote__lock_drop(&stdio.lock);
    errno = error;
}

void tote__os_release_stdio(void) {
    int error = errno;

    take_stdio();
    stdio.holders -= stdio.holders > 0;
    for (int descriptor = 0; descriptor <= STDERR_FILENO && !stdio.holders; descriptor++) {
        if (stdio.held & 1U << descriptor && tote__os_is_placeholder(descriptor)) {
            close(descriptor);
        }
        stdio.held &= ~(1U << descriptor);
    }
    tote__lock_drop(&stdio.lock);
    errno = error;
}

int tote__os_open(int directory, const char *path, int flags, mode_t mode) {
    tote__os_hold_stdio();
    int descriptor = openat(directory, path, flags | O_CLOEXEC, mode);

    tote__os_release_stdio();
    return tote__os_above_stdio(descriptor);
}

uint32_t tote__os_process_id(void) {
    return (uint32_t)getpid();
}

uint32_t tote__os_user_id(void) {
    return (uint32_t)geteuid();
}

/* Copy a string of uname(2): the one at this offset. */
static bool copy_system_name(char *buffer, size_t size, size_t offset) {
    struct utsname name;
    int error = errno;
    bool is_known = uname(&name) >= 0;
    const char *text = (const char *)&name + offset;
    size_t length = is_known ? strlen(text) : 0;

    errno = error;
    if (!length || length >= size) {
        return false;
    }
    memcpy(buffer, text, length + 1);
    return true;
}

bool tote__os_host_name(char *buffer, size_t size) {
    return copy_system_name(buffer, size, offsetof(struct utsname, nodename));
}

bool tote__os_machine(char *buffer, size_t size) {
    return copy_system_name(buffer, size, offsetof(struct utsname, machine));
}

bool tote__os_type(char *buffer, size_t size) {
    bool is_known = copy_system_name(buffer, size, offsetof(struct utsname, sysname));

    for (char *at = buffer; is_known && *at; at++) {
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
    }
    return is_known;
}

bool tote__os_release(char *buffer, size_t size) {
    return copy_system_name(buffer, size, offsetof(struct utsname, release));
}

/* Does not block: early after boot the system call fails, and /dev/urandom does not block. */
bool tote__os_random(void *buffer, size_t size) {
    char bytes[TOTE__OS_RANDOM_BYTES + 1]; /* with a NUL */
    int error = errno;
    int cancel = tote__cancel_disable();
    bool is_filled = tote__os_entropy(buffer, size);

    if (!is_filled && size < sizeof bytes &&
        tote__os_read_file("/dev/urandom", bytes, size + 1) == size) {
        memcpy(buffer, bytes, size);
        is_filled = true;
    }
    tote__cancel_restore(cancel);
    errno = error;
    return is_filled;
}

size_t tote__os_read_file(const char *path, char *buffer, size_t size) {
    int error = errno;
    int descriptor = size ? tote__os_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0) : -1;
    size_t length = descriptor >= 0 ? tote__os_read(descriptor, buffer, size - 1) : 0;

    tote__os_close(descriptor);
    if (size) {
        buffer[length] = '\0';
    }
    errno = error;
    return length;
}

bool tote__os_is_same_file(int descriptor, dev_t device, ino_t inode) {
    struct stat status;
    int error = errno;
    bool is_same = descriptor >= 0 && fstat(descriptor, &status) == 0 && status.st_dev == device &&
                   status.st_ino == inode;

    errno = error;
    return is_same;
}

void tote__os_close_same_file(int descriptor, dev_t device, ino_t inode) {
    if (tote__os_is_same_file(descriptor, device, inode)) {
        close(descriptor);
    }
}

bool tote__os_holds_bytes(int descriptor) {
    int incoming = 0;
    int outgoing = 0;

    ioctl(descriptor, FIONREAD, &incoming);
    ioctl(descriptor, TIOCOUTQ, &outgoing);
    return incoming > 0 || outgoing > 0;
}

bool tote__os_status(int descriptor, struct stat *status) {
    return fstat(descriptor, status) == 0;
}

bool tote__os_path_status(const char *path, struct stat *status) {
    return stat(path, status) == 0;
}

bool tote__os_rename(const char *from, const char *to) {
    return rename(from, to) == 0;
}

bool tote__os_truncate(int descriptor, uint64_t size) {
    struct tote__held_signals signals;

    tote__hold_write_signals(&signals);
    bool is_done = ftruncate(descriptor, (off_t)size) == 0;
    tote__release_write_signals(&signals);
    return is_done;
}

void tote__os_set_waiting(int descriptor, int flags) {
    fcntl(descriptor, F_SETFL, flags);
}

int tote__os_open_regular(const char *path) {
    struct stat status;
    int descriptor = tote__os_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

    if (descriptor >= 0 && (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(descriptor);
        errno = EINVAL;
        return -1;
    }
    return descriptor;
}

bool tote__os_close(int descriptor) {
    int error = errno;
    bool is_closed = descriptor < 0 || close(descriptor) == 0;

    errno = is_closed ? error : errno;
    return is_closed;
}

enum { FROM_HERE = -1 };

/* errno is from the last attempt. */
static size_t read_all(int descriptor, uint8_t *bytes, size_t size, off_t at) {
    size_t done = 0;
    ssize_t got = 1;

    errno = 0;
    while (done < size && (got > 0 || (got < 0 && errno == EINTR))) {
        got = at == FROM_HERE ? read(descriptor, bytes + done, size - done)
                              : pread(descriptor, bytes + done, size - done, at + (off_t)done);
        done += got > 0 ? (size_t)got : 0;
    }
    return done;
}

size_t tote__os_read(int descriptor, void *bytes, size_t size) {
    return read_all(descriptor, bytes, size, FROM_HERE);
}

bool tote__os_read_at(int descriptor, void *bytes, size_t size, uint64_t at) {
    return read_all(descriptor, bytes, size, (off_t)at) == size;
}

static size_t write_all(int descriptor, const uint8_t *bytes, size_t size, off_t at) {
    struct tote__held_signals signals;
    size_t done = 0;
    ssize_t written = 1;
    int cancel = tote__cancel_disable();

    tote__hold_write_signals(&signals);
    while (done < size && (written > 0 || (written < 0 && errno == EINTR))) {
        written = at == FROM_HERE ? write(descriptor, bytes + done, size - done)
                                  : pwrite(descriptor, bytes + done, size - done, at + (off_t)done);
        done += written > 0 ? (size_t)written : 0;
    }
    errno = written ? errno : ENOSPC;
    tote__release_write_signals(&signals);
    tote__cancel_restore(cancel);
    return done;
}

size_t tote__os_write(int descriptor, const uint8_t *bytes, size_t size) {
    return write_all(descriptor, bytes, size, FROM_HERE);
}

bool tote__os_write_at(int descriptor, const void *bytes, size_t size, uint64_t at) {
    return write_all(descriptor, bytes, size, (off_t)at) == size;
}

bool tote__os_lock(int descriptor) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    return fcntl(descriptor, F_SETLK, &whole) == 0;
}

bool tote__os_lock_open_file(int descriptor) {
    return flock(descriptor, LOCK_EX | LOCK_NB) == 0;
}

bool tote__os_sync(int descriptor) {
    return fsync(descriptor) == 0;
}

enum { MOST_DESCRIPTORS = 2 };

void tote__os_wait_readable(const int *descriptors, size_t count, uint32_t most_ms) {
    struct pollfd fds[MOST_DESCRIPTORS];
    int error = errno;

    count = tote__min(count, MOST_DESCRIPTORS);
    for (size_t i = 0; i < count; i++) {
        fds[i] = (struct pollfd){.fd = descriptors[i], .events = POLLIN};
    }
    poll(fds, count, (int)tote__min(most_ms, INT_MAX));
    errno = error;
}

void tote__os_event_init(struct tote__os_event *event) {
    for (size_t i = 0; i < TOTE__OS_ENDS; i++) {
        atomic_init(&event->ends[i].descriptor, -1);
    }
}

#ifndef MAP_NORESERVE /* FreeBSD never reserves */
#define MAP_NORESERVE 0
#endif

void *tote__os_map(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

void tote__os_unmap(void *memory, size_t size) {
    munmap(memory, size);
}

/* strerror() is not thread-safe, and strerror_r() differs between C libraries. */
struct tote__error_text tote__os_error(int error) {
    struct tote__error_text described;
    int before = errno;
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);

    snprintf(described.text, sizeof described.text, "%s (errno %d)",
             plain ? strerror_l(error, plain) : "no text", error);
    if (plain) {
        freelocale(plain);
    }
    errno = before;
    return described;
}
