/* SPDX-License-Identifier: MIT */
/*
 * test_closed_descriptors.c - a host that closes all descriptors without a fork, like some daemons
 *
 * The host then opens its own files, which get the numbers. Tote touches none of them, opens its
 * descriptors again, and continues.
 */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "asleep.h"
#include "received.h"
#include "tote/exporters/otlp.h"
#include "tote/exporters/otlp_file.h"
#include "tote/internal/clock.h"
#include "tote/internal/os.h"
#include "tote/tote.h"

enum { TIMEOUT_MS = 20000, QUIET_LOOKS = 20, MOST = 256, DATA_OF_HOST = 77 };

/*
 * The host's files that get the numbers. With a loop: an epoll instance, and the eventfds that it
 * watches.
 */
enum { FILE_OF_HOST, DIRECTORY_OF_HOST, SOCKET_OF_HOST, KINDS, LOOP_OF_HOST = KINDS, ALL_KINDS };

static struct {
    char folder[64];
    char queue[128];
    char crash_files[128];
    char lines[128]; /* a file */
    struct receiver *receiver;
    tote_otlp_options otlp;
    tote_delivery_options delivery; /* of `otlp` */
    tote_batch_options batch;
    tote_sdk *sdk;
    int kind;
    int peer;          /* of the host's socket */
    int loop;          /* an epoll instance of the host */
    int numbers[MOST]; /* those of the host */
    int count;
    struct stat own; /* the files that they refer to */
} f;

static int set_up(void **state) {
    (void)state;
    memset(&f, 0, sizeof f);
    f.otlp = (tote_otlp_options)TOTE_OTLP_OPTIONS_INIT;
    f.delivery = (tote_delivery_options)TOTE_DELIVERY_OPTIONS_INIT;
    f.otlp.delivery = &f.delivery;
    f.batch = (tote_batch_options)TOTE_BATCH_OPTIONS_INIT;
    snprintf(f.folder, sizeof f.folder, "/tmp/tote-closed-XXXXXX");
    if (!mkdtemp(f.folder)) {
        return -1;
    }
    snprintf(f.queue, sizeof f.queue, "%s/queue", f.folder);
    snprintf(f.crash_files, sizeof f.crash_files, "%s/crash_safe_files", f.folder);
    snprintf(f.lines, sizeof f.lines, "%s/lines", f.folder);
    f.receiver = receiver_start();
    f.otlp.ignore_environment = true;
    f.otlp.endpoint = receiver_url(f.receiver);
    f.delivery.initial_backoff_ms = f.delivery.max_backoff_ms =
        3600000; /* no attempt while numbers change */
    f.batch.schedule_delay_ms = 3600000;
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE, NULL);
    return f.receiver ? 0 : -1;
}

static int tear_down(void **state) {
    char command[128];

    (void)state;
    receiver_stop(f.receiver);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", f.folder);
    return system(command);
}

/* Everything below runs in a child, which exits here on a failure. */
static void expect(bool is_so, int line) {
    if (!is_so) {
        fprintf(stderr, "kind %d, line %d\n", f.kind, line);
        _exit(1);
    }
}

#define EXPECT(is_so) expect(is_so, __LINE__)

static void start_with(tote_span_exporter *exporter) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    EXPECT(exporter);
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.ignore_environment = true;
    options.resource_detectors = "none";
    options.batch = &f.batch;
    f.sdk = tote_sdk_start(&options);
    EXPECT(f.sdk);
}

static void end_spans(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(tote_get_tracer("host", NULL), "work", NULL);
        tote_span_close(&span);
    }
}

static tote_stats stats(void) {
    tote_stats stats = TOTE_STATS_INIT;

    EXPECT(tote_sdk_get_stats(f.sdk, &stats));
    return stats;
}

static int open_own(void) {
    char path[128];
    int pair[2];

    snprintf(path, sizeof path, "%s/host%d", f.folder, f.kind);
    if (f.kind == SOCKET_OF_HOST) {
        EXPECT(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
        f.peer = pair[1];
        return pair[0];
    }
    if (f.kind == DIRECTORY_OF_HOST) {
        mkdir(path, 0700);
        return open(path, O_RDONLY | O_DIRECTORY);
    }
    return open(path, O_RDWR | O_CREAT, 0600);
}

static bool is_epoll(int fd) {
    char path[64];
    char target[64];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    return strcmp(target, "anon_inode:[eventpoll]") == 0;
}

/* A loop of the host gets the numbers: its epoll instance that of Tote's, if Tote has one. */
static void take_for_loop(const int *used, int count) {
    int loop = epoll_create1(0);

    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = DATA_OF_HOST};
        if (is_epoll(used[i])) {
            EXPECT(dup2(loop, used[i]) == used[i]);
            f.loop = used[i];
            continue;
        }
        int own = eventfd(0, 0);
        EXPECT(dup2(own, used[i]) == used[i] && close(own) == 0);
        EXPECT(epoll_ctl(loop, EPOLL_CTL_ADD, used[i], &event) == 0);
        f.numbers[f.count++] = used[i];
    }
    bool has_poller = tote__os_unwatched_due() == TOTE__NEVER;
    EXPECT(!has_poller || f.loop);
    f.loop = f.loop ? f.loop : loop;
}

/* How many files an epoll instance watches. */
static int count_watched(int epoll) {
    char path[64];
    char line[256];
    int count = 0;

    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", epoll);
    FILE *file = fopen(path, "re");
    EXPECT(file);
    while (fgets(line, sizeof line, file)) {
        count += strncmp(line, "tfd:", 4) == 0;
    }
    fclose(file);
    return count;
}

/* It still watches the same files, and reports the same events. */
static void expect_untouched_loop(void) {
    struct epoll_event events[MOST];
    eventfd_t value;

    EXPECT(f.count > 0 && count_watched(f.loop) == f.count);
    for (int i = 0; i < f.count; i++) {
        EXPECT(eventfd_write(f.numbers[i], 1) == 0);
    }
    EXPECT(epoll_wait(f.loop, events, MOST, 0) == f.count);
    for (int i = 0; i < f.count; i++) {
        EXPECT(events[i].data.u64 == DATA_OF_HOST);
        EXPECT(eventfd_read(f.numbers[i], &value) == 0 && value == 1);
    }
}

/*
 * Standard error stays open. A number that Tote's thread is using at this moment cannot be
 * protected: the host closes the descriptors while the worker sleeps, and not at the end of a
 * flush, which also wakes it.
 */
static void close_all(void) {
    uint64_t end = tote__deadline_in(TIMEOUT_MS);
    int used[MOST];
    int count = 0;

    for (int looks = 0; looks < QUIET_LOOKS; looks = are_others_asleep() ? looks + 1 : 0) {
        const struct timespec moment = {.tv_nsec = 1000000};
        EXPECT(tote__clock_monotonic() < end);
        nanosleep(&moment, NULL);
    }
    for (int fd = STDERR_FILENO + 1; fd < MOST; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) {
            used[count++] = fd;
        }
    }
    f.count = 0;
    if (f.kind == LOOP_OF_HOST) {
        take_for_loop(used, count);
        return;
    }
    int own = open_own();
    EXPECT(own >= 0 && fstat(own, &f.own) == 0);
    for (int i = 0; i < count; i++) {
        EXPECT(dup2(own, used[i]) == used[i]);
        f.numbers[f.count++] = used[i];
    }
}

static bool is_folder_empty(int folder) {
    DIR *directory = fdopendir(dup(folder));
    int count = 0;

    rewinddir(directory);
    while (readdir(directory)) {
        count++;
    }
    closedir(directory);
    return count == 2; /* . and .. */
}

/* The numbers still belong to the host, and nothing was written to its files. */
static void expect_untouched(void) {
    struct stat status;
    char byte;

    if (f.kind == LOOP_OF_HOST) {
        expect_untouched_loop();
        return;
    }
    for (int i = 0; i < f.count; i++) {
        EXPECT(fstat(f.numbers[i], &status) == 0 && status.st_dev == f.own.st_dev &&
               status.st_ino == f.own.st_ino);
    }
    EXPECT(f.count > 0);
    if (f.kind == SOCKET_OF_HOST) {
        EXPECT(recv(f.peer, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    } else if (f.kind == DIRECTORY_OF_HOST) {
        EXPECT(is_folder_empty(f.numbers[0]));
    } else {
        EXPECT(status.st_size == 0 && lseek(f.numbers[0], 0, SEEK_CUR) == 0);
    }
}

static void run(void (*work)(void), int signal) {
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        work();
        if (signal) {
            kill(getpid(), signal);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status), signal);
}

static void run_kinds(void (*work)(void)) {
    for (f.kind = 0; f.kind < KINDS; f.kind++) {
        run(work, 0);
    }
}

static void send_before_and_after(void) {
    start_with(tote_span_exporter_otlp_new(&f.otlp));
    end_spans(1);
    EXPECT(tote_sdk_force_flush(f.sdk, TIMEOUT_MS) == TOTE_RESULT_SUCCESS);
    close_all();
    end_spans(1);
    EXPECT(tote_sdk_force_flush(f.sdk, TIMEOUT_MS) == TOTE_RESULT_SUCCESS);
    EXPECT(stats().exported == 2);
    expect_untouched();
    close_all();
    EXPECT(tote_sdk_close(&f.sdk, TIMEOUT_MS) == TOTE_RESULT_SUCCESS);
    expect_untouched();
}

static void spans_are_delivered_by_a_new_connection(void **state) {
    (void)state;
    run_kinds(send_before_and_after);
    f.kind = LOOP_OF_HOST;
    run(send_before_and_after, 0);
    assert_int_equal(receiver_wait(f.receiver, 2 * ALL_KINDS), 2 * ALL_KINDS);
}

/* Without a kept socket, only the epoll instance has to be recognized. */
static void close_between_connections(void) {
    f.otlp.endpoint = "http://127.0.0.1:1";
    start_with(tote_span_exporter_otlp_new(&f.otlp));
    end_spans(1);
    EXPECT(tote_sdk_force_flush(f.sdk, 300) != TOTE_RESULT_SUCCESS);
    close_all();
    end_spans(1);
    EXPECT(tote_sdk_force_flush(f.sdk, 300) != TOTE_RESULT_SUCCESS);
    expect_untouched();
    tote_sdk_close(&f.sdk, 300);
    expect_untouched();
}

static void an_epoll_instance_of_the_host_is_unchanged(void **state) {
    (void)state;
    run_kinds(close_between_connections);
    f.kind = LOOP_OF_HOST;
    run(close_between_connections, 0);
}

static void spans_are_delivered_by_host_driven_export(void **state) {
    (void)state;
    f.batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    run_kinds(send_before_and_after);
    assert_int_equal(receiver_wait(f.receiver, 2 * KINDS), 2 * KINDS);
}

static void turn_until_exported(uint64_t count) {
    uint64_t end = tote__deadline_in(TIMEOUT_MS);

    while (stats().exported < count) {
        struct pollfd fd = {tote_sdk_get_poll_fd(f.sdk), POLLIN, 0};
        EXPECT(fd.fd >= 0 && tote__clock_monotonic() < end);
        poll(&fd, 1, 1000);
        tote_sdk_poll(f.sdk);
    }
}

static void turn_before_and_after(void) {
    start_with(tote_span_exporter_otlp_new(&f.otlp));
    EXPECT(tote_sdk_get_poll_fd(f.sdk) >= 0);
    end_spans(1);
    turn_until_exported(1);
    close_all();
    end_spans(1);
    expect_untouched();
    int fd = tote_sdk_get_poll_fd(f.sdk);
    for (int i = 0; i < f.count; i++) {
        EXPECT(fd != f.numbers[i]);
    }
    EXPECT(fd == tote_sdk_get_poll_fd(f.sdk));
    turn_until_exported(2);
    expect_untouched();
    close_all();
    tote_sdk_close(&f.sdk, TIMEOUT_MS);
    expect_untouched();
}

static void the_host_gets_another_poll_descriptor_for_its_loop(void **state) {
    (void)state;
    f.batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    f.batch.max_export_batch_size = 1;
    run_kinds(turn_before_and_after);
    assert_int_equal(receiver_wait(f.receiver, 2 * KINDS), 2 * KINDS);
}

static void close_during_a_request(void) {
    f.batch.max_export_batch_size = 1;
    start_with(tote_span_exporter_otlp_new(&f.otlp));
    end_spans(1);
    tote_sdk_force_flush(f.sdk, 300); /* the request is in flight */
    close_all();
    tote_sdk_close(&f.sdk, 300);
    expect_untouched();
}

static void a_request_in_flight_touches_no_file_of_the_host(void **state) {
    (void)state;
    receiver_set_response(f.receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    run_kinds(close_during_a_request);
    f.batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    run_kinds(close_during_a_request);
}

static void save_before_and_after(void) {
    f.otlp.endpoint = "http://127.0.0.1:1";
    start_with(tote_span_exporter_otlp_new(&f.otlp));
    end_spans(1);
    tote_sdk_force_flush(f.sdk, TIMEOUT_MS);
    close_all();
    end_spans(1);
    tote_sdk_force_flush(f.sdk, TIMEOUT_MS);
    EXPECT(stats().in_disk_queue == 2);
    expect_untouched();
    close_all();
    tote_sdk_close(&f.sdk, TIMEOUT_MS);
    expect_untouched();
}

static uint64_t deliver(void) {
    tote_disk_queue_report report = {.struct_size = sizeof report};

    assert_int_equal(tote_otlp_disk_queue_send(&f.otlp, TIMEOUT_MS, &report), TOTE_RESULT_SUCCESS);
    return report.delivered;
}

static void the_disk_queue_is_opened_again(void **state) {
    (void)state;
    f.delivery.disk_queue_directory = f.queue;
    run_kinds(save_before_and_after);
    assert_int_equal(deliver(), 2 * KINDS);
}

static void secure_before_and_after(void) {
    f.otlp.endpoint = "http://127.0.0.1:1";
    start_with(tote_span_exporter_otlp_new(&f.otlp));
    end_spans(10);
    close_all();
    end_spans(1);
    tote_sdk_force_flush(f.sdk, TIMEOUT_MS);
    end_spans(10);
    expect_untouched();
    close_all();
    tote_sdk_force_flush(f.sdk, TIMEOUT_MS);
    end_spans(10);
    expect_untouched();
}

static void check_that_spans_outlive(void) {
    f.delivery.disk_queue_directory = f.queue;
    f.delivery.crash_safe = true;
    for (f.kind = 0; f.kind < KINDS; f.kind++) {
        run(secure_before_and_after, SIGKILL);
    }
    assert_int_equal(deliver(), KINDS * 31);
}

static void crash_safe_spans_survive_the_process(void **state) {
    (void)state;
    check_that_spans_outlive();
}

static void crash_safe_spans_in_a_file_survive_the_process(void **state) {
    (void)state;
    f.delivery.crash_safe_directory = f.crash_files;
    check_that_spans_outlive();
}

static void write_lines_before_and_after(void) {
    tote_otlp_file_options options = TOTE_OTLP_FILE_OPTIONS_INIT;

    options.path = f.lines;
    start_with(tote_span_exporter_otlp_file_new(&options));
    end_spans(1);
    EXPECT(tote_sdk_force_flush(f.sdk, TIMEOUT_MS) == TOTE_RESULT_SUCCESS);
    close_all();
    end_spans(1);
    EXPECT(tote_sdk_force_flush(f.sdk, TIMEOUT_MS) == TOTE_RESULT_SUCCESS);
    expect_untouched();
    close_all();
    tote_sdk_close(&f.sdk, TIMEOUT_MS);
    expect_untouched();
}

static void an_otlp_file_is_opened_again(void **state) {
    size_t lines = 0;

    (void)state;
    run_kinds(write_lines_before_and_after);
    FILE *file = fopen(f.lines, "re");
    assert_non_null(file);
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
        lines += c == '\n';
    }
    fclose(file);
    assert_int_equal(lines, 2 * KINDS);
}

#define CLOSED_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        CLOSED_TEST(spans_are_delivered_by_a_new_connection),
        CLOSED_TEST(an_epoll_instance_of_the_host_is_unchanged),
        CLOSED_TEST(spans_are_delivered_by_host_driven_export),
        CLOSED_TEST(the_host_gets_another_poll_descriptor_for_its_loop),
        CLOSED_TEST(a_request_in_flight_touches_no_file_of_the_host),
        CLOSED_TEST(the_disk_queue_is_opened_again),
        CLOSED_TEST(crash_safe_spans_survive_the_process),
        CLOSED_TEST(crash_safe_spans_in_a_file_survive_the_process),
        CLOSED_TEST(an_otlp_file_is_opened_again),
    };
    return RUN_TESTS(tests, argc, argv);
}
