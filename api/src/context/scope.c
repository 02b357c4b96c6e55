/* SPDX-License-Identifier: MIT */
/*
 * scope.c - scopes: a store and a span that are current together
 *
 * `on` is the stack on which a scope is current, or tote__closed. The thread that sets it to
 * tote__closed ends the span. A frame on a stack keeps the scope alive, so a thread may close a
 * scope that is current on another thread: its frame is popped together with later frames.
 */
#include "tote/scope.h"

#include <stdio.h>

#include "context_stack.h"
#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/span.h"
#include "tote/internal/tracer.h"

struct tote__stack tote__closed;

/*
 * The scope of all threads for scopes that could not be allocated. It starts no spans, because
 * these would be orphans.
 */
tote_scope tote__void_scope = {.context = {.is_suppressed = true}};

static void scope_unref(tote_scope *scope) {
    tote_context_unref(&scope->context);
}

static tote_span *own_span(const tote_scope *scope) {
    return scope->has_span ? scope->context.span : NULL;
}

enum { SCOPE_LABEL_BYTES = TOTE__SPAN_LABEL_BYTES + 16 };

/* Write the name of a scope for a diagnostic. Returns `label`. */
static const char *label_of(const tote_scope *scope, char label[SCOPE_LABEL_BYTES]) {
    char span[TOTE__SPAN_LABEL_BYTES];
    const char *place = scope->has_span ? "of" : "under";

    snprintf(label, SCOPE_LABEL_BYTES, "the scope %s %s", scope == &tote__void_scope ? "of" : place,
             scope == &tote__void_scope ? "no memory"
                                        : tote__span_label(scope->context.span, span));
    return label;
}

bool tote__scope_leave(tote_scope *scope, enum tote__frame_kind kind, struct tote__stack *stack,
                       struct tote__leave *leave) {
    bool ends = kind == TOTE__FRAME_SCOPED || leave->way == TOTE__CLOSE ||
                (leave->way == TOTE__UNWIND && kind == TOTE__FRAME_OPENED);
    bool was_open = kind == TOTE__FRAME_SCOPED; /* no handle: no other thread ends it */

    if (was_open) {
        atomic_store_explicit(&scope->on, &tote__closed, memory_order_release);
    } else {
        was_open = atomic_compare_exchange_strong(&scope->on, &stack, ends ? &tote__closed : NULL);
    }

    if (was_open && ends) {
        if (leave->way == TOTE__UNWIND) {
            tote_span_set_status(own_span(scope), leave->status, leave->description);
        }
        tote_span_end(own_span(scope), 0);
        leave->closed++;
    }
    if (was_open && leave->way == TOTE__UNWIND && kind == TOTE__FRAME_OPENED) {
        scope_unref(scope); /* the caller lost the handle */
    }
    scope_unref(scope);
    return was_open;
}

static tote_span *start_span(tote_tracer *tracer, const char *name,
                             const tote_span_options *options, const tote_context *parent,
                             tote_store *store) {
    if (tracer) {
        return tote__tracer_start_span(tracer, name, options, store);
    }
    return options->root ? NULL : tote_span_ref(parent->span);
}

/* Allocate a scope. Returns NULL and reports if out of memory. */
static tote_scope *scope_new(tote_tracer *tracer, const char *name,
                             const tote_span_options *options) {
    const tote_context *parent = tote__context_of(options->parent);
    tote_scope *scope = tote__pool_take(&tote__context_pool);
    tote_store *store = scope ? tote_store_new(tote_context_get_store(parent)) : NULL;

    if (!store) {
        if (scope) {
            tote__pool_put(&tote__context_pool, scope);
        }
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "scope",
            "out of memory: the scope \"%.64s\" was not opened; its work is not traced, "
            "and what it adds is not kept",
            name ? name : "");
        return NULL;
    }
    tote__context_init(&scope->context, parent, store,
                       start_span(tracer, name, options, parent, store));
    scope->context.is_scope = true;
    scope->has_span = tracer != NULL;
    atomic_init(&scope->on, NULL);
    return scope;
}

/* Pop scopes that other threads closed while they were current here. */
static void drop_closed(struct tote__stack *stack) {
    struct tote__leave leave = {.way = TOTE__TAKE_OFF};

    while (stack->depth) {
        const struct tote__frame *frame = &stack->frames[stack->depth - 1];
        bool is_scope = frame->kind == TOTE__FRAME_OPENED || frame->kind == TOTE__FRAME_RESUMED;
        if (!is_scope || atomic_load(&((tote_scope *)frame->context)->on) != &tote__closed) {
            return;
        }
        tote__stack_pop_to(stack, stack->depth - 1, &leave);
    }
}

/*
 * Make a scope and make it current here. The frame owns its only reference. Returns NULL if out of
 * memory.
 */
static tote_scope *scope_begin(tote_tracer *tracer, const char *name,
                               const tote_span_options *options, enum tote__frame_kind kind,
                               tote_context_token *token) {
    tote_span_options filled;
    struct tote__stack *stack = tote__stack_with_space();

    if (!stack) {
        return NULL;
    }
    drop_closed(stack);
    tote_scope *scope = scope_new(tracer, name, tote__complete_span_options(options, &filled));
    if (!scope) {
        return NULL;
    }
    stack = tote__stack_with_space(); /* starting the span may have run host code */
    if (!stack) {
        tote_span_end(own_span(scope), 0);
        scope_unref(scope);
        return NULL;
    }
    atomic_store_explicit(&scope->on, stack, memory_order_release);
    *token = tote__stack_push(stack, &scope->context, kind);
    return scope;
}

/* Warn about the wrong use of a scope; `format` takes its label. Kept out of the fast paths. */
static tote__apart void warn(const char *format, const tote_scope *scope) {
    char label[SCOPE_LABEL_BYTES];

    tote_diagnostics_report(TOTE_LEVEL_WARN, "scope", format, label_of(scope, label));
}

static const char still_open[] = "%s ended before what was made current in it; that was ended too. "
                                 "Close the inner scopes first, or suspend what goes on elsewhere";

static void scope_finish_run(tote_context_token token, int result) {
    struct tote__stack *stack = tote__stack_here();
    struct tote__leave leave = {.way = TOTE__CLOSE};
    size_t at = tote__stack_find(stack, token);

    if (at == SIZE_MAX) {
        return; /* already closed with an outer frame, which was reported */
    }
    const tote_scope *scope = (const tote_scope *)stack->frames[at].context;
    tote_span *span = own_span(scope);
    if (tote__unlikely(stack->depth > at + 1) && tote__stack_pop_to(stack, at + 1, &leave)) {
        warn(still_open, scope);
    }
    if (result && span && span->ops && span->ops->fail) {
        span->ops->fail(span, result);
    }
    tote__stack_pop_to(stack, at, &leave);
}

int tote_run_scoped(tote_tracer *tracer, const char *name, const tote_span_options *options,
                    int (*run)(void *arg), void *arg) {
    tote_context_token token = 0;

    if (!run) {
        return 0;
    }
    tote_scope *scope = scope_begin(tracer, name, options, TOTE__FRAME_SCOPED, &token);
    if (!scope) {
        tote__stack_push_void();
    }
    int result = run(arg);
    if (!scope) {
        tote__stack_pop_void(TOTE__CLOSE);
        return result;
    }
    scope_finish_run(token, result);
    return result;
}

tote_scope *tote_scope_open(tote_tracer *tracer, const char *name,
                            const tote_span_options *options) {
    tote_context_token token;
    tote_scope *scope = scope_begin(tracer, name, options, TOTE__FRAME_OPENED, &token);

    if (!scope) {
        tote__stack_push_void();
        return &tote__void_scope;
    }
    return (tote_scope *)tote_context_ref(&scope->context); /* owned by the handle */
}

/* Return the index of the scope's frame on this stack; SIZE_MAX if it is not current here. */
static size_t find_here(const tote_scope *scope, const struct tote__stack *stack) {
    return atomic_load(&scope->on) == stack ? tote__stack_find_scope(stack, scope) : SIZE_MAX;
}

bool tote_scope_suspend(tote_scope *scope) {
    struct tote__stack *stack = tote__stack_here();
    struct tote__leave leave = {.way = TOTE__TAKE_OFF};

    if (!scope) {
        return false;
    }
    bool is_void = scope == &tote__void_scope;
    size_t at = is_void ? SIZE_MAX : find_here(scope, stack);
    if (is_void ? !tote__stack_pop_void(TOTE__TAKE_OFF) : at == SIZE_MAX) {
        warn("%s was suspended where it is not current; nothing was changed. Suspend it once, on "
             "the thread on which it is current",
             scope);
        return false;
    }
    if (!is_void && tote__stack_pop_to(stack, at, &leave) > 1) {
        warn("%s was suspended before what was made current in it; that was suspended too. Detach "
             "and suspend what is inside first",
             scope);
    }
    return true;
}

bool tote_scope_resume(tote_scope *scope) {
    struct tote__stack *expected = NULL;

    if (!scope) {
        return false;
    }
    if (scope == &tote__void_scope) {
        tote__stack_push_void();
        return true;
    }
    struct tote__stack *stack = tote__stack_with_space();
    if (!stack) {
        return false;
    }
    drop_closed(stack);
    if (!atomic_compare_exchange_strong(&scope->on, &expected, stack)) {
        warn("%s was resumed, but it is current somewhere or has ended; nothing was changed. "
             "Suspend it first",
             scope);
        return false;
    }
    tote__stack_push(stack, tote_context_ref(&scope->context), TOTE__FRAME_RESUMED);
    return true;
}

const tote_context *tote_scope_get_context(const tote_scope *scope) {
    return scope ? &scope->context : tote_context_root();
}

tote_store *tote_scope_get_store(const tote_scope *scope) {
    return scope ? tote_context_get_store(&scope->context) : NULL;
}

tote_span *tote_scope_get_span(const tote_scope *scope) {
    return scope ? own_span(scope) : NULL;
}

/* End a scope that is not current here, unless it has already ended. */
static void close_elsewhere(tote_scope *scope) {
    if (atomic_exchange(&scope->on, &tote__closed) == &tote__closed) {
        warn("%s was closed, but it had ended with the scope around it; nothing was changed. Close "
             "the inner scopes first",
             scope);
        return;
    }
    tote_span_end(own_span(scope), 0);
}

void tote_scope_close(tote_scope **handle) {
    tote_scope *scope = handle ? *handle : NULL;
    struct tote__stack *stack = tote__stack_here();
    struct tote__leave leave = {.way = TOTE__CLOSE};

    if (!scope) {
        return;
    }
    *handle = NULL;
    if (scope == &tote__void_scope) {
        tote__stack_pop_void(TOTE__CLOSE);
        return;
    }
    size_t at = find_here(scope, stack);
    if (at == SIZE_MAX) {
        close_elsewhere(scope);
    } else if (tote__stack_pop_to(stack, at, &leave) > 1) {
        warn(still_open, scope);
    }
    scope_unref(scope);
}
