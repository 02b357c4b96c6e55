/* SPDX-License-Identifier: MIT */
/*
 * spans.c - the same spans each time, of all kinds and with values of all types, exported as the
 * environment selects
 */
#include <string.h>
#include <tote/tote.h>

#include "tote/sdk/id_generator.h"

enum { START = 1700000000, SPANS_OF_LOAD = 40 };

/* Ids from a counter. */
static unsigned char last_id;

static void new_trace_id(void *self, tote_trace_id *id) {
    (void)self;
    memset(id, 0xA0, sizeof *id);
    id->bytes[sizeof id->bytes - 1] = ++last_id;
}

static void new_span_id(void *self, tote_span_id *id) {
    (void)self;
    memset(id, 0xB0, sizeof *id);
    id->bytes[sizeof id->bytes - 1] = ++last_id;
}

static uint64_t at_ms(uint64_t ms) {
    return START * UINT64_C(1000000000) + ms * UINT64_C(1000000);
}

static void make_one_of_everything(tote_tracer *tracer) {
    static const unsigned char bytes[] = {0, 1, 254, 255};
    const tote_value items[] = {tote_int(1), tote_string("two"), tote_bool(false),
                                tote_double(-0.5)};
    const tote_attribute fields[] = {{"inner", tote_int(-1)}, {"empty", tote_string("")}};
    const tote_attribute attributes[] = {
        {"string", tote_string("text with \"quotes\", \xC3\xA4 and \xF0\x9F\xA6\x84\n")},
        {"empty", tote_string("")},
        {"true", tote_bool(true)},
        {"false", tote_bool(false)},
        {"zero", tote_int(0)},
        {"least", tote_int(INT64_MIN)},
        {"most", tote_int(INT64_MAX)},
        {"double", tote_double(0.1)},
        {"large", tote_double(1e300)},
        {"bytes", tote_bytes(bytes, sizeof bytes)},
        {"array", tote_array(items, sizeof items / sizeof *items)},
        {"map", tote_map(fields, sizeof fields / sizeof *fields)},
        {"broken", tote_string("\xFF in the middle \xC3")},
    };
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.kind = TOTE_SPAN_KIND_SERVER;
    options.attributes = attributes;
    options.attribute_count = sizeof attributes / sizeof *attributes;
    options.start_time_unix_nano = at_ms(0);
    tote_span *span = tote_tracer_start_span(tracer, "everything", &options);
    tote_span_add_event(span, "event", attributes, 3, at_ms(5));
    tote_span_add_event(span, "bare", NULL, 0, at_ms(6));
    tote_span_add_link(span, tote_span_get_context(span), attributes, 1);
    tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, "went wrong");
    tote_span_end(span, at_ms(10));
    tote_span_unref(span);
}

static void make_kinds(tote_tracer *tracer) {
    static const char *const names[] = {"internal", "server", "client", "producer", "consumer"};
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.start_time_unix_nano = at_ms(20);
    for (int i = 0; i < 5; i++) {
        options.kind = (tote_span_kind)i;
        tote_span *span = tote_tracer_start_span(tracer, names[i], &options);
        tote_span_set_status(span, i % 2 ? TOTE_STATUS_CODE_OK : TOTE_STATUS_CODE_UNSET, NULL);
        tote_span_end(span, at_ms(21));
        tote_span_unref(span);
    }
}

static void make_load(tote_tracer *tracer) {
    static char large[2000];
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    memset(large, 'x', sizeof large);
    options.start_time_unix_nano = at_ms(30);
    for (int i = 0; i < SPANS_OF_LOAD; i++) {
        tote_span *span = tote_tracer_start_span(tracer, "load", &options);
        tote_span_set_attribute(span, "number", tote_int(i));
        tote_span_set_attribute(span, "large", tote_string_of(large, sizeof large));
        tote_span_end(span, at_ms(31));
        tote_span_unref(span);
    }
}

int main(void) {
    static const tote_id_generator_ops ids = {
        .struct_size = sizeof ids, .new_trace_id = new_trace_id, .new_span_id = new_span_id};
    static const tote_attribute of_scope = {"scope.attribute", {.type = TOTE_VALUE_TYPE_BOOL}};
    tote_tracer_options of_tracer = TOTE_TRACER_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.id_generator = tote_id_generator_new(&ids, NULL);
    tote_sdk *sdk = tote_sdk_start(&options);
    of_tracer.version = "2.0";
    of_tracer.schema_url = "https://opentelemetry.io/schemas/1.27.0";
    of_tracer.attributes = &of_scope;
    of_tracer.attribute_count = 1;
    make_one_of_everything(tote_get_tracer("plain", NULL));
    make_kinds(tote_tracer_provider_get_tracer(TOTE_TRACER_PROVIDER_GLOBAL, "with everything",
                                               &of_tracer));
    make_load(tote_get_tracer("plain", NULL));
    return tote_sdk_close(&sdk, 10000) == TOTE_RESULT_SUCCESS ? 0 : 1;
}
