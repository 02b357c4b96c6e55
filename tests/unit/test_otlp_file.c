/* SPDX-License-Identifier: MIT */
#include "sdk_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reports.h"
#include "request_from_json.h"
#include "tote/exporters/otlp_file.h"

enum { SPANS = 6, PATH_BYTES = 128, TEXT_BYTES = 1 << 16 };

static struct {
    struct sdk_fixture *sdk;
    char directory[64];
    char path[PATH_BYTES];
    tote_span_exporter *exporter;
    size_t exported; /* of the SDK's spans, whose names are their numbers */
} f;

static int set_up(void **state) {
    memset(&f, 0, sizeof f);
    if (sdk_fixture_set_up(state) != 0) {
        return -1;
    }
    f.sdk = sdk_fixture_start(state);
    for (int i = 0; i < SPANS; i++) {
        char name[2] = {(char)('0' + i), '\0'};
        tote_span *span = tote_tracer_start_span(f.sdk->tracer, name, NULL);
        tote_span_close(&span);
    }
    reports_reset(TOTE_LEVEL_WARN);
    snprintf(f.directory, sizeof f.directory, "/tmp/tote-file-XXXXXX");
    if (!mkdtemp(f.directory)) {
        return -1;
    }
    snprintf(f.path, sizeof f.path, "%s/spans.jsonl", f.directory);
    return 0;
}

static int tear_down(void **state) {
    char command[128];

    tote_span_exporter_free(f.exporter);
    snprintf(command, sizeof command, "rm -rf '%s'", f.directory);
    int failed = system(command);
    return sdk_fixture_tear_down(state) + failed;
}

static void open_exporter(tote_otlp_file_options options) {
    options.struct_size = sizeof options;
    f.exporter = tote_span_exporter_otlp_file_new(&options);
    assert_non_null(f.exporter);
}

/* The next `count` spans of the SDK. */
static tote_result export_next(size_t count) {
    const tote_span_data *const *spans = (const tote_span_data *const *)f.sdk->spans;
    tote_export_outcome report = {0};

    f.exported += count;
    return f.exporter->ops.export_spans(f.exporter->self, spans + f.exported - count, count, 1000,
                                        &report);
}

/* The content of PATH, or of PATH.number; "" if the file does not exist. */
static const char *text_of(unsigned number) {
    static char text[TEXT_BYTES];
    char path[PATH_BYTES + 16];

    snprintf(path, sizeof path, number ? "%s.%u" : "%s", f.path, number);
    FILE *file = fopen(path, "r");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[size] = '\0';
    if (file) {
        fclose(file);
    }
    return text;
}

/* The names of the spans in a file, a comma between two lines: "01,2". */
static const char *names_in(const char *text) {
    static char names[2 * SPANS];
    struct tote__arena arena = {.chunks = NULL};
    size_t length = 0;

    for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
        const char *surprise = NULL;
        Tote__Otlp__ExportTraceServiceRequest *request =
            request_from_json(text, (size_t)(end - text), &arena, &surprise);
        assert_null(surprise);
        Tote__Otlp__ScopeSpans *scope = request->resource_spans[0]->scope_spans[0];
        for (size_t i = 0; i < scope->n_spans; i++) {
            names[length++] = scope->spans[i]->name[0];
        }
        names[length++] = ',';
    }
    assert_string_equal(text, ""); /* whole lines */
    names[length ? length - 1 : 0] = '\0';
    tote__arena_clear(&arena);
    return names;
}

/* Spec: protocol/file-exporter.md#json-file-serialization */
static void each_batch_is_appended_as_one_line_of_json(void **state) {
    (void)state;
    open_exporter((tote_otlp_file_options){.path = f.path});
    assert_int_equal(export_next(2), TOTE_RESULT_SUCCESS);
    assert_int_equal(export_next(1), TOTE_RESULT_SUCCESS);
    assert_string_equal(names_in(text_of(0)), "01,2");
    tote_span_exporter_free(f.exporter);

    open_exporter((tote_otlp_file_options){.path = f.path});
    assert_int_equal(export_next(1), TOTE_RESULT_SUCCESS);
    assert_string_equal(names_in(text_of(0)), "01,2,3");
    assert_int_equal(reports.count, 0);
}

/* The options max_bytes and max_files. */
static void a_file_at_its_size_limit_is_rotated_and_the_oldest_removed(void **state) {
    (void)state;
    open_exporter((tote_otlp_file_options){.path = f.path, .max_bytes = 1, .max_files = 2});
    for (int i = 0; i < 5; i++) {
        assert_int_equal(export_next(1), TOTE_RESULT_SUCCESS); /* a line is never cut */
    }
    assert_string_equal(names_in(text_of(0)), "4");
    assert_string_equal(names_in(text_of(1)), "3");
    assert_string_equal(names_in(text_of(2)), "2");
    assert_string_equal(text_of(3), "");
    assert_int_equal(reports.count, 0);
}

/* The option max_bytes. */
static void a_file_is_filled_up_to_its_limit(void **state) {
    (void)state;
    open_exporter((tote_otlp_file_options){.path = f.path});
    export_next(1);
    export_next(1);
    uint64_t two = strlen(text_of(0));
    tote_span_exporter_free(f.exporter);

    open_exporter((tote_otlp_file_options){.path = f.path, .max_bytes = two});
    export_next(1);
    export_next(1);
    export_next(1);
    assert_string_equal(names_in(text_of(1)), "2,3");
    assert_string_equal(names_in(text_of(0)), "4");
}

/* For example by logrotate. */
static void a_file_that_was_moved_away_is_created_again(void **state) {
    char moved[PATH_BYTES + 16];

    (void)state;
    snprintf(moved, sizeof moved, "%s.1", f.path);
    open_exporter((tote_otlp_file_options){.path = f.path});
    export_next(1);
    assert_int_equal(rename(f.path, moved), 0);
    export_next(1);
    assert_int_equal(unlink(f.path), 0);
    export_next(1);
    assert_string_equal(names_in(text_of(1)), "0");
    assert_string_equal(names_in(text_of(0)), "2");
}

/* Nothing is lost silently, and readers find whole lines. */
static void a_full_disk_is_reported_and_leaves_no_partial_line(void **state) {
    struct rlimit limit;
    struct rlimit before;

    (void)state;
    open_exporter((tote_otlp_file_options){.path = f.path});
    export_next(1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = strlen(text_of(0)) + 10;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    errno = ENOTTY;
    tote_result result = export_next(1);
    int error = errno;
    setrlimit(RLIMIT_FSIZE, &before);

    assert_int_equal(result, TOTE_RESULT_FAILURE);
    assert_int_equal(error, ENOTTY);
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "1 spans were not written to "));
    assert_non_null(strstr(reports.message, "File too large"));
    assert_string_equal(names_in(text_of(0)), "0");
    assert_int_equal(export_next(1), TOTE_RESULT_SUCCESS);
    assert_string_equal(names_in(text_of(0)), "0,2");
}

static void no_exporter_is_created_for_a_path_that_cannot_be_written(void **state) {
    tote_otlp_file_options options = TOTE_OTLP_FILE_OPTIONS_INIT;

    (void)state;
    options.path = "/nowhere/spans.jsonl";
    assert_null(tote_span_exporter_otlp_file_new(&options));
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "/nowhere/spans.jsonl"));
    assert_non_null(strstr(reports.message, "No such file or directory"));
}

/* Opening a FIFO for writing blocks until there is a reader. */
static void no_exporter_is_created_for_a_fifo_without_a_reader(void **state) {
    tote_otlp_file_options options = TOTE_OTLP_FILE_OPTIONS_INIT;

    (void)state;
    assert_int_equal(mkfifo(f.path, 0600), 0);
    options.path = f.path;
    assert_null(tote_span_exporter_otlp_file_new(&options));
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, f.path));
}

/* Spec: trace/sdk.md#shutdown-2 */
static void after_shutdown_nothing_is_written(void **state) {
    (void)state;
    open_exporter((tote_otlp_file_options){.path = f.path});
    assert_int_equal(f.exporter->ops.shutdown(f.exporter->self, 0), TOTE_RESULT_SUCCESS);
    assert_int_equal(export_next(1), TOTE_RESULT_FAILURE);
    assert_string_equal(text_of(0), "");
    assert_int_equal(reports.count, 1);
}

/* Spec: configuration/sdk-environment-variables.md#exporter-selection, otlp/stdout */
static void the_environment_can_select_otlp_lines_on_stdout(void **state) {
    int status = -1;

    (void)state;
    pid_t child = fork();
    if (child == 0) {
        int out = open(f.path, O_WRONLY | O_CREAT, 0600);
        setenv("OTEL_TRACES_EXPORTER", "otlp/stdout", 1);
        if (dup2(out, STDOUT_FILENO) != STDOUT_FILENO) {
            _exit(1);
        }
        tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
        options.skip_global_registration = true;
        tote_sdk *sdk = tote_sdk_start(&options);
        tote_tracer_provider *provider = tote_sdk_ref_tracer_provider(sdk);
        tote_tracer *tracer = tote_tracer_provider_get_tracer(provider, "child", NULL);
        tote_span *span = tote_tracer_start_span(tracer, "c", NULL);
        tote_span_close(&span);
        tote_tracer_provider_unref(provider);
        _exit(tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_string_equal(names_in(text_of(0)), "c");
}

/* A daemon changes its directory to the root directory. */
static void a_relative_path_refers_to_the_directory_at_the_start(void **state) {
    int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_int_equal(chdir(f.directory), 0);
    open_exporter((tote_otlp_file_options){.path = "spans.jsonl", .max_bytes = 1});
    assert_int_equal(fchdir(before), 0);
    close(before);
    assert_int_equal(export_next(1), TOTE_RESULT_SUCCESS);
    assert_int_equal(export_next(1), TOTE_RESULT_SUCCESS); /* renames the first file */
    assert_string_equal(names_in(text_of(1)), "0");
    assert_string_equal(names_in(text_of(0)), "1");
    assert_int_equal(reports.count, 0);
}

#define FILE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        FILE_TEST(each_batch_is_appended_as_one_line_of_json),
        FILE_TEST(a_file_at_its_size_limit_is_rotated_and_the_oldest_removed),
        FILE_TEST(a_file_is_filled_up_to_its_limit),
        FILE_TEST(a_file_that_was_moved_away_is_created_again),
        FILE_TEST(a_relative_path_refers_to_the_directory_at_the_start),
        FILE_TEST(a_full_disk_is_reported_and_leaves_no_partial_line),
        FILE_TEST(no_exporter_is_created_for_a_path_that_cannot_be_written),
        FILE_TEST(no_exporter_is_created_for_a_fifo_without_a_reader),
        FILE_TEST(after_shutdown_nothing_is_written),
        FILE_TEST(the_environment_can_select_otlp_lines_on_stdout),
    };
    return RUN_TESTS(tests, argc, argv);
}
