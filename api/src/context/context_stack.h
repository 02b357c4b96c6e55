/* SPDX-License-Identifier: MIT */
/*
 * context_stack.h - the stack of contexts behind a thread's slot, and what a scope is to it
 */
#ifndef TOTE_CONTEXT_STACK_H
#define TOTE_CONTEXT_STACK_H

#include "tote/internal/pool.h"
#include "tote/scope.h"

enum tote__frame_kind {
    TOTE__FRAME_BORROWED, /* tote_context_run(): its caller keeps the context */
    TOTE__FRAME_ATTACHED, /* keeps a reference */
    TOTE__FRAME_SCOPED,   /* tote_run_scoped(): the scope's one owner is the frame */
    TOTE__FRAME_OPENED,   /* a scope whose owner has a handle; keeps a reference */
    TOTE__FRAME_RESUMED,  /* the same, not for the first time */
    TOTE__FRAME_VOID      /* memory was out: `count` scopes and runs that keep nothing */
};

struct tote__frame {
    const tote_context *context;
    tote_context_token token; /* greater than those of the frames below */
    enum tote__frame_kind kind;
    uint32_t count;
};

enum { TOTE__FIRST_FRAMES = 8 };

/* One frame is kept free for TOTE__FRAME_VOID: that always has room. */
struct tote__stack {
    struct tote__frame *frames;
    uint32_t depth;
    uint32_t capacity;
    tote_context_token base; /* a mark of the empty stack */
    tote_context_token next; /* tokens are numbers that the process gives out in blocks */
    tote_context_token limit;
    struct tote__frame first[TOTE__FIRST_FRAMES];
};

/* What becomes of scopes whose frames are popped, the topmost first. */
enum tote__leaving {
    TOTE__TAKE_OFF, /* suspended, for their owner to close */
    TOTE__CLOSE,    /* ended; the handle stays its owner's */
    TOTE__UNWIND    /* ended with a status, if opened in the frame; their handles are gone */
};

struct tote__leave {
    enum tote__leaving way;
    tote_status_code status;
    const char *description;
    size_t closed; /* how many scopes were ended */
};

/* What a thread was given by tote__thread_create_in_scope(); it starts with `run`. */
struct tote__inherited {
    tote_context *context; /* current while ... */
    tote_scope *scope;     /* ... this is not closed; one reference each */
    void *(*run)(void *arg);
    void *arg;
};

/* The innermost scope of what is current on this thread. Borrowed; NULL if there is none. */
tote_scope *tote__stack_innermost_scope(void);

void tote__inherited_free(struct tote__inherited *inherited);

/* The running thread's or fibre's stack. NULL at first. */
struct tote__stack *tote__stack_here(void);

/* The same, made if need be, with room for one push. NULL if out of memory; reports that. */
struct tote__stack *tote__stack_with_space(void);

/* Make `context` current on a stack that has room. */
tote_context_token tote__stack_push(struct tote__stack *stack, const tote_context *context,
                                    enum tote__frame_kind kind);

/* Make the context that keeps nothing current. Cannot fail. */
void tote__stack_push_void(void);

/* Take it off again, and what is above. Returns false when it was not current here. */
bool tote__stack_pop_void(enum tote__leaving way);

/* Where a frame is; SIZE_MAX when it is not there, also when `stack` is NULL. */
size_t tote__stack_find(const struct tote__stack *stack, tote_context_token token);
size_t tote__stack_find_scope(const struct tote__stack *stack, const tote_scope *scope);

/* Pop until `depth` frames are left. Returns how many of those popped were still of use. */
size_t tote__stack_pop_to(struct tote__stack *stack, size_t depth, struct tote__leave *leave);

/* A scope is its context, and so lives as long as anybody refers to that. */
struct tote_scope {
    tote_context context;
    _Atomic(struct tote__stack *) on; /* NULL: suspended; tote__closed */
    bool has_span;                    /* of its own; else the context has its parent's */
};

/* A scope, or any other context. */
static const struct tote__pool_kind tote__context_pool = {.index = TOTE__POOL_CONTEXTS,
                                                          .kept = 256,
                                                          .kept_most = 1024,
                                                          .size = sizeof(struct tote_scope)};

extern tote_scope tote__void_scope;

/* Make a context that differs from `from` in these; takes the references. */
void tote__context_init(tote_context *made, const tote_context *from, tote_store *store,
                        tote_span *span);

/* In place of a stack: the scope has ended. */
extern struct tote__stack tote__closed;

/* The frame of `scope` was popped off `stack`. Returns whether the scope was open until now. */
bool tote__scope_leave(tote_scope *scope, enum tote__frame_kind kind, struct tote__stack *stack,
                       struct tote__leave *leave);

#endif
