/* SPDX-License-Identifier: MIT */
/*
 * test_formats.c - B3, Jaeger, OT trace, OpenCensus and X-Ray: what is injected, and what continues
 * a trace
 */
#include "support.h"

#include <string.h>

#include "carrier.h"
#include "reports.h"
#include "tote/baggage.h"
#include "tote/environment.h"
#include "tote/exporters/in_memory.h"
#include "tote/instrumentation/xray.h"
#include "tote/propagators.h"
#include "tote/sdk/sampler.h"
#include "tote/tote.h"

#define TRACE "80f198ee56343ba864fe8b2a57d3eff7"
#define SPAN "e457b5a2e4d86bd1"

/* Extract one header with a propagator by name. */
static tote_context *extract(const char *names, const char *name, const char *value) {
    tote_propagator *propagator = tote_propagator_from_names(names);
    struct carrier in = {.count = 0};

    carrier_add(&in, name, value);
    tote_context *context =
        tote_propagator_extract(propagator, tote_context_root(), &in, &carrier_getter);
    carrier_clear(&in);
    tote_propagator_unref(propagator);
    return context;
}

static struct carrier inject(const char *names, const tote_context *context) {
    tote_propagator *propagator = tote_propagator_from_names(names);
    struct carrier out = {.count = 0};

    tote_propagator_inject(propagator, context, &out, &carrier_setter);
    tote_propagator_unref(propagator);
    return out;
}

static void assert_header(const struct carrier *out, const char *name, const char *expected) {
    const char *value = carrier_get(out, name);

    if (expected) {
        assert_non_null(value);
        assert_string_equal(value, expected);
    } else {
        assert_null(value);
    }
}

/* Releases the context. */
static void assert_sent(const char *names, tote_context *context, const char *name,
                        const char *expected) {
    struct carrier out = inject(names, context);

    assert_header(&out, name, expected);
    carrier_clear(&out);
    tote_context_unref(context);
}

static void assert_baggage(const tote_context *context, const char *name, const char *expected) {
    char value[64] = "";

    assert_int_equal(tote_context_get_baggage(context, name, value, sizeof value),
                     expected ? (int)strlen(expected) : -1);
    assert_string_equal(value, expected ? expected : "");
}

static int set_up(void **state) {
    (void)state;
    reports_reset(TOTE_LEVEL_WARN);
    return tote_propagator_xray_register() ? 0 : -1;
}

/* Spec: context/api-propagators.md#fields. Compliance: CP-15 */
static void the_fields_of_a_format_are_what_it_writes(void **state) {
    static const struct {
        const char *names;
        const char *fields[5];
    } rows[] = {
        {"b3", {"b3"}},
        {"b3multi", {"x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"}},
        {"jaeger", {"uber-trace-id"}},
        {"ottrace", {"ot-tracer-traceid", "ot-tracer-spanid", "ot-tracer-sampled"}},
        {"opencensus", {"grpc-trace-bin"}},
        {"xray", {"x-amzn-trace-id"}},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        tote_propagator *propagator = tote_propagator_from_names(rows[i].names);
        size_t count = 0;
        for (; rows[i].fields[count]; count++) {
            const char *field = tote_propagator_get_field(propagator, count);
            assert_non_null(field);
            assert_string_equal(field, rows[i].fields[count]);
        }
        assert_null(tote_propagator_get_field(propagator, count));
        tote_propagator_unref(propagator);
    }
    assert_int_equal(reports.count, 0);
}

/* Each format reads what it writes, sampled or not. Compliance: CP-14 */
static void each_format_reads_what_it_writes(void **state) {
    static const char *const names[] = {"tracecontext", "b3",         "b3multi", "jaeger",
                                        "ottrace",      "opencensus", "xray"};

    (void)state;
    for (size_t i = 0; i < 2 * TOTE_COUNT_OF(names); i++) {
        const char *format = names[i / 2];
        tote_context *before =
            extract("b3", "b3", i % 2 ? TRACE "-" SPAN "-1" : TRACE "-" SPAN "-0");
        tote_propagator *propagator = tote_propagator_from_names(format);
        struct carrier out = inject(format, before);
        tote_context *after =
            tote_propagator_extract(propagator, tote_context_root(), &out, &carrier_getter);
        const tote_span_context *span = tote_span_get_context(tote_context_get_span(after));
        char hex[TOTE_TRACE_ID_HEX_SIZE];
        tote_trace_id_to_hex(tote_span_context_get_trace_id(span), hex);
        assert_string_equal(hex,
                            strcmp(format, "ottrace") ? TRACE : "000000000000000064fe8b2a57d3eff7");
        tote_span_id_to_hex(tote_span_context_get_span_id(span), hex);
        assert_string_equal(hex, SPAN);
        assert_int_equal(tote_span_context_get_trace_flags(span), i % 2);
        assert_true(tote_span_context_is_remote(span));
        carrier_clear(&out);
        tote_propagator_unref(propagator);
        tote_context_unref(after);
        tote_context_unref(before);
    }
}

/* Spec: context/api-propagators.md#inject */
static void without_a_span_nothing_is_written_or_removed(void **state) {
    static const char *const names[] = {"b3", "b3multi", "jaeger", "ottrace", "opencensus", "xray"};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        tote_propagator *propagator = tote_propagator_from_names(names[i]);
        struct carrier out = {.count = 0};
        const char *field;
        size_t fields = 0;
        for (; (field = tote_propagator_get_field(propagator, fields)); fields++) {
            carrier_add(&out, field, "the program's");
        }
        tote_propagator_inject(propagator, tote_context_root(), &out, &carrier_setter);
        assert_int_equal(out.calls, 0);
        assert_int_equal(out.count, fields);
        carrier_clear(&out);
        tote_propagator_unref(propagator);
    }
}

/*
 * A child span of the context under an SDK, and what `names` inject for it. Releases the context.
 */
static struct carrier inject_child(const char *names, tote_context *context, char span_id[17]) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = context;
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "child", &options);
    tote_context *child = tote_context_with_span(context, span);
    struct carrier out = inject(names, child);
    tote_span_id_to_hex(tote_span_context_get_span_id(tote_span_get_context(span)), span_id);
    tote_span_close(&span);
    tote_context_unref(child);
    tote_context_unref(context);
    return out;
}

/*
 * The debug flag passes to our spans, and from B3 to Jaeger. Spec:
 * context/api-propagators.md#b3-requirements
 */
static void the_debug_flag_passes_to_children_in_every_format_that_has_one(void **state) {
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);
    char span_id[17], expected[96];

    (void)state;
    struct carrier out =
        inject_child("b3,b3multi,jaeger", extract("b3", "b3", TRACE "-" SPAN "-d"), span_id);
    snprintf(expected, sizeof expected, TRACE "-%s-d", span_id);
    assert_header(&out, "b3", expected);
    assert_header(&out, "x-b3-flags", "1");
    assert_header(&out, "x-b3-sampled", NULL);
    assert_header(&out, "x-b3-parentspanid", NULL);
    snprintf(expected, sizeof expected, TRACE ":%s:0:3", span_id);
    assert_header(&out, "uber-trace-id", expected);
    assert_string_not_equal(span_id, SPAN);
    carrier_clear(&out);

    out = inject_child("b3", extract("jaeger", "uber-trace-id", TRACE ":" SPAN ":0:3"), span_id);
    snprintf(expected, sizeof expected, TRACE "-%s-d", span_id);
    assert_header(&out, "b3", expected);
    carrier_clear(&out);
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
}

/* Spec: context/api-propagators.md#b3-requirements */
static void a_deferred_decision_is_relayed_only_without_a_span_of_our_own(void **state) {
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    char span_id[17], expected[64];

    (void)state;
    assert_sent("b3", extract("b3", "b3", TRACE "-" SPAN), "b3", TRACE "-" SPAN);
    assert_sent("b3multi", extract("b3", "b3", TRACE "-" SPAN), "x-b3-sampled", NULL);
    assert_sent("tracecontext", extract("b3", "b3", TRACE "-" SPAN), "traceparent",
                "00-" TRACE "-" SPAN "-00");
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);
    struct carrier out = inject_child("b3", extract("b3", "b3", TRACE "-" SPAN), span_id);
    snprintf(expected, sizeof expected, TRACE "-%s-1", span_id);
    assert_header(&out, "b3", expected);
    carrier_clear(&out);
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
}

/* A parent-based sampler: what its root and its sampler of undecided parents decide. */
struct sampling {
    bool root;
    bool has_undecided;
    bool undecided;
};

static tote_sampler *constant(bool is_on) {
    return is_on ? tote_sampler_always_on_new() : tote_sampler_always_off_new();
}

static tote_sdk *start_sampling(tote_in_memory_spans *memory, struct sampling sampling) {
    tote_parent_based_options parents = TOTE_PARENT_BASED_OPTIONS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_span_exporter *exporter = tote_span_exporter_in_memory_new(memory);

    parents.root = constant(sampling.root);
    parents.remote_parent_undecided = sampling.has_undecided ? constant(sampling.undecided) : NULL;
    options.sampler = tote_sampler_parent_based_new(&parents);
    batch.mode = TOTE_EXPORT_MODE_SIMPLE;
    options.batch = &batch;
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.ignore_environment = true;
    options.resource_detectors = "none";
    return tote_sdk_start(&options);
}

/*
 * An undecided message is decided by the receiver. A decision without ids applies to the receiver's
 * new trace. B3 and X-Ray. Spec: trace/sdk.md#parentbased
 */
static void a_message_without_a_decision_or_ids_is_decided_by_the_receiver(void **state) {
#define ROOT "1-80f198ee-56343ba864fe8b2a57d3eff7"
    static const struct {
        const char *format, *name, *value;
        struct sampling sampling;
        bool is_sampled, continues, has_parent;
        char b3; /* the state that is sent on */
    } rows[] = {
        {"b3", "b3", TRACE "-" SPAN, {1, 0, 0}, 1, 1, 1, '1'},
        {"b3", "b3", TRACE "-" SPAN, {0, 0, 0}, 0, 1, 1, '0'},
        {"b3", "b3", TRACE "-" SPAN, {1, 1, 0}, 0, 1, 1, '0'},
        {"b3", "b3", TRACE "-" SPAN, {0, 1, 1}, 1, 1, 1, '1'},
        {"b3", "b3", TRACE "-" SPAN "-0", {1, 1, 1}, 0, 1, 1, '0'},
        {"b3", "b3", "0", {1, 1, 1}, 0, 0, 0, '0'},
        {"b3", "b3", "1", {0, 1, 0}, 1, 0, 0, '1'},
        {"b3", "b3", "d", {0, 1, 0}, 1, 0, 0, 'd'},
        {"b3", "b3", "x", {1, 1, 0}, 1, 0, 0, '1'},
        {"b3multi", "x-b3-sampled", "0", {1, 1, 1}, 0, 0, 0, '0'},
        {"b3multi", "x-b3-sampled", "true", {0, 1, 0}, 1, 0, 0, '1'},
        {"b3multi", "x-b3-flags", "1", {0, 1, 0}, 1, 0, 0, 'd'},
        {"b3multi", "x-b3-flags", "0", {0, 1, 1}, 0, 0, 0, '0'},
        {"xray", "x-amzn-trace-id", "Root=" ROOT, {1, 1, 0}, 1, 1, 0, '1'},
        {"xray", "x-amzn-trace-id", "Root=" ROOT, {0, 1, 1}, 0, 1, 0, '0'},
        {"xray", "x-amzn-trace-id", "Self=1-2-3;Root=" ROOT ";Sampled=0", {1, 1, 1}, 0, 1, 0, '0'},
        {"xray", "x-amzn-trace-id", "Root=" ROOT ";Sampled=1", {0, 1, 0}, 1, 1, 0, '1'},
        {"xray", "x-amzn-trace-id", "Root=" ROOT ";Sampled=?", {0, 1, 1}, 0, 1, 0, '0'},
        {"xray", "x-amzn-trace-id", "Root=" ROOT ";Parent=" SPAN, {1, 0, 0}, 1, 1, 1, '1'},
        {"xray",
         "x-amzn-trace-id",
         "Root=" ROOT ";Parent=" SPAN ";Sampled=?",
         {0, 1, 1},
         1,
         1,
         1,
         '1'},
        {"xray",
         "x-amzn-trace-id",
         "Root=" ROOT ";Parent=0000000000000000",
         {1, 0, 0},
         1,
         0,
         0,
         '1'},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        tote_in_memory_spans *memory = tote_in_memory_spans_new();
        tote_sdk *sdk = start_sampling(memory, rows[i].sampling);
        char span_id[17];
        struct carrier out =
            inject_child("b3", extract(rows[i].format, rows[i].name, rows[i].value), span_id);
        const char *sent = carrier_get(&out, "b3");

        assert_non_null(sent);
        assert_int_equal(strlen(sent), 51);
        assert_int_equal(sent[50], rows[i].b3);
        assert_int_equal(memcmp(sent, TRACE, 32) == 0, rows[i].continues);
        assert_int_equal(tote_in_memory_spans_get_count(memory), rows[i].is_sampled);
        if (rows[i].is_sampled) {
            const tote_span_data *span = tote_in_memory_spans_get_at(memory, 0);
            assert_int_equal(tote_span_context_is_valid(tote_span_data_get_parent(span)),
                             rows[i].has_parent);
        }
        carrier_clear(&out);
        tote_sdk_close(&sdk, 1000);
        tote_in_memory_spans_unref(memory);
    }
}

/* Ids of X-Ray are not known to be random. Spec: w3c/trace-context, random-trace-id flag */
static void a_trace_id_of_xray_without_a_parent_is_not_marked_random(void **state) {
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);
    char span_id[17], expected[64];

    (void)state;
    struct carrier out =
        inject_child("tracecontext", extract("xray", "x-amzn-trace-id", "Root=" ROOT), span_id);
    snprintf(expected, sizeof expected, "00-" TRACE "-%s-01", span_id);
    assert_header(&out, "traceparent", expected);
    carrier_clear(&out);
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
}

/* A relay without a span of its own sends on what it received, with or without an SDK. */
static void a_message_without_ids_is_relayed_unchanged(void **state) {
    (void)state;
    assert_sent("b3", extract("b3", "b3", "0"), "b3", "0");
    assert_sent("b3", extract("b3multi", "x-b3-flags", "1"), "b3", "d");
    assert_sent("b3multi", extract("b3", "b3", "1"), "x-b3-sampled", "1");
    assert_sent("b3multi", extract("b3", "b3", "1"), "x-b3-traceid", NULL);
    assert_sent("b3multi", extract("b3", "b3", "d"), "x-b3-flags", "1");
    assert_sent("b3", extract("xray", "x-amzn-trace-id", "Root=" ROOT), "b3", NULL);
    assert_sent("tracecontext", extract("b3", "b3", "1"), "traceparent", NULL);
    assert_sent("xray", extract("xray", "x-amzn-trace-id", "Root=" ROOT), "x-amzn-trace-id",
                "Root=" ROOT);
    assert_sent("xray", extract("xray", "x-amzn-trace-id", "Sampled=1;Root=" ROOT),
                "x-amzn-trace-id", "Root=" ROOT ";Sampled=1");
    assert_sent("xray",
                extract("xray", "x-amzn-trace-id", "Root=" ROOT ";Parent=" SPAN ";Sampled=?"),
                "x-amzn-trace-id", "Root=" ROOT ";Parent=" SPAN);
    assert_sent("ottrace", extract("b3", "b3", TRACE "-" SPAN), "ot-tracer-sampled", NULL);
}

/* A decision without ids does not replace a trace that another format has read. */
static void a_decision_without_ids_does_not_replace_a_trace(void **state) {
    struct carrier in = {.count = 0};
    tote_propagator *both = tote_propagator_from_names("tracecontext,b3");

    (void)state;
    carrier_add(&in, "traceparent", "00-" TRACE "-" SPAN "-01");
    carrier_add(&in, "b3", "0");
    assert_sent("tracecontext",
                tote_propagator_extract(both, tote_context_root(), &in, &carrier_getter),
                "traceparent", "00-" TRACE "-" SPAN "-01");
    carrier_clear(&in);
    tote_propagator_unref(both);
}

/* Spec: context/api-propagators.md#b3-requirements */
static void a_copy_of_a_span_context_keeps_the_debug_flag(void **state) {
    tote_context *context = extract("b3", "b3", TRACE "-" SPAN "-d");
    tote_span_context *copy =
        tote_span_context_copy(tote_span_get_context(tote_context_get_span(context)));
    tote_span *span = tote_span_non_recording_new(copy);

    (void)state;
    assert_sent("b3", tote_context_with_span(tote_context_root(), span), "b3", TRACE "-" SPAN "-d");
    tote_span_close(&span);
    tote_span_context_unref(copy);
    tote_context_unref(context);
}

/* Encoded when injected, decoded once when extracted. Compliance: CP-11 */
static void jaeger_baggage_is_a_header_for_each_entry(void **state) {
    tote_context *context = extract("jaeger", "UberCtx-Key", "a%20b+c%2B%C3%A9%2541");

    (void)state;
    assert_baggage(context, "Key", "a b c+\xC3\xA9%41");
    assert_sent("jaeger", context, "uberctx-Key", "a%20b%20c%2B%C3%A9%2541");
    context = extract("jaeger", "jaeger-baggage", " a = 1 ,bad,b=2%20,=x, c d=1");
    assert_baggage(context, "a", "1");
    assert_baggage(context, "b", "2 ");
    tote_entries *entries = tote_context_get_all_baggage(context);
    assert_int_equal(tote_entries_get_count(entries), 2);
    tote_entries_free(entries);
    tote_context_unref(context);
}

/* At most 64 entries and 8,192 bytes, and only whole entries. */
static void jaeger_baggage_has_limits(void **state) {
    static char list[200 * 8];
    char name[16];

    (void)state;
    for (int i = 0; i < 200; i++) {
        snprintf(list + strlen(list), 9, "k%03d=v,", i);
    }
    tote_context *context = extract("jaeger", "jaeger-baggage", list);
    tote_entries *entries = tote_context_get_all_baggage(context);
    assert_int_equal(tote_entries_get_count(entries), 64);
    tote_entries_free(entries);
    assert_int_equal(reports.count, 1);
    for (int i = 0; i < 10; i++) {
        tote_context *before = context;
        snprintf(name, sizeof name, "more%d", i);
        context = tote_context_with_baggage(before, name, tote_string("v"), NULL);
        tote_context_unref(before);
    }
    static tote_header headers[128];
    static char buffer[TOTE_INJECT_BUFFER_BYTES];
    tote_header_array out = {headers, 0, TOTE_COUNT_OF(headers), buffer, sizeof buffer};
    tote_propagator *jaeger = tote_propagator_jaeger_new(NULL);
    reports_reset(TOTE_LEVEL_WARN);
    tote_propagator_inject(jaeger, context, &out, tote_header_array_setter());
    assert_int_equal(out.count, 64);
    assert_int_not_equal(reports.count, 0);
    tote_propagator_unref(jaeger);
    tote_context_unref(context);
}

/* Unchanged, or not at all. */
static void ot_trace_sends_only_baggage_that_is_legal_in_a_header(void **state) {
    static const struct {
        const char *value;
        const char *sent;
    } rows[] = {
        {"a b%20+", "a b%20+"}, {"a\r\nx: y", NULL}, {"\xC3\xA9", NULL}, {" a", NULL}, {"", ""}};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        tote_context *context = extract("b3", "b3", TRACE "-" SPAN "-1");
        reports_reset(TOTE_LEVEL_WARN);
        tote_context *with =
            tote_context_with_baggage(context, "k", tote_string(rows[i].value), NULL);
        assert_sent("ottrace", with, "ot-baggage-k", rows[i].sent);
        assert_int_equal(reports.count, rows[i].sent == NULL);
        tote_context_unref(context);
    }
}

/* 16 digits are injected, 16 or 32 are extracted. Compliance: CP-12 */
static void ot_trace_injects_the_second_half_of_trace_ids(void **state) {
    (void)state;
    assert_sent("ottrace", extract("b3", "b3", TRACE "-" SPAN "-1"), "ot-tracer-traceid",
                "64fe8b2a57d3eff7");
    assert_sent("ottrace", extract("b3", "b3", TRACE "-" SPAN "-1"), "ot-tracer-sampled", "true");
    assert_sent("ottrace", extract("b3", "b3", TRACE "-" SPAN "-0"), "ot-tracer-sampled", "false");
}

/* The bytes, in base64 with or without padding, or binary. Compliance: CP-13 */
static void opencensus_is_29_bytes_in_base64_or_binary(void **state) {
    static const char bytes[] =
        "\0\0\x80\xf1\x98\xee\x56\x34\x3b\xa8\x64\xfe\x8b\x2a\x57\xd3\xef\xf7"
        "\1\xe4\x57\xb5\xa2\xe4\xd8\x6b\xd1\2\1";
    static const char text[] = "AACA8ZjuVjQ7qGT+iypX0+/3AeRXtaLk2GvRAgE";
    tote_propagator *raw = tote_propagator_opencensus_new(true);
    struct carrier out = {.count = 0}, in = {.count = 0};

    (void)state;
    assert_sent("opencensus", extract("b3", "b3", TRACE "-" SPAN "-1"), "grpc-trace-bin", text);
    assert_sent("b3", extract("opencensus", "Grpc-Trace-Bin", text), "b3", TRACE "-" SPAN "-1");
    assert_sent("b3",
                extract("opencensus", "grpc-trace-bin", "AACA8ZjuVjQ7qGT+iypX0+/3AeRXtaLk2GvRAgE="),
                "b3", TRACE "-" SPAN "-1");
    carrier_add_bytes(&in, "grpc-trace-bin", bytes, sizeof bytes - 1);
    tote_context *context = tote_propagator_extract(raw, tote_context_root(), &in, &carrier_getter);
    tote_propagator_inject(raw, context, &out, &carrier_setter);
    assert_int_equal(out.headers[0].value_length, sizeof bytes - 1);
    assert_memory_equal(out.headers[0].value, bytes, sizeof bytes - 1);
    assert_sent("opencensus", context, "grpc-trace-bin", text);
    carrier_clear(&out);
    carrier_clear(&in);
    tote_propagator_unref(raw);
}

/* Spec: context/api-propagators.md#extract */
static void malformed_opencensus_is_not_extracted(void **state) {
    static const char *const broken[] = {
        "AQCA8ZjuVjQ7qGT+iypX0+/3AeRXtaLk2GvRAgE", /* version 1 */
        "AACA8ZjuVjQ7qGT+iypX0+/3AeRXtaLk2Gs",     /* a span id cut short */
        "AACA8ZjuVjQ7qGT+iypX0+/3",                /* no span id */
        "AACA8ZjuVjQ7qGT*iypX0+/3AeRXtaLk2GvRAgE",
        "AAAAAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAgE", /* zero */
        "=",
        "A",
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(broken); i++) {
        assert_ptr_equal(extract("opencensus", "grpc-trace-bin", broken[i]), tote_context_root());
    }
    /* An unknown field ends the readable part; the sampled flag is not set. */
    assert_sent("b3",
                extract("opencensus", "grpc-trace-bin", "AACA8ZjuVjQ7qGT+iypX0+/3AeRXtaLk2GvRCQE"),
                "b3", TRACE "-" SPAN "-0");
}

/* Spec: AWS X-Ray developer guide, "Tracing header" */
static void xray_parts_are_written_in_a_fixed_order(void **state) {
    (void)state;
    assert_sent("xray", extract("b3", "b3", TRACE "-" SPAN "-1"), "x-amzn-trace-id",
                "Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Parent=" SPAN ";Sampled=1");
    assert_sent("xray", extract("b3", "b3", TRACE "-" SPAN "-0"), "x-amzn-trace-id",
                "Root=1-80f198ee-56343ba864fe8b2a57d3eff7;Parent=" SPAN ";Sampled=0");
}

/*
 * Spec: AWS Lambda developer guide, recursive loop detection: its X-Ray header says which functions
 * a request went through
 */
static void the_lineage_of_xray_is_relayed(void **state) {
    static const char *const broken[] = {"", "a\r\nx: 1", "a b", "a\x01", "a\xff"};
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);
    char span_id[17], header[600], long_one[300];

    (void)state;
    assert_sent("xray",
                extract("xray", "x-amzn-trace-id",
                        "Self=1-2-3;Root=" ROOT ";Lineage=12326a9d:3;Parent=" SPAN ";Sampled=1"),
                "x-amzn-trace-id", "Root=" ROOT ";Parent=" SPAN ";Sampled=1;Lineage=12326a9d:3");
    struct carrier out = inject_child(
        "xray", extract("xray", "x-amzn-trace-id", "Root=" ROOT ";Lineage=25:7ee43a8d:1|a:b:2"),
        span_id);
    snprintf(header, sizeof header, "Root=" ROOT ";Parent=%s;Sampled=1;Lineage=25:7ee43a8d:1|a:b:2",
             span_id);
    assert_header(&out, "x-amzn-trace-id", header);
    carrier_clear(&out);
    for (size_t i = 0; i < TOTE_COUNT_OF(broken); i++) {
        snprintf(header, sizeof header, "Root=" ROOT ";Lineage=%s", broken[i]);
        assert_sent("xray", extract("xray", "x-amzn-trace-id", header), "x-amzn-trace-id",
                    "Root=" ROOT);
    }
    for (int length = 256; length <= 257; length++) {
        memset(long_one, 'a', sizeof long_one);
        snprintf(header, sizeof header, "Root=" ROOT ";Lineage=%.*s", length, long_one);
        assert_sent("xray", extract("xray", "x-amzn-trace-id", header), "x-amzn-trace-id",
                    length == 256 ? header : "Root=" ROOT);
    }
    assert_sent("xray", extract("xray", "x-amzn-trace-id", "Lineage=a:1"), "x-amzn-trace-id", NULL);
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
}

/* A name that could not be read back is not written, and reported. Spec: context/env-carriers.md */
static void baggage_in_header_names_is_not_written_to_an_environment(void **state) {
    static const char *const formats[] = {"jaeger", "ottrace"};
    char *none[] = {NULL};
    char *variables[16];
    char buffer[TOTE_INJECT_BUFFER_BYTES];
    tote_context *remote = extract("b3", "b3", TRACE "-" SPAN "-1");
    tote_context *context = tote_context_with_baggage(remote, "user.id", tote_string("u_1"), NULL);

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(formats); i++) {
        tote_propagator *propagator = tote_propagator_from_names(formats[i]);
        reports_reset(TOTE_LEVEL_WARN);
        tote_propagator_set_global(propagator);
        assert_true(tote_inject_environment(context, none, variables, 16, buffer, sizeof buffer));
        assert_int_equal(reports.count, 1);
        assert_non_null(strstr(reports.message, "entry 'user.id' is not sent"));
        for (size_t v = 0; variables[v]; v++) {
            assert_null(strstr(variables[v], "u_1"));
        }
        tote_context *read = tote_extract_environment(tote_context_root(), variables);
        assert_memory_equal(
            tote_span_context_get_span_id(tote_span_get_context(tote_context_get_span(read))),
            tote_span_context_get_span_id(tote_span_get_context(tote_context_get_span(remote))),
            sizeof(tote_span_id));
        tote_context_unref(read);
        tote_propagator_set_global(NULL);
        tote_propagator_unref(propagator);
    }
    tote_context_unref(context);
    tote_context_unref(remote);
}

/* The report names the entry, the header and the cause. */
static void an_entry_that_is_not_sent_is_reported_with_its_cause(void **state) {
    static const char *const formats[][2] = {
        {"baggage", "baggage"}, {"jaeger", "uberctx-"}, {"ottrace", "ot-baggage-"}};
    static char longest[9000];
    const tote_value list[] = {tote_int(1)};

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    const struct {
        const char *key;
        tote_value value;
        const char *cause;
    } rows[] = {{"a b", tote_string("1"), "its name is not a token"},
                {"list", tote_array(list, 1), "cannot carry its value"},
                {"long", tote_string(longest), "entries and 8192 bytes"}};
    for (size_t f = 0; f < TOTE_COUNT_OF(formats); f++) {
        reports_reset(TOTE_LEVEL_WARN);
        for (unsigned i = 0; i < TOTE_COUNT_OF(rows); i++) {
            char expected[64];
            tote_context *remote = extract("b3", "b3", TRACE "-" SPAN "-1");
            tote_context *context =
                tote_context_with_baggage(remote, rows[i].key, rows[i].value, NULL);
            struct carrier out = inject(formats[f][0], context);
            snprintf(expected, sizeof expected, "entry '%s' is not sent in '%s'", rows[i].key,
                     formats[f][1]);
            assert_int_equal(reports.count, i + 1);
            assert_non_null(strstr(reports.message, expected));
            assert_non_null(strstr(reports.message, rows[i].cause));
            carrier_clear(&out);
            tote_context_unref(context);
            tote_context_unref(remote);
        }
    }
}

/*
 * A list of formats reads any of them, and writes all. Spec:
 * context/api-propagators.md#composite-propagator
 */
static void a_mesh_in_transition_reads_one_format_and_writes_both(void **state) {
    static const char *const names = "b3multi,jaeger,tracecontext";
    struct carrier out;
    tote_context *context = extract(names, "uber-trace-id", TRACE ":" SPAN ":0:1");

    (void)state;
    out = inject(names, context);
    assert_header(&out, "traceparent", "00-" TRACE "-" SPAN "-01");
    assert_header(&out, "x-b3-traceid", TRACE);
    assert_header(&out, "uber-trace-id", TRACE ":" SPAN ":0:1");
    carrier_clear(&out);
    tote_context_unref(context);
}

#define FORMAT_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        FORMAT_TEST(the_fields_of_a_format_are_what_it_writes),
        FORMAT_TEST(each_format_reads_what_it_writes),
        FORMAT_TEST(without_a_span_nothing_is_written_or_removed),
        FORMAT_TEST(the_debug_flag_passes_to_children_in_every_format_that_has_one),
        FORMAT_TEST(a_deferred_decision_is_relayed_only_without_a_span_of_our_own),
        FORMAT_TEST(a_message_without_a_decision_or_ids_is_decided_by_the_receiver),
        FORMAT_TEST(a_trace_id_of_xray_without_a_parent_is_not_marked_random),
        FORMAT_TEST(a_message_without_ids_is_relayed_unchanged),
        FORMAT_TEST(a_decision_without_ids_does_not_replace_a_trace),
        FORMAT_TEST(a_copy_of_a_span_context_keeps_the_debug_flag),
        FORMAT_TEST(jaeger_baggage_is_a_header_for_each_entry),
        FORMAT_TEST(jaeger_baggage_has_limits),
        FORMAT_TEST(ot_trace_sends_only_baggage_that_is_legal_in_a_header),
        FORMAT_TEST(ot_trace_injects_the_second_half_of_trace_ids),
        FORMAT_TEST(opencensus_is_29_bytes_in_base64_or_binary),
        FORMAT_TEST(malformed_opencensus_is_not_extracted),
        FORMAT_TEST(xray_parts_are_written_in_a_fixed_order),
        FORMAT_TEST(the_lineage_of_xray_is_relayed),
        FORMAT_TEST(baggage_in_header_names_is_not_written_to_an_environment),
        FORMAT_TEST(an_entry_that_is_not_sent_is_reported_with_its_cause),
        FORMAT_TEST(a_mesh_in_transition_reads_one_format_and_writes_both),
    };
    return RUN_TESTS(tests, argc, argv);
}
