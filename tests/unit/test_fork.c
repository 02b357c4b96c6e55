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

static void a_child_has_the_next_generation_and_its_parent_keeps_its_own(void **state) {
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

static void a_grandchild_has_the_generation_after_its_parent(void **state) {
    (void)state;
    assert_int_equal(run_in_child(fork_again), 0);
}

static int take_the_lock(void) {
    tote__lock_take(&lock);
    tote__lock_drop(&lock);
    return 0;
}

/* A lock held by an older generation counts as free. */
static void a_lock_held_during_fork_is_free_in_the_child(void **state) {
    (void)state;
    tote__lock_take(&lock);
    assert_int_equal(run_in_child(take_the_lock), 0);
    tote__lock_drop(&lock);
}

/* Registered before Tote's handler, so a child runs it earlier. */
static void use_early(void) {
    tote__generation();
}

/* A span that a handler of the host starts in the child belongs to the child. */
static void a_child_that_traces_in_a_fork_handler_is_counted_once(void **state) {
    (void)state;
    parents = tote__generation();
    assert_int_equal(run_in_child(is_next), 0);
}

/* If no fork handler ran, the next check advances the generation. */
static void a_fork_without_handlers_can_be_announced(void **state) {
    uint32_t before = tote__generation();

    (void)state;
    tote_fork_prepare();
    assert_int_equal(tote__generation(), before);
    tote_fork_child();
    assert_int_equal(tote__generation(), before + 1);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_child_has_the_next_generation_and_its_parent_keeps_its_own),
        TEST(a_grandchild_has_the_generation_after_its_parent),
        TEST(a_lock_held_during_fork_is_free_in_the_child),
        TEST(a_child_that_traces_in_a_fork_handler_is_counted_once),
        TEST(a_fork_without_handlers_can_be_announced),
    };

    pthread_atfork(NULL, NULL, use_early);
    return RUN_TESTS(tests, argc, argv);
}
