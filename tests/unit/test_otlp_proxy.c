/* SPDX-License-Identifier: MIT */
/*
 * test_otlp_proxy.c - the proxy variables, the environment and the working directory belong to the
 * host, which may change them after the exporter is created
 */
#include "support.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "identity.h"
#include "transport_fixture.h"

static void the_diagnostic_for_an_unreachable_proxy_names_its_variable(void **state) {
    struct fixture *f = *state;

    setenv("http_proxy", "http://me:secret@127.0.0.1:1", 1);
    open_transport(f, (tote_otlp_options){.endpoint = "http://127.0.0.1:4318"});
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__NOT_CONNECTED);
    assert_non_null(strstr(f->response.error, "127.0.0.1"));
    assert_non_null(strstr(f->response.advice, "the proxy in http_proxy"));
    assert_null(strstr(f->response.advice, "secret"));
    tote__transport_free(f->transport);
    tote__otlp_settings_clear(&f->settings);

    setenv("no_proxy", "127.0.0.1", 1);
    open_transport(f, (tote_otlp_options){.endpoint = "http://127.0.0.1:1"});
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__NOT_CONNECTED);
    assert_null(strstr(f->response.advice, "proxy"));
    unsetenv("no_proxy");
    unsetenv("http_proxy");
}

/* libcurl quotes a proxy variable that it cannot use. */
static void the_password_of_a_proxy_is_in_no_diagnostic(void **state) {
    static const char *const proxies[] = {
        "http://me:secret@host:port", "http://me:secret@127.0.0.1:99999",
        "foo://me:secret@host",       "http://me:secret@[host",
        "me:sec ret@host name",       "http://me:secret@127.0.0.1:1",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < TOTE_COUNT_OF(proxies); i++) {
        setenv("http_proxy", proxies[i], 1);
        open_transport(f, (tote_otlp_options){.endpoint = "http://127.0.0.1:1"});
        assert_int_not_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
        assert_string_not_equal(f->response.error, "");
        if (strstr(f->response.error, "sec") || strstr(f->response.error, "me:")) {
            fail_msg("%s: %s", proxies[i], f->response.error);
        }
        tote__transport_free(f->transport);
        tote__otlp_settings_clear(&f->settings);
    }
    unsetenv("http_proxy");
    f->transport = NULL;
}

/* The host may change its environment at any time, except while it creates the exporter. */
static void the_proxy_is_read_when_the_exporter_is_created(void **state) {
    struct fixture *f = *state;

    setenv("http_proxy", receiver_url(f->receiver), 1);
    open_transport(f, (tote_otlp_options){.endpoint = "http://127.0.0.1:1"});
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("no_proxy", "127.0.0.1", 1);
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    close_transport(f);
    unsetenv("http_proxy");
    unsetenv("no_proxy");

    open_transport(f, (tote_otlp_options){.endpoint = NULL});
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    unsetenv("http_proxy");
}

/*
 * Send from a process whose environment cannot be read, in a locale with translated messages.
 * Return the outcome; -1 if something reads the environment, which ends the process.
 */
static int send_without_environment(struct fixture *f) {
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        setlocale(LC_ALL, "C.UTF-8");
        environ = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        send_text(f, "spans", in_seconds(60));
        _exit((int)send_text(f, "spans", in_seconds(60)));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Requests are sent by Tote's thread, while the host may change its environment. */
static void a_request_does_not_read_the_environment(void **state) {
    struct fixture *f = *state;
    char closed[64];

    name_closed_port(closed, sizeof closed);
    open_transport(f, (tote_otlp_options){.endpoint = NULL});
    assert_int_equal(send_without_environment(f), TOTE__RESPONDED);
    close_transport(f);

    char named[64]; /* libcurl resolves localhost itself */
    snprintf(named, sizeof named, "http://localhost%s", strrchr(receiver_url(f->receiver), ':'));
    open_transport(f, (tote_otlp_options){.endpoint = named});
    assert_int_equal(send_without_environment(f), TOTE__RESPONDED);
    close_transport(f);

    open_transport(f, (tote_otlp_options){.endpoint = closed});
    assert_int_equal(send_without_environment(f), TOTE__NOT_CONNECTED);
    close_transport(f);

    setenv("all_proxy", receiver_url(f->receiver), 1);
    open_transport(f, (tote_otlp_options){.endpoint = "http://127.0.0.1:1"});
    unsetenv("all_proxy");
    assert_int_equal(send_without_environment(f), TOTE__RESPONDED);
}

/* The TLS library does not read it either. */
static void a_request_over_tls_does_not_read_the_environment(void **state) {
    struct fixture *f = *state;
    struct identity identity;

    if (!identity_make(&identity)) {
        skip();
    }
    receiver_stop(f->receiver);
    f->receiver = receiver_start_tls(identity.certificate, identity.key);
    if (!HAS_HELGRIND) { /* which may need longer for the system's CAs than the 30 s to connect */
        open_transport(f, (tote_otlp_options){.endpoint = NULL});
        assert_int_equal(send_without_environment(f), TOTE__TLS_FAILED);
        close_transport(f);
    }
    open_transport(f, (tote_otlp_options){.ca_file = identity.certificate_path});
    assert_int_equal(send_without_environment(f), TOTE__RESPONDED);
    identity_remove(&identity);
}

/* A daemon changes its directory to the root directory. */
static void a_certificate_is_found_after_a_change_of_the_working_directory(void **state) {
    struct fixture *f = *state;
    struct identity identity;
    int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (!identity_make(&identity)) {
        close(before);
        skip();
    }
    receiver_stop(f->receiver);
    f->receiver = receiver_start_tls(identity.certificate, identity.key);
    assert_int_equal(chdir(identity.folder), 0);
    open_transport(f, (tote_otlp_options){.ca_file = strrchr(identity.certificate_path, '/') + 1});
    assert_int_equal(fchdir(before), 0);
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    close(before);
    identity_remove(&identity);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST_WITH_RECEIVER(the_diagnostic_for_an_unreachable_proxy_names_its_variable),
        TEST_WITH_RECEIVER(the_proxy_is_read_when_the_exporter_is_created),
        TEST_WITH_RECEIVER(a_request_does_not_read_the_environment),
        TEST_WITH_RECEIVER(a_request_over_tls_does_not_read_the_environment),
        TEST_WITH_RECEIVER(a_certificate_is_found_after_a_change_of_the_working_directory),
        TEST_WITH_RECEIVER(the_password_of_a_proxy_is_in_no_diagnostic),
    };

    unsetenv("http_proxy");
    return RUN_TESTS(tests, argc, argv);
}
