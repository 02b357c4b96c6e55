/* SPDX-License-Identifier: MIT */
/*
 * queue_path.c - the disk queue of the program `tote`
 *
 * Spec: XDG Base Directory Specification, XDG_STATE_HOME
 *
 * Tests: tests/cli/test_span.sh
 */
#include "queue_path.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tote/internal/env.h"

/* Create the directories above the last one. Opening the queue reports what cannot be created. */
static void make_parents(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, S_IRWXU);
        *slash = '/';
    }
}

bool queue_path(bool may_make, char path[PATH_MAX]) {
    const char *given = tote__env("OTEL_C_DISK_QUEUE_DIRECTORY");
    const char *state = tote__env("XDG_STATE_HOME");
    const char *home = tote__env("HOME");
    int length = -1;

    if (given) {
        length = snprintf(path, PATH_MAX, "%s", given);
    } else if (state && *state == '/') {
        length = snprintf(path, PATH_MAX, "%s/tote/queue", state);
    } else if (home) {
        length = snprintf(path, PATH_MAX, "%s/.local/state/tote/queue", home);
    }
    if (length < 0 || length >= PATH_MAX) {
        return false;
    }
    if (!given && may_make) {
        make_parents(path);
    }
    return true;
}
