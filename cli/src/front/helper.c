/* SPDX-License-Identifier: MIT */
/*
 * helper.c - the helper programs
 *
 * Tests: tests/cli/test_view.sh, tests/cli/test_send.sh, tests/cli/test_run.sh
 */
#include "helper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_os.h"
#include "program.h"

enum { EXIT_NO_HELPER = 127 }; /* as in shells: the program was not found */

/* Cut the last part of a path. Returns false if there is none. */
static bool cut_last(char *path) {
    char *slash = strrchr(path, '/');

    if (slash) {
        *slash = '\0';
    }
    return slash;
}

bool helper_beside(const char *part, char path[PATH_MAX]) {
    char self[PATH_MAX];

    if (!os_program_path(self, sizeof self)) {
        return false;
    }
    errno = ENAMETOOLONG;
    return cut_last(self) && cut_last(self) &&
           (size_t)snprintf(path, PATH_MAX, "%s/%s", self, part) < PATH_MAX;
}

bool helper_path(const char *name, char path[PATH_MAX]) {
    char part[NAME_MAX + 1];

    return (size_t)snprintf(part, sizeof part, TOTE_LIBEXEC "/%s", name) < sizeof part &&
           helper_beside(part, path);
}

static bool is_preload_object(const char *path, size_t length) {
    static const char name[] = "tote-preload-";
    const char *base = path + length;

    while (base > path && base[-1] != '/') {
        base--;
    }
    return (size_t)(path + length - base) >= sizeof name - 1 &&
           memcmp(base, name, sizeof name - 1) == 0;
}

/* In place, so that it cannot fail. */
void helper_clear_preload(void) {
    static const char separators[] = ": ";
    char *list = getenv("LD_PRELOAD");
    char *end = list;

    for (const char *next = list; next && *next;) {
        size_t length = strcspn(next, separators);
        size_t size = length + (next[length] != '\0');
        if (!is_preload_object(next, length)) {
            memmove(end, next, size);
            end += size;
        }
        next += size;
    }
    while (end > list && strchr(separators, end[-1])) {
        end--;
    }
    if (end) {
        *end = '\0';
    }
}

int helper_run(const char *name, char **argv) {
    char path[PATH_MAX] = "";

    helper_clear_preload();
    if (helper_path(name, path)) {
        execv(path, argv);
    }
    program_report(NULL, "cannot run the helper program %s: %s; it is part of the installation",
                   *path ? path : name, strerror(errno));
    return EXIT_NO_HELPER;
}
