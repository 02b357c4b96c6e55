/* SPDX-License-Identifier: MIT */
/*
 * test_closed_streams.c - what a host prints to closed standard streams is written to no file and
 * no socket of Tote
 *
 * Each case runs in a child that has closed 0, 1 and 2. What it prints must be lost, also if it
 * prints at the moment after a descriptor was created.
 */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tote/exporters/otlp.h"
#include "tote/exporters/otlp_file.h"
#include "tote/internal/os.h"
#include "tote/tote.h"

enum {
    SAFETY_NET_MS = 60000,
    NOT_STARTED = 40,
    STREAM_IN_USE = 41,
    NOT_SENT = 42,
    STREAM_CLOSED = 43
};

static const char printed[] = "printed by the host\n";

/* What the child does after a descriptor was created, on the same thread. */
static void (*when_made)(int descriptor);

/* The numbers are held by a placeholder (EINVAL: an epoll instance) while others are created. */
static void print(void) {
    for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++) {
        bool is_written = write(descriptor, printed, sizeof printed - 1) != -1;
        if (is_written || (errno != EBADF && errno != EINVAL)) {
            _exit(STREAM_IN_USE);
        }
    }
}

static void print_at_once(int descriptor) {
    (void)descriptor;
    print();
}

static int made(long result) {
    int error = errno;

    if (when_made) {
        when_made((int)result);
    }
    errno = error;
    return (int)result;
}

/* What this thread does before it opens a file that is no placeholder of os_posix.c. */
static _Thread_local void (*before_open)(void);

static int open_file(int directory, const char *path, int flags) {
    if (before_open && strcmp(path, "/") != 0) {
        before_open();
    }
    return made(syscall(SYS_openat, directory, path, flags, S_IRUSR | S_IWUSR));
}

/* Replace libc's functions, for Tote and libcurl. The mode is that of created files. */
TOTE_API int open(const char *path, int flags, ...) {
    return open_file(AT_FDCWD, path, flags);
}

TOTE_API int openat(int directory, const char *path, int flags, ...) {
    return open_file(directory, path, flags);
}

TOTE_API int socket(int family, int type, int protocol) {
    return made(syscall(SYS_socket, family, type, protocol));
}

TOTE_API int socketpair(int family, int type, int protocol, int sockets[2]) {
    return made(syscall(SYS_socketpair, family, type, protocol, sockets));
}

TOTE_API int eventfd(unsigned count, int flags) {
    return made(syscall(SYS_eventfd2, count, flags));
}

static tote_sdk *start(tote_span_exporter *exporter, tote_export_mode mode) {
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.ignore_environment = true;
    options.exporters = &exporter;
    options.exporter_count = 1;
    batch.mode = mode;
    options.batch = &batch;
    tote_sdk *sdk = exporter ? tote_sdk_start(&options) : NULL;
    if (!sdk) {
        _exit(NOT_STARTED);
    }
    print();
    return sdk;
}

static void end_span(void) {
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", NULL);
    tote_span_close(&span);
}

static void run_file(const char *directory, int listener, const char *endpoint) {
    char path[256];
    tote_otlp_file_options options = TOTE_OTLP_FILE_OPTIONS_INIT;

    (void)listener, (void)endpoint;
    snprintf(path, sizeof path, "%s/spans.jsonl", directory);
    options.path = path;
    tote_sdk *sdk = start(tote_span_exporter_otlp_file_new(&options), TOTE_EXPORT_MODE_WORKER);
    end_span();
    if (tote_sdk_force_flush(sdk, SAFETY_NET_MS) != TOTE_RESULT_SUCCESS) {
        _exit(NOT_SENT);
    }
    print();
    tote_sdk_close(&sdk, SAFETY_NET_MS);
}

/* Nothing responds to the request, so that the socket stays open. */
static void run_otlp(const char *directory, int listener, const char *endpoint,
                     tote_export_mode mode) {
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;

    options.delivery = &delivery;
    options.ignore_environment = true;
    options.endpoint = endpoint;
    delivery.disk_queue_directory = directory;
    delivery.crash_safe = true;
    delivery.crash_safe_directory = mode == TOTE_EXPORT_MODE_WORKER ? directory : NULL;
    tote_sdk *sdk = start(tote_span_exporter_otlp_new(&options), mode);
    end_span();

    struct pollfd waits = {.fd = listener, .events = POLLIN};
    for (int i = 0; i < SAFETY_NET_MS / 10 && poll(&waits, 1, 10) == 0; i++) {
        tote_sdk_force_flush(sdk, mode == TOTE_EXPORT_MODE_HOST_DRIVEN ? 10 : 0);
    }
    if (!waits.revents) {
        _exit(NOT_SENT);
    }
    print();
    tote_sdk_close(&sdk, 1);
}

static void run_worker(const char *directory, int listener, const char *endpoint) {
    run_otlp(directory, listener, endpoint, TOTE_EXPORT_MODE_WORKER);
}

static void run_by_host(const char *directory, int listener, const char *endpoint) {
    run_otlp(directory, listener, endpoint, TOTE_EXPORT_MODE_HOST_DRIVEN);
}

/* The host opens its standard input meanwhile. */
static void open_stdin(int descriptor) {
    if (descriptor > STDERR_FILENO) {
        when_made = NULL;
        dup2(descriptor, STDIN_FILENO);
    }
}

static void run_and_open(const char *directory, int listener, const char *endpoint) {
    char path[256];
    tote_otlp_file_options options = TOTE_OTLP_FILE_OPTIONS_INIT;

    (void)listener, (void)endpoint;
    when_made = open_stdin;
    snprintf(path, sizeof path, "%s/spans.jsonl", directory);
    options.path = path;
    tote_span_exporter *exporter = tote_span_exporter_otlp_file_new(&options);
    if (!exporter || when_made) {
        _exit(NOT_STARTED);
    }
    if (fcntl(STDIN_FILENO, F_GETFD) < 0) {
        _exit(STREAM_CLOSED);
    }
    tote_span_exporter_free(exporter);
}

/* Two threads open a file: the second one begins before the first one has ended, and ends later. */
static sem_t second_begins;
static sem_t first_ends;

static void wait_for_first(void) {
    sem_post(&second_begins);
    sem_wait(&first_ends);
}

static void *open_second(void *arg) {
    before_open = wait_for_first;
    int file = tote__os_open(AT_FDCWD, "/dev/null", O_RDWR, 0);
    before_open = NULL;
    print();
    tote__os_close(file);
    return arg;
}

static pthread_t second;

static void start_second(void) {
    before_open = NULL;
    if (pthread_create(&second, NULL, open_second, NULL) != 0) {
        _exit(NOT_STARTED);
    }
    sem_wait(&second_begins);
}

static void run_two_threads(const char *directory, int listener, const char *endpoint) {
    (void)directory, (void)listener, (void)endpoint;
    sem_init(&second_begins, 0, 0);
    sem_init(&first_ends, 0, 0);
    before_open = start_second;
    int file = tote__os_open(AT_FDCWD, "/dev/null", O_RDWR, 0);
    sem_post(&first_ends);
    pthread_join(second, NULL);
    tote__os_close(file);
    for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) >= 0) {
            _exit(STREAM_IN_USE);
        }
    }
}

static int listen_somewhere(char *endpoint, size_t size) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    snprintf(endpoint, size, "http://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    return listener;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *at) {
    (void)status, (void)type, (void)at;
    return remove(path);
}

static void assert_succeeds_with_closed_streams(void (*run)(const char *directory, int listener,
                                                            const char *endpoint)) {
    char directory[] = "/tmp/tote-closed-XXXXXX";
    char endpoint[64];
    int status = -1;

    assert_non_null(mkdtemp(directory));
    int listener = listen_somewhere(endpoint, sizeof endpoint);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++) {
            close(descriptor);
        }
        when_made = print_at_once;
        run(directory, listener, endpoint);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    close(listener);
    nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_file_is_not_opened_as_a_standard_stream(void **state) {
    (void)state;
    assert_succeeds_with_closed_streams(run_file);
}

static void threads_that_open_files_at_once_use_no_standard_stream(void **state) {
    (void)state;
    assert_succeeds_with_closed_streams(run_two_threads);
}

static void the_worker_opens_nothing_as_a_standard_stream(void **state) {
    (void)state;
    assert_succeeds_with_closed_streams(run_worker);
}

static void host_driven_export_opens_nothing_as_a_standard_stream(void **state) {
    (void)state;
    assert_succeeds_with_closed_streams(run_by_host);
}

static void a_standard_stream_that_the_host_opens_meanwhile_stays_open(void **state) {
    (void)state;
    assert_succeeds_with_closed_streams(run_and_open);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_not_opened_as_a_standard_stream),
        cmocka_unit_test(threads_that_open_files_at_once_use_no_standard_stream),
        cmocka_unit_test(the_worker_opens_nothing_as_a_standard_stream),
        cmocka_unit_test(host_driven_export_opens_nothing_as_a_standard_stream),
        cmocka_unit_test(a_standard_stream_that_the_host_opens_meanwhile_stays_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
