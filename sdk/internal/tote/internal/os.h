/* SPDX-License-Identifier: MIT */
/*
 * os.h - what the SDK asks of the operating system
 *
 * Each keeps errno, waits for nothing, and says by its result when there is no answer: that is
 * no error, containers and chroots lack most of it. Text ends with NUL and is never cut: what
 * does not fit is no answer.
 *
 * Threads: any.
 */
#ifndef TOTE_INTERNAL_OS_H
#define TOTE_INTERNAL_OS_H

#include <sys/stat.h>

#include "tote/common.h"

/*
 * Fill `buffer`, at most so many bytes, with what nobody can guess. Returns: false when the system
 * has none yet, or no more.
 */
enum { TOTE__OS_RANDOM_BYTES = 32 };
bool tote__os_random(void *buffer, size_t size);

uint32_t tote__os_process_id(void);

/* The effective user of this process. */
uint32_t tote__os_user_id(void);

/* When this process was started, in nanoseconds since the epoch, to a hundredth of a second. */
bool tote__os_process_start(uint64_t *time_unix_nano);

/* A number that identifies the present boot of the system. Returns 0 if it is not known. */
uint32_t tote__os_boot(void);

/* The path of the program that runs, without what the kernel adds when its file was deleted. */
bool tote__os_executable_path(char *buffer, size_t size);

/* What the program was started as: argv[0]. NULL when not known. */
const char *tote__os_command(void);

bool tote__os_host_name(char *buffer, size_t size);

/* The kernel's word for the machine, as "x86_64". */
bool tote__os_machine(char *buffer, size_t size);

/*
 * The first `size` - 1 bytes of a file, with a NUL behind them: for those in which the system
 * describes itself. Returns: their number; 0 when there is nothing.
 */
size_t tote__os_read_file(const char *path, char *buffer, size_t size);

/*
 * Move a new descriptor to 3 or above. A host that has closed its standard streams still prints to
 * 0, 1 and 2, which must not lead to what Tote opens. Only for what a host's output does not harm:
 * the descriptor has the lower number until it is moved. Returns the descriptor; -1 with errno set
 * on failure, also if it is given -1.
 */
int tote__os_above_stdio(int descriptor);

/*
 * Fill the closed ones of 0, 1 and 2 with epoll instances, which cannot be read or written, while
 * descriptors are made. Returns a set of bits for tote__os_release_stdio().
 */
unsigned tote__os_hold_stdio(void);
void tote__os_release_stdio(unsigned held);

/*
 * Do as openat(), socket() and socketpair() of AF_UNIX do, for descriptors that no program
 * inherits. They are never 0, 1 or 2, not even for a moment: another thread of the host may print
 * meanwhile. tote__os_socketpair() returns false with errno set on failure.
 */
int tote__os_open(int directory, const char *path, int flags, mode_t mode);
int tote__os_socket(int family, int type, int protocol);
bool tote__os_socketpair(int type, int sockets[2]);

/*
 * Whether a descriptor still refers to the file it was opened for. A host may close descriptors
 * that it does not know, and the number may be another file's by now: ask before each use.
 */
bool tote__os_is_same_file(int descriptor, dev_t device, ino_t inode);

/* Close a descriptor that still refers to that file. */
void tote__os_close_same_file(int descriptor, dev_t device, ino_t inode);

/* The status of what a descriptor refers to, or of what a path leads to. Returns: false with errno.
 */
bool tote__os_status(int descriptor, struct stat *status);
bool tote__os_path_status(const char *path, struct stat *status);

/* Returns: false with errno set. */
bool tote__os_rename(const char *from, const char *to);
bool tote__os_truncate(int descriptor, uint64_t size);

/* Have calls on a descriptor wait, which tote__os_open() opened with O_NONBLOCK and these flags. */
void tote__os_set_waiting(int descriptor, int flags);

/*
 * Open a regular file to read from. Returns: -1 with errno set; EINVAL for anything else, for
 * example a FIFO, which is not waited for.
 */
int tote__os_open_regular(const char *path);

/*
 * Close a descriptor that nobody else knows; -1 is none. Keeps errno. Returns: false, with errno
 * set, when what was written is not on a server's disk.
 */
bool tote__os_close(int descriptor);

/*
 * Read and write it all, from where the descriptor is or from `at`; a signal does not cut that
 * short. Returns: how much was done; if not all, errno tells why: 0 at the end of the file, ENOSPC
 * when there is no more room. A write raises no signal, and is no cancellation point.
 */
size_t tote__os_read(int descriptor, void *bytes, size_t size);
bool tote__os_read_at(int descriptor, void *bytes, size_t size, uint64_t at);
size_t tote__os_write(int descriptor, const uint8_t *bytes, size_t size);
bool tote__os_write_at(int descriptor, const void *bytes, size_t size, uint64_t at);

/*
 * Have a file that is open for writing be so large, with its place on the disk as far as the file
 * system can do that. Raises no signal. Returns: false with errno set.
 */
bool tote__os_reserve(int descriptor, uint64_t size);

/*
 * Take the record lock of a whole file that is open for writing, without waiting. It is this
 * process's, and closing any descriptor of the file drops it. Returns: false with errno set.
 */
bool tote__os_lock(int descriptor);

/* The same lock of the open file, which excludes other threads of this process, too (flock()). */
bool tote__os_lock_open_file(int descriptor);

/* Wait until what was written is on the disk. Returns: false with errno set. */
bool tote__os_sync(int descriptor);

/*
 * Wait for so long, or until one of the descriptors is readable, or a signal comes; -1 is none.
 * Keeps errno.
 */
void tote__os_wait_readable(const int *descriptors, size_t count, uint32_t most_ms);

/*
 * An eventfd and an epoll instance, that no program inherits and that are not 0, 1 or 2. Returns:
 * -1 with errno set.
 */
int tote__os_event(void);
int tote__os_epoll(void);

/* Have an eventfd be readable, or not. Keeps errno, is no cancellation point; -1 is none. */
void tote__os_set_event(int event, bool is_readable);

/*
 * Have an epoll instance tell when the descriptor is readable. Returns: false with errno set; with
 * `is_new` false, also when it is not watched there already.
 */
bool tote__os_watch(int epoll, int descriptor, bool is_new);

/* Private memory of zeros that takes room only where it is stored to. NULL when there is none. */
void *tote__os_map(size_t size);
void tote__os_unmap(void *memory, size_t size);

/* What an error is called, in English. The text lasts until the end of the expression. */
enum { TOTE__OS_ERROR_BYTES = 96 };
struct tote__error_text {
    char text[TOTE__OS_ERROR_BYTES];
};
struct tote__error_text tote__os_error(int error);

#endif
