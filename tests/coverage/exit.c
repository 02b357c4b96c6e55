/* SPDX-License-Identifier: MIT */
/*
 * exit.c - for `./dev coverage`: _exit() writes the counts of the process, which otherwise are lost
 *
 * Children of fork() in tests end with it. Linked into each program, with --wrap=_exit. A process
 * with a filter for system calls writes nothing: it may not be allowed to open files.
 */
#include <stdnoreturn.h>
#include <sys/prctl.h>

void __gcov_dump(void);
noreturn void __real__exit(int status);
noreturn void __wrap__exit(int status);

noreturn void __wrap__exit(int status) {
    if (prctl(PR_GET_SECCOMP) == 0) {
        __gcov_dump();
    }
    __real__exit(status);
}
