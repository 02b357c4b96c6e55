/* SPDX-License-Identifier: MIT */
/*
 * os.h - what the SDK and the components above it need from the operating system
 *
 * os.c implements what POSIX systems share. The rest is in one file for each system: os_linux.c, or
 * os_posix.c, which needs nothing beyond POSIX. See docs/porting.md.
 *
 * All functions preserve errno unless stated otherwise, and do not block. A value that is not
 * available is no error: containers and chroots lack most of them. Text ends with NUL and is never
 * truncated: a value that does not fit is not available.
 *
 * Threads: thread-safe.
 */
#ifndef TOTE_INTERNAL_OS_H
#define TOTE_INTERNAL_OS_H

#include <poll.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "tote/common.h"

/*
 * Fill `buffer`, at most TOTE__OS_RANDOM_BYTES, with random bytes. Returns false if the system has
 * none yet.
 */
enum { TOTE__OS_RANDOM_BYTES = 32 };
bool tote__os_random(void *buffer, size_t size);

/* Its first source: a system call. Returns false with errno set; early after boot, too. */
bool tote__os_entropy(void *buffer, size_t size);

uint32_t tote__os_process_id(void);

/* Return the effective user of this process. */
uint32_t tote__os_user_id(void);

/* Return when this process started, in nanoseconds since the epoch, with a resolution of 10 ms. */
bool tote__os_process_start(uint64_t *time_unix_nano);

/* Return the time since the boot in nanoseconds, with suspended time if the system counts it. */
uint64_t tote__os_since_boot(void);

/* Return a number that identifies the current boot. Returns 0 if it is unknown. */
uint32_t tote__os_boot(void);

/*
 * Return the path of the executable, without the suffix that the kernel adds if its file was
 * deleted.
 */
bool tote__os_executable_path(char *buffer, size_t size);

/* Return argv[0], or NULL if it is unknown. */
const char *tote__os_command(void);

bool tote__os_host_name(char *buffer, size_t size);

/* Return the machine's architecture, for example "x86_64". */
bool tote__os_machine(char *buffer, size_t size);

/* Return the name of the system as an os.type, for example "linux" or "freebsd". */
bool tote__os_type(char *buffer, size_t size);

/* Return the release of the kernel. */
bool tote__os_release(char *buffer, size_t size);

/*
 * Read up to `size` - 1 bytes of a file of the system, and append a NUL. Returns the number of
 * bytes; 0 on failure.
 */
size_t tote__os_read_file(const char *path, char *buffer, size_t size);

/* The same for a text of the system about this process: its control groups, and its mounts. */
enum tote__os_text { TOTE__OS_CGROUPS, TOTE__OS_MOUNTS };
size_t tote__os_read_system(enum tote__os_text text, char *buffer, size_t size);

/* Return a number that identifies a namespace of this process. Returns 0 if it is unknown. */
enum tote__os_space { TOTE__OS_IPC_SPACE, TOTE__OS_MOUNT_SPACE, TOTE__OS_PROCESS_SPACE };
uint64_t tote__os_space(enum tote__os_space space);

/* Return the path of the file that a descriptor refers to. */
bool tote__os_descriptor_path(int descriptor, char *buffer, size_t size);

/* Give this thread a name of at most 15 bytes, for debuggers. */
void tote__os_name_thread(const char *name);

/*
 * Move a new descriptor to 3 or above, because a host that has closed its standard streams may
 * still print to 0, 1 and 2. Only for descriptors that such output does not damage: they have the
 * lower number for a moment. Returns the descriptor, or -1 with errno set; also if it is given -1.
 */
int tote__os_above_stdio(int descriptor);

/*
 * Open a descriptor that can be neither read nor written. Returns -1 with errno set. And return
 * whether a descriptor is one: its number may be a file of the host by now.
 */
int tote__os_placeholder(void);
bool tote__os_is_placeholder(int descriptor);

/*
 * Occupy closed descriptors of 0, 1 and 2 with placeholders while other descriptors are opened.
 * They are closed by the last release: several threads may open descriptors at once.
 */
void tote__os_hold_stdio(void);
void tote__os_release_stdio(void);

/*
 * Like openat() and socket(), with O_CLOEXEC. The descriptors are never 0, 1 or 2, not even for a
 * moment, because another thread of the host may print.
 */
int tote__os_open(int directory, const char *path, int flags, mode_t mode);
int tote__os_socket(int family, int type, int protocol);

/*
 * Open a directory to open files in it, which needs no permission to read it if the system can do
 * that. `flags` is 0 or O_NOFOLLOW. Returns -1 with errno set: ENOTDIR or ELOOP for a link.
 */
int tote__os_open_directory(int parent, const char *path, int flags);

/*
 * Read the target of a symbolic link, without a NUL, and the status of the link. Returns its
 * length, or -1 with errno set: EINVAL if it is no link.
 */
ssize_t tote__os_read_link(int parent, const char *name, struct stat *status, char *target,
                           size_t size);

/*
 * Create a pair of non-blocking datagram sockets, with O_CLOEXEC. They may be 0, 1 or 2. Returns
 * false with errno set.
 */
bool tote__os_socketpair(int sockets[2]);

/* Send a datagram without a signal. Failures are ignored. */
void tote__os_send(int socket, const void *bytes, size_t size);

/* Return whether bytes can be read, or were written and are not yet read by the peer. */
bool tote__os_holds_bytes(int descriptor);

/*
 * Return whether a descriptor still refers to this file. A host may close descriptors that it does
 * not know, and their number may be reused: check before each use.
 */
bool tote__os_is_same_file(int descriptor, dev_t device, ino_t inode);

/* Close a descriptor if it still refers to this file. */
void tote__os_close_same_file(int descriptor, dev_t device, ino_t inode);

/* Return the status of a descriptor or path. Returns false with errno set. */
bool tote__os_status(int descriptor, struct stat *status);
bool tote__os_path_status(const char *path, struct stat *status);

/* Returns false with errno set. */
bool tote__os_rename(const char *from, const char *to);
bool tote__os_truncate(int descriptor, uint64_t size);

/* Clear O_NONBLOCK of a descriptor that was opened with these flags, so that calls block. */
void tote__os_set_waiting(int descriptor, int flags);

/*
 * Open a regular file for reading. Returns -1 with errno set; EINVAL if it is anything else, for
 * example a FIFO, which would block.
 */
int tote__os_open_regular(const char *path);

/*
 * Close a descriptor; -1 is ignored. Returns false with errno set if written data did not reach a
 * file server. Otherwise preserves errno.
 */
bool tote__os_close(int descriptor);

/*
 * Read and write everything, at the current position or at `at`, and continue after signals.
 * Returns the number of bytes. If it is smaller, errno is set: 0 at the end of the file, ENOSPC if
 * the disk is full. A write raises no signal and is no cancellation point.
 */
size_t tote__os_read(int descriptor, void *bytes, size_t size);
bool tote__os_read_at(int descriptor, void *bytes, size_t size, uint64_t at);
size_t tote__os_write(int descriptor, const uint8_t *bytes, size_t size);
bool tote__os_write_at(int descriptor, const void *bytes, size_t size, uint64_t at);

/*
 * Set the size of a file that is open for writing, and allocate its blocks if the file system
 * supports it. Raises no signal. Returns false with errno set.
 */
bool tote__os_reserve(int descriptor, uint64_t size);

/*
 * Lock a whole file that is open for writing by a record lock, without waiting. The process holds
 * the lock; closing any descriptor of the file releases it. Returns false with errno set.
 */
bool tote__os_lock(int descriptor);

/* Lock the open file by flock(), which excludes other threads of this process, too. */
bool tote__os_lock_open_file(int descriptor);

/* Wait until written data is on the disk. Returns false with errno set. */
bool tote__os_sync(int descriptor);

/*
 * Wait for that long, or until one of the descriptors is readable or a signal arrives; -1 is
 * ignored. Preserves errno.
 */
void tote__os_wait_readable(const int *descriptors, size_t count, uint32_t most_ms);

/*
 * Sleep while `word` is `value`, until the deadline. May return early. And wake all threads that
 * sleep for the word.
 */
void tote__os_wait(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline);
void tote__os_wake(_Atomic(uint32_t) *word);

/* See barrier.h. The first function returns false if the system has no such barrier. */
bool tote__os_prepare_barrier(void);
bool tote__os_barrier(void);

/*
 * An event: a descriptor that this process makes readable. A group: a descriptor that is readable
 * while one of its events is. A system may need several descriptors for one of them.
 *
 * A host may close descriptors that it does not know, and reuse their numbers: all functions check
 * that. They are no cancellation points.
 */
enum { TOTE__OS_ENDS = 3 };
struct tote__os_event {
    struct tote__os_end {
        _Atomic(int) descriptor; /* -1: none */
        dev_t device;            /* identifies its file */
        ino_t inode;
    } ends[TOTE__OS_ENDS];
};

/* Set an event or a group that has no descriptors yet. */
void tote__os_event_init(struct tote__os_event *event);

/* Open an event or a group. Returns false with errno set. */
bool tote__os_event_open(struct tote__os_event *event);
bool tote__os_group_open(struct tote__os_event *group);

/* Return the descriptor of an event or a group. Returns -1 if there is none, or if it is closed. */
int tote__os_event_descriptor(const struct tote__os_event *event);

/* Close an event or a group. */
void tote__os_event_close(struct tote__os_event *event);

/* Make an event readable, or not. */
void tote__os_event_set(struct tote__os_event *event, bool is_readable);

/*
 * Watch an event in a group. With `is_new` false, only check that it is watched. Returns false with
 * errno set.
 */
bool tote__os_group_watch_event(const struct tote__os_event *group, struct tote__os_event *event,
                                bool is_new);

/* The same for any descriptor, if the system can: see tote__os_unwatched_due(). */
bool tote__os_group_watch(const struct tote__os_event *group, int descriptor, bool is_new);

/* Note that all events of the group are read next. */
void tote__os_group_drain(struct tote__os_event *group);

/*
 * Return when descriptors that work depends on must be tried although neither a group nor the
 * descriptor of a poller watches them. Returns TOTE__NEVER if the system watches all.
 */
uint64_t tote__os_unwatched_due(void);

/*
 * A poller: waits for many descriptors and reports each once, until it is watched again. The poller
 * is a descriptor that is readable while `wake` is; it may be `wake` itself. On systems that can,
 * it is also readable if a watched descriptor is ready.
 */

/* Open a poller, not 0, 1 or 2. Returns -1 with errno set. */
int tote__os_poller_open(int wake);
void tote__os_poller_close(int poller, int wake);

/* Return whether this number is still the poller of `wake`, which is open. Preserves errno. */
bool tote__os_poller_is_open(int poller, int wake);

/* Watch a descriptor for its events once. And forget it. */
void tote__os_poller_watch(int poller, struct pollfd watched);
void tote__os_poller_forget(int poller, int descriptor);

/*
 * Watch a descriptor that the poller already knows. Returns false if it does not, or if the system
 * cannot tell.
 */
bool tote__os_poller_rewatch(int poller, struct pollfd watched);

/*
 * Wait until descriptors are ready. `watched` lists all that are watched, and has space for one
 * more. Fills `ready` and returns their number: the descriptors, -1 for `wake`, with their events.
 */
enum { TOTE__OS_MOST_READY = 16 };
size_t tote__os_poller_wait(int poller, struct pollfd *watched, size_t count, struct pollfd *ready,
                            uint32_t most_ms);

/* Let the poller report nothing but `wake`. Preserves errno. */
void tote__os_poller_drain(int poller);

/*
 * Map private memory of zeros; pages are allocated when they are written. Returns NULL if out of
 * memory.
 */
void *tote__os_map(size_t size);
void tote__os_unmap(void *memory, size_t size);

/*
 * Map private memory of zeros that /proc/PID/maps lists with this name, by a file in memory.
 * Returns NULL if out of memory or if the system does not allow it.
 */
void *tote__os_map_file(const char *name, size_t size);

/* Give mapped memory a name in /proc/PID/maps. Returns false if the system does not support it. */
bool tote__os_name_map(void *memory, size_t size, const char *name);

/*
 * Shared memory that outlives its process: segments. Returns whether the system has them, and can
 * list those that no process uses any more. If not, they are not used.
 */
bool tote__os_has_segments(void);

struct tote__os_segment {
    uid_t creator;
    size_t size;
    bool is_attached;    /* by any process */
    int64_t detached_at; /* in seconds since the epoch; 0: never attached */
};

/* Create a segment of zeros. Returns its id, or -1 with errno set. */
int tote__os_segment_make(size_t size);

/* Returns NULL with errno set. */
void *tote__os_segment_attach(int id, bool is_read_only);
void tote__os_segment_detach(void *at);

/* Mark a segment for removal once no process is attached. */
void tote__os_segment_remove(int id);

/* Returns false with errno set: EINVAL or EIDRM if the segment is removed. */
bool tote__os_segment_status(int id, struct tote__os_segment *segment);

/*
 * Return the last index of the table of all segments; -1 if it is unknown. And return the id of the
 * segment at an index, or -1.
 */
int tote__os_segment_last(void);
int tote__os_segment_at(int index, struct tote__os_segment *segment);

/* Unmap the memory in forked children. Returns false if the system does not support it. */
bool tote__os_keep_from_children(void *memory, size_t size);

/* Return the English text of an error. It is valid until the end of the full expression. */
enum { TOTE__OS_ERROR_BYTES = 96 };
struct tote__error_text {
    char text[TOTE__OS_ERROR_BYTES];
};
struct tote__error_text tote__os_error(int error);

#endif
