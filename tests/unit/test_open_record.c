/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

#include "disk_queue_file.h"
#include "open_record.h"
#include "tote/internal/os.h"
#include "tote/internal/request.h"

static const struct tote__disk_queue_limits limits = {1 << 20, 100, 86400};

static struct {
    char directory[64];
    struct tote__disk_queue *queue;
    struct tote__folder folder;
    struct tote__buffer first; /* the first part */
    tote_span_id id;
} f;

static void fill_first(void *self, tote_span *span) {
    (void)self;
    f.id = *tote_span_context_get_span_id(tote_span_get_context(span));
    tote_span_set_attribute(span, "a", tote_int(1));
}

static void fill_event(void *self, tote_span *span) {
    tote_span_set_attribute(span, "a", tote_int(2));
    tote_span_add_event(span, self, NULL, 0, 0);
}

static uint64_t complete(void *self, tote_span *span, uint64_t last) {
    (void)self, (void)span;
    return last;
}

static const struct open_record_end end = {complete, NULL};

static int set_up(void **state) {
    (void)state;
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE, NULL);
    strcpy(f.directory, "/tmp/tote-open-record-XXXXXX");
    assert_non_null(mkdtemp(f.directory));
    f.queue = tote__disk_queue_open(f.directory, &limits);
    assert_true(tote__folder_borrow(tote__disk_queue_descriptor(f.queue), &f.folder));
    assert_true(open_record_part(fill_first, NULL, &f.first));
    return 0;
}

static int tear_down(void **state) {
    DIR *list = opendir(f.directory);
    const struct dirent *item;

    (void)state;
    while ((item = readdir(list))) {
        unlinkat(dirfd(list), item->d_name, 0);
    }
    closedir(list);
    tote__disk_queue_close(f.queue);
    tote__buffer_clear(&f.first);
    assert_int_equal(rmdir(f.directory), 0);
    return 0;
}

static void create(const struct owner *owner, char name[OPEN_RECORD_NAME_BYTES]) {
    assert_int_equal(
        open_record_create(&f.folder, owner, &f.id, tote__buffer_slice(&f.first), name),
        OPEN_RECORD_DONE);
}

static enum open_record_result add_event(const char *name, const char *event) {
    struct tote__buffer part = {NULL, 0, 0};

    assert_true(open_record_part(fill_event, (void *)event, &part));
    enum open_record_result result = open_record_add(&f.folder, name, tote__buffer_slice(&part));
    tote__buffer_clear(&part);
    return result;
}

/* Return how many events the only span of the queue has; -1 without a batch. */
static int events_in_queue(void) {
    struct tote__batch batch;
    size_t count = 0;

    if (!tote__disk_queue_take(f.queue, &batch)) {
        return -1;
    }
    struct tote__request_spans *spans = tote__request_read(batch.message);
    const tote_span_data *const *data = tote__request_spans_get(spans, &count);
    assert_int_equal(count, 1);
    assert_int_equal(batch.span_count, 1);
    assert_memory_equal(tote_span_context_get_span_id(tote_span_data_get_context(data[0])), &f.id,
                        sizeof f.id);
    tote_span_data_get_events(data[0], &count);
    tote__request_spans_free(spans);
    return (int)count;
}

/* Run in a child process, and return its id after its end. */
static uint32_t dead_process(void) {
    pid_t child = fork();

    if (!child) {
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return (uint32_t)child;
}

static void parts_become_one_span(void **state) {
    const struct owner owner = owner_of((uint32_t)getpid());
    char name[OPEN_RECORD_NAME_BYTES];

    (void)state;
    create(&owner, name);
    assert_int_equal(add_event(name, "one"), OPEN_RECORD_DONE);
    assert_int_equal(add_event(name, "two"), OPEN_RECORD_DONE);
    assert_int_equal(open_record_end(f.queue, &f.folder, name, &end), OPEN_RECORD_DONE);
    assert_true(tote__disk_queue_has_last(f.queue));
    assert_int_equal(events_in_queue(), 2);
    assert_int_equal(add_event(name, "late"), OPEN_RECORD_GONE);
    assert_int_equal(open_record_end(f.queue, &f.folder, name, &end), OPEN_RECORD_GONE);
}

static void the_later_of_two_attributes_counts(void **state) {
    const struct owner owner = owner_of(0);
    char name[OPEN_RECORD_NAME_BYTES];
    struct tote__batch batch;
    size_t count;

    (void)state;
    create(&owner, name);
    add_event(name, "one");
    open_record_end(f.queue, &f.folder, name, &end);
    assert_true(tote__disk_queue_take(f.queue, &batch));
    struct tote__request_spans *spans = tote__request_read(batch.message);
    const tote_span_data *const *data = tote__request_spans_get(spans, &count);
    tote_span_data_get_attributes(data[0], &count);
    assert_int_equal(count, 1);
    assert_int_equal(tote_span_data_get_attribute(data[0], "a")->as.integer, 2);
    tote__request_spans_free(spans);
}

static void only_the_record_of_a_dead_owner_is_recovered(void **state) {
    const struct owner alive = owner_of((uint32_t)getpid());
    char name[OPEN_RECORD_NAME_BYTES];

    (void)state;
    create(&alive, name);
    struct open_record_counts counts = open_record_recover(f.queue, &f.folder, false);
    assert_int_equal(counts.open, 1);
    assert_int_equal(counts.unfinished, 0);

    struct owner dead = owner_of((uint32_t)getpid());
    dead.process = dead_process();
    f.id.bytes[0] ^= 1;
    create(&dead, name);
    counts = open_record_recover(f.queue, &f.folder, false);
    assert_int_equal(counts.open, 1);
    assert_int_equal(counts.unfinished, 1);
    counts = open_record_recover(f.queue, &f.folder, false);
    assert_int_equal(counts.unfinished, 0);
}

static void all_records_can_be_recovered(void **state) {
    const struct owner alive = owner_of((uint32_t)getpid());
    const struct owner unknown = owner_of(0);
    char name[OPEN_RECORD_NAME_BYTES];

    (void)state;
    create(&alive, name);
    f.id.bytes[0] ^= 1;
    create(&unknown, name);
    assert_int_equal(open_record_recover(f.queue, &f.folder, false).open, 2);
    const struct open_record_counts counts = open_record_recover(f.queue, &f.folder, true);
    assert_int_equal(counts.unfinished, 2);
    assert_int_equal(counts.open, 0);
}

static void an_owner_is_identified_by_more_than_its_process_id(void **state) {
    struct owner owner = owner_of((uint32_t)getpid());

    (void)state;
    assert_int_equal(owner_look(&owner), OWNER_ALIVE);
    if (owner.started) {
        owner.started++;
        assert_int_equal(owner_look(&owner), OWNER_DEAD);
        owner.started--;
    }
    owner.pid_space++;
    assert_int_equal(owner_look(&owner), OWNER_UNKNOWN);
    if (owner.boot) {
        owner.boot++;
        assert_int_equal(owner_look(&owner), OWNER_DEAD);
    }
    owner = owner_of(0);
    assert_int_equal(owner_look(&owner), OWNER_UNKNOWN);
}

static void a_record_without_an_owner_is_recovered_after_a_day(void **state) {
    const struct owner none = owner_of(0);
    char name[OPEN_RECORD_NAME_BYTES];
    char path[256];

    (void)state;
    create(&none, name);
    assert_int_equal(open_record_recover(f.queue, &f.folder, false).open, 1);
    snprintf(path, sizeof path, "%s/%s", f.directory, name);
    time_t then = time(NULL) - OPEN_RECORD_LONGEST_S - 60;
    assert_int_equal(utime(path, &(struct utimbuf){then, then}), 0);
    assert_int_equal(open_record_recover(f.queue, &f.folder, false).unfinished, 1);
    assert_int_equal(events_in_queue(), 0);
}

/* Return the content of the file. */
static size_t read_file(const char *name, uint8_t *content, size_t size) {
    struct stat status;
    int file = tote__folder_open_file(&f.folder, name, 0, &status);

    assert_true(file >= 0);
    size_t length = tote__os_read(file, content, size);
    close(file);
    return length;
}

static void write_file(const char *name, const uint8_t *content, size_t size) {
    tote__folder_remove(&f.folder, name);
    int file = tote__folder_create_file(&f.folder, name, 1);

    assert_int_equal(tote__os_write(file, content, size), size);
    close(file);
}

/* An interrupted write leaves any beginning of a part. */
static void a_record_that_was_cut_keeps_its_complete_parts(void **state) {
    const struct owner owner = owner_of(0);
    char name[OPEN_RECORD_NAME_BYTES];
    static uint8_t content[4096];

    (void)state;
    create(&owner, name);
    size_t first = read_file(name, content, sizeof content);
    add_event(name, "one");
    size_t size = read_file(name, content, sizeof content);
    for (size_t cut = first; cut < size; cut++) {
        write_file(name, content, cut);
        assert_int_equal(add_event(name, "two"), OPEN_RECORD_DONE);
        assert_int_equal(open_record_end(f.queue, &f.folder, name, &end), OPEN_RECORD_DONE);
        assert_int_equal(events_in_queue(), 1);
        tote__disk_queue_remove(f.queue);
    }
}

static void a_record_without_a_complete_part_is_set_aside(void **state) {
    const struct owner owner = owner_of(0);
    char name[OPEN_RECORD_NAME_BYTES];
    char aside[OPEN_RECORD_NAME_BYTES + 16];
    struct stat status;

    (void)state;
    create(&owner, name);
    write_file(name, (const uint8_t *)"TOTESPL2", 8);
    assert_int_equal(add_event(name, "one"), OPEN_RECORD_DAMAGED);
    assert_int_equal(open_record_end(f.queue, &f.folder, name, &end), OPEN_RECORD_DAMAGED);
    snprintf(aside, sizeof aside, "%s.corrupt", name);
    assert_true(tote__folder_has_file(&f.folder, aside, &status));
}

/* The process that ended the span was killed before it renamed the file. */
static void a_record_that_has_ended_is_put_as_it_is(void **state) {
    const struct owner alive = owner_of((uint32_t)getpid());
    char name[OPEN_RECORD_NAME_BYTES];
    const struct tote__batch batch = {.message = tote__buffer_slice(&f.first), .span_count = 1};

    (void)state;
    create(&alive, name);
    tote__folder_remove(&f.folder, name);
    assert_true(tote__disk_queue_write_file(&f.folder, name, &batch, (struct tote__boot_time){0, 0},
                                            false));
    assert_int_equal(open_record_recover(f.queue, &f.folder, false).unfinished, 1);
    assert_int_equal(events_in_queue(), 0);
}

static void names_of_other_files_are_not_records(void **state) {
    static const char *const names[] = {
        "tote.lock",
        "5a0b13e0bc7e8f6f.open",
        "5a0b13e0bc7e8f6f-4611-60e35a-64bc16ce-effffffc.open.tmp",
        "5a0b13e0bc7e8f6f-04611-60e35a-64bc16ce-effffffc.open",
        "0000000000000000-4611-60e35a-64bc16ce-effffffc.open",
        "5A0b13e0bc7e8f6f-4611-60e35a-64bc16ce-effffffc.open",
        "../../5a0b13e0bc7e8f6f-1-1-1-1.open",
    };
    struct owner owner;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_false(open_record_read_name(names[i], &owner));
    }
    assert_true(
        open_record_read_name("5a0b13e0bc7e8f6f-4611-60e35a-64bc16ce-effffffc.open", &owner));
    assert_int_equal(owner.process, 0x4611);
}

/* The reader accepts any bytes. Checksums are made to fit, so that the messages are read. */
static void changed_records_are_read_without_harm(void **state) {
    enum { ROUNDS = 3000 };
    const struct owner owner = owner_of(0);
    char name[OPEN_RECORD_NAME_BYTES];
    static uint8_t content[4096];
    unsigned seed = 1;

    (void)state;
    create(&owner, name);
    add_event(name, "one");
    const size_t size = read_file(name, content, sizeof content);
    for (unsigned i = 0; i < ROUNDS; i++) {
        static uint8_t changed[sizeof content];
        struct tote__buffer request = {NULL, 0, 0};
        struct tote__batch part = {.message = {changed + TOTE__DISK_QUEUE_HEAD_BYTES, 0}};
        memcpy(changed, content, size);
        for (unsigned changes = (unsigned)rand_r(&seed) % 4; changes; changes--) {
            changed[(unsigned)rand_r(&seed) % size] = (uint8_t)rand_r(&seed);
        }
        size_t cut = (unsigned)rand_r(&seed) % (size + 1);
        if (i % 2 && cut > TOTE__DISK_QUEUE_HEAD_BYTES) {
            part.message.size = cut - TOTE__DISK_QUEUE_HEAD_BYTES;
            tote__disk_queue_put_head(changed, &part, (struct tote__boot_time){0, 0});
        }
        if (open_record_merge((struct tote__slice){changed, cut}, &end, &request)) {
            struct tote__request_spans *spans = tote__request_read(tote__buffer_slice(&request));
            size_t count = 0;
            tote__request_spans_get(spans, &count);
            assert_int_equal(count, 1);
            tote__request_spans_free(spans);
        }
        tote__buffer_clear(&request);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_become_one_span, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_later_of_two_attributes_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_record_of_a_dead_owner_is_recovered, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(all_records_can_be_recovered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_owner_is_identified_by_more_than_its_process_id, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_record_without_an_owner_is_recovered_after_a_day, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_record_that_was_cut_keeps_its_complete_parts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_record_without_a_complete_part_is_set_aside, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_record_that_has_ended_is_put_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_of_other_files_are_not_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changed_records_are_read_without_harm, set_up, tear_down),
    };

    return RUN_TESTS(tests, argc, argv);
}
