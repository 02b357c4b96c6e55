/* SPDX-License-Identifier: MIT */
/*
 * test_http_captured.c - headers of requests and responses as attributes
 */
#include "sdk_fixture.h"

#include <string.h>

#include "carrier.h"
#include "tote/instrumentation/http.h"

static const char *const names[] = {"Content-Type", "x-forwarded-for", "Missing", "", NULL};

/* Headers of which one has two values. */
static struct carrier make_headers(void) {
    struct carrier headers = {.count = 0};

    carrier_add(&headers, "content-type", "application/json");
    carrier_add(&headers, "X-Forwarded-For", "1.2.3.4");
    carrier_add(&headers, "authorization", "secret");
    carrier_add(&headers, "X-Forwarded-For", "1.2.3.5, 1.2.3.6");
    return headers;
}

static void assert_values(const tote_span_data *span, const char *key, const char *expected) {
    const tote_value *value = tote_span_data_get_attribute(span, key);
    char text[128];

    assert_non_null(value);
    assert_int_equal(value->type, TOTE_VALUE_TYPE_ARRAY);
    tote_value_to_text(*value, text, sizeof text);
    assert_string_equal(text, expected);
}

/* Spec: http-spans.md, http.request.header, http.response.header */
static void headers_are_recorded_as_arrays_with_names_in_lower_case(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    struct carrier headers = make_headers();
    tote_span *span = tote_tracer_start_span(f->tracer, "GET", NULL);

    tote_http_capture_request_headers(span, names, TOTE_COUNT_OF(names), &headers, &carrier_getter);
    tote_http_capture_response_headers(span, names, 1, &headers, &carrier_getter);
    tote_span_close(&span);
    const tote_span_data *data = sdk_fixture_only_span(f);
    size_t count;
    tote_span_data_get_attributes(data, &count);
    assert_int_equal(count, 3);
    assert_values(data, "http.request.header.content-type", "[\"application/json\"]");
    assert_values(data, "http.request.header.x-forwarded-for",
                  "[\"1.2.3.4\",\"1.2.3.5, 1.2.3.6\"]");
    assert_values(data, "http.response.header.content-type", "[\"application/json\"]");
    carrier_clear(&headers);
}

static size_t seen_by_sampler;

static tote_sampling_decision count_headers(void *self, const tote_sampling_parameters *parameters,
                                            tote_sampling_result *result) {
    (void)self, (void)result;
    for (size_t i = 0; i < parameters->attribute_count; i++) {
        seen_by_sampler += strncmp(parameters->attributes[i].key, "http.request.header.", 20) == 0;
    }
    return TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE;
}

/* Spec: http-spans.md, attributes that are important for sampling */
static void a_server_span_starts_with_the_captured_headers(void **state) {
    static const tote_sampler_ops ops = {.struct_size = sizeof ops, .should_sample = count_headers};
    struct sdk_fixture *f = *state;
    f->settings.sampler = tote_sampler_new(&ops, NULL);
    sdk_fixture_start(state);
    struct carrier headers = make_headers();
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;
    request.method = "GET";
    request.target = "/";
    request.carrier = &headers;
    request.getter = &carrier_getter;
    request.captured_headers = names;
    request.captured_header_count = TOTE_COUNT_OF(names);

    seen_by_sampler = 0;
    tote_scope *scope = tote_http_server_open(f->tracer, &request);
    tote_scope_close(&scope);
    assert_int_equal(seen_by_sampler, 2);
    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_values(data, "http.request.header.content-type", "[\"application/json\"]");
    assert_non_null(tote_span_data_get_attribute(data, "http.request.method"));
    assert_null(tote_span_data_get_attribute(data, "http.request.header.authorization"));
    carrier_clear(&headers);
}

static void many_values_and_long_names_are_left_out(void **state) {
    enum { VALUES = 20, MOST_VALUES = 16 };
    struct sdk_fixture *f = sdk_fixture_start(state);
    struct carrier headers = {.count = 0};
    char longest[300];
    const char *const both[] = {"a", longest};
    tote_span *span = tote_tracer_start_span(f->tracer, "GET", NULL);

    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    carrier_add(&headers, longest, "1");
    for (size_t i = 0; i < VALUES; i++) {
        carrier_add(&headers, "A", "1");
    }
    tote_http_capture_request_headers(span, both, 2, &headers, &carrier_getter);
    tote_http_capture_request_headers(span, NULL, 2, &headers, &carrier_getter);
    tote_http_capture_request_headers(span, both, 2, &headers, NULL);
    tote_http_capture_request_headers(NULL, both, 2, &headers, &carrier_getter);
    tote_span_close(&span);
    const tote_span_data *data = sdk_fixture_only_span(f);
    size_t count;
    tote_span_data_get_attributes(data, &count);
    assert_int_equal(count, 1);
    assert_int_equal(tote_span_data_get_attribute(data, "http.request.header.a")->size,
                     MOST_VALUES);
    carrier_clear(&headers);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(headers_are_recorded_as_arrays_with_names_in_lower_case),
        SDK_TEST(a_server_span_starts_with_the_captured_headers),
        SDK_TEST(many_values_and_long_names_are_left_out),
    };

    return RUN_TESTS(tests, argc, argv);
}
