/* SPDX-License-Identifier: MIT */
/*
 * os.c - system calls of the SDK
 *
 * Tests: tests/unit/test_folder.c, tests/unit/test_resource.c, tests/unit/test_process_context.c
 */
#include "tote/internal/os.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/write_signals.h"

int tote__os_above_stdio(int descriptor) {
    if (descriptor < 0 || descriptor > STDERR_FILENO) {
        return descriptor;
    }
    int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    tote__os_close(descriptor);
    return moved;
}

/* A new descriptor takes the lowest free number. */
unsigned tote__os_hold_stdio(void) {
    unsigned held = 0;
    int error = errno;

    for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++) {
        int made = fcntl(descriptor, F_GETFD) < 0 ? epoll_create1(EPOLL_CLOEXEC) : -1;
        if (made > STDERR_FILENO) { /* another thread has opened this one meanwhile */
            close(made);
        } else if (made >= 0) {
            held |= 1U << made;
        }
    }
    errno = error;
    return held;
}

/* The number may be a file of the host by now, after dup2(). */
static bool is_epoll(int descriptor) {
    struct epoll_event event;

    return epoll_wait(descriptor, &event, 1, 0) >= 0;
}

void tote__os_release_stdio(unsigned held) {
    int error = errno;

    for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++) {
        if (held & 1U << descriptor && is_epoll(descriptor)) {
            close(descriptor);
        }
    }
    errno = error;
}

int tote__os_open(int directory, const char *path, int flags, mode_t mode) {
    unsigned held = tote__os_hold_stdio();
    int descriptor = openat(directory, path, flags | O_CLOEXEC, mode);

    tote__os_release_stdio(held);
    return tote__os_above_stdio(descriptor);
}

int tote__os_socket(int family, int type, int protocol) {
    unsigned held = tote__os_hold_stdio();
    int descriptor = socket(family, type | SOCK_CLOEXEC, protocol);

    tote__os_release_stdio(held);
    return tote__os_above_stdio(descriptor);
}

bool tote__os_socketpair(int type, int sockets[2]) {
    unsigned held = tote__os_hold_stdio();
    bool is_made = socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sockets) == 0;

    tote__os_release_stdio(held);
    return is_made;
}

/*
 * Does not block for entropy: early after boot getrandom() fails, and /dev/urandom does not block.
 */
bool tote__os_random(void *buffer, size_t size) {
    char bytes[TOTE__OS_RANDOM_BYTES + 1]; /* with a NUL */
    int error = errno;
    int cancel = tote__cancel_disable();
    bool is_filled = getrandom(buffer, size, GRND_NONBLOCK) == (ssize_t)size;

    if (!is_filled && size < sizeof bytes &&
        tote__os_read_file("/dev/urandom", bytes, size + 1) == size) {
        memcpy(buffer, bytes, size);
        is_filled = true;
    }
    tote__cancel_restore(cancel);
    errno = error;
    return is_filled;
}

uint32_t tote__os_process_id(void) {
    return (uint32_t)getpid();
}

uint32_t tote__os_user_id(void) {
    return (uint32_t)geteuid();
}

/*
 * Read field 22 of /proc/self/stat: clock ticks since boot. The name before it may contain any
 * character.
 */
static bool parse_start_ticks(const char *stat, uint64_t *ticks) {
    const char *at = strrchr(stat, ')');

    for (unsigned field = 3; at && field <= 22; field++) {
        at = strchr(at + 1, ' ');
    }
    return at && sscanf(at, "%" SCNu64, ticks) == 1;
}

bool tote__os_process_start(uint64_t *time_unix_nano) {
    const uint64_t second = 1000000000;
    char stat[1024];
    uint64_t ticks = 0;
    struct timespec since_boot;
    int error = errno;
    long ticks_per_second = sysconf(_SC_CLK_TCK);
    bool is_known = tote__os_read_file("/proc/self/stat", stat, sizeof stat) &&
                    parse_start_ticks(stat, &ticks) && ticks_per_second > 0 &&
                    clock_gettime(CLOCK_BOOTTIME, &since_boot) == 0;

    errno = error;
    if (!is_known) {
        return false;
    }
    uint64_t now = (uint64_t)since_boot.tv_sec * second + (uint64_t)since_boot.tv_nsec;
    uint64_t start = ticks * (second / (uint64_t)ticks_per_second);
    *time_unix_nano = tote__clock_realtime() - (now > start ? now - start : 0);
    return true;
}

/* FNV-1a hash of the boot id, which is random. */
static uint32_t hash_of(const char *text) {
    uint32_t hash = 2166136261U;

    for (; *text && *text != '\n'; text++) {
        hash = (hash ^ (unsigned char)*text) * 16777619U;
    }
    return hash ? hash : 1;
}

uint32_t tote__os_boot(void) {
    char id[64];

    return tote__os_read_file("/proc/sys/kernel/random/boot_id", id, sizeof id) ? hash_of(id) : 0;
}

bool tote__os_executable_path(char *buffer, size_t size) {
    static const char deleted[] = " (deleted)";
    int error = errno;
    ssize_t length = size ? readlink("/proc/self/exe", buffer, size) : -1;

    errno = error;
    if (length <= 0 || (size_t)length >= size) {
        return false;
    }
    size_t end = (size_t)length;
    if (end > sizeof deleted - 1 &&
        memcmp(buffer + end - (sizeof deleted - 1), deleted, sizeof deleted - 1) == 0) {
        end -= sizeof deleted - 1;
    }
    buffer[end] = '\0';
    return true;
}

const char *tote__os_command(void) {
    return program_invocation_name;
}

/* Copy a string of uname(2). */
static bool copy_system_name(char *buffer, size_t size, bool is_machine) {
    struct utsname name;
    int error = errno;
    bool is_known = uname(&name) == 0;
    const char *text = is_machine ? name.machine : name.nodename;
    size_t length = is_known ? strlen(text) : 0;

    errno = error;
    if (!length || length >= size) {
        return false;
    }
    memcpy(buffer, text, length + 1);
    return true;
}

bool tote__os_host_name(char *buffer, size_t size) {
    return copy_system_name(buffer, size, false);
}

bool tote__os_machine(char *buffer, size_t size) {
    return copy_system_name(buffer, size, true);
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

bool tote__os_reserve(int descriptor, uint64_t size) {
    struct tote__held_signals signals;

    tote__hold_write_signals(&signals);
    bool is_done = fallocate(descriptor, 0, 0, (off_t)size) == 0 ||
                   ((errno == EOPNOTSUPP || errno == ENOSYS || errno == EINTR) &&
                    ftruncate(descriptor, (off_t)size) == 0);
    tote__release_write_signals(&signals);
    return is_done;
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

int tote__os_event(void) {
    return tote__os_above_stdio(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

int tote__os_epoll(void) {
    return tote__os_above_stdio(epoll_create1(EPOLL_CLOEXEC));
}

void tote__os_set_event(int event, bool is_readable) {
    int error = errno;
    int cancel = tote__cancel_disable();
    eventfd_t count;

    if (is_readable) {
        eventfd_write(event, 1);
    } else {
        eventfd_read(event, &count);
    }
    tote__cancel_restore(cancel);
    errno = error;
}

bool tote__os_watch(int epoll, int descriptor, bool is_new) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};

    return epoll_ctl(epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor, &event) == 0;
}

void *tote__os_map(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

void tote__os_unmap(void *memory, size_t size) {
    munmap(memory, size);
}

/* For older headers. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

void *tote__os_map_file(const char *name, size_t size) {
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    void *memory = MAP_FAILED;
    int error = errno;
    unsigned held = tote__os_hold_stdio();
    int file = memfd_create(name, flags | MFD_NOEXEC_SEAL);

    file = file < 0 ? memfd_create(name, flags) : file; /* before Linux 6.3 */
    tote__os_release_stdio(held);
    if (file >= 0 && tote__os_truncate(file, size)) {
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    }
    tote__os_close(file);
    errno = error;
    return memory == MAP_FAILED ? NULL : memory;
}

bool tote__os_name_map(void *memory, size_t size, const char *name) {
    int error = errno;
    bool is_named = prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, memory, size, name) == 0;

    errno = error;
    return is_named;
}

bool tote__os_keep_from_children(void *memory, size_t size) {
    int error = errno;
    bool is_kept = madvise(memory, size, MADV_DONTFORK) == 0;

    errno = error;
    return is_kept;
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
