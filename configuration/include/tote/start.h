/* SPDX-License-Identifier: MIT */
/**
 * @file tote/start.h
 * Start the SDK.
 * Spec: configuration/sdk-environment-variables.md
 *
 * tote_sdk_start(NULL) applies the OTEL_* variables. Options override environment variables, field
 * by field. `ignore_environment` ignores all variables, except in exporters and processors that the
 * program creates: these have options of their own. See docs/configuration.md.
 *
 * Threads:  call it before other threads use Tote.
 * Lifetime: options are copied. "Takes ownership" means also on failure: use a struct that owns
 *           objects in one call only.
 * Units:    _ms is milliseconds. In options, 0 or NULL selects the default.
 */
#ifndef TOTE_START_H
#define TOTE_START_H

#include "tote/configuration.h"
#include "tote/propagator.h"
#include "tote/sdk.h"

TOTE_BEGIN_DECLS

/** How ended spans get to the exporter. */
typedef enum tote_export_mode {
    TOTE_EXPORT_MODE_WORKER,      /**< In batches, by a thread that is created at start */
    TOTE_EXPORT_MODE_HOST_DRIVEN, /**< In batches, by the host event loop: tote_sdk_poll() */
    /** Each span when it ends, on the thread that ends it; for tests, not for services */
    TOTE_EXPORT_MODE_SIMPLE
} tote_export_mode;

/** Options of a batch processor. Spec: trace/sdk.md#batching-processor */
typedef struct tote_batch_options {
    size_t struct_size;
    uint32_t mode; /**< A tote_export_mode */
    /**
     * Spans. More are dropped and counted. TOTE_OPTION_UNLIMITED: only max_queue_bytes limits the
     * queue. Default: 2048, but an OTLP exporter queues up to max_queue_bytes if neither this nor
     * OTEL_BSP_MAX_QUEUE_SIZE is set
     */
    uint32_t max_queue_size;
    size_t max_queue_bytes;         /**< A span takes about 250 bytes. Default: 14 MiB */
    uint32_t max_export_batch_size; /**< Spans. Default: 512 */
    /** Between two exports. TOTE_OPTION_ZERO: each span is exported immediately. Default: 5000 */
    uint32_t schedule_delay_ms;
    uint32_t export_timeout_ms; /**< Default: 30000 */
    uint32_t poll_budget_us;    /**< For each exporter in one tote_sdk_poll(). Default: 1000 */
    bool ignore_environment;    /**< Ignore the OTEL_BSP_* variables */
} tote_batch_options;

#define TOTE_BATCH_OPTIONS_INIT                                                                    \
    { sizeof(tote_batch_options), TOTE_EXPORT_MODE_WORKER, 0, 0, 0, 0, 0, 0, false }

/** Options of the SDK. They override environment variables, field by field. */
typedef struct tote_sdk_options {
    size_t struct_size;
    bool ignore_environment;
    /**
     * Start a private SDK: do not register the global provider and propagator. Spans reach it by
     * tracers of tote_sdk_ref_tracer_provider(). At most 8 SDKs can run in a process. See
     * docs/guest.md
     */
    bool skip_global_registration;
    const char *service_name;
    const tote_attribute *resource_attributes; /**< Override detected attributes */
    size_t resource_attribute_count;
    const char *resource_schema_url; /**< Default: the detectors' */
    /**
     * Names in increasing order of precedence, for example "host,process"; or "none". Default: all.
     * See docs/resource.md
     */
    const char *resource_detectors;

    tote_sampler *sampler;           /**< Takes ownership. Default: parent based, always on */
    tote_id_generator *id_generator; /**< Takes ownership. Default: random ids */
    /**
     * The global propagator. Takes ownership. Default: tracecontext,baggage. A private SDK has
     * none: it ignores this field, with a diagnostic
     */
    tote_propagator *propagator;
    const tote_span_limits *limits;
    uint32_t store_export;                /**< A tote_store_export */
    const char *const *store_export_keys; /**< For TOTE_STORE_EXPORT_ALLOWED */
    size_t store_export_key_count;

    /**
     * Takes ownership of each. They run before those of `exporters`. A processor may export with
     * its own settings: tote/processors.h. NULL elements are ignored
     */
    tote_span_processor *const *processors;
    size_t processor_count;
    /**
     * Takes ownership of each. NULL elements are ignored. Default: none, if one of `processors`
     * exports or is NULL (it could not be created); else OTEL_TRACES_EXPORTER; else OTLP
     */
    tote_span_exporter *const *exporters;
    size_t exporter_count;
    const tote_batch_options *batch; /**< For each of `exporters` */

    const tote_thread_factory *thread_factory; /**< Default: POSIX threads */
    /**
     * A clock for span times: nanoseconds since the Unix epoch. Called with `clock` when a span
     * starts or ends and when an event is added, on the thread that does so, concurrently and
     * without a lock. It should not block, and must not start spans.
     *
     * 0 is replaced by the real time. The clock need not be monotonic. A child of the same SDK that
     * would start before its parent starts with it; a span that would end before its start ends at
     * its start. `clock` must stay valid until the SDK is released.
     *
     * Default: the system's clocks. The first span of a trace in this process reads the real time.
     * Its children, events and ends add the monotonic time since then, so setting the clock does
     * not change durations. A child reads the real time again if that reading is older than 10 s
     */
    uint64_t (*now_unix_nano)(void *clock);
    void *clock;
    const tote_tracer_configurator *tracer_configurator; /**< Default: all tracers are enabled */
    /**
     * A configuration file; default: OTEL_CONFIG_FILE. The file replaces the other variables, and
     * other options override it, field by field. If it has an error, no SDK is started, and each
     * error is a diagnostic. See docs/configuration-file.md
     */
    const char *config_file;
    const tote_configuration *configuration; /**< A parsed file, instead of `config_file` */
    /**
     * Do not publish the resource to profilers. That of a private SDK is never published. Default:
     * OTEL_C_PROCESS_CONTEXT_DISABLED. See docs/profilers.md. Spec:
     * oteps/profiles/4719-process-ctx.md
     */
    bool skip_process_context;
    /**
     * Use this resource as it is, without attributes of the SDK, of the environment, of detectors
     * and of other options. Only process.pid, process.creation.time and service.instance.id of
     * detectors change in a forked child. Adds a reference. Default: built from these sources
     */
    const tote_resource *resource;
    /**
     * Detectors besides the built-in ones. Takes ownership of each. They run if
     * `resource_detectors` is NULL or names them. NULL elements are ignored
     */
    tote_resource_detector *const *own_resource_detectors;
    size_t own_resource_detector_count;

    /**
     * Send the metrics of tote/sdk/metrics.h over the connection of the first OTLP exporter:
     * docs/metrics.md. Default: OTEL_METRICS_EXPORTER, else none
     */
    bool export_metrics;
    uint32_t metric_export_interval_ms; /**< Default: OTEL_METRIC_EXPORT_INTERVAL, 60000 */
    uint32_t metric_export_timeout_ms;  /**< Default: OTEL_METRIC_EXPORT_TIMEOUT, 30000 */

    /**
     * The service name if neither an option, a variable, a file nor a detector has one. For
     * programs whose users choose the name. Default: unknown_service:PROGRAM
     */
    const char *default_service_name;
} tote_sdk_options;

#define TOTE_SDK_OPTIONS_INIT                                                                      \
    {                                                                                              \
        sizeof(tote_sdk_options), false, false, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, \
            TOTE_STORE_EXPORT_ALL, NULL, 0, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL,  \
            NULL, false, NULL, NULL, 0, false, 0, 0, NULL                                          \
    }

/**
 * Start the SDK. Release it with tote_sdk_close(). Returns NULL, with a diagnostic, on failure;
 * spans are then not recorded.
 *
 * If a global SDK is running, the call returns another reference to it. The options then have no
 * effect, and what they own is released, with a diagnostic. After a shutdown a new SDK may be
 * started; existing tracers use it.
 *
 * The call does not wait for the network. With OTLP it takes some milliseconds (5 to 25 measured)
 * to initialize TLS.
 */
TOTE_API TOTE_MUST_USE tote_sdk *tote_sdk_start(const tote_sdk_options *options);

TOTE_END_DECLS

#define TOTE__OFF_START
#include "tote/disabled.h"

#endif
