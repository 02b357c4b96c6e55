/* SPDX-License-Identifier: MIT */
/*
 * context.h - what a context is made of, and the thread's slot
 */
#ifndef TOTE_INTERNAL_CONTEXT_H
#define TOTE_INTERNAL_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>

#include "tote/context.h"
#include "tote/internal/shared.h"

struct tote__context_value; /* a list, newest first, counted */

struct tote_context {
    _Atomic(uint32_t) references; /* 0: static, never counted */
    bool is_suppressed;
    bool is_scope;     /* it is the first field of a tote_scope */
    tote_store *store; /* one reference; NULL in static ones alone: use tote_context_get_store() */
    tote_span *span;   /* one reference, or NULL */
    struct tote__context_value *values;
};

extern tote_context tote__root_context;

/* What a caller's context stands for: NULL is the root context. */
static inline const tote_context *tote__context_of(const tote_context *context) {
    return context == TOTE_CONTEXT_CURRENT ? tote_context_current()
           : context                       ? context
                                           : &tote__root_context;
}

/* tote_context_with_span(), and the reference to the span goes with it. */
TOTE_SHARED tote_context *tote__context_with_own_span(const tote_context *context, tote_span *span);

/*
 * `context` with a span of another process, of which only its context is known; as it was when that
 * is not valid, or out of memory.
 */
TOTE_SHARED tote_context *tote__context_with_remote_span(const tote_context *context,
                                                         const tote_span_context *remote);

/*
 * What a thread has of its own, all of it: the address of the running stack of contexts, and what
 * the SDK keeps for the thread. Initial-exec TLS, at most 64 bytes.
 */
struct tote__thread {
    const tote_context *current; /* NULL: the root; not used with a foreign slot */
    struct tote__stack *stack;   /* NULL until something is attached, and with a foreign slot */
    struct tote__pools *pools;   /* a tote__owned; see pool.h */
    struct tote__tally *tally;   /* a tote__owned; see unrecorded.h */
    void *sdk;                   /* the SDK's own; released by `release_sdk` when the thread ends */
    void (*release_sdk)(void *sdk);
    struct tote__inherited *inherited; /* current without a stack, see thread.c; or NULL */
    bool ends_with_release;            /* the thread's end has been asked for */
    bool is_exporting;  /* in an exporter that was called on this thread as a span ended */
    uint8_t handlers;   /* how many diagnostics handlers it is in, one in the other */
    uint32_t masked_in; /* generation of the process in which it is a worker; see write_signals.h */
};

extern TOTE_SHARED _Thread_local struct tote__thread tote__thread
    __attribute__((tls_model("initial-exec")));

/* What pthread_create() is. */
typedef int (*tote__thread_create_function)(pthread_t *thread, const pthread_attr_t *attributes,
                                            void *(*run)(void *arg), void *arg);

/*
 * Create a thread by `create`. If a scope is open here, the current context is current in the
 * thread, outside of what it makes current itself, until that scope is closed. Without a scope, or
 * out of memory, it starts in the root context.
 */
TOTE_SHARED int tote__thread_create_in_scope(tote__thread_create_function create, pthread_t *thread,
                                             const pthread_attr_t *attributes,
                                             void *(*run)(void *arg), void *arg);

/* Have `release_sdk` and the stack's release called when this thread ends. */
TOTE_SHARED void tote__thread_watch_end(void);

#endif
