/* SPDX-License-Identifier: MIT */
/*
 * test_http.c - names, attributes and statuses of HTTP spans
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "carrier.h"
#include "tote/exporters/in_memory.h"
#include "tote/instrumentation/http.h"
#include "tote/tote.h"

/* Spec: http-spans.md, http.request.method: case-sensitive */
static void an_unknown_method_is_other(void **state) {
    static const char *const known[] = {"CONNECT", "DELETE", "GET", "HEAD",  "OPTIONS",
                                        "PATCH",   "POST",   "PUT", "TRACE", "QUERY"};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(known); i++) {
        assert_ptr_equal(tote_http_known_method(known[i]), known[i]);
    }
    assert_string_equal(tote_http_known_method("get"), "_OTHER");
    assert_string_equal(tote_http_known_method("GETS"), "_OTHER");
    assert_string_equal(tote_http_known_method(""), "_OTHER");
    assert_string_equal(tote_http_known_method(NULL), "_OTHER");
}

/* Return the result of check_methods_of_environment() in a process with this list. */
static int run_with_methods(const char *list) {
    char variable[128];
    int status = -1;

    snprintf(variable, sizeof variable, "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS=%s", list);
    pid_t child = fork();
    if (child == 0) {
        execle("/proc/self/exe", "test_http", "--methods", NULL, (char *[]){variable, NULL});
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Return a bit for each of three methods that is known. */
static int check_methods_of_environment(void) {
    static const char *const methods[] = {"GET", "POST", "PURGE"};
    int known = 0;

    for (size_t i = 0; i < TOTE_COUNT_OF(methods); i++) {
        known |= strcmp(tote_http_known_method(methods[i]), methods[i]) == 0 ? 1 << i : 0;
    }
    return known;
}

/* Spec: http-spans.md, OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS: it replaces the list */
static void the_environment_replaces_the_known_methods(void **state) {
    (void)state;
    assert_int_equal(run_with_methods("GET, PURGE"), 5);
    assert_int_equal(run_with_methods(""), 3); /* the default list */
    assert_int_equal(run_with_methods("  "), 3);
    assert_int_equal(run_with_methods(" ,"), 3);
}

/* Spec: http-spans.md#name */
static void a_span_name_is_the_method_and_the_route(void **state) {
    char name[16];

    (void)state;
    assert_int_equal(tote_http_span_name(name, sizeof name, "GET", "/a/{b}"), 10);
    assert_string_equal(name, "GET /a/{b}");
    tote_http_span_name(name, sizeof name, "GET", NULL);
    assert_string_equal(name, "GET");
    tote_http_span_name(name, sizeof name, "BREW", NULL);
    assert_string_equal(name, "HTTP");
    assert_int_equal(tote_http_span_name(name, sizeof name, "GET", "/a/very/long/one"), 20);
    assert_string_equal(name, "GET /a/very/lon");
    assert_int_equal(tote_http_span_name(NULL, sizeof name, "GET", "/a/{b}"), 10);
}

/* Spec: http-spans.md, url.full and url.query */
static void secrets_in_a_query_are_redacted_in_a_buffer_of_any_size(void **state) {
    static const char query[] = "a=1&sig=secret&Sig=2&X-Amz-Credential=secret&sig&Signature=secret";
    static const char expected[] =
        "a=1&sig=REDACTED&Sig=2&X-Amz-Credential=REDACTED&sig&Signature=REDACTED";
    char out[128];

    (void)state;
    for (size_t size = 0; size <= sizeof out; size++) {
        memset(out, '#', sizeof out);
        assert_int_equal(tote_http_redact_query(out, size, query), sizeof expected - 1);
        size_t kept = size ? (size < sizeof expected ? size : sizeof expected) - 1 : 0;
        assert_memory_equal(out, expected, kept);
        assert_true(!size || out[kept] == '\0');
        assert_true(size == sizeof out || out[size] == '#');
    }
    assert_int_equal(tote_http_redact_query(NULL, 0, ""), 0);
    assert_int_equal(tote_http_redact_query(out, sizeof out, NULL), 0);
    assert_int_equal(tote_http_redact_query(NULL, sizeof out, NULL), 0);
    assert_int_equal(tote_http_redact_query(NULL, sizeof out, query), sizeof expected - 1);
}

/* Spec: http-spans.md, url.full */
static void a_url_has_no_credentials_and_secrets(void **state) {
    static const struct {
        const char *url, *expected;
    } rows[] = {
        {"http://a.test", "http://a.test"},
        {"https://a.test:81/p?q=1#f", "https://a.test:81/p?q=1#f"},
        {"https://u:pw@a.test/p?sig=x&q#f", "https://REDACTED:REDACTED@a.test/p?sig=REDACTED&q#f"},
        {"https://u@[::1]/", "https://REDACTED@[::1]/"},
        {"https://u:p@w@a.test", "https://REDACTED:REDACTED@a.test"},
        {"https://REDACTED:REDACTED@a.test", "https://REDACTED:REDACTED@a.test"},
        {"http:///p", ""},
        {"/p?sig=x", ""},
        {"file:///p", ""},
        {NULL, ""},
    };
    char out[128];

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        size_t length = strlen(rows[i].expected);
        assert_int_equal(tote_http_redact_url(out, sizeof out, rows[i].url), length);
        assert_string_equal(out, rows[i].expected);
        assert_int_equal(tote_http_redact_url(out, 6, rows[i].url), length);
        assert_memory_equal(out, rows[i].expected, length < 5 ? length : 5);
        assert_int_equal(strlen(out), length < 5 ? length : 5);
        assert_int_equal(tote_http_redact_url(NULL, 0, rows[i].url), length);
    }
}

static tote_http_request request;
static struct carrier headers;
static tote_attribute attributes[TOTE_HTTP_SERVER_MAX_ATTRIBUTES];
static size_t count;
static char buffer[TOTE_HTTP_SERVER_BUFFER_BYTES];

static int reset(void **state) {
    (void)state;
    carrier_clear(&headers);
    request = (tote_http_request)TOTE_HTTP_REQUEST_INIT;
    request.method = "GET";
    request.carrier = &headers;
    request.getter = &carrier_getter;
    return 0;
}

static void assert_attribute(const char *key, const char *expected) {
    char text[256];

    for (size_t i = 0; i < count; i++) {
        if (strcmp(attributes[i].key, key) == 0) {
            assert_non_null(expected);
            tote_value_to_text(attributes[i].value, text, sizeof text);
            assert_string_equal(text, expected);
            return;
        }
    }
    assert_null(expected);
}

static void make(void) {
    count = tote_http_server_attributes(&request, attributes, TOTE_COUNT_OF(attributes), buffer,
                                        sizeof buffer);
}

/* Spec: http-spans.md#http-server, url.path, url.query */
static void a_target_is_split_at_its_query(void **state) {
    static const struct {
        const char *target, *query, *path, *expected;
    } rows[] = {
        {"/a?b=1", NULL, "/a", "b=1"},
        {"/a", NULL, "/a", NULL},
        {"/a?", NULL, "/a", NULL},
        {"/a", "c=2", "/a", "c=2"},
        {"/a?b=1?2", NULL, "/a", "b=1?2"},
        {NULL, NULL, "", NULL},
        {"/a?sig=x", NULL, "/a", "sig=REDACTED"},
        {"/a?b#c", NULL, "/a", "b"},
        {"/a#c?b", NULL, "/a", NULL},
        {"/http://b.test/?c", NULL, "/http://b.test/", "c"},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        reset(state);
        request.target = rows[i].target;
        request.query = rows[i].query;
        make();
        assert_attribute("url.path", rows[i].path);
        assert_attribute("url.query", rows[i].expected);
        assert_attribute("url.scheme", "http");
        assert_attribute("server.address", NULL);
    }
}

/* The contract of tote_http_request.path */
static void a_path_that_the_server_has_decoded_is_taken_whole(void **state) {
    reset(state);
    request.target = "/other?b";
    request.path = "/a?sig=x#c";
    make();
    assert_attribute("url.path", "/a?sig=x#c");
    assert_attribute("url.query", NULL);

    request.query = "sig=x";
    make();
    assert_attribute("url.path", "/a?sig=x#c");
    assert_attribute("url.query", "sig=REDACTED");
}

/*
 * Spec: RFC 9112 sections 3.2 and 3.3: the target precedes Host, and no attribute contains
 * credentials
 */
static void all_forms_of_a_target_are_read(void **state) {
    static const struct {
        const char *method, *target, *path, *query, *scheme, *server, *port;
    } rows[] = {
        {"GET", "http://u:pw@a.test:81/p?q=1&sig=x#f", "/p", "q=1&sig=REDACTED", "http", "a.test",
         "81"},
        {"GET", "http://u:p@w@a.test/p", "/p", NULL, "http", "a.test", "80"},
        {"GET", "https://a.test", "", NULL, "https", "a.test", "443"},
        {"GET", "HTTPS://a.test?q", "", "q", "https", "a.test", "443"},
        {"GET", "ws://a.test/p", "/p", NULL, "ws", "a.test", "80"},
        {"GET", "wss://[::1]/p", "/p", NULL, "wss", "::1", "443"},
        {"GET", "coap://a.test/p", "/p", NULL, "coap", "a.test", NULL},
        {"GET", "http:///p", "/p", NULL, "http", "me.test", "80"},
        {"GET", "u:pw@a.test/p", "a.test/p", NULL, "http", "me.test", "80"},
        {"GET", "1://a.test/p", "1://a.test/p", NULL, "http", "me.test", "80"},
        {"CONNECT", "a.test:8443", "", NULL, "http", "a.test", "8443"},
        {"CONNECT", "u:pw@[::1]:8443", "", NULL, "http", "::1", "8443"},
        {"CONNECT", "/chat?q", "/chat", "q", "http", "me.test", "80"}, /* RFC 8441 section 4 */
        {"OPTIONS", "*", "", NULL, "http", "me.test", "80"},
        {"OPTIONS", "http://a.test", "", NULL, "http", "a.test", "80"},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        reset(state);
        request.method = rows[i].method;
        request.target = rows[i].target;
        carrier_add(&headers, "Host", "me.test");
        make();
        assert_attribute("url.path", rows[i].path);
        assert_attribute("url.query", rows[i].query);
        assert_attribute("url.scheme", rows[i].scheme);
        assert_attribute("server.address", rows[i].server);
        assert_attribute("server.port", rows[i].port);
    }
}

/* Spec: http-spans.md#setting-serveraddress-and-serverport-attributes */
static void the_authority_of_http_2_precedes_host(void **state) {
    reset(state);
    carrier_add(&headers, "host", "me.test");
    carrier_add(&headers, ":authority", "u:pw@a.test:81");
    make();
    assert_attribute("server.address", "a.test");
    assert_attribute("server.port", "81");
}

/* Spec: http-spans.md#http-server, url.scheme, server.port */
static void the_default_port_is_that_of_the_scheme(void **state) {
    static const char *const rows[][3] = {{"http", "http", "80"}, {"https", "https", "443"},
                                          {"ws", "ws", "80"},     {"wss", "wss", "443"},
                                          {"WSS", "wss", "443"},  {"gopher", "gopher", NULL},
                                          {NULL, "http", "80"}};

    for (size_t i = 0; i < 2 * TOTE_COUNT_OF(rows); i++) {
        reset(state);
        carrier_add(&headers, "host", "me.test");
        if (i % 2) {
            request.scheme = rows[i / 2][0];
        } else if (rows[i / 2][0]) {
            carrier_add(&headers, "x-forwarded-proto", rows[i / 2][0]);
        }
        make();
        assert_attribute("url.scheme", rows[i / 2][1]);
        assert_attribute("server.port", rows[i / 2][2]);
    }
}

/* Spec: RFC 7239 sections 4 and 6; http-spans.md#http-server, client.address */
static void the_first_proxy_reports_client_host_and_scheme(void **state) {
    static const struct {
        const char *name, *value, *client, *server, *port, *scheme;
    } rows[] = {
        {"Host", "a.test", "10.0.0.1", "a.test", "80", "http"},
        {"Host", "a.test:81", "10.0.0.1", "a.test", "81", "http"},
        {"Host", "[::1]:82", "10.0.0.1", "::1", "82", "http"},
        {"Host", "[::1]", "10.0.0.1", "::1", "80", "http"},
        {"Host", "a.test:99999", "10.0.0.1", "a.test", "80", "http"},
        {"Host", "a.test:", "10.0.0.1", "a.test", "80", "http"},
        {"Host", "u:pw@a.test", "10.0.0.1", "a.test", "80", "http"},
        {"X-Forwarded-For", "1.2.3.4, 5.6.7.8", "1.2.3.4", "me.test", "80", "http"},
        {"X-Forwarded-For", "2001:db8::1", "2001:db8::1", "me.test", "80", "http"},
        {"X-Forwarded-For", "unknown, 5.6.7.8", "10.0.0.1", "me.test", "80", "http"},
        {"X-Forwarded-Proto", "https", "10.0.0.1", "me.test", "443", "https"},
        {"X-Forwarded-Proto", "not a scheme", "10.0.0.1", "me.test", "80", "http"},
        {"X-Forwarded-Host", "b.test:8443, c", "10.0.0.1", "b.test", "8443", "http"},
        {"Forwarded", "for=1.2.3.4;host=c.test;proto=https, for=9.9.9.9", "1.2.3.4", "c.test",
         "443", "https"},
        {"Forwarded", "For=\"[2001:db8::1]:4711\" ; Host=\"d.test:90\"", "2001:db8::1", "d.test",
         "90", "http"},
        {"Forwarded", "secret=\"a,;=b\";for=1.2.3.4;host=c.test", "1.2.3.4", "c.test", "80",
         "http"},
        {"Forwarded", "by=\"\\\",for=6.6.6.6;\";for=\"1.2\\.3.4\";host=c.test", "1.2.3.4", "c.test",
         "80", "http"},
        {"Forwarded", "a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8;for=1.2.3.4", "1.2.3.4", "me.test", "80",
         "http"},
        {"Forwarded", "for=unknown;proto=https", "10.0.0.1", "me.test", "443", "https"},
        {"Forwarded", "for=Unknown, for=9.9.9.9", "10.0.0.1", "me.test", "80", "http"},
        {"Forwarded", "for=\"_hidden:_port\"", "10.0.0.1", "me.test", "80", "http"},
        {"Forwarded", "for=\"unknown:80\"", "10.0.0.1", "me.test", "80", "http"},
        {"Forwarded", "for=\"1.2.3.4", "10.0.0.1", "me.test", "80", "http"},
        {"Forwarded", "nonsense", "10.0.0.1", "me.test", "80", "http"},
        {"Forwarded", "=;;=\"", "10.0.0.1", "me.test", "80", "http"},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        reset(state);
        request.peer_address = "10.0.0.1";
        carrier_add(&headers, rows[i].name, rows[i].value);
        if (strcmp(rows[i].name, "Host") != 0) {
            carrier_add(&headers, "host", "me.test");
        }
        make();
        assert_attribute("client.address", rows[i].client);
        assert_attribute("server.address", rows[i].server);
        assert_attribute("server.port", rows[i].port);
        assert_attribute("url.scheme", rows[i].scheme);
        assert_attribute("network.peer.address", "10.0.0.1");
    }
}

/* The contract of tote_http_request: any client can send these headers */
static void a_server_without_a_proxy_can_ignore_forwarded_headers(void **state) {
    (void)state;
    carrier_add(&headers, "forwarded", "for=1.2.3.4;host=c.test;proto=https");
    carrier_add(&headers, "x-forwarded-for", "1.2.3.4");
    carrier_add(&headers, "host", "me.test");
    request.peer_address = "10.0.0.1";
    request.ignore_forwarded = true;
    make();
    assert_attribute("client.address", "10.0.0.1");
    assert_attribute("server.address", "me.test");
    assert_attribute("url.scheme", "http");
}

static size_t length_of(const char *key) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(attributes[i].key, key) == 0) {
            return tote_value_to_text(attributes[i].value, NULL, 0);
        }
    }
    return 0;
}

/*
 * The contract of tote_http_server_attributes(): text is cut, and buffers of the documented sizes
 * are enough
 */
static void a_buffer_of_any_size_is_not_overrun(void **state) {
    static char longest[10000];

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    request.method = request.target = request.query = request.route = longest;
    request.peer_address = longest;
    carrier_add(&headers, "host", longest);
    carrier_add(&headers, "user-agent", longest);
    carrier_add(&headers, "x-forwarded-for", longest);
    for (size_t size = 0; size < sizeof buffer; size = size * 2 + 1) {
        for (size_t capacity = 0; capacity <= TOTE_COUNT_OF(attributes); capacity++) {
            char *exact = malloc(size ? size : 1);
            count = tote_http_server_attributes(&request, attributes, capacity, exact, size);
            assert_true(count <= capacity);
            free(exact);
        }
    }
    make();
    assert_attribute("http.request.method", "_OTHER");
    assert_true(count < TOTE_COUNT_OF(attributes)); /* more attributes do not exist */
    assert_int_equal(length_of("url.path"), sizeof longest - 1);
    assert_int_equal(length_of("url.query"), TOTE_HTTP_SERVER_BUFFER_BYTES / 2 - 1);
    assert_int_equal(length_of("server.address"), 512);
    assert_int_equal(length_of("client.address"), 512);
    assert_int_equal(length_of("user_agent.original"), 512);
}

/* A text that is not UTF-8 would be repaired, with another last character. */
static void a_query_that_is_cut_ends_with_a_whole_code_point(void **state) {
    static char longest[10000];

    (void)state;
    for (size_t i = 0; i + 2 < sizeof longest; i += 2) {
        memcpy(longest + i, "\xc3\xa9", 2);
    }
    request.query = longest;
    make();
    assert_int_equal(length_of("url.query"), TOTE_HTTP_SERVER_BUFFER_BYTES / 2 - 2);
}

/* Spec: http-spans.md#status */
static void a_status_of_400_is_an_error_of_client_spans_only(void **state) {
    static const struct {
        unsigned status;
        const char *error;
        const char *of_server, *of_client;
    } rows[] = {{200, NULL, NULL, NULL},
                {399, NULL, NULL, NULL},
                {404, NULL, NULL, "404"},
                {500, NULL, "500", "500"},
                {999, NULL, "999", "999"},
                {200, "timeout", "timeout", "timeout"},
                {0, "timeout", "timeout", "timeout"},
                {0, NULL, NULL, NULL}};
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);

    (void)state;
    for (size_t i = 0; i < 2 * TOTE_COUNT_OF(rows); i++) {
        const char *expected = i % 2 ? rows[i / 2].of_client : rows[i / 2].of_server;
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "x", NULL);
        (i % 2 ? tote_http_client_set_status
               : tote_http_server_set_status)(span, rows[i / 2].status, rows[i / 2].error);
        tote_span_close(&span);
        const tote_span_data *data = tote_in_memory_spans_get_at(memory, 0);
        const tote_value *error = tote_span_data_get_attribute(data, "error.type");
        assert_int_equal(error != NULL, expected != NULL);
        assert_true(!error || tote_value_equals(*error, tote_string(expected)));
        assert_int_equal(tote_span_data_get_status_code(data),
                         expected ? TOTE_STATUS_CODE_ERROR : TOTE_STATUS_CODE_UNSET);
        assert_int_equal(tote_span_data_get_attribute(data, "http.response.status_code") != NULL,
                         rows[i / 2].status != 0);
        tote_in_memory_spans_clear(memory);
    }
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
}

#define HTTP_TEST(test) cmocka_unit_test_setup(test, reset)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        HTTP_TEST(an_unknown_method_is_other),
        HTTP_TEST(the_environment_replaces_the_known_methods),
        HTTP_TEST(a_span_name_is_the_method_and_the_route),
        HTTP_TEST(secrets_in_a_query_are_redacted_in_a_buffer_of_any_size),
        HTTP_TEST(a_url_has_no_credentials_and_secrets),
        HTTP_TEST(a_path_that_the_server_has_decoded_is_taken_whole),
        HTTP_TEST(a_target_is_split_at_its_query),
        HTTP_TEST(all_forms_of_a_target_are_read),
        HTTP_TEST(the_authority_of_http_2_precedes_host),
        HTTP_TEST(the_default_port_is_that_of_the_scheme),
        HTTP_TEST(the_first_proxy_reports_client_host_and_scheme),
        HTTP_TEST(a_server_without_a_proxy_can_ignore_forwarded_headers),
        HTTP_TEST(a_buffer_of_any_size_is_not_overrun),
        HTTP_TEST(a_query_that_is_cut_ends_with_a_whole_code_point),
        HTTP_TEST(a_status_of_400_is_an_error_of_client_spans_only),
    };

    if (argc > 1 && strcmp(argv[1], "--methods") == 0) {
        return check_methods_of_environment();
    }
    int failed = RUN_TESTS(tests, argc, argv);
    carrier_clear(&headers);
    return failed;
}
