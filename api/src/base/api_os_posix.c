/* SPDX-License-Identifier: MIT */
/*
 * api_os_posix.c - what libtote-api needs from a POSIX system without a file of its own
 *
 * It uses POSIX.1-2008 alone. A port starts with a copy of this file: docs/porting.md describes
 * what a system can do better.
 *
 * Tests: tests/unit/test_fork.c
 */
#include <stdio.h>
#include <unistd.h>

#include "tote/internal/api_os.h"

extern char **environ;

/* The ids may have been changed since the start. */
bool tote__is_privileged(void) {
    return getuid() != geteuid() || getgid() != getegid();
}

char **tote__environment(void) {
    return environ;
}

_Atomic(uint32_t) *tote__map_wiped_word(void) {
    return NULL;
}

void tote__stay_mapped(void) {}

void tote__format_double(char *text, size_t size, int digits, double real) {
    snprintf(text, size, "%.*g", digits, real);
}
