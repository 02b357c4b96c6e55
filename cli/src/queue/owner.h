/* SPDX-License-Identifier: MIT */
/*
 * owner.h - whether a process is still alive, also after its id was used again or a restart
 */
#ifndef TOTE_CLI_OWNER_H
#define TOTE_CLI_OWNER_H

#include <stdbool.h>
#include <stdint.h>

struct owner {
    uint32_t process;   /* 0: no process */
    uint64_t started;   /* in clock ticks since boot; 0: unknown */
    uint32_t boot;      /* tote__os_boot(); 0: unknown */
    uint64_t pid_space; /* inode of the PID namespace; 0: unknown */
};

/* Return the owner for a process id. An id of 0 has no process. */
struct owner owner_of(uint32_t process);

/*
 * Return the shell that runs this program: the parent process. A subshell of a command substitution
 * has the command line of its parent, and is skipped, because it ends at once. Returns 0 on a
 * system that cannot tell the two.
 */
uint32_t owner_find_shell(void);

enum owner_state {
    OWNER_ALIVE,
    OWNER_DEAD,
    OWNER_UNKNOWN /* it has no process, or is in another PID namespace */
};

enum owner_state owner_look(const struct owner *owner);

#endif
