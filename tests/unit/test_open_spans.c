/* SPDX-License-Identifier: MIT */
/*
 * test_open_spans.c - spans that are not exported because they start too early or too late, or
 * never end
 *
 * Spec: trace/sdk.md#shutdown, trace/sdk.md#span-processor
 */
#include "sdk_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tote/allocator.h"
#include "tote/internal/pool.h"

enum { MOST_WARNINGS = 16 };

static struct {
    size_t count;
    char texts[MOST_WARNINGS][512];
} warnings;

static _Thread_local bool is_watching; /* what other threads report is not kept */

static void keep_warning(tote_level level, const char *component, const char *message,
                         void *user_data) {
    (void)component, (void)user_data;
    if (is_watching && level <= TOTE_LEVEL_WARN && warnings.count < MOST_WARNINGS) {
        strncpy(warnings.texts[warnings.count++], message, sizeof warnings.texts[0] - 1);
    }
}

static struct sdk_fixture *start_and_watch(void **state) {
    memset(&warnings, 0, sizeof warnings);
    is_watching = true;
    tote_diagnostics_set_handler(keep_warning, TOTE_LEVEL_INFO, NULL);
    struct sdk_fixture *f = *state;
    f->settings.now_unix_nano = NULL;
    return sdk_fixture_start(state);
}

/* Return the only warning that contains this text; fails the test unless there is exactly one. */
static const char *only_warning(const char *part) {
    const char *found = NULL;

    for (size_t i = 0; i < warnings.count; i++) {
        if (strstr(warnings.texts[i], part)) {
            assert_null(found);
            found = warnings.texts[i];
        }
    }
    assert_non_null(found);
    return found;
}

static tote_span *start(const char *name) {
    return tote_tracer_start_span(tote_get_tracer("test", NULL), name, NULL);
}

static void start_and_close(const char *name) {
    tote_span *span = start(name);

    tote_span_close(&span);
}

static tote_stats stats_of(const tote_sdk *sdk) {
    tote_stats stats = TOTE_STATS_INIT;

    assert_true(tote_sdk_get_stats(sdk, &stats));
    return stats;
}

/* Compliance: SO-01, SO-02 */
static void spans_that_are_open_at_the_shutdown_are_counted_and_named(void **state) {
    struct sdk_fixture *f = start_and_watch(state);
    tote_span *open[4] = {start("load"), start("request"), start("query"), start("parse")};

    start_and_close("ended");
    assert_int_equal(stats_of(f->sdk).open, 4);
    assert_int_equal(tote_sdk_shutdown(f->sdk, 1000), TOTE_RESULT_SUCCESS);
    const char *warning = only_warning("4 spans are open");
    const char *const names[] = {"\"load\"", "\"request\"", "\"query\"", "\"parse\""};
    size_t named = 0;
    for (size_t i = 0; i < 4; i++) {
        named += strstr(warning, names[i]) != NULL;
        tote_span_close(&open[i]);
    }
    assert_int_equal(named, 3);
    assert_non_null(strstr(warning, "and 1 more"));
    assert_null(strstr(warning, "ended\""));
    assert_int_equal(stats_of(f->sdk).started, 5);
    assert_int_equal(stats_of(f->sdk).open, 0);
}

static void *close_span(void *span) {
    tote_span_close((tote_span **)span);
    return NULL;
}

static void a_span_that_another_thread_ends_is_not_open(void **state) {
    struct sdk_fixture *f = start_and_watch(state);
    tote_span *span = start("handed over");
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, close_span, &span), 0);
    pthread_join(thread, NULL);
    assert_int_equal(stats_of(f->sdk).open, 0);
    tote_sdk_shutdown(f->sdk, 1000);
    assert_int_equal(warnings.count, 0);
}

static void a_span_that_is_released_without_an_end_is_counted_and_named(void **state) {
    struct sdk_fixture *f = start_and_watch(state);

    tote_span_unref(start("forgotten"));
    assert_non_null(strstr(only_warning("without an end"), "\"forgotten\""));
    assert_int_equal(stats_of(f->sdk).never_ended, 1);
    assert_int_equal(stats_of(f->sdk).open, 0);
    assert_int_equal(f->ended, 0);
    tote_sdk_shutdown(f->sdk, 1000);
    assert_int_equal(warnings.count, 1);
}

static void *start_early(void *unused) {
    (void)unused;
    start_and_close("in a thread that is gone");
    return NULL;
}

static void spans_that_are_started_before_the_sdk_are_counted_and_named(void **state) {
    pthread_t thread;

    start_and_close("main");
    start_and_close("configure");
    assert_int_equal(pthread_create(&thread, NULL, start_early, NULL), 0);
    pthread_join(thread, NULL);
    start_and_close("fourth");
    struct sdk_fixture *f = start_and_watch(state);
    const char *warning = only_warning("4 spans were started while no SDK was running");
    assert_non_null(
        strstr(warning, "\"main\", \"configure\", \"in a thread that is gone\" and 1 more"));
    assert_int_equal(stats_of(f->sdk).started_before_sdk, 4);
    start_and_close("in time");
    assert_int_equal(stats_of(f->sdk).started_before_sdk, 4);
    assert_int_equal(stats_of(f->sdk).started, 1);
}

static void early_spans_are_reported_by_one_sdk_only(void **state) {
    struct sdk_fixture *f = start_and_watch(state);

    assert_int_equal(stats_of(f->sdk).started_before_sdk, 0);
    assert_int_equal(warnings.count, 0);
}

static void
spans_that_are_started_after_the_shutdown_are_counted_and_the_first_is_named(void **state) {
    struct sdk_fixture *f = start_and_watch(state);

    tote_sdk_shutdown(f->sdk, 1000);
    assert_int_equal(stats_of(f->sdk).started_after_shutdown, 0);
    start_and_close("too late");
    start_and_close("later still");
    assert_non_null(strstr(only_warning("after the SDK was shut down"), "\"too late\""));
    assert_int_equal(stats_of(f->sdk).started_after_shutdown, 2);
    assert_int_equal(warnings.count, 1);
}

static void an_sdk_that_is_not_global_counts_what_its_own_tracers_start_late(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.is_global = false;
    start_and_watch(state);
    tote_tracer_provider *provider = tote_sdk_ref_tracer_provider(f->sdk);
    tote_tracer *own = tote_tracer_provider_get_tracer(provider, "own", NULL);

    tote_sdk_shutdown(f->sdk, 1000);
    tote_span *late = tote_tracer_start_span(own, "late", NULL);
    tote_span_close(&late);
    start_and_close("of nobody");
    assert_int_equal(stats_of(f->sdk).started_after_shutdown, 1);
    assert_non_null(strstr(only_warning("after the SDK was shut down"), "\"late\""));
    tote_sdk_close(&f->sdk, 1000);
    late = tote_tracer_start_span(own, "after the close", NULL);
    assert_false(tote_span_is_recording(late));
    tote_span_close(&late);
    tote_tracer_provider_unref(provider);
}

static void a_forked_child_counts_its_own_open_spans(void **state) {
    struct sdk_fixture *f = start_and_watch(state);
    warnings.count = 0;
    tote_span *inherited = start("of the parent");
    pid_t child = fork();

    assert_return_code(child, 0);
    if (child == 0) {
        tote_span *own = start("of the child");
        bool is_right = stats_of(f->sdk).open == 1;
        tote_sdk_shutdown(f->sdk, 1000);
        is_right = is_right && warnings.count == 1 &&
                   strstr(warnings.texts[0], "1 span is open: \"of the child\":");
        tote_span_close(&own);
        tote_span_close(&inherited);
        _exit(is_right ? 0 : 1);
    }
    int status = 0;
    assert_return_code(waitpid(child, &status, 0), 0);
    assert_int_equal(status, 0);
    assert_int_equal(stats_of(f->sdk).open, 1);
    tote_span_close(&inherited);
    assert_int_equal(stats_of(f->sdk).open, 0);
}

struct churn {
    atomic_bool is_over;
    tote_tracer *tracer;
};

/*
 * Names that move into the overflow while they are read, spans that end, and spans that never end.
 */
static void *churn(void *arg) {
    struct churn *churn = arg;
    char name[700];

    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    for (unsigned i = 0; !atomic_load(&churn->is_over); i++) {
        tote_span *span = tote_tracer_start_span(churn->tracer, "short", NULL);
        tote_span_update_name(span, name + i % 600);
        if (i % 2) {
            tote_span_end(span, 0);
        }
        tote_span_unref(span);
    }
    return NULL;
}

/*
 * For the sanitizers: other threads start, rename, end and release spans while the names are read.
 */
static void open_spans_are_named_while_other_threads_change_them(void **state) {
    struct churn work = {.tracer = tote_get_tracer("churn", NULL)};
    pthread_t threads[2];

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &work), 0);
    }
    for (int round = 0; round < 20; round++) {
        struct sdk_fixture *f = start_and_watch(state);
        tote_span *open = start("open");
        tote_sdk_close(&f->sdk, 1000);
        only_warning("open: \"");
        tote_span_close(&open);
        f->settings.processor_count = 0;
    }
    atomic_store(&work.is_over, true);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

static _Thread_local size_t allocations;

static void *count_and_allocate(void *self, size_t size) {
    (void)self;
    allocations++;
    return malloc(size);
}

static void *count_and_reallocate(void *self, void *memory, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    allocations++;
    return realloc(memory, size);
}

static void release(void *self, void *memory, size_t size) {
    (void)self, (void)size;
    free(memory);
}

/*
 * Their blocks stay with the thread: a start allocates nothing, and takes no lock of the lists of
 * blocks.
 */
static void a_thread_that_repeatedly_has_2000_open_spans_allocates_nothing(void **state) {
    enum { OPEN = 2000 };
    static tote_span *open[OPEN];
    size_t allocated = 0;

    if (!tote__pools_keep) {
        skip();
    }
    start_and_watch(state);
    for (int round = 0; round < 3; round++) { /* the fixture keeps some of the first ones */
        size_t before = allocations;
        for (size_t i = 0; i < OPEN; i++) {
            open[i] = start("request");
        }
        allocated = allocations - before;
        for (size_t i = 0; i < OPEN; i++) {
            tote_span_close(&open[i]);
        }
    }
    assert_int_equal(allocated, 0);
}

int main(int argc, char **argv) {
    const tote_allocator allocator = {sizeof allocator, count_and_allocate, count_and_reallocate,
                                      release, NULL};
    const struct CMUnitTest tests[] = {
        SDK_TEST(spans_that_are_open_at_the_shutdown_are_counted_and_named),
        SDK_TEST(a_span_that_another_thread_ends_is_not_open),
        SDK_TEST(a_span_that_is_released_without_an_end_is_counted_and_named),
        SDK_TEST(spans_that_are_started_before_the_sdk_are_counted_and_named),
        SDK_TEST(early_spans_are_reported_by_one_sdk_only),
        SDK_TEST(spans_that_are_started_after_the_shutdown_are_counted_and_the_first_is_named),
        SDK_TEST(an_sdk_that_is_not_global_counts_what_its_own_tracers_start_late),
        SDK_TEST(a_forked_child_counts_its_own_open_spans),
        SDK_TEST(open_spans_are_named_while_other_threads_change_them),
        SDK_TEST(a_thread_that_repeatedly_has_2000_open_spans_allocates_nothing),
    };
    return tote_allocator_set(&allocator) ? RUN_TESTS(tests, argc, argv) : 1;
}
