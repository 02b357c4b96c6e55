/* SPDX-License-Identifier: MIT */
/*
 * test_dead_readers.c - writing to a pipe without a reader does not terminate the host
 *
 * Each case runs in a child whose standard output and error are pipes without a reader, with the
 * default action of SIGPIPE and SIGXFSZ. The child ends by exit(), so that stdio writes what it has
 * buffered, too.
 */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tote/exporters/console.h"
#include "tote/exporters/otlp_file.h"
#include "tote/internal/write_signals.h"
#include "tote/tote.h"

enum { MUCH = 3000, FEW = 3, BROKEN = 41, TIMEOUT_MS = 60000 };

/* A pipe, or a connection: both raise SIGPIPE. */
static void lose_reader(int descriptor, bool is_socket) {
    int ends[2];

    if ((is_socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends)) != 0 ||
        dup2(ends[1], descriptor) < 0) {
        _exit(BROKEN);
    }
    close(ends[0]);
    close(ends[1]);
}

static void assert_host_survives_on(bool is_socket, int (*run)(void)) {
    int status = -1;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        signal(SIGXFSZ, SIG_DFL);
        lose_reader(STDOUT_FILENO, is_socket);
        lose_reader(STDERR_FILENO, is_socket);
        exit(run());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        fail_msg("the host was ended by signal %d", WTERMSIG(status));
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void assert_host_survives(int (*run)(void)) {
    assert_host_survives_on(false, run);
    assert_host_survives_on(true, run);
}

static void end_spans(int count) {
    for (int i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", NULL);
        tote_span_close(&span);
    }
}

static int report_something(void) {
    errno = ENOTTY;
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "test", "nobody reads this");
    return errno != ENOTTY;
}

static void a_diagnostic_without_a_reader_does_not_terminate_the_host(void **state) {
    (void)state;
    assert_host_survives(report_something);
}

/* A whole SDK, with the exporters for stdout that the environment can select. */
static int run_sdk(const char *exporter, tote_export_mode mode, int spans) {
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_span_exporter *exporters[] = {strcmp(exporter, "console") == 0
                                           ? tote_span_exporter_console_new(NULL)
                                           : tote_span_exporter_otlp_file_new(NULL)};

    batch.mode = mode;
    options.ignore_environment = true;
    options.batch = &batch;
    options.exporters = exporters;
    options.exporter_count = TOTE_COUNT_OF(exporters);
    tote_sdk *sdk = tote_sdk_start(&options);
    end_spans(spans);
    tote_sdk_poll(sdk);
    tote_sdk_force_flush(sdk, TIMEOUT_MS);
    tote_sdk_close(&sdk, TIMEOUT_MS);
    return 0;
}

static int console_by_worker(void) {
    return run_sdk("console", TOTE_EXPORT_MODE_WORKER, FEW);
}

static int console_by_host(void) {
    return run_sdk("console", TOTE_EXPORT_MODE_HOST_DRIVEN, FEW);
}

static int console_at_end(void) {
    return run_sdk("console", TOTE_EXPORT_MODE_SIMPLE, FEW);
}

static int much_for_console(void) {
    return run_sdk("console", TOTE_EXPORT_MODE_HOST_DRIVEN, MUCH);
}

/* A thread of the host that is the worker for a while. */
static struct {
    pthread_t thread;
    void (*work)(void *arg);
    void *arg;
    bool is_clean; /* afterwards no signal is pending, and none is blocked */
} host_thread;

static void *run_host_thread(void *unused) {
    sigset_t pending;
    sigset_t mask;

    (void)unused;
    host_thread.work(host_thread.arg);
    sigpending(&pending);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    host_thread.is_clean = sigismember(&pending, SIGPIPE) == 0 && sigismember(&mask, SIGPIPE) == 0;
    return NULL;
}

static void *start_host_thread(void *self, const char *name, void (*work)(void *arg), void *arg) {
    (void)name;
    host_thread.work = work;
    host_thread.arg = arg;
    return pthread_create(&host_thread.thread, NULL, run_host_thread, NULL) == 0 ? self : NULL;
}

static void join_host_thread(void *self, void *thread) {
    (void)self, (void)thread;
    pthread_join(host_thread.thread, NULL);
}

static int console_by_a_thread_of_the_host(void) {
    const tote_thread_factory factory = {sizeof factory, start_host_thread, join_host_thread,
                                         &host_thread};
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_span_exporter *exporter = tote_span_exporter_console_new(NULL);

    options.ignore_environment = true;
    options.thread_factory = &factory;
    options.exporters = &exporter;
    options.exporter_count = 1;
    tote_sdk *sdk = tote_sdk_start(&options);
    end_spans(FEW);
    tote_sdk_force_flush(sdk, TIMEOUT_MS);
    tote_sdk_close(&sdk, TIMEOUT_MS);
    return host_thread.is_clean ? 0 : 1;
}

static void a_thread_of_the_host_that_was_the_worker_keeps_no_pending_signal(void **state) {
    (void)state;
    assert_host_survives(console_by_a_thread_of_the_host);
}

static void the_console_exporter_without_a_reader_does_not_terminate_the_host(void **state) {
    (void)state;
    assert_host_survives(console_by_worker);
    assert_host_survives(console_by_host);
    assert_host_survives(console_at_end);
    assert_host_survives(much_for_console);
}

static int lines_by_worker(void) {
    return run_sdk("otlp/stdout", TOTE_EXPORT_MODE_WORKER, FEW);
}

static int lines_by_host(void) {
    return run_sdk("otlp/stdout", TOTE_EXPORT_MODE_HOST_DRIVEN, FEW);
}

static int lines_at_end(void) {
    return run_sdk("otlp/stdout", TOTE_EXPORT_MODE_SIMPLE, FEW);
}

static void the_otlp_file_exporter_without_a_reader_does_not_terminate_the_host(void **state) {
    (void)state;
    assert_host_survives(lines_by_worker);
    assert_host_survives(lines_by_host);
    assert_host_survives(lines_at_end);
}

/*
 * Selected by the environment: diagnostics of an invalid variable, and console or lines on stdout.
 */
static int run_environment(const char *exporter) {
    setenv("OTEL_TRACES_EXPORTER", exporter, 1);
    setenv("OTEL_TRACES_SAMPLER", "nonsense", 1);
    tote_sdk *sdk = tote_sdk_start(NULL);
    end_spans(FEW);
    tote_sdk_close(&sdk, TIMEOUT_MS);
    return 0;
}

static int console_of_the_environment(void) {
    return run_environment("console");
}

static int lines_of_the_environment(void) {
    return run_environment("otlp/stdout");
}

static void an_sdk_set_up_by_the_environment_does_not_terminate_the_host(void **state) {
    (void)state;
    assert_host_survives(console_of_the_environment);
    assert_host_survives(lines_of_the_environment);
}

static int fill_a_file(void) {
    const struct rlimit limit = {1000, 1000};
    char path[] = "/tmp/tote-limit-XXXXXX";
    int file = mkstemp(path);
    tote_otlp_file_options options = TOTE_OTLP_FILE_OPTIONS_INIT;

    options.path = path;
    tote_span_exporter *exporters[] = {tote_span_exporter_otlp_file_new(&options)};
    tote_sdk_options sdk_options = TOTE_SDK_OPTIONS_INIT;
    sdk_options.ignore_environment = true;
    sdk_options.exporters = exporters;
    sdk_options.exporter_count = 1;
    if (file < 0 || setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return BROKEN;
    }
    tote_sdk *sdk = tote_sdk_start(&sdk_options);
    end_spans(MUCH);
    tote_sdk_close(&sdk, TIMEOUT_MS);
    close(file);
    unlink(path);
    return 0;
}

/* RLIMIT_FSIZE raises SIGXFSZ. */
static void a_file_that_reaches_its_size_limit_does_not_terminate_the_host(void **state) {
    (void)state;
    assert_host_survives(fill_a_file);
}

static volatile sig_atomic_t caught;

static void note_signal(int signal_number) {
    caught = signal_number;
}

/* Return whether SIGPIPE is blocked, and in `is_pending` whether one is pending. */
static bool is_sigpipe_blocked(bool *is_pending) {
    sigset_t mask;
    sigset_t pending;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    sigpending(&pending);
    *is_pending = sigismember(&pending, SIGPIPE) == 1;
    return sigismember(&mask, SIGPIPE) == 1;
}

static int keep_the_hosts_signals(void) {
    struct tote__held_signals held;
    sigset_t sigpipe;
    bool is_pending;

    signal(SIGPIPE, note_signal);
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "test", "first");
    if (caught || is_sigpipe_blocked(&is_pending) || is_pending) {
        return 1;
    }
    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe, NULL);
    raise(SIGPIPE); /* pending: it is the host's */
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "test", "second");
    if (caught || !is_sigpipe_blocked(&is_pending) || !is_pending) {
        return 2;
    }
    errno = ENOTTY;
    tote__hold_write_signals(&held);
    tote__release_write_signals(&held);
    if (errno != ENOTTY) {
        return 3;
    }
    pthread_sigmask(SIG_UNBLOCK, &sigpipe, NULL);
    return caught == SIGPIPE ? 0 : 4;
}

static void the_hosts_handler_mask_and_pending_signal_are_unchanged(void **state) {
    (void)state;
    assert_host_survives(keep_the_hosts_signals);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_diagnostic_without_a_reader_does_not_terminate_the_host),
        TEST(the_console_exporter_without_a_reader_does_not_terminate_the_host),
        TEST(a_thread_of_the_host_that_was_the_worker_keeps_no_pending_signal),
        TEST(the_otlp_file_exporter_without_a_reader_does_not_terminate_the_host),
        TEST(an_sdk_set_up_by_the_environment_does_not_terminate_the_host),
        TEST(a_file_that_reaches_its_size_limit_does_not_terminate_the_host),
        TEST(the_hosts_handler_mask_and_pending_signal_are_unchanged),
    };

    return RUN_TESTS(tests, argc, argv);
}
