/* SPDX-License-Identifier: MIT */
/*
 * test_world_libuv.c - the scenario in a loop of libuv: a timer for each task, and its thread pool
 */
#include "support.h"

#include <uv.h>

#include "scenario.h"

static struct scenario scenario;

static void on_timer(uv_timer_t *timer) {
    if (task_step(timer->data)) {
        uv_timer_start(timer, on_timer, (uint64_t)((uintptr_t)timer >> 4) % 3, 0);
    } else {
        uv_close((uv_handle_t *)timer, NULL);
    }
}

/* Timers of a thousand requests on one thread. */
static void on_libuv_a_thousand_requests_do_not_see_the_entries_of_each_other(void **state) {
    static uv_timer_t timers[SCENARIO_TASKS];

    (void)state;
    scenario_begin(&scenario, SCENARIO_TASKS);
    for (size_t i = 0; i < SCENARIO_TASKS; i++) {
        uv_timer_init(uv_default_loop(), &timers[i]);
        timers[i].data = &scenario.tasks[i];
        task_open(&scenario.tasks[i]);
        uv_timer_start(&timers[i], on_timer, (SCENARIO_TASKS - i) % 5, 0);
    }
    assert_int_equal(uv_run(uv_default_loop(), UV_RUN_DEFAULT), 0);
    scenario_end(&scenario);
}

static void on_work(uv_work_t *work) {
    task_step(work->data);
}

static void after_work(uv_work_t *work, int status) {
    struct task *task = work->data;

    assert_int_equal(status, 0);
    if (task->scope && task_step(task) && task->scope) { /* one step here, the next one there */
        uv_queue_work(uv_default_loop(), work, on_work, after_work);
    }
}

/* Steps alternate between the loop's thread and its pool. */
static void in_the_pool_of_libuv_a_request_keeps_its_context(void **state) {
    enum { TASKS = 200 };
    static uv_work_t works[TASKS];

    (void)state;
    scenario_begin(&scenario, TASKS);
    for (size_t i = 0; i < TASKS; i++) {
        works[i].data = &scenario.tasks[i];
        task_open(&scenario.tasks[i]);
        uv_queue_work(uv_default_loop(), &works[i], on_work, after_work);
    }
    assert_int_equal(uv_run(uv_default_loop(), UV_RUN_DEFAULT), 0);
    scenario_end(&scenario);
    uv_loop_close(uv_default_loop());
    uv_library_shutdown();
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(on_libuv_a_thousand_requests_do_not_see_the_entries_of_each_other),
        TEST(in_the_pool_of_libuv_a_request_keeps_its_context),
    };
    return RUN_TESTS(tests, argc, argv);
}
