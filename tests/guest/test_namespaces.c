/* SPDX-License-Identifier: MIT */
/*
 * test_namespaces.c - system calls that Linux permits only to a process with a single thread
 *
 * Each check runs in its own child, because a user namespace is entered once.
 */
#include "support.h"

#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tote/exporters/in_memory.h"
#include "tote/sdk.h"
#include "tote/tote.h"

enum { WITHOUT_SDK, WITH_WORKER, BY_HOST, IN_CHILD };

/* Returns the error number of unshare(). */
static int enter_namespace(void) {
    return unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
}

static int run_child(int (*run)(void)) {
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        _exit(run());
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int enter_in(int way) {
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_span_exporter *exporter = tote_span_exporter_in_memory_new(memory);

    batch.mode = way == BY_HOST ? TOTE_EXPORT_MODE_HOST_DRIVEN : TOTE_EXPORT_MODE_WORKER;
    options.batch = &batch;
    options.exporters = &exporter;
    options.exporter_count = 1;
    tote_sdk *sdk = tote_sdk_start(&options);
    int error = way == IN_CHILD ? run_child(enter_namespace) : enter_namespace();
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
    return error;
}

static int enter_with_worker(void) {
    return enter_in(WITH_WORKER);
}

static int enter_by_host(void) {
    return enter_in(BY_HOST);
}

static int enter_in_child(void) {
    return enter_in(IN_CHILD);
}

static void a_user_namespace_can_be_entered_without_a_worker_thread(void **state) {
    (void)state;
    if (run_child(enter_namespace) != 0) {
        skip(); /* the system has none, or permits none */
    }
    assert_int_equal(run_child(enter_with_worker), EINVAL); /* as in docs/guest.md */
    assert_int_equal(run_child(enter_by_host), 0);
    assert_int_equal(run_child(enter_in_child), 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_user_namespace_can_be_entered_without_a_worker_thread),
    };
    return RUN_TESTS(tests, argc, argv);
}
