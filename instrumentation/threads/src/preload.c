/* SPDX-License-Identifier: MIT */
/*
 * preload.c - pthread_create() that takes the current context along, for programs that are not
 * changed
 *
 *   LD_PRELOAD=$prefix/lib/tote-preload-threads.so ./program
 *
 * A thread that is created in a scope has the current context of its creator until that scope is
 * closed, and the root context from then on: it may be one of a pool, which serves other requests.
 * A thread that is created outside of any scope, as Tote's own are, is created as without this.
 *
 * Tests: tests/worlds/plain_threads.c, tests/worlds/plain_pool.c
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>

#include "tote/internal/context.h"
#include "tote/thread.h"

typedef tote__thread_create_function create_function;

static create_function real_create(void) {
    static _Atomic(create_function) found;
    create_function create = atomic_load_explicit(&found, memory_order_relaxed);
    union {
        void *object;
        create_function function;
    } cast;

    if (!create) {
        cast.object = dlsym(RTLD_NEXT, "pthread_create");
        create = cast.function;
        atomic_store_explicit(&found, create, memory_order_relaxed);
    }
    return create;
}

TOTE_API int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                            void *(*start)(void *arg), void *arg) {
    create_function create = real_create();

    if (!create) {
        return ENOSYS;
    }
    if (tote_context_current() == tote_context_root()) {
        return create(thread, attributes, start, arg);
    }
    return tote__thread_create_in_scope(create, thread, attributes, start, arg);
}
