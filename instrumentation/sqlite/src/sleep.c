/* SPDX-License-Identifier: MIT */
/*
 * sleep.c - how long statements wait for a database that another connection has locked
 *
 * The busy timeout of SQLite sleeps by xSleep of the VFS of the connection. This file replaces that
 * function of each VFS that a traced connection uses. The VFS itself, and what it does, stay.
 *
 * Invariant: entries are added, never removed. `original` changes if the VFS was registered again.
 *
 * Tests: tests/unit/test_sqlite.c
 */
#include <stdatomic.h>

#include "sqlite_parts.h"
#include "tote/internal/clock.h"
#include "tote/internal/lock.h"

enum { MOST_VFS = 8 };

typedef int sleep_function(sqlite3_vfs *vfs, int microseconds);

static struct watched {
    _Atomic(sqlite3_vfs *) vfs; /* NULL: unused */
    _Atomic(sleep_function *) original;
} watched[MOST_VFS];

static struct tote__lock lock;

/* Return the entry of the VFS. The first one is also for copies of its VFS; else NULL. */
static struct watched *find(const sqlite3_vfs *vfs) {
    for (size_t i = 0; i < MOST_VFS; i++) {
        if (atomic_load(&watched[i].vfs) == vfs) {
            return &watched[i];
        }
    }
    return NULL;
}

static int watched_sleep(sqlite3_vfs *vfs, int microseconds) {
    struct watched *entry = find(vfs);
    sleep_function *original = atomic_load(&(entry ? entry : watched)->original);
    uint64_t start = tote__clock_monotonic();
    int slept = original(vfs, microseconds);

    tote__sqlite_report_wait(tote__clock_monotonic() - start);
    return slept;
}

void tote__sqlite_watch_sleep(const struct tote__sqlite *sqlite, sqlite3 *db) {
    sqlite3_vfs *vfs = NULL;

    sqlite->file_control(db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
    if (!vfs || !vfs->xSleep || vfs->xSleep == watched_sleep) {
        return;
    }
    tote__lock_take(&lock);
    struct watched *entry = find(vfs);
    entry = entry ? entry : find(NULL);
    if (entry && vfs->xSleep != watched_sleep) {
        atomic_store(&entry->original, vfs->xSleep);
        atomic_store(&entry->vfs, vfs);
        vfs->xSleep = watched_sleep;
    }
    tote__lock_drop(&lock);
}
