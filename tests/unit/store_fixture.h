/* SPDX-License-Identifier: MIT */
/*
 * store_fixture.h - what tests of stores share: an allocator that counts and can fail, a count of
 * diagnostics, and short queries
 */
#ifndef TOTE_TESTS_STORE_FIXTURE_H
#define TOTE_TESTS_STORE_FIXTURE_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tote/allocator.h"
#include "tote/diagnostics.h"
#include "tote/internal/pool.h"
#include "tote/store.h"

static struct {
    atomic_long live_bytes;
    atomic_bool is_out;
} memory;

static unsigned diagnostics;

static void *counting_allocate(void *self, size_t size) {
    (void)self;
    void *block = atomic_load(&memory.is_out) ? NULL : malloc(size);

    if (block) {
        atomic_fetch_add(&memory.live_bytes, (long)size);
        memset(block, 0xA5, size); /* so that no code relies on zeros */
    }
    return block;
}

static void counting_release(void *self, void *block, size_t size) {
    (void)self;
    atomic_fetch_sub(&memory.live_bytes, (long)size);
    free(block);
}

static void *counting_reallocate(void *self, void *block, size_t old_size, size_t size) {
    void *moved = counting_allocate(self, size);

    if (moved) {
        memcpy(moved, block, old_size < size ? old_size : size);
        counting_release(self, block, old_size);
    }
    return moved;
}

/* Call it first in main. */
static inline void use_counting_allocator(void) {
    const tote_allocator allocator = {sizeof allocator, counting_allocate, counting_reallocate,
                                      counting_release, NULL};

    tote_allocator_set(&allocator);
    tote__pools_keep = false;
}

static void count_diagnostic(tote_level level, const char *component, const char *message,
                             void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
    diagnostics++;
}

/* Reset the counts. */
static inline void count_diagnostics(void) {
    tote_diagnostics_set_handler(count_diagnostic, TOTE_LEVEL_DEBUG, NULL);
    diagnostics = 0;
}

/* Whether the store has exactly this value for the key; `expected` NULL: none. */
static inline bool has_value(const tote_store *store, const char *key, const char *expected) {
    char text[256];
    ptrdiff_t length = tote_store_get(store, key, text, sizeof text);

    if (!expected || length < 0) {
        return !expected && length == -1;
    }
    return (size_t)length == strlen(expected) && strcmp(text, expected) == 0;
}

/* The same for a snapshot. */
static inline bool lists(const tote_entries *entries, const char *key, const char *expected) {
    const tote_entry *entry = tote_entries_find(entries, key);

    if (!entry || !expected) {
        return !entry && !expected;
    }
    return entry->value.type == TOTE_VALUE_TYPE_STRING &&
           strcmp(entry->value.as.string, expected) == 0;
}

/* Return what `run` returns in a child process, so that it may change process-wide state. */
static inline int in_child(int (*run)(void)) {
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        _exit(run());
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
