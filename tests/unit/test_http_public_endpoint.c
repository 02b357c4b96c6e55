/* SPDX-License-Identifier: MIT */
/*
 * test_http_public_endpoint.c - tote_http_server_open() for untrusted clients
 */
#include "sdk_fixture.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "carrier.h"
#include "tote/instrumentation/http.h"
#include "tote/instrumentation/xray.h"
#include "tote/propagators.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
#define TRACE_STATE "ot=th:0,client=state"

/* What the sampler of a test saw last. */
static struct {
    bool has_parent;
    size_t entry_count;
    size_t link_count;
} seen;

static tote_sampling_decision look(void *self, const tote_sampling_parameters *parameters,
                                   tote_sampling_result *result) {
    tote_entries *entries = tote_context_get_all_baggage(parameters->parent);

    (void)self, (void)result;
    seen.has_parent = tote_span_context_is_valid(
        tote_span_get_context(tote_context_get_span(parameters->parent)));
    seen.entry_count = tote_entries_get_count(entries);
    seen.link_count = parameters->link_count;
    tote_entries_free(entries);
    return TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE;
}

static tote_sampler *looking_sampler(void) {
    static const tote_sampler_ops ops = {.struct_size = sizeof ops, .should_sample = look};

    return tote_sampler_new(&ops, NULL);
}

static struct carrier headers;

static int set_up(void **state) {
    assert_true(tote_propagator_xray_register());
    tote_propagator *propagator = tote_propagator_from_names("b3,xray,tracecontext,baggage");

    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
    carrier_clear(&headers);
    return sdk_fixture_set_up(state);
}

static int tear_down(void **state) {
    tote_propagator_set_global(NULL);
    carrier_clear(&headers);
    return sdk_fixture_tear_down(state);
}

/* Open a scope for a request with the headers. */
static tote_scope *open_request(bool is_public) {
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;

    request.method = "GET";
    request.carrier = &headers;
    request.getter = &carrier_getter;
    request.public_endpoint = is_public;
    return tote_http_server_open(tote_get_tracer("test", NULL), &request);
}

/* Serve a request with the headers. Returns the span. */
static const tote_span_data *serve(struct sdk_fixture *f, bool is_public) {
    tote_scope *scope = open_request(is_public);

    tote_scope_close(&scope);
    return f->spans[f->ended - 1];
}

static void assert_ids(const tote_span_context *context, const char *trace_id,
                       const char *span_id) {
    char trace_hex[TOTE_TRACE_ID_HEX_SIZE], span_hex[TOTE_SPAN_ID_HEX_SIZE];

    tote_trace_id_to_hex(tote_span_context_get_trace_id(context), trace_hex);
    tote_span_id_to_hex(tote_span_context_get_span_id(context), span_hex);
    assert_string_equal(trace_hex, trace_id);
    assert_string_equal(span_hex, span_id);
}

static bool is_in_trace(const tote_span_context *context, const char *trace_id) {
    char hex[TOTE_TRACE_ID_HEX_SIZE];

    tote_trace_id_to_hex(tote_span_context_get_trace_id(context), hex);
    return strcmp(hex, trace_id) == 0;
}

static size_t trace_state_length(const tote_span_context *context) {
    return tote_trace_state_to_header(tote_span_context_get_trace_state(context), NULL, 0);
}

static void assert_root(const tote_span_data *span, const char *incoming_trace_id) {
    const tote_span_context *context = tote_span_data_get_context(span);

    assert_false(tote_span_context_is_valid(tote_span_data_get_parent(span)));
    assert_true(tote_span_context_is_valid(context));
    assert_false(is_in_trace(context, incoming_trace_id));
}

/* Headers of a client, by format, and the flags of its span. */
static const struct {
    const char *name, *value;
    uint8_t flags;
} incoming[] = {
    {"traceparent", "00-" TRACE "-" SPAN "-01", 1},
    {"traceparent", "00-" TRACE "-" SPAN "-00", 0},
    {"b3", TRACE "-" SPAN "-1", 1},
    {"b3", TRACE "-" SPAN "-d", 1},
    {"b3", TRACE "-" SPAN "-0", 0},
    {"b3", TRACE "-" SPAN, 0},
};

static void add_incoming(size_t row) {
    carrier_clear(&headers);
    carrier_add(&headers, incoming[row].name, incoming[row].value);
    carrier_add(&headers, "baggage", "user.id=u_1;p=1,tenant=t");
    if (strcmp(incoming[row].name, "traceparent") == 0) {
        carrier_add(&headers, "tracestate", TRACE_STATE);
    }
}

/* The contract of tote_http_request.public_endpoint */
static void a_public_endpoint_starts_a_trace_that_is_linked_to_the_incoming_span(void **state) {
    ((struct sdk_fixture *)*state)->settings.sampler = looking_sampler();
    struct sdk_fixture *f = sdk_fixture_start(state);

    for (size_t i = 0; i < TOTE_COUNT_OF(incoming); i++) {
        size_t count;
        add_incoming(i);
        const tote_span_data *span = serve(f, true);
        const tote_link *links = tote_span_data_get_links(span, &count);
        assert_root(span, TRACE);
        assert_int_equal(count, 1);
        assert_ids(links->context, TRACE, SPAN);
        assert_int_equal(trace_state_length(links->context),
                         carrier_get(&headers, "tracestate") ? strlen(TRACE_STATE) : 0);
        assert_int_equal(trace_state_length(tote_span_data_get_context(span)), 0);
        assert_true(tote_span_context_is_remote(links->context));
        assert_int_equal(tote_span_context_get_trace_flags(links->context), incoming[i].flags);
        assert_false(seen.has_parent);
        assert_int_equal(seen.entry_count, 0);
        assert_int_equal(seen.link_count, 1);
    }
}

/* The contract of tote_http_request.public_endpoint: the same headers without the option */
static void an_internal_service_continues_the_trace_and_the_baggage(void **state) {
    ((struct sdk_fixture *)*state)->settings.sampler = looking_sampler();
    struct sdk_fixture *f = sdk_fixture_start(state);

    for (size_t i = 0; i < TOTE_COUNT_OF(incoming); i++) {
        size_t count;
        add_incoming(i);
        const tote_span_data *span = serve(f, false);
        tote_span_data_get_links(span, &count);
        assert_int_equal(count, 0);
        assert_ids(tote_span_data_get_parent(span), TRACE, SPAN);
        assert_true(is_in_trace(tote_span_data_get_context(span), TRACE));
        assert_non_null(tote_span_data_get_attribute(span, "user.id"));
        assert_true(seen.has_parent);
        assert_int_equal(seen.entry_count, 2);
    }
}

/* The contract of tote_http_request.public_endpoint: neither in the store nor exported nor sent */
static void a_public_endpoint_drops_the_baggage_and_the_trace_state(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    char fields[256];

    add_incoming(0);
    tote_scope *scope = open_request(true);
    carrier_clear(&headers);
    assert_true(tote_store_get(tote_store_current(), "user.id", NULL, 0) < 0);
    assert_true(tote_store_get(tote_store_current(), "tenant", NULL, 0) < 0);
    tote_log_fields(tote_context_current(), TOTE_LOG_FORMAT_LOGFMT, fields, sizeof fields);
    assert_null(strstr(fields, "user.id"));
    tote_inject(tote_context_current(), &headers, &carrier_setter);
    assert_non_null(carrier_get(&headers, "traceparent"));
    assert_null(strstr(carrier_get(&headers, "traceparent"), TRACE));
    assert_null(carrier_get(&headers, "tracestate"));
    assert_null(carrier_get(&headers, "baggage"));

    tote_store_add(tote_store_current(), "tenant", tote_string("own"));
    tote_inject(tote_context_current(), &headers, &carrier_setter);
    assert_string_equal(carrier_get(&headers, "baggage"), "tenant=own");
    tote_scope_close(&scope);
    const tote_span_data *span = sdk_fixture_only_span(f);
    assert_null(tote_span_data_get_attribute(span, "user.id"));
    assert_true(
        tote_value_equals(*tote_span_data_get_attribute(span, "tenant"), tote_string("own")));
}

/* docs/propagation.md#at-the-edge-which-mode */
static void a_public_endpoint_drops_the_lineage_of_xray(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    size_t count;

    for (int is_public = 0; is_public < 2; is_public++) {
        carrier_clear(&headers);
        carrier_add(&headers, "x-amzn-trace-id",
                    "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=" SPAN ";Lineage=a:1");
        tote_scope *scope = open_request(is_public);
        carrier_clear(&headers);
        tote_inject(tote_context_current(), &headers, &carrier_setter);
        assert_non_null(carrier_get(&headers, "x-amzn-trace-id"));
        assert_int_equal(strstr(carrier_get(&headers, "x-amzn-trace-id"), "Lineage") != NULL,
                         !is_public);
        tote_scope_close(&scope);
        tote_span_data_get_links(f->spans[is_public], &count);
        assert_int_equal(count, is_public);
    }
}

/* The contract of tote_http_request.public_endpoint: there is no incoming span to link to */
static void a_public_endpoint_without_an_incoming_span_starts_a_trace_without_a_link(void **state) {
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"accept", "*/*"},
        {"traceparent", ""},
        {"traceparent", "00-" TRACE "-" SPAN},
        {"traceparent", "ff-" TRACE "-" SPAN "-01"},
        {"traceparent", "00-00000000000000000000000000000000-" SPAN "-01"},
        {"traceparent", "00-" TRACE "-0000000000000000-01"},
        {"tracestate", "a=b"},
        {"baggage", "user.id=u_1"},
        {"b3", "1"},
        {"b3", "d"},
        {"b3", TRACE},
        {"x-b3-sampled", "1"},
    };
    ((struct sdk_fixture *)*state)->settings.sampler = looking_sampler();
    struct sdk_fixture *f = sdk_fixture_start(state);

    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        size_t count;
        carrier_clear(&headers);
        carrier_add(&headers, rows[i].name, rows[i].value);
        const tote_span_data *span = serve(f, true);
        tote_span_data_get_links(span, &count);
        assert_root(span, TRACE);
        assert_int_equal(count, 0);
        assert_int_equal(seen.link_count, 0);
        assert_false(seen.has_parent);
        assert_int_equal(seen.entry_count, 0);
    }
}

/* Spec: trace/sdk.md#parentbased: the sampler for roots decides, and no header overrides it */
static void clients_of_a_public_endpoint_do_not_decide_what_is_sampled(void **state) {
    static const char *const decisions[] = {"0", "1", "d"};
    tote_parent_based_options options = TOTE_PARENT_BASED_OPTIONS_INIT;
    struct sdk_fixture *f = *state;

    options.root = tote_sampler_always_off_new();
    f->settings.sampler = tote_sampler_parent_based_new(&options);
    sdk_fixture_start(state);
    for (size_t i = 0; i < TOTE_COUNT_OF(incoming) + TOTE_COUNT_OF(decisions); i++) {
        if (i < TOTE_COUNT_OF(incoming)) {
            add_incoming(i);
        } else {
            carrier_clear(&headers);
            carrier_add(&headers, "b3", decisions[i - TOTE_COUNT_OF(incoming)]);
        }
        tote_scope *scope = open_request(true);
        assert_false(tote_span_is_recording(tote_scope_get_span(scope)));
        assert_false(
            tote_span_context_is_sampled(tote_span_get_context(tote_scope_get_span(scope))));
        tote_scope_close(&scope);
    }
    assert_int_equal(f->ended, 0);
}

/* The contract of tote_http_request.public_endpoint, in a program without an SDK */
static void a_public_endpoint_without_an_sdk_passes_no_trace_on(void **state) {
    (void)state;
    add_incoming(0);
    tote_scope *scope = open_request(true);

    carrier_clear(&headers);
    tote_inject(tote_context_current(), &headers, &carrier_setter);
    assert_int_equal(headers.count, 0);
    tote_scope_close(&scope);
}

/* Allocations of this program that succeed before all fail; negative: none fails. */
static atomic_long allocations_left = -1;

static bool is_to_fail(void) {
    long left = atomic_load(&allocations_left);

    while (left > 0 && !atomic_compare_exchange_weak(&allocations_left, &left, left - 1)) {
    }
    return left == 0;
}

static void *test_allocate(void *self, size_t size) {
    (void)self;
    return is_to_fail() ? NULL : malloc(size);
}

static void *test_reallocate(void *self, void *old, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    return is_to_fail() ? NULL : realloc(old, size);
}

static void test_release(void *self, void *memory, size_t size) {
    (void)self, (void)size;
    free(memory);
}

/* The contract of tote_http_request.public_endpoint: it holds if out of memory */
static void a_public_endpoint_that_is_out_of_memory_never_continues_the_trace(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    add_incoming(0);
    for (long i = 0; i < 40; i++) {
        atomic_store(&allocations_left, i);
        tote_scope *scope = open_request(true);
        assert_non_null(scope);
        assert_false(is_in_trace(tote_span_get_context(tote_span_current()), TRACE));
        assert_true(tote_store_get(tote_store_current(), "user.id", NULL, 0) < 0);
        tote_scope_close(&scope);
        atomic_store(&allocations_left, -1);
    }
    assert_true(f->ended > 0);
}

#define PUBLIC_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    static const tote_allocator allocator = {sizeof allocator, test_allocate, test_reallocate,
                                             test_release, NULL};
    const struct CMUnitTest tests[] = {
        PUBLIC_TEST(a_public_endpoint_starts_a_trace_that_is_linked_to_the_incoming_span),
        PUBLIC_TEST(an_internal_service_continues_the_trace_and_the_baggage),
        PUBLIC_TEST(a_public_endpoint_drops_the_baggage_and_the_trace_state),
        PUBLIC_TEST(a_public_endpoint_drops_the_lineage_of_xray),
        PUBLIC_TEST(a_public_endpoint_without_an_incoming_span_starts_a_trace_without_a_link),
        PUBLIC_TEST(clients_of_a_public_endpoint_do_not_decide_what_is_sampled),
        PUBLIC_TEST(a_public_endpoint_without_an_sdk_passes_no_trace_on),
        PUBLIC_TEST(a_public_endpoint_that_is_out_of_memory_never_continues_the_trace),
    };

    tote_allocator_set(&allocator);
    return RUN_TESTS(tests, argc, argv);
}
