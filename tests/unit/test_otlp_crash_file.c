/* SPDX-License-Identifier: MIT */
/*
 * test_otlp_crash_file.c - spans that ended in a process that died are delivered by another process
 *
 * The children use a host loop that never runs, so their spans exist in the crash-safe file only.
 * Most tests run twice: with a crash-safe file in a file, and in shared memory.
 */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "received.h"
#include "reports.h"
#include "segments.h"
#include "src/crash_file_format.h"
#include "src/segment.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/crash_file.h"
#include "tote/internal/recovery.h"
#include "tote/tote.h"

enum { SPANS = 20, TIMEOUT_MS = 10000, CHUNK = TOTE__SAFE_CHUNK_BYTES };

static struct {
    char directory[64];
    char crash_files[80]; /* below it, or the same */
    struct receiver *receiver;
    tote_otlp_options otlp;
    tote_delivery_options delivery; /* of `otlp` */
    tote_batch_options batch;
    tote_sdk *sdk;
} f;

static int set_up(void **state) {
    (void)state;
    memset(&f, 0, sizeof f);
    f.otlp = (tote_otlp_options)TOTE_OTLP_OPTIONS_INIT;
    f.delivery = (tote_delivery_options)TOTE_DELIVERY_OPTIONS_INIT;
    f.otlp.delivery = &f.delivery;
    f.batch = (tote_batch_options)TOTE_BATCH_OPTIONS_INIT;
    snprintf(f.directory, sizeof f.directory, "/tmp/tote-crash_safe_file-XXXXXX");
    if (!mkdtemp(f.directory)) {
        return -1;
    }
    snprintf(f.crash_files, sizeof f.crash_files, "%s/own", f.directory);
    f.receiver = receiver_start();
    f.otlp.ignore_environment = true;
    f.otlp.endpoint = receiver_url(f.receiver);
    f.delivery.disk_queue_directory = f.directory;
    f.delivery.crash_safe = true;
    f.delivery.crash_safe_directory = f.crash_files;
    f.delivery.crash_safe_bytes = 64 * CHUNK;
    f.batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    f.batch.schedule_delay_ms = 3600000;
    f.batch.max_queue_size = 100000;
    reports_reset(TOTE_LEVEL_WARN);
    return f.receiver ? 0 : -1;
}

/* The crash-safe files are in shared memory; the files that refer to them are in the disk queue. */
static int set_up_in_memory(void **state) {
    int result = set_up(state);

    f.delivery.crash_safe_directory = NULL;
    snprintf(f.crash_files, sizeof f.crash_files, "%s", f.directory);
    return result;
}

static bool has_no_shared_memory;

/* Replaces libc's function. */
int shmget(key_t key, size_t size, int flags) {
    if (has_no_shared_memory) {
        errno = ENOSYS;
        return -1;
    }
    return (int)syscall(SYS_shmget, key, size, flags);
}

static int tear_down(void **state) {
    char command[128];

    (void)state, has_no_shared_memory = false;
    tote_sdk_close(&f.sdk, 0);
    receiver_stop(f.receiver);
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    snprintf(command, sizeof command, "rm -rf '%s'", f.directory);
    int result = system(command);
    tote__segments_clean_up(0);
    return result;
}

static void start(void) {
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&f.otlp);
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.exporters = &exporter;
    options.exporter_count = 1;
    options.ignore_environment = true;
    options.batch = &f.batch;
    f.sdk = tote_sdk_start(&options);
    assert_non_null(f.sdk);
}

static void end_spans(const char *scope, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const tote_attribute number = {"number", tote_int((int64_t)i)};
        tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
        options.attributes = &number;
        options.attribute_count = 1;
        tote_span *span = tote_tracer_start_span(tote_get_tracer(scope, "1"), "work", &options);
        tote_span_close(&span);
    }
}

static tote_stats stats(void) {
    tote_stats stats = TOTE_STATS_INIT;

    assert_true(tote_sdk_get_stats(f.sdk, &stats));
    return stats;
}

/* A process that does this and is killed. */
static void die_after(void (*work)(void)) {
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        start();
        work();
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void end_some(void) {
    end_spans("one", SPANS);
    end_spans("two", 1);
}

static tote_disk_queue_report deliver(void) {
    tote_disk_queue_report report = {.struct_size = sizeof report};

    tote_result result = tote_otlp_disk_queue_send(&f.otlp, TIMEOUT_MS, &report);
    assert_int_equal(result, report.damaged ? TOTE_RESULT_FAILURE : TOTE_RESULT_SUCCESS);
    return report;
}

static char found_name[512];

/* How many files end with this suffix; the name of one of them is in found_name. */
static size_t count_files(const char *end) {
    DIR *directory = opendir(f.crash_files);
    struct dirent *item;
    size_t count = 0;

    while (directory && (item = readdir(directory))) {
        size_t length = strlen(item->d_name);
        if (item->d_name[0] != '.' && length > strlen(end) &&
            !strcmp(item->d_name + length - strlen(end), end)) {
            snprintf(found_name, sizeof found_name, "%s/%s", f.crash_files, item->d_name);
            count++;
        }
    }
    if (directory) {
        closedir(directory);
    }
    return count;
}

/* Returns NULL if there is none. */
static const char *find_file(const char *end) {
    return count_files(end) ? found_name : NULL;
}

/* A span is safe when tote_span_end() returns. */
static void spans_that_ended_before_a_kill_are_delivered(void **state) {
    (void)state;
    die_after(end_some);
    assert_non_null(find_file(".crash-safe"));
    tote_disk_queue_report report = deliver();
    assert_int_equal(report.delivered, SPANS + 1);
    assert_int_equal(report.lost, 0);
    assert_int_equal(report.batches_pending, 0);
    assert_int_equal(received_spans(f.receiver, NULL), SPANS + 1);
    assert_null(find_file(".crash-safe"));
    assert_int_equal(deliver().delivered, 0); /* once */
}

static struct tote__segment_reference reference(void) {
    struct tote__segment_reference found = {.id = -1};
    uint8_t bytes[sizeof found + 1];
    int file = open(find_file(".crash-safe"), O_RDONLY);
    ssize_t size = read(file, bytes, sizeof bytes);

    close(file);
    assert_true(tote__segment_read_reference(bytes, (size_t)size, &found));
    return found;
}

static bool is_there(int segment) {
    struct shmid_ds status;

    return shmctl(segment, IPC_STAT, &status) == 0;
}

static void shared_memory_is_removed_after_delivery(void **state) {
    need_segments(state);
    die_after(end_some);
    int id = reference().id;
    assert_true(is_there(id));
    assert_int_equal(deliver().delivered, SPANS + 1);
    assert_false(is_there(id));
    start();
    id = reference().id;
    assert_int_equal(tote_sdk_close(&f.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    assert_false(is_there(id));
}

/* With its resource, scopes and attributes. */
static void a_recovered_span_arrives_complete(void **state) {
    (void)state;
    die_after(end_some);
    deliver();
    struct received request = receiver_request(f.receiver, 0);
    Tote__Otlp__ExportTraceServiceRequest *message =
        tote__otlp__export_trace_service_request__unpack(NULL, request.body_size,
                                                         (const uint8_t *)request.body);
    assert_non_null(message);
    assert_int_equal(message->n_resource_spans, 1);
    const Tote__Otlp__ResourceSpans *resource = message->resource_spans[0];
    assert_string_equal(resource->resource->attributes[0]->key, "telemetry.sdk.name");
    assert_int_equal(resource->n_scope_spans, 2);
    assert_string_equal(resource->scope_spans[0]->scope->name, "one");
    assert_string_equal(resource->scope_spans[0]->scope->version, "1");
    assert_int_equal(resource->scope_spans[0]->n_spans, SPANS);
    assert_string_equal(resource->scope_spans[1]->scope->name, "two");
    const Tote__Otlp__Span *span = resource->scope_spans[0]->spans[SPANS - 1];
    assert_string_equal(span->name, "work");
    assert_int_equal(span->attributes[0]->value->int_value, SPANS - 1);
    tote__otlp__export_trace_service_request__free_unpacked(message, NULL);
}

static void the_next_start_delivers_recovered_spans(void **state) {
    (void)state;
    die_after(end_some);
    f.batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    start();
    while (stats().recovered < SPANS + 1) {
        tote_sdk_poll(f.sdk);
    }
    assert_int_equal(received_spans(f.receiver, NULL), SPANS + 1);
    assert_int_equal(stats().ended, 0);
}

static void the_file_of_a_running_process_is_left_alone(void **state) {
    int status = 0;

    (void)state;
    start();
    end_some();
    pid_t child = fork();
    if (child == 0) {
        f.delivery.crash_safe = false;
        tote_disk_queue_report report = {.struct_size = sizeof report};
        tote_result result = tote_otlp_disk_queue_send(&f.otlp, TIMEOUT_MS, &report);
        _exit(result == TOTE_RESULT_SUCCESS && report.delivered == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(deliver().delivered, 0); /* nor after a step */
    assert_int_equal(tote_sdk_force_flush(f.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(received_spans(f.receiver, NULL), SPANS + 1);
    assert_non_null(find_file(".crash-safe"));
    assert_int_equal(tote_sdk_close(&f.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    assert_null(find_file(".crash-safe"));
}

static void end_and_deliver_half(void) {
    end_spans("one", SPANS);
    tote_sdk_force_flush(f.sdk, TIMEOUT_MS);
    end_spans("two", SPANS);
}

/* Duplicates are possible only for requests without a response. */
static void spans_delivered_before_a_kill_are_not_delivered_twice(void **state) {
    (void)state;
    die_after(end_and_deliver_half);
    assert_int_equal(received_spans(f.receiver, NULL), SPANS);
    assert_int_equal(deliver().delivered, SPANS);
    assert_int_equal(received_spans(f.receiver, NULL), 2 * SPANS);
}

static void end_too_many(void) {
    end_spans("many", 2000);
}

/* The counters in the file contain them. */
static void spans_without_space_are_counted_in_the_crash_safe_file(void **state) {
    (void)state;
    f.delivery.crash_safe_bytes = 4 * CHUNK;
    die_after(end_too_many);
    tote_disk_queue_report report = deliver();
    assert_in_range(report.delivered, 500, 1900);
    assert_int_equal(report.delivered + report.lost, 2000);
    assert_int_equal(received_spans(f.receiver, NULL), report.delivered);
    assert_non_null(strstr(reports.message, "did not fit into its crash-safe file"));
}

static void spans_without_space_are_counted_in_the_statistics(void **state) {
    (void)state;
    f.delivery.crash_safe_bytes = 4 * CHUNK;
    start();
    end_too_many();
    assert_in_range(stats().not_crash_safe, 100, 1500);
    assert_int_equal(tote_sdk_force_flush(f.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(stats().exported, 2000); /* they live as long as the process */
}

/* The space of delivered spans is reused. */
static void delivered_spans_free_their_space(void **state) {
    (void)state;
    f.delivery.crash_safe_bytes = 2 * CHUNK;
    start();
    for (int i = 0; i < 100; i++) {
        end_spans("again", 100);
        assert_int_equal(tote_sdk_force_flush(f.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    }
    assert_int_equal(stats().exported, 10000);
    assert_int_equal(stats().not_crash_safe, 0);
}

static void overflow_the_queue(void) {
    end_spans("one", SPANS);
}

static void spans_dropped_from_the_queue_are_counted_in_the_crash_safe_file(void **state) {
    (void)state;
    f.batch.max_queue_size = SPANS / 2;
    die_after(overflow_the_queue);
    tote_disk_queue_report report = deliver();
    assert_int_equal(report.delivered, SPANS / 2);
    assert_int_equal(report.lost, SPANS - SPANS / 2);
}

/* Change the byte at this offset, from the end of the crash-safe file if negative. */
static void spoil(off_t at) {
    uint8_t byte = 0;
    int file = open(find_file(".crash-safe"), O_RDWR);

    at = at < 0 ? lseek(file, 0, SEEK_END) + at : at;
    assert_int_equal(pread(file, &byte, 1, at), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(file, &byte, 1, at), 1);
    close(file);
}

/* A truncated or corrupted file is reported and set aside, and never crashes the reader. */
static void a_damaged_span_is_set_aside_and_the_others_are_delivered(void **state) {
    (void)state;
    die_after(end_some);
    spoil(TOTE__CRASH_FILE_CHUNKS_AT + (off_t)sizeof(struct tote__record) + 5);
    tote_disk_queue_report report = deliver();
    assert_int_equal(report.delivered, SPANS);
    assert_int_equal(report.lost, 1);
    assert_int_equal(report.damaged, 1);
    assert_non_null(find_file(".crash-safe.corrupt"));
    assert_non_null(strstr(reports.message, "is damaged"));
}

static void a_file_that_is_not_a_crash_safe_file_is_set_aside(void **state) {
    (void)state;
    die_after(end_some);
    spoil(offsetof(struct tote__crash_file_head, chunk_count));
    assert_int_equal(deliver().damaged, 1);
    assert_non_null(find_file(".crash-safe.corrupt"));
    assert_non_null(strstr(reports.message, "is not a valid crash-safe file"));
}

static void a_truncated_file_is_set_aside(void **state) {
    (void)state;
    die_after(end_some);
    assert_int_equal(truncate(find_file(".crash-safe"), TOTE__CRASH_FILE_CHUNKS_AT + 100), 0);
    assert_int_equal(deliver().damaged, 1);
    assert_non_null(find_file(".crash-safe.corrupt"));
}

/* Whichever byte is changed, each delivered span equals one that ended. */
static void a_damaged_file_never_yields_spans_that_did_not_exist(void **state) {
    (void)state;
    for (int i = 0; i < 40; i++) {
        die_after(end_some);
        for (int times = 0; times < 20; times++) {
            spoil(random() % (TOTE__CRASH_FILE_CHUNKS_AT + 2000));
        }
        tote_disk_queue_report report = {.struct_size = sizeof report};
        tote_otlp_disk_queue_send(&f.otlp, TIMEOUT_MS, &report);
        assert_in_range(report.delivered, 0, SPANS + 1);
    }
}

/* A process that dies while it creates a file leaves no memory allocated. */
static void unfinished_files_and_segments_are_removed(void **state) {
    char path[256];
    const struct timespec times[] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};

    (void)state;
    die_after(end_some);
    snprintf(path, sizeof path, "%s/1-1.crash-safe.tmp", f.crash_files);
    assert_true(close(open(path, O_CREAT | O_WRONLY, 0600)) == 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    for (int i = 0; i < 3 && find_file(".tmp"); i++) {
        deliver();
    }
    assert_null(find_file(""));
}

static void a_forked_child_writes_its_own_crash_safe_file(void **state) {
    int status = 0;

    (void)state;
    start();
    end_spans("parent", 1);
    pid_t child = fork();
    if (child == 0) {
        end_spans("child", 2);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(deliver().delivered, 2);
    assert_int_equal(tote_sdk_force_flush(f.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(received_spans(f.receiver, NULL), 3);
}

/* Messages between a daemon and the process that watches it. */
struct daemon {
    _Atomic(bool) may_adopt;
    _Atomic(bool) has_adopted;
};

static void await(const _Atomic(bool) *is_so) {
    for (int i = 0; !*is_so && i < TIMEOUT_MS; i++) {
        usleep(1000);
    }
}

/* A process that ends spans, continues in a child that adopts them, adds one, and is killed. */
static void become_a_daemon(struct daemon *daemon, bool waits) {
    start();
    end_spans("before", SPANS);
    if (fork() != 0) {
        if (waits) {
            await(&daemon->has_adopted);
        }
        _exit(0);
    }
    await(&daemon->may_adopt);
    tote_sdk_after_fork_child(f.sdk, true);
    end_spans("after", 1);
    daemon->has_adopted = true;
    kill(getpid(), SIGKILL);
}

static struct daemon *start_daemon(bool waits) {
    struct daemon *daemon =
        mmap(NULL, sizeof *daemon, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(daemon, MAP_FAILED);
    daemon->may_adopt = waits;
    pid_t child = fork();
    if (child == 0) {
        become_a_daemon(daemon, waits);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return daemon;
}

/* Deliver until this many have arrived; the daemon dies asynchronously. */
static void deliver_until(size_t count) {
    for (int i = 0; i < TIMEOUT_MS && received_spans(f.receiver, NULL) < count; i++) {
        deliver();
        usleep(5000);
    }
    assert_int_equal(received_spans(f.receiver, NULL), count);
    assert_null(find_file(".crash-safe"));
}

/* The child that adopts a queue is recorded as its owner. See tote_sdk_after_fork_child(). */
static void spans_adopted_by_a_child_are_delivered_once(void **state) {
    (void)state;
    munmap(start_daemon(true), sizeof(struct daemon));
    deliver_until(SPANS + 1);
}

static void spans_delivered_by_another_process_are_not_adopted(void **state) {
    (void)state;
    struct daemon *daemon = start_daemon(false);
    assert_int_equal(deliver().delivered, SPANS); /* the parent is dead */
    daemon->may_adopt = true;
    deliver_until(SPANS + 1);
    munmap(daemon, sizeof *daemon);
}

/* A directory of another user is not written to. */
static void a_directory_that_other_users_may_write_to_is_not_used(void **state) {
    (void)state;
    assert_int_equal(mkdir(f.crash_files, 0700), 0);
    assert_int_equal(chmod(f.crash_files, 0777), 0);
    start();
    assert_non_null(strstr(reports.message, "spans are not crash-safe"));
    end_spans("one", 1);
    assert_int_equal(tote_sdk_force_flush(f.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(stats().exported, 1);
}

static void crash_safe_mode_needs_a_disk_queue_and_protobuf(void **state) {
    (void)state;
    f.delivery.disk_queue_directory = NULL;
    assert_null(tote_span_exporter_otlp_new(&f.otlp));
    assert_non_null(strstr(reports.message, "there is no disk_queue_directory"));
    f.delivery.disk_queue_directory = f.directory;
    f.otlp.protocol = TOTE_OTLP_PROTOCOL_HTTP_JSON;
    assert_null(tote_span_exporter_otlp_new(&f.otlp));
}

/* Writing to a mapped file that was truncated would raise SIGBUS. */
static void a_truncated_crash_safe_file_does_not_terminate_the_process(void **state) {
    (void)state;
    start();
    end_some();
    assert_int_equal(truncate(find_file(".crash-safe"), 0), 0);
    end_some();
    assert_int_equal(tote_sdk_force_flush(f.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(stats().exported, 2 * (SPANS + 1));
}

/* The limit for files that the whole process writes, from here on. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* SIGXFSZ would terminate the host. */
static void a_limit_on_file_sizes_does_not_terminate_the_process(void **state) {
    (void)state;
    limit_files(16);
    start();
    limit_files(RLIM_INFINITY);
    assert_non_null(strstr(reports.message, "spans are not crash-safe"));
    end_spans("one", SPANS);
    assert_int_equal(tote_sdk_force_flush(f.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(stats().exported, SPANS);
}

/* Further spans are counted. */
static void a_file_that_cannot_be_written_is_reported_once_and_counted(void **state) {
    (void)state;
    start();
    end_spans("one", SPANS);
    limit_files(TOTE__CRASH_FILE_CHUNKS_AT);
    end_spans("one", SPANS);
    limit_files(RLIM_INFINITY);
    assert_int_equal(stats().not_crash_safe, SPANS);
    assert_non_null(strstr(reports.message, "cannot be written"));
    assert_int_equal(reports.count, 1);
    end_spans("one", SPANS);
    assert_int_equal(stats().not_crash_safe, SPANS);
    assert_int_equal(tote_sdk_force_flush(f.sdk, TIMEOUT_MS), TOTE_RESULT_SUCCESS);
    assert_int_equal(stats().exported, 3 * SPANS);
}

static long page_faults(void) {
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_minflt + usage.ru_majflt;
}

/* Many crash-safe files of dead processes do not delay the delivery of recovered spans. */
static void recovered_spans_are_sent_while_other_crash_safe_files_are_read(void **state) {
    enum { CHILDREN = 6, SHORT_MS = 3000 };

    (void)state;
    for (int i = 0; i < CHILDREN; i++) {
        die_after(end_some);
    }
    receiver_set_response(f.receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    tote_disk_queue_report report = {.struct_size = sizeof report};
    f.delivery.timeout_ms = SHORT_MS;
    assert_int_equal(tote_otlp_disk_queue_send(&f.otlp, SHORT_MS, &report), TOTE_RESULT_TIMEOUT);
    assert_int_equal(receiver_wait(f.receiver, 1), 1);
    assert_in_range(count_files(".crash-safe"), CHILDREN - 2, CHILDREN - 1);
    receiver_set_response(f.receiver, (struct receiver_response){.status = 200});
    f.delivery.timeout_ms = TIMEOUT_MS;
    assert_int_equal(deliver().delivered, CHILDREN * (SPANS + 1));
}

/* The time is in proportion to what was written, not to the size of a crash-safe file. */
static void a_reader_does_not_touch_the_chunks_that_were_never_used(void **state) {
    enum { PAGES = 4096 };

    need_segments(state);
    f.delivery.crash_safe_bytes = (size_t)PAGES * 4096;
    die_after(end_some);
    assert_int_equal(deliver().delivered, SPANS + 1); /* a file is read once */
    die_after(end_some);
    long before = page_faults();
    assert_int_equal(deliver().delivered, SPANS + 1);
    assert_in_range(page_faults() - before, 0, PAGES / 2);
}

/* If the number of used chunks is damaged, all chunks are read. */
static void a_damaged_number_of_chunks_hides_no_span(void **state) {
    (void)state;
    die_after(end_some);
    spoil(offsetof(struct tote__crash_file_head, used_chunks));
    assert_int_equal(deliver().delivered, SPANS + 1);
}

/*
 * A crash-safe file is not touched before it is used: 16 MiB are 4,096 page faults on the host's
 * thread.
 */
static void the_first_span_of_a_child_does_not_touch_the_whole_crash_safe_file(void **state) {
    int status = 0;

    (void)state;
    f.delivery.crash_safe_bytes = 16 << 20;
    start();
    end_spans("parent", 1);
    pid_t child = fork();
    if (child == 0) {
        long before = page_faults();
        end_spans("child", 1);
        _exit(page_faults() - before > 1000);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void without_shared_memory_spans_are_written_to_the_disk_queue(void **state) {
    need_segments(state);
    has_no_shared_memory = true;
    start();
    assert_non_null(strstr(reports.message, "shared memory of"));
    tote_sdk_close(&f.sdk, TIMEOUT_MS);
    die_after(end_some);
    assert_int_equal(deliver().delivered, SPANS + 1);
    assert_null(find_file(".crash-safe"));
}

static void write_reference(struct tote__segment_reference changed) {
    int file = open(find_file(".crash-safe"), O_WRONLY);

    changed.checksum = tote__crash_file_checksum(
        (const uint8_t *)&changed, offsetof(struct tote__segment_reference, checksum), 0);
    assert_int_equal(pwrite(file, &changed, sizeof changed, 0), sizeof changed);
    close(file);
}

static void after_a_reboot_the_lost_shared_memory_is_reported(void **state) {
    need_segments(state);
    die_after(end_some);
    struct tote__segment_reference changed = reference();
    changed.boot ^= 2;
    write_reference(changed);
    tote_disk_queue_report report = deliver();
    assert_int_equal(report.delivered, 0);
    assert_int_equal(report.missing, 1);
    assert_non_null(strstr(reports.message, "no longer exists"));
    assert_null(find_file(".crash-safe"));
}

/* Its process may be alive in another container, however old the file is. */
static void shared_memory_of_another_namespace_is_kept_and_reported(void **state) {
    need_segments(state);
    die_after(end_some);
    const struct tote__segment_reference right = reference();
    struct tote__segment_reference changed = right;
    changed.ipc_space ^= 2;
    write_reference(changed);
    const struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, find_file(".crash-safe"), old, 0), 0);
    tote_disk_queue_report report = {.struct_size = sizeof report};
    assert_int_equal(tote_otlp_disk_queue_send(&f.otlp, TIMEOUT_MS, &report), TOTE_RESULT_FAILURE);
    assert_int_equal(report.delivered, 0);
    assert_int_equal(report.missing, 0);
    assert_int_equal(report.unattached, 1);
    assert_non_null(strstr(reports.message, "another container or IPC namespace"));
    assert_non_null(find_file(".crash-safe"));
    write_reference(right);
    assert_int_equal(deliver().unattached, 0);
    assert_null(find_file(".crash-safe"));
}

/* The id of a removed segment may be reused by another program. */
static void shared_memory_of_another_program_is_left_alone(void **state) {
    need_segments(state);
    die_after(end_some);
    const struct tote__segment_reference right = reference();
    struct tote__segment_reference changed = right;
    changed.id = shmget(IPC_PRIVATE, (size_t)right.size, IPC_CREAT | 0600);
    write_reference(changed);
    assert_int_equal(deliver().delivered, 0);
    assert_true(is_there(changed.id));
    tote__segments_clean_up(0);
    assert_true(is_there(changed.id));
    assert_int_equal(shmctl(changed.id, IPC_RMID, NULL), 0);
}

static void end_some_while_the_directory_is_removed(void) {
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", f.directory);
    if (system(command) == 0) {
        end_spans("before", 1);
        tote_sdk_force_flush(f.sdk, TIMEOUT_MS); /* to the disk queue, as there is no receiver */
        end_some();
    }
}

static void spans_survive_the_process_also_after_the_directory_was_removed(void **state) {
    const char *endpoint = f.otlp.endpoint;

    need_segments(state);
    f.otlp.endpoint = "http://127.0.0.1:1";
    die_after(end_some_while_the_directory_is_removed);
    f.otlp.endpoint = endpoint;
    assert_int_equal(deliver().delivered, 1 + SPANS + 1);
}

#define FILE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define MEMORY_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_in_memory, tear_down)
#define BOTH_TEST(test)                                                                            \
    FILE_TEST(test), {                                                                             \
#test " (in memory)", test, set_up_in_memory, tear_down, NULL                              \
    }

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        BOTH_TEST(spans_that_ended_before_a_kill_are_delivered),
        BOTH_TEST(a_recovered_span_arrives_complete),
        BOTH_TEST(the_next_start_delivers_recovered_spans),
        BOTH_TEST(the_file_of_a_running_process_is_left_alone),
        BOTH_TEST(spans_delivered_before_a_kill_are_not_delivered_twice),
        BOTH_TEST(spans_without_space_are_counted_in_the_crash_safe_file),
        BOTH_TEST(spans_without_space_are_counted_in_the_statistics),
        BOTH_TEST(delivered_spans_free_their_space),
        BOTH_TEST(spans_dropped_from_the_queue_are_counted_in_the_crash_safe_file),
        FILE_TEST(a_damaged_span_is_set_aside_and_the_others_are_delivered),
        FILE_TEST(a_file_that_is_not_a_crash_safe_file_is_set_aside),
        FILE_TEST(a_truncated_file_is_set_aside),
        FILE_TEST(a_damaged_file_never_yields_spans_that_did_not_exist),
        FILE_TEST(unfinished_files_and_segments_are_removed),
        BOTH_TEST(a_forked_child_writes_its_own_crash_safe_file),
        BOTH_TEST(spans_adopted_by_a_child_are_delivered_once),
        BOTH_TEST(spans_delivered_by_another_process_are_not_adopted),
        FILE_TEST(a_directory_that_other_users_may_write_to_is_not_used),
        FILE_TEST(crash_safe_mode_needs_a_disk_queue_and_protobuf),
        BOTH_TEST(a_truncated_crash_safe_file_does_not_terminate_the_process),
        BOTH_TEST(a_limit_on_file_sizes_does_not_terminate_the_process),
        BOTH_TEST(the_first_span_of_a_child_does_not_touch_the_whole_crash_safe_file),
        BOTH_TEST(recovered_spans_are_sent_while_other_crash_safe_files_are_read),
        MEMORY_TEST(a_reader_does_not_touch_the_chunks_that_were_never_used),
        FILE_TEST(a_damaged_number_of_chunks_hides_no_span),
        FILE_TEST(a_file_that_cannot_be_written_is_reported_once_and_counted),
        MEMORY_TEST(shared_memory_is_removed_after_delivery),
        MEMORY_TEST(without_shared_memory_spans_are_written_to_the_disk_queue),
        MEMORY_TEST(after_a_reboot_the_lost_shared_memory_is_reported),
        MEMORY_TEST(shared_memory_of_another_namespace_is_kept_and_reported),
        MEMORY_TEST(shared_memory_of_another_program_is_left_alone),
        MEMORY_TEST(spans_survive_the_process_also_after_the_directory_was_removed),
    };
    return RUN_TESTS(tests, argc, argv);
}
