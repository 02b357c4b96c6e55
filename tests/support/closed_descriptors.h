/* SPDX-License-Identifier: MIT */
/*
 * closed_descriptors.h - a host that closes descriptors which it does not know
 *
 * As a daemon does without a fork, or a library for its child; then it opens files of its own,
 * which get the numbers.
 */
#ifndef TOTE_TEST_CLOSED_DESCRIPTORS_H
#define TOTE_TEST_CLOSED_DESCRIPTORS_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLOSED_MOST = 256 };

/* The numbers that became the host's. */
struct closed_descriptors {
    int numbers[CLOSED_MOST];
    unsigned count;
};

/*
 * Give the number of each descriptor whose link in /proc begins with one of these words to what
 * `own` refers to. `words` ends with NULL.
 */
static inline void close_descriptors(struct closed_descriptors *closed, const char *const *words,
                                     int own) {
    closed->count = 0;
    for (int fd = STDERR_FILENO + 1; fd < CLOSED_MOST; fd++) {
        char link[64];
        char target[512];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        for (const char *const *word = words; fd != own && length > 0 && *word; word++) {
            if (strncmp(target, *word, strlen(*word)) == 0) {
                dup2(own, fd);
                closed->numbers[closed->count++] = fd;
                break;
            }
        }
    }
}

/* Whether all of them still are what the host opened. */
static inline bool are_descriptors_of_host(const struct closed_descriptors *closed, int own) {
    struct stat host;

    if (fstat(own, &host) != 0) {
        return false;
    }
    for (unsigned i = 0; i < closed->count; i++) {
        struct stat status;
        if (fstat(closed->numbers[i], &status) != 0 || status.st_dev != host.st_dev ||
            status.st_ino != host.st_ino) {
            return false;
        }
    }
    return true;
}

#endif
