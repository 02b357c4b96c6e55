/* SPDX-License-Identifier: MIT */
/*
 * recorder.c - the SDK of each process of the server: it writes each ended span into the ring
 *
 * The postmaster starts the SDK. It has no thread, file or socket, so forked children use it as it
 * is.
 *
 * Tests: tests/hosts/postgresql/test_extension.sh
 */
#include "extension.h"

#include "miscadmin.h"

#include "configuration.h"
#include "ring.h"
#include "tote/diagnostics.h"
#include "tote/internal/request.h"
#include "tote/internal/tracer.h"
#include "tote/propagators.h"

tote_tracer *recorder_tracer;

/* Write diagnostics to the server's log. ereport() serves interrupts, which may jump. */
static void report(tote_level level, const char *component, const char *message, void *user_data) {
    (void)level, (void)user_data;
    HOLD_INTERRUPTS();
    ereport(LOG_SERVER_ONLY, errmsg_internal("tote: %s: %s", component, message));
    RESUME_INTERRUPTS();
}

static bool write_span(const struct tote__buffer *request) {
    bool is_half_full;

    LWLockAcquire(ring_lock, LW_EXCLUSIVE);
    bool is_written = ring_write(request->bytes, request->size, &is_half_full);
    Latch *worker = is_half_full ? shared->worker : NULL;
    LWLockRelease(ring_lock);
    if (worker) {
        SetLatch(worker);
    }
    return is_written;
}

static tote_result export_spans(void *self, const tote_span_data *const *spans, size_t count,
                                uint32_t timeout_ms, tote_export_outcome *outcome) {
    struct tote__buffer request = {NULL, 0, 0};
    bool is_written =
        shared && tote__request_of_spans(&request, spans, count) && write_span(&request);

    (void)self, (void)timeout_ms;
    tote__buffer_clear(&request);
    if (!is_written) { /* counted by the ring */
        outcome->rejected = count;
    }
    return TOTE_RESULT_SUCCESS;
}

bool recorder_start(void) {
    static const tote_span_exporter_ops ops = {
        .struct_size = sizeof ops,
        .export_spans = export_spans,
    };
    const tote_attribute attributes[] = {{"service.version", tote_string(PG_VERSION)}};
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    struct tote__configuration configuration;
    static _Atomic(tote_tracer *) tracer;

    tote_diagnostics_set_handler(report, TOTE_LEVEL_WARN, NULL);
    options.service_name = *tote_service_name ? tote_service_name : NULL;
    options.default_service_name = "postgresql";
    options.resource_attributes = attributes;
    options.resource_attribute_count = lengthof(attributes);
    options.resource_detectors = "host";
    options.skip_process_context = true;
    tote__configuration_resolve(&options, NULL, &configuration);
    struct tote__sdk_settings settings = tote__sdk_settings_of(&options, &configuration);
    tote_span_processor *processor =
        tote__simple_processor_new(tote_span_exporter_new(&ops, NULL), UINT32_MAX);
    settings.processors = &processor;
    settings.processor_count = processor != NULL;
    tote_sdk *sdk = processor ? tote__sdk_new(&settings) : NULL;
    tote_propagator *propagator = tote_propagator_tracecontext_new();
    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
    recorder_tracer = tote__tracer_named(&tracer, "tote.postgresql");
    return sdk != NULL;
}
