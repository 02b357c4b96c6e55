/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "carrier.h"
#include "reports.h"
#include "tote/baggage.h"
#include "tote/instrumentation/xray.h"
#include "tote/internal/store.h"
#include "tote/propagator_ops.h"
#include "tote/propagators.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "00-" TRACE "-b7ad6b7169203331-"

static int set_up(void **state) {
    (void)state;
    reports_reset(TOTE_LEVEL_WARN);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tote_propagator_set_global(NULL);
    return 0;
}

static void use(tote_propagator *propagator) {
    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
}

static tote_context *extract_one(const char *name, const char *value) {
    struct carrier in = {.count = 0};

    carrier_add(&in, name, value);
    tote_context *context = tote_extract(tote_context_root(), &in, &carrier_getter);
    carrier_clear(&in);
    return context;
}

/* Extract this tracestate, inject it again, and return the result. The caller frees it. */
static char *passed_tracestate(const char *list, size_t length) {
    struct carrier in = {.count = 0};
    struct carrier out = {.count = 0};

    carrier_add(&in, "traceparent", PARENT "01");
    carrier_add_bytes(&in, "tracestate", list, length);
    tote_context *context = tote_extract(tote_context_root(), &in, &carrier_getter);
    tote_inject(context, &out, &carrier_setter);
    assert_string_equal(carrier_get(&out, "traceparent"), PARENT "01");
    const char *sent = carrier_get(&out, "tracestate");
    char *copy = sent ? strdup(sent) : NULL;
    carrier_clear(&in);
    carrier_clear(&out);
    tote_context_unref(context);
    return copy;
}

/* Spec: context/api-propagators.md#global-propagators. Compliance: CP-08 */
static void the_global_propagator_does_nothing_until_one_is_set(void **state) {
    struct carrier carrier = {.count = 0};

    (void)state;
    carrier_add(&carrier, "traceparent", PARENT "01");
    tote_context *context = tote_extract(tote_context_root(), &carrier, &carrier_getter);
    tote_inject(context, &carrier, &carrier_setter);
    assert_ptr_equal(context, tote_context_root());
    assert_int_equal(carrier.calls, 0);
    tote_context_unref(context);
    carrier_clear(&carrier);
}

/* Spec: context/api-propagators.md#global-propagators. Compliance: CP-08 */
static void the_global_propagator_is_reference_counted_and_can_be_unset(void **state) {
    tote_propagator *propagator = tote_propagator_tracecontext_new();

    (void)state;
    use(propagator);
    tote_propagator *global = tote_propagator_ref_global();
    assert_ptr_equal(global, propagator);
    tote_propagator_set_global(NULL);
    assert_string_equal(tote_propagator_get_field(global, 0), "traceparent");
    tote_propagator_unref(global);
    tote_context *context = extract_one("traceparent", PARENT "01");
    assert_ptr_equal(context, tote_context_root());
    tote_context_unref(context);
}

/* Spec: context/api-propagators.md#inject. The contract of tote_inject() */
static void a_context_without_values_does_not_change_the_carrier(void **state) {
    struct carrier carrier = {.count = 0};

    (void)state;
    use(tote_propagator_from_names("tracecontext,baggage"));
    carrier_add(&carrier, "TraceParent", "own");
    carrier_add(&carrier, "TraceState", "own");
    carrier_add(&carrier, "Baggage", "own");
    tote_inject(tote_context_root(), &carrier, &carrier_setter);
    assert_int_equal(carrier.calls, 0);
    assert_int_equal(carrier.count, 3);
    carrier_clear(&carrier);
}

/*
 * Spec: w3c/trace-context#tracestate-header: a tracestate belongs to its traceparent.
 * Compliance: CP-16
 */
static void a_reused_carrier_has_only_the_new_trace(void **state) {
    struct carrier carrier = {.count = 0};

    (void)state;
    use(tote_propagator_from_names("tracecontext,baggage"));
    carrier_add(&carrier, "TraceParent", "00-11111111111111111111111111111111-2222222222222222-01");
    carrier_add(&carrier, "TraceState", "old=1");
    carrier_add(&carrier, "Baggage", "own=1");
    tote_context *context = extract_one("traceparent", PARENT "01");
    for (int attempt = 0; attempt < 2; attempt++) {
        tote_inject(context, &carrier, &carrier_setter);
        assert_int_equal(carrier.count, 2);
        assert_string_equal(carrier_get(&carrier, "traceparent"), PARENT "01");
        assert_null(carrier_get(&carrier, "tracestate"));
        assert_string_equal(carrier_get(&carrier, "baggage"), "own=1");
    }
    tote_context_unref(context);
    carrier_clear(&carrier);
}

/* The contract of tote_context_with_suppression(): requests of an exporter have no headers. */
static void a_suppressed_context_does_not_touch_the_carrier(void **state) {
    struct carrier carrier = {.count = 0};

    (void)state;
    use(tote_propagator_tracecontext_new());
    tote_context *context = extract_one("traceparent", PARENT "01");
    tote_context *suppressed = tote_context_with_suppression(context);
    tote_inject(suppressed, &carrier, &carrier_setter);
    assert_int_equal(carrier.calls, 0);
    tote_context_unref(suppressed);
    tote_context_unref(context);
}

/* Spec: context/api-propagators.md#inject */
static void the_current_context_is_injected(void **state) {
    struct carrier carrier = {.count = 0};

    (void)state;
    use(tote_propagator_tracecontext_new());
    tote_context *context = extract_one("traceparent", PARENT "03");
    tote_context_token token = tote_context_attach(context);
    tote_inject(tote_context_current(), &carrier, &carrier_setter);
    tote_context_detach(token);
    assert_string_equal(carrier_get(&carrier, "traceparent"), PARENT "03");
    tote_context_unref(context);
    carrier_clear(&carrier);
}

/*
 * The longest valid list is kept. A longer one is dropped and the trace continues.
 * Compliance: TR-18
 */
static void the_longest_valid_tracestate_is_kept(void **state) {
    enum { LONGEST = 16447 };
    char *list = malloc(LONGEST + 1);

    (void)state;
    use(tote_propagator_tracecontext_new());
    memset(list, 'x', LONGEST + 1);
    for (int i = 0; i < 32; i++) {
        list[i * 514] = (char)('0' + i / 10);
        list[i * 514 + 1] = (char)('0' + i % 10);
        list[i * 514 + 256] = '=';
        list[i * 514 + 513] = ',';
    }
    char *sent = passed_tracestate(list, LONGEST);
    assert_non_null(sent);
    assert_memory_equal(sent, list, LONGEST);
    free(sent);
    assert_null(passed_tracestate(list, LONGEST + 1));
    free(list);
}

/* Spec: w3c/trace-context#tracestate-limits */
static void ten_megabytes_of_tracestate_are_dropped_and_the_trace_continues(void **state) {
    size_t size = 10000000;
    char *list = malloc(size);

    (void)state;
    use(tote_propagator_tracecontext_new());
    memset(list, 'a', size);
    assert_null(passed_tracestate(list, size));
    memset(list, ',', size);
    assert_null(passed_tracestate(list, size));
    free(list);
}

/* The contract of tote_text_map_getter: names are compared ignoring case. Compliance: CP-17 */
static void headers_with_other_names_are_ignored(void **state) {
    struct carrier carrier = {.count = 0};

    (void)state;
    use(tote_propagator_tracecontext_new());
    carrier_add(&carrier, "traceparent2", PARENT "00");
    carrier_add(&carrier, "TRACEPARENT", PARENT "01");
    carrier_add(&carrier, "x", "y");
    tote_context *context = tote_extract(tote_context_root(), &carrier, &carrier_getter);
    assert_true(
        tote_span_context_is_sampled(tote_span_get_context(tote_context_get_span(context))));
    tote_context_unref(context);
    carrier_clear(&carrier);
}

static bool stop_at_once(void *arg, const char *name, size_t name_length, const char *value,
                         size_t value_length) {
    (void)name, (void)name_length, (void)value, (void)value_length;
    ++*(unsigned *)arg;
    return false;
}

static void pass_thrice(const void *carrier, const char *key, tote_header_visitor visit,
                        void *arg) {
    (void)carrier;
    for (int i = 0; i < 3; i++) {
        visit(arg, key ? key : "any", key ? strlen(key) : 3, "value", 5); /* ignores the result */
    }
}

/* The contract of tote_header_visitor: it is not called again after it returned false. */
static void a_visitor_that_returned_false_is_not_called_again(void **state) {
    static const tote_text_map_getter deaf = {sizeof deaf, pass_thrice};
    unsigned visits = 0;

    (void)state;
    tote_text_map_getter_get_all(&deaf, NULL, "key", stop_at_once, &visits);
    assert_int_equal(visits, 1);
    tote_text_map_getter_get_all(NULL, NULL, "key", stop_at_once, &visits);
    tote_text_map_getter_get_all(&deaf, NULL, "key", NULL, &visits);
    assert_int_equal(visits, 1);
    tote_text_map_getter_get_all(&deaf, NULL, NULL, stop_at_once, &visits); /* any name */
    assert_int_equal(visits, 2);
}

static tote_context *extract_nothing(void *self, const tote_context *context, const void *carrier,
                                     const tote_text_map_getter *getter) {
    (void)context, (void)carrier, (void)getter;
    ++*(unsigned *)self;
    return NULL;
}

static void count_destroy(void *self) {
    *(unsigned *)self += 100;
}

/* The contract of tote_propagator_ops. Compliance: CP-14 */
static void a_custom_propagator_may_return_null_and_is_destroyed_once(void **state) {
    tote_propagator_ops ops = {
        .struct_size = sizeof ops, .extract = extract_nothing, .destroy = count_destroy};
    unsigned calls = 0;
    tote_propagator *propagator = tote_propagator_new(&ops, &calls);
    struct carrier carrier = {.count = 0};

    (void)state;
    tote_propagator *same = tote_propagator_ref(propagator);
    tote_context *context =
        tote_propagator_extract(propagator, tote_context_root(), &carrier, &carrier_getter);
    assert_ptr_equal(context, tote_context_root());
    tote_propagator_inject(propagator, context, &carrier, &carrier_setter);
    assert_null(tote_propagator_get_field(propagator, 0));
    tote_propagator_unref(propagator);
    assert_int_equal(calls, 1);
    tote_propagator_unref(same);
    assert_int_equal(calls, 101);
    tote_context_unref(context);
}

/* The contract of tote/common.h: every function accepts NULL. */
static void null_arguments_have_no_effect(void **state) {
    struct carrier carrier = {.count = 0};

    (void)state;
    use(tote_propagator_from_names("tracecontext,baggage"));
    tote_inject(NULL, NULL, NULL);
    tote_propagator_inject(NULL, NULL, &carrier, &carrier_setter);
    tote_context *context = tote_extract(NULL, NULL, NULL);
    assert_ptr_equal(context, tote_context_root());
    tote_context_unref(context);
    context = tote_extract_headers(NULL, NULL, 3);
    assert_ptr_equal(context, tote_context_root());
    tote_context_unref(context);
    assert_int_equal(tote_inject_headers(NULL, NULL, 3, NULL, 7), 0);
    tote_header_array array = {.headers = NULL, .count = 3, .capacity = 3};
    tote_propagator_inject(NULL, NULL, &array, tote_header_array_setter());
    tote_header_array_setter()->set(&array, "a", "b", 1);
    tote_header_array_setter()->set(NULL, "a", "b", 1);
    assert_null(tote_propagator_ref(NULL));
    tote_propagator_unref(NULL);
    assert_null(tote_propagator_get_field(NULL, 0));
}

/* The contract of tote_inject_headers() and tote_extract_headers() */
static void headers_are_injected_into_an_array_and_extracted_from_it(void **state) {
    tote_header headers[8];
    static char buffer[TOTE_INJECT_BUFFER_BYTES];

    (void)state;
    use(tote_propagator_from_names("tracecontext,baggage"));
    tote_context *context = extract_one("traceparent", PARENT "01");
    tote_context *both = tote_context_with_baggage(context, "k", tote_int(-7), "p=1");
    size_t count = tote_inject_headers(both, headers, 8, buffer, sizeof buffer);
    assert_int_equal(count, 2);
    assert_string_equal(headers[0].name, "traceparent");
    assert_string_equal(headers[1].value, "k=-7;p=1");
    tote_context *again = tote_extract_headers(tote_context_root(), headers, count);
    char text[8];
    assert_int_equal(tote_context_get_baggage(again, "k", text, sizeof text), 2);
    assert_true(tote_span_context_is_remote(tote_span_get_context(tote_context_get_span(again))));
    tote_context_unref(again);
    tote_context_unref(both);
    tote_context_unref(context);
}

/* The contract of tote_inject_headers() */
static void a_header_that_does_not_fit_is_left_out_and_reported(void **state) {
    tote_header headers[2];
    char buffer[100];

    (void)state;
    use(tote_propagator_from_names("tracecontext,baggage"));
    tote_context *context = extract_one("traceparent", PARENT "01");
    tote_context *both = tote_context_with_baggage(context, "k", tote_string("v"), NULL);
    assert_int_equal(tote_inject_headers(both, headers, 2, buffer, 67), 1);
    assert_string_equal(headers[0].name, "baggage");
    assert_int_equal(reports.count, 1);
    assert_int_equal(tote_inject_headers(both, headers, 2, buffer, 68), 1);
    assert_string_equal(headers[0].name, "traceparent");
    assert_int_equal(tote_inject_headers(both, headers, 1, buffer, sizeof buffer), 1);
    assert_int_equal(tote_inject_headers(both, headers, 2, buffer, sizeof buffer), 2);
    tote_context_unref(both);
    tote_context_unref(context);
}

/* The contract of tote_text_map_setter */
static void two_propagators_of_one_header_write_it_once(void **state) {
    tote_propagator *both[] = {tote_propagator_tracecontext_new(),
                               tote_propagator_tracecontext_new()};
    tote_header headers[8];
    char buffer[512];

    (void)state;
    use(tote_propagator_composite_new(both, 2));
    tote_context *context = extract_one("traceparent", PARENT "01");
    assert_int_equal(tote_inject_headers(context, headers, 8, buffer, sizeof buffer), 1);
    assert_string_equal(headers[0].value, PARENT "01");
    tote_context_unref(context);
}

/* The contract of TOTE_INJECT_BUFFER_BYTES */
static void the_longest_headers_fit_into_the_documented_buffer(void **state) {
    enum { MEMBERS = 32, MEMBER = 514 };
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;
    static char list[MEMBERS * MEMBER], value[15358], buffer[TOTE_INJECT_BUFFER_BYTES];
    tote_header headers[16];

    (void)state;
    options.max_bytes = 1000000;
    tote_baggage_propagator_options none = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;
    const char *no_name = NULL;
    none.allowed_names = &no_name; /* an empty list: only the trace is sent */
    assert_true(tote_propagator_xray_register());
    tote_propagator *all[] = {
        tote_propagator_tracecontext_new(), tote_propagator_baggage_new(&options),
        tote_propagator_from_names("b3,b3multi,opencensus,xray"), tote_propagator_jaeger_new(&none),
        tote_propagator_ot_trace_new(&none)};
    use(tote_propagator_composite_new(all, TOTE_COUNT_OF(all)));
    memset(value, 'v', sizeof value);
    memset(list, 'x', sizeof list);
    for (int i = 0; i < MEMBERS; i++) {
        list[i * MEMBER] = (char)('0' + i / 10);
        list[i * MEMBER + 1] = (char)('0' + i % 10);
        list[i * MEMBER + 256] = '=';
        list[i * MEMBER + 513] = ',';
    }
    tote_header in[] = {{"traceparent", 11, PARENT "01", 55},
                        {"tracestate", 10, list, sizeof list - 1}};
    tote_context *context = tote_extract_headers(tote_context_root(), in, 2);
    tote_context *full =
        tote_context_with_baggage(context, "k", tote_string_of(value, sizeof value), NULL);
    assert_int_equal(tote_inject_headers(full, headers, 16, buffer, sizeof buffer), 3 + 10);
    assert_int_equal(reports.count, 0);
    assert_int_equal(headers[1].value_length, sizeof list - 1);
    assert_int_equal(headers[2].value_length, sizeof value + 2);
    tote_context_unref(full);
    tote_context_unref(context);
}

#define PROPAGATOR_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        PROPAGATOR_TEST(the_global_propagator_does_nothing_until_one_is_set),
        PROPAGATOR_TEST(the_global_propagator_is_reference_counted_and_can_be_unset),
        PROPAGATOR_TEST(a_context_without_values_does_not_change_the_carrier),
        PROPAGATOR_TEST(a_reused_carrier_has_only_the_new_trace),
        PROPAGATOR_TEST(a_suppressed_context_does_not_touch_the_carrier),
        PROPAGATOR_TEST(the_current_context_is_injected),
        PROPAGATOR_TEST(the_longest_valid_tracestate_is_kept),
        PROPAGATOR_TEST(ten_megabytes_of_tracestate_are_dropped_and_the_trace_continues),
        PROPAGATOR_TEST(headers_with_other_names_are_ignored),
        PROPAGATOR_TEST(a_visitor_that_returned_false_is_not_called_again),
        PROPAGATOR_TEST(a_custom_propagator_may_return_null_and_is_destroyed_once),
        PROPAGATOR_TEST(null_arguments_have_no_effect),
        PROPAGATOR_TEST(headers_are_injected_into_an_array_and_extracted_from_it),
        PROPAGATOR_TEST(a_header_that_does_not_fit_is_left_out_and_reported),
        PROPAGATOR_TEST(two_propagators_of_one_header_write_it_once),
        PROPAGATOR_TEST(the_longest_headers_fit_into_the_documented_buffer),
    };
    return RUN_TESTS(tests, argc, argv);
}
