/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "fake_provider.h"
#include "tote/scope.h"

static unsigned destroyed;

static void count_destroyed(void *value) {
    (void)value;
    destroyed++;
}

static const tote_context_key user_key = {"user", count_destroyed};
static const tote_context_key twin_key = {"user", NULL};

static tote_context *context_with(void *value) {
    return tote_context_with_value(tote_context_root(), &twin_key, value);
}

static int expect_current(void *context) {
    return tote_context_current() == context;
}

/* Spec: context/README.md#get-current-context. Compliance: CP-06 */
static void the_root_is_current_when_nothing_is_attached(void **state) {
    (void)state;
    const tote_context *root = tote_context_root();

    assert_ptr_equal(tote_context_current(), root);
    assert_null(tote_context_get_span(root));
    assert_null(tote_context_get_value(root, &user_key));
    assert_ptr_equal(tote_context_get_store(root), tote_store_root());
    assert_false(tote_span_context_is_valid(tote_span_get_context(tote_context_get_span(root))));
}

/* Spec: context/README.md#set-value. Compliance: CP-03 */
static void a_write_returns_a_new_context_and_leaves_the_old_one(void **state) {
    (void)state;
    int number = 1;
    tote_store *store = tote_store_new(NULL);
    tote_context *with_value = context_with(&number);
    tote_context *with_store = tote_context_with_store(with_value, store);
    tote_context *with_span = tote_context_with_span(with_store, &tote__invalid_span);
    tote_context *suppressed = tote_context_with_suppression(with_span);
    tote_context *without_span = tote_context_with_span(suppressed, NULL);

    assert_null(tote_context_get_value(tote_context_root(), &twin_key));
    assert_ptr_equal(tote_context_get_value(without_span, &twin_key), &number);
    assert_ptr_equal(tote_context_get_store(with_value), tote_store_root());
    assert_ptr_equal(tote_context_get_store(without_span), store);
    assert_null(tote_context_get_span(with_store));
    assert_ptr_equal(tote_context_get_span(with_span), &tote__invalid_span);
    assert_null(tote_context_get_span(without_span));
    assert_false(with_span->is_suppressed);
    assert_true(without_span->is_suppressed);

    tote_context_unref(with_value);
    tote_context_unref(with_store);
    tote_context_unref(with_span);
    tote_context_unref(suppressed);
    tote_context_unref(without_span);
    tote_store_unref(store);
}

/* Spec: context/README.md#create-a-key. Compliance: CP-01 */
static void keys_of_one_name_are_different_keys(void **state) {
    (void)state;
    int number = 1;
    tote_context *context = context_with(&number);

    assert_null(tote_context_get_value(context, &user_key));
    assert_ptr_equal(tote_context_get_value(context, &twin_key), &number);
    tote_context_unref(context);
}

/* Spec: context/README.md#get-value. Compliance: CP-02 */
static void a_newer_value_hides_an_older_one_and_both_are_destroyed_once(void **state) {
    (void)state;
    int older = 1;
    int newer = 2;
    destroyed = 0;
    tote_context *first = tote_context_with_value(tote_context_root(), &user_key, &older);
    tote_context *second = tote_context_with_value(first, &user_key, &newer);
    tote_context *third = tote_context_with_span(second, &tote__invalid_span);

    assert_ptr_equal(tote_context_get_value(first, &user_key), &older);
    assert_ptr_equal(tote_context_get_value(third, &user_key), &newer);
    tote_context_unref(first);
    tote_context_unref(second);
    assert_int_equal(destroyed, 0);
    tote_context_unref(third);
    assert_int_equal(destroyed, 2);
}

static void a_hundred_thousand_values_are_released_without_recursion(void **state) {
    (void)state;
    tote_context *context = tote_context_ref(tote_context_root());
    destroyed = 0;

    for (int i = 0; i < 100000; i++) {
        tote_context *next = tote_context_with_value(context, &user_key, NULL);
        tote_context_unref(context);
        context = next;
    }
    tote_context_unref(context);
    assert_int_equal(destroyed, 100000);
}

/* Spec: error-handling.md */
static void out_of_memory_returns_the_old_context_and_destroys_the_value(void **state) {
    (void)state;
    int number = 1;
    tote_context *context = context_with(&number);
    destroyed = 0;
    count_diagnostics();
    is_memory_out = true;
    errno = EXDEV;
    tote_context *same = tote_context_with_value(context, &user_key, &number);
    tote_context *again = tote_context_with_suppression(context);
    tote_context *third = tote_context_with_store(context, tote_store_root());
    is_memory_out = false;

    assert_ptr_equal(same, context);
    assert_ptr_equal(again, context);
    assert_ptr_equal(third, context);
    assert_int_equal(destroyed, 1);
    assert_int_equal(diagnostics, 2); /* the context, and its value */
    assert_true(was_reported("the value of 'user'"));
    assert_int_equal(errno, EXDEV);
    assert_int_equal(atomic_load(&context->references), 4);
    for (int i = 0; i < 4; i++) {
        tote_context_unref(context);
    }
}

/* Spec: context/README.md#detach-context. Compliance: CP-05 */
static void detach_restores_the_previous_context(void **state) {
    (void)state;
    tote_context *outer = context_with(NULL);
    tote_context *inner = context_with(NULL);
    count_diagnostics();

    tote_context_token first = tote_context_attach(outer);
    tote_context_token second = tote_context_attach(inner);
    assert_int_not_equal(first, second);
    assert_ptr_equal(tote_context_current(), inner);
    assert_true(tote_context_detach(second));
    assert_ptr_equal(tote_context_current(), outer);
    assert_true(tote_context_detach(first));

    assert_ptr_equal(tote_context_current(), tote_context_root());
    assert_int_equal(atomic_load(&inner->references), 1);
    assert_int_equal(diagnostics, 0);
    tote_context_unref(outer);
    tote_context_unref(inner);
}

/* Spec: context/README.md#attach-context. Compliance: CP-04 */
static void an_attached_context_outlives_its_creators_reference(void **state) {
    (void)state;
    destroyed = 0;
    tote_context *context = tote_context_with_value(tote_context_root(), &user_key, NULL);
    tote_context_token token = tote_context_attach(context);

    tote_context_unref(context);
    assert_int_equal(destroyed, 0);
    assert_ptr_equal(tote_context_current(), context);
    assert_true(tote_context_detach(token));
    assert_int_equal(destroyed, 1);
}

/* Spec: context/README.md#detach-context. Compliance: CP-05 */
static void detaching_out_of_order_detaches_all_later_attachments(void **state) {
    (void)state;
    tote_context *context = context_with(NULL);
    count_diagnostics();
    tote_context_token below = tote_context_attach(context);
    tote_context_token first = tote_context_attach(context);
    tote_context_token second = tote_context_attach(context);

    char number[48];
    snprintf(number, sizeof number, "token %llu was detached before", (unsigned long long)first);
    assert_false(tote_context_detach(first));
    assert_int_equal(diagnostics, 1);
    assert_true(was_reported(number));
    snprintf(number, sizeof number, "token %llu was detached, but", (unsigned long long)second);
    assert_false(tote_context_detach(second));
    assert_int_equal(diagnostics, 2);
    assert_true(was_reported(number));
    assert_ptr_equal(tote_context_current(), context);
    assert_true(tote_context_detach(below));

    assert_ptr_equal(tote_context_current(), tote_context_root());
    assert_int_equal(atomic_load(&context->references), 1);
    tote_context_unref(context);
}

static void *attach_elsewhere(void *arg) {
    static tote_context_token token;
    token = tote_context_attach(arg);
    return &token;
}

/* Spec: context/README.md#detach-context. Compliance: CP-05 */
static void foreign_and_used_tokens_change_nothing(void **state) {
    (void)state;
    tote_context *context = context_with(NULL);
    pthread_t thread;
    void *foreign;
    tote_context_token used = tote_context_attach(context);
    assert_true(tote_context_detach(used));
    pthread_create(&thread, NULL, attach_elsewhere, context);
    pthread_join(thread, &foreign);
    tote_context_token token = tote_context_attach(context);
    const tote_context_token unknown[] = {
        used,       *(tote_context_token *)foreign,
        token + 1,  token - 1,
        UINT64_MAX, (UINT64_C(1) << 63) | *(tote_context_token *)foreign,
        1};

    for (size_t i = 0; i < TOTE_COUNT_OF(unknown); i++) {
        count_diagnostics();
        assert_false(tote_context_detach(unknown[i]));
        assert_int_equal(diagnostics, 1);
        assert_ptr_equal(tote_context_current(), context);
    }
    count_diagnostics();
    assert_false(tote_context_detach(0));
    assert_int_equal(diagnostics, 0);
    assert_true(tote_context_detach(token));
    assert_int_equal(atomic_load(&context->references), 1);
    tote_context_unref(context);
}

/* Spec: context/README.md#attach-context */
static void attachments_nest_a_thousand_deep(void **state) {
    (void)state;
    enum { DEPTH = 1000 };
    tote_context *context = context_with(NULL);
    tote_context_token tokens[DEPTH];

    for (size_t i = 0; i < DEPTH; i++) {
        tokens[i] = tote_context_attach(context);
    }
    for (size_t i = DEPTH; i-- > 0;) {
        assert_true(tote_context_detach(tokens[i]));
    }
    assert_ptr_equal(tote_context_current(), tote_context_root());
    tote_context_unref(context);
}

static int return_references(void *arg) {
    tote_context *context = arg;
    return (int)atomic_load(&context->references);
}

static void a_run_borrows_its_context_and_restores_the_one_before(void **state) {
    (void)state;
    tote_context *outer = context_with(NULL);
    tote_context *context = context_with(NULL);
    tote_context_token token = tote_context_attach(outer);

    assert_int_equal(tote_context_run(context, return_references, context), 1);
    assert_true(tote_context_run(context, expect_current, context));
    assert_ptr_equal(tote_context_current(), outer);
    assert_true(tote_context_run(tote_context_current(), expect_current, outer));
    tote_context_detach(token);
    tote_context_unref(outer);
    tote_context_unref(context);
}

static int leave_two_attached(void *arg) {
    return tote_context_attach(arg) && tote_context_attach(arg) ? 5 : 0;
}

/* Spec: error-handling.md */
static void contexts_that_a_run_leaves_attached_are_detached(void **state) {
    (void)state;
    tote_context *context = context_with(NULL);
    count_diagnostics();

    assert_int_equal(tote_context_run(context, leave_two_attached, context), 5);
    assert_ptr_equal(tote_context_current(), tote_context_root());
    assert_int_equal(atomic_load(&context->references), 1);
    assert_int_equal(diagnostics, 1);
    tote_context_unref(context);
}

static tote_context_token outer_token;

static int detach_outer(void *arg) {
    (void)arg;
    return tote_context_detach(outer_token) ? 1 : 0;
}

/* Spec: context/README.md#detach-context */
static void a_run_may_detach_its_own_context_safely(void **state) {
    (void)state;
    tote_context *outer = context_with(NULL);
    tote_context *context = context_with(NULL);
    count_diagnostics();
    outer_token = tote_context_attach(outer);
    tote_context_unref(outer);

    assert_int_equal(tote_context_run(context, detach_outer, NULL), 0);
    assert_ptr_equal(tote_context_current(), tote_context_root());
    assert_int_equal(diagnostics, 1);
    tote_context_unref(context);
}

static void detaching_a_mark_fails_if_later_attachments_were_left(void **state) {
    (void)state;
    tote_context *context = context_with(NULL);
    count_diagnostics();

    tote_context_token mark = tote_context_mark();
    assert_true(tote_context_detach(mark));
    tote_context_token token = tote_context_attach(context);
    assert_false(tote_context_detach(mark));
    assert_ptr_equal(tote_context_current(), tote_context_root());
    assert_int_equal(diagnostics, 1);
    assert_false(tote_context_detach(token));
    tote_context_unref(context);
}

static jmp_buf jump;

static int attach_and_jump(void *arg) {
    tote_context_attach(arg);
    longjmp(jump, 1);
}

static int run_and_jump(void *arg) {
    tote_context_attach(arg);
    return tote_context_run(arg, attach_and_jump, arg);
}

static void unwind_restores_the_context_of_a_mark_after_longjmp(void **state) {
    (void)state;
    tote_context *outer = context_with(NULL);
    tote_context *context = context_with(NULL);
    tote_context_token token = tote_context_attach(outer);
    volatile tote_context_token mark = tote_context_mark();

    if (setjmp(jump) == 0) {
        tote_context_run(context, run_and_jump, context);
    }
    assert_ptr_equal(tote_context_current(), context);
    assert_int_equal(tote_context_unwind(mark, TOTE_STATUS_CODE_ERROR, "jumped"), 0);
    assert_ptr_equal(tote_context_current(), outer);
    assert_int_equal(atomic_load(&context->references), 1);
    assert_true(tote_context_detach(token));
    tote_context_unref(outer);
    tote_context_unref(context);
}

static volatile sig_atomic_t was_valid;
static tote_span_id seen_span_id;

static void look_at_current(int number) {
    uint8_t flags;
    (void)number;
    was_valid = tote_context_get_current_ids(NULL, &seen_span_id, &flags);
}

static void a_signal_handler_may_read_the_current_span(void **state) {
    (void)state;
    tote_trace_id trace_id = {{1}};
    tote_span_id span_id = {{2}};
    tote_span_context *remote = tote_span_context_new(&trace_id, &span_id, 1, NULL, true);
    tote_span *span = tote_span_non_recording_new(remote);
    tote_context *context = tote_context_with_span(tote_context_current(), span);
    struct sigaction action = {.sa_handler = look_at_current};
    struct sigaction before;
    sigaction(SIGUSR1, &action, &before);

    raise(SIGUSR1);
    assert_false(was_valid);
    tote_context_token token = tote_context_attach(context);
    raise(SIGUSR1);
    tote_context_detach(token);
    assert_true(was_valid);
    assert_memory_equal(&seen_span_id, &span_id, sizeof span_id);

    sigaction(SIGUSR1, &before, NULL);
    tote_context_unref(context);
    tote_span_close(&span);
    tote_span_context_unref(remote);
}

static void a_forked_child_keeps_the_stack_of_the_thread_that_forked(void **state) {
    (void)state;
    int status = -1;
    tote_context *context = context_with(NULL);
    tote_context_token token = tote_context_attach(context);

    pid_t child = fork();
    if (child == 0) {
        bool is_good = tote_context_current() == context && tote_context_detach(token) &&
                       tote_context_current() == tote_context_root();
        _exit(is_good ? 0 : 1);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_true(tote_context_detach(token));
    tote_context_unref(context);
}

/* Fibres of one thread, each with its own pointer for Tote. */
struct fibre {
    ucontext_t machine;
    void *stack;
    tote_context *context;
    bool is_good;
};
static struct fibre fibres[2];
static struct fibre main_fibre;
static struct fibre *running = &main_fibre;

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
}

static int yield_in_run(void *arg) {
    struct fibre *fibre = arg;
    bool is_good = tote_context_current() == fibre->context;
    switch_to(&main_fibre);
    return is_good && tote_context_current() == fibre->context;
}

static void run_fibre(void) {
    struct fibre *fibre = running;
    bool is_good = tote_context_current() == tote_context_root();
    tote_context_token token = tote_context_attach(fibre->context);

    switch_to(&main_fibre);
    is_good = is_good && tote_context_current() == fibre->context;
    is_good = is_good && tote_context_run(fibre->context, yield_in_run, fibre);
    fibre->is_good =
        is_good && tote_context_detach(token) && tote_context_current() == tote_context_root();
    switch_to(&main_fibre);
}

static void each_fibre_with_a_context_slot_has_its_own_stack(void **state) {
    (void)state;
    static char memory[2][65536];
    const tote_context_slot slot = {sizeof slot, get_of_fibre, set_of_fibre, NULL};

    assert_true(tote_context_set_slot(&slot));
    for (size_t i = 0; i < 2; i++) {
        fibres[i].context = context_with(NULL);
        getcontext(&fibres[i].machine);
        fibres[i].machine.uc_stack.ss_sp = memory[i];
        fibres[i].machine.uc_stack.ss_size = sizeof memory[i];
        makecontext(&fibres[i].machine, run_fibre, 0);
    }
    for (size_t turn = 0; turn < 6; turn++) {
        switch_to(&fibres[turn % 2]);
        assert_ptr_equal(tote_context_current(), tote_context_root());
    }
    assert_true(tote_context_set_slot(NULL));
    for (size_t i = 0; i < 2; i++) {
        assert_true(fibres[i].is_good);
        tote_context_stack_free(fibres[i].stack);
        assert_int_equal(atomic_load(&fibres[i].context->references), 1);
        tote_context_unref(fibres[i].context);
    }
    tote_context_stack_free(main_fibre.stack);
}

static void an_incomplete_or_late_context_slot_is_refused(void **state) {
    (void)state;
    const tote_context_slot incomplete = {sizeof incomplete, get_of_fibre, NULL, NULL};
    const tote_context_slot slot = {sizeof slot, get_of_fibre, set_of_fibre, NULL};
    tote_context *context = context_with(NULL);
    count_diagnostics();

    assert_false(tote_context_set_slot(&incomplete));
    tote_context_token token = tote_context_attach(context);
    assert_false(tote_context_set_slot(&slot));
    assert_int_equal(diagnostics, 2);
    assert_ptr_equal(tote_context_current(), context);
    tote_context_detach(token);
    tote_context_unref(context);
}

static int add_here(void *arg) {
    (void)arg;
    return tote_store_add(tote_store_current(), "lost", tote_int(1));
}

/* Spec: error-handling.md */
static void out_of_memory_a_run_keeps_no_memory_and_attach_returns_no_token(void **state) {
    (void)state;
    tote_context *context = context_with(NULL);
    tote_context_token tokens[4096]; /* more than any stack holds */
    size_t count = 0;
    count_diagnostics();

    errno = EXDEV;
    is_memory_out = true;
    do {
        tokens[count] = tote_context_attach(context);
    } while (tokens[count] && ++count < TOTE_COUNT_OF(tokens));
    int was_added = tote_context_run(context, add_here, NULL);
    is_memory_out = false;

    assert_in_range(count, 1, TOTE_COUNT_OF(tokens) - 1);
    assert_int_equal(was_added, 0);
    assert_ptr_equal(tote_context_current(), context);
    assert_int_equal(diagnostics, 1);
    assert_int_equal(errno, EXDEV);
    while (count) {
        assert_true(tote_context_detach(tokens[--count]));
    }
    assert_ptr_equal(tote_context_current(), tote_context_root());
    tote_context_unref(context);
}

/* Also while another context is current: a NULL context never stands for it. */
static void null_is_the_root_context_or_nothing(void **state) {
    (void)state;
    count_diagnostics();
    tote_store *store = tote_store_new(NULL);
    tote_context *other = tote_context_with_store(tote_context_root(), store);
    tote_context_token token = tote_context_attach(other);

    assert_ptr_equal(tote_context_get_store(TOTE_CONTEXT_CURRENT), store);
    assert_ptr_equal(tote_context_ref(NULL), tote_context_root());
    tote_context_unref(NULL);
    assert_ptr_equal(tote_context_get_store(NULL), tote_store_root());
    assert_null(tote_context_get_span(NULL));
    assert_non_null(tote_span_get_context(tote_context_get_span(NULL)));
    assert_null(tote_context_get_value(NULL, NULL));
    assert_ptr_equal(tote_context_with_store(NULL, NULL), tote_context_root());
    assert_ptr_equal(tote_context_with_span(NULL, NULL), tote_context_root());
    assert_ptr_equal(tote_context_with_value(NULL, NULL, NULL), tote_context_root());
    assert_true(tote_context_detach(tote_context_attach(NULL)));
    assert_int_equal(tote_context_run(NULL, NULL, NULL), 0);
    assert_int_equal(tote_context_unwind(0, TOTE_STATUS_CODE_ERROR, NULL), 0);
    assert_false(tote_context_get_current_ids(NULL, NULL, NULL));
    tote_context_stack_free(NULL);
    assert_int_equal(diagnostics, 1); /* the value without a key */
    tote_context_detach(token);
    tote_context_unref(other);
    tote_store_unref(store);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(the_root_is_current_when_nothing_is_attached),
        TEST(a_write_returns_a_new_context_and_leaves_the_old_one),
        TEST(keys_of_one_name_are_different_keys),
        TEST(a_newer_value_hides_an_older_one_and_both_are_destroyed_once),
        TEST(a_hundred_thousand_values_are_released_without_recursion),
        TEST(out_of_memory_returns_the_old_context_and_destroys_the_value),
        TEST(detach_restores_the_previous_context),
        TEST(an_attached_context_outlives_its_creators_reference),
        TEST(detaching_out_of_order_detaches_all_later_attachments),
        TEST(foreign_and_used_tokens_change_nothing),
        TEST(attachments_nest_a_thousand_deep),
        TEST(a_run_borrows_its_context_and_restores_the_one_before),
        TEST(contexts_that_a_run_leaves_attached_are_detached),
        TEST(a_run_may_detach_its_own_context_safely),
        TEST(detaching_a_mark_fails_if_later_attachments_were_left),
        TEST(unwind_restores_the_context_of_a_mark_after_longjmp),
        TEST(a_signal_handler_may_read_the_current_span),
        TEST(a_forked_child_keeps_the_stack_of_the_thread_that_forked),
        TEST(each_fibre_with_a_context_slot_has_its_own_stack),
        TEST(an_incomplete_or_late_context_slot_is_refused),
        TEST(out_of_memory_a_run_keeps_no_memory_and_attach_returns_no_token),
        TEST(null_is_the_root_context_or_nothing),
    };
    use_fake_allocator();
    return RUN_TESTS(tests, argc, argv);
}
