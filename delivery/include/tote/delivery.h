/* SPDX-License-Identifier: MIT */
/**
 * @file tote/delivery.h
 * Retry, a disk queue and crash-safe mode for any exporter.
 *
 * tote_span_exporter_delivery_new() wraps an exporter. Failed exports are retried with backoff, or
 * saved in a disk queue that outlives the process. In crash-safe mode, ended spans survive a
 * process that is killed. The wrapped exporter needs no code for that; it may describe failures in
 * tote_export_outcome.
 *
 * The OTLP exporter is wrapped already: give its options as tote_otlp_options.delivery. Only there
 * environment variables apply to them. See docs/delivery.md, examples/deliver.c.
 *
 * Threads:  as for an exporter: tote/sdk/span_exporter.h. tote_disk_queue_send() is thread-safe.
 * Lifetime: options are copied.
 */
#ifndef TOTE_DELIVERY_H
#define TOTE_DELIVERY_H

#include "tote/sdk/span_exporter.h"

TOTE_BEGIN_DECLS

/** 0 or NULL selects the default. TOTE_OPTION_UNLIMITED is no limit. */
typedef struct tote_delivery_options {
    size_t struct_size;
    const char *destination; /**< Name of the receiver in diagnostics. Default: "the exporter" */
    uint32_t timeout_ms;     /**< For one request with its retries. Default: 10000 */
    /** First backoff after a failure, with +-20 % jitter; doubled each time. Default: 1000 */
    uint32_t initial_backoff_ms;
    uint32_t max_backoff_ms;     /**< Default: 30000 */
    uint32_t max_retry_after_ms; /**< Limit on a wait the receiver asks for. Default: 300000 */
    /** For one request, in bytes of OTLP protobuf; larger batches are split. Default: 64 MiB */
    size_t max_request_bytes;
    /**
     * Directory of the disk queue, created if it is missing. Each destination needs its own.
     * Default: no disk queue
     */
    const char *disk_queue_directory;
    size_t disk_queue_max_bytes;      /**< The oldest batches are evicted. Default: 256 MiB */
    uint32_t disk_queue_max_files;    /**< The oldest batches are evicted. Default: 4096 */
    uint32_t disk_queue_max_age_s;    /**< Older batches are evicted. Default: 86400 */
    bool disk_queue_no_sync;          /**< Do not wait until a batch is on the disk */
    bool crash_safe;                  /**< Crash-safe mode; needs disk_queue_directory */
    const char *crash_safe_directory; /**< For crash-safe files. Default: shared memory */
    size_t crash_safe_bytes;          /**< Size of crash-safe memory. Default: 14 MiB */
} tote_delivery_options;

#define TOTE_DELIVERY_OPTIONS_INIT                                                                 \
    { sizeof(tote_delivery_options), NULL, 0, 0, 0, 0, 0, NULL, 0, 0, 0, false, false, NULL, 0 }

/**
 * Wrap an exporter. With NULL options it is retried and has no disk queue. Takes ownership of the
 * exporter, also on failure.
 *
 * Returns NULL, with a diagnostic, if the exporter is NULL, if out of memory, or if the disk queue
 * cannot be used.
 */
TOTE_API TOTE_MUST_USE tote_span_exporter *
tote_span_exporter_delivery_new(tote_span_exporter *exporter, const tote_delivery_options *options);

/** The result of sending a disk queue. The caller sets `struct_size`; Tote fills no more. */
typedef struct tote_disk_queue_report {
    size_t struct_size;
    uint64_t delivered; /**< Spans */
    uint64_t rejected;  /**< Spans that the receiver rejected */
    uint64_t batches_pending;
    /** Spans that are unreadable, or that their process counted as not saved before it died */
    uint64_t lost;
    /** Files that cannot be opened, or that another user owns or may write to; they stay */
    uint64_t unreadable;
    /**
     * Damaged batches and crash-safe files. They are renamed to *.corrupt; a damaged file in shared
     * memory is removed
     */
    uint64_t damaged;
    /** Spans of the batch that the receiver does not accept, for example with these credentials */
    uint64_t not_accepted;
    /** Crash-safe files whose shared memory no longer exists; their spans cannot be counted */
    uint64_t missing;
    /**
     * Crash-safe files in shared memory of another container or IPC namespace. They stay; their
     * spans cannot be counted
     */
    uint64_t unattached;
} tote_disk_queue_report;

#define TOTE_DISK_QUEUE_REPORT_INIT                                                                \
    { sizeof(tote_disk_queue_report), 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * Send the batches in disk_queue_directory, and the spans in crash-safe files of processes that
 * died, by this exporter. Needs no SDK. Takes ownership of the exporter, also on failure. `report`
 * may be NULL.
 *
 * Blocks for at most timeout_ms, plus up to 50 ms for the step in progress.
 *
 * Returns TOTE_RESULT_SUCCESS if nothing is left, including if spans were rejected. Returns
 * TOTE_RESULT_TIMEOUT if batches are pending. Returns TOTE_RESULT_FAILURE if the exporter or
 * directory cannot be used, if spans are not accepted, or if files are unreadable, damaged or not
 * attachable.
 */
TOTE_API tote_result tote_disk_queue_send(tote_span_exporter *exporter,
                                          const tote_delivery_options *options, uint32_t timeout_ms,
                                          tote_disk_queue_report *report);

TOTE_END_DECLS

#define TOTE__OFF_DELIVERY
#include "tote/disabled.h"

#endif
