/* SPDX-License-Identifier: MIT */
/*
 * journal.h - a mapped file in which ended spans stand until they are delivered, so that they outlive the process
 *
 * What a process stored in a mapped file stays there however the process ends: adding a span is no system call. One file for each
 * process; its record lock tells others whether that one lives. Threads have chunks of their own, so they share no line.
 */
#ifndef TOTE_OTLP_JOURNAL_H
#define TOTE_OTLP_JOURNAL_H

#include <sys/stat.h>

#include "tote/internal/sdk.h"
#include "tote/internal/span_wire.h"

struct tote__journal;

enum { TOTE__JOURNAL_PATH_BYTES = 512 };

/*
 * Where the journals of a spool, an open directory, are: `directory`, or, when that is NULL, a folder in memory (tmpfs) that a link in the spool
 * tells. A file system that writes to a disk holds who stores to a mapped page up, now and then, for as long as that takes. Returns: false
 * when there is none.
 */
bool tote__journal_directory(const char *directory, int spool, bool may_make,
                             char path[TOTE__JOURNAL_PATH_BYTES]);

/* Open that folder. Returns: -1 when it is not there, or not only its owner's to write to. */
int tote__journal_open_directory(const char *path, bool may_make);

/* The folder in memory is made where it is needed, and goes when nothing is in it. */
void tote__journal_leave_directory(const char *directory, const char *path);

/* Make this process's journal, all of it allocated; `older` is the one of its parent, or NULL. NULL, with a diagnostic. */
struct tote__journal *tote__journal_new(const char *directory, int spool, size_t bytes,
                                        struct tote__journal *older);

/* With the older ones. Remove the file, unless spans are left in it; of one that was inherited only the memory goes. */
void tote__journal_free(struct tote__journal *journal);

/* Any thread; `place` is the thread's own. Returns: false for one that was adopted and that somebody has recovered already. */
bool tote__journal_add(struct tote__journal *journal, struct tote__journal_place *place,
                       tote_span_data *span);

/* A span was dropped before. Any thread. */
void tote__journal_note_drop(struct tote__journal *journal);

/* How many ended and could not be added. Any thread. */
uint64_t tote__journal_unsecured(const struct tote__journal *journal);

/* These need not outlive the process any more: they were delivered, or are safe elsewhere, or were counted as lost. One thread at a time. */
void tote__journal_settle(const struct tote__secured *spans, size_t count);

/* Whether this process has the file open: it must not be opened again, for closing it would drop the lock. */
bool tote__journal_is_own(const struct stat *status);

#endif
