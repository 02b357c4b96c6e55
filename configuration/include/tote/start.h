/* SPDX-License-Identifier: MIT */
/**
 * @file tote/start.h
 * Start the SDK.
 * Spec: configuration/sdk-environment-variables.md
 *
 * tote_sdk_start(NULL) does what the OTEL_* variables say. Options go over the variables, field by
 * field; `ignore_environment` leaves the variables out.
 *
 * Threads:  setup.
 * Lifetime: everything in the options is copied. "Taken": ownership passes, also on failure.
 * Units:    _ms. 0 in an option is its default.
 */
#ifndef TOTE_START_H
#define TOTE_START_H

#include "tote/propagator.h"
#include "tote/sdk.h"

TOTE_BEGIN_DECLS

/** Who moves ended spans to the exporter. */
typedef enum tote_export_mode {
    TOTE_EXPORT_MODE_WORKER,      /**< batches, one thread made at start */
    TOTE_EXPORT_MODE_HOST_DRIVEN, /**< batches, no thread: your loop calls tote_sdk_poll() */
    /** Each span as it ends, on the thread that ends it: for tests, not for services */
    TOTE_EXPORT_MODE_SIMPLE
} tote_export_mode;

/** Spec: trace/sdk.md#batching-processor */
typedef struct tote_batch_options {
    size_t struct_size;
    tote_export_mode mode;
    /**
     * Spans; 2048. More are dropped and counted. If neither this nor OTEL_BSP_MAX_QUEUE_SIZE is
     * set, an OTLP exporter goes on to max_queue_bytes, so that a burst is not lost.
     * TOTE_OPTION_UNLIMITED: only max_queue_bytes counts.
     */
    uint32_t max_queue_size;
    size_t max_queue_bytes;         /**< of records, about 250 bytes a span; 14 MiB */
    uint32_t max_export_batch_size; /**< spans; 512 */
    uint32_t schedule_delay_ms;     /**< 5000; TOTE_OPTION_ZERO: each span is exported at once */
    uint32_t export_timeout_ms;     /**< 30000 */
    uint32_t poll_budget_us;        /**< 1000: what tote_sdk_poll() may take for each exporter */
    bool ignore_environment;        /**< leave OTEL_BSP_* out */
} tote_batch_options;

#define TOTE_BATCH_OPTIONS_INIT                                                                    \
    { sizeof(tote_batch_options), TOTE_EXPORT_MODE_WORKER, 0, 0, 0, 0, 0, 0, false }

typedef struct tote_sdk_options {
    size_t struct_size;
    bool ignore_environment;
    /** An SDK of its own; leaves the global provider and propagator alone */
    bool skip_global_registration;
    /**
     * YAML, as OTEL_CONFIG_FILE. Not in this version: a file given here or there is not read, which
     * is an error in diagnostics, and the other options and variables apply.
     */
    const char *config_file;

    const char *service_name;
    const tote_attribute *resource_attributes; /**< win over detected ones */
    size_t resource_attribute_count;
    const char *resource_schema_url; /**< NULL: that of the detectors */
    const char *resource_detectors;  /**< "host,process"; NULL: all there are; "none" */

    tote_sampler *sampler;           /**< taken; NULL: parent based, always on */
    tote_id_generator *id_generator; /**< taken */
    tote_propagator *propagator;     /**< taken; NULL: tracecontext,baggage */
    const tote_span_limits *limits;
    tote_store_export store_export;
    const char *const *store_export_keys;
    size_t store_export_key_count;

    /**
     * Each taken; run before those of `exporters`. A processor may export itself, with settings of
     * its own: tote/processors.h. A NULL is left out.
     */
    tote_span_processor *const *processors;
    size_t processor_count;
    tote_span_exporter *const *exporters; /**< each taken; a NULL is left out */
    /**
     * 0: none if one of `processors` exports or is NULL (it could not be made), else what the
     * environment says, else OTLP.
     */
    size_t exporter_count;
    const tote_batch_options *batch; /**< for each of `exporters` */

    const tote_thread_factory *thread_factory;
    /** NULL: the system's clocks. A local child takes its start from its parent's real time and the
     * monotonic clock, or reads the real time again if that is more than 10 s old; it never starts
     * before its parent. Events and the end follow the monotonic clock from the span's start. */
    uint64_t (*now_unix_nano)(void *clock);
    void *clock;
} tote_sdk_options;

#define TOTE_SDK_OPTIONS_INIT                                                                      \
    {                                                                                              \
        sizeof(tote_sdk_options), false, false, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, \
            NULL, TOTE_STORE_EXPORT_ALL, NULL, 0, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL         \
    }

/**
 * Start. While an SDK is running globally this is one more reference to it, and the options are
 * released with a diagnostic. After a shutdown a new one may be started, and serves the tracers
 * there are.
 * NULL on failure: the reason went to diagnostics and spans are not recorded.
 * Blocks: some milliseconds with OTLP (5 to 25 have been seen), to set up TLS; for no network.
 */
TOTE_API TOTE_MUST_USE tote_sdk *tote_sdk_start(const tote_sdk_options *options);

TOTE_END_DECLS

#define TOTE__OFF_START
#include "tote/disabled.h"

#endif
