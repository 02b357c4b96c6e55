/* SPDX-License-Identifier: MIT */
/*
 * fork.c - the generation of this process
 *
 * The word is in a page of its own that the kernel zeroes in a child (MADV_WIPEONFORK). Where
 * that cannot be had it is a static one, and pthread_atfork() zeroes it. `last` tells a
 * child, whose word is 0, what its parent was.
 */
#include "tote/internal/fork.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tote/thread.h"

static _Atomic(uint32_t) static_word;
static _Atomic(uint32_t) last;

_Atomic(_Atomic(uint32_t) *) tote__generation_word = &static_word;

static void forget_generation(void) {
    atomic_store(atomic_load(&tote__generation_word), 0);
}

#ifdef MADV_WIPEONFORK
static _Atomic(uint32_t) *map_word(void) {
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
static _Atomic(uint32_t) *map_word(void) {
    return NULL;
}
#endif

static void set_up(void) {
    int error = errno;
    _Atomic(uint32_t) *word = map_word();

    if (word) {
        atomic_store(&tote__generation_word, word);
    } else {
        pthread_atfork(NULL, NULL, forget_generation);
    }
    errno = error;
}

uint32_t tote__generation_renew(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, set_up);
    _Atomic(uint32_t) *word = atomic_load(&tote__generation_word);
    /* First, so that a child forked in between does not take its parent's number; some are left out. */
    uint32_t next = atomic_fetch_add(&last, 1) + 1;
    uint32_t seen = 0;

    return atomic_compare_exchange_strong(word, &seen, next) ? next : seen;
}

/* Nothing to do ahead of fork: no lock is ever waited for that an older generation holds. */
void tote_fork_prepare(void) {}

void tote_fork_parent(void) {}

void tote_fork_child(void) {
    forget_generation();
}
