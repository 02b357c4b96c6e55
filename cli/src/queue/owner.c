/* SPDX-License-Identifier: MIT */
/*
 * owner.c - whether a process is still alive, also after its id was used again or a restart
 *
 * Tests: tests/unit/test_open_record.c, tests/cli/test_span.sh
 */
#include "owner.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tote/internal/os.h"

enum { MOST_SUBSHELLS = 16, PATH_BYTES = 64 };

struct process {
    char state;
    uint32_t parent;
    uint64_t started;
};

/* Read /proc/PID/stat. Returns false if there is no such process, or no /proc. */
static bool read_process(uint32_t id, struct process *process) {
    char path[PATH_BYTES];
    char content[1024];

    snprintf(path, sizeof path, "/proc/%" PRIu32 "/stat", id);
    if (!tote__os_read_file(path, content, sizeof content)) {
        return false;
    }
    const char *after_name = strrchr(content, ')'); /* the name may contain anything */
    return after_name &&
           sscanf(after_name + 1,
                  " %c %" SCNu32 " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                  "%*s %*s %" SCNu64,
                  &process->state, &process->parent, &process->started) == 3;
}

static uint64_t own_pid_space(void) {
    struct stat status;

    return tote__os_path_status("/proc/self/ns/pid", &status) ? status.st_ino : 0;
}

struct owner owner_of(uint32_t id) {
    struct process process = {.state = '?'};

    if (id) {
        read_process(id, &process);
    }
    return (struct owner){id, process.started, tote__os_boot(), own_pid_space()};
}

/* Return whether two processes have the same command line. */
static bool are_alike(uint32_t a, uint32_t b) {
    char contents[2][4096];
    size_t sizes[2];
    const uint32_t ids[2] = {a, b};

    for (size_t i = 0; i < 2; i++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "/proc/%" PRIu32 "/cmdline", ids[i]);
        sizes[i] = tote__os_read_file(path, contents[i], sizeof contents[i]);
    }
    return sizes[0] && sizes[0] == sizes[1] && memcmp(contents[0], contents[1], sizes[0]) == 0;
}

uint32_t owner_find_shell(void) {
    uint32_t shell = (uint32_t)getppid();
    struct process process;

    for (unsigned i = 0; i < MOST_SUBSHELLS && read_process(shell, &process) && process.parent &&
                         are_alike(shell, process.parent);
         i++) {
        shell = process.parent;
    }
    return shell;
}

enum owner_state owner_look(const struct owner *owner) {
    uint32_t boot = tote__os_boot();
    struct process process;

    if (!owner->process) {
        return OWNER_UNKNOWN;
    }
    if (boot && owner->boot && boot != owner->boot) {
        return OWNER_DEAD;
    }
    if (owner->pid_space != own_pid_space()) {
        return OWNER_UNKNOWN;
    }
    if (kill((pid_t)owner->process, 0) != 0 && errno == ESRCH) {
        return OWNER_DEAD;
    }
    if (!owner->started || !read_process(owner->process, &process)) {
        return OWNER_ALIVE;
    }
    return process.started != owner->started || process.state == 'Z' || process.state == 'X'
               ? OWNER_DEAD
               : OWNER_ALIVE;
}
