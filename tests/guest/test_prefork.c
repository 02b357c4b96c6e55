/* SPDX-License-Identifier: MIT */
/*
 * test_prefork.c - a server that forks workers while it traces: each span arrives once
 *
 * All tests run with a worker, with a worker on a thread of the host, and with host-driven export.
 * TOTE_FORK_ROUNDS sets how often; a few times by default.
 */
#include "support.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asleep.h"
#include "filter.h"
#include "received.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/api_os.h"
#include "tote/tote.h"

enum {
    WORKERS = 8,
    OPEN = 10,
    BEFORE = 50,
    AFTER = 50,
    EACH = 100,
    THREADS = 2,
    TIMEOUT_MS = 20000
};

enum mode { BY_WORKER, BY_FACTORY, BY_HOST };

static struct server {
    enum mode mode;
    struct receiver *receiver;
    tote_sdk *sdk;
    tote_tracer *tracer;
    tote_span *open[OPEN];
    pthread_t threads[THREADS];
    atomic_bool is_over;
    atomic_size_t by_threads;
} server;

static void make_span(const char *name) {
    tote_span *span = tote_tracer_start_span(server.tracer, name, NULL);
    tote_span_close(&span);
}

static void make_spans(const char *name, size_t count) {
    for (size_t i = 0; i < count; i++) {
        make_span(name);
    }
}

/* Threads that the host creates. */
struct host_thread {
    pthread_t thread;
    void (*work)(void *arg);
    void *arg;
};

static void *run_host_thread(void *arg) {
    const struct host_thread *thread = arg;

    thread->work(thread->arg);
    return NULL;
}

static void *start_host_thread(void *self, const char *name, void (*work)(void *arg), void *arg) {
    struct host_thread *thread = malloc(sizeof *thread);

    (void)self, (void)name;
    *thread = (struct host_thread){.work = work, .arg = arg};
    if (pthread_create(&thread->thread, NULL, run_host_thread, thread) != 0) {
        free(thread);
        return NULL;
    }
    return thread;
}

static void join_host_thread(void *self, void *arg) {
    struct host_thread *thread = arg;

    (void)self;
    pthread_join(thread->thread, NULL);
    free(thread);
}

static int set_up(enum mode mode) {
    static const tote_thread_factory factory = {sizeof factory, start_host_thread, join_host_thread,
                                                NULL};
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;

    memset(&server, 0, sizeof server);
    server.mode = mode;
    server.receiver = receiver_start();
    otlp.ignore_environment = options.ignore_environment = true;
    otlp.endpoint = receiver_url(server.receiver);
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&otlp);
    options.exporters = &exporter;
    options.exporter_count = 1;
    batch.max_queue_size = 1 << 16;
    options.batch = &batch;
    batch.mode = mode == BY_HOST ? TOTE_EXPORT_MODE_HOST_DRIVEN : TOTE_EXPORT_MODE_WORKER;
    options.thread_factory = mode == BY_FACTORY ? &factory : NULL;
    server.sdk = tote_sdk_start(&options);
    server.tracer = tote_get_tracer("server", NULL);
    return server.sdk ? 0 : -1;
}

static int set_up_worker(void **state) {
    (void)state;
    return set_up(BY_WORKER);
}

static int set_up_factory(void **state) {
    (void)state;
    return set_up(BY_FACTORY);
}

static int set_up_host(void **state) {
    (void)state;
    return set_up(BY_HOST);
}

static int tear_down(void **state) {
    (void)state;
    tote_sdk_close(&server.sdk, TIMEOUT_MS);
    receiver_stop(server.receiver);
    return 0;
}

static void *trace_until_over(void *arg) {
    while (!atomic_load(&server.is_over)) {
        make_span("thread");
        atomic_fetch_add(&server.by_threads, 1);
        usleep(100);
    }
    return arg;
}

/* Closes the parent's open spans, which must have no effect, and works as a child. */
static int work(void) {
    tote_context *context = tote_context_with_span(tote_context_root(), server.open[0]);
    tote_context_token token = tote_context_attach(context);

    for (size_t i = 0; i < OPEN; i++) {
        if (tote_span_is_recording(server.open[i])) {
            return 2;
        }
        tote_span_close(&server.open[i]);
    }
    make_spans("worker", EACH);
    tote_context_detach(token);
    tote_context_unref(context);
    return tote_sdk_close(&server.sdk, TIMEOUT_MS) == TOTE_RESULT_SUCCESS ? 0 : 3;
}

static pid_t clone_bare(void) {
#ifdef __s390x__ /* the stack is first */
    return (pid_t)syscall(SYS_clone, 0, SIGCHLD, 0, 0, 0);
#else
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

static void await(pid_t worker) {
    int status;

    assert_int_equal(waitpid(worker, &status, 0), worker);
    assert_int_equal(status, 0);
}

/*
 * Make the workers in one way or another, and wait for them. Bare: without the handlers of
 * pthread_atfork(), including glibc's own. A lock of malloc() that another thread holds would stay
 * locked in the child. So only one worker is made at a time, while the receiver, whose threads are
 * of this process, has nothing to do.
 */
static void run_workers(pid_t (*make)(void), bool is_bare) {
    pid_t workers[WORKERS];

    for (size_t i = 0; i < WORKERS; i++) {
        tote_sdk_poll(server.sdk); /* in the middle of a request with host-driven export */
        if (is_bare) {
            wait_until_others_sleep();
        }
        workers[i] = make();
        if (workers[i] == 0) {
            _exit(work());
        }
        assert_true(workers[i] > 0);
        if (is_bare) {
            await(workers[i]);
        }
    }
    for (size_t i = 0; !is_bare && i < WORKERS; i++) {
        await(workers[i]);
    }
}

/* The spans that have arrived. */
static struct arrived {
    size_t inherited, before, after, worker, thread;
    size_t ids;
    uint64_t *id; /* of each span */
} arrived;

static void count_span(const Tote__Otlp__Span *span) {
    static const struct {
        const char *name;
        size_t *count;
    } names[] = {{"inherited", &arrived.inherited},
                 {"before", &arrived.before},
                 {"after", &arrived.after},
                 {"worker", &arrived.worker},
                 {"thread", &arrived.thread}};

    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        *names[i].count += strcmp(span->name, names[i].name) == 0;
    }
    arrived.id = realloc(arrived.id, (arrived.ids + 1) * sizeof *arrived.id);
    assert_int_equal(span->span_id.len, sizeof *arrived.id);
    memcpy(&arrived.id[arrived.ids++], span->span_id.data, sizeof *arrived.id);
}

static int compare(const void *a, const void *b) {
    return memcmp(a, b, sizeof *arrived.id);
}

static void read_requests(void) {
    arrived = (struct arrived){.id = NULL};
    received_spans(server.receiver, count_span);
    qsort(arrived.id, arrived.ids, sizeof *arrived.id, compare);
    for (size_t i = 1; i < arrived.ids; i++) {
        assert_int_not_equal(compare(&arrived.id[i - 1], &arrived.id[i]), 0);
    }
    free(arrived.id);
}

/* Open and end spans, make workers, end the open spans, and check the arrived spans. */
static void serve(pid_t (*make)(void), size_t thread_count) {
    for (size_t i = 0; i < OPEN; i++) {
        server.open[i] = tote_tracer_start_span(server.tracer, "inherited", NULL);
    }
    make_spans("before", BEFORE);
    for (size_t i = 0; i < thread_count; i++) {
        pthread_create(&server.threads[i], NULL, trace_until_over, NULL);
    }
    run_workers(make, thread_count == 0);
    atomic_store(&server.is_over, true);
    for (size_t i = 0; i < thread_count; i++) {
        pthread_join(server.threads[i], NULL);
    }
    for (size_t i = 0; i < OPEN; i++) {
        tote_span_close(&server.open[i]);
    }
    make_spans("after", AFTER);
    assert_int_equal(tote_sdk_force_flush(server.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    read_requests();
    assert_int_equal(arrived.inherited, OPEN);
    assert_int_equal(arrived.before, BEFORE);
    assert_int_equal(arrived.after, AFTER);
    assert_int_equal(arrived.worker, WORKERS * EACH);
    assert_int_equal(arrived.thread, server.by_threads);
}

static size_t rounds(void) {
    const char *text = getenv("TOTE_FORK_ROUNDS");

    return text ? strtoul(text, NULL, 10) : 2;
}

static void serve_repeatedly(void **state, pid_t (*make)(void), size_t thread_count) {
    for (size_t round = 0; round < rounds(); round++) {
        if (round) {
            enum mode mode = server.mode;
            tear_down(state);
            set_up(mode);
        }
        serve(make, thread_count);
    }
}

/* While other threads start spans and hold locks, and an export may be in progress. */
static void each_span_of_a_prefork_server_arrives_once(void **state) {
    serve_repeatedly(state, fork, THREADS);
}

/* Skip a test of a fork without handlers on a system that cannot detect it. */
static void need_detection(void) {
    if (!tote__map_wiped_word()) {
        skip();
    }
}

/* No fork handler runs, and the fork is detected. */
static void each_span_arrives_once_with_workers_of_a_bare_clone(void **state) {
    need_detection();
    serve_repeatedly(state, clone_bare, 0);
}

static void each_span_arrives_once_with_workers_of__Fork(void **state) {
    need_detection();
    serve_repeatedly(state, _Fork, 0);
}

/* The child shares its parent's memory, and touches nothing: it executes another program. */
static pid_t vfork_true(void) {
    static char *const arguments[] = {"true", NULL};
    pid_t child = vfork(); /* NOLINT: this is what programs do */

    if (child == 0) {
        execv("/bin/true", arguments);
        _exit(127);
    }
    return child;
}

/* vfork and exec while tracing, which continues unchanged in the parent. */
static void a_program_started_by_vfork_changes_nothing(void **state) {
    (void)state;
    make_spans("before", BEFORE);
    tote_span *open = tote_tracer_start_span(server.tracer, "inherited", NULL);
    for (size_t i = 0; i < WORKERS; i++) {
        tote_sdk_poll(server.sdk);
        await(vfork_true());
        make_spans("after", 1);
    }
    assert_true(tote_span_is_recording(open));
    tote_span_close(&open);
    assert_int_equal(tote_sdk_force_flush(server.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    read_requests();
    assert_int_equal(arrived.before, BEFORE);
    assert_int_equal(arrived.inherited, 1);
    assert_int_equal(arrived.after, WORKERS);
}

static pid_t fork_twice(void) {
    pid_t child = fork();

    if (child == 0) {
        pid_t grandchild = fork();
        int status = 0;
        if (grandchild == 0) {
            return 0;
        }
        waitpid(grandchild, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 9);
    }
    return child;
}

/* The process in between has no spans of its own. */
static void each_span_arrives_once_with_grandchildren(void **state) {
    serve_repeatedly(state, fork_twice, THREADS);
}

/* The child of a server that called daemon(3); it is not ours to wait for. */
static int run_daemon(bool adopts_queue) {
    make_spans("before", BEFORE);
    if (daemon(1, 1) != 0) {
        return 2;
    }
    if (tote_sdk_after_fork_child(server.sdk, adopts_queue) != TOTE_RESULT_SUCCESS) {
        return 3;
    }
    make_spans("after", AFTER);
    return tote_sdk_close(&server.sdk, TIMEOUT_MS) == TOTE_RESULT_SUCCESS ? 0 : 4;
}

/* In a child, with its own SDK; the end of the pipe signals that the daemon has exited. */
static void daemonize(bool adopts_queue) {
    int ends[2];
    char byte;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        int status = tote_sdk_after_fork_child(server.sdk, false) == TOTE_RESULT_SUCCESS
                         ? run_daemon(adopts_queue)
                         : 5;
        byte = (char)status;
        _exit(write(ends[1], &byte, 1) == 1 ? status : 1);
    }
    close(ends[1]);
    await(child);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(byte, 0);
    close(ends[0]);
    read_requests();
}

/* daemon(3) with adoption: its parent has exited and exports nothing. */
static void a_daemon_exports_the_queued_spans_of_its_parent_if_it_adopts_them(void **state) {
    (void)state;
    daemonize(true);
    assert_int_equal(arrived.before, BEFORE);
    assert_int_equal(arrived.after, AFTER);
}

static void a_daemon_does_not_export_the_spans_of_its_parent_without_adoption(void **state) {
    (void)state;
    daemonize(false);
    assert_int_equal(arrived.before, 0);
    assert_int_equal(arrived.after, AFTER);
}

static void adoption_in_a_process_that_was_not_forked_does_nothing(void **state) {
    (void)state;
    make_spans("before", BEFORE);
    assert_int_equal(tote_sdk_after_fork_child(server.sdk, true), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_sdk_after_fork_child(NULL, true), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_sdk_force_flush(server.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    read_requests();
    assert_int_equal(arrived.before, BEFORE);
}

static unsigned reports;

static void count_report(tote_level level, const char *component, const char *message,
                         void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
    reports++;
}

/* No thread can be created. Returns 0 if each span was counted and one report was made. */
static int work_without_threads(void) {
    static const int refused[] = {SYS_clone, SYS_clone3};
    tote_stats stats = TOTE_STATS_INIT;

    if (!filter_calls(refused, TOTE_COUNT_OF(refused), SECCOMP_RET_ERRNO | EPERM)) {
        return 3;
    }
    tote_diagnostics_set_handler(count_report, TOTE_LEVEL_ERROR, NULL);
    make_spans("worker", EACH);
    tote_sdk_get_stats(server.sdk, &stats);
    if (server.mode == BY_HOST) { /* needs none */
        return tote_sdk_close(&server.sdk, TIMEOUT_MS) == TOTE_RESULT_SUCCESS && reports == 0 ? 0
                                                                                              : 6;
    }
    if (stats.ended != EACH || stats.dropped_out_of_memory != EACH) {
        return 4;
    }
    return reports == 1 ? 0 : 5;
}

/* A child that cannot create its worker counts its spans. */
static void a_child_without_a_thread_counts_dropped_spans_and_reports_once(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        _exit(work_without_threads());
    }
    await(child);
}

#define PREFORK_TEST(test)                                                                         \
    {#test ", with a worker", test, set_up_worker, tear_down, NULL},                               \
        {#test ", with the host's thread", test, set_up_factory, tear_down, NULL}, {               \
#test ", with the host's loop", test, set_up_host, tear_down, NULL                         \
    }

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        PREFORK_TEST(each_span_of_a_prefork_server_arrives_once),
        PREFORK_TEST(each_span_arrives_once_with_workers_of_a_bare_clone),
        PREFORK_TEST(each_span_arrives_once_with_workers_of__Fork),
        PREFORK_TEST(each_span_arrives_once_with_grandchildren),
        PREFORK_TEST(a_program_started_by_vfork_changes_nothing),
        PREFORK_TEST(a_daemon_exports_the_queued_spans_of_its_parent_if_it_adopts_them),
        PREFORK_TEST(a_daemon_does_not_export_the_spans_of_its_parent_without_adoption),
        PREFORK_TEST(adoption_in_a_process_that_was_not_forked_does_nothing),
        PREFORK_TEST(a_child_without_a_thread_counts_dropped_spans_and_reports_once),
    };
    return RUN_TESTS(tests, argc, argv);
}
