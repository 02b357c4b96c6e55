/* SPDX-License-Identifier: MIT */
/*
 * test_worlds.c - the scenario in loops, threads, pools and forked children
 */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenario.h"
#include "tote/thread.h"

static struct scenario scenario;

/* Callbacks of many requests in any order on one thread. */
static void in_a_loop_each_callback_has_its_own_store_and_span(void **state) {
    size_t open = SCENARIO_TASKS;
    uint32_t random = 1;

    (void)state;
    scenario_begin(&scenario, SCENARIO_TASKS);
    for (size_t i = 0; i < SCENARIO_TASKS; i++) {
        task_open(&scenario.tasks[i]);
    }
    while (open) {
        random = random * 1664525 + 1013904223;
        struct task *task = &scenario.tasks[(random >> 8) % SCENARIO_TASKS];
        if (task->scope && !task_step(task)) {
            open--;
        }
    }
    scenario_end(&scenario);
}

/* epoll, with a descriptor for each request. */
static void on_epoll_a_thousand_requests_do_not_see_the_entries_of_each_other(void **state) {
    const struct rlimit many = {2 * SCENARIO_TASKS, 2 * SCENARIO_TASKS};
    int descriptors[SCENARIO_TASKS];
    size_t open = SCENARIO_TASKS;

    (void)state;
    if (setrlimit(RLIMIT_NOFILE, &many) != 0) {
        assert_int_equal(errno, EPERM); /* as many as there may be already */
    }
    scenario_begin(&scenario, SCENARIO_TASKS);
    int loop = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < SCENARIO_TASKS; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = i};
        descriptors[i] = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_true(descriptors[i] >= 0);
        assert_int_equal(epoll_ctl(loop, EPOLL_CTL_ADD, descriptors[i], &event), 0);
        task_open(&scenario.tasks[i]);
    }
    while (open) {
        struct epoll_event events[64];
        int count = epoll_wait(loop, events, 64, 1000);
        assert_true(count > 0);
        for (int i = 0; i < count; i++) {
            size_t number = (size_t)events[i].data.u64;
            if (task_step(&scenario.tasks[number])) {
                assert_int_equal(eventfd_write(descriptors[number], 1), 0);
            } else {
                close(descriptors[number]);
                open--;
            }
        }
    }
    close(loop);
    scenario_end(&scenario);
}

static void yield(void *arg) {
    (void)arg;
    sched_yield();
}

static void *run_task(void *arg) {
    task_run(arg, yield, NULL);
    return NULL;
}

/* A thread inherits the context of the thread that created it. */
static void threads_inherit_and_do_not_see_the_entries_of_each_other(void **state) {
    enum { THREADS = 64 };
    pthread_t threads[THREADS];

    (void)state;
    scenario_begin(&scenario, THREADS);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(tote_thread_create(&threads[i], NULL, run_task, &scenario.tasks[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    scenario_end(&scenario);
}

/* Tasks that wait for a thread. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct task *waiting[SCENARIO_TASKS];
    size_t first, count;
    size_t open;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};

static void submit(struct task *task) {
    pool.waiting[(pool.first + pool.count++) % SCENARIO_TASKS] = task;
    pthread_cond_signal(&pool.some);
}

static void *work(void *arg) {
    pthread_mutex_lock(&pool.lock);
    while (pool.open) {
        if (!pool.count) {
            pthread_cond_wait(&pool.some, &pool.lock);
            continue;
        }
        struct task *task = pool.waiting[pool.first];
        pool.first = (pool.first + 1) % SCENARIO_TASKS;
        pool.count--;
        pthread_mutex_unlock(&pool.lock);
        bool has_more = task_step(task);
        pthread_mutex_lock(&pool.lock);
        if (has_more) {
            submit(task);
        } else if (--pool.open == 0) {
            pthread_cond_broadcast(&pool.some);
        }
    }
    pthread_mutex_unlock(&pool.lock);
    return arg;
}

/* Suspended on one thread and resumed on another. */
static void in_a_pool_each_step_may_run_on_another_thread(void **state) {
    enum { THREADS = 4 };
    pthread_t threads[THREADS];

    (void)state;
    scenario_begin(&scenario, SCENARIO_TASKS);
    pool.open = SCENARIO_TASKS;
    for (size_t i = 0; i < SCENARIO_TASKS; i++) {
        task_open(&scenario.tasks[i]);
        submit(&scenario.tasks[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    scenario_end(&scenario);
}

/* A child continues in the context that its parent forked in, with its own store from there. */
static void forked_children_inherit_and_change_nothing_in_their_parent(void **state) {
    enum { CHILDREN = 8 };
    pid_t children[CHILDREN];

    (void)state;
    scenario_begin(&scenario, 0);
    for (size_t i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct task *task = &scenario.tasks[i];
            task->number = (unsigned)i;
            task_run(task, yield, NULL);
            tote_store_add(tote_store_current(), "shared", tote_string("child's"));
            _exit(task->failure ? 1 : 0);
        }
    }
    for (size_t i = 0; i < CHILDREN; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    scenario_end(&scenario);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(in_a_loop_each_callback_has_its_own_store_and_span),
        TEST(on_epoll_a_thousand_requests_do_not_see_the_entries_of_each_other),
        TEST(threads_inherit_and_do_not_see_the_entries_of_each_other),
        TEST(in_a_pool_each_step_may_run_on_another_thread),
        TEST(forked_children_inherit_and_change_nothing_in_their_parent),
    };
    return RUN_TESTS(tests, argc, argv);
}
