/* SPDX-License-Identifier: MIT */
/**
 * @file tote/delivery.h
 * Retry, a disk queue and crash-safe mode for any exporter.
 *
 * tote_span_exporter_delivery_new() wraps an exporter. What it cannot send now is sent again later:
 * after a pause that doubles, or from a disk queue that outlives the process. In crash-safe mode
 * ended spans outlive a process that is killed. An exporter of your own needs no code for that; it
 * may say more about a failure in tote_export_outcome. The OTLP exporter has the same around it:
 * its options are in tote_otlp_options. See docs/delivery.md, examples/deliver.c.
 *
 * Threads:  as for an exporter: tote/sdk/span_exporter.h.
 * Lifetime: options are copied.
 */
#ifndef TOTE_DELIVERY_H
#define TOTE_DELIVERY_H

#include "tote/sdk/span_exporter.h"

TOTE_BEGIN_DECLS

/** Fields that are 0 or NULL have the default. TOTE_OPTION_UNLIMITED is no limit. */
typedef struct tote_delivery_options {
    size_t struct_size;
    const char *destination; /**< names the receiver in diagnostics; "the exporter" */
    uint32_t timeout_ms;     /**< of one request with its retries; 10000 */
    /** First backoff after a failed attempt, with +-20 % jitter; doubled each time; 1000 */
    uint32_t initial_backoff_ms;
    uint32_t max_backoff_ms;     /**< 30000 */
    uint32_t max_retry_after_ms; /**< the longest wait that the receiver can ask for; 300000 */
    /** As OTLP in protobuf; 64 MiB. More spans are exported in several calls */
    size_t max_request_bytes;
    /**
     * Of the disk queue; created if it is missing. NULL: no disk queue. One directory per
     * destination
     */
    const char *disk_queue_directory;
    size_t disk_queue_max_bytes;   /**< 256 MiB; then the oldest spans are evicted, and counted */
    uint32_t disk_queue_max_files; /**< 4096 */
    uint32_t disk_queue_max_age_s; /**< 86400 */
    bool disk_queue_no_sync;       /**< do not wait until a batch is on the disk */
    bool crash_safe;               /**< crash-safe mode; needs disk_queue_directory */
    const char *crash_safe_directory; /**< of crash-safe files; NULL: shared memory */
    size_t crash_safe_bytes;          /**< of crash-safe memory; 14 MiB */
} tote_delivery_options;

#define TOTE_DELIVERY_OPTIONS_INIT                                                                 \
    { sizeof(tote_delivery_options), NULL, 0, 0, 0, 0, 0, NULL, 0, 0, 0, false, false, NULL, 0 }

/**
 * Wrap an exporter. NULL options are the defaults: retry alone. Takes the exporter, always. Returns
 * NULL, with a diagnostic, if it is NULL, if out of memory, and if the disk queue cannot be used.
 */
TOTE_API TOTE_MUST_USE tote_span_exporter *
tote_span_exporter_delivery_new(tote_span_exporter *exporter, const tote_delivery_options *options);

/** What came of a disk queue. */
typedef struct tote_disk_queue_report {
    size_t struct_size;
    uint64_t delivered; /**< spans */
    uint64_t rejected;  /**< by the receiver */
    uint64_t batches_pending;
    /**
     * Ended in processes that died, and were not written down, as those counted; or could not be
     * read
     */
    uint64_t lost;
    /** Files that cannot be opened, or that another user owns or may write to; they stay */
    uint64_t unreadable;
    /**
     * Batches and crash-safe files that were damaged; kept as *.corrupt, except for crash-safe
     * files in shared memory
     */
    uint64_t damaged;
    /**
     * Spans of the batch that the receiver did not accept here, for example for its credentials; it
     * stays
     */
    uint64_t not_accepted;
    /**
     * Crash-safe files whose shared memory no longer exists; the number of their spans is
     * unknown
     */
    uint64_t gone;
    /**
     * Crash-safe files in the shared memory of another container or IPC namespace; they stay,
     * and the number of their spans is unknown
     */
    uint64_t unattached;
} tote_disk_queue_report;

/**
 * Deliver what is in the disk_queue_directory of the options by this exporter, without an SDK: what
 * programs left there that have ended, or died. Takes the exporter, always. Blocks for at most
 * timeout_ms. The report may be NULL. Returns TOTE_RESULT_SUCCESS if nothing is left, also if spans
 * were rejected; TOTE_RESULT_TIMEOUT if something is; TOTE_RESULT_FAILURE if nothing could be
 * tried, if spans are not accepted, or if files are unreadable, damaged or cannot be attached.
 */
TOTE_API tote_result tote_disk_queue_send(tote_span_exporter *exporter,
                                          const tote_delivery_options *options, uint32_t timeout_ms,
                                          tote_disk_queue_report *report);

TOTE_END_DECLS

#define TOTE__OFF_DELIVERY
#include "tote/disabled.h"

#endif
