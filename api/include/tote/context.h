/* SPDX-License-Identifier: MIT */
/**
 * @file tote/context.h
 * Context: which store, which span, and private values; immutable, and current
 * on one thread or fibre at a time or on many. Spec: context/README.md
 *
 * Whoever queues work takes tote_context_ref(tote_context_current()) along; whoever does the
 * work calls tote_context_run(). A scope (scope.h) does both ends at once.
 *
 * Threads:  any. The current context belongs to the calling thread (or fibre).
 * Lifetime: counted. tote_context_current() is borrowed while it is current.
 * On failure: a call that makes a context returns the old one, referenced: never NULL.
 */
#ifndef TOTE_CONTEXT_H
#define TOTE_CONTEXT_H

#include "tote/span.h"
#include "tote/store.h"

TOTE_BEGIN_DECLS

typedef struct tote_context tote_context;

/** Names one attachment. 0 is none. Spec: context/README.md#attach-context */
typedef uint64_t tote_context_token;

/**
 * A private value's key: a static object of yours, its address is its identity. `destroy`, if not
 * NULL, runs once when the last context with the value is gone; the key must live until then.
 */
typedef struct tote_context_key {
    const char *name; /**< for people who debug */
    void (*destroy)(void *value);
} tote_context_key;

/** No span, the root store, no values. Borrowed for ever. */
TOTE_API const tote_context *tote_context_root(void);

/** Borrowed while it stays current; the root when nothing is attached. */
TOTE_API const tote_context *tote_context_current(void);

TOTE_API TOTE_MUST_USE tote_context *tote_context_ref(const tote_context *context);
TOTE_API void tote_context_unref(tote_context *context);

/** The store. Borrowed from the context, never NULL. */
TOTE_API tote_store *tote_context_get_store(const tote_context *context);

/** The span, NULL when there is none. Borrowed from the context. */
TOTE_API tote_span *tote_context_get_span(const tote_context *context);

/** Shorthand for the span context of that span; never NULL. Borrowed from the context. */
TOTE_API const tote_span_context *tote_context_get_span_context(const tote_context *context);

/** The value of `key`, NULL when there is none. Borrowed from the context. */
TOTE_API void *tote_context_get_value(const tote_context *context, const tote_context_key *key);

/**
 * Copy out who the current span is; each pointer may be NULL. The one function that a signal
 * handler may call, to say in which trace a program crashed. Returns: false when there is no valid
 * span.
 */
TOTE_API bool tote_context_get_current_ids(tote_trace_id *trace_id, tote_span_id *span_id,
                                           uint8_t *trace_flags);

TOTE_API TOTE_MUST_USE tote_context *tote_context_with_store(const tote_context *context,
                                                             tote_store *store);

/** A context with this span; NULL takes the span out, so that the next one starts a trace. */
TOTE_API TOTE_MUST_USE tote_context *tote_context_with_span(const tote_context *context,
                                                            tote_span *span);

/** Takes `value`, also on failure. */
TOTE_API TOTE_MUST_USE tote_context *
tote_context_with_value(const tote_context *context, const tote_context_key *key, void *value);

/** A context in which Tote starts no spans and injects nothing: for an exporter's own calls. */
TOTE_API TOTE_MUST_USE tote_context *tote_context_with_suppression(const tote_context *context);

/** Make `context` current until its token is detached. Keeps a reference. */
TOTE_API tote_context_token tote_context_attach(const tote_context *context);

/**
 * Make current what was current before. Attachments made since then are taken off too.
 * Returns: false when something was amiss (out of order, another thread's token, used before);
 * an unknown token changes nothing. Reported once.
 */
TOTE_API bool tote_context_detach(tote_context_token token);

/** Call `run(arg)` with `context` current; it runs in any case. Returns: what it returned. */
TOTE_API int tote_context_run(const tote_context *context, int (*run)(void *arg), void *arg);

/**
 * Note what is current here; needs no release. Before code that may be left by longjmp, for
 * tote_context_unwind(); or before a callback, for tote_context_detach() after it, which is false
 * when the callback left something behind.
 */
TOTE_API tote_context_token tote_context_mark(void);

/**
 * Go back to a mark: detach all since, and close the scopes opened since and still current here,
 * with this status. Their handles are gone. The mark stays good if the scope it was taken in is
 * closed meanwhile, by any thread. Returns: how many scopes were closed.
 */
TOTE_API size_t tote_context_unwind(tote_context_token mark, tote_status_code status,
                                    const char *description);

/** Where the current context is kept when that is not the thread: a fibre runtime's own slot. */
typedef struct tote_context_slot {
    size_t struct_size;
    void *(*get)(void *self);             /**< the running fibre's pointer, NULL at first */
    void (*set)(void *self, void *stack); /**< keep this pointer for the running fibre */
    void *self;
} tote_context_slot;

/**
 * Use this slot from now on; NULL is the thread's again. Threads: setup. Returns: false when too
 * late.
 */
TOTE_API bool tote_context_set_slot(const tote_context_slot *slot);

/** Free what a slot kept for a fibre that has ended. */
TOTE_API void tote_context_stack_free(void *stack);

TOTE_END_DECLS

#define TOTE__OFF_CONTEXT
#include "tote/disabled.h"

#endif
