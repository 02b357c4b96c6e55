/* SPDX-License-Identifier: MIT */
/*
 * ignored_madvise.c - madvise(2) as some emulators and sandboxes implement it: it succeeds and does
 * nothing
 */
#include <sys/mman.h>

int madvise(void *address, size_t length, int advice) {
    (void)address, (void)length, (void)advice;
    return 0;
}
