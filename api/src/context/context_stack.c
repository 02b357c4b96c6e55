/* SPDX-License-Identifier: MIT */
/*
 * context_stack.c - the current context of a thread or fibre
 *
 * Each thread, or each fibre if the host set a slot, has one stack of frames. The context of the
 * top frame is current. `current` in the thread's slot always points to a live context, because it
 * is set before a reference is dropped. A signal handler may read it between any two instructions.
 *
 * Tests: tests/unit/test_context.c
 */
#include "context_stack.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/api_os.h"
#include "tote/internal/memory.h"
#include "tote/internal/pool.h"
#include "tote/internal/thread_context.h"
#include "tote/internal/tracer.h"
#include "tote/internal/unrecorded.h"

static const tote_context_token mark_flag = (tote_context_token)1 << 63;

_Thread_local struct tote__thread tote__thread __attribute__((tls_model("initial-exec")));

_Static_assert(sizeof(struct tote__thread) <= 64, "what a thread has is one cache line");

static tote_context_slot foreign_slot;
static _Atomic(const tote_context_slot *) slot_in_use; /* NULL: the slot of the thread */

/*
 * Placeholders for a stack that could not be allocated: `no_memory[n]` represents n + 1 void
 * frames. Never written.
 */
static struct tote__stack no_memory[32];

static bool is_without_memory(const struct tote__stack *stack) {
    uintptr_t offset = (uintptr_t)stack - (uintptr_t)no_memory;

    return offset < sizeof no_memory;
}

static const tote_context_slot *slot(void) {
    return atomic_load_explicit(&slot_in_use, memory_order_acquire);
}

struct tote__stack *tote__stack_here(void) {
    const tote_context_slot *foreign = slot();

    return tote__unlikely(foreign) ? foreign->get(foreign->self) : tote__thread.stack;
}

static bool is_closed(tote_scope *scope) {
    return atomic_load(&scope->on) == &tote__closed;
}

/* Return the context that is current if the stack is empty. */
static const tote_context *outermost(void) {
    const struct tote__inherited *inherited = tote__thread.inherited;

    if (tote__unlikely(inherited != NULL) && !is_closed(inherited->scope)) {
        return inherited->context;
    }
    return &tote__root_context;
}

static const tote_context *top(const struct tote__stack *stack) {
    if (!stack) {
        return outermost();
    }
    if (is_without_memory(stack)) {
        return &tote__void_scope.context;
    }
    return stack->depth ? stack->frames[stack->depth - 1].context : outermost();
}

/*
 * The host calls tote_context_slot_switched(). Without these calls the record of a thread would
 * remain that of a fibre that no longer runs on it, so that no record is published.
 */
static _Atomic(bool) has_switch_calls;

/* Publish the record of the stack that runs on this thread; NULL: there is none. */
static void publish(const struct tote__stack *stack) {
    bool is_empty = !stack || is_without_memory(stack) || !stack->depth;

    tote__thread_record = is_empty ? NULL : stack->frames[stack->depth - 1].context->record;
}

/* Publish the record of a fibre's stack after a push or a pop, if the fibre runs on this thread. */
static tote__rarely_called void publish_of_fibre(const struct tote__stack *stack) {
    if (slot() && tote__stack_here() == stack) {
        publish(stack);
    }
}

/*
 * Update `current` and the record if `stack` is this thread's; `context` is now on top of it. The
 * stack may also belong to a fibre or to no running thread.
 */
tote__always_inline void set_current(const struct tote__stack *stack, const tote_context *context) {
    struct tote__thread *thread = &tote__thread;

    if (stack == thread->stack) {
        thread->current = context;
        tote__thread_record = context ? context->record : NULL;
    } else if (tote__unlikely(atomic_load_explicit(&has_switch_calls, memory_order_relaxed))) {
        publish_of_fibre(stack);
    }
    atomic_signal_fence(memory_order_seq_cst);
}

static void set_stack_here(struct tote__stack *stack) {
    const tote_context_slot *foreign = slot();

    if (foreign) {
        foreign->set(foreign->self, stack);
        if (atomic_load_explicit(&has_switch_calls, memory_order_relaxed)) {
            publish(stack);
        }
        return;
    }
    bool is_empty = !stack || (!is_without_memory(stack) && !stack->depth);
    tote__thread.stack = stack;
    set_current(stack, is_empty ? NULL : top(stack));
    tote__thread_watch_end();
}

/* The first block of tokens of a stack is small, because short-lived fibres need few. */
static const tote_context_token first_block = 4096;
static const tote_context_token later_block = (tote_context_token)1 << 32;

static void take_block(struct tote__stack *stack) {
    static _Atomic(tote_context_token) next_block = 4096;
    tote_context_token size = stack->base ? later_block : first_block;

    stack->next = atomic_fetch_add_explicit(&next_block, size, memory_order_relaxed);
    stack->limit = stack->next + size;
}

/*
 * Return whether the stack made this token, even if its frame was popped. May return false if the
 * stack made 2^32 tokens since then.
 */
static bool has_made(const struct tote__stack *stack, tote_context_token token) {
    bool is_of_first = token >= stack->base && token - stack->base < first_block;
    bool is_of_last =
        stack->limit - stack->base > first_block && token >= stack->limit - later_block;

    return (is_of_first || is_of_last) && token < stack->next;
}

/* Return a new token: unique in the process, and greater than all earlier tokens of the stack. */
static inline tote_context_token take_token(struct tote__stack *stack) {
    if (tote__unlikely(stack->next == stack->limit)) {
        take_block(stack);
    }
    return stack->next++;
}

static inline tote_context_token push(struct tote__stack *stack, const tote_context *context,
                                      enum tote__frame_kind kind, uint32_t count) {
    tote_context_token token = take_token(stack);

    stack->frames[stack->depth] = (struct tote__frame){context, token, kind, count};
    atomic_signal_fence(memory_order_seq_cst);
    stack->depth++;
    set_current(stack, context);
    return token;
}

/*
 * Allocate the first stack of this thread or fibre. `before` is NULL or the placeholder that it
 * replaces; the void frames of the placeholder are kept.
 */
static struct tote__stack *stack_new(const struct tote__stack *before) {
    struct tote__stack *stack = tote__allocate(sizeof *stack);

    if (!stack) {
        return NULL;
    }
    memset(stack, 0, sizeof *stack);
    stack->frames = stack->first;
    stack->capacity = TOTE__FIRST_FRAMES;
    stack->base = take_token(stack);
    if (before) {
        push(stack, &tote__void_scope.context, TOTE__FRAME_VOID,
             (uint32_t)(before - no_memory) + 1);
    }
    set_stack_here(stack);
    return stack;
}

static void release_frames(struct tote__stack *stack, struct tote__frame *frames) {
    if (frames != stack->first) {
        tote__release(frames, stack->capacity * sizeof *frames);
    }
}

static bool grow(struct tote__stack *stack) {
    uint32_t capacity = stack->capacity * 2;
    struct tote__frame *frames = tote__allocate(capacity * sizeof *frames);

    if (!frames) {
        return false;
    }
    struct tote__frame *old = stack->frames;
    memcpy(frames, old, stack->depth * sizeof *frames);
    atomic_signal_fence(memory_order_seq_cst);
    stack->frames = frames;
    atomic_signal_fence(memory_order_seq_cst);
    release_frames(stack, old);
    stack->capacity = capacity;
    return true;
}

static struct tote__stack *grow_stack(struct tote__stack *stack) {
    int error = errno;

    if (!stack || is_without_memory(stack)) {
        stack = stack_new(stack);
    } else if (!grow(stack)) {
        stack = NULL;
    }
    errno = error;
    if (!stack) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "context",
            "out of memory: a context could not be made current; what runs under it is "
            "not traced, and what it adds is not kept");
    }
    return stack;
}

struct tote__stack *tote__stack_with_space(void) {
    struct tote__stack *stack = tote__stack_here();

    if (tote__unlikely(!stack || stack->depth + 1 >= stack->capacity)) {
        return grow_stack(stack);
    }
    return stack;
}

tote_context_token tote__stack_push(struct tote__stack *stack, const tote_context *context,
                                    enum tote__frame_kind kind) {
    return push(stack, context, kind, 1);
}

void tote__stack_push_void(void) {
    struct tote__stack *stack = tote__stack_here();

    if (!stack) {
        set_stack_here(&no_memory[0]);
    } else if (is_without_memory(stack)) {
        bool is_last = stack == &no_memory[TOTE_COUNT_OF(no_memory) - 1];
        set_stack_here(is_last ? stack : stack + 1);
    } else if (stack->depth < stack->capacity) {
        push(stack, &tote__void_scope.context, TOTE__FRAME_VOID, 1);
    } else {
        stack->frames[stack->depth - 1].count++; /* the reserved frame is already a void frame */
    }
}

bool tote__stack_pop_void(enum tote__leaving way) {
    struct tote__stack *stack = tote__stack_here();
    struct tote__leave leave = {.way = way};

    if (!stack) {
        return false;
    }
    if (is_without_memory(stack)) {
        set_stack_here(stack == no_memory ? NULL : stack - 1);
        return true;
    }
    size_t depth = stack->depth;
    while (depth && stack->frames[depth - 1].kind != TOTE__FRAME_VOID) {
        depth--;
    }
    if (!depth) {
        return false;
    }
    tote__stack_pop_to(stack, depth, &leave);
    if (--stack->frames[depth - 1].count == 0) {
        tote__stack_pop_to(stack, depth - 1, &leave);
    }
    return true;
}

/* Return the number of frames whose token is not newer than `token`. */
static size_t depth_at(const struct tote__stack *stack, tote_context_token token) {
    size_t depth = stack ? stack->depth : 0;

    while (depth && stack->frames[depth - 1].token > token) {
        depth--;
    }
    return depth;
}

size_t tote__stack_find(const struct tote__stack *stack, tote_context_token token) {
    size_t depth = depth_at(stack, token);

    return stack && depth && stack->frames[depth - 1].token == token ? depth - 1 : SIZE_MAX;
}

size_t tote__stack_find_scope(const struct tote__stack *stack, const tote_scope *scope) {
    size_t depth = stack ? stack->depth : 0;

    for (; depth; depth--) {
        const struct tote__frame *frame = &stack->frames[depth - 1];
        if (frame->context == &scope->context && frame->kind >= TOTE__FRAME_SCOPED) {
            return depth - 1;
        }
    }
    return SIZE_MAX;
}

/* Pop the top frame. Its reference is not dropped yet. */
static inline struct tote__frame pop(struct tote__stack *stack) {
    uint32_t depth = stack->depth - 1;
    const struct tote__frame *frame = &stack->frames[depth];

    stack->depth = depth;
    set_current(stack, depth ? frame[-1].context : NULL);
    return *frame;
}

/* Release what a popped frame owns. Returns whether the frame was still in use. */
static bool leave_frame(struct tote__stack *stack, struct tote__frame frame,
                        struct tote__leave *leave) {
    switch (frame.kind) {
    case TOTE__FRAME_ATTACHED:
        tote_context_unref((tote_context *)frame.context);
        return true;
    case TOTE__FRAME_SCOPED:
    case TOTE__FRAME_OPENED:
    case TOTE__FRAME_RESUMED:
        return tote__scope_leave((tote_scope *)frame.context, frame.kind, stack, leave);
    case TOTE__FRAME_VOID:
        leave->closed += frame.count;
        return true;
    default:
        return true;
    }
}

size_t tote__stack_pop_to(struct tote__stack *stack, size_t depth, struct tote__leave *leave) {
    size_t count = 0;

    while (stack->depth > depth) { /* ending a span may run host code that pushes and pops */
        count += leave_frame(stack, pop(stack), leave);
    }
    return count;
}

static void stack_free(struct tote__stack *stack) {
    struct tote__leave leave = {.way = TOTE__TAKE_OFF};

    if (!stack || is_without_memory(stack)) {
        return;
    }
    tote__stack_pop_to(stack, 0, &leave);
    release_frames(stack, stack->frames);
    tote__release(stack, sizeof *stack);
}

static pthread_key_t thread_key;
static bool has_thread_key;

/* Free the thread's data. If a later destructor attaches a context, it registers this one again. */
static void end_thread(void *unused) {
    struct tote__stack *stack = tote__thread.stack;
    struct tote__inherited *inherited = tote__thread.inherited;

    (void)unused;
    tote__thread.ends_with_release = false;
    tote__thread.stack = NULL;
    tote__thread.current = NULL;
    tote__thread_record = NULL;
    atomic_signal_fence(memory_order_seq_cst);
    tote__thread.inherited = NULL;
    tote__inherited_free(inherited);
    stack_free(stack); /* may end spans, which uses the SDK's data of the thread */
    void *sdk = tote__thread.sdk;
    tote__thread.sdk = NULL;
    if (sdk && tote__thread.release_sdk) {
        tote__thread.release_sdk(sdk);
    }
    struct tote__pools *pools = tote__thread.pools;
    tote__thread.pools = NULL;
    tote__owned_leave((struct tote__owned *)pools);
    struct tote__tally *tally = tote__thread.tally;
    tote__thread.tally = NULL;
    tote__owned_leave((struct tote__owned *)tally);
}

static void make_thread_key(void) {
    tote__stay_mapped();
    has_thread_key = pthread_key_create(&thread_key, end_thread) == 0;
}

void tote__thread_watch_end(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    if (tote__thread.ends_with_release) {
        return;
    }
    pthread_once(&once, make_thread_key);
    tote__thread.ends_with_release =
        has_thread_key && pthread_setspecific(thread_key, &tote__thread) == 0;
}

tote_scope *tote__stack_innermost_scope(void) {
    const struct tote__stack *stack = tote__stack_here();
    const struct tote__inherited *inherited = tote__thread.inherited;

    if (stack && is_without_memory(stack)) {
        return NULL;
    }
    for (size_t depth = stack ? stack->depth : 0; depth; depth--) {
        const tote_context *context = stack->frames[depth - 1].context;
        if (context->is_scope) {
            return is_closed((tote_scope *)context) ? NULL : (tote_scope *)context;
        }
    }
    return inherited && !is_closed(inherited->scope) ? inherited->scope : NULL;
}

const tote_context *tote_context_current(void) {
    if (tote__unlikely(slot() != NULL)) {
        return top(tote__stack_here());
    }
    const tote_context *current = tote__thread.current;
    return current ? current : outermost();
}

tote_context_token tote_context_attach(const tote_context *context) {
    struct tote__stack *stack = tote__stack_with_space();

    return stack ? push(stack, tote_context_ref(context), TOTE__FRAME_ATTACHED, 1) : 0;
}

static __attribute__((noinline)) bool report_unknown(tote_context_token token) {
    char label[TOTE__SPAN_LABEL_BYTES];

    tote_diagnostics_report(
        TOTE_LEVEL_WARN, "context",
        "token %llu was detached, but it is another thread's, was detached before, or "
        "is none; nothing was changed, the current context is still that of %s. Detach "
        "each token once, on the thread that attached it",
        (unsigned long long)token, tote__span_label(tote_span_current(), label));
    return false;
}

/*
 * Return the depth without the frames pushed since the mark; SIZE_MAX if the mark is unknown. The
 * frame of the mark may have been popped: the next push drops a scope that another thread closed.
 */
static size_t depth_at_mark(const struct tote__stack *stack, tote_context_token number) {
    bool is_here = tote__stack_find(stack, number) != SIZE_MAX;

    return is_here || has_made(stack, number) ? depth_at(stack, number) : SIZE_MAX;
}

/* Return the depth of the stack before the token was made; SIZE_MAX if the token is unknown. */
static size_t depth_before(const struct tote__stack *stack, tote_context_token token) {
    if (!stack || is_without_memory(stack)) {
        return SIZE_MAX;
    }
    if (token & mark_flag) {
        return depth_at_mark(stack, token & ~mark_flag);
    }
    size_t at = tote__stack_find(stack, token);
    return at != SIZE_MAX && stack->frames[at].kind == TOTE__FRAME_ATTACHED ? at : SIZE_MAX;
}

/* The slow path of detach; a separate function, so the fast path has a small stack frame. */
static __attribute__((noinline)) bool detach_below_top(struct tote__stack *stack,
                                                       tote_context_token token) {
    struct tote__leave leave = {.way = TOTE__TAKE_OFF};
    size_t depth = depth_before(stack, token);
    size_t expected = token & mark_flag ? 0 : 1;
    char label[TOTE__SPAN_LABEL_BYTES];

    if (depth == SIZE_MAX) {
        return report_unknown(token);
    }
    tote__span_label(top(stack)->span, label);
    if (tote__stack_pop_to(stack, depth, &leave) > expected) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "context",
            "token %llu was detached before what was made current after it, at last the "
            "context of %s; that was detached too. Detach and close in the opposite order",
            (unsigned long long)token, label);
        return false;
    }
    return true;
}

bool tote_context_detach(tote_context_token token) {
    struct tote__stack *stack = tote__stack_here();

    if (!token) {
        return false;
    }
    if (stack && stack->depth && stack->frames[stack->depth - 1].token == token &&
        stack->frames[stack->depth - 1].kind == TOTE__FRAME_ATTACHED) {
        tote_context_unref((tote_context *)pop(stack).context);
        return true;
    }
    return detach_below_top(stack, token);
}

static int run_void(int (*run)(void *arg), void *arg) {
    tote__stack_push_void();
    int result = run(arg);
    tote__stack_pop_void(TOTE__TAKE_OFF);
    return result;
}

/* Handle the error that the frame of a run is not on top of the stack. */
static __attribute__((noinline)) void leave_run(struct tote__stack *stack,
                                                tote_context_token token) {
    struct tote__leave leave = {.way = TOTE__TAKE_OFF};
    size_t at = tote__stack_find(stack, token);
    char label[TOTE__SPAN_LABEL_BYTES];

    tote__span_label(top(stack)->span, label);
    /* Not found: the run detached a token from before the run, which was reported. */
    if (at != SIZE_MAX && tote__stack_pop_to(stack, at, &leave) > 1) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "context",
            "a function given to tote_context_run() left the context of %s attached or "
            "its scope open; they were removed from the thread. Detach and close before "
            "the function returns",
            label);
    }
}

int tote_context_run(const tote_context *context, int (*run)(void *arg), void *arg) {
    if (!run) {
        return 0;
    }
    context = tote__context_of(context);
    struct tote__stack *stack = tote__stack_with_space();
    if (!stack) {
        return run_void(run, arg);
    }
    tote_context_token token = push(stack, context, TOTE__FRAME_BORROWED, 1);
    int result = run(arg);

    stack = tote__stack_here();
    if (stack && stack->depth && stack->frames[stack->depth - 1].token == token) {
        (void)pop(stack);
    } else {
        leave_run(stack, token);
    }
    return result;
}

tote_context_token tote_context_mark(void) {
    struct tote__stack *stack = tote__stack_here();

    if (!stack || is_without_memory(stack)) {
        stack = grow_stack(stack);
    }
    if (!stack) {
        return 0;
    }
    return mark_flag | (stack->depth ? stack->frames[stack->depth - 1].token : stack->base);
}

size_t tote_context_unwind(tote_context_token mark, tote_status_code status,
                           const char *description) {
    struct tote__stack *stack = tote__stack_here();
    struct tote__leave leave = {TOTE__UNWIND, status, description, 0};

    if (!mark) {
        return 0;
    }
    size_t depth = mark & mark_flag ? depth_before(stack, mark) : SIZE_MAX;
    if (depth == SIZE_MAX) {
        report_unknown(mark);
        return 0;
    }
    tote__stack_pop_to(stack, depth, &leave);
    return leave.closed;
}

bool tote_context_set_slot(const tote_context_slot *given) {
    tote_context_slot copy = {.struct_size = sizeof copy};

    if (given) {
        TOTE__COPY_OPTIONS(tote_context_slot, &copy, given);
        if (!copy.get || !copy.set) {
            tote_diagnostics_report(
                TOTE_LEVEL_ERROR, "context",
                "tote_context_set_slot(): the slot has no `%s` and is not used; give "
                "both functions",
                copy.get ? "set" : "get");
            return false;
        }
    }
    if (tote_context_current() != &tote__root_context) {
        char label[TOTE__SPAN_LABEL_BYTES];
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "context",
            "tote_context_set_slot(): the slot is not used, because the context of %s is "
            "attached here already; set the slot first",
            tote__span_label(tote_span_current(), label));
        return false;
    }
    atomic_store_explicit(&slot_in_use, NULL, memory_order_release);
    if (given) {
        foreign_slot = copy;
        atomic_store_explicit(&slot_in_use, &foreign_slot, memory_order_release);
    }
    return true;
}

void tote_context_slot_switched(void) {
    atomic_store_explicit(&has_switch_calls, true, memory_order_relaxed);
    publish(tote__stack_here());
}

void tote_context_stack_free(void *stack) {
    if (stack != tote__thread.stack) {
        stack_free(stack);
    }
}
