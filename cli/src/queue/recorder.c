/* SPDX-License-Identifier: MIT */
/*
 * recorder.c - an SDK that hands over each ended span as an OTLP request
 *
 * Tests: tests/cli/test_span.sh
 */
#include "recorder.h"

#include <string.h>

#include "tote/internal/os.h"
#include "tote/internal/request.h"

static tote_result export_spans(void *self, const tote_span_data *const *spans, size_t count,
                                uint32_t timeout_ms, tote_export_outcome *outcome) {
    const struct recorder *recorder = self;
    struct tote__buffer request = {NULL, 0, 0};
    bool is_taken = tote__request_of_spans(&request, spans, count) &&
                    recorder->take(recorder->self, tote__buffer_slice(&request));

    (void)timeout_ms, (void)outcome;
    tote__buffer_clear(&request);
    return is_taken ? TOTE_RESULT_SUCCESS : TOTE_RESULT_FAILURE;
}

static void new_id(const uint8_t *given, uint8_t *id, size_t size) {
    static const uint8_t none[sizeof(tote_trace_id)];

    if (memcmp(given, none, size) != 0) {
        memcpy(id, given, size);
    } else {
        tote__os_random(id, size);
    }
}

static void new_trace_id(void *self, tote_trace_id *id) {
    new_id(((const struct recorder *)self)->trace_id.bytes, id->bytes, sizeof id->bytes);
}

static void new_span_id(void *self, tote_span_id *id) {
    new_id(((const struct recorder *)self)->span_id.bytes, id->bytes, sizeof id->bytes);
}

static tote_id_generator *make_generator(struct recorder *recorder) {
    const tote_id_generator_ops ops = {
        .struct_size = sizeof ops,
        .is_random = recorder->is_random,
        .new_trace_id = new_trace_id,
        .new_span_id = new_span_id,
    };

    return tote_id_generator_new(&ops, recorder);
}

tote_sdk *recorder_start(struct recorder *recorder, struct tote__sdk_settings settings) {
    static const tote_span_exporter_ops ops = {
        .struct_size = sizeof ops,
        .export_spans = export_spans,
    };
    tote_span_processor *processor =
        tote__simple_processor_new(tote_span_exporter_new(&ops, recorder), UINT32_MAX);

    settings.id_generator = make_generator(recorder);
    settings.processors = &processor;
    settings.processor_count = processor != NULL;
    if (processor && settings.id_generator) {
        return tote__sdk_new(&settings);
    }
    tote_span_processor_free(processor);
    tote_id_generator_free(settings.id_generator);
    tote_sampler_free(settings.sampler);
    return NULL;
}
