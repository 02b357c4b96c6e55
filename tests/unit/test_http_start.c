/* SPDX-License-Identifier: MIT */
/*
 * test_http_start.c - when the attributes of HTTP spans are made
 */
#include "sdk_fixture.h"

#include <string.h>

#include "carrier.h"
#include "tote/instrumentation/http.h"
#include "tote/internal/tracer.h"

static tote_sampling_decision drop(void *self, const tote_sampling_parameters *parameters,
                                   tote_sampling_result *result) {
    (void)self, (void)parameters, (void)result;
    return TOTE_SAMPLING_DECISION_DROP;
}

static tote_sampler *programs_sampler(void) {
    static const tote_sampler_ops ops = {.struct_size = sizeof ops, .should_sample = drop};

    return tote_sampler_new(&ops, NULL);
}

static bool shows(tote_sampler *sampler, bool ignores_start) {
    void *state;

    sdk_fixture_set_up(&state);
    struct sdk_fixture *f = state;
    f->settings.sampler = sampler;
    f->ignores_start = ignores_start;
    sdk_fixture_start(&state);
    bool result = tote__tracer_shows_attributes(f->tracer);
    sdk_fixture_tear_down(&state);
    return result;
}

/* Spec: trace/sdk.md#shouldsample, #onstart */
static void attributes_are_shown_to_samplers_of_the_program_and_to_processors(void **state) {
    tote_parent_based_options mixed = TOTE_PARENT_BASED_OPTIONS_INIT;
    tote_parent_based_options usual = TOTE_PARENT_BASED_OPTIONS_INIT;

    (void)state;
    mixed.local_parent_not_sampled = programs_sampler();
    usual.root = tote_sampler_probability_new(0.5);
    assert_true(shows(NULL, false));
    assert_true(shows(programs_sampler(), true));
    assert_true(shows(tote_sampler_always_record_new(programs_sampler()), true));
    assert_true(shows(tote_sampler_parent_based_new(&mixed), true));
    assert_false(shows(NULL, true));
    assert_false(shows(tote_sampler_always_off_new(), true));
    assert_false(shows(tote_sampler_parent_based_new(&usual), true));
    assert_false(shows(tote_sampler_always_record_new(tote_sampler_trace_id_ratio_new(0.5)), true));
    assert_false(tote__tracer_shows_attributes(NULL));
    assert_false(tote__tracer_shows_attributes(tote_get_tracer("without an SDK", "1.0")));
}

static unsigned host_reads;

static void count_reads(const void *carrier, const char *key, tote_header_visitor visit,
                        void *arg) {
    host_reads += key && strcmp(key, "host") == 0;
    carrier_getter.get_all(carrier, key, visit, arg);
}

/* Make a server span and a client span. */
static void make_spans(struct sdk_fixture *f) {
    static const tote_text_map_getter getter = {sizeof getter, count_reads};
    static const char *const captured[] = {"x-id"};
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;
    tote_http_client_request sent = TOTE_HTTP_CLIENT_REQUEST_INIT;
    struct carrier headers = {.count = 0};

    carrier_add(&headers, "host", "a.test:81");
    carrier_add(&headers, "user-agent", "probe/1");
    carrier_add(&headers, "x-id", "7");
    request.method = "GET";
    request.target = "/p?sig=x";
    request.route = "/p";
    request.peer_address = "192.0.2.1";
    request.carrier = &headers;
    request.getter = &getter;
    request.captured_headers = captured;
    request.captured_header_count = 1;
    host_reads = 0;
    tote_scope *scope = tote_http_server_open(f->tracer, &request);
    tote_context *context = tote_http_server_start(f->tracer, &request);
    tote_span_end(tote_context_get_span(context), 0);
    tote_context_unref(context);
    sent.method = "PUT";
    sent.url = "https://u:p@b.test/q?sig=x";
    tote_span *span = tote_http_client_start(f->tracer, &sent);
    tote_span_close(&span);
    tote_scope_close(&scope);
    carrier_clear(&headers);
}

/* Spec: http-spans.md */
static void a_recorded_request_has_its_attributes_whoever_looks_at_the_start(void **state) {
    static const char *const server[] = {
        "http.request.method=GET",         "url.path=/p",
        "url.query=sig=REDACTED",          "url.scheme=http",
        "server.address=a.test",           "server.port=81",
        "client.address=192.0.2.1",        "network.peer.address=192.0.2.1",
        "user_agent.original=probe/1",     "http.route=/p",
        "http.request.header.x-id=[\"7\"]"};
    static const char *const client[] = {"http.request.method=PUT",
                                         "url.full=https://REDACTED:REDACTED@b.test/q?sig=REDACTED",
                                         "server.address=b.test", "server.port=443"};

    for (int ignores_start = 0; ignores_start < 2; ignores_start++) {
        sdk_fixture_set_up(state);
        struct sdk_fixture *f = *state;
        f->ignores_start = ignores_start;
        sdk_fixture_start(state);
        make_spans(f);
        assert_int_equal(f->ended, 3);
        for (size_t i = 0; i < f->ended; i++) {
            bool is_client = tote_span_data_get_kind(f->spans[i]) == TOTE_SPAN_KIND_CLIENT;
            const char *const *expected = is_client ? client : server;
            size_t count;
            const tote_attribute *attributes = tote_span_data_get_attributes(f->spans[i], &count);
            assert_int_equal(count, is_client ? TOTE_COUNT_OF(client) : TOTE_COUNT_OF(server));
            for (size_t at = 0; at < count; at++) {
                char text[128];
                size_t key = strlen(attributes[at].key);
                memcpy(text, attributes[at].key, key);
                text[key] = '=';
                tote_value_to_text(attributes[at].value, text + key + 1, sizeof text - key - 1);
                assert_string_equal(text, expected[at]);
            }
        }
        sdk_fixture_tear_down(state);
    }
}

/* The contract of tote__tracer_shows_attributes(): it saves work */
static void no_header_is_read_for_a_request_that_is_not_recorded(void **state) {
    struct sdk_fixture *f = *state;

    f->ignores_start = true;
    f->settings.sampler = tote_sampler_always_off_new();
    sdk_fixture_start(state);
    make_spans(f);
    assert_int_equal(host_reads, 0);
    assert_int_equal(f->ended, 0);
}

/* The contract of tote_http_request: text of any length is recorded */
static void long_headers_and_queries_are_recorded_without_a_large_stack(void **state) {
    static char longest[3000];
    struct sdk_fixture *f = *state;
    struct carrier headers = {.count = 0};
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;

    f->ignores_start = true;
    sdk_fixture_start(state);
    memset(longest, 'x', sizeof longest - 1);
    carrier_add(&headers, "host", longest);
    carrier_add(&headers, "user-agent", longest);
    request.target = "/";
    request.query = longest;
    request.carrier = &headers;
    request.getter = &carrier_getter;
    tote_context *context = tote_http_server_start(f->tracer, &request);
    tote_span_end(tote_context_get_span(context), 0);
    tote_context_unref(context);
    const tote_span_data *span = sdk_fixture_only_span(f);
    assert_int_equal(tote_span_data_get_attribute(span, "url.query")->size,
                     TOTE_HTTP_SERVER_BUFFER_BYTES / 2 - 1);
    assert_int_equal(tote_span_data_get_attribute(span, "server.address")->size, 512);
    assert_int_equal(tote_span_data_get_attribute(span, "user_agent.original")->size, 512);
    carrier_clear(&headers);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_are_shown_to_samplers_of_the_program_and_to_processors),
        cmocka_unit_test(a_recorded_request_has_its_attributes_whoever_looks_at_the_start),
        SDK_TEST(no_header_is_read_for_a_request_that_is_not_recorded),
        SDK_TEST(long_headers_and_queries_are_recorded_without_a_large_stack),
    };

    return RUN_TESTS(tests, argc, argv);
}
