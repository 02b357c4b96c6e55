/* SPDX-License-Identifier: MIT */
/*
 * test_host_untouched.c - the state of the host is unchanged by calls of Tote
 *
 * The tests run in this order in one process: before an SDK, with a running SDK, after it.
 */
#include "support.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tote/exporters/in_memory.h"
#include "tote/start.h"
#include "tour.h"

enum { SIGNAL_COUNT = 65 };

/* The state that Tote must not change; all padding is zero, so that two can be compared. */
struct host {
    unsigned char is_blocked[SIGNAL_COUNT];
    void (*handlers[SIGNAL_COUNT])(int);
    int flags[SIGNAL_COUNT];
    char locale[256];
    char directory[256];
    mode_t umask;
};

/* Standard output and error, redirected to memory for a while. */
struct capture {
    int descriptors[2]; /* what the program writes to now */
    int originals[2];
};

static struct host host_as_it_is(void) {
    struct host host;
    sigset_t mask;

    memset(&host, 0, sizeof host);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (int signal = 1; signal < SIGNAL_COUNT; signal++) {
        struct sigaction action;

        host.is_blocked[signal] = sigismember(&mask, signal) == 1;
        if (sigaction(signal, NULL, &action) == 0) {
            host.handlers[signal] = action.sa_handler;
            host.flags[signal] = action.sa_flags;
        }
    }
    strncpy(host.locale, setlocale(LC_ALL, NULL), sizeof host.locale - 1);
    assert_non_null(getcwd(host.directory, sizeof host.directory));
    host.umask = umask(0);
    umask(host.umask);
    return host;
}

static struct capture capture_start(void) {
    struct capture capture;

    for (int i = 0; i < 2; i++) {
        int written_to = STDOUT_FILENO + i;

        capture.originals[i] = dup(written_to);
        capture.descriptors[i] = memfd_create("capture", MFD_CLOEXEC);
        dup2(capture.descriptors[i], written_to);
    }
    return capture;
}

/* Returns the text that was written to either. */
static const char *capture_stop(struct capture *capture) {
    static char text[1024];
    ssize_t length = 0;

    for (int i = 0; i < 2; i++) {
        dup2(capture->originals[i], STDOUT_FILENO + i);
        ssize_t got =
            pread(capture->descriptors[i], text + length, sizeof text - 1 - (size_t)length, 0);
        length += got > 0 ? got : 0;
        close(capture->originals[i]);
        close(capture->descriptors[i]);
    }
    text[length] = '\0';
    return text;
}

/* A tour, and all changes that are found. */
struct visit {
    struct host before;
    struct capture capture;
    struct tour tour;
};

static struct visit visit_start(bool has_sdk) {
    struct visit visit = {.before = host_as_it_is(), .tour = {.has_sdk = has_sdk}};

    visit.capture = capture_start();
    return visit;
}

/* `diagnostic` is in the only line that is written; NULL: none is. */
static void assert_nothing_touched(struct visit *visit, const char *diagnostic) {
    const char *written = capture_stop(&visit->capture);
    struct host after = host_as_it_is();

    if (diagnostic) {
        assert_non_null(strstr(written, diagnostic));
        assert_ptr_equal(strchr(written, '\n'), written + strlen(written) - 1);
    } else {
        assert_string_equal(written, "");
    }
    assert_memory_equal(&visit->before, &after, sizeof after);
    assert_string_equal(visit->tour.errno_call ? visit->tour.errno_call : "none", "none");
    assert_string_equal(visit->tour.surprise ? visit->tour.surprise : "none", "none");
}

static void the_host_is_unchanged_before_an_sdk_starts(void **state) {
    (void)state;
    struct visit visit = visit_start(false);

    tour_all(&visit.tour);

    assert_nothing_touched(&visit, NULL);
}

/* Start an SDK with a worker thread that keeps spans in `memory`. */
static tote_sdk *start_sdk(tote_in_memory_spans *memory) {
    tote_span_exporter *exporters[] = {tote_span_exporter_in_memory_new(memory)};
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.ignore_environment = true;
    options.service_name = "host";
    options.exporters = exporters;
    options.exporter_count = TOTE_COUNT_OF(exporters);
    return tote_sdk_start(&options);
}

static void the_host_is_unchanged_while_an_sdk_starts_runs_and_stops(void **state) {
    (void)state;
    struct visit visit = visit_start(true);
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    int errors[3];

    errno = EXDEV;
    tote_sdk *sdk = start_sdk(memory);
    errors[0] = errno;
    tour_all(&visit.tour);
    errno = EXDEV;
    tote_result flushed = tote_sdk_force_flush(sdk, 10000);
    errors[1] = errno;
    size_t count = tote_in_memory_spans_get_count(memory);
    tote_result closed = tote_sdk_close(&sdk, 10000);
    errors[2] = errno;
    tote_in_memory_spans_unref(memory);

    assert_nothing_touched(&visit, "spans were started while no SDK was running");
    for (size_t i = 0; i < TOTE_COUNT_OF(errors); i++) {
        assert_int_equal(errors[i], EXDEV);
    }
    assert_int_equal(flushed, TOTE_RESULT_SUCCESS);
    assert_int_equal(closed, TOTE_RESULT_SUCCESS);
    assert_true(count > 4);
}

static void the_host_is_unchanged_after_an_sdk_has_stopped(void **state) {
    (void)state;
    struct visit visit = visit_start(false);

    tour_all(&visit.tour);

    assert_nothing_touched(&visit, "was started after the SDK was shut down");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(the_host_is_unchanged_before_an_sdk_starts),
        TEST(the_host_is_unchanged_while_an_sdk_starts_runs_and_stops),
        TEST(the_host_is_unchanged_after_an_sdk_has_stopped),
    };
    setlocale(LC_ALL, "");
    return RUN_TESTS(tests, argc, argv);
}
