/* SPDX-License-Identifier: MIT */
/*
 * preload.c - pthread_create() that takes the current context along, for programs that are not
 * changed
 *
 *   LD_PRELOAD=$prefix/lib/tote-preload-threads.so ./program
 *
 * A thread that is started outside of any context, as Tote's own are, is started as ever.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>

#include "tote/thread.h"

typedef int (*create_function)(pthread_t *thread, const pthread_attr_t *attributes,
                               void *(*start)(void *arg), void *arg);

/* In tote_thread_create(), which comes back here. */
static _Thread_local bool is_creating __attribute__((tls_model("initial-exec")));

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
    if (is_creating || tote_context_current() == tote_context_root()) {
        return create(thread, attributes, start, arg);
    }
    is_creating = true;
    int result = tote_thread_create(thread, attributes, start, arg);
    is_creating = false;
    return result;
}
