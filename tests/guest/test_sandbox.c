/* SPDX-License-Identifier: MIT */
/*
 * test_sandbox.c - after tote_sdk_prepare() no file is opened and no thread created: tested where
 * neither is possible
 */
#include "support.h"

#include <arpa/inet.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter.h"
#include "identity.h"
#include "otlp/transport/prepare.h"
#include "receiver.h"
#include "reports.h"
#include "tote/exporters/otlp.h"
#include "tote/exporters/otlp_file.h"
#include "tote/internal/clock.h"
#include "tote/tote.h"

enum { SPANS = 20, TIMEOUT_MS = 20000 };

struct fixture {
    struct identity identity;
    bool has_identity;
    struct receiver *receiver;
};

static int set_up(void **state) {
    static struct fixture fixture;

    *state = &fixture;
    fixture.receiver = NULL;
    fixture.has_identity = identity_make(&fixture.identity);
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;

    if (fixture->receiver) {
        receiver_stop(fixture->receiver);
    }
    if (fixture->has_identity) {
        identity_remove(&fixture->identity);
    }
    return 0;
}

/*
 * The names that this process can resolve, including libcurl: the test depends on no resolver and
 * on no /etc/hosts. getaddrinfo(3)
 */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    struct in_addr address = {.s_addr = htonl(INADDR_LOOPBACK)};

    (void)hints;
    if (strcmp(node, "collector.test") != 0 && inet_pton(AF_INET, node, &address) != 1) {
        return EAI_NONAME;
    }
    struct sockaddr_in *in = calloc(1, sizeof *in);
    struct addrinfo *info = calloc(1, sizeof *info);
    if (!in || !info) {
        free(in);
        free(info);
        return EAI_MEMORY;
    }
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)strtoul(service ? service : "0", NULL, 10));
    in->sin_addr = address;
    info->ai_family = AF_INET;
    info->ai_socktype = SOCK_STREAM;
    info->ai_addr = (struct sockaddr *)in;
    info->ai_addrlen = sizeof *in;
    *found = info;
    return 0;
}

void freeaddrinfo(struct addrinfo *info) {
    free(info->ai_addr);
    free(info);
}

/* A thread that creates a thread or process, or opens a file, is killed. */
static bool forbid(void) {
    static const int forbidden[] = {
#ifdef SYS_open
        SYS_open,
#endif
#ifdef SYS_fork
        SYS_fork,  SYS_vfork,
#endif
        SYS_clone, SYS_clone3, SYS_openat, SYS_openat2};

    return filter_calls(forbidden, TOTE_COUNT_OF(forbidden), SECCOMP_RET_KILL_PROCESS);
}

/* A thread that creates a thread or process is killed. */
static bool forbid_threads(void) {
    static const int forbidden[] = {
#ifdef SYS_fork
        SYS_fork, SYS_vfork,
#endif
        SYS_clone, SYS_clone3};

    return filter_calls(forbidden, TOTE_COUNT_OF(forbidden), SECCOMP_RET_KILL_PROCESS);
}

/* A thread that opens a file is killed. */
static bool forbid_files(void) {
    static const int forbidden[] = {
#ifdef SYS_open
        SYS_open,
#endif
        SYS_openat, SYS_openat2};

    return filter_calls(forbidden, TOTE_COUNT_OF(forbidden), SECCOMP_RET_KILL_PROCESS);
}

/* Into an empty directory. */
static bool leave_the_file_system(void) {
    char folder[] = "/tmp/tote-test-XXXXXX";

    return mkdtemp(folder) && chroot(folder) == 0 && chdir("/") == 0;
}

/* How the process under test is confined. */
struct guest {
    bool (*lock_in)(void);       /* after the preparations */
    bool (*lock_in_early)(void); /* before anything else; NULL: not then */
    bool is_prepared;
    bool (*lock_in_child)(
        void); /* the work is done by a forked child, after this; NULL: by the process itself */
    tote_export_mode mode;
};

/* Returns 0 if all was delivered. */
static int end_spans_and_close(tote_sdk *sdk) {
    for (int i = 0; i < SPANS; i++) {
        tote_span *span = tote_tracer_start_span(tote_get_tracer("guest", NULL), "work", NULL);
        tote_span_close(&span);
    }
    return tote_sdk_close(&sdk, TIMEOUT_MS) == TOTE_RESULT_SUCCESS ? 0 : 4;
}

/* Returns 0 if the child has delivered all. */
static int work_in_a_child(tote_sdk *sdk, bool (*lock_in)(void)) {
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        _exit(lock_in() ? end_spans_and_close(sdk) : 3);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 5;
}

/*
 * The work of the process: start, prepare if set, lock in, work, and exit. Returns 0 if all was
 * delivered.
 */
static int work_behind(const struct fixture *fixture, const char *endpoint,
                       const struct guest *guest) {
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;

    if (guest->lock_in_early && !guest->lock_in_early()) {
        return 3;
    }
    batch.mode = guest->mode;
    options.batch = &batch;

    otlp.endpoint = endpoint;
    otlp.ca_file = fixture->has_identity ? fixture->identity.certificate_path : NULL;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&otlp);
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.ignore_environment = true;
    tote_sdk *sdk = tote_sdk_start(&options);
    if (guest->is_prepared && tote_sdk_prepare(sdk, TIMEOUT_MS) != TOTE_RESULT_SUCCESS) {
        return 2;
    }
    if (guest->lock_in && !guest->lock_in()) {
        return 3;
    }
    return guest->lock_in_child ? work_in_a_child(sdk, guest->lock_in_child)
                                : end_spans_and_close(sdk);
}

/*
 * The same in a child, which is forked before this process has the threads of a receiver: locks
 * that they hold, including those of a sanitizer's malloc(), would stay locked in the child.
 * Returns its status as of wait().
 */
static int run_child(struct fixture *fixture, struct guest guest) {
    int status = -1;
    int tells[2];
    char url[128] = "";

    fflush(NULL);
    assert_int_equal(pipe(tells), 0);
    pid_t child = fork();
    if (child == 0) {
        bool is_told = read(tells[0], url, sizeof url) == sizeof url;
        _exit(is_told ? work_behind(fixture, url, &guest) : 1);
    }
    fixture->receiver = fixture->has_identity ? receiver_start_tls(fixture->identity.certificate,
                                                                   fixture->identity.key)
                                              : receiver_start();
    if (fixture->receiver) {
        const char *port = strrchr(receiver_url(fixture->receiver), ':');
        snprintf(url, sizeof url, "%s%s/v1/traces",
                 fixture->has_identity ? "https://127.0.0.1" : "http://collector.test", port);
        assert_int_equal(write(tells[1], url, sizeof url), sizeof url);
    }
    close(tells[0]);
    close(tells[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void a_prepared_sdk_delivers_under_a_filter_that_forbids_open_and_clone(void **state) {
    struct fixture *fixture = *state;

    assert_int_equal(run_child(fixture, (struct guest){.lock_in = forbid, .is_prepared = true}), 0);
    assert_int_equal(receiver_wait(fixture->receiver, 1), 1);
}

static void a_prepared_sdk_with_host_driven_export_delivers_under_that_filter(void **state) {
    struct fixture *fixture = *state;
    const struct guest guest = {
        .lock_in = forbid, .is_prepared = true, .mode = TOTE_EXPORT_MODE_HOST_DRIVEN};

    assert_int_equal(run_child(fixture, guest), 0);
    assert_int_equal(receiver_wait(fixture->receiver, 1), 1);
}

/* Not even to resolve a name. */
static void host_driven_export_never_creates_a_thread(void **state) {
    struct fixture *fixture = *state;
    const struct guest guest = {
        .lock_in_early = forbid_threads, .is_prepared = true, .mode = TOTE_EXPORT_MODE_HOST_DRIVEN};

    if (fixture->has_identity) { /* its certificate is for the address only */
        identity_remove(&fixture->identity);
        fixture->has_identity = false;
    }
    assert_int_equal(run_child(fixture, guest), 0);
    assert_int_equal(receiver_wait(fixture->receiver, 1), 1);
}

/*
 * A server that locks itself in, and forks: resource, worker, connection and TLS session are new.
 */
static void a_child_forked_under_the_filter_opens_no_file(void **state) {
    struct fixture *fixture = *state;
    const struct guest guest = {
        .lock_in = forbid_files, .is_prepared = true, .lock_in_child = forbid_files};

    assert_int_equal(run_child(fixture, guest), 0);
    assert_int_equal(receiver_wait(fixture->receiver, 1), 1);
}

static void a_child_with_host_driven_export_creates_no_thread(void **state) {
    struct fixture *fixture = *state;
    const struct guest guest = {.lock_in = forbid_files,
                                .is_prepared = true,
                                .lock_in_child = forbid_threads,
                                .mode = TOTE_EXPORT_MODE_HOST_DRIVEN};

    assert_int_equal(run_child(fixture, guest), 0);
    assert_int_equal(receiver_wait(fixture->receiver, 1), 1);
}

/* This proves the filter: without preparations the certificate would have to be opened. */
static void without_tote_sdk_prepare_the_filter_kills_the_process(void **state) {
    struct fixture *fixture = *state;

    if (!fixture->has_identity) {
        skip();
    }
    int status = run_child(fixture, (struct guest){.lock_in = forbid});
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* No /etc, nothing. */
static void a_prepared_sdk_delivers_from_an_empty_root(void **state) {
    struct fixture *fixture = *state;

    if (geteuid() != 0) {
        skip();
    }
    const struct guest guest = {.lock_in = leave_the_file_system, .is_prepared = true};
    assert_int_equal(run_child(fixture, guest), 0);
    assert_int_equal(receiver_wait(fixture->receiver, 1), 1);
}

static struct tote__otlp_settings settings_of(const char *endpoint, const char *ca_file) {
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;
    struct tote__otlp_settings settings;

    options.endpoint = endpoint;
    options.ca_file = ca_file;
    assert_true(tote__otlp_settings_resolve(&settings, &options, NULL));
    return settings;
}

static void ignore(tote_level level, const char *component, const char *message, void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

static void addresses_and_files_are_read_once(void **state) {
    struct fixture *fixture = *state;
    struct tote__prepared prepared;
    uint64_t soon = tote__clock_monotonic() + UINT64_C(20000000000);

    struct tote__otlp_settings settings = settings_of("http://collector.test:4318/v1/traces", NULL);
    assert_int_equal(tote__prepare(&settings, soon, true, &prepared), TOTE_RESULT_SUCCESS);
    assert_non_null(strstr(prepared.addresses->data, "collector.test:4318:"));
    assert_non_null(strstr(prepared.addresses->data, "127.0.0.1"));
    assert_null(prepared.files[TOTE__CA_FILE].data);
    tote__prepared_clear(&prepared);
    tote__otlp_settings_clear(&settings);

    settings = settings_of("http://[::1]:4318/v1/traces", NULL);
    assert_int_equal(tote__prepare(&settings, soon, true, &prepared), TOTE_RESULT_SUCCESS);
    assert_null(prepared.addresses);
    tote__prepared_clear(&prepared);
    tote__otlp_settings_clear(&settings);

    if (fixture->has_identity) {
        settings = settings_of("https://127.0.0.1/", fixture->identity.certificate_path);
        assert_int_equal(tote__prepare(&settings, soon, true, &prepared), TOTE_RESULT_SUCCESS);
        assert_int_equal(prepared.files[TOTE__CA_FILE].len, strlen(fixture->identity.certificate));
        tote__prepared_clear(&prepared);
        tote__otlp_settings_clear(&settings);
    }
}

static tote_result prepare_with(tote_span_exporter *exporter) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.exporters = &exporter;
    options.exporter_count = 1;
    options.ignore_environment = true;
    tote_sdk *sdk = tote_sdk_start(&options);
    tote_result result = tote_sdk_prepare(sdk, TIMEOUT_MS);
    tote_sdk_close(&sdk, TIMEOUT_MS);
    return result;
}

/* A diagnostic reports that files will be opened. */
static void settings_that_open_files_while_running_cannot_be_prepared(void **state) {
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_otlp_file_options file = TOTE_OTLP_FILE_OPTIONS_INIT;
    char folder[] = "/tmp/tote-test-XXXXXX";
    char path[64];

    (void)state;
    otlp.delivery = &delivery;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/spans", folder);
    otlp.ignore_environment = true;
    otlp.endpoint = "http://127.0.0.1:1";
    assert_int_equal(prepare_with(tote_span_exporter_otlp_new(&otlp)), TOTE_RESULT_SUCCESS);
    reports_reset(TOTE_LEVEL_ERROR);
    delivery.disk_queue_directory = folder;
    assert_int_equal(prepare_with(tote_span_exporter_otlp_new(&otlp)), TOTE_RESULT_FAILURE);
    assert_non_null(strstr(reports.message, "the disk queue"));
    reports_reset(TOTE_LEVEL_ERROR);
    setenv("OTEL_C_DISK_QUEUE_DIRECTORY", "/proc/queue",
           1); /* cannot be opened, like another user's */
    delivery.disk_queue_directory = NULL;
    otlp.ignore_environment = false;
    assert_int_equal(prepare_with(tote_span_exporter_otlp_new(&otlp)), TOTE_RESULT_FAILURE);
    assert_non_null(strstr(reports.message, "not prepared: the disk queue"));
    unsetenv("OTEL_C_DISK_QUEUE_DIRECTORY");
    file.path = path;
    assert_int_equal(prepare_with(tote_span_exporter_otlp_file_new(&file)), TOTE_RESULT_SUCCESS);
    file.max_bytes = 1000;
    assert_int_equal(prepare_with(tote_span_exporter_otlp_file_new(&file)), TOTE_RESULT_FAILURE);
    assert_non_null(strstr(reports.message, "is rotated"));
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    unlink(path);
    snprintf(path, sizeof path, "%s/tote.lock", folder);
    unlink(path);
    rmdir(folder);
}

/* The FIFO has no writer: open() without O_NONBLOCK would wait without end. */
static void a_fifo_instead_of_a_certificate_is_refused(void **state) {
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;
    struct tote__prepared prepared;
    uint64_t soon = tote__clock_monotonic() + UINT64_C(20000000000);
    char folder[] = "/tmp/tote-test-XXXXXX";
    char path[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/ca.pem", folder);
    struct tote__otlp_settings settings = settings_of("https://127.0.0.1/", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    reports_reset(TOTE_LEVEL_ERROR);
    assert_int_equal(tote__prepare(&settings, soon, true, &prepared), TOTE_RESULT_FAILURE);
    assert_non_null(strstr(reports.message, "not a regular file"));
    tote__otlp_settings_clear(&settings);
    options.ignore_environment = true;
    options.endpoint = "https://127.0.0.1/";
    options.client_key_file = path;
    assert_null(tote_span_exporter_otlp_new(&options));
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    unlink(path);
    rmdir(folder);
}

static void a_failed_preparation_is_reported_and_leaves_nothing(void **state) {
    struct tote__prepared prepared;
    uint64_t soon = tote__clock_monotonic() + UINT64_C(20000000000);

    (void)state;
    tote_diagnostics_set_handler(ignore, TOTE_LEVEL_ERROR, NULL);
    struct tote__otlp_settings settings = settings_of("https://127.0.0.1/", "/nowhere/ca.pem");
    assert_int_equal(tote__prepare(&settings, soon, true, &prepared), TOTE_RESULT_FAILURE);
    tote__otlp_settings_clear(&settings);
    settings = settings_of("http://nobody.invalid/", NULL);
    assert_int_not_equal(tote__prepare(&settings, soon, true, &prepared), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote__prepare(&settings, 0, true, &prepared), TOTE_RESULT_TIMEOUT);
    tote__otlp_settings_clear(&settings);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    assert_int_equal(tote_sdk_prepare(NULL, 0), TOTE_RESULT_SUCCESS);
}

#define SANDBOX_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SANDBOX_TEST(a_prepared_sdk_delivers_under_a_filter_that_forbids_open_and_clone),
        SANDBOX_TEST(a_prepared_sdk_with_host_driven_export_delivers_under_that_filter),
        SANDBOX_TEST(host_driven_export_never_creates_a_thread),
        SANDBOX_TEST(a_child_forked_under_the_filter_opens_no_file),
        SANDBOX_TEST(a_child_with_host_driven_export_creates_no_thread),
        SANDBOX_TEST(settings_that_open_files_while_running_cannot_be_prepared),
        SANDBOX_TEST(a_fifo_instead_of_a_certificate_is_refused),
        SANDBOX_TEST(without_tote_sdk_prepare_the_filter_kills_the_process),
        SANDBOX_TEST(a_prepared_sdk_delivers_from_an_empty_root),
        SANDBOX_TEST(addresses_and_files_are_read_once),
        SANDBOX_TEST(a_failed_preparation_is_reported_and_leaves_nothing),
    };
    return RUN_TESTS(tests, argc, argv);
}
