/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>
#include <strings.h>

#include "receiver.h"
#include "tote/exporters/in_memory.h"
#include "tote/instrumentation/curl.h"
#include "tote/propagators.h"
#include "tote/tote.h"

static struct curl_slist *make_list(const char *const *lines, size_t count) {
    struct curl_slist *list = NULL;

    for (size_t i = 0; i < count; i++) {
        list = curl_slist_append(list, lines[i]);
    }
    return list;
}

/* Count the headers with this name, ignoring case. */
static size_t count_headers(const struct curl_slist *list, const char *name) {
    size_t count = 0;

    for (; list; list = list->next) {
        count += strncasecmp(list->data, name, strlen(name)) == 0;
    }
    return count;
}

/* Spec: w3c/trace-context#tracestate-header: a tracestate belongs to its traceparent. */
static void inject_replaces_traceparent_and_tracestate_ignoring_case(void **state) {
    (void)state;
    static const char *const lines[] = {
        "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "X-Own: 1",
        "TRACEPARENT;",
        "tracestate: old=1",
        "Baggage: old=1",
        "traceparent-like: kept",
    };
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "op", NULL);
    tote_context *context = tote_context_with_span(tote_context_root(), span);

    struct curl_slist *list = tote_curl_inject(context, make_list(lines, TOTE_COUNT_OF(lines)));

    assert_int_equal(count_headers(list, "traceparent:"), 1);
    assert_int_equal(count_headers(list, "traceparent;"), 0);
    assert_int_equal(count_headers(list, "tracestate"), 0);
    assert_int_equal(count_headers(list, "baggage: old=1"), 1);
    assert_int_equal(count_headers(list, "X-Own: 1"), 1);
    assert_int_equal(count_headers(list, "traceparent-like: kept"), 1);
    curl_slist_free_all(list);
    tote_context_unref(context);
    tote_span_close(&span);
}

/* Spec: trace/api.md#behavior-of-the-api-in-the-absence-of-an-installed-sdk */
static void without_an_sdk_a_list_is_not_changed(void **state) {
    (void)state;
    struct curl_slist *list =
        tote_curl_inject(tote_context_current(), curl_slist_append(NULL, "X-Own: 1"));

    assert_int_equal(count_headers(list, "X-Own: 1"), 1);
    assert_null(list->next);
    curl_slist_free_all(list);
}

static size_t ignore_body(char *bytes, size_t size, size_t count, void *arg) {
    (void)bytes, (void)arg;
    return size * count;
}

/* Limit baggage to one host. */
static void allow_host(const char *host) {
    tote_propagator *both[] = {
        tote_propagator_tracecontext_new(),
        tote_propagator_allowed_hosts_new(tote_propagator_baggage_new(NULL), &host, 1)};
    tote_propagator *propagator = tote_propagator_composite_new(both, 2);
    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
}

/* GET from the receiver, which is called `host`, with a header of the program. */
static void get_from(const char *host, const char *port, const char *own) {
    struct curl_slist *list = own ? curl_slist_append(NULL, own) : NULL;
    tote_curl_options options = TOTE_CURL_OPTIONS_INIT;
    CURL *easy = curl_easy_init();
    char url[128], address[128];

    options.headers = list;
    snprintf(url, sizeof url, "http://%s:%s/", host, port);
    snprintf(address, sizeof address, "%s:%s:127.0.0.1", host, port);
    struct curl_slist *resolved = curl_slist_append(NULL, address);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_RESOLVE, resolved);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_body);
    assert_int_equal(tote_curl_perform(easy, &options), CURLE_OK);
    curl_easy_cleanup(easy);
    curl_slist_free_all(list);
    curl_slist_free_all(resolved);
}

/* The contract of tote_propagator_allowed_hosts_new(): the URL's host is the destination. */
static void limited_baggage_is_sent_only_to_allowed_hosts(void **state) {
    struct receiver *receiver = receiver_start();
    const char *port = strrchr(receiver_url(receiver), ':') + 1;
    tote_context *context =
        tote_context_with_baggage(tote_context_root(), "user", tote_string("u"), NULL);
    tote_context_token token = tote_context_attach(context);

    (void)state;
    allow_host(".inside.test");
    get_from("db.inside.test", port, NULL);
    get_from("outside.test", port, "baggage: own=1");
    assert_non_null(receiver_header(receiver, 0, "traceparent"));
    assert_string_equal(receiver_header(receiver, 0, "baggage"), "user=u");
    assert_non_null(receiver_header(receiver, 1, "traceparent"));
    assert_null(receiver_header(receiver, 1, "baggage")); /* also if the program wrote it */
    tote_context_detach(token);
    tote_context_unref(context);
    receiver_stop(receiver);
}

/* Before libcurl 8.12 a reused handle with CURLOPT_CURLU reports an old host. */
static void a_url_in_parts_does_not_bypass_the_list_of_hosts_of_baggage(void **state) {
    struct receiver *receiver = receiver_start();
    const char *port = strrchr(receiver_url(receiver), ':') + 1;
    const char *const hosts[] = {"a.inside.test", "outside.test"};
    tote_context *context =
        tote_context_with_baggage(tote_context_root(), "user", tote_string("u"), NULL);
    tote_context_token token = tote_context_attach(context);
    CURL *easy = curl_easy_init();
    struct curl_slist *resolved = NULL;
    char text[128];

    (void)state;
    allow_host(".inside.test");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_body);
    for (size_t i = 0; i < TOTE_COUNT_OF(hosts); i++) {
        CURLU *url = curl_url();
        snprintf(text, sizeof text, "%s:%s:127.0.0.1", hosts[i], port);
        resolved = curl_slist_append(resolved, text);
        snprintf(text, sizeof text, "http://%s:%s/", hosts[i], port);
        curl_url_set(url, CURLUPART_URL, text, 0);
        curl_easy_setopt(easy, CURLOPT_RESOLVE, resolved);
        curl_easy_setopt(easy, CURLOPT_CURLU, url);
        assert_int_equal(tote_curl_perform(easy, NULL), CURLE_OK);
        curl_easy_setopt(easy, CURLOPT_CURLU, NULL);
        curl_url_cleanup(url);
    }
    assert_string_equal(receiver_header(receiver, 0, "baggage"), "user=u");
    assert_non_null(receiver_header(receiver, 1, "traceparent"));
    assert_null(receiver_header(receiver, 1, "baggage"));
    curl_easy_cleanup(easy);
    curl_slist_free_all(resolved);
    tote_context_detach(token);
    tote_context_unref(context);
    receiver_stop(receiver);
}

static int start_sdk(void **state) {
    tote_in_memory_spans *memory = tote_in_memory_spans_new();

    *state = tote_in_memory_sdk_start(memory);
    tote_in_memory_spans_unref(memory);
    return *state ? 0 : -1;
}

static int stop_sdk(void **state) {
    tote_sdk *sdk = *state;

    tote_sdk_close(&sdk, 1000);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(without_an_sdk_a_list_is_not_changed),
        cmocka_unit_test_setup_teardown(inject_replaces_traceparent_and_tracestate_ignoring_case,
                                        start_sdk, stop_sdk),
        cmocka_unit_test_setup_teardown(a_url_in_parts_does_not_bypass_the_list_of_hosts_of_baggage,
                                        start_sdk, stop_sdk),
        cmocka_unit_test_setup_teardown(limited_baggage_is_sent_only_to_allowed_hosts, start_sdk,
                                        stop_sdk),
    };
    return RUN_TESTS(tests, argc, argv);
}
