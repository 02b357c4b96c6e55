/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk.h
 * The running SDK: flush, shut down, read statistics, export from a host event loop. tote/start.h
 * starts it. Spec: trace/sdk.md#tracer-provider
 *
 * Functions accept a NULL SDK: they do nothing and return TOTE_RESULT_SUCCESS, NULL, false or -1.
 *
 * Threads:  thread-safe. No function is async-signal-safe.
 * Lifetime: reference counted.
 * Units:    _ms is milliseconds. In options, 0 selects the default.
 * Blocking: functions with a timeout_ms and tote_sdk_unref() block. tote_sdk_after_fork_child() may
 *           block in a thread factory, tote_sdk_poll() in an exporter of the program. timeout_ms is
 *           one deadline for all processors; UINT32_MAX is no deadline. tote_sdk_shutdown() and
 *           tote_sdk_close() may return up to 50 ms later for each processor whose exporter does
 *           not return in time. tote_sdk_close() may take another 50 ms if another thread is in a
 *           call to any SDK.
 *           Exporters and processors of the program must keep to the timeout they are given.
 * Fork:     a child has an empty queue and its own worker. It needs no call for that.
 * Exit:     Tote registers no atexit() handler. If a program returns from main or exits without
 *           calling tote_sdk_close() or tote_sdk_shutdown(), queued spans are silently lost.
 */
#ifndef TOTE_SDK_H
#define TOTE_SDK_H

#include "tote/diagnostics.h"
#include "tote/tracer.h"

TOTE_BEGIN_DECLS

/** A running SDK. Reference counted. */
typedef struct tote_sdk tote_sdk;
typedef struct tote_sampler tote_sampler;                     /**< tote/sdk/sampler.h */
typedef struct tote_id_generator tote_id_generator;           /**< tote/sdk/id_generator.h */
typedef struct tote_span_exporter tote_span_exporter;         /**< tote/sdk/span_exporter.h */
typedef struct tote_span_processor tote_span_processor;       /**< tote/sdk/span_processor.h */
typedef struct tote_resource tote_resource;                   /**< tote/sdk/resource.h */
typedef struct tote_resource_detector tote_resource_detector; /**< tote/sdk/resource.h */

/**
 * Values for a uint32_t option that is a limit, a size or a duration: "no limit", and a literal 0
 * where 0 selects the default.
 */
#define TOTE_OPTION_UNLIMITED UINT32_MAX
#define TOTE_OPTION_ZERO (UINT32_MAX - 1)

/** Limits on what one span records. Spec: trace/sdk.md#span-limits */
typedef struct tote_span_limits {
    size_t struct_size;
    uint32_t attribute_count; /**< Default: 128 */
    /** In code points, or in bytes for TOTE_VALUE_TYPE_BYTES. Default: TOTE_OPTION_UNLIMITED */
    uint32_t attribute_value_length;
    uint32_t attribute_value_depth;     /**< Nested arrays and maps. Default: 64 */
    uint32_t event_count;               /**< Default: 128 */
    uint32_t link_count;                /**< Default: 128 */
    uint32_t attribute_count_per_event; /**< Default: 128 */
    uint32_t attribute_count_per_link;  /**< Default: 128 */
} tote_span_limits;

#define TOTE_SPAN_LIMITS_INIT                                                                      \
    { sizeof(tote_span_limits), 0, 0, 0, 0, 0, 0, 0 }

/**
 * Settings of a tracer. A disabled tracer starts no recording spans: its spans carry the context of
 * their parent. Spec: trace/sdk.md#tracerconfig
 */
typedef struct tote_tracer_config {
    size_t struct_size;
    bool is_disabled; /**< Default: enabled */
} tote_tracer_config;

#define TOTE_TRACER_CONFIG_INIT                                                                    \
    { sizeof(tote_tracer_config), false }

/** The settings of tracers with matching names. */
typedef struct tote_tracer_rule {
    /** `*` matches any characters, also none; `?` matches one. Case matters. NULL matches none */
    const char *name;
    const tote_tracer_config *config; /**< NULL: the default settings */
} tote_tracer_rule;

/** Computes the settings of tracers from their scopes. Spec: trace/sdk.md#tracerconfigurator */
typedef struct tote_tracer_configurator {
    size_t struct_size;
    /** For tracers without another result. NULL: all are enabled */
    const tote_tracer_config *default_config;
    const tote_tracer_rule *rules; /**< The first rule that matches a tracer's name applies */
    size_t rule_count;
    /**
     * Return the settings of a tracer that no rule matches, or NULL for `default_config`. The
     * result is read at once. Called with `self` at the first use of a tracer, on that thread,
     * concurrently and possibly more than once. It must return quickly and must not start spans.
     * `self` must stay valid until the SDK is released
     */
    const tote_tracer_config *(*configure)(void *self, const tote_instrumentation_scope *scope);
    void *self;
} tote_tracer_configurator;

#define TOTE_TRACER_CONFIGURATOR_INIT                                                              \
    { sizeof(tote_tracer_configurator), NULL, NULL, 0, NULL, NULL }

/**
 * Functions that create and join worker threads. There is one worker for each batch processor.
 * `self` must stay valid until the SDK is released and every `work` has returned.
 */
typedef struct tote_thread_factory {
    size_t struct_size;

    /**
     * Run `work(arg)` once, on a new thread called `name`. Return a handle for `join`, or NULL on
     * failure. `arg` is valid until `work` returns.
     *
     * Called by tote_sdk_start() on its thread. In a forked child it is called by the first call
     * that needs the worker, on that call's thread: tote_span_end(), tote_sdk_force_flush() or
     * tote_sdk_after_fork_child(). It may block, and must not call functions of the SDK.
     *
     * `work` blocks all signals and disables cancellation while it runs, and restores both. It
     * returns when the SDK shuts down.
     *
     * On failure the SDK runs on: the processor drops all spans, with a diagnostic, and counts them
     * in tote_stats.dropped_out_of_memory.
     */
    void *(*start)(void *self, const char *name, void (*work)(void *arg), void *arg);

    /**
     * Join the thread. Called at most once for each handle, after `work` has finished exporting, on
     * the thread that shuts down or releases the SDK. It may block until the thread has ended.
     *
     * Not called for a thread whose `work` has not returned when the SDK is released, and not in a
     * forked child for the parent's thread.
     */
    void (*join)(void *self, void *thread);
    void *self;
} tote_thread_factory;

/**
 * Which entries of the store become span attributes. The choice of the global SDK applies to
 * tote_log_fields(), too.
 *
 * Entries are added when the span ends. Attributes that are set on the span replace entries of the
 * same name. A span takes at most 32 entries and 4,096 bytes; of these, at most 16 entries and
 * 1,024 bytes of remote baggage. Remote baggage never sets a reserved name, for example one that
 * begins with "http.": docs/propagation.md lists the prefixes. An entry that exceeds a limit counts
 * as a dropped attribute.
 */
typedef enum tote_store_export {
    TOTE_STORE_EXPORT_ALL,
    TOTE_STORE_EXPORT_LOCAL,   /**< No entries from remote baggage */
    TOTE_STORE_EXPORT_ALLOWED, /**< The keys in tote_sdk_options.store_export_keys */
    TOTE_STORE_EXPORT_NONE
} tote_store_export;

/**
 * Resolve the receivers' host names and read the TLS files now, before chroot(), seccomp or
 * setuid(). After success, exports open no file and create no thread; a forked child still creates
 * a worker.
 *
 * The resolved addresses stay in use: a receiver that moves to another address is not found. The
 * host name of a proxy is not resolved: configure its address. A later call resolves and reads
 * again, for example after certificates were renewed; if it fails, the earlier result stays in use.
 * An exporter of the program is not called.
 *
 * In TOTE_EXPORT_MODE_HOST_DRIVEN names are resolved on the calling thread. The system's resolver
 * then determines how long the call blocks.
 *
 * Returns TOTE_RESULT_FAILURE, with a diagnostic, if a name or file is not available, and
 * TOTE_RESULT_TIMEOUT if a lookup took too long; requests then look it up themselves, as without
 * this call. TOTE_RESULT_FAILURE is also returned if files will still be opened: by a disk queue,
 * or by a file exporter with max_bytes.
 */
TOTE_API tote_result tote_sdk_prepare(tote_sdk *sdk, uint32_t timeout_ms);

/**
 * Replace the tracer configurator, which is copied; NULL: all tracers are enabled. Existing tracers
 * follow it at their next span; open spans are not changed. Blocks for up to 50 ms while another
 * thread is in a call to any SDK. Returns TOTE_RESULT_FAILURE, with a diagnostic, if out of memory:
 * the earlier configurator then stays in use.
 */
TOTE_API tote_result tote_sdk_set_tracer_configurator(tote_sdk *sdk,
                                                      const tote_tracer_configurator *configurator);

/**
 * Return the provider for spans of this SDK only. Release it with tote_tracer_provider_unref().
 * Returns NULL, whose tracers record nothing, if `sdk` is NULL.
 */
TOTE_API TOTE_MUST_USE tote_tracer_provider *tote_sdk_ref_tracer_provider(tote_sdk *sdk);

/**
 * Export all spans that have ended. Batches in a disk queue are not waited for. With a timeout of 0
 * the export is started and not waited for: the result is TOTE_RESULT_TIMEOUT if spans are pending.
 *
 * Returns TOTE_RESULT_SUCCESS if the spans were exported or saved in a disk queue, and if the SDK
 * is shut down. Returns TOTE_RESULT_FAILURE if an export failed, if the receiver rejected spans, or
 * if an exporter or processor calls it on the thread that exports.
 */
TOTE_API tote_result tote_sdk_force_flush(tote_sdk *sdk, uint32_t timeout_ms);

/**
 * Export all spans that have ended, and stop permanently. Spans that start later are not recorded.
 * Open spans are not exported: a diagnostic reports their number and the first few names. Another
 * diagnostic reports how many spans were lost, by cause. Only the first call has an effect; later
 * ones return TOTE_RESULT_SUCCESS at once.
 *
 * The result covers the spans that had ended and were not yet exported when the call began:
 * TOTE_RESULT_SUCCESS if they were exported or saved in a disk queue; TOTE_RESULT_TIMEOUT if spans
 * were dropped because the timeout was too short; TOTE_RESULT_FAILURE if an export failed or the
 * receiver rejected spans. Other spans do not change the result: tote_sdk_get_stats() counts them.
 */
TOTE_API tote_result tote_sdk_shutdown(tote_sdk *sdk, uint32_t timeout_ms);

/**
 * Release a reference that tote_sdk_start() returned, and set `*sdk` to NULL. The last such call
 * shuts down the SDK; earlier ones flush it. Each reference of tote_sdk_start() needs this call,
 * and only these: tote_sdk_unref() is for those of tote_sdk_ref(). Returns the result of the
 * shutdown or flush.
 */
TOTE_API tote_result tote_sdk_close(tote_sdk **sdk, uint32_t timeout_ms);

/**
 * Add a reference. Release it with tote_sdk_unref(). It keeps the memory of the SDK, and does not
 * delay the shutdown by tote_sdk_close().
 */
TOTE_API tote_sdk *tote_sdk_ref(tote_sdk *sdk);

/**
 * Release a reference. If it is the last one and the SDK was not shut down, queued spans are not
 * exported: they are saved in the disk queue, or dropped without one. The last one blocks for up to
 * a second while another thread is in a call to any SDK, and for up to 50 ms for each worker to
 * return from its exporter.
 */
TOTE_API void tote_sdk_unref(tote_sdk *sdk);

/**
 * Return a descriptor that becomes readable when tote_sdk_poll() has work, for
 * TOTE_EXPORT_MODE_HOST_DRIVEN. The SDK owns it, on Linux as an epoll instance: wait for it, do not
 * read from it or close it. It stays the same until the SDK is released. A forked child has its
 * own: ask for it again there.
 *
 * Returns -1 in other modes, and -1 with a diagnostic if no descriptor is available.
 */
TOTE_API int tote_sdk_get_poll_fd(const tote_sdk *sdk);

/**
 * Return how many milliseconds the host event loop may wait before it calls tote_sdk_poll(), for
 * TOTE_EXPORT_MODE_HOST_DRIVEN. Ask before each wait. Returns -1 if only the descriptor matters,
 * and in other modes.
 */
TOTE_API int tote_sdk_get_poll_timeout_ms(const tote_sdk *sdk);

/**
 * Do what can be done without blocking, for TOTE_EXPORT_MODE_HOST_DRIVEN: encode, compress, send
 * and read responses.
 *
 * After poll_budget_us no new work is started, and the descriptor stays readable. Work in progress,
 * at most one batch, is completed first. A call without work returns at once, and so does a call
 * while another thread is in tote_sdk_poll().
 *
 * libcurl creates a thread for each name lookup; tote_sdk_prepare() avoids that. An exporter of the
 * program that blocks blocks this call. tote_sdk_force_flush() and tote_sdk_shutdown() do the same
 * work on the calling thread, and wait.
 */
TOTE_API void tote_sdk_poll(tote_sdk *sdk);

/**
 * Create the worker in a forked child now, for example before a sandbox is entered. Without this
 * call the first span that ends creates it. In a process that was not forked since the start the
 * call does nothing.
 *
 * With `adopts_queue` the child also exports the spans in its parent's queue, for example after
 * daemon(3). Only one child may adopt the queue, and the parent must not export any more: otherwise
 * spans arrive twice. Spans that are open in the parent or in flight stay with it; flush before the
 * fork to have none in flight.
 *
 * Returns TOTE_RESULT_FAILURE if no worker could be created.
 */
TOTE_API tote_result tote_sdk_after_fork_child(tote_sdk *sdk, bool adopts_queue);

/**
 * Counts of spans, by what became of them.
 *
 * ended = exported + rejected + queued + in_flight + in_disk_queue + the sum of all dropped_*. A
 * thread that is in a call meanwhile can make the sum differ by its span. A forked child counts
 * from zero.
 */
typedef struct tote_stats {
    size_t struct_size;
    uint64_t started; /**< Recording spans, including those that never end */
    uint64_t ended;   /**< Sampled spans, once for each exporter */
    uint64_t exported;
    uint64_t rejected;                  /**< Permanently rejected by the receiver */
    uint64_t dropped_queue_full;        /**< Ended faster than they were exported */
    uint64_t dropped_too_large;         /**< Larger than max_queue_bytes or a request may be */
    uint64_t dropped_retries_exhausted; /**< Not delivered within the export timeout */
    uint64_t dropped_shutdown; /**< Ended after shutdown, or not exported by its deadline */
    uint64_t dropped_out_of_memory;
    /** Evicted from the disk queue (size, count or age limit), or unreadable there */
    uint64_t dropped_disk_queue_full;
    uint64_t queued;
    uint64_t in_flight; /**< Taken by the exporter, without a result yet */
    /** Saved by this process, including those that another process has sent or removed since */
    uint64_t in_disk_queue;

    /* The following counts are not part of the sum. */
    /** Spans of other processes and earlier runs that were delivered from the disk queue */
    uint64_t recovered;
    /** Ended in crash-safe mode while the crash-safe memory was full */
    uint64_t not_crash_safe;
    uint64_t open;                   /**< Recording spans that have not ended */
    uint64_t never_ended;            /**< Recording spans released without tote_span_end() */
    uint64_t started_before_sdk;     /**< Not recorded: no SDK was running */
    uint64_t started_after_shutdown; /**< Not recorded: the SDK was shut down */
} tote_stats;

#define TOTE_STATS_INIT                                                                            \
    { sizeof(tote_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * Fill `stats`, up to its `struct_size`. Returns false, without writing anything, if a pointer is
 * NULL or `struct_size` is 0.
 */
TOTE_API bool tote_sdk_get_stats(const tote_sdk *sdk, tote_stats *stats);

TOTE_END_DECLS

#define TOTE__OFF_SDK
#include "tote/disabled.h"

#endif
