/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>
#include <setjmp.h>

#include "fake_provider.h"
#include "tote/scope.h"

static tote_tracer *tracer;

static int set_up(void **state) {
    (void)state;
    tote_tracer_provider_set_global(fake_provider());
    tracer = tote_get_tracer("test_scope", NULL);
    count_diagnostics();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    bool is_clean = tote_context_current() == tote_context_root() && fake.started == fake.ended &&
                    fake.started == fake.destroyed;
    tote_tracer_provider_set_global(NULL);
    return is_clean ? 0 : 1;
}

static bool sees(const tote_store *store, const char *key) {
    return tote_store_get(store, key, NULL, 0) >= 0;
}

static int add_and_return(void *arg) {
    tote_store_add(tote_store_current(), "user", tote_string("u_1"));
    *(tote_span **)arg = tote_span_ref(tote_span_current());
    return sees(tote_store_current(), "user") ? 0 : 42;
}

/* Spec: trace/api.md#context-interaction. Compliance: TR-14 */
static void a_scoped_run_has_a_store_and_a_span_that_end_with_it(void **state) {
    (void)state;
    tote_span *span = NULL;

    assert_int_equal(tote_run_scoped(tracer, "work", NULL, add_and_return, &span), 0);
    assert_string_equal(fake_span_of(span)->name, "work");
    assert_int_equal(fake_span_of(span)->ends, 1);
    assert_int_equal(fake_span_of(span)->failure, 0);
    assert_false(sees(tote_store_root(), "user"));
    assert_ptr_equal(tote_context_current(), tote_context_root());
    tote_span_unref(span);
}

static int fail_early(void *arg) {
    *(tote_span **)arg = tote_span_ref(tote_span_current());
    return -7;
}

static void a_failed_run_sets_the_error_status_of_its_span(void **state) {
    (void)state;
    tote_span *span = NULL;

    assert_int_equal(tote_run_scoped(tracer, "work", NULL, fail_early, &span), -7);
    assert_int_equal(fake_span_of(span)->failure, -7);
    assert_int_equal(fake_span_of(span)->ends, 1);
    tote_span_unref(span);
}

static int note_span(void *arg) {
    *(tote_span **)arg = tote_span_current();
    return 3;
}

static void a_scope_without_a_tracer_has_a_store_and_keeps_the_current_span(void **state) {
    (void)state;
    tote_span *inner = NULL;
    tote_scope *outer = tote_scope_open(tracer, "outer", NULL);

    assert_int_equal(tote_run_scoped(NULL, NULL, NULL, note_span, &inner), 3);
    assert_ptr_equal(inner, tote_scope_get_span(outer));
    assert_int_equal(fake_span_of(inner)->failure, 0);
    tote_scope *plain = tote_scope_open(NULL, NULL, NULL);
    assert_null(tote_scope_get_span(plain));
    assert_ptr_not_equal(tote_scope_get_store(plain), tote_scope_get_store(outer));
    tote_scope_close(&plain);
    assert_int_equal(fake_span_of(inner)->ends, 0);
    tote_scope_close(&outer);
}

static void a_span_of_a_scope_has_the_scopes_store(void **state) {
    (void)state;
    tote_scope *scope = tote_scope_open(tracer, "work", NULL);
    tote_span *span = tote_tracer_start_span(tracer, "inner", NULL);

    assert_ptr_equal(fake_span_of(tote_scope_get_span(scope))->store, tote_scope_get_store(scope));
    assert_ptr_equal(fake_span_of(span)->store, tote_scope_get_store(scope));
    tote_span_close(&span);
    tote_scope_close(&scope);
}

static void a_root_scope_drops_the_parent_span_and_keeps_the_store(void **state) {
    (void)state;
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    options.root = true;
    tote_scope *outer = tote_scope_open(tracer, "outer", NULL);
    tote_store_add(tote_scope_get_store(outer), "user", tote_string("u_1"));

    tote_scope *inner = tote_scope_open(tracer, "inner", &options);
    tote_scope *plain = tote_scope_open(NULL, NULL, &options);
    assert_true(sees(tote_scope_get_store(inner), "user"));
    assert_true(sees(tote_scope_get_store(plain), "user"));
    assert_null(tote_span_current());

    tote_scope_close(&plain);
    tote_scope_close(&inner);
    tote_scope_close(&outer);
}

static void a_scope_is_a_child_of_the_parent_in_its_options(void **state) {
    (void)state;
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    tote_scope *first = tote_scope_open(tracer, "first", NULL);
    tote_store_add(tote_scope_get_store(first), "user", tote_string("u_1"));
    assert_true(tote_scope_suspend(first));
    options.parent = tote_scope_get_context(first);

    tote_scope *child = tote_scope_open(tracer, "child", &options);
    assert_true(sees(tote_store_current(), "user"));
    assert_ptr_equal(fake_span_of(tote_span_current())->parent, options.parent);
    tote_scope_close(&child);
    tote_scope_close(&first);
}

static void closing_a_scope_keeps_what_other_references_see(void **state) {
    (void)state;
    tote_scope *scope = tote_scope_open(tracer, "work", NULL);
    tote_store_add(tote_scope_get_store(scope), "user", tote_string("u_1"));
    tote_context *context = tote_context_ref(tote_scope_get_context(scope));
    tote_scope_close(&scope);
    assert_null(scope);

    assert_true(sees(tote_context_get_store(context), "user"));
    assert_int_equal(fake_span_of(tote_context_get_span(context))->ends, 1);
    tote_context_token token = tote_context_attach(context);
    assert_true(sees(tote_store_current(), "user"));
    assert_true(tote_context_detach(token));
    tote_context_unref(context);
}

static void a_scope_is_suspended_and_resumed(void **state) {
    (void)state;
    tote_scope *scope = tote_scope_open(tracer, "work", NULL);

    assert_true(tote_scope_suspend(scope));
    assert_ptr_equal(tote_context_current(), tote_context_root());
    assert_true(tote_scope_resume(scope));
    assert_ptr_equal(tote_context_current(), tote_scope_get_context(scope));
    assert_int_equal(fake.ended, 0);
    tote_scope_close(&scope);
    assert_int_equal(fake.ended, 1);
    assert_int_equal(diagnostics, 0);
}

static void suspending_twice_and_resuming_twice_is_reported_and_does_nothing(void **state) {
    (void)state;
    tote_scope *scope = tote_scope_open(tracer, "work", NULL);

    assert_false(tote_scope_resume(scope));
    assert_int_equal(diagnostics, 1);
    assert_true(was_reported("the scope of span \"work\" was resumed"));
    assert_ptr_equal(tote_context_current(), tote_scope_get_context(scope));
    assert_true(tote_scope_suspend(scope));
    assert_false(tote_scope_suspend(scope));
    assert_int_equal(diagnostics, 2);
    assert_true(was_reported("the scope of span \"work\" was suspended where"));
    assert_ptr_equal(tote_context_current(), tote_context_root());
    tote_scope_close(&scope);
}

static void closing_an_outer_scope_closes_the_inner_ones(void **state) {
    (void)state;
    tote_scope *outer = tote_scope_open(tracer, "outer", NULL);
    tote_scope *inner = tote_scope_open(tracer, "inner", NULL);

    tote_scope_close(&outer);
    assert_int_equal(fake.ended, 2);
    assert_int_equal(diagnostics, 1);
    assert_true(was_reported("the scope of span \"outer\" ended before"));
    assert_ptr_equal(tote_context_current(), tote_context_root());
    assert_false(tote_scope_resume(inner));
    tote_scope_close(&inner); /* closed a second time */
    assert_int_equal(diagnostics, 3);
    assert_true(was_reported("the scope of span \"inner\" was closed"));
    assert_int_equal(fake.ended, 2);
}

static void closing_a_suspended_scope_leaves_the_current_context(void **state) {
    (void)state;
    tote_scope *first = tote_scope_open(tracer, "first", NULL);
    tote_scope_suspend(first);
    tote_scope *second = tote_scope_open(tracer, "second", NULL);

    tote_scope_close(&first);
    assert_int_equal(fake.ended, 1);
    assert_ptr_equal(tote_context_current(), tote_scope_get_context(second));
    tote_scope_close(&second);
    assert_int_equal(diagnostics, 0);
}

static tote_scope *left_open;

static int leave_a_scope_open(void *arg) {
    (void)arg;
    left_open = tote_scope_open(tracer, "left", NULL);
    return 0;
}

static void a_scoped_run_ends_the_scopes_left_open_in_it(void **state) {
    (void)state;

    tote_run_scoped(tracer, "work", NULL, leave_a_scope_open, NULL);
    assert_int_equal(fake.ended, 2);
    assert_int_equal(diagnostics, 1);
    assert_ptr_equal(tote_context_current(), tote_context_root());
    tote_scope_close(&left_open);
}

static void a_run_in_a_context_suspends_the_scopes_left_open_in_it(void **state) {
    (void)state;

    tote_context_run(tote_context_root(), leave_a_scope_open, NULL);
    assert_int_equal(fake.ended, 0);
    assert_int_equal(diagnostics, 1);
    assert_true(was_reported("left the context of span \"left\""));
    assert_ptr_equal(tote_context_current(), tote_context_root());
    assert_true(tote_scope_resume(left_open));
    tote_scope_close(&left_open);
}

static int close_outer(void *arg) {
    tote_scope_close(arg);
    return 1;
}

static void a_scoped_run_survives_the_close_of_its_outer_scope(void **state) {
    (void)state;
    tote_scope *outer = tote_scope_open(tracer, "outer", NULL);

    assert_int_equal(tote_run_scoped(tracer, "inner", NULL, close_outer, &outer), 1);
    assert_int_equal(fake.ended, 2);
    assert_int_equal(diagnostics, 1);
    assert_ptr_equal(tote_context_current(), tote_context_root());
}

static jmp_buf jump;
static tote_span *innermost;

static int open_and_jump(void *arg) {
    (void)arg;
    innermost = tote_span_ref(tote_span_current());
    const tote_scope *lost = tote_scope_open(tracer, "lost", NULL);
    (void)lost;
    longjmp(jump, 1);
}

static int nest_and_jump(void *arg) {
    return tote_run_scoped(tracer, "inner", NULL, open_and_jump, arg);
}

static void unwind_closes_the_scopes_left_by_longjmp(void **state) {
    (void)state;
    tote_scope *scope = tote_scope_open(tracer, "request", NULL);
    tote_scope *resumed = tote_scope_open(tracer, "resumed", NULL);
    tote_scope_suspend(resumed);
    volatile tote_context_token mark = tote_context_mark();

    if (setjmp(jump) == 0) {
        tote_scope_resume(resumed);
        tote_run_scoped(tracer, "outer", NULL, nest_and_jump, NULL);
    }
    assert_int_equal(tote_context_unwind(mark, TOTE_STATUS_CODE_ERROR, "unwound"), 3);
    assert_int_equal(fake_span_of(innermost)->status, TOTE_STATUS_CODE_ERROR);
    assert_string_equal(fake_span_of(innermost)->description, "unwound");
    assert_int_equal(fake.ended, 3);
    assert_ptr_equal(tote_context_current(), tote_scope_get_context(scope));
    assert_true(tote_scope_resume(resumed)); /* its handle is still valid */
    tote_scope_close(&resumed);
    tote_scope_close(&scope);
    tote_span_unref(innermost);
    assert_int_equal(diagnostics, 0);
}

static int add_lost(void *arg) {
    tote_scope *inner = tote_scope_open(tracer, "inner", NULL);
    bool was_kept = tote_store_add(tote_store_current(), "lost", tote_int(1));
    tote_scope_close(&inner);
    was_kept = was_kept || tote_store_add(tote_store_current(), "lost", tote_int(1));
    was_kept = was_kept || sees(arg, "lost");
    return was_kept;
}

static void out_of_memory_a_scope_stores_nothing_and_its_parent_is_unchanged(void **state) {
    (void)state;
    tote_scope *outer = tote_scope_open(tracer, "outer", NULL);
    errno = EXDEV;
    is_memory_out = true;
    int was_kept = tote_run_scoped(tracer, "work", NULL, add_lost, tote_scope_get_store(outer));
    tote_scope *scope = tote_scope_open(tracer, "void", NULL);
    tote_scope *again = tote_scope_open(tracer, "void", NULL);

    assert_int_equal(was_kept, 0);
    assert_non_null(scope);
    assert_false(tote_store_add(tote_scope_get_store(scope), "lost", tote_int(1)));
    assert_null(tote_scope_get_span(scope));
    tote_scope_close(&again);
    assert_ptr_equal(tote_context_current(), tote_scope_get_context(scope));
    assert_true(tote_scope_suspend(scope));
    assert_ptr_equal(tote_context_current(), tote_scope_get_context(outer));
    assert_true(tote_scope_resume(scope));
    is_memory_out = false;
    tote_scope_close(&scope);

    assert_int_equal(errno, EXDEV);
    assert_ptr_equal(tote_context_current(), tote_scope_get_context(outer));
    assert_int_equal(fake.started, 1);
    assert_false(sees(tote_store_root(), "lost"));
    tote_scope_close(&outer);
}

/* Spec: error-handling.md */
static void scopes_opened_out_of_memory_restore_the_current_context_when_closed(void **state) {
    (void)state;
    enum { MANY = 100 };
    tote_scope *outer[5];
    tote_scope *scopes[MANY];
    for (size_t i = 0; i < TOTE_COUNT_OF(outer); i++) {
        outer[i] = tote_scope_open(tracer, "outer", NULL);
    }

    is_memory_out = true;
    for (size_t i = 0; i < MANY; i++) {
        scopes[i] = tote_scope_open(tracer, "void", NULL);
    }
    for (size_t i = MANY; i-- > 0;) {
        assert_ptr_equal(tote_context_current(), tote_scope_get_context(scopes[i]));
        tote_scope_close(&scopes[i]);
    }
    is_memory_out = false;
    for (size_t i = TOTE_COUNT_OF(outer); i-- > 0;) {
        assert_ptr_equal(tote_context_current(), tote_scope_get_context(outer[i]));
        tote_scope_close(&outer[i]);
    }
}

/* Spec: trace/api.md#behavior-of-the-api-in-the-absence-of-an-installed-sdk */
static void without_an_sdk_a_scope_still_has_its_store(void **state) {
    (void)state;
    tote_tracer_provider_set_global(NULL);
    tote_scope *scope = tote_scope_open(tracer, "work", NULL);

    assert_true(tote_store_add(tote_store_current(), "user", tote_string("u_1")));
    assert_true(sees(tote_scope_get_store(scope), "user"));
    assert_false(tote_span_is_recording(tote_scope_get_span(scope)));
    tote_scope_close(&scope);
}

/* Spec: error-handling.md */
static void null_is_harmless_everywhere(void **state) {
    (void)state;
    tote_scope *none = NULL;

    assert_int_equal(tote_run_scoped(NULL, NULL, NULL, NULL, NULL), 0);
    tote_scope *nameless = tote_scope_open(tracer, NULL, NULL);
    assert_non_null(nameless);
    tote_scope_close(&nameless);
    assert_false(tote_scope_suspend(NULL));
    assert_false(tote_scope_resume(NULL));
    assert_ptr_equal(tote_scope_get_context(NULL), tote_context_root());
    assert_null(tote_scope_get_store(NULL));
    assert_null(tote_scope_get_span(NULL));
    tote_scope_close(&none);
    tote_scope_close(NULL);
    assert_int_equal(diagnostics, 0);
}

#define SCOPE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SCOPE_TEST(a_scoped_run_has_a_store_and_a_span_that_end_with_it),
        SCOPE_TEST(a_failed_run_sets_the_error_status_of_its_span),
        SCOPE_TEST(a_scope_without_a_tracer_has_a_store_and_keeps_the_current_span),
        SCOPE_TEST(a_span_of_a_scope_has_the_scopes_store),
        SCOPE_TEST(a_root_scope_drops_the_parent_span_and_keeps_the_store),
        SCOPE_TEST(a_scope_is_a_child_of_the_parent_in_its_options),
        SCOPE_TEST(closing_a_scope_keeps_what_other_references_see),
        SCOPE_TEST(a_scope_is_suspended_and_resumed),
        SCOPE_TEST(suspending_twice_and_resuming_twice_is_reported_and_does_nothing),
        SCOPE_TEST(closing_an_outer_scope_closes_the_inner_ones),
        SCOPE_TEST(closing_a_suspended_scope_leaves_the_current_context),
        SCOPE_TEST(a_scoped_run_ends_the_scopes_left_open_in_it),
        SCOPE_TEST(a_run_in_a_context_suspends_the_scopes_left_open_in_it),
        SCOPE_TEST(a_scoped_run_survives_the_close_of_its_outer_scope),
        SCOPE_TEST(unwind_closes_the_scopes_left_by_longjmp),
        SCOPE_TEST(out_of_memory_a_scope_stores_nothing_and_its_parent_is_unchanged),
        SCOPE_TEST(scopes_opened_out_of_memory_restore_the_current_context_when_closed),
        SCOPE_TEST(without_an_sdk_a_scope_still_has_its_store),
        SCOPE_TEST(null_is_harmless_everywhere),
    };
    use_fake_allocator();
    return RUN_TESTS(tests, argc, argv);
}
