/* (7) a custom exporter, processor and sampler. */
#include <stdio.h>
#include <string.h>
#include <tote/processors.h>
#include <tote/sdk/sampler.h>
#include <tote/sdk/span_exporter.h>
#include <tote/tote.h>

static tote_result print_spans(void *self, const tote_span_data *const *spans, size_t count,
                               uint32_t timeout_ms, tote_export_outcome *report) {
    FILE *out = self;
    (void)timeout_ms, (void)report;
    for (size_t i = 0; i < count; i++) {
        const tote_span_data *span = spans[i];
        char trace_id[TOTE_TRACE_ID_HEX_SIZE];
        tote_trace_id_to_hex(tote_span_context_get_trace_id(tote_span_data_get_context(span)),
                             trace_id);
        fprintf(out, "%s %s %llu ns\n", trace_id, tote_span_data_get_name(span),
                (unsigned long long)(tote_span_data_get_end_time_unix_nano(span) -
                                     tote_span_data_get_start_time_unix_nano(span)));
        size_t attribute_count;
        const tote_attribute *attributes = tote_span_data_get_attributes(span, &attribute_count);
        for (size_t a = 0; a < attribute_count; a++) {
            char text[256];
            tote_value_to_text(attributes[a].value, text, sizeof text);
            fprintf(out, "  %s=%s\n", attributes[a].key, text);
        }
    }
    return fflush(out) == 0 ? TOTE_RESULT_SUCCESS : TOTE_RESULT_FAILURE;
}

/* Drop health checks, call another sampler for the rest. */
static tote_sampling_decision no_health(void *self, const tote_sampling_parameters *parameters,
                                        tote_sampling_result *result) {
    if (strncmp(parameters->name, "GET /health", 11) == 0) {
        return TOTE_SAMPLING_DECISION_DROP;
    }
    tote_sampling_result_set_attribute(result, "sampled.by", tote_string("no_health"));
    return tote_sampler_should_sample(self, parameters, result);
}
static void free_inner(void *self) {
    tote_sampler_free(self);
}

/* Export only errors. */
static void pass_errors(void *self, const tote_span_data *span) {
    tote_span_processor **batch = self;
    if (tote_span_data_get_status_code(span) == TOTE_STATUS_CODE_ERROR) {
        tote_span_processor_on_end(*batch, span);
    }
}

int main(void) {
    static const tote_span_exporter_ops printer = {.struct_size = sizeof printer,
                                                   .export_spans = print_spans};
    static const tote_sampler_ops sampler = {
        .struct_size = sizeof sampler, .should_sample = no_health, .destroy = free_inner};
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_span_exporter *exporter = tote_span_exporter_new(&printer, stderr);

    options.sampler = tote_sampler_new(&sampler, tote_sampler_parent_based_new(NULL));
    static const tote_span_processor_ops errors = {sizeof errors, NULL, NULL, pass_errors,
                                                   NULL,          NULL, NULL};
    tote_span_processor *batch = tote_span_processor_batch_new(exporter, NULL);
    tote_span_processor *processor = tote_span_processor_wrapper_new(batch, &errors, &batch);
    options.processors = &processor;
    options.processor_count = 1;
    tote_sdk *sdk = tote_sdk_start(&options);
    return tote_sdk_close(&sdk, 1000) != TOTE_RESULT_SUCCESS;
}
