/* SPDX-License-Identifier: MIT */
/*
 * in_memory_sdk.c - the SDK for tests of instrumentation
 *
 * It does not depend on environment variables or on the machine.
 *
 * Tests: tests/unit/test_start.c
 */
#include "tote/exporters/in_memory.h"
#include "tote/start.h"

tote_sdk *tote_in_memory_sdk_start(tote_in_memory_spans *memory) {
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_span_exporter *exporter = memory ? tote_span_exporter_in_memory_new(memory) : NULL;

    if (!exporter) {
        return NULL;
    }
    batch.mode = TOTE_EXPORT_MODE_SIMPLE;
    options.ignore_environment = true;
    options.resource_detectors = "none";
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.batch = &batch;
    return tote_sdk_start(&options);
}
