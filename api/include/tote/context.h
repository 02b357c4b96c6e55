/* SPDX-License-Identifier: MIT */
/**
 * @file tote/context.h
 * Context: a store, a span and private values. A context is immutable. It can be current on any
 * number of threads at a time. Spec: context/README.md
 *
 * To hand work to another thread, keep tote_context_ref(tote_context_current()) with the work and
 * call tote_context_run() on the thread that does it. A scope does both: see tote/scope.h.
 *
 * Threads:  thread-safe. Each thread, or fibre, has its own current context.
 * Lifetime: reference counted.
 * Errors:   if out of memory, a function that derives a context returns another reference to the
 *           old context, never NULL.
 */
#ifndef TOTE_CONTEXT_H
#define TOTE_CONTEXT_H

#include "tote/span.h"
#include "tote/store.h"

TOTE_BEGIN_DECLS

/** A context. Immutable and reference counted. */
typedef struct tote_context tote_context;

/**
 * The current context, where a function or an option takes a `const tote_context *`. It is the
 * default of tote_span_options.parent. There, too, NULL is the root context: a NULL that a failed
 * lookup returned never joins the current trace.
 */
#define TOTE_CONTEXT_CURRENT ((const tote_context *)1)

/** Identifies an attachment; 0: none. Spec: context/README.md#attach-context */
typedef uint64_t tote_context_token;

/**
 * The key of a private value. Define a static object: its address is its identity. It must live as
 * long as any context with the value. Frozen.
 */
typedef struct tote_context_key {
    const char *name;             /**< for diagnostics */
    void (*destroy)(void *value); /**< called once, when no context has the value; may be NULL */
} tote_context_key;

/** Return the context without span and values, with the root store. Borrowed, never freed. */
TOTE_API const tote_context *tote_context_root(void);

/** Return the current context, or the root context if none is attached. Borrowed while current. */
TOTE_API const tote_context *tote_context_current(void);

/** Add a reference, and return it. Release it with tote_context_unref(). */
TOTE_API TOTE_MUST_USE tote_context *tote_context_ref(const tote_context *context);

/** Release a reference. The last one frees the context. */
TOTE_API void tote_context_unref(tote_context *context);

/** Return the store. Never NULL. Borrowed from the context. */
TOTE_API tote_store *tote_context_get_store(const tote_context *context);

/** Return the span, or NULL if there is none. Borrowed from the context. */
TOTE_API tote_span *tote_context_get_span(const tote_context *context);

/** Return the value of `key`, or NULL if there is none. Borrowed from the context. */
TOTE_API void *tote_context_get_value(const tote_context *context, const tote_context_key *key);

/**
 * Copy the ids and flags of the current span. Each pointer may be NULL. Async-signal-safe: a crash
 * handler can report the trace. Returns false if there is no valid span.
 */
TOTE_API bool tote_context_get_current_ids(tote_trace_id *trace_id, tote_span_id *span_id,
                                           uint8_t *trace_flags);

/** Return a context with this store, and with the span and the values of `context`. */
TOTE_API TOTE_MUST_USE tote_context *tote_context_with_store(const tote_context *context,
                                                             tote_store *store);

/** Return a context with this span. With NULL it has no span: the next span starts a trace. */
TOTE_API TOTE_MUST_USE tote_context *tote_context_with_span(const tote_context *context,
                                                            tote_span *span);

/** Return a context with this value. Takes ownership of `value`. */
TOTE_API TOTE_MUST_USE tote_context *
tote_context_with_value(const tote_context *context, const tote_context_key *key, void *value);

/** Return a context in which no span is recorded and nothing is injected: for an exporter's I/O. */
TOTE_API TOTE_MUST_USE tote_context *tote_context_with_suppression(const tote_context *context);

/**
 * Make `context` current on this thread until the token is detached. Keeps a reference. Returns 0,
 * with a diagnostic, if out of memory; then nothing is attached.
 */
TOTE_API tote_context_token tote_context_attach(const tote_context *context);

/**
 * Restore the context that was current before the attachment. Later attachments are detached too.
 * Returns false, with a diagnostic, if the token is out of order, unknown, used already or from
 * another thread. An unknown token changes nothing.
 */
TOTE_API bool tote_context_detach(tote_context_token token);

/** Call `run(arg)` with `context` current. Always calls it. Returns its result. */
TOTE_API int tote_context_run(const tote_context *context, int (*run)(void *arg), void *arg);

/**
 * Return a mark of the current context. A mark needs no release. Take one before code that
 * longjmp() may leave, for tote_context_unwind(). Or take one before a callback: then
 * tote_context_detach() returns false if the callback left a context attached.
 */
TOTE_API tote_context_token tote_context_mark(void);

/**
 * Return to a mark: detach later attachments, and close later scopes that are still current here,
 * with this status. Handles of these scopes are invalid afterwards. A mark stays valid if the scope
 * around it is closed, by any thread. Returns the number of closed scopes.
 */
TOTE_API size_t tote_context_unwind(tote_context_token mark, tote_status_code status,
                                    const char *description);

/**
 * Where the current context is kept if not in the thread: the storage of a fibre runtime.
 * Threads: both functions run on the thread of the running fibre. They must not call Tote.
 */
typedef struct tote_context_slot {
    size_t struct_size;
    void *(*get)(void *self);             /**< return the pointer of the running fibre, or NULL */
    void (*set)(void *self, void *stack); /**< store the pointer for the running fibre */
    void *self;
} tote_context_slot;

/**
 * Use this slot; NULL: the thread. The struct is copied. Returns false, and changes nothing, if a
 * context is attached. Threads: setup.
 */
TOTE_API bool tote_context_set_slot(const tote_context_slot *slot);

/**
 * Publish the context of the fibre that now runs on this thread to profilers. Call it on the thread
 * after each switch, before another thread may resume the fibre that ran before. Without these
 * calls, profilers see no context of any thread while a slot is set. See docs/profilers.md.
 */
TOTE_API void tote_context_slot_switched(void);

/** Free the pointer that a slot keeps for a fibre that has ended. */
TOTE_API void tote_context_stack_free(void *stack);

TOTE_END_DECLS

#define TOTE__OFF_CONTEXT
#include "tote/disabled.h"

#endif
