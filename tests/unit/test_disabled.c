/* SPDX-License-Identifier: MIT */
#define TOTE_DISABLED
#include "support.h"

#include "tote/environment.h"
#include "tote/log.h"
#include "tote/propagators.h"
#include "tote/thread.h"
#include "tote/tote.h"

static unsigned evaluated;

static tote_span *span_of(void) {
    evaluated++;
    return NULL;
}

static int return_of(void *arg) {
    return *(int *)arg;
}

/* The contract of TOTE_DISABLED in tote/common.h */
static void arguments_of_disabled_calls_are_not_evaluated(void **state) {
    (void)state;
    tote_span_set_attribute(span_of(), "key", tote_int(1));
    tote_span_end(span_of(), 0);
    tote_span_unref(tote_span_ref(span_of()));

    assert_int_equal(evaluated, 0);
}

static void a_disabled_run_runs_its_function(void **state) {
    int seven = 7;

    (void)state;
    assert_int_equal(tote_context_run(NULL, return_of, &seven), 7);
    assert_int_equal(tote_run_scoped(NULL, "name", NULL, return_of, &seven), 7);
}

static void disabled_calls_return_their_documented_values(void **state) {
    char text[] = "text";

    (void)state;
    assert_null(tote_get_tracer("tracer", NULL));
    assert_false(tote_store_add(NULL, "key", tote_int(1)));
    assert_int_equal(tote_store_add_all(NULL, NULL, 1, TOTE_VISIBILITY_TELEMETRY), 0);
    assert_int_equal(tote_sdk_force_flush(NULL, 0), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_context_mark(), 0);
    assert_null(tote_propagator_get_field(NULL, 0));
    assert_int_equal(tote_store_get(NULL, "key", text, sizeof text), -1);
    assert_string_equal(text, "");
}

/* Both functions return -1. */
static void a_disabled_host_loop_has_no_descriptor_and_no_timeout(void **state) {
    (void)state;
    assert_int_equal(tote_sdk_get_poll_fd(NULL), -1);
    assert_int_equal(tote_sdk_get_poll_timeout_ms(NULL), -1);
}

static void a_child_still_gets_its_environment(void **state) {
    char *base[] = {(char[]){"A=b"}, NULL};
    char *variables[4];

    (void)state;
    assert_int_equal(tote_inject_environment(NULL, base, variables, 4, NULL, 0), 1);
    assert_ptr_equal(variables[0], base[0]);
    assert_null(variables[1]);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(arguments_of_disabled_calls_are_not_evaluated),
        TEST(a_disabled_run_runs_its_function),
        TEST(disabled_calls_return_their_documented_values),
        TEST(a_disabled_host_loop_has_no_descriptor_and_no_timeout),
        TEST(a_child_still_gets_its_environment),
    };

    return RUN_TESTS(tests, argc, argv);
}
