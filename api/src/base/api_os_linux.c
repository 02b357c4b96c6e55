/* SPDX-License-Identifier: MIT */
/*
 * api_os_linux.c - what libtote-api needs from Linux
 *
 * Tests: tests/unit/test_fork.c, tests/unit/test_env.c
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tote/internal/api_os.h"

bool tote__is_privileged(void) {
    return getauxval(AT_SECURE) != 0;
}

char **tote__environment(void) {
    return environ;
}

#ifdef MADV_WIPEONFORK
_Atomic(uint32_t) *tote__map_wiped_word(void) {
    long page = sysconf(_SC_PAGESIZE);
    size_t size = page > 0 ? (size_t)page : 4096;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        return NULL;
    }
    if (madvise(memory, size, MADV_WIPEONFORK) != 0) {
        munmap(memory, size);
        return NULL;
    }
    return (_Atomic(uint32_t) *)memory;
}
#else
_Atomic(uint32_t) *tote__map_wiped_word(void) {
    return NULL;
}
#endif

#ifdef __GLIBC__
#include <link.h>

/* Weak: absent in a static program, and in libdl before glibc 2.34. */
#pragma weak dladdr1
#pragma weak dlopen

/*
 * The destructor of the thread key runs when a thread ends, even after the host unloaded a plug-in
 * that contains the static library. The main program has an empty name here and is never unloaded.
 */
void tote__stay_mapped(void) {
    static const char here;
    int error = errno;
    Dl_info info;
    void *found = NULL;

    if (dladdr1 && dlopen && dladdr1(&here, &info, &found, RTLD_DL_LINKMAP) && found) {
        const struct link_map *object = found;
        if (object->l_name && *object->l_name) { /* already loaded: no path search */
            (void)dlopen(object->l_name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
        }
    }
    errno = error;
}

/* printf() uses 1.5 KB more stack. */
void tote__format_double(char *text, size_t size, int digits, double real) {
    const char format[] = {'%', '.', '1', (char)('0' + digits % 10), 'g', '\0'};

    strfromd(text, size, format, real);
}
#else
void tote__stay_mapped(void) {} /* musl never unloads libraries */

void tote__format_double(char *text, size_t size, int digits, double real) {
    snprintf(text, size, "%.*g", digits, real);
}
#endif
