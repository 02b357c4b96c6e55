/* SPDX-License-Identifier: MIT */
/*
 * filter.c - a processor that drops and redacts spans before they are queued for export
 *
 * It wraps the batch processor: the SDK calls the filter, and the filter passes on what is to be
 * exported. Spans of health checks are dropped, and the value of "user.email" is replaced.
 */
#include <string.h>
#include <tote/exporters/console.h>
#include <tote/processors.h>
#include <tote/tote.h>

struct filter {
    tote_span_processor *inner; /* owned by the processor that wraps it */
};

/* The last moment in which a span can be changed. */
static void redact(void *self, tote_span *span) {
    const struct filter *filter = self;

    if (tote_span_data_get_attribute(tote_span_get_data(span), "user.email")) {
        tote_span_set_attribute(span, "user.email", tote_string("REDACTED"));
    }
    tote_span_processor_on_ending(filter->inner, span);
}

static void drop_health_checks(void *self, const tote_span_data *span) {
    const struct filter *filter = self;
    const tote_value *path = tote_span_data_get_attribute(span, "url.path");
    char text[16] = "";

    if (path) {
        tote_value_to_text(*path, text, sizeof text);
    }
    if (strcmp(text, "/health") != 0) {
        tote_span_processor_on_end(filter->inner, span);
    }
}

static void request(const char *path, const char *email) {
    tote_span *span = tote_tracer_start_span(tote_get_tracer("filter", NULL), "GET", NULL);

    tote_span_set_attribute(span, "url.path", tote_string(path));
    if (email) {
        tote_span_set_attribute(span, "user.email", tote_string(email));
    }
    tote_span_close(&span);
}

int main(void) {
    static const tote_span_processor_ops filter_ops = {
        .struct_size = sizeof filter_ops, .on_ending = redact, .on_end = drop_health_checks,
        /* force_flush and shutdown are NULL: they go to the batch processor */
    };
    struct filter filter = {
        tote_span_processor_batch_new(tote_span_exporter_console_new(NULL), NULL)};
    tote_span_processor *processors[] = {
        tote_span_processor_wrapper_new(filter.inner, &filter_ops, &filter)};
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.processors = processors;
    options.processor_count = TOTE_COUNT_OF(processors);
    tote_sdk *sdk = tote_sdk_start(&options);

    request("/health", NULL);
    request("/cart", "ada@example.com");
    request("/health", NULL);
    request("/pay", NULL);
    return tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS ? 0 : 1;
}
