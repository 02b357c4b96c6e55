/* SPDX-License-Identifier: MIT */
/*
 * test_thread_context.c - the record by which profilers find the current span of a thread
 *
 * Each test reads the pointer of the exported variable, like a profiler that has stopped the
 * thread.
 */
#include "sdk_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "fake_provider.h"
#include "tote/internal/context.h"
#include "tote/internal/span.h"
#include "tote/internal/thread_context.h"

static const tote_trace_id trace_id = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static const void *record(void) {
    return *tote__thread_context_pointer();
}

/* A context with a span that has this id; id 0 makes it invalid. */
static tote_context *context_of(uint8_t id, uint8_t flags) {
    const tote_span_id span_id = {{id, 0, 0, 0, 0, 0, 0, id}};
    tote_span_context *ids = tote_span_context_new(&trace_id, &span_id, flags, NULL, true);
    tote_span *span = tote_span_non_recording_new(ids);
    tote_context *context = tote_context_with_span(tote_context_root(), span);

    tote_span_context_unref(ids);
    tote_span_unref(span);
    return context;
}

/* Return whether the record is that of this span; NULL: there is no record. */
static bool shows(const tote_span *span) {
    const tote_span_context *ids = tote_span_get_context(span);
    const uint8_t *bytes = record();

    if (!span || !bytes) {
        return !span && !bytes;
    }
    return memcmp(bytes, tote_span_context_get_trace_id(ids), 16) == 0 &&
           memcmp(bytes + 16, tote_span_context_get_span_id(ids), 8) == 0 && bytes[24] == 1 &&
           bytes[25] == tote_span_context_get_trace_flags(ids) && !bytes[26] && !bytes[27];
}

static bool shows_current(void) {
    return shows(tote_span_current());
}

/* Spec: oteps/profiles/4947-thread-ctx.md#thread-local-context-record */
static void a_record_has_the_ids_the_flags_and_no_attributes(void **state) {
    (void)state;
    const uint8_t expected[28] = {1,  2,  3,  4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                                  15, 16, 42, 0, 0, 0, 0, 0, 0, 42, 1,  3,  0,  0};
    tote_context *context = context_of(42, TOTE_TRACE_FLAG_SAMPLED | TOTE_TRACE_FLAG_RANDOM);

    assert_null(record());
    tote_context_token token = tote_context_attach(context);
    assert_non_null(record());
    assert_memory_equal(record(), expected, sizeof expected);
    assert_int_equal((uintptr_t)record() % 2, 0);
    assert_true(tote_context_detach(token));
    assert_null(record());
    tote_context_unref(context);
}

/* Spec: oteps/profiles/4947-thread-ctx.md#context-attachment */
static void attach_and_detach_show_the_context_that_is_current(void **state) {
    (void)state;
    tote_context *first = context_of(1, 0);
    tote_context *second = context_of(2, 1);

    tote_context_token outer = tote_context_attach(first);
    assert_true(shows(tote_context_get_span(first)));
    tote_context_token inner = tote_context_attach(second);
    assert_true(shows(tote_context_get_span(second)));
    tote_context_token root = tote_context_attach(NULL);
    assert_null(record());
    assert_true(tote_context_detach(root));
    assert_true(shows(tote_context_get_span(second)));
    assert_true(tote_context_detach(inner));
    assert_true(shows(tote_context_get_span(first)));

    inner = tote_context_attach(second);
    assert_false(tote_context_detach(outer)); /* removes both */
    assert_null(record());
    assert_false(tote_context_detach(inner));
    assert_null(record());
    tote_context_unref(first);
    tote_context_unref(second);
}

/* Spec: oteps/profiles/4947-thread-ctx.md#thread-local-context-record */
static void a_context_without_a_valid_span_has_no_record(void **state) {
    (void)state;
    tote_context *valid = context_of(1, 1);
    tote_context *without_id = context_of(0, 1);
    tote_context *without_span = tote_context_with_span(valid, NULL);
    tote_context *suppressed = tote_context_with_suppression(valid);
    const tote_context *const none[] = {without_id, without_span};

    for (size_t i = 0; i < TOTE_COUNT_OF(none); i++) {
        tote_context_token outer = tote_context_attach(valid);
        tote_context_token token = tote_context_attach(none[i]);
        assert_null(record());
        tote_context_detach(token);
        assert_true(shows_current());
        tote_context_detach(outer);
    }
    tote_context_token token = tote_context_attach(suppressed);
    assert_true(shows(tote_context_get_span(valid)));
    tote_context_detach(token);
    tote_context_unref(suppressed);
    tote_context_unref(without_span);
    tote_context_unref(without_id);
    tote_context_unref(valid);
}

static int check_in_run(void *is_shown) {
    *(bool *)is_shown = record() && shows_current();
    return 0;
}

static void a_run_shows_its_context_until_it_returns(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_context *context = context_of(1, 1);
    bool is_shown = false;

    tote_context_run(context, check_in_run, &is_shown);
    assert_true(is_shown);
    assert_null(record());
    is_shown = false;
    tote_run_scoped(f->tracer, "run", NULL, check_in_run, &is_shown);
    assert_true(is_shown);
    assert_null(record());
    tote_context_unref(context);
}

static void *resume_here(void *scope) {
    bool is_good = !record() && tote_scope_resume(scope) && record() && shows_current() &&
                   tote_scope_suspend(scope) && !record();

    return is_good ? scope : NULL;
}

static void a_scope_is_shown_on_the_thread_on_which_it_is_current(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    pthread_t thread;
    void *result = NULL;
    tote_scope *outer = tote_scope_open(f->tracer, "outer", NULL);
    tote_scope *scope = tote_scope_open(f->tracer, "inner", NULL);

    assert_true(shows(tote_scope_get_span(scope)));
    assert_true(tote_scope_suspend(scope));
    assert_true(shows(tote_scope_get_span(outer)));
    pthread_create(&thread, NULL, resume_here, scope);
    pthread_join(thread, &result);
    assert_ptr_equal(result, scope);
    assert_true(shows(tote_scope_get_span(outer)));
    assert_true(tote_scope_resume(scope));
    assert_true(shows(tote_scope_get_span(scope)));
    tote_scope_close(&scope);
    assert_true(shows(tote_scope_get_span(outer)));
    tote_scope_close(&outer);
    assert_null(record());
}

static void an_unsampled_span_is_shown_without_the_sampled_flag(void **state) {
    ((struct sdk_fixture *)*state)->settings.sampler = tote_sampler_always_off_new();
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_scope *scope = tote_scope_open(f->tracer, "unsampled", NULL);

    assert_true(shows(tote_scope_get_span(scope)));
    assert_int_equal(((const uint8_t *)record())[25] & TOTE_TRACE_FLAG_SAMPLED, 0);
    tote_scope_close(&scope);
}

static void unwinding_to_a_mark_shows_the_context_of_the_mark(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_context *context = context_of(1, 1);
    tote_context_token token = tote_context_attach(context);
    tote_context_token mark = tote_context_mark();

    tote_scope *left = tote_scope_open(f->tracer, "left by longjmp", NULL);
    assert_true(shows(tote_scope_get_span(left)));
    assert_int_equal(tote_context_unwind(mark, TOTE_STATUS_CODE_ERROR, "left"), 1);
    assert_true(shows(tote_context_get_span(context)));
    tote_context_detach(token);
    tote_context_unref(context);
}

static void after_the_shutdown_an_open_scope_keeps_its_record(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_scope *scope = tote_scope_open(f->tracer, "still open", NULL);
    tote_span *span = tote_span_ref(tote_scope_get_span(scope));

    tote_sdk_close(&f->sdk, 1000);
    assert_true(shows(span));
    tote_scope_close(&scope);
    assert_null(record());
    tote_span_unref(span);
}

static pthread_key_t late_key;
static bool was_cleared;

static void look_at_end(void *arg) {
    (void)arg;
    was_cleared = !record();
}

static void *end_with_attached(void *context) {
    pthread_setspecific(late_key, &late_key);
    (void)tote_context_attach(context);
    return record() ? context : NULL;
}

static void each_thread_has_its_own_record_until_it_ends(void **state) {
    (void)state;
    pthread_t thread;
    void *result = NULL;
    tote_context *context = context_of(1, 1);
    tote_context_token token = tote_context_attach(context);

    assert_int_equal(pthread_key_create(&late_key, look_at_end), 0); /* runs after that of Tote */
    was_cleared = false;
    pthread_create(&thread, NULL, end_with_attached, context);
    pthread_join(thread, &result);
    assert_ptr_equal(result, context);
    assert_true(was_cleared);
    assert_true(shows(tote_context_get_span(context)));
    pthread_key_delete(late_key);
    tote_context_detach(token);
    tote_context_unref(context);
}

static void *look_at_start(void *scope) {
    bool is_good = tote_context_current() == tote_scope_get_context(scope) && !record();
    tote_context_token token = tote_context_attach(TOTE_CONTEXT_CURRENT);

    is_good = is_good && record() && shows_current();
    tote_context_detach(token);
    return is_good && !record() ? scope : NULL;
}

/* docs/profilers.md: nothing would remove the record when the creator closes the scope. */
static void a_context_that_a_thread_only_inherits_is_not_shown(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    pthread_t thread;
    void *result = NULL;
    tote_scope *scope = tote_scope_open(f->tracer, "creator", NULL);

    tote__thread_create_in_scope(pthread_create, &thread, NULL, look_at_start, scope);
    pthread_join(thread, &result);
    assert_ptr_equal(result, scope);
    tote_scope_close(&scope);
}

static void a_forked_child_keeps_the_record_of_its_thread(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_scope *scope = tote_scope_open(f->tracer, "parent", NULL);
    tote_span *span = tote_scope_get_span(scope);
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        bool is_good = shows(span);
        tote_context *context = context_of(9, 1);
        tote_context_token token = tote_context_attach(context);
        is_good = is_good && shows(tote_context_get_span(context));
        tote_context_detach(token);
        _exit(is_good && shows(span) ? 0 : 1);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(shows(span));
    tote_scope_close(&scope);
}

static void out_of_memory_a_scope_has_no_record(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_context *context = context_of(1, 1);
    tote_context_token token = tote_context_attach(context);
    tote_scope *scopes[2048]; /* more than the pools keep */
    size_t count = 0;

    is_memory_out = true;
    do {
        scopes[count] = tote_scope_open(f->tracer, "scope", NULL);
    } while (record() && ++count < TOTE_COUNT_OF(scopes));
    is_memory_out = false;
    assert_true(count < TOTE_COUNT_OF(scopes));
    for (size_t i = count + 1; i-- > 0;) {
        tote_scope_close(&scopes[i]);
        assert_non_null(record());
    }
    assert_true(shows(tote_context_get_span(context)));
    tote_context_detach(token);
    tote_context_unref(context);
}

struct fibre {
    ucontext_t machine;
    void *stack; /* Tote's */
    tote_context *context;
    bool is_good;
};
static struct fibre main_fibre, fibres[2];
static struct fibre *running = &main_fibre;
static bool are_switches_reported;

static void *get_of_fibre(void *self) {
    (void)self;
    return running->stack;
}

static void set_of_fibre(void *self, void *stack) {
    (void)self;
    running->stack = stack;
}

static void switch_to(struct fibre *fibre) {
    struct fibre *from = running;

    running = fibre;
    swapcontext(&from->machine, &fibre->machine);
    if (are_switches_reported) {
        tote_context_slot_switched();
    }
}

static bool shows_of(const struct fibre *fibre) {
    return are_switches_reported ? shows(tote_context_get_span(fibre->context)) : !record();
}

static void run_fibre(void) {
    struct fibre *fibre = running;

    if (are_switches_reported) {
        tote_context_slot_switched();
    }
    bool is_good = !record();
    tote_context_token token = tote_context_attach(fibre->context);
    for (int i = 0; i < 3; i++) {
        is_good = is_good && shows_of(fibre);
        switch_to(&main_fibre);
    }
    is_good = is_good && shows_of(fibre) && tote_context_detach(token) && !record();
    fibre->is_good = is_good;
    switch_to(&main_fibre);
}

static void run_fibres(void) {
    static char memory[2][65536];
    const tote_context_slot slot = {sizeof slot, get_of_fibre, set_of_fibre, NULL};

    assert_true(tote_context_set_slot(&slot));
    for (size_t i = 0; i < 2; i++) {
        fibres[i] = (struct fibre){.context = context_of((uint8_t)(i + 1), 1)};
        getcontext(&fibres[i].machine);
        fibres[i].machine.uc_stack.ss_sp = memory[i];
        fibres[i].machine.uc_stack.ss_size = sizeof memory[i];
        makecontext(&fibres[i].machine, run_fibre, 0);
    }
    for (size_t turn = 0; turn < 8; turn++) {
        switch_to(&fibres[turn % 2]);
        assert_null(record());
    }
    assert_true(tote_context_set_slot(NULL));
    for (size_t i = 0; i < 2; i++) {
        assert_true(fibres[i].is_good);
        tote_context_stack_free(fibres[i].stack);
        tote_context_unref(fibres[i].context);
    }
    tote_context_stack_free(main_fibre.stack);
    main_fibre.stack = NULL;
}

/* include/tote/context.h: tote_context_slot_switched() */
static void fibres_have_a_record_only_if_their_switches_are_reported(void **state) {
    (void)state;
    run_fibres();
    are_switches_reported = true;
    run_fibres();
    tote_context *context = context_of(7, 1);
    tote_context_token token = tote_context_attach(context);
    assert_true(shows(tote_context_get_span(context))); /* the slot is the thread's */
    tote_context_slot_switched();
    assert_true(shows(tote_context_get_span(context)));
    tote_context_detach(token);
    tote_context_unref(context);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_record_has_the_ids_the_flags_and_no_attributes),
        TEST(attach_and_detach_show_the_context_that_is_current),
        TEST(a_context_without_a_valid_span_has_no_record),
        SDK_TEST(a_run_shows_its_context_until_it_returns),
        SDK_TEST(a_scope_is_shown_on_the_thread_on_which_it_is_current),
        SDK_TEST(an_unsampled_span_is_shown_without_the_sampled_flag),
        SDK_TEST(unwinding_to_a_mark_shows_the_context_of_the_mark),
        SDK_TEST(after_the_shutdown_an_open_scope_keeps_its_record),
        TEST(each_thread_has_its_own_record_until_it_ends),
        SDK_TEST(a_context_that_a_thread_only_inherits_is_not_shown),
        SDK_TEST(a_forked_child_keeps_the_record_of_its_thread),
        SDK_TEST(out_of_memory_a_scope_has_no_record),
        TEST(fibres_have_a_record_only_if_their_switches_are_reported),
    };

    use_fake_allocator();
    return RUN_TESTS(tests, argc, argv);
}
