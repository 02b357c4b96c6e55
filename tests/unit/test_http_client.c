/* SPDX-License-Identifier: MIT */
/*
 * test_http_client.c - client spans and server spans without a scope
 *
 * Spec: http-spans.md#http-client
 */
#include "sdk_fixture.h"

#include <string.h>

#include "carrier.h"
#include "span_text.h"
#include "tote/instrumentation/http.h"
#include "tote/propagators.h"

static struct carrier headers;

static int set_up(void **state) {
    tote_propagator *propagator = tote_propagator_from_names("tracecontext,baggage");

    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
    carrier_clear(&headers);
    if (sdk_fixture_set_up(state) != 0) {
        return -1;
    }
    sdk_fixture_start(state);
    return 0;
}

static int tear_down(void **state) {
    tote_propagator_set_global(NULL);
    carrier_clear(&headers);
    return sdk_fixture_tear_down(state);
}

/* Send a request. Returns its span. */
static const tote_span_data *send(struct sdk_fixture *f, const tote_http_client_request *request) {
    tote_span *span = tote_http_client_start(tote_get_tracer("test", NULL), request);

    tote_http_client_set_status(span, 200, NULL);
    tote_span_close(&span);
    return f->spans[f->ended - 1];
}

static size_t attribute_count(const tote_span_data *span) {
    size_t count;

    tote_span_data_get_attributes(span, &count);
    return count;
}

static void a_client_span_has_the_attributes_of_its_request(void **state) {
    tote_http_client_request request = TOTE_HTTP_CLIENT_REQUEST_INIT;

    request.method = "POST";
    request.url = "https://shop.example/orders/7?full=1";
    request.url_template = "/orders/{id}";
    request.peer_address = "192.0.2.7";
    request.peer_port = 8443;
    request.protocol_version = "2";
    request.resend_count = 3;
    request.start_time_unix_nano = 1000000000;
    const tote_span_data *span = send(*state, &request);
    assert_string_equal(tote_span_data_get_name(span), "POST /orders/{id}");
    assert_int_equal(tote_span_data_get_kind(span), TOTE_SPAN_KIND_CLIENT);
    assert_int_equal(tote_span_data_get_start_time_unix_nano(span), 1000000000);
    assert_span_text(span, "http.request.method", "POST");
    assert_span_text(span, "http.request.method_original", NULL);
    assert_span_text(span, "url.full", "https://shop.example/orders/7?full=1");
    assert_span_text(span, "url.template", "/orders/{id}");
    assert_span_text(span, "server.address", "shop.example");
    assert_span_text(span, "server.port", "443");
    assert_span_text(span, "network.peer.address", "192.0.2.7");
    assert_span_text(span, "network.peer.port", "8443");
    assert_span_text(span, "network.protocol.version", "2");
    assert_span_text(span, "http.request.resend_count", "3");
    assert_span_text(span, "http.response.status_code", "200");
}

static void an_unknown_method_is_other_and_recorded_as_sent(void **state) {
    tote_http_client_request request = TOTE_HTTP_CLIENT_REQUEST_INIT;

    request.method = "BREW";
    const tote_span_data *span = send(*state, &request);
    assert_string_equal(tote_span_data_get_name(span), "HTTP");
    assert_span_text(span, "http.request.method", "_OTHER");
    assert_span_text(span, "http.request.method_original", "BREW");
}

static void what_is_unknown_has_no_attribute(void **state) {
    tote_http_client_request request = TOTE_HTTP_CLIENT_REQUEST_INIT;

    request.peer_port = 80;
    const tote_span_data *span = send(*state, &request);
    assert_string_equal(tote_span_data_get_name(span), "HTTP");
    assert_span_text(span, "http.response.status_code", "200");
    assert_int_equal(attribute_count(span), 1);
    assert_int_equal(attribute_count(send(*state, NULL)), 1);
}

/* Spec: http-spans.md, url.full: credentials are redacted; registry/attributes/server.md */
static void a_url_is_recorded_without_secrets(void **state) {
    static const struct {
        const char *given, *full, *address, *port;
    } cases[] = {
        {"http://h", "http://h", "h", "80"},
        {"http://h:8080/", "http://h:8080/", "h", "8080"},
        {"HTTPS://[2001:db8::1]/a", "HTTPS://[2001:db8::1]/a", "2001:db8::1", "443"},
        {"http://[::1]:81?q", "http://[::1]:81?q", "::1", "81"},
        {"http://me@h/a", "http://REDACTED@h/a", "h", "80"},
        {"http://me:pw@h:1/a#b", "http://REDACTED:REDACTED@h:1/a#b", "h", "1"},
        {"http://a@b:c@h", "http://REDACTED:REDACTED@h", "h", "80"},
        {"http://h/?sig=1&a=2&Signature=3", "http://h/?sig=REDACTED&a=2&Signature=REDACTED", "h",
         "80"},
        {"http://h/?sig=1#sig=2", "http://h/?sig=REDACTED#sig=2", "h", "80"},
        {"http://h/#?sig=1", "http://h/#?sig=1", "h", "80"},
        {"gopher://h/", "gopher://h/", "h", NULL},
        {"http://", NULL, NULL, NULL},
        {"http://me:pw@", NULL, NULL, NULL},
        {"http:///path", NULL, NULL, NULL},
        {"/path?sig=1", NULL, NULL, NULL},
        {"h:80/path", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        tote_http_client_request request = TOTE_HTTP_CLIENT_REQUEST_INIT;
        request.url = cases[i].given;
        const tote_span_data *span = send(*state, &request);
        assert_span_text(span, "url.full", cases[i].full);
        assert_span_text(span, "server.address", cases[i].address);
        assert_span_text(span, "server.port", cases[i].port);
    }
}

static void a_given_server_replaces_that_of_the_url(void **state) {
    tote_http_client_request request = TOTE_HTTP_CLIENT_REQUEST_INIT;

    request.url = "http://front.example:81/";
    request.server_address = "orders.internal";
    request.server_port = 8080;
    const tote_span_data *span = send(*state, &request);
    assert_span_text(span, "url.full", "http://front.example:81/");
    assert_span_text(span, "server.address", "orders.internal");
    assert_span_text(span, "server.port", "8080");
    request.server_port = 0;
    assert_span_text(send(*state, &request), "server.port", NULL);
}

/* Spec: http-spans.md#status: 4xx is an error of a client span */
static void a_client_error_is_an_error_of_the_span(void **state) {
    struct sdk_fixture *f = *state;
    tote_span *span = tote_http_client_start(tote_get_tracer("test", NULL), NULL);

    tote_http_client_set_status(span, 404, NULL);
    tote_span_close(&span);
    assert_int_equal(tote_span_data_get_status_code(f->spans[f->ended - 1]),
                     TOTE_STATUS_CODE_ERROR);
    assert_span_text(f->spans[f->ended - 1], "error.type", "404");
}

static void the_context_of_a_try_has_its_span_and_its_destination(void **state) {
    static const struct {
        const char *url, *host;
    } cases[] = {
        {"http://shop.example:8080/a", "shop.example"},
        {"https://me:pw@[2001:db8::1]:1/a", "[2001:db8::1]"},
        {"http://h?a", "h"},
        {"/path", NULL},
        {NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        tote_span *span = tote_http_client_start(tote_get_tracer("test", NULL), NULL);
        tote_context *context = tote_http_client_context(tote_context_root(), span, cases[i].url);
        assert_ptr_equal(tote_context_get_span(context), span);
        const char *host = tote_context_get_destination(context);
        assert_true(cases[i].host ? host && strcmp(host, cases[i].host) == 0 : !host);
        tote_context_unref(context);
        tote_span_close(&span);
    }
}

static void a_server_span_without_a_scope_continues_the_trace_and_passes_baggage_on(void **state) {
    struct sdk_fixture *f = *state;
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;
    struct carrier sent = {.count = 0};

    carrier_add(&headers, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    carrier_add(&headers, "baggage", "a=1");
    request.method = "GET";
    request.carrier = &headers;
    request.getter = &carrier_getter;
    request.start_time_unix_nano = 1000000000;
    tote_context *context = tote_http_server_start(tote_get_tracer("test", NULL), &request);
    assert_ptr_equal(tote_context_get_span(tote_context_current()), NULL);
    tote_inject(context, &sent, &carrier_setter);
    assert_string_equal(carrier_get(&sent, "baggage"), "a=1");
    assert_memory_equal(carrier_get(&sent, "traceparent"), "00-0af7651916cd43dd8448eb211c80319c-",
                        36);
    tote_span_end(tote_context_get_span(context), 0);
    tote_context_unref(context);
    carrier_clear(&sent);
    assert_int_equal(f->ended, 1);
    assert_int_equal(tote_span_data_get_kind(f->spans[0]), TOTE_SPAN_KIND_SERVER);
    assert_int_equal(tote_span_data_get_start_time_unix_nano(f->spans[0]), 1000000000);
}

static void a_server_that_ignores_the_incoming_context_starts_a_trace_without_a_link(void **state) {
    struct sdk_fixture *f = *state;
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;
    size_t links = 1;

    carrier_add(&headers, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
    carrier_add(&headers, "baggage", "a=1");
    request.carrier = &headers;
    request.getter = &carrier_getter;
    request.ignore_context = true;
    tote_context *context = tote_http_server_start(tote_get_tracer("test", NULL), &request);
    assert_int_equal(tote_context_get_baggage(context, "a", NULL, 0), -1);
    tote_span_end(tote_context_get_span(context), 0);
    tote_context_unref(context);
    assert_int_equal(f->ended, 1); /* the client does not decide what is sampled */
    tote_span_data_get_links(f->spans[0], &links);
    assert_int_equal(links, 0);
    assert_false(tote_span_context_is_valid(tote_span_data_get_parent(f->spans[0])));
}

#define CLIENT_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        CLIENT_TEST(a_client_span_has_the_attributes_of_its_request),
        CLIENT_TEST(an_unknown_method_is_other_and_recorded_as_sent),
        CLIENT_TEST(what_is_unknown_has_no_attribute),
        CLIENT_TEST(a_url_is_recorded_without_secrets),
        CLIENT_TEST(a_given_server_replaces_that_of_the_url),
        CLIENT_TEST(a_client_error_is_an_error_of_the_span),
        CLIENT_TEST(the_context_of_a_try_has_its_span_and_its_destination),
        CLIENT_TEST(a_server_span_without_a_scope_continues_the_trace_and_passes_baggage_on),
        CLIENT_TEST(a_server_that_ignores_the_incoming_context_starts_a_trace_without_a_link),
    };

    return RUN_TESTS(tests, argc, argv);
}
