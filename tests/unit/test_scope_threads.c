/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "fake_provider.h"
#include "tote/internal/context.h"
#include "tote/scope.h"
#include "tote/thread.h"

enum { THREADS = 4, ROUNDS = 200 };

static tote_tracer *tracer;

static int set_up(void **state) {
    (void)state;
    tote_tracer_provider_set_global(fake_provider());
    tracer = tote_get_tracer("test_scope_threads", NULL);
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

static void run_in_thread(void *(*run)(void *arg), void *arg) {
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
    pthread_join(thread, NULL);
}

/* A thread with a number, and its result. */
struct worker {
    char own[2]; /* a key */
    bool is_good;
    tote_scope *scope;
    tote_context *context;
};

static int use_own_key(void *arg) {
    struct worker *worker = arg;
    bool is_good = true;

    tote_store_add(tote_store_current(), worker->own, tote_int(1));
    for (int i = 0; i < THREADS; i++) {
        const char other = (char)('a' + i);
        const char key[2] = {other, '\0'};
        is_good = is_good && sees(tote_store_current(), key) == (other == worker->own[0]);
    }
    return is_good && sees(tote_store_current(), "shared") ? 0 : 1;
}

static void *run_own_scopes(void *arg) {
    struct worker *worker = arg;

    worker->is_good = sees(tote_store_current(), "shared");
    for (size_t i = 0; i < ROUNDS; i++) {
        worker->is_good &= tote_run_scoped(tracer, worker->own, NULL, use_own_key, worker) == 0;
    }
    return NULL;
}

static void parallel_scopes_share_their_parent_and_do_not_see_each_other(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    tote_scope *scope = tote_scope_open(tracer, "parent", NULL);
    tote_store_add(tote_scope_get_store(scope), "shared", tote_int(1));

    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.own = {(char)('a' + i), '\0'}};
        assert_int_equal(tote_thread_create(&threads[i], NULL, run_own_scopes, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(workers[i].is_good);
        assert_false(sees(tote_scope_get_store(scope), workers[i].own));
    }
    assert_int_equal(fake.ended, THREADS * ROUNDS);
    tote_scope_close(&scope);
}

/* Two threads that take turns. */
struct turns {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int turn;
};

static struct turns turns = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void set_turn(int turn) {
    pthread_mutex_lock(&turns.lock);
    turns.turn = turn;
    pthread_cond_broadcast(&turns.changed);
    pthread_mutex_unlock(&turns.lock);
}

static void wait_for_turn(int turn) {
    pthread_mutex_lock(&turns.lock);
    while (turns.turn != turn) {
        pthread_cond_wait(&turns.changed, &turns.lock);
    }
    pthread_mutex_unlock(&turns.lock);
}

static int outlive_the_scope(void *arg) {
    struct worker *worker = arg;

    set_turn(1);
    wait_for_turn(2);
    worker->is_good = sees(tote_store_current(), "user") && tote_span_current() != NULL &&
                      !tote_span_is_recording(tote_span_current());
    return 0;
}

static void *run_child(void *arg) {
    struct worker *worker = arg;
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = worker->context;
    tote_run_scoped(NULL, "child", &options, outlive_the_scope, worker);
    tote_context_unref(worker->context);
    return NULL;
}

static void a_scope_may_close_while_its_children_run_in_other_threads(void **state) {
    (void)state;
    pthread_t thread;
    tote_scope *scope = tote_scope_open(tracer, "parent", NULL);
    struct worker worker = {.context = tote_context_ref(tote_scope_get_context(scope))};
    tote_store_add(tote_scope_get_store(scope), "user", tote_string("u_1"));
    set_turn(0);

    pthread_create(&thread, NULL, run_child, &worker);
    wait_for_turn(1);
    tote_scope_close(&scope);
    set_turn(2);
    pthread_join(thread, NULL);
    assert_true(worker.is_good);
    assert_int_equal(diagnostics, 0);
}

static void *resume_and_close(void *arg) {
    struct worker *worker = arg;
    const tote_context *context = tote_scope_get_context(worker->scope);

    worker->is_good = tote_scope_resume(worker->scope) && tote_context_current() == context &&
                      sees(tote_store_current(), "user");
    tote_scope_close(&worker->scope);
    worker->is_good = worker->is_good && tote_context_current() == tote_context_root();
    return NULL;
}

static void a_suspended_scope_can_be_resumed_on_another_thread(void **state) {
    (void)state;
    struct worker worker = {.scope = tote_scope_open(tracer, "work", NULL)};
    tote_store_add(tote_store_current(), "user", tote_string("u_1"));

    assert_true(tote_scope_suspend(worker.scope));
    run_in_thread(resume_and_close, &worker);
    assert_true(worker.is_good);
    assert_int_equal(fake.ended, 1);
    assert_int_equal(diagnostics, 0);
}

static void *take_from_elsewhere(void *arg) {
    struct worker *worker = arg;

    worker->is_good = !tote_scope_resume(worker->scope) && !tote_scope_suspend(worker->scope) &&
                      tote_context_current() == tote_context_root();
    tote_scope_close(&worker->scope);
    return NULL;
}

static void closing_a_scope_from_another_thread_ends_its_span_only(void **state) {
    (void)state;
    struct worker worker = {.scope = tote_scope_open(tracer, "work", NULL)};
    const tote_context *context = tote_scope_get_context(worker.scope);

    run_in_thread(take_from_elsewhere, &worker);
    assert_true(worker.is_good);
    assert_null(worker.scope);
    assert_int_equal(fake.ended, 1);
    assert_int_equal(diagnostics, 2);
    assert_ptr_equal(tote_context_current(), context);
    tote_scope *next = tote_scope_open(tracer, "next", NULL);
    assert_ptr_equal(fake_span_of(tote_span_current())->parent, tote_context_root());
    tote_scope_close(&next);
    assert_ptr_equal(tote_context_current(), tote_context_root());
}

static void *open_and_leave(void *arg) {
    struct worker *worker = arg;

    worker->scope = tote_scope_open(tracer, "left", NULL);
    return NULL;
}

static void a_scope_that_is_open_when_its_thread_exits_is_suspended(void **state) {
    (void)state;
    struct worker worker = {.scope = NULL};

    run_in_thread(open_and_leave, &worker);
    assert_int_equal(fake.ended, 0);
    assert_true(tote_scope_resume(worker.scope));
    tote_scope_close(&worker.scope);
}

static int leave_thread(void *arg) {
    tote_context_attach(tote_context_current());
    pthread_exit(arg);
}

static void *exit_in_scope(void *arg) {
    tote_run_scoped(tracer, "exits", NULL, leave_thread, arg);
    return NULL;
}

static void a_thread_that_exits_in_a_scoped_run_ends_its_span(void **state) {
    (void)state;
    pthread_t thread;
    tote_scope *scope = tote_scope_open(tracer, "work", NULL);

    assert_int_equal(tote_thread_create(&thread, NULL, exit_in_scope, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(fake.ended, 1);
    tote_scope_close(&scope);
}

static void *note_context(void *arg) {
    struct worker *worker = arg;
    worker->is_good = tote_context_current() == worker->context;
    return arg;
}

static void a_thread_inherits_its_creators_context_and_returns_its_result(void **state) {
    (void)state;
    pthread_t thread;
    void *result = NULL;
    tote_scope *scope = tote_scope_open(tracer, "work", NULL);
    struct worker worker = {.context = tote_context_ref(tote_scope_get_context(scope))};

    assert_int_equal(tote_thread_create(&thread, NULL, note_context, &worker), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, &worker);
    assert_true(worker.is_good);
    tote_scope_close(&scope);
    assert_int_equal(atomic_load(&worker.context->references), 1);
    tote_context_unref(worker.context);
    assert_int_not_equal(tote_thread_create(NULL, NULL, NULL, NULL), 0);
}

static bool starts_in(const tote_context *context) {
    pthread_t thread;
    struct worker worker = {.context = (tote_context *)(uintptr_t)context};

    assert_int_equal(
        tote__thread_create_in_scope(pthread_create, &thread, NULL, note_context, &worker), 0);
    pthread_join(thread, NULL);
    return worker.is_good;
}

/* A thread of a pool: its creator's scope is open at first, then closed. */
static struct pool {
    pthread_barrier_t turn;
    const tote_context *context; /* of the creator */
    bool is_good;
} pool;

static void *work_in_pool(void *unused) {
    (void)unused;
    bool is_good = tote_context_current() == pool.context;
    tote_scope *own = tote_scope_open(tracer, "first task", NULL);
    is_good = is_good && tote_context_current() == tote_scope_get_context(own);
    tote_scope_close(&own);
    is_good = is_good && tote_context_current() == pool.context && starts_in(pool.context);
    tote_context_token token = tote_context_attach(pool.context);
    pthread_barrier_wait(&pool.turn);
    pthread_barrier_wait(&pool.turn);                            /* closed in between */
    is_good = is_good && tote_context_current() == pool.context; /* attached by the thread itself */
    tote_context_detach(token);
    is_good = is_good && tote_context_current() == tote_context_root() &&
              !sees(tote_store_current(), "user") && starts_in(tote_context_root());
    pool.is_good = is_good;
    return NULL;
}

/* docs/guest.md, programs that are not changed */
static void
a_thread_of_unknown_use_is_in_its_creators_context_while_the_scope_is_open(void **state) {
    (void)state;
    pthread_t thread;
    tote_scope *outer = tote_scope_open(tracer, "outer", NULL);
    tote_scope *scope = tote_scope_open(tracer, "request", NULL);
    tote_store_add(tote_store_current(), "user", tote_string("alice"));
    tote_context *attached = tote_context_with_suppression(tote_context_current());
    tote_context_token token = tote_context_attach(attached); /* in the scope */

    pool.context = attached;
    assert_int_equal(pthread_barrier_init(&pool.turn, NULL, 2), 0);
    assert_int_equal(
        tote__thread_create_in_scope(pthread_create, &thread, NULL, work_in_pool, NULL), 0);
    pthread_barrier_wait(&pool.turn);
    tote_context_detach(token);
    tote_scope_close(&scope);
    pthread_barrier_wait(&pool.turn);
    pthread_join(thread, NULL);
    assert_true(pool.is_good);
    assert_int_equal(atomic_load(&attached->references), 1);
    assert_true(starts_in(tote_scope_get_context(outer)));
    is_memory_out = true;
    assert_true(starts_in(tote_context_root()));
    is_memory_out = false;
    tote_scope_close(&outer);

    token = tote_context_attach(attached); /* in no scope: until when is unknown */
    assert_true(starts_in(tote_context_root()));
    tote_context_detach(token);
    tote_context_unref(attached);
    pthread_barrier_destroy(&pool.turn);
}

static void *work_without_memory(void *arg) {
    struct worker *worker = arg;

    is_memory_out = true;
    tote_scope *outer = tote_scope_open(tracer, "outer", NULL);
    tote_scope *inner = tote_scope_open(tracer, "inner", NULL);
    bool was_kept = tote_store_add(tote_store_current(), "lost", tote_int(1));
    tote_scope_close(&inner);
    was_kept |= tote_store_add(tote_store_current(), "lost", tote_int(1));
    is_memory_out = false;
    tote_context_token token = tote_context_attach(tote_context_root());
    bool is_restored = token && tote_context_detach(token) &&
                       tote_context_current() == tote_scope_get_context(outer);
    tote_scope_close(&outer);
    worker->is_good = !was_kept && is_restored && tote_context_current() == tote_context_root();
    return NULL;
}

static void scopes_of_a_thread_that_is_out_of_memory_store_nothing(void **state) {
    (void)state;
    struct worker worker = {.is_good = false};

    run_in_thread(work_without_memory, &worker);
    assert_true(worker.is_good);
    assert_false(sees(tote_store_root(), "lost"));
}

static void *move_scopes(void *arg) {
    tote_scope *scope = arg;

    for (size_t i = 0; i < ROUNDS; i++) {
        if (tote_scope_resume(scope)) {
            tote_scope_suspend(scope);
        }
    }
    return NULL;
}

static void a_scope_is_current_on_one_thread_at_a_time(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    tote_scope *scope = tote_scope_open(tracer, "work", NULL);
    tote_scope_suspend(scope);

    for (size_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, move_scopes, scope);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(tote_scope_resume(scope));
    tote_scope_close(&scope);
}

static _Atomic(unsigned) released;

static void count_release(void *sdk) {
    released += sdk != NULL;
}

static void *have_something_released(void *arg) {
    tote__thread.sdk = arg;
    tote__thread.release_sdk = count_release;
    tote__thread_watch_end();
    return NULL;
}

static void the_sdks_state_of_a_thread_is_released_when_it_exits(void **state) {
    (void)state;
    released = 0;
    run_in_thread(have_something_released, &released);
    assert_int_equal(released, 1);
}

#define SCOPE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void *close_scope(void *arg) {
    tote_scope_close(arg);
    return NULL;
}

/* A mark is useless on a thread that did not take it. */
static void *unwind_elsewhere(void *arg) {
    const tote_context_token *mark = arg;
    tote_scope *scope = tote_scope_open(tracer, "of another thread", NULL);
    bool is_wrong = tote_context_unwind(*mark, TOTE_STATUS_CODE_ERROR, "not here") != 0 ||
                    tote_context_detach(*mark) ||
                    tote_context_current() != tote_scope_get_context(scope);

    tote_scope_close(&scope);
    return is_wrong ? arg : NULL;
}

static void open_and_close(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_scope *scope = tote_scope_open(NULL, "", NULL);
        tote_scope_close(&scope);
    }
}

static jmp_buf jump;

/* A watchdog closes the request in which the mark was taken; unwind closes what longjmp left. */
static void a_mark_outlives_the_scope_it_was_taken_in(void **state) {
    enum { SCOPES_BEFORE_SECOND_MARK = 5000 }; /* more than the tokens that a stack starts with */

    (void)state;
    for (volatile int round = 0; round < 2; round++) {
        tote_scope *outer = tote_scope_open(tracer, "outer", NULL);
        tote_scope *request = tote_scope_open(tracer, "request", NULL);
        volatile tote_context_token mark = tote_context_mark();
        volatile size_t ended = fake.ended + 1;

        run_in_thread(close_scope, &request);
        if (setjmp(jump) == 0) {
            const tote_scope *lost = tote_scope_open(tracer, "lost", NULL);
            (void)lost;
            open_and_close(1);
            longjmp(jump, 1);
        }
        assert_int_equal(tote_context_unwind(mark, TOTE_STATUS_CODE_ERROR, "jumped"), 1);
        assert_int_equal(fake.ended, ended + 1);
        assert_ptr_equal(tote_context_current(), tote_scope_get_context(outer));
        assert_int_equal(tote_context_unwind(mark, TOTE_STATUS_CODE_ERROR, "again"), 0);
        tote_scope_close(&outer);
        assert_int_equal(diagnostics, 0);
        open_and_close(SCOPES_BEFORE_SECOND_MARK);
    }
}

/* The callback's own scope is found although its outer scope was closed meanwhile. */
static void a_mark_in_a_closed_scope_still_finds_the_scopes_a_callback_left(void **state) {
    (void)state;
    tote_scope *request = tote_scope_open(tracer, "request", NULL);
    tote_context_token mark = tote_context_mark();

    run_in_thread(close_scope, &request);
    tote_scope *left = tote_scope_open(tracer, "left behind", NULL);
    assert_false(tote_context_detach(mark));
    assert_ptr_equal(tote_context_current(), tote_context_root());
    assert_int_equal(diagnostics, 1);
    tote_scope_close(&left);
}

static void another_threads_mark_changes_nothing(void **state) {
    (void)state;
    tote_context_token outside = tote_context_mark();
    tote_scope *scope = tote_scope_open(tracer, "here", NULL);
    tote_context_token inside = tote_context_mark();

    run_in_thread(unwind_elsewhere, &outside);
    run_in_thread(unwind_elsewhere, &inside);
    assert_ptr_equal(tote_context_current(), tote_scope_get_context(scope));
    tote_scope_close(&scope);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SCOPE_TEST(parallel_scopes_share_their_parent_and_do_not_see_each_other),
        SCOPE_TEST(a_scope_may_close_while_its_children_run_in_other_threads),
        SCOPE_TEST(a_suspended_scope_can_be_resumed_on_another_thread),
        SCOPE_TEST(closing_a_scope_from_another_thread_ends_its_span_only),
        SCOPE_TEST(a_scope_that_is_open_when_its_thread_exits_is_suspended),
        SCOPE_TEST(a_thread_that_exits_in_a_scoped_run_ends_its_span),
        SCOPE_TEST(a_thread_inherits_its_creators_context_and_returns_its_result),
        SCOPE_TEST(a_thread_of_unknown_use_is_in_its_creators_context_while_the_scope_is_open),
        SCOPE_TEST(scopes_of_a_thread_that_is_out_of_memory_store_nothing),
        SCOPE_TEST(a_scope_is_current_on_one_thread_at_a_time),
        SCOPE_TEST(the_sdks_state_of_a_thread_is_released_when_it_exits),
        SCOPE_TEST(a_mark_outlives_the_scope_it_was_taken_in),
        SCOPE_TEST(a_mark_in_a_closed_scope_still_finds_the_scopes_a_callback_left),
        SCOPE_TEST(another_threads_mark_changes_nothing),
    };
    use_fake_allocator();
    return RUN_TESTS(tests, argc, argv);
}
