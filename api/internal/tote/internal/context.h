/* SPDX-License-Identifier: MIT */
/*
 * context.h - the layout of a context and the thread's slot
 */
#ifndef TOTE_INTERNAL_CONTEXT_H
#define TOTE_INTERNAL_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>

#include "tote/context.h"
#include "tote/internal/shared.h"

struct tote__context_value; /* a reference-counted list, newest first */

struct tote_context {
    _Atomic(uint32_t) references; /* 0: static, never counted */
    bool is_suppressed;
    bool is_scope;     /* the context is the first field of a tote_scope */
    tote_store *store; /* owns one reference; NULL only if static: use tote_context_get_store() */
    tote_span *span;   /* owns one reference; may be NULL */
    const tote_span_context *record; /* of `span`, for profilers; NULL if that is not valid */
    struct tote__context_value *values;
};

extern tote_context tote__root_context;

/* Resolve a context argument of a caller. NULL means the root context. */
static inline const tote_context *tote__context_of(const tote_context *context) {
    return context == TOTE_CONTEXT_CURRENT ? tote_context_current()
           : context                       ? context
                                           : &tote__root_context;
}

/* Like tote_context_with_span(), but takes ownership of the reference to the span. */
TOTE_SHARED tote_context *tote__context_with_own_span(const tote_context *context, tote_span *span);

/*
 * Return `context` with a remote span that only carries the span context `remote`. Returns a
 * reference to `context` itself if `remote` is invalid or if out of memory.
 */
TOTE_SHARED tote_context *tote__context_with_remote_span(const tote_context *context,
                                                         const tote_span_context *remote);

/*
 * All thread-local data: the address of the running stack of contexts, and the SDK's data of the
 * thread. Initial-exec TLS, at most 64 bytes.
 */
struct tote__thread {
    const tote_context *current; /* NULL: the root; not used with a foreign slot */
    struct tote__stack *stack;   /* NULL until something is attached, and with a foreign slot */
    struct tote__pools *pools;   /* a tote__owned; see pool.h */
    struct tote__tally *tally;   /* a tote__owned; see unrecorded.h */
    void *sdk; /* owned by the SDK; `release_sdk` releases it when the thread ends */
    void (*release_sdk)(void *sdk);
    struct tote__inherited *inherited; /* base context, see thread.c; or NULL */
    bool ends_with_release;            /* the destructor of the thread key is registered */
    bool is_exporting;  /* in an exporter called by the end of a span on this thread */
    uint8_t handlers;   /* number of nested diagnostics handlers that are running */
    uint32_t masked_in; /* generation of the process in which it is a worker; see write_signals.h */
};

extern TOTE_SHARED _Thread_local struct tote__thread tote__thread
    __attribute__((tls_model("initial-exec")));

/* The type of pthread_create(). */
typedef int (*tote__thread_create_function)(pthread_t *thread, const pthread_attr_t *attributes,
                                            void *(*run)(void *arg), void *arg);

/*
 * Create a thread by `create`. If a scope is open here, the thread inherits the current context
 * until that scope is closed. Contexts that the thread makes current take precedence. Without a
 * scope, or if out of memory, the thread starts in the root context.
 */
TOTE_SHARED int tote__thread_create_in_scope(tote__thread_create_function create, pthread_t *thread,
                                             const pthread_attr_t *attributes,
                                             void *(*run)(void *arg), void *arg);

/* Register the destructor that frees the stack and calls `release_sdk` when this thread ends. */
TOTE_SHARED void tote__thread_watch_end(void);

#endif
