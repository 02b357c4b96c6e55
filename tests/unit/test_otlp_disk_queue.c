/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reports.h"
#include "tote/internal/disk_queue.h"
#include "tote/internal/fork.h"
#include "tote/internal/os.h"

enum { FILE_BYTES = 40 + 5 };
enum { OTHER_USER = 65534 };

static const struct tote__disk_queue_limits usual = {1 << 20, 100, 3600};

static struct {
    char directory[64];
    struct tote__disk_queue *disk_queue;
    struct tote__batch batch;
} f;

/*
 * How often the system calls that these functions replace were called, and the offsets of the
 * clocks.
 */
static struct {
    int64_t wall_s;
    int64_t steady_s;
    unsigned reads; /* of entries of directories */
    unsigned syncs;
    int sync_error;
} calls;

int clock_gettime(clockid_t id, struct timespec *time) {
    __kernel_long_t now[2]; /* what the kernel writes, also if time_t is larger */
    int result = (int)syscall(SYS_clock_gettime, id, now);

    time->tv_sec = (time_t)(now[0] + (id == CLOCK_REALTIME ? calls.wall_s : calls.steady_s));
    time->tv_nsec = now[1];
    return result;
}

/* The name of readdir() with large files. */
struct dirent64 *readdir64(DIR *directory) {
    static struct dirent64 *(*next)(DIR *);

    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "readdir64");
    }
    calls.reads++;
    return next(directory);
}

int fsync(int fd) {
    (void)fd;
    calls.syncs++;
    errno = calls.sync_error;
    return calls.sync_error ? -1 : 0;
}

static int set_up(void **state) {
    (void)state;
    memset(&f, 0, sizeof f);
    memset(&calls, 0, sizeof calls);
    snprintf(f.directory, sizeof f.directory, "/tmp/tote-disk_queue-XXXXXX");
    reports_reset(TOTE_LEVEL_WARN);
    return mkdtemp(f.directory) ? 0 : -1;
}

static int remove_directory(void) {
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", f.directory);
    return system(command);
}

static int tear_down(void **state) {
    (void)state;
    tote__disk_queue_close(f.disk_queue);
    return remove_directory();
}

static void open_with(struct tote__disk_queue_limits limits) {
    f.disk_queue = tote__disk_queue_open(f.directory, &limits);
    assert_non_null(f.disk_queue);
}

static bool put(struct tote__disk_queue *disk_queue, const char *text, uint32_t spans) {
    const struct tote__batch batch = {
        .message = {(const uint8_t *)text, strlen(text)},
        .span_count = spans,
        .is_own = true,
    };

    return tote__disk_queue_put(disk_queue, &batch);
}

static bool take(struct tote__disk_queue *disk_queue) {
    return tote__disk_queue_take(disk_queue, &f.batch);
}

static void assert_next(const char *text, uint32_t spans) {
    assert_true(take(f.disk_queue));
    assert_int_equal(f.batch.message.size, strlen(text));
    assert_memory_equal(f.batch.message.at, text, strlen(text));
    assert_int_equal(f.batch.span_count, spans);
}

/* Open it as another process does. */
static void open_again(struct tote__disk_queue_limits limits) {
    tote__disk_queue_close(f.disk_queue);
    open_with(limits);
}

static bool is_there(const char *name) {
    char path[512];
    struct stat status;

    snprintf(path, sizeof path, "%s/%s", f.directory, name);
    return lstat(path, &status) == 0;
}

/* The name of the first file with this suffix. */
static bool find_file(const char *end, char *path, size_t size) {
    DIR *directory = opendir(f.directory);
    struct dirent *item;
    bool is_found = false;

    while (!is_found && (item = readdir(directory))) {
        size_t length = strlen(item->d_name);
        is_found = length >= strlen(end) && strcmp(item->d_name + length - strlen(end), end) == 0;
        snprintf(path, size, "%s/%s", f.directory, item->d_name);
    }
    closedir(directory);
    return is_found;
}

static void write_file(const char *name, const char *text) {
    char path[512];

    snprintf(path, sizeof path, "%s/%s", f.directory, name);
    FILE *file = fopen(path, "we");
    fputs(text, file);
    fchmod(fileno(file), 0600);
    fclose(file);
}

/* Whole batches, one file each. */
static void batches_are_read_in_the_order_they_were_written(void **state) {
    (void)state;
    open_with(usual);
    assert_false(take(f.disk_queue));
    assert_true(put(f.disk_queue, "one", 1));
    assert_true(put(f.disk_queue, "two", 2));
    assert_true(put(f.disk_queue, "three", 3));

    assert_next("one", 1);
    assert_true(f.batch.is_own);
    assert_next("one", 1); /* it is there until it is removed */
    tote__disk_queue_remove(f.disk_queue);
    assert_next("two", 2);
    assert_true(put(f.disk_queue, "four", 4)); /* as the receiver has its response */
    tote__disk_queue_remove(f.disk_queue);
    assert_next("three", 3);
    tote__disk_queue_remove(f.disk_queue);
    assert_next("four", 4);
    tote__disk_queue_remove(f.disk_queue);
    assert_false(take(f.disk_queue));
    assert_int_equal(tote__disk_queue_lost(f.disk_queue), 0);
}

static void batches_survive_the_process_that_wrote_them(void **state) {
    (void)state;
    open_with(usual);
    assert_true(put(f.disk_queue, "spans", 7));
    tote__disk_queue_close(f.disk_queue);

    open_with(usual);
    assert_next("spans", 7);
    assert_false(f.batch.is_own);
}

/* Other users cannot read the spans. */
static void files_are_readable_by_their_owner_only(void **state) {
    char path[512];
    struct stat status;

    (void)state;
    remove_directory();
    open_with(usual);
    put(f.disk_queue, "spans", 1);
    assert_true(find_file(".otlp", path, sizeof path));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(f.directory, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

/* Limits of files, bytes and age: the oldest batch is evicted first, and counted. */
static void too_many_batches_evict_the_oldest(void **state) {
    (void)state;
    open_with((struct tote__disk_queue_limits){1 << 20, 2, 3600});
    put(f.disk_queue, "one", 1);
    put(f.disk_queue, "two", 2);
    assert_true(put(f.disk_queue, "three", 3));
    assert_int_equal(tote__disk_queue_lost(f.disk_queue), 1);
    assert_int_equal(reports.count, 1);
    assert_next("two", 2);

    assert_true(put(f.disk_queue, "four", 4)); /* the batch in flight stays */
    assert_int_equal(tote__disk_queue_lost(f.disk_queue), 1 + 3);
    tote__disk_queue_remove(f.disk_queue);
    assert_next("four", 4);
}

/* A queue that only puts does not read the directory; another process applies the limits. */
static void limits_of_a_queue_that_only_puts_apply_when_it_is_trimmed(void **state) {
    struct tote__disk_queue_limits limits = usual;
    char name[512];

    (void)state;
    limits.max_files = 100;
    for (unsigned i = 0; i < 250; i++) {
        f.disk_queue = tote__disk_queue_open_to_put(f.directory, &limits);
        assert_true(put(f.disk_queue, i < 151 ? "old" : "new", 1));
        assert_int_equal(tote__disk_queue_count(f.disk_queue), 1);
        tote__disk_queue_close(f.disk_queue);
    }
    open_with(limits);
    assert_int_equal(tote__disk_queue_count(f.disk_queue), 250);
    tote__disk_queue_trim(f.disk_queue);
    assert_int_equal(tote__disk_queue_count(f.disk_queue), 99);
    for (unsigned i = 0; i < 99; i++) {
        assert_next("new", 1);
        tote__disk_queue_remove(f.disk_queue);
    }
    assert_false(find_file(".otlp", name, sizeof name));
}

static void too_many_bytes_evict_the_oldest(void **state) {
    (void)state;
    open_with((struct tote__disk_queue_limits){2 * FILE_BYTES + 3, 100, 3600});
    put(f.disk_queue, "1....", 1);
    put(f.disk_queue, "2....", 2);
    assert_true(put(f.disk_queue, "3....", 3));
    assert_int_equal(tote__disk_queue_lost(f.disk_queue), 1);
    assert_next("2....", 2);
    assert_false(put(f.disk_queue,
                     "larger than all that is allowed to be in the disk queue at a time, "
                     "and still some more",
                     4));
    assert_next("2....", 2);
}

static void batches_over_the_age_limit_are_evicted_and_own_ones_are_counted(void **state) {
    (void)state;
    write_file("0000000000000001-00000001-00000000-5.otlp", "from 1970");
    open_with(usual);
    assert_int_equal(tote__disk_queue_count(f.disk_queue), 1);
    assert_false(take(f.disk_queue));
    assert_int_equal(tote__disk_queue_count(f.disk_queue), 0);
    assert_int_equal(tote__disk_queue_lost(f.disk_queue), 0);
    assert_int_equal(reports.count, 1);
}

/* A file with any changed byte is set aside and reported, and never crashes the reader. */
static void a_file_that_was_changed_is_set_aside(void **state) {
    char path[512];

    (void)state;
    for (long i = 0; i <= FILE_BYTES; i++) {
        open_with(usual);
        put(f.disk_queue, "spans", 3);
        put(f.disk_queue, "after", 1);
        assert_true(take(f.disk_queue));
        assert_true(find_file(".otlp", path, sizeof path));
        while (find_file(".otlp", path, sizeof path)) {
            FILE *file = fopen(path, "r+e");
            fseek(file, i, SEEK_SET);
            int byte = i < FILE_BYTES ? fgetc(file) : 0;
            fseek(file, i, SEEK_SET);
            fputc(byte ^ 0x10, file); /* the last round appends one */
            fclose(file);
            char aside[600];
            snprintf(aside, sizeof aside, "%s.changed", path);
            rename(path, aside);
        }
        tote__disk_queue_close(f.disk_queue);
        f.disk_queue = NULL;
        while (find_file(".changed", path, sizeof path)) {
            char back[512];
            snprintf(back, sizeof back, "%.*s", (int)(strlen(path) - 8), path);
            rename(path, back);
        }
        open_with(usual);
        assert_false(take(f.disk_queue));
        assert_int_equal(tote__disk_queue_count(f.disk_queue), 0);
        assert_true(find_file(".corrupt", path, sizeof path));
        tote__disk_queue_close(f.disk_queue);
        f.disk_queue = NULL;
        remove_directory();
    }
}

/* An unfinished file is no batch. */
static void other_files_are_left_alone(void **state) {
    char path[512];

    (void)state;
    write_file("notes.otlp", "mine");
    write_file("18eab4004c6e1b99-a5c3a138-00000000-2.otlp.tmp", "half a ba");
    write_file("18eab4004c6e1b99-a5c3a138-00000000-2.OTLP", "x");
    snprintf(path, sizeof path, "%s/18eab4004c6e1b99-a5c3a138-00000001-2.otlp", f.directory);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    open_with(usual);
    assert_false(take(f.disk_queue));
    assert_true(find_file("notes.otlp", path, sizeof path));
    assert_true(find_file(".tmp", path, sizeof path)); /* another process may be writing it */
    assert_int_equal(reports.count, 0);
}

/* Of all processes, and within one process. */
static void only_one_process_at_a_time_reads_batches(void **state) {
    int status = 0;

    (void)state;
    open_with(usual);
    put(f.disk_queue, "spans", 1);
    struct tote__disk_queue *second = tote__disk_queue_open(f.directory, &usual);
    assert_true(take(f.disk_queue));
    assert_false(take(second));
    assert_true(put(second, "more", 1));
    tote__disk_queue_close(second);

    pid_t child = fork();
    if (child == 0) {
        struct tote__disk_queue *own = tote__disk_queue_reopen(f.disk_queue, f.directory);
        _exit(own && !take(own) && put(own, "child", 1) ? 0 : 1);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_true(take(f.disk_queue)); /* the end of the child did not release the lock */

    child = fork();
    if (child == 0) {
        _exit(take(tote__disk_queue_open(f.directory, &usual)) ? 1 : 0);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);

    tote__disk_queue_close(f.disk_queue);
    f.disk_queue = NULL;
    child = fork();
    if (child == 0) {
        _exit(take(tote__disk_queue_open(f.directory, &usual)) ? 0 : 1);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static void an_unusable_directory_is_reported(void **state) {
    (void)state;
    assert_null(tote__disk_queue_open("/proc/no/such/place", &usual));
    assert_int_equal(reports.count, 1);
    reports_reset(TOTE_LEVEL_WARN);
    assert_null(tote__disk_queue_open("/dev/null", &usual));
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "/dev/null"));
}

/* Only files that a queue has written are removed, however old others are. */
static void old_files_of_other_programs_are_left_alone(void **state) {
    static const char *const names[] = {"other-program.tmp", "report.corrupt",
                                        "18eab4004c6e1b99-a5c3a138-00000000-2.otlp.tmp",
                                        "18eab4004c6e1b99-a5c3a138-00000000-2.otlp.corrupt"};
    static const char *const own[] = {"18eab4004c6e1b99-a5c3a138-00000001-2.otlp.tmp",
                                      "18eab4004c6e1b99-a5c3a138-00000001-2.otlp.corrupt"};
    const struct timespec times[] = {{.tv_sec = 1735689600}, {.tv_sec = 1735689600}};
    char path[512];

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        write_file(names[i], "precious");
    }
    write_file(own[0], "TOTES");
    write_file(own[1], "TOTESPL2 is damaged");
    for (size_t i = 0; i < TOTE_COUNT_OF(names) + TOTE_COUNT_OF(own); i++) {
        size_t count = TOTE_COUNT_OF(names);
        snprintf(path, sizeof path, "%s/%s", f.directory, i < count ? names[i] : own[i - count]);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    open_with(usual);
    assert_false(take(f.disk_queue));
    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        assert_true(is_there(names[i]));
    }
    assert_false(is_there(own[0]));
    assert_false(is_there(own[1]));
}

/* Another thread or process may still write it, whatever the clocks show. */
static void a_file_that_is_being_written_is_not_removed(void **state) {
    static const char name[] = "18eab4004c6e1b99-a5c3a138-00000000-2.otlp.tmp";
    const struct timespec times[] = {{.tv_sec = 1735689600}, {.tv_sec = 1735689600}};
    char path[512];

    (void)state;
    write_file(name, "TOTES");
    snprintf(path, sizeof path, "%s/%s", f.directory, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    open_with(usual);
    assert_true(is_there(name));
    close(fd);
    open_again(usual);
    assert_false(is_there(name));
}

/* Opening a FIFO would wait for a writer. */
static void a_fifo_with_the_name_of_a_batch_is_skipped_without_blocking(void **state) {
    char path[512];

    (void)state;
    open_with(usual);
    put(f.disk_queue, "one", 1);
    assert_true(find_file(".otlp", path, sizeof path));
    put(f.disk_queue, "two", 2);
    open_again(usual);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_next("two", 2);
    assert_int_equal(tote__disk_queue_trouble(f.disk_queue).unreadable, 1);
    assert_non_null(strstr(reports.message, "stays in the disk queue"));
    assert_true(is_there(strrchr(path, '/') + 1));
}

/* A batch that another user could have written is not sent with this user's credentials. */
static void a_file_of_another_user_is_kept_and_counted(void **state) {
    char path[512];

    (void)state;
    open_with((struct tote__disk_queue_limits){1 << 20, 1, 3600});
    put(f.disk_queue, "one", 1);
    assert_true(find_file(".otlp", path, sizeof path));
    assert_int_equal(chmod(path, 0666), 0);
    open_again((struct tote__disk_queue_limits){1 << 20, 1, 3600});
    assert_false(take(f.disk_queue));
    assert_int_equal(tote__disk_queue_trouble(f.disk_queue).unreadable, 1);
    assert_int_equal(reports.count, 1);
    assert_true(put(f.disk_queue, "two", 2)); /* which evicts no file of another user */
    assert_true(is_there(strrchr(path, '/') + 1));
    if (geteuid() == 0) {
        assert_int_equal(chmod(path, 0600), 0);
        assert_int_equal(chown(path, OTHER_USER, OTHER_USER), 0);
        open_again((struct tote__disk_queue_limits){1 << 20, 2, 3600});
        assert_int_equal(tote__disk_queue_trouble(f.disk_queue).unreadable, 1);
    }
    assert_next("two", 2);
}

/* Memory for a batch is limited. The file is sparse. */
static void a_file_over_256_mib_is_kept_and_counted(void **state) {
    char path[512];

    (void)state;
    open_with(usual);
    put(f.disk_queue, "one", 1);
    assert_true(find_file(".otlp", path, sizeof path));
    put(f.disk_queue, "two", 2);
    assert_int_equal(truncate(path, (256 << 20) + 1), 0);
    open_again(usual);
    assert_next("two", 2);
    assert_int_equal(tote__disk_queue_trouble(f.disk_queue).unreadable, 1);
    assert_non_null(strstr(reports.message, "File too large"));
    assert_true(is_there(strrchr(path, '/') + 1));
}

static void a_lock_file_that_cannot_be_opened_is_reported(void **state) {
    (void)state;
    open_with(usual);
    put(f.disk_queue, "one", 1);
    assert_int_equal(
        symlinkat("/etc/passwd", tote__disk_queue_descriptor(f.disk_queue), "tote.lock"), 0);
    assert_false(take(f.disk_queue));
    assert_true(tote__disk_queue_trouble(f.disk_queue).is_locked_out);
    assert_non_null(strstr(reports.message, "'tote.lock' cannot be opened"));
}

/*
 * A command that root runs in the directory of a service must leave files that the service can
 * open.
 */
static void files_created_by_root_belong_to_the_directorys_owner(void **state) {
    struct stat status;

    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chown(f.directory, OTHER_USER, OTHER_USER), 0);
    assert_null(tote__disk_queue_open(f.directory, &usual));
    assert_non_null(strstr(reports.message, "belongs to user 65534"));
    f.disk_queue = tote__disk_queue_open_existing(f.directory, &usual);
    assert_non_null(f.disk_queue);
    assert_true(put(f.disk_queue, "spans", 2));
    assert_next("spans", 2);
    int directory = tote__disk_queue_descriptor(f.disk_queue);
    assert_int_equal(fstatat(directory, "tote.lock", &status, 0), 0);
    assert_int_equal(status.st_uid, OTHER_USER);
    char path[512];
    assert_true(find_file(".otlp", path, sizeof path));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, OTHER_USER);
}

/* Closing a descriptor of the lock must not release the lock of another queue in this process. */
static void closing_one_queue_does_not_release_the_lock_of_another(void **state) {
    int status = 0;

    (void)state;
    open_with(usual);
    put(f.disk_queue, "spans", 1);
    struct tote__disk_queue *second = tote__disk_queue_open(f.directory, &usual);
    assert_true(take(f.disk_queue));
    assert_false(tote__disk_queue_may_send(second));
    tote__disk_queue_close(second);
    pid_t child = fork();
    if (child == 0) {
        _exit(take(tote__disk_queue_open(f.directory, &usual)) ? 1 : 0);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

enum { MANY = 10000, MOST_READS = 600 };

static void put_many(uint32_t count) {
    tote__disk_queue_set_sync(f.disk_queue, false);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(put(f.disk_queue, "spans", 1));
    }
}

/* Each call makes a bounded number of steps, so it does not stall a host's event loop. */
static void the_work_of_a_call_does_not_grow_with_the_number_of_files(void **state) {
    static const struct tote__disk_queue_limits wide = {1 << 30, 1 << 20, 3600};
    unsigned sent = 0;
    unsigned idle = 0;

    (void)state;
    open_with(wide);
    put_many(MANY);
    open_again(wide);
    tote__disk_queue_set_sync(f.disk_queue, false);
    while (sent < MANY + 1 && idle < MANY) {
        calls.reads = 0;
        bool has_found = take(f.disk_queue);
        assert_in_range(calls.reads, 0, MOST_READS);
        if (has_found) {
            tote__disk_queue_remove(f.disk_queue);
            sent++;
        } else {
            assert_int_equal(tote__disk_queue_next_look(f.disk_queue), 0);
            idle++;
        }
        if (sent + idle == 1) {
            calls.reads = 0;
            assert_true(put(f.disk_queue, "more", 1));
            assert_in_range(calls.reads, 0, MOST_READS);
        }
    }
    assert_int_equal(sent, MANY + 1);
    assert_false(take(f.disk_queue));
}

/* Too many files are removed over several calls. */
static void files_over_the_limits_are_removed_in_bounded_steps(void **state) {
    enum { STEP = 64, FILES = 1000 };

    (void)state;
    open_with((struct tote__disk_queue_limits){1 << 30, 1 << 20, 3600});
    put_many(FILES);
    open_again((struct tote__disk_queue_limits){1 << 30, 10, 3600});
    for (size_t left = FILES; left > 10 + STEP; left -= STEP - 1) {
        assert_true(put(f.disk_queue, "more", 1));
        assert_int_equal(tote__disk_queue_count(f.disk_queue), left - STEP + 1);
    }
    put(f.disk_queue, "more", 1);
    put(f.disk_queue, "more", 1);
    assert_int_equal(tote__disk_queue_count(f.disk_queue), 10);
}

/* Damaged files do not cause one call to read all of them. */
static void damaged_files_are_set_aside_in_bounded_steps(void **state) {
    enum { FILES = 100, STEP = 16 };
    char name[64];

    (void)state;
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "18eab4004c6e1b99-a5c3a138-%08x-2.otlp", i);
        write_file(name, "damaged");
    }
    open_with((struct tote__disk_queue_limits){1 << 20, 1000, UINT32_MAX});
    for (unsigned calls_made = 1; calls_made <= FILES / STEP; calls_made++) {
        assert_false(take(f.disk_queue));
        assert_int_equal(tote__disk_queue_trouble(f.disk_queue).damaged, calls_made * STEP);
        assert_int_equal(tote__disk_queue_next_look(f.disk_queue), 0);
    }
    assert_false(take(f.disk_queue));
    assert_int_equal(tote__disk_queue_trouble(f.disk_queue).damaged, FILES);
}

/* A machine without a real-time clock starts in 1970. */
static void without_an_age_limit_or_with_a_clock_near_1970_nothing_is_evicted(void **state) {
    (void)state;
    calls.wall_s = 100 - (int64_t)time(NULL);
    open_with((struct tote__disk_queue_limits){1 << 20, 100, UINT32_MAX});
    put(f.disk_queue, "one", 1);
    put(f.disk_queue, "two", 2);
    open_again((struct tote__disk_queue_limits){1 << 20, 100, 86400});
    put(f.disk_queue, "three", 3);
    assert_next("one", 1);
    assert_int_equal(tote__disk_queue_count(f.disk_queue), 3);
    assert_int_equal(tote__disk_queue_lost(f.disk_queue), 0);
    calls.wall_s = 0; /* the time is known now */
    put(f.disk_queue, "four", 4);
    assert_next("one", 1);
    open_again((struct tote__disk_queue_limits){1 << 20, 100, 86400}); /* by another process, too */
    assert_next("one", 1);
    assert_int_equal(tote__disk_queue_count(f.disk_queue), 4);
    assert_int_equal(reports.count, 0);
}

/*
 * A clock that is never set gives the same result: which batches are kept, and which are evicted.
 */
static void setting_the_clock_changes_no_age(void **state) {
    (void)state;
    if (!tote__os_boot()) {
        skip(); /* ages follow the clock if the system does not identify a boot */
    }
    open_with(usual);
    put(f.disk_queue, "one", 1);
    for (int64_t jump = -1000000; jump <= 1000000; jump += 2000000) {
        calls.wall_s = jump;
        assert_next("one", 1);
        open_again(usual);
        assert_next("one", 1);
    }
    assert_int_equal(reports.count, 0);
    calls.wall_s = 0;
    calls.steady_s = usual.max_age_s + 10; /* the machine was suspended */
    calls.wall_s = calls.steady_s;
    assert_false(take(f.disk_queue));
    assert_int_equal(reports.count, 1);
}

/* The oldest is evicted first. A new batch is newer, also after the clock was set back. */
static void a_batch_written_later_is_newer_whatever_the_clock_shows(void **state) {
    (void)state;
    open_with((struct tote__disk_queue_limits){1 << 20, 2, 3600});
    put(f.disk_queue, "one", 1);
    put(f.disk_queue, "two", 2);
    calls.wall_s = -100000;
    open_again((struct tote__disk_queue_limits){1 << 20, 2, 3600});
    put(f.disk_queue, "three", 3);
    assert_next("two", 2);
    tote__disk_queue_remove(f.disk_queue);
    assert_next("three", 3);
}

static void a_directory_that_was_removed_is_created_again(void **state) {
    struct stat status;

    (void)state;
    open_with(usual);
    put(f.disk_queue, "one", 1);
    assert_true(take(f.disk_queue));
    tote__disk_queue_remove(f.disk_queue);
    put(f.disk_queue, "two", 2);
    assert_int_equal(remove_directory(), 0);
    assert_true(put(f.disk_queue, "three", 3));
    assert_int_equal(tote__disk_queue_lost(f.disk_queue), 2);
    assert_non_null(strstr(reports.message, "with 2 spans of this process"));
    assert_int_equal(stat(f.directory, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_next("three", 3);
    tote__disk_queue_remove(f.disk_queue);

    assert_int_equal(remove_directory(), 0); /* other processes may add files meanwhile */
    calls.steady_s = 10;
    assert_false(take(f.disk_queue));
    assert_int_equal(stat(f.directory, &status), 0);
}

/* The bytes are synced first, then the name. */
static void a_batch_is_synced_to_disk_before_it_counts_as_saved(void **state) {
    char path[512];

    (void)state;
    open_with(usual);
    calls.syncs = 0;
    assert_true(put(f.disk_queue, "one", 1));
    assert_int_equal(calls.syncs, 2);
    tote__disk_queue_set_sync(f.disk_queue, false);
    assert_true(put(f.disk_queue, "two", 2));
    assert_int_equal(calls.syncs, 2);

    tote__disk_queue_set_sync(f.disk_queue, true);
    calls.sync_error = EIO;
    assert_false(put(f.disk_queue, "three", 3));
    assert_non_null(strstr(reports.message, "Input/output error"));
    assert_int_equal(tote__disk_queue_count(f.disk_queue), 2);
    assert_false(find_file("-3.otlp", path, sizeof path));
    assert_false(find_file(".tmp", path, sizeof path));
}

/* A file that is empty after a power failure is set aside. */
static void an_empty_file_is_set_aside(void **state) {
    char path[512];

    (void)state;
    write_file("18eab4004c6e1b99-a5c3a138-00000001-2.otlp", "");
    open_with((struct tote__disk_queue_limits){1 << 20, 100, UINT32_MAX});
    assert_false(take(f.disk_queue));
    assert_int_equal(tote__disk_queue_trouble(f.disk_queue).damaged, 1);
    assert_true(find_file(".otlp.corrupt", path, sizeof path));
}

#define FRESH_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        FRESH_TEST(batches_are_read_in_the_order_they_were_written),
        FRESH_TEST(batches_survive_the_process_that_wrote_them),
        FRESH_TEST(files_are_readable_by_their_owner_only),
        FRESH_TEST(too_many_batches_evict_the_oldest),
        FRESH_TEST(limits_of_a_queue_that_only_puts_apply_when_it_is_trimmed),
        FRESH_TEST(too_many_bytes_evict_the_oldest),
        FRESH_TEST(batches_over_the_age_limit_are_evicted_and_own_ones_are_counted),
        FRESH_TEST(a_file_that_was_changed_is_set_aside),
        FRESH_TEST(other_files_are_left_alone),
        FRESH_TEST(only_one_process_at_a_time_reads_batches),
        FRESH_TEST(an_unusable_directory_is_reported),
        FRESH_TEST(old_files_of_other_programs_are_left_alone),
        FRESH_TEST(a_file_that_is_being_written_is_not_removed),
        FRESH_TEST(a_fifo_with_the_name_of_a_batch_is_skipped_without_blocking),
        FRESH_TEST(a_file_of_another_user_is_kept_and_counted),
        FRESH_TEST(a_file_over_256_mib_is_kept_and_counted),
        FRESH_TEST(a_lock_file_that_cannot_be_opened_is_reported),
        FRESH_TEST(files_created_by_root_belong_to_the_directorys_owner),
        FRESH_TEST(closing_one_queue_does_not_release_the_lock_of_another),
        FRESH_TEST(the_work_of_a_call_does_not_grow_with_the_number_of_files),
        FRESH_TEST(files_over_the_limits_are_removed_in_bounded_steps),
        FRESH_TEST(damaged_files_are_set_aside_in_bounded_steps),
        FRESH_TEST(without_an_age_limit_or_with_a_clock_near_1970_nothing_is_evicted),
        FRESH_TEST(setting_the_clock_changes_no_age),
        FRESH_TEST(a_batch_written_later_is_newer_whatever_the_clock_shows),
        FRESH_TEST(a_directory_that_was_removed_is_created_again),
        FRESH_TEST(a_batch_is_synced_to_disk_before_it_counts_as_saved),
        FRESH_TEST(an_empty_file_is_set_aside),
    };
    return RUN_TESTS(tests, argc, argv);
}
