/* SPDX-License-Identifier: MIT */
/* asleep.h - the threads of this process, and whether they sleep, as the kernel reports it */
#ifndef TOTE_TESTS_ASLEEP_H
#define TOTE_TESTS_ASLEEP_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Return whether a thread sleeps or has ended. A thread that waits for a CPU or a disk does not. */
static inline bool is_asleep(long thread) {
    char path[64];
    char stat[512] = "";

    snprintf(path, sizeof path, "/proc/self/task/%ld/stat", thread);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(stat, 1, sizeof stat - 1, file) : 0;
    if (file) {
        fclose(file);
    }
    stat[length] = '\0';
    const char *name_end = strrchr(stat, ')');
    return !name_end || strncmp(name_end, ") S", 3) == 0;
}

static inline size_t count_threads(void) {
    DIR *threads = opendir("/proc/self/task");
    size_t count = 0;

    for (struct dirent *entry; threads && (entry = readdir(threads));) {
        count += strtol(entry->d_name, NULL, 10) != 0;
    }
    if (threads) {
        closedir(threads);
    }
    return count;
}

/* Return whether all threads except the calling one sleep. */
static inline bool are_others_asleep(void) {
    DIR *threads = opendir("/proc/self/task");
    long own = syscall(SYS_gettid);
    bool are_asleep = threads != NULL;

    for (struct dirent *entry; are_asleep && (entry = readdir(threads));) {
        long thread = strtol(entry->d_name, NULL, 10);
        are_asleep = thread == 0 || thread == own || is_asleep(thread);
    }
    if (threads) {
        closedir(threads);
    }
    return are_asleep;
}

/*
 * Wait until all other threads have slept for a while. Then none holds a lock of the allocator,
 * which would stay locked in a child that is forked.
 */
static inline void wait_until_others_sleep(void) {
    enum { LOOKS = 20, LOOK_US = 1000 };

    for (int looks = 0; looks < LOOKS; looks = are_others_asleep() ? looks + 1 : 0) {
        usleep(LOOK_US);
    }
}

#endif
