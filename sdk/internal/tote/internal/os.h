/* SPDX-License-Identifier: MIT */
/*
 * os.h - system calls of the SDK
 *
 * All functions preserve errno unless stated otherwise, and do not block. A value that is not
 * available is no error: containers and chroots lack most of them. Text ends with NUL and is never
 * truncated: a value that does not fit is not available.
 *
 * Threads: thread-safe.
 */
#ifndef TOTE_INTERNAL_OS_H
#define TOTE_INTERNAL_OS_H

#include <sys/stat.h>

#include "tote/common.h"

/*
 * Fill `buffer`, at most TOTE__OS_RANDOM_BYTES, with random bytes. Returns false if the system has
 * none yet.
 */
enum { TOTE__OS_RANDOM_BYTES = 32 };
bool tote__os_random(void *buffer, size_t size);

uint32_t tote__os_process_id(void);

/* Return the effective user of this process. */
uint32_t tote__os_user_id(void);

/* Return when this process started, in nanoseconds since the epoch, with a resolution of 10 ms. */
bool tote__os_process_start(uint64_t *time_unix_nano);

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

/*
 * Read up to `size` - 1 bytes of a file of the system, and append a NUL. Returns the number of
 * bytes; 0 on failure.
 */
size_t tote__os_read_file(const char *path, char *buffer, size_t size);

/*
 * Move a new descriptor to 3 or above, because a host that has closed its standard streams may
 * still print to 0, 1 and 2. Only for descriptors that such output does not damage: they have the
 * lower number for a moment. Returns the descriptor, or -1 with errno set; also if it is given -1.
 */
int tote__os_above_stdio(int descriptor);

/*
 * Occupy closed descriptors of 0, 1 and 2 with epoll instances while other descriptors are opened:
 * they cannot be read or written. Returns a bit set for tote__os_release_stdio().
 */
unsigned tote__os_hold_stdio(void);
void tote__os_release_stdio(unsigned held);

/*
 * Like openat(), socket() and socketpair() of AF_UNIX, with O_CLOEXEC. The descriptors are never 0,
 * 1 or 2, not even for a moment, because another thread of the host may print.
 * tote__os_socketpair() returns false with errno set on failure.
 */
int tote__os_open(int directory, const char *path, int flags, mode_t mode);
int tote__os_socket(int family, int type, int protocol);
bool tote__os_socketpair(int type, int sockets[2]);

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
 * Create an eventfd or an epoll instance, with O_CLOEXEC and not 0, 1 or 2. Returns -1 with errno
 * set.
 */
int tote__os_event(void);
int tote__os_epoll(void);

/* Make an eventfd readable, or not. Preserves errno, is no cancellation point; -1 is ignored. */
void tote__os_set_event(int event, bool is_readable);

/*
 * Watch a descriptor for reading in an epoll instance. With `is_new` false, only check that it is
 * watched. Returns false with errno set.
 */
bool tote__os_watch(int epoll, int descriptor, bool is_new);

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

/* Unmap the memory in forked children. Returns false if the system does not support it. */
bool tote__os_keep_from_children(void *memory, size_t size);

/* Return the English text of an error. It is valid until the end of the full expression. */
enum { TOTE__OS_ERROR_BYTES = 96 };
struct tote__error_text {
    char text[TOTE__OS_ERROR_BYTES];
};
struct tote__error_text tote__os_error(int error);

#endif
