/* SPDX-License-Identifier: MIT */
/*
 * os_linux.c - system calls of the SDK on Linux
 *
 * Tests: tests/unit/test_os.c, tests/unit/test_resource.c, tests/unit/test_process_context.c
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/posix_types.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/os.h"
#include "tote/internal/write_signals.h"

/* It can be neither read nor written. */
int tote__os_placeholder(void) {
    return epoll_create1(EPOLL_CLOEXEC);
}

bool tote__os_is_placeholder(int descriptor) {
    struct epoll_event event;

    return epoll_wait(descriptor, &event, 1, 0) >= 0;
}

/* O_PATH needs no permission to read. O_DIRECTORY triggers automounts. */
int tote__os_open_directory(int parent, const char *path, int flags) {
    return tote__os_open(parent, path, O_PATH | O_DIRECTORY | flags, 0);
}

ssize_t tote__os_read_link(int parent, const char *name, struct stat *status, char *target,
                           size_t size) {
    int link = tote__os_open(parent, name, O_PATH | O_NOFOLLOW, 0);
    ssize_t length = -1;

    if (link >= 0 && fstat(link, status) == 0) {
        length = S_ISLNK(status->st_mode) ? readlinkat(link, "", target, size) : -1;
        errno = S_ISLNK(status->st_mode) ? errno : EINVAL;
    }
    int error = errno;
    tote__os_close(link);
    errno = error;
    return length;
}

int tote__os_socket(int family, int type, int protocol) {
    tote__os_hold_stdio();
    int descriptor = socket(family, type | SOCK_CLOEXEC, protocol);

    tote__os_release_stdio();
    return tote__os_above_stdio(descriptor);
}

bool tote__os_socketpair(int sockets[2]) {
    tote__os_hold_stdio();
    bool is_made = socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets) == 0;

    tote__os_release_stdio();
    return is_made;
}

void tote__os_send(int socket, const void *bytes, size_t size) {
    send(socket, bytes, size, MSG_NOSIGNAL);
}

bool tote__os_entropy(void *buffer, size_t size) {
    return getrandom(buffer, size, GRND_NONBLOCK) == (ssize_t)size;
}

uint64_t tote__os_since_boot(void) {
    return tote__clock_read(CLOCK_BOOTTIME);
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

size_t tote__os_read_system(enum tote__os_text text, char *buffer, size_t size) {
    static const char *const paths[] = {
        [TOTE__OS_CGROUPS] = "/proc/self/cgroup",
        [TOTE__OS_MOUNTS] = "/proc/self/mountinfo",
    };

    return tote__os_read_file(paths[text], buffer, size);
}

uint64_t tote__os_space(enum tote__os_space space) {
    static const char *const paths[] = {
        [TOTE__OS_IPC_SPACE] = "/proc/self/ns/ipc",
        [TOTE__OS_MOUNT_SPACE] = "/proc/self/ns/mnt",
        [TOTE__OS_PROCESS_SPACE] = "/proc/self/ns/pid",
    };
    struct stat status;

    return tote__os_path_status(paths[space], &status) ? (uint64_t)status.st_ino : 0;
}

bool tote__os_descriptor_path(int descriptor, char *buffer, size_t size) {
    char self[64];

    snprintf(self, sizeof self, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(self, buffer, size);
    if (length <= 0 || (size_t)length >= size) {
        return false;
    }
    buffer[length] = '\0';
    return true;
}

void tote__os_name_thread(const char *name) {
    pthread_setname_np(pthread_self(), name);
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

/*
 * FUTEX_WAIT_BITSET takes an absolute time of the monotonic clock, since boot. SYS_futex reads a
 * time of two words, also where time_t has more bits than a word.
 */
void tote__os_wait(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline) {
    const uint64_t second = 1000000000;
    const __kernel_long_t until[2] = {(__kernel_long_t)(deadline / second),
                                      (__kernel_long_t)(deadline % second)};
    int error = errno;

    syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value,
            deadline == TOTE__NEVER ? NULL : until, NULL, FUTEX_BITSET_MATCH_ANY);
    errno = error;
}

void tote__os_wake(_Atomic(uint32_t) *word) {
    int error = errno;

    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 0);
    errno = error;
}

static bool membarrier(int command) {
    int error = errno;
    bool is_done = syscall(SYS_membarrier, command, 0, 0) == 0;

    errno = error;
    return is_done;
}

bool tote__os_prepare_barrier(void) {
    return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

/* A forked child is not registered, and may be the process that stops the SDK. */
bool tote__os_barrier(void) {
    return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
           membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

/* An event is an eventfd, a group an epoll instance: each has one end. */

static bool open_end(struct tote__os_event *event, int descriptor) {
    struct stat status;

    descriptor = tote__os_above_stdio(descriptor);
    if (descriptor >= 0 && tote__os_status(descriptor, &status)) {
        event->ends[0].device = status.st_dev;
        event->ends[0].inode = status.st_ino;
    }
    atomic_store(&event->ends[0].descriptor, descriptor);
    return descriptor >= 0;
}

bool tote__os_event_open(struct tote__os_event *event) {
    tote__os_hold_stdio();
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    tote__os_release_stdio();
    return open_end(event, descriptor);
}

/* All eventfds share one inode: the comparison detects files and sockets. */
int tote__os_event_descriptor(const struct tote__os_event *event) {
    int descriptor = atomic_load(&event->ends[0].descriptor);

    return tote__os_is_same_file(descriptor, event->ends[0].device, event->ends[0].inode)
               ? descriptor
               : -1;
}

void tote__os_event_set(struct tote__os_event *event, bool is_readable) {
    int descriptor = tote__os_event_descriptor(event);
    int error = errno;
    int cancel = tote__cancel_disable();
    eventfd_t count;

    if (is_readable) {
        eventfd_write(descriptor, 1);
    } else {
        eventfd_read(descriptor, &count);
    }
    tote__cancel_restore(cancel);
    errno = error;
}

void tote__os_event_close(struct tote__os_event *event) {
    tote__os_close(tote__os_event_descriptor(event));
}

bool tote__os_group_open(struct tote__os_event *group) {
    return open_end(group, epoll_create1(EPOLL_CLOEXEC));
}

bool tote__os_group_watch(const struct tote__os_event *group, int descriptor, bool is_new) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};

    return epoll_ctl(group->ends[0].descriptor, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, descriptor,
                     &event) == 0;
}

bool tote__os_group_watch_event(const struct tote__os_event *group, struct tote__os_event *event,
                                bool is_new) {
    return tote__os_group_watch(group, tote__os_event_descriptor(event), is_new);
}

void tote__os_group_drain(struct tote__os_event *group) {
    (void)group; /* it is readable while a watched descriptor is */
}

uint64_t tote__os_unwatched_due(void) {
    return TOTE__NEVER;
}

_Static_assert((int)EPOLLIN == POLLIN && (int)EPOLLOUT == POLLOUT && (int)EPOLLERR == POLLERR &&
                   (int)EPOLLHUP == POLLHUP,
               "the events of epoll are those of poll()");

int tote__os_poller_open(int wake) {
    struct epoll_event wakes = {.events = EPOLLIN, .data.fd = -1};
    int epoll = tote__os_above_stdio(epoll_create1(EPOLL_CLOEXEC));

    if (epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &wakes) != 0) {
        int error = errno;
        close(epoll);
        errno = error;
        return -1;
    }
    return epoll;
}

/* Only our epoll instance watches our descriptor. */
bool tote__os_poller_is_open(int poller, int wake) {
    struct epoll_event wakes = {.events = 0, .data.fd = -1};
    int error = errno;
    bool is_added = epoll_ctl(poller, EPOLL_CTL_ADD, wake, &wakes) == 0;
    bool is_open = !is_added && errno == EEXIST;

    if (is_added) {
        epoll_ctl(poller, EPOLL_CTL_DEL, wake, NULL);
    }
    errno = error;
    return is_open;
}

void tote__os_poller_close(int poller, int wake) {
    (void)wake;
    close(poller);
}

static bool control(int poller, int operation, struct pollfd watched) {
    struct epoll_event event = {.events = (uint32_t)watched.events | (uint32_t)EPOLLONESHOT,
                                .data.fd = watched.fd};

    return epoll_ctl(poller, operation, watched.fd, &event) == 0;
}

void tote__os_poller_watch(int poller, struct pollfd watched) {
    if (!control(poller, EPOLL_CTL_MOD, watched)) {
        control(poller, EPOLL_CTL_ADD, watched);
    }
}

bool tote__os_poller_rewatch(int poller, struct pollfd watched) {
    int error = errno;
    bool is_watched = control(poller, EPOLL_CTL_MOD, watched);

    errno = error;
    return is_watched;
}

void tote__os_poller_forget(int poller, int descriptor) {
    epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, NULL);
}

size_t tote__os_poller_wait(int poller, struct pollfd *watched, size_t count, struct pollfd *ready,
                            uint32_t most_ms) {
    struct epoll_event events[TOTE__OS_MOST_READY];
    int found = epoll_wait(poller, events, TOTE__OS_MOST_READY, (int)tote__min(most_ms, INT_MAX));

    (void)watched, (void)count; /* the kernel has them */
    for (int i = 0; i < found; i++) {
        ready[i] = (struct pollfd){.fd = events[i].data.fd, .revents = (short)events[i].events};
    }
    return found > 0 ? (size_t)found : 0;
}

void tote__os_poller_drain(int poller) {
    struct epoll_event events[TOTE__OS_MOST_READY];
    int error = errno;

    while (epoll_wait(poller, events, TOTE__OS_MOST_READY, 0) == TOTE__OS_MOST_READY) {
    }
    errno = error;
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
    tote__os_hold_stdio();
    int file = memfd_create(name, flags | MFD_NOEXEC_SEAL);

    file = file < 0 ? memfd_create(name, flags) : file; /* before Linux 6.3 */
    tote__os_release_stdio();
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

bool tote__os_has_segments(void) {
    return true;
}

int tote__os_segment_make(size_t size) {
    return shmget(IPC_PRIVATE, size, IPC_CREAT | IPC_EXCL | S_IRUSR | S_IWUSR);
}

void *tote__os_segment_attach(int id, bool is_read_only) {
    void *at = shmat(id, NULL, is_read_only ? SHM_RDONLY : 0);

    return at == (void *)-1 ? NULL : at;
}

void tote__os_segment_detach(void *at) {
    shmdt(at);
}

void tote__os_segment_remove(int id) {
    shmctl(id, IPC_RMID, NULL);
}

static struct tote__os_segment segment_of(const struct shmid_ds *status) {
    return (struct tote__os_segment){
        .creator = status->shm_perm.cuid,
        .size = status->shm_segsz,
        .is_attached = status->shm_nattch != 0,
        .detached_at = (int64_t)status->shm_dtime,
    };
}

/* On 32 bits, qemu-user writes only the lower half of times: the other one has to be 0. */
static const struct shmid_ds no_segment;

bool tote__os_segment_status(int id, struct tote__os_segment *segment) {
    struct shmid_ds status = no_segment;
    bool is_known = shmctl(id, IPC_STAT, &status) == 0;

    *segment = is_known ? segment_of(&status) : (struct tote__os_segment){.size = 0};
    return is_known;
}

int tote__os_segment_last(void) {
    struct shm_info info;

    return shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info);
}

int tote__os_segment_at(int index, struct tote__os_segment *segment) {
    struct shmid_ds status = no_segment;
    int id = shmctl(index, SHM_STAT, &status);

    if (id >= 0) {
        *segment = segment_of(&status);
    }
    return id;
}
