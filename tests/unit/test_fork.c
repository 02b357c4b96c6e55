/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tote/internal/fork.h"
#include "tote/internal/lock.h"
#include "tote/thread.h"

/* The exit code of a child that runs this. */
static int run_in_child(int (*run)(void)) {
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        _exit(run());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static uint32_t parents;
static struct tote__lock lock;

static int is_next(void) {
    return tote__generation() == parents + 1 && tote__generation() == parents + 1 ? 0 : 1;
}

/* Design R14 */
static void a_child_is_of_the_next_generation_and_its_parent_stays(void **state) {
    (void)state;
    parents = tote__generation();
    assert_int_not_equal(parents, 0);
    assert_int_equal(run_in_child(is_next), 0);
    assert_int_equal(run_in_child(is_next), 0);
    assert_int_equal(tote__generation(), parents);
}

static int fork_again(void) {
    parents = tote__generation();
    return run_in_child(is_next);
}

static void a_grandchild_is_one_further(void **state) {
    (void)state;
    assert_int_equal(run_in_child(fork_again), 0);
}

static int take_the_lock(void) {
    tote__lock_take(&lock);
    tote__lock_drop(&lock);
    return 0;
}

/* Design R14: a lock held by an older generation counts as free */
static void a_lock_held_during_fork_is_free_in_the_child(void **state) {
    (void)state;
    tote__lock_take(&lock);
    assert_int_equal(run_in_child(take_the_lock), 0);
    tote__lock_drop(&lock);
}

/* Registered before Tote's handler, so it runs in a child before that. */
static void use_early(void) {
    tote__generation();
}

/*
 * Design R14: what a handler of the host begins in the child is not taken for the parent's
 * afterwards
 */
static void a_child_is_counted_once_although_the_host_uses_it_in_a_handler(void **state) {
    (void)state;
    parents = tote__generation();
    assert_int_equal(run_in_child(is_next), 0);
}

/* By hand, where nothing else tells: the next look counts one more. */
static void a_fork_that_nobody_saw_can_be_told(void **state) {
    uint32_t before = tote__generation();

    (void)state;
    tote_fork_prepare();
    tote_fork_parent();
    assert_int_equal(tote__generation(), before);
    tote_fork_child();
    assert_int_equal(tote__generation(), before + 1);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_child_is_of_the_next_generation_and_its_parent_stays),
        TEST(a_grandchild_is_one_further),
        TEST(a_lock_held_during_fork_is_free_in_the_child),
        TEST(a_child_is_counted_once_although_the_host_uses_it_in_a_handler),
        TEST(a_fork_that_nobody_saw_can_be_told),
    };

    pthread_atfork(NULL, NULL, use_early);
    return RUN_TESTS(tests, argc, argv);
}
