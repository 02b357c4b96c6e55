/* SPDX-License-Identifier: MIT */
#include "batch_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker_thread.h"

/* An exporter that writes a line with the process and the name of each span into a pipe. */
struct pipe_exporter {
    int fd;
    atomic_bool is_gated; /* in the process that sets it, for one export */
    sem_t gate;
    sem_t has_begun;
};

static tote_result export_to_pipe(void *self, const tote_span_data *const *spans, size_t count,
                                  uint32_t timeout_ms, tote_export_outcome *report) {
    struct pipe_exporter *exporter = self;
    char line[64];

    (void)timeout_ms, (void)report;
    sem_post(&exporter->has_begun);
    if (exporter->is_gated) {
        wait_for_post(&exporter->gate);
    }
    for (size_t i = 0; i < count; i++) {
        int length = snprintf(line, sizeof line, "%ld %s\n", (long)getpid(),
                              tote_span_data_get_name(spans[i]));
        if (write(exporter->fd, line, (size_t)length) != length) {
            return TOTE_RESULT_FAILURE;
        }
    }
    return TOTE_RESULT_SUCCESS;
}

struct fork_fixture {
    struct batch_fixture *batch;
    struct pipe_exporter exporter;
    int read_fd;
};

/* An SDK with the settings of the batch fixture that exports to a pipe. */
static void start_to_pipe(struct fork_fixture *f, void **state) {
    static const tote_span_exporter_ops ops = {.struct_size = sizeof ops,
                                               .export_spans = export_to_pipe};
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    f->read_fd = ends[0];
    f->exporter.fd = ends[1];
    sem_init(&f->exporter.gate, 0, 0);
    sem_init(&f->exporter.has_begun, 0, 0);
    f->batch = batch_fixture_start_with(
        state, tote__batch_processor_new(tote_span_exporter_new(&ops, &f->exporter),
                                         &((struct batch_fixture *)*state)->batch));
}

static void end_named(struct fork_fixture *f, const char *name) {
    tote_span *span = tote_tracer_start_span(f->batch->tracer, name, NULL);

    tote_span_close(&span);
}

/* Everything that was written, once all writers have closed the pipe. */
static void read_all(struct fork_fixture *f, char *text, size_t size) {
    size_t length = 0;
    ssize_t count;

    close(f->exporter.fd);
    while ((count = read(f->read_fd, text + length, size - 1 - length)) > 0) {
        length += (size_t)count;
    }
    text[length] = '\0';
    close(f->read_fd);
}

static void assert_once(const char *text, pid_t process, const char *name) {
    char line[64];

    snprintf(line, sizeof line, "%ld %s\n", (long)process, name);
    const char *found = strstr(text, line);
    assert_non_null(found);
    assert_null(strstr(found + 1, line));
}

static int wait_for_child(pid_t child) {
    int status = -1;

    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What the child does; its exit status is the number of the step that failed. */
static int run_child(struct fork_fixture *f) {
    tote_stats stats = get_stats(f->batch);

    f->exporter.is_gated = false;
    if (stats.ended != 0 || stats.queued != 0 || stats.in_flight != 0) {
        return 1; /* counts start at zero */
    }
    end_named(f, "child");
    if (tote_sdk_force_flush(f->batch->sdk, SAFETY_NET_MS) != TOTE_RESULT_SUCCESS) {
        return 2;
    }
    stats = get_stats(f->batch);
    if (stats.ended != 1 || stats.exported != 1 || !accounting_closes(&stats)) {
        return 3;
    }
    return tote_sdk_close(&f->batch->sdk, SAFETY_NET_MS) == TOTE_RESULT_SUCCESS ? 0 : 4;
}

/* Each process exports its own spans, once. */
static void a_fork_in_the_middle_of_an_export_duplicates_nothing(void **state) {
    struct fork_fixture f = {.exporter = {.is_gated = true}};
    char text[1024];
    start_to_pipe(&f, state);

    end_named(&f, "in flight");
    tote_sdk_force_flush(f.batch->sdk, 0);
    assert_true(wait_for_post(&f.exporter.has_begun));
    end_named(&f, "waiting");
    pid_t child = fork();
    if (child == 0) {
        _exit(run_child(&f));
    }
    assert_int_equal(wait_for_child(child), 0);
    f.exporter.is_gated = false;
    sem_post(&f.exporter.gate);
    assert_int_equal(tote_sdk_force_flush(f.batch->sdk, SAFETY_NET_MS), TOTE_RESULT_SUCCESS);
    tote_sdk_close(&f.batch->sdk, SAFETY_NET_MS);

    read_all(&f, text, sizeof text);
    assert_once(text, getpid(), "in flight");
    assert_once(text, getpid(), "waiting");
    assert_once(text, child, "child");
    assert_null(strstr(strstr(text, "child") + 1, "child"));
}

/* No call from the host is needed. */
static void the_first_span_of_a_child_starts_its_worker(void **state) {
    struct fork_fixture f = {.exporter = {.is_gated = false}};
    char text[1024];
    if (HAS_ADDRESS_SANITIZER) {
        skip();
    }
    ((struct batch_fixture *)*state)->batch.max_export_batch_size = 2;
    start_to_pipe(&f, state);

    end_named(&f, "parent");
    pid_t child = fork();
    if (child == 0) {
        end_named(&f, "first");
        end_named(&f, "second");
        _exit(wait_for_post(&f.exporter.has_begun) &&
                      tote_sdk_shutdown(f.batch->sdk, SAFETY_NET_MS) == TOTE_RESULT_SUCCESS
                  ? 0
                  : 1);
    }
    assert_int_equal(wait_for_child(child), 0);
    tote_sdk_close(&f.batch->sdk, SAFETY_NET_MS);
    read_all(&f, text, sizeof text);
    assert_once(text, child, "first");
    assert_once(text, child, "second");
    assert_once(text, getpid(), "parent");
}

/* The same holds for a child of that child. */
static void a_child_without_spans_releases_what_it_inherited(void **state) {
    struct fork_fixture f = {.exporter = {.is_gated = false}};
    char text[1024];
    if (HAS_ADDRESS_SANITIZER) {
        skip();
    }
    start_to_pipe(&f, state);

    end_named(&f, "parent");
    pid_t child = fork();
    if (child == 0) {
        pid_t grandchild = fork();
        tote_sdk_unref(f.batch->sdk);
        _exit(grandchild == 0 ? 0 : wait_for_child(grandchild));
    }
    assert_int_equal(wait_for_child(child), 0);
    tote_sdk_close(&f.batch->sdk, SAFETY_NET_MS);
    read_all(&f, text, sizeof text);
    assert_once(text, getpid(), "parent");
}

/* The allocator of this program counts. */
static atomic_size_t blocks;

static void *test_allocate(void *self, size_t size) {
    void *memory = malloc(size);

    (void)self;
    blocks += memory != NULL;
    return memory;
}

static void *test_reallocate(void *self, void *memory, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    blocks += memory == NULL;
    return realloc(memory, size);
}

static void test_release(void *self, void *memory, size_t size) {
    (void)self, (void)size;
    blocks -= memory != NULL;
    free(memory);
}

struct waiting_work {
    sem_t has_begun;
    sem_t gate;
};

static void wait_at_gate(void *arg) {
    struct waiting_work *work = arg;

    sem_post(&work->has_begun);
    wait_for_post(&work->gate);
}

/* In the child no worker exists to free its memory. */
static void a_child_releases_the_memory_of_its_parents_worker(void **state) {
    const tote_thread_factory factory = {.struct_size = sizeof factory};
    struct waiting_work work;
    struct worker_thread thread;

    (void)state;
    sem_init(&work.has_begun, 0, 0);
    sem_init(&work.gate, 0, 0);
    size_t before = blocks;
    assert_true(tote__worker_thread_start(&thread, &factory, wait_at_gate, &work));
    assert_true(wait_for_post(&work.has_begun));
    pid_t child = fork();
    if (child == 0) {
        bool had_some = blocks > before;
        tote__worker_thread_release_inherited(&thread);
        tote__worker_thread_release_inherited(&thread);
        _exit(had_some && blocks == before ? 0 : 1);
    }
    assert_int_equal(wait_for_child(child), 0);
    sem_post(&work.gate);
    tote__worker_thread_join(&thread);
    assert_int_equal(blocks, before);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        BATCH_TEST(a_fork_in_the_middle_of_an_export_duplicates_nothing),
        BATCH_TEST(the_first_span_of_a_child_starts_its_worker),
        BATCH_TEST(a_child_without_spans_releases_what_it_inherited),
        BATCH_TEST(a_child_releases_the_memory_of_its_parents_worker),
    };
    const tote_allocator allocator = {sizeof allocator, test_allocate, test_reallocate,
                                      test_release, NULL};

    tote_allocator_set(&allocator);
    return RUN_TESTS(tests, argc, argv);
}
