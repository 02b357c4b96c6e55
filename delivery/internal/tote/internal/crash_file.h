/* SPDX-License-Identifier: MIT */
/*
 * crash_file.h - memory for ended spans that outlives the process
 *
 * By default that is shared memory (segment.h): adding a span is no system call. In a file
 * (`directory`, or if there is no shared memory) each span costs a few system calls. The file is
 * never mapped: a store to a mapped file raises SIGBUS in the host when the file was truncated, or
 * when the disk is full and the file system copies on write.
 *
 * There is one crash-safe file for each process; the record lock of its file tells whether that
 * process lives. Threads have chunks of their own, so they share no line.
 *
 * What opens, renews and frees a crash-safe file leaves errno to its caller to keep.
 */
#ifndef TOTE_DELIVERY_CRASH_FILE_H
#define TOTE_DELIVERY_CRASH_FILE_H

#include "tote/internal/folder.h"
#include "tote/internal/safe_memory.h"

struct tote__crash_file;

/*
 * Open the directory of the crash-safe files' files: `directory`, made if it is not there, or if
 * that is NULL the one of the disk queue, an open directory. Returns: false with errno set when it
 * is not there, or not safe (folder.h). It has to belong to the owner of the disk queue.
 */
bool tote__crash_file_open_directory(const char *directory, int disk_queue, bool may_make,
                                     struct tote__folder *folder);

/*
 * Make this process's crash-safe file of so many bytes. `directory` NULL: in shared memory, with a
 * file in `disk queue` that refers to it. `older` is the crash-safe file of the parent process, or
 * NULL. Returns: NULL, with a diagnostic, when there can be none.
 */
struct tote__crash_file *tote__crash_file_new(const char *directory, int disk_queue, size_t bytes,
                                              struct tote__crash_file *older);

/*
 * Return whether the file is open. A host may close descriptors that it does not know, and the file
 * and its lock with them.
 */
bool tote__crash_file_is_open(const struct tote__crash_file *crash_file);

/*
 * The directory of the disk queue was removed and created again, or the file is not open any more:
 * refer to the shared memory from there. A crash-safe file in a file of `directory`, as in
 * tote__crash_file_new(), is opened and locked again.
 */
void tote__crash_file_renew(struct tote__crash_file *crash_file, const char *directory,
                            int disk_queue);

/*
 * With the older ones. Remove the file, unless spans are left in it; of one that was inherited only
 * the memory goes.
 */
void tote__crash_file_free(struct tote__crash_file *crash_file);

/* The memory in it, as long as the crash-safe file is not freed. */
const struct tote__crash_safe_memory *
tote__crash_file_memory(const struct tote__crash_file *crash_file);

/* How many ended and could not be added. Any thread. */
uint64_t tote__crash_file_not_saved(const struct tote__crash_file *crash_file);

/*
 * Whether this process has the file open: it must not be opened again, for closing it would drop
 * the lock.
 */
bool tote__crash_file_is_own(const struct stat *status);

#endif
