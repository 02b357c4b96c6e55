/* SPDX-License-Identifier: MIT */
/*
 * test_curl_attempts.c - transfers with several attempts, and options per request
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curl_fixture.h"

/* Redirect the receiver to another one, which is called `host`. */
static struct receiver *redirect(struct curl_fixture *f, const char *host) {
    static char location[160];
    struct receiver *other = receiver_start();

    assert_non_null(other);
    snprintf(location, sizeof location, "Location: http://%s%s/there", host,
             strrchr(receiver_url(other), ':'));
    receiver_set_response(f->receiver,
                          (struct receiver_response){.status = 302, .headers = {location}});
    curl_easy_setopt(f->easy, CURLOPT_FOLLOWLOCATION, 1L);
    return other;
}

static const char *traceparent_of(struct receiver *receiver, size_t index) {
    return receiver_header(receiver, index, "traceparent");
}

static void assert_is_of(const char *traceparent, const tote_span_data *span) {
    char expected[54];

    make_traceparent(tote_span_data_get_context(span), expected);
    assert_non_null(traceparent);
    assert_memory_equal(traceparent, expected, strlen(expected));
}

static int perform(void *arg) {
    struct curl_fixture *f = arg;

    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    return 0;
}

/* Spec: semantic-conventions http-spans.md#http-request-retries-and-redirects */
static void each_attempt_has_its_own_span_and_headers(void **state) {
    struct curl_fixture *f = *state;
    struct receiver *other = redirect(f, "127.0.0.1");

    curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, "all of it");
    tote_run_scoped(tote_get_tracer("test", NULL), "parent", NULL, perform, f);
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 3);
    const tote_span_data *first = tote_in_memory_spans_get_at(f->memory, 0);
    const tote_span_data *second = tote_in_memory_spans_get_at(f->memory, 1);
    const tote_span_data *parent = tote_in_memory_spans_get_at(f->memory, 2);

    assert_is_of(traceparent_of(f->receiver, 0), first);
    assert_is_of(traceparent_of(other, 0), second);
    const tote_span_id *id = tote_span_context_get_span_id(tote_span_data_get_context(parent));
    const tote_span_data *attempts[] = {first, second};
    for (size_t i = 0; i < TOTE_COUNT_OF(attempts); i++) {
        const tote_span_id *above =
            tote_span_context_get_span_id(tote_span_data_get_parent(attempts[i]));
        assert_memory_equal(above, id, sizeof *id);
        assert_int_equal(tote_span_data_get_kind(attempts[i]), TOTE_SPAN_KIND_CLIENT);
        assert_span_text(attempts[i], "network.protocol.version", "1.1");
        assert_span_text(attempts[i], "network.peer.address", "127.0.0.1");
        assert_span_text(attempts[i], "error.type", NULL);
    }
    assert_string_equal(tote_span_data_get_name(first), "POST");
    assert_span_text(first, "http.request.method", "POST");
    assert_span_text(first, "http.response.status_code", "302");
    assert_span_text(first, "http.request.resend_count", NULL);
    assert_string_equal(tote_span_data_get_name(second), "GET");
    assert_span_text(second, "http.request.method", "GET");
    assert_span_text(second, "http.response.status_code", "200");
    assert_span_text(second, "http.request.resend_count", "1");
    const char *url = strstr(receiver_url(other), "127");
    char full[160];
    snprintf(full, sizeof full, "http://%s/there", url);
    assert_span_text(second, "url.full", full);
    receiver_stop(other);
}

/* The contract of tote_curl_options.headers: each attempt sends them. */
static void each_attempt_sends_the_programs_headers(void **state) {
    struct curl_fixture *f = *state;
    struct receiver *other = redirect(f, "127.0.0.1");
    struct curl_slist *list = curl_slist_append(NULL, "X-Own: 1");

    list = curl_slist_append(list, "traceparent: old");
    assert_int_equal(perform_with_headers(f->easy, list), CURLE_OK);
    assert_string_equal(receiver_header(f->receiver, 0, "X-Own"), "1");
    assert_string_equal(receiver_header(other, 0, "X-Own"), "1");
    assert_is_of(traceparent_of(f->receiver, 0), tote_in_memory_spans_get_at(f->memory, 0));
    assert_is_of(traceparent_of(other, 0), tote_in_memory_spans_get_at(f->memory, 1));
    assert_string_equal(list->data, "X-Own: 1");
    assert_string_equal(list->next->data, "traceparent: old");
    curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(list);
    receiver_stop(other);
}

/* The contract of tote_propagator_allowed_hosts_new(): each attempt is checked. */
static void a_redirect_does_not_bypass_the_list_of_hosts(void **state) {
    static const char *const numbers[] = {"127.0.0.1"};
    static const char *const names[] = {"localhost"};
    struct curl_fixture *f = *state;
    struct receiver *other = redirect(f, "localhost");

    allow_hosts(numbers, 1);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    assert_non_null(traceparent_of(f->receiver, 0));
    assert_null(traceparent_of(other, 0));

    /* The next request of the handle, whose last URL was that of the redirect. */
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    assert_non_null(traceparent_of(f->receiver, 1));
    assert_null(traceparent_of(other, 1));
    assert_span_text(tote_in_memory_spans_get_at(f->memory, 2), "server.address", "127.0.0.1");

    allow_hosts(names, 1);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    assert_null(traceparent_of(f->receiver, 2));
    assert_non_null(traceparent_of(other, 2));
    receiver_stop(other);
}

/* Spec: semantic-conventions http-spans.md#http-request-retries-and-redirects */
static void a_redirect_that_cannot_connect_fails_in_its_own_span(void **state) {
    struct curl_fixture *f = *state;
    struct receiver_response response = {.status = 302,
                                         .headers = {"Location: http://127.0.0.1:1/x"}};

    receiver_set_response(f->receiver, response);
    curl_easy_setopt(f->easy, CURLOPT_FOLLOWLOCATION, 1L);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_COULDNT_CONNECT);
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 2);
    const tote_span_data *first = tote_in_memory_spans_get_at(f->memory, 0);
    const tote_span_data *second = tote_in_memory_spans_get_at(f->memory, 1);

    assert_span_text(first, "http.response.status_code", "302");
    assert_span_text(first, "error.type", NULL);
    assert_span_text(second, "error.type", "connection_failed");
    assert_span_text(second, "url.full", "http://127.0.0.1:1/x");
    assert_span_text(second, "http.request.resend_count", "1");
    assert_span_text(second, "http.request.method", "GET");
    assert_span_text(second, "http.response.status_code", NULL);
    assert_span_text(second, "network.peer.address", NULL);
}

/* Spec: semantic-conventions http-spans.md#status: the status of the first attempt is not used. */
static void a_redirect_without_a_response_has_no_status(void **state) {
    struct curl_fixture *f = *state;
    struct receiver *other = redirect(f, "127.0.0.1");

    receiver_set_response(other, (struct receiver_response){.manner = RECEIVER_CLOSES});
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_GOT_NOTHING);
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 2);
    assert_span_text(tote_in_memory_spans_get_at(f->memory, 0), "http.response.status_code", "302");
    const tote_span_data *second = tote_in_memory_spans_get_at(f->memory, 1);
    assert_span_text(second, "error.type", "connection_lost");
    assert_span_text(second, "http.response.status_code", NULL);
    receiver_stop(other);
}

/* Spec: semantic-conventions http-spans.md#status */
static void too_many_redirects_are_an_error_of_the_last_attempt(void **state) {
    struct curl_fixture *f = *state;
    struct receiver_response response = {.status = 302, .headers = {"Location: /again"}};

    receiver_set_response(f->receiver, response);
    curl_easy_setopt(f->easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(f->easy, CURLOPT_MAXREDIRS, 2L);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_TOO_MANY_REDIRECTS);
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 3);
    for (size_t i = 0; i < 3; i++) {
        const tote_span_data *span = tote_in_memory_spans_get_at(f->memory, i);
        assert_span_text(span, "http.response.status_code", "302");
        assert_is_of(traceparent_of(f->receiver, i), span);
        if (i < 2) {
            assert_span_text(span, "error.type", NULL);
        } else {
            assert_span_text(span, "error.type", "too_many_redirects");
            assert_span_text(span, "http.request.resend_count", "2");
        }
    }
}

/* The state of a prereq_function. */
struct prereq {
    unsigned calls;
    int peer_port;
    int result;
};

static int prereq_function(void *data, char *peer, char *local, int peer_port, int local_port) {
    struct prereq *prereq = data;

    assert_string_equal(peer, "127.0.0.1");
    assert_string_equal(local, "127.0.0.1");
    assert_true(local_port > 0);
    prereq->peer_port = peer_port;
    prereq->calls++;
    return prereq->result;
}

/* The contract of tote_curl_options.prereq_function */
static void the_prereq_function_of_a_request_decides_for_each_attempt(void **state) {
    struct curl_fixture *f = *state;
    struct receiver *other = redirect(f, "127.0.0.1");
    struct prereq prereq = {.result = CURL_PREREQFUNC_OK};
    tote_curl_options options = TOTE_CURL_OPTIONS_INIT;

    options.prereq_function = prereq_function;
    options.prereq_data = &prereq;
    assert_int_equal(tote_curl_perform(f->easy, &options), CURLE_OK);
    assert_int_equal(prereq.calls, 2);
    assert_int_equal(prereq.peer_port, atoi(strrchr(receiver_url(other), ':') + 1));
    prereq.result = CURL_PREREQFUNC_ABORT;
    assert_int_equal(tote_curl_perform(f->easy, &options), CURLE_ABORTED_BY_CALLBACK);
    assert_int_equal(prereq.calls, 3);
    assert_int_equal(receiver_wait(f->receiver, 1), 1);
    receiver_stop(other);
}

/* The contract of tote_curl_end() */
static void after_a_request_the_handle_has_the_programs_prereq_function(void **state) {
    struct curl_fixture *f = *state;
    struct prereq prereq = {.result = CURL_PREREQFUNC_OK};
    tote_curl_options options = TOTE_CURL_OPTIONS_INIT;

    options.prereq_function = prereq_function;
    options.prereq_data = &prereq;
    assert_int_equal(tote_curl_perform(f->easy, &options), CURLE_OK);
    assert_int_equal(curl_easy_perform(f->easy), CURLE_OK);
    assert_int_equal(prereq.calls, 2);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    assert_int_equal(curl_easy_perform(f->easy), CURLE_OK);
    assert_int_equal(prereq.calls, 2);
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 2);
}

static const char *scope_name(struct curl_fixture *f, size_t index) {
    return tote_span_data_get_instrumentation_scope(tote_in_memory_spans_get_at(f->memory, index))
        ->name;
}

/* The contract of tote_curl_options.tracer */
static void a_request_uses_the_tracer_of_its_options(void **state) {
    struct curl_fixture *f = *state;
    tote_curl_options options = TOTE_CURL_OPTIONS_INIT;

    options.tracer = tote_get_tracer("shop", "1.0");
    assert_int_equal(tote_curl_perform(f->easy, &options), CURLE_OK);
    assert_string_equal(scope_name(f, 0), "shop");
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    assert_string_equal(scope_name(f, 1), "tote-curl");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        CURL_TEST(each_attempt_has_its_own_span_and_headers),
        CURL_TEST(each_attempt_sends_the_programs_headers),
        CURL_TEST(a_redirect_does_not_bypass_the_list_of_hosts),
        CURL_TEST(a_redirect_that_cannot_connect_fails_in_its_own_span),
        CURL_TEST(a_redirect_without_a_response_has_no_status),
        CURL_TEST(too_many_redirects_are_an_error_of_the_last_attempt),
        CURL_TEST(the_prereq_function_of_a_request_decides_for_each_attempt),
        CURL_TEST(after_a_request_the_handle_has_the_programs_prereq_function),
        CURL_TEST(a_request_uses_the_tracer_of_its_options),
    };

    return RUN_TESTS(tests, argc, argv);
}
