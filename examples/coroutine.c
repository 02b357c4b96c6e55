/* SPDX-License-Identifier: MIT */
/*
 * coroutine.c - coroutines, each with its own current context
 *
 * The scheduler tells Tote once where the running coroutine keeps its contexts: the slot. Each
 * coroutine then finds the context that it left current before the last switch.
 */
#include <stdio.h>
#include <stdlib.h>
#include <tote/tote.h>
#include <ucontext.h>

struct coroutine {
    ucontext_t machine;
    void *contexts; /* used by Tote; NULL at first */
    char *stack;
    tote_context *inherited; /* the context that was current when the coroutine was created */
    const char *user;
    bool is_done;
};

static struct coroutine main_flow;
static struct coroutine *running = &main_flow;
static tote_tracer *tracer;

static void *get_contexts(void *self) {
    (void)self;
    return running->contexts;
}

static void set_contexts(void *self, void *contexts) {
    (void)self;
    running->contexts = contexts;
}

static void switch_to(struct coroutine *next) {
    struct coroutine *from = running;

    running = next;
    swapcontext(&from->machine, &next->machine);
}

/* Yield, like code that waits for the network. */
static void wait_for_it(void) {
    switch_to(&main_flow);
}

static int serve(void *arg) {
    struct coroutine *self = arg;
    char user[64];

    tote_store_add(tote_store_current(), "user.id", tote_string(self->user));
    for (int i = 0; i < 3; i++) {
        wait_for_it(); /* other coroutines run, with their own stores */
        tote_store_get(tote_store_current(), "user.id", user, sizeof user);
        printf("%s: step %d\n", user, i);
    }
    return 0;
}

static int serve_in_scope(void *arg) {
    return tote_run_scoped(tracer, "request", NULL, serve, arg);
}

static void begin(void) {
    struct coroutine *self = running;

    tote_context_run(self->inherited, serve_in_scope, self);
    self->is_done = true;
    wait_for_it();
}

static struct coroutine *make(const char *user) {
    enum { STACK_SIZE = 64 * 1024 };
    struct coroutine *coroutine = calloc(1, sizeof *coroutine);

    if (!coroutine || !(coroutine->stack = malloc(STACK_SIZE))) {
        abort();
    }
    coroutine->user = user;
    coroutine->inherited = tote_context_ref(tote_context_current());
    getcontext(&coroutine->machine);
    coroutine->machine.uc_stack.ss_sp = coroutine->stack;
    coroutine->machine.uc_stack.ss_size = STACK_SIZE;
    makecontext(&coroutine->machine, begin, 0);
    return coroutine;
}

static void drop(struct coroutine *coroutine) {
    tote_context_stack_free(coroutine->contexts);
    tote_context_unref(coroutine->inherited);
    free(coroutine->stack);
    free(coroutine);
}

int main(void) {
    const tote_context_slot slot = {sizeof slot, get_contexts, set_contexts, NULL};

    tote_context_set_slot(&slot); /* before any context is attached */
    tote_sdk *sdk = tote_sdk_start(NULL);
    tracer = tote_get_tracer("coroutine", "1.0");

    tote_scope *scope = tote_scope_open(tracer, "server", NULL);
    struct coroutine *all[] = {make("u_1"), make("u_2"), make("u_3")};
    size_t open = TOTE_COUNT_OF(all);
    while (open) {
        for (size_t i = 0; i < TOTE_COUNT_OF(all); i++) {
            if (!all[i]->is_done) {
                switch_to(all[i]);
                open -= all[i]->is_done;
            }
        }
    }
    for (size_t i = 0; i < TOTE_COUNT_OF(all); i++) {
        drop(all[i]);
    }
    tote_scope_close(&scope);
    int result = tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS ? 0 : 1;
    tote_context_stack_free(main_flow.contexts);
    return result;
}
