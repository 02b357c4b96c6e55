/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "otlp/spool.h"
#include "reports.h"
#include "tote/internal/fork.h"

enum { PROTOBUF = 1 << TOTE_OTLP_PROTOBUF, JSON = 1 << TOTE_OTLP_JSON, FILE_BYTES = 40 + 5 };

static const struct tote__spool_limits usual = {1 << 20, 100, 3600};

static struct {
    char directory[64];
    struct tote__spool *spool;
    struct tote__batch batch;
} f;

static int set_up(void **state) {
    (void)state;
    memset(&f, 0, sizeof f);
    snprintf(f.directory, sizeof f.directory, "/tmp/tote-spool-XXXXXX");
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
    tote__spool_close(f.spool);
    return remove_directory();
}

static void open_with(struct tote__spool_limits limits) {
    f.spool = tote__spool_open(f.directory, &limits);
    assert_non_null(f.spool);
}

static bool put(struct tote__spool *spool, const char *text, uint32_t spans) {
    const struct tote__batch batch = {
        .message = {(const uint8_t *)text, strlen(text)},
        .span_count = spans,
        .is_own = true,
    };

    return tote__spool_put(spool, &batch);
}

static bool take(struct tote__spool *spool) {
    return tote__spool_take(spool, PROTOBUF, &f.batch);
}

static void assert_taken(const char *text, uint32_t spans) {
    assert_true(take(f.spool));
    assert_int_equal(f.batch.message.size, strlen(text));
    assert_memory_equal(f.batch.message.at, text, strlen(text));
    assert_int_equal(f.batch.span_count, spans);
}

/* The name of the first file with this end. */
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
    fclose(file);
}

/* Design: whole batches, one file each, the oldest out first */
static void batches_come_out_in_the_order_they_went_in(void **state) {
    (void)state;
    open_with(usual);
    assert_false(take(f.spool));
    assert_true(put(f.spool, "one", 1));
    assert_true(put(f.spool, "two", 2));
    assert_true(put(f.spool, "three", 3));

    assert_taken("one", 1);
    assert_true(f.batch.is_own);
    assert_taken("one", 1); /* it is there until it is removed */
    tote__spool_remove(f.spool);
    assert_taken("two", 2);
    assert_true(put(f.spool, "four", 4)); /* as the receiver has the word */
    tote__spool_remove(f.spool);
    assert_taken("three", 3);
    tote__spool_remove(f.spool);
    assert_taken("four", 4);
    tote__spool_remove(f.spool);
    assert_false(take(f.spool));
    assert_int_equal(tote__spool_lost(f.spool), 0);
}

/* What outlives the process: the next one finds it */
static void batches_outlive_who_put_them_there(void **state) {
    (void)state;
    open_with(usual);
    assert_true(put(f.spool, "spans", 7));
    tote__spool_close(f.spool);

    open_with(usual);
    assert_taken("spans", 7);
    assert_false(f.batch.is_own);
}

/* What is written is nobody else's to read */
static void files_are_their_owners_alone(void **state) {
    char path[512];
    struct stat status;

    (void)state;
    remove_directory();
    open_with(usual);
    put(f.spool, "spans", 1);
    assert_true(find_file(".otlp", path, sizeof path));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(f.directory, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
}

/* Caps: files, bytes, age; the oldest goes first, and is counted */
static void too_many_batches_push_the_oldest_out(void **state) {
    (void)state;
    open_with((struct tote__spool_limits){1 << 20, 2, 3600});
    put(f.spool, "one", 1);
    put(f.spool, "two", 2);
    assert_true(put(f.spool, "three", 3));
    assert_int_equal(tote__spool_lost(f.spool), 1);
    assert_int_equal(reports.count, 1);
    assert_taken("two", 2);

    assert_true(put(f.spool, "four", 4)); /* the one that is on its way stays */
    assert_int_equal(tote__spool_lost(f.spool), 1 + 3);
    tote__spool_remove(f.spool);
    assert_taken("four", 4);
}

static void too_many_bytes_push_the_oldest_out(void **state) {
    (void)state;
    open_with((struct tote__spool_limits){2 * FILE_BYTES + 3, 100, 3600});
    put(f.spool, "1....", 1);
    put(f.spool, "2....", 2);
    assert_true(put(f.spool, "3....", 3));
    assert_int_equal(tote__spool_lost(f.spool), 1);
    assert_taken("2....", 2);
    assert_false(put(f.spool,
                     "larger than all that is allowed to be in the spool at a time, "
                     "and still some more",
                     4));
    assert_taken("2....", 2);
}

static void what_is_too_old_goes_and_is_counted_if_it_is_ones_own(void **state) {
    (void)state;
    write_file("0000000000000001-00000001-00000000-5.otlp", "from 1970");
    open_with(usual);
    assert_int_equal(tote__spool_count(f.spool), 1);
    assert_false(take(f.spool));
    assert_int_equal(tote__spool_count(f.spool), 0);
    assert_int_equal(tote__spool_lost(f.spool), 0);
    assert_int_equal(reports.count, 1);
}

/* Whatever was changed in it, a file that is not what was written is set aside and told; nothing crashes */
static void a_file_that_was_changed_is_set_aside(void **state) {
    char path[512];

    (void)state;
    for (long i = 0; i <= FILE_BYTES; i++) {
        open_with(usual);
        put(f.spool, "spans", 3);
        put(f.spool, "after", 1);
        assert_true(take(f.spool));
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
        tote__spool_close(f.spool);
        f.spool = NULL;
        while (find_file(".changed", path, sizeof path)) {
            char back[512];
            snprintf(back, sizeof back, "%.*s", (int)(strlen(path) - 8), path);
            rename(path, back);
        }
        open_with(usual);
        assert_false(take(f.spool));
        assert_int_equal(tote__spool_count(f.spool), 0);
        assert_true(find_file(".corrupt", path, sizeof path));
        tote__spool_close(f.spool);
        f.spool = NULL;
        remove_directory();
    }
}

/* What others put there is left alone; what was begun and not finished is no batch */
static void other_files_are_left_alone(void **state) {
    char path[512];

    (void)state;
    write_file("notes.otlp", "mine");
    write_file("18eab4004c6e1b99-a5c3a138-00000000-2.otlp.tmp", "half a ba");
    write_file("18eab4004c6e1b99-a5c3a138-00000000-2.OTLP", "x");
    snprintf(path, sizeof path, "%s/18eab4004c6e1b99-a5c3a138-00000001-2.otlp", f.directory);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    open_with(usual);
    assert_false(take(f.spool));
    assert_true(find_file("notes.otlp", path, sizeof path));
    assert_true(find_file(".tmp", path, sizeof path)); /* somebody may be at it */
    assert_int_equal(reports.count, 0);
}

/* A batch in another encoding waits for somebody who speaks it */
static void a_batch_in_another_encoding_is_passed_over(void **state) {
    const struct tote__batch json = {
        .message = {(const uint8_t *)"{}", 2}, .span_count = 1, .encoding = TOTE_OTLP_JSON};

    (void)state;
    open_with(usual);
    assert_true(tote__spool_put(f.spool, &json));
    assert_true(put(f.spool, "spans", 2));
    assert_taken("spans", 2);
    tote__spool_remove(f.spool);
    assert_false(take(f.spool));
    assert_true(tote__spool_take(f.spool, JSON, &f.batch));
    assert_int_equal(f.batch.encoding, TOTE_OTLP_JSON);
}

/* One at a time takes batches out, of all processes and in one */
static void one_at_a_time_takes_batches_out(void **state) {
    int status = 0;

    (void)state;
    open_with(usual);
    put(f.spool, "spans", 1);
    struct tote__spool *second = tote__spool_open(f.directory, &usual);
    assert_true(take(f.spool));
    assert_false(take(second));
    assert_true(put(second, "more", 1));
    tote__spool_close(second);

    pid_t child = fork();
    if (child == 0) {
        struct tote__spool *own = tote__spool_reopen(f.spool, f.directory);
        _exit(own && !take(own) && put(own, "child", 1) ? 0 : 1);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_true(take(f.spool)); /* the child's end did not take the lock away */

    child = fork();
    if (child == 0) {
        _exit(take(tote__spool_open(f.directory, &usual)) ? 1 : 0);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);

    tote__spool_close(f.spool);
    f.spool = NULL;
    child = fork();
    if (child == 0) {
        _exit(take(tote__spool_open(f.directory, &usual)) ? 0 : 1);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

/* A directory that cannot be used is told */
static void a_directory_that_cannot_be_used_is_told(void **state) {
    (void)state;
    assert_null(tote__spool_open("/proc/no/such/place", &usual));
    assert_int_equal(reports.count, 1);
    reports_reset(TOTE_LEVEL_WARN);
    assert_null(tote__spool_open("/dev/null", &usual));
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "/dev/null"));
}

#define FRESH_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        FRESH_TEST(batches_come_out_in_the_order_they_went_in),
        FRESH_TEST(batches_outlive_who_put_them_there),
        FRESH_TEST(files_are_their_owners_alone),
        FRESH_TEST(too_many_batches_push_the_oldest_out),
        FRESH_TEST(too_many_bytes_push_the_oldest_out),
        FRESH_TEST(what_is_too_old_goes_and_is_counted_if_it_is_ones_own),
        FRESH_TEST(a_file_that_was_changed_is_set_aside),
        FRESH_TEST(other_files_are_left_alone),
        FRESH_TEST(a_batch_in_another_encoding_is_passed_over),
        FRESH_TEST(one_at_a_time_takes_batches_out),
        FRESH_TEST(a_directory_that_cannot_be_used_is_told),
    };
    return RUN_TESTS(tests, argc, argv);
}
