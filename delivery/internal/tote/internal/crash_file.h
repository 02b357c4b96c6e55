/* SPDX-License-Identifier: MIT */
/*
 * crash_file.h - memory for ended spans that outlives the process
 *
 * By default it is shared memory (segment.h): adding a span needs no system call. In a file
 * (`directory`, or if there is no shared memory) each span needs a few system calls. The file is
 * not mapped: a store to a mapped file raises SIGBUS if the file was truncated, or if the disk is
 * full on a file system with copy-on-write.
 *
 * Each process has one crash-safe file. The record lock of the file shows whether its process is
 * alive. Threads have their own chunks, so they share no cache line.
 *
 * Functions that open, renew and free a crash-safe file do not preserve errno.
 */
#ifndef TOTE_DELIVERY_CRASH_FILE_H
#define TOTE_DELIVERY_CRASH_FILE_H

#include "tote/internal/folder.h"
#include "tote/internal/safe_memory.h"

struct tote__crash_file;

/*
 * Open the directory of crash-safe files: `directory`, created if it is missing and `may_make`, or
 * if it is NULL the open directory of the disk queue. Returns false with errno set if it is missing
 * or not safe (folder.h). It must belong to the owner of the disk queue.
 */
bool tote__crash_file_open_directory(const char *directory, int disk_queue, bool may_make,
                                     struct tote__folder *folder);

/*
 * Create this process's crash-safe file of `bytes`. `directory` NULL: in shared memory, with a file
 * in `disk_queue` that refers to it. `older` is the crash-safe file of the parent process, or NULL.
 * Returns NULL, with a diagnostic, on failure.
 */
struct tote__crash_file *tote__crash_file_new(const char *directory, int disk_queue, size_t bytes,
                                              struct tote__crash_file *older);

/*
 * Return whether the file is open. A host may close descriptors that it does not know, which also
 * releases the lock.
 */
bool tote__crash_file_is_open(const struct tote__crash_file *crash_file);

/*
 * Restore the file after the directory of the disk queue was created again, or after the host has
 * closed the file: refer to the shared memory from there, or open and lock the file in `directory`
 * again.
 */
void tote__crash_file_renew(struct tote__crash_file *crash_file, const char *directory,
                            int disk_queue);

/*
 * Free the crash-safe file and the older ones. Remove the file, unless it contains unsettled spans.
 * Of an inherited one only the memory is freed.
 */
void tote__crash_file_free(struct tote__crash_file *crash_file);

/* Return its memory, valid until the crash-safe file is freed. */
const struct tote__crash_safe_memory *
tote__crash_file_memory(const struct tote__crash_file *crash_file);

/* Return how many spans could not be added. Thread-safe. */
uint64_t tote__crash_file_not_saved(const struct tote__crash_file *crash_file);

/*
 * Return whether this process has the file open. It must not be opened again: closing it would
 * release the lock.
 */
bool tote__crash_file_is_own(const struct stat *status);

#endif
