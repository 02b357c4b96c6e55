/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "curl_fixture.h"
#include "tote/exporters/in_memory.h"
#include "tote/instrumentation/curl.h"
#include "tote/sdk/sampler.h"
#include "tote/tote.h"

static struct curl_slist *make_list(const char *const *lines, size_t count) {
    struct curl_slist *list = NULL;

    for (size_t i = 0; i < count; i++) {
        list = curl_slist_append(list, lines[i]);
    }
    return list;
}

/* Spec: semantic-conventions http-spans.md#http-client-span */
static void the_injected_traceparent_has_the_id_of_the_client_span(void **state) {
    struct curl_fixture *f = *state;
    char traceparent[54];

    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    const tote_span_data *span = curl_fixture_only_span(f);

    make_traceparent(tote_span_data_get_context(span), traceparent);
    const char *sent = receiver_header(f->receiver, 0, "traceparent");
    assert_non_null(sent);
    assert_memory_equal(sent, traceparent, strlen(traceparent));
    assert_int_equal(tote_span_data_get_kind(span), TOTE_SPAN_KIND_CLIENT);
    assert_null(receiver_header(f->receiver, 0, "tracestate"));
}

static int perform(void *arg) {
    struct curl_fixture *f = arg;

    tote_store_add(tote_store_current(), "user.id", tote_string("u_1"));
    tote_store_add_as(tote_store_current(), "session", tote_string("s3cr3t"),
                      TOTE_VISIBILITY_PRIVATE, NULL);
    return (int)tote_curl_perform(f->easy, NULL);
}

/* Spec: semantic-conventions http-spans.md#http-client-span */
static void baggage_is_sent_and_the_span_is_a_child_of_the_current_span(void **state) {
    struct curl_fixture *f = *state;

    assert_int_equal(tote_run_scoped(tote_get_tracer("test", NULL), "op", NULL, perform, f), 0);
    const tote_span_data *client = tote_in_memory_spans_find(f->memory, "GET");
    const tote_span_data *parent = tote_in_memory_spans_find(f->memory, "op");

    assert_string_equal(receiver_header(f->receiver, 0, "baggage"), "user.id=u_1");
    assert_true(client && parent);
    assert_memory_equal(tote_span_context_get_span_id(tote_span_data_get_parent(client)),
                        tote_span_context_get_span_id(tote_span_data_get_context(parent)),
                        sizeof(tote_span_id));
    assert_span_text(client, "user.id", "u_1");
    assert_span_text(client, "session", NULL);
}

/* The contract of tote_curl_options.url_template. Spec: http-spans.md#name */
static void a_template_of_the_url_is_part_of_the_span_name(void **state) {
    struct curl_fixture *f = *state;
    tote_curl_options options = TOTE_CURL_OPTIONS_INIT;

    options.url_template = "/orders/{id}";
    assert_int_equal(tote_curl_perform(f->easy, &options), CURLE_OK);
    const tote_span_data *span = tote_in_memory_spans_find(f->memory, "GET /orders/{id}");
    assert_non_null(span);
    assert_span_text(span, "url.template", "/orders/{id}");
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    span = tote_in_memory_spans_find(f->memory, "GET");
    assert_non_null(span);
    assert_span_text(span, "url.template", NULL);
}

/* The contract of tote_curl_options.headers */
static void the_programs_list_is_not_changed_and_is_set_after_the_request(void **state) {
    static const char *const lines[] = {"X-Own: 1", "traceparent: mine"};
    struct curl_fixture *f = *state;
    struct curl_slist *list = make_list(lines, 2);

    assert_int_equal(perform_with_headers(f->easy, list), CURLE_OK);
    assert_string_equal(receiver_header(f->receiver, 0, "X-Own"), "1");
    assert_string_not_equal(receiver_header(f->receiver, 0, "traceparent"), "mine");
    assert_string_equal(list->data, "X-Own: 1");
    assert_string_equal(list->next->data, "traceparent: mine");
    assert_null(list->next->next);

    assert_int_equal(curl_easy_perform(f->easy), CURLE_OK);
    assert_string_equal(receiver_header(f->receiver, 1, "X-Own"), "1");
    assert_string_equal(receiver_header(f->receiver, 1, "traceparent"), "mine");
    curl_slist_free_all(list);
}

/* Spec: semantic-conventions http-spans.md#http-client */
static void a_span_has_the_attributes_of_the_semantic_conventions(void **state) {
    struct curl_fixture *f = *state;
    char port[8];

    curl_fixture_set_url(f, "/a/path?q=1#part");
    curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, "body");
    snprintf(port, sizeof port, "%s", strrchr(receiver_url(f->receiver), ':') + 1);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    const tote_span_data *span = curl_fixture_only_span(f);

    assert_string_equal(tote_span_data_get_name(span), "POST");
    assert_int_equal(tote_span_data_get_status_code(span), TOTE_STATUS_CODE_UNSET);
    assert_span_text(span, "http.request.method", "POST");
    assert_span_text(span, "http.request.method_original", NULL);
    assert_span_text(span, "url.full", f->url);
    assert_span_text(span, "server.address", "127.0.0.1");
    assert_span_text(span, "server.port", port);
    assert_span_text(span, "http.response.status_code", "200");
    assert_span_text(span, "network.protocol.version", "1.1");
    assert_span_text(span, "network.peer.address", "127.0.0.1");
    assert_span_text(span, "network.peer.port", port);
    assert_span_text(span, "error.type", NULL);
}

/* Spec: semantic-conventions http-spans.md#http-client, url.full */
static void the_url_has_the_path_that_was_sent(void **state) {
    struct curl_fixture *f = *state;
    char resolved[128];

    snprintf(resolved, sizeof resolved, "%s/b", receiver_url(f->receiver));
    curl_fixture_set_url(f, "/a/../b");
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    assert_span_text(curl_fixture_only_span(f), "url.full", resolved);

    tote_in_memory_spans_clear(f->memory);
    curl_easy_setopt(f->easy, CURLOPT_PATH_AS_IS, 1L);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    assert_span_text(curl_fixture_only_span(f), "url.full", f->url);
    assert_string_equal(receiver_request(f->receiver, 0).path, "/b");
    assert_string_equal(receiver_request(f->receiver, 1).path, "/a/../b");
}

/* Spec: semantic-conventions http-spans.md#name, http.request.method */
static void an_unknown_method_is_recorded_as_other_and_case_is_significant(void **state) {
    struct curl_fixture *f = *state;

    curl_easy_setopt(f->easy, CURLOPT_CUSTOMREQUEST, "get");
    tote_curl_perform(f->easy, NULL);
    const tote_span_data *span = curl_fixture_only_span(f);

    assert_string_equal(tote_span_data_get_name(span), "HTTP");
    assert_span_text(span, "http.request.method", "_OTHER");
    assert_span_text(span, "http.request.method_original", "get");
}

/* Later versions of libcurl than 8.14 remove credentials from the URL that a handle returns. */
static bool handle_returns_credentials(CURL *easy) {
    char *url = NULL;

    curl_easy_setopt(easy, CURLOPT_URL, "http://user@h.test/");
    curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url);
    return url && strchr(url, '@');
}

/* Perform a transfer that cannot connect, for any URL. */
static void fail_to_connect(struct curl_fixture *f) {
    struct curl_slist *nowhere = curl_slist_append(NULL, "::127.0.0.1:1");

    curl_easy_setopt(f->easy, CURLOPT_CONNECT_TO, nowhere);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_COULDNT_CONNECT);
    curl_easy_setopt(f->easy, CURLOPT_CONNECT_TO, NULL);
    curl_slist_free_all(nowhere);
}

/* Spec: semantic-conventions http-spans.md#http-client, url.full */
static void credentials_are_redacted(void **state) {
    static const char *const urls[][2] = {
        {"http://user:pass@h.test/x", "http://REDACTED:REDACTED@h.test/x"},
        {"http://user@h.test/x", "http://REDACTED@h.test/x"},
    };
    struct curl_fixture *f = *state;
    bool is_returned = handle_returns_credentials(f->easy);

    for (size_t i = 0; i < TOTE_COUNT_OF(urls); i++) {
        curl_easy_setopt(f->easy, CURLOPT_URL, urls[i][0]);
        fail_to_connect(f);
        assert_span_text(curl_fixture_only_span(f), "url.full",
                         is_returned ? urls[i][1] : "http://h.test/x");
        tote_in_memory_spans_clear(f->memory);
    }
}

/* Spec: semantic-conventions http-spans.md#http-client, url.full */
static void secrets_in_a_query_are_redacted(void **state) {
    static const char *const urls[][2] = {
        {"http://h.test/?sig=abc&a=b", "http://h.test/?sig=REDACTED&a=b"},
        {"http://h.test/?a=b&Signature=&x", "http://h.test/?a=b&Signature=REDACTED&x"},
        {"http://h.test/?sig&Sig=1&sig2=2", "http://h.test/?sig&Sig=1&sig2=2"},
        {"http://h.test/?sig=a=b&sig=c", "http://h.test/?sig=REDACTED&sig=REDACTED"},
        {"http://h.test/?X-Amz-Signature=1&X-Amz-Credential=2&X-Amz-Security-Token=3",
         "http://h.test/"
         "?X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED"},
        {"http://h.test/?AWSAccessKeyId=1&X-Goog-Signature=2#f",
         "http://h.test/?AWSAccessKeyId=REDACTED&X-Goog-Signature=REDACTED#f"},
        {"https://[::1]:8443/", "https://[::1]:8443/"},
    };
    struct curl_fixture *f = *state;

    for (size_t i = 0; i < TOTE_COUNT_OF(urls); i++) {
        curl_easy_setopt(f->easy, CURLOPT_URL, urls[i][0]);
        fail_to_connect(f);
        assert_span_text(curl_fixture_only_span(f), "url.full", urls[i][1]);
        tote_in_memory_spans_clear(f->memory);
    }
}

/* Spec: semantic-conventions http-spans.md#http-client, server.port */
static void a_default_port_is_recorded(void **state) {
    struct curl_fixture *f = *state;

    curl_easy_setopt(f->easy, CURLOPT_URL, "https://example.test/");
    fail_to_connect(f);
    assert_span_text(curl_fixture_only_span(f), "server.address", "example.test");
    assert_span_text(curl_fixture_only_span(f), "server.port", "443");
    assert_span_text(curl_fixture_only_span(f), "error.type", "connection_failed");
    assert_span_text(curl_fixture_only_span(f), "network.peer.address", NULL);
    assert_span_text(curl_fixture_only_span(f), "http.response.status_code", NULL);
}

/* Spec: semantic-conventions http-spans.md#status */
static void an_error_status_makes_the_span_an_error(void **state) {
    static const struct {
        unsigned status;
        const char *error_type; /* NULL: no error */
    } rows[] = {{204, NULL}, {302, NULL}, {400, "400"}, {404, "404"}, {500, "500"}};
    struct curl_fixture *f = *state;

    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        receiver_set_response(f->receiver, (struct receiver_response){.status = rows[i].status});
        assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
        const tote_span_data *span = curl_fixture_only_span(f);
        if (rows[i].error_type) {
            assert_int_equal(tote_span_data_get_status_code(span), TOTE_STATUS_CODE_ERROR);
            assert_span_text(span, "error.type", rows[i].error_type);
            assert_span_text(span, "http.response.status_code", rows[i].error_type);
        } else {
            assert_int_equal(tote_span_data_get_status_code(span), TOTE_STATUS_CODE_UNSET);
            assert_span_text(span, "error.type", NULL);
        }
        tote_in_memory_spans_clear(f->memory);
    }
}

/* Spec: semantic-conventions http-spans.md#status, error.type */
static void a_refused_connection_is_an_error(void **state) {
    struct curl_fixture *f = *state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char url[64];

    int bound =
        socket(AF_INET, SOCK_STREAM, 0); /* bound but not listening: connections are refused */
    assert_int_equal(bind(bound, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(bound, (struct sockaddr *)&address, &size), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(address.sin_port));
    curl_easy_setopt(f->easy, CURLOPT_URL, url);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_COULDNT_CONNECT);
    close(bound);

    assert_span_text(curl_fixture_only_span(f), "error.type", "connection_failed");
    assert_int_equal(tote_span_data_get_status_code(curl_fixture_only_span(f)),
                     TOTE_STATUS_CODE_ERROR);
    assert_span_text(curl_fixture_only_span(f), "http.response.status_code", NULL);
}

/* Spec: semantic-conventions http-spans.md#status, error.type */
static void a_lost_connection_is_an_error_with_the_received_status(void **state) {
    struct curl_fixture *f = *state;

    receiver_set_response(f->receiver, (struct receiver_response){.manner = RECEIVER_CLOSES_MIDWAY,
                                                                  .body_size = 1000});
    assert_int_not_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);

    assert_span_text(curl_fixture_only_span(f), "error.type", "connection_lost");
    assert_span_text(curl_fixture_only_span(f), "http.response.status_code", "200");
}

static size_t refuse_body(char *bytes, size_t size, size_t count, void *arg) {
    (void)bytes, (void)size, (void)count, (void)arg;
    return 0;
}

/* Spec: semantic-conventions http-spans.md#status, error.type */
static void every_failure_has_an_error_type(void **state) {
    struct curl_fixture *f = *state;

    receiver_set_response(f->receiver, (struct receiver_response){.body_size = 10});
    curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, refuse_body);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_WRITE_ERROR);
    assert_span_text(curl_fixture_only_span(f), "error.type", "aborted");
    tote_in_memory_spans_clear(f->memory);

    curl_easy_setopt(f->easy, CURLOPT_PROTOCOLS_STR, "https");
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_UNSUPPORTED_PROTOCOL);
    assert_span_text(curl_fixture_only_span(f), "error.type", "_OTHER");
}

/* Spec: semantic-conventions http-spans.md#status, error.type */
static void with_failonerror_the_status_is_the_error_type(void **state) {
    struct curl_fixture *f = *state;

    receiver_set_response(f->receiver, (struct receiver_response){.status = 404});
    curl_easy_setopt(f->easy, CURLOPT_FAILONERROR, 1L);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_HTTP_RETURNED_ERROR);

    assert_span_text(curl_fixture_only_span(f), "error.type", "404");
    assert_int_equal(tote_span_data_get_status_code(curl_fixture_only_span(f)),
                     TOTE_STATUS_CODE_ERROR);
    assert_string_equal(tote_span_data_get_status_description(curl_fixture_only_span(f)), "");
}

static int cancel(void *arg, curl_off_t all_down, curl_off_t down, curl_off_t all_up,
                  curl_off_t up) {
    (void)arg, (void)all_down, (void)down, (void)all_up, (void)up;
    return 1;
}

/* The contract of tote_curl_end(): CURLE_ABORTED_BY_CALLBACK */
static void a_transfer_that_the_program_cancels_is_not_an_error(void **state) {
    struct curl_fixture *f = *state;

    curl_easy_setopt(f->easy, CURLOPT_XFERINFOFUNCTION, cancel);
    curl_easy_setopt(f->easy, CURLOPT_NOPROGRESS, 0L);
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_ABORTED_BY_CALLBACK);

    assert_span_text(curl_fixture_only_span(f), "error.type", NULL);
    assert_int_equal(tote_span_data_get_status_code(curl_fixture_only_span(f)),
                     TOTE_STATUS_CODE_UNSET);
}

/* Spec: semantic-conventions http-spans.md#http-client, server.address */
static void an_ipv6_address_is_recorded_without_brackets(void **state) {
    struct curl_fixture *f = *state;

    curl_easy_setopt(f->easy, CURLOPT_URL, "http://[::1]:8080/");
    fail_to_connect(f);
    assert_span_text(curl_fixture_only_span(f), "server.address", "::1");
    assert_span_text(curl_fixture_only_span(f), "server.port", "8080");
}

/* A sampler that writes the name and the keys of the attributes to `self`. */
static tote_sampling_decision note_attributes(void *self, const tote_sampling_parameters *span,
                                              tote_sampling_result *result) {
    char *text = self;

    (void)result;
    strcpy(text, span->name);
    for (size_t i = 0; i < span->attribute_count; i++) {
        strcat(strcat(text, " "), span->attributes[i].key);
    }
    return TOTE_SAMPLING_DECISION_DROP;
}

/* Spec: semantic-conventions http-spans.md#http-client: attributes at the start of a span */
static void a_sampler_gets_the_attributes_known_before_the_transfer(void **state) {
    struct curl_fixture *f = *state;
    static const tote_sampler_ops ops = {.struct_size = sizeof ops,
                                         .should_sample = note_attributes};
    char seen[256] = "";
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    options.ignore_environment = true;
    options.sampler = tote_sampler_new(&ops, seen);
    f->sdk = tote_sdk_start(&options);

    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    assert_string_equal(seen, "HTTP url.full server.address server.port");
    curl_easy_setopt(f->easy, CURLOPT_CUSTOMREQUEST, "DELETE");
    assert_int_equal(tote_curl_perform(f->easy, NULL), CURLE_OK);
    assert_string_equal(seen, "DELETE http.request.method url.full server.address server.port");
    assert_non_null(
        receiver_header(f->receiver, 1, "traceparent")); /* not sampled, but propagated */
}

/*
 * Whether a request to 127.0.0.1 has a traceparent. It always has the program's header and a span.
 */
static bool is_injected(struct curl_fixture *f, size_t request) {
    struct curl_slist *list = curl_slist_append(NULL, "X-Own: 1");

    assert_int_equal(perform_with_headers(f->easy, list), CURLE_OK);
    assert_string_equal(receiver_header(f->receiver, request, "X-Own"), "1");
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), request + 1);
    curl_slist_free_all(list);
    return receiver_header(f->receiver, request, "traceparent") != NULL;
}

/* The contract of tote_propagator_allowed_hosts_new() */
static void hosts_that_are_not_allowed_get_no_headers(void **state) {
    static const char *const others[] = {"example.com", NULL, "", ".0.1x", "127.0.0.11"};
    static const char *const same[] = {"example.com", "127.0.0.1"};
    static const char *const below[] = {".0.0.1"};
    static const char *const itself[] = {".127.0.0.1"};
    struct curl_fixture *f = *state;

    allow_hosts(others, TOTE_COUNT_OF(others));
    assert_false(is_injected(f, 0));
    allow_hosts(same, TOTE_COUNT_OF(same));
    assert_true(is_injected(f, 1));
    allow_hosts(below, 1);
    assert_true(is_injected(f, 2));
    allow_hosts(itself, 1);
    assert_false(is_injected(f, 3));
    allow_hosts(same, 0);
    assert_false(is_injected(f, 4));
    allow_hosts(NULL, 7);
    assert_false(is_injected(f, 5));
}

/* Run the only transfer of a multi handle. */
static CURLcode run_multi(CURLM *multi) {
    CURLMsg *message = NULL;
    int running = 1;
    int left;

    while (running) {
        assert_int_equal(curl_multi_perform(multi, &running), CURLM_OK);
        if (running) {
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
        }
    }
    message = curl_multi_info_read(multi, &left);
    assert_non_null(message);
    return message->data.result;
}

/* The contract of tote_curl_begin() and tote_curl_end() */
static void begin_and_end_trace_a_transfer_of_the_multi_interface(void **state) {
    struct curl_fixture *f = *state;
    struct curl_slist *list = curl_slist_append(NULL, "X-Own: 1");
    CURLM *multi = curl_multi_init();

    tote_curl_request *request = begin_with_headers(f->easy, list);
    assert_non_null(request);
    curl_multi_add_handle(multi, f->easy);
    CURLcode result = run_multi(multi);
    curl_multi_remove_handle(multi, f->easy);
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 0);
    tote_curl_end(&request, result);

    assert_null(request);
    assert_span_text(curl_fixture_only_span(f), "http.response.status_code", "200");
    assert_non_null(receiver_header(f->receiver, 0, "traceparent"));
    assert_string_equal(receiver_header(f->receiver, 0, "X-Own"), "1");
    curl_multi_cleanup(multi);
    curl_slist_free_all(list);
}

/* The contract of tote/common.h: every function accepts NULL. */
static void null_arguments_have_no_effect(void **state) {
    tote_curl_request *none = NULL;

    (void)state;
    assert_null(tote_curl_begin(NULL, NULL));
    tote_curl_end(NULL, CURLE_OK);
    tote_curl_end(&none, CURLE_OK);
    assert_int_not_equal(tote_curl_perform(NULL, NULL), CURLE_OK);
    assert_null(tote_curl_inject(tote_context_root(), NULL));
}

/* The contract of tote_inject(): a format that has no value does not change the carrier. */
static void without_a_value_to_inject_the_programs_headers_are_sent(void **state) {
    static const char *const lines[] = {"baggage: tenant=blue", "tracestate: vendor=1",
                                        "traceparent: mine"};
    struct curl_fixture *f = *state;
    struct curl_slist *list = make_list(lines, 3);

    assert_int_equal(perform_with_headers(f->easy, list), CURLE_OK);
    assert_string_equal(receiver_header(f->receiver, 0, "baggage"), "tenant=blue");
    assert_null(
        receiver_header(f->receiver, 0, "tracestate")); /* it belongs to the old traceparent */
    assert_string_not_equal(receiver_header(f->receiver, 0, "traceparent"), "mine");

    tote_store *store = tote_store_current();
    tote_store_add_as(store, "user.id", tote_string("u_1"), TOTE_VISIBILITY_BAGGAGE, NULL);
    assert_int_equal(perform_with_headers(f->easy, list), CURLE_OK);
    assert_string_equal(receiver_header(f->receiver, 1, "baggage"), "user.id=u_1");
    tote_store_delete(store, "user.id");
    curl_slist_free_all(list);
}

/* Spec: configuration/sdk-environment-variables.md#general-sdk-configuration, OTEL_SDK_DISABLED */
static void with_a_disabled_sdk_the_programs_headers_are_sent(void **state) {
    static const char *const lines[] = {"baggage: tenant=blue", "tracestate: vendor=1",
                                        "traceparent: mine"};
    struct curl_fixture *f = *state;
    struct curl_slist *list = make_list(lines, 3);

    setenv("OTEL_SDK_DISABLED", "true", 1);
    f->sdk = tote_sdk_start(NULL);
    unsetenv("OTEL_SDK_DISABLED");
    assert_int_equal(perform_with_headers(f->easy, list), CURLE_OK);
    assert_string_equal(receiver_header(f->receiver, 0, "baggage"), "tenant=blue");
    assert_string_equal(receiver_header(f->receiver, 0, "tracestate"), "vendor=1");
    assert_string_equal(receiver_header(f->receiver, 0, "traceparent"), "mine");
    curl_slist_free_all(list);
}

/* Spec: trace/api.md#behavior-of-the-api-in-the-absence-of-an-installed-sdk */
static void without_an_sdk_requests_are_sent_unchanged(void **state) {
    struct curl_fixture *f = *state;
    struct curl_slist *list = curl_slist_append(NULL, "X-Own: 1");

    assert_int_equal(perform_with_headers(f->easy, list), CURLE_OK);
    tote_curl_request *request = begin_with_headers(f->easy, list);
    tote_curl_end(&request, CURLE_OK);

    assert_string_equal(receiver_header(f->receiver, 0, "X-Own"), "1");
    assert_null(receiver_header(f->receiver, 0, "traceparent"));
    curl_slist_free_all(list);
}

/* The contract of tote_curl_perform(): returns the result of curl_easy_perform(). */
static void a_handle_without_a_url_fails_as_without_tote_and_has_no_span(void **state) {
    struct curl_fixture *f = *state;
    CURL *easy = curl_easy_init();

    assert_int_equal(tote_curl_perform(easy, NULL), CURLE_URL_MALFORMAT);
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 0);
    curl_easy_cleanup(easy);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_an_sdk_requests_are_sent_unchanged,
                                        curl_fixture_set_up_without_sdk, curl_fixture_tear_down),
        cmocka_unit_test_setup_teardown(with_a_disabled_sdk_the_programs_headers_are_sent,
                                        curl_fixture_set_up_without_sdk, curl_fixture_tear_down),
        CURL_TEST(without_a_value_to_inject_the_programs_headers_are_sent),
        CURL_TEST(the_injected_traceparent_has_the_id_of_the_client_span),
        CURL_TEST(baggage_is_sent_and_the_span_is_a_child_of_the_current_span),
        CURL_TEST(a_template_of_the_url_is_part_of_the_span_name),
        CURL_TEST(the_programs_list_is_not_changed_and_is_set_after_the_request),
        CURL_TEST(a_span_has_the_attributes_of_the_semantic_conventions),
        CURL_TEST(the_url_has_the_path_that_was_sent),
        CURL_TEST(an_unknown_method_is_recorded_as_other_and_case_is_significant),
        CURL_TEST(credentials_are_redacted),
        CURL_TEST(secrets_in_a_query_are_redacted),
        CURL_TEST(a_default_port_is_recorded),
        CURL_TEST(an_error_status_makes_the_span_an_error),
        CURL_TEST(a_refused_connection_is_an_error),
        CURL_TEST(a_lost_connection_is_an_error_with_the_received_status),
        CURL_TEST(every_failure_has_an_error_type),
        CURL_TEST(with_failonerror_the_status_is_the_error_type),
        CURL_TEST(a_transfer_that_the_program_cancels_is_not_an_error),
        CURL_TEST(an_ipv6_address_is_recorded_without_brackets),
        cmocka_unit_test_setup_teardown(a_sampler_gets_the_attributes_known_before_the_transfer,
                                        curl_fixture_set_up_without_sdk, curl_fixture_tear_down),
        CURL_TEST(hosts_that_are_not_allowed_get_no_headers),
        CURL_TEST(begin_and_end_trace_a_transfer_of_the_multi_interface),
        CURL_TEST(null_arguments_have_no_effect),
        CURL_TEST(a_handle_without_a_url_fails_as_without_tote_and_has_no_span),
    };

    return RUN_TESTS(tests, argc, argv);
}
