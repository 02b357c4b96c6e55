/* SPDX-License-Identifier: MIT */
/*
 * fork.c - the generation of this process
 *
 * The word is in a separate page, which the kernel zeroes in a child if it can (MADV_WIPEONFORK of
 * Linux). Some emulators and sandboxes accept that request and ignore it, so a pthread_atfork()
 * handler zeroes the word, too. In a child whose word is 0, `last` is the generation of the parent.
 *
 * A handler of the host may use Tote in the child before Tote's handler runs. The word then already
 * contains the generation of the child and must not change. The handler therefore only clears the
 * generation that was recorded before the fork.
 */
#include "tote/internal/fork.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "tote/internal/api_os.h"
#include "tote/internal/clock.h"
#include "tote/thread.h"

static _Atomic(uint32_t) static_word;
static _Atomic(uint32_t) last;
static _Atomic(uint32_t) forking;   /* generation of the forking process; 0: not recorded */
static _Atomic(uint64_t) fork_time; /* time of the handler's run */
static _Atomic(pid_t) fork_child;   /* process in which the handler ran */

_Atomic(_Atomic(uint32_t) *) tote__generation_word = &static_word;

static void note_generation(void) {
    atomic_store(&forking, atomic_load(atomic_load(&tote__generation_word)));
}

static void forget_generation(void) {
    _Atomic(uint32_t) *word = atomic_load(&tote__generation_word);
    uint32_t parents = atomic_exchange(&forking, 0);

    atomic_store(&fork_time, tote__clock_realtime());
    atomic_store(&fork_child, getpid());
    if (parents) {
        atomic_compare_exchange_strong(word, &parents, 0);
    } else {
        atomic_store(word, 0);
    }
}

static void set_up(void) {
    int error = errno;
    _Atomic(uint32_t) *word = tote__map_wiped_word();

    if (word) {
        atomic_store(&tote__generation_word, word);
    }
    pthread_atfork(note_generation, NULL, forget_generation);
    errno = error;
}

uint32_t tote__generation_renew(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, set_up);
    _Atomic(uint32_t) *word = atomic_load(&tote__generation_word);
    /*
     * Increment first, so that a child forked in between does not use its parent's number. Some
     * numbers stay unused.
     */
    uint32_t next = atomic_fetch_add(&last, 1) + 1;
    uint32_t seen = 0;

    return atomic_compare_exchange_strong(word, &seen, next) ? next : seen;
}

uint64_t tote__fork_time(void) {
    return atomic_load(&fork_child) == getpid() ? atomic_load(&fork_time) : 0;
}

/* No lock is taken: a child never waits for a lock that an older generation holds. */
void tote_fork_prepare(void) {
    note_generation();
}

void tote_fork_child(void) {
    forget_generation();
}
