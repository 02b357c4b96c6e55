/* SPDX-License-Identifier: MIT */
/*
 * context_stack.h - the context stack of a thread or fibre, and the layout of a scope
 */
#ifndef TOTE_CONTEXT_STACK_H
#define TOTE_CONTEXT_STACK_H

#include "tote/internal/pool.h"
#include "tote/scope.h"

enum tote__frame_kind {
    TOTE__FRAME_BORROWED, /* tote_context_run(): the caller owns the reference */
    TOTE__FRAME_ATTACHED, /* owns a reference */
    TOTE__FRAME_SCOPED,   /* tote_run_scoped(): owns the only reference to the scope */
    TOTE__FRAME_OPENED,   /* a scope with a handle; the frame owns a second reference */
    TOTE__FRAME_RESUMED,  /* a resumed scope with a handle; the frame owns a second reference */
    TOTE__FRAME_VOID      /* out of memory: `count` scopes and runs that keep nothing */
};

struct tote__frame {
    const tote_context *context;
    tote_context_token token; /* greater than those of the frames below */
    enum tote__frame_kind kind;
    uint32_t count;
};

enum { TOTE__FIRST_FRAMES = 8 };

/* One frame is reserved for TOTE__FRAME_VOID, so pushing that never fails. */
struct tote__stack {
    struct tote__frame *frames;
    uint32_t depth;
    uint32_t capacity;
    tote_context_token base;  /* the mark of the empty stack */
    tote_context_token next;  /* next token of the block that the process assigned */
    tote_context_token limit; /* end of the block */
    struct tote__frame first[TOTE__FIRST_FRAMES];
};

/* The action for scopes whose frames are popped, topmost first. */
enum tote__leaving {
    TOTE__TAKE_OFF, /* suspend the scope; its owner closes it later */
    TOTE__CLOSE,    /* end the scope; its owner keeps the handle */
    TOTE__UNWIND    /* end a scope opened in the frame, set its status, release the lost handle */
};

struct tote__leave {
    enum tote__leaving way;
    tote_status_code status;
    const char *description;
    size_t closed; /* number of scopes that were ended */
};

/* The start arguments of a thread made by tote__thread_create_in_scope(). */
struct tote__inherited {
    tote_context *context;   /* current until `scope` is closed; owns one reference */
    tote_scope *scope;       /* owns one reference */
    void *(*run)(void *arg); /* the thread's start routine */
    void *arg;
};

/* Return the innermost current scope of this thread, borrowed; NULL if there is none. */
tote_scope *tote__stack_innermost_scope(void);

void tote__inherited_free(struct tote__inherited *inherited);

/* Return the stack of the running thread or fibre; NULL before its first use. */
struct tote__stack *tote__stack_here(void);

/* Return the stack with space for one push. Allocates; returns NULL and reports if out of memory.
 */
struct tote__stack *tote__stack_with_space(void);

/* Make `context` current. The stack must have space for one push. */
tote_context_token tote__stack_push(struct tote__stack *stack, const tote_context *context,
                                    enum tote__frame_kind kind);

/* Make the context that keeps nothing current. Cannot fail. */
void tote__stack_push_void(void);

/* Pop the void frame and all frames above it. Returns false if it was not current here. */
bool tote__stack_pop_void(enum tote__leaving way);

/* Return the index of a frame; SIZE_MAX if not found. `stack` may be NULL. */
size_t tote__stack_find(const struct tote__stack *stack, tote_context_token token);
size_t tote__stack_find_scope(const struct tote__stack *stack, const tote_scope *scope);

/* Pop until `depth` frames are left. Returns the number of popped frames that were still in use. */
size_t tote__stack_pop_to(struct tote__stack *stack, size_t depth, struct tote__leave *leave);

/* A scope. Its context holds the reference count, so the scope lives as long as the context. */
struct tote_scope {
    tote_context context;
    _Atomic(struct tote__stack *) on; /* NULL: suspended; &tote__closed: ended */
    bool has_span;                    /* false: the context has the parent's span */
};

/* The pool of scopes and all other contexts. */
static const struct tote__pool_kind tote__context_pool = {.index = TOTE__POOL_CONTEXTS,
                                                          .kept = 256,
                                                          .kept_most = 1024,
                                                          .size = sizeof(struct tote_scope)};

extern tote_scope tote__void_scope;

/* Make a copy of `from` with this store and span; takes ownership of both references. */
void tote__context_init(tote_context *made, const tote_context *from, tote_store *store,
                        tote_span *span);

/* The value of `on` of a scope that has ended. Not a real stack. */
extern struct tote__stack tote__closed;

/* Handle that the frame of `scope` was popped from `stack`. Returns whether the scope was open. */
bool tote__scope_leave(tote_scope *scope, enum tote__frame_kind kind, struct tote__stack *stack,
                       struct tote__leave *leave);

#endif
