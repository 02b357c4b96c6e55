/* SPDX-License-Identifier: MIT */
/*
 * owner.c - whether a process is still alive, also after its id was used again or a restart
 *
 * Tests: tests/unit/test_open_record.c, tests/cli/test_span.sh
 */
#include "owner.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli_os.h"
#include "tote/internal/os.h"

enum { MOST_SUBSHELLS = 16 };

static uint64_t own_pid_space(void) {
    return tote__os_space(TOTE__OS_PROCESS_SPACE);
}

struct owner owner_of(uint32_t id) {
    struct os_process process = {.state = '?'};

    if (id) {
        os_process_read(id, &process);
    }
    return (struct owner){id, process.started, tote__os_boot(), own_pid_space()};
}

/* Return whether two processes have the same command line. */
static bool are_alike(uint32_t a, uint32_t b) {
    char contents[2][4096];
    size_t sizes[2];
    const uint32_t ids[2] = {a, b};

    for (size_t i = 0; i < 2; i++) {
        sizes[i] = os_command_line(ids[i], contents[i], sizeof contents[i]);
    }
    return sizes[0] && sizes[0] == sizes[1] && memcmp(contents[0], contents[1], sizes[0]) == 0;
}

uint32_t owner_find_shell(void) {
    uint32_t shell = (uint32_t)getppid();
    struct os_process process;

    if (!os_process_read(shell, &process)) {
        return 0;
    }
    for (unsigned i = 0; i < MOST_SUBSHELLS && os_process_read(shell, &process) && process.parent &&
                         are_alike(shell, process.parent);
         i++) {
        shell = process.parent;
    }
    return shell;
}

enum owner_state owner_look(const struct owner *owner) {
    uint32_t boot = tote__os_boot();
    struct os_process process;

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
    if (!owner->started || !os_process_read(owner->process, &process)) {
        return OWNER_ALIVE;
    }
    return process.started != owner->started || process.state == 'Z' || process.state == 'X'
               ? OWNER_DEAD
               : OWNER_ALIVE;
}
