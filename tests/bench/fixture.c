/* SPDX-License-Identifier: MIT */
/*
 * fixture.c - an SDK for a row
 */
#include "tote/sdk/span_exporter.h"
#include "tote/sdk/span_processor.h"

#include "bench.h"

struct bench_sdk bench_sdk;

tote_sdk_options bench_options(void) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.ignore_environment = true;
    options.service_name = "bench";
    return options;
}

void bench_start(const tote_sdk_options *options) {
    tote_span_options root = TOTE_SPAN_OPTIONS_INIT;

    root.root = true;
    bench_sdk.sdk = tote_sdk_start(options);
    bench_sdk.tracer = tote_get_tracer("bench", "1.0");
    bench_sdk.parent = tote_tracer_start_span(bench_sdk.tracer, "parent", &root);
    bench_sdk.context = tote_context_with_span(tote_context_root(), bench_sdk.parent);
}

static void ignore(void *self, const tote_span_data *span) {
    (void)self;
    bench_sink = (uint64_t)(uintptr_t)span;
}

void bench_start_with_processor(void) {
    static const tote_span_processor_ops ops = {.struct_size = sizeof ops, .on_end = ignore};
    tote_sdk_options options = bench_options();
    tote_span_processor *processor = tote_span_processor_new(&ops, NULL);
    tote_span_exporter *no_exporter = NULL;

    options.processors = &processor;
    options.processor_count = 1;
    options.exporters = &no_exporter;
    options.exporter_count = 1;
    bench_start(&options);
}

void bench_stop(void) {
    tote_context_unref(bench_sdk.context);
    tote_span_close(&bench_sdk.parent);
    tote_sdk_close(&bench_sdk.sdk, 10000);
}

const tote_attribute *bench_five_attributes(void) {
    static tote_attribute attributes[5];

    attributes[0] = (tote_attribute){"http.request.method", tote_string("GET-0123456789ab")};
    attributes[1] = (tote_attribute){"url.path", tote_string("/checkout/012345")};
    attributes[2] = (tote_attribute){"http.response.status_code", tote_int(200)};
    attributes[3] = (tote_attribute){"request.size", tote_int(123456)};
    attributes[4] = (tote_attribute){"cache.hit", tote_bool(true)};
    return attributes;
}

void bench_record(size_t count) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = bench_sdk.context;
    options.attributes = bench_five_attributes();
    options.attribute_count = 5;
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(bench_sdk.tracer, "work", &options);
        tote_span_close(&span);
    }
}
