/* SPDX-License-Identifier: MIT */
/*
 * privilege.h - whether the program has more rights than its caller
 */
#ifndef TOTE_INTERNAL_PRIVILEGE_H
#define TOTE_INTERNAL_PRIVILEGE_H

#include <stdbool.h>
#include <sys/auxv.h>

/*
 * Return whether the program is setuid, setgid or has file capabilities, as the kernel told it at
 * its start. Its environment comes from a user with fewer rights, who must not choose what it
 * reads, writes or connects to.
 */
static inline bool tote__is_privileged(void) {
    return getauxval(AT_SECURE) != 0;
}

#endif
