/* SPDX-License-Identifier: MIT */
/*
 * Shared memory that no process is attached to: removed, left alone, or reported.
 */
#include "support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include "reports.h"
#include "src/crash_file_format.h"
#include "src/segment.h"

enum { OWNER_AT = 1024, LONG_NAME_BYTES = 3000 };

static struct {
    char path[64];
    int directory;
    struct tote__segment segment;
} f;

static const char name[] = "1-1.crash-safe";

static void make_file(void) {
    int file = openat(f.directory, name, O_WRONLY | O_CREAT, 0600);

    assert_true(file >= 0);
    close(file);
}

static int set_up(void **state) {
    (void)state;
    memset(&f, 0, sizeof f);
    f.segment.id = -1;
    snprintf(f.path, sizeof f.path, "/tmp/tote-segment-XXXXXX");
    if (!mkdtemp(f.path)) {
        return -1;
    }
    f.directory = open(f.path, O_RDONLY | O_DIRECTORY);
    make_file();
    reports_reset(TOTE_LEVEL_WARN);
    return f.directory >= 0 ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    tote__segment_detach(&f.segment);
    tote__segment_remove(&f.segment);
    unlinkat(f.directory, name, 0);
    close(f.directory);
    return rmdir(f.path);
}

/* A crash-safe file to which the file with this name refers. */
static void make_crash_file(const char *file) {
    assert_true(tote__segment_make(&f.segment, TOTE__CRASH_FILE_CHUNKS_AT));
    struct tote__crash_file_head *head = (struct tote__crash_file_head *)(void *)f.segment.at;
    memcpy(head->magic, TOTE__CRASH_FILE_MAGIC, sizeof head->magic);
    head->byte_order = 1;
    head->checksum = tote__crash_file_head_checksum(head);
    tote__segment_note_file(&f.segment, f.directory, file);
}

static bool is_there(void) {
    struct shmid_ds status;

    return shmctl(f.segment.id, IPC_STAT, &status) == 0;
}

/* Whether a diagnostic contains the command that removes the segment. */
static bool is_reported(void) {
    char wanted[32];

    snprintf(wanted, sizeof wanted, " -m %d", f.segment.id);
    return strstr(reports.message, "ipcrm") && strstr(reports.message, wanted);
}

static void shared_memory_whose_file_exists_is_left_alone(void **state) {
    (void)state;
    make_crash_file(name);
    tote__segment_detach(&f.segment);
    tote__segments_clean_up(0);
    assert_true(is_there());
    assert_false(is_reported());
}

static void shared_memory_whose_file_is_deleted_is_removed_after_a_delay(void **state) {
    (void)state;
    make_crash_file(name);
    assert_int_equal(unlinkat(f.directory, name, 0), 0);
    tote__segments_clean_up(0);
    assert_true(is_there()); /* this process is attached */
    tote__segment_detach(&f.segment);
    tote__segments_clean_up(3600);
    assert_true(is_there()); /* the directory may be about to be moved */
    tote__segments_clean_up(0);
    assert_false(is_there());
    make_file();
}

static void shared_memory_whose_file_cannot_be_looked_up_is_reported_once(void **state) {
    (void)state;
    make_crash_file(name);
    *(uint64_t *)(void *)(f.segment.at + OWNER_AT) ^= 2; /* the mount namespace */
    tote__segment_detach(&f.segment);
    tote__segments_clean_up(3600);
    assert_false(is_reported());
    tote__segments_clean_up(0);
    assert_true(is_there());
    assert_true(is_reported());
    assert_non_null(strstr(reports.message, " crash-safe files in shared memory ("));
    reports_reset(TOTE_LEVEL_WARN);
    tote__segments_clean_up(0);
    assert_false(is_reported());
}

/* The path is longer than the segment can hold. */
static void shared_memory_without_a_path_is_reported(void **state) {
    char long_name[LONG_NAME_BYTES];

    (void)state;
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    tote__segments_clean_up(0); /* segments of other programs have been reported before */
    make_crash_file(long_name);
    tote__segment_detach(&f.segment);
    tote__segments_clean_up(0);
    assert_true(is_there());
    assert_true(is_reported());
}

static void shared_memory_of_another_format_is_left_alone(void **state) {
    (void)state;
    make_crash_file(name);
    assert_int_equal(unlinkat(f.directory, name, 0), 0);
    *f.segment.at ^= 1;
    tote__segment_detach(&f.segment);
    tote__segments_clean_up(0);
    assert_true(is_there());
    assert_false(is_reported());
    make_file();
}

#define FRESH_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        FRESH_TEST(shared_memory_whose_file_exists_is_left_alone),
        FRESH_TEST(shared_memory_whose_file_is_deleted_is_removed_after_a_delay),
        FRESH_TEST(shared_memory_whose_file_cannot_be_looked_up_is_reported_once),
        FRESH_TEST(shared_memory_without_a_path_is_reported),
        FRESH_TEST(shared_memory_of_another_format_is_left_alone),
    };
    return RUN_TESTS(tests, argc, argv);
}
