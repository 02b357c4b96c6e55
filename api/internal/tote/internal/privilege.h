/* SPDX-License-Identifier: MIT */
/*
 * privilege.h - detection of a program that runs with elevated privileges
 */
#ifndef TOTE_INTERNAL_PRIVILEGE_H
#define TOTE_INTERNAL_PRIVILEGE_H

#include <stdbool.h>
#include <sys/auxv.h>

/*
 * Return whether the kernel started the program as setuid, setgid or with file capabilities
 * (AT_SECURE). A user with fewer privileges controls its environment. That user must not choose the
 * files and endpoints it uses.
 */
static inline bool tote__is_privileged(void) {
    return getauxval(AT_SECURE) != 0;
}

#endif
