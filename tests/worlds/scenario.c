/* SPDX-License-Identifier: MIT */
/*
 * scenario.c - many tasks at once, each in steps
 */
#include "scenario.h"

#include <stdio.h>
#include <string.h>

#include "support.h"

static tote_tracer *tracer;

static void expect(struct task *task, bool is_so, const char *what) {
    if (!is_so && !task->failure) {
        task->failure = what;
    }
}

/* Whether the current store has this text for the key; NULL: nothing. */
static bool has(const char *key, const char *expected) {
    char value[32];
    ptrdiff_t length = tote_store_get(tote_store_current(), key, value, sizeof value);

    return expected ? length >= 0 && strcmp(value, expected) == 0 : length < 0;
}

static bool has_number(const char *key, unsigned number) {
    char text[16];

    snprintf(text, sizeof text, "%u", number);
    return has(key, text);
}

static size_t count_all(void) {
    tote_entries *entries = tote_store_get_all(tote_store_current());
    size_t count = tote_entries_get_count(entries);

    tote_entries_free(entries);
    return count;
}

static int work_inside(void *arg) {
    struct task *task = arg;

    expect(task, has_number("task", task->number), "a scope inside inherits the task's entries");
    tote_store_delete(tote_store_current(), "task");
    tote_store_add(tote_store_current(), "inside", tote_int(task->number));
    expect(task, has("task", NULL), "what it deletes is gone for it");
    expect(task, count_all() == 2, "it sees two entries");
    return 0;
}

/* A step of the task, in its scope. */
static void do_step(struct task *task) {
    tote_store *store = tote_store_current();

    switch (task->step++) {
    case 0:
        expect(task, has("shared", "parent's"), "a task inherits");
        expect(task, has("doomed", "parent's"), "what others delete is there for it");
        expect(task, has("task", NULL), "it sees nothing of others");
        expect(task, count_all() == 2, "it begins with two entries");
        tote_store_add(store, "task", tote_int(task->number));
        break;
    case 1:
        expect(task, has_number("task", task->number), "its own entry is there a step later");
        tote_store_delete(store, "doomed");
        break;
    case 2:
        expect(task, has("doomed", NULL), "what it deleted is gone a step later");
        tote_run_scoped(tracer, "inside", NULL, work_inside, task);
        expect(task, has_number("task", task->number), "what was deleted inside is still there");
        expect(task, has("inside", NULL), "what was added inside is not");
        break;
    case 3:
        tote_store_add(store, "task", tote_int(task->number + SCENARIO_TASKS));
        tote_span_set_attribute(tote_span_current(), "number", tote_int(task->number));
        break;
    default:
        expect(task, has_number("task", task->number + SCENARIO_TASKS), "a new value replaces");
        expect(task, has("shared", "parent's"), "what it inherited is still there");
        expect(task, count_all() == 2, "it ends with two entries");
        break;
    }
}

void scenario_begin(struct scenario *scenario, size_t count) {
    *scenario = (struct scenario){.memory = tote_in_memory_spans_new(), .count = count};
    scenario->sdk = tote_in_memory_sdk_start(scenario->memory);
    tracer = tote_get_tracer("scenario", NULL);
    scenario->around = tote_scope_open(tracer, "around", NULL);
    tote_store_add(tote_store_current(), "shared", tote_string("parent's"));
    tote_store_add(tote_store_current(), "doomed", tote_string("parent's"));
    for (size_t i = 0; i < count; i++) {
        scenario->tasks[i].number = (unsigned)i;
    }
}

void task_open(struct task *task) {
    task->scope = tote_scope_open(tracer, "task", NULL);
    tote_scope_suspend(task->scope);
}

bool task_step(struct task *task) {
    const tote_context *before = tote_context_current();

    expect(task, tote_scope_resume(task->scope), "a suspended scope can be resumed");
    do_step(task);
    if (task->step < SCENARIO_STEPS) {
        expect(task, tote_scope_suspend(task->scope), "a current scope can be suspended");
    } else {
        tote_scope_close(&task->scope);
    }
    expect(task, tote_context_current() == before, "what was current before is current again");
    return task->scope != NULL;
}

void task_run(struct task *task, void (*pause)(void *arg), void *arg) {
    tote_scope *scope = tote_scope_open(tracer, "task", NULL);

    while (task->step < SCENARIO_STEPS) {
        do_step(task);
        pause(arg);
        expect(task, tote_context_current() == tote_scope_get_context(scope),
               "the task's scope is current after a pause");
    }
    tote_scope_close(&scope);
}

static int64_t number_of(const tote_span_data *span, const char *key) {
    const tote_value *value = tote_span_data_get_attribute(span, key);

    return value && value->type == TOTE_VALUE_TYPE_INT ? value->as.integer : -1;
}

static bool is_parent(const tote_span_context *parent, const tote_span_data *span) {
    return memcmp(tote_span_context_get_span_id(parent),
                  tote_span_context_get_span_id(tote_span_data_get_parent(span)),
                  sizeof(tote_span_id)) == 0;
}

/*
 * Each task left two spans: its own, with its numbers, and one inside, whose parent is the first.
 */
static void check_spans(struct scenario *scenario, const tote_span_context *around) {
    const tote_span_data *own[SCENARIO_TASKS] = {NULL}, *inside[SCENARIO_TASKS] = {NULL};

    assert_int_equal(tote_in_memory_spans_get_count(scenario->memory), 2 * scenario->count);
    for (size_t i = 0; i < 2 * scenario->count; i++) {
        const tote_span_data *span = tote_in_memory_spans_get_at(scenario->memory, i);
        bool is_own = strcmp(tote_span_data_get_name(span), "task") == 0;
        int64_t number = number_of(span, is_own ? "number" : "inside");
        assert_in_range(number, 0, scenario->count - 1);
        assert_null((is_own ? own : inside)[number]);
        (is_own ? own : inside)[number] = span;
    }
    for (size_t i = 0; i < scenario->count; i++) {
        assert_true(is_parent(around, own[i]));
        assert_true(is_parent(tote_span_data_get_context(own[i]), inside[i]));
        assert_int_equal(number_of(own[i], "task"), (int64_t)i + SCENARIO_TASKS);
        assert_null(tote_span_data_get_attribute(own[i], "doomed"));
        assert_null(tote_span_data_get_attribute(inside[i], "task"));
    }
}

void scenario_end(struct scenario *scenario) {
    for (size_t i = 0; i < scenario->count; i++) {
        if (scenario->tasks[i].failure) {
            fail_msg("task %zu: not so: %s", i, scenario->tasks[i].failure);
        }
    }
    assert_ptr_equal(tote_context_current(), tote_scope_get_context(scenario->around));
    assert_true(has("shared", "parent's") && has("doomed", "parent's"));
    assert_int_equal(count_all(), 2);
    check_spans(scenario, tote_span_get_context(tote_scope_get_span(scenario->around)));
    tote_scope_close(&scenario->around);
    tote_sdk_close(&scenario->sdk, 1000);
    tote_in_memory_spans_unref(scenario->memory);
}
