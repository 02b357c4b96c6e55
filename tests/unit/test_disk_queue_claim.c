/* SPDX-License-Identifier: MIT */
/* A directory of a disk queue belongs to one exporter, so its files have one receiver. */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reports.h"
#include "tote/exporters/otlp.h"
#include "tote/tote.h"

static struct {
    char directory[64];
    char alias[80]; /* a symbolic link to it */
    tote_span_exporter *first;
} f;

/* A URL for each, without a listener. */
static tote_span_exporter *make(const char *url, const char *directory) {
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;

    options.delivery = &delivery;
    options.endpoint = url;
    delivery.disk_queue_directory = directory;
    return tote_span_exporter_otlp_new(&options);
}

static int set_up(void **state) {
    (void)state;
    memset(&f, 0, sizeof f);
    unsetenv("OTEL_C_DISK_QUEUE_DIRECTORY");
    snprintf(f.directory, sizeof f.directory, "/tmp/tote-claim-XXXXXX");
    if (!mkdtemp(f.directory)) {
        return -1;
    }
    snprintf(f.alias, sizeof f.alias, "%s.link", f.directory);
    reports_reset(TOTE_LEVEL_WARN);
    f.first = make("http://127.0.0.1:1", f.directory);
    return f.first && symlink(f.directory, f.alias) == 0 ? 0 : -1;
}

static int tear_down(void **state) {
    char command[128];

    (void)state;
    tote_span_exporter_free(f.first);
    unsetenv("OTEL_C_DISK_QUEUE_DIRECTORY");
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    unlink(f.alias);
    snprintf(command, sizeof command, "rm -rf '%s'", f.directory);
    return system(command);
}

static void a_second_exporter_cannot_use_a_directory_in_use(void **state) {
    const char *const paths[] = {f.directory, f.alias};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(paths); i++) {
        reports_reset(TOTE_LEVEL_WARN);
        assert_null(make("http://127.0.0.1:2", paths[i]));
        assert_int_equal(reports.count, 1);
        assert_non_null(strstr(reports.message, paths[i]));
        assert_non_null(strstr(reports.message, "a directory of its own"));
    }
}

static void a_second_exporter_for_the_same_variable_has_no_disk_queue(void **state) {
    (void)state;
    setenv("OTEL_C_DISK_QUEUE_DIRECTORY", f.directory, 1);
    tote_span_exporter *second = make("http://127.0.0.1:2", NULL);
    assert_non_null(second);
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "http://127.0.0.1:2/v1/traces"));
    tote_span_exporter_free(second);
    tote_span_exporter_free(f.first); /* which the second one did not release */
    f.first = NULL;
    reports_reset(TOTE_LEVEL_WARN);
    second = make("http://127.0.0.1:2", NULL);
    assert_int_equal(reports.count, 0);
    tote_span_exporter_free(second);
}

static void an_exporter_that_is_shut_down_releases_its_directory(void **state) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    (void)state;
    options.exporters = &f.first;
    options.exporter_count = 1;
    options.ignore_environment = true;
    tote_sdk *sdk = tote_sdk_start(&options);
    f.first = NULL;
    assert_non_null(sdk);
    assert_null(make("http://127.0.0.1:2", f.directory));
    tote_sdk_shutdown(sdk, 1000);
    f.first = make("http://127.0.0.1:2", f.directory);
    assert_non_null(f.first);
    tote_sdk_close(&sdk, 0);
}

static void other_directories_are_available(void **state) {
    char other[128];

    (void)state;
    snprintf(other, sizeof other, "%s/other", f.directory);
    tote_span_exporter *second = make("http://127.0.0.1:2", other);
    assert_non_null(second);
    tote_span_exporter_free(second);
}

/* A child that never uses an exporter leaves the directory with its parent. */
static void a_forked_child_can_use_the_directory_of_its_parent(void **state) {
    int status = 0;

    (void)state;
    pid_t child = fork();
    if (child == 0) {
        tote_span_exporter *own = make("http://127.0.0.1:2", f.directory);
        _exit(own && !make("http://127.0.0.1:3", f.directory) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define FRESH_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        FRESH_TEST(a_second_exporter_cannot_use_a_directory_in_use),
        FRESH_TEST(a_second_exporter_for_the_same_variable_has_no_disk_queue),
        FRESH_TEST(an_exporter_that_is_shut_down_releases_its_directory),
        FRESH_TEST(other_directories_are_available),
        FRESH_TEST(a_forked_child_can_use_the_directory_of_its_parent),
    };
    return RUN_TESTS(tests, argc, argv);
}
