/* SPDX-License-Identifier: MIT */
/*
 * test_world_coroutines.c - the scenario in coroutines, each with its own stack of contexts
 *
 * Tote asks the slot where the current context is; a coroutine runtime keeps one for each
 * coroutine.
 */
#include "support.h"

#include <stdlib.h>
#include <ucontext.h>

#include "scenario.h"

enum { COROUTINES = 200, STACK_SIZE = 64 * 1024 };

struct coroutine {
    ucontext_t machine;
    void *contexts; /* Tote's */
    char *stack;
    bool is_done;
};

static struct scenario scenario;
static struct coroutine coroutines[COROUTINES];
static struct coroutine main_flow;
static struct coroutine *running = &main_flow;

static void *get(void *self) {
    (void)self;
    return running->contexts;
}

static void set(void *self, void *contexts) {
    (void)self;
    running->contexts = contexts;
}

static void switch_to(struct coroutine *next) {
    struct coroutine *before = running;

    running = next;
    swapcontext(&before->machine, &next->machine);
}

static void pause_coroutine(void *arg) {
    (void)arg;
    switch_to(&main_flow);
}

static const tote_context *around;

static int run_task_in(void *arg) {
    task_run(arg, pause_coroutine, NULL);
    return 0;
}

/* A coroutine starts with no current context: what it inherits is passed to it. */
static void run_coroutine(void) {
    tote_context_run(around, run_task_in, &scenario.tasks[running - coroutines]);
    running->is_done = true;
    switch_to(&main_flow);
}

static void make(struct coroutine *coroutine) {
    coroutine->stack = malloc(STACK_SIZE);
    getcontext(&coroutine->machine);
    coroutine->machine.uc_stack.ss_sp = coroutine->stack;
    coroutine->machine.uc_stack.ss_size = STACK_SIZE;
    coroutine->machine.uc_link = &main_flow.machine;
    makecontext(&coroutine->machine, run_coroutine, 0);
}

/* Each coroutine has its own current context, wherever it was suspended. */
static void coroutines_do_not_see_the_entries_of_each_other(void **state) {
    size_t open = COROUTINES;

    (void)state;
    scenario_begin(&scenario, COROUTINES);
    around = tote_context_current();
    for (size_t i = 0; i < COROUTINES; i++) {
        make(&coroutines[i]);
    }
    for (size_t i = 0; open; i = (i + 7) % COROUTINES) {
        if (!coroutines[i].is_done) {
            switch_to(&coroutines[i]);
            open -= coroutines[i].is_done;
        }
    }
    for (size_t i = 0; i < COROUTINES; i++) {
        tote_context_stack_free(coroutines[i].contexts);
        free(coroutines[i].stack);
    }
    scenario_end(&scenario);
    tote_context_stack_free(main_flow.contexts);
    main_flow.contexts = NULL;
}

int main(int argc, char **argv) {
    const tote_context_slot slot = {sizeof slot, get, set, NULL};
    const struct CMUnitTest tests[] = {
        TEST(coroutines_do_not_see_the_entries_of_each_other),
    };

    if (!tote_context_set_slot(&slot)) {
        return 1;
    }
    return RUN_TESTS(tests, argc, argv);
}
