/* SPDX-License-Identifier: MIT */
/*
 * test_curl_handles.c - handles that are copied and reset, and transfers that are not HTTP
 */
#include "support.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "curl_fixture.h"

/* A mail server, and the text that it received. */
struct mail {
    int listener;
    unsigned port;
    pthread_t thread;
    char text[8192];
};

/* Serve one client. */
static void *receive_mail(void *arg) {
    struct mail *mail = arg;
    int client = accept(mail->listener, NULL, NULL);
    FILE *in = fdopen(client, "r");
    FILE *out = fdopen(dup(client), "w");
    char line[1024];
    bool is_data = false;

    setvbuf(out, NULL, _IONBF, 0);
    fputs("220 ready\r\n", out);
    while (fgets(line, sizeof line, in)) {
        if (is_data && strcmp(line, ".\r\n") != 0) {
            strncat(mail->text, line, sizeof mail->text - strlen(mail->text) - 1);
            continue;
        }
        is_data = strncmp(line, "DATA", 4) == 0;
        fputs(is_data ? "354 go on\r\n" : "250 done\r\n", out);
        if (strncmp(line, "QUIT", 4) == 0) {
            break;
        }
    }
    fclose(out);
    fclose(in);
    return NULL;
}

static void start_mail(struct mail *mail) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    mail->text[0] = '\0';
    mail->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(mail->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(mail->listener, 1), 0);
    assert_int_equal(getsockname(mail->listener, (struct sockaddr *)&address, &size), 0);
    mail->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&mail->thread, NULL, receive_mail, mail), 0);
}

static void stop_mail(struct mail *mail) {
    pthread_join(mail->thread, NULL);
    close(mail->listener);
}

static int count_call(void *count, char *peer, char *local, int peer_port, int local_port) {
    (void)peer, (void)local, (void)peer_port, (void)local_port;
    ++*(unsigned *)count;
    return CURL_PREREQFUNC_OK;
}

/* Send a MIME mail to `url`, in a scope whose store has baggage. */
static void send_mail(struct curl_fixture *f, const char *url, const char *protocol) {
    tote_scope *scope = tote_scope_open(NULL, "op", NULL);
    struct curl_slist *headers = curl_slist_append(NULL, "Subject: hello");
    struct curl_slist *recipients = curl_slist_append(NULL, "<b@example.com>");
    curl_mime *mime = curl_mime_init(f->easy);
    tote_curl_options options = TOTE_CURL_OPTIONS_INIT;
    unsigned calls = 0;

    options.headers = headers;
    options.prereq_function = count_call;
    options.prereq_data = &calls;
    tote_store_add(tote_store_current(), "user.id", tote_string("u_1"));
    curl_mime_data(curl_mime_addpart(mime), "body text", CURL_ZERO_TERMINATED);
    curl_easy_setopt(f->easy, CURLOPT_URL, url);
    curl_easy_setopt(f->easy, CURLOPT_DEFAULT_PROTOCOL, protocol);
    curl_easy_setopt(f->easy, CURLOPT_MAIL_FROM, "<a@example.com>");
    curl_easy_setopt(f->easy, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(f->easy, CURLOPT_MIMEPOST, mime);
    assert_int_equal(tote_curl_perform(f->easy, &options), CURLE_OK);
    assert_int_equal(calls, 1);
    curl_easy_cleanup(f->easy);
    f->easy = NULL;
    curl_mime_free(mime);
    curl_slist_free_all(headers);
    curl_slist_free_all(recipients);
    tote_scope_close(&scope);
}

static void assert_is_untouched(struct curl_fixture *f, const struct mail *mail) {
    const char *subject = strstr(mail->text, "Subject: hello\r\n");
    const char *body = strstr(mail->text, "\r\n\r\n");

    assert_true(subject && body && subject < body);
    assert_null(strstr(mail->text, "traceparent"));
    assert_null(strstr(mail->text, "baggage"));
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 0);
}

/* Spec: semantic-conventions http-spans.md#http-client: other protocols have no such spans. */
static void a_mail_is_sent_unchanged_and_has_no_span(void **state) {
    struct curl_fixture *f = *state;
    struct mail mail;
    char url[64];

    start_mail(&mail);
    snprintf(url, sizeof url, "smtp://127.0.0.1:%u/", mail.port);
    send_mail(f, url, NULL);
    stop_mail(&mail);
    assert_is_untouched(f, &mail);
}

/* The same for a URL without a scheme: only libcurl knows the default of the handle. */
static void a_mail_by_the_default_protocol_is_sent_unchanged(void **state) {
    struct curl_fixture *f = *state;
    struct mail mail;
    char url[64];

    start_mail(&mail);
    snprintf(url, sizeof url, "127.0.0.1:%u/", mail.port);
    send_mail(f, url, "smtp");
    stop_mail(&mail);
    assert_is_untouched(f, &mail);
}

/* Spec: semantic-conventions http-spans.md#http-client, url.full */
static void a_url_without_a_scheme_is_recorded_with_the_scheme_that_libcurl_guesses(void **state) {
    struct curl_fixture *f = *state;
    char full[160];

    snprintf(full, sizeof full, "%s/guessed", receiver_url(f->receiver));
    curl_easy_setopt(f->easy, CURLOPT_URL, full + strlen("http://"));
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    assert_span_text(curl_fixture_only_span(f), "url.full", full);
    assert_string_equal(tote_span_data_get_name(curl_fixture_only_span(f)), "GET");
    assert_non_null(receiver_header(f->receiver, 0, "traceparent"));
}

/* The same for a URL in CURLOPT_CURLU. */
static void a_url_in_parts_is_traced(void **state) {
    struct curl_fixture *f = *state;
    CURLU *url = curl_url();

    assert_int_equal(curl_url_set(url, CURLUPART_URL, f->url, 0), CURLUE_OK);
    curl_easy_setopt(f->easy, CURLOPT_URL, NULL);
    curl_easy_setopt(f->easy, CURLOPT_CURLU, url);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    assert_span_text(curl_fixture_only_span(f), "url.full", f->url);
    assert_non_null(receiver_header(f->receiver, 0, "traceparent"));
    curl_easy_setopt(f->easy, CURLOPT_CURLU, NULL);
    curl_url_cleanup(url);
}

/* Whether this version of libcurl reports an old URL. */
static bool reports_old_urls(void) {
    return curl_version_info(CURLVERSION_NOW)->version_num < 0x080c00;
}

/* GET `path` from the receiver, which is called `host`, with CURLOPT_CURLU on the same handle. */
static void get_in_parts(struct curl_fixture *f, const char *host, const char *path) {
    const char *port = strrchr(receiver_url(f->receiver), ':') + 1;
    CURLU *url = curl_url();
    char text[128], address[128];

    snprintf(text, sizeof text, "http://%s:%s%s", host, port, path);
    snprintf(address, sizeof address, "%s:%s:127.0.0.1", host, port);
    struct curl_slist *resolved = curl_slist_append(NULL, address);
    curl_easy_setopt(f->easy, CURLOPT_RESOLVE, resolved);
    assert_int_equal(curl_url_set(url, CURLUPART_URL, text, 0), CURLUE_OK);
    curl_easy_setopt(f->easy, CURLOPT_CURLU, url);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    curl_easy_setopt(f->easy, CURLOPT_CURLU, NULL);
    curl_easy_setopt(f->easy, CURLOPT_RESOLVE, NULL);
    curl_url_cleanup(url);
    curl_slist_free_all(resolved);
}

static const tote_span_data *last_span(struct curl_fixture *f) {
    return tote_in_memory_spans_get_at(f->memory, tote_in_memory_spans_get_count(f->memory) - 1);
}

/* The span has the URL of its request. If libcurl reports an old URL, it has none. */
static void assert_url(const tote_span_data *span, const char *host) {
    if (!reports_old_urls()) {
        assert_span_text(span, "server.address", host);
        return;
    }
    const char *const keys[] = {"url.full", "server.address", "server.port"};
    for (size_t i = 0; i < TOTE_COUNT_OF(keys); i++) {
        const tote_value *value = tote_span_data_get_attribute(span, keys[i]);
        assert_true(!value || value->type == TOTE_VALUE_TYPE_EMPTY);
    }
}

/* Before libcurl 8.12 a reused handle reports its first URL: curl pull request 15985. */
static void a_url_in_parts_on_a_reused_handle_does_not_bypass_the_list_of_hosts(void **state) {
    static const char *const hosts[] = {"inside.test"};
    struct curl_fixture *f = *state;

    curl_easy_setopt(f->easy, CURLOPT_URL, NULL);
    allow_hosts(hosts, 1);
    get_in_parts(f, "inside.test", "/1");
    assert_non_null(receiver_header(f->receiver, 0, "traceparent"));
    assert_span_text(last_span(f), "server.address", "inside.test");
    for (size_t i = 1; i < 4; i++) {
        get_in_parts(f, "outside.test", "/2");
        assert_null(receiver_header(f->receiver, i, "traceparent"));
        assert_url(last_span(f), "outside.test");
    }
    curl_easy_setopt(f->easy, CURLOPT_URL, NULL); /* then libcurl reports the new one */
    get_in_parts(f, "inside.test", "/3");
    assert_non_null(receiver_header(f->receiver, 4, "traceparent"));
    assert_span_text(last_span(f), "server.address", "inside.test");
}

/* The same with CURLOPT_URL set, which CURLOPT_CURLU overrides. */
static void a_url_in_parts_that_overrides_a_text_does_not_bypass_the_list_of_hosts(void **state) {
    static const char *const hosts[] = {"127.0.0.1"};
    struct curl_fixture *f = *state;

    allow_hosts(hosts, 1);
    get_in_parts(f, "outside.test", "/");
    assert_null(receiver_header(f->receiver, 0, "traceparent"));
    assert_url(last_span(f), "outside.test");
    if (!reports_old_urls()) { /* that libcurl forgets CURLOPT_URL */
        curl_easy_setopt(f->easy, CURLOPT_URL, f->url);
    }
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    assert_non_null(receiver_header(f->receiver, 1, "traceparent"));
    assert_span_text(last_span(f), "url.full", f->url);
    get_in_parts(f, "outside.test", "/");
    get_in_parts(f, "outside.test", "/");
    assert_null(receiver_header(f->receiver, 2, "traceparent"));
    assert_null(receiver_header(f->receiver, 3, "traceparent"));
}

/* Without a list of hosts the headers are sent to all hosts. */
static void without_a_list_of_hosts_a_reused_handle_sends_the_trace(void **state) {
    struct curl_fixture *f = *state;

    curl_easy_setopt(f->easy, CURLOPT_URL, NULL);
    for (size_t i = 0; i < 3; i++) {
        get_in_parts(f, i ? "b.test" : "a.test", "/");
        assert_non_null(receiver_header(f->receiver, i, "traceparent"));
    }
    assert_url(last_span(f), "b.test");
}

/* The mark that libtote-curl sets to detect old URLs is removed after the transfer. */
static void after_a_request_a_handle_reports_its_url_unchanged(void **state) {
    static const char *const hosts[] = {"127.0.0.1"};
    struct curl_fixture *f = *state;
    char *text = NULL;

    allow_hosts(hosts, 1);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
        curl_easy_getinfo(f->easy, CURLINFO_EFFECTIVE_URL, &text);
        assert_string_equal(text, f->url);
        assert_non_null(receiver_header(f->receiver, i, "traceparent"));
        assert_span_text(last_span(f), "url.full", f->url);
    }
    tote_curl_request *request = tote_curl_begin(f->easy, NULL);
    tote_curl_end(&request, CURLE_ABORTED_BY_CALLBACK); /* never started */
    curl_easy_getinfo(f->easy, CURLINFO_EFFECTIVE_URL, &text);
    assert_string_equal(text, f->url);
}

/* After a redirect to another scheme the transfer is not traced; the span before is complete. */
static void a_redirect_to_another_scheme_ends_the_span(void **state) {
    struct curl_fixture *f = *state;

    receiver_set_response(
        f->receiver, (struct receiver_response){.status = 302,
                                                .headers = {"Location: ftp://127.0.0.1:1/there"}});
    curl_easy_setopt(f->easy, CURLOPT_FOLLOWLOCATION, 1L);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_COULDNT_CONNECT);
    assert_span_text(curl_fixture_only_span(f), "http.response.status_code", "302");
    assert_span_text(curl_fixture_only_span(f), "error.type", NULL);
}

/* Send the request of the fixture's handle with a new multi handle. */
static CURLM *send_request(struct curl_fixture *f) {
    CURLM *multi = curl_multi_init();
    int running = 1;

    curl_multi_add_handle(multi, f->easy);
    while (running && !receiver_request(f->receiver, 0).method) {
        curl_multi_perform(multi, &running);
        curl_multi_poll(multi, NULL, 0, 10, NULL);
    }
    return multi;
}

static void finish(struct curl_fixture *f, CURLM *multi, tote_curl_request **request) {
    int running = 1;

    while (running) {
        curl_multi_perform(multi, &running);
        curl_multi_poll(multi, NULL, 0, 100, NULL);
    }
    curl_multi_remove_handle(multi, f->easy);
    curl_multi_cleanup(multi);
    tote_curl_end(request, CURLE_OK);
}

static struct curl_slist *own_list(struct curl_fixture *f) {
    struct curl_slist *list = curl_slist_append(NULL, "X-Own: 1");

    list = curl_slist_append(list, "traceparent: mine");
    curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, list);
    return list;
}

/* The request has the program's headers and no others. */
static void assert_is_plain(struct curl_fixture *f, size_t index) {
    assert_string_equal(receiver_header(f->receiver, index, "X-Own"), "1");
    assert_string_equal(receiver_header(f->receiver, index, "traceparent"), "mine");
}

/* A contract of libcurl: a copy has the options that the program set. */
static void a_copy_made_during_a_request_sends_the_programs_headers(void **state) {
    struct curl_fixture *f = *state;
    struct curl_slist *list = own_list(f);

    receiver_set_response(f->receiver, (struct receiver_response){.delay_ms = 50});
    tote_curl_request *request = begin_with_headers(f->easy, list);
    CURLM *multi = send_request(f);
    CURL *during = curl_easy_duphandle(f->easy);
    CURL *after = curl_easy_duphandle(f->easy);
    CURL *traced = curl_easy_duphandle(f->easy);
    CURL *of_a_copy = curl_easy_duphandle(after);
    assert_int_equal(curl_easy_perform(during), CURLE_OK);
    finish(f, multi, &request);
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 1);
    assert_int_equal(curl_easy_perform(after), CURLE_OK);
    assert_int_equal(curl_easy_perform(during), CURLE_OK);
    assert_int_equal(perform_with_headers(traced, list), CURLE_OK);
    curl_easy_cleanup(f->easy);
    f->easy = NULL;
    assert_int_equal(curl_easy_perform(of_a_copy), CURLE_OK);

    assert_is_plain(f, 1);
    assert_is_plain(f, 2);
    assert_is_plain(f, 3);
    assert_string_not_equal(receiver_header(f->receiver, 4, "traceparent"), "mine");
    assert_is_plain(f, 5);
    assert_int_equal(tote_in_memory_spans_get_count(f->memory),
                     2); /* of the handle and of `traced` */
    curl_easy_cleanup(during);
    curl_easy_cleanup(after);
    curl_easy_cleanup(of_a_copy);
    curl_easy_cleanup(traced);
    curl_slist_free_all(list);
}

/* A copy never sends the list of a later request. */
static void a_copy_never_sends_the_headers_of_later_requests(void **state) {
    enum { LATER = 200 };
    struct curl_fixture *f = *state;
    struct curl_slist *list = own_list(f);
    struct curl_slist *secret = curl_slist_append(NULL, "Authorization: Bearer secret");

    receiver_set_response(f->receiver, (struct receiver_response){.delay_ms = 20});
    tote_curl_request *request = begin_with_headers(f->easy, list);
    CURLM *multi = send_request(f);
    CURL *copy = curl_easy_duphandle(f->easy);
    finish(f, multi, &request);
    receiver_set_response(f->receiver, (struct receiver_response){.status = 204});
    for (int i = 0; i < LATER; i++) {
        assert_int_equal(perform_with_headers(f->easy, secret), CURLE_OK);
    }
    assert_int_equal(curl_easy_perform(copy), CURLE_OK);
    assert_is_plain(f, LATER + 1);
    assert_null(receiver_header(f->receiver, LATER + 1, "Authorization"));
    curl_easy_cleanup(copy);
    curl_slist_free_all(list);
    curl_slist_free_all(secret);
}

/* curl_easy_reset() ends the use of the list, so the program may free it. */
static void after_a_reset_the_list_of_the_request_is_not_set_again(void **state) {
    struct curl_fixture *f = *state;
    struct curl_slist *list = own_list(f);

    tote_curl_request *request = begin_with_headers(f->easy, list);
    assert_int_equal(curl_easy_perform(f->easy), CURLE_OK);
    curl_easy_reset(f->easy);
    tote_curl_end(&request, CURLE_OK);
    curl_slist_free_all(list);
    curl_easy_setopt(f->easy, CURLOPT_URL, f->url);
    assert_int_equal(curl_easy_perform(f->easy), CURLE_OK);
    assert_null(receiver_header(f->receiver, 1, "X-Own"));
    assert_null(receiver_header(f->receiver, 1, "traceparent"));
    assert_non_null(curl_fixture_only_span(f));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        CURL_TEST(a_mail_is_sent_unchanged_and_has_no_span),
        CURL_TEST(a_mail_by_the_default_protocol_is_sent_unchanged),
        CURL_TEST(a_url_without_a_scheme_is_recorded_with_the_scheme_that_libcurl_guesses),
        CURL_TEST(a_url_in_parts_is_traced),
        CURL_TEST(a_url_in_parts_on_a_reused_handle_does_not_bypass_the_list_of_hosts),
        CURL_TEST(a_url_in_parts_that_overrides_a_text_does_not_bypass_the_list_of_hosts),
        CURL_TEST(without_a_list_of_hosts_a_reused_handle_sends_the_trace),
        CURL_TEST(after_a_request_a_handle_reports_its_url_unchanged),
        CURL_TEST(a_redirect_to_another_scheme_ends_the_span),
        CURL_TEST(a_copy_made_during_a_request_sends_the_programs_headers),
        CURL_TEST(a_copy_never_sends_the_headers_of_later_requests),
        CURL_TEST(after_a_reset_the_list_of_the_request_is_not_set_again),
    };

    return RUN_TESTS(tests, argc, argv);
}
