/* SPDX-License-Identifier: MIT */
/*
 * os_posix.c - system calls of the SDK on a POSIX system without a file of its own
 *
 * It uses POSIX.1-2008 and, for random bytes, getentropy(). What POSIX lacks is not available. A
 * port starts with a copy of this file: docs/porting.md describes what a system can do better.
 *
 * Tests: tests/unit/test_os.c
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/fork.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"
#include "tote/internal/write_signals.h"

enum { UNWATCHED_MS = 10 };

/* A directory can be neither read by read() nor written. */
int tote__os_placeholder(void) {
    return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool tote__os_is_placeholder(int descriptor) {
    struct stat root;

    return stat("/", &root) == 0 && tote__os_is_same_file(descriptor, root.st_dev, root.st_ino);
}

/* Another thread may call exec() before the flags are set: POSIX cannot prevent that. */
static bool set_flags(int descriptor, bool is_nonblocking) {
    return fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 &&
           (!is_nonblocking || fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0);
}

/* Close what is open, and set errno. Returns false. */
static bool fail(const int descriptors[2], int error) {
    for (size_t i = 0; i < 2; i++) {
        tote__os_close(descriptors[i]);
    }
    errno = error;
    return false;
}

#ifndef O_SEARCH
#define O_SEARCH O_RDONLY
#endif

/* FreeBSD has EMLINK for a link. */
int tote__os_open_directory(int parent, const char *path, int flags) {
    int descriptor = tote__os_open(parent, path, O_SEARCH | O_DIRECTORY | flags, 0);

    errno = descriptor < 0 && errno == EMLINK ? ELOOP : errno;
    return descriptor;
}

/* Only the owner of the directory or of the link can replace it in between. */
ssize_t tote__os_read_link(int parent, const char *name, struct stat *status, char *target,
                           size_t size) {
    return fstatat(parent, name, status, AT_SYMLINK_NOFOLLOW) == 0
               ? readlinkat(parent, name, target, size)
               : -1;
}

int tote__os_socket(int family, int type, int protocol) {
    tote__os_hold_stdio();
    int descriptor = socket(family, type, protocol);

    if (descriptor >= 0) {
        set_flags(descriptor, false);
    }
    tote__os_release_stdio();
    return tote__os_above_stdio(descriptor);
}

bool tote__os_socketpair(int sockets[2]) {
    tote__os_hold_stdio();
    bool is_made = socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets) == 0;

    tote__os_release_stdio();
    return is_made &&
           ((set_flags(sockets[0], true) && set_flags(sockets[1], true)) || fail(sockets, errno));
}

void tote__os_send(int socket, const void *bytes, size_t size) {
    struct tote__held_signals signals;

    tote__hold_write_signals(&signals);
    send(socket, bytes, size, 0);
    tote__release_write_signals(&signals);
}

bool tote__os_entropy(void *buffer, size_t size) {
    return getentropy(buffer, size) == 0;
}

uint64_t tote__os_since_boot(void) {
    return tote__clock_monotonic();
}

bool tote__os_process_start(uint64_t *time_unix_nano) {
    (void)time_unix_nano;
    return false;
}

uint32_t tote__os_boot(void) {
    return 0;
}

bool tote__os_executable_path(char *buffer, size_t size) {
    (void)buffer, (void)size;
    return false;
}

const char *tote__os_command(void) {
    return NULL;
}

size_t tote__os_read_system(enum tote__os_text text, char *buffer, size_t size) {
    (void)text;
    if (size) {
        *buffer = '\0';
    }
    return 0;
}

uint64_t tote__os_space(enum tote__os_space space) {
    (void)space;
    return 0;
}

bool tote__os_descriptor_path(int descriptor, char *buffer, size_t size) {
    (void)descriptor, (void)buffer, (void)size;
    return false;
}

void tote__os_name_thread(const char *name) {
    (void)name;
}

/*
 * A file system that copies on write cannot reserve blocks, and a system may lack the function:
 * then the file has a hole.
 */
bool tote__os_reserve(int descriptor, uint64_t size) {
    struct tote__held_signals signals;
    int error = EOPNOTSUPP;

    tote__hold_write_signals(&signals);
#if defined(_POSIX_ADVISORY_INFO) && _POSIX_ADVISORY_INFO > 0
    error = posix_fallocate(descriptor, 0, (off_t)size);
#endif
    if (error == EOPNOTSUPP || error == EINVAL || error == ENOSYS || error == EINTR) {
        error = ftruncate(descriptor, (off_t)size) == 0 ? 0 : errno;
    }
    tote__release_write_signals(&signals);
    errno = error;
    return error == 0;
}

/*
 * Threads that wait for words. A word's waiters share a condition with those of other words: each
 * checks its own. It does so under the mutex, which a waker takes after it has changed the word: so
 * no wake-up is lost. A forked child has new ones, because a thread of the parent may hold the
 * mutexes.
 */
enum { WAITS = 32, WITHOUT_MEMORY_MS = 1 };
struct waits {
    struct waits *older; /* of the parent process: so that no leak is reported */
    uint32_t generation;
    struct {
        pthread_mutex_t mutex;
        pthread_cond_t changed;
    } of[WAITS];
};

static _Atomic(struct waits *) waits;

/*
 * macOS has no clock of conditions except the real time, which may be set. FreeBSD has one,
 * although its _POSIX_CLOCK_SELECTION is -1.
 */
#if (defined(_POSIX_CLOCK_SELECTION) && _POSIX_CLOCK_SELECTION > 0) || defined(__FreeBSD__)
enum { WAIT_CLOCK = CLOCK_MONOTONIC, LONGEST_WAIT_MS = 3600 * 1000 };

static bool init_condition(pthread_cond_t *condition) {
    pthread_condattr_t attributes;

    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    bool is_made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                   pthread_cond_init(condition, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return is_made;
}
#else
enum { WAIT_CLOCK = CLOCK_REALTIME, LONGEST_WAIT_MS = 1000 };

static bool init_condition(pthread_cond_t *condition) {
    return pthread_cond_init(condition, NULL) == 0;
}
#endif

/* Those that were made stay valid if a later one fails: they have no other resources than memory.
 */
static struct waits *make_waits(uint32_t generation, struct waits *older) {
    struct waits *made = tote__allocate_zeroed(sizeof *made);
    bool is_made = made;

    for (size_t i = 0; i < WAITS && is_made; i++) {
        is_made = pthread_mutex_init(&made->of[i].mutex, NULL) == 0 &&
                  init_condition(&made->of[i].changed);
    }
    if (!is_made) {
        tote__release(made, sizeof *made);
        return NULL;
    }
    made->generation = generation;
    made->older = older;
    return made;
}

/* Returns NULL if out of memory. */
static struct waits *waits_here(void) {
    uint32_t generation = tote__generation();
    struct waits *here = atomic_load(&waits);

    while (!here || here->generation != generation) {
        struct waits *made = make_waits(generation, here);
        if (!made) {
            return NULL;
        }
        if (atomic_compare_exchange_strong(&waits, &here, made)) {
            return made;
        }
        tote__release(made, sizeof *made);
    }
    return here;
}

static size_t place_of(const _Atomic(uint32_t) *word) {
    uintptr_t address = (uintptr_t)word;

    return (size_t)((address >> 4 ^ address >> 10) % WAITS);
}

static struct timespec time_of_deadline(uint64_t deadline) {
    const uint64_t second = 1000000000;
    uint64_t at = tote__clock_read((clockid_t)WAIT_CLOCK) +
                  (uint64_t)tote__ms_until(deadline, LONGEST_WAIT_MS) * 1000000U;

    return (struct timespec){(time_t)(at / second), (long)(at % second)};
}

void tote__os_wait(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline) {
    struct waits *here = waits_here();
    size_t place = place_of(word);

    if (!here) {
        tote__os_wait_readable(NULL, 0, tote__ms_until(deadline, WITHOUT_MEMORY_MS));
        return;
    }
    struct timespec until = time_of_deadline(deadline);
    int error = errno;
    int cancel = tote__cancel_disable();
    pthread_mutex_lock(&here->of[place].mutex);
    if (atomic_load(word) == value) {
        pthread_cond_timedwait(&here->of[place].changed, &here->of[place].mutex, &until);
    }
    pthread_mutex_unlock(&here->of[place].mutex);
    tote__cancel_restore(cancel);
    errno = error;
}

/* The fence: a thread that does not find `waits` yet finds the new value of the word. */
void tote__os_wake(_Atomic(uint32_t) *word) {
    atomic_thread_fence(memory_order_seq_cst);
    struct waits *here = atomic_load(&waits);
    size_t place = place_of(word);

    if (!here || here->generation != tote__generation()) {
        return; /* no thread of this process has waited */
    }
    pthread_mutex_lock(&here->of[place].mutex);
    pthread_cond_broadcast(&here->of[place].changed);
    pthread_mutex_unlock(&here->of[place].mutex);
}

bool tote__os_prepare_barrier(void) {
    return false;
}

bool tote__os_barrier(void) {
    return false;
}

/*
 * An event is a pipe, and so is a group. An event in a group also has a duplicate of the group's
 * writing end. The pipe of the group is emptied when the events are read; the events stay readable.
 */
enum { READING, WRITING, OF_GROUP };

/* Return the descriptor of an end. Returns -1 if there is none, or if the host has closed it. */
static int end_of(const struct tote__os_event *event, size_t which) {
    const struct tote__os_end *end = &event->ends[which];
    int descriptor = atomic_load(&end->descriptor);

    return tote__os_is_same_file(descriptor, end->device, end->inode) ? descriptor : -1;
}

static bool set_end(struct tote__os_end *end, int descriptor) {
    struct stat status;

    atomic_store(&end->descriptor, -1);
    if (!tote__os_status(descriptor, &status)) {
        return false;
    }
    end->device = status.st_dev;
    end->inode = status.st_ino;
    atomic_store(&end->descriptor, descriptor);
    return true;
}

static bool open_pipe(int ends[2]) {
    tote__os_hold_stdio();
    bool is_open = pipe(ends) == 0;

    tote__os_release_stdio();
    if (!is_open) {
        return false;
    }
    for (size_t i = 0; i < 2; i++) {
        ends[i] = tote__os_above_stdio(ends[i]);
        if (ends[i] < 0 || !set_flags(ends[i], true)) {
            return fail(ends, errno);
        }
    }
    return true;
}

bool tote__os_event_open(struct tote__os_event *event) {
    int ends[2];

    tote__os_event_close(event);
    if (!open_pipe(ends)) {
        return false;
    }
    return (set_end(&event->ends[READING], ends[0]) && set_end(&event->ends[WRITING], ends[1])) ||
           fail(ends, errno);
}

int tote__os_event_descriptor(const struct tote__os_event *event) {
    return end_of(event, WRITING) >= 0 ? end_of(event, READING) : -1;
}

void tote__os_event_close(struct tote__os_event *event) {
    for (size_t i = 0; i < TOTE__OS_ENDS; i++) {
        int descriptor = end_of(event, i);
        atomic_store(&event->ends[i].descriptor, -1);
        tote__os_close(descriptor);
    }
}

static void read_all(int descriptor) {
    char bytes[64];

    while (descriptor >= 0 && read(descriptor, bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
    }
}

/* A full pipe is readable, too. */
void tote__os_event_set(struct tote__os_event *event, bool is_readable) {
    int error = errno;
    int cancel = tote__cancel_disable();

    if (is_readable) {
        tote__os_write(end_of(event, WRITING), (const uint8_t *)"", 1);
        tote__os_write(end_of(event, OF_GROUP), (const uint8_t *)"", 1);
    } else {
        read_all(end_of(event, READING));
    }
    tote__cancel_restore(cancel);
    errno = error;
}

bool tote__os_group_open(struct tote__os_event *group) {
    return tote__os_event_open(group);
}

/*
 * Duplicate the writing end of the group. The number that the event has is kept: another thread may
 * be writing to it.
 */
static bool join(struct tote__os_event *event, int group) {
    int before = end_of(event, OF_GROUP);
    int joined =
        before < 0 ? fcntl(group, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : dup2(group, before);

    return joined >= 0 && fcntl(joined, F_SETFD, FD_CLOEXEC) == 0 &&
           set_end(&event->ends[OF_GROUP], joined);
}

static bool is_joined(const struct tote__os_event *group, const struct tote__os_event *event) {
    const struct tote__os_end *there = &group->ends[WRITING];
    const struct tote__os_end *here = &event->ends[OF_GROUP];

    return end_of(event, OF_GROUP) >= 0 && here->device == there->device &&
           here->inode == there->inode;
}

bool tote__os_group_watch_event(const struct tote__os_event *group, struct tote__os_event *event,
                                bool is_new) {
    int writing = tote__os_event_descriptor(group) >= 0 ? end_of(group, WRITING) : -1;

    if (writing < 0 || tote__os_event_descriptor(event) < 0) {
        errno = EBADF;
        return false;
    }
    if (!is_new) {
        return is_joined(group, event);
    }
    if (!join(event, writing)) {
        return false;
    }
    struct pollfd before = {.fd = end_of(event, READING), .events = POLLIN};
    if (poll(&before, 1, 0) > 0) { /* it was set before */
        tote__os_write(writing, (const uint8_t *)"", 1);
    }
    return true;
}

bool tote__os_group_watch(const struct tote__os_event *group, int descriptor, bool is_new) {
    (void)group, (void)is_new; /* it is tried at times */
    return fcntl(descriptor, F_GETFD) >= 0;
}

void tote__os_group_drain(struct tote__os_event *group) {
    int error = errno;

    read_all(end_of(group, READING));
    errno = error;
}

uint64_t tote__os_unwatched_due(void) {
    return tote__deadline_in(UNWATCHED_MS);
}

/* The poller is the waking descriptor itself: the caller lists what is watched. */

int tote__os_poller_open(int wake) {
    return wake;
}

bool tote__os_poller_is_open(int poller, int wake) {
    return poller == wake;
}

void tote__os_poller_close(int poller, int wake) {
    (void)poller, (void)wake; /* the caller closes it */
}

void tote__os_poller_watch(int poller, struct pollfd watched) {
    (void)poller, (void)watched;
}

bool tote__os_poller_rewatch(int poller, struct pollfd watched) {
    (void)poller, (void)watched;
    return false;
}

void tote__os_poller_forget(int poller, int descriptor) {
    (void)poller, (void)descriptor;
}

enum { MOST_POLLED = 256 };

struct identity {
    dev_t device;
    ino_t inode;
};

static struct identity identity_of(int descriptor) {
    struct stat status;

    return tote__os_status(descriptor, &status) ? (struct identity){status.st_dev, status.st_ino}
                                                : (struct identity){0, 0};
}

/*
 * The host may close a descriptor while this thread waits: then its number is not reported, because
 * it may be a file of the host.
 */
size_t tote__os_poller_wait(int poller, struct pollfd *watched, size_t count, struct pollfd *ready,
                            uint32_t most_ms) {
    struct identity before[MOST_POLLED];
    size_t found = 0;

    watched[count++] = (struct pollfd){.fd = poller, .events = POLLIN};
    count = tote__min(count, MOST_POLLED);
    for (size_t i = 0; i < count; i++) {
        before[i] = identity_of(watched[i].fd);
    }
    if (poll(watched, (nfds_t)count, (int)tote__min(most_ms, INT_MAX)) <= 0) {
        return 0;
    }
    for (size_t i = 0; i < count && found < TOTE__OS_MOST_READY; i++) {
        if (watched[i].revents &&
            tote__os_is_same_file(watched[i].fd, before[i].device, before[i].inode)) {
            ready[found] = watched[i];
            ready[found++].fd = watched[i].fd == poller ? -1 : watched[i].fd;
        }
    }
    return found;
}

void tote__os_poller_drain(int poller) {
    (void)poller; /* it is nothing but the waking descriptor */
}

void *tote__os_map_file(const char *name, size_t size) {
    (void)name, (void)size;
    return NULL;
}

bool tote__os_name_map(void *memory, size_t size, const char *name) {
    (void)memory, (void)size, (void)name;
    return false;
}

bool tote__os_keep_from_children(void *memory, size_t size) {
    (void)memory, (void)size;
    return false;
}

/* System V segments cannot be listed: those of deleted files would stay for ever. */
bool tote__os_has_segments(void) {
    return false;
}

int tote__os_segment_make(size_t size) {
    (void)size;
    errno = ENOSYS;
    return -1;
}

void *tote__os_segment_attach(int id, bool is_read_only) {
    (void)id, (void)is_read_only;
    errno = ENOSYS;
    return NULL;
}

void tote__os_segment_detach(void *at) {
    (void)at;
}

void tote__os_segment_remove(int id) {
    (void)id;
}

bool tote__os_segment_status(int id, struct tote__os_segment *segment) {
    (void)id, (void)segment;
    errno = ENOSYS;
    return false;
}

int tote__os_segment_last(void) {
    return -1;
}

int tote__os_segment_at(int index, struct tote__os_segment *segment) {
    (void)index, (void)segment;
    return -1;
}
