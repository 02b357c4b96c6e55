/* SPDX-License-Identifier: MIT */
/*
 * scenario.h - many tasks at once, each in steps: the same in every environment in which C programs
 * schedule work
 *
 * Each task has a scope below a common one. It inherits, adds, deletes and runs a scope of its own
 * inside, and checks at each step what it sees. The environment decides how the steps are
 * interleaved, and on which threads.
 */
#ifndef TOTE_TESTS_SCENARIO_H
#define TOTE_TESTS_SCENARIO_H

#include "tote/exporters/in_memory.h"
#include "tote/tote.h"

enum { SCENARIO_TASKS = 1000, SCENARIO_STEPS = 5 };

struct task {
    unsigned number;
    unsigned step;
    tote_scope *scope;   /* NULL when it is done */
    const char *failure; /* the first unexpected result */
};

struct scenario {
    tote_in_memory_spans *memory;
    tote_sdk *sdk;
    tote_scope *around;
    size_t count;
    struct task tasks[SCENARIO_TASKS];
};

/* Start the SDK and the common scope; create that many tasks, whose scopes are not open yet. */
void scenario_begin(struct scenario *scenario, size_t count);

/* Open the task's scope below the current one, and suspend it. */
void task_open(struct task *task);

/* One step on this thread, whatever was current on it before. Returns whether there are more. */
bool task_step(struct task *task);

/*
 * The same steps for an environment in which a task is one flow of control: a step, and then
 * `pause` until the next.
 */
void task_run(struct task *task, void (*pause)(void *arg), void *arg);

/* All steps and all exported spans were as expected; fails the test otherwise. */
void scenario_end(struct scenario *scenario);

#endif
